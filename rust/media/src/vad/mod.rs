//! Voice activity detection at 16 kHz: a score for each frame, and speech begun and ended in media
//! time.

mod edges;
mod gate;
mod silero;

pub use gate::{GateSettings, InvalidGateSettings, SpeechEvent, SpeechGate};
pub use silero::Silero;

/// The rate every detector hears, and the unit of media time here.
pub const SAMPLE_RATE_HZ: u32 = 16_000;

/// Tells how much a frame sounds like speech.
pub trait Detector {
    /// Samples of one frame.
    fn frame_samples(&self) -> usize;

    /// 0 (no voice) to 1 (voice), for the next frame of the stream. A frame of another length than
    /// [`Self::frame_samples`] scores 0.
    fn score(&mut self, frame: &[i16]) -> f32;

    /// Forgets the stream.
    fn reset(&mut self);
}

/// The default detector: earshot's network on mel bands, 16 ms a frame.
///
/// Its window is 48 ms long, so its score rises and falls late; [`SpeechGate`] makes up for it.
#[derive(Default)]
pub struct Earshot(Box<earshot::Detector>);

impl Detector for Earshot {
    fn frame_samples(&self) -> usize {
        256
    }

    fn score(&mut self, frame: &[i16]) -> f32 {
        if frame.len() == self.frame_samples() {
            self.0.predict_i16(frame)
        } else {
            0.0
        }
    }

    fn reset(&mut self) {
        self.0.reset();
    }
}

/// The detectors there are.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum DetectorKind {
    /// [`Earshot`], which scores every 16 ms.
    #[default]
    Earshot,
    /// [`Silero`], which noise and other voices fool less often.
    Silero,
}

impl DetectorKind {
    /// One at the beginning of a stream.
    #[must_use]
    pub fn detector(self) -> BoxedDetector {
        match self {
            Self::Earshot => Box::new(Earshot::default()),
            Self::Silero => Box::new(Silero::new()),
        }
    }
}

/// A detector chosen at run time.
pub type BoxedDetector = Box<dyn Detector + Send + Sync>;

impl Detector for BoxedDetector {
    fn frame_samples(&self) -> usize {
        self.as_ref().frame_samples()
    }

    fn score(&mut self, frame: &[i16]) -> f32 {
        self.as_mut().score(frame)
    }

    fn reset(&mut self) {
        self.as_mut().reset();
    }
}
