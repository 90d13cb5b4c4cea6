//! One end of one call's audio: packets and `now_ns` in, events and packets to send out.
//!
//! [`Engine`] owns the whole path: RTP and RTCP, the jitter buffer, Opus both ways, resampling,
//! speech detection and the pacing of what is sent. It has no clock, no sockets and no threads.
//! It takes datagrams as they come off the network, once it has the keys of the DTLS handshake
//! ([`Engine::handle_datagram`], [`Engine::poll_datagram`]), or plain RTP and RTCP
//! ([`Engine::handle_rtp`], [`Engine::handle_rtcp`], [`Engine::poll_transmit`]).
//!
//! # Time
//!
//! `now_ns` is any monotonic scale. From the instant of creation a grid of 10 ms ticks counts:
//! tick `n` (from 1 on) is at `created + n * 10 ms`. The sink `playout`, the sent tap and the
//! frames that are sent all lie on it. With the sink `eager` and no tap only frames do, and the
//! ticks are the multiples of 10 ms: engines of one driver then encode in the same wakings, one
//! with the code and tables that another has just brought into the processor's caches.
//!
//! Every call with a time first runs, in order, what was due before that time: a late driver gets
//! the same audio, packets and events as a punctual one. Only RTCP reports are stamped with the
//! time of the call that sends them, or the round trip would hold the driver's lateness. Time that
//! goes back counts as standing still. A driver that is more than five seconds late finds the
//! backlog passed over and counted.
//!
//! # Media time
//!
//! A stream's media time is its RTP clock: 0 is the first sample of the first frame that came out
//! of the jitter buffer, and one second of it is one second of the sender's audio, whatever the
//! network did. Events give it in samples at the output rate. With the sink `eager` sample `i` of
//! an [`Event::AudioReceived`] has media time `media_time_samples + i` exactly: the resampler's
//! delay is taken out, and a gap (silence that was not sent) begins a new event. `at_ns` is then
//! only when the audio came out. A sender that stops without announcing silence ends its speech
//! 300 ms after its next packet was due; no audio is made up for that, so that media time stays
//! exact if it was only late. With the sink `playout` sample `i` is due at
//! `at_ns + i / output_rate`, without gaps or overlaps between events; `media_time_samples` says
//! which part of the stream is heard at the event's first sample. It stands at 0, less the
//! resampler's delay, until the first frame.

mod adaptation;
mod adapting;
mod audio_output;
mod bridging;
pub mod capture;
mod captured;
mod codec;
mod datagrams;
mod event;
mod media_resampler;
mod outgoing_stream;
mod receiver;
mod redundancy;
mod reports;
mod send_queue;
mod sender;
mod sent_packets;
mod sent_tap;
mod settings;
mod source_lock;
mod stats;
mod stream_decoder;
mod stream_encoder;
mod telephone_events;
mod ticks;
mod transmit;
mod transport_feedback;

pub use adaptation::{AdaptationStats, Limit, LossProtection, Plan, Preset};
pub use bridging::{Bridge, BridgedMedia};
pub use codec::Codec;
pub use event::{Event, PendingEvents};
pub use redundancy::{MAX_RED_FRAMES, Redundancy, RepairFormats, Repairs};
pub use send_queue::{ClearedAudio, QUEUE_RATES_HZ};
pub use sender::SendFormats;
pub use settings::{EngineError, Settings};
pub use stats::{
    Drops, InboundStats, OutboundStats, ReceiveErrors, RemoteInboundStats, RemoteOutboundStats,
    Stats,
};
pub use telephone_events::PressedKey;
pub use transport_feedback::{TransportFeedback, TransportFeedbackStats};

use crate::playout::{SAMPLE_RATE_HZ, Sink, TICK_NS};
use crate::resample::UnsupportedRate;
use crate::rtp::SplitMix64;
use crate::rtp::rtcp::Compound;

use adaptation::Adaptation;
use bridging::Inlet;
use capture::Recorder;
use datagrams::Protection;
use event::EventQueue;
use receiver::Receiver;
use reports::Reports;
use sender::Sender;
use sent_tap::SentTap;
use transmit::TransmitQueue;
use transport_feedback::FeedbackLink;

const NS_PER_MS: u64 = 1_000_000;
const NS_PER_S: u64 = 1_000_000_000;
/// D (RFC 4733 §3.2).
const MAX_KEY: u8 = 15;
/// The buffer does not remember more lost packets.
const MAX_WANTED: usize = 128;

