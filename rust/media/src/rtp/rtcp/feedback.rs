//! Feedback messages (RFC 4585 §6).

use super::{RtpError, slice, take_u32};

const GENERIC_NACK: u8 = 1;

/// RTPFB or PSFB: a message about one media source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feedback<'a> {
    /// FMT: which message it is; the two packet types count them apart.
    pub format: u8,
    /// Who sends the message.
    pub sender_ssrc: u32,
    /// Whose media it is about.
    pub media_ssrc: u32,
    /// The message itself (FCI).
    pub control_information: &'a [u8],
}

impl<'a> Feedback<'a> {
    pub(super) fn parse(format: u8, body: &'a [u8]) -> Result<Self, RtpError> {
        Ok(Self {
            format,
            sender_ssrc: take_u32(body, 0)?,
            media_ssrc: take_u32(body, 4)?,
            control_information: slice(body, 8, body.len())?,
        })
    }

    /// The packets asked for again, of a transport feedback message; none of other formats.
    pub fn nacks(&self) -> impl Iterator<Item = Nack> + 'a {
        let entries = if self.format == GENERIC_NACK {
            self.control_information
        } else {
            &[]
        };
        entries.chunks_exact(4).map(|entry| Nack {
            packet_id: u16::from_be_bytes([entry[0], entry[1]]),
            following_lost: u16::from_be_bytes([entry[2], entry[3]]),
        })
    }
}

/// One entry of a generic NACK (§6.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nack {
    /// PID: a lost packet's sequence number.
    pub packet_id: u16,
    /// BLP: bit `i` says that packet `packet_id + i + 1` is lost too.
    pub following_lost: u16,
}

impl Nack {
    /// Every sequence number that the entry names.
    pub fn sequence_numbers(self) -> impl Iterator<Item = u16> {
        let following = (0..16).filter(move |bit| self.following_lost >> bit & 1 == 1);
        std::iter::once(self.packet_id)
            .chain(following.map(move |bit| self.packet_id.wrapping_add(bit + 1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nack_names_the_packet_and_those_of_its_bit_mask() {
        let nack = Nack {
            packet_id: 65_534,
            following_lost: 0b1000_0000_0000_0101,
        };
        let named: Vec<u16> = nack.sequence_numbers().collect();
        assert_eq!(named, [65_534, 65_535, 1, 14]);
    }

    #[test]
    fn nacks_of_other_formats_are_none() {
        let body = [0, 0, 0, 1, 0, 0, 0, 2, 0, 5, 0, 0];
        let count = |format| Feedback::parse(format, &body).unwrap().nacks().count();
        assert_eq!((count(1), count(15)), (1, 0));
    }
}
