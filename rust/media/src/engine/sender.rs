//! The outgoing stream: frames of the queue, encoded, as RTP.

use crate::opus::{Encoder, EncoderSettings, MAX_FRAME_PACKET_BYTES};
use crate::rtp::{Header, Packet, SplitMix64};

use super::send_queue::{Filled, SendQueue};
use super::stats::OutboundStats;
use super::transmit::TransmitQueue;
use super::{EngineError, NS_PER_MS, SAMPLE_RATE_HZ, ns_to_samples};

/// Opus packets of up to this size are DTX and need not be sent (RFC 7587 §3.1.3).
const MAX_DTX_BYTES: usize = 2;

/// Silence that is encoded before the encoder rests: until then the decoder's echo of what was
/// said dies away.
const ENCODED_SILENCE_NS: u64 = 200 * NS_PER_MS;
/// With DTX a resting stream sends one frame in this time, as libopus does.
const DTX_INTERVAL_NS: u64 = 400 * NS_PER_MS;
/// What CELT makes of 10 and 20 ms of digital silence (RFC 6716 §4.3): two bytes after the TOC.
const SILENT_FRAME: [u8; 2] = [0xff, 0xfe];
const TOC_CELT_FULLBAND_10_MS: u8 = 30 << 3;
const TOC_CELT_FULLBAND_20_MS: u8 = 31 << 3;

/// Where a stream stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct OutgoingStream {
    pub(super) ssrc: u32,
    pub(super) payload_type: u8,
    pub(super) next_sequence_number: u16,
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

    /// Takes note of a packet that has been sent.
    pub(super) fn count_sent(&mut self, header: Header, payload_bytes: usize) {
        self.next_sequence_number = header.sequence_number.wrapping_add(1);
        self.packets_sent += 1;
        self.payload_bytes_sent += payload_bytes as u64;
        self.header_bytes_sent += Header::BYTES as u64;
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
    /// How long nothing but silence has been sent.
    silent_ns: u64,
    dtx: bool,
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
            silent_ns: 0,
            dtx: settings.dtx,
            packet: Box::new([0; MAX_FRAME_PACKET_BYTES]),
            frames_starved: 0,
            frames_failed: 0,
        })
    }

    /// Begins a stream with its first frame at `first_frame_ns`.
    pub(super) fn start(&mut self, ssrc: u32, payload_type: u8, first_frame_ns: u64) {
        let random = self.random.next_u64();
        self.encoder.reset();
        self.silent_ns = ENCODED_SILENCE_NS;
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
        if filled.samples == 0 && self.silent_ns >= ENCODED_SILENCE_NS {
            self.send_silence(transmit);
        } else {
            self.encode_frame(filled.samples > 0, transmit);
        }
        if filled.samples == 0 {
            self.silent_ns += self.frame_ns;
        }
        if let Some(stream) = &mut self.stream {
            stream.next_frame_ns += self.frame_ns;
        }
        (&self.frame, filled)
    }

    fn encode_frame(&mut self, is_audio: bool, transmit: &mut TransmitQueue) {
        if is_audio {
            if self.silent_ns > ENCODED_SILENCE_NS {
                // The decoder has heard another coder since, and begins anew too.
                self.encoder.reset();
            }
            self.silent_ns = 0;
        }
        match self.encoder.encode(&self.frame, &mut self.packet[..]) {
            Ok(bytes) => self.send_packet(bytes, transmit),
            Err(_) => self.frames_failed += 1,
        }
    }

    /// Sends silence without the encoder, which takes two thirds of a voice's CPU for it.
    fn send_silence(&mut self, transmit: &mut TransmitQueue) {
        let is_due = self.silent_ns % DTX_INTERVAL_NS < self.frame_ns;
        let bytes = if self.dtx && !is_due {
            0
        } else {
            write_silence(&mut self.packet[..], self.frame_ns / NS_PER_MS)
        };
        self.send_packet(bytes, transmit);
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
        stream.count_sent(header, bytes);
    }
}

