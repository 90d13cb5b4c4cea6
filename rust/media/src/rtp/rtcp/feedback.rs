//! Feedback messages (RFC 4585 §6).

use super::{RtpError, TRANSPORT_FEEDBACK, slice, take_u32, write_packet};

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

/// Appends a generic NACK (§6.2.1) that asks `media_ssrc` for `sequence_numbers`, which come in the
/// order of sending. Without any it appends nothing.
pub fn write_nack(
    datagram: &mut Vec<u8>,
    sender_ssrc: u32,
    media_ssrc: u32,
    sequence_numbers: &[u16],
) {
    if sequence_numbers.is_empty() {
        return;
    }
    write_packet(datagram, TRANSPORT_FEEDBACK, GENERIC_NACK, |body| {
        body.extend_from_slice(&sender_ssrc.to_be_bytes());
        body.extend_from_slice(&media_ssrc.to_be_bytes());
        let mut rest = sequence_numbers;
        while let [packet_id, following @ ..] = rest {
            let mut following_lost = 0_u16;
            rest = following;
            while let [next, after @ ..] = rest {
                let bit = next.wrapping_sub(*packet_id).wrapping_sub(1);
                if bit >= 16 {
                    break;
                }
                following_lost |= 1 << bit;
                rest = after;
            }
            body.extend_from_slice(&packet_id.to_be_bytes());
            body.extend_from_slice(&following_lost.to_be_bytes());
        }
    });
}

#[cfg(test)]
mod tests {
    use super::super::{Compound, RtcpPacket};
    use super::*;
    use proptest::prelude::*;

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

    #[test]
    fn nack_is_laid_out_as_in_section_6_2_1() {
        let mut datagram = Vec::new();
        write_nack(&mut datagram, 1, 2, &[65_535, 0, 15, 16]);
        let expected = [
            0x81, 205, 0, 4, 0, 0, 0, 1, 0, 0, 0, 2, 0xff, 0xff, 0x80, 0x01, 0, 16, 0, 0,
        ];
        assert_eq!(datagram, expected);
    }

    #[test]
    fn nack_for_nothing_is_not_written() {
        let mut datagram = Vec::new();
        write_nack(&mut datagram, 1, 2, &[]);
        assert!(datagram.is_empty());
    }

    proptest! {
        #[test]
        fn packets_asked_for_are_the_packets_read(
            first: u16,
            steps in proptest::collection::vec(1..40u16, 0..100),
        ) {
            let mut asked = vec![first];
            asked.extend(steps.iter().scan(first, |last, step| {
                *last = last.wrapping_add(*step);
                Some(*last)
            }));
            let mut datagram = Vec::new();
            write_nack(&mut datagram, 1, 2, &asked);
            let compound = Compound::parse(&datagram).unwrap();
            let Some(RtcpPacket::TransportFeedback(feedback)) = compound.packets().next() else {
                return Err(TestCaseError::fail("no feedback"));
            };
            let read: Vec<u16> = feedback.nacks().flat_map(Nack::sequence_numbers).collect();
            prop_assert_eq!(read, asked);
            prop_assert_eq!((feedback.sender_ssrc, feedback.media_ssrc), (1, 2));
        }
    }
}
