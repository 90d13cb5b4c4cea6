//! What is received goes out again as it came, undecoded: a call's packets looped back
//! (`rtp-media-loopback` of RFC 6849 without the codec).

use crate::rtp::{Header, Packet};

use super::Engine;
use super::outgoing_stream::{OutgoingStream, Written};
use super::sender::{header_bytes, write_header};
use super::transmit::TransmitQueue;
use super::transport_feedback::SentNumbers;

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
        (numbers, now_ns): (&mut SentNumbers, u64),
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
        let element = numbers.next_element();
        transmit.push(|datagram| {
            write_header(datagram, header, element);
            datagram.extend_from_slice(packet.payload);
        });
        let written = Written {
            header_bytes: header_bytes(element),
            payload_bytes: packet.payload.len(),
        };
        numbers.sent(written.header_bytes + written.payload_bytes, now_ns);
        stream.next_sequence_number = header.sequence_number;
        stream.count_packet(written);
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
            let numbers = (&mut self.sender.numbers, now_ns);
            forwarder.send(stream, &packet, numbers, &mut self.transmit);
        }
    }
}
