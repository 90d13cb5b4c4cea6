/// xoshiro256** (D. Blackman and S. Vigna, 2018), seeded by `SplitMix64`.
///
/// Written out, not taken from a crate, so that a seed means the same network in every version.
#[derive(Clone, Debug)]
pub(super) struct Random {
    state: [u64; 4],
}

impl Random {
    /// `stream` gives independent sequences of one seed.
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        let mut mixed = seed ^ stream.wrapping_mul(0xD1B5_4A32_D192_ED03);
        let mut next = || {
            mixed = mixed.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = mixed;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            z ^ (z >> 31)
        };
        Self {
            state: [next(), next(), next(), next()],
        }
    }

    pub(super) const fn next_u64(&mut self) -> u64 {
        let [a, b, c, d] = &mut self.state;
        let result = b.wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let shifted = *b << 17;
        *c ^= *a;
        *d ^= *b;
        *b ^= *c;
        *a ^= *d;
        *c ^= shifted;
        *d = d.rotate_left(45);
        result
    }

    /// From 0 to below 1.
    pub(super) fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(super) fn chance(&mut self, probability: f64) -> bool {
        self.uniform() < probability
    }

    /// With mean 1.
    pub(super) fn exponential(&mut self) -> f64 {
        -(1.0 - self.uniform()).ln()
    }

    /// With mean 0 and variance 1: one half of a Box-Muller pair.
    pub(super) fn normal(&mut self) -> f64 {
        let radius = (2.0 * self.exponential()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distributions_have_the_moments_they_claim() {
        let mut random = Random::new(1, 0);
        let mut moments = |draw: fn(&mut Random) -> f64| {
            let samples: Vec<f64> = (0..100_000).map(|_| draw(&mut random)).collect();
            let mean = samples.iter().sum::<f64>() / 1e5;
            let variance = samples.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 1e5;
            (mean, variance)
        };
        for (draw, mean, variance) in [
            (Random::uniform as fn(&mut Random) -> f64, 0.5, 1.0 / 12.0),
            (Random::exponential, 1.0, 1.0),
            (Random::normal, 0.0, 1.0),
        ] {
            let (measured_mean, measured_variance) = moments(draw);
            assert!((measured_mean - mean).abs() < 0.02);
            assert!((measured_variance - variance).abs() < 0.03);
        }
    }

    #[test]
    fn streams_of_one_seed_differ_and_a_seed_repeats_itself() {
        assert_ne!(Random::new(7, 0).next_u64(), Random::new(7, 1).next_u64());
        assert_eq!(Random::new(7, 1).next_u64(), Random::new(7, 1).next_u64());
    }
}
