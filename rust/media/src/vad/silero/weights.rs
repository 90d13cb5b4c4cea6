//! Silero's 16 kHz weights (MIT, see `LICENSE` beside them), read once a process.

use std::sync::LazyLock;

use super::dense::Dense;

/// Little-endian `f32`: each layer's rows, then its biases, in the order of [`Weights`].
/// `benches/silero_weights.py` writes it.
static BYTES: &[u8] = include_bytes!("weights.f32le");

pub(super) static WEIGHTS: LazyLock<Weights> = LazyLock::new(Weights::read);

/// The layers of one 32 ms window. An input row is some frames, one after the other.
pub(super) struct Weights {
    /// Three frames of 129 magnitudes to one of 128 features, four times.
    pub(super) features: Dense<16, 4>,
    /// Three frames of 128 to one of 64, twice.
    pub(super) halving: Dense<32, 2>,
    /// Two frames of 64 to one of 64.
    pub(super) joining: Dense<64, 1>,
    /// 64 to 128.
    pub(super) widening: Dense<64, 1>,
    /// The encoder's 128 and the 128 of the hidden state to the LSTM's gates: input, forget, cell,
    /// output, 128 each.
    pub(super) gates: Dense<64, 1>,
    /// 128 to the score, before its sigmoid.
    pub(super) score: Vec<f32>,
    pub(super) score_bias: f32,
}

impl Weights {
    fn read() -> Self {
        let mut reader = Reader(BYTES);
        Self {
            features: reader.layer(128, 3 * 129),
            halving: reader.layer(64, 3 * 128),
            joining: reader.layer(64, 2 * 64),
            widening: reader.layer(128, 64),
            gates: reader.layer(512, 256),
            score: reader.floats(128),
            score_bias: reader.floats(1)[0],
        }
    }
}

struct Reader(&'static [u8]);

impl Reader {
    fn floats(&mut self, count: usize) -> Vec<f32> {
        let (taken, rest) = self.0.split_at(count * size_of::<f32>());
        self.0 = rest;
        let (floats, _) = taken.as_chunks();
        floats
            .iter()
            .map(|&bytes| f32::from_le_bytes(bytes))
            .collect()
    }

    fn layer<const BLOCK: usize, const COLUMNS: usize>(
        &mut self,
        outputs: usize,
        inputs: usize,
    ) -> Dense<BLOCK, COLUMNS> {
        let rows = self.floats(outputs * inputs);
        Dense::new(&rows, &self.floats(outputs), inputs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layers_take_up_the_whole_file() {
        let mut reader = Reader(BYTES);
        reader.floats(128 * (387 + 1) + 64 * (384 + 1) + 64 * (128 + 1) + 128 * (64 + 1));
        reader.floats(512 * (256 + 1) + 128 + 1);
        assert!(reader.0.is_empty());
    }
}
