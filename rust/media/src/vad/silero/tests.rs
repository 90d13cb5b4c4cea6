use super::*;

/// Two seconds of made speech in noise, and onnxruntime's score of each window of it.
/// `benches/silero_weights.py` makes both.
const SPEECH: &[u8] = include_bytes!("speech.s16le");
const SCORES: &[u8] = include_bytes!("speech_scores.f32le");

fn windows() -> Vec<Vec<i16>> {
    let samples: Vec<i16> = SPEECH
        .as_chunks()
        .0
        .iter()
        .map(|&b| i16::from_le_bytes(b))
        .collect();
    samples.chunks_exact(WINDOW).map(<[i16]>::to_vec).collect()
}

fn expected_scores() -> Vec<f32> {
    SCORES
        .as_chunks()
        .0
        .iter()
        .map(|&b| f32::from_le_bytes(b))
        .collect()
}

fn scores(detector: &mut Silero) -> Vec<f32> {
    windows()
        .iter()
        .map(|window| detector.score(window))
        .collect()
}

fn assert_close(scores: &[f32], expected: &[f32]) {
    assert_eq!(scores.len(), expected.len());
    for (window, (score, expected)) in scores.iter().zip(expected).enumerate() {
        assert!(
            (score - expected).abs() < 1e-5,
            "window {window}: {score}, not {expected}"
        );
    }
}

#[test]
fn scores_are_those_of_onnxruntime() {
    let expected = expected_scores();
    assert!(expected.iter().any(|&s| s > 0.9) && expected.iter().any(|&s| s < 0.1));
    assert_close(&scores(&mut Silero::new()), &expected);
}

#[test]
fn the_portable_kernel_scores_alike() {
    let mut portable = Silero::with_kernel(Silero::infer::<false>);
    assert_close(&scores(&mut portable), &expected_scores());
}

#[test]
fn a_reset_detector_has_forgotten_the_stream() {
    let mut detector = Silero::new();
    let first = scores(&mut detector);
    assert_ne!(
        scores(&mut detector),
        first,
        "the end of the stream is remembered"
    );
    detector.reset();
    assert_eq!(scores(&mut detector), first);
}

#[test]
fn a_frame_of_another_length_scores_nothing_and_changes_nothing() {
    let mut detector = Silero::new();
    let first = scores(&mut detector);
    detector.reset();
    assert_eq!(detector.score(&[i16::MAX; WINDOW - 1]).to_bits(), 0);
    assert_eq!(detector.score(&[]).to_bits(), 0);
    assert_eq!(scores(&mut detector), first);
}

#[test]
fn full_scale_square_waves_score_within_0_and_1() {
    let mut detector = Silero::new();
    for period in [2, 3, 64, 300, 1024] {
        let wave: Vec<i16> = (0..WINDOW)
            .map(|n| {
                if n % period < period / 2 {
                    i16::MIN
                } else {
                    i16::MAX
                }
            })
            .collect();
        for _ in 0..50 {
            let score = detector.score(&wave);
            assert!((0.0..=1.0).contains(&score), "{score}");
        }
    }
}
