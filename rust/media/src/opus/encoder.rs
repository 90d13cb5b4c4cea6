use opusic_sys as ffi;

use super::error::check_range;
use super::sys::{Get, RawEncoder, Set};
use super::{Channels, OpusError, check_sample_rate};

/// What the encoder optimises for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Application {
    /// Intelligible speech: the one that sends LBRR.
    #[default]
    Voip,
    /// Faithful music and mixed content.
    Audio,
    /// The least delay, without the speech modes.
    LowDelay,
}

impl Application {
    const fn code(self) -> i32 {
        match self {
            Self::Voip => ffi::OPUS_APPLICATION_VOIP,
            Self::Audio => ffi::OPUS_APPLICATION_AUDIO,
            Self::LowDelay => ffi::OPUS_APPLICATION_RESTRICTED_LOWDELAY,
        }
    }
}

/// How to encode. The default is a voice call: 48 kHz mono, 32 kbit/s, LBRR for 10 % loss.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EncoderSettings {
    /// One of [`super::SAMPLE_RATES_HZ`].
    pub sample_rate_hz: u32,
    /// Channels of the PCM.
    pub channels: Channels,
    /// What to optimise for.
    pub application: Application,
    /// 500 to 512000.
    pub bitrate_bps: i32,
    /// 0 to 10; CPU for quality.
    pub complexity: u8,
    /// Repeat each frame in the next packet, at a lower bitrate (LBRR), once loss is expected.
    pub inband_fec: bool,
    /// Send next to nothing while nobody speaks.
    pub dtx: bool,
    /// 0 to 100: how much of the bitrate LBRR and DRED are worth.
    pub expected_loss_percent: u8,
    /// How much of the past each packet repeats as DRED, 0 (off) to 1040, in steps of 10.
    ///
    /// LBRR and DRED share the bitrate and LBRR goes first: with `inband_fec` on, DRED gets
    /// nothing at 24 kbit/s and next to nothing at 32.
    pub dred_duration_ms: u16,
}

impl Default for EncoderSettings {
    fn default() -> Self {
        Self {
            sample_rate_hz: 48_000,
            channels: Channels::Mono,
            application: Application::Voip,
            bitrate_bps: 32_000,
            complexity: 9,
            inband_fec: true,
            dtx: false,
            expected_loss_percent: 10,
            dred_duration_ms: 0,
        }
    }
}

/// One stream of PCM turned into packets.
pub struct Encoder {
    raw: RawEncoder,
    sample_rate_hz: u32,
    channels: Channels,
    dred_duration_ms: u16,
}

impl Encoder {
    /// An encoder that has heard nothing yet.
    ///
    /// # Errors
    /// [`OpusError::SampleRate`] or [`OpusError::Setting`] for what Opus does not do.
    pub fn new(settings: &EncoderSettings) -> Result<Self, OpusError> {
        check_sample_rate(settings.sample_rate_hz)?;
        let raw = RawEncoder::new(
            settings.sample_rate_hz,
            settings.channels,
            settings.application.code(),
        )?;
        let mut encoder = Self {
            raw,
            sample_rate_hz: settings.sample_rate_hz,
            channels: settings.channels,
            dred_duration_ms: 0,
        };
        encoder.set_bitrate_bps(settings.bitrate_bps)?;
        encoder.set_complexity(settings.complexity)?;
        encoder.set_inband_fec(settings.inband_fec)?;
        encoder.set_dtx(settings.dtx)?;
        encoder.set_expected_loss_percent(settings.expected_loss_percent)?;
        encoder.set_dred_duration_ms(settings.dred_duration_ms)?;
        Ok(encoder)
    }

