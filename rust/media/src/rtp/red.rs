//! Redundant audio data (RFC 2198): earlier frames travel along with the newest one.

use super::{RtpError, slice, take};

/// Blocks that one packet may have: far more than anybody sends, so that a datagram of headers
/// only costs nothing.
pub const MAX_RED_BLOCKS: usize = 16;

/// The longest redundant block that the 10 bits of its length can say.
pub const MAX_RED_BLOCK_BYTES: usize = 1023;

/// The farthest back that the 14 bits of a block's offset can say, in units of the RTP clock.
pub const MAX_RED_OFFSET: u32 = (1 << 14) - 1;

const BLOCK_HEADER_BYTES: usize = 4;

/// An earlier frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RedBlock<'a> {
    /// 0 to 127: the codec.
    pub payload_type: u8,
    /// How much earlier than the packet's timestamp it was sampled: 14 bits.
    pub timestamp_offset: u32,
    /// The frame: at most 1023 bytes.
    pub payload: &'a [u8],
}

/// The payload of a RED packet, borrowed from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Red<'a> {
    /// The headers of the redundant blocks, each with its length checked.
    headers: &'a [u8],
    /// Their payloads, one behind the other.
    payloads: &'a [u8],
    /// The newest frame's codec.
    pub primary_payload_type: u8,
    /// The newest frame; empty when only redundancy was sent.
    pub primary: &'a [u8],
}

impl<'a> Red<'a> {
    /// Reads the payload of an RTP packet.
    ///
    /// # Errors
    /// [`RtpError::Truncated`] when headers or blocks run past the end,
    /// [`RtpError::TooManyBlocks`] for more than [`MAX_RED_BLOCKS`].
    pub fn parse(payload: &'a [u8]) -> Result<Self, RtpError> {
        let (mut blocks, mut offset, mut payload_bytes) = (0, 0, 0);
        let primary_payload_type = loop {
            let [first] = take::<1>(payload, offset)?;
            if first & 0x80 == 0 {
                break first;
            }
            if blocks == MAX_RED_BLOCKS {
                return Err(RtpError::TooManyBlocks);
            }
            payload_bytes += block_bytes(take(payload, offset)?);
            offset += BLOCK_HEADER_BYTES;
            blocks += 1;
        };
        let begin = offset + 1;
        Ok(Self {
            headers: &payload[..offset],
            payloads: slice(payload, begin, begin + payload_bytes)?,
            primary_payload_type,
            primary: &payload[begin + payload_bytes..],
        })
    }

    /// The earlier frames, in the order of the packet: the oldest first, as a rule.
    pub fn redundant_blocks(&self) -> impl Iterator<Item = RedBlock<'a>> + 'a {
        let (headers, _) = self.headers.as_chunks::<BLOCK_HEADER_BYTES>();
        let mut rest = self.payloads;
        headers.iter().map(move |header| {
            // `parse` added the same lengths up.
            let (payload, after) = rest.split_at(block_bytes(*header).min(rest.len()));
            rest = after;
            RedBlock {
                payload_type: header[0] & 0x7f,
                timestamp_offset: (u32::from(header[1]) << 8 | u32::from(header[2])) >> 2,
                payload,
            }
        })
    }
}

/// Appends the payload of a RED packet. Blocks that the format cannot say (longer than 1023 bytes,
/// earlier than 14 bits) are left out, and those beyond [`MAX_RED_BLOCKS`].
pub fn write_red<'a>(
    payload: &mut Vec<u8>,
    blocks: impl Iterator<Item = RedBlock<'a>> + Clone,
    primary_payload_type: u8,
    primary: &[u8],
) {
    let fits = |block: &RedBlock<'_>| {
        block.payload.len() <= MAX_RED_BLOCK_BYTES && block.timestamp_offset <= MAX_RED_OFFSET
    };
    let fitting = blocks.filter(fits).take(MAX_RED_BLOCKS);
    for block in fitting.clone() {
        let offset_and_length = block.timestamp_offset << 10 | block.payload.len() as u32;
        payload.push(0x80 | block.payload_type & 0x7f);
        payload.extend_from_slice(&offset_and_length.to_be_bytes()[1..]);
    }
    payload.push(primary_payload_type & 0x7f);
    for block in fitting {
        payload.extend_from_slice(block.payload);
    }
    payload.extend_from_slice(primary);
}

