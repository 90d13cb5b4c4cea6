//! The incoming stream: from RTP to the jitter buffer to what the application hears.

mod admission;
mod repairs;

use crate::playout::{self, BlockKind, JitterBuffer, ReceivedFrame, Sink};
use crate::rtp::{Packet, Reception, Red, TelephoneEvent};

use super::audio_output::AudioOutput;
use super::event::{Event, EventQueue};
use super::redundancy::RepairFormats;
use super::source_lock::{SourceLock, Verdict};
use super::stats::InboundStats;
use super::stream_decoder::StreamDecoder;
use super::telephone_events::{PressedKey, ReceivedEvents};
use super::{Codec, EngineError, NS_PER_S, SAMPLE_RATE_HZ, Settings};

/// No datagram on the internet is longer than an Ethernet frame.
const MAX_HELD_BYTES: usize = 1500;

/// What was received and not used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReceiveErrors {
    /// Datagrams that fail their SRTP tag, or came before there were keys.
    pub unauthenticated_packets: u64,
    /// Datagrams that were received before (RFC 3711 §3.3.2).
    pub replayed_packets: u64,
    /// Datagrams of more sources than are told apart ([`crate::srtp::MAX_SOURCES`]).
    pub surplus_source_packets: u64,
    /// Datagrams that are not RTP, or whose payload is not the RED or RTX that it should be.
    pub malformed_rtp_packets: u64,
    /// Datagrams that are not RTCP.
    pub malformed_rtcp_packets: u64,
    /// Packets of a payload type that was not negotiated. Those of the source listened to are among
    /// its packets received.
    pub unknown_payload_type_packets: u64,
    /// Packets of another source than the one listened to.
    pub other_source_packets: u64,
}

/// Counters of the source listened to.
pub(super) struct Source {
    pub(super) ssrc: u32,
    /// Samples of the audio path to a unit of the RTP clock, which reports are in.
    pub(super) samples_per_unit: u32,
    pub(super) reception: Reception,
    payload_bytes: u64,
    pub(super) header_bytes: u64,
    pub(super) last_packet_ns: u64,
    pub(super) nacks_sent: u64,
    retransmitted_packets: u64,
    retransmitted_bytes: u64,
    /// Packets received that the peer knows of.
    told_packets: u64,
}

impl Source {
    /// Whether there is anything to report: packets since the last report (RFC 3550 §6.4).
    pub(super) fn has_news(&self) -> bool {
        self.reception.packets_received() > self.told_packets
    }

    /// Takes note of a report on what was received until now, or that none is wanted.
    pub(super) fn tell_news(&mut self) {
        self.told_packets = self.reception.packets_received();
    }

    pub(super) fn stats(&self) -> InboundStats {
        InboundStats {
            ssrc: self.ssrc,
            packets_received: self.reception.packets_received(),
            packets_lost: self.reception.packets_lost(),
            jitter_samples: self.reception.jitter(),
            bytes_received: self.payload_bytes,
            header_bytes_received: self.header_bytes,
            last_packet_received_ns: self.last_packet_ns,
            nack_count: self.nacks_sent,
            retransmitted_packets_received: self.retransmitted_packets,
            retransmitted_bytes_received: self.retransmitted_bytes,
        }
    }

    fn count(&mut self, packet: &Packet<'_>, now_ns: u64) {
        self.payload_bytes += packet.payload.len() as u64;
        self.header_bytes += packet.overhead_bytes() as u64;
        self.last_packet_ns = now_ns;
    }

    fn count_retransmission(&mut self, payload_bytes: usize) {
        self.retransmitted_packets += 1;
        self.retransmitted_bytes += payload_bytes as u64;
    }
}

/// What a packet's payload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// Audio or keys.
    Plain(Codec),
    Red,
    Rtx,
    Unknown,
}

const OPUS: Format = Format::Plain(Codec::Opus);

/// The first packet of a source on probation.
#[derive(Default)]
struct HeldPacket {
    datagram: Vec<u8>,
    at_ns: u64,
}

