//! Voice activity detection.

use pyo3::prelude::*;
use voicectl_media::vad::{Earshot, GateSettings, SpeechEvent, SpeechGate as MediaGate};

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

#[pyclass(module = "voicectl._native")]
pub(crate) struct SpeechGate {
    gate: MediaGate<Earshot>,
}

#[pymethods]
impl SpeechGate {
    #[new]
    #[pyo3(signature = (
        *, start_threshold=0.55, stop_threshold=0.4, min_speech_ms=32, hangover_ms=200,
    ))]
    fn new(
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
            gate: MediaGate::new(Earshot::default(), settings)?,
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
