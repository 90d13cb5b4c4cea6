//! What an engine tells.

use numpy::PyArray1;
use pyo3::prelude::*;
use voicectl_media::engine::Event;

use crate::vad::{SpeechEnded, SpeechStarted};

#[pyclass(module = "voicectl._native", frozen, get_all)]
pub(crate) struct StreamStarted {
    ssrc: u32,
}

#[pymethods]
impl StreamStarted {
    #[new]
    fn new(ssrc: u32) -> Self {
        Self { ssrc }
    }

    fn __repr__(&self) -> String {
        format!("StreamStarted(ssrc={})", self.ssrc)
    }
}

#[pyclass(module = "voicectl._native", frozen, get_all)]
pub(crate) struct StreamEnded {
    ssrc: u32,
}

#[pymethods]
impl StreamEnded {
    #[new]
    fn new(ssrc: u32) -> Self {
        Self { ssrc }
    }

    fn __repr__(&self) -> String {
        format!("StreamEnded(ssrc={})", self.ssrc)
    }
}

#[pyclass(module = "voicectl._native", frozen, get_all)]
pub(crate) struct AudioReceived {
    pcm: Py<PyArray1<i16>>,
    at_ns: u64,
    media_time_samples: i64,
    concealed: Vec<(usize, usize)>,
}

#[pymethods]
impl AudioReceived {
    #[new]
    fn new(
        pcm: Py<PyArray1<i16>>,
        at_ns: u64,
        media_time_samples: i64,
        concealed: Vec<(usize, usize)>,
    ) -> Self {
        Self {
            pcm,
            at_ns,
            media_time_samples,
            concealed,
        }
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let samples = self.pcm.bind(py).len()?;
        Ok(format!(
            "AudioReceived(<{samples} samples>, at_ns={}, media_time_samples={}, concealed={:?})",
            self.at_ns, self.media_time_samples, self.concealed
        ))
    }
}

#[pyclass(module = "voicectl._native", frozen, get_all)]
pub(crate) struct AudioSent {
    pcm: Py<PyArray1<i16>>,
    at_ns: u64,
}

#[pymethods]
impl AudioSent {
    #[new]
    fn new(pcm: Py<PyArray1<i16>>, at_ns: u64) -> Self {
        Self { pcm, at_ns }
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let samples = self.pcm.bind(py).len()?;
        Ok(format!(
            "AudioSent(<{samples} samples>, at_ns={})",
            self.at_ns
        ))
    }
}

#[pyclass(module = "voicectl._native", frozen, get_all)]
pub(crate) struct AudioDrained {
    at_ns: u64,
}

#[pymethods]
impl AudioDrained {
    #[new]
    fn new(at_ns: u64) -> Self {
        Self { at_ns }
    }

    fn __repr__(&self) -> String {
        format!("AudioDrained(at_ns={})", self.at_ns)
    }
}

/// By code (RFC 4733 §3.2).
pub(crate) const KEYS: &str = "0123456789*#ABCD";

#[pyclass(module = "voicectl._native", frozen, get_all)]
pub(crate) struct TelephoneEventReceived {
    code: u8,
    duration_ms: f64,
    volume_dbm0: i8,
    end_was_lost: bool,
    at_ns: u64,
}

#[pymethods]
impl TelephoneEventReceived {
    #[new]
    fn new(code: u8, duration_ms: f64, volume_dbm0: i8, end_was_lost: bool, at_ns: u64) -> Self {
        Self {
            code,
            duration_ms,
            volume_dbm0,
            end_was_lost,
            at_ns,
        }
    }

    #[getter]
    fn digit(&self) -> Option<char> {
        KEYS.chars().nth(usize::from(self.code))
    }

    fn __repr__(&self) -> String {
        format!(
            "TelephoneEventReceived(code={}, duration_ms={}, volume_dbm0={}, end_was_lost={}, \
             at_ns={})",
            self.code,
            self.duration_ms,
            self.volume_dbm0,
            if self.end_was_lost { "True" } else { "False" },
            self.at_ns
        )
    }
}

