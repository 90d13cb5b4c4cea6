//! The packets sent last, for sending again (NACK) and for repeating in later ones (RED).

use std::collections::VecDeque;

use crate::rtp::{Header, MAX_RED_BLOCK_BYTES, MAX_RED_OFFSET, RedBlock};

/// More than a second of 20 ms frames: what is asked for later finds its place played.
const REMEMBERED_PACKETS: usize = 64;

/// What a packet's buffer holds before it has to grow.
const USUAL_PACKET_BYTES: usize = 400;

/// A packet goes out again at most so often, whoever asks.
const MAX_RETRANSMISSIONS: u8 = 3;

/// Nor does it go out again sooner than this after the last time, however short the round trip.
const LEAST_INTERVAL_NS: u64 = 10_000_000;

/// A packet as it was sent.
#[derive(Debug)]
pub(super) struct SentPacket {
    pub(super) header: Header,
    /// Header and payload; the frame comes last.
    pub(super) datagram: Vec<u8>,
    frame_bytes: usize,
    retransmissions: u8,
    retransmitted_ns: Option<u64>,
}

impl SentPacket {
    /// The frame alone, which RED has with others.
    pub(super) fn frame(&self) -> &[u8] {
        &self.datagram[self.datagram.len() - self.frame_bytes..]
    }
}

/// The last 64 at most, the newest at the back; buffers are used again.
#[derive(Debug, Default)]
pub(super) struct SentPackets {
    packets: VecDeque<SentPacket>,
}

impl SentPackets {
    /// Forgets another stream's packets.
    pub(super) fn clear(&mut self) {
        self.packets.clear();
    }

    /// Remembers a packet, which ends with a frame of `frame_bytes`.
    pub(super) fn remember(&mut self, header: Header, frame_bytes: usize, packet: &[u8]) {
        let mut datagram = if self.packets.len() == REMEMBERED_PACKETS {
            self.packets.pop_front().map(|oldest| oldest.datagram)
        } else {
            self.packets.reserve(REMEMBERED_PACKETS);
            None
        }
        .unwrap_or_else(|| Vec::with_capacity(USUAL_PACKET_BYTES));
        datagram.clear();
        datagram.extend_from_slice(packet);
        self.packets.push_back(SentPacket {
            header,
            frame_bytes: frame_bytes.min(datagram.len()),
            datagram,
            retransmissions: 0,
            retransmitted_ns: None,
        });
    }

    /// The last `count` frames before that of `next` that RED can repeat beside it, oldest first.
    pub(super) fn red_blocks(
        &self,
        count: u8,
        next: Header,
    ) -> impl Iterator<Item = RedBlock<'_>> + Clone {
        let skipped = self.packets.len().saturating_sub(usize::from(count));
        self.packets.iter().skip(skipped).filter_map(move |packet| {
            let block = RedBlock {
                payload_type: packet.header.payload_type,
                timestamp_offset: next.timestamp.wrapping_sub(packet.header.timestamp),
                payload: packet.frame(),
            };
            let fits = block.timestamp_offset <= MAX_RED_OFFSET
                && block.payload.len() <= MAX_RED_BLOCK_BYTES;
            fits.then_some(block)
        })
    }

    /// The packet to send again, unless that was done a round trip ago or often enough.
    pub(super) fn retransmit(
        &mut self,
        sequence_number: u16,
        now_ns: u64,
        round_trip_ns: u64,
    ) -> Option<&SentPacket> {
        let packet = self
            .packets
            .iter_mut()
            .find(|packet| packet.header.sequence_number == sequence_number)?;
        let interval_ns = round_trip_ns.max(LEAST_INTERVAL_NS);
        let too_soon = packet
            .retransmitted_ns
            .is_some_and(|last_ns| now_ns.saturating_sub(last_ns) < interval_ns);
        if too_soon || packet.retransmissions == MAX_RETRANSMISSIONS {
            return None;
        }
        packet.retransmissions += 1;
        packet.retransmitted_ns = Some(now_ns);
        Some(packet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn header(n: u16) -> Header {
        Header {
            marker: false,
            payload_type: 111,
            sequence_number: n.wrapping_add(65_500),
            timestamp: u32::from(n) * 960,
            ssrc: 1,
        }
    }

    fn sent(count: u16) -> SentPackets {
        let mut packets = SentPackets::default();
        for n in 0..count {
            let mut packet = vec![0; Header::BYTES];
            packet.extend_from_slice(&n.to_be_bytes());
            packets.remember(header(n), 2, &packet);
        }
        packets
    }

    #[test]
    fn red_repeats_the_last_frames_oldest_first() {
        let packets = sent(200);
        let blocks: Vec<_> = packets
            .red_blocks(2, header(200))
            .map(|block| (block.timestamp_offset, block.payload.to_vec()))
            .collect();
        assert_eq!(blocks, [(1920, vec![0, 198]), (960, vec![0, 199])]);
        assert_eq!(packets.red_blocks(0, header(200)).count(), 0);
    }

    #[test]
    fn red_does_not_repeat_what_its_offset_cannot_reach() {
        // After a pause of 360 ms.
        assert_eq!(sent(3).red_blocks(2, header(20)).count(), 0);
    }

    #[test]
    fn flood_of_requests_brings_a_packet_three_times_and_once_a_round_trip() {
        let mut packets = sent(100);
        let number = 99_u16.wrapping_add(65_500);
        let mut times = Vec::new();
        for now_ms in 0..1000 {
            if packets.retransmit(number, now_ms * MS, 50 * MS).is_some() {
                times.push(now_ms);
            }
        }
        assert_eq!(times, [0, 50, 100]);
    }

    #[test]
    fn packets_of_more_than_a_second_ago_are_forgotten() {
        let mut packets = sent(100);
        assert!(packets.retransmit(65_535, 0, 0).is_none());
        assert!(
            packets
                .retransmit(36_u16.wrapping_add(65_500), 0, 0)
                .is_some()
        );
    }
}
