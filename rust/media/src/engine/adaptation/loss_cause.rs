//! Whether loss is the network's own or that of a path which is given too much: by whether it
//! goes away when less is sent.

use std::collections::VecDeque;

use super::loss_by_rate::LossByRate;

/// Loss is judged over this many intervals, each of a few dozen packets; over fewer where it is
/// plain in each of them, and over more where it comes in bursts: a mean of few bursts is chance.
const INTERVALS: usize = 8;
const MOST_INTERVALS: usize = 24;
const PLAIN_INTERVALS: usize = 4;
/// So much loss is plain, if it is so many times what is allowed too.
const PLAIN_PERCENT: f32 = 15.0;
const PLAIN_TIMES: f32 = 2.0;
/// No call is held with so much loss, whatever its cause: less is sent until it goes away.
const TOO_MUCH_PERCENT: f32 = 30.0;
/// After so many steps down ...
const STEPS: u8 = 2;
/// ... loss that is still more than this share of what it was has another cause.
const UNCHANGED: f32 = 0.5;
/// More loss than this is tried with less where no lower rate has been tried yet, however much the
/// network is thought to lose by itself.
const UNTRIED_PERCENT: f32 = 3.0;
/// Less than this is lost here and there without a cause that less could mend.
const LITTLE_PERCENT: f32 = 1.0;
/// Loss up to this many times that of lower rates is not for want of room.
const TOLERANCE: f32 = 1.5;
/// Intervals until it is tried again: losses come and go by themselves too. Twice as many each
/// time, up to the most.
const FIRST_REST: u32 = 60;
const LONGEST_REST: u32 = 480;

/// What an interval's loss means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Verdict {
    Fine,
    /// More than is allowed is lost, but no less than at lower rates.
    OwnLoss,
    /// It may be congestion: send no more than now.
    Wait,
    /// So many percent are lost, for want of room on the path as far as is known: send less than
    /// what comes through.
    Congested(f32),
    /// Less did not help: send this again, in bits per second.
    NotCongested(f32),
}

/// The losses of some intervals.
#[derive(Clone, Copy, Debug)]
struct Spread {
    mean_percent: f32,
    /// The standard deviation of one of them.
    deviation: f32,
    intervals: f32,
}

impl Spread {
    /// The standard error of the mean.
    fn error(&self) -> f32 {
        self.deviation / self.intervals.sqrt()
    }

    /// What it is without what may be chance.
    fn at_least_percent(&self) -> f32 {
        (self.mean_percent - self.error()).max(0.0)
    }
}

/// Less is sent to see what comes of it.
#[derive(Clone, Copy, Debug)]
struct Trial {
    before: Spread,
    before_bps: f32,
    steps: u8,
}

/// Of one path.
#[derive(Debug, Default)]
pub(super) struct LossCause {
    recent: VecDeque<f32>,
    trial: Option<Trial>,
    by_rate: LossByRate,
    /// Intervals until the next trial, and how many after that.
    rest: u32,
    next_rest: u32,
}

impl LossCause {
    /// Takes an interval's loss while `bps` are given, of at least `floor_bps`; more than
    /// `limit_percent` may be congestion.
    pub(super) fn note(
        &mut self,
        percent: f32,
        limit_percent: f32,
        (bps, floor_bps): (f32, f32),
    ) -> Verdict {
        if self.recent.len() == MOST_INTERVALS {
            self.recent.pop_front();
        }
        self.recent.push_back(percent);
        self.rest = self.rest.saturating_sub(1);
        self.by_rate.note(percent, bps);
        let may_send_less = bps > floor_bps;
        let least_percent = if may_send_less {
            self.by_rate.below_percent(bps)
        } else {
            self.by_rate.at_percent(bps)
        };
        let allowed_percent = if may_send_less && least_percent.is_none() {
            limit_percent.min(UNTRIED_PERCENT)
        } else {
            limit_percent
        };
        let limit_percent = allowed_percent.max(TOLERANCE * least_percent.unwrap_or(0.0));
        let usual = self.usual_percent();
        let loses_more = self.by_rate.loses_more(bps, TOLERANCE);
        if let Some(trial) = self.trial {
            return self.judge_trial(usual, limit_percent, trial, (bps, may_send_less));
        }
        let plain_percent = PLAIN_PERCENT.max(PLAIN_TIMES * limit_percent);
        let newest = self.recent.iter().rev().take(PLAIN_INTERVALS);
        let is_plain = self.recent.len() >= PLAIN_INTERVALS
            && newest.into_iter().all(|percent| *percent > plain_percent);
        if may_send_less && (is_plain || self.is_too_much(usual)) {
            return self.begin_trial(usual, bps);
        }
        let may_be_own = !loses_more || usual <= LITTLE_PERCENT;
        if self.recent.len() < PLAIN_INTERVALS || usual <= allowed_percent && may_be_own {
            return Verdict::Fine;
        }
        if usual <= limit_percent && may_be_own {
            return Verdict::OwnLoss;
        }
        if self.recent.len() < INTERVALS || !may_send_less || self.rest > 0 && !loses_more {
            return Verdict::Wait;
        }
        if may_be_own && self.spread(INTERVALS).at_least_percent() <= limit_percent {
            return Verdict::Wait;
        }
        self.begin_trial(usual, bps)
    }

