use super::edges::Edges;
use super::{Detector, SAMPLE_RATE_HZ};

/// Concealed audio is no evidence, but a stream that stays away this long has stopped speaking.
const LONGEST_HELD_SAMPLES: i64 = ms_to_samples(200);

/// A break in media time up to this is heard as silence; a longer one begins anew.
const LONGEST_BREAK_SAMPLES: i64 = SAMPLE_RATE_HZ as i64;

const fn ms_to_samples(ms: u32) -> i64 {
    ms as i64 * (SAMPLE_RATE_HZ as i64 / 1000)
}

/// When a row of scores is speech.
///
/// The default starts 75 to 105 ms after the onset (median; recorded and synthetic voices) and is
/// not started by noise at -50 dBFS.
#[derive(Clone, Debug, PartialEq)]
pub struct GateSettings {
    /// A frame from this score on is speech.
    pub start_threshold: f32,
    /// In speech, a frame from this score on still is. At most `start_threshold`.
    pub stop_threshold: f32,
    /// This much speech starts an utterance.
    pub min_speech_ms: u32,
    /// This much of anything else ends it.
    pub hangover_ms: u32,
}

impl Default for GateSettings {
    fn default() -> Self {
        Self {
            start_threshold: 0.55,
            stop_threshold: 0.4,
            min_speech_ms: 32,
            hangover_ms: 200,
        }
    }
}

/// Thresholds out of order or outside 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("stop threshold {stop} and start threshold {start} must lie in order between 0 and 1")]
pub struct InvalidGateSettings {
    /// The threshold to stop.
    pub stop: f32,
    /// The threshold to start.
    pub start: f32,
}

/// Someone began or ceased to speak. `at_samples` is media time at 16 kHz, before the moment at
/// which it was certain; successive events never go back.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SpeechEvent {
    /// Speech began.
    Started {
        /// The first sample of speech.
        at_samples: i64,
    },
    /// Speech ended.
    Ended {
        /// One past the last sample of speech.
        at_samples: i64,
    },
}

#[derive(Clone, Copy, Debug)]
enum State {
    Silence,
    /// Speech, if it lasts: so many samples up to now.
    Onset {
        voiced: i64,
    },
    /// Speech up to `ended_samples`, and so many samples of something else since.
    Speech {
        ended_samples: i64,
        quiet: i64,
    },
}

/// Cuts PCM into a detector's frames and turns their scores into [`SpeechEvent`]s.
pub struct SpeechGate<D> {
    detector: D,
    settings: GateSettings,
    state: State,
    edges: Edges,
    frame: Vec<i16>,
    concealed_in_frame: usize,
    /// Concealed samples in a row, up to the last frame.
    concealed_run: i64,
    /// Media time of what comes next; nothing came yet while `None`.
    next_samples: Option<i64>,
    last_event_samples: i64,
}

impl<D: Detector> SpeechGate<D> {
    /// A gate that has heard nothing yet.
    ///
    /// # Errors
    /// [`InvalidGateSettings`] unless 0 <= stop threshold <= start threshold <= 1.
    pub fn new(detector: D, settings: GateSettings) -> Result<Self, InvalidGateSettings> {
        let (stop, start) = (settings.stop_threshold, settings.start_threshold);
        if !(0.0 <= stop && stop <= start && start <= 1.0) {
            return Err(InvalidGateSettings { stop, start });
        }
        Ok(Self {
            frame: Vec::with_capacity(detector.frame_samples()),
            detector,
            settings,
            state: State::Silence,
            edges: Edges::new(),
            concealed_in_frame: 0,
            concealed_run: 0,
            next_samples: None,
            last_event_samples: i64::MIN,
        })
    }

    /// Hears `pcm` at 16 kHz whose first sample has the media time `first_sample`, and appends
    /// what became certain by it.
    ///
    /// Media that is missing before it counts as silence, up to a second; a longer break, or time
    /// going back, ends speech and begins anew. `concealed` audio was made up by the playout: it
    /// neither starts speech nor, for 200 ms in a row, ends it.
    pub fn process(
        &mut self,
        pcm: &[i16],
        first_sample: i64,
        concealed: bool,
        events: &mut Vec<SpeechEvent>,
    ) {
        let missing = self
            .next_samples
            .map_or(0, |next| first_sample.saturating_sub(next));
        if (1..=LONGEST_BREAK_SAMPLES).contains(&missing) {
            self.hear_silence(missing as usize, events);
        } else if missing != 0 {
            self.reset(events);
        }
        self.next_samples = Some(first_sample);
        self.hear(pcm, concealed, events);
    }

    /// Ends speech where it was last heard, for a sender from which nothing comes any more. What may
    /// come later goes on from there.
    pub fn pause(&mut self, events: &mut Vec<SpeechEvent>) {
        if let State::Speech { ended_samples, .. } = self.state {
            self.end(ended_samples, events);
        }
        self.state = State::Silence;
        self.edges.forget_recent();
    }

