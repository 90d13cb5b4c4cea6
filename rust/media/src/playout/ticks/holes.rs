//! What is played where no packet is.

use super::super::inlet::Inlet;
use super::super::playout_delay::{AHEAD_MS, LEAST_EDIT_MS};
use super::super::{BlockKind, FrameDecoder};
use super::{Activity, MERGE_SAMPLES, PlayoutSink};

/// The quantum of a decoder's concealment: 2.5 ms.
const CONCEAL_QUANTUM: usize = 120;

/// A hole is passed over instead of concealed as far as the buffer is deeper than this beyond its
/// aim.
const SKIP_HOLES_MS: f32 = 50.0;

impl PlayoutSink {
    /// Nothing has arrived beyond the tape: late, lost or not sent.
    pub(super) fn bridge_underrun<D: FrameDecoder>(
        &mut self,
        wanted: usize,
        inlet: &mut Inlet,
        decoder: &mut D,
    ) {
        if self.activity == Activity::Dtx || inlet.is_passing_over {
            self.wait_in_silence(wanted, inlet, decoder);
            return;
        }
        let is_silent = if self.guess.begin(self.frame_samples, decoder) {
            self.guess
                .play(wanted, BlockKind::Concealed, &mut self.tape, decoder)
        } else {
            self.concealment.play(&mut self.tape, &self.floor, wanted);
            self.seam = true;
            self.concealment.is_silent()
        };
        self.borrowed += wanted as i64;
        self.made_up += wanted;
        inlet.stats.concealed_samples += wanted as u64;
        if is_silent || self.activity == Activity::Pause {
            inlet.stats.silent_concealed_samples += wanted as u64;
        }
    }

    /// `gap` samples before the first packet are lost, or so late that their place has come.
    pub(super) fn bridge_hole<D: FrameDecoder>(
        &mut self,
        gap: i64,
        wanted: usize,
        at_ns: u64,
        inlet: &mut Inlet,
        decoder: &mut D,
    ) {
        if self.waits_in_pause(at_ns, inlet) {
            self.draw_out_pause(wanted, inlet, decoder);
            return;
        }
        self.last_hole_ns = Some(at_ns);
        // What was made up while waiting stands for the beginning of the hole.
        let made_up = self.borrowed.min(gap);
        self.borrowed = 0;
        self.advance(made_up);
        self.guess.note_lost(made_up as usize);
        let gap = self.skip_hole(gap - made_up, at_ns, inlet) as usize;
        let Some(packet) = inlet.store.first() else {
            return;
        };
        let frame = packet.duration_samples as usize;
        if gap == 0 {
            return;
        }
        if packet.has_lbrr && gap <= frame {
            if self.guess.is_on() {
                let follows = self
                    .guess
                    .settle(frame - gap, MERGE_SAMPLES, &mut self.pcm, decoder);
                self.seam |= !follows;
            }
            let repaired = decoder.decode_lbrr(&packet.payload, &mut self.pcm[..frame]);
            if repaired.is_ok() {
                let waited_ns = at_ns.saturating_sub(packet.arrival_ns);
                inlet.stats.repaired_frames += 1;
                inlet.stats.count_emitted(gap, waited_ns);
                self.advance(gap as i64);
                self.push_decoded(frame - gap, frame, BlockKind::Repaired);
                return;
            }
        }
        let unrepaired = if packet.has_lbrr && gap > frame {
            gap - frame
        } else {
            gap
        };
        let samples = unrepaired.min(wanted.next_multiple_of(CONCEAL_QUANTUM));
        let uncovered = self.dred.uncovered(packet, gap, decoder);
        if uncovered == 0 && self.play_dred(gap, samples, at_ns, inlet, decoder) {
            return;
        }
        let samples = samples.min(uncovered.max(CONCEAL_QUANTUM));
        self.advance(samples as i64);
        let bridged = self.give_back_drawn_out(samples, inlet, decoder);
        if samples > bridged {
            self.conceal_lost(samples - bridged, inlet, decoder);
        } else if bridged == unrepaired {
            // Nothing else of the hole is concealed, so nobody else counts it.
            inlet.stats.concealment_events += 1;
        }
    }

    /// What the frame before a lost one was stretched by, when that might have been late, stands for
    /// the beginning of the hole: a lost frame leaves no delay. Of up to `samples`, gives how many.
    fn give_back_drawn_out<D: FrameDecoder>(
        &mut self,
        samples: usize,
        inlet: &mut Inlet,
        decoder: &mut D,
    ) -> usize {
        let bridged = self.drawn_out.min(samples);
        if bridged == 0 {
            return 0;
        }
        self.drawn_out -= bridged;
        self.delay.edited(-(bridged as i64));
        inlet.stats.inserted_samples_for_deceleration -= bridged as u64;
        inlet.stats.concealed_samples += bridged as u64;
        if self.guess.begin(self.frame_samples, decoder) {
            self.guess.note_lost(bridged);
        }
        bridged
    }

    /// Whether what is missing before the first packet may only have been overtaken, as others on
    /// this network were, or is on its way again: then a pause lasts a little longer, and nothing is made up.
    fn waits_in_pause(&self, at_ns: u64, inlet: &Inlet) -> bool {
        let Some(packet) = inlet.store.first() else {
            return false;
        };
        let missing = &inlet.missing;
        let mut patience_ns = missing.reordering_patience_ns();
        if missing.awaits_answer(packet.place.sequence) {
            patience_ns = patience_ns.max(missing.answer_ns().unwrap_or(0));
        }
        let noticed_ns = missing.noticed_ns(packet.place.sequence);
        self.activity == Activity::Pause
            && !packet.has_lbrr
            && noticed_ns.is_some_and(|ns| at_ns < ns + patience_ns)
    }

