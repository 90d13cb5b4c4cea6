//! RTP and RTCP (RFC 3550), RED (RFC 2198) and RTX (RFC 4588): packets to values and back, and what
//! a receiver counts.
//!
//! Everything here is arithmetic on bytes: no clock, no sockets, no randomness of its own.
//! Parsers borrow from the datagram and allocate nothing; bytes that do not parse are a
//! [`RtpError`], never a panic.

mod header_extension;
mod ntp;
mod packet;
mod random;
mod reception;
mod red;
pub mod rtcp;
mod rtx;
mod schedule;
mod telephone_event;

pub use header_extension::TwoByteElement;
pub use ntp::{NtpTime, ns_to_compact, round_trip_time_ns};
pub use packet::{Extension, Header, Packet};
pub use random::SplitMix64;
pub use reception::{Arrival, Reception};
pub use red::{MAX_RED_BLOCK_BYTES, MAX_RED_BLOCKS, MAX_RED_OFFSET, Red, RedBlock, write_red};
pub use rtx::Retransmission;
pub use schedule::ReportSchedule;
pub use telephone_event::TelephoneEvent;

/// Why bytes are not RTP or RTCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RtpError {
    /// A field, list or packet ends after the datagram does.
    #[error("packet is cut off: {needed} bytes needed, {actual} there")]
    Truncated {
        /// Bytes that the fields read so far ask for.
        needed: usize,
        /// Bytes that are there.
        actual: usize,
    },
    /// The version field is not 2.
    #[error("version is {0}, not 2")]
    Version(u8),
    /// The padding count is zero or longer than what it pads.
    #[error("padding of {0} bytes does not fit")]
    Padding(u8),
    /// RED with more than [`MAX_RED_BLOCKS`].
    #[error("more than {MAX_RED_BLOCKS} redundant blocks")]
    TooManyBlocks,
    /// Transport-wide feedback on no packets or too many, or with a reserved status.
    #[error("packet statuses make no sense")]
    PacketStatuses,
}

/// Tells RTCP from RTP on a shared port (RFC 5761 §4): packet types 192 to 223 are RTCP.
///
/// Says nothing about whether the bytes are either.
#[must_use]
pub fn is_rtcp(datagram: &[u8]) -> bool {
    datagram
        .get(1)
        .is_some_and(|packet_type| (192..=223).contains(packet_type))
}

/// The first `N` bytes from `offset`, or what is missing.
fn take<const N: usize>(bytes: &[u8], offset: usize) -> Result<[u8; N], RtpError> {
    bytes
        .get(offset..)
        .and_then(|rest| rest.first_chunk::<N>())
        .copied()
        .ok_or(RtpError::Truncated {
            needed: offset + N,
            actual: bytes.len(),
        })
}

fn take_u16(bytes: &[u8], offset: usize) -> Result<u16, RtpError> {
    take(bytes, offset).map(u16::from_be_bytes)
}

fn take_u32(bytes: &[u8], offset: usize) -> Result<u32, RtpError> {
    take(bytes, offset).map(u32::from_be_bytes)
}

/// `bytes[from..to]`, or what is missing.
fn slice(bytes: &[u8], from: usize, to: usize) -> Result<&[u8], RtpError> {
    bytes.get(from..to).ok_or(RtpError::Truncated {
        needed: to,
        actual: bytes.len(),
    })
}
