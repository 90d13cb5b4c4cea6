//! How much the path carries: what came in the last half second, by the far end's clock.

use std::collections::VecDeque;

const WINDOW_NS: i64 = 500_000_000;
/// Fewer packets, or a shorter time, say too little.
const LEAST_PACKETS: usize = 5;
const LEAST_SPAN_NS: i64 = 100_000_000;
const MAX_PACKETS: usize = 128;

/// Of one path.
#[derive(Debug, Default)]
pub(super) struct CarriedRate {
    arrivals: VecDeque<(i64, u32)>,
}

impl CarriedRate {
    /// Takes a packet with all its headers.
    pub(super) fn note(&mut self, arrived_ns: i64, wire_bytes: u32) {
        let is_old = |(at_ns, _): &(i64, u32)| arrived_ns - at_ns > WINDOW_NS;
        while self.arrivals.len() == MAX_PACKETS || self.arrivals.front().is_some_and(is_old) {
            self.arrivals.pop_front();
        }
        self.arrivals.push_back((arrived_ns, wire_bytes));
    }

    /// In bits per second; `None` where too few came.
    pub(super) fn bps(&self) -> Option<f32> {
        let (first, last) = (self.arrivals.front()?, self.arrivals.back()?);
        let span_ns = last.0 - first.0;
        if self.arrivals.len() < LEAST_PACKETS || span_ns < LEAST_SPAN_NS {
            return None;
        }
        // The first one came before the time that is looked at.
        let bytes: u32 = self.arrivals.iter().skip(1).map(|(_, bytes)| bytes).sum();
        Some(8e9 * bytes as f32 / span_ns as f32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_is_that_of_the_last_half_second() {
        let mut rate = CarriedRate::default();
        assert_eq!(rate.bps(), None);
        for n in 0..100 {
            rate.note(n * 20_000_000, 100);
        }
        assert!((rate.bps().unwrap() - 40_000.0).abs() < 1.0);
        for n in 50..70 {
            rate.note(n * 40_000_000, 100);
        }
        assert!((rate.bps().unwrap() - 20_000.0).abs() < 1.0);
    }
}
