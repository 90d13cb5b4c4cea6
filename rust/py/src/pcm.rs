//! PCM across the border: one-dimensional, contiguous `numpy.int16` arrays, never converted.

use numpy::{PyArray1, PyArrayMethods, PyReadonlyArray1, PyReadwriteArray1};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PySlice;

/// Samples to read. The array must not be written to before the call returns.
pub(crate) struct Pcm<'py>(PyReadonlyArray1<'py, i16>);

impl<'a, 'py> FromPyObject<'a, 'py> for Pcm<'py> {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let array = int16_array(&object)?;
        let samples = array.try_readonly().map_err(|_| in_use())?;
        samples.as_slice().map_err(|_| not_contiguous())?;
        Ok(Self(samples))
    }
}

impl Pcm<'_> {
    pub(crate) fn as_slice(&self) -> PyResult<&[i16]> {
        self.0.as_slice().map_err(|_| not_contiguous())
    }
}

/// Samples to overwrite, owned by the caller.
pub(crate) struct PcmOut<'py>(PyReadwriteArray1<'py, i16>);

impl<'a, 'py> FromPyObject<'a, 'py> for PcmOut<'py> {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let array = int16_array(&object)?;
        let mut samples = array.try_readwrite().map_err(|_| in_use())?;
        samples.as_slice_mut().map_err(|_| not_contiguous())?;
        Ok(Self(samples))
    }
}

impl<'py> PcmOut<'py> {
    pub(crate) fn as_slice_mut(&mut self) -> PyResult<&mut [i16]> {
        self.0.as_slice_mut().map_err(|_| not_contiguous())
    }

    /// The first `samples` of the caller's array, as a view.
    pub(crate) fn beginning(self, samples: usize) -> PyResult<Bound<'py, PyArray1<i16>>> {
        let array: Bound<'py, PyArray1<i16>> = (**self.0).clone();
        let range = PySlice::new(array.py(), 0, samples as isize, 1);
        Ok(array.get_item(range)?.cast_into()?)
    }
}

fn int16_array<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyArray1<i16>>> {
    object
        .cast::<PyArray1<i16>>()
        .cloned()
        .map_err(|_| PyTypeError::new_err("PCM must be a one-dimensional numpy array of int16"))
}

fn not_contiguous() -> PyErr {
    PyValueError::new_err("PCM must be contiguous: pass numpy.ascontiguousarray(pcm)")
}

fn in_use() -> PyErr {
    PyValueError::new_err("the PCM array is read-only or in use by another call")
}
