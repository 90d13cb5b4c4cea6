//! RTP sequence numbers and timestamps without wraps and jumps.

use super::{ReceivedFrame, ns_to_samples};

/// The largest step of sequence numbers that is taken for loss (RFC 3550 appendix A.1,
/// `MAX_DROPOUT`).
const MAX_SEQUENCE_STEP: i64 = 3_000;

/// How far a timestamp may lie from where the packet's arrival puts it: 10 s.
const MAX_MEDIA_STEP_SAMPLES: i64 = 480_000;

/// A sender's clock may be this much faster than ours: 1000 ppm.
const FASTEST_CLOCK_PER_SAMPLE: i64 = 1_000;

/// Unwrapped timestamps begin after one wrap, so that a frame before the first is not negative.
const FIRST_WRAP: i64 = 1 << 32;

/// Where a frame lies in the stream. Both count up without wrapping.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Place {
    pub(super) sequence: i64,
    pub(super) media: i64,
}

/// What [`MediaClock::place`] makes of a packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Placement {
    /// It fits the stream.
    Placed(Place),
    /// It does not fit, and may be the first of a new stretch.
    OnProbation,
    /// It follows the packet on probation: the stream goes on here.
    Restarted(Place),
}

#[derive(Clone, Copy, Debug)]
struct Reference {
    sequence_number: u16,
    rtp_timestamp: u32,
    place: Place,
    at_ns: u64,
}

/// Unwraps both numbers relative to the newest packet.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct MediaClock {
    newest: Option<Reference>,
    /// Where the first packet was, and when it came: media never runs ahead of the time since then by
    /// more than one step.
    first: Option<(i64, u64)>,
    probation: Option<(u16, u32)>,
}

impl MediaClock {
    pub(super) fn place(&mut self, frame: &ReceivedFrame<'_>, now_ns: u64) -> Placement {
        let Some(newest) = self.newest else {
            let place = Place {
                sequence: i64::from(frame.sequence_number),
                media: FIRST_WRAP + i64::from(frame.rtp_timestamp),
            };
            self.first = Some((place.media, now_ns));
            self.follow(frame, place, now_ns);
            return Placement::Placed(place);
        };
        let place = Self::unwrap(&newest, frame);
        if self.fits(&newest, place, now_ns) {
            self.probation = None;
            if place.sequence > newest.place.sequence {
                self.follow(frame, place, now_ns);
            }
            return Placement::Placed(place);
        }
        if self.confirms(frame) {
            let elapsed = ns_to_samples(now_ns.saturating_sub(newest.at_ns) as i64);
            let place = Place {
                sequence: newest.place.sequence + 1,
                // What has run ahead of its time is waited for.
                media: (newest.place.media + elapsed)
                    .min(self.in_time(now_ns) + MAX_MEDIA_STEP_SAMPLES / 2)
                    .max(newest.place.media + 1),
            };
            self.probation = None;
            self.follow(frame, place, now_ns);
            return Placement::Restarted(place);
        }
        self.probation = Some((frame.sequence_number, frame.rtp_timestamp));
        Placement::OnProbation
    }

    /// Where a redundant frame belongs, if it fits; it never moves the reference.
    pub(super) fn place_redundant(&self, frame: &ReceivedFrame<'_>, now_ns: u64) -> Option<Place> {
        let newest = self.newest?;
        let place = Self::unwrap(&newest, frame);
        self.fits(&newest, place, now_ns).then_some(place)
    }

    /// Where a sequence number belongs, if it is near the newest frame's.
    pub(super) fn sequence_of(&self, sequence_number: u16) -> Option<i64> {
        let newest = self.newest?;
        let step = i64::from(sequence_number.wrapping_sub(newest.sequence_number) as i16);
        (step.abs() <= MAX_SEQUENCE_STEP).then_some(newest.place.sequence + step)
    }

    fn unwrap(newest: &Reference, frame: &ReceivedFrame<'_>) -> Place {
        let step = frame.sequence_number.wrapping_sub(newest.sequence_number) as i16;
        let media_step = frame.rtp_timestamp.wrapping_sub(newest.rtp_timestamp) as i32;
        Place {
            sequence: newest.place.sequence + i64::from(step),
            media: newest.place.media + i64::from(media_step),
        }
    }

    /// Both numbers move the same way, and neither too far. A sender may stop its clock while it
    /// is silent, so media may lag behind arrival by any amount.
    fn fits(&self, newest: &Reference, place: Place, now_ns: u64) -> bool {
        let step = place.sequence - newest.place.sequence;
        let media_step = place.media - newest.place.media;
        let elapsed = ns_to_samples(now_ns.saturating_sub(newest.at_ns) as i64);
        step.abs() <= MAX_SEQUENCE_STEP
            && step.signum() == media_step.signum()
            && media_step <= elapsed.saturating_add(MAX_MEDIA_STEP_SAMPLES)
            && media_step >= -MAX_MEDIA_STEP_SAMPLES
            && place.media <= self.in_time(now_ns).saturating_add(MAX_MEDIA_STEP_SAMPLES)
    }

