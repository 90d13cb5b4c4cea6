//! Which delay to aim at: the one where delay and late loss together cost least.

use super::arrival_delay::{ArrivalDelay, WINDOW_NS, WINDOWS};
use super::strategy::Leaning;

/// The longest delay that is ever aimed at.
const MAX_TARGET_MS: usize = 1_000;

/// How much less a window weighs than the one after it: half after 17 s.
const FORGETTING: f32 = 0.98;

/// Windows are taken to be at least so many, before as many were seen: a spike in the first
/// second of a call does not mean one each second.
const LEAST_WEIGHT: f32 = 30.0;

/// What a frame that misses its tick costs beyond its lateness: the cut, and the others that a
/// window with one such frame tends to have.
const MISS_MS: f32 = 2.0;

/// What a repair that misses its tick costs beyond its lateness: all until the next tick is made
/// up, which is half a tick on average, less what the tape is ahead.
const REPAIR_MISS_MS: f32 = 4.0;

/// The start delay counts like this many windows, and less the more were measured.
const START_WINDOWS: f32 = 2.0;

/// What a millisecond between decoding and playing weighs, beside one before decoding.
const AHEAD_WEIGHT: f32 = 0.25;

/// Late packets in so many windows of the memory are no outage any more, but what the network is
/// like.
const RECURRING_WINDOWS: usize = 8;

/// How far beyond those seen the slowest packet of a window may lie, in spreads, and how likely
/// that is.
const SURPRISES: [(f32, f32); 3] = [(0.6, 0.0), (0.3, 1.0), (0.1, 2.5)];

/// Jitter of so many milliseconds from window to window surprises nobody: its tail is short.
const SHORT_TAILED_MS: f32 = 6.0;

const REMEMBERED_REPAIRS: usize = 64;

/// Repairs older than this say nothing about the network of now.
const REPAIR_MEMORY_NS: u64 = 30_000_000_000;

/// Repairs are taken to be of so much time at least: a loss in the first second of a call does not
/// mean one each second.
const LEAST_REPAIR_NS: u64 = 10_000_000_000;

/// A lost frame that a later packet could replace.
#[derive(Clone, Copy, Debug, Default)]
struct Repair {
    at_ns: u64,
    /// How long after the fastest packet the repair came.
    delay_ms: f32,
    frame_ms: f32,
}

/// Costs by delay in steps of 1 ms, in milliseconds of delay.
#[derive(Debug)]
pub(super) struct TargetDelay {
    leaning: Leaning,
    /// By the delay at which a frame is played.
    lateness: Vec<f32>,
    /// By the delay at which it is decoded.
    misses: Vec<f32>,
    /// Longer delays than this cost nothing but themselves.
    end: usize,
    slowest_ms: Vec<f32>,
    repairs: [Repair; REMEMBERED_REPAIRS],
    next_repair: usize,
}

impl TargetDelay {
    pub(super) fn new(leaning: Leaning) -> Self {
        let mut target = Self {
            leaning,
            lateness: vec![0.0; MAX_TARGET_MS + 2],
            misses: vec![0.0; MAX_TARGET_MS + 2],
            end: 0,
            slowest_ms: Vec::with_capacity(WINDOWS),
            repairs: [Repair::default(); REMEMBERED_REPAIRS],
            next_repair: 0,
        };
        target.weigh(0);
        target
    }

    /// Notes that a lost frame of `frame_ms` could be played from another packet that came this
    /// long after the fastest.
    pub(super) fn repairable(&mut self, delay_ms: f32, frame_ms: f32, now_ns: u64) {
        self.repairs[self.next_repair] = Repair {
            at_ns: now_ns,
            delay_ms,
            frame_ms,
        };
        self.next_repair = (self.next_repair + 1) % REMEMBERED_REPAIRS;
    }

    /// Weighs all delays anew.
    pub(super) fn update(&mut self, arrivals: &ArrivalDelay, now_ns: u64) {
        self.slowest_ms.clear();
        self.slowest_ms.extend(arrivals.slowest_ms());
        self.leave_out_outages();
        self.weigh(now_ns);
    }

    /// What it costs to decode at `deadline_ms` and to play `ahead_ms` later.
    pub(super) fn cost(&self, deadline_ms: f32, ahead_ms: f32) -> f32 {
        at(&self.lateness, deadline_ms + ahead_ms)
            + at(&self.misses, deadline_ms)
            + deadline_ms
            + AHEAD_WEIGHT * ahead_ms
    }

    /// The cheapest deadline among those that differ from `deadline_ms` by whole steps and are not
    /// before `floor_ms`.
    pub(super) fn cheapest(
        &self,
        deadline_ms: f32,
        step_ms: f32,
        ahead_ms: f32,
        floor_ms: f32,
    ) -> f32 {
        let mut candidate = deadline_ms.rem_euclid(step_ms);
        if candidate < floor_ms {
            candidate += ((floor_ms - candidate) / step_ms).ceil() * step_ms;
        }
        let mut cheapest = candidate;
        let mut least = self.cost(candidate, ahead_ms);
        // No later deadline can cost less than its own delay.
        while candidate + step_ms <= least.min(MAX_TARGET_MS as f32) {
            candidate += step_ms;
            let cost = self.cost(candidate, ahead_ms);
            if cost < least {
                least = cost;
                cheapest = candidate;
            }
        }
        cheapest
    }

