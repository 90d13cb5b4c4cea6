//! RTP packets taken apart, for captures.

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use voicectl_media::rtp;

use crate::error::Error;

#[pyclass(module = "voicectl._native", frozen, get_all)]
pub(crate) struct RtpPacket {
    marker: bool,
    payload_type: u8,
    sequence_number: u16,
    timestamp: u32,
    ssrc: u32,
    payload: Py<PyBytes>,
}

#[pymethods]
impl RtpPacket {
    fn __repr__(&self) -> String {
        format!(
            "RtpPacket(ssrc={:#x}, payload_type={}, sequence_number={}, timestamp={})",
            self.ssrc, self.payload_type, self.sequence_number, self.timestamp
        )
    }
}

#[pyfunction]
pub(crate) fn parse_rtp_packet(py: Python<'_>, datagram: &[u8]) -> Result<RtpPacket, Error> {
    let packet = rtp::Packet::parse(datagram)?;
    let header = packet.header;
    Ok(RtpPacket {
        marker: header.marker,
        payload_type: header.payload_type,
        sequence_number: header.sequence_number,
        timestamp: header.timestamp,
        ssrc: header.ssrc,
        payload: PyBytes::new(py, packet.payload).unbind(),
    })
}

#[pyfunction]
pub(crate) fn is_rtcp_compound(datagram: &[u8]) -> bool {
    rtp::is_rtcp(datagram) && rtp::rtcp::Compound::parse(datagram).is_ok()
}
