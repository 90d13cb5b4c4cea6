//! What an engine tells, and the queue it waits in.

use std::collections::VecDeque;
use std::ops::Range;

use super::bridging::Outlet;

/// Audio that waits to be polled, each way, before more is dropped.
const MAX_AUDIO_S: usize = 10;
const MAX_EVENTS: usize = 4096;

/// What happened in a call. PCM and ranges are borrowed from the queue until the next poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A source was taken: the first one, another one after it, or the same one again after a
    /// backlog was passed over.
    ///
    /// Media time begins at 0 with the first frame that comes out.
    StreamStarted {
        /// The source.
        ssrc: u32,
    },
    /// The source said goodbye, and what it had sent has come out.
    StreamEnded {
        /// The source.
        ssrc: u32,
    },
    /// Audio came out of the jitter buffer.
    AudioReceived {
        /// At the output rate.
        pcm: &'a [i16],
        /// Sink `playout`: when the first sample is due. Sink `eager`: when it came out.
        at_ns: u64,
        /// Media time of the first sample, in samples at the output rate since the stream's
        /// first frame.
        media_time_samples: i64,
        /// Where `pcm` was made up for audio that never came: ranges of its indices.
        concealed: &'a [Range<usize>],
    },
    /// What went into the encoder, or silence while nothing is sent.
    AudioSent {
        /// At the output rate.
        pcm: &'a [i16],
        /// When the first sample would have been spoken: a frame before the tick that sends it.
        at_ns: u64,
    },
    /// Speech began in the received audio.
    SpeechStarted {
        /// Media time in samples at the output rate, dated back to the onset.
        at_samples: i64,
    },
    /// Speech ended in the received audio.
    SpeechEnded {
        /// Media time in samples at the output rate, dated back to the end.
        at_samples: i64,
    },
    /// A finished utterance has gone out to its last sample.
    AudioDrained {
        /// When its last sample ends on the tick grid.
        at_ns: u64,
    },
    /// The peer has pressed a key of a telephone and released it (RFC 4733).
    TelephoneEvent {
        /// As in [`crate::rtp::TelephoneEvent`].
        code: u8,
        /// How long it was down, as far as it was told.
        duration_ns: u64,
        /// Its tone's level below 0 dBm0, in dB.
        attenuation_db: u8,
        /// No packet told its end: others followed, or none for 150 ms.
        end_was_lost: bool,
        /// When its release was known.
        at_ns: u64,
    },
}

/// What [`Engine::poll_event`](super::Engine::poll_event) has to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PendingEvents {
    /// Nothing.
    None,
    /// Audio only: more of it would join the same event.
    Audio,
    /// Something else too.
    Other,
}

#[derive(Debug)]
enum Queued {
    StreamStarted(u32),
    StreamEnded(u32),
    AudioReceived(ReceivedRun),
    AudioSent { pcm: Range<usize>, at_ns: u64 },
    SpeechStarted(i64),
    SpeechEnded(i64),
    AudioDrained(u64),
    TelephoneEvent(Key),
}

/// A key of a telephone.
#[derive(Clone, Copy, Debug)]
struct Key {
    code: u8,
    duration_ns: u64,
    attenuation_db: u8,
    end_was_lost: bool,
    at_ns: u64,
}

/// Received audio without a gap in media time.
#[derive(Debug)]
struct ReceivedRun {
    pcm: Range<usize>,
    at_ns: u64,
    media_time_samples: i64,
    concealed: Range<usize>,
}

/// Events in order, except that audio joins the last audio of its kind when it goes on where
/// that ended: one batch of a stream has one run of PCM, and what speech began in it follows.
///
/// Bounded by 4096 events and 10 s of audio each way; what comes above is dropped and counted.
#[derive(Debug)]
pub(super) struct EventQueue {
    queue: VecDeque<Queued>,
    received: Vec<i16>,
    sent: Vec<i16>,
    concealed: Vec<Range<usize>>,
    output_rate_hz: u32,
    on_grid: bool,
    /// Where received audio goes instead.
    pub(super) outlet: Option<Outlet>,
    pub(super) dropped: u64,
}

impl EventQueue {
    /// `on_grid`: received audio has one sample for each of the clock, so that a gap in time ends
    /// a run too.
    pub(super) fn new(output_rate_hz: u32, on_grid: bool) -> Self {
        Self {
            queue: VecDeque::new(),
            received: Vec::new(),
            sent: Vec::new(),
            concealed: Vec::new(),
            output_rate_hz,
            on_grid,
            outlet: None,
            dropped: 0,
        }
    }