    /// Ends speech where it was last heard, for a stream that is over, and begins anew.
    pub fn reset(&mut self, events: &mut Vec<SpeechEvent>) {
        if let State::Speech { ended_samples, .. } = self.state {
            self.end(ended_samples, events);
        }
        self.detector.reset();
        self.state = State::Silence;
        self.edges = Edges::new();
        self.frame.clear();
        self.concealed_in_frame = 0;
        self.concealed_run = 0;
        self.next_samples = None;
        self.last_event_samples = i64::MIN;
    }

    /// Whether speech has started and not ended.
    #[must_use]
    pub fn in_speech(&self) -> bool {
        matches!(self.state, State::Speech { .. })
    }

    fn hear_silence(&mut self, samples: usize, events: &mut Vec<SpeechEvent>) {
        const SILENCE: [i16; 256] = [0; 256];
        let mut rest = samples;
        while rest > 0 {
            let part = rest.min(SILENCE.len());
            self.hear(&SILENCE[..part], false, events);
            rest -= part;
        }
    }

    fn hear(&mut self, pcm: &[i16], concealed: bool, events: &mut Vec<SpeechEvent>) {
        let mut rest = pcm;
        while !rest.is_empty() {
            let wanted = self.detector.frame_samples() - self.frame.len();
            let (part, after) = rest.split_at(wanted.min(rest.len()));
            self.frame.extend_from_slice(part);
            self.next_samples = self.next_samples.map(|next| next + part.len() as i64);
            if concealed {
                self.concealed_in_frame += part.len();
            }
            if part.len() == wanted {
                self.judge(events);
                self.frame.clear();
                self.concealed_in_frame = 0;
            }
            rest = after;
        }
    }

    /// Takes a whole frame, which ends now.
    fn judge(&mut self, events: &mut Vec<SpeechEvent>) {
        let score = self.detector.score(&self.frame);
        let samples = self.frame.len() as i64;
        if 2 * self.concealed_in_frame > self.frame.len() {
            self.concealed_run += samples;
            if self.concealed_run <= LONGEST_HELD_SAMPLES {
                self.edges.forget_recent();
                return;
            }
            self.follow(0.0, events);
        } else {
            self.concealed_run = 0;
            self.follow(score, events);
        }
    }

    fn follow(&mut self, score: f32, events: &mut Vec<SpeechEvent>) {
        let samples = self.frame.len() as i64;
        match self.state {
            State::Silence if score >= self.settings.start_threshold => {
                self.rise(samples, events);
            }
            State::Onset { voiced } if score >= self.settings.start_threshold => {
                self.rise(voiced + samples, events);
            }
            State::Silence | State::Onset { .. } => {
                self.edges.hear_background(&self.frame);
                self.state = State::Silence;
            }
            State::Speech { ended_samples, .. } if score >= self.settings.stop_threshold => {
                self.edges.hear_speech(&self.frame);
                let ended_samples = self
                    .edges
                    .offset_within(self.frame.len())
                    .map_or(ended_samples, |before| self.now() - before as i64);
                self.state = State::Speech {
                    ended_samples,
                    quiet: 0,
                };
            }
            State::Speech {
                ended_samples,
                quiet,
            } => self.fall(ended_samples, quiet + samples, events),
        }
    }

    fn rise(&mut self, voiced: i64, events: &mut Vec<SpeechEvent>) {
        self.edges.hear_speech(&self.frame);
        if voiced < ms_to_samples(self.settings.min_speech_ms) {
            self.state = State::Onset { voiced };
            return;
        }
        let began_samples = self.now() - self.edges.onset_ago(voiced as usize) as i64;
        let at_samples = began_samples.max(self.last_event_samples);
        self.last_event_samples = at_samples;
        events.push(SpeechEvent::Started { at_samples });
        self.state = State::Speech {
            ended_samples: self.now(),
            quiet: 0,
        };
    }

    fn fall(&mut self, ended_samples: i64, quiet: i64, events: &mut Vec<SpeechEvent>) {
        if quiet < ms_to_samples(self.settings.hangover_ms) {
            self.state = State::Speech {
                ended_samples,
                quiet,
            };
            return;
        }
        self.end(ended_samples, events);
        self.state = State::Silence;
        self.edges.forget_recent();
    }

    /// The end of the frame at hand.
    fn now(&self) -> i64 {
        self.next_samples.unwrap_or(0)
    }

    fn end(&mut self, ended_samples: i64, events: &mut Vec<SpeechEvent>) {
        let at_samples = ended_samples.max(self.last_event_samples);
        self.last_event_samples = at_samples;
        events.push(SpeechEvent::Ended { at_samples });
    }
}

#[cfg(test)]
mod tests;
