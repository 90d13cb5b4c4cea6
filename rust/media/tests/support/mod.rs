//! Signals that several tests share.
#![allow(dead_code, reason = "each test binary uses some of them")]

use std::f64::consts::TAU;

/// A vowel-like signal: a glide in pitch through three formants, in syllables of 250 ms.
pub(crate) fn speech(samples: usize, sample_rate_hz: u32) -> Vec<i16> {
    let rate = f64::from(sample_rate_hz);
    let mut phase = 0.0;
    (0..samples)
        .map(|index| {
            let t = index as f64 / rate;
            let pitch_hz = 120.0 + 30.0 * (TAU * 0.7 * t).sin();
            phase += pitch_hz / rate;
            let syllable = (TAU * 4.0 * t).sin().max(0.0).sqrt();
            let voiced: f64 = (1..28)
                .map(|harmonic| {
                    let hz = pitch_hz * f64::from(harmonic);
                    formants(hz, t) * (TAU * phase * f64::from(harmonic)).sin()
                })
                .sum();
            (9000.0 * syllable * voiced).clamp(-32_000.0, 32_000.0) as i16
        })
        .collect()
}

fn formants(hz: f64, t: f64) -> f64 {
    let vowel = (TAU * 1.3 * t).sin();
    [
        (500.0 + 200.0 * vowel, 1.0),
        (1500.0 - 400.0 * vowel, 0.5),
        (2500.0, 0.25),
    ]
    .iter()
    .map(|(centre, gain)| gain / (1.0 + ((hz - centre) / 90.0).powi(2)))
    .sum()
}

/// White noise of the given peak, the same for the same seed.
pub(crate) fn noise(samples: usize, peak: f64, seed: u32) -> Vec<i16> {
    let mut state = u64::from(seed) | 1;
    (0..samples)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let unit = f64::from((state >> 33) as u32) / f64::from(1_u32 << 30) - 1.0;
            (unit * peak).round() as i16
        })
        .collect()
}

pub(crate) fn energy(pcm: &[i16]) -> f64 {
    pcm.iter().map(|&s| f64::from(s).powi(2)).sum()
}

/// Signal to error in dB.
pub(crate) fn snr_db(signal: &[i16], other: &[i16]) -> f64 {
    let error: f64 = signal
        .iter()
        .zip(other)
        .map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2))
        .sum();
    10.0 * (energy(signal) / error.max(1.0)).log10()
}
