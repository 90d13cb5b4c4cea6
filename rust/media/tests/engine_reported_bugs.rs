//! What was reported as wrong with an engine, as it was reported.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use std::ops::Range;

use voicectl_media::engine::{Codec, Engine, Event, RepairFormats, Repairs, SendFormats, Settings};
use voicectl_media::opus::{Encoder, EncoderSettings};
use voicectl_media::playout::Sink;
use voicectl_media::rtp::rtcp::{Compound, ReportBlock, RtcpPacket, SenderInfo, write_goodbye};
use voicectl_media::rtp::{Header, NtpTime, Packet, is_rtcp};
use voicectl_media::srtp::{Keying, MAX_SOURCES, Profile, Session};
use voicectl_media::vad::DetectorKind;

const MS: u64 = 1_000_000;
const OPUS: u8 = 111;
const PEER: u32 = 5;
const OWN: u32 = 9;
/// A frame of silence.
const SILENCE: [u8; 3] = [0xf8, 0xff, 0xfe];

fn settings() -> Settings {
    Settings {
        sink: Sink::Eager,
        output_rate_hz: 16_000,
        vad: Some(DetectorKind::default()),
        encoder: EncoderSettings {
            complexity: 0,
            ..EncoderSettings::default()
        },
        ..Settings::default()
    }
}

fn engine(settings: &Settings) -> Engine {
    let mut engine = Engine::new(settings, 0, 7).unwrap();
    engine.configure_receive(&[(OPUS, Codec::Opus)]).unwrap();
    engine
}

fn packet(payload_type: u8, sequence_number: u16, timestamp: u32, payload: &[u8]) -> Vec<u8> {
    packet_of(PEER, payload_type, sequence_number, timestamp, payload)
}

fn packet_of(
    ssrc: u32,
    payload_type: u8,
    sequence_number: u16,
    timestamp: u32,
    payload: &[u8],
) -> Vec<u8> {
    let header = Header {
        marker: false,
        payload_type,
        sequence_number,
        timestamp,
        ssrc,
    };
    let mut datagram = Vec::new();
    Packet::new(header, payload).write(&mut datagram);
    datagram
}

/// Speech in frames of 20 ms.
fn spoken(frames: usize) -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new(&settings().encoder).unwrap();
    let pcm = support::speech(frames * 960, 48_000);
    let encode = |frame: &[i16]| {
        let mut payload = [0; 1275];
        let bytes = encoder.encode(frame, &mut payload).unwrap();
        payload[..bytes].to_vec()
    };
    pcm.chunks(960).map(encode).collect()
}

/// What an engine has told: where speech began and ended, and audio by its media time.
#[derive(Debug, Default)]
struct Told {
    started: Vec<i64>,
    ended: Vec<i64>,
    audio: Vec<Range<i64>>,
}

impl Told {
    fn listen(&mut self, engine: &mut Engine) {
        while let Some(event) = engine.poll_event() {
            match event {
                Event::SpeechStarted { at_samples } => self.started.push(at_samples),
                Event::SpeechEnded { at_samples } => self.ended.push(at_samples),
                Event::AudioReceived {
                    pcm,
                    media_time_samples,
                    ..
                } => {
                    let end = media_time_samples + pcm.len() as i64;
                    match self.audio.last_mut() {
                        Some(last) if last.end == media_time_samples => last.end = end,
                        _ => self.audio.push(media_time_samples..end),
                    }
                }
                _ => {}
            }
        }
    }

    fn run(&mut self, engine: &mut Engine, span_ms: Range<u64>) {
        for ms in span_ms.step_by(10) {
            engine.handle_timeout(ms * MS);
            self.listen(engine);
        }
    }
}

