//! Tells each key once, whatever became of the packets that tell of it.

use crate::rtp::TelephoneEvent;

use super::PressedKey;

/// Three packets at the longest interval in use: a key is taken for released when none came for so
/// long (RFC 4733 §2.5.2.2).
const LOST_END_NS: u64 = 150_000_000;
/// Reports on a key that was told may come this much later than the key began: 30 s at 48 kHz.
const REPEATED_WITHIN: u32 = 30 * 48_000;

/// What the 16 bits of a duration hold.
const LONGEST_SEGMENT: u32 = 0xffff;
/// A tenth of a second: reports come more often.
const LONGEST_FRAME_PER_S: u32 = 10;

/// A key that is down.
#[derive(Clone, Copy, Debug)]
struct Down {
    code: u8,
    attenuation_db: u8,
    /// A key that is held for long is told in segments, each with a timestamp of its own.
    segment_timestamp: u32,
    segment_duration: u16,
    earlier_segments: u64,
    last_heard_ns: u64,
}

/// Of one source. Keys are told when they are released.
#[derive(Debug, Default)]
pub(in super::super) struct ReceivedEvents {
    down: Option<Down>,
    /// Of the last segment of the key told last.
    told_timestamp: Option<u32>,
}

impl ReceivedEvents {
    /// Takes a packet and tells the keys that are released with it, or were before it was sent.
    pub(in super::super) fn handle(
        &mut self,
        event: TelephoneEvent,
        (timestamp, clock_rate_hz): (u32, u32),
        marker: bool,
        now_ns: u64,
        mut tell: impl FnMut(PressedKey),
    ) {
        if self.was_told(timestamp) {
            return;
        }
        match &mut self.down {
            Some(down) if down.is_same(event, timestamp) => {
                down.segment_duration = down.segment_duration.max(event.duration);
                down.last_heard_ns = now_ns;
            }
            Some(down) if !marker && down.goes_on_in(event, timestamp, clock_rate_hz) => {
                let elapsed = timestamp.wrapping_sub(down.segment_timestamp);
                let duration = elapsed.min(LONGEST_SEGMENT);
                down.earlier_segments += u64::from(duration);
                down.segment_timestamp = timestamp;
                down.segment_duration = event.duration;
                down.last_heard_ns = now_ns;
            }
            // Of a key before this one, which nothing else told of: too late to be in order.
            Some(down) if is_before(timestamp, down.segment_timestamp) => return,
            _ => {
                if let Some(key) = self.release(true) {
                    tell(key);
                }
                self.down = Some(Down {
                    code: event.code,
                    attenuation_db: event.attenuation_db,
                    segment_timestamp: timestamp,
                    segment_duration: event.duration,
                    earlier_segments: 0,
                    last_heard_ns: now_ns,
                });
            }
        }
        if event.is_end
            && let Some(key) = self.release(false)
        {
            tell(key);
        }
    }

    /// When a key is taken for released if nothing is heard of it before.
    pub(in super::super) fn next_timeout(&self) -> Option<u64> {
        self.down.map(|down| down.last_heard_ns + LOST_END_NS)
    }

    /// Gives the key of which nothing was heard for too long.
    pub(in super::super) fn handle_timeout(&mut self, now_ns: u64) -> Option<PressedKey> {
        let due_ns = self.next_timeout()?;
        (due_ns <= now_ns).then(|| self.release(true)).flatten()
    }

    /// Ends the key that is down, as at the end of the stream.
    pub(in super::super) fn release(&mut self, end_was_lost: bool) -> Option<PressedKey> {
        let down = self.down.take()?;
        self.told_timestamp = Some(down.segment_timestamp);
        Some(down.released(end_was_lost))
    }

    fn was_told(&self, timestamp: u32) -> bool {
        self.told_timestamp
            .is_some_and(|told| told.wrapping_sub(timestamp) < REPEATED_WITHIN)
    }
}