    /// Where media would be if it had gone on with the time since the first packet.
    fn in_time(&self, now_ns: u64) -> i64 {
        let (media, at_ns) = self.first.unwrap_or_default();
        let elapsed = ns_to_samples(now_ns.saturating_sub(at_ns) as i64);
        media.saturating_add(elapsed + elapsed / FASTEST_CLOCK_PER_SAMPLE)
    }

    fn confirms(&self, frame: &ReceivedFrame<'_>) -> bool {
        self.probation.is_some_and(|(sequence_number, timestamp)| {
            let media_step = i64::from(frame.rtp_timestamp.wrapping_sub(timestamp) as i32);
            frame.sequence_number == sequence_number.wrapping_add(1)
                && (1..=MAX_MEDIA_STEP_SAMPLES).contains(&media_step)
        })
    }

    fn follow(&mut self, frame: &ReceivedFrame<'_>, place: Place, now_ns: u64) {
        self.newest = Some(Reference {
            sequence_number: frame.sequence_number,
            rtp_timestamp: frame.rtp_timestamp,
            place,
            at_ns: now_ns,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn frame(sequence_number: u16, rtp_timestamp: u32) -> ReceivedFrame<'static> {
        ReceivedFrame {
            sequence_number,
            rtp_timestamp,
            marker: false,
            payload: &[],
        }
    }

    fn placed(placement: Placement) -> Place {
        match placement {
            Placement::Placed(place) | Placement::Restarted(place) => place,
            Placement::OnProbation => panic!("{placement:?}"),
        }
    }

    #[test]
    fn both_numbers_go_on_counting_when_they_wrap() {
        let mut clock = MediaClock::default();
        let first = placed(clock.place(&frame(65_535, u32::MAX - 100), 0));
        let second = placed(clock.place(&frame(0, 859), 20 * MS));
        assert_eq!(second.sequence - first.sequence, 1);
        assert_eq!(second.media - first.media, 960);
    }

    #[test]
    fn a_single_packet_with_a_wild_timestamp_does_not_move_the_stream() {
        let mut clock = MediaClock::default();
        let first = placed(clock.place(&frame(1, 0), 0));
        for wild in [1 << 31, (1 << 31) - 1, u32::MAX - 5, 480_000 + 2_000] {
            assert_eq!(
                clock.place(&frame(2, wild), 20 * MS),
                Placement::OnProbation
            );
        }
        let third = placed(clock.place(&frame(3, 1920), 40 * MS));
        assert_eq!(third.media - first.media, 1920);
    }

    #[test]
    fn two_packets_in_sequence_restart_the_stream_where_time_has_gone() {
        let mut clock = MediaClock::default();
        let first = placed(clock.place(&frame(1, 0), 0));
        assert_eq!(
            clock.place(&frame(30_000, 1 << 31), 20 * MS),
            Placement::OnProbation
        );
        let restarted = placed(clock.place(&frame(30_001, (1 << 31) + 960), 40 * MS));
        assert_eq!(restarted.media - first.media, 1920);
        assert_eq!(restarted.sequence, first.sequence + 1);
        let next = placed(clock.place(&frame(30_002, (1 << 31) + 1920), 60 * MS));
        assert_eq!(next.media - restarted.media, 960);
    }

    #[test]
    fn timestamps_that_leap_each_time_do_not_outrun_the_clock() {
        let mut clock = MediaClock::default();
        let first = placed(clock.place(&frame(0, 0), 0));
        let (mut newest, mut refused) = (first.media, 0);
        for n in 1..1000u16 {
            let now_ns = u64::from(n) * 20 * MS;
            // 9 s in each frame of 20 ms.
            match clock.place(&frame(n, u32::from(n).wrapping_mul(432_000)), now_ns) {
                Placement::OnProbation => refused += 1,
                placement => newest = placed(placement).media,
            }
            let elapsed = i64::from(n) * 960;
            assert!(newest - first.media <= elapsed + elapsed / 1000 + 480_000);
        }
        assert!(refused > 400, "{refused}");
    }

    #[test]
    fn a_sender_whose_clock_is_fast_by_200_ppm_is_followed_for_a_day() {
        let mut clock = MediaClock::default();
        let first = placed(clock.place(&frame(0, 0), 0));
        // A packet in five seconds.
        for n in 1..17_280u32 {
            let timestamp = n.wrapping_mul(240_048);
            let place = placed(clock.place(&frame(n as u16, timestamp), u64::from(n) * 5000 * MS));
            assert_eq!(place.media - first.media, i64::from(n) * 240_048);
        }
    }

    #[test]
    fn a_sender_that_stops_its_clock_for_a_minute_is_not_a_jump() {
        let mut clock = MediaClock::default();
        let first = placed(clock.place(&frame(1, 0), 0));
        let next = placed(clock.place(&frame(2, 960), 60_000 * MS));
        assert_eq!(next.media - first.media, 960);
    }
}