/// One event as its Python class.
#[derive(IntoPyObject)]
pub(crate) enum EngineEvent {
    StreamStarted(StreamStarted),
    StreamEnded(StreamEnded),
    AudioReceived(AudioReceived),
    AudioSent(AudioSent),
    SpeechStarted(SpeechStarted),
    SpeechEnded(SpeechEnded),
    AudioDrained(AudioDrained),
    TelephoneEventReceived(TelephoneEventReceived),
}

/// The union of the classes, for annotations.
pub(crate) fn engine_event(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    py.get_type::<AudioReceived>()
        .bitor(py.get_type::<AudioSent>())?
        .bitor(py.get_type::<AudioDrained>())?
        .bitor(py.get_type::<SpeechStarted>())?
        .bitor(py.get_type::<SpeechEnded>())?
        .bitor(py.get_type::<StreamStarted>())?
        .bitor(py.get_type::<StreamEnded>())?
        .bitor(py.get_type::<TelephoneEventReceived>())
}

/// An event that owns its audio, taken while the engine was locked and the GIL was not held.
pub(crate) enum OwnedEvent {
    AudioReceived {
        pcm: Vec<i16>,
        at_ns: u64,
        media_time_samples: i64,
        concealed: Vec<(usize, usize)>,
    },
    AudioSent {
        pcm: Vec<i16>,
        at_ns: u64,
    },
    /// One without audio, as it will be.
    Plain(EngineEvent),
}

impl From<Event<'_>> for OwnedEvent {
    fn from(event: Event<'_>) -> Self {
        Self::Plain(match event {
            Event::AudioReceived {
                pcm,
                at_ns,
                media_time_samples,
                concealed,
            } => {
                return Self::AudioReceived {
                    pcm: pcm.to_vec(),
                    at_ns,
                    media_time_samples,
                    concealed: concealed
                        .iter()
                        .map(|range| (range.start, range.end))
                        .collect(),
                };
            }
            Event::AudioSent { pcm, at_ns } => {
                return Self::AudioSent {
                    pcm: pcm.to_vec(),
                    at_ns,
                };
            }
            Event::StreamStarted { ssrc } => EngineEvent::StreamStarted(StreamStarted { ssrc }),
            Event::StreamEnded { ssrc } => EngineEvent::StreamEnded(StreamEnded { ssrc }),
            Event::SpeechStarted { at_samples } => {
                EngineEvent::SpeechStarted(SpeechStarted { at_samples })
            }
            Event::SpeechEnded { at_samples } => {
                EngineEvent::SpeechEnded(SpeechEnded { at_samples })
            }
            Event::AudioDrained { at_ns } => EngineEvent::AudioDrained(AudioDrained { at_ns }),
            Event::TelephoneEvent {
                code,
                duration_ns,
                attenuation_db,
                end_was_lost,
                at_ns,
            } => EngineEvent::TelephoneEventReceived(TelephoneEventReceived {
                code,
                duration_ms: duration_ns as f64 / 1e6,
                volume_dbm0: -(attenuation_db as i8),
                end_was_lost,
                at_ns,
            }),
        })
    }
}

impl OwnedEvent {
    /// The array takes the samples over; they are not copied again.
    pub(crate) fn into_event(self, py: Python<'_>) -> EngineEvent {
        match self {
            Self::Plain(event) => event,
            Self::AudioReceived {
                pcm,
                at_ns,
                media_time_samples,
                concealed,
            } => EngineEvent::AudioReceived(AudioReceived {
                pcm: PyArray1::from_vec(py, pcm).unbind(),
                at_ns,
                media_time_samples,
                concealed,
            }),
            Self::AudioSent { pcm, at_ns } => EngineEvent::AudioSent(AudioSent {
                pcm: PyArray1::from_vec(py, pcm).unbind(),
                at_ns,
            }),
        }
    }
}
