//! Transport-wide feedback between two engines: what was sent and lost is what is told.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use voicectl_media::engine::{
    Codec, Engine, Preset, Redundancy, RepairFormats, Repairs, Settings, TransportFeedback,
};
use voicectl_media::playout::Sink;
use voicectl_media::rtp::rtcp::write_transport_cc;
use voicectl_media::rtp::{Packet, TwoByteElement, is_rtcp};

const MS: u64 = 1_000_000;
const OPUS: u8 = 111;
const RED: u8 = 63;
const RTX: u8 = 97;
const ID: u8 = 5;
const DELAY_MS: u64 = 20;

fn engine(seed: u64, rtx: bool) -> Engine {
    let settings = Settings {
        sink: Sink::Eager,
        adaptation: Some(Preset::Broadband),
        ..Settings::default()
    };
    let mut engine = Engine::new(&settings, 0, seed).unwrap();
    engine.configure_receive(&[(OPUS, Codec::Opus)]).unwrap();
    let formats = RepairFormats {
        red: Some(RED),
        rtx: rtx.then_some(RTX),
    };
    let repairs = Repairs {
        nack: true,
        receive: formats,
        send: formats,
        rtx_ssrc: 100 + seed as u32,
        dred: false,
    };
    engine.configure_repairs(&repairs).unwrap();
    let redundancy = Redundancy {
        red_frames: 1,
        ..Redundancy::default()
    };
    engine.set_redundancy(redundancy).unwrap();
    let feedback = TransportFeedback {
        extension_id: ID,
        reduced_size: true,
    };
    engine.configure_transport_feedback(Some(feedback)).unwrap();
    engine.start_sending(seed as u32, OPUS, "test").unwrap();
    engine
}

fn number_of(packet: &[u8]) -> u16 {
    let extension = Packet::parse(packet).unwrap().extension.unwrap();
    u16::from_be_bytes(extension.element(ID).unwrap().try_into().unwrap())
}

/// Two engines and the packets on their way: due, to which, what.
struct Pair {
    ends: Vec<Engine>,
    under_way: Vec<(u64, usize, Vec<u8>)>,
    /// What the first one sent, before any loss.
    sent: Vec<Vec<u8>>,
}

impl Pair {
    fn new(rtx: bool) -> Self {
        Self {
            ends: vec![engine(1, rtx), engine(2, rtx)],
            under_way: Vec::new(),
            sent: Vec::new(),
        }
    }

    /// Runs so long; `is_lost` gets the how manieth RTP packet of the first end it is.
    fn run_ms(&mut self, range: std::ops::Range<u64>, is_lost: impl Fn(usize) -> bool) {
        for now_ms in range {
            let now_ns = now_ms * MS;
            let ends = &mut self.ends;
            self.under_way.retain(|(due_ms, to, packet)| {
                if *due_ms > now_ms {
                    return true;
                }
                if is_rtcp(packet) {
                    ends[*to].handle_rtcp(packet, now_ns);
                } else {
                    ends[*to].handle_rtp(packet, now_ns);
                }
                false
            });
            for (from, end) in ends.iter_mut().enumerate() {
                end.handle_timeout(now_ns);
                while end.poll_event().is_some() {}
                while let Some(packet) = end.poll_transmit() {
                    let is_audio = from == 0 && !is_rtcp(packet);
                    if is_audio {
                        self.sent.push(packet.to_vec());
                    }
                    if !is_audio || !is_lost(self.sent.len() - 1) {
                        let packet = packet.to_vec();
                        self.under_way.push((now_ms + DELAY_MS, 1 - from, packet));
                    }
                }
            }
        }
    }
}

