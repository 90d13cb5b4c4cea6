//! The RTP packet (RFC 3550 §5.1).

use super::{RtpError, slice, take, take_u16, take_u32};

const VERSION: u8 = 2;

/// The fields of the fixed header that differ from packet to packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// For audio: the first packet after a silence in which nothing was sent (RFC 3551 §4.1).
    pub marker: bool,
    /// 0 to 127; what it stands for is negotiated in SDP.
    pub payload_type: u8,
    /// Counts packets, modulo 2^16.
    pub sequence_number: u16,
    /// Sampling instant of the first sample, in units of the payload's clock, modulo 2^32.
    pub timestamp: u32,
    /// Who sent it.
    pub ssrc: u32,
}

impl Header {
    /// The size of the fixed header.
    pub const BYTES: usize = 12;
}

/// The header extension (RFC 3550 §5.3.1), its elements (RFC 8285) unread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extension<'a> {
    /// `0xBEDE` for one-byte elements, `0x100x` for two-byte ones.
    pub profile: u16,
    /// A whole number of 32-bit words.
    pub data: &'a [u8],
}

/// One RTP packet, borrowed from its datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The fixed header.
    pub header: Header,
    /// Contributing sources: up to 15 SSRCs of 4 bytes.
    pub contributing_sources: &'a [u8],
    /// The header extension.
    pub extension: Option<Extension<'a>>,
    /// What the payload type says it is, without padding.
    pub payload: &'a [u8],
    /// Octets of padding after the payload, its count included.
    pub padding_bytes: u8,
}

impl<'a> Packet<'a> {
    /// A packet with neither contributing sources, extension nor padding.
    #[must_use]
    pub fn new(header: Header, payload: &'a [u8]) -> Self {
        Self {
            header,
            contributing_sources: &[],
            extension: None,
            payload,
            padding_bytes: 0,
        }
    }

    /// Reads one datagram.
    ///
    /// # Errors
    /// Another version, a field beyond the end, or padding that does not fit.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, RtpError> {
        let [flags, marker_and_type] = take::<2>(datagram, 0)?;
        if flags >> 6 != VERSION {
            return Err(RtpError::Version(flags >> 6));
        }
        let header = Header {
            marker: marker_and_type & 0x80 != 0,
            payload_type: marker_and_type & 0x7f,
            sequence_number: take_u16(datagram, 2)?,
            timestamp: take_u32(datagram, 4)?,
            ssrc: take_u32(datagram, 8)?,
        };
        let mut offset = Header::BYTES + 4 * usize::from(flags & 0x0f);
        let contributing_sources = slice(datagram, Header::BYTES, offset)?;
        let mut extension = None;
        if flags & 0x10 != 0 {
            let words = usize::from(take_u16(datagram, offset + 2)?);
            let data = slice(datagram, offset + 4, offset + 4 + 4 * words)?;
            extension = Some(Extension {
                profile: take_u16(datagram, offset)?,
                data,
            });
            offset += 4 + data.len();
        }
        let (payload, padding_bytes) = split_padding(&datagram[offset..], flags & 0x20 != 0)?;
        Ok(Self {
            header,
            contributing_sources,
            extension,
            payload,
            padding_bytes,
        })
    }

    /// Octets of the packet beside its payload.
    #[must_use]
    pub fn overhead_bytes(&self) -> usize {
        let extension = self
            .extension
            .map_or(0, |extension| 4 + extension.data.len());
        let padding = usize::from(self.padding_bytes);
        Header::BYTES + self.contributing_sources.len() + extension + padding
    }

    /// Appends the packet to `datagram`.
    ///
    /// Contributing sources and extension data are cut to whole words, and to the 15 and 65 535
    /// of them that their counts can say.
    pub fn write(&self, datagram: &mut Vec<u8>) {
        let sources = (self.contributing_sources.len() / 4).min(15);
        let mut flags = VERSION << 6 | sources as u8;
        if self.extension.is_some() {
            flags |= 0x10;
        }
        if self.padding_bytes > 0 {
            flags |= 0x20;
        }
        let header = &self.header;
        let marker = u8::from(header.marker) << 7;
        datagram.extend_from_slice(&[flags, marker | header.payload_type & 0x7f]);
        datagram.extend_from_slice(&header.sequence_number.to_be_bytes());
        datagram.extend_from_slice(&header.timestamp.to_be_bytes());
        datagram.extend_from_slice(&header.ssrc.to_be_bytes());
        datagram.extend_from_slice(&self.contributing_sources[..4 * sources]);
        if let Some(extension) = self.extension {
            let words = (extension.data.len() / 4).min(usize::from(u16::MAX));
            datagram.extend_from_slice(&extension.profile.to_be_bytes());
            datagram.extend_from_slice(&(words as u16).to_be_bytes());
            datagram.extend_from_slice(&extension.data[..4 * words]);
        }
        datagram.extend_from_slice(self.payload);
        if let Some(zeros) = self.padding_bytes.checked_sub(1) {
            datagram.resize(datagram.len() + usize::from(zeros), 0);
            datagram.push(self.padding_bytes);
        }
    }
}

