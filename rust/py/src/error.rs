//! The one place where the core's errors become `voicectl.errors`.

use pyo3::PyErr;
use voicectl_media::engine::EngineError;
use voicectl_media::engine::capture::CaptureError;
use voicectl_media::opus::OpusError;
use voicectl_media::resample::UnsupportedRate;
use voicectl_media::rtp::RtpError;
use voicectl_media::srtp::SrtpError;
use voicectl_media::vad::InvalidGateSettings;

mod raised {
    pyo3::import_exception!(voicectl.errors, CodecError);
    pyo3::import_exception!(voicectl.errors, MediaError);
    pyo3::import_exception!(voicectl.errors, UsageError);
    pyo3::import_exception!(voicectl.errors, WireError);
}

/// An error of the core on its way to Python: `?` converts into it, and it into `PyErr`.
pub(crate) struct Error(PyErr);

impl Error {
    /// A setting that nothing here knows.
    pub(crate) fn setting(message: String) -> Self {
        Self(raised::UsageError::new_err(message))
    }

    /// A setting that the codec does not know.
    pub(crate) fn codec_setting(message: String) -> Self {
        Self(raised::CodecError::new_err(message))
    }
}

impl From<Error> for PyErr {
    fn from(error: Error) -> Self {
        error.0
    }
}

impl From<PyErr> for Error {
    fn from(error: PyErr) -> Self {
        Self(error)
    }
}

impl From<OpusError> for Error {
    fn from(error: OpusError) -> Self {
        Self(raised::CodecError::new_err(error.to_string()))
    }
}

impl From<UnsupportedRate> for Error {
    fn from(error: UnsupportedRate) -> Self {
        Self(raised::MediaError::new_err(error.to_string()))
    }
}

impl From<RtpError> for Error {
    fn from(error: RtpError) -> Self {
        Self(raised::WireError::new_err(error.to_string()))
    }
}

impl From<InvalidGateSettings> for Error {
    fn from(error: InvalidGateSettings) -> Self {
        Self(raised::UsageError::new_err(error.to_string()))
    }
}

impl From<SrtpError> for Error {
    fn from(error: SrtpError) -> Self {
        Self(raised::UsageError::new_err(error.to_string()))
    }
}

impl From<CaptureError> for Error {
    fn from(error: CaptureError) -> Self {
        match error {
            CaptureError::Engine(error) => error.into(),
            other => Self(raised::MediaError::new_err(other.to_string())),
        }
    }
}

impl From<EngineError> for Error {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Opus(error) => error.into(),
            EngineError::Resample(error) => error.into(),
            other => Self(raised::UsageError::new_err(other.to_string())),
        }
    }
}