/// A second and a half of speech, a pause in which nothing is sent and the sender's clock goes on by
/// `clock_ms`, and as much speech again.
fn speech_with_a_pause(pause_ms: u64, clock_ms: u64) -> (Told, Told, Engine) {
    let mut engine = engine(&settings());
    let frames = spoken(150);
    let (mut before, mut after) = (Told::default(), Told::default());
    for (n, frame) in frames.iter().enumerate() {
        let is_before = n < 75;
        let ms = n as u64 * 20 + if is_before { 0 } else { pause_ms };
        if n == 75 {
            before.run(&mut engine, 1500..ms);
        }
        let timestamp = n as u32 * 960 + if is_before { 0 } else { clock_ms as u32 * 48 };
        engine.handle_rtp(&packet(OPUS, n as u16, timestamp, frame), ms * MS);
        let told = if is_before { &mut before } else { &mut after };
        told.listen(&mut engine);
    }
    (before, after, engine)
}

#[test]
fn a_speaker_who_stops_sending_ends_the_utterance() {
    let (before, _, _) = speech_with_a_pause(700, 700);
    assert_eq!(before.started.len(), 1);
    assert_eq!(before.ended.len(), 1, "{before:?}");
    assert!((16_000..=24_000).contains(&before.ended[0]), "{before:?}");
}

#[test]
fn nobody_ends_an_utterance_when_packets_are_late_by_less_than_300_ms() {
    let (before, _, _) = speech_with_a_pause(250, 250);
    assert_eq!((before.started.len(), before.ended.len()), (1, 0));
}

#[test]
fn media_time_is_exact_after_a_speaker_has_stopped() {
    for (pause_ms, clock_ms) in [(60_000, 60_000), (60_000, 0), (700, 700), (700, 0)] {
        let (before, after, engine) = speech_with_a_pause(pause_ms, clock_ms);
        let again = 24_000 + clock_ms as i64 * 16;
        let (first, last) = (before.audio.first().unwrap(), after.audio.last().unwrap());
        assert_eq!(first.start, 0);
        assert!(
            (again + 23_900..=again + 24_000).contains(&last.end),
            "{after:?}"
        );
        assert!(
            after
                .audio
                .iter()
                .all(|run| run.start >= again || clock_ms == 0)
        );
        assert_eq!((before.started.len(), before.ended.len()), (1, 1));
        assert!(after.started[0] >= before.ended[0]);
        let playout = engine.stats().playout;
        assert_eq!((playout.silence_samples, playout.concealed_samples), (0, 0));
    }
}

/// Runs an engine that sends and gives the headers of the RTP packets that leave, protected.
fn protected(engine: &mut Engine, span_ms: Range<u64>) -> Vec<Header> {
    let mut headers = Vec::new();
    for ms in span_ms.step_by(10) {
        engine.handle_timeout(ms * MS);
        while let Some(datagram) = engine.poll_datagram() {
            if !is_rtcp(datagram) {
                headers.push(Packet::parse(datagram).unwrap().header);
            }
        }
        while engine.poll_event().is_some() {}
    }
    headers
}

#[test]
fn a_stream_started_again_under_its_ssrc_goes_on_where_it_was() {
    for seed in 1..6 {
        let mut engine = Engine::new(&settings(), 0, seed).unwrap();
        let (local, remote) = ([1; 30], [2; 30]);
        engine
            .set_srtp_keys(Profile::Aes128CmSha1, &local, &remote)
            .unwrap();
        engine.start_sending(OWN, OPUS, "again").unwrap();
        let before = protected(&mut engine, 0..1000);
        engine.stop_sending(1000 * MS);
        engine.start_sending(OWN, OPUS, "again").unwrap();
        let after = protected(&mut engine, 2000..3000);
        assert_eq!((before.len(), after.len()), (50, 50));
        let (last, first) = (before[49], after[0]);
        assert_eq!(first.sequence_number, last.sequence_number.wrapping_add(1));
        let clock_ms = first.timestamp.wrapping_sub(last.timestamp) / 48;
        assert!((1000..=1060).contains(&clock_ms), "{clock_ms} ms");
        let stats = engine.stats();
        assert_eq!(stats.drops.unprotected_packets, 0);
        assert_eq!(stats.outbound.unwrap().packets_sent, 100);
    }
}

