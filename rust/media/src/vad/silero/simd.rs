//! The portable code once more, compiled for AVX2 and FMA. `unsafe` of `silero/` lives here.
//!
//! Invariant: `run_avx2` is reached only through [`kernel`], which has asked the processor for
//! both features.
#![expect(
    unsafe_code,
    reason = "a function compiled for features is unsafe to call without them"
)]

use super::{Kernel, Silero};

/// The kernel, if this processor can run it.
pub(super) fn kernel() -> Option<Kernel> {
    let able = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    able.then_some(run as Kernel)
}

fn run(detector: &mut Silero) -> f32 {
    // SAFETY: `kernel` gives this function out only where AVX2 and FMA are.
    unsafe { run_avx2(detector) }
}

#[target_feature(enable = "avx2,fma")]
fn run_avx2(detector: &mut Silero) -> f32 {
    detector.infer::<true>()
}