    /// Of the received audio.
    pub(super) fn output_rate_hz(&self) -> u32 {
        self.output_rate_hz
    }

    /// Whether received audio has one sample for each of the clock.
    pub(super) fn is_on_grid(&self) -> bool {
        self.on_grid
    }

    /// Appends `event`; the audio ones are copied.
    pub(super) fn push(&mut self, event: &Event<'_>) {
        if let (Event::AudioReceived { pcm, .. }, Some(outlet)) = (event, &mut self.outlet) {
            let has_room = outlet.push_audio(pcm, self.output_rate_hz);
            self.dropped += u64::from(!has_room);
            return;
        }
        self.reclaim();
        let audio_samples = match event {
            Event::AudioReceived { pcm, .. } => self.received.len() + pcm.len(),
            Event::AudioSent { pcm, .. } => self.sent.len() + pcm.len(),
            _ => 0,
        };
        if self.queue.len() == MAX_EVENTS
            || audio_samples > MAX_AUDIO_S * self.output_rate_hz as usize
        {
            self.dropped += 1;
            return;
        }
        let queued = match *event {
            Event::StreamStarted { ssrc } => Queued::StreamStarted(ssrc),
            Event::StreamEnded { ssrc } => Queued::StreamEnded(ssrc),
            Event::SpeechStarted { at_samples } => Queued::SpeechStarted(at_samples),
            Event::SpeechEnded { at_samples } => Queued::SpeechEnded(at_samples),
            Event::AudioDrained { at_ns } => Queued::AudioDrained(at_ns),
            Event::TelephoneEvent {
                code,
                duration_ns,
                attenuation_db,
                end_was_lost,
                at_ns,
            } => Queued::TelephoneEvent(Key {
                code,
                duration_ns,
                attenuation_db,
                end_was_lost,
                at_ns,
            }),
            Event::AudioReceived {
                pcm,
                at_ns,
                media_time_samples,
                concealed,
            } => return self.push_received(pcm, at_ns, media_time_samples, concealed),
            Event::AudioSent { pcm, at_ns } => return self.push_sent(pcm, at_ns),
        };
        self.queue.push_back(queued);
    }

    fn push_received(
        &mut self,
        pcm: &[i16],
        at_ns: u64,
        media_time_samples: i64,
        concealed: &[Range<usize>],
    ) {
        let begin = self.received.len();
        let (rate_hz, on_grid) = (self.output_rate_hz, self.on_grid);
        let goes_on = last_received_run(&mut self.queue).is_some_and(|run| {
            run.media_time_samples + run.pcm.len() as i64 == media_time_samples
                && (!on_grid || end_ns(run.at_ns, run.pcm.len(), rate_hz) == at_ns)
        });
        if !goes_on {
            self.queue.push_back(Queued::AudioReceived(ReceivedRun {
                pcm: begin..begin,
                at_ns,
                media_time_samples,
                concealed: self.concealed.len()..self.concealed.len(),
            }));
        }
        let Some(run) = last_received_run(&mut self.queue) else {
            return;
        };
        self.received.extend_from_slice(pcm);
        run.pcm.end = self.received.len();
        let offset = begin - run.pcm.start;
        for range in concealed {
            let range = range.start + offset..range.end + offset;
            match self.concealed[run.concealed.start..].last_mut() {
                Some(last) if last.end == range.start => last.end = range.end,
                _ => self.concealed.push(range),
            }
        }
        run.concealed.end = self.concealed.len();
    }

    fn push_sent(&mut self, pcm: &[i16], at_ns: u64) {
        let begin = self.sent.len();
        self.sent.extend_from_slice(pcm);
        let rate_hz = self.output_rate_hz;
        let last = self.queue.iter_mut().rev().find_map(|queued| match queued {
            Queued::AudioSent { pcm, at_ns } => Some((pcm, *at_ns)),
            _ => None,
        });
        match last {
            Some((run, begin_ns)) if end_ns(begin_ns, run.len(), rate_hz) == at_ns => {
                run.end = self.sent.len();
            }
            _ => self.queue.push_back(Queued::AudioSent {
                pcm: begin..self.sent.len(),
                at_ns,
            }),
        }
    }

    pub(super) fn pending(&self) -> PendingEvents {
        let is_audio =
            |queued: &Queued| matches!(queued, Queued::AudioReceived(_) | Queued::AudioSent { .. });
        if self.queue.is_empty() {
            PendingEvents::None
        } else if self.queue.iter().all(is_audio) {
            PendingEvents::Audio
        } else {
            PendingEvents::Other
        }
    }

