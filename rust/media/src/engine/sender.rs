//! The outgoing stream: frames of the queue, encoded, as RTP.

use crate::opus::{Encoder, EncoderSettings, MAX_FRAME_PACKET_BYTES};
use crate::rtp::{Header, Packet, SplitMix64};

use super::send_queue::{Filled, SendQueue};
use super::stats::OutboundStats;
use super::transmit::TransmitQueue;
use super::{EngineError, NS_PER_MS, SAMPLE_RATE_HZ, ns_to_samples};

/// Opus packets of up to this size are DTX and need not be sent (RFC 7587 §3.1.3).
const MAX_DTX_BYTES: usize = 2;

/// Where a stream stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct OutgoingStream {
    pub(super) ssrc: u32,
    payload_type: u8,
    next_sequence_number: u16,
    first_timestamp: u32,
    begun_ns: u64,
    pub(super) next_frame_ns: u64,
    /// Nothing was sent just before the next packet.
    after_silence: bool,
    pub(super) packets_sent: u64,
    pub(super) payload_bytes_sent: u64,
    header_bytes_sent: u64,
}

impl OutgoingStream {
    pub(super) fn stats(&self) -> OutboundStats {
        OutboundStats {
            ssrc: self.ssrc,
            packets_sent: self.packets_sent,
            bytes_sent: self.payload_bytes_sent,
            header_bytes_sent: self.header_bytes_sent,
            nack_count: 0,
        }
    }

    /// The RTP timestamp of an instant, which need not be that of a frame.
    pub(super) fn rtp_timestamp(&self, at_ns: u64) -> u32 {
        let samples = ns_to_samples(at_ns.saturating_sub(self.begun_ns), SAMPLE_RATE_HZ);
        self.first_timestamp.wrapping_add(samples as u32)
    }
}

/// Paces frames on the engine's ticks.
pub(super) struct Sender {
    pub(super) queue: SendQueue,
    pub(super) stream: Option<OutgoingStream>,
    encoder: Encoder,
    random: SplitMix64,
    frame: Vec<i16>,
    frame_ns: u64,
    packet: Box<[u8; MAX_FRAME_PACKET_BYTES]>,
    /// Frames that held less audio than an unfinished utterance needed.
    pub(super) frames_starved: u64,
    /// Frames that the encoder refused.
    pub(super) frames_failed: u64,
}

impl Sender {
    pub(super) fn new(
        settings: &EncoderSettings,
        frame_ms: u32,
        seed: u64,
    ) -> Result<Self, EngineError> {
        let settings = EncoderSettings {
            sample_rate_hz: SAMPLE_RATE_HZ,
            channels: crate::opus::Channels::Mono,
            ..settings.clone()
        };
        Ok(Self {
            queue: SendQueue::new(),
            stream: None,
            encoder: Encoder::new(&settings)?,
            random: SplitMix64::new(seed),
            frame: vec![0; (SAMPLE_RATE_HZ / 1000 * frame_ms) as usize],
            frame_ns: u64::from(frame_ms) * NS_PER_MS,
            packet: Box::new([0; MAX_FRAME_PACKET_BYTES]),
            frames_starved: 0,
            frames_failed: 0,
        })
    }

    /// Begins a stream with its first frame at `first_frame_ns`.
    pub(super) fn start(&mut self, ssrc: u32, payload_type: u8, first_frame_ns: u64) {
        let random = self.random.next_u64();
        self.encoder.reset();
        self.stream = Some(OutgoingStream {
            ssrc,
            payload_type,
            // Room before the first wrap, which SRTP's rollover counter cannot see if the packets
            // around it are the ones that get lost (RFC 3711 §3.3.1).
            next_sequence_number: (random & 0x7fff) as u16,
            first_timestamp: (random >> 32) as u32,
            begun_ns: first_frame_ns,
            next_frame_ns: first_frame_ns,
            after_silence: true,
            packets_sent: 0,
            payload_bytes_sent: 0,
            header_bytes_sent: 0,
        });
    }

    /// When the next frame is due, while a stream is on.
    pub(super) fn next_frame_ns(&self) -> Option<u64> {
        self.stream.map(|stream| stream.next_frame_ns)
    }

    /// Passes over the frames due before `now_ns`.
    pub(super) fn skip_to(&mut self, now_ns: u64) {
        let frame_ns = self.frame_ns;
        if let Some(stream) = &mut self.stream
            && let Some(late_ns) = now_ns.checked_sub(stream.next_frame_ns)
        {
            stream.next_frame_ns += late_ns.div_ceil(frame_ns) * frame_ns;
            stream.after_silence = true;
        }
    }

    /// Takes a frame off the queue and sends it; gives its PCM and what of it was queued audio.
    pub(super) fn send_frame(&mut self, transmit: &mut TransmitQueue) -> (&[i16], Filled) {
        let was_speaking = self.queue.is_speaking();
        let filled = self.queue.fill(&mut self.frame);
        if was_speaking && filled.samples < self.frame.len() && !filled.drained {
            self.frames_starved += 1;
        }
        match self.encoder.encode(&self.frame, &mut self.packet[..]) {
            Ok(bytes) => self.send_packet(bytes, transmit),
            Err(_) => self.frames_failed += 1,
        }
        if let Some(stream) = &mut self.stream {
            stream.next_frame_ns += self.frame_ns;
        }
        (&self.frame, filled)
    }

    fn send_packet(&mut self, bytes: usize, transmit: &mut TransmitQueue) {
        let Some(stream) = &mut self.stream else {
            return;
        };
        if bytes <= MAX_DTX_BYTES {
            stream.after_silence = true;
            return;
        }
        let header = Header {
            marker: stream.after_silence,
            payload_type: stream.payload_type,
            sequence_number: stream.next_sequence_number,
            timestamp: stream.rtp_timestamp(stream.next_frame_ns),
            ssrc: stream.ssrc,
        };
        let payload = &self.packet[..bytes];
        transmit.push(|datagram| Packet::new(header, payload).write(datagram));
        stream.after_silence = false;
        stream.next_sequence_number = stream.next_sequence_number.wrapping_add(1);
        stream.packets_sent += 1;
        stream.payload_bytes_sent += bytes as u64;
        stream.header_bytes_sent += Header::BYTES as u64;
    }
}
