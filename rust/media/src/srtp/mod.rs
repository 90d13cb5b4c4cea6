//! SRTP and SRTCP (RFC 3711, RFC 7714) with the keys of a DTLS handshake (RFC 5764).
//!
//! [`Session`] protects what one end of a call sends and opens what it receives. A packet that
//! fails its tag or was seen before is refused and leaves the session as it was: the state of a
//! source begins with its first authentic packet.
//!
//! No master key identifier, no key derivation rate, no lifetime but the one of the packet index:
//! DTLS-SRTP uses none of them.

mod cipher;
mod index;
mod keys;
mod replay_window;
mod session;
#[cfg(test)]
mod tests;

pub use keys::{Keying, Profile};
pub use session::{MAX_SOURCES, Session};

use crate::rtp::RtpError;

/// Why a packet is neither protected nor opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SrtpError {
    /// The master key and salt together have another length.
    #[error("{expected} bytes of key and salt needed, {actual} given")]
    Keying {
        /// What the profile asks for.
        expected: usize,
        /// What was given.
        actual: usize,
    },
    /// The bytes outside the encryption are no RTP or RTCP.
    #[error(transparent)]
    Malformed(#[from] RtpError),
    /// The tag does not fit the packet.
    #[error("the packet's tag is wrong")]
    Unauthentic,
    /// The packet was received before, or is too old to know.
    #[error("the packet was received before")]
    Replayed,
    /// There is no room for another source.
    #[error("more than {MAX_SOURCES} sources")]
    TooManySources,
    /// The packet's index was used, or there is none left: the keystream would repeat.
    #[error("the packet index is used up")]
    IndexUsed,
}
