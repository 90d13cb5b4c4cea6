//! A call's counters.

use pyo3::PyClass;
use pyo3::prelude::*;
use pyo3::pyclass_init::PyClassInitializer;
use voicectl_media::engine::{
    Drops, InboundStats, OutboundStats, ReceiveErrors, RemoteInboundStats, RemoteOutboundStats,
    Stats, TransportFeedbackStats,
};
use voicectl_media::playout;

use crate::adaptation::Adaptation;
use crate::redundancy::Redundancy;

const NS_PER_MS: f64 = 1e6;
/// The RTP clock of Opus (RFC 7587 §4.1), which jitter is counted in.
const SAMPLES_PER_MS: f64 = 48.0;

#[pyclass(module = "voicectl._native", frozen, get_all)]
pub(crate) struct InboundRtpStats {
    ssrc: u32,
    packets_received: u64,
    packets_lost: i64,
    jitter_ms: f64,
    bytes_received: u64,
    header_bytes_received: u64,
    last_packet_received_ns: u64,
    packets_discarded: u64,
    late_packets: u64,
    duplicate_packets: u64,
    malformed_packets: u64,
    nack_count: u64,
    retransmitted_packets_received: u64,
    retransmitted_bytes_received: u64,
    fec_packets_received: u64,
    repaired_frames: u64,
    retransmitted_frames: u64,
    dred_samples: u64,
    jitter_buffer_delay_ms: f64,
    jitter_buffer_target_delay_ms: f64,
    jitter_buffer_minimum_delay_ms: f64,
    jitter_buffer_emitted_count: u64,
    total_samples_received: u64,
    concealed_samples: u64,
    silent_concealed_samples: u64,
    concealment_events: u64,
    inserted_samples_for_deceleration: u64,
    removed_samples_for_acceleration: u64,
    skipped_samples: u64,
}

impl InboundRtpStats {
    fn new(inbound: &InboundStats, playout: &playout::Stats) -> Self {
        Self {
            ssrc: inbound.ssrc,
            packets_received: inbound.packets_received,
            packets_lost: inbound.packets_lost,
            jitter_ms: f64::from(inbound.jitter_samples) / SAMPLES_PER_MS,
            bytes_received: inbound.bytes_received,
            header_bytes_received: inbound.header_bytes_received,
            last_packet_received_ns: inbound.last_packet_received_ns,
            packets_discarded: playout.packets_discarded,
            late_packets: playout.late_packets,
            duplicate_packets: playout.duplicate_packets,
            malformed_packets: playout.malformed_packets,
            nack_count: inbound.nack_count,
            retransmitted_packets_received: inbound.retransmitted_packets_received,
            retransmitted_bytes_received: inbound.retransmitted_bytes_received,
            fec_packets_received: playout.fec_packets_received,
            repaired_frames: playout.repaired_frames,
            retransmitted_frames: playout.retransmitted_frames,
            dred_samples: playout.dred_samples,
            jitter_buffer_delay_ms: playout.jitter_buffer_delay_ns as f64 / NS_PER_MS,
            jitter_buffer_target_delay_ms: playout.jitter_buffer_target_delay_ns as f64 / NS_PER_MS,
            jitter_buffer_minimum_delay_ms: playout.jitter_buffer_minimum_delay_ns as f64
                / NS_PER_MS,
            jitter_buffer_emitted_count: playout.jitter_buffer_emitted_count,
            total_samples_received: playout.total_samples_received,
            concealed_samples: playout.concealed_samples,
            silent_concealed_samples: playout.silent_concealed_samples,
            concealment_events: playout.concealment_events,
            inserted_samples_for_deceleration: playout.inserted_samples_for_deceleration,
            removed_samples_for_acceleration: playout.removed_samples_for_acceleration,
            skipped_samples: playout.skipped_samples,
        }
    }
}

#[pyclass(module = "voicectl._native", frozen, get_all)]
pub(crate) struct OutboundRtpStats {
    ssrc: u32,
    packets_sent: u64,
    bytes_sent: u64,
    header_bytes_sent: u64,
    retransmitted_packets_sent: u64,
    retransmitted_bytes_sent: u64,
    nack_count: u64,
}

impl From<OutboundStats> for OutboundRtpStats {
    fn from(outbound: OutboundStats) -> Self {
        Self {
            ssrc: outbound.ssrc,
            packets_sent: outbound.packets_sent,
            bytes_sent: outbound.bytes_sent,
            header_bytes_sent: outbound.header_bytes_sent,
            retransmitted_packets_sent: outbound.retransmitted_packets_sent,
            retransmitted_bytes_sent: outbound.retransmitted_bytes_sent,
            nack_count: outbound.nack_count,
        }
    }
}

#[pyclass(module = "voicectl._native", frozen, get_all)]
pub(crate) struct RemoteInboundRtpStats {
    packets_lost: i64,
    fraction_lost: f64,
    jitter_ms: f64,
    round_trip_time_ms: Option<f64>,
    total_round_trip_time_ms: f64,
    round_trip_time_measurements: u64,
    reports_received: u64,
}

