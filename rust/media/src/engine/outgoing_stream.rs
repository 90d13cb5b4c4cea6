//! Where the outgoing stream stands: its numbers and what has been sent of it.

use super::stats::OutboundStats;
use super::{Codec, ns_to_samples};

/// The parts of a packet, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Written {
    /// The extension included.
    pub(super) header_bytes: usize,
    pub(super) payload_bytes: usize,
}

/// Where a stream stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct OutgoingStream {
    pub(super) ssrc: u32,
    pub(super) codec: Codec,
    pub(super) payload_type: u8,
    pub(super) next_sequence_number: u16,
    first_timestamp: u32,
    begun_ns: u64,
    pub(super) next_frame_ns: u64,
    /// Nothing was sent just before the next packet.
    pub(super) after_silence: bool,
    /// The last packet told that nothing follows for a while.
    pub(super) rests: bool,
    pub(super) packets_sent: u64,
    pub(super) payload_bytes_sent: u64,
    header_bytes_sent: u64,
    retransmitted_packets: u64,
    retransmitted_bytes: u64,
    /// Where a stream that packets are sent again in begins.
    pub(super) first_rtx_sequence_number: u16,
}

impl OutgoingStream {
    /// A stream whose first frame is at `begun_ns`; its first numbers are drawn from `random`.
    pub(super) fn new(
        (ssrc, codec, payload_type): (u32, Codec, u8),
        begun_ns: u64,
        random: u64,
    ) -> Self {
        Self {
            ssrc,
            codec,
            payload_type,
            // Room before the first wrap, which SRTP's rollover counter cannot see if the packets
            // around it are the ones that get lost (RFC 3711 §3.3.1).
            next_sequence_number: (random & 0x7fff) as u16,
            first_timestamp: (random >> 32) as u32,
            begun_ns,
            next_frame_ns: begun_ns,
            after_silence: true,
            rests: false,
            packets_sent: 0,
            payload_bytes_sent: 0,
            header_bytes_sent: 0,
            retransmitted_packets: 0,
            retransmitted_bytes: 0,
            first_rtx_sequence_number: (random >> 16 & 0x7fff) as u16,
        }
    }

    /// The stream goes on under its SSRC after a pause. SRTP and the receiver remember its numbers, and
    /// its clock has gone on.
    pub(super) fn resumed(self, codec: Codec, payload_type: u8, first_frame_ns: u64) -> Self {
        Self {
            codec,
            payload_type,
            first_timestamp: self.rtp_timestamp(first_frame_ns),
            begun_ns: first_frame_ns,
            next_frame_ns: first_frame_ns,
            after_silence: true,
            rests: false,
            ..self
        }
    }

    /// Goes on with its own frames at `at_ns`, the first of which has no timestamp before
    /// `least_timestamp`.
    pub(super) fn resume_at(&mut self, at_ns: u64, least_timestamp: Option<u32>) {
        self.next_frame_ns = at_ns;
        self.after_silence = true;
        self.rests = false;
        if let Some(least) = least_timestamp {
            let behind = least.wrapping_sub(self.rtp_timestamp(at_ns)) as i32;
            self.first_timestamp = self.first_timestamp.wrapping_add_signed(behind.max(0));
        }
    }

    pub(super) fn stats(&self) -> OutboundStats {
        OutboundStats {
            ssrc: self.ssrc,
            packets_sent: self.packets_sent + self.retransmitted_packets,
            bytes_sent: self.payload_bytes_sent + self.retransmitted_bytes,
            header_bytes_sent: self.header_bytes_sent,
            retransmitted_packets_sent: self.retransmitted_packets,
            retransmitted_bytes_sent: self.retransmitted_bytes,
            nack_count: 0,
        }
    }

    /// Takes note of a packet that has been sent.
    pub(super) fn count_packet(&mut self, sent: Written) {
        self.next_sequence_number = self.next_sequence_number.wrapping_add(1);
        self.packets_sent += 1;
        self.payload_bytes_sent += sent.payload_bytes as u64;
        self.header_bytes_sent += sent.header_bytes as u64;
    }

    /// Takes note of a packet that has been sent again.
    pub(super) fn count_retransmission(&mut self, sent: Written) {
        self.retransmitted_packets += 1;
        self.retransmitted_bytes += sent.payload_bytes as u64;
        self.header_bytes_sent += sent.header_bytes as u64;
    }

    /// The RTP timestamp of an instant, which need not be that of a frame.
    pub(super) fn rtp_timestamp(&self, at_ns: u64) -> u32 {
        let rate_hz = self.codec.clock_rate_hz();
        let samples = ns_to_samples(at_ns.saturating_sub(self.begun_ns), rate_hz);
        self.first_timestamp.wrapping_add(samples as u32)
    }
}
