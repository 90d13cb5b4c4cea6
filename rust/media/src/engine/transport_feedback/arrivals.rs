//! What of the far end's numbered packets came, and when: what is told to it.

use std::collections::VecDeque;

use crate::rtp::rtcp::TICK_NS;

use super::super::NS_PER_MS;

/// Numbers in memory: those that are to be told of, and those told of that one late packet may
/// have told again.
pub(super) const MAX_NUMBERS: usize = 512;
/// Told-of numbers that are kept: more than a second of voice.
const KEPT_NUMBERS: usize = 64;
/// A message comes with the first packet after so long, and after so many frames of our own: who
/// sends long ones has a narrow path, and messages take their share of it.
const INTERVAL_NS: u64 = 100 * NS_PER_MS;
const INTERVAL_FRAMES: u64 = 5;

/// Of one transport. Unwrapped numbers begin above 2^32, so that there is room below the first.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    times: VecDeque<Option<i64>>,
    /// The unwrapped number of the first of `times`.
    first: u64,
    /// The first one that is to be told of.
    untold: u64,
    /// The number after a packet from so long ago that its sender may have begun anew.
    stray: Option<u16>,
    told_ns: u64,
}

impl Arrivals {
    fn end(&self) -> u64 {
        self.first + self.times.len() as u64
    }

    /// Takes note of a packet's number. Repeats, and numbers from longer ago than is kept, say
    /// nothing.
    pub(super) fn note(&mut self, number: u16, now_ns: u64) {
        let at = (now_ns / TICK_NS) as i64;
        let ahead = number.wrapping_sub(self.end() as u16);
        if self.times.is_empty() || (MAX_NUMBERS..0x8000).contains(&usize::from(ahead)) {
            return self.begin(number, at);
        }
        if ahead < 0x8000 {
            for _ in 0..ahead {
                self.push(None);
            }
            self.push(Some(at));
            self.stray = None;
            return;
        }
        let unwrapped = self.end() - u64::from(ahead.wrapping_neg());
        if let Some(index) = unwrapped.checked_sub(self.first) {
            let time = &mut self.times[index as usize];
            if time.is_none() {
                *time = Some(at);
                self.untold = self.untold.min(unwrapped);
            }
        } else if self.stray == Some(number) {
            self.begin(number, at);
        } else {
            self.stray = Some(number.wrapping_add(1));
        }
    }

    fn begin(&mut self, number: u16, at: i64) {
        self.times.clear();
        self.times.reserve(MAX_NUMBERS);
        self.first = 1 << 32 | u64::from(number);
        self.untold = self.first;
        self.stray = None;
        self.push(Some(at));
    }

    fn push(&mut self, time: Option<i64>) {
        if self.times.len() == MAX_NUMBERS {
            self.times.pop_front();
            self.first += 1;
            self.untold = self.untold.max(self.first);
        }
        self.times.push_back(time);
    }

    /// From when on there is a message to send; `None`: there is nothing to tell. We send frames of
    /// `frame_ns`.
    pub(super) fn due_ns(&self, frame_ns: u64) -> Option<u64> {
        let interval_ns = INTERVAL_NS.max(INTERVAL_FRAMES * frame_ns);
        (self.untold < self.end()).then(|| self.told_ns + interval_ns)
    }

    /// What there is to tell: the number of the first packet, and the arrival of each from there on
    /// in units of 250 µs.
    pub(super) fn to_tell(&self) -> (u16, impl Iterator<Item = Option<i64>> + Clone) {
        let begin = (self.untold - self.first) as usize;
        (self.untold as u16, self.times.range(begin..).copied())
    }

    /// Takes note that the next `count` of them have been told.
    pub(super) fn told(&mut self, count: usize, now_ns: u64) {
        self.untold += count as u64;
        self.told_ns = now_ns;
        let kept = self.untold.saturating_sub(KEPT_NUMBERS as u64);
        while self.first < kept && self.times.pop_front().is_some() {
            self.first += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: u64 = 1_000_000;
    const FRAME_NS: u64 = 20 * MS;

    fn tell(arrivals: &mut Arrivals, now_ns: u64) -> (u16, Vec<Option<i64>>) {
        let (base, times) = arrivals.to_tell();
        let times: Vec<_> = times.collect();
        arrivals.told(times.len(), now_ns);
        (base, times)
    }

    #[test]
    fn numbers_are_told_over_their_wrap_with_their_gaps() {
        let mut arrivals = Arrivals::default();
        for (number, at_ms) in [(65_534, 10), (65_535, 30), (1, 70), (1, 75)] {
            arrivals.note(number, at_ms * MS);
        }
        let told = tell(&mut arrivals, 70 * MS);
        assert_eq!(told, (65_534, vec![Some(40), Some(120), None, Some(280)]));
        assert_eq!(arrivals.due_ns(FRAME_NS), None, "nothing new");
        arrivals.note(3, 100 * MS);
        assert_eq!(arrivals.due_ns(FRAME_NS), Some(170 * MS));
        assert_eq!(arrivals.due_ns(60 * MS), Some(370 * MS));
        assert_eq!(tell(&mut arrivals, 170 * MS), (2, vec![None, Some(400)]));
    }

    #[test]
    fn packet_that_comes_late_is_told_with_all_that_follows_it() {
        let mut arrivals = Arrivals::default();
        for number in [5, 6, 8] {
            arrivals.note(number, 0);
        }
        tell(&mut arrivals, 0);
        arrivals.note(7, 200 * MS);
        let told = tell(&mut arrivals, 200 * MS);
        assert_eq!(told, (7, vec![Some(800), Some(0)]));
    }

    #[test]
    fn leap_ahead_and_two_packets_of_long_ago_begin_anew() {
        let mut arrivals = Arrivals::default();
        arrivals.note(100, 0);
        arrivals.note(20_000, MS);
        assert_eq!(tell(&mut arrivals, MS), (20_000, vec![Some(4)]));
        arrivals.note(300, 2 * MS);
        assert_eq!(arrivals.due_ns(FRAME_NS), None);
        arrivals.note(301, 3 * MS);
        assert_eq!(tell(&mut arrivals, 3 * MS), (301, vec![Some(12)]));
    }

    proptest! {
        #[test]
        fn any_numbers_keep_to_the_bound(
            numbers in proptest::collection::vec(any::<u16>(), 0..300),
            near in proptest::collection::vec(0u16..700, 0..300),
        ) {
            let mut arrivals = Arrivals::default();
            for (at, number) in (1..).zip(numbers.into_iter().chain(near)) {
                arrivals.note(number, at * 10 * MS);
                prop_assert!(arrivals.times.len() <= MAX_NUMBERS);
                if arrivals.due_ns(FRAME_NS).is_some_and(|due_ns| due_ns <= at * 10 * MS) {
                    let (_, times) = tell(&mut arrivals, at * 10 * MS);
                    prop_assert!(times.iter().any(Option::is_some));
                }
            }
        }
    }
}
