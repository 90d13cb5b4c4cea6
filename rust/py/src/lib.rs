//! `voicectl._native`: converts values, releases the GIL around codec work and maps errors.
//!
//! `voicectl/_native.pyi` documents every name; the classes here only say where they live.
#![expect(
    clippy::needless_pass_by_value,
    clippy::trivially_copy_pass_by_ref,
    reason = "pyo3 hands arguments over by value and `self` by reference"
)]

mod adaptation;
mod border;
mod capture;
mod engine;
mod error;
mod events;
#[cfg(target_os = "linux")]
mod media_plane;
mod netem;
mod opus;
mod pcm;
mod playout;
#[cfg(target_os = "linux")]
mod raw_fd;
mod redundancy;
mod resample;
mod rtp;
mod srtp;
mod stats;
mod vad;

use pyo3::prelude::*;

#[pymodule(gil_used = false)]
mod _native {
    #[pymodule_export]
    use super::adaptation::Adaptation;
    #[pymodule_export]
    use super::border::{border_call, border_in, border_out};
    #[pymodule_export]
    use super::capture::{CaptureReplay, is_capture};
    #[pymodule_export]
    use super::engine::{ClearedAudio, Engine, EngineSettings};
    #[pymodule_export]
    use super::events::{
        AudioDrained, AudioReceived, AudioSent, StreamEnded, StreamStarted, TelephoneEventReceived,
    };
    #[cfg(target_os = "linux")]
    #[pymodule_export]
    use super::media_plane::{HandedBackDatagram, MediaCall, MediaCallStats, MediaPlane};
    #[pymodule_export]
    use super::netem::NetworkLink;
    #[pymodule_export]
    use super::opus::{OpusDecoder, OpusEncoder, OpusPacket, parse_opus_packet};
    #[pymodule_export]
    use super::playout::JitterBufferLoad;
    #[pymodule_export]
    use super::redundancy::{Redundancy, Repairs};
    #[pymodule_export]
    use super::resample::Resampler;
    #[pymodule_export]
    use super::rtp::{RtpPacket, is_rtcp_compound, parse_rtp_packet};
    #[pymodule_export]
    use super::srtp::SrtpSession;
    #[pymodule_export]
    use super::stats::{
        EngineDrops, EngineStats, InboundRtpStats, OutboundRtpStats, RemoteInboundRtpStats,
        RemoteOutboundRtpStats, TransportFeedbackCounters,
    };
    #[pymodule_export]
    use super::vad::{SpeechEnded, SpeechGate, SpeechStarted, VoiceDetector};

    use super::{Bound, PyModule, PyModuleMethods, PyResult};

    /// Tells which build this is, so that a bench can refuse a debug build.
    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        let profile = if cfg!(debug_assertions) {
            "debug"
        } else {
            "release"
        };
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        module.add("BUILD_PROFILE", profile)?;
        module.add("OPUS_VERSION", voicectl_media::opus::version())?;
        module.add("EngineEvent", super::events::engine_event(module.py())?)
    }
}
