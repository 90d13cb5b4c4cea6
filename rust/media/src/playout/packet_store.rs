//! The packets that wait to be decoded, in media order.

use std::collections::VecDeque;

use super::BlockKind;
use super::media_clock::Place;

/// More than 10 s of 20 ms frames and 1 s of the shortest that Opus has.
const MAX_PACKETS: usize = 512;

/// How many wait at most on most networks: buffers for these are there from the beginning.
const USUAL_PACKETS: usize = 32;

/// What a payload buffer holds before it has to grow.
const USUAL_PAYLOAD_BYTES: usize = 512;

/// How a frame came.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Carrier {
    /// As sent.
    Original,
    /// Beside a later one (RED).
    Redundancy,
    /// As sent, once more (NACK).
    Retransmission,
}

/// A packet that waits.
#[derive(Debug)]
pub(super) struct StoredPacket {
    pub(super) place: Place,
    pub(super) duration_samples: u32,
    pub(super) arrival_ns: u64,
    pub(super) carrier: Carrier,
    pub(super) has_lbrr: bool,
    pub(super) has_dred: bool,
    pub(super) payload: Vec<u8>,
}

impl StoredPacket {
    pub(super) fn media_end(&self) -> i64 {
        self.place.media + i64::from(self.duration_samples)
    }

    pub(super) const fn kind(&self) -> BlockKind {
        match self.carrier {
            Carrier::Redundancy => BlockKind::Repaired,
            Carrier::Original | Carrier::Retransmission => BlockKind::Decoded,
        }
    }

    /// Whether the encoder announces with it that nothing follows until there is speech or the
    /// noise has changed: a TOC without a frame (RFC 6716 §3.1, DTX).
    pub(super) fn announces_dtx(&self) -> bool {
        self.payload.len() <= 2
    }
}

/// Bounded at [`MAX_PACKETS`]; payload buffers are used again.
#[derive(Debug)]
pub(super) struct PacketStore {
    packets: VecDeque<StoredPacket>,
    spare_payloads: Vec<Vec<u8>>,
}

impl PacketStore {
    pub(super) fn new() -> Self {
        let mut spare_payloads = Vec::with_capacity(MAX_PACKETS);
        spare_payloads.resize_with(USUAL_PACKETS, || Vec::with_capacity(USUAL_PAYLOAD_BYTES));
        Self {
            packets: VecDeque::with_capacity(MAX_PACKETS + 1),
            spare_payloads,
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.packets.len() >= MAX_PACKETS
    }

    pub(super) fn first(&self) -> Option<&StoredPacket> {
        self.packets.front()
    }

    /// Whether a packet with this sequence number waits.
    pub(super) fn contains(&self, sequence: i64) -> bool {
        self.packets
            .iter()
            .rev()
            .any(|packet| packet.place.sequence == sequence)
    }

    /// The first packet sent after the one with this sequence number.
    pub(super) fn first_after(&self, sequence: i64) -> Option<&StoredPacket> {
        self.packets
            .iter()
            .find(|packet| packet.place.sequence > sequence)
    }

    /// Whether a lost frame can be made from the packet that follows it.
    pub(super) fn can_repair(&self, sequence: i64) -> bool {
        self.first_after(sequence).is_some_and(|packet| {
            packet.has_dred || (packet.has_lbrr && packet.place.sequence == sequence + 1)
        })
    }

    /// Puts a packet in its place. The caller makes room first.
    pub(super) fn insert(&mut self, mut packet: StoredPacket, payload: &[u8]) {
        packet.payload = self
            .spare_payloads
            .pop()
            .unwrap_or_else(|| Vec::with_capacity(USUAL_PAYLOAD_BYTES));
        packet.payload.clear();
        packet.payload.extend_from_slice(payload);
        let after = self
            .packets
            .iter()
            .rposition(|other| other.place.media <= packet.place.media)
            .map_or(0, |position| position + 1);
        self.packets.insert(after, packet);
    }

    pub(super) fn take_first(&mut self) -> Option<StoredPacket> {
        self.packets.pop_front()
    }

    /// Takes a packet's buffer back.
    pub(super) fn recycle(&mut self, packet: StoredPacket) {
        if self.spare_payloads.len() < MAX_PACKETS {
            self.spare_payloads.push(packet.payload);
        }
    }
}