/// The payload without its padding, and the octets of padding, count included.
pub(super) fn split_padding(body: &[u8], padded: bool) -> Result<(&[u8], u8), RtpError> {
    if !padded {
        return Ok((body, 0));
    }
    let count = body.last().copied().unwrap_or(0);
    let payload_bytes = body
        .len()
        .checked_sub(usize::from(count))
        .filter(|_| count > 0)
        .ok_or(RtpError::Padding(count))?;
    Ok((&body[..payload_bytes], count))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HEADER: Header = Header {
        marker: true,
        payload_type: 111,
        sequence_number: 0xfffe,
        timestamp: 0x0102_0304,
        ssrc: 0xdead_beef,
    };

    #[test]
    fn fixed_header_is_laid_out_as_in_section_5_1() {
        let mut datagram = Vec::new();
        Packet::new(HEADER, &[1, 2, 3]).write(&mut datagram);
        let expected = [
            0x80, 0xef, 0xff, 0xfe, 1, 2, 3, 4, 0xde, 0xad, 0xbe, 0xef, 1, 2, 3,
        ];
        assert_eq!(datagram, expected);
    }

    #[test]
    fn padding_longer_than_the_payload_is_refused() {
        let mut datagram = Vec::new();
        Packet::new(HEADER, &[1, 9]).write(&mut datagram);
        datagram[0] |= 0x20;
        assert_eq!(Packet::parse(&datagram), Err(RtpError::Padding(9)));
        *datagram.last_mut().unwrap() = 0;
        assert_eq!(Packet::parse(&datagram), Err(RtpError::Padding(0)));
    }

    #[test]
    fn extension_that_runs_past_the_end_is_refused() {
        let mut datagram = Vec::new();
        let mut packet = Packet::new(HEADER, &[]);
        packet.extension = Some(Extension {
            profile: 0xbede,
            data: &[0; 8],
        });
        packet.write(&mut datagram);
        assert!(Packet::parse(&datagram).is_ok());
        let cut = &datagram[..datagram.len() - 1];
        let error = RtpError::Truncated {
            needed: 24,
            actual: 23,
        };
        assert_eq!(Packet::parse(cut), Err(error));
    }

    prop_compose! {
        fn headers()(marker: bool, payload_type in 0u8..128, sequence_number: u16,
                     timestamp: u32, ssrc: u32) -> Header {
            Header { marker, payload_type, sequence_number, timestamp, ssrc }
        }
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_back(
            header in headers(),
            sources in proptest::collection::vec(any::<[u8; 4]>(), 0..16),
            extension in proptest::option::of(
                (any::<u16>(), proptest::collection::vec(any::<[u8; 4]>(), 0..8))
            ),
            payload in proptest::collection::vec(any::<u8>(), 0..200),
            padding_bytes: u8,
        ) {
            let sources = sources.concat();
            let extension = extension.map(|(profile, words)| (profile, words.concat()));
            let packet = Packet {
                header,
                contributing_sources: &sources,
                extension: extension
                    .as_ref()
                    .map(|(profile, data)| Extension { profile: *profile, data }),
                payload: &payload,
                padding_bytes,
            };
            let mut datagram = Vec::new();
            packet.write(&mut datagram);
            prop_assert_eq!(Packet::parse(&datagram), Ok(packet));
            prop_assert_eq!(packet.overhead_bytes() + payload.len(), datagram.len());
        }

        #[test]
        fn arbitrary_bytes_are_a_packet_or_an_error(
            bytes in proptest::collection::vec(any::<u8>(), 0..80),
        ) {
            if let Ok(packet) = Packet::parse(&bytes) {
                prop_assert!(packet.payload.len() + usize::from(packet.padding_bytes) <= bytes.len());
            }
        }
    }
}