/// Samples at `rate_hz` in `span_ns`, rounded to the nearest.
fn ns_to_samples(span_ns: u64, rate_hz: u32) -> u64 {
    let scaled = u128::from(span_ns) * u128::from(rate_hz) + u128::from(NS_PER_S / 2);
    (scaled / u128::from(NS_PER_S)) as u64
}

/// One end of one call's audio.
///
/// After every call, poll [`Engine::poll_datagram`] (or [`Engine::poll_transmit`]) and [`Engine::poll_event`] until they give
/// `None`, and call [`Engine::handle_timeout`] no later than [`Engine::next_timeout`]. All queues
/// are bounded; [`Stats`] counts what they dropped.
pub struct Engine {
    now_ns: u64,
    next_tick_ns: u64,
    skipped_ticks: u64,
    random: SplitMix64,
    receiver: Receiver,
    sender: Sender,
    reports: Reports,
    tap: Option<SentTap>,
    events: EventQueue,
    transmit: TransmitQueue,
    protection: Protection,
    feedback: FeedbackLink,
    /// Whose media is sent, if it is another engine's.
    inlet: Option<Inlet>,
    ticks_always: bool,
    /// Lost packets are asked for and sent again.
    nack: bool,
    /// Where it cannot be measured.
    assumed_round_trip_ns: u64,
    /// Sequence numbers to ask for, while they are collected.
    wanted: Vec<u16>,
    /// A stream to begin as soon as the time is known.
    start: Option<Start>,
    /// When the utterance whose end has been encoded ends on the grid.
    drained_ns: Option<u64>,
    recorder: Option<Box<Recorder>>,
    adaptation: Option<Box<Adaptation>>,
}

/// What [`Engine::start_sending`] or [`Engine::start_reporting`] asked for.
struct Start {
    ssrc: u32,
    /// `None`: there are reports only.
    payload_type: Option<u8>,
    cname: String,
}

impl Engine {
    /// An engine that neither receives (see [`Engine::configure_receive`]) nor sends (see
    /// [`Engine::start_sending`]) yet. Initial sequence number and timestamp and the times of
    /// reports are drawn from `seed`.
    ///
    /// # Errors
    /// A rate, frame length or encoder setting that cannot be.
    pub fn new(settings: &Settings, now_ns: u64, seed: u64) -> Result<Self, EngineError> {
        settings.check()?;
        let mut random = SplitMix64::new(seed);
        let ticks_always = settings.tap_sent || settings.sink == Sink::Playout;
        let next_tick_ns = if ticks_always {
            now_ns + TICK_NS
        } else {
            (now_ns / TICK_NS + 1) * TICK_NS
        };
        let tap = if settings.tap_sent {
            let frame_ns = u64::from(settings.frame_ms) * NS_PER_MS;
            Some(SentTap::new(
                settings.output_rate_hz,
                frame_ns,
                next_tick_ns,
            )?)
        } else {
            None
        };
        let mut engine = Self {
            now_ns,
            next_tick_ns,
            skipped_ticks: 0,
            receiver: Receiver::new(settings, now_ns)?,
            sender: Sender::new(
                &settings.encoder,
                settings.frame_ms,
                settings.red_frames,
                random.next_u64(),
            )?,
            reports: Reports::new(settings.report_interval_ms, settings.wall_clock_offset_ns),
            random,
            tap,
            events: EventQueue::new(settings.output_rate_hz, settings.sink == Sink::Playout),
            transmit: TransmitQueue::default(),
            protection: Protection::default(),
            feedback: FeedbackLink::default(),
            inlet: None,
            ticks_always,
            nack: false,
            assumed_round_trip_ns: match settings.sink {
                // As long does a hole wait for an answer: libwebrtc's guess.
                Sink::Eager => 100 * NS_PER_MS,
                // A short one, or nothing were asked for: a frame is due soon after it is missed.
                Sink::Playout => 5 * NS_PER_MS,
            },
            wanted: Vec::with_capacity(MAX_WANTED),
            start: None,
            drained_ns: None,
            recorder: None,
            adaptation: settings
                .adaptation
                .map(|preset| Box::new(Adaptation::new(preset, now_ns))),
        };
        engine.apply_plan(true);
        Ok(engine)
    }

