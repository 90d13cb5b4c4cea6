//! The outgoing stream: frames of the queue, encoded, as RTP.

mod packets;

pub(super) use packets::{header_bytes, write_header};

use crate::opus::{EncoderSettings, MAX_FRAME_PACKET_BYTES};
use crate::rtp::{Header, SplitMix64, TwoByteElement};

use super::adaptation::{Plan, Usable};
use super::outgoing_stream::{OutgoingStream, Written};
use super::redundancy::{Redundancy, Repairs};
use super::send_queue::{Filled, SendQueue};
use super::sent_packets::SentPackets;
use super::settings::longest_frame_ms;
use super::stream_encoder::StreamEncoder;
use super::telephone_events::{FrameTime, Report, SentEvents};
use super::transmit::TransmitQueue;
use super::transport_feedback::SentNumbers;
use super::{Codec, EngineError, NS_PER_MS, SAMPLE_RATE_HZ, ns_to_samples};

/// Opus packets of up to this size are DTX and need not be sent (RFC 7587 §3.1.3), but for the first
/// of a rest: it tells the far end that nothing is lost.
const MAX_DTX_BYTES: usize = 2;

/// Silence that is encoded before the encoder rests: until then the decoder's echo of what was
/// said dies away.
const ENCODED_SILENCE_NS: u64 = 200 * NS_PER_MS;
/// With DTX a resting stream sends one frame in this time, as libopus does.
const DTX_INTERVAL_NS: u64 = 400 * NS_PER_MS;
/// Frames from this length on are there because the path is narrow.
const LONG_FRAME_NS: u64 = 40 * NS_PER_MS;
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
    /// Audio that a packet may hold at most (`maxptime`, RFC 8866 §6.4); less than 10 ms is 10.
    pub max_frame_ms: Option<u32>,
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
    /// As set or planned, if the peer takes as much.
    frame_ms: u32,
    frame_ns: u64,
    /// How long nothing but silence has been sent.
    silent_ns: u64,
    dtx: bool,
    /// As set; what the peer cannot use is left out of it.
    redundancy: Redundancy,
    repairs: Repairs,
    sent: SentPackets,
    /// Of what goes out, whichever stream it is in.
    pub(super) numbers: SentNumbers,
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
            frame_ms,
            frame_ns: u64::from(frame_ms) * NS_PER_MS,
            silent_ns: 0,
            dtx: settings.dtx,
            redundancy,
            repairs: Repairs::default(),
            sent: SentPackets::default(),
            numbers: SentNumbers::default(),
            ended: Vec::new(),
            rtx_numbers: Vec::new(),
            datagram: Vec::with_capacity(packets::PACKET_CAPACITY),
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
        self.frame_ms = plan.frame_ms;
        self.apply_frame_length();
        self.set_redundancy(plan.redundancy)
    }

    /// What of RED and DRED the peer can use.
    pub(super) fn usable(&self) -> Usable {
        Usable {
            red: self.repairs.send.red.is_some(),
            dred: self.repairs.dred,
            max_bps: self.formats.max_bitrate_bps,
            max_frame_ms: self.formats.max_frame_ms,
            extension_bytes: self
                .numbers
                .next_element()
                .map_or(0, |_| TwoByteElement::BYTES as u32),
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
        self.apply_frame_length();
        self.apply_bitrate()
    }

    /// The longest of the lengths that there are which neither end objects to.
    fn apply_frame_length(&mut self) {
        let most_ms = self.formats.max_frame_ms.unwrap_or(u32::MAX);
        let frame_ms = longest_frame_ms(self.frame_ms.min(most_ms));
        self.frame_ns = u64::from(frame_ms) * NS_PER_MS;
        self.frame
            .resize((SAMPLE_RATE_HZ / 1000 * frame_ms) as usize, 0);
    }

    fn apply_bitrate(&mut self) -> Result<(), EngineError> {
        let max_bps = self.formats.max_bitrate_bps.unwrap_or(u32::MAX);
        let max_bps = max_bps.clamp(LEAST_MAX_BPS, i32::MAX as u32) as i32;
        let bitrate_bps = self.bitrate_bps.min(max_bps);
        Ok(self.encoder.opus.set_bitrate_bps(bitrate_bps)?)
    }

    pub(super) fn frame_ns(&self) -> u64 {
        self.frame_ns
    }

    /// When what is due at `at_ns` beside the audio had best go out. Long frames are for narrow
    /// paths, on which two packets at once are one too many for a short queue: halfway between.
    pub(super) fn between_frames(&self, at_ns: u64) -> u64 {
        let Some(stream) = self.stream.filter(|_| self.frame_ns >= LONG_FRAME_NS) else {
            return at_ns;
        };
        let halfway_ns = stream.next_frame_ns + self.frame_ns / 2;
        let phase_ns = halfway_ns % self.frame_ns;
        let since_ns = (at_ns + self.frame_ns - phase_ns) % self.frame_ns;
        at_ns + (self.frame_ns - since_ns) % self.frame_ns
    }

    /// Of the audio.
    pub(super) fn codec(&self) -> Codec {
        self.formats.codec
    }

    /// Presses a key after those that wait; false: too many do, or the peer takes none.
    pub(super) fn press(&mut self, code: u8, duration_ms: u16, attenuation_db: u8) -> bool {
        self.formats.telephone_event.is_some() && self.keys.press(code, duration_ms, attenuation_db)
    }

    /// The payload type under which the peer takes this, beside what the stream is.
    pub(super) fn payload_type_of(&self, codec: Codec) -> Option<u8> {
        let stream = self.stream.as_ref()?;
        if codec.is_keys() {
            let has_one_clock = codec.clock_rate_hz() == stream.codec.clock_rate_hz();
            return self.formats.telephone_event.filter(|_| has_one_clock);
        }
        Some(stream.payload_type).filter(|_| codec == stream.codec)
    }

    /// Goes on with frames of its own at `at_ns`, their timestamps after `sent`, the last one.
    pub(super) fn resume(&mut self, at_ns: u64, sent: Option<u32>) {
        self.encoder.reset();
        self.silent_ns = ENCODED_SILENCE_NS;
        let Some(stream) = &mut self.stream else {
            return;
        };
        let frame = ns_to_samples(self.frame_ns, stream.codec.clock_rate_hz()) as u32;
        let least_timestamp = sent.map(|sent| sent.wrapping_add(frame));
        stream.resume_at(at_ns, least_timestamp);
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
        let described = (ssrc, codec, payload_type);
        self.stream = Some(OutgoingStream::new(described, first_frame_ns, random));
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
    /// The driver has let it go at `now_ns`.
    pub(super) fn send_frame(
        &mut self,
        now_ns: u64,
        transmit: &mut TransmitQueue,
    ) -> (&[i16], Filled) {
        if let Some((payload_type, report)) = self.next_key_report() {
            return self.send_key(payload_type, report, now_ns, transmit);
        }
        let was_speaking = self.queue.is_speaking();
        let filled = self.queue.fill(&mut self.frame);
        if was_speaking && filled.samples < self.frame.len() && !filled.drained {
            self.frames_starved += 1;
        }
        if filled.samples == 0 && self.silent_ns >= ENCODED_SILENCE_NS {
            self.send_silence(now_ns, transmit);
        } else {
            self.encode_frame(filled.samples > 0, now_ns, transmit);
        }
        if filled.samples == 0 {
            self.silent_ns += self.frame_ns;
        }
        if let Some(stream) = &mut self.stream {
            stream.next_frame_ns += self.frame_ns;
        }
        (&self.frame, filled)
    }

    fn encode_frame(&mut self, is_audio: bool, now_ns: u64, transmit: &mut TransmitQueue) {
        if is_audio {
            if self.silent_ns > ENCODED_SILENCE_NS {
                // The decoder has heard another coder since, and begins anew too.
                self.encoder.reset();
            }
            self.silent_ns = 0;
        }
        match self.encoder.encode(&self.frame, &mut self.packet[..]) {
            Some(bytes) => self.send_packet(bytes, now_ns, transmit),
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
        now_ns: u64,
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
            let element = self.numbers.next_element();
            transmit.push(|datagram| {
                write_header(datagram, header, element);
                datagram.extend_from_slice(&payload);
            });
            let written = Written {
                header_bytes: header_bytes(element),
                payload_bytes: payload.len(),
            };
            self.numbers
                .sent(written.header_bytes + payload.len(), now_ns);
            stream.count_packet(written);
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
    fn send_silence(&mut self, now_ns: u64, transmit: &mut TransmitQueue) {
        let is_due = self.silent_ns % DTX_INTERVAL_NS < self.frame_ns;
        let bytes = if self.dtx && !is_due {
            self.encoder.write_dtx(&mut self.packet[..], self.frame_ns)
        } else {
            self.encoder
                .write_silence(&mut self.packet[..], self.frame_ns)
        };
        self.send_packet(bytes, now_ns, transmit);
    }
}

#[cfg(test)]
mod tests;
