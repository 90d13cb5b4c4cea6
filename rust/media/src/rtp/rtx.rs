//! The retransmission payload format (RFC 4588 §4): an original sequence number, then what the
//! packet that was lost had as its payload.

use super::{RtpError, take_u16};

const ORIGINAL_SEQUENCE_NUMBER_BYTES: usize = 2;

/// The payload of a packet that was sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retransmission<'a> {
    /// OSN: the sequence number of the packet that was lost.
    pub sequence_number: u16,
    /// Its payload; empty in packets that only probe the path.
    pub payload: &'a [u8],
}

impl<'a> Retransmission<'a> {
    /// Reads the payload of an RTP packet.
    ///
    /// # Errors
    /// [`RtpError::Truncated`] for less than two bytes.
    pub fn parse(payload: &'a [u8]) -> Result<Self, RtpError> {
        Ok(Self {
            sequence_number: take_u16(payload, 0)?,
            payload: &payload[ORIGINAL_SEQUENCE_NUMBER_BYTES..],
        })
    }

    /// Appends the payload.
    pub fn write(&self, payload: &mut Vec<u8>) {
        payload.extend_from_slice(&self.sequence_number.to_be_bytes());
        payload.extend_from_slice(self.payload);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn original_sequence_number_comes_first() {
        let again = Retransmission::parse(&[0xff, 0xfe, 7, 8]).unwrap();
        assert_eq!(
            (again.sequence_number, again.payload),
            (65_534, &[7, 8][..])
        );
        assert!(Retransmission::parse(&[0, 1]).unwrap().payload.is_empty());
    }

    #[test]
    fn payload_without_a_whole_sequence_number_is_refused() {
        for bytes in [&[][..], &[1]] {
            assert!(Retransmission::parse(bytes).is_err());
        }
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_back(
            sequence_number: u16,
            payload in proptest::collection::vec(any::<u8>(), 0..60),
        ) {
            let again = Retransmission { sequence_number, payload: &payload };
            let mut bytes = Vec::new();
            again.write(&mut bytes);
            prop_assert_eq!(Retransmission::parse(&bytes), Ok(again));
        }
    }
}
