//! Opus: encoder, decoder, packets.

use numpy::PyArray1;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use voicectl_media::opus::packet::{Bandwidth, Mode};
use voicectl_media::opus::{
    Application, Channels, Decoder, Encoder, EncoderSettings, MAX_PACKET_MS, Packet, has_dred,
};

use crate::error::Error;
use crate::pcm::{Pcm, PcmOut};

/// Six frames of 1275 bytes with their lengths, rounded up: more than any bitrate fills.
const MAX_PACKET_BYTES: usize = 8192;

fn channels_of(count: usize) -> Result<Channels, Error> {
    match count {
        1 => Ok(Channels::Mono),
        2 => Ok(Channels::Stereo),
        _ => Err(Error::codec_setting(format!(
            "channels {count} is neither 1 nor 2"
        ))),
    }
}

fn application_of(name: &str) -> Result<Application, Error> {
    match name {
        "voip" => Ok(Application::Voip),
        "audio" => Ok(Application::Audio),
        "low-delay" => Ok(Application::LowDelay),
        _ => Err(Error::codec_setting(format!(
            "application {name:?} is none of voip, audio, low-delay"
        ))),
    }
}

#[pyclass(module = "voicectl._native")]
pub(crate) struct OpusEncoder {
    encoder: Encoder,
    packet: Vec<u8>,
}

#[pymethods]
impl OpusEncoder {
    #[new]
    #[pyo3(signature = (
        *, sample_rate_hz=48_000, channels=1, application="voip", bitrate_bps=32_000, complexity=9,
        inband_fec=true, dtx=false, expected_loss_percent=10, dred_duration_ms=0,
    ))]
    #[expect(clippy::too_many_arguments, reason = "keywords of one constructor")]
    fn new(
        sample_rate_hz: u32,
        channels: usize,
        application: &str,
        bitrate_bps: i32,
        complexity: u8,
        inband_fec: bool,
        dtx: bool,
        expected_loss_percent: u8,
        dred_duration_ms: u16,
    ) -> Result<Self, Error> {
        let settings = EncoderSettings {
            sample_rate_hz,
            channels: channels_of(channels)?,
            application: application_of(application)?,
            bitrate_bps,
            complexity,
            inband_fec,
            dtx,
            expected_loss_percent,
            dred_duration_ms,
        };
        Ok(Self {
            encoder: Encoder::new(&settings)?,
            packet: vec![0; MAX_PACKET_BYTES],
        })
    }

    fn encode<'py>(
        &mut self,
        py: Python<'py>,
        pcm: Pcm<'py>,
    ) -> Result<Bound<'py, PyBytes>, Error> {
        let samples = pcm.as_slice()?;
        let (encoder, packet) = (&mut self.encoder, &mut self.packet);
        let bytes = py.detach(|| encoder.encode(samples, packet))?;
        Ok(PyBytes::new(py, &self.packet[..bytes]))
    }

    fn set_bitrate_bps(&mut self, bitrate_bps: i32) -> Result<(), Error> {
        Ok(self.encoder.set_bitrate_bps(bitrate_bps)?)
    }

    fn set_complexity(&mut self, complexity: u8) -> Result<(), Error> {
        Ok(self.encoder.set_complexity(complexity)?)
    }

    fn set_inband_fec(&mut self, on: bool) -> Result<(), Error> {
        Ok(self.encoder.set_inband_fec(on)?)
    }

    fn set_dtx(&mut self, on: bool) -> Result<(), Error> {
        Ok(self.encoder.set_dtx(on)?)
    }

    fn set_expected_loss_percent(&mut self, percent: u8) -> Result<(), Error> {
        Ok(self.encoder.set_expected_loss_percent(percent)?)
    }

    fn set_dred_duration_ms(&mut self, duration_ms: u16) -> Result<(), Error> {
        Ok(self.encoder.set_dred_duration_ms(duration_ms)?)
    }

    fn reset(&mut self) {
        self.encoder.reset();
    }

    #[getter]
    fn sample_rate_hz(&self) -> u32 {
        self.encoder.sample_rate_hz()
    }

    #[getter]
    fn channels(&self) -> usize {
        self.encoder.channels().count()
    }

    #[getter]
    fn lookahead_samples(&mut self) -> u32 {
        self.encoder.lookahead_samples()
    }

    #[getter]
    fn in_dtx(&mut self) -> bool {
        self.encoder.in_dtx()
    }

    #[getter]
    fn final_range(&mut self) -> u32 {
        self.encoder.final_range()
    }
}

#[pyclass(module = "voicectl._native")]
pub(crate) struct OpusDecoder {
    decoder: Decoder,
    pcm: Vec<i16>,
}

impl OpusDecoder {
    /// Runs `fill` without the GIL, on the caller's array or on one that it is copied from.
    fn fill<'py, F>(
        &mut self,
        py: Python<'py>,
        out: Option<PcmOut<'py>>,
        fill: F,
    ) -> Result<Bound<'py, PyArray1<i16>>, Error>
    where
        F: FnOnce(&mut Decoder, &mut [i16]) -> Result<usize, voicectl_media::opus::OpusError>
            + Send,
    {
        let channels = self.decoder.channels().count();
        let decoder = &mut self.decoder;
        let Some(mut out) = out else {
            let pcm = &mut self.pcm;
            let samples = py.detach(|| fill(decoder, pcm))? * channels;
            return Ok(PyArray1::from_slice(py, &self.pcm[..samples]));
        };
        let pcm = out.as_slice_mut()?;
        let samples = py.detach(|| fill(decoder, pcm))? * channels;
        Ok(out.beginning(samples)?)
    }

    /// `samples` of every channel; a gap longer than a packet may be is no one's to fill at once.
    fn gap(&self, samples: usize) -> Result<usize, Error> {
        let samples = samples.saturating_mul(self.decoder.channels().count());
        if samples > self.pcm.len() {
            return Err(Error::codec_setting(format!(
                "a gap is filled {MAX_PACKET_MS} ms at a time"
            )));
        }
        Ok(samples)
    }
}

