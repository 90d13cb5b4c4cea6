//! Whether a queue is ours: one that stays as it is when less is sent is a longer route, or jitter.

/// Time for a queue to become another one.
const TRIAL_NS: u64 = 3_000_000_000;
/// A queue that has changed by less than this is as it was.
const UNCHANGED: std::ops::Range<f32> = 0.7..1.2;
/// More loss than this says that the queue is full, and then it looks unchanged too.
const FULL_PERCENT: f32 = 2.0;
/// What is put up with is forgotten at this rate an interval, where there is less.
const FORGOTTEN: f32 = 0.1;

#[derive(Clone, Copy, Debug)]
struct Trial {
    queue_ns: u64,
    before_bps: f32,
    until_ns: u64,
}

/// Of one path.
#[derive(Debug, Default)]
pub(super) struct QueueCause {
    trial: Option<Trial>,
    allowed_ns: f32,
}

impl QueueCause {
    /// What of `queue_ns` is ours, as far as is known.
    pub(super) fn own_ns(&self, queue_ns: u64) -> u64 {
        queue_ns.saturating_sub(self.allowed_ns as u64)
    }

    /// Less than `before_bps` is sent from now on, for a queue of `queue_ns`.
    pub(super) fn begin(&mut self, queue_ns: u64, before_bps: f32, now_ns: u64) {
        if self.trial.is_none() {
            self.trial = Some(Trial {
                queue_ns,
                before_bps,
                until_ns: now_ns + TRIAL_NS,
            });
        }
    }

    /// Takes the queue and the loss of an interval. Gives what may be sent again, in bits per
    /// second: less did not help.
    pub(super) fn note(&mut self, queue_ns: u64, loss_percent: f32, now_ns: u64) -> Option<f32> {
        let excess_ns = self.allowed_ns - queue_ns as f32;
        self.allowed_ns -= FORGOTTEN * excess_ns.max(0.0);
        let trial = self.trial.take_if(|trial| now_ns >= trial.until_ns)?;
        let ratio = queue_ns as f32 / trial.queue_ns.max(1) as f32;
        if !UNCHANGED.contains(&ratio) || loss_percent > FULL_PERCENT {
            return None;
        }
        self.allowed_ns = queue_ns as f32;
        Some(trial.before_bps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;
    const S: u64 = 1000 * MS;

    #[test]
    fn queue_that_stays_when_less_is_sent_is_put_up_with_while_it_lasts() {
        let mut cause = QueueCause::default();
        cause.begin(150 * MS, 60_000.0, 0);
        assert_eq!(cause.note(150 * MS, 0.0, S), None);
        assert_eq!(cause.note(145 * MS, 0.0, 3 * S), Some(60_000.0));
        assert!(cause.own_ns(150 * MS) < 10 * MS);
        assert_eq!(cause.own_ns(300 * MS), 155 * MS);
        for second in 4..60 {
            cause.note(0, 0.0, second * S);
        }
        assert!(cause.own_ns(150 * MS) > 140 * MS);
    }

    #[test]
    fn queue_that_drains_grows_or_is_full_is_ours() {
        for (after_ms, loss_percent) in [(20, 0.0), (300, 0.0), (150, 20.0)] {
            let mut cause = QueueCause::default();
            cause.begin(150 * MS, 60_000.0, 0);
            assert_eq!(cause.note(after_ms * MS, loss_percent, 3 * S), None);
            assert_eq!(cause.own_ns(150 * MS), 150 * MS);
        }
    }
}
