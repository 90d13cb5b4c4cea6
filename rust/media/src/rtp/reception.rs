//! What a receiver counts about one source (RFC 3550 §6.4.1 and appendix A).

use super::rtcp::ReportBlock;

/// Appendix A.1: a jump ahead by fewer packets than this is loss.
const MAX_DROPOUT: u16 = 3000;
/// Appendix A.1: a step back by fewer packets than this is reordering.
const MAX_MISORDER: u16 = 100;
/// A transit that differs by more seconds than this from the packet's before is a jump of the
/// sender's clock (libwebrtc skips those of 5 s at 90 kHz too).
const MAX_TRANSIT_STEP_S: u32 = 5;
/// Cumulative loss is a signed 24-bit field.
const LOST_MAX: i64 = 0x7f_ffff;
const LOST_MIN: i64 = -0x80_0000;

/// Where a packet's sequence number puts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// It belongs to the sequence: in order, late, again, or after a loss.
    InSequence,
    /// It is far from the sequence. One such packet says nothing yet.
    Astray,
    /// It follows an astray packet: the source began again, and so does what is reported of it.
    Restarted,
}

/// Reception statistics of one source.
#[derive(Clone, Debug)]
pub struct Reception {
    clock_rate_hz: u32,
    base_sequence: u32,
    highest_sequence: u16,
    /// Wraps of the sequence number, shifted left by 16.
    cycles: u32,
    /// The number that would confirm a restart.
    restart_sequence: Option<u16>,
    received: u64,
    /// Of before the last restart, which reports do not count.
    received_before: u64,
    lost_before: i64,
    expected_prior: u64,
    received_prior: u64,
    transit: Option<u32>,
    /// Scaled by 16, as in appendix A.8.
    jitter_q4: u32,
}

impl Reception {
    /// Begins at `sequence_number`, the first packet of a source taken as valid.
    ///
    /// The packet itself is then counted by [`Reception::record`].
    #[must_use]
    pub fn new(clock_rate_hz: u32, sequence_number: u16) -> Self {
        Self {
            clock_rate_hz,
            base_sequence: u32::from(sequence_number),
            highest_sequence: sequence_number,
            cycles: 0,
            restart_sequence: None,
            received: 0,
            received_before: 0,
            lost_before: 0,
            expected_prior: 0,
            received_prior: 0,
            transit: None,
            jitter_q4: 0,
        }
    }

    /// Counts one packet (appendix A.1) and, unless it is astray, its jitter (A.8).
    pub fn record(&mut self, sequence_number: u16, timestamp: u32, now_ns: u64) -> Arrival {
        let arrival = self.place(sequence_number);
        if arrival != Arrival::Astray {
            self.received += 1;
            self.update_jitter(timestamp, now_ns);
        }
        arrival
    }

    /// Counts a packet that was sent again: it is received, and its lateness is not jitter.
    pub fn record_repeated(&mut self, sequence_number: u16) {
        if self.place(sequence_number) != Arrival::Astray {
            self.received += 1;
        }
    }

    /// Begins to measure jitter anew with the next packet: its timestamp may not go on where that of
    /// the last one was, as after another codec.
    pub fn forget_transit(&mut self) {
        self.transit = None;
    }

    fn place(&mut self, sequence_number: u16) -> Arrival {
        let ahead = sequence_number.wrapping_sub(self.highest_sequence);
        if ahead < MAX_DROPOUT {
            if sequence_number < self.highest_sequence {
                self.cycles = self.cycles.wrapping_add(1 << 16);
            }
            self.highest_sequence = sequence_number;
        } else if ahead <= u16::MAX - MAX_MISORDER {
            if self.restart_sequence != Some(sequence_number) {
                self.restart_sequence = Some(sequence_number.wrapping_add(1));
                return Arrival::Astray;
            }
            *self = Self {
                received_before: self.packets_received(),
                lost_before: self.packets_lost(),
                jitter_q4: self.jitter_q4,
                ..Self::new(self.clock_rate_hz, sequence_number)
            };
            return Arrival::Restarted;
        }
        self.restart_sequence = None;
        Arrival::InSequence
    }

