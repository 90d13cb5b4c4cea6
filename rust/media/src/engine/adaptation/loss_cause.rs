//! Whether loss is the network's own or that of a path which is given too much: by whether it
//! goes away when less is sent.

use std::collections::VecDeque;

/// A mean over this many reports: single ones are a few dozen packets.
const REPORTS: usize = 5;
/// After so many steps down, which halve what is sent, ...
const STEPS: u8 = 3;
/// ... loss that is still more than this share of what it was has another cause.
const UNCHANGED: f32 = 0.7;
/// Loss of that kind is put up with up to this many times what it was,
const TOLERANCE: f32 = 1.5;
/// and forgotten at this rate a report.
const FORGOTTEN: f32 = 0.99;

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
}

impl LossCause {
    /// Takes a report's loss while `bps` are given; more than `limit_percent` may be congestion.
    pub(super) fn note(&mut self, percent: f32, limit_percent: f32, bps: f32) -> Verdict {
        self.tolerated_percent *= FORGOTTEN;
        if self.recent.len() == REPORTS {
            self.recent.pop_front();
        }
        self.recent.push_back(percent);
        if self.recent.len() < REPORTS {
            return Verdict::Fine;
        }
        let mean = self.recent.iter().sum::<f32>() / REPORTS as f32;
        if mean <= limit_percent.max(TOLERANCE * self.tolerated_percent) {
            self.begun = None;
            self.steps = 0;
            return Verdict::Fine;
        }
        self.recent.clear();
        let (first, begun_bps) = *self.begun.get_or_insert((mean, bps));
        if mean < UNCHANGED * first {
            self.begun = Some((mean, begun_bps));
            self.steps = 0;
        }
        if self.steps < STEPS {
            self.steps += 1;
            return Verdict::Congested;
        }
        self.tolerated_percent = mean;
        self.begun = None;
        self.steps = 0;
        Verdict::NotCongested(begun_bps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a minute of a path comes to that loses `loss(bps)` percent.
    fn after(loss: impl Fn(f32) -> f32) -> (f32, usize) {
        let (mut cause, mut bps, mut decreases) = (LossCause::default(), 60_000.0, 0);
        for _ in 0..60 {
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
        assert_eq!(decreases, 3);
    }

    #[test]
    fn loss_below_the_limit_is_no_congestion() {
        assert_eq!(after(|_| 9.0), (60_000.0, 0));
    }
}
