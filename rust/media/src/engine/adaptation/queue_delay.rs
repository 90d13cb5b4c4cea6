//! How long packets wait on the way: what a delay has above the least one seen.

use std::collections::VecDeque;

/// The least delay is that of this and the stretch before: a route that has become longer is
/// believed after one to two of them.
const STRETCH_NS: u64 = 30_000_000_000;
/// A single late report is no queue.
const MEDIAN_OF: usize = 3;
/// Of two the smaller counts.
const LEAST_KNOWN: usize = 2;

/// Of one path. Delays may have any common offset.
/// In nanoseconds.
#[derive(Debug, Default)]
pub(super) struct QueueDelay {
    least: [Option<i64>; 2],
    stretch_begun_ns: u64,
    recent: VecDeque<i64>,
}

impl QueueDelay {
    /// Takes a round trip, or a one-way delay of two clocks.
    pub(super) fn note(&mut self, delay_ns: i64, now_ns: u64) {
        if now_ns.saturating_sub(self.stretch_begun_ns) >= STRETCH_NS {
            self.least = [None, self.least[0]];
            self.stretch_begun_ns = now_ns;
        }
        let least = &mut self.least[0];
        *least = Some(least.map_or(delay_ns, |least_ns| least_ns.min(delay_ns)));
        if self.recent.len() == MEDIAN_OF {
            self.recent.pop_front();
        }
        self.recent.push_back(delay_ns);
    }

    /// The queue; `None` before there are two delays.
    pub(super) fn queue_ns(&self) -> Option<u64> {
        let least_ns = self.least.into_iter().flatten().min()?;
        if self.recent.len() < LEAST_KNOWN {
            return None;
        }
        let mut recent: Vec<i64> = self.recent.iter().copied().collect();
        recent.sort_unstable();
        u64::try_from(recent[(recent.len() - 1) / 2] - least_ns).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;
    const S: u64 = 1_000_000_000;

    fn after(delays_ms: &[i64]) -> Option<u64> {
        let mut queue = QueueDelay::default();
        for (second, delay_ms) in delays_ms.iter().enumerate() {
            queue.note(delay_ms * MS, second as u64 * S);
        }
        queue.queue_ns()
    }

    #[test]
    fn queue_is_what_delays_have_above_the_least() {
        assert_eq!(after(&[40]), None);
        assert_eq!(after(&[40, 141]), Some(0));
        assert_eq!(after(&[40, 41, 42]), Some(MS as u64));
        assert_eq!(after(&[40, 40, 40, 140, 150, 160]), Some(110 * MS as u64));
        assert_eq!(after(&[40, 40, 400, 40]), Some(0));
    }

    #[test]
    fn longer_route_is_no_queue_after_a_minute() {
        let mut delays = vec![40; 10];
        delays.extend(vec![100; 61]);
        assert_eq!(after(&delays), Some(0));
    }
}
