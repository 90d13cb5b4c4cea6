//! NTP timestamps (RFC 3550 §4) and the round trip they give.

/// From the NTP epoch (1900) to Unix' (1970).
const UNIX_EPOCH_S: u64 = 2_208_988_800;
const NS_PER_S: u64 = 1_000_000_000;

/// 64 bits: seconds since 1900 and their fraction in 1/2^32, both modulo 2^32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NtpTime(pub u64);

impl NtpTime {
    /// `unix_ns` is nanoseconds since 1970; before 1970 counts as 1970.
    #[must_use]
    pub fn from_unix_ns(unix_ns: i128) -> Self {
        let unix_ns = unix_ns.max(0) as u64;
        let seconds = unix_ns / NS_PER_S + UNIX_EPOCH_S;
        let fraction = ((unix_ns % NS_PER_S) << 32) / NS_PER_S;
        Self(seconds << 32 | fraction)
    }

    /// The middle 32 bits, in 1/65 536 s: what LSR and the round trip are counted in.
    #[must_use]
    pub fn compact(self) -> u32 {
        (self.0 >> 16) as u32
    }
}

/// The round trip that a report block tells (RFC 3550 §6.4.1): `now - LSR - DLSR`.
///
/// All in 1/65 536 s. `None` when the reporter had no sender report yet (LSR 0), or when the
/// delay it claims is longer than the time that has passed.
#[must_use]
pub fn round_trip_time_ns(now: u32, last_sender_report: u32, delay: u32) -> Option<u64> {
    if last_sender_report == 0 {
        return None;
    }
    let elapsed = now.wrapping_sub(last_sender_report);
    // Differences above half the range are negative ones: the report is from our future.
    let round_trip = elapsed.checked_sub(delay).filter(|_| elapsed < 1 << 31)?;
    Some(compact_to_ns(round_trip))
}

/// A span in 1/65 536 s as nanoseconds.
fn compact_to_ns(span: u32) -> u64 {
    (u64::from(span) * NS_PER_S) >> 16
}

/// Nanoseconds as a span in 1/65 536 s, at most what DLSR can say (18 hours).
#[must_use]
pub fn ns_to_compact(span_ns: u64) -> u32 {
    let span = (u128::from(span_ns) << 16) / u128::from(NS_PER_S);
    u32::try_from(span).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip_is_that_of_the_example_in_section_6_4_1() {
        // RFC 3550 figure 2: A = 0xb710:8000, LSR = 0xb705:2000, DLSR = 0x0005:4000: 6.125 s.
        let round_trip = round_trip_time_ns(0xb710_8000, 0xb705_2000, 0x0005_4000);
        assert_eq!(round_trip, Some(6_125_000_000));
    }

    #[test]
    fn round_trip_of_a_report_that_cannot_be_true_is_none() {
        assert_eq!(round_trip_time_ns(100, 0, 0), None);
        assert_eq!(round_trip_time_ns(100, 50, 51), None);
        assert_eq!(round_trip_time_ns(100, 200, 0), None);
        assert_eq!(
            round_trip_time_ns(65_536, 0xffff_0000, 0),
            Some(2_000_000_000)
        );
    }

    #[test]
    fn unix_epoch_is_seventy_years_after_the_ntp_epoch() {
        assert_eq!(NtpTime::from_unix_ns(0).0, 2_208_988_800 << 32);
        let half = NtpTime::from_unix_ns(500_000_000);
        assert_eq!(half.0 as u32, 1 << 31);
        assert_eq!(half.compact() & 0xffff, 0x8000);
    }
}
