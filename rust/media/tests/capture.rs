//! Captures: replayed to the bit, bounded, and read whatever became of the file.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod engine_support;

use engine_support::{OPUS, calls, make};
use proptest::prelude::*;
use voicectl_media::engine::capture::{CaptureReader, DamageKind, Outcome, Replay, is_capture};
use voicectl_media::engine::{Codec, Engine, Preset, Settings, Stats, TransportFeedback};
use voicectl_media::opus::EncoderSettings;
use voicectl_media::playout::Sink;
use voicectl_media::srtp::Profile;
use voicectl_media::vad::DetectorKind;

const MS: u64 = 1_000_000;
const LIMIT: u64 = 1 << 30;

fn captured_engine(sink: Sink, limit_bytes: u64) -> Engine {
    let settings = Settings {
        sink,
        tap_sent: true,
        vad: Some(DetectorKind::default()),
        output_rate_hz: 16_000,
        encoder: EncoderSettings {
            complexity: 0,
            ..EncoderSettings::default()
        },
        ..Settings::default()
    };
    captured_engine_of(&settings, limit_bytes)
}

fn captured_engine_of(settings: &Settings, limit_bytes: u64) -> Engine {
    let mut engine = Engine::captured(settings, 5 * MS, 7, limit_bytes).unwrap();
    engine.configure_receive(&[(OPUS, Codec::Opus)]).unwrap();
    engine
}

/// An engine that hears its own echo 30 ms later, and what it polled of audio.
fn echo_call(engine: &mut Engine, duration_ms: u64) -> (Vec<u8>, Vec<i16>) {
    echo_call_with(engine, duration_ms, false)
}

/// The same, its RTCP too if `echoes_rtcp`.
fn echo_call_with(engine: &mut Engine, duration_ms: u64, echoes_rtcp: bool) -> (Vec<u8>, Vec<i16>) {
    let (mut capture, mut heard) = (Vec::new(), Vec::new());
    let mut in_flight: Vec<(u64, Vec<u8>)> = Vec::new();
    engine.start_sending(1, OPUS, "test").unwrap();
    let tone: Vec<i16> = (0..24_000).map(|n| (n % 120 * 100) as i16).collect();
    for now_ms in (5..duration_ms).step_by(5) {
        let now_ns = now_ms * MS;
        if now_ms % 1000 == 5 {
            engine.queue_audio(&tone, 24_000).unwrap();
            engine.finish_audio();
        }
        in_flight.retain(|(at_ns, packet)| {
            let arrives = *at_ns == now_ns;
            if arrives && packet[1] < 192 {
                engine.handle_rtp(packet, now_ns);
            } else if arrives && echoes_rtcp {
                engine.handle_rtcp(packet, now_ns);
            }
            !arrives
        });
        engine.handle_timeout(now_ns);
        while let Some(packet) = engine.poll_transmit() {
            in_flight.push((now_ns + 30 * MS, packet.to_vec()));
        }
        keep_audio(engine, &mut heard);
        capture.extend(engine.take_capture());
    }
    capture.extend(engine.end_capture());
    (capture, heard)
}

fn keep_audio(engine: &mut Engine, heard: &mut Vec<i16>) {
    while let Some(event) = engine.poll_event() {
        if let voicectl_media::engine::Event::AudioReceived { pcm, .. } = event {
            heard.extend(pcm);
        }
    }
}

fn replayed(capture: Vec<u8>) -> (Outcome, Stats, Vec<i16>, Vec<DamageKind>) {
    let mut replay = Replay::new(capture).unwrap();
    let mut heard = Vec::new();
    let mut until_ns = 0;
    while replay.run_until(until_ns, |event| {
        if let voicectl_media::engine::Event::AudioReceived { pcm, .. } = event {
            heard.extend(*pcm);
        }
    }) {
        until_ns += 100 * MS;
    }
    let damage = replay.damage().iter().map(|damage| damage.kind).collect();
    (replay.outcome(), replay.engine().stats(), heard, damage)
}

#[test]
fn call_is_replayed_to_the_bit() {
    let mut engine = captured_engine(Sink::Playout, LIMIT);
    let (capture, heard) = echo_call(&mut engine, 3000);
    assert!(is_capture(&capture));
    let stats = engine.stats();
    let (outcome, replayed_stats, replayed_heard, damage) = replayed(capture);
    assert!(heard.iter().any(|sample| sample.abs() > 1000));
    assert_eq!(replayed_heard, heard);
    assert_eq!(replayed_stats, stats);
    assert_eq!(damage, []);
    assert_eq!(outcome.same_events, Some(true));
    assert_eq!(outcome.same_packets, Some(true));
    assert!(outcome.is_complete);
    assert_eq!(outcome.truncated_at_ns, None);
}

/// The far end of an echo reports on the packets that it sends back, as it numbers them too.
#[test]
fn call_with_transport_wide_feedback_is_replayed_to_the_bit() {
    let settings = Settings {
        sink: Sink::Eager,
        adaptation: Some(Preset::Broadband),
        ..Settings::default()
    };
    let mut engine = captured_engine_of(&settings, LIMIT);
    let feedback = TransportFeedback {
        extension_id: 3,
        reduced_size: true,
    };
    engine.configure_transport_feedback(Some(feedback)).unwrap();
    let (capture, _) = echo_call_with(&mut engine, 3000, true);
    let stats = engine.stats();
    let told = stats.transport_feedback.unwrap();
    assert!(
        told.messages_received > 20 && told.packets_arrived > 100,
        "{told:?}"
    );
    assert_eq!(told.malformed_messages, 0);
    let (outcome, replayed_stats, _, _) = replayed(capture);
    assert_eq!(replayed_stats, stats);
    assert_eq!(outcome.same_packets, Some(true));
}