    /// The oldest event.
    pub(super) fn pop(&mut self) -> Option<Event<'_>> {
        Some(match self.queue.pop_front()? {
            Queued::StreamStarted(ssrc) => Event::StreamStarted { ssrc },
            Queued::StreamEnded(ssrc) => Event::StreamEnded { ssrc },
            Queued::SpeechStarted(at_samples) => Event::SpeechStarted { at_samples },
            Queued::SpeechEnded(at_samples) => Event::SpeechEnded { at_samples },
            Queued::AudioDrained(at_ns) => Event::AudioDrained { at_ns },
            Queued::TelephoneEvent(key) => Event::TelephoneEvent {
                code: key.code,
                duration_ns: key.duration_ns,
                attenuation_db: key.attenuation_db,
                end_was_lost: key.end_was_lost,
                at_ns: key.at_ns,
            },
            Queued::AudioSent { pcm, at_ns } => Event::AudioSent {
                pcm: &self.sent[pcm],
                at_ns,
            },
            Queued::AudioReceived(run) => Event::AudioReceived {
                pcm: &self.received[run.pcm],
                at_ns: run.at_ns,
                media_time_samples: run.media_time_samples,
                concealed: &self.concealed[run.concealed],
            },
        })
    }

    /// Drops what tells of utterances that have gone out: the audio after them was dropped too, and
    /// what is queued from now on would be taken for them.
    pub(super) fn forget_drained(&mut self) {
        self.queue
            .retain(|queued| !matches!(queued, Queued::AudioDrained(_)));
    }

    /// Once everything has been polled, nothing borrows the audio any more.
    fn reclaim(&mut self) {
        if self.queue.is_empty() {
            self.received.clear();
            self.sent.clear();
            self.concealed.clear();
        }
    }
}

/// The last received audio, unless the stream has changed since.
fn last_received_run(queue: &mut VecDeque<Queued>) -> Option<&mut ReceivedRun> {
    queue
        .iter_mut()
        .rev()
        .take_while(|queued| !matches!(queued, Queued::StreamStarted(_) | Queued::StreamEnded(_)))
        .find_map(|queued| match queued {
            Queued::AudioReceived(run) => Some(run),
            _ => None,
        })
}

fn end_ns(begin_ns: u64, samples: usize, rate_hz: u32) -> u64 {
    begin_ns + samples as u64 * 1_000_000_000 / u64::from(rate_hz)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(media_time_samples: i64, concealed: &[Range<usize>]) -> Event<'_> {
        Event::AudioReceived {
            pcm: &[7; 160],
            at_ns: 0,
            media_time_samples,
            concealed,
        }
    }

    #[test]
    fn audio_of_one_batch_is_one_run_and_concealed_ranges_join() {
        let mut queue = EventQueue::new(16_000, false);
        queue.push(&received(0, &[]));
        queue.push(&Event::SpeechStarted { at_samples: 10 });
        queue.push(&received(160, std::slice::from_ref(&(32..160))));
        queue.push(&received(320, std::slice::from_ref(&(0..32))));
        let expected = Event::AudioReceived {
            pcm: &[7; 480],
            at_ns: 0,
            media_time_samples: 0,
            concealed: std::slice::from_ref(&(192..352)),
        };
        assert_eq!(queue.pop(), Some(expected));
        assert_eq!(queue.pop(), Some(Event::SpeechStarted { at_samples: 10 }));
        assert_eq!(queue.pop(), None);
    }

    #[test]
    fn gap_in_media_time_and_new_stream_begin_new_runs() {
        let mut queue = EventQueue::new(16_000, false);
        queue.push(&received(0, &[]));
        queue.push(&received(1600, &[]));
        queue.push(&Event::StreamStarted { ssrc: 2 });
        queue.push(&received(1760, std::slice::from_ref(&(0..1))));
        assert_eq!(queue.pop(), Some(received(0, &[])));
        assert_eq!(queue.pop(), Some(received(1600, &[])));
        assert_eq!(queue.pop(), Some(Event::StreamStarted { ssrc: 2 }));
        let last = received(1760, std::slice::from_ref(&(0..1)));
        assert_eq!(queue.pop(), Some(last));
    }

    #[test]
    fn audio_that_nobody_polls_is_dropped_and_counted() {
        let mut queue = EventQueue::new(16_000, true);
        for tick in 0..1100 {
            queue.push(&Event::AudioSent {
                pcm: &[0; 160],
                at_ns: tick * 10_000_000,
            });
        }
        assert_eq!(queue.dropped, 100);
        assert!(matches!(queue.pop(), Some(Event::AudioSent { pcm, .. }) if pcm.len() == 160_000));
        assert_eq!(queue.pop(), None);
    }
}
