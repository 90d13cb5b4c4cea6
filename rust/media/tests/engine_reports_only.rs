//! A peer that only sends is told what came of it, and asked for what did not.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use voicectl_media::engine::capture::Replay;
use voicectl_media::engine::{Codec, Engine, Repairs, Settings, TransportFeedback};
use voicectl_media::playout::Sink;
use voicectl_media::rtp::rtcp::{Compound, Nack, RtcpPacket};
use voicectl_media::rtp::{Header, Packet, is_rtcp};

const MS: u64 = 1_000_000;
const OPUS: u8 = 111;
const PEER: u32 = 5;
const OWN: u32 = 9;
/// A frame of silence.
const SILENCE: [u8; 3] = [0xf8, 0xff, 0xfe];

fn engine() -> Engine {
    let settings = Settings {
        sink: Sink::Eager,
        ..Settings::default()
    };
    let mut engine = Engine::captured(&settings, 0, 7, 1 << 24).unwrap();
    engine.configure_receive(&[(OPUS, Codec::Opus)]).unwrap();
    let repairs = Repairs {
        nack: true,
        ..Repairs::default()
    };
    engine.configure_repairs(&repairs).unwrap();
    engine
}

/// What an engine says of a stream that loses every tenth packet.
#[derive(Debug, Default)]
struct Said {
    rtp_packets: usize,
    blocks_on_peer: usize,
    lost: u32,
    asked_for: Vec<u16>,
    goodbyes: Vec<u32>,
    authors: Vec<u32>,
}

impl Said {
    fn listen(&mut self, engine: &mut Engine) {
        while let Some(datagram) = engine.poll_transmit() {
            if !is_rtcp(datagram) {
                self.rtp_packets += 1;
                continue;
            }
            for packet in Compound::parse(datagram).unwrap().packets() {
                match packet {
                    RtcpPacket::ReceiverReport(report) => {
                        self.authors.push(report.ssrc);
                        for block in report.blocks().filter(|block| block.ssrc == PEER) {
                            self.blocks_on_peer += 1;
                            self.lost = block.cumulative_lost as u32;
                        }
                    }
                    RtcpPacket::TransportFeedback(feedback) => {
                        assert_eq!(feedback.media_ssrc, PEER);
                        self.asked_for
                            .extend(feedback.nacks().flat_map(Nack::sequence_numbers));
                    }
                    RtcpPacket::Goodbye(goodbye) => self.goodbyes.extend(goodbye.ssrcs()),
                    _ => {}
                }
            }
        }
        while engine.poll_event().is_some() {}
    }
}

fn listen_to_a_lossy_stream(engine: &mut Engine, said: &mut Said) {
    for n in 0..1000u16 {
        let now_ns = u64::from(n) * 20 * MS;
        if n % 10 != 5 {
            let header = Header {
                marker: false,
                payload_type: OPUS,
                sequence_number: n,
                timestamp: u32::from(n) * 960,
                ssrc: PEER,
            };
            let mut datagram = Vec::new();
            Packet::new(header, &SILENCE).write(&mut datagram);
            engine.handle_rtp(&datagram, now_ns);
        }
        engine.handle_timeout(now_ns);
        said.listen(engine);
    }
}

#[test]
fn a_peer_that_only_sends_gets_reports_and_is_asked_for_what_was_lost() {
    let (mut engine, mut said) = (engine(), Said::default());
    engine.start_reporting(OWN, "own");
    assert!(engine.next_timeout().is_some());
    listen_to_a_lossy_stream(&mut engine, &mut said);
    engine.stop_sending(20_000 * MS);
    said.listen(&mut engine);
    assert_eq!(said.rtp_packets, 0);
    assert!(said.blocks_on_peer >= 3, "{said:?}");
    assert!((50..=100).contains(&said.lost), "{said:?}");
    assert!(said.asked_for.contains(&905), "{said:?}");
    assert!(said.asked_for.len() >= 90, "{said:?}");
    assert!(said.asked_for.iter().all(|number| number % 10 == 5));
    assert!(said.authors.iter().all(|ssrc| *ssrc == OWN));
    assert_eq!(said.goodbyes, [OWN]);
    assert!(engine.stats().outbound.is_none());
}

#[test]
fn reports_without_a_stream_are_replayed_to_the_bit() {
    let (mut engine, mut said) = (engine(), Said::default());
    engine
        .configure_transport_feedback(Some(TransportFeedback {
            extension_id: 3,
            reduced_size: false,
        }))
        .unwrap();
    engine.start_reporting(OWN, "own");
    listen_to_a_lossy_stream(&mut engine, &mut said);
    engine.stop_sending(20_000 * MS);
    said.listen(&mut engine);
    let mut replay = Replay::new(engine.end_capture()).unwrap();
    while replay.run_until(u64::MAX, |_| {}) {}
    let outcome = replay.outcome();
    assert!(outcome.is_complete);
    assert_eq!(
        (outcome.same_events, outcome.same_packets),
        (Some(true), Some(true))
    );
}

#[test]
fn who_has_said_nothing_says_no_goodbye() {
    let (mut engine, mut said) = (engine(), Said::default());
    engine.start_reporting(OWN, "own");
    engine.handle_timeout(MS);
    engine.stop_sending(2 * MS);
    said.listen(&mut engine);
    assert!(said.authors.is_empty() && said.goodbyes.is_empty());
}

#[test]
fn a_stream_may_follow_the_reports_under_their_ssrc() {
    let (mut engine, mut said) = (engine(), Said::default());
    engine.start_reporting(OWN, "own");
    listen_to_a_lossy_stream(&mut engine, &mut said);
    engine.start_sending(OWN, OPUS, "own").unwrap();
    for now_ms in (20_000..21_000).step_by(10) {
        engine.handle_timeout(now_ms * MS);
        said.listen(&mut engine);
    }
    assert!(said.rtp_packets >= 49, "{said:?}");
}