pub(super) struct Receiver {
    pub(super) source: Option<Source>,
    buffer: JitterBuffer<StreamDecoder>,
    /// Of the frames in the buffer.
    codec: Codec,
    keys: ReceivedEvents,
    /// Of the keys.
    keys_clock_rate_hz: u32,
    pub(super) errors: ReceiveErrors,
    buffer_settings: playout::Settings,
    decoder_rate_hz: u32,
    codecs: [Option<Codec>; 128],
    repair_formats: RepairFormats,
    lock: SourceLock,
    held: HeldPacket,
    /// The source that said goodbye and whose last audio is still buffered.
    departing: Option<u32>,
    /// Counters of the buffers that this one followed within the source's stream.
    earlier: playout::Stats,
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
            buffer: new_buffer(
                buffer_settings,
                Codec::Opus,
                settings.decoder_rate_hz(),
                now_ns,
            )?,
            codec: Codec::Opus,
            keys: ReceivedEvents::default(),
            keys_clock_rate_hz: SAMPLE_RATE_HZ,
            buffer_settings,
            decoder_rate_hz: settings.decoder_rate_hz(),
            errors: ReceiveErrors::default(),
            codecs: [None; 128],
            repair_formats: RepairFormats::default(),
            lock: SourceLock::default(),
            held: HeldPacket {
                datagram: Vec::with_capacity(MAX_HELD_BYTES),
                at_ns: 0,
            },
            departing: None,
            earlier: playout::Stats::default(),
            ended: None,
            output: AudioOutput::new(settings)?,
        })
    }

    /// Takes `payload_types`, below 128 each, and no others.
    pub(super) fn configure(&mut self, payload_types: &[(u8, Codec)]) {
        self.codecs = [None; 128];
        for (payload_type, codec) in payload_types {
            self.codecs[usize::from(payload_type & 0x7f)] = Some(*codec);
        }
    }

    /// Takes these payload types for repairs.
    pub(super) fn configure_repairs(&mut self, formats: RepairFormats) {
        self.repair_formats = formats;
    }

    fn format_of(&self, payload_type: u8) -> Format {
        if let Some(codec) = self.codecs[usize::from(payload_type & 0x7f)] {
            Format::Plain(codec)
        } else if self.repair_formats.red == Some(payload_type) {
            Format::Red
        } else if self.repair_formats.rtx == Some(payload_type) {
            Format::Rtx
        } else {
            Format::Unknown
        }
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
        let Some(packet) = self.parse(datagram) else {
            self.errors.malformed_rtp_packets += 1;
            return;
        };
        let header = packet.header;
        match self.format_of(header.payload_type) {
            Format::Plain(_) => {}
            // Padding alone probes the path; it has its place among the numbers.
            Format::Red if packet.payload.is_empty() => {}
            Format::Red => match Red::parse(packet.payload) {
                // Agreed on for Opus; another codec's would be put in the buffer as Opus.
                Ok(red) if self.format_of(red.primary_payload_type) == OPUS => {}
                Ok(_) => return self.pass_over_unknown(&packet, now_ns, events),
                Err(_) => {
                    self.errors.malformed_rtp_packets += 1;
                    return;
                }
            },
            Format::Rtx => {
                self.receive_retransmission(&packet, now_ns);
                self.give_out(now_ns, events);
                return;
            }
            Format::Unknown => return self.pass_over_unknown(&packet, now_ns, events),
        }
        match self.lock.judge(header.ssrc, header.sequence_number, now_ns) {
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
        self.receive(&packet, now_ns, tick_ns, events);
        self.give_out(now_ns, events);
    }

    /// A packet with its timestamp in units of the audio path.
    fn parse<'a>(&self, datagram: &'a [u8]) -> Option<Packet<'a>> {
        let mut packet = Packet::parse(datagram).ok()?;
        if let Format::Plain(codec) = self.format_of(packet.header.payload_type)
            && !codec.is_keys()
        {
            // Both wrap at 2^32: a multiple of what wrapped has wrapped too.
            let timestamp = packet.header.timestamp;
            packet.header.timestamp = timestamp.wrapping_mul(codec.samples_per_unit());
        }
        Some(packet)
    }

    /// Says goodbye to the source listened to, if it is the one that leaves. Its stream ends when
    /// what is buffered has come out.
    pub(super) fn handle_goodbye(&mut self, ssrc: u32, now_ns: u64, events: &mut EventQueue) {
        if self.lock.depart(ssrc, now_ns) {
            self.departing = Some(ssrc);
            if let Some(source) = &mut self.source {
                source.tell_news();
            }
            self.give_out(now_ns, events);
        }
    }

    /// Gives out what the buffer has for `now_ns`.
    pub(super) fn give_out(&mut self, now_ns: u64, events: &mut EventQueue) {
        if let Some(key) = self.keys.handle_timeout(now_ns) {
            tell_key(key, self.keys_clock_rate_hz, now_ns, events);
        }
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
        if self.stops_ns().is_some_and(|stops_ns| stops_ns <= now_ns) {
            self.output.pause(events);
        }
        if self.departing.is_some() && self.buffer.next_timeout().is_none() {
            let counted = *self.buffer.stats();
            self.end_stream(&counted, now_ns, events);
        }
    }

    /// When speech ends because nothing more of it came.
    fn stops_ns(&self) -> Option<u64> {
        let is_in_speech = self.output.is_in_speech();
        is_in_speech.then(|| self.buffer.stops_ns()).flatten()
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
        self.ended = Some(self.earlier.plus(counted));
        self.begin_buffer(at_ns);
        if let Some(ssrc) = self.departing.take() {
            events.push(&Event::StreamEnded { ssrc });
        }
    }

    /// Counters of the jitter buffer for the source listened to last.
    pub(super) fn playout_stats(&self) -> playout::Stats {
        let until_now = || self.earlier.plus(self.buffer.stats());
        self.ended.unwrap_or_else(until_now)
    }

    /// When the buffer has something to give out, if nothing is received before.
    pub(super) fn next_timeout(&self) -> Option<u64> {
        [
            self.buffer.next_timeout(),
            self.keys.next_timeout(),
            self.stops_ns(),
        ]
        .into_iter()
        .flatten()
        .min()
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
        let buffer = new_buffer(
            self.buffer_settings,
            self.codec,
            self.decoder_rate_hz,
            tick_ns,
        );
        if let Ok(buffer) = buffer {
            self.earlier = self.playout_stats();
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
        if self
            .source
            .as_ref()
            .is_none_or(|source| source.ssrc != ssrc)
        {
            self.earlier = playout::Stats::default();
        }
        self.departing = None;
        self.ended = None;
        self.keys = ReceivedEvents::default();
        events.push(&Event::StreamStarted { ssrc });
        if let Some(source) = self.source.as_mut().filter(|source| source.ssrc == ssrc) {
            // It goes on after its goodbye, and so do its counts.
            source.last_packet_ns = now_ns;
            source.reception.forget_transit();
            return;
        }
        self.source = Some(Source {
            ssrc,
            samples_per_unit: self.codec.samples_per_unit(),
            reception: Reception::new(SAMPLE_RATE_HZ, packet.header.sequence_number),
            payload_bytes: 0,
            header_bytes: 0,
            last_packet_ns: now_ns,
            nacks_sent: 0,
            retransmitted_packets: 0,
            retransmitted_bytes: 0,
            told_packets: 0,
        });
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
        if let Some(first) = self.parse(&held.datagram) {
            self.errors.other_source_packets -= 1;
            self.begin_source(&first, now_ns, tick_ns, events);
            self.receive(&first, held.at_ns, tick_ns, events);
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

    fn receive(&mut self, packet: &Packet<'_>, now_ns: u64, tick_ns: u64, events: &mut EventQueue) {
        let header = packet.header;
        let format = self.format_of(header.payload_type);
        let keys = match format {
            Format::Plain(codec) => Some(codec).filter(|codec| codec.is_keys()),
            _ => None,
        };
        if keys.is_none() {
            let codec = match format {
                Format::Plain(codec) => codec,
                _ => Codec::Opus,
            };
            self.prepare_for(codec, tick_ns, now_ns, events);
        }
        let Some(source) = &mut self.source else {
            return;
        };
        if keys.is_some() {
            // A key's packets all have the timestamp of its beginning: they say nothing of jitter.
            source.reception.record_repeated(header.sequence_number);
            source.reception.forget_transit();
        } else if self.buffer.is_requested(header.sequence_number) {
            // How late it comes says nothing about the network's jitter.
            source.reception.record_repeated(header.sequence_number);
            source.count_retransmission(packet.payload.len());
        } else {
            source
                .reception
                .record(header.sequence_number, header.timestamp, now_ns);
        }
        source.count(packet, now_ns);
        if let Some(codec) = keys {
            self.receive_key(packet, codec, now_ns, events);
        } else if format == Format::Red {
            self.insert_red(packet, now_ns);
        } else {
            self.insert(packet, packet.payload, now_ns);
        }
    }

    /// Counts a packet of a payload type that was not negotiated. Of the source listened to it has
    /// come, though nothing is heard of it: it is neither lost nor asked for again.
    fn pass_over_unknown(&mut self, packet: &Packet<'_>, now_ns: u64, events: &mut EventQueue) {
        self.record_unknown(packet, now_ns);
        if self.is_of_source(packet) {
            self.buffer.pass_over(packet.header.sequence_number, now_ns);
            self.give_out(now_ns, events);
        }
    }

    fn record_unknown(&mut self, packet: &Packet<'_>, now_ns: u64) {
        self.errors.unknown_payload_type_packets += 1;
        if !self.is_of_source(packet) {
            return;
        }
        if let Some(source) = &mut self.source {
            // Its timestamp is of an unknown clock, and says nothing of jitter.
            source
                .reception
                .record_repeated(packet.header.sequence_number);
            source.count(packet, now_ns);
        }
    }

    fn is_of_source(&self, packet: &Packet<'_>) -> bool {
        self.lock.listens_to(packet.header.ssrc)
    }

    /// Puts a buffer with another decoder in place of the present one when the codec changes.
    fn prepare_for(&mut self, codec: Codec, tick_ns: u64, now_ns: u64, events: &mut EventQueue) {
        if self.codec == codec {
            return;
        }
        self.codec = codec;
        let Some(source) = &mut self.source else {
            return;
        };
        source.samples_per_unit = codec.samples_per_unit();
        source.reception.forget_transit();
        let has_begun = source.reception.packets_received() > 0;
        self.output.end_stream(now_ns, events);
        if has_begun {
            events.push(&Event::StreamStarted { ssrc: source.ssrc });
        }
        self.begin_buffer(tick_ns);
        if !has_begun {
            self.earlier = playout::Stats::default();
        }
    }

    fn receive_key(
        &mut self,
        packet: &Packet<'_>,
        codec: Codec,
        now_ns: u64,
        events: &mut EventQueue,
    ) {
        let header = packet.header;
        self.buffer.pass_over(header.sequence_number, now_ns);
        let Ok(event) = TelephoneEvent::parse(packet.payload) else {
            self.errors.malformed_rtp_packets += 1;
            return;
        };
        let rate_hz = codec.clock_rate_hz();
        self.keys_clock_rate_hz = rate_hz;
        let tell = |key| tell_key(key, rate_hz, now_ns, events);
        self.keys.handle(
            event,
            (header.timestamp, rate_hz),
            header.marker,
            now_ns,
            tell,
        );
    }

    /// What became of a frame is in the buffer's own counters.
    fn insert(&mut self, packet: &Packet<'_>, payload: &[u8], now_ns: u64) {
        if payload.is_empty() {
            // Padding alone is a probe of the path, not a frame that is missing.
            return self.buffer.pass_over(packet.header.sequence_number, now_ns);
        }
        let frame = ReceivedFrame {
            sequence_number: packet.header.sequence_number,
            rtp_timestamp: packet.header.timestamp,
            marker: packet.header.marker,
            payload,
        };
        let _ = self.buffer.insert(&frame, now_ns);
    }
}

fn tell_key(key: PressedKey, clock_rate_hz: u32, at_ns: u64, events: &mut EventQueue) {
    // 2^16 segments of 2^16 units: far from the end of 64 bits.
    let duration_ns = key.duration.saturating_mul(NS_PER_S) / u64::from(clock_rate_hz);
    events.push(&Event::TelephoneEvent {
        code: key.code,
        duration_ns,
        attenuation_db: key.attenuation_db,
        end_was_lost: key.end_was_lost,
        at_ns,
    });
}

fn new_buffer(
    settings: playout::Settings,
    codec: Codec,
    opus_rate_hz: u32,
    tick_ns: u64,
) -> Result<JitterBuffer<StreamDecoder>, EngineError> {
    let decoder = StreamDecoder::new(codec, opus_rate_hz)?;
    Ok(JitterBuffer::new(settings, decoder, tick_ns))
}
