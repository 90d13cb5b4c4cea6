//! The kernel for any machine, and the definition of what the others compute.

use super::design::{BLOCK_TAPS, Filter, SUM_FRACTION_BITS};
use super::{Position, Step};

/// Products are summed in this many interleaved lanes, two neighbouring taps at a time, as the
/// vector instructions do it: shifts round, so the order is part of the result.
const LANES: usize = BLOCK_TAPS / 2;

/// Lanes lose this many bits before they are added up, as their sum could overflow.
pub(super) const LANE_SHIFT: u32 = LANES.ilog2();

/// Fraction bits of the sum of lanes.
pub(super) const FRACTION_BITS: u32 = SUM_FRACTION_BITS - LANE_SHIFT;

/// A [`super::Kernel`].
pub(super) fn run(
    filter: &Filter,
    history: &[i16],
    step: Step,
    position: &mut Position,
    output: &mut [i16],
) {
    for sample in output {
        let taps = filter.phase(position.phase);
        let window = &history[position.start..][..filter.taps()];
        *sample = dot(taps, filter.shifts(), window);
        step.advance(position);
    }
}

fn dot(taps: &[[i16; BLOCK_TAPS]], shifts: &[i32], window: &[i16]) -> i16 {
    let mut lanes = [0_i32; LANES];
    for ((taps, &shift), samples) in taps.iter().zip(shifts).zip(window.as_chunks().0) {
        accumulate(&mut lanes, taps, samples, shift);
    }
    let sum: i32 = lanes.iter().map(|lane| lane >> LANE_SHIFT).sum();
    let rounded = (sum + (1 << (FRACTION_BITS - 1))) >> FRACTION_BITS;
    rounded.clamp(i16::MIN.into(), i16::MAX.into()) as i16
}

#[inline]
fn accumulate(
    lanes: &mut [i32; LANES],
    taps: &[i16; BLOCK_TAPS],
    samples: &[i16; BLOCK_TAPS],
    shift: i32,
) {
    for (index, lane) in lanes.iter_mut().enumerate() {
        let product = |tap: usize| i32::from(taps[tap]) * i32::from(samples[tap]);
        *lane += (product(2 * index) + product(2 * index + 1)) >> shift;
    }
}
