//! Sender and receiver reports (RFC 3550 §6.4).

use super::super::NtpTime;
use super::{RECEIVER_REPORT, RtpError, SENDER_REPORT, slice, take, take_u32, write_packet};

const BLOCK_BYTES: usize = 24;
const SENDER_INFO_BYTES: usize = 20;
const MAX_BLOCKS: usize = 31;

/// What one end received from one source (§6.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReportBlock {
    /// The source reported on.
    pub ssrc: u32,
    /// Lost since the report before, in 1/256 of what was expected.
    pub fraction_lost: u8,
    /// Expected less received since the beginning: 24 bits, signed.
    pub cumulative_lost: i32,
    /// The highest sequence number received, the count of its wraps in the upper half.
    pub extended_highest_sequence_number: u32,
    /// Interarrival jitter in units of the payload's clock.
    pub jitter: u32,
    /// LSR: the compact NTP time of the last sender report from the source, or 0.
    pub last_sender_report: u32,
    /// DLSR: what passed since that arrived, in 1/65 536 s.
    pub delay_since_last_sender_report: u32,
}

impl ReportBlock {
    fn read(block: [u8; BLOCK_BYTES]) -> Self {
        let word = |index: usize| {
            u32::from_be_bytes([
                block[4 * index],
                block[4 * index + 1],
                block[4 * index + 2],
                block[4 * index + 3],
            ])
        };
        Self {
            ssrc: word(0),
            fraction_lost: block[4],
            // The shift left and back extends the sign of the lower 24 bits.
            cumulative_lost: (word(1) << 8) as i32 >> 8,
            extended_highest_sequence_number: word(2),
            jitter: word(3),
            last_sender_report: word(4),
            delay_since_last_sender_report: word(5),
        }
    }

    fn write(&self, body: &mut Vec<u8>) {
        let lost = u32::from(self.fraction_lost) << 24 | (self.cumulative_lost as u32) & 0xff_ffff;
        for word in [
            self.ssrc,
            lost,
            self.extended_highest_sequence_number,
            self.jitter,
            self.last_sender_report,
            self.delay_since_last_sender_report,
        ] {
            body.extend_from_slice(&word.to_be_bytes());
        }
    }

    /// Appends an RR of the first 31 `blocks`.
    pub fn write_receiver_report(datagram: &mut Vec<u8>, ssrc: u32, blocks: &[Self]) {
        let blocks = &blocks[..blocks.len().min(MAX_BLOCKS)];
        write_packet(datagram, RECEIVER_REPORT, blocks.len() as u8, |body| {
            body.extend_from_slice(&ssrc.to_be_bytes());
            for block in blocks {
                block.write(body);
            }
        });
    }
}

/// What a sender tells of its own stream (§6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderInfo {
    /// When the report was sent, on the sender's wall clock.
    pub ntp_time: NtpTime,
    /// The same instant on the stream's RTP clock.
    pub rtp_timestamp: u32,
    /// Packets sent since the start, modulo 2^32.
    pub packet_count: u32,
    /// Payload octets sent since the start, modulo 2^32.
    pub octet_count: u32,
}

impl SenderInfo {
    /// Appends an SR of this and the first 31 `blocks`.
    pub fn write(&self, datagram: &mut Vec<u8>, ssrc: u32, blocks: &[ReportBlock]) {
        let blocks = &blocks[..blocks.len().min(MAX_BLOCKS)];
        write_packet(datagram, SENDER_REPORT, blocks.len() as u8, |body| {
            body.extend_from_slice(&ssrc.to_be_bytes());
            body.extend_from_slice(&self.ntp_time.0.to_be_bytes());
            for word in [self.rtp_timestamp, self.packet_count, self.octet_count] {
                body.extend_from_slice(&word.to_be_bytes());
            }
            for block in blocks {
                block.write(body);
            }
        });
    }
}

/// SR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderReport<'a> {
    /// Who reports.
    pub ssrc: u32,
    /// On its own stream.
    pub info: SenderInfo,
    blocks: &'a [u8],
}

impl<'a> SenderReport<'a> {
    pub(super) fn parse(count: u8, body: &'a [u8]) -> Result<Self, RtpError> {
        let info = SenderInfo {
            ntp_time: NtpTime(u64::from_be_bytes(take(body, 4)?)),
            rtp_timestamp: take_u32(body, 12)?,
            packet_count: take_u32(body, 16)?,
            octet_count: take_u32(body, 20)?,
        };
        Ok(Self {
            ssrc: take_u32(body, 0)?,
            info,
            blocks: block_bytes(body, 4 + SENDER_INFO_BYTES, count)?,
        })
    }

    /// On the streams of others.
    pub fn blocks(&self) -> impl Iterator<Item = ReportBlock> + 'a {
        read_blocks(self.blocks)
    }
}

/// RR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiverReport<'a> {
    /// Who reports.
    pub ssrc: u32,
    blocks: &'a [u8],
}

impl<'a> ReceiverReport<'a> {
    pub(super) fn parse(count: u8, body: &'a [u8]) -> Result<Self, RtpError> {
        Ok(Self {
            ssrc: take_u32(body, 0)?,
            blocks: block_bytes(body, 4, count)?,
        })
    }

    /// On the streams of others.
    pub fn blocks(&self) -> impl Iterator<Item = ReportBlock> + 'a {
        read_blocks(self.blocks)
    }
}

fn block_bytes(body: &[u8], offset: usize, count: u8) -> Result<&[u8], RtpError> {
    slice(body, offset, offset + BLOCK_BYTES * usize::from(count))
}

fn read_blocks(blocks: &[u8]) -> impl Iterator<Item = ReportBlock> + '_ {
    let (blocks, _) = blocks.as_chunks::<BLOCK_BYTES>();
    blocks.iter().copied().map(ReportBlock::read)
}