    fn update_jitter(&mut self, timestamp: u32, now_ns: u64) {
        let arrival = u128::from(now_ns) * u128::from(self.clock_rate_hz) / 1_000_000_000;
        let transit = (arrival as u32).wrapping_sub(timestamp);
        if let Some(last) = self.transit.replace(transit) {
            let difference = (transit.wrapping_sub(last) as i32).unsigned_abs();
            if difference >= MAX_TRANSIT_STEP_S.saturating_mul(self.clock_rate_hz) {
                return;
            }
            let jitter_q4 = u64::from(self.jitter_q4);
            let jitter_q4 = jitter_q4 - ((jitter_q4 + 8) >> 4) + u64::from(difference);
            self.jitter_q4 = u32::try_from(jitter_q4).unwrap_or(u32::MAX);
        }
    }

    /// Packets counted, repeats and late ones included.
    #[must_use]
    pub fn packets_received(&self) -> u64 {
        self.received_before + self.received
    }

    /// Expected less received; negative when packets came twice.
    #[must_use]
    pub fn packets_lost(&self) -> i64 {
        self.lost_before + self.lost_since_restart()
    }

    fn lost_since_restart(&self) -> i64 {
        self.expected() as i64 - self.received as i64
    }

    /// Interarrival jitter in units of the payload's clock.
    #[must_use]
    pub fn jitter(&self) -> u32 {
        self.jitter_q4 >> 4
    }

    /// The highest sequence number received, with the count of its wraps in the upper half.
    #[must_use]
    pub fn extended_highest_sequence_number(&self) -> u32 {
        self.cycles.wrapping_add(u32::from(self.highest_sequence))
    }

    fn expected(&self) -> u64 {
        let extended = self.extended_highest_sequence_number();
        u64::from(extended.wrapping_sub(self.base_sequence)) + 1
    }