#[test]
fn a_source_that_goes_on_after_its_goodbye_is_heard_again() {
    let mut engine = engine(&settings());
    let hear = |engine: &mut Engine, numbers: Range<u16>, begin_ms: u64| {
        let mut told = Told::default();
        for n in numbers {
            let timestamp = u32::from(n) * 960;
            let now_ns = (begin_ms + u64::from(n) * 20) * MS;
            engine.handle_rtp(&packet(OPUS, n, timestamp, &SILENCE), now_ns);
            told.listen(engine);
        }
        told.audio
            .iter()
            .map(|run| run.end - run.start)
            .sum::<i64>()
    };
    hear(&mut engine, 0..50, 0);
    let mut goodbye = Vec::new();
    ReportBlock::write_receiver_report(&mut goodbye, PEER, &[]);
    write_goodbye(&mut goodbye, PEER);
    engine.handle_rtcp(&goodbye, 1005 * MS);
    assert_eq!(hear(&mut engine, 50..60, 0), 0, "overtaken by the goodbye");
    let heard = hear(&mut engine, 60..160, 4000);
    assert!(
        (31_000..=32_000).contains(&heard),
        "{heard} samples of two seconds"
    );
    assert_eq!(engine.stats().inbound.unwrap().packets_received, 150);
}

fn say(engine: &mut Engine) {
    engine.queue_audio(&[5000; 2880], 48_000).unwrap();
    engine.finish_audio();
}

/// How many utterances have gone out since events were polled last.
fn drained(engine: &mut Engine) -> usize {
    let events = std::iter::from_fn(|| {
        let event = engine.poll_event()?;
        Some(matches!(event, Event::AudioDrained { .. }))
    });
    events.filter(|is_drained| *is_drained).count()
}

#[test]
fn an_utterance_that_was_over_when_audio_was_cleared_does_not_end_the_next_one() {
    let mut engine = engine(&settings());
    engine.start_sending(OWN, OPUS, "next").unwrap();
    say(&mut engine);
    for ms in (10..200).step_by(10) {
        engine.handle_timeout(ms * MS);
    }
    engine.clear_audio(200 * MS);
    say(&mut engine);
    assert_eq!(drained(&mut engine), 0);
    for ms in (200..400).step_by(10) {
        engine.handle_timeout(ms * MS);
    }
    assert_eq!(drained(&mut engine), 1);
}

#[test]
fn what_was_sent_is_told_after_the_call() {
    let mut engine = engine(&settings());
    engine.start_sending(OWN, OPUS, "over").unwrap();
    for ms in (10..=1000).step_by(10) {
        engine.handle_timeout(ms * MS);
    }
    let during = engine.stats().outbound.unwrap();
    engine.stop_sending(1000 * MS);
    assert_eq!(engine.stats().outbound, Some(during));
    assert_eq!((during.ssrc, during.packets_sent), (OWN, 50));
    engine.start_sending(OWN + 1, OPUS, "next").unwrap();
    engine.handle_timeout(1010 * MS);
    assert_eq!(engine.stats().outbound.unwrap().ssrc, OWN + 1);
}

/// The RTP packets that an engine sends: payload type and octets.
fn sent(engine: &mut Engine, span_ms: Range<u64>) -> Vec<(u8, usize)> {
    let mut packets = Vec::new();
    for ms in span_ms.step_by(10) {
        engine.handle_timeout(ms * MS);
        while let Some(datagram) = engine.poll_transmit() {
            if !is_rtcp(datagram) {
                let packet = Packet::parse(datagram).unwrap();
                packets.push((packet.header.payload_type, packet.payload.len()));
            }
        }
    }
    packets
}

#[test]
fn a_codec_configured_in_mid_stream_waits_for_the_next_stream() {
    let mut engine = engine(&settings());
    engine.start_sending(OWN, OPUS, "codec").unwrap();
    let pcm = support::speech(96_000, 48_000);
    engine.queue_audio(&pcm, 48_000).unwrap();
    sent(&mut engine, 0..500);
    let formats = SendFormats {
        codec: Codec::Pcmu,
        ..SendFormats::default()
    };
    engine.configure_send(formats).unwrap();
    let before = sent(&mut engine, 500..1000);
    assert!(
        before
            .iter()
            .all(|(payload_type, bytes)| *payload_type == OPUS && *bytes != 160)
    );
    engine.start_sending(OWN, 0, "codec").unwrap();
    let after = sent(&mut engine, 1000..1500);
    assert!(
        after[1..].iter().all(|packet| *packet == (0, 160)),
        "{after:?}"
    );
}

