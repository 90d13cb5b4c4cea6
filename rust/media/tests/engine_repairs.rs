//! Two engines on a line that loses packets, in virtual time.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::VecDeque;

use voicectl_media::engine::{Codec, Engine, Redundancy, RepairFormats, Repairs, Settings, Stats};
use voicectl_media::opus::EncoderSettings;
use voicectl_media::playout::Sink;
use voicectl_media::rtp::{Header, Packet, Red, RedBlock, Retransmission, is_rtcp, write_red};
use voicectl_media::srtp::Profile;

const MS: u64 = 1_000_000;
const OPUS: u8 = 96;
const RED: u8 = 63;
const RTX: u8 = 97;
const NEAR: u32 = 1;
const FAR: u32 = 2;
const FAR_RTX: u32 = 0x22;

const NACK: Repairs = Repairs {
    nack: true,
    receive: RepairFormats {
        red: None,
        rtx: None,
    },
    send: RepairFormats {
        red: None,
        rtx: None,
    },
    rtx_ssrc: 0,
    dred: false,
};

const ALL: Repairs = Repairs {
    nack: true,
    receive: RepairFormats {
        red: Some(RED),
        rtx: Some(RTX),
    },
    send: RepairFormats {
        red: Some(RED),
        rtx: Some(RTX),
    },
    rtx_ssrc: FAR_RTX,
    dred: true,
};

const PLAIN: Redundancy = Redundancy {
    inband_fec: false,
    red_frames: 0,
    dred_duration_ms: 0,
    expected_loss_percent: 0,
};

/// Both ends of a call, 20 ms apart each way.
struct Line {
    near: Engine,
    far: Engine,
    to_near: VecDeque<(u64, Vec<u8>)>,
    to_far: VecDeque<(u64, Vec<u8>)>,
    /// RTP packets that the far end has sent, those that are lost included.
    sent: Vec<Vec<u8>>,
    protected: bool,
}

const DELAY_NS: u64 = 20 * MS;

impl Line {
    fn new(repairs: &Repairs, redundancy: Redundancy, protected: bool) -> Self {
        let mut line = Self {
            near: engine(NEAR, repairs, PLAIN),
            far: engine(FAR, repairs, redundancy),
            to_near: VecDeque::new(),
            to_far: VecDeque::new(),
            sent: Vec::new(),
            protected,
        };
        let keys = ([3; 30], [4; 30]);
        for (engine, local, remote) in [
            (&mut line.near, keys.0, keys.1),
            (&mut line.far, keys.1, keys.0),
        ] {
            if protected {
                let profile = Profile::Aes128CmSha1;
                engine.set_srtp_keys(profile, &local, &remote).unwrap();
            }
        }
        line
    }

    /// Runs both for `seconds` of voice; of the far end's `n`th RTP packet in a stream none arrives
    /// where `is_lost` says so.
    fn run(&mut self, seconds: u64, is_lost: impl Fn(usize) -> bool) {
        for now_ms in 0..seconds * 1000 {
            let now_ns = now_ms * MS;
            if now_ms % 1000 == 0 {
                self.far.queue_audio(&voice(now_ms), 48_000).unwrap();
            }
            deliver(&mut self.to_near, &mut self.near, now_ns, self.protected);
            deliver(&mut self.to_far, &mut self.far, now_ns, self.protected);
            self.near.handle_timeout(now_ns);
            self.far.handle_timeout(now_ns);
            while let Some(datagram) = poll(&mut self.near, self.protected) {
                self.to_far.push_back((now_ns + DELAY_NS, datagram));
            }
            while let Some(datagram) = poll(&mut self.far, self.protected) {
                let is_rtp = !is_rtcp(&datagram);
                let lost = is_rtp && is_lost(self.sent.len());
                if is_rtp {
                    self.sent.push(datagram.clone());
                }
                if !lost {
                    self.to_near.push_back((now_ns + DELAY_NS, datagram));
                }
            }
            while self.near.poll_event().is_some() || self.far.poll_event().is_some() {}
        }
    }

    fn heard(&self) -> Stats {
        self.near.stats()
    }
}

