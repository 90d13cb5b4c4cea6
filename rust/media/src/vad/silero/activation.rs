//! Sigmoid and tanh that the compiler can do eight at a time.

use std::f32::consts::{LN_2, LOG2_E};

/// e^x to 2e-7 of its value, for x of -87 to 88; held there beyond.
#[inline(always)]
fn exp(x: f32) -> f32 {
    // x = k ln 2 + r with |r| <= ln 2 / 2. Adding and taking away 1.5 * 2^23 rounds to a whole k.
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let k = (x * LOG2_E + ROUND) - ROUND;
    let r = x - k * LN_2;
    let series = 1.0 / 120.0 + r * (1.0 / 720.0);
    let series = 1.0 / 6.0 + r * (1.0 / 24.0 + r * series);
    let fraction = 1.0 + r * (1.0 + r * (0.5 + r * series));
    // 2^k by its bits.
    fraction * f32::from_bits(((k as i32 + 127) << 23) as u32)
}

#[inline(always)]
pub(super) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

#[inline(always)]
pub(super) fn tanh(x: f32) -> f32 {
    2.0 * sigmoid(2.0 * x) - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sigmoid_and_tanh_are_those_of_the_standard_library() {
        for step in -20_000..=20_000 {
            let x = step as f32 / 500.0;
            let exact = 1.0 / (1.0 + (-f64::from(x)).exp());
            assert!(
                (f64::from(sigmoid(x)) - exact).abs() < 3e-7,
                "sigmoid of {x}"
            );
            assert!(
                (f64::from(tanh(x)) - f64::from(x).tanh()).abs() < 6e-7,
                "tanh of {x}"
            );
        }
    }

    #[test]
    fn far_out_they_stay_in_their_range() {
        for x in [1e4, f32::MAX, f32::INFINITY] {
            assert_eq!((sigmoid(x), tanh(x)), (1.0, 1.0));
            assert!(sigmoid(-x) < 1e-30 && tanh(-x) < -0.999_999);
        }
    }
}
