//! Matrix times a few vectors: all that the network's layers are.

/// A layer's weights, laid out so that [`BLOCK`](Self) outputs are summed side by side in
/// registers, for `COLUMNS` inputs at a time. `BLOCK * COLUMNS` = 64 fills eight AVX registers.
pub(super) struct Dense<const BLOCK: usize, const COLUMNS: usize> {
    inputs: usize,
    /// For each block of outputs, for each input, the weights of the block's outputs.
    panels: Vec<[f32; BLOCK]>,
    biases: Vec<[f32; BLOCK]>,
}

impl<const BLOCK: usize, const COLUMNS: usize> Dense<BLOCK, COLUMNS> {
    /// `rows`: `inputs` weights for each output; `biases`: one for each output, of which there is
    /// a multiple of `BLOCK`.
    pub(super) fn new(rows: &[f32], biases: &[f32], inputs: usize) -> Self {
        let (biases, _) = biases.as_chunks();
        let panels = rows
            .chunks_exact(inputs * BLOCK)
            .flat_map(|block| {
                (0..inputs)
                    .map(move |input| std::array::from_fn(|output| block[output * inputs + input]))
            })
            .collect();
        Self {
            inputs,
            panels,
            biases: biases.to_vec(),
        }
    }

    /// Write the outputs for the column that begins at each multiple of `stride` of `input`, one
    /// column's after the other's.
    #[inline(always)]
    pub(super) fn apply<const FUSED: bool>(
        &self,
        input: &[f32],
        stride: usize,
        output: &mut [f32],
    ) {
        let columns: [&[f32]; COLUMNS] =
            std::array::from_fn(|column| &input[column * stride..][..self.inputs]);
        let outputs = self.biases.len() * BLOCK;
        let blocks = self.panels.chunks_exact(self.inputs).zip(&self.biases);
        for (block, (panel, bias)) in blocks.enumerate() {
            let sums = sum_block::<FUSED, BLOCK, COLUMNS>(panel, bias, columns);
            for (column, sums) in sums.iter().enumerate() {
                output[column * outputs + block * BLOCK..][..BLOCK].copy_from_slice(sums);
            }
        }
    }
}

#[inline(always)]
fn sum_block<const FUSED: bool, const BLOCK: usize, const COLUMNS: usize>(
    panel: &[[f32; BLOCK]],
    bias: &[f32; BLOCK],
    columns: [&[f32]; COLUMNS],
) -> [[f32; BLOCK]; COLUMNS] {
    let mut sums = [*bias; COLUMNS];
    for (input, weights) in panel.iter().enumerate() {
        for (sums, column) in sums.iter_mut().zip(columns) {
            let value = column[input];
            for (sum, &weight) in sums.iter_mut().zip(weights) {
                // Without the instruction, `mul_add` is a call.
                *sum = if FUSED {
                    weight.mul_add(value, *sum)
                } else {
                    weight * value + *sum
                };
            }
        }
    }
    sums
}
