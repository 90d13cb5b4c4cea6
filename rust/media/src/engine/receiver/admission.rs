//! Packets that are handed on undecoded.

use crate::rtp::{Packet, Red};

use super::super::event::{Event, EventQueue};
use super::super::source_lock::Verdict;
use super::{Codec, Format, OPUS, Receiver};

impl Receiver {
    /// Takes a datagram that is not to be heard: gives its packet if it is of the source listened
    /// to, and counts it. Of RED the frame itself is given, without what it repeats.
    pub(in super::super) fn admit<'a>(
        &mut self,
        datagram: &'a [u8],
        now_ns: u64,
        tick_ns: u64,
        events: &mut EventQueue,
    ) -> Option<(Codec, Packet<'a>)> {
        let Ok(mut packet) = Packet::parse(datagram) else {
            self.errors.malformed_rtp_packets += 1;
            return None;
        };
        let header = packet.header;
        let codec = match self.format_of(header.payload_type) {
            Format::Plain(codec) => codec,
            Format::Red if packet.payload.is_empty() => Codec::Opus,
            Format::Red => {
                let Ok(red) = Red::parse(packet.payload) else {
                    self.errors.malformed_rtp_packets += 1;
                    return None;
                };
                if self.format_of(red.primary_payload_type) != OPUS {
                    self.record_unknown(&packet, now_ns);
                    return None;
                }
                packet.payload = red.primary;
                Codec::Opus
            }
            // Nothing was asked for again.
            Format::Rtx => return None,
            Format::Unknown => {
                self.record_unknown(&packet, now_ns);
                return None;
            }
        };
        match self.lock.judge(header.ssrc, header.sequence_number, now_ns) {
            Verdict::Current => {}
            Verdict::First | Verdict::Changed => {
                self.begin_source(&packet, now_ns, tick_ns, events);
            }
            Verdict::Departed | Verdict::Hold => {
                self.errors.other_source_packets += 1;
                return None;
            }
        }
        let source = self.source.as_mut()?;
        if codec.is_keys() {
            source.reception.record_repeated(header.sequence_number);
            source.reception.forget_transit();
        } else {
            source.samples_per_unit = codec.samples_per_unit();
            let timestamp = header.timestamp.wrapping_mul(codec.samples_per_unit());
            source
                .reception
                .record(header.sequence_number, timestamp, now_ns);
        }
        source.count(&packet, now_ns);
        Some((codec, packet))
    }

    /// Listens again after packets were handed on: with an empty buffer, its first tick at
    /// `next_tick_ns`.
    pub(in super::super) fn begin_anew(
        &mut self,
        now_ns: u64,
        next_tick_ns: u64,
        events: &mut EventQueue,
    ) {
        self.output.end_stream(now_ns, events);
        self.begin_buffer(next_tick_ns - super::super::TICK_NS);
        if let Some(source) = &self.source {
            events.push(&Event::StreamStarted { ssrc: source.ssrc });
        }
    }
}
