//! Engines that hand on what they receive.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use proptest::prelude::*;
use voicectl_media::engine::capture::Replay;
use voicectl_media::engine::{
    Bridge, BridgedMedia, Codec, Engine, EngineError, RepairFormats, Repairs, SendFormats, Settings,
};
use voicectl_media::opus::{Channels, Decoder};
use voicectl_media::playout::Sink;
use voicectl_media::rtp::{Header, Packet, RedBlock, is_rtcp, write_red};

const MS: u64 = 1_000_000;
const OPUS: u8 = 111;
const KEYS: u8 = 110;

/// One that sends from 1 ms on.
fn engine(ssrc: u32) -> Engine {
    let settings = Settings {
        sink: Sink::Eager,
        ..Settings::default()
    };
    let mut engine = Engine::new(&settings, 0, u64::from(ssrc)).unwrap();
    engine
        .configure_receive(&[(OPUS, Codec::Opus), (KEYS, Codec::TelephoneEvent)])
        .unwrap();
    engine.start_sending(ssrc, 96, "bridged").unwrap();
    engine.handle_timeout(MS);
    while engine.poll_transmit().is_some() {}
    engine
}

/// One that sends back what it receives, undecoded.
fn looped() -> Engine {
    let mut engine = engine(77);
    engine.bridge_out(Some(Bridge::Packets), MS).unwrap();
    engine.bridge_in(Some(Bridge::Packets), MS).unwrap();
    engine
}

/// Gives an engine a packet, and gives itself what it hands on.
fn receive(engine: &mut Engine, packet: &[u8], now_ns: u64) {
    engine.handle_rtp(packet, now_ns);
    let mut media = BridgedMedia::default();
    if engine.take_bridged(&mut media) {
        engine.queue_bridged(&media, now_ns);
    }
}

/// Gives `to` what `from` hands on.
fn pass_on(from: &mut Engine, to: &mut Engine, now_ns: u64) {
    let mut media = BridgedMedia::default();
    if from.take_bridged(&mut media) {
        to.queue_bridged(&media, now_ns);
    }
}

fn packet(ssrc: u32, sequence_number: u16) -> Vec<u8> {
    let header = Header {
        marker: false,
        payload_type: OPUS,
        sequence_number,
        timestamp: u32::from(sequence_number) * 960,
        ssrc,
    };
    let mut datagram = Vec::new();
    Packet::new(header, &[sequence_number as u8; 40]).write(&mut datagram);
    datagram
}

/// The RTP packets that wait to be sent: their headers and first octets.
fn sent(engine: &mut Engine) -> Vec<(Header, u8)> {
    let mut packets = Vec::new();
    while let Some(datagram) = engine.poll_transmit() {
        if !is_rtcp(datagram) {
            let packet = Packet::parse(datagram).unwrap();
            let first = packet.payload.first().copied().unwrap_or(0);
            packets.push((packet.header, first));
        }
    }
    packets
}

#[test]
fn packets_go_on_under_our_own_numbers_and_a_loss_stays_a_loss() {
    let mut engine = looped();
    for sequence_number in [500, 501, 503] {
        let now_ns = u64::from(sequence_number) * 20 * MS;
        receive(&mut engine, &packet(9, sequence_number), now_ns);
    }
    let packets = sent(&mut engine);
    let payloads: Vec<u8> = packets.iter().map(|(_, first)| *first).collect();
    assert_eq!(payloads, [500_u16 as u8, 501_u16 as u8, 503_u16 as u8]);
    let (first, _) = packets[0];
    for ((header, _), ahead) in packets.iter().zip([0, 1, 3]) {
        assert_eq!((header.ssrc, header.payload_type), (77, 96));
        assert_eq!(
            header.sequence_number,
            first.sequence_number.wrapping_add(ahead)
        );
        assert_eq!(
            header.timestamp,
            first.timestamp.wrapping_add(960 * u32::from(ahead))
        );
    }
    let stats = engine.stats();
    assert_eq!(stats.inbound.unwrap().packets_received, 3);
    assert_eq!(stats.inbound.unwrap().packets_lost, 1);
    assert_eq!(stats.outbound.unwrap().packets_sent, 3);
}

#[test]
fn numbers_go_on_when_the_source_changes() {
    let mut engine = looped();
    receive(&mut engine, &packet(9, 500), 20 * MS);
    // The second source is taken at its second packet.
    receive(&mut engine, &packet(10, 7), 40 * MS);
    receive(&mut engine, &packet(10, 8), 60 * MS);
    let packets = sent(&mut engine);
    assert_eq!(packets.len(), 2);
    let (before, after) = (packets[0].0, packets[1].0);
    assert_eq!(
        after.sequence_number,
        before.sequence_number.wrapping_add(1)
    );
    assert!(after.marker);
}

