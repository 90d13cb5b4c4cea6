//! Opus (RFC 6716) on libopus: packets, encoder, decoder.
//!
//! PCM is `i16`, interleaved when stereo. Every byte slice may come from a peer: what does not
//! parse is an [`OpusError`], and the decoder's state is as it was before.

mod decoder;
mod encoder;
mod error;
mod extension;
pub mod packet;
mod sys;

pub use decoder::Decoder;
pub use encoder::{Application, Encoder, EncoderSettings};
pub use error::OpusError;
pub use extension::has_dred;
pub use packet::{MalformedPacket, Packet, Toc, has_lbrr};
pub use sys::version;

/// The rates Opus codes and decodes at (RFC 6716 §2).
pub const SAMPLE_RATES_HZ: [u32; 5] = [8_000, 12_000, 16_000, 24_000, 48_000];

/// The longest packet (RFC 6716 §3.2.5): 120 ms of audio.
pub const MAX_PACKET_MS: u32 = 120;

/// A buffer of this size holds whatever [`Encoder::encode`] writes for frames of up to 20 ms:
/// one frame of 1275 bytes and the TOC, rounded up; longer ones are cut to fit.
pub const MAX_FRAME_PACKET_BYTES: usize = 1500;

/// How many channels PCM has. The coded stream has its own number; libopus mixes between them.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Channels {
    /// One.
    #[default]
    Mono,
    /// Two, interleaved left first.
    Stereo,
}

impl Channels {
    /// One or two.
    #[must_use]
    pub const fn count(self) -> usize {
        match self {
            Self::Mono => 1,
            Self::Stereo => 2,
        }
    }
}

fn check_sample_rate(sample_rate_hz: u32) -> Result<(), OpusError> {
    if SAMPLE_RATES_HZ.contains(&sample_rate_hz) {
        Ok(())
    } else {
        Err(OpusError::SampleRate(sample_rate_hz))
    }
}
