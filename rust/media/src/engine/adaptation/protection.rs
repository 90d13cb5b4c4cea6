//! How much loss there is, how it is spread, and what that is worth in redundancy.

use crate::rtp::rtcp::LossPattern;

/// A rise counts for so much of a report, a fall for so much: trouble is believed sooner than peace.
const RISE: f32 = 0.3;
const FALL: f32 = 0.15;
/// So much of a report counts for what is lost in the long run; of the first ones their mean.
const LONG_RUN: f32 = 0.05;
/// Protection stays at least so long: losses come in company. Twice as long each time it had to
/// come back within that time, up to the longest.
const LEAST_STAY_NS: u64 = 10_000_000_000;
const LONGEST_STAY_NS: u64 = 80_000_000_000;
/// A pattern older than this says nothing any more.
const PATTERN_NS: u64 = 30_000_000_000;
/// What was known of bursts counts for so much less with each report of some.
const BURSTS_KEPT: f32 = 0.9;
/// Losses in a row, on average, that single repetitions don't cover.
const BURST_PACKETS: f32 = 2.0;

/// Kinds of redundancy, each for more loss than the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum LossProtection {
    /// None.
    #[default]
    None,
    /// The frame before, coarser, within the bitrate.
    Lbrr,
    /// The frame before, whole.
    Repeat,
    /// What covers losses in a row: DRED, or two frames before.
    Burst,
}

impl LossProtection {
    /// From which loss on, and below which it ends, in percent.
    const fn thresholds(self) -> (f32, f32) {
        match self {
            Self::None => (0.0, 0.0),
            Self::Lbrr => (1.0, 0.4),
            Self::Repeat => (4.0, 2.0),
            Self::Burst => (15.0, 9.0),
        }
    }

    fn weaker(self) -> Self {
        match self {
            Self::None | Self::Lbrr => Self::None,
            Self::Repeat => Self::Lbrr,
            Self::Burst => Self::Repeat,
        }
    }
}

/// Decides by what the peer reports.
#[derive(Debug)]
pub(super) struct LossMeter {
    /// Quick to rise: what protection answers.
    recent_percent: f32,
    long_run_percent: f32,
    reports: f32,
    /// Packets lost and the rows they were lost in, and when there was the last of them.
    lost: f32,
    bursts: f32,
    burst_ns: Option<u64>,
    least: LossProtection,
    protection: LossProtection,
    changed_ns: u64,
    stay_ns: u64,
    weakened_ns: Option<u64>,
}

impl LossMeter {
    pub(super) fn new(least: LossProtection, now_ns: u64) -> Self {
        Self {
            recent_percent: 0.0,
            long_run_percent: 0.0,
            reports: 0.0,
            lost: 0.0,
            bursts: 0.0,
            burst_ns: None,
            least,
            protection: least,
            changed_ns: now_ns,
            stay_ns: LEAST_STAY_NS,
            weakened_ns: None,
        }
    }

    /// The loss in the long run: of the last 20 reports or so.
    pub(super) fn percent(&self) -> f32 {
        self.long_run_percent
    }

    pub(super) fn protection(&self) -> LossProtection {
        self.protection
    }

    /// Takes note of how losses are spread.
    pub(super) fn note_pattern(&mut self, pattern: &LossPattern, now_ns: u64) {
        if pattern.lost > 0 {
            if !self.knows_bursts(now_ns) {
                (self.lost, self.bursts) = (0.0, 0.0);
            }
            self.lost = BURSTS_KEPT * self.lost + pattern.lost as f32;
            self.bursts = BURSTS_KEPT * self.bursts + pattern.bursts.max(1) as f32;
            self.burst_ns = Some(now_ns);
        }
    }

    /// Takes a report's share.
    pub(super) fn note_loss(&mut self, percent: f32, now_ns: u64) {
        let weight = if percent > self.recent_percent {
            RISE
        } else {
            FALL
        };
        self.recent_percent += weight * (percent - self.recent_percent);
        self.reports += 1.0;
        let weight = LONG_RUN.max(1.0 / self.reports);
        self.long_run_percent += weight * (percent - self.long_run_percent);
        let wanted = self.wanted(now_ns);
        if wanted > self.protection {
            self.strengthen(wanted, now_ns);
        } else if self.protection > self.least && self.may_weaken(now_ns) {
            self.protection = self.protection.weaker().max(self.least);
            self.changed_ns = now_ns;
            self.weakened_ns = Some(now_ns);
        }
    }