#[test]
fn keys_are_in_no_capture_and_what_srtp_refused_is_counted() {
    let mut engine = captured_engine(Sink::Eager, LIMIT);
    let (local, remote) = ([0xa5; 30], [0x5a; 30]);
    engine
        .set_srtp_keys(Profile::Aes128CmSha1, &local, &remote)
        .unwrap();
    for _ in 0..1000 {
        assert!(!engine.handle_datagram(&[0x80; 60], 6 * MS));
    }
    engine.handle_timeout(7 * MS);
    let capture = engine.end_capture();
    let keeps = |key: &[u8]| capture.windows(8).any(|eight| eight == &key[..8]);
    assert!(!keeps(&local) && !keeps(&remote));
    assert!(capture.len() < 1000, "{}", capture.len());
    let (_, stats, _, _) = replayed(capture);
    assert_eq!(stats.errors, engine.stats().errors);
    assert_eq!(stats.errors.unauthenticated_packets, 1000);
}

#[test]
fn capture_stays_below_its_bound_and_says_when_it_reached_it() {
    let limit = 200 << 10;
    let mut engine = captured_engine(Sink::Playout, limit);
    let (capture, heard) = echo_call(&mut engine, 8000);
    assert!(capture.len() as u64 <= limit && capture.len() as u64 > limit / 2);
    let (outcome, _, replayed_heard, damage) = replayed(capture);
    assert_eq!(damage, []);
    assert!(outcome.truncated_at_ns.is_some());
    assert!(!outcome.is_complete);
    // Up to there it is the call.
    assert_eq!(outcome.same_events, Some(true));
    assert!(replayed_heard.len() > 16_000);
    assert_eq!(replayed_heard, heard[..replayed_heard.len()]);
}

#[test]
fn capture_that_nobody_takes_away_ends_and_the_call_goes_on() {
    let mut engine = captured_engine(Sink::Eager, LIMIT);
    engine.start_sending(1, OPUS, "test").unwrap();
    for second in 1..30 {
        engine.queue_audio(&vec![1; 48_000 * 50], 48_000).unwrap();
        engine.clear_audio(second * 1000 * MS);
    }
    let capture = engine.end_capture();
    assert!(capture.len() < 40 << 20, "{}", capture.len());
    assert!(replayed(capture).0.truncated_at_ns.is_some());
    assert!(engine.queue_audio(&[1; 100], 48_000).unwrap() > 0);
}

#[test]
fn cut_off_capture_is_used_up_to_its_end_and_damage_has_its_offset() {
    let mut engine = captured_engine(Sink::Playout, LIMIT);
    let (capture, heard) = echo_call(&mut engine, 4000);
    let cut = capture.len() * 2 / 3;
    let (outcome, _, replayed_heard, damage) = replayed(capture[..cut].to_vec());
    assert_eq!(damage, [DamageKind::CutOff]);
    assert_eq!(outcome.same_events, None);
    assert!(replayed_heard.len() > 16_000);
    assert_eq!(replayed_heard, heard[..replayed_heard.len()]);

    let mut corrupted = capture.clone();
    corrupted[cut] ^= 0x10;
    let reader = CaptureReader::new(corrupted.clone()).unwrap();
    let [damage] = reader.damage() else {
        panic!("{:?}", reader.damage());
    };
    let offset = damage.offset as usize;
    assert_eq!(&corrupted[offset..offset + 4], b"VCHK");
    assert!(offset <= cut);
    let (outcome, _, replayed_heard, _) = replayed(corrupted);
    assert_eq!(outcome.same_events, Some(false));
    // A second or less is missing; the rest is heard.
    assert!(replayed_heard.len() + 2 * 16_000 > heard.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_calls_at_any_times_are_replayed_to_the_bit(
        eager: bool,
        calls in proptest::collection::vec((calls(), 0..400u64), 0..60),
    ) {
        let mut engine = captured_engine(if eager { Sink::Eager } else { Sink::Playout }, LIMIT);
        let mut now_ns = 0;
        let mut capture = Vec::new();
        for (call, wait_ms) in calls {
            now_ns += wait_ms * MS;
            make(&mut engine, &call, now_ns);
            capture.extend(engine.take_capture());
        }
        capture.extend(engine.end_capture());
        let (outcome, stats, _, damage) = replayed(capture);
        prop_assert_eq!(damage, []);
        prop_assert_eq!(stats, engine.stats());
        prop_assert_eq!((outcome.same_events, outcome.same_packets), (Some(true), Some(true)));
    }

    #[test]
    fn damaged_file_is_a_shorter_call_or_an_error(
        cut in 0.0..1.0f64,
        flips in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..6),
        inserted in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut engine = captured_engine(Sink::Eager, LIMIT);
        let (mut file, _) = echo_call(&mut engine, 2500);
        let at = (file.len() as f64 * cut) as usize;
        file.splice(at..at, inserted);
        file.truncate(file.len() - at / 7);
        for (index, byte) in flips {
            let index = index.index(file.len());
            file[index] ^= byte;
        }
        if let Ok(mut replay) = Replay::new(file) {
            while replay.run_until(u64::MAX, |_| {}) {}
            prop_assert!(replay.outcome().inputs < 10_000);
        }
    }

    #[test]
    fn any_bytes_behind_the_magic_are_a_capture_or_an_error(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        has_chunk: bool,
    ) {
        let mut file = b"voicecap\x01\x00\x00\x00".to_vec();
        if has_chunk {
            file.extend(b"VCHK");
        }
        file.extend(bytes);
        if let Ok(reader) = CaptureReader::new(file) {
            let _ = reader.received_packets().count();
        }
    }
}
