//! The incoming stream: from RTP to the jitter buffer to what the application hears.

use crate::opus::{Channels, Decoder};
use crate::playout::{self, BlockKind, JitterBuffer, ReceivedFrame, Sink};
use crate::rtp::{Packet, Reception};

use super::audio_output::AudioOutput;
use super::event::{Event, EventQueue};
use super::source_lock::{SourceLock, Verdict};
use super::stats::InboundStats;
use super::{Codec, EngineError, SAMPLE_RATE_HZ, Settings};

/// No datagram on the internet is longer than an Ethernet frame.
const MAX_HELD_BYTES: usize = 1500;

/// What was received and not used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReceiveErrors {
    /// Datagrams that fail their SRTP tag, or came before there were keys.
    pub unauthenticated_packets: u64,
    /// Datagrams that were received before (RFC 3711 §3.3.2).
    pub replayed_packets: u64,
    /// Datagrams that are not RTP.
    pub malformed_rtp_packets: u64,
    /// Datagrams that are not RTCP.
    pub malformed_rtcp_packets: u64,
    /// Packets of a payload type that was not negotiated.
    pub unknown_payload_type_packets: u64,
    /// Packets of another source than the one listened to.
    pub other_source_packets: u64,
}

/// Counters of the source listened to.
pub(super) struct Source {
    pub(super) ssrc: u32,
    pub(super) reception: Reception,
    payload_bytes: u64,
    pub(super) header_bytes: u64,
    pub(super) last_packet_ns: u64,
}

impl Source {
    pub(super) fn stats(&self) -> InboundStats {
        InboundStats {
            ssrc: self.ssrc,
            packets_received: self.reception.packets_received(),
            packets_lost: self.reception.packets_lost(),
            jitter_samples: self.reception.jitter(),
            bytes_received: self.payload_bytes,
            header_bytes_received: self.header_bytes,
            last_packet_received_ns: self.last_packet_ns,
        }
    }
}

/// The first packet of a source on probation.
#[derive(Default)]
struct HeldPacket {
    datagram: Vec<u8>,
    at_ns: u64,
}

pub(super) struct Receiver {
    pub(super) source: Option<Source>,
    buffer: JitterBuffer<Decoder>,
    pub(super) errors: ReceiveErrors,
    buffer_settings: playout::Settings,
    decoder_rate_hz: u32,
    opus_payload_types: u128,
    lock: SourceLock,
    held: HeldPacket,
    /// The source that said goodbye and whose last audio is still buffered.
    departing: Option<u32>,
    /// The counters of the stream that ended, until another begins.
    ended: Option<playout::Stats>,
    output: AudioOutput,
}

impl Receiver {
    pub(super) fn new(settings: &Settings, now_ns: u64) -> Result<Self, EngineError> {
        let buffer_settings = playout::Settings {
            sink: settings.sink,
            strategy: settings.strategy,
            ..playout::Settings::default()
        };
        Ok(Self {
            source: None,
            buffer: new_buffer(buffer_settings, settings.decoder_rate_hz(), now_ns)?,
            buffer_settings,
            decoder_rate_hz: settings.decoder_rate_hz(),
            errors: ReceiveErrors::default(),
            opus_payload_types: 0,
            lock: SourceLock::default(),
            held: HeldPacket {
                datagram: Vec::with_capacity(MAX_HELD_BYTES),
                at_ns: 0,
            },
            departing: None,
            ended: None,
            output: AudioOutput::new(settings)?,
        })
    }

    /// Takes `payload_types`, below 128 each, and no others.
    pub(super) fn configure(&mut self, payload_types: &[(u8, Codec)]) {
        self.opus_payload_types = payload_types
            .iter()
            .filter(|(_, codec)| *codec == Codec::Opus)
            .fold(0, |known, (payload_type, _)| {
                known | 1 << (payload_type & 0x7f)
            });
    }