    /// Says what the payload types received stand for; packets of any other are counted and
    /// dropped.
    ///
    /// # Errors
    /// [`EngineError::PayloadType`] for one that RTP on a port shared with RTCP cannot have; the
    /// ones before stay.
    pub fn configure_receive(&mut self, payload_types: &[(u8, Codec)]) -> Result<(), EngineError> {
        for (payload_type, _) in payload_types {
            check_payload_type(*payload_type)?;
        }
        if let Some(recorder) = &mut self.recorder {
            let pair = |(number, codec): &(u8, Codec)| [*number, codec.number()];
            let pairs: Vec<u8> = payload_types.iter().flat_map(pair).collect();
            recorder.payload_types(&pairs);
        }
        self.receiver.configure(payload_types);
        Ok(())
    }

    /// Says what both session descriptions agree on about repairing loss.
    ///
    /// # Errors
    /// [`EngineError::PayloadType`] for one that RTP on a port shared with RTCP cannot have; nothing
    /// has changed then.
    pub fn configure_repairs(&mut self, repairs: &Repairs) -> Result<(), EngineError> {
        let (receive, send) = (repairs.receive, repairs.send);
        for payload_type in [receive.red, receive.rtx, send.red, send.rtx]
            .into_iter()
            .flatten()
        {
            check_payload_type(payload_type)?;
        }
        self.record(|recorder| recorder.repairs(repairs));
        self.sender.set_repairs(*repairs)?;
        self.receiver.configure_repairs(receive);
        self.nack = repairs.nack;
        self.note_usable();
        Ok(())
    }

    /// Protects what is sent from the next frame on like this. To be called as often as the network
    /// changes; what the peer cannot use has no effect, and [`Stats::redundancy`] leaves it out.
    ///
    /// # Errors
    /// A setting outside its range; the protection is then as it was.
    pub fn set_redundancy(&mut self, redundancy: Redundancy) -> Result<(), EngineError> {
        self.sender.set_redundancy(redundancy)?;
        self.record(|recorder| recorder.redundancy(redundancy));
        Ok(())
    }

    /// Says what is sent: the codec from the next [`Engine::start_sending`] on, by default Opus, and
    /// whether keys can be pressed.
    ///
    /// # Errors
    /// [`EngineError::PayloadType`] for one that RTP on a port shared with RTCP cannot have, and
    /// [`EngineError::NoAudioCodec`]; nothing has changed then.
    pub fn configure_send(&mut self, formats: SendFormats) -> Result<(), EngineError> {
        if let Some(payload_type) = formats.telephone_event {
            check_payload_type(payload_type)?;
        }
        if formats.codec.is_keys() {
            return Err(EngineError::NoAudioCodec);
        }
        self.record(|recorder| recorder.send_formats(formats));
        self.sender.set_formats(formats)?;
        self.note_usable();
        Ok(())
    }

    /// Presses a key of a telephone (RFC 4733) for 40 to 1000 ms, after those that wait. The queued
    /// audio waits meanwhile. False: 64 wait, or the peer takes none.
    ///
    /// # Errors
    /// [`EngineError::Key`] for one that telephones don't have (above 15), and
    /// [`EngineError::KeyDuration`].
    pub fn press_key(
        &mut self,
        code: u8,
        duration_ms: u16,
        attenuation_db: u8,
    ) -> Result<bool, EngineError> {
        if code > MAX_KEY {
            return Err(EngineError::Key(code));
        }
        if !(40..=1000).contains(&duration_ms) {
            return Err(EngineError::KeyDuration(duration_ms));
        }
        let attenuation_db = attenuation_db.min(63);
        self.record(|recorder| recorder.press_key(code, duration_ms, attenuation_db));
        Ok(self.sender.press(code, duration_ms, attenuation_db))
    }

    /// Takes one RTP packet.
    pub fn handle_rtp(&mut self, datagram: &[u8], now_ns: u64) {
        self.record(|recorder| recorder.rtp(datagram, now_ns));
        let now_ns = self.advance(now_ns);
        let tick_ns = self.next_tick_ns - TICK_NS;
        let ssrc = self.source_ssrc();
        self.note_arrival(datagram, now_ns);
        if self.hands_on_packets() {
            self.hand_on(datagram, now_ns);
        } else {
            self.receiver
                .handle_rtp(datagram, now_ns, tick_ns, &mut self.events);
        }
        if let Some(source_ssrc) = self.source_ssrc()
            && ssrc != Some(source_ssrc)
        {
            self.reports.follow_source(source_ssrc);
        }
        self.ask_again(now_ns);
    }

