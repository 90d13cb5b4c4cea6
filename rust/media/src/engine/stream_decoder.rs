//! The decoder of whatever codec a stream has.

use crate::g711;
use crate::opus::{self, Channels};
use crate::playout::{DecodeError, FrameDecoder};

use super::{Codec, EngineError};

/// Of one stream. At 48 kHz mono, each sample repeated where the rate is lower.
pub(super) enum StreamDecoder {
    Opus(opus::Decoder),
    G711(Box<g711::Decoder>),
}

impl StreamDecoder {
    /// For Opus, decoded at `opus_rate_hz`, or for G.711.
    pub(super) fn new(codec: Codec, opus_rate_hz: u32) -> Result<Self, EngineError> {
        Ok(match codec.law() {
            Some(law) => Self::G711(Box::new(g711::Decoder::new(law)?)),
            None => Self::Opus(opus::Decoder::new(opus_rate_hz, Channels::Mono)?),
        })
    }
}

impl FrameDecoder for StreamDecoder {
    fn duration_samples(&self, payload: &[u8]) -> Option<u32> {
        match self {
            Self::Opus(decoder) => decoder.duration_samples(payload),
            Self::G711(_) => u32::try_from(payload.len() * g711::UPSAMPLING).ok(),
        }
    }

    fn has_lbrr(&self, payload: &[u8]) -> bool {
        match self {
            Self::Opus(decoder) => decoder.has_lbrr(payload),
            Self::G711(_) => false,
        }
    }

    fn decode(&mut self, payload: &[u8], pcm: &mut [i16]) -> Result<usize, DecodeError> {
        match self {
            Self::Opus(decoder) => FrameDecoder::decode(decoder, payload, pcm),
            Self::G711(decoder) => Ok(decoder.decode(payload, pcm)),
        }
    }

    fn decode_lbrr(&mut self, next_payload: &[u8], pcm: &mut [i16]) -> Result<usize, DecodeError> {
        match self {
            Self::Opus(decoder) => FrameDecoder::decode_lbrr(decoder, next_payload, pcm),
            Self::G711(_) => Err(DecodeError),
        }
    }

    fn has_dred(&self, payload: &[u8]) -> bool {
        match self {
            Self::Opus(decoder) => decoder.has_dred(payload),
            Self::G711(_) => false,
        }
    }

    fn read_dred(&mut self, payload: &[u8]) -> usize {
        match self {
            Self::Opus(decoder) => FrameDecoder::read_dred(decoder, payload),
            Self::G711(_) => 0,
        }
    }

    fn decode_dred(
        &mut self,
        before_samples: usize,
        pcm: &mut [i16],
    ) -> Result<usize, DecodeError> {
        match self {
            Self::Opus(decoder) => FrameDecoder::decode_dred(decoder, before_samples, pcm),
            Self::G711(_) => Err(DecodeError),
        }
    }

    fn conceal(&mut self, pcm: &mut [i16]) {
        match self {
            Self::Opus(decoder) => FrameDecoder::conceal(decoder, pcm),
            Self::G711(decoder) => decoder.conceal(pcm),
        }
    }

    fn mark(&mut self) -> bool {
        match self {
            Self::Opus(decoder) => FrameDecoder::mark(decoder),
            Self::G711(_) => false,
        }
    }

    fn go_back(&mut self) {
        if let Self::Opus(decoder) = self {
            FrameDecoder::go_back(decoder);
        }
    }

    fn reset(&mut self) {
        match self {
            Self::Opus(decoder) => FrameDecoder::reset(decoder),
            Self::G711(decoder) => decoder.reset(),
        }
    }
}