#[test]
fn nothing_is_sent_between_packets_and_nothing_is_heard() {
    let mut engine = looped();
    engine.queue_audio(&vec![1000; 48_000], 48_000).unwrap();
    for n in 1..200 {
        engine.handle_timeout(n * 10 * MS);
    }
    assert!(sent(&mut engine).is_empty());
    receive(&mut engine, &packet(9, 500), 2000 * MS);
    let events = std::iter::from_fn(|| engine.poll_event().map(|event| format!("{event:?}")));
    assert!(events.into_iter().all(|event| event.starts_with("Stream")));
}

#[test]
fn packet_that_was_overtaken_gives_no_number_out_twice() {
    let mut engine = looped();
    for (n, sequence_number) in [500, 502, 501].into_iter().enumerate() {
        let now_ns = 20 * MS * n as u64 + 20 * MS;
        receive(&mut engine, &packet(9, sequence_number), now_ns);
    }
    receive(&mut engine, &packet(10, 7), 100 * MS);
    receive(&mut engine, &packet(10, 8), 120 * MS);
    let numbers: Vec<u16> = sent(&mut engine)
        .iter()
        .map(|(header, _)| header.sequence_number)
        .collect();
    let first = numbers[0];
    assert_eq!(numbers, [0, 2, 1, 3].map(|ahead| first.wrapping_add(ahead)));
}

#[test]
fn packets_go_from_call_to_call_with_keys_and_without_what_red_repeats() {
    let (mut from, mut to) = (engine(1), engine(2));
    let red = Repairs {
        receive: RepairFormats {
            red: Some(63),
            rtx: None,
        },
        ..Repairs::default()
    };
    from.configure_repairs(&red).unwrap();
    to.configure_send(SendFormats {
        telephone_event: Some(101),
        ..SendFormats::default()
    })
    .unwrap();
    from.bridge_out(Some(Bridge::Packets), MS).unwrap();
    to.bridge_in(Some(Bridge::Packets), MS).unwrap();

    let with = |payload_type: u8, sequence_number: u16, payload: &[u8]| {
        let header = Header {
            marker: false,
            payload_type,
            sequence_number,
            timestamp: 960 * u32::from(sequence_number),
            ssrc: 9,
        };
        let mut datagram = Vec::new();
        Packet::new(header, payload).write(&mut datagram);
        datagram
    };
    let mut repeated = Vec::new();
    let earlier = RedBlock {
        payload_type: OPUS,
        timestamp_offset: 960,
        payload: &[1; 10],
    };
    write_red(&mut repeated, std::iter::once(earlier), OPUS, &[2; 20]);
    let packets = [
        with(OPUS, 5, &[1; 10]),
        with(63, 6, &repeated),
        with(KEYS, 7, &[3, 10, 3, 192]),
    ];
    for (n, packet) in packets.iter().enumerate() {
        let now_ns = (n as u64 + 1) * 20 * MS;
        from.handle_rtp(packet, now_ns);
        pass_on(&mut from, &mut to, now_ns);
    }
    let sent = sent(&mut to);
    let formats: Vec<(u8, u8)> = sent
        .iter()
        .map(|(header, first)| (header.payload_type, *first))
        .collect();
    assert_eq!(formats, [(96, 1), (96, 2), (101, 3)]);
    assert!(sent.iter().all(|(header, _)| header.ssrc == 2));
    assert_eq!(to.stats().outbound.unwrap().packets_sent, 3);
}

#[test]
fn packets_of_another_codec_are_dropped_and_counted() {
    let (mut from, mut to) = (engine(1), engine(2));
    to.configure_send(SendFormats {
        codec: Codec::Pcmu,
        ..SendFormats::default()
    })
    .unwrap();
    to.start_sending(3, 0, "telephone").unwrap();
    from.bridge_out(Some(Bridge::Packets), MS).unwrap();
    to.bridge_in(Some(Bridge::Packets), MS).unwrap();
    from.handle_rtp(&packet(9, 500), 20 * MS);
    pass_on(&mut from, &mut to, 20 * MS);
    assert!(sent(&mut to).is_empty());
    assert_eq!(to.stats().drops.dropped_packets, 1);
}

#[test]
fn what_nobody_takes_is_bounded() {
    let mut engine = engine(1);
    engine.bridge_out(Some(Bridge::Packets), MS).unwrap();
    for sequence_number in 0..100 {
        let now_ns = u64::from(sequence_number) * 20 * MS + 20 * MS;
        engine.handle_rtp(&packet(9, sequence_number), now_ns);
    }
    assert_eq!(engine.stats().drops.dropped_events, 36);
}

