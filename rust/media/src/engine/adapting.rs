//! What an engine tells the judge of its path, and what it does as it says.

use super::Engine;
use super::adaptation::{PathReport, SentSoFar};
use super::outgoing_stream::OutgoingStream;

impl Engine {
    /// Takes what the last RTCP packet said; `reports_before`: how many on our stream had come.
    pub(super) fn note_path(&mut self, reports_before: u64) {
        let now_ns = self.now_ns;
        let pattern = self.reports.loss_pattern.take();
        let maximum_bps = self.reports.maximum_bps.take();
        let (Some(adaptation), Some(stream)) = (&mut self.adaptation, &self.sender.stream) else {
            return;
        };
        let mut has_changed = false;
        if let Some(pattern) = pattern {
            adaptation.note_pattern(&pattern, now_ns);
        }
        if let Some(maximum_bps) = maximum_bps {
            has_changed |= adaptation.note_maximum(maximum_bps, now_ns);
        }
        if self.reports.received() > reports_before
            && let Some(remote) = self.reports.remote_inbound
        {
            let report = PathReport {
                fraction_lost_q8: remote.fraction_lost_q8,
                round_trip_ns: remote.round_trip_time_ns,
                sent: sent_so_far(stream),
            };
            has_changed |= adaptation.note_report(&report, now_ns);
        }
        self.apply_plan(has_changed);
    }

    /// Takes what transport-wide feedback said, after its packets.
    pub(super) fn judge_path(&mut self) {
        let now_ns = self.now_ns;
        let total = self.sender.numbers.pattern();
        if let (Some(adaptation), Some(stream)) = (&mut self.adaptation, &self.sender.stream) {
            let has_changed = adaptation.note_feedback(total, sent_so_far(stream), now_ns);
            self.apply_plan(has_changed);
        }
    }

    /// Takes note of what the peer can use.
    pub(super) fn note_usable(&mut self) {
        let usable = self.sender.usable();
        let adaptation = self.adaptation.as_mut();
        let has_changed = adaptation.is_some_and(|adaptation| adaptation.set_usable(usable));
        self.apply_plan(has_changed);
    }

    /// Whether the peer still reports.
    pub(super) fn look_for_reports(&mut self) {
        let now_ns = self.now_ns;
        let adaptation = self.adaptation.as_mut();
        let has_changed = adaptation.is_some_and(|adaptation| adaptation.handle_timeout(now_ns));
        self.apply_plan(has_changed);
    }

    pub(super) fn apply_plan(&mut self, has_changed: bool) {
        if let Some(adaptation) = &self.adaptation
            && has_changed
        {
            // Nothing in a plan is outside the encoder's range.
            let _ = self.sender.apply(&adaptation.plan());
        }
    }
}

pub(super) fn sent_so_far(stream: &OutgoingStream) -> SentSoFar {
    let sent = stream.stats();
    SentSoFar {
        payload_bytes: sent.bytes_sent,
        packets: sent.packets_sent,
    }
}
