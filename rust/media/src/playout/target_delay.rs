//! Which delay to aim at: the one where delay and late loss together cost least.

use super::arrival_delay::{ArrivalDelay, WINDOW_NS, WINDOWS};
use super::strategy::Leaning;

/// The longest delay that is ever aimed at.
const MAX_TARGET_MS: usize = 1_000;

/// How much less a window weighs than the one after it.
const FORGETTING: f32 = 0.98;

/// What a frame that comes late costs beyond its lateness: half a tick, on average.
const TICK_LOSS_MS: f32 = 5.0;

/// The start delay counts like this many windows, and less the more were measured.
const START_WINDOWS: f32 = 2.0;

const REMEMBERED_REPAIRS: usize = 64;

/// Repairs older than this say nothing about the network of now.
const REPAIR_MEMORY_NS: u64 = 30_000_000_000;

/// A lost frame that a later packet could replace.
#[derive(Clone, Copy, Debug, Default)]
struct Repair {
    at_ns: u64,
    /// How long after the fastest packet the repair came.
    delay_ms: f32,
    frame_ms: f32,
}

/// The cost of each delay in steps of 1 ms, in milliseconds of delay.
#[derive(Debug)]
pub(super) struct TargetDelay {
    leaning: Leaning,
    cost: Vec<f32>,
    slowest_ms: Vec<f32>,
    repairs: [Repair; REMEMBERED_REPAIRS],
    next_repair: usize,
}

impl TargetDelay {
    pub(super) fn new(leaning: Leaning) -> Self {
        let mut target = Self {
            leaning,
            cost: vec![0.0; MAX_TARGET_MS + 2],
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
        self.weigh(now_ns);
    }

    /// The cost of a delay.
    pub(super) fn cost(&self, delay_ms: f32) -> f32 {
        let clamped = delay_ms.clamp(0.0, MAX_TARGET_MS as f32);
        let below = clamped as usize;
        let share = clamped - below as f32;
        self.cost[below] * (1.0 - share) + self.cost[below + 1] * share
    }

    /// The cheapest delay among those that differ from `delay_ms` by whole steps, and are not
    /// below `floor_ms`.
    pub(super) fn cheapest(&self, delay_ms: f32, step_ms: f32, floor_ms: f32) -> f32 {
        let mut candidate = delay_ms.rem_euclid(step_ms);
        if candidate < floor_ms {
            candidate += ((floor_ms - candidate) / step_ms).ceil() * step_ms;
        }
        let mut cheapest = candidate;
        let mut least = self.cost(candidate);
        while candidate + step_ms <= MAX_TARGET_MS as f32 {
            candidate += step_ms;
            let cost = self.cost(candidate);
            if cost < least {
                least = cost;
                cheapest = candidate;
            }
        }
        cheapest
    }

    fn weigh(&mut self, now_ns: u64) {
        // From the longest delay down: `slope` is the weight of the windows that are late at this
        // delay and get later with each millisecond, `level` what they cost at it.
        let surprise_ms = self.surprise_ms();
        let linger_windows = (u64::from(self.leaning.linger_ms) * 1_000_000 / WINDOW_NS) as usize;
        self.cost.fill(0.0);
        let mut total = 0.0;
        let mut weight = 1.0;
        for index in 0..self.slowest_ms.len() {
            let slowest_ms = self.slowest_ms[index];
            let before = &self.slowest_ms[index + 1..];
            let held_ms = before
                .iter()
                .take(linger_windows)
                .copied()
                .fold(0.0, f32::max);
            for (share, beyond) in [(0.6, 0.0), (0.3, 1.0), (0.1, 2.5)] {
                self.add_lateness(weight * share, slowest_ms + beyond * surprise_ms, held_ms);
            }
            total += weight;
            weight *= FORGETTING;
        }
        let start_weight = START_WINDOWS / (1.0 + self.slowest_ms.len() as f32);
        self.add_lateness(start_weight, self.leaning.start_ms, 0.0);
        total += start_weight;
        let window_ms = WINDOW_NS as f32 / 1e6;
        let ms_per_ms = self.leaning.ms_per_concealed_percent * 100.0;
        for cost in &mut self.cost {
            *cost *= ms_per_ms / window_ms / total;
        }
        self.add_repairs(now_ns, ms_per_ms);
        for (delay_ms, cost) in self.cost.iter_mut().enumerate() {
            *cost += delay_ms as f32;
        }
    }

    /// What a packet that comes `late_ms` after the fastest costs, when the buffer still holds
    /// `held_ms` from the spike before it.
    fn add_lateness(&mut self, weight: f32, late_ms: f32, held_ms: f32) {
        let late_ms = late_ms.min(MAX_TARGET_MS as f32);
        for (delay_ms, cost) in self.cost[..late_ms.ceil() as usize].iter_mut().enumerate() {
            let excess_ms = late_ms - held_ms.max(delay_ms as f32);
            if excess_ms > 0.0 {
                *cost += weight * (excess_ms + TICK_LOSS_MS);
            }
        }
    }

    /// What is not repaired in time is concealed.
    fn add_repairs(&mut self, now_ns: u64, ms_per_ms: f32) {
        let memory_ms = REPAIR_MEMORY_NS as f32 / 1e6;
        for repair in &self.repairs {
            if repair.frame_ms <= 0.0 || now_ns.saturating_sub(repair.at_ns) > REPAIR_MEMORY_NS {
                continue;
            }
            let end = repair.delay_ms.clamp(0.0, MAX_TARGET_MS as f32).ceil() as usize;
            for (delay_ms, cost) in self.cost[..end].iter_mut().enumerate() {
                let excess_ms = (repair.delay_ms - delay_ms as f32).clamp(0.0, repair.frame_ms);
                *cost += ms_per_ms * excess_ms / memory_ms;
            }
        }
    }

    /// How far a window's slowest packet may lie beyond those seen: the spread of the usual ones.
    fn surprise_ms(&self) -> f32 {
        let mut steps = 0.0;
        for pair in self.slowest_ms.windows(2) {
            steps += (pair[0] - pair[1]).abs().min(20.0);
        }
        let count = self.slowest_ms.len().max(2) - 1;
        (steps / count as f32).clamp(1.0, 10.0)
    }
}