fn engine(ssrc: u32, repairs: &Repairs, redundancy: Redundancy) -> Engine {
    let settings = Settings {
        sink: Sink::Eager,
        encoder: EncoderSettings {
            complexity: 3,
            ..EncoderSettings::default()
        },
        report_interval_ms: 100,
        ..Settings::default()
    };
    let mut engine = Engine::new(&settings, 0, u64::from(ssrc)).unwrap();
    engine.configure_receive(&[(OPUS, Codec::Opus)]).unwrap();
    engine.configure_repairs(repairs).unwrap();
    engine.set_redundancy(redundancy).unwrap();
    engine.start_sending(ssrc, OPUS, "test").unwrap();
    engine
}

fn poll(engine: &mut Engine, protected: bool) -> Option<Vec<u8>> {
    if protected {
        engine.poll_datagram().map(<[u8]>::to_vec)
    } else {
        engine.poll_transmit().map(<[u8]>::to_vec)
    }
}

fn deliver(
    queue: &mut VecDeque<(u64, Vec<u8>)>,
    engine: &mut Engine,
    now_ns: u64,
    protected: bool,
) {
    while queue.front().is_some_and(|(at_ns, _)| *at_ns <= now_ns)
        && let Some((_, datagram)) = queue.pop_front()
    {
        if protected {
            assert!(engine.handle_datagram(&datagram, now_ns));
        } else if is_rtcp(&datagram) {
            engine.handle_rtcp(&datagram, now_ns);
        } else {
            engine.handle_rtp(&datagram, now_ns);
        }
    }
}

fn voice(second: u64) -> Vec<i16> {
    let pitch = 0.02 + second as f64 * 1e-6;
    (0..48_000)
        .map(|n| (f64::from(n) * pitch).sin() + (f64::from(n) * pitch * 7.0).sin() * 0.3)
        .map(|sample| (sample * 6000.0) as i16)
        .collect()
}

/// Single losses after the first second and a half, when the round trip is known.
fn each_twentieth(n: usize) -> bool {
    n > 75 && n.is_multiple_of(20)
}

#[test]
fn lost_packet_is_sent_again_as_it_was_under_the_same_srtp_index() {
    for protected in [false, true] {
        let mut line = Line::new(&NACK, PLAIN, protected);
        line.run(6, each_twentieth);
        let (heard, sent) = (line.heard(), line.far.stats());
        let (inbound, outbound) = (heard.inbound.unwrap(), sent.outbound.unwrap());
        assert_eq!(heard.playout.concealed_samples, 0, "{heard:?}");
        assert!(inbound.nack_count >= 10, "{inbound:?}");
        assert_eq!(
            inbound.retransmitted_packets_received,
            outbound.retransmitted_packets_sent
        );
        assert_eq!(outbound.nack_count, inbound.nack_count);
        // A packet sent again is not lost any more (RFC 3550 §6.4.1).
        assert_eq!(inbound.packets_lost, 0);
        assert_eq!(sent.drops.unprotected_packets, 0);
        assert!(inbound.jitter_samples < 48, "{}", inbound.jitter_samples);
    }
}

#[test]
fn lost_packet_is_sent_again_in_a_stream_of_its_own_where_one_was_negotiated() {
    let mut line = Line::new(&ALL, PLAIN, false);
    line.run(6, each_twentieth);
    let heard = line.heard();
    let inbound = heard.inbound.unwrap();
    assert_eq!(heard.playout.concealed_samples, 0, "{heard:?}");
    assert!(inbound.retransmitted_packets_received >= 10, "{inbound:?}");
    assert_eq!(inbound.ssrc, FAR);
    assert_eq!(heard.errors.other_source_packets, 0);
    let again: Vec<_> = line
        .sent
        .iter()
        .map(|datagram| Packet::parse(datagram).unwrap())
        .filter(|packet| packet.header.ssrc == FAR_RTX)
        .collect();
    assert!(again.iter().all(|packet| packet.header.payload_type == RTX));
    let numbers = again.windows(2).map(|pair| {
        pair[1]
            .header
            .sequence_number
            .wrapping_sub(pair[0].header.sequence_number)
    });
    assert!(numbers.into_iter().all(|step| step == 1));
    // Each holds a packet of the stream: its number, its time, its frame.
    for packet in &again {
        let Retransmission {
            sequence_number,
            payload,
        } = Retransmission::parse(packet.payload).unwrap();
        assert!(line.sent.iter().any(|datagram| {
            let original = Packet::parse(datagram).unwrap();
            original.header.ssrc == FAR
                && original.header.sequence_number == sequence_number
                && original.header.timestamp == packet.header.timestamp
                && original.payload == payload
        }));
    }
}

