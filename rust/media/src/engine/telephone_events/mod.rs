//! Keys of a telephone in the stream of the audio (RFC 4733).

mod received;
mod sent;

pub(super) use received::ReceivedEvents;
pub(super) use sent::{FrameTime, Report, SentEvents};

/// A key that was pressed, from its beginning to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PressedKey {
    /// As in [`crate::rtp::TelephoneEvent`].
    pub code: u8,
    /// Units of the RTP clock, as far as it was told.
    pub duration: u64,
    /// Attenuation below 0 dBm0, in dB.
    pub attenuation_db: u8,
    /// No packet told its end: others followed, or none.
    pub end_was_lost: bool,
}