#[test]
fn a_sender_that_does_not_adapt_heeds_maxaveragebitrate_too() {
    let octets = |max_bitrate_bps| {
        let mut engine = engine(&settings());
        let formats = SendFormats {
            max_bitrate_bps,
            ..SendFormats::default()
        };
        engine.configure_send(formats).unwrap();
        engine.start_sending(OWN, OPUS, "bitrate").unwrap();
        let pcm = support::speech(240_000, 48_000);
        engine.queue_audio(&pcm, 48_000).unwrap();
        let packets = sent(&mut engine, 0..5000);
        packets.iter().map(|(_, bytes)| bytes).sum::<usize>()
    };
    let (free, bound) = (octets(None), octets(Some(12_000)));
    assert!(bound * 2 < free, "{bound} of {free} octets");
    assert!(bound <= 5 * 12_000 / 8 * 11 / 10, "{bound} octets");
    assert_eq!(octets(Some(64_000)), free);
}

#[test]
fn another_codec_is_no_jitter() {
    let mut engine = engine(&settings());
    let codecs = [(OPUS, Codec::Opus), (0, Codec::Pcmu)];
    engine.configure_receive(&codecs).unwrap();
    for n in 0..100u16 {
        let now_ns = u64::from(n) * 20 * MS;
        let datagram = if n < 50 {
            packet(OPUS, n, u32::from(n) * 960, &SILENCE)
        } else {
            // Within the five seconds that could be jitter.
            packet(0, n, 8000 + u32::from(n) * 160, &[0xff; 160])
        };
        engine.handle_rtp(&datagram, now_ns);
    }
    assert_eq!(engine.stats().inbound.unwrap().jitter_samples, 0);
}

/// The reports of an engine: how many, and their blocks.
fn reports(engine: &mut Engine, span_ms: Range<u64>) -> (usize, Vec<ReportBlock>) {
    let (mut reports, mut blocks) = (0, Vec::new());
    for ms in span_ms.step_by(20) {
        engine.handle_timeout(ms * MS);
        while let Some(datagram) = engine.poll_transmit() {
            if !is_rtcp(datagram) {
                continue;
            }
            for packet in Compound::parse(datagram).unwrap().packets() {
                if let RtcpPacket::SenderReport(report) = packet {
                    reports += 1;
                    blocks.extend(report.blocks());
                }
            }
        }
        while engine.poll_event().is_some() {}
    }
    (reports, blocks)
}

/// Ten packets from `begin_ms` on.
fn receive_ten(engine: &mut Engine, first: u16, begin_ms: u64) {
    for n in 0..10 {
        let number = first + n;
        let now_ns = (begin_ms + u64::from(n) * 20) * MS;
        let datagram = packet(OPUS, number, u32::from(number) * 960, &SILENCE);
        engine.handle_rtp(&datagram, now_ns);
    }
}

#[test]
fn packets_of_an_unknown_payload_type_were_counted_and_reported_as_lost() {
    for sink in [Sink::Eager, Sink::Playout] {
        let mut engine = engine(&Settings { sink, ..settings() });
        engine.start_sending(OWN, OPUS, "unknown").unwrap();
        for n in 0..100u16 {
            let payload_type = if n % 10 == 7 { 13 } else { OPUS };
            let datagram = packet(payload_type, n, u32::from(n) * 960, &SILENCE);
            engine.handle_rtp(&datagram, u64::from(n) * 20 * MS);
        }
        // Of another source it says nothing about this one.
        engine.handle_rtp(&packet_of(PEER + 1, 13, 5000, 0, &SILENCE), 1981 * MS);
        let stats = engine.stats();
        let inbound = stats.inbound.unwrap();
        assert_eq!((inbound.packets_received, inbound.packets_lost), (100, 0));
        assert_eq!(stats.errors.unknown_payload_type_packets, 11);
        assert_eq!(stats.playout.concealed_samples, 0);
        let (told, blocks) = reports(&mut engine, 2000..10_000);
        assert!(told > 0 && !blocks.is_empty());
        for block in blocks {
            assert_eq!((block.cumulative_lost, block.fraction_lost), (0, 0));
        }
    }
}

