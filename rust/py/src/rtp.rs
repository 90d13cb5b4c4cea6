//! RTP packets taken apart, for captures.

use std::ops::Range;

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use voicectl_media::rtp;

use crate::error::Error;

#[pyclass(module = "voicectl._native", frozen)]
pub(crate) struct RtpPacket {
    #[pyo3(get)]
    marker: bool,
    #[pyo3(get)]
    payload_type: u8,
    #[pyo3(get)]
    sequence_number: u16,
    #[pyo3(get)]
    timestamp: u32,
    #[pyo3(get)]
    ssrc: u32,
    /// Shared with whoever parsed it: a capture's packets are in memory once.
    datagram: Py<PyBytes>,
    payload: Range<usize>,
}

#[pymethods]
impl RtpPacket {
    #[getter]
    fn payload<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.datagram.as_bytes(py)[self.payload.clone()])
    }

    fn __repr__(&self) -> String {
        format!(
            "RtpPacket(ssrc={:#x}, payload_type={}, sequence_number={}, timestamp={})",
            self.ssrc, self.payload_type, self.sequence_number, self.timestamp
        )
    }
}

#[pyfunction]
pub(crate) fn parse_rtp_packet(datagram: Bound<'_, PyBytes>) -> Result<RtpPacket, Error> {
    let bytes = datagram.as_bytes();
    let packet = rtp::Packet::parse(bytes)?;
    // It ends before the padding, which ends the packet.
    let end = bytes.len() - usize::from(packet.padding_bytes);
    let payload = end - packet.payload.len()..end;
    let header = packet.header;
    Ok(RtpPacket {
        marker: header.marker,
        payload_type: header.payload_type,
        sequence_number: header.sequence_number,
        timestamp: header.timestamp,
        ssrc: header.ssrc,
        payload,
        datagram: datagram.unbind(),
    })
}

#[pyfunction]
pub(crate) fn is_rtcp_compound(datagram: &[u8]) -> bool {
    rtp::is_rtcp(datagram) && rtp::rtcp::Compound::parse(datagram).is_ok()
}