    /// Any piece of a pause is as good as another.
    fn draw_out_pause<D: FrameDecoder>(
        &mut self,
        samples: usize,
        inlet: &mut Inlet,
        decoder: &mut D,
    ) {
        if self.guess.begin(self.frame_samples, decoder) {
            self.guess
                .play(samples, BlockKind::Stretched, &mut self.tape, decoder);
        } else {
            let pause = self
                .concealment
                .continuation(&self.tape, &self.floor, samples);
            self.tape.push(pause, BlockKind::Stretched);
            self.seam = true;
        }
        self.delay.edited(samples as i64);
        self.made_up += samples;
        inlet.stats.inserted_samples_for_deceleration += samples as u64;
    }

    /// Plays the first `samples` of the `gap` before the first packet from what that tells of them
    /// (DRED); false when it tells nothing.
    fn play_dred<D: FrameDecoder>(
        &mut self,
        gap: usize,
        samples: usize,
        at_ns: u64,
        inlet: &mut Inlet,
        decoder: &mut D,
    ) -> bool {
        let whole = samples.next_multiple_of(CONCEAL_QUANTUM);
        self.settle_guess(0, decoder);
        if decoder.decode_dred(gap, &mut self.pcm[..whole]).is_err() {
            return false;
        }
        let arrival_ns = inlet.store.first().map_or(at_ns, |p| p.arrival_ns);
        inlet.stats.repaired_frames += 1;
        inlet.stats.dred_samples += samples as u64;
        inlet
            .stats
            .count_emitted(samples, at_ns.saturating_sub(arrival_ns));
        self.advance(samples as i64);
        self.push_decoded(0, samples, BlockKind::Repaired);
        true
    }

    /// Passes over as much of a hole as the buffer is too deep, and gives what is left of it.
    fn skip_hole(&mut self, gap: i64, at_ns: u64, inlet: &mut Inlet) -> i64 {
        let Some(packet) = inlet.store.first() else {
            return gap;
        };
        let media = packet.place.media;
        let beyond_ms = self.delay.beyond_aim_ms(&inlet.arrivals, media, at_ns, gap);
        let skipped = gap.min(((beyond_ms - SKIP_HOLES_MS) * 48.0) as i64).max(0);
        if skipped > 0 {
            inlet.stats.skipped_samples += skipped as u64;
            self.advance(skipped);
            self.seam = true;
        }
        gap - skipped
    }

    /// Nothing was sent before the first packet: it is played when its delay is right, and what
    /// was silent in between may be longer or shorter than it was.
    pub(super) fn bridge_silence<D: FrameDecoder>(
        &mut self,
        gap: i64,
        wanted: usize,
        at_ns: u64,
        inlet: &mut Inlet,
        decoder: &mut D,
    ) {
        let Some(packet) = inlet.store.first() else {
            return;
        };
        let loses = self.loses(at_ns);
        self.delay.aim(
            &inlet.arrivals,
            packet.place.media,
            at_ns,
            self.tape.len(),
            loses,
        );
        if !self.delay.is_due() {
            self.wait_in_silence(wanted, inlet, decoder);
            return;
        }
        let ahead_ms = AHEAD_MS - self.tape.len() as f32 / 48.0;
        if ahead_ms > LEAST_EDIT_MS {
            let ahead = (ahead_ms * 48.0) as usize;
            self.play_silence(ahead - ahead % CONCEAL_QUANTUM, inlet, decoder);
        }
        self.advance(gap);
        self.borrowed = 0;
        self.seam = true;
    }

    /// Silence before it is known, or time, to play what comes after it.
    fn wait_in_silence<D: FrameDecoder>(
        &mut self,
        wanted: usize,
        inlet: &mut Inlet,
        decoder: &mut D,
    ) {
        let before = self.tape.len();
        self.play_silence(wanted, inlet, decoder);
        self.made_up += self.tape.len() - before;
    }

    /// The decoder makes the noise of the line that a silent sender leaves out.
    fn play_silence<D: FrameDecoder>(&mut self, wanted: usize, inlet: &mut Inlet, decoder: &mut D) {
        let samples = wanted.next_multiple_of(CONCEAL_QUANTUM);
        self.settle_guess(0, decoder);
        decoder.conceal(&mut self.pcm[..samples]);
        inlet.stats.silence_samples += samples as u64;
        self.push_decoded(0, samples, BlockKind::Silence);
    }

    /// The decoder continues what it decoded last.
    pub(super) fn conceal_lost<D: FrameDecoder>(
        &mut self,
        samples: usize,
        inlet: &mut Inlet,
        decoder: &mut D,
    ) {
        if self.guess.begin(self.frame_samples, decoder) {
            self.guess
                .play(samples, BlockKind::Concealed, &mut self.tape, decoder);
            self.guess.note_lost(samples);
        } else {
            let whole = samples.next_multiple_of(CONCEAL_QUANTUM);
            decoder.conceal(&mut self.pcm[..whole]);
            self.push_decoded(0, samples, BlockKind::Concealed);
        }
        inlet.stats.concealed_samples += samples as u64;
        if self.activity != Activity::Voice {
            inlet.stats.silent_concealed_samples += samples as u64;
        }
    }
}
