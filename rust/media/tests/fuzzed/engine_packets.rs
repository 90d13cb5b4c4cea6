//! Packets of a hostile peer into the engine: an ear gets one sample for each of the clock's,
//! media time never goes back, every counter adds up.

use voicectl_media::engine::{
    Codec, Engine, Event, Preset, RepairFormats, Repairs, Settings, TransportFeedback,
};
use voicectl_media::opus::EncoderSettings;
use voicectl_media::playout::{Sink, Strategy};
use voicectl_media::rtp::{Header, Packet, TwoByteElement};
use voicectl_media::srtp::{Keying, Profile, Session};
use voicectl_media::vad::DetectorKind;

use super::bytes::Bytes;

const START_NS: u64 = 1_000_000_000;
const TICK_NS: u64 = 10_000_000;
/// What comes later in a call would only take longer to find.
const LONGEST_CALL_NS: u64 = 20_000_000_000;
const OPUS: u8 = 111;
const RED: u8 = 63;
const RTX: u8 = 97;
/// Of the header extension with the transport's numbers.
const EXTENSION: u8 = 3;
const KEYS: [u8; 60] = [7; 60];
const PROFILE: Profile = Profile::Aes128CmSha1;

/// Runs what `data` describes: settings, then steps.
///
/// # Panics
/// Where a promise of the engine is broken.
pub fn engine_packets(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let mut call = Call::new(&mut bytes);
    while !bytes.is_empty() && call.now_ns < START_NS + LONGEST_CALL_NS {
        call.step(&mut bytes);
        call.listen();
    }
    call.wait(3_000_000_000);
    call.listen();
    call.check_totals();
}

struct Call {
    engine: Engine,
    /// The far end's, where the call is protected.
    far: Option<Session>,
    now_ns: u64,
    header: Header,
    sink: Sink,
    output_rate_hz: u32,
    heard: Heard,
}

/// What came out so far.
struct Heard {
    samples: u64,
    next_ns: u64,
    skipped_ticks: u64,
    media_time: i64,
}

impl Call {
    fn new(bytes: &mut Bytes<'_>) -> Self {
        let flags = bytes.u8();
        let sink = if flags & 1 == 0 {
            Sink::Playout
        } else {
            Sink::Eager
        };
        let settings = Settings {
            sink,
            strategy: [
                Strategy::Balanced,
                Strategy::Conservative,
                Strategy::Aggressive,
                Strategy::Balanced,
            ][usize::from(flags >> 1 & 3)],
            output_rate_hz: [48_000, 16_000, 8_000, 24_000][usize::from(flags >> 3 & 3)],
            vad: (flags & 0x20 != 0).then(DetectorKind::default),
            adaptation: (flags & 0x40 != 0).then_some(Preset::Broadband),
            encoder: EncoderSettings {
                complexity: 0,
                ..EncoderSettings::default()
            },
            ..Settings::default()
        };
        let mut engine = Engine::new(&settings, START_NS, u64::from(flags)).unwrap();
        engine
            .configure_receive(&[(OPUS, Codec::Opus), (96, Codec::Opus)])
            .unwrap();
        let formats = RepairFormats {
            red: Some(RED),
            rtx: Some(RTX),
        };
        let repairs = Repairs {
            nack: true,
            receive: formats,
            send: formats,
            rtx_ssrc: 10,
            dred: true,
        };
        engine.configure_repairs(&repairs).unwrap();
        let feedback = TransportFeedback {
            extension_id: EXTENSION,
            reduced_size: flags & 1 == 0,
        };
        engine.configure_transport_feedback(Some(feedback)).unwrap();
        if flags & 0x40 != 0 {
            engine.start_sending(9, OPUS, "fuzz").unwrap();
        }
        let far = (flags & 0x80 != 0).then(|| {
            let length = PROFILE.key_bytes() + PROFILE.salt_bytes();
            let keying = || Keying::new(PROFILE, &KEYS[..length]).unwrap();
            engine
                .set_srtp_keys(PROFILE, &KEYS[..length], &KEYS[..length])
                .unwrap();
            Session::new(PROFILE, keying(), keying()).unwrap()
        });
        Self {
            engine,
            far,
            now_ns: START_NS,
            header: Header {
                marker: false,
                payload_type: OPUS,
                sequence_number: 65_530,
                timestamp: u32::MAX - 2_000,
                ssrc: 1,
            },
            sink,
            output_rate_hz: settings.output_rate_hz,
            heard: Heard {
                samples: 0,
                next_ns: START_NS + TICK_NS,
                skipped_ticks: 0,
                media_time: i64::MIN,
            },
        }
    }

