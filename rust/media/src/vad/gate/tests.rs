use proptest::prelude::*;

use super::*;

const FRAME: usize = 256;
const LOUD: i16 = 8000;

/// Scores a frame by how much of it, or of the one before it, is loud.
#[derive(Default)]
struct Loudness {
    last: f32,
}

impl Detector for Loudness {
    fn frame_samples(&self) -> usize {
        FRAME
    }

    fn score(&mut self, frame: &[i16]) -> f32 {
        let loud = frame.iter().filter(|&&s| s.abs() > 1000).count() as f32;
        let score = loud / frame.len() as f32;
        std::mem::replace(&mut self.last, score).max(score)
    }

    fn reset(&mut self) {
        self.last = 0.0;
    }
}

fn gate() -> SpeechGate<Loudness> {
    SpeechGate::new(Loudness::default(), GateSettings::default()).unwrap()
}

/// Silence, but loud from one index to another.
fn pcm(samples: usize, loud: &[(usize, usize)]) -> Vec<i16> {
    let mut pcm = vec![0; samples];
    for &(from, to) in loud {
        for (index, sample) in pcm[from..to].iter_mut().enumerate() {
            *sample = if index % 2 == 0 { LOUD } else { -LOUD };
        }
    }
    pcm
}

fn heard(gate: &mut SpeechGate<Loudness>, pcm: &[i16], first_sample: i64) -> Vec<SpeechEvent> {
    let mut events = Vec::new();
    gate.process(pcm, first_sample, false, &mut events);
    events
}

fn started(at_samples: i64) -> SpeechEvent {
    SpeechEvent::Started { at_samples }
}

fn ended(at_samples: i64) -> SpeechEvent {
    SpeechEvent::Ended { at_samples }
}

#[test]
fn events_carry_the_media_time_of_the_edges_to_within_a_block() {
    for onset in [4096, 4100, 4200, 4351] {
        let audio = pcm(20_000, &[(onset, onset + 8000)]);
        let first = 1_000_000;
        let events = heard(&mut gate(), &audio, first);
        let [
            SpeechEvent::Started { at_samples: start },
            SpeechEvent::Ended { at_samples: end },
        ] = events[..]
        else {
            panic!("{events:?}");
        };
        assert!((start - first - onset as i64).abs() < 64, "{start}");
        assert!((end - first - onset as i64 - 8000).abs() < 64, "{end}");
    }
}

#[test]
fn a_soft_consonant_before_the_first_scored_frame_belongs_to_the_utterance() {
    let mut audio = pcm(20_000, &[(6400, 12_000)]);
    for (index, sample) in audio[4800..6400].iter_mut().enumerate() {
        *sample = if index % 2 == 0 { 500 } else { -500 };
    }
    assert_eq!(heard(&mut gate(), &audio, 0)[0], started(4800));
}

#[test]
fn background_noise_is_not_taken_for_the_beginning() {
    let mut audio = pcm(20_000, &[(12_800, 18_000)]);
    for (index, sample) in audio[..12_800].iter_mut().enumerate() {
        *sample = if index % 2 == 0 { 300 } else { -300 };
    }
    assert_eq!(heard(&mut gate(), &audio, 0), [started(12_800)]);
}

#[test]
fn a_click_shorter_than_min_speech_starts_nothing() {
    let settings = GateSettings {
        min_speech_ms: 48,
        ..GateSettings::default()
    };
    let mut gate = SpeechGate::new(Loudness::default(), settings).unwrap();
    assert_eq!(heard(&mut gate, &pcm(8000, &[(2560, 2816)]), 0), []);
}

#[test]
fn a_pause_shorter_than_the_hangover_is_bridged_and_a_longer_one_is_not() {
    let bridged = pcm(24_000, &[(2560, 5120), (7680, 10_240)]);
    assert_eq!(
        heard(&mut gate(), &bridged, 0),
        [started(2560), ended(10_240)]
    );
    let apart = pcm(24_000, &[(2560, 5120), (10_240, 12_800)]);
    assert_eq!(
        heard(&mut gate(), &apart, 0),
        [started(2560), ended(5120), started(10_240), ended(12_800)]
    );
}

#[test]
fn concealed_audio_starts_no_speech() {
    let mut events = Vec::new();
    gate().process(&pcm(8000, &[(0, 8000)]), 0, true, &mut events);
    // Only what lasts beyond what is held back is heard, and it counts as silence.
    assert_eq!(events, []);
}

