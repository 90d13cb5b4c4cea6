//! The payload of telephone-event: a key of a telephone (RFC 4733 §2.3).

use super::{RtpError, take};

/// One report on an event that goes on or has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TelephoneEvent {
    /// 0 to 9 are digits, 10 is `*`, 11 `#`, 12 to 15 are A to D, 16 is a hook flash (§3.2).
    pub code: u8,
    /// The event has ended.
    pub is_end: bool,
    /// Attenuation below 0 dBm0, in dB: 0 to 63.
    pub attenuation_db: u8,
    /// Since the packet's timestamp, in units of the RTP clock.
    pub duration: u16,
}

impl TelephoneEvent {
    /// Octets on the wire.
    pub const BYTES: usize = 4;

    /// Reads a payload; what follows the first event is ignored.
    ///
    /// # Errors
    /// It is shorter than an event.
    pub fn parse(payload: &[u8]) -> Result<Self, RtpError> {
        let [code, flags, high, low] = take::<4>(payload, 0)?;
        Ok(Self {
            code,
            is_end: flags & 0x80 != 0,
            attenuation_db: flags & 0x3f,
            duration: u16::from_be_bytes([high, low]),
        })
    }

    /// The payload.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let [high, low] = self.duration.to_be_bytes();
        let flags = u8::from(self.is_end) << 7 | self.attenuation_db & 0x3f;
        [self.code, flags, high, low]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn fields_lie_where_section_2_3_has_them() {
        let event = TelephoneEvent {
            code: 11,
            is_end: true,
            attenuation_db: 10,
            duration: 800,
        };
        assert_eq!(event.to_bytes(), [11, 0x8a, 0x03, 0x20]);
        assert_eq!(TelephoneEvent::parse(&[11, 0xca, 0x03, 0x20, 9]), Ok(event));
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_event_or_too_short(
            bytes in proptest::collection::vec(any::<u8>(), 0..12),
        ) {
            let event = TelephoneEvent::parse(&bytes);
            prop_assert_eq!(event.is_ok(), bytes.len() >= 4);
            if let Ok(event) = event {
                prop_assert_eq!(TelephoneEvent::parse(&event.to_bytes()), Ok(event));
            }
        }
    }
}
