//! A sender that fits the network: bitrate, frame length, complexity and redundancy follow what the
//! peer reports.
//!
//! Delay above the path's least says that a queue grows, and too much loss that it is full: then
//! less is sent. Loss below that is the network's own: then more of what is sent is redundancy.

mod budget;
mod loss_cause;
mod plan;
mod preset;
mod protection;
mod queue_delay;

pub use plan::Plan;
pub use preset::Preset;
pub use protection::LossProtection;

pub(super) use plan::Usable;

use crate::rtp::rtcp::LossPattern;

use super::NS_PER_MS;
use budget::Budget;
use loss_cause::{LossCause, Verdict};
use plan::{OVERHEAD_BYTES, Wanted, wire_bps};
use protection::LossMeter;
use queue_delay::QueueDelay;

/// A peer that reports nothing for so long hears nothing (RFC 8083 §4.1: three intervals).
const SILENT_PEER_NS: u64 = 5_000_000_000;
/// What a receiver said it can take is believed for so long.
const MAXIMUM_HOLDS_NS: u64 = 30_000_000_000;

/// What a peer's report says about the path to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct PathReport {
    /// Of the last interval, in 1/256.
    pub(super) fraction_lost_q8: u8,
    pub(super) round_trip_ns: Option<u64>,
    /// Payload of all that was sent.
    pub(super) sent_bytes: u64,
    pub(super) sent_packets: u64,
}

/// What a sender that fits the network shows of itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdaptationStats {
    /// Where it started.
    pub preset: Preset,
    /// How it sends now.
    pub plan: Plan,
    /// What the path may be given, headers included.
    pub budget_bps: u32,
    /// Smoothed.
    pub loss_percent: f32,
    /// What that is worth.
    pub protection: LossProtection,
    /// How long packets wait on the way, once that is known.
    pub queue_delay_ns: Option<u64>,
    /// What the receiver said it can take (REMB).
    pub maximum_bps: Option<u64>,
    /// How often the plan has changed.
    pub changes: u64,
    /// How often the path was found congested.
    pub congestions: u64,
}

/// The sender's judgement.
pub(super) struct Adaptation {
    preset: Preset,
    usable: Usable,
    loss: LossMeter,
    loss_cause: LossCause,
    queue: QueueDelay,
    budget: Budget,
    plan: Plan,
    changes: u64,
    maximum: Option<(u64, u64)>,
    last_report_ns: u64,
    sent_then: (u64, u64),
}

impl Adaptation {
    pub(super) fn new(preset: Preset, now_ns: u64) -> Self {
        let bounds = preset.bounds();
        let mut adaptation = Self {
            preset,
            usable: Usable::default(),
            loss: LossMeter::new(bounds.least_protection, now_ns),
            loss_cause: LossCause::default(),
            queue: QueueDelay::default(),
            budget: Budget::new(
                wire_bps(bounds.start_bps, bounds.shortest_frame_ms, 0),
                wire_bps(bounds.min_bps, 60, 0),
                wire_bps(bounds.max_bps, bounds.shortest_frame_ms, 0),
            ),
            plan: Plan::default(),
            changes: 0,
            maximum: None,
            last_report_ns: now_ns,
            sent_then: (0, 0),
        };
        adaptation.plan = adaptation.next_plan();
        adaptation
    }

    /// How to send now.
    pub(super) fn plan(&self) -> Plan {
        self.plan
    }

    pub(super) fn stats(&self) -> AdaptationStats {
        AdaptationStats {
            preset: self.preset,
            plan: self.plan,
            budget_bps: self.budget.bps() as u32,
            loss_percent: self.loss.percent(),
            protection: self.loss.protection(),
            queue_delay_ns: self.queue.queue_ns(),
            maximum_bps: self.maximum.map(|(bps, _)| bps),
            changes: self.changes,
            congestions: self.budget.congestions,
        }
    }

    /// Takes note of what the peer can use; true: the plan has changed.
    pub(super) fn set_usable(&mut self, usable: Usable) -> bool {
        self.usable = usable;
        // What RED doubles may be carried too.
        let bounds = self.preset.bounds();
        let red_frames = u8::from(usable.red);
        let (max_bps, frame_ms) = (bounds.max_bps, bounds.shortest_frame_ms);
        self.budget
            .set_ceiling(wire_bps(max_bps, frame_ms, red_frames));
        self.replan()
    }

