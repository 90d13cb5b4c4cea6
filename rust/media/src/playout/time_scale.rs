//! Playing faster and slower without a change of pitch: one period of the voice is taken out or
//! repeated, with a cross-fade (WSOLA; W. Verhelst and M. Roelands, ICASSP 1993).

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

/// Which side the signal is compared with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Side {
    Before,
    After,
}

/// The lag at which `signal` around `at` is most like the samples before it.
pub(super) fn lag_before(signal: &[i16], at: usize) -> Option<Lag> {
    best_lag(signal, at, Side::Before, LONGEST_LAG)
}

fn best_lag(signal: &[i16], at: usize, side: Side, longest: usize) -> Option<Lag> {
    let longest = match side {
        Side::Before => longest.min(at),
        Side::After => longest.min(signal.len().saturating_sub(at + COMPARED_SAMPLES)),
    };
    if at + COMPARED_SAMPLES > signal.len() || longest < SHORTEST_LAG {
        return None;
    }
    let likeness = |lag: usize, step: usize| {
        let other = match side {
            Side::Before => at - lag,
            Side::After => at + lag,
        };
        correlation(
            &signal[at..at + COMPARED_SAMPLES],
            &signal[other..other + COMPARED_SAMPLES],
            step,
        )
    };
    let best_of = |lags: &mut dyn Iterator<Item = usize>, step: usize| {
        lags.map(|lag| Lag {
            samples: lag,
            correlation: likeness(lag, step),
        })
        .max_by(|a, b| a.correlation.total_cmp(&b.correlation))
    };
    let coarse = best_of(&mut (SHORTEST_LAG..=longest).step_by(COARSE), COARSE)?;
    let from = coarse.samples.saturating_sub(COARSE).max(SHORTEST_LAG);
    let to = (coarse.samples + COARSE).min(longest);
    best_of(&mut (from..=to), 2)
}

fn correlation(a: &[i16], b: &[i16], step: usize) -> f32 {
    let (mut ab, mut aa, mut bb) = (0_i64, 1_i64, 1_i64);
    for (&x, &y) in a.iter().zip(b).step_by(step) {
        let (x, y) = (i64::from(x), i64::from(y));
        ab += x * y;
        aa += x * x;
        bb += y * y;
    }
    (ab as f64 / ((aa as f64) * (bb as f64)).sqrt()) as f32
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
    scratch: Vec<i16>,
}

impl TimeScale {
    pub(super) fn new() -> Self {
        Self {
            scratch: Vec::with_capacity(2 * LONGEST_LAG),
        }
    }

    /// Takes one period, of at most `most` samples, out of what is to be played next, if the
    /// signal is at least so much like itself. Gives the samples removed.
    pub(super) fn accelerate(&mut self, tape: &mut Tape, most: usize, likeness: f32) -> usize {
        let (signal, at) = tape.with_history();
        let Some(lag) = best_lag(signal, at, Side::After, most.min(LONGEST_LAG)) else {
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
        let Some(lag) = best_lag(signal, at, Side::Before, most.min(LONGEST_LAG)) else {
            return 0;
        };
        if lag.correlation < likeness || lag.samples > tape.len() {
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