    /// Encodes one frame (2.5, 5, 10, 20, 40, 60, 80, 100 or 120 ms, all of `pcm`) into the
    /// beginning of `packet` and gives the packet's length. It never exceeds `packet.len()`; a
    /// small buffer lowers the quality.
    ///
    /// # Errors
    /// [`OpusError::FrameDuration`] for another length of `pcm`, [`OpusError::Libopus`] when
    /// `packet` is too small for anything.
    pub fn encode(&mut self, pcm: &[i16], packet: &mut [u8]) -> Result<usize, OpusError> {
        if !self.is_frame(pcm.len()) {
            return Err(OpusError::FrameDuration { samples: pcm.len() });
        }
        self.raw.encode(pcm, packet)
    }

    fn is_frame(&self, samples: usize) -> bool {
        const QUANTA: [usize; 9] = [1, 2, 4, 8, 16, 24, 32, 40, 48];
        let quantum = self.sample_rate_hz as usize / 400 * self.channels.count();
        samples.is_multiple_of(quantum) && QUANTA.contains(&(samples / quantum))
    }

    /// Samples per second and channel of the PCM.
    #[must_use]
    pub const fn sample_rate_hz(&self) -> u32 {
        self.sample_rate_hz
    }

    /// Channels of the PCM.
    #[must_use]
    pub const fn channels(&self) -> Channels {
        self.channels
    }

    /// How many samples of one channel the decoded signal lags behind the encoded one.
    pub fn lookahead_samples(&mut self) -> u32 {
        // The request cannot fail: libopus answers it for every encoder.
        self.raw.get(Get::Lookahead).unwrap_or(0) as u32
    }

    /// Whether the last packet was DTX, which need not be sent.
    pub fn in_dtx(&mut self) -> bool {
        // As above.
        self.raw.get(Get::InDtx).unwrap_or(0) == 1
    }

    /// The range coder's state after the last packet; the decoder's is equal when it decoded the
    /// same bytes (RFC 6716 §6).
    pub fn final_range(&mut self) -> u32 {
        self.raw.final_range()
    }

    /// Forgets the signal and keeps the settings.
    pub fn reset(&mut self) {
        self.raw.reset();
        // libopus 1.6 counts this one among what it forgets. It took the value once before.
        let _ = self.set_dred_duration_ms(self.dred_duration_ms);
    }

    /// # Errors
    /// [`OpusError::Setting`] outside 500 to 512000.
    pub fn set_bitrate_bps(&mut self, bitrate_bps: i32) -> Result<(), OpusError> {
        check_range("bitrate_bps", bitrate_bps.into(), 500, 512_000)?;
        self.raw.set(Set::Bitrate, bitrate_bps)
    }

    /// # Errors
    /// [`OpusError::Setting`] above 10.
    pub fn set_complexity(&mut self, complexity: u8) -> Result<(), OpusError> {
        check_range("complexity", complexity.into(), 0, 10)?;
        self.raw.set(Set::Complexity, complexity.into())
    }

    /// # Errors
    /// None that libopus is known to give.
    pub fn set_inband_fec(&mut self, on: bool) -> Result<(), OpusError> {
        self.raw.set(Set::InbandFec, on.into())
    }

    /// # Errors
    /// None that libopus is known to give.
    pub fn set_dtx(&mut self, on: bool) -> Result<(), OpusError> {
        self.raw.set(Set::Dtx, on.into())
    }

    /// # Errors
    /// [`OpusError::Setting`] above 100.
    pub fn set_expected_loss_percent(&mut self, percent: u8) -> Result<(), OpusError> {
        check_range("expected_loss_percent", percent.into(), 0, 100)?;
        self.raw.set(Set::PacketLossPercent, percent.into())
    }

    /// # Errors
    /// [`OpusError::Setting`] above 1040.
    pub fn set_dred_duration_ms(&mut self, duration_ms: u16) -> Result<(), OpusError> {
        check_range("dred_duration_ms", duration_ms.into(), 0, 1040)?;
        self.raw
            .set(Set::DredDuration, i32::from(duration_ms / 10))?;
        self.dred_duration_ms = duration_ms;
        Ok(())
    }
}
