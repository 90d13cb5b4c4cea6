//! Streaming sample-rate conversion by a polyphase FIR.
//!
//! A linear-phase low-pass at the common multiple of both rates, of which each output sample needs
//! one phase. 16-bit coefficients and integer arithmetic: every machine gives the same samples,
//! and so does every way to cut the input into chunks.

mod design;
mod portable;
#[cfg(target_arch = "x86_64")]
mod simd;

use design::Filter;

/// The rates the resampler converts between.
pub const SAMPLE_RATES_HZ: [u32; 11] = [
    8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000, 192_000,
];

/// Input is taken in blocks of at most this many samples, which bounds the history.
const BLOCK_SAMPLES: usize = 1024;

/// What comes after the end.
const SILENCE: [i16; BLOCK_SAMPLES] = [0; BLOCK_SAMPLES];

/// How long the filter is, and so how sharp.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Quality {
    /// At most 2 ms of delay. Flat to 0.45 of the lower rate from 16 kHz upwards; towards 8 kHz it
    /// falls off from 3.1 kHz (-0.7 dB at 3.4).
    #[default]
    Standard,
    /// At most 3 ms of delay: flat to 0.45 of the lower rate at 8 kHz too.
    High,
}

impl Quality {
    const fn delay_ms(self) -> u32 {
        match self {
            Self::Standard => 2,
            Self::High => 3,
        }
    }
}

/// A rate that is none of [`SAMPLE_RATES_HZ`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("no resampling from or to {0} Hz, only between 8 and 192 kHz rates in common use")]
pub struct UnsupportedRate(pub u32);

/// Which phase of the filter the next output sample takes, and where in the history.
#[derive(Clone, Copy, Debug, Default)]
struct Position {
    phase: usize,
    start: usize,
}

/// How far apart output samples lie, in input samples: `whole + fraction / phases`.
#[derive(Clone, Copy, Debug)]
struct Step {
    whole: usize,
    fraction: usize,
    phases: usize,
}

impl Step {
    /// Moves `position` to the next output sample.
    #[inline]
    fn advance(self, position: &mut Position) {
        position.phase += self.fraction;
        position.start += self.whole;
        if position.phase >= self.phases {
            position.phase -= self.phases;
            position.start += 1;
        }
    }

    /// How many output samples have their first tap at or before `last` in the history.
    fn count_to(self, position: Position, last: usize) -> usize {
        if position.start > last {
            return 0;
        }
        let step = self.whole * self.phases + self.fraction;
        ((last - position.start + 1) * self.phases - position.phase).div_ceil(step)
    }
}

/// Computes `output` from the history, and moves the position past it.
type Kernel = fn(&Filter, &[i16], Step, &mut Position, &mut [i16]);

/// One stream of mono PCM on its way from one rate to another.
pub struct Resampler {
    from_hz: u32,
    to_hz: u32,
    filter: Filter,
    step: Step,
    position: Position,
    history: Vec<i16>,
    filled: usize,
    kernel: Kernel,
}

impl Resampler {
    /// A resampler that has heard silence. Equal rates pass through without delay.
    ///
    /// # Errors
    /// [`UnsupportedRate`] for none of [`SAMPLE_RATES_HZ`].
    pub fn new(from_hz: u32, to_hz: u32, quality: Quality) -> Result<Self, UnsupportedRate> {
        Self::with_kernel(from_hz, to_hz, quality, fastest_kernel())
    }

    fn with_kernel(
        from_hz: u32,
        to_hz: u32,
        quality: Quality,
        kernel: Kernel,
    ) -> Result<Self, UnsupportedRate> {
        for rate_hz in [from_hz, to_hz] {
            if !SAMPLE_RATES_HZ.contains(&rate_hz) {
                return Err(UnsupportedRate(rate_hz));
            }
        }
        let filter = Filter::design(from_hz, to_hz, quality.delay_ms());
        let phases = filter.phases();
        let down = from_hz as usize * phases / to_hz as usize;
        let mut resampler = Self {
            from_hz,
            to_hz,
            step: Step {
                whole: down / phases,
                fraction: down % phases,
                phases,
            },
            position: Position::default(),
            history: vec![0; filter.taps() + BLOCK_SAMPLES],
            filled: 0,
            filter,
            kernel,
        };
        resampler.reset();
        Ok(resampler)
    }

