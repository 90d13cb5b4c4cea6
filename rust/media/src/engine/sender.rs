//! The outgoing stream: frames of the queue, encoded, as RTP.

use crate::opus::{EncoderSettings, MAX_FRAME_PACKET_BYTES};
use crate::rtp::{Header, Packet, RedBlock, Retransmission, SplitMix64, write_red};

use super::adaptation::{Plan, Usable};
use super::redundancy::{Redundancy, Repairs};
use super::send_queue::{Filled, SendQueue};
use super::sent_packets::SentPackets;
use super::stats::OutboundStats;
use super::stream_encoder::StreamEncoder;
use super::telephone_events::{FrameTime, Report, SentEvents};
use super::transmit::TransmitQueue;
use super::{Codec, EngineError, NS_PER_MS, SAMPLE_RATE_HZ, ns_to_samples};

/// Opus packets of up to this size are DTX and need not be sent (RFC 7587 §3.1.3), but for the first
/// of a rest: it tells the far end that nothing is lost.
const MAX_DTX_BYTES: usize = 2;

/// Silence that is encoded before the encoder rests: until then the decoder's echo of what was
/// said dies away.
const ENCODED_SILENCE_NS: u64 = 200 * NS_PER_MS;
/// With DTX a resting stream sends one frame in this time, as libopus does.
const DTX_INTERVAL_NS: u64 = 400 * NS_PER_MS;
/// No peer may ask for less (RFC 7587 §6.1).
const LEAST_MAX_BPS: u32 = 6_000;

/// Streams whose numbers are remembered: more than any call has.
const MAX_ENDED_STREAMS: usize = 64;

/// What the peer takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SendFormats {
    /// Of the audio.
    pub codec: Codec,
    /// The payload type of keys (RFC 4733), at the codec's clock rate.
    pub telephone_event: Option<u8>,
    /// Bits per second of Opus that the peer asks for at most (`maxaveragebitrate`, RFC 7587 §6.1).
    pub max_bitrate_bps: Option<u32>,
}

/// Where a stream stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct OutgoingStream {
    pub(super) ssrc: u32,
    pub(super) codec: Codec,
    pub(super) payload_type: u8,
    pub(super) next_sequence_number: u16,
    first_timestamp: u32,
    begun_ns: u64,
    pub(super) next_frame_ns: u64,
    /// Nothing was sent just before the next packet.
    after_silence: bool,
    /// The last packet told that nothing follows for a while.
    rests: bool,
    pub(super) packets_sent: u64,
    pub(super) payload_bytes_sent: u64,
    header_bytes_sent: u64,
    retransmitted_packets: u64,
    retransmitted_bytes: u64,
    /// Where a stream that packets are sent again in begins.
    first_rtx_sequence_number: u16,
}

impl OutgoingStream {
    /// The stream goes on under its SSRC after a pause. SRTP and the receiver remember its numbers, and
    /// its clock has gone on.
    fn resumed(self, codec: Codec, payload_type: u8, first_frame_ns: u64) -> Self {
        Self {
            codec,
            payload_type,
            first_timestamp: self.rtp_timestamp(first_frame_ns),
            begun_ns: first_frame_ns,
            next_frame_ns: first_frame_ns,
            after_silence: true,
            rests: false,
            ..self
        }
    }

    pub(super) fn stats(&self) -> OutboundStats {
        OutboundStats {
            ssrc: self.ssrc,
            packets_sent: self.packets_sent + self.retransmitted_packets,
            bytes_sent: self.payload_bytes_sent + self.retransmitted_bytes,
            header_bytes_sent: self.header_bytes_sent,
            retransmitted_packets_sent: self.retransmitted_packets,
            retransmitted_bytes_sent: self.retransmitted_bytes,
            nack_count: 0,
        }
    }

    /// Takes note of a packet that has been sent.
    pub(super) fn count_packet(&mut self, payload_bytes: usize) {
        self.next_sequence_number = self.next_sequence_number.wrapping_add(1);
        self.packets_sent += 1;
        self.payload_bytes_sent += payload_bytes as u64;
        self.header_bytes_sent += Header::BYTES as u64;
    }

