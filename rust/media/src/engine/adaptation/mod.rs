//! A sender that fits the network: bitrate, frame length, complexity and redundancy follow what the
//! peer reports.
//!
//! Delay above the path's least says that a queue grows, and too much loss that it is full: then
//! less is sent. Loss below that is the network's own: then more of what is sent is redundancy.

mod budget;
mod carried_rate;
mod feedback_path;
mod loss_by_rate;
mod loss_cause;
mod plan;
mod preset;
mod protection;
mod queue_cause;
mod queue_delay;

pub use plan::Plan;
pub use preset::Preset;
pub use protection::LossProtection;

pub(super) use plan::Usable;

use crate::rtp::rtcp::LossPattern;

use super::transport_feedback::Acknowledged;
use super::{NS_PER_MS, NS_PER_S};
use budget::Budget;
use feedback_path::FeedbackPath;
use loss_cause::{LossCause, Verdict};
use plan::{Wanted, wire_bps};
use protection::LossMeter;
use queue_cause::QueueCause;
use queue_delay::RoundTripQueue;

/// A peer that reports nothing for so long hears nothing (RFC 8083 §4.1: three intervals).
const SILENT_PEER_NS: u64 = 5_000_000_000;
/// What a receiver said it can take is believed for so long.
const MAXIMUM_HOLDS_NS: u64 = 30_000_000_000;
/// Reports lag behind what they are about.
const REPORTED_SETTLE_NS: u64 = 3 * NS_PER_S;

/// What was sent of the stream so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SentSoFar {
    pub(super) payload_bytes: u64,
    pub(super) packets: u64,
}

/// What a peer's report says about the path to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct PathReport {
    /// Of the last interval, in 1/256.
    pub(super) fraction_lost_q8: u8,
    pub(super) round_trip_ns: Option<u64>,
    pub(super) sent: SentSoFar,
}

/// Why no more is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Nothing: more is given step by step.
    None,
    /// The preset sends no more.
    Preset,
    /// The peer takes no more: by its session description, or by REMB.
    Peer,
    /// The path was found to queue what is more.
    Queue,
    /// It was found to lose what is more.
    Loss,
    /// The peer reports nothing.
    Silence,
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
    /// Why no more is sent.
    pub limit: Limit,
    /// In the long run: of the last 20 reports or so.
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
    round_trips: RoundTripQueue,
    queue_cause: QueueCause,
    feedback: FeedbackPath,
    budget: Budget,
    plan: Plan,
    changes: u64,
    maximum: Option<(u64, u64)>,
    /// When the peer last said anything about our stream.
    last_heard_ns: u64,
    /// It has been silent for so long that less is sent.
    is_silent: bool,
    /// What had been sent when that was last looked at, and when that was.
    sent_then: (SentSoFar, u64),
}

impl Adaptation {
    pub(super) fn new(preset: Preset, now_ns: u64) -> Self {
        let (bounds, usable) = (preset.bounds(), Usable::default());
        let mut adaptation = Self {
            preset,
            usable,
            loss: LossMeter::new(bounds.least_protection, now_ns),
            loss_cause: LossCause::default(),
            round_trips: RoundTripQueue::default(),
            queue_cause: QueueCause::default(),
            feedback: FeedbackPath::default(),
            budget: Budget::new(
                wire_bps(bounds.start_bps, bounds.shortest_frame_ms, 0, usable),
                wire_bps(bounds.min_bps, 60, 0, usable),
                wire_bps(bounds.max_bps, bounds.shortest_frame_ms, 0, usable),
            ),
            plan: Plan::default(),
            changes: 0,
            maximum: None,
            last_heard_ns: now_ns,
            is_silent: false,
            sent_then: (SentSoFar::default(), now_ns),
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
            limit: self.limit(),
            loss_percent: self.loss.percent(),
            protection: self.loss.protection(),
            queue_delay_ns: self.queue_ns(),
            maximum_bps: self.maximum.map(|(bps, _)| bps),
            changes: self.changes,
            congestions: self.budget.congestions,
        }
    }

