//! From an encoded frame, or one that was asked for again, to a packet.

use crate::opus::MAX_FRAME_PACKET_BYTES;
use crate::rtp::{Header, Packet, RedBlock, Retransmission, TwoByteElement, write_red};

use super::super::outgoing_stream::Written;
use super::super::transmit::TransmitQueue;
use super::{Codec, MAX_DTX_BYTES, MAX_ENDED_STREAMS, Sender};

/// What the longest packet of a frame needs beside it.
pub(super) const PACKET_CAPACITY: usize =
    MAX_FRAME_PACKET_BYTES + Header::BYTES + TwoByteElement::BYTES;

impl Sender {
    pub(super) fn send_packet(&mut self, bytes: usize, now_ns: u64, transmit: &mut TransmitQueue) {
        let Some(stream) = &mut self.stream else {
            return;
        };
        let is_dtx = bytes <= MAX_DTX_BYTES;
        if bytes == 0 || (is_dtx && stream.rests) {
            stream.after_silence = true;
            return;
        }
        stream.rests = is_dtx;
        let header = Header {
            marker: stream.after_silence,
            payload_type: stream.payload_type,
            sequence_number: stream.next_sequence_number,
            timestamp: stream.rtp_timestamp(stream.next_frame_ns),
            ssrc: stream.ssrc,
        };
        // RED is agreed on for Opus.
        let red = self
            .repairs
            .send
            .red
            .filter(|_| stream.codec == Codec::Opus);
        let element = self.numbers.next_element();
        self.datagram.clear();
        let written = write_frame(
            &mut self.datagram,
            (header, element),
            &self.packet[..bytes],
            red,
            self.sent.red_blocks(self.redundancy.red_frames, header),
        );
        transmit.push(|datagram| datagram.extend_from_slice(&self.datagram));
        self.numbers.sent(self.datagram.len(), now_ns);
        stream.after_silence = is_dtx;
        stream.count_packet(written);
        if self.repairs.nack || self.repairs.send.red.is_some() {
            self.sent.remember(header, bytes, &self.datagram);
        }
    }

    /// Sends a packet again that was asked for, in a stream of its own where the peer takes one
    /// (RTX, RFC 4588), else as it was: SRTP has used its index, and another header under the same
    /// one would give AES-GCM's key away. Packets of too long ago are not there any more.
    pub(in super::super) fn send_again(
        &mut self,
        sequence_number: u16,
        now_ns: u64,
        round_trip_ns: u64,
        transmit: &mut TransmitQueue,
    ) {
        let Some(stream) = &mut self.stream else {
            return;
        };
        let Some(packet) = self.sent.retransmit(sequence_number, now_ns, round_trip_ns) else {
            return;
        };
        let written = if let Some(payload_type) = self.repairs.send.rtx {
            let again = Retransmission {
                sequence_number,
                payload: packet.frame(),
            };
            let first = stream.first_rtx_sequence_number;
            let ssrc = self.repairs.rtx_ssrc;
            let header = Header {
                payload_type,
                sequence_number: take_rtx_number(&mut self.rtx_numbers, ssrc, first),
                ssrc,
                ..packet.header
            };
            let element = self.numbers.next_element();
            transmit.push(|datagram| {
                write_header(datagram, header, element);
                again.write(datagram);
            });
            let written = Written {
                header_bytes: header_bytes(element),
                payload_bytes: again.payload.len(),
            };
            self.numbers
                .sent(written.header_bytes + written.payload_bytes, now_ns);
            written
        } else {
            transmit.push_again(&packet.datagram);
            self.numbers.sent_again(&packet.datagram);
            let payload_bytes = Packet::parse(&packet.datagram).map_or(0, |p| p.payload.len());
            Written {
                header_bytes: packet.datagram.len() - payload_bytes,
                payload_bytes,
            }
        };
        stream.count_retransmission(written);
    }
}

/// The next sequence number of the stream `ssrc` that packets are sent again in, which begins at
/// `first`.
fn take_rtx_number(numbers: &mut Vec<(u32, u16)>, ssrc: u32, first: u16) -> u16 {
    if let Some((_, next)) = numbers.iter_mut().find(|(known, _)| *known == ssrc) {
        return std::mem::replace(next, next.wrapping_add(1));
    }
    if numbers.len() == MAX_ENDED_STREAMS {
        numbers.remove(0);
    }
    numbers.push((ssrc, first.wrapping_add(1)));
    first
}

/// Of a packet with this extension.
pub(in super::super) fn header_bytes(element: Option<TwoByteElement>) -> usize {
    Header::BYTES + element.map_or(0, |_| TwoByteElement::BYTES)
}

/// Appends a header, to be followed by the payload.
pub(in super::super) fn write_header(
    datagram: &mut Vec<u8>,
    header: Header,
    element: Option<TwoByteElement>,
) {
    let packet = Packet {
        extension: element.as_ref().map(TwoByteElement::extension),
        ..Packet::new(header, &[])
    };
    packet.write(datagram);
}

/// Appends the packet of a frame: with `earlier` ones beside it where there are any and the peer
/// has a payload type for that, else plain.
fn write_frame<'a>(
    datagram: &mut Vec<u8>,
    (header, element): (Header, Option<TwoByteElement>),
    frame: &[u8],
    red_payload_type: Option<u8>,
    earlier: impl Iterator<Item = RedBlock<'a>> + Clone,
) -> Written {
    let has_earlier = earlier.clone().next().is_some();
    if let Some(payload_type) = red_payload_type.filter(|_| has_earlier) {
        let red_header = Header {
            payload_type,
            ..header
        };
        write_header(datagram, red_header, element);
        write_red(datagram, earlier, header.payload_type, frame);
    } else {
        write_header(datagram, header, element);
        datagram.extend_from_slice(frame);
    }
    let header_bytes = header_bytes(element);
    Written {
        header_bytes,
        payload_bytes: datagram.len() - header_bytes,
    }
}
