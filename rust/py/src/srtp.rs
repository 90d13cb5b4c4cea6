//! SRTP without an engine.

use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use voicectl_media::srtp::{Keying, Profile, Session};

use crate::error::Error;

/// A profile by the name that OpenSSL gives it.
pub(crate) fn profile_of(name: &str) -> Result<Profile, Error> {
    match name {
        "SRTP_AES128_CM_SHA1_80" => Ok(Profile::Aes128CmSha1),
        "SRTP_AEAD_AES_128_GCM" => Ok(Profile::AeadAes128Gcm),
        "SRTP_AEAD_AES_256_GCM" => Ok(Profile::AeadAes256Gcm),
        _ => Err(Error::setting(format!("SRTP profile {name:?} is unknown"))),
    }
}

#[pyclass(module = "voicectl._native", frozen)]
pub(crate) struct SrtpSession {
    session: Mutex<Session>,
}

#[pymethods]
impl SrtpSession {
    #[new]
    fn new(profile: &str, local_key_salt: &[u8], remote_key_salt: &[u8]) -> Result<Self, Error> {
        let profile = profile_of(profile)?;
        let local = Keying::new(profile, local_key_salt)?;
        let remote = Keying::new(profile, remote_key_salt)?;
        Ok(Self {
            session: Mutex::new(Session::new(profile, local, remote)?),
        })
    }

    fn protect<'py>(&self, py: Python<'py>, packet: &[u8]) -> Result<Bound<'py, PyBytes>, Error> {
        let mut datagram = Vec::new();
        self.session
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .protect(packet, &mut datagram)?;
        Ok(PyBytes::new(py, &datagram))
    }

    fn unprotect<'py>(&self, py: Python<'py>, datagram: &[u8]) -> Option<Bound<'py, PyBytes>> {
        let mut packet = Vec::new();
        self.session
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .unprotect(datagram, &mut packet)
            .ok()?;
        Some(PyBytes::new(py, &packet))
    }
}