    fn limit(&self) -> Limit {
        let bitrate_bps = self.plan.bitrate_bps;
        let maximum_bps = self.maximum.map_or(f32::MAX, |(bps, _)| bps as f32);
        let is_at_most = |bps| bitrate_bps >= bps;
        if self.is_silent {
            Limit::Silence
        } else if self.usable.max_bps.is_some_and(is_at_most) || maximum_bps < self.budget.bps() {
            Limit::Peer
        } else if is_at_most(self.preset.bounds().max_bps) {
            Limit::Preset
        } else {
            match self.budget.too_much_by_loss() {
                Some(true) => Limit::Loss,
                Some(false) => Limit::Queue,
                None => Limit::None,
            }
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
            .set_ceiling(wire_bps(max_bps, frame_ms, red_frames, usable));
        self.replan()
    }

    /// A stream begins: reports are awaited from now on.
    pub(super) fn begin(&mut self, sent: SentSoFar, now_ns: u64) {
        self.last_heard_ns = now_ns;
        self.sent_then = (sent, now_ns);
    }

    /// Takes a report on our stream; true: the plan has changed.
    pub(super) fn note_report(&mut self, report: &PathReport, now_ns: u64) -> bool {
        self.last_heard_ns = now_ns;
        self.is_silent = false;
        if let Some(round_trip_ns) = report.round_trip_ns {
            self.round_trips.note(round_trip_ns, now_ns);
        }
        if !self.feedback.is_live(now_ns) {
            let loss_percent = f32::from(report.fraction_lost_q8) / 2.56;
            let sent_bps = self.sent_bps(report.sent, now_ns);
            self.judge(loss_percent, sent_bps, now_ns);
        }
        self.replan_at(now_ns)
    }

    /// Takes a packet of which transport-wide feedback tells.
    pub(super) fn note_arrival(&mut self, packet: &Acknowledged, now_ns: u64) {
        self.feedback.note_arrival(packet, now_ns);
    }

    /// Takes a message of transport-wide feedback, after its packets: all losses so far are
    /// `total`. True: the plan has changed.
    pub(super) fn note_feedback(
        &mut self,
        total: LossPattern,
        sent: SentSoFar,
        now_ns: u64,
    ) -> bool {
        self.last_heard_ns = now_ns;
        self.is_silent = false;
        let interval = self.feedback.note_message(total, now_ns);
        if let Some(pattern) = interval {
            self.loss.note_pattern(&pattern, now_ns);
            let sent_bps = self.sent_bps(sent, now_ns);
            let loss_percent = 100.0 * pattern.lost as f32 / pattern.packets as f32;
            self.judge(loss_percent, sent_bps, now_ns);
        } else if self.feedback.is_held(self.has_queue(1)) {
            let carried_bps = self.feedback.carried_bps().unwrap_or(self.budget.bps());
            self.answer_queue(carried_bps, now_ns);
        } else {
            return false;
        }
        self.replan_at(now_ns)
    }

    /// How long packets wait: by the packets themselves where the peer tells of each.
    fn queue_ns(&self) -> Option<u64> {
        self.feedback.queue_ns().or(self.round_trips.queue_ns())
    }

    /// Whether that, `times` over, is longer than is put up with.
    fn has_queue(&self, times: u64) -> bool {
        let limit_ns = u64::from(self.preset.bounds().queue_limit_ms) * NS_PER_MS;
        let own_ns = self.queue_cause.own_ns(self.queue_ns().unwrap_or(0));
        times * own_ns > limit_ns
    }

    fn answer_queue(&mut self, carried_bps: f32, now_ns: u64) {
        let queue_ns = self.queue_ns().unwrap_or(0);
        let settle_ns = if self.feedback.is_live(now_ns) {
            // What is left spare empties it.
            (NS_PER_S + 4 * queue_ns.min(NS_PER_S)).min(REPORTED_SETTLE_NS)
        } else {
            REPORTED_SETTLE_NS
        };
        let before_bps = self.budget.bps();
        self.budget.congested(carried_bps, settle_ns, now_ns);
        self.queue_cause.begin(queue_ns, before_bps, now_ns);
    }

    /// Judges the path by an interval's loss and by its queue.
    fn judge(&mut self, loss_percent: f32, sent_bps: f32, now_ns: u64) {
        self.loss.note_loss(loss_percent, now_ns);
        let queue_ns = self.queue_ns().unwrap_or(0);
        if let Some(before_bps) = self.queue_cause.note(queue_ns, loss_percent, now_ns) {
            self.budget.restore(before_bps);
        }
        let limit_percent = self.preset.bounds().congestion_loss_percent;
        let given = (self.budget.bps(), self.budget.floor_bps());
        let verdict = self.loss_cause.note(loss_percent, limit_percent, given);
        if self.has_queue(1) {
            let came_bps = sent_bps * (1.0 - loss_percent / 100.0);
            let carried_bps = self.feedback.carried_bps().unwrap_or(came_bps);
            self.answer_queue(carried_bps, now_ns);
            return;
        }
        match verdict {
            Verdict::Congested(percent) => {
                let carried_bps = sent_bps * (1.0 - percent / 100.0);
                self.budget.lossy(carried_bps, now_ns);
            }
            Verdict::NotCongested(before_bps) => self.budget.restore(before_bps),
            Verdict::OwnLoss => self.budget.forgive_loss(),
            Verdict::Fine | Verdict::Wait => {}
        }
        if matches!(verdict, Verdict::Fine | Verdict::OwnLoss) && !self.has_queue(2) {
            self.budget.uncongested(sent_bps, now_ns);
        }
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
        if now_ns.saturating_sub(self.last_heard_ns) >= SILENT_PEER_NS {
            self.last_heard_ns = now_ns;
            self.is_silent = true;
            let bps = self.budget.bps();
            self.budget.congested(bps, REPORTED_SETTLE_NS, now_ns);
        }
        self.replan_at(now_ns)
    }

    /// On the wire since it was last asked.
    fn sent_bps(&mut self, sent: SentSoFar, now_ns: u64) -> f32 {
        let (then, then_ns) = std::mem::replace(&mut self.sent_then, (sent, now_ns));
        let bytes = sent.payload_bytes.saturating_sub(then.payload_bytes);
        let packets = sent.packets.saturating_sub(then.packets);
        let span_ns = now_ns.saturating_sub(then_ns).max(NS_PER_MS);
        let bits = 8 * (bytes + packets * u64::from(self.usable.overhead_bytes()));
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