#[test]
fn a_short_concealment_does_not_end_speech_and_a_dead_stream_does() {
    let mut gate = gate();
    let mut events = Vec::new();
    gate.process(&pcm(5120, &[(0, 5120)]), 0, false, &mut events);
    gate.process(&[0; 3072], 5120, true, &mut events);
    gate.process(&pcm(2560, &[(0, 2560)]), 8192, false, &mut events);
    assert_eq!(events, [started(0)]);
    gate.process(&[0; 8000], 10_752, true, &mut events);
    assert_eq!(events, [started(0), ended(10_752)]);
}

#[test]
fn missing_media_counts_as_silence() {
    let mut gate = gate();
    let mut events = heard(&mut gate, &pcm(5120, &[(0, 5120)]), 0);
    events.extend(heard(&mut gate, &pcm(5120, &[(0, 5120)]), 5120 + 4800));
    events.extend(heard(&mut gate, &[0; 8000], 15_040));
    assert_eq!(events[1], ended(5120));
    assert!(
        matches!(events[2], SpeechEvent::Started { at_samples } if (9900..10_100).contains(&at_samples))
    );
    assert!(
        matches!(events[3], SpeechEvent::Ended { at_samples } if (14_900..15_100).contains(&at_samples))
    );
}

#[test]
fn a_jump_in_media_time_ends_speech_where_it_was_last_heard() {
    for jump in [-1_000_000, 1_000_000, i64::MAX] {
        let mut gate = gate();
        let mut events = heard(&mut gate, &pcm(5120, &[(0, 5120)]), 0);
        events.extend(heard(&mut gate, &[0; 256], jump.min(i64::MAX - 256)));
        assert_eq!(events, [started(0), ended(5120)]);
    }
}

#[test]
fn thresholds_out_of_order_are_refused() {
    for (stop, start) in [(0.6, 0.5), (-0.1, 0.5), (0.4, 1.1), (f32::NAN, 0.5)] {
        let settings = GateSettings {
            stop_threshold: stop,
            start_threshold: start,
            ..GateSettings::default()
        };
        assert!(SpeechGate::new(Loudness::default(), settings).is_err());
    }
}

proptest! {
    #[test]
    fn events_alternate_and_never_go_back_however_the_audio_is_cut(
        ranges in prop::collection::vec((0_usize..40_000, 1_usize..6000), 0..6),
        cuts in prop::collection::vec((1_usize..900, any::<bool>()), 1..80),
        first in -100_000_i64..100_000,
    ) {
        let ranges: Vec<_> = ranges.into_iter().map(|(a, n)| (a, a + n)).collect();
        let audio = pcm(46_000, &ranges);
        let mut gate = gate();
        let (mut events, mut at) = (Vec::new(), 0);
        for (cut, concealed) in cuts {
            let end = (at + cut).min(audio.len());
            gate.process(&audio[at..end], first + at as i64, concealed, &mut events);
            at = end;
        }
        gate.reset(&mut events);
        let mut last = first;
        for (index, event) in events.iter().enumerate() {
            let (kind, time) = match *event {
                SpeechEvent::Started { at_samples } => (0, at_samples),
                SpeechEvent::Ended { at_samples } => (1, at_samples),
            };
            prop_assert_eq!(kind, index % 2, "{:?}", events);
            prop_assert!((last..=first + at as i64).contains(&time), "{events:?}");
            last = time;
        }
        prop_assert!(events.len() % 2 == 0, "reset ends what began");
    }

    #[test]
    fn the_events_do_not_depend_on_how_the_audio_is_cut(
        ranges in prop::collection::vec((0_usize..40_000, 1_usize..6000), 0..6),
        cuts in prop::collection::vec(1_usize..900, 1..80),
    ) {
        let ranges: Vec<_> = ranges.into_iter().map(|(a, n)| (a, a + n)).collect();
        let audio = pcm(46_000, &ranges);
        let whole = heard(&mut gate(), &audio, 0);
        let (mut gate, mut pieces, mut at) = (gate(), Vec::new(), 0);
        for cut in cuts.into_iter().cycle() {
            let end = (at + cut).min(audio.len());
            pieces.extend(heard(&mut gate, &audio[at..end], at as i64));
            at = end;
            if at == audio.len() {
                break;
            }
        }
        prop_assert_eq!(whole, pieces);
    }
}
