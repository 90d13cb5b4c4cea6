//! The default detector on signals made here. Voices, synthetic and recorded, are heard in
//! `tests/native/test_vad.py`.
#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod support;

use support::{noise, speech};
use voicectl_media::vad::{Earshot, GateSettings, SpeechEvent, SpeechGate};

fn heard(pcm: &[i16]) -> Vec<SpeechEvent> {
    let mut gate = SpeechGate::new(Earshot::default(), GateSettings::default()).unwrap();
    let mut events = Vec::new();
    gate.process(pcm, 0, false, &mut events);
    gate.reset(&mut events);
    events
}

#[test]
fn silence_and_noise_at_minus_60_dbfs_start_nothing() {
    assert_eq!(heard(&vec![0; 160_000]), []);
    for seed in 0..10 {
        assert_eq!(heard(&noise(160_000, 57.0, seed)), []);
    }
}

#[test]
fn a_vowel_glide_out_of_noise_is_one_utterance_with_its_edges_in_place() {
    let mut pcm = noise(48_000, 30.0, 1);
    for (sample, voiced) in pcm[16_000..32_000].iter_mut().zip(speech(16_000, 16_000)) {
        *sample = sample.saturating_add(voiced);
    }
    let events = heard(&pcm);
    let [
        SpeechEvent::Started { at_samples: start },
        SpeechEvent::Ended { at_samples: end },
    ] = events[..]
    else {
        panic!("{events:?}");
    };
    // The glide's last syllable ends 125 ms before it does.
    assert!((start - 16_000).abs() <= 160, "{start}");
    assert!((end - 30_000).abs() <= 160, "{end}");
}
