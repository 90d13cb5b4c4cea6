//! What is played when a packet is late and nobody knows yet whether it is lost: the last period
//! of the voice, repeated and faded into the noise of the line. The decoder knows nothing of it,
//! so that the late packet decodes as if it had been in time.

use super::tape::Tape;
use super::time_scale::{LONGEST_LAG, LagSearch};
use super::{BlockKind, SAMPLE_RATE_HZ};

/// Where the likeness to the period before is measured: this far from the end.
const REFERENCE_SAMPLES: usize = 384;

/// Full level for 20 ms, as a voice seldom changes faster.
const HOLD_SAMPLES: usize = SAMPLE_RATE_HZ as usize / 50;

/// Then down to the noise within 80 ms.
const FADE_SAMPLES: usize = SAMPLE_RATE_HZ as usize / 1000 * 80;

/// Louder than this (-40 dBFS) is never taken for the noise of the line.
const LOUDEST_NOISE_RMS: f32 = 330.0;

/// The noise of the line, at its loudest before anything was heard.
const FIRST_NOISE_RMS: f32 = 8.0;

/// How much a frame may exceed the noise and still be a pause: 6 dB.
const PAUSE_RATIO: f32 = 2.0;

/// What stays silent on any line: -72 dBFS.
const INAUDIBLE_RMS: f32 = 8.0;

/// Tracks the quietest frames.
#[derive(Debug)]
pub(super) struct NoiseFloor {
    rms: f32,
}

impl NoiseFloor {
    pub(super) fn new() -> Self {
        Self {
            rms: FIRST_NOISE_RMS,
        }
    }

    /// Takes a decoded frame in and tells whether it is a pause.
    pub(super) fn is_pause(&mut self, pcm: &[i16]) -> bool {
        let rms = rms(pcm);
        if rms < self.rms {
            self.rms += 0.3 * (rms - self.rms);
        } else {
            // 2 dB a second at 20 ms a frame: slower than any word.
            self.rms = (self.rms * 1.005 + 0.01).min(LOUDEST_NOISE_RMS);
        }
        rms < (self.rms * PAUSE_RATIO).max(INAUDIBLE_RMS)
    }
}

/// In eight sums, which the compiler keeps in vectors.
fn rms(pcm: &[i16]) -> f32 {
    let mut sums = [0.0_f32; 8];
    for chunk in pcm.chunks_exact(8) {
        for lane in 0..8 {
            sums[lane] += f32::from(chunk[lane]) * f32::from(chunk[lane]);
        }
    }
    (sums.iter().sum::<f32>() / pcm.len().max(1) as f32).sqrt()
}

/// Continues a tape beyond its end.
#[derive(Debug)]
pub(super) struct Concealment {
    lags: LagSearch,
    period: Vec<i16>,
    made: usize,
    noise_state: u32,
    noise_rms: f32,
    chunk: Vec<i16>,
}

impl Concealment {
    pub(super) fn new() -> Self {
        Self {
            lags: LagSearch::new(),
            period: Vec::with_capacity(LONGEST_LAG),
            made: 0,
            noise_state: 0x9E37_79B9,
            noise_rms: 0.0,
            chunk: Vec::with_capacity(2 * LONGEST_LAG),
        }
    }

    /// Forgets the period: what comes next continues other samples.
    pub(super) fn stop(&mut self) {
        self.period.clear();
        self.made = 0;
    }

    /// The next `samples` beyond the tape's end.
    pub(super) fn continuation(
        &mut self,
        tape: &Tape,
        floor: &NoiseFloor,
        samples: usize,
    ) -> &[i16] {
        if self.period.is_empty() {
            self.start(tape, floor);
        }
        self.chunk.clear();
        for _ in 0..samples {
            let sample = self.next_sample();
            self.chunk.push(sample);
        }
        &self.chunk
    }

    /// Whether all of the voice has faded away.
    pub(super) fn is_silent(&self) -> bool {
        self.made >= HOLD_SAMPLES + FADE_SAMPLES
    }

    /// Plays `samples` of it.
    pub(super) fn play(&mut self, tape: &mut Tape, floor: &NoiseFloor, samples: usize) {
        self.continuation(tape, floor, samples);
        tape.push(&self.chunk, BlockKind::Concealed);
    }

    fn start(&mut self, tape: &Tape, floor: &NoiseFloor) {
        let (signal, _) = tape.with_history();
        let end = signal.len();
        let lag = self
            .lags
            .before(signal, end - REFERENCE_SAMPLES, LONGEST_LAG)
            .map_or(LONGEST_LAG, |lag| {
                if lag.correlation > 0.5 {
                    lag.samples
                } else {
                    LONGEST_LAG
                }
            });
        self.period.extend_from_slice(&signal[end - lag..]);
        // The seam of the repetition: the end leads over into what precedes the beginning.
        let fade = lag / 4;
        for index in 0..fade {
            let at = lag - fade + index;
            let before = i32::from(signal[end - lag - fade + index]);
            let own = i32::from(self.period[at]);
            let rising = index as i32 + 1;
            let length = fade as i32 + 1;
            self.period[at] = ((own * (length - rising) + before * rising) / length) as i16;
        }
        self.noise_rms = floor.rms.min(rms(&signal[end - LONGEST_LAG..]));
        // The first repetition must continue the tape, whose end was not faded.
        self.made = 0;
    }

    fn next_sample(&mut self) -> i16 {
        let voice = f32::from(self.period[self.made % self.period.len()]);
        let faded = self.made.saturating_sub(HOLD_SAMPLES).min(FADE_SAMPLES);
        let level = 1.0 - faded as f32 / FADE_SAMPLES as f32;
        self.made = self.made.saturating_add(1);
        (voice * level + self.noise() * (1.0 - level)) as i16
    }

    /// xorshift32 (G. Marsaglia, 2003), uniform, at the level of the line's noise.
    fn noise(&mut self) -> f32 {
        self.noise_state ^= self.noise_state << 13;
        self.noise_state ^= self.noise_state >> 17;
        self.noise_state ^= self.noise_state << 5;
        let uniform = self.noise_state as i32 as f32 / i32::MAX as f32;
        uniform * self.noise_rms * 1.73
    }
}