    /// Takes one RTCP compound packet.
    pub fn handle_rtcp(&mut self, datagram: &[u8], now_ns: u64) {
        self.record(|recorder| recorder.rtcp(datagram, now_ns));
        let now_ns = self.advance(now_ns);
        let Ok(compound) = Compound::parse(datagram) else {
            self.receiver.errors.malformed_rtcp_packets += 1;
            return;
        };
        let own_ssrc = self.sender.stream.map(|stream| stream.ssrc);
        let source_ssrc = self.source_ssrc();
        let reports_before = self.reports.received();
        let (receiver, events) = (&mut self.receiver, &mut self.events);
        self.reports
            .handle(&compound, now_ns, own_ssrc, source_ssrc, |ssrc| {
                receiver.handle_goodbye(ssrc, now_ns, events);
            });
        self.note_transport_feedback(&compound);
        self.note_path(reports_before);
        self.send_again(now_ns);
    }

    /// Sends again what the peer has asked for.
    fn send_again(&mut self, now_ns: u64) {
        let round_trip_ns = self.reports.round_trip_ns().unwrap_or(0);
        while let Some(sequence_number) = self.reports.take_asked_again() {
            if self.nack {
                self.sender
                    .send_again(sequence_number, now_ns, round_trip_ns, &mut self.transmit);
            }
        }
    }

    /// Asks for lost packets again, once it is known how long an answer takes.
    fn ask_again(&mut self, now_ns: u64) {
        if !self.nack || self.reports.ssrc().is_none() {
            return;
        }
        // Nobody reports on who sends nothing, so there is nothing to measure it by.
        let is_silent = self.sender.stream.is_none();
        let assumed_ns = is_silent.then_some(self.assumed_round_trip_ns);
        if let Some(round_trip_ns) = self.reports.round_trip_ns().or(assumed_ns) {
            self.receiver.set_round_trip(round_trip_ns);
        }
        self.wanted.clear();
        self.receiver.nack_wanted(now_ns, &mut self.wanted);
        if let Some(source) = self.receiver.source.as_mut()
            && !self.wanted.is_empty()
        {
            source.nacks_sent += 1;
            self.reports
                .ask_again(source.ssrc, &self.wanted, &mut self.transmit);
        }
    }

    /// Runs what is due at `now_ns` and before.
    pub fn handle_timeout(&mut self, now_ns: u64) {
        self.record(|recorder| recorder.timeout(now_ns));
        let now_ns = self.advance(now_ns);
        self.run_due(now_ns);
        self.keep_grid(now_ns + 1);
    }

    /// When [`Engine::handle_timeout`] is to be called, if nothing else is called before.
    #[must_use]
    pub fn next_timeout(&self) -> Option<u64> {
        if self.start.is_some() {
            return Some(self.now_ns);
        }
        self.next_due()
    }