    fn step(&mut self, bytes: &mut Bytes<'_>) {
        match bytes.u8() {
            // The stream goes on, as it should or by leaps.
            0..=99 => self.send_next(1, 960, bytes),
            100..=129 => {
                let frames = bytes.u8() % 16;
                self.send_next(u16::from(frames), u32::from(frames) * 960, bytes);
            }
            130..=139 => {
                let (sequence, timestamp) = (bytes.u16(), bytes.u32());
                self.send_next(sequence, timestamp, bytes);
            }
            // Nothing was sent for a while.
            140..=149 => {
                let silence = u32::from(bytes.u8()) * 960;
                self.header.timestamp = self.header.timestamp.wrapping_add(silence);
            }
            150..=159 => self.header.ssrc = u32::from(bytes.u8() % 3),
            160..=164 => {
                self.header.payload_type =
                    [OPUS, 96, 0, 127, RED, RTX][usize::from(bytes.u8() % 6)];
            }
            165..=169 => self.header.marker = !self.header.marker,
            170..=189 => self.wait(bytes.wait_ns()),
            190..=199 => {
                let payload = bytes.payload();
                self.engine.handle_rtp(&payload, self.now_ns);
            }
            205..=209 => self.send_feedback(bytes),
            200..=204 => {
                let payload = bytes.payload();
                self.engine.handle_rtcp(&payload, self.now_ns);
            }
            210..=219 => {
                let payload = bytes.payload();
                self.engine.handle_datagram(&payload, self.now_ns);
            }
            220..=229 => self.send_goodbye(bytes),
            // Time that goes back counts as standing still.
            230..=234 => self
                .engine
                .handle_timeout(self.now_ns.saturating_sub(bytes.wait_ns())),
            235..=239 => self.engine.stop_sending(self.now_ns),
            240..=244 => self.engine.start_sending(9, OPUS, "fuzz").unwrap(),
            245..=249 => self.send_numbered(bytes),
            _ => self.send_again(bytes),
        }
    }

    fn send_next(&mut self, sequence: u16, timestamp: u32, bytes: &mut Bytes<'_>) {
        self.header.sequence_number = self.header.sequence_number.wrapping_add(sequence);
        self.header.timestamp = self.header.timestamp.wrapping_add(timestamp);
        self.send(self.header, &bytes.payload());
        self.wait(bytes.wait_ns());
    }

    /// A frame of before, with another payload.
    fn send_again(&mut self, bytes: &mut Bytes<'_>) {
        let back = bytes.u8();
        let header = Header {
            sequence_number: self.header.sequence_number.wrapping_sub(u16::from(back)),
            timestamp: self.header.timestamp.wrapping_sub(u32::from(back) * 960),
            ..self.header
        };
        self.send(header, &bytes.payload());
    }

    /// A frame with a number of the transport's.
    fn send_numbered(&mut self, bytes: &mut Bytes<'_>) {
        let element = TwoByteElement::new(EXTENSION, bytes.u16());
        let payload = bytes.payload();
        self.header.sequence_number = self.header.sequence_number.wrapping_add(1);
        self.header.timestamp = self.header.timestamp.wrapping_add(960);
        self.send_packet(&Packet {
            extension: Some(element.extension()),
            ..Packet::new(self.header, &payload)
        });
        self.wait(bytes.wait_ns());
    }

    /// A message on packets that may have been sent.
    fn send_feedback(&mut self, bytes: &mut Bytes<'_>) {
        let mut packet = vec![0x8f, 205, 0, 0, 0, 0, 0, 1, 0, 0, 0, 9];
        packet.extend((bytes.u16() % 600).to_be_bytes());
        packet.extend([0, bytes.u8() % 100, 0, 0, bytes.u8(), 0]);
        packet.extend(bytes.take(40));
        packet.resize(packet.len().next_multiple_of(4), 0);
        packet[3] = (packet.len() / 4 - 1) as u8;
        self.engine.handle_rtcp(&packet, self.now_ns);
    }