/// The packets of half a second of a tone, a frame each.
fn tone_packets() -> Vec<Vec<u8>> {
    let mut mouth = engine(5);
    let tone = |n: u32| (8000.0 * (n as f32 * 0.13).sin()) as i16;
    let pcm: Vec<i16> = (0..24_000).map(tone).collect();
    mouth.queue_audio(&pcm, 48_000).unwrap();
    mouth.finish_audio();
    let mut packets = Vec::new();
    for n in 1..=50 {
        mouth.handle_timeout(n * 10 * MS);
        while let Some(packet) = mouth.poll_transmit() {
            if !is_rtcp(packet) {
                let mut packet = packet.to_vec();
                packet[1] = packet[1] & 0x80 | OPUS;
                packets.push(packet);
            }
        }
    }
    packets
}

/// Bridges a tone from one engine to another and gives what that one sent, decoded, and what the
/// first one told.
fn bridged_tone(from: &mut Engine, to: &mut Engine) -> (Vec<i16>, Vec<String>) {
    from.bridge_out(Some(Bridge::Audio), MS).unwrap();
    to.bridge_in(Some(Bridge::Audio), MS).unwrap();
    let mut decoder = Decoder::new(48_000, Channels::Mono).unwrap();
    let (mut heard, mut told) = (Vec::new(), Vec::new());
    let mut packets = tone_packets().into_iter();
    for n in 1..=100_u64 {
        let now_ns = n * 10 * MS + MS;
        for engine in [&mut *from, &mut *to] {
            engine.handle_timeout(now_ns);
        }
        if n % 2 == 0
            && let Some(packet) = packets.next()
        {
            from.handle_rtp(&packet, now_ns);
        }
        pass_on(from, to, now_ns);
        while from.poll_transmit().is_some() {}
        while let Some(packet) = to.poll_transmit() {
            if !is_rtcp(packet) {
                let mut pcm = [0; 960];
                let payload = Packet::parse(packet).unwrap().payload;
                let samples = decoder.decode(payload, &mut pcm).unwrap();
                heard.extend_from_slice(&pcm[..samples]);
            }
        }
        while let Some(event) = from.poll_event() {
            told.push(format!("{event:?}"));
        }
    }
    (heard, told)
}

fn loudest(pcm: &[i16]) -> u16 {
    pcm.iter()
        .map(|sample| sample.unsigned_abs())
        .max()
        .unwrap_or(0)
}

#[test]
fn audio_goes_from_call_to_call_and_its_events_do_not_tell_it() {
    let (mut from, mut to) = (engine(1), engine(2));
    let (heard, told) = bridged_tone(&mut from, &mut to);
    let begin = heard.iter().position(|sample| sample.abs() > 4000).unwrap();
    let spoken = &heard[begin..begin + 20_000];
    assert!(spoken.chunks(480).all(|chunk| loudest(chunk) > 6000));
    // A frame on the way, and 40 ms that it waits.
    assert!(begin < 48 * 110, "{begin}");
    assert!(
        told.iter().all(|event| event.starts_with("Stream")),
        "{told:?}"
    );
}

#[test]
fn no_more_than_a_quarter_of_a_second_waits() {
    let (mut from, mut to) = (engine(1), engine(2));
    from.bridge_out(Some(Bridge::Audio), MS).unwrap();
    to.bridge_in(Some(Bridge::Audio), MS).unwrap();
    let now_ns = 20 * MS;
    for packet in tone_packets() {
        from.handle_rtp(&packet, now_ns);
        pass_on(&mut from, &mut to, now_ns);
    }
    let queued_ns = to.stats().queued_ns;
    assert!((240 * MS..=280 * MS).contains(&queued_ns), "{queued_ns}");
    assert!(to.stats().drops.dropped_events > 0);
}

