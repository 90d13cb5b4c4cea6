//! A captured call again.

use std::sync::Arc;

use super::super::{BridgedMedia, Engine, EngineError, Event};
use super::damage::Damage;
use super::digest::Digest;
use super::made_by::this_build;
use super::reader::{CaptureReader, Cursor};
use super::record::Record;
use super::settings_text;
use crate::engine::{Codec, Settings};

/// Why a capture cannot be replayed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// Another kind of file.
    #[error("it is no capture of voicectl")]
    NoCapture,
    /// Of a format from another time.
    #[error("it has version {0} of the format, and this voicectl reads version 1")]
    Version(u16),
    /// The chunk that says how the engine was made is damaged.
    #[error("what the call's engine was made from is missing: the file's beginning is damaged")]
    NoBeginning,
    /// A setting of another version.
    #[error("its engine had a setting that this voicectl does not know: {0}")]
    Setting(String),
    /// Settings that an engine refuses.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// How a replay compares with the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The events that were polled are those of the call, to the bit. `None`: the capture has no
    /// end to compare with.
    pub same_events: Option<bool>,
    /// So are the packets that were sent.
    pub same_packets: Option<bool>,
    /// The capture was ended, not cut off.
    pub is_complete: bool,
    /// When the capture reached its bound.
    pub truncated_at_ns: Option<u64>,
    /// The time of the last input.
    pub ended_ns: u64,
    /// Inputs that the engine was given.
    pub inputs: u64,
}

/// Gives an engine what another one was given.
pub struct Replay {
    reader: Arc<CaptureReader>,
    cursor: Cursor,
    engine: Engine,
    settings: Settings,
    made_by: String,
    begun_ns: u64,
    /// What the call handed on to another one: taken as it was, and left.
    bridged: BridgedMedia,
    digest: Digest,
    outcome: Outcome,
}

impl Replay {
    /// Makes the engine of a captured call.
    ///
    /// # Errors
    /// The file is no capture, or its beginning cannot be used.
    pub fn new(file: Vec<u8>) -> Result<Self, CaptureError> {
        let reader = Arc::new(CaptureReader::new(file)?);
        let mut cursor = Cursor::default();
        let Some(Record::Created {
            at_ns,
            seed,
            made_by,
            settings,
        }) = cursor.next(&reader)
        else {
            return Err(CaptureError::NoBeginning);
        };
        let settings = settings_text::read(settings).map_err(CaptureError::Setting)?;
        let made_by = made_by.to_owned();
        Ok(Self {
            engine: Engine::new(&settings, at_ns, seed)?,
            settings,
            made_by,
            begun_ns: at_ns,
            bridged: BridgedMedia::default(),
            digest: Digest::default(),
            outcome: Outcome {
                same_events: None,
                same_packets: None,
                is_complete: false,
                truncated_at_ns: None,
                ended_ns: at_ns,
                inputs: 0,
            },
            cursor,
            reader,
        })
    }

    /// What the engine was made from.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Which build wrote the capture.
    #[must_use]
    pub fn made_by(&self) -> &str {
        &self.made_by
    }

    /// Whether this build wrote it: otherwise samples may differ.
    #[must_use]
    pub fn is_of_this_build(&self) -> bool {
        self.made_by == this_build()
    }

    /// When the engine was made.
    #[must_use]
    pub fn begun_ns(&self) -> u64 {
        self.begun_ns
    }

    /// What of the file could not be used.
    #[must_use]
    pub fn damage(&self) -> &[Damage] {
        self.reader.damage()
    }

    /// The file.
    #[must_use]
    pub fn reader(&self) -> &CaptureReader {
        &self.reader
    }