    /// A rare packet that is later than any buffer should be deep counts as an ordinary one.
    fn leave_out_outages(&mut self) {
        let outage_ms = self.leaning.outage_ms;
        let windows = self.slowest_ms.iter().filter(|&&ms| ms > outage_ms).count();
        if windows == 0 || windows >= RECURRING_WINDOWS {
            return;
        }
        let sum: f32 = self.slowest_ms.iter().filter(|&&ms| ms <= outage_ms).sum();
        let ordinary_ms = sum / (self.slowest_ms.len() - windows).max(1) as f32;
        for slowest_ms in &mut self.slowest_ms {
            if *slowest_ms > outage_ms {
                *slowest_ms = ordinary_ms;
            }
        }
    }

    /// Both costs are first noted as differences from one millisecond to the next.
    fn weigh(&mut self, now_ns: u64) {
        self.lateness[..=self.end].fill(0.0);
        self.misses[..=self.end].fill(0.0);
        self.end = 0;
        let ms_per_ms = self.leaning.ms_per_concealed_percent * 100.0;
        let windows = self.slowest_ms.len();
        let seen_ns = (windows as u64 * WINDOW_NS).clamp(LEAST_REPAIR_NS, REPAIR_MEMORY_NS);
        self.note_repairs(now_ns, ms_per_ms * 1e6 / seen_ns as f32);
        let start_weight = START_WINDOWS / (1 + windows) as f32;
        let measured = (1.0 - FORGETTING.powi(windows as i32)) / (1.0 - FORGETTING);
        let scale =
            ms_per_ms * 1e6 / WINDOW_NS as f32 / (measured + start_weight).max(LEAST_WEIGHT);
        self.note_lateness(scale * start_weight, self.leaning.start_ms, 0.0);
        let surprise_ms = self.surprise_ms();
        let linger_windows = self.leaning.linger_windows();
        let mut weight = scale;
        for index in 0..windows {
            let before = &self.slowest_ms[index + 1..];
            let held = before.iter().take(linger_windows);
            let held_ms = held.copied().fold(0.0, f32::max);
            for (share, surprises) in SURPRISES {
                let late_ms = self.slowest_ms[index] + surprises * surprise_ms;
                self.note_lateness(weight * share, late_ms, held_ms);
            }
            weight *= FORGETTING;
        }
        for delay_ms in 1..=self.end {
            self.lateness[delay_ms] += self.lateness[delay_ms - 1];
            self.misses[delay_ms] += self.misses[delay_ms - 1];
        }
        for delay_ms in (1..=self.end).rev() {
            self.lateness[delay_ms - 1] += self.lateness[delay_ms];
        }
    }

    /// A packet that comes `late_ms` after the fastest, when the buffer still holds `held_ms` from
    /// the spike before it.
    fn note_lateness(&mut self, weight: f32, late_ms: f32, held_ms: f32) {
        let (held, late) = (bin(held_ms), bin(late_ms));
        if late > held {
            self.lateness[held] += weight;
            self.lateness[late] -= weight;
            self.misses[0] += weight * MISS_MS;
            self.misses[late] -= weight * MISS_MS;
            self.end = self.end.max(late);
        }
    }

    /// What is not repaired in time is concealed.
    fn note_repairs(&mut self, now_ns: u64, weight: f32) {
        for repair in &self.repairs {
            let recent = now_ns.saturating_sub(repair.at_ns) <= REPAIR_MEMORY_NS;
            if recent && repair.frame_ms > 0.0 {
                let late = bin(repair.delay_ms);
                self.lateness[bin(repair.delay_ms - repair.frame_ms)] += weight;
                self.lateness[late] -= weight;
                self.misses[0] += weight * REPAIR_MISS_MS;
                self.misses[late] -= weight * REPAIR_MISS_MS;
                self.end = self.end.max(late);
            }
        }
    }

    /// How far a window's slowest packet may lie beyond those seen: the spread of the usual ones.
    fn surprise_ms(&self) -> f32 {
        let steps = self
            .slowest_ms
            .windows(2)
            .map(|pair| (pair[0] - pair[1]).abs().min(20.0));
        let count = self.slowest_ms.len().max(2) - 1;
        (steps.sum::<f32>() / count as f32 - SHORT_TAILED_MS).clamp(1.0, 10.0)
    }
}

fn bin(delay_ms: f32) -> usize {
    (delay_ms.max(0.0).ceil() as usize).min(MAX_TARGET_MS)
}

fn at(costs: &[f32], delay_ms: f32) -> f32 {
    let clamped = delay_ms.clamp(0.0, MAX_TARGET_MS as f32);
    let below = clamped as usize;
    let share = clamped - below as f32;
    costs[below] * (1.0 - share) + costs[below + 1] * share
}
