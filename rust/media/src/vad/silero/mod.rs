//! Silero VAD 6.2 at 16 kHz: a network of 0.2 million weights, run without a runtime.
//!
//! The architecture is that of the ONNX file in Silero's package (MIT): magnitude spectrum, four
//! convolutions, an LSTM, one neuron. The scores are onnxruntime's to 1e-6.
#![expect(
    clippy::inline_always,
    reason = "simd.rs compiles what it inlines for other processor features"
)]

mod activation;
mod dense;
#[cfg(target_arch = "x86_64")]
mod simd;
mod spectrum;
mod weights;

use activation::{sigmoid, tanh};
use spectrum::{BINS, FRAMES, Spectrum};
use weights::{WEIGHTS, Weights};

use super::Detector;

/// One window, 32 ms.
const WINDOW: usize = 512;
/// The end of the window before, which the network sees again.
const CONTEXT: usize = 64;
const FEATURES: usize = 128;
const HALVED: usize = 64;
const HIDDEN: usize = 128;

/// Scores the window at the end of `samples`.
type Kernel = fn(&mut Silero) -> f32;

/// The detector that noise and other voices fool least: 32 ms a frame, at a tenth more CPU a
/// second than [`Earshot`](super::Earshot).
pub struct Silero {
    weights: &'static Weights,
    spectrum: Spectrum,
    /// Context, window, and the window's end mirrored.
    samples: [f32; CONTEXT + WINDOW + CONTEXT],
    /// With a frame of padding on both sides.
    magnitudes: [f32; (FRAMES + 2) * BINS],
    /// With a frame of padding in front.
    features: [f32; (1 + FRAMES) * FEATURES],
    halved: [f32; 2 * HALVED],
    joined: [f32; HALVED],
    /// What the encoder made of the window, then the LSTM's hidden state.
    encoded_and_hidden: [f32; 2 * HIDDEN],
    gates: [f32; 4 * HIDDEN],
    cell: [f32; HIDDEN],
    kernel: Kernel,
}

impl Default for Silero {
    fn default() -> Self {
        Self::new()
    }
}

impl Silero {
    /// A detector at the beginning of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::with_kernel(fastest_kernel())
    }

    fn with_kernel(kernel: Kernel) -> Self {
        Self {
            weights: &WEIGHTS,
            spectrum: Spectrum::new(),
            samples: [0.0; CONTEXT + WINDOW + CONTEXT],
            magnitudes: [0.0; (FRAMES + 2) * BINS],
            features: [0.0; (1 + FRAMES) * FEATURES],
            halved: [0.0; 2 * HALVED],
            joined: [0.0; HALVED],
            encoded_and_hidden: [0.0; 2 * HIDDEN],
            gates: [0.0; 4 * HIDDEN],
            cell: [0.0; HIDDEN],
            kernel,
        }
    }

    /// Take the next window behind the end of the last one.
    fn push(&mut self, frame: &[i16]) {
        self.samples.copy_within(WINDOW..WINDOW + CONTEXT, 0);
        let (seen, mirrored) = self.samples.split_at_mut(CONTEXT + WINDOW);
        let window = &mut seen[CONTEXT..];
        for (sample, &pcm) in window.iter_mut().zip(frame) {
            *sample = f32::from(pcm) / 32768.0;
        }
        for (mirror, &sample) in mirrored.iter_mut().zip(window.iter().rev().skip(1)) {
            *mirror = sample;
        }
    }

    /// The score of the window in `samples`, after those before it.
    #[inline(always)]
    fn infer<const FUSED: bool>(&mut self) -> f32 {
        let weights = self.weights;
        self.spectrum
            .magnitudes(&self.samples, &mut self.magnitudes[BINS..]);
        let features = &mut self.features[FEATURES..];
        weights
            .features
            .apply::<FUSED>(&self.magnitudes, BINS, features);
        rectify(features);
        weights
            .halving
            .apply::<FUSED>(&self.features, 2 * FEATURES, &mut self.halved);
        rectify(&mut self.halved);
        weights
            .joining
            .apply::<FUSED>(&self.halved, 0, &mut self.joined);
        rectify(&mut self.joined);
        let encoded = &mut self.encoded_and_hidden[..HIDDEN];
        weights.widening.apply::<FUSED>(&self.joined, 0, encoded);
        rectify(encoded);
        weights
            .gates
            .apply::<FUSED>(&self.encoded_and_hidden, 0, &mut self.gates);
        self.step();
        let hidden = &self.encoded_and_hidden[HIDDEN..];
        let neuron = hidden
            .iter()
            .zip(&weights.score)
            .map(|(h, w)| h.max(0.0) * w);
        sigmoid(neuron.sum::<f32>() + weights.score_bias)
    }

    /// One step of the LSTM from its gates.
    #[inline(always)]
    fn step(&mut self) {
        let hidden = &mut self.encoded_and_hidden[HIDDEN..];
        let (gates, _) = self.gates.as_chunks::<HIDDEN>();
        for unit in 0..HIDDEN {
            let [input, forget, candidate, output] = [0, 1, 2, 3].map(|gate| gates[gate][unit]);
            self.cell[unit] = sigmoid(forget) * self.cell[unit] + sigmoid(input) * tanh(candidate);
            hidden[unit] = sigmoid(output) * tanh(self.cell[unit]);
        }
    }
}

#[inline(always)]
fn rectify(values: &mut [f32]) {
    for value in values {
        *value = value.max(0.0);
    }
}

impl Detector for Silero {
    fn frame_samples(&self) -> usize {
        WINDOW
    }

    fn score(&mut self, frame: &[i16]) -> f32 {
        if frame.len() != WINDOW {
            return 0.0;
        }
        self.push(frame);
        (self.kernel)(self)
    }

    fn reset(&mut self) {
        self.samples.fill(0.0);
        self.encoded_and_hidden.fill(0.0);
        self.cell.fill(0.0);
    }
}

#[cfg(target_arch = "x86_64")]
fn fastest_kernel() -> Kernel {
    simd::kernel().unwrap_or(Silero::infer::<false>)
}

/// Fused multiply-add belongs to every aarch64; elsewhere it may be a call.
#[cfg(not(target_arch = "x86_64"))]
fn fastest_kernel() -> Kernel {
    Silero::infer::<{ cfg!(target_arch = "aarch64") }>
}

#[cfg(test)]
mod tests;
