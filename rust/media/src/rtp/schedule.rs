//! When the next RTCP report is due.

use super::SplitMix64;

/// Report times around a mean interval, each drawn from 0.5 to 1.5 times of it (RFC 3550 §6.2).
///
/// The five seconds' minimum of RFC 3550 does not hold for the feedback profile that WebRTC
/// uses: between two ends RFC 4585 §3.4 leaves the interval to the bandwidth. A compound packet
/// of 100 bytes a second is 0.8 kbit/s, within the 5 % of a 32 kbit/s call.
#[derive(Clone, Debug)]
pub struct ReportSchedule {
    mean_ns: u64,
    random: SplitMix64,
    next_ns: u64,
}

impl ReportSchedule {
    /// The first report comes after half an interval, the sooner to know the round trip (§6.2).
    #[must_use]
    pub fn new(mean_ns: u64, now_ns: u64, seed: u64) -> Self {
        let mut schedule = Self {
            mean_ns,
            random: SplitMix64::new(seed),
            next_ns: now_ns,
        };
        schedule.next_ns = now_ns.saturating_add(schedule.draw_ns() / 2);
        schedule
    }

    /// When the next report is due.
    #[must_use]
    pub fn next_ns(&self) -> u64 {
        self.next_ns
    }

    /// Draws the time of the report after one sent at `now_ns`.
    pub fn sent(&mut self, now_ns: u64) {
        self.next_ns = now_ns.saturating_add(self.draw_ns());
    }

    fn draw_ns(&mut self) -> u64 {
        let random = u128::from(self.random.next_u64());
        self.mean_ns / 2 + ((random * u128::from(self.mean_ns)) >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;

    #[test]
    fn intervals_lie_within_half_of_the_mean_and_average_to_it() {
        let mut schedule = ReportSchedule::new(S, 0, 7);
        assert!((S / 4..=3 * S / 4).contains(&schedule.next_ns()));
        let mut now_ns = schedule.next_ns();
        let begun_ns = now_ns;
        for _ in 0..1000 {
            schedule.sent(now_ns);
            assert!((S / 2..=3 * S / 2).contains(&(schedule.next_ns() - now_ns)));
            now_ns = schedule.next_ns();
        }
        let mean_ns = (now_ns - begun_ns) / 1000;
        assert!(mean_ns.abs_diff(S) < S / 20, "{mean_ns}");
    }

    #[test]
    fn two_ends_with_different_seeds_do_not_report_in_step() {
        let times = |seed| ReportSchedule::new(S, 0, seed).next_ns();
        assert_ne!(times(1), times(2));
        assert_eq!(times(1), times(1));
    }
}
