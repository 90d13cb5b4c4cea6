use crate::resample::{Quality, Resampler, UnsupportedRate};

use super::pitch::Continuation;
use super::{Law, SAMPLE_RATE_HZ, UPSAMPLING};

/// What was made up leads over into what was heard within 4 ms.
const OVERLAP: usize = 32;

/// One stream of packets turned into PCM at 48 kHz.
pub struct Decoder {
    law: Law,
    resampler: Resampler,
    continuation: Continuation,
    /// At 8 kHz.
    pcm: Vec<i16>,
    resampled: Vec<i16>,
}

impl Decoder {
    /// A decoder that has heard silence.
    ///
    /// # Errors
    /// None: both rates are known. The resampler has the error.
    pub fn new(law: Law) -> Result<Self, UnsupportedRate> {
        Ok(Self {
            law,
            resampler: Resampler::new(
                SAMPLE_RATE_HZ,
                crate::playout::SAMPLE_RATE_HZ,
                Quality::High,
            )?,
            continuation: Continuation::new(),
            pcm: Vec::with_capacity(960),
            resampled: Vec::with_capacity(960 * UPSAMPLING),
        })
    }

    /// Decodes into the beginning of `pcm`, six samples for each of `payload`, as far as there is
    /// room, and gives how many that were.
    pub fn decode(&mut self, payload: &[u8], pcm: &mut [i16]) -> usize {
        let fitting = payload.len().min(pcm.len() / UPSAMPLING);
        let was_made_up = self.continuation.is_on();
        self.pcm.clear();
        for (index, code) in payload[..fitting].iter().enumerate() {
            let heard = i32::from(self.law.decode(*code));
            let sample = if was_made_up && index < OVERLAP {
                let made_up = i32::from(self.continuation.next_sample());
                let rising = index as i32 + 1;
                let length = OVERLAP as i32 + 1;
                (made_up * (length - rising) + heard * rising) / length
            } else {
                heard
            };
            self.pcm.push(sample as i16);
        }
        self.continuation.hear(&self.pcm);
        self.upsample(pcm)
    }

    /// Fills all of `pcm`, a multiple of 2.5 ms, with a continuation of what was decoded.
    pub fn conceal(&mut self, pcm: &mut [i16]) {
        self.pcm.clear();
        for _ in 0..pcm.len().div_ceil(UPSAMPLING) {
            let sample = self.continuation.next_sample();
            self.pcm.push(sample);
        }
        let filled = self.upsample(pcm);
        pcm[filled..].fill(0);
    }

    /// Forgets the stream.
    pub fn reset(&mut self) {
        self.resampler.reset();
        self.continuation = Continuation::new();
    }

    fn upsample(&mut self, pcm: &mut [i16]) -> usize {
        self.resampled.clear();
        self.resampler.process(&self.pcm, &mut self.resampled);
        let samples = self.resampled.len().min(pcm.len());
        pcm[..samples].copy_from_slice(&self.resampled[..samples]);
        samples
    }
}

#[cfg(test)]
mod tests {
    use super::super::Encoder;
    use super::*;

    const FRAME: usize = 960;

    fn tone(hz: f64, samples: usize) -> Vec<i16> {
        let at = |n: usize| (n as f64 * hz * std::f64::consts::TAU / 48_000.0).sin();
        (0..samples).map(|n| (8000.0 * at(n)) as i16).collect()
    }

    fn power(pcm: &[i16]) -> f64 {
        let energy: f64 = pcm.iter().map(|s| f64::from(*s) * f64::from(*s)).sum();
        energy / pcm.len() as f64
    }

    /// Energy at `hz` relative to everything else, in dB.
    fn snr_db(pcm: &[i16], hz: f64) -> f64 {
        let (mut sine, mut cosine) = (0.0, 0.0);
        for (n, sample) in pcm.iter().enumerate() {
            let phase = n as f64 * hz * std::f64::consts::TAU / 48_000.0;
            sine += f64::from(*sample) * phase.sin();
            cosine += f64::from(*sample) * phase.cos();
        }
        let length = pcm.len() as f64;
        let tone = 2.0 * (sine * sine + cosine * cosine) / (length * length);
        10.0 * (tone / (power(pcm) - tone)).log10()
    }

    fn packets(law: Law, pcm: &[i16]) -> Vec<Vec<u8>> {
        let mut encoder = Encoder::new(law).unwrap();
        let mut packet = [0; 1500];
        let mut encode = |frame: &[i16]| {
            let bytes = encoder.encode(frame, &mut packet);
            packet[..bytes].to_vec()
        };
        pcm.chunks_exact(FRAME).map(&mut encode).collect()
    }

    #[test]
    fn tone_comes_back_as_clean_as_eight_bits_are() {
        for law in [Law::Mu, Law::A] {
            let mut decoder = Decoder::new(law).unwrap();
            let mut heard = Vec::new();
            for packet in packets(law, &tone(1000.0, 48_000)) {
                assert_eq!(packet.len(), 160);
                let mut pcm = [0; FRAME];
                assert_eq!(decoder.decode(&packet, &mut pcm), FRAME);
                heard.extend(pcm);
            }
            // 38 dB for a full-scale sine, by the law.
            let snr = snr_db(&heard[4800..43_200], 1000.0);
            assert!(snr > 34.0, "{law:?} {snr}");
        }
    }

    #[test]
    fn lost_packet_of_a_tone_is_hardly_heard_and_a_long_loss_is_silent() {
        let mut decoder = Decoder::new(Law::A).unwrap();
        let mut heard = Vec::new();
        for (n, packet) in packets(Law::A, &tone(200.0, 48_000)).iter().enumerate() {
            let mut pcm = [0; FRAME];
            if n == 20 || n >= 40 {
                decoder.conceal(&mut pcm);
            } else {
                decoder.decode(packet, &mut pcm);
            }
            heard.extend(pcm);
        }
        let around = &heard[19 * FRAME..23 * FRAME];
        assert!(power(around) > 0.7 * power(&heard[10 * FRAME..14 * FRAME]));
        let steepest = around
            .windows(2)
            .map(|pair| pair[0].abs_diff(pair[1]))
            .max();
        // A sine of 200 Hz at 8000 moves by 210 a sample at most.
        assert!(steepest.unwrap() < 700, "{steepest:?}");
        assert!(power(&heard[45 * FRAME..]) < 1.0);
    }
}
