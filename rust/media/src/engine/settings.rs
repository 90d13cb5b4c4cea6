//! How an engine is set up, and why it cannot be.

use crate::opus::{EncoderSettings, OpusError};
use crate::playout::{self, Sink, Strategy};
use crate::resample::UnsupportedRate;
use crate::vad::{self, DetectorKind, InvalidGateSettings};

use super::adaptation::Preset;
use super::redundancy::MAX_RED_FRAMES;

/// All lengths of a frame.
const FRAMES_MS: [u32; 4] = [10, 20, 40, 60];

/// What cannot be set up or queued.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The codec refuses a setting.
    #[error(transparent)]
    Opus(#[from] OpusError),
    /// There is no conversion to or from a sample rate.
    #[error(transparent)]
    Resample(#[from] UnsupportedRate),
    /// The speech gate refuses a setting.
    #[error(transparent)]
    SpeechGate(#[from] InvalidGateSettings),
    /// A frame is 10, 20, 40 or 60 ms long.
    #[error("a frame is 10, 20, 40 or 60 ms long, not {0}")]
    FrameDuration(u32),
    /// Reports come every 100 ms to 60 s.
    #[error("reports come every 100 to 60000 ms, not {0}")]
    ReportInterval(u32),
    /// An ear, or a record of what is sent, needs the audio.
    #[error("a call that is forwarded undecoded has no sink `playout` and no sent tap")]
    Forwarding,
    /// What is received at this rate cannot be queued in another call.
    #[error("audio is not bridged at {0} Hz, only at 8, 16, 24, 32, 44.1 or 48 kHz")]
    BridgedRate(u32),
    /// RED repeats up to two frames.
    #[error("RED repeats at most {MAX_RED_FRAMES} earlier frames, not {0}")]
    RedFrames(u8),
    /// Keys of a telephone are no audio.
    #[error("telephone-event is no codec for audio")]
    NoAudioCodec,
    /// Telephones have 0 to 9, `*`, `#` and A to D.
    #[error("no telephone has a key of code {0}, only 0 to 15")]
    Key(u8),
    /// Shorter ones go unnoticed, longer ones would need another format.
    #[error("a key is pressed for 40 to 1000 ms, not {0}")]
    KeyDuration(u16),
    /// Header extensions are numbered from 1 (RFC 8285 §4.2, §4.3).
    #[error("no header extension has the id 0")]
    ExtensionId,
    /// A payload type has seven bits, and those of RTCP are left out (RFC 5761 §4).
    #[error("payload type {0} is not in 0..=63 or 96..=127")]
    PayloadType(u8),
}

/// One call's audio, both ways.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whom the received audio is for.
    pub sink: Sink,
    /// How the jitter buffer trades delay for concealment.
    pub strategy: Strategy,
    /// Rate of the PCM in events.
    pub output_rate_hz: u32,
    /// Tell when speech starts and ends, by this detector.
    pub vad: Option<DetectorKind>,
    /// Give what was sent as events too.
    pub tap_sent: bool,
    /// How to encode; rate and channels are the engine's own (48 kHz mono).
    pub encoder: EncoderSettings,
    /// Earlier frames that each packet repeats beside its own (RED), 0 to 2, for peers that take it.
    pub red_frames: u8,
    /// Let bitrate, frame length, complexity and redundancy follow the network, from this kind of
    /// it on: what is set of them here has no effect then.
    pub adaptation: Option<Preset>,
    /// Audio in one packet: 10, 20, 40 or 60 ms.
    pub frame_ms: u32,
    /// Mean interval between RTCP reports.
    pub report_interval_ms: u32,
    /// Unix time less the engine's clock: what makes `now_ns` a wall clock for sender reports.
    pub wall_clock_offset_ns: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            sink: Sink::Playout,
            strategy: Strategy::Balanced,
            output_rate_hz: 48_000,
            vad: None,
            tap_sent: false,
            encoder: EncoderSettings::default(),
            red_frames: 0,
            adaptation: None,
            frame_ms: 20,
            report_interval_ms: 1000,
            wall_clock_offset_ns: 0,
        }
    }
}

impl Settings {
    /// A machine that wants 16 kHz or less has no use for what is above: not decoding it takes a
    /// third of a decoder's time off, and the resampler's.
    pub(super) fn decoder_rate_hz(&self) -> u32 {
        if self.sink == Sink::Eager && self.output_rate_hz <= vad::SAMPLE_RATE_HZ {
            vad::SAMPLE_RATE_HZ
        } else {
            playout::SAMPLE_RATE_HZ
        }
    }

    pub(super) fn check(&self) -> Result<(), EngineError> {
        if !FRAMES_MS.contains(&self.frame_ms) {
            return Err(EngineError::FrameDuration(self.frame_ms));
        }
        if !(100..=60_000).contains(&self.report_interval_ms) {
            return Err(EngineError::ReportInterval(self.report_interval_ms));
        }
        Ok(())
    }
}

/// The longest frame there is of at most `most_ms`; the shortest, where all are longer.
pub(super) fn longest_frame_ms(most_ms: u32) -> u32 {
    let fitting = FRAMES_MS.into_iter().rev().find(|ms| *ms <= most_ms);
    fitting.unwrap_or(FRAMES_MS[0])
}
