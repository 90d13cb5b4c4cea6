//! A windowed-sinc low-pass, cut into phases and rounded to 16 bits.

use std::f64::consts::PI;

/// Taps of one phase are laid out in blocks of this many, with one exponent each.
pub(super) const BLOCK_TAPS: usize = 16;

/// Sums are kept as 16-bit samples with this many more bits of fraction.
pub(super) const SUM_FRACTION_BITS: u32 = 15;

/// Coefficients are at most scaled by two to this. Beyond it they are exact enough.
const MAX_EXPONENT: i32 = 20;

/// How deep the stop band lies. Rounding the coefficients spoils some of it: tests/resample.rs has
/// what remains.
const STOP_BAND_DB: f64 = 85.0;

/// Every phase of the low-pass, time-reversed so that a phase lies beside the history as is.
pub(super) struct Filter {
    blocks: Vec<[i16; BLOCK_TAPS]>,
    /// How far the products of each block of a phase are shifted to the sum's fraction. The outer
    /// taps are small, so their blocks carry more bits than the inner ones.
    shifts: Vec<i32>,
    phases: usize,
    delay_samples: usize,
}

impl Filter {
    /// A filter that delays by at most `delay_ms`; none at all for equal rates.
    pub(super) fn design(from_hz: u32, to_hz: u32, delay_ms: u32) -> Self {
        if from_hz == to_hz {
            return Self {
                blocks: Vec::new(),
                shifts: Vec::new(),
                phases: 1,
                delay_samples: 0,
            };
        }
        let phases = (to_hz / gcd(from_hz, to_hz)) as usize;
        // Rounded down so that a phase, twice as long, fills its blocks.
        let delay_samples = (delay_ms * from_hz / 1000) as usize / 8 * 8;
        let prototype = prototype(from_hz, to_hz, phases, delay_samples);
        let block_count = 2 * delay_samples / BLOCK_TAPS;
        let exponents: Vec<i32> = (0..block_count)
            .map(|block| {
                let peak = (0..phases)
                    .flat_map(|phase| block_taps(&prototype, phases, phase, block))
                    .fold(0.0, |peak: f64, tap| peak.max(tap.abs()));
                ((f64::from(i16::MAX) / peak).log2().floor() as i32).min(MAX_EXPONENT)
            })
            .collect();
        let blocks = (0..phases)
            .flat_map(|phase| exponents.iter().enumerate().map(move |e| (phase, e)))
            .map(|(phase, (block, &exponent))| {
                block_taps(&prototype, phases, phase, block)
                    .map(|tap| (tap * 2_f64.powi(exponent)).round() as i16)
            })
            .collect();
        Self {
            blocks,
            shifts: exponents
                .iter()
                .map(|exponent| exponent - SUM_FRACTION_BITS as i32)
                .collect(),
            phases,
            delay_samples,
        }
    }

    /// The blocks of one phase.
    #[inline]
    pub(super) fn phase(&self, phase: usize) -> &[[i16; BLOCK_TAPS]] {
        &self.blocks[phase * self.shifts.len()..][..self.shifts.len()]
    }

    /// One shift for each block of a phase, 0 to 5.
    #[inline]
    pub(super) fn shifts(&self) -> &[i32] {
        &self.shifts
    }

    /// How many phases there are.
    pub(super) fn phases(&self) -> usize {
        self.phases
    }

    /// Taps of one phase.
    #[inline]
    pub(super) fn taps(&self) -> usize {
        self.shifts.len() * BLOCK_TAPS
    }

    /// The delay in input samples.
    pub(super) fn delay_samples(&self) -> usize {
        self.delay_samples
    }
}

/// The taps of one block of one phase, the newest sample's last.
fn block_taps(prototype: &[f64], phases: usize, phase: usize, block: usize) -> [f64; BLOCK_TAPS] {
    let taps = prototype.len() / phases;
    std::array::from_fn(|tap| {
        let age = taps - 1 - (block * BLOCK_TAPS + tap);
        prototype[age * phases + phase]
    })
}

/// The low-pass at `phases * from_hz`, with unity gain in every phase: a sinc under a Kaiser
/// window (Kaiser and Schafer, 1980) that spans the delay either way.
fn prototype(from_hz: u32, to_hz: u32, phases: usize, delay_samples: usize) -> Vec<f64> {
    let (from_hz, low_hz) = (f64::from(from_hz), f64::from(from_hz.min(to_hz)));
    let span_s = 2.0 * delay_samples as f64 / from_hz;
    let transition_hz = (STOP_BAND_DB - 7.95) / (4.57 * PI * span_s);
    // Flat to 0.45 of the lower rate if the transition can still end by 0.55, where what aliases
    // lands above 0.45 again; else the pass band gives way, not the stop band.
    let stop_hz = (0.45 * low_hz + transition_hz).clamp(0.5 * low_hz, 0.55 * low_hz);
    let cutoff = 2.0 * (stop_hz - transition_hz / 2.0) / from_hz;
    let beta = 0.1102 * (STOP_BAND_DB - 8.7);
    let centre = (delay_samples * phases) as f64;
    let taps: Vec<f64> = (0..2 * delay_samples * phases)
        .map(|index| {
            let offset = index as f64 - centre;
            let x = PI * cutoff * offset / phases as f64;
            let sinc = if x == 0.0 { 1.0 } else { x.sin() / x };
            let window = bessel_i0(beta * (1.0 - (offset / centre).powi(2)).sqrt());
            if index == 0 { 0.0 } else { sinc * window }
        })
        .collect();
    let gain = phases as f64 / taps.iter().sum::<f64>();
    taps.into_iter().map(|tap| tap * gain).collect()
}

/// The modified Bessel function of the first kind, of order zero, by its power series.
fn bessel_i0(x: f64) -> f64 {
    let (mut sum, mut term, mut n) = (1.0, 1.0, 1.0);
    while term > 1e-12 * sum {
        term *= (x / (2.0 * n)).powi(2);
        sum += term;
        n += 1.0;
    }
    sum
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}
