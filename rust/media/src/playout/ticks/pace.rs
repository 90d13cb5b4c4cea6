//! Playing faster or slower, towards the delay aimed at.

use super::super::inlet::Inlet;
use super::super::playout_delay::{Pace, TICK_MS};
use super::super::time_scale::LONGEST_LAG;
use super::super::{FrameDecoder, TICK_SAMPLES};
use super::{Activity, PlayoutSink};

/// Ticks between two edits of a voice, so that no two fall into one syllable.
const TICKS_BETWEEN_EDITS: u32 = 6;

/// How alike two periods of a voice must be to be taken for one.
const LIKENESS: f32 = 0.9;

/// The same, when the alternative is worse.
const LIKENESS_IN_A_HURRY: f32 = 0.5;

/// Any two pieces of a pause are alike.
const ANY_LIKENESS: f32 = -1.0;

/// More than this is missing only when packets are about to be missed.
const URGENT_MS: f32 = 19.0;

/// So much later than the slowest of the last second and a packet is overdue. With less, each lost
/// packet would be taken for one.
const OVERDUE_MS: f32 = 5.0;

/// The same where nothing is lost.
const LATE_MS: f32 = 2.0;

/// How often a frame is stretched where the one after it can only be late, not lost.
const MOST_STRETCHES: u32 = 2;

/// Less of a frame is not worth to be stretched: 2.5 ms to fade over.
const SHORTEST_REST: usize = 120;

/// Catching up takes so many periods out of one tick at most.
const CUTS_PER_TICK: usize = 3;

impl PlayoutSink {
    pub(super) fn edit<D: FrameDecoder>(&mut self, at_ns: u64, inlet: &mut Inlet, decoder: &mut D) {
        // What waits in silence is not due yet: to draw the silence out as well takes it past its time.
        if self.made_up > 0 || self.ends_made_up() {
            return;
        }
        let most_stretches = if self.loses(at_ns) { 1 } else { MOST_STRETCHES };
        if self.stretches < most_stretches && self.runs_dry(at_ns, inlet) {
            if self.loses(at_ns) {
                // By a single period: the frame may never come.
                self.stretches += 1;
                self.lengthen(2.0 * URGENT_MS, inlet);
            } else {
                self.draw_out(inlet);
            }
            return;
        }
        match self.delay.pace() {
            Pace::Keep => {}
            Pace::Shorten(ms) => {
                self.decode_short_frames(at_ns, inlet, decoder);
                self.shorten(ms, inlet);
            }
            Pace::CatchUp(ms) => self.catch_up(ms, at_ns, inlet, decoder),
            Pace::Lengthen(ms) => self.lengthen(ms, inlet),
        }
    }

    /// Whether the last frame is playing and the next is already later than those of the last
    /// second: then what is left is stretched, once or twice (adaptive media playout; M. Kalman,
    /// E. Steinbach and B. Girod, 2004).
    fn runs_dry(&self, at_ns: u64, inlet: &Inlet) -> bool {
        let Some(cursor) = self.cursor else {
            return false;
        };
        if inlet.store.first().is_some() || self.activity == Activity::Dtx {
            return false;
        }
        let late_ms = inlet.arrivals.relative_ns(cursor.media, at_ns) as f32 / 1e6;
        let slowest_ms = inlet.arrivals.recent_slowest_ms(1);
        let overdue_ms = if self.loses(at_ns) {
            OVERDUE_MS
        } else {
            LATE_MS
        };
        late_ms > slowest_ms + overdue_ms && !self.lasts_until_repair(late_ms - slowest_ms)
    }

    /// Whether the tape lasts until the frame after the missing one, which repeats it or ends the
    /// hole. It is not waited for once it is overdue too: then packets are late, not lost.
    fn lasts_until_repair(&self, overdue_ms: f32) -> bool {
        let due_in_ms = self.frame_samples as f32 / 48.0 - overdue_ms;
        let left_ms = self.tape.len() as f32 / 48.0 - TICK_MS;
        due_in_ms > 0.0 && left_ms >= due_in_ms
    }

    /// A frame of one tick alone has no two periods to compare: those after it, which are there
    /// while the buffer is too deep, are decoded with it.
    fn decode_short_frames<D: FrameDecoder>(
        &mut self,
        at_ns: u64,
        inlet: &mut Inlet,
        decoder: &mut D,
    ) {
        while self.tape.len() < 2 * TICK_SAMPLES
            && let (Some(packet), Some(cursor)) = (inlet.store.first(), self.cursor)
            && packet.place.media <= cursor.media
            && packet.duration_samples as usize <= TICK_SAMPLES
        {
            self.decode_first(at_ns, inlet, decoder);
        }
    }

