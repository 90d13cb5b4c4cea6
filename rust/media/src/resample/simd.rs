//! The AVX2 kernel: four output samples at a time. `unsafe` of `resample/` lives here.
//!
//! Invariants:
//! - `run_avx2` is reached only through [`kernel`], which has asked the processor for AVX2.
//! - Every load is of a whole `[i16; 16]` behind a reference, and unaligned.
//! - No sum overflows (tests.rs checks every filter), so wrapping adds give what
//!   [`super::portable`] does.
#![expect(unsafe_code, reason = "vector loads take pointers")]

use std::arch::x86_64::{
    __m128i, __m256i, _mm_add_epi32, _mm_packs_epi32, _mm_set1_epi32, _mm_srai_epi32,
    _mm_storeu_si128, _mm256_add_epi32, _mm256_castsi256_si128, _mm256_extracti128_si256,
    _mm256_hadd_epi32, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_set1_epi32,
    _mm256_setzero_si256, _mm256_srai_epi32, _mm256_srav_epi32,
};

use super::design::{BLOCK_TAPS, Filter};
use super::portable::{FRACTION_BITS, LANE_SHIFT};
use super::{Kernel, Position, Step};

const OUTPUTS: usize = 4;

/// The kernel, if this processor can run it.
pub(super) fn kernel() -> Option<Kernel> {
    is_x86_feature_detected!("avx2").then_some(run as Kernel)
}

fn run(filter: &Filter, history: &[i16], step: Step, position: &mut Position, output: &mut [i16]) {
    // SAFETY: `kernel` gives this function out only where AVX2 is.
    unsafe {
        if filter.phases() == 1 {
            run_avx2::<true>(filter, history, step, position, output);
        } else {
            run_avx2::<false>(filter, history, step, position, output);
        }
    }
}

/// Taps and the samples under them.
type Operands<'a> = (&'a [[i16; BLOCK_TAPS]], &'a [[i16; BLOCK_TAPS]]);

/// With `ONE_PHASE` every output sample has the same taps, which are then loaded once for four.
#[target_feature(enable = "avx2")]
fn run_avx2<const ONE_PHASE: bool>(
    filter: &Filter,
    history: &[i16],
    step: Step,
    position: &mut Position,
    output: &mut [i16],
) {
    for group in output.chunks_mut(OUTPUTS) {
        let mut operands: [Operands<'_>; OUTPUTS] = [(&[], &[]); OUTPUTS];
        for index in 0..OUTPUTS {
            // A last group that is not full computes its last sample again.
            if index < group.len() {
                let window = &history[position.start..][..filter.taps()];
                operands[index] = (filter.phase(position.phase), window.as_chunks().0);
                step.advance(position);
            } else {
                operands[index] = operands[index - 1];
            }
        }
        let samples = dot::<ONE_PHASE>(operands, filter.shifts());
        group.copy_from_slice(&samples[..group.len()]);
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn dot<const ONE_PHASE: bool>(operands: [Operands<'_>; OUTPUTS], shifts: &[i32]) -> [i16; OUTPUTS] {
    let blocks = shifts.len();
    let operands = operands.map(|(taps, samples)| (&taps[..blocks], &samples[..blocks]));
    let mut sums = [_mm256_setzero_si256(); OUTPUTS];
    for (block, &shift) in shifts.iter().enumerate() {
        let shift = _mm256_set1_epi32(shift);
        for (sum, (taps, samples)) in sums.iter_mut().zip(operands) {
            let taps = if ONE_PHASE { operands[0].0 } else { taps };
            let products = _mm256_madd_epi16(load(&taps[block]), load(&samples[block]));
            *sum = _mm256_add_epi32(*sum, _mm256_srav_epi32(products, shift));
        }
    }
    round(add_lanes(sums))
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(block: &[i16; BLOCK_TAPS]) -> __m256i {
    // SAFETY: 32 bytes behind a reference; the instruction asks for no alignment.
    unsafe { _mm256_loadu_si256(block.as_ptr().cast()) }
}

/// The sum of each vector's lanes.
#[inline]
#[target_feature(enable = "avx2")]
fn add_lanes(sums: [__m256i; OUTPUTS]) -> __m128i {
    let [a, b, c, d] = sums.map(|sum| _mm256_srai_epi32::<{ LANE_SHIFT as i32 }>(sum));
    let halves = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
    _mm_add_epi32(
        _mm256_castsi256_si128(halves),
        _mm256_extracti128_si256::<1>(halves),
    )
}

/// To the nearest sample, saturating.
#[inline]
#[target_feature(enable = "avx2")]
fn round(sums: __m128i) -> [i16; OUTPUTS] {
    let half = _mm_set1_epi32(1 << (FRACTION_BITS - 1));
    let samples = _mm_srai_epi32::<{ FRACTION_BITS as i32 }>(_mm_add_epi32(sums, half));
    let mut packed = [0; 2 * OUTPUTS];
    // SAFETY: 16 bytes behind a reference; the instruction asks for no alignment.
    unsafe {
        _mm_storeu_si128(
            packed.as_mut_ptr().cast(),
            _mm_packs_epi32(samples, samples),
        );
    }
    let [a, b, c, d, ..] = packed;
    [a, b, c, d]
}
