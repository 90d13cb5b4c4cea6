use crate::opus::{Decoder, Packet, has_dred, has_lbrr};

use super::{DecodeError, FrameDecoder, SAMPLE_RATE_HZ};

/// For a decoder of 48 kHz mono.
impl FrameDecoder for Decoder {
    fn duration_samples(&self, payload: &[u8]) -> Option<u32> {
        Packet::parse(payload)
            .ok()
            .map(|packet| packet.duration_samples(SAMPLE_RATE_HZ))
    }

    fn has_lbrr(&self, payload: &[u8]) -> bool {
        has_lbrr(payload)
    }

    fn decode(&mut self, payload: &[u8], pcm: &mut [i16]) -> Result<usize, DecodeError> {
        Self::decode(self, payload, pcm).map_err(|_| DecodeError)
    }

    fn decode_lbrr(&mut self, next_payload: &[u8], pcm: &mut [i16]) -> Result<usize, DecodeError> {
        Self::decode_lbrr(self, next_payload, pcm).map_err(|_| DecodeError)
    }

    fn has_dred(&self, payload: &[u8]) -> bool {
        has_dred(payload)
    }

    fn read_dred(&mut self, payload: &[u8]) -> usize {
        Self::read_dred(self, payload).unwrap_or(0)
    }

    fn decode_dred(
        &mut self,
        before_samples: usize,
        pcm: &mut [i16],
    ) -> Result<usize, DecodeError> {
        Self::decode_dred(self, before_samples, pcm).map_err(|_| DecodeError)
    }

    fn conceal(&mut self, pcm: &mut [i16]) {
        if Self::conceal(self, pcm).is_err() {
            pcm.fill(0);
        }
    }

    fn reset(&mut self) {
        Self::reset(self);
    }
}
