//! A call does not allocate once it runs: receiving, speech detection, encoding, reports, taps,
//! transport-wide feedback, and repairs of each kind on a line that loses a tenth of a second twice in a second.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

#[path = "support/counting_allocator.rs"]
mod counting_allocator;

use counting_allocator::allocations;
use voicectl_media::engine::{
    Codec, Engine, Redundancy, RepairFormats, Repairs, Settings, TransportFeedback,
};
use voicectl_media::playout::Sink;
use voicectl_media::rtp::is_rtcp;
use voicectl_media::vad::DetectorKind;

const MS: u64 = 1_000_000;
const OPUS: u8 = 111;

fn engine(sink: Sink, seed: u64) -> Engine {
    let settings = Settings {
        sink,
        output_rate_hz: 16_000,
        vad: Some(DetectorKind::default()),
        tap_sent: true,
        ..Settings::default()
    };
    let mut engine = Engine::new(&settings, 0, seed).unwrap();
    engine.configure_receive(&[(OPUS, Codec::Opus)]).unwrap();
    let formats = RepairFormats {
        red: Some(63),
        rtx: Some(97),
    };
    let repairs = Repairs {
        nack: true,
        receive: formats,
        send: formats,
        rtx_ssrc: 7 + seed as u32,
        dred: true,
    };
    engine.configure_repairs(&repairs).unwrap();
    let redundancy = Redundancy {
        inband_fec: false,
        red_frames: 2,
        dred_duration_ms: 200,
        expected_loss_percent: 20,
    };
    engine.set_redundancy(redundancy).unwrap();
    let feedback = TransportFeedback {
        extension_id: 3,
        reduced_size: false,
    };
    engine.configure_transport_feedback(Some(feedback)).unwrap();
    engine.start_sending(seed as u32, OPUS, "test").unwrap();
    engine
}

/// Runs `from` up to `now_ns` and hands its packets to `to`.
fn step(from: &mut Engine, to: &mut Engine, now_ns: u64) {
    from.handle_timeout(now_ns);
    let is_lost = now_ns / MS % 500 < 100;
    while let Some(packet) = from.poll_transmit() {
        if is_rtcp(packet) {
            to.handle_rtcp(packet, now_ns);
        } else if !is_lost {
            to.handle_rtp(packet, now_ns);
        }
    }
    while from.poll_event().is_some() {}
}

fn allocations_in_a_running_call(sink: Sink) -> u32 {
    let mut near = engine(sink, 1);
    let mut far = engine(Sink::Eager, 2);
    let tone: Vec<i16> = (0..48_000)
        .map(|n| (9000.0 * (f64::from(n) * 0.05).sin()) as i16)
        .collect();
    for _ in 0..8 {
        near.queue_audio(&tone, 24_000).unwrap();
        far.queue_audio(&tone, 48_000).unwrap();
    }
    let mut run_ms = |range: std::ops::Range<u64>| {
        for now_ms in range {
            step(&mut near, &mut far, now_ms * MS);
            step(&mut far, &mut near, now_ms * MS);
        }
    };
    run_ms(0..2000);
    let before = allocations();
    run_ms(2000..6000);
    allocations() - before
}

#[test]
fn call_to_a_machine_does_not_allocate() {
    assert_eq!(allocations_in_a_running_call(Sink::Eager), 0);
}

#[test]
fn call_to_an_ear_does_not_allocate() {
    assert_eq!(allocations_in_a_running_call(Sink::Playout), 0);
}