#[test]
fn nothing_is_asked_for_or_sent_again_unless_both_ends_said_so() {
    let mut line = Line::new(&Repairs::default(), PLAIN, false);
    line.run(4, each_twentieth);
    let inbound = line.heard().inbound.unwrap();
    assert_eq!(inbound.nack_count, 0);
    assert_eq!(inbound.retransmitted_packets_received, 0);
    assert!(line.heard().playout.concealed_samples > 0);
}

#[test]
fn two_losses_in_a_row_are_filled_by_red_of_two_frames() {
    let redundancy = Redundancy {
        red_frames: 2,
        ..PLAIN
    };
    let repairs = Repairs { nack: false, ..ALL };
    let mut line = Line::new(&repairs, redundancy, false);
    line.run(4, |n| n > 10 && n % 10 < 2);
    let heard = line.heard();
    assert_eq!(heard.playout.concealed_samples, 0, "{heard:?}");
    assert!(heard.playout.repaired_frames > 30);
    assert_eq!(
        heard.errors,
        voicectl_media::engine::ReceiveErrors::default()
    );
    let packet = Packet::parse(&line.sent[50]).unwrap();
    assert_eq!(packet.header.payload_type, RED);
    let red = Red::parse(packet.payload).unwrap();
    let blocks: Vec<_> = red.redundant_blocks().collect();
    let offsets: Vec<_> = blocks.iter().map(|block| block.timestamp_offset).collect();
    assert_eq!(offsets, [1920, 960]);
    assert!(blocks.iter().all(|block| block.payload_type == OPUS));
    // What is repeated is the frame as it was sent, whole.
    let before = Packet::parse(&line.sent[49]).unwrap();
    assert_eq!(
        Red::parse(before.payload).unwrap().primary,
        blocks[1].payload
    );
}

#[test]
fn burst_is_rebuilt_from_dred_between_two_ends_that_both_know_it() {
    let redundancy = Redundancy {
        dred_duration_ms: 300,
        expected_loss_percent: 20,
        ..PLAIN
    };
    let repairs = Repairs { nack: false, ..ALL };
    let mut line = Line::new(&repairs, redundancy, false);
    line.run(4, |n| n >= 100 && n % 50 < 5);
    let heard = line.heard();
    assert_eq!(heard.playout.concealed_samples, 0, "{heard:?}");
    assert_eq!(heard.playout.dred_samples, 2 * 5 * 960);
}

#[test]
fn peer_that_takes_neither_red_nor_dred_gets_plain_opus() {
    let redundancy = Redundancy {
        red_frames: 2,
        dred_duration_ms: 300,
        expected_loss_percent: 20,
        ..PLAIN
    };
    let mut line = Line::new(&NACK, redundancy, false);
    line.run(2, |_| false);
    for datagram in &line.sent {
        let packet = Packet::parse(datagram).unwrap();
        assert_eq!(packet.header.payload_type, OPUS);
        assert!(!voicectl_media::opus::has_dred(packet.payload));
    }
    let in_use = line.far.stats().redundancy;
    assert_eq!((in_use.red_frames, in_use.dred_duration_ms), (0, 0));
}

#[test]
fn protection_changes_in_mid_call_without_a_gap() {
    let repairs = Repairs { nack: false, ..ALL };
    let mut line = Line::new(&repairs, PLAIN, false);
    line.run(1, |_| false);
    let set = |line: &mut Line, red_frames| {
        let redundancy = Redundancy {
            red_frames,
            ..PLAIN
        };
        line.far.set_redundancy(redundancy).unwrap();
        line.far.stats().redundancy.red_frames
    };
    assert_eq!(set(&mut line, 1), 1);
    let refused = line.far.set_redundancy(Redundancy {
        red_frames: 3,
        ..PLAIN
    });
    assert!(refused.is_err());
    assert_eq!(line.far.stats().redundancy.red_frames, 1);
}

/// RED of an unknown sender to an engine that listens, and what the engine makes of it.
fn receive_red(payload: &[u8]) -> Stats {
    let mut engine = engine(NEAR, &ALL, PLAIN);
    for n in 0..5_u16 {
        let mut datagram = Vec::new();
        let header = Header {
            marker: false,
            payload_type: RED,
            sequence_number: n,
            timestamp: u32::from(n) * 960,
            ssrc: FAR,
        };
        Packet::new(header, payload).write(&mut datagram);
        engine.handle_rtp(&datagram, u64::from(n) * 20 * MS);
    }
    engine.stats()
}

