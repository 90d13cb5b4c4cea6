//! What an engine counts, by the names of W3C webrtc-stats.

use crate::playout;

use super::adaptation::AdaptationStats;
use super::redundancy::Redundancy;
use super::transport_feedback::TransportFeedbackStats;

pub use super::receiver::ReceiveErrors;
pub use super::reports::{RemoteInboundStats, RemoteOutboundStats};

/// The stream received (W3C `inbound-rtp`). Counters begin anew with each source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InboundStats {
    /// The source listened to.
    pub ssrc: u32,
    /// Packets, repeats and late ones included.
    pub packets_received: u64,
    /// Expected less received.
    pub packets_lost: i64,
    /// Interarrival jitter in samples at 48 kHz.
    pub jitter_samples: u32,
    /// Payload octets.
    pub bytes_received: u64,
    /// Octets of RTP headers and padding.
    pub header_bytes_received: u64,
    /// When the last packet came.
    pub last_packet_received_ns: u64,
    /// NACK messages sent.
    pub nack_count: u64,
    /// Packets that came because they were asked for again, in this stream or in one of their own
    /// (RTX); only the former are among the packets received.
    pub retransmitted_packets_received: u64,
    /// Their payload octets.
    pub retransmitted_bytes_received: u64,
}

/// The stream sent (W3C `outbound-rtp`), or the one sent last. Counters begin anew with each source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutboundStats {
    /// Our own source.
    pub ssrc: u32,
    /// Packets sent, those sent again included.
    pub packets_sent: u64,
    /// Payload octets.
    pub bytes_sent: u64,
    /// Octets of RTP headers.
    pub header_bytes_sent: u64,
    /// Packets sent again, in this stream or in one of their own (RTX).
    pub retransmitted_packets_sent: u64,
    /// Their payload octets.
    pub retransmitted_bytes_sent: u64,
    /// NACK messages received for it.
    pub nack_count: u64,
}

/// What was dropped or passed over because somebody was late or a bound was reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drops {
    /// Ticks passed over because the driver was more than five seconds late.
    pub skipped_ticks: u64,
    /// Events that nobody polled in time.
    pub dropped_events: u64,
    /// Packets that nobody polled in time.
    pub dropped_packets: u64,
    /// Frames of an unfinished utterance that went out as silence for want of queued audio.
    pub starved_frames: u64,
    /// Frames that the encoder refused.
    pub failed_frames: u64,
    /// Packets that SRTP would not protect: their index was used up.
    pub unprotected_packets: u64,
}

/// A call's counters at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Stats {
    /// The stream received, once there is one.
    pub inbound: Option<InboundStats>,
    /// The jitter buffer; begins anew with each source.
    pub playout: playout::Stats,
    /// The stream sent, or the last one that was, once there is one.
    pub outbound: Option<OutboundStats>,
    /// How it is protected against loss: what was set, without what the peer cannot use.
    pub redundancy: Redundancy,
    /// How the sender fits the network, if it does.
    pub adaptation: Option<AdaptationStats>,
    /// Transport-wide feedback, where it is agreed on.
    pub transport_feedback: Option<TransportFeedbackStats>,
    /// What the peer reports on the stream sent.
    pub remote_inbound: Option<RemoteInboundStats>,
    /// What the peer reports on its own stream.
    pub remote_outbound: Option<RemoteOutboundStats>,
    /// What was received and not used.
    pub errors: ReceiveErrors,
    /// What was dropped or passed over.
    pub drops: Drops,
    /// How long the queued audio will take to send.
    pub queued_ns: u64,
}
