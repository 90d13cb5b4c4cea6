//! Decoded samples in a row: those played last, then those still to play.

use super::{BlockKind, MAX_PACKET_SAMPLES, TICK_SAMPLES};

/// Played samples that are kept: two periods of the lowest voice.
pub(super) const HISTORY_SAMPLES: usize = 1_920;

/// Samples to play that the tape takes at most: what catching up decodes ahead, and a packet.
const MAX_UNPLAYED_SAMPLES: usize = 2_880 + 2 * MAX_PACKET_SAMPLES;

const CAPACITY: usize = HISTORY_SAMPLES + MAX_UNPLAYED_SAMPLES + 10 * TICK_SAMPLES;

/// What edits may add between two pushes.
const EDIT_SAMPLES: usize = 4 * TICK_SAMPLES;

/// Runs of samples of one kind. A tape holds few; when there are more, the last two are merged.
const MAX_RUNS: usize = 64;

#[derive(Clone, Copy, Debug)]
struct Run {
    kind: BlockKind,
    samples: usize,
}

/// A fixed allocation, moved back to its beginning now and then.
#[derive(Debug)]
pub(super) struct Tape {
    samples: Vec<i16>,
    played: usize,
    runs: Vec<Run>,
}

/// What a tick took off the tape.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Taken {
    pub(super) kind: BlockKind,
    pub(super) concealed: usize,
}

impl Tape {
    pub(super) fn new() -> Self {
        let mut samples = Vec::with_capacity(CAPACITY);
        samples.resize(HISTORY_SAMPLES, 0);
        Self {
            samples,
            played: HISTORY_SAMPLES,
            runs: Vec::with_capacity(MAX_RUNS),
        }
    }

    /// How many samples are still to play.
    pub(super) fn len(&self) -> usize {
        self.samples.len() - self.played
    }

    /// All samples, and where in them those to play begin.
    pub(super) fn with_history(&self) -> (&[i16], usize) {
        (&self.samples, self.played)
    }

    /// The samples to play.
    pub(super) fn unplayed(&self) -> &[i16] {
        &self.samples[self.played..]
    }

    pub(super) fn push(&mut self, pcm: &[i16], kind: BlockKind) {
        if self.samples.len() + pcm.len() + EDIT_SAMPLES > CAPACITY {
            let from = self.played.saturating_sub(HISTORY_SAMPLES);
            self.samples.copy_within(from.., 0);
            self.samples.truncate(self.samples.len() - from);
            self.played -= from;
        }
        self.samples.extend_from_slice(pcm);
        self.note(kind, pcm.len());
    }

    fn note(&mut self, kind: BlockKind, samples: usize) {
        let full = self.runs.len() == MAX_RUNS;
        match self.runs.last_mut() {
            Some(run) if run.kind == kind || full => {
                run.kind = run.kind.max(kind);
                run.samples += samples;
            }
            _ => self.runs.push(Run { kind, samples }),
        }
    }

    /// Fills a tick. The caller has seen to it that there is enough.
    pub(super) fn take(&mut self, tick: &mut [i16; TICK_SAMPLES]) -> Taken {
        let end = (self.played + TICK_SAMPLES).min(self.samples.len());
        let count = end - self.played;
        tick[..count].copy_from_slice(&self.samples[self.played..end]);
        tick[count..].fill(0);
        self.played = end;
        let mut taken = Taken::default();
        let mut left = count;
        while left > 0 {
            let Some(run) = self.runs.first_mut() else {
                break;
            };
            let samples = run.samples.min(left);
            taken.kind = taken.kind.max(run.kind);
            if run.kind == BlockKind::Concealed {
                taken.concealed += samples;
            }
            run.samples -= samples;
            left -= samples;
            if run.samples == 0 {
                self.runs.remove(0);
            }
        }
        taken
    }

    /// Replaces the first `old` samples to play by `new`, which are as trustworthy as the run
    /// they lie in.
    pub(super) fn replace_front(&mut self, old: usize, new: &[i16]) {
        let from = self.played;
        let tail = self.samples.len() - from - old;
        if new.len() > old {
            let grown = new.len() - old;
            // `push` leaves this room.
            self.samples.resize(self.samples.len() + grown, 0);
            self.samples
                .copy_within(from + old..from + old + tail, from + new.len());
            if let Some(run) = self.runs.first_mut() {
                run.samples += grown;
                run.kind = run.kind.max(BlockKind::Stretched);
            }
        } else {
            self.samples
                .copy_within(from + old..from + old + tail, from + new.len());
            self.samples.truncate(from + new.len() + tail);
            self.drop_from_runs(old - new.len());
        }
        self.samples[from..from + new.len()].copy_from_slice(new);
    }

    fn drop_from_runs(&mut self, mut samples: usize) {
        while samples > 0 {
            let Some(run) = self.runs.first_mut() else {
                break;
            };
            let dropped = run.samples.min(samples);
            run.samples -= dropped;
            run.kind = run.kind.max(BlockKind::Stretched);
            samples -= dropped;
            if run.samples == 0 {
                self.runs.remove(0);
            }
        }
    }
}
