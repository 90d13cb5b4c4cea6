//! One end of a call's audio.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use voicectl_media::engine::{
    self, Bridge, BridgedMedia, Codec, Preset, SendFormats, Settings, TransportFeedback,
};
use voicectl_media::opus::EncoderSettings;
use voicectl_media::playout::{Sink, Strategy};

use crate::error::Error;
use crate::events::{EngineEvent, KEYS, OwnedEvent};
use crate::pcm::Pcm;
use crate::redundancy::{Redundancy, Repairs};
use crate::srtp::profile_of;
use crate::stats::EngineStats;
use crate::vad::{kind_name, kind_of};

/// Samples at 48 kHz in a millisecond.
const SAMPLES_PER_MS: f64 = 48.0;

#[pyclass(module = "voicectl._native", frozen, get_all)]
pub(crate) struct EngineSettings {
    sink: String,
    output_rate_hz: u32,
    strategy: String,
    vad: Option<String>,
    tap_sent: bool,
    bitrate_bps: i32,
    complexity: u8,
    inband_fec: bool,
    expected_loss_percent: u8,
    red_frames: u8,
    dred_duration_ms: u16,
    adaptation: Option<String>,
    dtx: bool,
    frame_ms: u32,
    report_interval_ms: u32,
    wall_clock_offset_ns: i64,
}

#[pymethods]
impl EngineSettings {
    #[new]
    #[pyo3(signature = (
        *, sink="playout", output_rate_hz=48_000, strategy="balanced", vad=None, tap_sent=false,
        bitrate_bps=32_000, complexity=9, inband_fec=true, expected_loss_percent=10,
        red_frames=0, dred_duration_ms=0, adaptation=None, dtx=false, frame_ms=20,
        report_interval_ms=1000,
        wall_clock_offset_ns=0,
    ))]
    #[expect(clippy::too_many_arguments, reason = "keywords of one constructor")]
    fn new(
        sink: &str,
        output_rate_hz: u32,
        strategy: &str,
        vad: Option<&str>,
        tap_sent: bool,
        bitrate_bps: i32,
        complexity: u8,
        inband_fec: bool,
        expected_loss_percent: u8,
        red_frames: u8,
        dred_duration_ms: u16,
        adaptation: Option<&str>,
        dtx: bool,
        frame_ms: u32,
        report_interval_ms: u32,
        wall_clock_offset_ns: i64,
    ) -> Result<Self, Error> {
        sink_of(sink)?;
        strategy_of(strategy)?;
        adaptation.map(preset_of).transpose()?;
        Ok(Self {
            sink: sink.to_owned(),
            output_rate_hz,
            strategy: strategy.to_owned(),
            vad: vad.map(str::to_owned),
            tap_sent,
            bitrate_bps,
            complexity,
            inband_fec,
            expected_loss_percent,
            red_frames,
            dred_duration_ms,
            adaptation: adaptation.map(str::to_owned),
            dtx,
            frame_ms,
            report_interval_ms,
            wall_clock_offset_ns,
        })
    }
}

impl EngineSettings {
    fn settings(&self) -> Result<Settings, Error> {
        Ok(Settings {
            sink: sink_of(&self.sink)?,
            strategy: strategy_of(&self.strategy)?,
            output_rate_hz: self.output_rate_hz,
            vad: self.vad.as_deref().map(kind_of).transpose()?,
            tap_sent: self.tap_sent,
            encoder: EncoderSettings {
                bitrate_bps: self.bitrate_bps,
                complexity: self.complexity,
                inband_fec: self.inband_fec,
                expected_loss_percent: self.expected_loss_percent,
                dred_duration_ms: self.dred_duration_ms,
                dtx: self.dtx,
                ..EncoderSettings::default()
            },
            red_frames: self.red_frames,
            adaptation: self.adaptation.as_deref().map(preset_of).transpose()?,
            frame_ms: self.frame_ms,
            report_interval_ms: self.report_interval_ms,
            wall_clock_offset_ns: self.wall_clock_offset_ns,
        })
    }
}

