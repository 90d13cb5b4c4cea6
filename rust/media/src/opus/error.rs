use super::packet::MalformedPacket;

/// Why libopus, or the checks before it, refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum OpusError {
    /// A packet that RFC 6716 §3.4 tells a receiver to discard.
    #[error("malformed Opus packet: {0}")]
    MalformedPacket(#[from] MalformedPacket),
    /// None of [`super::SAMPLE_RATES_HZ`].
    #[error("Opus has no sample rate of {0} Hz, only 8000, 12000, 16000, 24000 and 48000")]
    SampleRate(u32),
    /// PCM to encode that is no Opus frame long.
    #[error(
        "{samples} samples are no Opus frame: it takes 2.5, 5, 10, 20, 40, 60, 80, 100 or 120 ms \
         of every channel"
    )]
    FrameDuration {
        /// The length of the slice, all channels together.
        samples: usize,
    },
    /// A lost duration that Opus cannot fill: not a positive multiple of 2.5 ms.
    #[error("a gap of {samples} samples is not a multiple of 2.5 ms of every channel")]
    GapDuration {
        /// The length of the slice, all channels together.
        samples: usize,
    },
    /// The caller's PCM buffer is shorter than the packet's audio.
    #[error("the packet holds {needed} samples, the buffer {available}")]
    BufferTooSmall {
        /// Samples in the packet, all channels together.
        needed: usize,
        /// Samples the buffer takes.
        available: usize,
    },
    /// A setting outside its range.
    #[error("{name} {value} is outside {min} to {max}")]
    Setting {
        /// The field of [`super::EncoderSettings`], or the setter's argument.
        name: &'static str,
        /// What was asked.
        value: i64,
        /// The least that is allowed.
        min: i64,
        /// The most that is allowed.
        max: i64,
    },
    /// Audio is asked for that no packet's DRED tells of: none was read.
    #[error("no packet with DRED was read")]
    NoDred,
    /// libopus refused for a reason of its own.
    #[error("libopus: {}", super::sys::error_text(*.0))]
    Libopus(i32),
}

/// Refuses `value` outside `min..=max`, so that libopus' bare "invalid argument" is never seen.
pub(super) fn check_range(
    name: &'static str,
    value: i64,
    min: i64,
    max: i64,
) -> Result<(), OpusError> {
    if (min..=max).contains(&value) {
        Ok(())
    } else {
        Err(OpusError::Setting {
            name,
            value,
            min,
            max,
        })
    }
}
