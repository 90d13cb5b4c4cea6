//! What the resampler does to a signal: its spectrum, its delay, its ends.
#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

use std::f64::consts::TAU;

use voicectl_media::resample::{Quality, Resampler};

const RATES_HZ: [u32; 6] = [8_000, 16_000, 24_000, 32_000, 44_100, 48_000];
const AMPLITUDE: f64 = 30_000.0;

fn tone(hz: f64, rate_hz: u32, samples: usize) -> Vec<i16> {
    (0..samples)
        .map(|index| {
            (AMPLITUDE * (TAU * hz * index as f64 / f64::from(rate_hz)).sin()).round() as i16
        })
        .collect()
}

/// Half a second of a tone through the resampler, without its ends.
fn through(from_hz: u32, to_hz: u32, quality: Quality, hz: f64) -> Vec<i16> {
    let mut output = Vec::new();
    let input = tone(hz, from_hz, from_hz as usize / 2);
    Resampler::new(from_hz, to_hz, quality)
        .unwrap()
        .process(&input, &mut output);
    let margin = to_hz as usize / 100;
    output.split_off(margin)
}

/// The amplitude of the tone in `pcm` relative to the one that went in, in dB.
fn level_db(pcm: &[i16], rate_hz: u32, hz: f64) -> f64 {
    let (mut re, mut im, mut weight) = (0.0, 0.0, 0.0);
    for (index, &sample) in pcm.iter().enumerate() {
        let hann = (TAU * (index as f64 + 0.5) / pcm.len() as f64 / 2.0)
            .sin()
            .powi(2);
        let angle = TAU * hz * index as f64 / f64::from(rate_hz);
        re += hann * f64::from(sample) * angle.cos();
        im += hann * f64::from(sample) * angle.sin();
        weight += hann;
    }
    20.0 * (2.0 * re.hypot(im) / weight / AMPLITUDE).max(1e-9).log10()
}

/// Where a tone lands when a rate cannot hold it.
fn folded(hz: f64, rate_hz: u32) -> f64 {
    let rate = f64::from(rate_hz);
    let wrapped = hz.rem_euclid(rate);
    wrapped.min(rate - wrapped)
}

fn pairs() -> impl Iterator<Item = (u32, u32)> {
    RATES_HZ
        .into_iter()
        .flat_map(|from| RATES_HZ.map(|to| (from, to)))
        .filter(|(from, to)| from != to)
}

#[test]
fn what_lies_above_the_lower_rate_is_78_db_down() {
    for (from, to) in pairs().filter(|(from, to)| from > to) {
        for step in 0..24 {
            let (low, high) = (0.55 * f64::from(to), 0.5 * f64::from(from));
            if low > high {
                continue;
            }
            let hz = low + (high - low) * f64::from(step) / 24.0;
            let pcm = through(from, to, Quality::Standard, hz);
            let alias = level_db(&pcm, to, folded(hz, to));
            assert!(alias < -78.0, "{hz:.0} Hz, {from} to {to}: {alias:.1} dB");
        }
    }
}

#[test]
fn images_of_what_went_in_are_78_db_down() {
    for (from, to) in pairs().filter(|(from, to)| from < to) {
        for step in 1..12 {
            let hz = 0.45 * f64::from(from) * f64::from(step) / 12.0;
            let pcm = through(from, to, Quality::Standard, hz);
            for order in 1..=3 {
                for image in [f64::from(from * order) - hz, f64::from(from * order) + hz] {
                    if image < 0.5 * f64::from(to) {
                        let level = level_db(&pcm, to, image);
                        assert!(level < -78.0, "{hz:.0} Hz, {from} to {to}: {level:.1} dB");
                    }
                }
            }
        }
    }
}

#[test]
fn speech_passes_unchanged() {
    for (from, to) in pairs() {
        let low = f64::from(from.min(to));
        // 8 kHz has no room for both within 2 ms.
        let edge = if low < 16_000.0 { 3_100.0 } else { 0.45 * low };
        for hz in [100.0, 1_000.0, edge] {
            let level = level_db(&through(from, to, Quality::Standard, hz), to, hz);
            assert!(level.abs() < 0.2, "{hz} Hz, {from} to {to}: {level:.2} dB");
        }
        let level = level_db(
            &through(from, to, Quality::High, 0.43 * low),
            to,
            0.43 * low,
        );
        assert!(level.abs() < 0.2, "high, {from} to {to}: {level:.2} dB");
    }
}