impl Down {
    fn is_same(&self, event: TelephoneEvent, timestamp: u32) -> bool {
        self.code == event.code && self.segment_timestamp == timestamp
    }

    /// Whether the key goes on in another segment (§2.5.1.3). It should begin where this one ends;
    /// libwebrtc's begins with the frame after that, and the last report may be lost.
    fn goes_on_in(&self, event: TelephoneEvent, timestamp: u32, clock_rate_hz: u32) -> bool {
        let elapsed = timestamp.wrapping_sub(self.segment_timestamp);
        let frame = clock_rate_hz / LONGEST_FRAME_PER_S;
        let told_end = u32::from(self.segment_duration);
        self.code == event.code
            && [told_end, LONGEST_SEGMENT]
                .into_iter()
                .any(|end| (end..=end + frame).contains(&elapsed))
    }

    fn released(self, end_was_lost: bool) -> PressedKey {
        PressedKey {
            code: self.code,
            duration: self.earlier_segments + u64::from(self.segment_duration),
            attenuation_db: self.attenuation_db,
            end_was_lost,
        }
    }
}

/// Whether one timestamp lies before another, within a minute at 48 kHz.
fn is_before(timestamp: u32, other: u32) -> bool {
    (1..2 * REPEATED_WITHIN).contains(&other.wrapping_sub(timestamp))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: u64 = 1_000_000;

    fn event(code: u8, duration: u16, is_end: bool) -> TelephoneEvent {
        TelephoneEvent {
            code,
            is_end,
            attenuation_db: 10,
            duration,
        }
    }

    fn key(code: u8, duration: u64, end_was_lost: bool) -> PressedKey {
        PressedKey {
            code,
            duration,
            attenuation_db: 10,
            end_was_lost,
        }
    }

    /// What a packet tells, unmarked, at a time in milliseconds.
    fn told(
        events: &mut ReceivedEvents,
        event: TelephoneEvent,
        timestamp: u32,
        at_ms: u64,
    ) -> Vec<PressedKey> {
        let mut told = Vec::new();
        events.handle(event, (timestamp, 48_000), false, at_ms * MS, |key| {
            told.push(key);
        });
        told
    }

    #[test]
    fn key_is_told_once_whatever_is_sent_again() {
        let mut events = ReceivedEvents::default();
        assert_eq!(told(&mut events, event(5, 960, false), 1000, 0), []);
        assert_eq!(told(&mut events, event(5, 1920, false), 1000, 20), []);
        let end = event(5, 2880, true);
        assert_eq!(told(&mut events, end, 1000, 40), [key(5, 2880, false)]);
        assert_eq!(told(&mut events, end, 1000, 60), []);
        assert_eq!(told(&mut events, end, 1000, 80), []);
        // A report that was overtaken by the end.
        assert_eq!(told(&mut events, event(5, 1920, false), 1000, 90), []);
        assert_eq!(events.next_timeout(), None);
    }

    #[test]
    fn same_key_twice_is_told_twice() {
        let mut events = ReceivedEvents::default();
        let end = event(5, 2880, true);
        assert_eq!(told(&mut events, end, 1000, 0), [key(5, 2880, false)]);
        assert_eq!(told(&mut events, end, 9000, 100), [key(5, 2880, false)]);
    }

    #[test]
    fn key_without_an_end_is_told_by_the_next_key_or_by_time() {
        let mut events = ReceivedEvents::default();
        told(&mut events, event(1, 960, false), 1000, 0);
        let next = told(&mut events, event(2, 960, false), 9000, 100);
        assert_eq!(next, [key(1, 960, true)]);
        assert_eq!(events.next_timeout(), Some(250 * MS));
        assert_eq!(events.handle_timeout(249 * MS), None);
        assert_eq!(events.handle_timeout(250 * MS), Some(key(2, 960, true)));
        // Its end comes after all.
        assert_eq!(told(&mut events, event(2, 4800, true), 9000, 300), []);
    }

    #[test]
    fn packet_may_tell_of_the_key_before_and_of_its_own() {
        let mut events = ReceivedEvents::default();
        told(&mut events, event(1, 960, false), 1000, 0);
        let both = told(&mut events, event(2, 4800, true), 9000, 100);
        assert_eq!(both, [key(1, 960, true), key(2, 4800, false)]);
    }

    #[test]
    fn held_key_is_one_key_in_all_its_segments() {
        let mut events = ReceivedEvents::default();
        assert_eq!(told(&mut events, event(0, 0xffff, false), 0, 0), []);
        assert_eq!(told(&mut events, event(0, 960, false), 0xffff, 20), []);
        let end = told(&mut events, event(0, 4800, true), 0xffff, 100);
        assert_eq!(end, [key(0, 0xffff + 4800, false)]);
    }

    /// What libwebrtc's `RTPSenderAudio` sends of a key each 20 ms, at 48 kHz: in each packet what it
    /// tells and its timestamp.
    fn sent_by_libwebrtc(length: u32) -> Vec<(TelephoneEvent, u32)> {
        let (mut sent, mut begin, mut length) = (Vec::new(), 0, length);
        for now in (960..).step_by(960) {
            let mut duration = now - begin;
            if duration > LONGEST_SEGMENT {
                sent.push((event(5, 0xffff, false), begin));
                begin = now;
                duration -= LONGEST_SEGMENT;
                length -= LONGEST_SEGMENT;
            }
            let is_end = duration >= length;
            sent.push((event(5, duration as u16, is_end), begin));
            if is_end {
                break;
            }
        }
        sent
    }

    #[test]
    fn key_of_three_seconds_from_libwebrtc_is_one_key() {
        for lost in [None, Some(68), Some(67)] {
            let mut events = ReceivedEvents::default();
            let mut keys = Vec::new();
            for (n, (event, timestamp)) in sent_by_libwebrtc(144_000).into_iter().enumerate() {
                if lost != Some(n) {
                    keys.extend(told(&mut events, event, timestamp, n as u64 * 20));
                }
            }
            // It ends with a frame of its last segment.
            assert_eq!(keys, [key(5, 144_510, false)], "{lost:?}");
        }
    }

    #[test]
    fn same_key_half_a_second_later_is_another_key() {
        let mut events = ReceivedEvents::default();
        told(&mut events, event(5, 960, false), 0, 0);
        let next = told(&mut events, event(5, 960, false), 24_000, 140);
        assert_eq!(next, [key(5, 960, true)]);
    }

    #[test]
    fn timestamps_may_wrap_between_keys() {
        let mut events = ReceivedEvents::default();
        let first = told(&mut events, event(1, 960, true), u32::MAX - 99, 0);
        let second = told(&mut events, event(2, 960, true), 5000, 100);
        assert_eq!((first.len(), second.len()), (1, 1));
    }

    proptest! {
        #[test]
        fn any_packets_give_at_most_two_keys_each_and_none_stays_down(
            packets in proptest::collection::vec(
                (any::<[u8; 4]>(), any::<u32>(), any::<bool>(), 0..300u64), 0..100),
        ) {
            let mut events = ReceivedEvents::default();
            let (mut now_ns, mut told) = (0, 0);
            let sent = packets.len();
            for (bytes, timestamp, marker, wait_ms) in packets {
                now_ns += wait_ms * MS;
                told += usize::from(events.handle_timeout(now_ns).is_some());
                let event = TelephoneEvent::parse(&bytes).unwrap();
                events.handle(event, (timestamp, 8000), marker, now_ns, |_| told += 1);
                prop_assert!(events.next_timeout().is_none_or(|due| due <= now_ns + LOST_END_NS));
            }
            told += usize::from(events.handle_timeout(now_ns + LOST_END_NS).is_some());
            prop_assert!(told <= sent && events.next_timeout().is_none());
        }
    }
}
