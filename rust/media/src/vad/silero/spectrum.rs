//! The magnitude spectrum of four overlapping frames, computed side by side.

use std::f32::consts::TAU;

pub(super) const FRAMES: usize = 4;
pub(super) const BINS: usize = FRAME / 2 + 1;
const HOP: usize = FRAME / 2;
const FRAME: usize = 256;
const HALF: usize = FRAME / 2;

/// A value of each frame.
type Lanes = [f32; FRAMES];

/// Turns `FRAME` real samples of each frame into the magnitudes of its discrete Fourier transform
/// under a periodic Hann window: a complex transform of half the length, with even samples for its
/// real and odd ones for its imaginary parts, whose halves are then told apart.
pub(super) struct Spectrum {
    window: [f32; FRAME],
    /// e^(-2πik/FRAME) as cosine and sine.
    twiddles: [(f32, f32); HALF],
    bit_reversed: [u8; HALF],
    re: [Lanes; HALF],
    im: [Lanes; HALF],
}

impl Spectrum {
    pub(super) fn new() -> Self {
        Self {
            window: std::array::from_fn(|n| 0.5 - 0.5 * (TAU * n as f32 / FRAME as f32).cos()),
            twiddles: std::array::from_fn(|k| {
                let angle = -TAU * k as f32 / FRAME as f32;
                (angle.cos(), angle.sin())
            }),
            bit_reversed: std::array::from_fn(|n| {
                (n as u8).reverse_bits() >> (u8::BITS - HALF.trailing_zeros())
            }),
            re: [[0.0; FRAMES]; HALF],
            im: [[0.0; FRAMES]; HALF],
        }
    }

    /// Write `BINS` magnitudes for each frame; frame `f` begins at `samples[f * HOP]`.
    #[inline(always)]
    pub(super) fn magnitudes(&mut self, samples: &[f32], magnitudes: &mut [f32]) {
        for (n, &place) in self.bit_reversed.iter().enumerate() {
            let place = usize::from(place);
            for frame in 0..FRAMES {
                let at = frame * HOP + 2 * n;
                self.re[place][frame] = samples[at] * self.window[2 * n];
                self.im[place][frame] = samples[at + 1] * self.window[2 * n + 1];
            }
        }
        self.transform();
        for bin in 0..BINS {
            let lanes = self.magnitude(bin);
            for (frame, magnitude) in lanes.into_iter().enumerate() {
                magnitudes[frame * BINS + bin] = magnitude;
            }
        }
    }

    /// Radix 2, decimation in time.
    #[inline(always)]
    fn transform(&mut self) {
        let mut span = 1;
        while span < HALF {
            // Of the table's `FRAME` steps around the circle, this stage takes every so many-th.
            let step = HALF / span;
            for start in (0..HALF).step_by(2 * span) {
                for k in 0..span {
                    self.butterfly(start + k, start + k + span, self.twiddles[k * step]);
                }
            }
            span *= 2;
        }
    }

    #[inline(always)]
    fn butterfly(&mut self, upper: usize, lower: usize, (cos, sin): (f32, f32)) {
        for frame in 0..FRAMES {
            let (re, im) = (self.re[lower][frame], self.im[lower][frame]);
            let (turned_re, turned_im) = (re * cos - im * sin, re * sin + im * cos);
            self.re[lower][frame] = self.re[upper][frame] - turned_re;
            self.im[lower][frame] = self.im[upper][frame] - turned_im;
            self.re[upper][frame] += turned_re;
            self.im[upper][frame] += turned_im;
        }
    }

    #[inline(always)]
    fn magnitude(&self, bin: usize) -> Lanes {
        let (here, mirrored) = (bin % HALF, (HALF - bin) % HALF);
        // At HALF itself the turn is by half a circle.
        let (cos, sin) = if bin == HALF {
            (-1.0, 0.0)
        } else {
            self.twiddles[bin]
        };
        std::array::from_fn(|frame| {
            let (a, b) = (self.re[here][frame], self.im[here][frame]);
            let (c, d) = (self.re[mirrored][frame], -self.im[mirrored][frame]);
            let (even_re, even_im) = (0.5 * (a + c), 0.5 * (b + d));
            // (z - conj z') / 2i
            let (odd_re, odd_im) = (0.5 * (b - d), -0.5 * (a - c));
            let re = even_re + odd_re * cos - odd_im * sin;
            let im = even_im + odd_re * sin + odd_im * cos;
            (re * re + im * im).sqrt()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn magnitudes_are_those_of_the_transform_by_its_definition() {
        let samples: Vec<f32> = (0..(FRAMES + 1) * HOP)
            .map(|n| ((n * n * 37 + 11 * n) % 201) as f32 / 100.0 - 1.0)
            .collect();
        let mut magnitudes = [0.0; FRAMES * BINS];
        Spectrum::new().magnitudes(&samples, &mut magnitudes);
        for frame in 0..FRAMES {
            for bin in 0..BINS {
                let (mut re, mut im) = (0.0_f64, 0.0_f64);
                for n in 0..FRAME {
                    let turn = std::f64::consts::TAU * n as f64 / FRAME as f64;
                    let windowed = f64::from(samples[frame * HOP + n]) * 0.5 * (1.0 - turn.cos());
                    re += windowed * (turn * bin as f64).cos();
                    im -= windowed * (turn * bin as f64).sin();
                }
                let error = f64::from(magnitudes[frame * BINS + bin]) - re.hypot(im);
                assert!(
                    error.abs() < 1e-4,
                    "frame {frame} bin {bin}: off by {error}"
                );
            }
        }
    }
}
