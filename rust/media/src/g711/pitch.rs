//! What a voice would have gone on with, after ITU-T G.711 Appendix I: its last period, repeated and
//! faded out.

/// A history of three of the longest periods.
const HISTORY: usize = 3 * LONGEST;
/// 66 Hz at 8 kHz.
const LONGEST: usize = 120;
/// 200 Hz: of higher voices two periods are taken.
const SHORTEST: usize = 40;
/// The end of the history that is compared with what lies a period before.
const COMPARED: usize = 160;
/// Full level for 10 ms, then down to silence within 50 ms, as in the appendix.
const HOLD: usize = 80;
const FADE: usize = 400;
/// A period is led over into the next one within this.
const SEAM: usize = 10;

/// Continues a voice.
#[derive(Debug)]
pub(super) struct Continuation {
    history: Vec<i16>,
    period: Vec<i16>,
    made: usize,
}

impl Continuation {
    pub(super) fn new() -> Self {
        Self {
            history: vec![0; HISTORY],
            period: Vec::with_capacity(LONGEST),
            made: 0,
        }
    }

    /// Whether the last samples were made up.
    pub(super) fn is_on(&self) -> bool {
        !self.period.is_empty()
    }

    /// Takes decoded samples in.
    pub(super) fn hear(&mut self, pcm: &[i16]) {
        self.period.clear();
        self.made = 0;
        let kept = HISTORY.saturating_sub(pcm.len());
        self.history.drain(..HISTORY - kept);
        self.history.extend(&pcm[pcm.len() - (HISTORY - kept)..]);
    }

    /// The next sample that was not heard.
    pub(super) fn next_sample(&mut self) -> i16 {
        if self.period.is_empty() {
            self.begin();
        }
        let sample = i64::from(self.period[self.made % self.period.len()]);
        let faded = self.made.saturating_sub(HOLD).min(FADE) as i64;
        self.made = self.made.saturating_add(1);
        (sample * (FADE as i64 - faded) / FADE as i64) as i16
    }

    fn begin(&mut self) {
        let lag = self.likest_lag();
        let end = self.history.len();
        self.period.extend(&self.history[end - lag..]);
        for index in 0..SEAM {
            let before = i32::from(self.history[end - lag - SEAM + index]);
            let own = i32::from(self.period[lag - SEAM + index]);
            let rising = index as i32 + 1;
            let length = SEAM as i32 + 1;
            let mixed = (own * (length - rising) + before * rising) / length;
            self.period[lag - SEAM + index] = mixed as i16;
        }
    }

    /// The lag at which the end of the history is most like what came before it.
    fn likest_lag(&self) -> usize {
        let end = self.history.len();
        let recent = &self.history[end - COMPARED..];
        let mut best = (f64::MIN, LONGEST);
        for lag in SHORTEST..=LONGEST {
            let before = &self.history[end - COMPARED - lag..end - lag];
            let (mut product, mut energy) = (0_i64, 1_i64);
            for (a, b) in recent.iter().zip(before) {
                product += i64::from(*a) * i64::from(*b);
                energy += i64::from(*b) * i64::from(*b);
            }
            let likeness = product as f64 / (energy as f64).sqrt();
            if likeness > best.0 {
                best = (likeness, lag);
            }
        }
        best.1
    }
}
