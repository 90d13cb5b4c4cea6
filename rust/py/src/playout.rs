//! The jitter buffer without a codec, so that `voicectl bench` can tell what it costs by itself.

use pyo3::prelude::*;
use voicectl_media::playout::{
    DecodeError, FrameDecoder, JitterBuffer, ReceivedFrame, Settings, Sink,
};

use crate::error::Error;
use crate::pcm::Pcm;

const FRAME_SAMPLES: usize = 960;
const PAYLOAD_BYTES: usize = 80;

#[pyclass(module = "voicectl._native", frozen)]
pub(crate) struct JitterBufferLoad {
    arrivals: Vec<(u64, u16)>,
    speech: Vec<i16>,
    settings: Settings,
}

#[pymethods]
impl JitterBufferLoad {
    #[new]
    fn new(arrivals: Vec<(u64, u16)>, speech: Pcm<'_>, sink: &str) -> Result<Self, Error> {
        let sink = match sink {
            "playout" => Sink::Playout,
            "eager" => Sink::Eager,
            _ => {
                let message = format!("sink {sink:?} is neither playout nor eager");
                return Err(Error::setting(message));
            }
        };
        let speech = speech.as_slice()?;
        if speech.len() < FRAME_SAMPLES {
            return Err(Error::setting("the speech is shorter than a frame".into()));
        }
        Ok(Self {
            arrivals,
            speech: speech.to_vec(),
            settings: Settings {
                sink,
                ..Settings::default()
            },
        })
    }

    fn run(&self, py: Python<'_>) -> usize {
        py.detach(|| self.play())
    }
}

impl JitterBufferLoad {
    /// Inserts each frame when it comes and takes out what is due before.
    fn play(&self) -> usize {
        let mut buffer = JitterBuffer::new(self.settings, Copying(&self.speech), 0);
        let mut samples = 0;
        for &(now_ns, frame) in &self.arrivals {
            while let Some(due_ns) = buffer.next_timeout().filter(|&ns| ns <= now_ns) {
                while let Some(block) = buffer.poll(due_ns) {
                    samples += block.pcm.len();
                }
            }
            let number = frame.to_be_bytes();
            let payload: [u8; PAYLOAD_BYTES] = std::array::from_fn(|index| number[index % 2]);
            // What becomes of it is counted; all fit the stream.
            let _ = buffer.insert(
                &ReceivedFrame {
                    sequence_number: frame,
                    rtp_timestamp: u32::from(frame) * FRAME_SAMPLES as u32,
                    marker: false,
                    payload: &payload,
                },
                now_ns,
            );
        }
        samples
    }
}

/// Copies a frame's samples from speech: all else is the buffer's own.
struct Copying<'a>(&'a [i16]);

impl FrameDecoder for Copying<'_> {
    fn duration_samples(&self, _: &[u8]) -> Option<u32> {
        Some(FRAME_SAMPLES as u32)
    }

    fn has_lbrr(&self, _: &[u8]) -> bool {
        true
    }

    fn decode(&mut self, payload: &[u8], pcm: &mut [i16]) -> Result<usize, DecodeError> {
        let number = payload.first_chunk().ok_or(DecodeError)?;
        let frame = usize::from(u16::from_be_bytes(*number));
        let from = frame * FRAME_SAMPLES % (self.0.len() - FRAME_SAMPLES + 1);
        pcm[..FRAME_SAMPLES].copy_from_slice(&self.0[from..from + FRAME_SAMPLES]);
        Ok(FRAME_SAMPLES)
    }

    fn decode_lbrr(&mut self, payload: &[u8], pcm: &mut [i16]) -> Result<usize, DecodeError> {
        self.decode(payload, pcm)
    }

    fn conceal(&mut self, pcm: &mut [i16]) {
        pcm.fill(0);
    }

    fn reset(&mut self) {}
}
