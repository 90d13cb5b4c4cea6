//! What repairs loss: earlier frames in RED, and packets that were asked for again.

use crate::opus;
use crate::playout::ReceivedFrame;
use crate::rtp::{Packet, Red, Retransmission};

use super::super::SAMPLE_RATE_HZ;
use super::{OPUS, Receiver};

impl Receiver {
    /// The frames that a packet carries, the earlier ones first.
    pub(super) fn insert_red(&mut self, packet: &Packet<'_>, now_ns: u64) {
        // It was read once before the source was judged, and its last frame is Opus.
        let Ok(red) = Red::parse(packet.payload) else {
            return self.insert(packet, packet.payload, now_ns); // padding alone
        };
        let header = packet.header;
        for block in red.redundant_blocks() {
            if self.format_of(block.payload_type) != OPUS {
                continue;
            }
            // RED tells when an earlier frame was said, not which packet it was in.
            let Some(back) = frames_back(block.timestamp_offset, block.payload) else {
                continue;
            };
            let frame = ReceivedFrame {
                sequence_number: header.sequence_number.wrapping_sub(back),
                rtp_timestamp: header.timestamp.wrapping_sub(block.timestamp_offset),
                marker: false,
                payload: block.payload,
            };
            let _ = self.buffer.insert_redundant(&frame, now_ns);
        }
        self.insert(packet, red.primary, now_ns);
    }

    /// Takes what was asked for again and came in a stream of its own (RTX, RFC 4588). Anything else
    /// in that stream only probes the path.
    pub(super) fn receive_retransmission(&mut self, packet: &Packet<'_>, now_ns: u64) {
        if packet.payload.is_empty() {
            return; // padding alone
        }
        let Ok(again) = Retransmission::parse(packet.payload) else {
            self.errors.malformed_rtp_packets += 1;
            return;
        };
        let Some(source) = &mut self.source else {
            return;
        };
        if again.payload.is_empty() || !self.buffer.is_requested(again.sequence_number) {
            return;
        }
        source.count_retransmission(again.payload.len());
        let frame = ReceivedFrame {
            sequence_number: again.sequence_number,
            rtp_timestamp: packet.header.timestamp,
            marker: packet.header.marker,
            payload: again.payload,
        };
        let _ = self.buffer.insert_retransmitted(&frame, now_ns);
    }

    /// When [`Self::nack_wanted`] may have something to say.
    pub(in super::super) fn nack_due_ns(&self) -> Option<u64> {
        self.source.as_ref()?;
        self.buffer.nack_due_ns()
    }

    /// Appends the sequence numbers to ask for again, whose answers take a round trip.
    pub(in super::super) fn nack_wanted(&mut self, now_ns: u64, wanted: &mut Vec<u16>) {
        self.buffer.nack_wanted(now_ns, wanted);
    }

    /// From now on lost packets are asked for again.
    pub(in super::super) fn set_round_trip(&mut self, round_trip_ns: u64) {
        self.buffer.set_round_trip(round_trip_ns);
    }
}

/// How many packets before the one that carries it a redundant frame was sent, if all frames are as
/// long as it is.
fn frames_back(timestamp_offset: u32, payload: &[u8]) -> Option<u16> {
    let duration = opus::Packet::parse(payload)
        .ok()?
        .duration_samples(SAMPLE_RATE_HZ);
    let is_whole = timestamp_offset > 0 && timestamp_offset.is_multiple_of(duration);
    is_whole.then_some((timestamp_offset / duration) as u16)
}
