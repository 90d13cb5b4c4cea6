//! Presses keys: reports in place of audio while one is down.

use std::collections::VecDeque;

use crate::rtp::TelephoneEvent;

/// Keys that wait.
const MAX_KEYS: usize = 64;
/// How often an end is sent, so that one of them arrives (RFC 4733 §2.5.1.4).
const END_COPIES: u8 = 3;

/// The frame whose place a report takes.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct FrameTime {
    /// Of its first sample.
    pub(in super::super) timestamp: u32,
    /// Its length in units of the RTP clock.
    pub(in super::super) duration: u32,
}

/// What is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Report {
    /// When the key went down.
    pub(in super::super) timestamp: u32,
    /// The first report of the key.
    pub(in super::super) marker: bool,
    pub(in super::super) event: TelephoneEvent,
}

#[derive(Clone, Copy, Debug)]
struct Key {
    code: u8,
    attenuation_db: u8,
    duration_ms: u16,
}

#[derive(Clone, Copy, Debug)]
struct Down {
    key: Key,
    timestamp: u32,
    told: u32,
    ends_sent: u8,
}

/// Keys in the order in which they are pressed, one at a time; the copies of an end are the pause
/// between them.
#[derive(Debug, Default)]
pub(in super::super) struct SentEvents {
    waiting: VecDeque<Key>,
    down: Option<Down>,
}

impl SentEvents {
    /// Presses one more key; false: too many wait.
    pub(in super::super) fn press(
        &mut self,
        code: u8,
        duration_ms: u16,
        attenuation_db: u8,
    ) -> bool {
        if self.waiting.len() == MAX_KEYS {
            return false;
        }
        self.waiting.push_back(Key {
            code,
            attenuation_db,
            duration_ms,
        });
        true
    }

    /// Begins with another stream: a key that is down is let go of.
    pub(in super::super) fn begin(&mut self) {
        self.down = None;
    }

    /// What is sent in place of a frame; `None`: the frame itself.
    pub(in super::super) fn next(
        &mut self,
        frame: FrameTime,
        clock_rate_hz: u32,
    ) -> Option<Report> {
        let is_first = self.down.is_none();
        if is_first {
            let key = self.waiting.pop_front()?;
            self.down = Some(Down {
                key,
                timestamp: frame.timestamp,
                told: 0,
                ends_sent: 0,
            });
        }
        let down = self.down.as_mut()?;
        let whole = u32::from(down.key.duration_ms) * (clock_rate_hz / 1000);
        down.told = (down.told + frame.duration).min(whole);
        let is_end = down.told == whole;
        let report = Report {
            timestamp: down.timestamp,
            marker: is_first,
            event: TelephoneEvent {
                code: down.key.code,
                is_end,
                attenuation_db: down.key.attenuation_db,
                duration: u16::try_from(down.told).unwrap_or(u16::MAX),
            },
        };
        if is_end {
            down.ends_sent += 1;
            if down.ends_sent == END_COPIES {
                self.down = None;
            }
        }
        Some(report)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reports(events: &mut SentEvents, frames: u32) -> Vec<Option<Report>> {
        let frame = |n| FrameTime {
            timestamp: n * 960,
            duration: 960,
        };
        (0..frames).map(|n| events.next(frame(n), 48_000)).collect()
    }

    #[test]
    fn key_is_reported_while_down_and_its_end_three_times() {
        let mut events = SentEvents::default();
        assert!(events.press(5, 50, 10));
        let sent = reports(&mut events, 6);
        let durations: Vec<u16> = sent.iter().flatten().map(|r| r.event.duration).collect();
        assert_eq!(durations, [960, 1920, 2400, 2400, 2400]);
        let ends: Vec<bool> = sent.iter().flatten().map(|r| r.event.is_end).collect();
        assert_eq!(ends, [false, false, true, true, true]);
        assert!(sent.iter().flatten().all(|report| report.timestamp == 0));
        let markers = sent.iter().flatten().filter(|report| report.marker);
        assert_eq!(markers.count(), 1);
        assert_eq!(sent[5], None);
    }

    #[test]
    fn keys_follow_one_another_and_too_many_are_refused() {
        let mut events = SentEvents::default();
        for n in 0..MAX_KEYS {
            assert!(events.press(n as u8 % 10, 40, 10));
        }
        assert!(!events.press(1, 40, 10));
        let sent = reports(&mut events, 8);
        let codes: Vec<u8> = sent.iter().flatten().map(|r| r.event.code).collect();
        assert_eq!(codes, [0, 0, 0, 0, 1, 1, 1, 1]);
        assert_eq!(sent[4].unwrap().timestamp, 4 * 960);
    }
}