#[test]
fn calls_go_on_by_themselves_after_a_bridge() {
    let (mut from, mut to) = (engine(1), engine(2));
    from.bridge_out(Some(Bridge::Packets), MS).unwrap();
    to.bridge_in(Some(Bridge::Packets), MS).unwrap();
    let packets = tone_packets();
    // The source's clock is fast: it is ahead of ours.
    for (n, packet) in packets.iter().take(10).enumerate() {
        let now_ns = (n as u64 + 1) * 15 * MS;
        from.handle_rtp(packet, now_ns);
        pass_on(&mut from, &mut to, now_ns);
    }
    let before = sent(&mut to);
    from.bridge_out(None, 160 * MS).unwrap();
    to.bridge_in(None, 160 * MS).unwrap();
    for (n, packet) in packets.iter().skip(10).enumerate() {
        let now_ns = n as u64 * 20 * MS + 200 * MS;
        from.handle_rtp(packet, now_ns);
        to.handle_timeout(now_ns);
    }
    let after = sent(&mut to);
    let (last, next) = (before.last().unwrap().0, after[0].0);
    assert_eq!(next.sequence_number, last.sequence_number.wrapping_add(1));
    let ahead = next.timestamp.wrapping_sub(last.timestamp);
    assert!((960..=2 * 960).contains(&ahead), "{ahead}");
    let told: Vec<String> =
        std::iter::from_fn(|| from.poll_event().map(|event| format!("{event:?}"))).collect();
    assert!(told.iter().any(|event| event.starts_with("AudioReceived")));
}

#[test]
fn captured_calls_that_are_bridged_replay_bit_equal() {
    for bridge in [Bridge::Audio, Bridge::Packets] {
        let settings = Settings {
            sink: Sink::Eager,
            ..Settings::default()
        };
        let [mut from, mut to] = [1, 2].map(|ssrc| {
            let mut engine = Engine::captured(&settings, 0, 7, 1 << 20).unwrap();
            engine.configure_receive(&[(OPUS, Codec::Opus)]).unwrap();
            engine.start_sending(ssrc, 96, "bridged").unwrap();
            engine.handle_timeout(MS);
            engine
        });
        from.bridge_out(Some(bridge), MS).unwrap();
        to.bridge_in(Some(bridge), MS).unwrap();
        for (n, packet) in tone_packets().iter().enumerate() {
            let now_ns = (n as u64 + 1) * 20 * MS;
            from.handle_rtp(packet, now_ns);
            pass_on(&mut from, &mut to, now_ns);
            for engine in [&mut from, &mut to] {
                engine.handle_timeout(now_ns);
                while engine.poll_transmit().is_some() {}
                while engine.poll_event().is_some() {}
            }
            if n == 20 {
                from.bridge_out(None, now_ns).unwrap();
                to.bridge_in(None, now_ns).unwrap();
            }
        }
        for engine in [&mut from, &mut to] {
            let mut replay = Replay::new(engine.end_capture()).unwrap();
            while replay.run_until(u64::MAX, |_| ()) {}
            let outcome = replay.outcome();
            assert_eq!(outcome.same_events, Some(true));
            assert_eq!(outcome.same_packets, Some(true));
            assert_eq!(replay.engine().stats(), engine.stats());
        }
    }
}

proptest! {
    #[test]
    fn whatever_is_received_is_handed_on_or_counted(
        packets in prop::collection::vec(
            (any::<bool>(), any::<u16>(), prop::collection::vec(any::<u8>(), 0..40)),
            1..40,
        ),
    ) {
        let mut engine = looped();
        let kinds = [OPUS, KEYS, 63, 1];
        for (n, (is_whole, sequence_number, bytes)) in packets.iter().enumerate() {
            let mut datagram = packet(9, *sequence_number);
            datagram[1] = kinds[n % kinds.len()];
            datagram.truncate(12);
            datagram.extend(bytes);
            let bytes = if *is_whole { &datagram } else { bytes };
            receive(&mut engine, bytes, (n as u64 + 2) * MS);
        }
        let stats = engine.stats();
        let refused = stats.errors.malformed_rtp_packets
            + stats.errors.unknown_payload_type_packets
            + stats.errors.other_source_packets;
        let handed_on = sent(&mut engine).len() as u64 + stats.drops.dropped_packets;
        prop_assert_eq!(refused + handed_on, packets.len() as u64);
    }
}

#[test]
fn bridges_that_cannot_be_are_refused() {
    let made = |sink, output_rate_hz, tap_sent| {
        let settings = Settings {
            sink,
            output_rate_hz,
            tap_sent,
            ..Settings::default()
        };
        Engine::new(&settings, 0, 1).unwrap()
    };
    let mut ear = made(Sink::Playout, 48_000, false);
    let refused = ear.bridge_out(Some(Bridge::Packets), 0);
    assert!(matches!(refused, Err(EngineError::Forwarding)));
    let mut tapped = made(Sink::Eager, 48_000, true);
    let refused = tapped.bridge_in(Some(Bridge::Packets), 0);
    assert!(matches!(refused, Err(EngineError::Forwarding)));
    let mut odd = made(Sink::Eager, 22_050, false);
    let refused = odd.bridge_out(Some(Bridge::Audio), 0);
    assert!(matches!(refused, Err(EngineError::BridgedRate(22_050))));
}