    fn next_due(&self) -> Option<u64> {
        [
            self.next_tick(),
            self.receiver.next_timeout(),
            self.nack_due_ns(),
            self.tell_due_ns(),
            self.report_due_ns(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// The next packet to protect and send, RTP or RTCP (told apart by
    /// [`crate::rtp::is_rtcp`]).
    pub fn poll_transmit(&mut self) -> Option<&[u8]> {
        let packet = self.transmit.pop()?.packet;
        if let Some(recorder) = &mut self.recorder {
            recorder.packet_polled(packet);
        }
        Some(packet)
    }

    /// Whether there are events to poll, and whether they can wait for more audio.
    #[must_use]
    pub fn pending_events(&self) -> PendingEvents {
        self.events.pending()
    }

    /// The next event. Its PCM is borrowed until the next call.
    pub fn poll_event(&mut self) -> Option<Event<'_>> {
        let event = self.events.pop()?;
        if let Some(recorder) = &mut self.recorder {
            recorder.event_polled(&event);
        }
        Some(event)
    }

    /// Queues mono PCM to be sent, and tells how many of the samples there was room for: the
    /// queue holds 60 s.
    ///
    /// # Errors
    /// A rate that is none of [`QUEUE_RATES_HZ`].
    pub fn queue_audio(&mut self, pcm: &[i16], rate_hz: u32) -> Result<usize, UnsupportedRate> {
        let accepted = self.sender.queue.queue(pcm, rate_hz)?;
        self.record(|recorder| recorder.audio(&pcm[..accepted], rate_hz));
        Ok(accepted)
    }

    /// Ends an utterance with what is queued: its last frame is padded with silence, and
    /// [`Event::AudioDrained`] tells when its last sample has gone.
    pub fn finish_audio(&mut self) {
        self.record(Recorder::finish_audio);
        self.sender.queue.finish();
    }

    /// Drops the queued audio and fades out what is being sent, within one frame and 5 ms. An
    /// [`Event::AudioDrained`] that has not been polled is dropped too: one that comes after this is
    /// of audio queued after it.
    pub fn clear_audio(&mut self, now_ns: u64) -> ClearedAudio {
        self.record(|recorder| recorder.clear_audio(now_ns));
        self.advance(now_ns);
        self.drained_ns = None;
        self.events.forget_drained();
        self.sender.queue.clear()
    }

    /// Begins to send at the next call that has a time, which [`Engine::next_timeout`] then asks
    /// for at once: a frame each frame length, silence while nothing is queued, and reports under
    /// `cname`. A stream that was on before ends without a BYE; one that was on under this `ssrc`
    /// goes on: its sequence numbers, its clock and what was counted.
    ///
    /// # Errors
    /// [`EngineError::PayloadType`] for one that RTP on a port shared with RTCP cannot have.
    pub fn start_sending(
        &mut self,
        ssrc: u32,
        payload_type: u8,
        cname: &str,
    ) -> Result<(), EngineError> {
        check_payload_type(payload_type)?;
        self.record(|recorder| recorder.start_sending(ssrc, payload_type, cname));
        self.start = Some(Start {
            ssrc,
            payload_type: Some(payload_type),
            cname: cname.to_owned(),
        });
        Ok(())
    }

    /// Begins to report on what is received, and to ask for what is lost, without sending anything:
    /// for a peer that only sends. At the next call that has a time, as [`Engine::start_sending`],
    /// which may follow. A stream that was on before ends without a BYE.
    pub fn start_reporting(&mut self, ssrc: u32, cname: &str) {
        self.record(|recorder| recorder.start_reporting(ssrc, cname));
        self.start = Some(Start {
            ssrc,
            payload_type: None,
            cname: cname.to_owned(),
        });
    }

    /// Ends the stream, or the reports, with a last report and a BYE. What is queued stays queued.
    pub fn stop_sending(&mut self, now_ns: u64) {
        self.record(|recorder| recorder.stop_sending(now_ns));
        let now_ns = self.advance(now_ns);
        self.drained_ns = None;
        let stream = self.sender.end();
        if self.reports.ssrc().is_some() {
            let source = self.receiver.source.as_mut();
            self.reports
                .stop(now_ns, stream.as_ref(), source, &mut self.transmit);
        }
    }

    /// The counters of this moment.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            inbound: self.receiver.source.as_ref().map(receiver::Source::stats),
            playout: self.receiver.playout_stats(),
            outbound: self.sender.last_stream().map(|stream| OutboundStats {
                nack_count: self.reports.nacks_received,
                ..stream.stats()
            }),
            redundancy: self.sender.redundancy(),
            adaptation: self
                .adaptation
                .as_ref()
                .map(|adaptation| adaptation.stats()),
            transport_feedback: self.transport_feedback_stats(),
            remote_inbound: self.reports.remote_inbound,
            remote_outbound: self.reports.remote_outbound,
            errors: self.receiver.errors,
            drops: Drops {
                skipped_ticks: self.skipped_ticks,
                dropped_events: self.events.dropped,
                dropped_packets: self.transmit.dropped,
                starved_frames: self.sender.frames_starved,
                failed_frames: self.sender.frames_failed,
                unprotected_packets: self.protection.unprotected,
            },
            queued_ns: self.sender.queue.queued_ns(),
        }
    }

    fn source_ssrc(&self) -> Option<u32> {
        self.receiver.source.as_ref().map(|source| source.ssrc)
    }

    fn report_due_ns(&self) -> Option<u64> {
        let due_ns = self.reports.next_timeout()?;
        Some(self.sender.between_frames(due_ns))
    }

    fn nack_due_ns(&self) -> Option<u64> {
        let is_on = self.nack && self.reports.ssrc().is_some();
        is_on.then(|| self.receiver.nack_due_ns()).flatten()
    }
}

fn check_payload_type(payload_type: u8) -> Result<(), EngineError> {
    match payload_type {
        0..=63 | 96..=127 => Ok(()),
        other => Err(EngineError::PayloadType(other)),
    }
}