impl EngineSettings {
    pub(crate) fn of(settings: &Settings) -> Self {
        let encoder = &settings.encoder;
        Self {
            sink: sink_name(settings.sink).to_owned(),
            output_rate_hz: settings.output_rate_hz,
            strategy: strategy_name(settings.strategy).to_owned(),
            vad: settings.vad.map(|kind| kind_name(kind).to_owned()),
            tap_sent: settings.tap_sent,
            bitrate_bps: encoder.bitrate_bps,
            complexity: encoder.complexity,
            inband_fec: encoder.inband_fec,
            expected_loss_percent: encoder.expected_loss_percent,
            red_frames: settings.red_frames,
            dred_duration_ms: encoder.dred_duration_ms,
            adaptation: settings.adaptation.map(|preset| preset.name().to_owned()),
            dtx: encoder.dtx,
            frame_ms: settings.frame_ms,
            report_interval_ms: settings.report_interval_ms,
            wall_clock_offset_ns: settings.wall_clock_offset_ns,
        }
    }
}

fn sink_name(sink: Sink) -> &'static str {
    match sink {
        Sink::Playout => "playout",
        Sink::Eager => "eager",
    }
}

fn strategy_name(strategy: Strategy) -> &'static str {
    match strategy {
        Strategy::Conservative => "conservative",
        Strategy::Balanced => "balanced",
        Strategy::Aggressive => "aggressive",
    }
}

fn preset_of(name: &str) -> Result<Preset, Error> {
    Preset::from_name(name).ok_or_else(|| {
        Error::setting(format!(
            "adaptation {name:?} is none of lan, broadband, wireless, lossy"
        ))
    })
}

fn bridge_of(name: &str) -> Result<Bridge, Error> {
    match name {
        "audio" => Ok(Bridge::Audio),
        "packets" => Ok(Bridge::Packets),
        _ => Err(Error::setting(format!(
            "what is bridged is audio or packets, not {name:?}"
        ))),
    }
}

fn sink_of(name: &str) -> Result<Sink, Error> {
    match name {
        "playout" => Ok(Sink::Playout),
        "eager" => Ok(Sink::Eager),
        _ => Err(Error::setting(format!(
            "sink {name:?} is neither playout nor eager"
        ))),
    }
}

fn strategy_of(name: &str) -> Result<Strategy, Error> {
    match name {
        "conservative" => Ok(Strategy::Conservative),
        "balanced" => Ok(Strategy::Balanced),
        "aggressive" => Ok(Strategy::Aggressive),
        _ => Err(Error::setting(format!(
            "strategy {name:?} is none of conservative, balanced, aggressive"
        ))),
    }
}

#[pyclass(module = "voicectl._native", frozen, get_all)]
pub(crate) struct ClearedAudio {
    sent_samples: u64,
    dropped_samples: u64,
}

#[pymethods]
impl ClearedAudio {
    #[new]
    fn new(sent_samples: u64, dropped_samples: u64) -> Self {
        Self {
            sent_samples,
            dropped_samples,
        }
    }

    #[getter]
    fn sent_ms(&self) -> f64 {
        self.sent_samples as f64 / SAMPLES_PER_MS
    }

    #[getter]
    fn dropped_ms(&self) -> f64 {
        self.dropped_samples as f64 / SAMPLES_PER_MS
    }

    fn __repr__(&self) -> String {
        format!(
            "ClearedAudio(sent_samples={}, dropped_samples={})",
            self.sent_samples, self.dropped_samples
        )
    }
}

/// Any thread may call, a media plane's too; calls follow one another.
#[pyclass(module = "voicectl._native", frozen)]
pub(crate) struct Engine {
    engine: Arc<Mutex<engine::Engine>>,
}

impl Engine {
    /// For a thread that never takes the GIL.
    #[cfg(target_os = "linux")]
    pub(crate) fn share(&self) -> Arc<Mutex<engine::Engine>> {
        Arc::clone(&self.engine)
    }

