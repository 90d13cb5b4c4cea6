//! Sample-rate conversion.

use numpy::PyArray1;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use voicectl_media::resample::{Quality, Resampler as MediaResampler};

use crate::error::Error;
use crate::pcm::{Pcm, PcmOut};

#[pyclass(module = "voicectl._native")]
pub(crate) struct Resampler {
    resampler: MediaResampler,
    converted: Vec<i16>,
}

#[pymethods]
impl Resampler {
    #[new]
    #[pyo3(signature = (from_hz, to_hz, *, quality="standard"))]
    fn new(from_hz: u32, to_hz: u32, quality: &str) -> Result<Self, Error> {
        let quality = match quality {
            "standard" => Quality::Standard,
            "high" => Quality::High,
            _ => {
                let message = format!("quality {quality:?} is neither standard nor high");
                return Err(PyValueError::new_err(message).into());
            }
        };
        Ok(Self {
            resampler: MediaResampler::new(from_hz, to_hz, quality)?,
            converted: Vec::new(),
        })
    }

    #[pyo3(signature = (pcm, *, out=None))]
    fn process<'py>(
        &mut self,
        py: Python<'py>,
        pcm: Pcm<'py>,
        out: Option<PcmOut<'py>>,
    ) -> Result<Bound<'py, PyArray1<i16>>, Error> {
        let samples = pcm.as_slice()?;
        let Some(mut out) = out else {
            self.run(py, samples);
            return Ok(PyArray1::from_slice(py, &self.converted));
        };
        let target = out.as_slice_mut()?;
        // Asked before the signal has moved on: a refused call changes nothing.
        let needed = self.resampler.max_output_samples(samples.len());
        if target.len() < needed {
            let message = format!("out takes {} samples, {needed} may come", target.len());
            return Err(PyValueError::new_err(message).into());
        }
        self.run(py, samples);
        let converted = self.converted.len();
        target[..converted].copy_from_slice(&self.converted);
        Ok(out.beginning(converted)?)
    }

    fn convert<'py>(
        &mut self,
        py: Python<'py>,
        recording: Pcm<'py>,
    ) -> Result<Bound<'py, PyArray1<i16>>, Error> {
        let samples = recording.as_slice()?;
        let resampler = &mut self.resampler;
        let converted = py.detach(|| resampler.convert(samples));
        Ok(PyArray1::from_vec(py, converted))
    }

    fn flush<'py>(&mut self, py: Python<'py>) -> Bound<'py, PyArray1<i16>> {
        self.converted.clear();
        self.resampler.flush(&mut self.converted);
        PyArray1::from_slice(py, &self.converted)
    }

    fn reset(&mut self) {
        self.resampler.reset();
    }

    fn max_output_samples(&self, input_samples: usize) -> usize {
        self.resampler.max_output_samples(input_samples)
    }

    #[getter]
    fn delay_ns(&self) -> u64 {
        self.resampler.delay_ns()
    }
}

impl Resampler {
    fn run(&mut self, py: Python<'_>, samples: &[i16]) {
        let (resampler, converted) = (&mut self.resampler, &mut self.converted);
        py.detach(|| {
            converted.clear();
            resampler.process(samples, converted);
        });
    }
}
