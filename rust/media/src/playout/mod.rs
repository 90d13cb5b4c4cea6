//! The jitter buffer and its two sinks: `playout` for ears, `eager` for machines.
//!
//! Time is passed in; nothing here reads a clock or draws randomness, so the same packets at the
//! same times give the same samples. Media time is the RTP timestamp, unwrapped, at 48 kHz
//! (RFC 7587 §4.1).

mod arrival_delay;
mod buffer;
mod concealment;
mod dred_reach;
mod eager;
mod guess;
mod inlet;
mod media_clock;
mod missing;
mod opus;
mod packet_store;
mod playout_delay;
mod stats;
mod strategy;
mod tape;
mod target_delay;
mod ticks;
mod time_scale;

pub use buffer::JitterBuffer;
pub use stats::Stats;
pub use strategy::{Settings, Sink, Strategy};

/// Samples per second of everything here: the RTP clock of Opus (RFC 7587 §4.1).
pub const SAMPLE_RATE_HZ: u32 = 48_000;

/// The time between two blocks of [`Sink::Playout`].
pub const TICK_NS: u64 = 10_000_000;

/// The samples of one block of [`Sink::Playout`].
pub const TICK_SAMPLES: usize = 480;

/// The longest packet that Opus allows (RFC 6716 §3.2.5): 120 ms.
pub(crate) const MAX_PACKET_SAMPLES: usize = 5_760;

/// A payload that the decoder refused. It is counted and concealed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the payload does not decode")]
pub struct DecodeError;

/// One stream's decoder. All PCM is mono at 48 kHz.
pub trait FrameDecoder {
    /// The samples that a payload decodes to, or `None` when it is malformed.
    fn duration_samples(&self, payload: &[u8]) -> Option<u32>;

    /// Whether the payload repeats the frame before it (LBRR, RFC 6716 §2.1.7).
    fn has_lbrr(&self, payload: &[u8]) -> bool;

    /// Decodes into the beginning of `pcm`, which holds at least [`Self::duration_samples`].
    ///
    /// # Errors
    /// [`DecodeError`] when nothing was decoded.
    fn decode(&mut self, payload: &[u8], pcm: &mut [i16]) -> Result<usize, DecodeError>;

    /// Fills all of `pcm`, the audio just before `next_payload`, from what that payload repeats.
    ///
    /// # Errors
    /// [`DecodeError`] when nothing was decoded.
    fn decode_lbrr(&mut self, next_payload: &[u8], pcm: &mut [i16]) -> Result<usize, DecodeError>;

    /// Whether the payload describes what was said before it (DRED).
    fn has_dred(&self, _payload: &[u8]) -> bool {
        false
    }

    /// Reads a payload's DRED for [`Self::decode_dred`], and tells how many samples before its own
    /// audio it covers.
    fn read_dred(&mut self, _payload: &[u8]) -> usize {
        0
    }

    /// Fills all of `pcm`, a multiple of 2.5 ms that begins `before_samples` before the audio of
    /// the payload read last, from its DRED.
    ///
    /// # Errors
    /// [`DecodeError`] when nothing was decoded.
    fn decode_dred(
        &mut self,
        _before_samples: usize,
        _pcm: &mut [i16],
    ) -> Result<usize, DecodeError> {
        Err(DecodeError)
    }

    /// Fills all of `pcm`, a multiple of 2.5 ms, with a continuation of what was decoded.
    fn conceal(&mut self, pcm: &mut [i16]);

    /// Remembers the state for [`Self::go_back`]; false: it cannot.
    fn mark(&mut self) -> bool {
        false
    }

    /// Returns to the state that was remembered last, as if nothing had been concealed since.
    fn go_back(&mut self) {}

    /// Forgets the stream.
    fn reset(&mut self);
}

/// A frame as RTP brought it.
#[derive(Clone, Copy, Debug)]
pub struct ReceivedFrame<'a> {
    /// As in the RTP header.
    pub sequence_number: u16,
    /// As in the RTP header.
    pub rtp_timestamp: u32,
    /// As in the RTP header: the first packet of a talkspurt.
    pub marker: bool,
    /// Without header, extensions and padding.
    pub payload: &'a [u8],
}

/// What became of an inserted frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Inserted {
    /// It waits to be decoded.
    Accepted,
    /// It was received before.
    Duplicate,
    /// It came after its place was played or concealed.
    Late,
    /// It is empty, too long, or the decoder cannot tell its duration.
    Malformed,
    /// Its sequence number or timestamp does not fit the stream. When the next one follows it, the
    /// stream starts anew there (the probation of RFC 3550 appendix A.1).
    Discontinuous,
}

/// Where the sound of a block came from.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum BlockKind {
    /// Decoded as sent.
    #[default]
    Decoded,
    /// Decoded from redundancy.
    Repaired,
    /// Decoded, and made shorter or longer.
    Stretched,
    /// Nothing was sent (DTX), or nothing has arrived yet.
    Silence,
    /// Made up, at least in part.
    Concealed,
}

/// Samples to play or to listen to.
#[derive(Clone, Copy, Debug)]
pub struct Block<'a> {
    /// 48 kHz mono.
    pub pcm: &'a [i16],
    /// The tick it is for, or the moment it went on.
    pub at_ns: u64,
    /// The RTP timestamp of the first sample, unwrapped: it counts on through wraps and restarts
    /// and never goes back. 0 before the first packet.
    pub media_time: i64,
    /// The least trustworthy kind among the samples.
    pub kind: BlockKind,
    /// How many of the samples were made up, of whatever kind the rest is.
    pub concealed_samples: usize,
}

impl Block<'_> {
    /// What was decoded at the lower `rate_hz`, without the repetition that brings it to 48 kHz,
    /// for a stream that began at `origin`; and how many samples at 48 kHz after the block's
    /// beginning the first one lies.
    pub fn decimated(&self, rate_hz: u32, origin: i64) -> (usize, impl Iterator<Item = i16>) {
        let step = (SAMPLE_RATE_HZ / rate_hz) as usize;
        let first = (origin - self.media_time).rem_euclid(step as i64) as usize;
        (first, self.pcm.iter().skip(first).step_by(step).copied())
    }
}

/// The duration of samples at 48 kHz.
const fn samples_to_ns(samples: i64) -> i64 {
    samples * 62_500 / 3
}

/// The samples at 48 kHz in a duration, rounded down.
const fn ns_to_samples(ns: i64) -> i64 {
    (ns * 3).div_euclid(62_500)
}
