//! From the jitter buffer's blocks to what the application hears: its rate, its media time, and
//! where speech is.

use std::collections::VecDeque;
use std::ops::Range;

use crate::playout::{Block, BlockKind, SAMPLE_RATE_HZ, Sink};
use crate::vad::{self, BoxedDetector, DetectorKind, GateSettings, SpeechEvent, SpeechGate};

use super::event::{Event, EventQueue};
use super::media_resampler::MediaResampler;
use super::{EngineError, Settings};

/// A second of blocks that were all concealed apart from each other.
const MAX_CONCEALED_RANGES: usize = 100;

/// Turns blocks into events.
pub(super) struct AudioOutput {
    sink: Sink,
    decoder_rate_hz: u32,
    /// What was decoded, where that was not at 48 kHz.
    decoded: Vec<i16>,
    resampler: MediaResampler,
    speech: Option<Speech>,
    /// The unwrapped RTP timestamp at which media time is 0.
    origin_48k: Option<i64>,
    pcm: Vec<i16>,
    /// Samples at 48 kHz that have gone into the resampler.
    heard_48k: i64,
    /// What of them was concealed and has not come out yet, in samples of the output.
    concealed: VecDeque<Range<i64>>,
    concealed_in_pcm: Vec<Range<usize>>,
}

impl AudioOutput {
    pub(super) fn new(settings: &Settings) -> Result<Self, EngineError> {
        // An ear hears ticks of one length; a machine has its samples where the media has them.
        let trims = settings.sink == Sink::Eager;
        let rate_hz = settings.output_rate_hz;
        let speech = settings
            .vad
            .map(|kind| Speech::new(kind, settings, trims))
            .transpose()?;
        Ok(Self {
            sink: settings.sink,
            decoder_rate_hz: settings.decoder_rate_hz(),
            decoded: Vec::with_capacity(rate_hz as usize / 8),
            resampler: MediaResampler::new(settings.decoder_rate_hz(), rate_hz, trims)?,
            speech,
            origin_48k: None,
            pcm: Vec::with_capacity(rate_hz as usize / 8),
            heard_48k: 0,
            concealed: VecDeque::with_capacity(MAX_CONCEALED_RANGES),
            concealed_in_pcm: Vec::with_capacity(MAX_CONCEALED_RANGES),
        })
    }

    /// Turns a block into events.
    pub(super) fn push(&mut self, block: &Block<'_>, events: &mut EventQueue) {
        if self.origin_48k.is_none() && block.kind != BlockKind::Silence {
            self.origin_48k = Some(block.media_time);
        }
        let media_48k = self.origin_48k.map(|origin| block.media_time - origin);
        let mut at_48k = media_48k.unwrap_or(0);
        let mut thinned = std::mem::take(&mut self.decoded);
        let mut decoded = block.pcm;
        if self.decoder_rate_hz < SAMPLE_RATE_HZ {
            let (first, samples) = block.decimated(
                self.decoder_rate_hz,
                self.origin_48k.unwrap_or(block.media_time),
            );
            thinned.clear();
            thinned.extend(samples);
            at_48k += first as i64;
            decoded = &thinned;
        }
        if self.sink == Sink::Eager && !self.resampler.goes_on_at(at_48k) {
            self.flush(block.at_ns, events);
        }
        let is_concealed = block.concealed_samples > 0;
        let heard_48k = self.heard_48k;
        self.heard_48k += block.pcm.len() as i64;
        let heard = self.resampler.to_output(heard_48k);
        if is_concealed && self.concealed.len() < MAX_CONCEALED_RANGES {
            let end = self.resampler.to_output(self.heard_48k);
            self.concealed.push_back(heard..end);
        }
        self.pcm.clear();
        let first = self.resampler.process(decoded, at_48k, &mut self.pcm);
        let lag = self.resampler.to_output(at_48k) - first;
        self.emit(first, heard - lag, block.at_ns, events);
        if media_48k.is_some()
            && let Some(speech) = &mut self.speech
        {
            let mostly_concealed = 2 * block.concealed_samples > block.pcm.len();
            speech.hear(decoded, at_48k, mostly_concealed, events);
        }
        self.decoded = thinned;
    }