#[test]
fn packets_of_an_unknown_payload_type_alone_begin_no_stream() {
    let mut engine = engine(&settings());
    for n in 0..10u16 {
        let datagram = packet(13, n, u32::from(n) * 960, &SILENCE);
        engine.handle_rtp(&datagram, u64::from(n) * 20 * MS);
    }
    assert!(engine.stats().inbound.is_none());
}

#[test]
fn what_was_counted_before_the_codec_changed_was_forgotten() {
    let mut engine = engine(&settings());
    let codecs = [(OPUS, Codec::Opus), (0, Codec::Pcmu)];
    engine.configure_receive(&codecs).unwrap();
    for n in 0..100u16 {
        let number = u32::from(n);
        let datagram = if n < 50 {
            packet(OPUS, n, number * 960, &SILENCE)
        } else {
            packet(0, n, number * 160, &[0xff; 160])
        };
        engine.handle_rtp(&datagram, u64::from(n) * 20 * MS);
    }
    let playout = engine.stats().playout;
    assert_eq!(playout.jitter_buffer_emitted_count, 100 * 960);
    // Another source's are its own.
    for n in 0..2u16 {
        let datagram = packet_of(PEER + 1, OPUS, n, u32::from(n) * 960, &SILENCE);
        engine.handle_rtp(&datagram, (2000 + u64::from(n) * 20) * MS);
    }
    let playout = engine.stats().playout;
    assert_eq!(playout.jitter_buffer_emitted_count, 2 * 960);
}

#[test]
fn a_source_that_is_silent_or_has_left_is_not_reported_on() {
    let mut engine = engine(&settings());
    engine.start_sending(OWN, OPUS, "report").unwrap();
    receive_ten(&mut engine, 0, 0);
    let (told, blocks) = reports(&mut engine, 200..60_000);
    assert!(
        told > 5 && blocks.len() == 1,
        "{} blocks in {told}",
        blocks.len()
    );
    receive_ten(&mut engine, 10, 60_000);
    let mut goodbye = Vec::new();
    ReportBlock::write_receiver_report(&mut goodbye, PEER, &[]);
    write_goodbye(&mut goodbye, PEER);
    engine.handle_rtcp(&goodbye, 60_190 * MS);
    let (told, blocks) = reports(&mut engine, 60_200..90_000);
    assert!(told > 2 && blocks.is_empty(), "{blocks:?}");
}

#[test]
fn a_sender_report_that_overtakes_the_first_packet_is_not_lost() {
    let mut engine = engine(&settings());
    engine.start_sending(OWN, OPUS, "overtaken").unwrap();
    let info = SenderInfo {
        ntp_time: NtpTime(0x1234_5678_9abc_def0),
        rtp_timestamp: 0,
        packet_count: 1,
        octet_count: 3,
    };
    let mut report = Vec::new();
    info.write(&mut report, PEER, &[]);
    engine.handle_rtcp(&report, 10 * MS);
    receive_ten(&mut engine, 0, 20);
    let (_, blocks) = reports(&mut engine, 220..20_000);
    assert_eq!(blocks[0].last_sender_report, 0x5678_9abc);
    assert_eq!(engine.stats().remote_outbound.unwrap().reports_sent, 1);
}

