//! How an engine's time moves on: its ticks, and what is due between them.

use super::adapting::sent_so_far;
use super::{Engine, Event, NS_PER_S, SAMPLE_RATE_HZ, Start, TICK_NS};

/// A backlog up to this is caught up tick by tick.
const MAX_CATCH_UP_NS: u64 = 5 * NS_PER_S;

impl Engine {
    /// Every tick counts while a grid is heard or recorded, otherwise only those with a frame.
    pub(super) fn next_tick(&self) -> Option<u64> {
        if self.ticks_always {
            Some(self.next_tick_ns)
        } else if self.sends_packets_of_others() {
            None
        } else {
            self.sender.next_frame_ns()
        }
    }

    /// Moves time on to `now_ns` and runs what was due before it. Gives the time it is now.
    pub(super) fn advance(&mut self, now_ns: u64) -> u64 {
        self.now_ns = self.now_ns.max(now_ns);
        self.skip_backlog();
        while let Some(due_ns) = self.next_due().filter(|due_ns| *due_ns < self.now_ns) {
            self.run_due(due_ns);
        }
        self.keep_grid(self.now_ns);
        if let Some(start) = self.start.take() {
            self.begin(start);
        }
        self.now_ns
    }

    fn begin(&mut self, start: Start) {
        if let Some(payload_type) = start.payload_type {
            self.sender
                .start(start.ssrc, payload_type, self.next_tick_ns);
        } else {
            self.sender.end();
        }
        let seed = self.random.next_u64();
        let codec = self.sender.codec();
        let stream = self.sender.stream.as_ref();
        let packets_sent = stream.map_or(0, |stream| stream.packets_sent);
        let identity = (start.ssrc, start.cname);
        self.reports
            .start(identity, codec, packets_sent, self.now_ns, seed);
        if let (Some(adaptation), Some(stream)) = (&mut self.adaptation, stream) {
            adaptation.begin(sent_so_far(stream), self.now_ns);
        }
    }

    /// Passes over ticks when the driver is too late for all of them.
    fn skip_backlog(&mut self) {
        let now_ns = self.now_ns;
        let is_late = |due_ns: u64| now_ns.saturating_sub(due_ns) > MAX_CATCH_UP_NS;
        let Some(due_ns) = self.next_tick().filter(|due_ns| is_late(*due_ns)) else {
            return;
        };
        self.skipped_ticks += (now_ns - due_ns).div_ceil(TICK_NS);
        self.keep_grid(now_ns);
        self.sender.skip_to(now_ns);
        if let Some(tap) = &mut self.tap {
            tap.skip();
        }
        self.receiver
            .skip_to(now_ns, self.next_tick_ns - TICK_NS, &mut self.events);
    }

    /// Keeps the next tick on the grid and no earlier than `now_ns`.
    pub(super) fn keep_grid(&mut self, now_ns: u64) {
        let behind_ns = now_ns.saturating_sub(self.next_tick_ns);
        self.next_tick_ns += behind_ns.div_ceil(TICK_NS) * TICK_NS;
    }

    /// Runs what is due at `now_ns`: what is received first, so that it is on time for the tick.
    pub(super) fn run_due(&mut self, now_ns: u64) {
        self.receiver.give_out(now_ns, &mut self.events);
        if self.nack_due_ns().is_some_and(|due_ns| due_ns <= now_ns) {
            self.ask_again(now_ns);
        }
        if let Some(tick_ns) = self.next_tick().filter(|tick_ns| *tick_ns <= now_ns) {
            self.run_tick(tick_ns);
        }
        self.tell_arrivals(now_ns);
        if self.report_due_ns().is_some_and(|due_ns| due_ns <= now_ns) {
            let source = self.receiver.source.as_mut();
            let stream = self.sender.stream.as_ref();
            self.reports
                .send(self.now_ns, stream, source, &mut self.transmit);
            if stream.is_some() {
                self.look_for_reports();
            }
        }
    }

    fn run_tick(&mut self, tick_ns: u64) {
        self.next_tick_ns = tick_ns + TICK_NS;
        if self.sender.next_frame_ns() == Some(tick_ns) && !self.sends_packets_of_others() {
            let (pcm, filled) = self.sender.send_frame(self.now_ns, &mut self.transmit);
            if let Some(tap) = &mut self.tap {
                tap.push_frame(pcm);
            }
            if filled.drained {
                let sent_ns = filled.samples as u64 * NS_PER_S / u64::from(SAMPLE_RATE_HZ);
                self.drained_ns = Some(tick_ns + sent_ns);
            }
        }
        if let Some(tap) = &mut self.tap {
            tap.run_tick(tick_ns, &mut self.events);
        }
        // Told once the tick with the last sample has run: after that sample, if it is tapped.
        if let Some(at_ns) = self.drained_ns
            && (at_ns <= self.next_tick_ns || !self.ticks_always)
        {
            self.drained_ns = None;
            self.events.push(&Event::AudioDrained { at_ns });
        }
    }
}
