//! How long packets wait on the way: what a delay has above the least one seen.

use std::collections::VecDeque;

/// The least delay is that of this and the stretch before: a route that has become longer is
/// believed after one to two of them.
const STRETCH_NS: u64 = 30_000_000_000;
/// A single late report is no queue.
const MEDIAN_OF: usize = 3;
/// The single packets that are looked at together, so many at most.
const RECENT_NS: i64 = 200_000_000;
const MAX_RECENT: usize = 32;
/// Of two the smaller counts.
const LEAST_KNOWN: usize = 2;

/// The least delay of late, in nanoseconds. Delays may have any common offset.
#[derive(Debug, Default)]
struct LeastDelay {
    least: [Option<i64>; 2],
    stretch_begun_ns: u64,
}

impl LeastDelay {
    fn note(&mut self, delay_ns: i64, now_ns: u64) {
        if now_ns.saturating_sub(self.stretch_begun_ns) >= STRETCH_NS {
            self.least = [None, self.least[0]];
            self.stretch_begun_ns = now_ns;
        }
        let least = &mut self.least[0];
        *least = Some(least.map_or(delay_ns, |least_ns| least_ns.min(delay_ns)));
    }

    fn get(&self) -> Option<i64> {
        self.least.into_iter().flatten().min()
    }
}

/// By what single packets took, on two clocks: told within a tenth of a second.
#[derive(Debug, Default)]
pub(super) struct OneWayQueue {
    least: LeastDelay,
    /// When they came, on the far end's clock, and what they took.
    recent: VecDeque<(i64, i64)>,
}

impl OneWayQueue {
    /// Takes a packet's times.
    pub(super) fn note(&mut self, sent_ns: u64, arrived_ns: i64, now_ns: u64) {
        let delay_ns = arrived_ns.saturating_sub(sent_ns as i64);
        self.least.note(delay_ns, now_ns);
        let is_old = |(at_ns, _): &(i64, i64)| arrived_ns - at_ns > RECENT_NS;
        while self.recent.len() == MAX_RECENT || self.recent.front().is_some_and(is_old) {
            self.recent.pop_front();
        }
        self.recent.push_back((arrived_ns, delay_ns));
    }

    /// The queue: what even the fastest of the last packets has above the least. Jitter delays
    /// some, a queue all of them.
    pub(super) fn queue_ns(&self) -> Option<u64> {
        let fastest = self.recent.iter().map(|(_, delay_ns)| *delay_ns).min()?;
        let queue_ns = u64::try_from(fastest - self.least.get()?).ok()?;
        (self.recent.len() >= LEAST_KNOWN).then_some(queue_ns)
    }
}

/// By round trips, one a report.
#[derive(Debug, Default)]
pub(super) struct RoundTripQueue {
    least: LeastDelay,
    recent: VecDeque<i64>,
}

impl RoundTripQueue {
    /// Takes a round trip.
    pub(super) fn note(&mut self, round_trip_ns: u64, now_ns: u64) {
        let delay_ns = round_trip_ns as i64;
        self.least.note(delay_ns, now_ns);
        if self.recent.len() == MEDIAN_OF {
            self.recent.pop_front();
        }
        self.recent.push_back(delay_ns);
    }

    /// The queue; `None` before there are two delays.
    pub(super) fn queue_ns(&self) -> Option<u64> {
        let least_ns = self.least.get()?;
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

    const MS: u64 = 1_000_000;
    const S: u64 = 1_000_000_000;

    fn after(delays_ms: &[u64]) -> Option<u64> {
        let mut queue = RoundTripQueue::default();
        for (second, delay_ms) in delays_ms.iter().enumerate() {
            queue.note(delay_ms * MS, second as u64 * S);
        }
        queue.queue_ns()
    }

    #[test]
    fn queue_is_what_delays_have_above_the_least() {
        assert_eq!(after(&[40]), None);
        assert_eq!(after(&[40, 141]), Some(0));
        assert_eq!(after(&[40, 41, 42]), Some(MS));
        assert_eq!(after(&[40, 40, 40, 140, 150, 160]), Some(110 * MS));
        assert_eq!(after(&[40, 40, 400, 40]), Some(0));
    }

    #[test]
    fn one_way_queue_is_what_even_the_fastest_packet_has_of_late() {
        let mut queue = OneWayQueue::default();
        // The far end's clock is far ahead, and every other packet has 80 ms of jitter.
        let mut send = |at_ms: u64, wait_ms: u64| {
            let jitter_ms = at_ms / 20 % 2 * 80;
            let arrived_ms = at_ms + wait_ms + jitter_ms + 5_000_000;
            queue.note(at_ms * MS, (arrived_ms * MS) as i64, at_ms * MS);
            queue.queue_ns().map(|ns| ns / MS)
        };
        assert_eq!(send(0, 0), None);
        for at_ms in (20..1000).step_by(20) {
            assert_eq!(send(at_ms, 0), Some(0));
        }
        let seen: Vec<_> = (1000..1500)
            .step_by(20)
            .map(|at_ms| send(at_ms, 60))
            .collect();
        assert_eq!(seen[4], Some(0));
        assert_eq!(seen[12..], vec![Some(60); 13]);
    }

    #[test]
    fn longer_route_is_no_queue_after_a_minute() {
        let mut delays = vec![40; 10];
        delays.extend(vec![100; 61]);
        assert_eq!(after(&delays), Some(0));
    }
}
