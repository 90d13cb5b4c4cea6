//! Engines under calls in any order and at any time.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod engine_support;

use engine_support::{OPUS, calls, make};
use proptest::prelude::*;
use voicectl_media::engine::{Codec, Engine, Event, Settings};
use voicectl_media::opus::EncoderSettings;
use voicectl_media::playout::Sink;
use voicectl_media::rtp::is_rtcp;
use voicectl_media::vad::DetectorKind;

const MS: u64 = 1_000_000;

fn engine(sink: Sink, tap_sent: bool) -> Engine {
    let settings = Settings {
        sink,
        tap_sent,
        vad: Some(DetectorKind::default()),
        output_rate_hz: 16_000,
        encoder: EncoderSettings {
            complexity: 0,
            ..EncoderSettings::default()
        },
        ..Settings::default()
    };
    let mut engine = Engine::new(&settings, 0, 7).unwrap();
    engine.configure_receive(&[(OPUS, Codec::Opus)]).unwrap();
    engine
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_calls_at_any_times_leave_an_engine_that_waits_for_the_future(
        eager: bool,
        tap_sent: bool,
        calls in proptest::collection::vec((calls(), 0..400u64), 0..80),
        stall_ns: u64,
    ) {
        let mut engine = engine(if eager { Sink::Eager } else { Sink::Playout }, tap_sent);
        let mut now_ns = 0;
        for (call, wait_ms) in calls {
            now_ns += wait_ms * MS;
            make(&mut engine, &call, now_ns);
        }
        now_ns = now_ns.max(stall_ns >> 2);
        engine.handle_timeout(now_ns);
        prop_assert!(engine.next_timeout().is_none_or(|due_ns| due_ns > now_ns));
    }
}

/// When an engine that was made and told to send at `made_ns` sends its first frames.
fn frame_times_ms(settings: &Settings, made_ns: u64) -> Vec<f64> {
    let mut engine = Engine::new(settings, made_ns, 7).unwrap();
    engine.start_sending(1, OPUS, "test").unwrap();
    let mut times_ms = Vec::new();
    engine.handle_timeout(made_ns);
    while times_ms.len() < 4 {
        let now_ns = engine.next_timeout().unwrap();
        engine.handle_timeout(now_ns);
        while let Some(packet) = engine.poll_transmit() {
            if !is_rtcp(packet) {
                times_ms.push(now_ns as f64 / MS as f64);
            }
        }
    }
    times_ms
}

#[test]
fn engines_for_machines_send_at_the_same_instants_and_those_with_a_grid_of_their_own_on_it() {
    let eager = Settings {
        sink: Sink::Eager,
        ..Settings::default()
    };
    for made_ns in [103 * MS, 107 * MS + 1, 110 * MS - 1] {
        assert_eq!(frame_times_ms(&eager, made_ns), [110., 130., 150., 170.]);
    }
    let tapped = Settings {
        tap_sent: true,
        ..eager
    };
    assert_eq!(frame_times_ms(&tapped, 103 * MS), [113., 133., 153., 173.]);
}

#[test]
fn tap_and_playout_keep_step_whatever_happens_between() {
    let mut engine = engine(Sink::Playout, true);
    engine.start_sending(1, OPUS, "test").unwrap();
    let (mut heard, mut said) = (Vec::new(), Vec::new());
    for now_ms in [7, 35, 36, 200, 6000, 6001, 20_000, 20_005, 20_040, 27_003] {
        engine.handle_timeout(now_ms * MS);
        while let Some(event) = engine.poll_event() {
            match event {
                Event::AudioReceived { pcm, at_ns, .. } => heard.push((at_ns, pcm.len())),
                Event::AudioSent { pcm, at_ns } => said.push((at_ns, pcm.len())),
                _ => {}
            }
        }
    }
    let ticks = |blocks: &[(u64, usize)]| {
        let starts = |&(at_ns, samples): &(u64, usize)| {
            (0..samples as u64 / 160).map(move |tick| at_ns + tick * 10 * MS)
        };
        blocks.iter().flat_map(starts).collect::<Vec<u64>>()
    };
    // What is said lies in the frame before the tick that sends it, and begins with the first.
    let said_at: Vec<u64> = ticks(&heard)[2..]
        .iter()
        .map(|at_ns| at_ns - 20 * MS)
        .collect();
    assert_eq!(ticks(&said), said_at);
    assert_eq!(said_at.first(), Some(&(10 * MS)));
    assert_eq!(ticks(&heard).last(), Some(&(20_040 * MS)));
    // Every tick is heard or counted, also where a stall ends between two of them.
    let skipped = engine.stats().drops.skipped_ticks;
    assert_eq!(ticks(&heard).len() as u64 + skipped, 2_700);
}

#[test]
fn reports_of_a_late_driver_carry_the_time_they_are_sent() {
    let mut near = engine(Sink::Eager, false);
    near.start_sending(1, OPUS, "test").unwrap();
    near.handle_timeout(0);
    let late_ns = 4000 * MS;
    near.handle_timeout(late_ns);
    let mut reports = Vec::new();
    while let Some(packet) = near.poll_transmit() {
        if is_rtcp(packet) {
            reports.push(packet.to_vec());
        }
    }
    let ntp = u64::from_be_bytes(*reports[0][8..].first_chunk().unwrap());
    assert_eq!(reports.len(), 1);
    assert_eq!(ntp >> 32, 2_208_988_800 + 4);
}
