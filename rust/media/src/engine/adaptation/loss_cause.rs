//! Whether loss is the network's own or that of a path which is given too much: by whether it
//! goes away when less is sent.

use std::collections::VecDeque;

/// A mean over this many reports, each of a few dozen packets; over fewer where loss is plain.
const REPORTS: usize = 8;
const PLAIN_REPORTS: usize = 3;
/// No call is held with so much loss, whatever its cause: less is sent until it goes away.
const PLAIN_PERCENT: f32 = 30.0;
/// After so many steps down ...
const STEPS: u8 = 2;
/// ... loss that is still more than this share of what it was has another cause.
const UNCHANGED: f32 = 0.5;
/// Loss of that kind is put up with up to this many times what it was,
const TOLERANCE: f32 = 1.5;
/// and forgotten at this rate a report.
const FORGOTTEN: f32 = 0.998;
/// Reports until it is tried again: losses come and go by themselves too. Twice as many each time,
/// up to the most.
const FIRST_REST: u32 = 60;
const LONGEST_REST: u32 = 480;

/// What a report's loss means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Verdict {
    Fine,
    /// Send less.
    Congested,
    /// Less did not help: send this again, in bits per second.
    NotCongested(f32),
}

/// Of one path.
#[derive(Debug, Default)]
pub(super) struct LossCause {
    recent: VecDeque<f32>,
    /// The loss when it was first too much, and what was given then.
    begun: Option<(f32, f32)>,
    steps: u8,
    tolerated_percent: f32,
    /// Reports until the next trial, and how many after that.
    rest: u32,
    next_rest: u32,
}

impl LossCause {
    /// Takes a report's loss while `bps` are given; more than `limit_percent` may be congestion.
    pub(super) fn note(&mut self, percent: f32, limit_percent: f32, bps: f32) -> Verdict {
        self.tolerated_percent *= FORGOTTEN;
        if self.recent.len() == REPORTS {
            self.recent.pop_front();
        }
        self.recent.push_back(percent);
        let mean = self.recent.iter().sum::<f32>() / self.recent.len() as f32;
        if mean > PLAIN_PERCENT && self.recent.len() >= PLAIN_REPORTS {
            self.recent.clear();
            return Verdict::Congested;
        }
        self.rest = self.rest.saturating_sub(1);
        if self.recent.len() < REPORTS {
            return Verdict::Fine;
        }
        let limit_percent = limit_percent.max(TOLERANCE * self.tolerated_percent);
        match self.begun {
            None if mean <= limit_percent || self.rest > 0 => Verdict::Fine,
            None => self.step_down(mean, bps),
            Some((first, _)) if mean < UNCHANGED * first => {
                self.end_trial();
                Verdict::Fine
            }
            Some((first, _)) if self.steps < STEPS => self.step_down(first, bps),
            Some((_, begun_bps)) => {
                self.tolerated_percent = mean;
                self.end_trial();
                Verdict::NotCongested(begun_bps)
            }
        }
    }

    fn end_trial(&mut self) {
        self.begun = None;
        self.next_rest = (2 * self.next_rest).clamp(FIRST_REST, LONGEST_REST);
        self.rest = self.next_rest;
    }

    /// Tries whether less loses less than `percent`.
    fn step_down(&mut self, percent: f32, bps: f32) -> Verdict {
        if self.begun.is_none() {
            self.begun = Some((percent, bps));
            self.steps = 0;
        }
        self.steps += 1;
        self.recent.clear();
        Verdict::Congested
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What three minutes of a path comes to that loses `loss(bps)` percent.
    fn after(loss: impl Fn(f32) -> f32) -> (f32, usize) {
        let (mut cause, mut bps, mut decreases) = (LossCause::default(), 60_000.0, 0);
        for _ in 0..200 {
            match cause.note(loss(bps), 10.0, bps) {
                Verdict::Fine => {}
                Verdict::Congested => {
                    bps *= 0.8;
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
    fn loss_below_the_limit_is_no_congestion() {
        assert_eq!(after(|_| 9.0), (60_000.0, 0));
    }
}