    /// Takes a datagram. `tick_ns` is the last tick that ran: should the source change, the grid
    /// of the playout goes on from there.
    pub(super) fn handle_rtp(
        &mut self,
        datagram: &[u8],
        now_ns: u64,
        tick_ns: u64,
        events: &mut EventQueue,
    ) {
        let Ok(packet) = Packet::parse(datagram) else {
            self.errors.malformed_rtp_packets += 1;
            return;
        };
        let header = packet.header;
        if self.opus_payload_types >> header.payload_type & 1 == 0 {
            self.errors.unknown_payload_type_packets += 1;
            return;
        }
        match self.lock.judge(header.ssrc, header.sequence_number) {
            Verdict::Current => {}
            Verdict::First => self.begin_source(&packet, now_ns, tick_ns, events),
            Verdict::Departed => {
                self.errors.other_source_packets += 1;
                return;
            }
            Verdict::Hold => {
                self.errors.other_source_packets += 1;
                self.hold(datagram, now_ns);
                return;
            }
            Verdict::Changed => self.change_source(&packet, now_ns, tick_ns, events),
        }
        self.receive(&packet, now_ns);
        self.give_out(now_ns, events);
    }

    /// Takes a datagram that is not to be heard: gives its packet if it is of the source listened
    /// to, and counts it.
    pub(super) fn admit<'a>(
        &mut self,
        datagram: &'a [u8],
        now_ns: u64,
        tick_ns: u64,
        events: &mut EventQueue,
    ) -> Option<Packet<'a>> {
        let Ok(packet) = Packet::parse(datagram) else {
            self.errors.malformed_rtp_packets += 1;
            return None;
        };
        let header = packet.header;
        if self.opus_payload_types >> header.payload_type & 1 == 0 {
            self.errors.unknown_payload_type_packets += 1;
            return None;
        }
        match self.lock.judge(header.ssrc, header.sequence_number) {
            Verdict::Current => {}
            Verdict::First | Verdict::Changed => {
                self.begin_source(&packet, now_ns, tick_ns, events);
            }
            Verdict::Departed | Verdict::Hold => {
                self.errors.other_source_packets += 1;
                return None;
            }
        }
        self.count(&packet, now_ns);
        Some(packet)
    }

    /// Says goodbye to the source listened to, if it is the one that leaves. Its stream ends when
    /// what is buffered has come out.
    pub(super) fn handle_goodbye(&mut self, ssrc: u32, now_ns: u64, events: &mut EventQueue) {
        if self.lock.depart(ssrc) {
            self.departing = Some(ssrc);
            self.give_out(now_ns, events);
        }
    }

    /// Gives out what the buffer has for `now_ns`.
    pub(super) fn give_out(&mut self, now_ns: u64, events: &mut EventQueue) {
        loop {
            let counted = *self.buffer.stats();
            let Some(block) = self.buffer.poll(now_ns) else {
                break;
            };
            let (kind, at_ns) = (block.kind, block.at_ns);
            self.output.push(&block, events);
            if self.has_ended(kind) {
                self.end_stream(&counted, at_ns, events);
            }
        }
        if self.departing.is_some() && self.buffer.next_timeout().is_none() {
            let counted = *self.buffer.stats();
            self.end_stream(&counted, now_ns, events);
        }
    }

    /// Whether a block of `kind` comes after all that a departing source has sent.
    fn has_ended(&self, kind: BlockKind) -> bool {
        let is_ear = self.buffer_settings.sink == Sink::Playout;
        self.departing.is_some()
            && (kind == BlockKind::Silence || (is_ear && kind == BlockKind::Concealed))
    }

    /// Ends the departing source's stream. What the buffer makes up after it is not counted.
    fn end_stream(&mut self, counted: &playout::Stats, at_ns: u64, events: &mut EventQueue) {
        self.output.end_stream(at_ns, events);
        self.begin_buffer(at_ns);
        self.ended = Some(*counted);
        if let Some(ssrc) = self.departing.take() {
            events.push(&Event::StreamEnded { ssrc });
        }
    }

    /// Counters of the jitter buffer for the source listened to last.
    pub(super) fn playout_stats(&self) -> playout::Stats {
        self.ended.unwrap_or(*self.buffer.stats())
    }

    /// When the buffer has something to give out, if nothing is received before.
    pub(super) fn next_timeout(&self) -> Option<u64> {
        self.buffer.next_timeout()
    }

    /// Passes over what an ear would have heard up to the tick `tick_ns`: nobody listened. The
    /// stream goes on as if it had started anew.
    pub(super) fn skip_to(&mut self, now_ns: u64, tick_ns: u64, events: &mut EventQueue) {
        if self.buffer_settings.sink == Sink::Eager {
            return;
        }
        self.output.end_stream(now_ns, events);
        self.begin_buffer(tick_ns);
        if let Some(source) = &self.source {
            events.push(&Event::StreamStarted { ssrc: source.ssrc });
        }
    }

    /// Puts an empty buffer in place of the present one, its first tick one after `tick_ns`.
    fn begin_buffer(&mut self, tick_ns: u64) {
        // Without memory for a second decoder the old buffer has to do.
        if let Ok(buffer) = new_buffer(self.buffer_settings, self.decoder_rate_hz, tick_ns) {
            self.buffer = buffer;
        }
    }

    fn begin_source(
        &mut self,
        packet: &Packet<'_>,
        now_ns: u64,
        tick_ns: u64,
        events: &mut EventQueue,
    ) {
        let ssrc = packet.header.ssrc;
        if self.source.is_some() {
            self.output.end_stream(now_ns, events);
            self.begin_buffer(tick_ns);
        }
        self.departing = None;
        self.ended = None;
        self.source = Some(Source {
            ssrc,
            reception: Reception::new(SAMPLE_RATE_HZ, packet.header.sequence_number),
            payload_bytes: 0,
            header_bytes: 0,
            last_packet_ns: now_ns,
        });
        events.push(&Event::StreamStarted { ssrc });
    }

    /// Begins with the packet that was held, before `packet`, which follows it.
    fn change_source(
        &mut self,
        packet: &Packet<'_>,
        now_ns: u64,
        tick_ns: u64,
        events: &mut EventQueue,
    ) {
        let held = std::mem::take(&mut self.held);
        // It was read once before it was held.
        if let Ok(first) = Packet::parse(&held.datagram) {
            self.errors.other_source_packets -= 1;
            self.begin_source(&first, now_ns, tick_ns, events);
            self.receive(&first, held.at_ns);
        } else {
            self.begin_source(packet, now_ns, tick_ns, events);
        }
        self.held = held;
    }

    fn hold(&mut self, datagram: &[u8], now_ns: u64) {
        self.held.datagram.clear();
        if datagram.len() <= MAX_HELD_BYTES {
            self.held.datagram.extend_from_slice(datagram);
        }
        self.held.at_ns = now_ns;
    }

    fn count(&mut self, packet: &Packet<'_>, now_ns: u64) {
        let header = packet.header;
        let Some(source) = &mut self.source else {
            return;
        };
        source
            .reception
            .record(header.sequence_number, header.timestamp, now_ns);
        source.payload_bytes += packet.payload.len() as u64;
        source.header_bytes += packet.overhead_bytes() as u64;
        source.last_packet_ns = now_ns;
    }

    fn receive(&mut self, packet: &Packet<'_>, now_ns: u64) {
        self.count(packet, now_ns);
        let header = packet.header;
        let frame = ReceivedFrame {
            sequence_number: header.sequence_number,
            rtp_timestamp: header.timestamp,
            marker: header.marker,
            payload: packet.payload,
        };
        // What became of it is in the buffer's own counters.
        let _ = self.buffer.insert(&frame, now_ns);
    }
}

fn new_buffer(
    settings: playout::Settings,
    decoder_rate_hz: u32,
    tick_ns: u64,
) -> Result<JitterBuffer<Decoder>, EngineError> {
    let decoder = Decoder::new(decoder_rate_hz, Channels::Mono)?;
    Ok(JitterBuffer::new(settings, decoder, tick_ns))
}