    /// A stream begins: reports are awaited from now on.
    pub(super) fn begin(&mut self, sent: (u64, u64), now_ns: u64) {
        self.last_report_ns = now_ns;
        self.sent_then = sent;
    }

    /// Takes a report on our stream; true: the plan has changed.
    pub(super) fn note_report(&mut self, report: &PathReport, now_ns: u64) -> bool {
        let sent_bps = self.sent_bps(report, now_ns);
        let loss_percent = f32::from(report.fraction_lost_q8) / 2.56;
        self.loss.note_loss(loss_percent, now_ns);
        if let Some(round_trip_ns) = report.round_trip_ns {
            self.queue.note(round_trip_ns as i64, now_ns);
        }
        let bounds = self.preset.bounds();
        let limit_ns = u64::from(bounds.queue_limit_ms) * NS_PER_MS;
        let queue_ns = self.queue.queue_ns().unwrap_or(0);
        let limit_percent = bounds.congestion_loss_percent;
        let bps = self.budget.bps();
        match self.loss_cause.note(loss_percent, limit_percent, bps) {
            _ if queue_ns > limit_ns => self.budget.congested(sent_bps, now_ns),
            Verdict::Congested => self.budget.congested(sent_bps, now_ns),
            Verdict::NotCongested(before_bps) => self.budget.restore(before_bps),
            Verdict::Fine if queue_ns < limit_ns / 2 => self.budget.uncongested(sent_bps, now_ns),
            Verdict::Fine => {}
        }
        self.replan_at(now_ns)
    }

    /// Takes how the losses of our stream were spread (XR).
    pub(super) fn note_pattern(&mut self, pattern: &LossPattern, now_ns: u64) {
        self.loss.note_pattern(pattern, now_ns);
    }

    /// Takes what the receiver can take (REMB); true: the plan has changed.
    pub(super) fn note_maximum(&mut self, bps: u64, now_ns: u64) -> bool {
        self.maximum = Some((bps, now_ns));
        self.replan_at(now_ns)
    }

    /// Looks at whether the peer still reports; true: the plan has changed.
    pub(super) fn handle_timeout(&mut self, now_ns: u64) -> bool {
        if now_ns.saturating_sub(self.last_report_ns) >= SILENT_PEER_NS {
            self.last_report_ns = now_ns;
            let bps = self.budget.bps();
            self.budget.congested(bps, now_ns);
        }
        self.replan_at(now_ns)
    }

    fn sent_bps(&mut self, report: &PathReport, now_ns: u64) -> f32 {
        let (bytes_then, packets_then) = self.sent_then;
        self.sent_then = (report.sent_bytes, report.sent_packets);
        let bytes = report.sent_bytes.saturating_sub(bytes_then);
        let packets = report.sent_packets.saturating_sub(packets_then);
        let span_ns = now_ns.saturating_sub(self.last_report_ns).max(NS_PER_MS);
        self.last_report_ns = now_ns;
        let bits = 8 * (bytes + packets * u64::from(OVERHEAD_BYTES));
        bits as f32 * 1e9 / span_ns as f32
    }

    fn replan_at(&mut self, now_ns: u64) -> bool {
        if let Some((_, at_ns)) = self.maximum
            && now_ns.saturating_sub(at_ns) >= MAXIMUM_HOLDS_NS
        {
            self.maximum = None;
        }
        self.replan()
    }

    fn replan(&mut self) -> bool {
        let plan = self.next_plan();
        let has_changed = plan != self.plan;
        self.plan = plan;
        self.changes += u64::from(has_changed);
        has_changed
    }

    fn next_plan(&self) -> Plan {
        let maximum_bps = self.maximum.map_or(f32::MAX, |(bps, _)| bps as f32);
        let wanted = Wanted {
            budget_bps: self.budget.bps().min(maximum_bps),
            loss_percent: self.loss.percent(),
            protection: self.loss.protection(),
        };
        self.plan.next(&wanted, &self.preset.bounds(), self.usable)
    }
}
