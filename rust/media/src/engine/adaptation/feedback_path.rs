//! What transport-wide feedback says of the path: each packet's way, soon.

use crate::rtp::rtcp::LossPattern;

use super::super::transport_feedback::Acknowledged;
use super::carried_rate::CarriedRate;
use super::queue_delay::OneWayQueue;

const NS_PER_S: u64 = 1_000_000_000;
/// Losses are looked at so often, as with reports, and over so many packets at least.
const INTERVAL_NS: u64 = NS_PER_S;
const LEAST_PACKETS: u32 = 10;
/// A peer that has sent no message for so long sends none: its reports count again.
const LIVE_NS: u64 = 4 * NS_PER_S;
/// IPv4, UDP and SRTP's tag.
const BELOW_RTP_BYTES: u32 = 20 + 8 + 10;

/// Of one path.
#[derive(Debug, Default)]
pub(super) struct FeedbackPath {
    queue: OneWayQueue,
    carried: CarriedRate,
    last_ns: Option<u64>,
    /// The message before told of a queue.
    had_queue: bool,
    interval_begun_ns: u64,
    /// Of all packets when the interval began.
    pattern_then: LossPattern,
}

impl FeedbackPath {
    /// Takes a packet that came.
    pub(super) fn note_arrival(&mut self, packet: &Acknowledged, now_ns: u64) {
        self.queue.note(packet.sent_ns, packet.arrived_ns, now_ns);
        self.carried
            .note(packet.arrived_ns, u32::from(packet.bytes) + BELOW_RTP_BYTES);
    }

    /// Takes note of a message, and of what was lost since the first packet; gives the losses of
    /// the interval that it ends.
    pub(super) fn note_message(&mut self, total: LossPattern, now_ns: u64) -> Option<LossPattern> {
        if self.last_ns.replace(now_ns).is_none() {
            self.interval_begun_ns = now_ns;
        }
        let then = self.pattern_then;
        let recent = LossPattern {
            packets: total.packets.wrapping_sub(then.packets),
            lost: total.lost.wrapping_sub(then.lost),
            bursts: total.bursts.wrapping_sub(then.bursts),
        };
        let span_ns = now_ns.saturating_sub(self.interval_begun_ns);
        if span_ns < INTERVAL_NS || recent.packets < LEAST_PACKETS {
            return None;
        }
        self.interval_begun_ns = now_ns;
        self.pattern_then = total;
        Some(recent)
    }

    /// Whether messages come.
    pub(super) fn is_live(&self, now_ns: u64) -> bool {
        self.last_ns
            .is_some_and(|last_ns| now_ns.saturating_sub(last_ns) < LIVE_NS)
    }

    /// Whether there is a queue for two messages in a row: after a cut the first one tells only of
    /// packets that waited.
    pub(super) fn is_held(&mut self, has_queue: bool) -> bool {
        std::mem::replace(&mut self.had_queue, has_queue) && has_queue
    }

    pub(super) fn queue_ns(&self) -> Option<u64> {
        self.queue.queue_ns()
    }

    /// In bits per second, headers included.
    pub(super) fn carried_bps(&self) -> Option<f32> {
        self.carried.bps()
    }
}