#[pymethods]
impl OpusDecoder {
    #[new]
    #[pyo3(signature = (*, sample_rate_hz=48_000, channels=1, complexity=0))]
    fn new(sample_rate_hz: u32, channels: usize, complexity: u8) -> Result<Self, Error> {
        let mut decoder = Decoder::new(sample_rate_hz, channels_of(channels)?)?;
        decoder.set_complexity(complexity)?;
        Ok(Self {
            decoder,
            pcm: vec![0; (MAX_PACKET_MS * sample_rate_hz / 1000) as usize * channels],
        })
    }

    #[pyo3(signature = (packet, *, out=None))]
    fn decode<'py>(
        &mut self,
        py: Python<'py>,
        packet: &[u8],
        out: Option<PcmOut<'py>>,
    ) -> Result<Bound<'py, PyArray1<i16>>, Error> {
        self.fill(py, out, |decoder, pcm| decoder.decode(packet, pcm))
    }

    fn decode_lbrr<'py>(
        &mut self,
        py: Python<'py>,
        next_packet: &[u8],
        samples: usize,
    ) -> Result<Bound<'py, PyArray1<i16>>, Error> {
        let gap = self.gap(samples)?;
        self.fill(py, None, |decoder, pcm| {
            decoder.decode_lbrr(next_packet, &mut pcm[..gap])
        })
    }

    fn read_dred(&mut self, py: Python<'_>, packet: &[u8]) -> Result<usize, Error> {
        let decoder = &mut self.decoder;
        Ok(py.detach(|| decoder.read_dred(packet))?)
    }

    fn decode_dred<'py>(
        &mut self,
        py: Python<'py>,
        before_samples: usize,
        samples: usize,
    ) -> Result<Bound<'py, PyArray1<i16>>, Error> {
        let gap = self.gap(samples)?;
        self.fill(py, None, |decoder, pcm| {
            decoder.decode_dred(before_samples, &mut pcm[..gap])
        })
    }

    fn conceal<'py>(
        &mut self,
        py: Python<'py>,
        samples: usize,
    ) -> Result<Bound<'py, PyArray1<i16>>, Error> {
        let gap = self.gap(samples)?;
        self.fill(py, None, |decoder, pcm| {
            decoder.conceal(&mut pcm[..gap]).map(|()| samples)
        })
    }

    fn set_complexity(&mut self, complexity: u8) -> Result<(), Error> {
        Ok(self.decoder.set_complexity(complexity)?)
    }

    fn reset(&mut self) {
        self.decoder.reset();
    }

    #[getter]
    fn sample_rate_hz(&self) -> u32 {
        self.decoder.sample_rate_hz()
    }

    #[getter]
    fn channels(&self) -> usize {
        self.decoder.channels().count()
    }

    #[getter]
    fn final_range(&mut self) -> u32 {
        self.decoder.final_range()
    }
}

#[pyclass(module = "voicectl._native", frozen, get_all)]
pub(crate) struct OpusPacket {
    config: u8,
    mode: &'static str,
    bandwidth: &'static str,
    is_stereo: bool,
    frame_samples: u32,
    duration_samples: u32,
    frame_lengths: Vec<usize>,
    padding_length: usize,
    has_lbrr: bool,
    has_dred: bool,
}

#[pymethods]
impl OpusPacket {
    fn __repr__(&self) -> String {
        format!(
            "OpusPacket(config={}, mode='{}', bandwidth='{}', frame_lengths={:?}, duration_samples={})",
            self.config, self.mode, self.bandwidth, self.frame_lengths, self.duration_samples
        )
    }
}

#[pyfunction]
pub(crate) fn parse_opus_packet(packet: &[u8]) -> Result<OpusPacket, Error> {
    const RTP_CLOCK_HZ: u32 = 48_000;
    let has_dred = has_dred(packet);
    let packet = Packet::parse(packet)?;
    let toc = packet.toc();
    Ok(OpusPacket {
        config: toc.config(),
        mode: match toc.mode() {
            Mode::Silk => "silk",
            Mode::Hybrid => "hybrid",
            Mode::Celt => "celt",
        },
        bandwidth: match toc.bandwidth() {
            Bandwidth::Narrowband => "narrowband",
            Bandwidth::Mediumband => "mediumband",
            Bandwidth::Wideband => "wideband",
            Bandwidth::Superwideband => "superwideband",
            Bandwidth::Fullband => "fullband",
        },
        is_stereo: toc.is_stereo(),
        frame_samples: toc.frame_samples(RTP_CLOCK_HZ),
        duration_samples: packet.duration_samples(RTP_CLOCK_HZ),
        frame_lengths: packet.frames().iter().map(|frame| frame.len()).collect(),
        padding_length: packet.padding().len(),
        has_lbrr: packet.has_lbrr(),
        has_dred,
    })
}
