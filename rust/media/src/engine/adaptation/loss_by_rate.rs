//! What is lost at which rate: where less loses as much, room is not what is missing.

/// Rates in steps of a quarter, from this one on.
const LEAST_BPS: f32 = 8_000.0;
const STEP: f32 = 1.25;
const BANDS: usize = 16;
/// Intervals that say enough together; losses come in bursts.
const ENOUGH_INTERVALS: f32 = 8.0;
/// An interval counts for less with each that follows: the network changes.
const FORGOTTEN: f32 = 0.997;

/// More is lost here than below only where the difference is so many times what chance makes.
const PLAIN_ERRORS: f32 = 2.5;

#[derive(Clone, Copy, Debug, Default)]
struct Band {
    intervals: f32,
    percent_sum: f32,
    square_sum: f32,
}

impl Band {
    fn forget(&mut self) {
        self.intervals *= FORGOTTEN;
        self.percent_sum *= FORGOTTEN;
        self.square_sum *= FORGOTTEN;
    }

    fn is_known(&self) -> bool {
        self.intervals >= ENOUGH_INTERVALS
    }

    fn mean_percent(&self) -> f32 {
        self.percent_sum / self.intervals
    }

    /// The variance of the mean.
    fn error_square(&self) -> f32 {
        let mean = self.mean_percent();
        (self.square_sum / self.intervals - mean * mean).max(0.0) / self.intervals
    }
}

/// Of one path.
#[derive(Debug, Default)]
pub(super) struct LossByRate {
    bands: [Band; BANDS],
}

impl LossByRate {
    /// Takes an interval's loss while `bps` were given.
    pub(super) fn note(&mut self, percent: f32, bps: f32) {
        self.bands.iter_mut().for_each(Band::forget);
        let band = &mut self.bands[band_of(bps)];
        band.intervals += 1.0;
        band.percent_sum += percent;
        band.square_sum += percent * percent;
    }

    /// The loss at rates well below `bps`; `None`: it is not known.
    pub(super) fn below_percent(&self, bps: f32) -> Option<f32> {
        self.below(bps).map(|below| below.mean_percent())
    }

    /// The loss at rates like `bps`.
    pub(super) fn at_percent(&self, bps: f32) -> Option<f32> {
        self.at(bps).map(|at| at.mean_percent())
    }

    /// Whether rates like `bps` lose more than `times` what lower ones do, and more than losses
    /// differ by chance.
    pub(super) fn loses_more(&self, bps: f32, times: f32) -> bool {
        let (Some(at), Some(below)) = (self.at(bps), self.below(bps)) else {
            return false;
        };
        let error = (at.error_square() + below.error_square()).sqrt();
        let more_percent = at.mean_percent() - below.mean_percent();
        at.mean_percent() > times * below.mean_percent() && more_percent > PLAIN_ERRORS * error
    }

    fn below(&self, bps: f32) -> Option<Band> {
        known(&self.bands[..band_of(bps)])
    }

    fn at(&self, bps: f32) -> Option<Band> {
        known(&self.bands[band_of(bps)..=band_of(bps)])
    }
}

fn band_of(bps: f32) -> usize {
    let steps = (bps.max(LEAST_BPS) / LEAST_BPS).log(STEP);
    (steps as usize).min(BANDS - 1)
}

fn known(bands: &[Band]) -> Option<Band> {
    let sum = bands.iter().fold(Band::default(), |sum, band| Band {
        intervals: sum.intervals + band.intervals,
        percent_sum: sum.percent_sum + band.percent_sum,
        square_sum: sum.square_sum + band.square_sum,
    });
    sum.is_known().then_some(sum)
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
    #[test]
    fn more_is_lost_only_where_chance_does_not_explain_it() {
        let (mut full, mut bursty) = (LossByRate::default(), LossByRate::default());
        for second in 0..24 {
            full.note([0.0, 1.0][second % 2], 20_000.0);
            full.note([3.0, 5.0][second % 2], 30_000.0);
            bursty.note([0.0, 0.0, 0.0, 12.0][second % 4], 20_000.0);
            bursty.note([0.0, 0.0, 20.0, 0.0][second % 4], 30_000.0);
        }
        assert!(full.loses_more(30_000.0, 1.5));
        assert!(!bursty.loses_more(30_000.0, 1.5));
    }
}