    /// A report block, and the start of the next interval (appendix A.3).
    ///
    /// `last_sender_report` and its delay are the caller's to fill in.
    pub fn report(&mut self, ssrc: u32) -> ReportBlock {
        let expected = self.expected();
        let expected_interval = expected.saturating_sub(self.expected_prior);
        let received_interval = self.received - self.received_prior;
        self.expected_prior = expected;
        self.received_prior = self.received;
        let lost_interval = expected_interval.saturating_sub(received_interval);
        let fraction_lost = (lost_interval << 8).checked_div(expected_interval);
        ReportBlock {
            ssrc,
            fraction_lost: fraction_lost.unwrap_or(0).min(255) as u8,
            cumulative_lost: self.lost_since_restart().clamp(LOST_MIN, LOST_MAX) as i32,
            extended_highest_sequence_number: self.extended_highest_sequence_number(),
            jitter: self.jitter(),
            last_sender_report: 0,
            delay_since_last_sender_report: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: u64 = 1_000_000;

    fn record_all(reception: &mut Reception, sequence_numbers: impl IntoIterator<Item = u16>) {
        for sequence_number in sequence_numbers {
            reception.record(sequence_number, 0, 0);
        }
    }

    #[test]
    fn lost_packets_are_counted_across_the_wrap() {
        let mut reception = Reception::new(48_000, 65_533);
        record_all(&mut reception, [65_533, 65_534, 1, 2]);
        assert_eq!(reception.packets_lost(), 2);
        assert_eq!(reception.extended_highest_sequence_number(), 0x1_0002);
    }

    #[test]
    fn reordered_packets_are_not_lost() {
        let mut reception = Reception::new(48_000, 10);
        record_all(&mut reception, [10, 12, 11, 13]);
        assert_eq!(reception.packets_lost(), 0);
        assert_eq!(reception.extended_highest_sequence_number(), 13);
    }

    #[test]
    fn repeated_packets_make_the_loss_negative() {
        let mut reception = Reception::new(48_000, 10);
        record_all(&mut reception, [10, 10, 11, 11]);
        assert_eq!(reception.packets_lost(), -2);
        let block = reception.report(1);
        assert_eq!((block.cumulative_lost, block.fraction_lost), (-2, 0));
    }

    #[test]
    fn fraction_lost_is_that_of_the_interval_since_the_last_report() {
        let mut reception = Reception::new(48_000, 0);
        record_all(&mut reception, (0..10).filter(|n| n % 2 == 0 || *n == 9));
        // Four of ten, in 1/256.
        assert_eq!(reception.report(1).fraction_lost, 102);
        record_all(&mut reception, 10..20);
        let block = reception.report(1);
        assert_eq!((block.fraction_lost, block.cumulative_lost), (0, 4));
    }

    #[test]
    fn one_astray_packet_changes_nothing_and_two_in_a_row_restart() {
        let mut reception = Reception::new(48_000, 100);
        record_all(&mut reception, [100, 101]);
        assert_eq!(reception.record(30_000, 0, 0), Arrival::Astray);
        assert_eq!(reception.record(102, 0, 0), Arrival::InSequence);
        assert_eq!(reception.packets_received(), 3);
        assert_eq!(reception.record(30_000, 0, 0), Arrival::Astray);
        assert_eq!(reception.record(30_001, 0, 0), Arrival::Restarted);
        assert_eq!(reception.packets_received(), 4);
        assert_eq!(reception.packets_lost(), 0);
    }

    #[test]
    fn counts_do_not_go_back_when_the_source_restarts_after_an_outage() {
        let mut reception = Reception::new(48_000, 0);
        record_all(&mut reception, (0..1000).filter(|n| *n != 500));
        record_all(&mut reception, (4100..4111).filter(|n| *n != 4105));
        // The first one after the outage was astray.
        assert_eq!(
            (reception.packets_received(), reception.packets_lost()),
            (1008, 2)
        );
        assert_eq!(reception.report(1).cumulative_lost, 1);
    }

    #[test]
    fn jitter_settles_at_the_mean_difference_in_transit() {
        let mut reception = Reception::new(48_000, 0);
        for n in 0..2000u16 {
            let late_ns = u64::from(n % 2) * 4 * MS;
            reception.record(n, u32::from(n) * 960, u64::from(n) * 20 * MS + late_ns);
        }
        assert!(
            reception.jitter().abs_diff(4 * 48) <= 1,
            "{}",
            reception.jitter()
        );
    }

    #[test]
    fn jump_of_the_timestamps_is_no_jitter() {
        // A clock that stood still for a minute, and one that began anew.
        for (jump, pause_ms) in [(0, 60_000), (1_000_000_000, 0)] {
            let mut reception = Reception::new(48_000, 0);
            for n in 0..200u16 {
                let (jump, pause_ms) = if n < 100 { (0, 0) } else { (jump, pause_ms) };
                let timestamp = jump + u32::from(n) * 960;
                reception.record(n, timestamp, (pause_ms + u64::from(n) * 20) * MS);
            }
            assert_eq!(reception.jitter(), 0);
        }
    }

    #[test]
    fn steady_stream_has_no_jitter_even_when_the_timestamp_wraps() {
        let mut reception = Reception::new(48_000, 0);
        for n in 0..500u16 {
            let timestamp = (u32::MAX - 100_000).wrapping_add(u32::from(n) * 960);
            reception.record(n, timestamp, u64::from(n) * 20 * MS);
        }
        assert_eq!(reception.jitter(), 0);
    }

    proptest! {
        #[test]
        fn any_packets_at_any_times_are_counted_without_overflow(
            first: u16,
            packets in proptest::collection::vec(any::<(u16, u32, u64)>(), 0..200),
        ) {
            let mut reception = Reception::new(48_000, first);
            for (sequence_number, timestamp, now_ns) in packets {
                reception.record(sequence_number, timestamp, now_ns);
                let block = reception.report(1);
                prop_assert!(i64::from(block.cumulative_lost) <= LOST_MAX);
            }
        }
    }
}