    /// The RTP timestamp of an instant, which need not be that of a frame.
    pub(super) fn rtp_timestamp(&self, at_ns: u64) -> u32 {
        let rate_hz = self.codec.clock_rate_hz();
        let samples = ns_to_samples(at_ns.saturating_sub(self.begun_ns), rate_hz);
        self.first_timestamp.wrapping_add(samples as u32)
    }
}

/// Paces frames on the engine's ticks.
pub(super) struct Sender {
    pub(super) queue: SendQueue,
    pub(super) stream: Option<OutgoingStream>,
    encoder: StreamEncoder,
    formats: SendFormats,
    /// Of Opus, if the peer takes as much.
    bitrate_bps: i32,
    keys: SentEvents,
    random: SplitMix64,
    frame: Vec<i16>,
    frame_ns: u64,
    /// How long nothing but silence has been sent.
    silent_ns: u64,
    dtx: bool,
    /// As set; what the peer cannot use is left out of it.
    redundancy: Redundancy,
    repairs: Repairs,
    sent: SentPackets,
    /// Streams that were on before, the last one at the back.
    ended: Vec<OutgoingStream>,
    /// The next sequence number of each SSRC that packets were sent again in.
    rtx_numbers: Vec<(u32, u16)>,
    datagram: Vec<u8>,
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
        red_frames: u8,
        seed: u64,
    ) -> Result<Self, EngineError> {
        let redundancy = Redundancy {
            inband_fec: settings.inband_fec,
            red_frames,
            dred_duration_ms: settings.dred_duration_ms,
            expected_loss_percent: settings.expected_loss_percent,
        };
        redundancy.check()?;
        let settings = EncoderSettings {
            sample_rate_hz: SAMPLE_RATE_HZ,
            channels: crate::opus::Channels::Mono,
            ..settings.clone()
        };
        let mut sender = Self {
            queue: SendQueue::new(),
            stream: None,
            encoder: StreamEncoder::new(&settings)?,
            formats: SendFormats::default(),
            bitrate_bps: settings.bitrate_bps,
            keys: SentEvents::default(),
            random: SplitMix64::new(seed),
            frame: vec![0; (SAMPLE_RATE_HZ / 1000 * frame_ms) as usize],
            frame_ns: u64::from(frame_ms) * NS_PER_MS,
            silent_ns: 0,
            dtx: settings.dtx,
            redundancy,
            repairs: Repairs::default(),
            sent: SentPackets::default(),
            ended: Vec::new(),
            rtx_numbers: Vec::new(),
            datagram: Vec::with_capacity(MAX_FRAME_PACKET_BYTES),
            packet: Box::new([0; MAX_FRAME_PACKET_BYTES]),
            frames_starved: 0,
            frames_failed: 0,
        };
        sender.apply_redundancy()?;
        Ok(sender)
    }

    /// How the stream is protected, without what the peer cannot use.
    pub(super) fn redundancy(&self) -> Redundancy {
        self.redundancy.usable(&self.repairs)
    }

    /// Protects the frames from the next one on like this. Cheap when nothing changes.
    pub(super) fn set_redundancy(&mut self, redundancy: Redundancy) -> Result<(), EngineError> {
        redundancy.check()?;
        let before = std::mem::replace(&mut self.redundancy, redundancy);
        self.apply_redundancy().inspect_err(|_| {
            self.redundancy = before;
        })
    }

    /// Sends the frames from the next one on like this. Cheap when nothing changes.
    pub(super) fn apply(&mut self, plan: &Plan) -> Result<(), EngineError> {
        self.bitrate_bps = plan.bitrate_bps as i32;
        self.apply_bitrate()?;
        self.encoder.opus.set_complexity(plan.complexity)?;
        self.frame_ns = u64::from(plan.frame_ms) * NS_PER_MS;
        self.frame
            .resize((SAMPLE_RATE_HZ / 1000 * plan.frame_ms) as usize, 0);
        self.set_redundancy(plan.redundancy)
    }

    /// What of RED and DRED the peer can use.
    pub(super) fn usable(&self) -> Usable {
        Usable {
            red: self.repairs.send.red.is_some(),
            dred: self.repairs.dred,
            max_bps: self.formats.max_bitrate_bps,
        }
    }

    /// Takes note of what the peer can use.
    pub(super) fn set_repairs(&mut self, repairs: Repairs) -> Result<(), EngineError> {
        self.repairs = repairs;
        self.apply_redundancy()
    }

    fn apply_redundancy(&mut self) -> Result<(), EngineError> {
        let usable = self.redundancy();
        let encoder = &mut self.encoder.opus;
        encoder.set_expected_loss_percent(usable.expected_loss_percent)?;
        encoder.set_dred_duration_ms(usable.dred_duration_ms)?;
        encoder.set_inband_fec(usable.inband_fec)?;
        Ok(())
    }

    /// Sends these formats: the codec from the next [`Sender::start`] on, keys from the next frame.
    pub(super) fn set_formats(&mut self, formats: SendFormats) -> Result<(), EngineError> {
        self.encoder.set_codec(formats.codec)?;
        self.formats = formats;
        self.apply_bitrate()
    }

    fn apply_bitrate(&mut self) -> Result<(), EngineError> {
        let max_bps = self.formats.max_bitrate_bps.unwrap_or(u32::MAX);
        let max_bps = max_bps.clamp(LEAST_MAX_BPS, i32::MAX as u32) as i32;
        let bitrate_bps = self.bitrate_bps.min(max_bps);
        Ok(self.encoder.opus.set_bitrate_bps(bitrate_bps)?)
    }

    /// Of the audio.
    pub(super) fn codec(&self) -> Codec {
        self.formats.codec
    }

    /// Presses a key after those that wait; false: too many do, or the peer takes none.
    pub(super) fn press(&mut self, code: u8, duration_ms: u16, attenuation_db: u8) -> bool {
        self.formats.telephone_event.is_some() && self.keys.press(code, duration_ms, attenuation_db)
    }

    /// Begins a stream with its first frame at `first_frame_ns`. One that was on under this SSRC goes
    /// on.
    pub(super) fn start(&mut self, ssrc: u32, payload_type: u8, first_frame_ns: u64) {
        let random = self.random.next_u64();
        self.encoder.begin();
        self.keys.begin();
        self.sent.clear();
        self.silent_ns = ENCODED_SILENCE_NS;
        self.end();
        let codec = self.formats.codec;
        if let Some(known) = self.ended.iter().position(|ended| ended.ssrc == ssrc) {
            let stream = self.ended.remove(known);
            self.stream = Some(stream.resumed(codec, payload_type, first_frame_ns));
            return;
        }
        self.stream = Some(OutgoingStream {
            ssrc,
            codec,
            payload_type,
            // Room before the first wrap, which SRTP's rollover counter cannot see if the packets
            // around it are the ones that get lost (RFC 3711 §3.3.1).
            next_sequence_number: (random & 0x7fff) as u16,
            first_timestamp: (random >> 32) as u32,
            begun_ns: first_frame_ns,
            next_frame_ns: first_frame_ns,
            after_silence: true,
            rests: false,
            packets_sent: 0,
            payload_bytes_sent: 0,
            header_bytes_sent: 0,
            retransmitted_packets: 0,
            retransmitted_bytes: 0,
            first_rtx_sequence_number: (random >> 16 & 0x7fff) as u16,
        });
    }

    /// Ends the stream that is on, and gives it.
    pub(super) fn end(&mut self) -> Option<OutgoingStream> {
        let stream = self.stream.take()?;
        if self.ended.len() == MAX_ENDED_STREAMS {
            self.ended.remove(0);
        }
        self.ended.push(stream);
        Some(stream)
    }

    /// The stream that is on, or the one that was on last.
    pub(super) fn last_stream(&self) -> Option<&OutgoingStream> {
        self.stream.as_ref().or(self.ended.last())
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
        if let Some((payload_type, report)) = self.next_key_report() {
            return self.send_key(payload_type, report, transmit);
        }
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
            Some(bytes) => self.send_packet(bytes, transmit),
            None => self.frames_failed += 1,
        }
    }

    /// What is sent of a key in place of the next frame.
    fn next_key_report(&mut self) -> Option<(u8, Report)> {
        let (stream, payload_type) = (self.stream?, self.formats.telephone_event?);
        let rate_hz = stream.codec.clock_rate_hz();
        let frame = FrameTime {
            timestamp: stream.rtp_timestamp(stream.next_frame_ns),
            duration: ns_to_samples(self.frame_ns, rate_hz) as u32,
        };
        Some((payload_type, self.keys.next(frame, rate_hz)?))
    }

    /// Sends a report on a key while the queue waits.
    fn send_key(
        &mut self,
        payload_type: u8,
        report: Report,
        transmit: &mut TransmitQueue,
    ) -> (&[i16], Filled) {
        self.frame.fill(0);
        if let Some(stream) = &mut self.stream {
            let header = Header {
                marker: report.marker,
                payload_type,
                sequence_number: stream.next_sequence_number,
                timestamp: report.timestamp,
                ssrc: stream.ssrc,
            };
            let payload = report.event.to_bytes();
            transmit.push(|datagram| Packet::new(header, &payload).write(datagram));
            stream.count_packet(payload.len());
            stream.after_silence = true;
            stream.rests = false;
            stream.next_frame_ns += self.frame_ns;
        }
        let nothing = Filled {
            samples: 0,
            drained: false,
        };
        (&self.frame, nothing)
    }

    /// Sends silence without the encoder, which takes two thirds of a voice's CPU for it.
    fn send_silence(&mut self, transmit: &mut TransmitQueue) {
        let is_due = self.silent_ns % DTX_INTERVAL_NS < self.frame_ns;
        let bytes = if self.dtx && !is_due {
            self.encoder.write_dtx(&mut self.packet[..], self.frame_ns)
        } else {
            self.encoder
                .write_silence(&mut self.packet[..], self.frame_ns)
        };
        self.send_packet(bytes, transmit);
    }

    fn send_packet(&mut self, bytes: usize, transmit: &mut TransmitQueue) {
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
        write_frame(
            &mut self.datagram,
            header,
            &self.packet[..bytes],
            red,
            self.sent.red_blocks(self.redundancy.red_frames, header),
        );
        transmit.push(|datagram| datagram.extend_from_slice(&self.datagram));
        stream.after_silence = is_dtx;
        stream.count_packet(self.datagram.len() - Header::BYTES);
        if self.repairs.nack || self.repairs.send.red.is_some() {
            self.sent.remember(header, bytes, &self.datagram);
        }
    }

    /// Sends a packet again that was asked for, in a stream of its own where the peer takes one
    /// (RTX, RFC 4588), else as it was. Packets of too long ago are not there any more.
    pub(super) fn send_again(
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
        let payload_bytes = if let Some(payload_type) = self.repairs.send.rtx {
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
            transmit.push(|datagram| {
                Packet::new(header, &[]).write(datagram);
                again.write(datagram);
            });
            again.payload.len()
        } else {
            transmit.push_again(&packet.datagram);
            packet.datagram.len() - Header::BYTES
        };
        stream.retransmitted_packets += 1;
        stream.retransmitted_bytes += payload_bytes as u64;
        stream.header_bytes_sent += Header::BYTES as u64;
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

/// Puts the packet of a frame in place of what `datagram` held: with `earlier` ones beside it where
/// there are any and the peer has a payload type for that, else plain.
fn write_frame<'a>(
    datagram: &mut Vec<u8>,
    header: Header,
    frame: &[u8],
    red_payload_type: Option<u8>,
    earlier: impl Iterator<Item = RedBlock<'a>> + Clone,
) {
    datagram.clear();
    let has_earlier = earlier.clone().next().is_some();
    if let Some(payload_type) = red_payload_type.filter(|_| has_earlier) {
        let red_header = Header {
            payload_type,
            ..header
        };
        Packet::new(red_header, &[]).write(datagram);
        write_red(datagram, earlier, header.payload_type, frame);
    } else {
        Packet::new(header, frame).write(datagram);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opus::{Channels, Decoder};

    /// Everything a sender sends, decoded.
    fn sent(settings: &EncoderSettings, pcm: &[i16], frames: usize) -> (Vec<i16>, usize) {
        let mut sender = Sender::new(settings, 20, 0, 1).unwrap();
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
            if let Some(outgoing) = transmit.pop() {
                let payload = Packet::parse(outgoing.packet).unwrap().payload;
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