#[test]
fn the_output_lags_by_the_stated_delay() {
    for (from, to) in pairs() {
        for quality in [Quality::Standard, Quality::High] {
            let mut resampler = Resampler::new(from, to, quality).unwrap();
            let mut output = Vec::new();
            resampler.process(&tone(500.0, from, from as usize / 10), &mut output);
            let delay_s = resampler.delay_ns() as f64 / 1e9;
            let worst = output
                .iter()
                .enumerate()
                .skip(to as usize / 100)
                .map(|(index, &sample)| {
                    let t = index as f64 / f64::from(to) - delay_s;
                    (f64::from(sample) - AMPLITUDE * (TAU * 500.0 * t).sin()).abs()
                })
                .fold(0.0, f64::max);
            assert!(
                worst < 6.0,
                "{from} to {to}, {quality:?}: off by {worst:.1}"
            );
        }
    }
}

#[test]
fn flush_gives_the_last_sample_its_full_weight_and_begins_anew() {
    let mut resampler = Resampler::new(16_000, 48_000, Quality::Standard).unwrap();
    let mut first = Vec::new();
    resampler.process(&[20_000; 160], &mut first);
    resampler.flush(&mut first);
    let delay = (resampler.delay_ns() * 48 / 1_000_000) as usize;
    assert_eq!(first.len(), 480 + delay);
    let end = i32::from(first[delay + 477]);
    assert!((8_000..24_000).contains(&end), "{end}");
    let mut second = Vec::new();
    resampler.process(&[20_000; 160], &mut second);
    resampler.flush(&mut second);
    assert_eq!(first, second);
}

#[test]
fn full_scale_saturates_and_does_not_wrap() {
    let square: Vec<i16> = (0..4800)
        .map(|index| {
            if index / 24 % 2 == 0 {
                i16::MAX
            } else {
                i16::MIN
            }
        })
        .collect();
    let mut output = Vec::new();
    Resampler::new(48_000, 16_000, Quality::Standard)
        .unwrap()
        .process(&square, &mut output);
    assert!(output.contains(&i16::MAX) && output.contains(&i16::MIN));
    // In the middle of a half wave, away from the edges, the sign is the input's.
    let signs = (100..1500).filter(|index| index % 8 == 4);
    let delay = 32;
    for index in signs {
        let input = square[3 * (index - delay)];
        assert_eq!(output[index] > 0, input > 0, "at {index}");
    }
}

#[test]
fn silence_stays_silent() {
    for (from, to) in pairs() {
        let mut output = Vec::new();
        Resampler::new(from, to, Quality::High)
            .unwrap()
            .process(&[0; 4000], &mut output);
        assert!(output.iter().all(|&sample| sample == 0), "{from} to {to}");
    }
}

#[test]
fn equal_rates_pass_through_without_delay() {
    let mut resampler = Resampler::new(48_000, 48_000, Quality::Standard).unwrap();
    let mut output = Vec::new();
    resampler.process(&[1, 2, 3], &mut output);
    resampler.flush(&mut output);
    assert_eq!(output, [1, 2, 3]);
    assert_eq!(resampler.delay_ns(), 0);
}

#[test]
fn a_converted_recording_is_as_long_as_it_was_and_in_its_place() {
    for (from, to) in pairs() {
        let mut resampler = Resampler::new(from, to, Quality::Standard).unwrap();
        // What it heard before has no part in it.
        resampler.process(&[20_000; 100], &mut Vec::new());
        let recording = tone(500.0, from, from as usize / 10 + 7);
        let converted = resampler.convert(&recording);
        let length = (recording.len() * to as usize).div_ceil(from as usize);
        assert_eq!(converted.len(), length, "{from} to {to}");
        let middle = to as usize / 20;
        for shift in [-1.0, 1.0] {
            let off = |shift: f64| {
                let t = (middle as f64 + shift) / f64::from(to);
                (f64::from(converted[middle]) - AMPLITUDE * (TAU * 500.0 * t).sin()).abs()
            };
            assert!(off(0.0) <= off(shift) + 6.0, "{from} to {to}");
        }
    }
}
