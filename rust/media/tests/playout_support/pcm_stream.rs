//! A stream of PCM payloads whose samples tell which frame they are from, for tests that must see
//! what became of every frame.
#![allow(unreachable_pub, dead_code, reason = "each test takes what it needs")]

use voicectl_media::playout::{DecodeError, FrameDecoder, ReceivedFrame};

pub const MS: u64 = 1_000_000;
pub const FRAME_SAMPLES: usize = 960;

const PLAIN: u8 = 0;
const WITH_LBRR: u8 = 1;
const WITH_DRED: u8 = 2;

/// What a decoder without knowledge of the signal fills holes with.
pub const CONCEALED_SAMPLE: i16 = -7;

/// Decodes `[flags, duration in 2.5 ms, frame number as u16, ...]` to samples of the frame's number.
#[derive(Debug, Default)]
pub struct PcmDecoder {
    pub concealed_samples: usize,
    /// The packet whose DRED was read: its number, and the frames that it reaches back.
    dred: Option<(i16, usize)>,
}

impl FrameDecoder for PcmDecoder {
    fn duration_samples(&self, payload: &[u8]) -> Option<u32> {
        match payload {
            [PLAIN | WITH_LBRR | WITH_DRED, quanta @ 1..=48, _, _, ..] => {
                Some(u32::from(*quanta) * 120)
            }
            [_] => Some(FRAME_SAMPLES as u32),
            _ => None,
        }
    }

    fn has_lbrr(&self, payload: &[u8]) -> bool {
        payload.len() >= 4 && payload[0] == WITH_LBRR
    }

    fn decode(&mut self, payload: &[u8], pcm: &mut [i16]) -> Result<usize, DecodeError> {
        let samples = self.duration_samples(payload).ok_or(DecodeError)? as usize;
        let value = if payload.len() >= 4 {
            number(payload)
        } else {
            0
        };
        pcm[..samples].fill(value);
        Ok(samples)
    }

    fn decode_lbrr(&mut self, next_payload: &[u8], pcm: &mut [i16]) -> Result<usize, DecodeError> {
        if !self.has_lbrr(next_payload) {
            return Err(DecodeError);
        }
        pcm.fill(number(next_payload) - 1);
        Ok(pcm.len())
    }

    fn has_dred(&self, payload: &[u8]) -> bool {
        payload.len() >= 5 && payload[0] == WITH_DRED
    }

    fn read_dred(&mut self, payload: &[u8]) -> usize {
        if !self.has_dred(payload) {
            return 0;
        }
        let frames = usize::from(payload[4]);
        self.dred = Some((number(payload), frames));
        frames * FRAME_SAMPLES
    }

    fn decode_dred(
        &mut self,
        before_samples: usize,
        pcm: &mut [i16],
    ) -> Result<usize, DecodeError> {
        let (number, frames) = self.dred.ok_or(DecodeError)?;
        assert_eq!(pcm.len() % 120, 0);
        assert!(before_samples <= (frames + 1) * FRAME_SAMPLES);
        for (index, sample) in pcm.iter_mut().enumerate() {
            let before = before_samples.saturating_sub(index);
            *sample = number - before.div_ceil(FRAME_SAMPLES) as i16;
        }
        Ok(pcm.len())
    }

    fn conceal(&mut self, pcm: &mut [i16]) {
        assert_eq!(pcm.len() % 120, 0);
        self.concealed_samples += pcm.len();
        pcm.fill(CONCEALED_SAMPLE);
    }

    fn reset(&mut self) {}
}

fn number(payload: &[u8]) -> i16 {
    i16::from_be_bytes([payload[2], payload[3]])
}

/// A payload of frame `number` that lasts `quanta` times 2.5 ms.
pub fn payload(number: i16, quanta: u8, lbrr: bool) -> [u8; 4] {
    let [high, low] = number.to_be_bytes();
    [if lbrr { WITH_LBRR } else { PLAIN }, quanta, high, low]
}

/// A payload of frame `number`, 20 ms long, that tells what the `frames` before it were.
pub fn dred_payload(number: i16, frames: u8) -> [u8; 5] {
    let [high, low] = number.to_be_bytes();
    [WITH_DRED, 8, high, low, frames]
}

/// Frame `number` of a stream of 20 ms frames, as RTP brings it.
pub fn frame(number: u16, payload: &[u8]) -> ReceivedFrame<'_> {
    ReceivedFrame {
        sequence_number: number.wrapping_add(65_500),
        rtp_timestamp: u32::from(number)
            .wrapping_mul(FRAME_SAMPLES as u32)
            .wrapping_add(u32::MAX - 20_000),
        marker: number == 0,
        payload,
    }
}
