//! An engine that sends on what it receives, undecoded.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use voicectl_media::engine::{Codec, Engine, EngineError, Settings};
use voicectl_media::playout::Sink;
use voicectl_media::rtp::{Header, Packet, is_rtcp};

const MS: u64 = 1_000_000;
const OPUS: u8 = 111;

fn engine() -> Engine {
    let settings = Settings {
        sink: Sink::Eager,
        forward: true,
        ..Settings::default()
    };
    let mut engine = Engine::new(&settings, 0, 1).unwrap();
    engine.configure_receive(&[(OPUS, Codec::Opus)]).unwrap();
    engine.start_sending(77, 96, "forwarder").unwrap();
    engine.handle_timeout(MS);
    engine
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
            packets.push((packet.header, packet.payload[0]));
        }
    }
    packets
}

#[test]
fn packets_go_on_under_our_own_numbers_and_a_loss_stays_a_loss() {
    let mut engine = engine();
    for sequence_number in [500, 501, 503] {
        let now_ns = u64::from(sequence_number) * 20 * MS;
        engine.handle_rtp(&packet(9, sequence_number), now_ns);
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
    let mut engine = engine();
    engine.handle_rtp(&packet(9, 500), 20 * MS);
    // The second source is taken at its second packet.
    engine.handle_rtp(&packet(10, 7), 40 * MS);
    engine.handle_rtp(&packet(10, 8), 60 * MS);
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
    let mut engine = engine();
    engine.queue_audio(&vec![1000; 48_000], 48_000).unwrap();
    for n in 1..200 {
        engine.handle_timeout(n * 10 * MS);
    }
    assert!(sent(&mut engine).is_empty());
    engine.handle_rtp(&packet(9, 500), 2000 * MS);
    let events = std::iter::from_fn(|| engine.poll_event().map(|event| format!("{event:?}")));
    assert!(events.into_iter().all(|event| event.starts_with("Stream")));
}

#[test]
fn forwarding_to_an_ear_is_refused() {
    let settings = Settings {
        sink: Sink::Playout,
        forward: true,
        ..Settings::default()
    };
    let refused = Engine::new(&settings, 0, 1).err();
    assert!(matches!(refused, Some(EngineError::Forwarding)));
}