    /// The engine, for its counters.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// How it compares so far; final once [`Replay::run_until`] has given false.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// Runs the inputs up to the first one at or after `until_ns`, and gives `on_event` what was
    /// polled in the call. False: there are no more.
    pub fn run_until(&mut self, until_ns: u64, mut on_event: impl FnMut(&Event<'_>)) -> bool {
        let reader = Arc::clone(&self.reader);
        while self.outcome.ended_ns < until_ns {
            let Some(record) = self.cursor.next(&reader) else {
                return false;
            };
            match record {
                Record::EventsPolled(count) => self.poll_events(count, &mut on_event),
                Record::PacketsPolled(count) => self.poll_packets(count),
                other => {
                    self.apply(&other);
                    self.engine.take_bridged(&mut self.bridged);
                }
            }
        }
        true
    }

    fn apply(&mut self, record: &Record<'_>) {
        self.outcome.inputs += 1;
        let engine = &mut self.engine;
        match *record {
            Record::Rtp { at_ns, packet } => {
                engine.handle_rtp(packet, at_ns);
                self.outcome.ended_ns = at_ns;
            }
            Record::Rtcp { at_ns, packet } => {
                engine.handle_rtcp(packet, at_ns);
                self.outcome.ended_ns = at_ns;
            }
            Record::Timeout { at_ns } => {
                engine.handle_timeout(at_ns);
                self.outcome.ended_ns = at_ns;
            }
            Record::StopSending { at_ns } => engine.stop_sending(at_ns),
            Record::ClearAudio { at_ns } => {
                engine.clear_audio(at_ns);
            }
            Record::Forwarded { at_ns, packet } => engine.forward(packet, at_ns),
            Record::FinishAudio => engine.finish_audio(),
            Record::StartReporting { ssrc, cname } => engine.start_reporting(ssrc, cname),
            Record::Refused {
                replayed,
                unauthentic,
            } => engine.count_refused(replayed, unauthentic),
            Record::Digest(digest) => {
                self.outcome.same_events = Some(digest.events == self.digest.events);
                self.outcome.same_packets = Some(digest.packets == self.digest.packets);
            }
            Record::Ended => self.outcome.is_complete = true,
            Record::Truncated { at_ns } => self.outcome.truncated_at_ns = Some(at_ns),
            _ => self.command(record),
        }
    }

    /// Commands that the engine can refuse: a recorder writes none that it did.
    fn command(&mut self, record: &Record<'_>) {
        let engine = &mut self.engine;
        match *record {
            Record::PayloadTypes(pairs) => {
                let (pairs, _) = pairs.as_chunks::<2>();
                let known = |[payload_type, codec]: &[u8; 2]| {
                    Some((*payload_type, Codec::from_number(*codec)?))
                };
                let payload_types: Vec<_> = pairs.iter().filter_map(known).collect();
                let _ = engine.configure_receive(&payload_types);
            }
            Record::Repairs(repairs) => {
                let _ = engine.configure_repairs(&repairs);
            }
            Record::Redundancy(redundancy) => {
                let _ = engine.set_redundancy(redundancy);
            }
            Record::TransportFeedback(agreed) => {
                let _ = engine.configure_transport_feedback(agreed);
            }
            Record::StartSending {
                ssrc,
                payload_type,
                cname,
            } => {
                let _ = engine.start_sending(ssrc, payload_type, cname);
            }
            Record::SendFormats(formats) => {
                let _ = engine.configure_send(formats);
            }
            Record::PressKey {
                code,
                duration_ms,
                attenuation_db,
            } => {
                let _ = engine.press_key(code, duration_ms, attenuation_db);
            }
            Record::BridgeOut { at_ns, bridge } => {
                let _ = engine.bridge_out(bridge, at_ns);
            }
            Record::BridgeIn { at_ns, bridge } => {
                let _ = engine.bridge_in(bridge, at_ns);
            }
            Record::Audio { rate_hz, pcm } => {
                let (samples, _) = pcm.as_chunks::<2>();
                let pcm: Vec<i16> = samples.iter().copied().map(i16::from_le_bytes).collect();
                let _ = engine.queue_audio(&pcm, rate_hz);
            }
            _ => {}
        }
    }

    fn poll_events(&mut self, count: u64, on_event: &mut impl FnMut(&Event<'_>)) {
        // Past damage there may be more or fewer of them than there were in the call.
        let count = if self.reader.damage().is_empty() {
            count
        } else {
            u64::MAX
        };
        for _ in 0..count {
            let Some(event) = self.engine.poll_event() else {
                return;
            };
            self.digest.event(&event);
            on_event(&event);
        }
    }

    fn poll_packets(&mut self, count: u64) {
        for _ in 0..count {
            let Some(packet) = self.engine.poll_transmit() else {
                return;
            };
            self.digest.packet(packet);
        }
    }
}