#[test]
fn every_packet_red_and_rtx_included_has_a_fresh_number_and_what_is_lost_is_told() {
    let mut pair = Pair::new(true);
    pair.run_ms(0..10_000, |n| n % 20 == 7);
    let numbers: Vec<u16> = pair.sent.iter().map(|packet| number_of(packet)).collect();
    let consecutive: Vec<u16> = (0..numbers.len() as u16).collect();
    assert_eq!(numbers, consecutive);
    let of_type = |wanted: u8| {
        let is_it = |packet: &&Vec<u8>| packet[1] & 0x7f == wanted;
        pair.sent.iter().filter(is_it).count()
    };
    assert!(
        of_type(RTX) > 10 && of_type(RED) > 10,
        "{} {}",
        of_type(RTX),
        of_type(RED)
    );
    let told = pair.ends[0].stats().transport_feedback.unwrap();
    assert_eq!(told.packets_numbered, pair.sent.len() as u64);
    assert_eq!(told.malformed_messages, 0);
    assert!((40..=100).contains(&told.messages_received), "{told:?}");
    // But for the last ones, of which nothing has been told yet.
    let lost = pair.sent.len() as u64 / 20;
    assert!(told.packets_lost.abs_diff(lost) <= 1, "{told:?}");
    assert!(
        told.packets_numbered - told.packets_lost - told.packets_arrived < 20,
        "{told:?}"
    );
    let their = pair.ends[1].stats().transport_feedback.unwrap();
    assert!(their.messages_sent >= told.messages_received && their.packets_lost == 0);
}

#[test]
fn packet_that_goes_out_again_as_it_was_keeps_its_number_and_counts_as_lost() {
    let mut pair = Pair::new(false);
    pair.run_ms(0..6_000, |n| n == 150);
    let lost = pair.sent[150].clone();
    let again = pair.sent.iter().filter(|packet| **packet == lost).count();
    assert!(again >= 2, "it was sent again");
    let told = pair.ends[0].stats().transport_feedback.unwrap();
    assert_eq!((told.packets_lost, told.malformed_messages), (1, 0));
}

#[test]
fn messages_on_packets_that_were_never_sent_are_counted_and_not_believed() {
    let mut pair = Pair::new(true);
    pair.run_ms(0..1_000, |_| false);
    let before = pair.ends[0].stats();
    let numbered = pair.sent.len() as u16;
    for (base, times) in [
        (numbered, vec![Some(0)]),
        (30_000, vec![Some(0)]),
        (numbered - 1, vec![Some(0), Some(9_000)]),
    ] {
        let mut packet = Vec::new();
        write_transport_cc::<64>(&mut packet, (2, 1), 0, base, times.into_iter());
        pair.ends[0].handle_rtcp(&packet, 1_000 * MS);
    }
    // And one whose statuses are cut off.
    let cut = [
        0x8f, 205, 0, 4, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 0,
    ];
    pair.ends[0].handle_rtcp(&cut, 1_000 * MS);
    let told = pair.ends[0].stats().transport_feedback.unwrap();
    assert_eq!(told.malformed_messages, 4);
    let unchanged = before.transport_feedback.unwrap();
    assert_eq!(told.messages_received, unchanged.messages_received);
    assert_eq!(told.packets_arrived, unchanged.packets_arrived);
    assert_eq!(pair.ends[0].stats().adaptation, before.adaptation);
}

#[test]
fn without_agreement_nothing_is_numbered_or_told() {
    let mut pair = Pair::new(true);
    for end in &mut pair.ends {
        end.configure_transport_feedback(None).unwrap();
    }
    pair.run_ms(0..1_000, |_| false);
    assert!(Packet::parse(&pair.sent[0]).unwrap().extension.is_none());
    assert_eq!(pair.ends[0].stats().transport_feedback, None);
    // Nor is what another peer numbers without being asked.
    let element = TwoByteElement::new(ID, 7);
    let header = Packet::parse(&pair.sent[9]).unwrap().header;
    let packet = Packet {
        extension: Some(element.extension()),
        ..Packet::new(header, &[0xf8, 0xff, 0xfe])
    };
    let mut datagram = Vec::new();
    packet.write(&mut datagram);
    pair.ends[1].handle_rtp(&datagram, 1_000 * MS);
    assert!(pair.ends[1].poll_transmit().is_none());
}
