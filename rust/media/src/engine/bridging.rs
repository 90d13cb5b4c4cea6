//! Calls joined: what one engine receives is what another one, or the same one, sends.
//!
//! The engine that receives is told so with [`Engine::bridge_out`], the one that sends with
//! [`Engine::bridge_in`]; whoever drives them carries [`BridgedMedia`] from
//! [`Engine::take_bridged`] to [`Engine::queue_bridged`]. Packets go on undecoded and renumbered:
//! a translator of RFC 3550 §7.1. Audio is decoded, and encoded anew with what the other
//! call agreed on.

use std::ops::Range;

use crate::rtp::{Header, Packet};

use super::outgoing_stream::{OutgoingStream, Written};
use super::sender::{header_bytes, write_header};
use super::transmit::TransmitQueue;
use super::transport_feedback::SentNumbers;
use super::{Codec, Engine, EngineError, NS_PER_MS, QUEUE_RATES_HZ, Start, ns_to_samples};

/// What comes as it comes waits this long in an empty queue, so that what comes late leaves no
/// hole.
const CUSHION_NS: u64 = 40 * NS_PER_MS;
/// Longer than this nothing waits: a far end's clock that is fast, or a burst, adds no delay above.
const MAX_WAITING_NS: u64 = 240 * NS_PER_MS;
/// What nobody takes is dropped above this.
const MAX_PACKETS: usize = 64;
const MAX_AUDIO_S: usize = 1;

/// What goes from call to call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bridge {
    /// PCM, as it would be heard.
    Audio,
    /// RTP as it came: no codec runs.
    Packets,
}

/// Media on its way from one engine to another.
#[derive(Debug, Default)]
pub struct BridgedMedia {
    pcm: Vec<i16>,
    rate_hz: u32,
    /// The PCM comes when it comes, not on a grid.
    is_unpaced: bool,
    bytes: Vec<u8>,
    /// Whole RTP packets; their payload type is the codec's number.
    packets: Vec<Range<usize>>,
}

impl BridgedMedia {
    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pcm.is_empty() && self.packets.is_empty()
    }

    /// Whether there is something to send at once.
    #[must_use]
    pub fn has_packets(&self) -> bool {
        !self.packets.is_empty()
    }

    /// Forgets what it holds.
    pub fn clear(&mut self) {
        self.pcm.clear();
        self.bytes.clear();
        self.packets.clear();
    }
}

/// Where what is received goes in place of the events.
#[derive(Debug)]
pub(super) struct Outlet {
    kind: Bridge,
    media: BridgedMedia,
}

impl Outlet {
    /// Takes audio in place of an event; false: there is no room for it.
    pub(super) fn push_audio(&mut self, pcm: &[i16], rate_hz: u32) -> bool {
        let media = &mut self.media;
        media.rate_hz = rate_hz;
        let has_room = media.pcm.len() + pcm.len() <= MAX_AUDIO_S * rate_hz as usize;
        if has_room {
            media.pcm.extend_from_slice(pcm);
        }
        has_room
    }

    fn push_packet(&mut self, packet: &Packet<'_>, codec: Codec) -> bool {
        let media = &mut self.media;
        let has_room = media.packets.len() < MAX_PACKETS;
        if has_room {
            let header = Header {
                payload_type: codec.number(),
                ..packet.header
            };
            let begin = media.bytes.len();
            Packet::new(header, packet.payload).write(&mut media.bytes);
            media.packets.push(begin..media.bytes.len());
        }
        has_room
    }
}

/// Where what is sent comes from in place of the queue.
#[derive(Debug)]
pub(super) enum Inlet {
    Audio,
    Packets(Forwarder),
}

/// How a source's numbers become the stream's own.
#[derive(Clone, Copy, Debug)]
struct Offsets {
    /// Of the source, and of the stream.
    ssrcs: (u32, u32),
    sequence_number: u16,
    timestamp: u32,
}

/// Sends packets on under the stream's own SSRC and payload types. Numbers go on where they were,
/// so what the network loses before us is seen as lost behind us too.
#[derive(Debug, Default)]
pub(super) struct Forwarder {
    offsets: Option<Offsets>,
    /// The latest timestamp sent.
    timestamp: Option<u32>,
}