impl From<RemoteInboundStats> for RemoteInboundRtpStats {
    fn from(remote: RemoteInboundStats) -> Self {
        Self {
            packets_lost: remote.packets_lost,
            fraction_lost: f64::from(remote.fraction_lost_q8) / 256.0,
            jitter_ms: f64::from(remote.jitter_samples) / SAMPLES_PER_MS,
            round_trip_time_ms: remote.round_trip_time_ns.map(|ns| ns as f64 / NS_PER_MS),
            total_round_trip_time_ms: remote.total_round_trip_time_ns as f64 / NS_PER_MS,
            round_trip_time_measurements: remote.round_trip_time_measurements,
            reports_received: remote.reports_received,
        }
    }
}

#[pyclass(module = "voicectl._native", frozen, get_all)]
#[expect(clippy::struct_field_names, reason = "names of W3C webrtc-stats")]
pub(crate) struct RemoteOutboundRtpStats {
    packets_sent: u32,
    bytes_sent: u32,
    reports_sent: u64,
}

impl From<RemoteOutboundStats> for RemoteOutboundRtpStats {
    fn from(remote: RemoteOutboundStats) -> Self {
        Self {
            packets_sent: remote.packets_sent,
            bytes_sent: remote.bytes_sent,
            reports_sent: remote.reports_sent,
        }
    }
}

#[pyclass(module = "voicectl._native", frozen, get_all)]
pub(crate) struct EngineDrops {
    malformed_rtp_packets: u64,
    malformed_rtcp_packets: u64,
    unknown_payload_type_packets: u64,
    other_source_packets: u64,
    unauthenticated_packets: u64,
    replayed_packets: u64,
    surplus_source_packets: u64,
    skipped_ticks: u64,
    dropped_events: u64,
    dropped_packets: u64,
    starved_frames: u64,
    failed_frames: u64,
    unprotected_packets: u64,
}

impl EngineDrops {
    fn new(errors: &ReceiveErrors, drops: &Drops) -> Self {
        Self {
            malformed_rtp_packets: errors.malformed_rtp_packets,
            malformed_rtcp_packets: errors.malformed_rtcp_packets,
            unknown_payload_type_packets: errors.unknown_payload_type_packets,
            other_source_packets: errors.other_source_packets,
            unauthenticated_packets: errors.unauthenticated_packets,
            replayed_packets: errors.replayed_packets,
            surplus_source_packets: errors.surplus_source_packets,
            skipped_ticks: drops.skipped_ticks,
            dropped_events: drops.dropped_events,
            dropped_packets: drops.dropped_packets,
            starved_frames: drops.starved_frames,
            failed_frames: drops.failed_frames,
            unprotected_packets: drops.unprotected_packets,
        }
    }
}

#[pyclass(module = "voicectl._native", frozen, get_all)]
pub(crate) struct TransportFeedbackCounters {
    packets_numbered: u64,
    packets_arrived: u64,
    packets_lost: u64,
    messages_received: u64,
    malformed_messages: u64,
    messages_sent: u64,
}

impl From<TransportFeedbackStats> for TransportFeedbackCounters {
    fn from(stats: TransportFeedbackStats) -> Self {
        Self {
            packets_numbered: stats.packets_numbered,
            packets_arrived: stats.packets_arrived,
            packets_lost: stats.packets_lost,
            messages_received: stats.messages_received,
            malformed_messages: stats.malformed_messages,
            messages_sent: stats.messages_sent,
        }
    }
}

#[pyclass(module = "voicectl._native", frozen, get_all)]
pub(crate) struct EngineStats {
    inbound: Option<Py<InboundRtpStats>>,
    outbound: Option<Py<OutboundRtpStats>>,
    remote_inbound: Option<Py<RemoteInboundRtpStats>>,
    remote_outbound: Option<Py<RemoteOutboundRtpStats>>,
    redundancy: Py<Redundancy>,
    adaptation: Option<Py<Adaptation>>,
    transport_feedback: Option<Py<TransportFeedbackCounters>>,
    drops: Py<EngineDrops>,
    queued_audio_ms: f64,
}

impl EngineStats {
    pub(crate) fn new(py: Python<'_>, stats: &Stats) -> PyResult<Self> {
        let inbound = stats
            .inbound
            .map(|inbound| InboundRtpStats::new(&inbound, &stats.playout));
        Ok(Self {
            inbound: inbound.map(|inbound| Py::new(py, inbound)).transpose()?,
            outbound: new_from(py, stats.outbound)?,
            remote_inbound: new_from(py, stats.remote_inbound)?,
            remote_outbound: new_from(py, stats.remote_outbound)?,
            redundancy: Py::new(py, Redundancy::from(stats.redundancy))?,
            adaptation: new_from(py, stats.adaptation)?,
            transport_feedback: new_from(py, stats.transport_feedback)?,
            drops: Py::new(py, EngineDrops::new(&stats.errors, &stats.drops))?,
            queued_audio_ms: stats.queued_ns as f64 / NS_PER_MS,
        })
    }
}

/// The Python class `C` made of what there is.
fn new_from<S, C>(py: Python<'_>, stats: Option<S>) -> PyResult<Option<Py<C>>>
where
    C: From<S> + PyClass + Into<PyClassInitializer<C>>,
{
    stats.map(|stats| Py::new(py, C::from(stats))).transpose()
}