#[test]
fn broken_red_is_counted_and_takes_no_source() {
    let stats = receive_red(&[0x80 | 0x60, 0x0f, 0, 200, 96]);
    assert_eq!(stats.errors.malformed_rtp_packets, 5);
    assert!(stats.inbound.is_none());
}

#[test]
fn red_within_red_and_blocks_of_other_codecs_are_left_alone() {
    let silence = [31 << 3, 0xff, 0xfe];
    let block = |payload_type| RedBlock {
        payload_type,
        timestamp_offset: 960,
        payload: &silence,
    };
    let mut payload = Vec::new();
    let blocks = [block(RED), block(RTX), block(8)];
    write_red(&mut payload, blocks.iter().copied(), OPUS, &silence);
    let stats = receive_red(&payload);
    assert_eq!(stats.playout.fec_packets_received, 0);
    assert_eq!(stats.playout.malformed_packets, 0);
    assert_eq!(stats.playout.jitter_buffer_emitted_count, 5 * 960);
}

#[test]
fn retransmission_that_nobody_asked_for_is_not_played() {
    let mut near = engine(NEAR, &ALL, PLAIN);
    let silence = [31 << 3, 0xff, 0xfe];
    let mut send = |payload_type, ssrc, sequence_number: u16, payload: &[u8]| {
        let mut datagram = Vec::new();
        let header = Header {
            marker: false,
            payload_type,
            sequence_number,
            timestamp: u32::from(sequence_number) * 960,
            ssrc,
        };
        Packet::new(header, payload).write(&mut datagram);
        near.handle_rtp(&datagram, u64::from(sequence_number) * 20 * MS);
        near.stats()
    };
    // Before there is a source, too short, of a packet that came, of one that never was, a probe.
    send(RTX, FAR_RTX, 0, &[0, 1, 31 << 3, 0xff, 0xfe]);
    send(OPUS, FAR, 1, &silence);
    send(RTX, FAR_RTX, 2, &[0]);
    send(RTX, FAR_RTX, 3, &[0, 1, 31 << 3, 0xff, 0xfe]);
    send(RTX, FAR_RTX, 4, &[9, 9, 31 << 3, 0xff, 0xfe]);
    let stats = send(RTX, FAR_RTX, 5, &[0, 1]);
    let inbound = stats.inbound.unwrap();
    assert_eq!(inbound.packets_received, 1);
    assert_eq!(inbound.retransmitted_packets_received, 0);
    assert_eq!(stats.errors.malformed_rtp_packets, 1);
    assert_eq!(stats.playout.jitter_buffer_emitted_count, 960);
}

/// Chromium probes the path with padding once there is transport-wide feedback, under whatever
/// payload type it sends: two thirds of a call's packets were counted as malformed.
#[test]
fn padding_alone_is_no_malformed_red_or_retransmission_and_conceals_nothing() {
    let mut near = engine(NEAR, &ALL, PLAIN);
    let silence = [31 << 3, 0xff, 0xfe];
    let mut red = Vec::new();
    write_red(&mut red, std::iter::empty(), OPUS, &silence);
    let mut send = |payload_type, ssrc, sequence_number: u16, frame: u32, payload: &[u8]| {
        let header = Header {
            marker: false,
            payload_type,
            sequence_number,
            timestamp: frame * 960,
            ssrc,
        };
        let mut datagram = Vec::new();
        Packet::new(header, payload).write(&mut datagram);
        if payload == PADDING {
            datagram[0] |= 0x20;
        }
        near.handle_rtp(&datagram, u64::from(sequence_number) * 20 * MS);
        near.stats()
    };
    send(RED, FAR, 1, 1, &red);
    send(RED, FAR, 2, 1, &PADDING);
    send(RTX, FAR_RTX, 3, 1, &PADDING);
    let stats = send(RED, FAR, 3, 2, &red);
    assert_eq!(stats.errors.malformed_rtp_packets, 0);
    assert_eq!(stats.playout.malformed_packets, 0);
    assert_eq!(stats.playout.concealed_samples, 0);
    assert_eq!(stats.playout.jitter_buffer_emitted_count, 2 * 960);
    assert_eq!(stats.inbound.unwrap().packets_received, 3);
}

/// All of a payload, by its last byte (RFC 3550 §5.1).
const PADDING: [u8; 4] = [0, 0, 0, 4];