impl Forwarder {
    fn send(
        &mut self,
        stream: &mut OutgoingStream,
        packet: &Packet<'_>,
        payload_type: u8,
        (numbers, now_ns): (&mut SentNumbers, u64),
        transmit: &mut TransmitQueue,
    ) {
        let source = packet.header;
        let ssrcs = (source.ssrc, stream.ssrc);
        let known = self.offsets.filter(|known| known.ssrcs == ssrcs);
        let offsets = known.unwrap_or_else(|| Offsets {
            ssrcs,
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
            payload_type,
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
        // One that was overtaken does not take the numbers back: none is given out twice.
        let next = stream.next_sequence_number;
        let is_newest = header.sequence_number.wrapping_sub(next) < 1 << 15;
        if is_newest {
            stream.next_sequence_number = header.sequence_number;
            self.timestamp = Some(header.timestamp);
        }
        stream.count_packet(written);
        if !is_newest {
            stream.next_sequence_number = next;
        }
    }
}

impl Engine {
    /// Hands on what is received from now on instead of telling it as
    /// [`AudioReceived`](super::Event::AudioReceived); with `None` it is told again. All other events
    /// stay, except that packets are not looked into: neither speech nor keys are told of them.
    ///
    /// # Errors
    /// [`EngineError::Forwarding`] for packets of a call whose audio is for an ear, and
    /// [`EngineError::BridgedRate`] for audio at a rate that no queue takes.
    pub fn bridge_out(&mut self, bridge: Option<Bridge>, now_ns: u64) -> Result<(), EngineError> {
        let rate_hz = self.events.output_rate_hz();
        match bridge {
            Some(Bridge::Packets) if self.ticks_always => return Err(EngineError::Forwarding),
            Some(Bridge::Audio) if !QUEUE_RATES_HZ.contains(&rate_hz) => {
                return Err(EngineError::BridgedRate(rate_hz));
            }
            _ => {}
        }
        self.record(|recorder| recorder.bridge_out(bridge, now_ns));
        let now_ns = self.advance(now_ns);
        if self.hands_on_packets() {
            // What it holds is of a time before.
            self.receiver
                .begin_anew(now_ns, self.next_tick_ns, &mut self.events);
        }
        self.events.outlet = bridge.map(|kind| Outlet {
            kind,
            media: BridgedMedia {
                is_unpaced: !self.events.is_on_grid(),
                ..BridgedMedia::default()
            },
        });
        Ok(())
    }

    /// Sends what [`Engine::queue_bridged`] is given from now on. With [`Bridge::Packets`] nothing
    /// else is sent and what is queued waits; with `None` the stream goes on with frames of its own.
    ///
    /// # Errors
    /// [`EngineError::Forwarding`] for packets while what is sent is tapped.
    pub fn bridge_in(&mut self, bridge: Option<Bridge>, now_ns: u64) -> Result<(), EngineError> {
        if bridge == Some(Bridge::Packets) && self.tap.is_some() {
            return Err(EngineError::Forwarding);
        }
        self.record(|recorder| recorder.bridge_in(bridge, now_ns));
        self.advance(now_ns);
        if let Some(Inlet::Packets(forwarder)) = &self.inlet {
            self.sender.resume(self.next_tick_ns, forwarder.timestamp);
        }
        self.inlet = bridge.map(|kind| match kind {
            Bridge::Audio => Inlet::Audio,
            Bridge::Packets => Inlet::Packets(Forwarder::default()),
        });
        Ok(())
    }

    /// Moves what is to be handed on into `media`, in place of what that held. False: there is
    /// nothing. To be called after each input, as the polls are; what nobody takes is dropped above
    /// a second of audio or 64 packets, and counted with the events.
    pub fn take_bridged(&mut self, media: &mut BridgedMedia) -> bool {
        media.clear();
        if let Some(outlet) = &mut self.events.outlet
            && !outlet.media.is_empty()
        {
            media.is_unpaced = outlet.media.is_unpaced;
            std::mem::swap(&mut outlet.media, media);
        }
        !media.is_empty()
    }

    /// Takes what another engine handed on. Audio is sent when its turn comes, and dropped while
    /// 240 ms wait; packets wait to be polled at once. Those whose codec is not the stream's are
    /// counted among the dropped ones.
    pub fn queue_bridged(&mut self, media: &BridgedMedia, now_ns: u64) {
        let begins = |start: &Start| start.payload_type.is_some();
        if self.sender.stream.is_none() && !self.start.as_ref().is_some_and(begins) {
            return;
        }
        match &self.inlet {
            Some(Inlet::Audio) => self.queue_bridged_audio(media),
            Some(Inlet::Packets(_)) => {
                for packet in &media.packets {
                    self.forward(&media.bytes[packet.clone()], now_ns);
                }
            }
            None => {}
        }
    }

    fn queue_bridged_audio(&mut self, media: &BridgedMedia) {
        let waiting_ns = self.sender.queue.queued_ns();
        if waiting_ns > MAX_WAITING_NS {
            self.events.dropped += 1;
            return;
        }
        if waiting_ns == 0 && media.is_unpaced {
            let samples = ns_to_samples(CUSHION_NS, media.rate_hz) as usize;
            // No outlet has a rate that no queue takes, here and below.
            let _ = self.queue_audio(&vec![0; samples], media.rate_hz);
        }
        let _ = self.queue_audio(&media.pcm, media.rate_hz);
    }

    /// Takes a packet whose payload type is a codec's number.
    pub(super) fn forward(&mut self, datagram: &[u8], now_ns: u64) {
        self.record(|recorder| recorder.forwarded(datagram, now_ns));
        let now_ns = self.advance(now_ns);
        let Ok(packet) = Packet::parse(datagram) else {
            return;
        };
        let payload_type = Codec::from_number(packet.header.payload_type)
            .and_then(|codec| self.sender.payload_type_of(codec));
        let (Some(payload_type), Some(stream), Some(Inlet::Packets(forwarder))) =
            (payload_type, &mut self.sender.stream, &mut self.inlet)
        else {
            self.transmit.dropped += 1;
            return;
        };
        stream.next_frame_ns = now_ns;
        let numbers = (&mut self.sender.numbers, now_ns);
        forwarder.send(stream, &packet, payload_type, numbers, &mut self.transmit);
    }

    /// Hands a packet on in place of the jitter buffer.
    pub(super) fn hand_on(&mut self, datagram: &[u8], now_ns: u64) {
        let tick_ns = self.next_tick_ns - super::TICK_NS;
        let admitted = self
            .receiver
            .admit(datagram, now_ns, tick_ns, &mut self.events);
        if let (Some((codec, packet)), Some(outlet)) = (admitted, &mut self.events.outlet)
            && !outlet.push_packet(&packet, codec)
        {
            self.events.dropped += 1;
        }
    }

    /// Whether what is received is not decoded.
    pub(super) fn hands_on_packets(&self) -> bool {
        let outlet = self.events.outlet.as_ref();
        outlet.is_some_and(|outlet| outlet.kind == Bridge::Packets)
    }

    /// Whether what is sent was encoded elsewhere.
    pub(super) fn sends_packets_of_others(&self) -> bool {
        matches!(self.inlet, Some(Inlet::Packets(_)))
    }
}
