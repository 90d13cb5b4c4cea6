use crate::resample::{Quality, Resampler, UnsupportedRate};

use super::{Law, SAMPLE_RATE_HZ};

/// One stream of PCM at 48 kHz turned into packets.
pub struct Encoder {
    law: Law,
    resampler: Resampler,
    pcm: Vec<i16>,
}

impl Encoder {
    /// An encoder that has heard silence.
    ///
    /// # Errors
    /// None: both rates are known. The resampler has the error.
    pub fn new(law: Law) -> Result<Self, UnsupportedRate> {
        Ok(Self {
            law,
            resampler: Resampler::new(
                crate::playout::SAMPLE_RATE_HZ,
                SAMPLE_RATE_HZ,
                Quality::High,
            )?,
            pcm: Vec::with_capacity(480),
        })
    }

    /// Encodes a frame (48 kHz, a whole number of milliseconds) into the beginning of `packet` and
    /// gives the packet's length, which no frame of 60 ms fills.
    pub fn encode(&mut self, pcm: &[i16], packet: &mut [u8]) -> usize {
        self.pcm.clear();
        self.resampler.process(pcm, &mut self.pcm);
        for (code, sample) in packet.iter_mut().zip(&self.pcm) {
            *code = self.law.encode(*sample);
        }
        self.pcm.len().min(packet.len())
    }

    /// Forgets what was heard.
    pub fn reset(&mut self) {
        self.resampler.reset();
    }
}