    /// Converts `input` and appends to `output` what can be told of it so far: after `n` samples
    /// in all, `n * to_hz / from_hz` of them, rounded up.
    ///
    /// Allocates only if `output` lacks capacity.
    pub fn process(&mut self, input: &[i16], output: &mut Vec<i16>) {
        if self.from_hz == self.to_hz {
            output.extend_from_slice(input);
            return;
        }
        for block in input.chunks(BLOCK_SAMPLES) {
            let filled = self.filled + block.len();
            self.history[self.filled..filled].copy_from_slice(block);
            self.filled = filled;
            self.drain(output);
        }
    }

    /// Computes every output sample whose taps the history has, and drops what none needs again.
    fn drain(&mut self, output: &mut Vec<i16>) {
        let Some(last) = self.filled.checked_sub(self.filter.taps()) else {
            return;
        };
        let done = output.len();
        output.resize(done + self.step.count_to(self.position, last), 0);
        (self.kernel)(
            &self.filter,
            &self.history[..self.filled],
            self.step,
            &mut self.position,
            &mut output[done..],
        );
        self.history
            .copy_within(self.position.start..self.filled, 0);
        self.filled -= self.position.start;
        self.position.start = 0;
    }

    /// Appends what the delay still holds back, as if silence followed, and begins anew.
    pub fn flush(&mut self, output: &mut Vec<i16>) {
        self.process(&SILENCE[..self.filter.delay_samples()], output);
        self.reset();
    }

    /// A whole recording at the other rate: as long as it was, and in its place to within half a
    /// sample. Begins anew before and after.
    #[must_use]
    pub fn convert(&mut self, recording: &[i16]) -> Vec<i16> {
        let (from_hz, to_hz) = (u64::from(self.from_hz), u64::from(self.to_hz));
        let length = (recording.len() as u64 * to_hz).div_ceil(from_hz) as usize;
        let delay = self.filter.delay_samples() as u64 * to_hz;
        let delay = ((delay + from_hz / 2) / from_hz) as usize;
        let mut converted = Vec::with_capacity(length + delay + 2);
        self.reset();
        self.process(recording, &mut converted);
        // One output sample more than the delay, which may have been rounded up.
        let tail = self.filter.delay_samples() + self.step.whole + 1;
        self.process(&SILENCE[..tail], &mut converted);
        self.reset();
        converted.drain(..delay);
        converted.truncate(length);
        converted
    }

    /// Forgets what it heard.
    pub fn reset(&mut self) {
        self.position = Position::default();
        // The first output sample has the first input sample under its last tap.
        self.filled = self.filter.taps().saturating_sub(1);
        self.history[..self.filled].fill(0);
    }

    /// How far the output lags behind the input, in nanoseconds: a whole number of input samples.
    #[must_use]
    pub fn delay_ns(&self) -> u64 {
        self.filter.delay_samples() as u64 * 1_000_000_000 / u64::from(self.from_hz)
    }

    /// The most that [`Self::process`] appends for `input_samples`.
    #[must_use]
    pub fn max_output_samples(&self, input_samples: usize) -> usize {
        (input_samples * self.to_hz as usize).div_ceil(self.from_hz as usize) + 1
    }

    /// The input's rate.
    #[must_use]
    pub const fn from_hz(&self) -> u32 {
        self.from_hz
    }

    /// The output's rate.
    #[must_use]
    pub const fn to_hz(&self) -> u32 {
        self.to_hz
    }
}

fn fastest_kernel() -> Kernel {
    #[cfg(target_arch = "x86_64")]
    if let Some(kernel) = simd::kernel() {
        return kernel;
    }
    portable::run
}

#[cfg(test)]
mod tests;
