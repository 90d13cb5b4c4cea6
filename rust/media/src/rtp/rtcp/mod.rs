//! RTCP compound packets (RFC 3550 §6): reading those of a peer, writing our own.

mod bandwidth;
mod extended_report;
mod feedback;
mod report;
mod source_description;
mod transport_cc;

pub use extended_report::{ExtendedReport, LossPattern};
pub use feedback::{Feedback, Nack, write_nack};
pub use report::{ReceiverReport, ReportBlock, SenderInfo, SenderReport};
pub use source_description::{Chunk, SourceDescription, write_cname};
pub use transport_cc::{MAX_STATUSES, PacketStatus, TICK_NS, TransportCc, write_transport_cc};

use super::packet::split_padding;
use super::{RtpError, slice, take, take_u16, take_u32};

const VERSION: u8 = 2;
const HEADER_BYTES: usize = 4;
const PADDING: u8 = 0x20;

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const GOODBYE: u8 = 203;
const TRANSPORT_FEEDBACK: u8 = 205;
const PAYLOAD_FEEDBACK: u8 = 206;
const EXTENDED_REPORT: u8 = 207;

/// One packet of a compound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RtcpPacket<'a> {
    /// SR.
    SenderReport(SenderReport<'a>),
    /// RR.
    ReceiverReport(ReceiverReport<'a>),
    /// SDES.
    SourceDescription(SourceDescription<'a>),
    /// BYE.
    Goodbye(Goodbye<'a>),
    /// RTPFB, of which NACK is one (RFC 4585 §6.2).
    TransportFeedback(Feedback<'a>),
    /// PSFB (RFC 4585 §6.3).
    PayloadFeedback(Feedback<'a>),
    /// XR (RFC 3611).
    ExtendedReport(ExtendedReport<'a>),
    /// A type that is not read: APP and whatever else.
    Other {
        /// As on the wire.
        packet_type: u8,
    },
}

/// BYE: sources that leave (RFC 3550 §6.6). The reason is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Goodbye<'a> {
    sources: &'a [u8],
}

impl<'a> Goodbye<'a> {
    fn parse(count: u8, body: &'a [u8]) -> Result<Self, RtpError> {
        let sources = slice(body, 0, 4 * usize::from(count))?;
        Ok(Self { sources })
    }

    /// Who leaves.
    pub fn ssrcs(&self) -> impl Iterator<Item = u32> + 'a {
        self.sources
            .chunks_exact(4)
            .map(|word| u32::from_be_bytes([word[0], word[1], word[2], word[3]]))
    }
}

/// A datagram of one or more RTCP packets, checked to its end.
///
/// Compounds that do not begin with a report are taken too (RFC 5506).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compound<'a>(&'a [u8]);

impl<'a> Compound<'a> {
    /// Reads every packet once, so that a broken one at the end keeps the whole from acting.
    ///
    /// # Errors
    /// Another version, a length or a list beyond the end, or padding that does not fit.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, RtpError> {
        if datagram.is_empty() {
            return Err(RtpError::Truncated {
                needed: HEADER_BYTES,
                actual: 0,
            });
        }
        let mut rest = datagram;
        while !rest.is_empty() {
            (_, rest) = parse_one(rest)?;
        }
        Ok(Self(datagram))
    }

    /// The packets in their order.
    pub fn packets(&self) -> impl Iterator<Item = RtcpPacket<'a>> + 'a {
        let mut rest = self.0;
        // `parse` went the same way to the end, so that an error cannot come.
        std::iter::from_fn(move || {
            let (packet, after) = parse_one(rest).ok()?;
            rest = after;
            Some(packet)
        })
    }
}

/// The first packet of `bytes` and what follows it.
fn parse_one(bytes: &[u8]) -> Result<(RtcpPacket<'_>, &[u8]), RtpError> {
    let [flags, packet_type] = take::<2>(bytes, 0)?;
    if flags >> 6 != VERSION {
        return Err(RtpError::Version(flags >> 6));
    }
    let end = HEADER_BYTES + 4 * usize::from(take_u16(bytes, 2)?);
    let body = slice(bytes, HEADER_BYTES, end)?;
    let (body, _) = split_padding(body, flags & PADDING != 0)?;
    let count = flags & 0x1f;
    let packet = match packet_type {
        SENDER_REPORT => RtcpPacket::SenderReport(SenderReport::parse(count, body)?),
        RECEIVER_REPORT => RtcpPacket::ReceiverReport(ReceiverReport::parse(count, body)?),
        SOURCE_DESCRIPTION => RtcpPacket::SourceDescription(SourceDescription::parse(count, body)?),
        GOODBYE => RtcpPacket::Goodbye(Goodbye::parse(count, body)?),
        TRANSPORT_FEEDBACK => RtcpPacket::TransportFeedback(Feedback::parse(count, body)?),
        PAYLOAD_FEEDBACK => RtcpPacket::PayloadFeedback(Feedback::parse(count, body)?),
        // Its blocks are optional reading: broken ones spoil nothing else.
        EXTENDED_REPORT => match ExtendedReport::parse(body) {
            Ok(report) => RtcpPacket::ExtendedReport(report),
            Err(_) => RtcpPacket::Other { packet_type },
        },
        _ => RtcpPacket::Other { packet_type },
    };
    Ok((packet, &bytes[end..]))
}

/// Appends one packet: the header, then what `write_body` appends, padded to whole words.
fn write_packet(
    datagram: &mut Vec<u8>,
    packet_type: u8,
    count: u8,
    write_body: impl FnOnce(&mut Vec<u8>),
) {
    let begin = datagram.len();
    datagram.extend_from_slice(&[VERSION << 6 | count & 0x1f, packet_type, 0, 0]);
    write_body(datagram);
    let beyond = (datagram.len() - begin) % 4;
    if beyond > 0 {
        let padding = 4 - beyond;
        datagram[begin] |= PADDING;
        datagram.extend_from_slice(&[0, 0, 0][..padding - 1]);
        datagram.push(padding as u8);
    }
    let words = (datagram.len() - begin) / 4 - 1;
    datagram[begin + 2..begin + 4].copy_from_slice(&(words as u16).to_be_bytes());
}

/// Appends a BYE of one source.
pub fn write_goodbye(datagram: &mut Vec<u8>, ssrc: u32) {
    write_packet(datagram, GOODBYE, 1, |body| {
        body.extend_from_slice(&ssrc.to_be_bytes());
    });
}

#[cfg(test)]
mod tests {
    use super::super::NtpTime;
    use super::*;
    use proptest::prelude::*;

    prop_compose! {
        fn blocks()(ssrc: u32, fraction_lost: u8, cumulative_lost in -0x80_0000..0x80_0000i32,
                    extended_highest_sequence_number: u32, jitter: u32,
                    last_sender_report: u32, delay_since_last_sender_report: u32) -> ReportBlock {
            ReportBlock {
                ssrc,
                fraction_lost,
                cumulative_lost,
                extended_highest_sequence_number,
                jitter,
                last_sender_report,
                delay_since_last_sender_report,
            }
        }
    }

    prop_compose! {
        fn senders()(ntp: u64, rtp_timestamp: u32, packet_count: u32, octet_count: u32)
            -> SenderInfo {
            SenderInfo { ntp_time: NtpTime(ntp), rtp_timestamp, packet_count, octet_count }
        }
    }

    proptest! {
        #[test]
        fn compound_that_was_written_is_read_back(
            ssrc: u32,
            info in proptest::option::of(senders()),
            blocks in proptest::collection::vec(blocks(), 0..32),
            cname in "[ -~]{0,255}",
        ) {
            let mut datagram = Vec::new();
            match &info {
                Some(info) => info.write(&mut datagram, ssrc, &blocks),
                None => ReportBlock::write_receiver_report(&mut datagram, ssrc, &blocks),
            }
            write_cname(&mut datagram, ssrc, &cname);
            write_goodbye(&mut datagram, ssrc);
            let compound = Compound::parse(&datagram).unwrap();
            let packets: Vec<_> = compound.packets().collect();
            prop_assert_eq!(packets.len(), 3);
            let read = match packets[0] {
                RtcpPacket::SenderReport(report) => {
                    prop_assert_eq!(Some(report.info), info);
                    prop_assert_eq!(report.ssrc, ssrc);
                    report.blocks().collect::<Vec<_>>()
                }
                RtcpPacket::ReceiverReport(report) => {
                    prop_assert_eq!(info, None);
                    prop_assert_eq!(report.ssrc, ssrc);
                    report.blocks().collect::<Vec<_>>()
                }
                other => return Err(TestCaseError::fail(format!("{other:?}"))),
            };
            prop_assert_eq!(read, &blocks[..blocks.len().min(31)]);
            let RtcpPacket::SourceDescription(description) = packets[1] else {
                return Err(TestCaseError::fail(format!("{:?}", packets[1])));
            };
            let chunk = description.chunks().next().unwrap();
            prop_assert_eq!((chunk.ssrc, chunk.cname), (ssrc, Some(cname.as_bytes())));
            let RtcpPacket::Goodbye(goodbye) = packets[2] else {
                return Err(TestCaseError::fail(format!("{:?}", packets[2])));
            };
            prop_assert_eq!(goodbye.ssrcs().collect::<Vec<_>>(), vec![ssrc]);
        }

        #[test]
        fn arbitrary_bytes_are_a_compound_or_an_error(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            if let Ok(compound) = Compound::parse(&bytes) {
                prop_assert!(read_everything(compound) <= 17 * bytes.len());
            }
        }

        #[test]
        fn arbitrary_bodies_behind_a_good_header_never_panic(
            packet_type in 200u8..208,
            flags in 0u8..64,
            words in proptest::collection::vec(any::<[u8; 4]>(), 0..40),
        ) {
            let mut bytes = vec![VERSION << 6 | flags, packet_type, 0, words.len() as u8];
            bytes.extend(words.concat());
            if let Ok(compound) = Compound::parse(&bytes) {
                prop_assert!(read_everything(compound) <= 17 * bytes.len());
            }
        }
    }

    /// How many entries all the lists of the compound have together.
    fn read_everything(compound: Compound<'_>) -> usize {
        let entries = |packet| match packet {
            RtcpPacket::SenderReport(report) => report.blocks().count(),
            RtcpPacket::ReceiverReport(report) => report.blocks().count(),
            RtcpPacket::SourceDescription(description) => description.chunks().count(),
            RtcpPacket::Goodbye(goodbye) => goodbye.ssrcs().count(),
            RtcpPacket::TransportFeedback(feedback) => {
                let message = feedback.transport_cc().and_then(Result::ok);
                let statuses = message.map_or(0, |message| message.packets().count());
                assert!(statuses <= usize::from(MAX_STATUSES));
                feedback.nacks().flat_map(Nack::sequence_numbers).count()
            }
            RtcpPacket::ExtendedReport(report) => {
                let pattern = report.loss_pattern(1);
                pattern.map_or(0, |pattern| pattern.bursts as usize).min(1)
            }
            RtcpPacket::PayloadFeedback(_) | RtcpPacket::Other { .. } => 0,
        };
        compound.packets().map(entries).sum()
    }

    #[test]
    fn unknown_packet_types_are_passed_over() {
        let mut datagram = vec![0x80, 204, 0, 1, 1, 2, 3, 4];
        write_goodbye(&mut datagram, 9);
        let packets: Vec<_> = Compound::parse(&datagram).unwrap().packets().collect();
        assert_eq!(packets[0], RtcpPacket::Other { packet_type: 204 });
        assert!(matches!(packets[1], RtcpPacket::Goodbye(_)));
    }

    #[test]
    fn broken_last_packet_keeps_the_whole_compound_from_acting() {
        let mut datagram = Vec::new();
        write_goodbye(&mut datagram, 9);
        datagram.extend_from_slice(&[0x81, GOODBYE, 0, 0]);
        let error = RtpError::Truncated {
            needed: 4,
            actual: 0,
        };
        assert_eq!(Compound::parse(&datagram), Err(error));
    }
}