fn block_bytes(header: [u8; BLOCK_HEADER_BYTES]) -> usize {
    usize::from(header[2] & 0x03) << 8 | usize::from(header[3])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// RFC 2198 §3 with a block of payload type 5, as the figure of §4 has it, in Opus' clock:
    /// offset 960, 2 bytes.
    const ONE_BLOCK: [u8; 10] = [
        0x80 | 0x6f,
        0b0000_1111,
        0b0000_0000,
        2,
        0x6f,
        0xa1,
        0xa2,
        0xb1,
        0xb2,
        0xb3,
    ];

    #[test]
    fn block_header_is_laid_out_as_in_section_3() {
        let red = Red::parse(&ONE_BLOCK).unwrap();
        let blocks: Vec<_> = red.redundant_blocks().collect();
        let expected = RedBlock {
            payload_type: 111,
            timestamp_offset: 960,
            payload: &[0xa1, 0xa2],
        };
        assert_eq!(blocks, [expected]);
        assert_eq!(
            (red.primary_payload_type, red.primary),
            (111, &[0xb1, 0xb2, 0xb3][..])
        );
        let mut written = Vec::new();
        write_red(&mut written, blocks.iter().copied(), 111, red.primary);
        assert_eq!(written, ONE_BLOCK);
    }

    #[test]
    fn primary_alone_has_a_header_of_one_byte() {
        let red = Red::parse(&[111, 7, 8]).unwrap();
        assert_eq!(red.redundant_blocks().count(), 0);
        assert_eq!(red.primary, [7, 8]);
    }

    #[test]
    fn packet_cut_anywhere_before_its_primary_is_refused() {
        for end in 0..7 {
            assert!(
                matches!(
                    Red::parse(&ONE_BLOCK[..end]),
                    Err(RtpError::Truncated { .. })
                ),
                "{end}"
            );
        }
        assert!(Red::parse(&ONE_BLOCK[..7]).unwrap().primary.is_empty());
    }

    #[test]
    fn packet_of_nothing_but_headers_is_refused() {
        let headers = [0x80, 0, 0, 0].repeat(MAX_RED_BLOCKS + 1);
        assert_eq!(Red::parse(&headers), Err(RtpError::TooManyBlocks));
    }

    #[test]
    fn blocks_that_the_format_cannot_say_are_left_out() {
        let long = [0; MAX_RED_BLOCK_BYTES + 1];
        let block = |timestamp_offset, payload| RedBlock {
            payload_type: 96,
            timestamp_offset,
            payload,
        };
        let blocks = [
            block(MAX_RED_OFFSET + 1, &[1][..]),
            block(960, &long),
            block(MAX_RED_OFFSET, &long[1..]),
        ];
        let mut payload = Vec::new();
        write_red(&mut payload, blocks.iter().copied(), 96, &[2]);
        let red = Red::parse(&payload).unwrap();
        assert_eq!(red.redundant_blocks().collect::<Vec<_>>(), blocks[2..]);
        assert_eq!(red.primary, [2]);
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_back(
            frames in proptest::collection::vec(
                (0u8..128, 0..=MAX_RED_OFFSET, proptest::collection::vec(any::<u8>(), 0..60)),
                0..MAX_RED_BLOCKS,
            ),
            primary_payload_type in 0u8..128,
            primary in proptest::collection::vec(any::<u8>(), 0..60),
        ) {
            let blocks: Vec<_> = frames
                .iter()
                .map(|(payload_type, timestamp_offset, payload)| RedBlock {
                    payload_type: *payload_type,
                    timestamp_offset: *timestamp_offset,
                    payload,
                })
                .collect();
            let mut payload = Vec::new();
            write_red(&mut payload, blocks.iter().copied(), primary_payload_type, &primary);
            let red = Red::parse(&payload).unwrap();
            prop_assert_eq!(red.redundant_blocks().collect::<Vec<_>>(), blocks);
            prop_assert_eq!(red.primary_payload_type, primary_payload_type);
            prop_assert_eq!(red.primary, primary);
        }

        #[test]
        fn arbitrary_bytes_are_red_or_an_error(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            if let Ok(red) = Red::parse(&bytes) {
                let redundant: usize = red.redundant_blocks().map(|b| b.payload.len() + 4).sum();
                prop_assert_eq!(redundant + 1 + red.primary.len(), bytes.len());
            }
        }
    }
}
