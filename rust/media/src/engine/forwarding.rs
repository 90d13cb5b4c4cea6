//! What is received goes out again as it came, undecoded: a call's packets looped back
//! (`rtp-media-loopback` of RFC 6849 without the codec).

use crate::rtp::{Header, Packet};

use super::Engine;
use super::sender::OutgoingStream;
use super::transmit::TransmitQueue;

/// How a source's numbers become the stream's own.
#[derive(Clone, Copy, Debug)]
struct Offsets {
    ssrc: u32,
    sequence_number: u16,
    timestamp: u32,
}

/// Sends packets on under the stream's own SSRC and payload type. Numbers go on where they were,
/// so what the network loses before us is seen as lost behind us too.
#[derive(Debug, Default)]
pub(super) struct Forwarder {
    offsets: Option<Offsets>,
}

impl Forwarder {
    fn send(
        &mut self,
        stream: &mut OutgoingStream,
        packet: &Packet<'_>,
        transmit: &mut TransmitQueue,
    ) {
        let source = packet.header;
        let known = self.offsets.filter(|known| known.ssrc == source.ssrc);
        let offsets = known.unwrap_or_else(|| Offsets {
            ssrc: source.ssrc,
            sequence_number: stream
                .next_sequence_number
                .wrapping_sub(source.sequence_number),
            timestamp: stream
                .rtp_timestamp(stream.next_frame_ns)
                .wrapping_sub(source.timestamp),
        });
        self.offsets = Some(offsets);
        let header = Header {
            marker: source.marker || known.is_none(),
            payload_type: stream.payload_type,
            sequence_number: source.sequence_number.wrapping_add(offsets.sequence_number),
            timestamp: source.timestamp.wrapping_add(offsets.timestamp),
            ssrc: stream.ssrc,
        };
        transmit.push(|datagram| Packet::new(header, packet.payload).write(datagram));
        stream.next_sequence_number = header.sequence_number;
        stream.count_packet(packet.payload.len());
    }
}

impl Engine {
    /// Takes a packet in place of the jitter buffer.
    pub(super) fn forward_rtp(&mut self, datagram: &[u8], now_ns: u64) {
        let tick_ns = self.next_tick_ns - super::TICK_NS;
        let admitted = self
            .receiver
            .admit(datagram, now_ns, tick_ns, &mut self.events);
        if let (Some(packet), Some(stream), Some(forwarder)) =
            (admitted, &mut self.sender.stream, &mut self.forwarder)
        {
            stream.next_frame_ns = now_ns;
            forwarder.send(stream, &packet, &mut self.transmit);
        }
    }
}
