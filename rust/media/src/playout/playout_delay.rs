//! The delay that an ear's frames have, and the one that they should have.
//!
//! A frame is decoded at a tick, its deadline, and played up to a tick later; deadlines can only
//! move by whole ticks, playing by single samples.

use super::arrival_delay::ArrivalDelay;
use super::strategy::Leaning;
use super::target_delay::TargetDelay;

pub(super) const TICK_MS: f32 = 10.0;

/// How far the tape should be ahead when a frame is needed: almost a tick, so that a frame that
/// misses its tick by little costs little.
pub(super) const AHEAD_MS: f32 = 9.0;

/// Less is not worth a cut, not even in a pause.
pub(super) const LEAST_EDIT_MS: f32 = 2.5;

/// From this much too late on, every frame is shortened.
const HURRY_MS: f32 = 60.0;

/// A packet that comes with the tick comes too late.
const MARGIN_MS: f32 = 1.0;

/// Where nothing is lost, an overdue packet is late and the frame before it is worth stretching: this
/// much is left of it when that shows.
const LATE_MARGIN_MS: f32 = 4.0;

/// A wait of so many times the longest that a buffer is meant to cover is over when it is over:
/// another one would not be covered by what is kept of it.
const FORGOTTEN_OUTAGES: f32 = 2.0;

/// What should be done to the tape.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Pace {
    Keep,
    /// So many milliseconds less.
    Shorten(f32),
    /// The same, and it is a lot.
    CatchUp(f32),
    /// So many milliseconds more.
    Lengthen(f32),
}

/// All in milliseconds after the fastest packet.
#[derive(Debug)]
pub(super) struct PlayoutDelay {
    leaning: Leaning,
    target: TargetDelay,
    deadline_ms: f32,
    playout_ms: f32,
    aim_deadline_ms: f32,
    aim_ms: f32,
}

impl PlayoutDelay {
    pub(super) fn new(leaning: Leaning) -> Self {
        Self {
            leaning,
            target: TargetDelay::new(leaning),
            deadline_ms: leaning.start_ms,
            playout_ms: leaning.start_ms,
            aim_deadline_ms: leaning.start_ms,
            aim_ms: leaning.start_ms,
        }
    }

    /// The delay that decoding aims at.
    pub(super) const fn target_ms(&self) -> f32 {
        self.aim_deadline_ms
    }

    /// Whether the first frame of a stream has waited long enough at `at_ns`.
    pub(super) fn may_start(&self, arrivals: &ArrivalDelay, media: i64, at_ns: u64) -> bool {
        relative_ms(arrivals, media, at_ns) >= self.leaning.start_ms
    }

    /// Takes in what has arrived since the last window closed.
    pub(super) fn update(&mut self, arrivals: &ArrivalDelay, at_ns: u64) {
        self.target.update(arrivals, at_ns);
    }

    /// Notes that a lost frame of `frame` samples at `media` could be played from `available_ns` on.
    pub(super) fn note_repair(
        &mut self,
        arrivals: &ArrivalDelay,
        media: i64,
        available_ns: u64,
        frame: i64,
        at_ns: u64,
    ) {
        let repair_ms = relative_ms(arrivals, media, available_ns);
        self.target
            .repairable(repair_ms, frame as f32 / 48.0, at_ns);
    }

    /// Notes that the frame at `media` is due to be decoded at `at_ns`, with `ahead` samples still
    /// to play before it, and chooses the delay to aim at among those that the ticks offer. A
    /// change must be worth an edit. `loses`: the network has lost packets lately.
    pub(super) fn aim(
        &mut self,
        arrivals: &ArrivalDelay,
        media: i64,
        at_ns: u64,
        ahead: usize,
        loses: bool,
    ) {
        let ahead_ms = ahead as f32 / 48.0;
        self.deadline_ms = relative_ms(arrivals, media, at_ns);
        self.playout_ms = self.deadline_ms + ahead_ms;
        let floor_ms = self.floor_ms(arrivals, loses);
        let cheapest_ms = self
            .target
            .cheapest(self.deadline_ms, TICK_MS, AHEAD_MS, floor_ms);
        let gain_ms =
            self.target.cost(self.deadline_ms, ahead_ms) - self.target.cost(cheapest_ms, AHEAD_MS);
        let worthwhile = gain_ms > self.leaning.worthwhile_ms || self.deadline_ms < floor_ms;
        (self.aim_deadline_ms, self.aim_ms) = if worthwhile {
            (cheapest_ms, cheapest_ms + AHEAD_MS)
        } else {
            (self.deadline_ms, self.playout_ms)
        };
    }

    /// What the packets of the last moments would miss, whatever is usual.
    fn floor_ms(&self, arrivals: &ArrivalDelay, loses: bool) -> f32 {
        let margin_ms = if loses { MARGIN_MS } else { LATE_MARGIN_MS };
        let recent_ms = arrivals.recent_slowest_ms(self.leaning.linger_windows());
        let lingering_ms = if recent_ms > FORGOTTEN_OUTAGES * self.leaning.outage_ms {
            0.0
        } else {
            recent_ms.min(self.leaning.outage_ms)
        };
        lingering_ms
            .max(arrivals.latest_slowest_ms())
            .max(arrivals.swelling_to_ms().unwrap_or(0.0))
            + margin_ms
    }

    /// Whether a frame due now has its deadline where it should be, or later.
    pub(super) fn is_due(&self) -> bool {
        self.deadline_ms >= self.aim_deadline_ms - 1.0
    }

    /// What the aim asks for.
    pub(super) fn pace(&self) -> Pace {
        let excess_ms = self.playout_ms - self.aim_ms;
        if excess_ms >= HURRY_MS {
            Pace::CatchUp(excess_ms)
        } else if self.deadline_ms - self.aim_deadline_ms >= 1.0 && excess_ms > -AHEAD_MS / 2.0 {
            Pace::Shorten(excess_ms.max(LEAST_EDIT_MS))
        } else if excess_ms <= -LEAST_EDIT_MS {
            Pace::Lengthen(-excess_ms)
        } else {
            Pace::Keep
        }
    }

    /// By how much the hole before a packet that is due `gap` samples later could be shortened.
    pub(super) fn beyond_aim_ms(
        &self,
        arrivals: &ArrivalDelay,
        media: i64,
        at_ns: u64,
        gap: i64,
    ) -> f32 {
        relative_ms(arrivals, media - gap, at_ns) - self.aim_ms
    }

    /// Notes that the tape was made longer by `samples`, or shorter.
    pub(super) fn edited(&mut self, samples: i64) {
        self.playout_ms += samples as f32 / 48.0;
    }
}

fn relative_ms(arrivals: &ArrivalDelay, media: i64, at_ns: u64) -> f32 {
    arrivals.relative_ns(media, at_ns) as f32 / 1e6
}