    fn strengthen(&mut self, wanted: LossProtection, now_ns: u64) {
        let is_back = self
            .weakened_ns
            .is_some_and(|at_ns| now_ns.saturating_sub(at_ns) < 2 * self.stay_ns);
        self.stay_ns = if is_back {
            (2 * self.stay_ns).min(LONGEST_STAY_NS)
        } else {
            LEAST_STAY_NS
        };
        self.protection = wanted;
        self.changed_ns = now_ns;
    }

    fn wanted(&self, now_ns: u64) -> LossProtection {
        let by_loss = [
            LossProtection::Burst,
            LossProtection::Repeat,
            LossProtection::Lbrr,
        ]
        .into_iter()
        .find(|protection| self.recent_percent >= protection.thresholds().0)
        .unwrap_or_default();
        if by_loss == LossProtection::Repeat && self.is_bursty(now_ns) {
            LossProtection::Burst
        } else {
            by_loss
        }
    }

    fn may_weaken(&self, now_ns: u64) -> bool {
        let (_, ends_below) = self.protection.thresholds();
        // After a calm moment there may be more to come.
        let percent = self.recent_percent.max(self.long_run_percent);
        let keeps_burst = self.protection == LossProtection::Burst
            && self.is_bursty(now_ns)
            && percent >= LossProtection::Repeat.thresholds().1;
        now_ns.saturating_sub(self.changed_ns) >= self.stay_ns
            && percent < ends_below
            && !keeps_burst
    }

    fn knows_bursts(&self, now_ns: u64) -> bool {
        self.burst_ns
            .is_some_and(|at_ns| now_ns.saturating_sub(at_ns) < PATTERN_NS)
    }

    fn is_bursty(&self, now_ns: u64) -> bool {
        self.knows_bursts(now_ns) && self.lost >= BURST_PACKETS * self.bursts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;

    fn after(losses: impl IntoIterator<Item = f32>) -> Vec<LossProtection> {
        let mut meter = LossMeter::new(LossProtection::None, 0);
        let step = |(second, percent)| {
            meter.note_loss(percent, second as u64 * S);
            meter.protection()
        };
        losses.into_iter().enumerate().map(step).collect()
    }

    #[test]
    fn one_lost_packet_in_a_second_of_fifty_changes_nothing() {
        let protection = after((0..60).map(|second| if second == 10 { 2.0 } else { 0.0 }));
        assert!(protection.iter().all(|p| *p == LossProtection::None));
    }

    #[test]
    fn loss_is_answered_within_three_reports_and_forgotten_slowly() {
        let losses = (0..90).map(|second| if (5..15).contains(&second) { 10.0 } else { 0.0 });
        let protection = after(losses);
        assert_eq!(protection[5], LossProtection::Lbrr);
        assert_eq!(protection[7], LossProtection::Repeat);
        assert!(protection[14] >= LossProtection::Repeat);
        assert!(protection[20] >= LossProtection::Repeat);
        assert_eq!(protection[89], LossProtection::None);
    }

    #[test]
    fn loss_around_a_threshold_does_not_flap() {
        let losses = (0..300).map(|second| [6.0, 0.0, 2.0, 8.0, 0.0][second % 5]);
        let protection = after(losses);
        let changes = protection.windows(2).filter(|pair| pair[0] != pair[1]);
        assert!(changes.count() <= 3);
    }

    #[test]
    fn losses_in_a_row_want_more_than_single_ones() {
        let pattern = LossPattern {
            packets: 100,
            lost: 6,
            bursts: 2,
        };
        let mut meter = LossMeter::new(LossProtection::None, 0);
        meter.note_pattern(&pattern, 0);
        for second in 1..6 {
            meter.note_loss(6.0, second * S);
        }
        assert_eq!(meter.protection(), LossProtection::Burst);
    }
}
