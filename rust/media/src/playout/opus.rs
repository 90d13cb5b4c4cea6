use crate::opus::{Decoder, Packet, has_dred, has_lbrr};

use super::{DecodeError, FrameDecoder, SAMPLE_RATE_HZ};

/// For a mono decoder of any rate. Below 48 kHz each sample stands for several, so that media time
/// counts alike; [`Block::decimated`](super::Block::decimated) gives the samples themselves.
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
        let hold = self.hold();
        let decoded = pcm.len() / hold;
        let samples = Self::decode(self, payload, &mut pcm[..decoded]).map_err(|_| DecodeError)?;
        spread(pcm, samples, hold);
        Ok(samples * hold)
    }

    fn decode_lbrr(&mut self, next_payload: &[u8], pcm: &mut [i16]) -> Result<usize, DecodeError> {
        let hold = self.hold();
        let gap = pcm.len() / hold;
        let samples =
            Self::decode_lbrr(self, next_payload, &mut pcm[..gap]).map_err(|_| DecodeError)?;
        spread(pcm, samples, hold);
        Ok(samples * hold)
    }

    fn has_dred(&self, payload: &[u8]) -> bool {
        has_dred(payload)
    }

    fn read_dred(&mut self, payload: &[u8]) -> usize {
        Self::read_dred(self, payload).unwrap_or(0) * self.hold()
    }

    fn decode_dred(
        &mut self,
        before_samples: usize,
        pcm: &mut [i16],
    ) -> Result<usize, DecodeError> {
        let hold = self.hold();
        let gap = pcm.len() / hold;
        let samples = Self::decode_dred(self, before_samples / hold, &mut pcm[..gap])
            .map_err(|_| DecodeError)?;
        spread(pcm, samples, hold);
        Ok(samples * hold)
    }

    fn conceal(&mut self, pcm: &mut [i16]) {
        let hold = self.hold();
        let gap = pcm.len() / hold;
        if Self::conceal(self, &mut pcm[..gap]).is_err() {
            pcm[..gap].fill(0);
        }
        spread(pcm, gap, hold);
    }

    fn mark(&mut self) -> bool {
        Self::mark(self);
        true
    }

    fn go_back(&mut self) {
        Self::go_back(self);
    }

    fn reset(&mut self) {
        Self::reset(self);
    }
}

impl Decoder {
    /// How many samples at 48 kHz one of the decoder's stands for.
    const fn hold(&self) -> usize {
        (SAMPLE_RATE_HZ / Self::sample_rate_hz(self)) as usize
    }
}

/// Repeats each of the first `samples` of `pcm` `hold` times.
fn spread(pcm: &mut [i16], samples: usize, hold: usize) {
    if hold == 1 {
        return;
    }
    for n in (0..samples).rev() {
        let sample = pcm[n];
        pcm[n * hold..][..hold].fill(sample);
    }
}