    fn send(&mut self, header: Header, payload: &[u8]) {
        self.send_packet(&Packet::new(header, payload));
    }

    fn send_packet(&mut self, sent: &Packet<'_>) {
        let mut packet = Vec::new();
        sent.write(&mut packet);
        let mut datagram = Vec::new();
        let far = self.far.as_mut();
        if far.is_some_and(|far| far.protect(&packet, &mut datagram).is_ok()) {
            self.engine.handle_datagram(&datagram, self.now_ns);
        } else {
            self.engine.handle_rtp(&packet, self.now_ns);
        }
    }

    /// A BYE (RFC 3550 §6.6) behind an empty receiver report.
    fn send_goodbye(&mut self, bytes: &mut Bytes<'_>) {
        let ssrc = u32::from(bytes.u8() % 3).to_be_bytes();
        let [a, b, c, d] = ssrc;
        let packet = [
            0x80, 201, 0, 1, a, b, c, d, //
            0x81, 203, 0, 1, a, b, c, d,
        ];
        self.engine.handle_rtcp(&packet, self.now_ns);
    }

    fn wait(&mut self, span_ns: u64) {
        self.now_ns += span_ns;
        self.engine.handle_timeout(self.now_ns);
        assert!(
            self.engine
                .next_timeout()
                .is_none_or(|due| due > self.now_ns)
        );
    }

    fn listen(&mut self) {
        let drops = self.engine.stats().drops;
        assert_eq!(drops.dropped_events, 0, "polled after each step");
        let samples_of_tick = u64::from(self.output_rate_hz / 100);
        while let Some(event) = self.engine.poll_event() {
            match event {
                Event::StreamStarted { .. } | Event::StreamEnded { .. } => {
                    self.heard.media_time = i64::MIN;
                }
                Event::AudioReceived {
                    pcm,
                    at_ns,
                    media_time_samples,
                    concealed,
                } => {
                    let heard = &mut self.heard;
                    let mut end = 0;
                    for range in concealed {
                        assert!(end <= range.start && range.start < range.end);
                        assert!(range.end <= pcm.len());
                        end = range.end;
                    }
                    assert!(
                        media_time_samples >= heard.media_time,
                        "media time {media_time_samples} after {}",
                        heard.media_time
                    );
                    heard.media_time = media_time_samples;
                    heard.samples += pcm.len() as u64;
                    assert!(at_ns <= self.now_ns);
                    if self.sink == Sink::Playout {
                        let skipped = drops.skipped_ticks - heard.skipped_ticks;
                        assert!(
                            at_ns == heard.next_ns || skipped > 0,
                            "a tick at {at_ns}, due at {}",
                            heard.next_ns
                        );
                        heard.skipped_ticks = drops.skipped_ticks;
                        let ticks = pcm.len() as u64 / samples_of_tick;
                        assert_eq!(pcm.len() as u64, ticks * samples_of_tick);
                        heard.next_ns = at_ns + ticks * TICK_NS;
                    } else {
                        heard.media_time += pcm.len() as i64;
                    }
                }
                _ => {}
            }
        }
        while self.engine.poll_transmit().is_some() {}
    }

    /// An ear has heard a block for each tick that was not passed over.
    fn check_totals(&self) {
        let stats = self.engine.stats();
        if self.sink == Sink::Playout {
            let ticks = (self.now_ns - START_NS) / TICK_NS - stats.drops.skipped_ticks;
            let samples = ticks * u64::from(self.output_rate_hz / 100);
            assert_eq!(self.heard.samples, samples);
        }
        let told = stats.transport_feedback.unwrap();
        assert!(told.packets_arrived + told.packets_lost <= told.packets_numbered);
        let counted = stats.playout;
        assert!(counted.silent_concealed_samples <= counted.concealed_samples);
        assert!(counted.concealed_samples <= counted.total_samples_received);
    }
}