    /// Ends the stream: gives out what the filter holds back and ends speech. The next block
    /// begins media time anew.
    pub(super) fn end_stream(&mut self, at_ns: u64, events: &mut EventQueue) {
        if self.sink == Sink::Eager && self.origin_48k.is_some() {
            self.flush(at_ns, events);
        }
        if let Some(speech) = &mut self.speech {
            speech.end(events);
        }
        self.origin_48k = None;
        self.concealed.clear();
    }

    /// Whether speech has begun and not ended.
    pub(super) fn is_in_speech(&self) -> bool {
        self.speech
            .as_ref()
            .is_some_and(|speech| speech.gate.in_speech())
    }

    /// Ends speech: the sender has stopped, and may go on later.
    pub(super) fn pause(&mut self, events: &mut EventQueue) {
        if let Some(speech) = &mut self.speech {
            speech.gate.pause(&mut speech.events);
            speech.tell(events);
        }
    }

    fn flush(&mut self, at_ns: u64, events: &mut EventQueue) {
        self.pcm.clear();
        let first = self.resampler.flush(&mut self.pcm);
        let heard = self.resampler.to_output(self.heard_48k);
        self.emit(first, heard - self.pcm.len() as i64, at_ns, events);
        self.concealed.clear();
    }

    /// Gives out `pcm`, whose first sample has the media time `first` and stands for the sample
    /// heard at `begin`.
    fn emit(&mut self, first: i64, begin: i64, at_ns: u64, events: &mut EventQueue) {
        if self.pcm.is_empty() {
            return;
        }
        let end = begin + self.pcm.len() as i64;
        self.concealed_in_pcm.clear();
        for range in &self.concealed {
            let (from, to) = (range.start.max(begin), range.end.min(end));
            if from < to {
                self.concealed_in_pcm
                    .push((from - begin) as usize..(to - begin) as usize);
            }
        }
        self.concealed.retain(|range| range.end > end);
        events.push(&Event::AudioReceived {
            pcm: &self.pcm,
            at_ns,
            media_time_samples: first,
            concealed: &self.concealed_in_pcm,
        });
    }
}

/// The detector and its own 16 kHz.
struct Speech {
    gate: SpeechGate<BoxedDetector>,
    resampler: MediaResampler,
    output_rate_hz: u32,
    /// Samples heard, where time-stretching keeps media time from counting them.
    heard_samples: Option<i64>,
    /// Media time less the gate's time, at the last block.
    media_offset: i64,
    pcm: Vec<i16>,
    events: Vec<SpeechEvent>,
}

impl Speech {
    fn new(kind: DetectorKind, settings: &Settings, trims: bool) -> Result<Self, EngineError> {
        Ok(Self {
            gate: SpeechGate::new(kind.detector(), GateSettings::default())?,
            resampler: MediaResampler::new(settings.decoder_rate_hz(), vad::SAMPLE_RATE_HZ, trims)?,
            output_rate_hz: settings.output_rate_hz,
            heard_samples: (settings.sink == Sink::Playout).then_some(0),
            media_offset: 0,
            pcm: Vec::with_capacity(vad::SAMPLE_RATE_HZ as usize / 8),
            events: Vec::with_capacity(16),
        })
    }

    fn hear(&mut self, pcm: &[i16], media_48k: i64, concealed: bool, events: &mut EventQueue) {
        self.pcm.clear();
        let first = self.resampler.process(pcm, media_48k, &mut self.pcm);
        let gate_time = self.heard_samples.unwrap_or(first);
        self.media_offset = first - gate_time;
        if let Some(heard) = &mut self.heard_samples {
            *heard += self.pcm.len() as i64;
        }
        self.gate
            .process(&self.pcm, gate_time, concealed, &mut self.events);
        self.tell(events);
    }

    fn end(&mut self, events: &mut EventQueue) {
        self.gate.reset(&mut self.events);
        self.resampler.reset();
        self.tell(events);
    }

    fn tell(&mut self, events: &mut EventQueue) {
        let rate_hz = i64::from(self.output_rate_hz);
        let offset = self.media_offset;
        let to_output =
            |gate_time: i64| (gate_time + offset) * rate_hz / i64::from(vad::SAMPLE_RATE_HZ);
        for event in self.events.drain(..) {
            events.push(&match event {
                SpeechEvent::Started { at_samples } => Event::SpeechStarted {
                    at_samples: to_output(at_samples),
                },
                SpeechEvent::Ended { at_samples } => Event::SpeechEnded {
                    at_samples: to_output(at_samples),
                },
            });
        }
    }
}