#[test]
fn a_sender_that_rests_says_so() {
    for frame_ms in [10, 20, 60] {
        let mut resting = settings();
        resting.frame_ms = frame_ms;
        resting.encoder.dtx = true;
        let mut speaker = Engine::new(&resting, 0, 1).unwrap();
        let mut listener = engine(&settings());
        speaker.start_sending(PEER, OPUS, "rest").unwrap();
        let pcm = support::speech(96_000, 48_000);
        speaker.queue_audio(&pcm, 48_000).unwrap();
        speaker.finish_audio();
        let (mut drained_ms, mut ended_ms, mut sizes) = (0, Vec::new(), Vec::new());
        for ms in 0..8000 {
            speaker.handle_timeout(ms * MS);
            while let Some(datagram) = speaker.poll_transmit() {
                if !is_rtcp(datagram) {
                    sizes.push(Packet::parse(datagram).unwrap().payload.len());
                    listener.handle_rtp(datagram, ms * MS);
                }
            }
            if drained(&mut speaker) > 0 {
                drained_ms = ms;
            }
            listener.handle_timeout(ms * MS);
            while let Some(event) = listener.poll_event() {
                if matches!(event, Event::SpeechEnded { .. }) {
                    ended_ms.push(ms);
                }
            }
        }
        let told = sizes.windows(2).map(|pair| (pair[0] <= 2, pair[1] <= 2));
        assert!(told.clone().all(|pair| pair != (true, true)), "{sizes:?}");
        assert!(
            told.filter(|pair| *pair == (false, true)).count() > 8,
            "{sizes:?}"
        );
        let last_ms = *ended_ms.last().unwrap();
        assert!(
            last_ms < drained_ms + 300,
            "{ended_ms:?} after {drained_ms}"
        );
        assert_eq!(listener.stats().playout.concealed_samples, 0);
    }
}

#[test]
fn a_call_with_more_than_64_sources_is_not_deaf() {
    const PROFILE: Profile = Profile::Aes128CmSha1;
    let (theirs, ours) = ([1; 30], [2; 30]);
    let keying = |bytes| Keying::new(PROFILE, bytes).unwrap();
    let mut peer = Session::new(PROFILE, keying(&theirs), keying(&ours)).unwrap();
    let mut engine = engine(&settings());
    engine.set_srtp_keys(PROFILE, &ours, &theirs).unwrap();
    let mut datagram = Vec::new();
    let mut now_ns = 0;
    for source in 0..200 {
        for n in 0..3 {
            now_ns += 20 * MS;
            let plain = packet_of(1000 + source, OPUS, n, u32::from(n) * 960, &SILENCE);
            peer.protect(&plain, &mut datagram).unwrap();
            assert!(engine.handle_datagram(&datagram, now_ns), "{source}");
        }
        assert_eq!(engine.stats().inbound.unwrap().ssrc, 1000 + source);
        while engine.poll_event().is_some() {}
    }
    // Those that there is no room for have a name of their own.
    let mut another = Session::new(PROFILE, keying(&theirs), keying(&ours)).unwrap();
    for source in 0..MAX_SOURCES as u32 - 190 {
        let plain = packet_of(9000 + source, OPUS, 0, 0, &SILENCE);
        another.protect(&plain, &mut datagram).unwrap();
        engine.handle_datagram(&datagram, now_ns);
    }
    let errors = engine.stats().errors;
    assert_eq!(
        (
            errors.surplus_source_packets,
            errors.unauthenticated_packets
        ),
        (10, 0)
    );
}

#[test]
fn red_of_another_codec_does_not_switch_to_opus() {
    const RED: u8 = 63;
    let mut engine = engine(&settings());
    let codecs = [(OPUS, Codec::Opus), (0, Codec::Pcmu)];
    engine.configure_receive(&codecs).unwrap();
    let receive = RepairFormats {
        red: Some(RED),
        rtx: None,
    };
    let repairs = Repairs {
        receive,
        ..Repairs::default()
    };
    engine.configure_repairs(&repairs).unwrap();
    let mut streams = 0;
    for n in 0..50u16 {
        let datagram = if n == 25 {
            // The primary's payload type, and no block before it.
            packet(RED, n, u32::from(n) * 160, &[0, 0xff, 0xff])
        } else {
            packet(0, n, u32::from(n) * 160, &[0xff; 160])
        };
        engine.handle_rtp(&datagram, u64::from(n) * 20 * MS);
        while let Some(event) = engine.poll_event() {
            streams += usize::from(matches!(event, Event::StreamStarted { .. }));
        }
    }
    assert_eq!(streams, 1);
    assert_eq!(engine.stats().errors.unknown_payload_type_packets, 1);
}