    fn judge_trial(
        &mut self,
        usual: f32,
        limit_percent: f32,
        trial: Trial,
        (bps, may_send_less): (f32, bool),
    ) -> Verdict {
        if may_send_less && self.is_too_much(usual) {
            return self.step_down(usual, Trial { steps: 0, ..trial });
        }
        if self.recent.len() < INTERVALS {
            return Verdict::Wait;
        }
        // A pause between bursts is no cure: all that was lost counts, and how far it is by chance.
        let spread = self.spread(MOST_INTERVALS);
        let least_error = UNCHANGED * trial.before.deviation / spread.intervals.sqrt();
        let unchanged_percent = UNCHANGED * trial.before.at_least_percent();
        let from_it = (spread.mean_percent - unchanged_percent).abs();
        if from_it < spread.error().max(least_error) && self.recent.len() < MOST_INTERVALS {
            return Verdict::Wait;
        }
        if spread.mean_percent < unchanged_percent {
            self.trial = None;
            // It was congestion, and there may be some left.
            if may_send_less && usual > limit_percent {
                return self.begin_trial(usual, bps);
            }
            return Verdict::Fine;
        }
        if may_send_less && trial.steps < STEPS {
            return self.step_down(usual, trial);
        }
        self.trial = None;
        self.next_rest = (2 * self.next_rest).clamp(FIRST_REST, LONGEST_REST);
        self.rest = self.next_rest;
        Verdict::NotCongested(trial.before_bps)
    }

    /// What is lost as a rule: neither a burst in one interval nor one packet in most of them is.
    fn usual_percent(&self) -> f32 {
        let mut sorted = [0.0; INTERVALS];
        let count = self.recent.len().min(INTERVALS);
        let sorted = &mut sorted[..count];
        for (place, percent) in sorted.iter_mut().zip(self.recent.iter().rev()) {
            *place = *percent;
        }
        sorted.sort_by(f32::total_cmp);
        sorted[count / 2].min(self.spread(INTERVALS).mean_percent)
    }

    /// Of the newest `count` intervals, or of as many as there are.
    fn spread(&self, count: usize) -> Spread {
        let intervals = self.recent.len().min(count) as f32;
        let newest = self.recent.iter().rev().take(count);
        let mean_percent = newest.clone().sum::<f32>() / intervals;
        let squares = newest.map(|percent| (percent - mean_percent).powi(2));
        Spread {
            mean_percent,
            deviation: (squares.sum::<f32>() / intervals).sqrt(),
            intervals,
        }
    }

    fn is_too_much(&self, usual: f32) -> bool {
        self.recent.len() >= PLAIN_INTERVALS && usual > TOO_MUCH_PERCENT
    }

    /// Tries whether less loses less than `percent`, with `bps` given now.
    fn begin_trial(&mut self, percent: f32, bps: f32) -> Verdict {
        let trial = Trial {
            before: self.spread(INTERVALS),
            before_bps: bps,
            steps: 0,
        };
        self.step_down(percent, trial)
    }

    fn step_down(&mut self, percent: f32, trial: Trial) -> Verdict {
        self.trial = Some(Trial {
            steps: trial.steps + 1,
            ..trial
        });
        self.recent.clear();
        Verdict::Congested(percent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What three minutes of a path comes to that loses `loss(bps)` percent.
    fn after(loss: impl Fn(f32) -> f32) -> (f32, usize) {
        let (mut cause, mut bps, mut decreases) = (LossCause::default(), 60_000.0, 0);
        for _ in 0..200 {
            match cause.note(loss(bps), 10.0, (bps, 5_000.0)) {
                Verdict::Fine | Verdict::OwnLoss | Verdict::Wait => {}
                Verdict::Congested(percent) => {
                    bps *= 0.7 * (1.0 - percent / 100.0);
                    decreases += 1;
                }
                Verdict::NotCongested(before_bps) => bps = before_bps,
            }
        }
        (bps, decreases)
    }

    #[test]
    fn path_that_drops_what_is_too_much_is_given_less() {
        let (bps, _) = after(|bps: f32| (100.0 - 100.0 * 25_000.0 / bps).max(0.0));
        assert!(bps < 28_000.0, "{bps}");
    }

    #[test]
    fn loss_that_stays_when_less_is_sent_is_put_up_with() {
        let (bps, decreases) = after(|_| 20.0);
        assert!((bps - 60_000.0).abs() < 1.0, "{bps}");
        assert_eq!(decreases, 2);
    }

    #[test]
    fn loss_below_the_limit_is_no_congestion_once_less_was_tried() {
        assert_eq!(after(|_| 9.0), (60_000.0, 2));
        assert_eq!(after(|_| 2.9), (60_000.0, 0));
    }

    #[test]
    fn loss_that_goes_away_with_less_is_not_put_up_with_below_the_limit_either() {
        let (bps, _) = after(|bps: f32| if bps > 55_000.0 { 5.0 } else { 0.0 });
        assert!(bps < 55_000.0, "{bps}");
    }

    #[test]
    fn nothing_is_tried_where_there_is_no_less() {
        let mut cause = LossCause::default();
        for second in 0..60 {
            let verdict = cause.note(if second < 10 { 2.0 } else { 6.0 }, 3.0, (5e3, 5e3));
            assert!(!matches!(verdict, Verdict::Congested(_)), "{second}");
        }
    }
}