    /// A voice loses a period that is not much longer than the excess: with more, the deadline
    /// comes a tick too early.
    fn shorten(&mut self, excess_ms: f32, inlet: &mut Inlet) {
        let excess = (excess_ms * 48.0) as usize;
        let removed = if self.activity != Activity::Voice {
            self.time_scale
                .remove(&mut self.tape, excess.min(LONGEST_LAG))
        } else if self.ticks_since_edit >= TICKS_BETWEEN_EDITS {
            self.time_scale
                .accelerate(&mut self.tape, excess + excess / 4, LIKENESS)
        } else {
            return;
        };
        self.note_removed(removed, inlet);
    }

    /// After an outage: up to half of the media is taken out, and of a pause more.
    fn catch_up<D: FrameDecoder>(
        &mut self,
        excess_ms: f32,
        at_ns: u64,
        inlet: &mut Inlet,
        decoder: &mut D,
    ) {
        let mut left_ms = excess_ms;
        for _ in 0..CUTS_PER_TICK {
            while self.tape.len() < 4 * TICK_SAMPLES
                && let (Some(packet), Some(cursor)) = (inlet.store.first(), self.cursor)
                && packet.place.media <= cursor.media
            {
                self.decode_first(at_ns, inlet, decoder);
            }
            let removed = if self.activity == Activity::Voice {
                self.time_scale
                    .accelerate(&mut self.tape, LONGEST_LAG, LIKENESS_IN_A_HURRY)
            } else {
                let most = self.tape.len().saturating_sub(TICK_SAMPLES);
                self.time_scale
                    .remove(&mut self.tape, ((left_ms * 48.0) as usize).min(most))
            };
            self.note_removed(removed, inlet);
            if removed == 0 || self.tape.len() < TICK_SAMPLES {
                break;
            }
            left_ms -= removed as f32 / 48.0;
        }
    }

    fn lengthen(&mut self, missing_ms: f32, inlet: &mut Inlet) {
        let missing = (missing_ms * 48.0) as usize;
        let (most, likeness) = if self.activity != Activity::Voice {
            (missing, ANY_LIKENESS)
        } else if missing_ms > URGENT_MS {
            (LONGEST_LAG, LIKENESS_IN_A_HURRY)
        } else if self.ticks_since_edit >= TICKS_BETWEEN_EDITS {
            (LONGEST_LAG, LIKENESS)
        } else {
            return;
        };
        let inserted = self.time_scale.decelerate(&mut self.tape, most, likeness);
        self.note_inserted(inserted, inlet);
    }

    /// Stretches what does not last for this tick, where the frame after it can only be late. False:
    /// it was stretched enough, or there is too little of it.
    pub(super) fn draws_out_rest(&mut self, at_ns: u64, inlet: &mut Inlet) -> bool {
        if self.stretches >= MOST_STRETCHES
            || self.tape.len() < SHORTEST_REST
            || inlet.is_passing_over
            || self.activity == Activity::Dtx
            || self.ends_made_up()
            || self.loses(at_ns)
        {
            return false;
        }
        let inserted = self.draw_out(inlet);
        self.made_up += inserted;
        inserted > 0
    }

    /// Whether the tape's end is not what was sent: there are no periods of a voice to go by.
    fn ends_made_up(&self) -> bool {
        self.borrowed > 0 || self.seam || self.guess.is_on()
    }

    /// By as much as one cut can: more is missing than that.
    fn draw_out(&mut self, inlet: &mut Inlet) -> usize {
        self.stretches += 1;
        let likeness = if self.activity == Activity::Voice {
            LIKENESS_IN_A_HURRY
        } else {
            ANY_LIKENESS
        };
        let inserted = self.time_scale.draw_out(&mut self.tape, likeness);
        self.note_inserted(inserted, inlet);
        self.drawn_out += inserted;
        inserted
    }

    fn note_inserted(&mut self, samples: usize, inlet: &mut Inlet) {
        self.note_attempt(samples);
        if samples > 0 {
            self.delay.edited(samples as i64);
            inlet.stats.inserted_samples_for_deceleration += samples as u64;
        }
    }

    /// A voice that was not like itself is tried again sooner.
    fn note_attempt(&mut self, samples: usize) {
        self.ticks_since_edit = if samples > 0 {
            0
        } else {
            TICKS_BETWEEN_EDITS / 2
        };
    }

    fn note_removed(&mut self, samples: usize, inlet: &mut Inlet) {
        self.note_attempt(samples);
        if samples > 0 {
            self.delay.edited(-(samples as i64));
            inlet.stats.removed_samples_for_acceleration += samples as u64;
        }
    }
}