/// Writes a packet of `frame_ms` of silence (RFC 6716 §3.2) and tells its length.
fn write_silence(packet: &mut [u8], frame_ms: u64) -> usize {
    let frames = frame_ms.div_ceil(20) as u8;
    let (toc, code) = match frames {
        1 if frame_ms == 10 => (TOC_CELT_FULLBAND_10_MS, &[][..]),
        1 => (TOC_CELT_FULLBAND_20_MS, &[][..]),
        // Code 3 with frames of one length; its second byte counts them.
        _ => (TOC_CELT_FULLBAND_20_MS | 3, &[frames][..]),
    };
    let mut length = 0;
    let body = std::iter::repeat_n(SILENT_FRAME, usize::from(frames)).flatten();
    let bytes = std::iter::once(toc).chain(code.iter().copied()).chain(body);
    for (place, byte) in packet.iter_mut().zip(bytes) {
        *place = byte;
        length += 1;
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opus::{Channels, Decoder};

    #[test]
    fn silence_of_every_frame_length_decodes_to_its_length_of_zeros() {
        for frame_ms in [10, 20, 40, 60] {
            let mut packet = [0; 16];
            let length = write_silence(&mut packet, frame_ms);
            let mut pcm = [1; 2880];
            let mut decoder = Decoder::new(SAMPLE_RATE_HZ, Channels::Mono).unwrap();
            let samples = decoder.decode(&packet[..length], &mut pcm).unwrap();
            assert_eq!(samples as u64, 48 * frame_ms);
            assert!(pcm[..samples].iter().all(|sample| *sample == 0));
        }
    }

    /// Everything a sender sends, decoded.
    fn sent(settings: &EncoderSettings, pcm: &[i16], frames: usize) -> (Vec<i16>, usize) {
        let mut sender = Sender::new(settings, 20, 1).unwrap();
        let mut transmit = TransmitQueue::default();
        let mut decoder = Decoder::new(SAMPLE_RATE_HZ, Channels::Mono).unwrap();
        let (mut heard, mut packets) = (Vec::new(), 0);
        sender.start(1, 96, 0);
        sender.queue.queue(pcm, SAMPLE_RATE_HZ).unwrap();
        sender.queue.finish();
        for frame in 0..frames {
            if frame == 100 {
                sender.queue.queue(pcm, SAMPLE_RATE_HZ).unwrap();
                sender.queue.finish();
            }
            sender.send_frame(&mut transmit);
            let mut block = [0; 960];
            if let Some(datagram) = transmit.pop() {
                let payload = Packet::parse(datagram).unwrap().payload;
                assert_eq!(decoder.decode(payload, &mut block).unwrap(), 960);
                packets += 1;
            }
            heard.extend(block);
        }
        (heard, packets)
    }

    fn tone(samples: usize) -> Vec<i16> {
        let at = |n: usize| (n as f32 * 440.0 * std::f32::consts::TAU / 48_000.0).sin();
        (0..samples).map(|n| (8000.0 * at(n)) as i16).collect()
    }

    fn power(pcm: &[i16]) -> f64 {
        let energy: f64 = pcm.iter().map(|s| f64::from(*s) * f64::from(*s)).sum();
        energy / pcm.len() as f64
    }

    #[test]
    fn audio_after_a_rest_is_as_loud_and_clean_as_before_it() {
        let (heard, packets) = sent(&EncoderSettings::default(), &tone(48_000), 160);
        assert_eq!(packets, 160);
        let (first, second) = (&heard[9600..40_000], &heard[96_000 + 9600..96_000 + 40_000]);
        assert!((power(second) / power(first) - 1.0).abs() < 0.1);
        // Nothing is heard between them once the first has died away.
        assert!(power(&heard[62_000..95_000]) < 1.0);
    }

    #[test]
    fn resting_stream_with_dtx_sends_next_to_nothing() {
        let settings = EncoderSettings {
            dtx: true,
            ..EncoderSettings::default()
        };
        let (_, packets) = sent(&settings, &tone(9600), 90);
        assert!((11..=30).contains(&packets), "{packets}");
    }
}
