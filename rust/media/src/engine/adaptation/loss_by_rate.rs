//! What is lost at which rate: where less loses as much, room is not what is missing.

/// Rates in steps of a quarter, from this one on.
const LEAST_BPS: f32 = 8_000.0;
const STEP: f32 = 1.25;
const BANDS: usize = 16;
/// Intervals that say enough together; losses come in bursts.
const ENOUGH_INTERVALS: f32 = 8.0;
/// An interval counts for less with each that follows: the network changes.
const FORGOTTEN: f32 = 0.997;

#[derive(Clone, Copy, Debug, Default)]
struct Band {
    intervals: f32,
    percent_sum: f32,
}

/// Of one path.
#[derive(Debug, Default)]
pub(super) struct LossByRate {
    bands: [Band; BANDS],
}

impl LossByRate {
    /// Takes an interval's loss while `bps` were given.
    pub(super) fn note(&mut self, percent: f32, bps: f32) {
        for band in &mut self.bands {
            band.intervals *= FORGOTTEN;
            band.percent_sum *= FORGOTTEN;
        }
        let band = &mut self.bands[band_of(bps)];
        band.intervals += 1.0;
        band.percent_sum += percent;
    }

    /// The loss at rates well below `bps`; `None`: it is not known.
    pub(super) fn below_percent(&self, bps: f32) -> Option<f32> {
        mean_of(&self.bands[..band_of(bps)])
    }

    /// The loss at rates like `bps`.
    pub(super) fn at_percent(&self, bps: f32) -> Option<f32> {
        mean_of(&self.bands[band_of(bps)..=band_of(bps)])
    }
}

fn band_of(bps: f32) -> usize {
    let steps = (bps.max(LEAST_BPS) / LEAST_BPS).log(STEP);
    (steps as usize).min(BANDS - 1)
}

fn mean_of(bands: &[Band]) -> Option<f32> {
    let intervals: f32 = bands.iter().map(|band| band.intervals).sum();
    let percent_sum: f32 = bands.iter().map(|band| band.percent_sum).sum();
    (intervals >= ENOUGH_INTERVALS).then(|| percent_sum / intervals)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loss_of_lower_rates_is_known_after_a_few_intervals() {
        let mut by_rate = LossByRate::default();
        for percent in [0.0, 12.0].into_iter().cycle().take(10) {
            by_rate.note(percent, 20_000.0);
            by_rate.note(30.0, 60_000.0);
        }
        let below = by_rate.below_percent(60_000.0).unwrap();
        assert!((5.0..7.0).contains(&below), "{below}");
        assert_eq!(by_rate.below_percent(20_000.0), None);
        assert!((by_rate.at_percent(60_000.0).unwrap() - 30.0).abs() < 0.1);
    }
}
