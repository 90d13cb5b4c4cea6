//! Playing faster and slower without a change of pitch: one period of the voice is taken out or
//! repeated, with a cross-fade (WSOLA; W. Verhelst and M. Roelands, ICASSP 1993).

use std::ops::RangeInclusive;

use super::tape::Tape;

/// 400 Hz, the highest voice's pitch.
const SHORTEST_LAG: usize = 120;

/// 67 Hz, the lowest voice's.
pub(super) const LONGEST_LAG: usize = 720;

/// The search runs on every sixth sample, at 8 kHz, and is refined around the best.
const COARSE: usize = 6;

/// How much of the signal is compared.
const COMPARED_SAMPLES: usize = 384;

/// The shortest cross-fade: 4 ms.
const SHORTEST_FADE: usize = 192;

/// A lag at which the signal is like itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Lag {
    pub(super) samples: usize,
    /// Normalised: 1 for a repetition, at most 0 for no likeness.
    pub(super) correlation: f32,
}

/// Finds lags. Its scratch space is used again.
#[derive(Debug)]
pub(super) struct LagSearch {
    fine: Vec<f32>,
    coarse: Vec<f32>,
}

impl LagSearch {
    pub(super) fn new() -> Self {
        let samples = COMPARED_SAMPLES + LONGEST_LAG;
        Self {
            fine: Vec::with_capacity(samples),
            coarse: Vec::with_capacity(samples / COARSE + 1),
        }
    }

    /// The lag at which `signal` from `at` on is most like the samples before it.
    pub(super) fn before(&mut self, signal: &[i16], at: usize, longest: usize) -> Option<Lag> {
        let longest = longest.min(LONGEST_LAG).min(at);
        let signal = signal.get(at - longest..at + COMPARED_SAMPLES)?;
        // Backwards, so that what is compared comes first.
        self.load(signal.iter().rev());
        self.best(longest)
    }

    /// The lag at which `signal` from `at` on is most like the samples after it.
    fn after(&mut self, signal: &[i16], at: usize, longest: usize) -> Option<Lag> {
        let left = signal.len().checked_sub(at + COMPARED_SAMPLES)?;
        let longest = longest.min(LONGEST_LAG).min(left);
        self.load(signal[at..at + COMPARED_SAMPLES + longest].iter());
        self.best(longest)
    }

    fn load<'a>(&mut self, signal: impl Iterator<Item = &'a i16>) {
        self.fine.clear();
        self.fine.extend(signal.map(|&sample| f32::from(sample)));
        self.coarse.clear();
        let coarse = self.fine.chunks_exact(COARSE);
        self.coarse
            .extend(coarse.map(|chunk| chunk.iter().sum::<f32>()));
    }

    fn best(&self, longest: usize) -> Option<Lag> {
        let coarse = SHORTEST_LAG / COARSE..=longest / COARSE;
        let compared = COMPARED_SAMPLES / COARSE;
        let near = best_of(&self.coarse, compared, coarse)?.samples * COARSE;
        let from = near.saturating_sub(COARSE).max(SHORTEST_LAG);
        best_of(
            &self.fine,
            COMPARED_SAMPLES,
            from..=(near + COARSE).min(longest),
        )
    }
}

/// Compares the beginning of a signal with what lies each of the lags later.
fn best_of(signal: &[f32], compared: usize, lags: RangeInclusive<usize>) -> Option<Lag> {
    let reference = signal.get(..compared)?;
    let energy = dot(reference, reference);
    lags.filter_map(|lag| {
        let other = signal.get(lag..lag + compared)?;
        let likeness = dot(reference, other) / (energy * dot(other, other) + 1.0).sqrt();
        Some(Lag {
            samples: lag,
            correlation: likeness,
        })
    })
    .max_by(|a, b| a.correlation.total_cmp(&b.correlation))
}

/// In eight sums, which the compiler keeps in vectors.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 8];
    for (a, b) in a.chunks_exact(8).zip(b.chunks_exact(8)) {
        for lane in 0..8 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum()
}

/// Fades from one signal to another over their common length into `out`.
pub(super) fn cross_fade(from: &[i16], to: &[i16], out: &mut Vec<i16>) {
    let length = from.len().min(to.len()) as i32;
    for (index, (&a, &b)) in from.iter().zip(to).enumerate() {
        let rising = index as i32 + 1;
        let mixed = i32::from(a) * (length + 1 - rising) + i32::from(b) * rising;
        out.push((mixed / (length + 1)) as i16);
    }
}

/// Changes the tape's length. Its scratch space is used again.
#[derive(Debug)]
pub(super) struct TimeScale {
    lags: LagSearch,
    scratch: Vec<i16>,
}

impl TimeScale {
    pub(super) fn new() -> Self {
        Self {
            lags: LagSearch::new(),
            scratch: Vec::with_capacity(2 * LONGEST_LAG),
        }
    }

    /// Takes one period, of at most `most` samples, out of what is to be played next, if the
    /// signal is at least so much like itself. Gives the samples removed.
    pub(super) fn accelerate(&mut self, tape: &mut Tape, most: usize, likeness: f32) -> usize {
        let (signal, at) = tape.with_history();
        let Some(lag) = self.lags.after(signal, at, most) else {
            return 0;
        };
        if lag.correlation < likeness {
            return 0;
        }
        self.remove(tape, lag.samples)
    }

    /// Takes any `samples` out of what is to be played next: for silence.
    pub(super) fn remove(&mut self, tape: &mut Tape, samples: usize) -> usize {
        let unplayed = tape.unplayed();
        let fade = unplayed
            .len()
            .saturating_sub(samples)
            .min(samples.max(SHORTEST_FADE))
            .min(LONGEST_LAG);
        if samples == 0 || fade < SHORTEST_FADE {
            return 0;
        }
        self.scratch.clear();
        cross_fade(
            &unplayed[..fade],
            &unplayed[samples..samples + fade],
            &mut self.scratch,
        );
        tape.replace_front(samples + fade, &self.scratch);
        samples
    }

    /// Repeats one period, of at most `most` samples, before what is to be played next, if the
    /// signal is at least so much like itself. Gives the samples inserted.
    pub(super) fn decelerate(&mut self, tape: &mut Tape, most: usize, likeness: f32) -> usize {
        let (signal, at) = tape.with_history();
        let Some(lag) = self.lags.before(signal, at, most.min(tape.len())) else {
            return 0;
        };
        if lag.correlation < likeness {
            return 0;
        }
        self.scratch.clear();
        cross_fade(
            &signal[at..at + lag.samples],
            &signal[at - lag.samples..at],
            &mut self.scratch,
        );
        tape.replace_front(0, &self.scratch);
        lag.samples
    }
}