    /// Runs `work` on the engine without the GIL. The lock is taken and given back while the GIL
    /// is not held, so that the two never wait for each other.
    fn run<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut engine::Engine) -> T + Send,
    ) -> T {
        py.detach(|| work(&mut self.lock()))
    }

    /// A panic inside the engine has reached Python already; what it left is no less safe.
    fn lock(&self) -> MutexGuard<'_, engine::Engine> {
        self.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Engine {
    #[new]
    #[pyo3(signature = (settings, *, now_ns, seed, capture_limit_bytes=None))]
    fn new(
        settings: &EngineSettings,
        now_ns: u64,
        seed: u64,
        capture_limit_bytes: Option<u64>,
    ) -> Result<Self, Error> {
        let settings = settings.settings()?;
        let engine = match capture_limit_bytes {
            Some(limit) => engine::Engine::captured(&settings, now_ns, seed, limit)?,
            None => engine::Engine::new(&settings, now_ns, seed)?,
        };
        Ok(Self {
            engine: Arc::new(Mutex::new(engine)),
        })
    }

    fn configure_receive(
        &self,
        py: Python<'_>,
        payload_types: BTreeMap<u8, String>,
    ) -> Result<(), Error> {
        let known = |(number, name): (u8, String)| match Codec::from_name(&name) {
            Some(codec) => Ok((number, codec)),
            None => Err(Error::setting(format!("there is no codec {name:?}"))),
        };
        let payload_types: Vec<(u8, Codec)> = payload_types
            .into_iter()
            .map(known)
            .collect::<Result<_, _>>()?;
        Ok(self.run(py, |engine| engine.configure_receive(&payload_types))?)
    }

    #[pyo3(signature = (codec, *, telephone_event=None, max_bitrate_bps=None, max_frame_ms=None))]
    fn configure_send(
        &self,
        py: Python<'_>,
        codec: &str,
        telephone_event: Option<u8>,
        max_bitrate_bps: Option<u32>,
        max_frame_ms: Option<u32>,
    ) -> Result<(), Error> {
        let Some(codec) = Codec::from_name(codec) else {
            return Err(Error::setting(format!("there is no codec {codec:?}")));
        };
        let formats = SendFormats {
            codec,
            telephone_event,
            max_bitrate_bps,
            max_frame_ms,
        };
        Ok(self.run(py, |engine| engine.configure_send(formats))?)
    }

    #[pyo3(signature = (digits, *, duration_ms=100, volume_dbm0=-10))]
    fn send_digits(
        &self,
        py: Python<'_>,
        digits: &str,
        duration_ms: u16,
        volume_dbm0: i8,
    ) -> Result<usize, Error> {
        let code = |digit: char| match KEYS.chars().position(|key| key == digit) {
            Some(code) => Ok(code as u8),
            None => Err(Error::setting(format!("no telephone has a key {digit:?}"))),
        };
        let codes: Vec<u8> = digits.chars().map(code).collect::<Result<_, _>>()?;
        let Some(attenuation_db) = (-63..=0)
            .contains(&volume_dbm0)
            .then_some(volume_dbm0.unsigned_abs())
        else {
            return Err(Error::setting(format!(
                "a key's volume is -63 to 0 dBm0, not {volume_dbm0}"
            )));
        };
        self.run(py, |engine| {
            for (accepted, code) in codes.iter().enumerate() {
                if !engine.press_key(*code, duration_ms, attenuation_db)? {
                    return Ok(accepted);
                }
            }
            Ok(codes.len())
        })
    }

    fn configure_repairs(&self, py: Python<'_>, repairs: &Repairs) -> Result<(), Error> {
        let repairs = repairs.settings();
        Ok(self.run(py, |engine| engine.configure_repairs(&repairs))?)
    }

    #[pyo3(signature = (*, extension_id, reduced_size=false))]
    fn configure_transport_feedback(
        &self,
        py: Python<'_>,
        extension_id: Option<u8>,
        reduced_size: bool,
    ) -> Result<(), Error> {
        let agreed = extension_id.map(|extension_id| TransportFeedback {
            extension_id,
            reduced_size,
        });
        Ok(self.run(py, |engine| engine.configure_transport_feedback(agreed))?)
    }

    fn set_redundancy(&self, py: Python<'_>, redundancy: &Redundancy) -> Result<(), Error> {
        let redundancy = redundancy.settings();
        Ok(self.run(py, |engine| engine.set_redundancy(redundancy))?)
    }

    fn set_srtp_keys(
        &self,
        py: Python<'_>,
        profile: &str,
        local_key_salt: &[u8],
        remote_key_salt: &[u8],
    ) -> Result<(), Error> {
        let profile = profile_of(profile)?;
        Ok(self.run(py, |engine| {
            engine.set_srtp_keys(profile, local_key_salt, remote_key_salt)
        })?)
    }

    fn handle_datagram(&self, py: Python<'_>, datagram: &[u8], now_ns: u64) -> bool {
        self.run(py, |engine| engine.handle_datagram(datagram, now_ns))
    }

    fn handle_rtp(&self, py: Python<'_>, packet: &[u8], now_ns: u64) {
        self.run(py, |engine| engine.handle_rtp(packet, now_ns));
    }

    fn handle_rtcp(&self, py: Python<'_>, packet: &[u8], now_ns: u64) {
        self.run(py, |engine| engine.handle_rtcp(packet, now_ns));
    }

    fn handle_timeout(&self, py: Python<'_>, now_ns: u64) {
        self.run(py, |engine| engine.handle_timeout(now_ns));
    }

    fn next_timeout(&self, py: Python<'_>) -> Option<u64> {
        self.run(py, |engine| engine.next_timeout())
    }

    fn poll_datagrams<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let datagrams = self.run(py, |engine| {
            let mut datagrams = Vec::new();
            while let Some(datagram) = engine.poll_datagram() {
                datagrams.push(datagram.to_vec());
            }
            datagrams
        });
        PyList::new(
            py,
            datagrams.iter().map(|datagram| PyBytes::new(py, datagram)),
        )
    }

    fn poll_transmit<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let packets = self.run(py, |engine| {
            let mut packets = Vec::new();
            while let Some(packet) = engine.poll_transmit() {
                packets.push(packet.to_vec());
            }
            packets
        });
        PyList::new(py, packets.iter().map(|packet| PyBytes::new(py, packet)))
    }

    fn poll_events(&self, py: Python<'_>) -> Vec<EngineEvent> {
        let events = self.run(py, |engine| {
            let mut events = Vec::new();
            while let Some(event) = engine.poll_event() {
                events.push(OwnedEvent::from(event));
            }
            events
        });
        events
            .into_iter()
            .map(|event| event.into_event(py))
            .collect()
    }

    fn queue_audio(
        &self,
        py: Python<'_>,
        pcm: Pcm<'_>,
        sample_rate_hz: u32,
    ) -> Result<usize, Error> {
        let samples = pcm.as_slice()?;
        Ok(self.run(py, |engine| engine.queue_audio(samples, sample_rate_hz))?)
    }

    #[pyo3(signature = (bridge, *, now_ns))]
    fn bridge_out(&self, py: Python<'_>, bridge: Option<&str>, now_ns: u64) -> Result<(), Error> {
        let bridge = bridge.map(bridge_of).transpose()?;
        Ok(self.run(py, |engine| engine.bridge_out(bridge, now_ns))?)
    }

    #[pyo3(signature = (bridge, *, now_ns))]
    fn bridge_in(&self, py: Python<'_>, bridge: Option<&str>, now_ns: u64) -> Result<(), Error> {
        let bridge = bridge.map(bridge_of).transpose()?;
        Ok(self.run(py, |engine| engine.bridge_in(bridge, now_ns))?)
    }

    /// One engine is locked at a time: two that hand on to each other never wait for each other.
    #[pyo3(signature = (to, *, now_ns))]
    fn hand_on(&self, py: Python<'_>, to: &Self, now_ns: u64) -> bool {
        let mut media = BridgedMedia::default();
        let is_any = self.run(py, |engine| engine.take_bridged(&mut media));
        if is_any {
            to.run(py, |engine| engine.queue_bridged(&media, now_ns));
        }
        is_any
    }

    fn finish_audio(&self, py: Python<'_>) {
        self.run(py, engine::Engine::finish_audio);
    }

    fn clear_audio(&self, py: Python<'_>, now_ns: u64) -> ClearedAudio {
        let cleared = self.run(py, |engine| engine.clear_audio(now_ns));
        ClearedAudio {
            sent_samples: cleared.sent_samples,
            dropped_samples: cleared.dropped_samples,
        }
    }

    #[pyo3(signature = (*, ssrc, payload_type, cname))]
    fn start_sending(
        &self,
        py: Python<'_>,
        ssrc: u32,
        payload_type: u8,
        cname: &str,
    ) -> Result<(), Error> {
        Ok(self.run(py, |engine| engine.start_sending(ssrc, payload_type, cname))?)
    }

    #[pyo3(signature = (*, ssrc, cname))]
    fn start_reporting(&self, py: Python<'_>, ssrc: u32, cname: &str) {
        self.run(py, |engine| engine.start_reporting(ssrc, cname));
    }

    fn stop(&self, py: Python<'_>, now_ns: u64) {
        self.run(py, |engine| engine.stop_sending(now_ns));
    }

    fn take_capture<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.run(py, engine::Engine::take_capture))
    }

    fn end_capture<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.run(py, engine::Engine::end_capture))
    }

    #[getter]
    fn capture_is_truncated(&self, py: Python<'_>) -> bool {
        self.run(py, |engine| engine.capture_is_truncated())
    }

    fn stats(&self, py: Python<'_>) -> PyResult<EngineStats> {
        let stats = self.run(py, |engine| engine.stats());
        EngineStats::new(py, &stats)
    }
}
