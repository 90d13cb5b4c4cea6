//! Voice activity detection.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use voicectl_media::vad::{
    BoxedDetector, Detector, DetectorKind, GateSettings, SpeechEvent, SpeechGate as MediaGate,
};

use crate::error::Error;
use crate::pcm::Pcm;

#[pyclass(module = "voicectl._native", frozen, eq, hash, get_all)]
#[derive(Clone, Copy, Hash, PartialEq)]
pub(crate) struct SpeechStarted {
    pub(crate) at_samples: i64,
}

#[pymethods]
impl SpeechStarted {
    #[classattr]
    #[pyo3(name = "__match_args__")]
    fn match_args() -> (&'static str,) {
        ("at_samples",)
    }

    #[new]
    fn new(at_samples: i64) -> Self {
        Self { at_samples }
    }

    fn __repr__(&self) -> String {
        format!("SpeechStarted(at_samples={})", self.at_samples)
    }
}

#[pyclass(module = "voicectl._native", frozen, eq, hash, get_all)]
#[derive(Clone, Copy, Hash, PartialEq)]
pub(crate) struct SpeechEnded {
    pub(crate) at_samples: i64,
}

#[pymethods]
impl SpeechEnded {
    #[classattr]
    #[pyo3(name = "__match_args__")]
    fn match_args() -> (&'static str,) {
        ("at_samples",)
    }

    #[new]
    fn new(at_samples: i64) -> Self {
        Self { at_samples }
    }

    fn __repr__(&self) -> String {
        format!("SpeechEnded(at_samples={})", self.at_samples)
    }
}

/// One event as its Python class.
#[derive(IntoPyObject)]
pub(crate) enum SpeechChange {
    Started(SpeechStarted),
    Ended(SpeechEnded),
}

impl From<SpeechEvent> for SpeechChange {
    fn from(event: SpeechEvent) -> Self {
        match event {
            SpeechEvent::Started { at_samples } => Self::Started(SpeechStarted { at_samples }),
            SpeechEvent::Ended { at_samples } => Self::Ended(SpeechEnded { at_samples }),
        }
    }
}

/// The detector that Python names `vad`.
pub(crate) fn kind_of(name: &str) -> Result<DetectorKind, Error> {
    match name {
        "earshot" => Ok(DetectorKind::Earshot),
        "silero" => Ok(DetectorKind::Silero),
        _ => Err(Error::setting(format!(
            "vad {name:?} is neither earshot nor silero"
        ))),
    }
}

pub(crate) fn kind_name(kind: DetectorKind) -> &'static str {
    match kind {
        DetectorKind::Earshot => "earshot",
        DetectorKind::Silero => "silero",
    }
}

#[pyclass(module = "voicectl._native")]
pub(crate) struct VoiceDetector {
    detector: BoxedDetector,
}

#[pymethods]
impl VoiceDetector {
    #[new]
    #[pyo3(signature = (vad="earshot"))]
    fn new(vad: &str) -> Result<Self, Error> {
        Ok(Self {
            detector: kind_of(vad)?.detector(),
        })
    }

    fn score(&mut self, py: Python<'_>, frame: Pcm<'_>) -> PyResult<f32> {
        let samples = frame.as_slice()?;
        let wanted = self.detector.frame_samples();
        if samples.len() != wanted {
            let message = format!("a frame is {wanted} samples, not {}", samples.len());
            return Err(PyValueError::new_err(message));
        }
        let detector = &mut self.detector;
        Ok(py.detach(|| detector.score(samples)))
    }

    fn reset(&mut self) {
        self.detector.reset();
    }

    #[getter]
    fn frame_samples(&self) -> usize {
        self.detector.frame_samples()
    }
}

#[pyclass(module = "voicectl._native")]
pub(crate) struct SpeechGate {
    gate: MediaGate<BoxedDetector>,
}

#[pymethods]
impl SpeechGate {
    #[new]
    #[pyo3(signature = (
        *, vad="earshot", start_threshold=0.55, stop_threshold=0.4, min_speech_ms=32, hangover_ms=200,
    ))]
    fn new(
        vad: &str,
        start_threshold: f32,
        stop_threshold: f32,
        min_speech_ms: u32,
        hangover_ms: u32,
    ) -> Result<Self, Error> {
        let settings = GateSettings {
            start_threshold,
            stop_threshold,
            min_speech_ms,
            hangover_ms,
        };
        Ok(Self {
            gate: MediaGate::new(kind_of(vad)?.detector(), settings)?,
        })
    }

    #[pyo3(signature = (pcm, first_sample, *, concealed=false))]
    fn process(
        &mut self,
        py: Python<'_>,
        pcm: Pcm<'_>,
        first_sample: i64,
        concealed: bool,
    ) -> PyResult<Vec<SpeechChange>> {
        let samples = pcm.as_slice()?;
        let gate = &mut self.gate;
        let events = py.detach(|| {
            let mut events = Vec::new();
            gate.process(samples, first_sample, concealed, &mut events);
            events
        });
        Ok(events.into_iter().map(SpeechChange::from).collect())
    }

    fn reset(&mut self) -> Vec<SpeechChange> {
        let mut events = Vec::new();
        self.gate.reset(&mut events);
        events.into_iter().map(SpeechChange::from).collect()
    }

    #[getter]
    fn in_speech(&self) -> bool {
        self.gate.in_speech()
    }
}
