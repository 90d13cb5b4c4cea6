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

/// A lag so much less alike than the best is as good, if more is wanted.
const AS_ALIKE: f32 = 0.05;

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
    likeness: Vec<f32>,
}

impl LagSearch {
    pub(super) fn new() -> Self {
        let samples = COMPARED_SAMPLES + LONGEST_LAG;
        Self {
            fine: Vec::with_capacity(samples),
            coarse: Vec::with_capacity(samples / COARSE + 1),
            likeness: Vec::with_capacity(LONGEST_LAG / COARSE + 1),
        }
    }

    /// The longest lag that is about as good as that of [`Self::before`]: several periods of a high
    /// voice, at one cut.
    fn longest_before(&mut self, signal: &[i16], at: usize) -> Option<Lag> {
        let best = self.before(signal, at, LONGEST_LAG)?;
        self.likeness.clear();
        let lags = SHORTEST_LAG / COARSE..=LONGEST_LAG / COARSE;
        let coarse = likeness(&self.coarse, COMPARED_SAMPLES / COARSE, lags)?;
        self.likeness.extend(coarse.map(|lag| lag.correlation));
        let peaks = self.likeness.windows(3).enumerate().rev();
        peaks
            .filter(|(_, near)| near[1] >= near[0].max(near[2]))
            .map(|(index, _)| SHORTEST_LAG + (index + 1) * COARSE)
            .take_while(|&peak| peak > best.samples + COARSE)
            .filter_map(|peak| {
                let around = peak - COARSE..=(peak + COARSE).min(LONGEST_LAG);
                best_of(&self.fine, COMPARED_SAMPLES, around)
            })
            .find(|lag| lag.correlation >= best.correlation - AS_ALIKE)
            .or(Some(best))
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
    likeness(signal, compared, lags)?.max_by(|a, b| a.correlation.total_cmp(&b.correlation))
}

/// How alike the beginning of a signal and what lies each of the lags later are, as far as it goes.
fn likeness(
    signal: &[f32],
    compared: usize,
    lags: RangeInclusive<usize>,
) -> Option<impl Iterator<Item = Lag> + '_> {
    let reference = signal.get(..compared)?;
    let energy = dot(reference, reference);
    Some(lags.filter_map(move |lag| {
        let other = signal.get(lag..lag + compared)?;
        Some(Lag {
            samples: lag,
            correlation: dot(reference, other) / (energy * dot(other, other) + 1.0).sqrt(),
        })
    }))
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

    /// The same, by as much as one cut can, and of however little is left.
    pub(super) fn draw_out(&mut self, tape: &mut Tape, likeness: f32) -> usize {
        let (signal, at) = tape.with_history();
        let compared_at = at.min(signal.len() - COMPARED_SAMPLES);
        let Some(lag) = self.lags.longest_before(signal, compared_at) else {
            return 0;
        };
        if lag.correlation < likeness {
            return 0;
        }
        let again = &signal[at - lag.samples..at];
        let fade = lag.samples.min(tape.len());
        self.scratch.clear();
        cross_fade(&signal[at..at + fade], &again[..fade], &mut self.scratch);
        self.scratch.extend_from_slice(&again[fade..]);
        tape.replace_front(0, &self.scratch);
        lag.samples
    }
}
