//! A captured call again.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use voicectl_media::engine::capture::{Replay, is_capture as has_magic};

use crate::engine::EngineSettings;
use crate::error::Error;
use crate::events::{EngineEvent, OwnedEvent};
use crate::stats::EngineStats;

#[pyclass(module = "voicectl._native", frozen)]
pub(crate) struct CaptureReplay {
    replay: Mutex<Replay>,
}

impl CaptureReplay {
    fn lock(&self) -> MutexGuard<'_, Replay> {
        self.replay.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl CaptureReplay {
    #[new]
    fn new(py: Python<'_>, file: &[u8]) -> Result<Self, Error> {
        let replay = py.detach(|| Replay::new(file.to_vec()))?;
        Ok(Self {
            replay: Mutex::new(replay),
        })
    }

    #[getter]
    fn settings(&self) -> EngineSettings {
        EngineSettings::of(self.lock().settings())
    }

    #[getter]
    fn made_by(&self) -> String {
        self.lock().made_by().to_owned()
    }

    #[getter]
    fn is_of_this_build(&self) -> bool {
        self.lock().is_of_this_build()
    }

    #[getter]
    fn begun_ns(&self) -> u64 {
        self.lock().begun_ns()
    }

    #[getter]
    fn damage(&self) -> Vec<(u64, String)> {
        let replay = self.lock();
        let damage = replay.damage().iter();
        damage
            .map(|damage| (damage.offset, damage.kind.to_string()))
            .collect()
    }

    fn received_packets(&self, py: Python<'_>) -> Vec<(u64, Py<PyBytes>, bool)> {
        let replay = self.lock();
        let packets = replay.reader().received_packets();
        packets
            .map(|received| {
                let packet = PyBytes::new(py, received.packet).unbind();
                (received.at_ns, packet, received.is_rtcp)
            })
            .collect()
    }

    fn run_until(&self, py: Python<'_>, until_ns: u64) -> Option<Vec<EngineEvent>> {
        let (goes_on, events) = py.detach(|| {
            let mut events = Vec::new();
            let goes_on = self
                .lock()
                .run_until(until_ns, |event| events.push(OwnedEvent::from(*event)));
            (goes_on, events)
        });
        let events: Vec<EngineEvent> = events
            .into_iter()
            .map(|event| event.into_event(py))
            .collect();
        (goes_on || !events.is_empty()).then_some(events)
    }

    fn stats(&self, py: Python<'_>) -> PyResult<EngineStats> {
        let stats = self.lock().engine().stats();
        EngineStats::new(py, &stats)
    }

    #[getter]
    fn same_events(&self) -> Option<bool> {
        self.lock().outcome().same_events
    }

    #[getter]
    fn same_packets(&self) -> Option<bool> {
        self.lock().outcome().same_packets
    }

    #[getter]
    fn is_complete(&self) -> bool {
        self.lock().outcome().is_complete
    }

    #[getter]
    fn truncated_at_ns(&self) -> Option<u64> {
        self.lock().outcome().truncated_at_ns
    }

    #[getter]
    fn ended_ns(&self) -> u64 {
        self.lock().outcome().ended_ns
    }

    #[getter]
    fn inputs(&self) -> u64 {
        self.lock().outcome().inputs
    }
}

#[pyfunction]
pub(crate) fn is_capture(file: &[u8]) -> bool {
    has_magic(file)
}
