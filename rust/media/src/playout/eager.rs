//! The sink for machines: no playout clock. Frames go on as soon as all before them have, or
//! cannot come any more.

use super::concealment::NoiseFloor;
use super::dred_reach::DredReach;
use super::inlet::Inlet;
use super::packet_store::StoredPacket;
use super::{Block, BlockKind, FrameDecoder, MAX_PACKET_SAMPLES, SAMPLE_RATE_HZ};

/// Beyond this a concealed hole is silence: no decoder continues a voice for longer.
const LONGEST_CONCEALMENT_SAMPLES: i64 = SAMPLE_RATE_HZ as i64 / 5;

/// A hole longer than this is passed over, and what is missing counted as skipped.
const LONGEST_HOLE_SAMPLES: i64 = 2 * SAMPLE_RATE_HZ as i64;

/// Silence that nothing was sent for (DTX) goes on in pieces of 20 ms.
const SILENCE_SAMPLES: i64 = 960;

/// Silence goes on for this long without a packet; the encoder sends one each 400 ms.
const LONGEST_SILENCE_SAMPLES: i64 = SAMPLE_RATE_HZ as i64;

/// Silence is told this much after its packet would have come if there were one.
const SILENCE_SLACK_NS: u64 = 20_000_000;

/// A sender from which nothing comes for this long after its next packet was due has stopped: longer
/// than most networks stall, and not much longer than the end of an utterance takes to be certain.
const STOPPED_AFTER_NS: u64 = 300_000_000;

/// With the repair at hand, the original is waited for no longer than this.
const REPAIRED_PATIENCE_NS: u64 = 40_000_000;

#[derive(Clone, Copy, Debug)]
struct Cursor {
    media: i64,
    sequence: i64,
}

#[derive(Debug)]
pub(super) struct EagerSink {
    budget_ns: u64,
    cursor: Option<Cursor>,
    /// Silence already told beyond the last packet, or `None` while the sender is not silent.
    silence: Option<i64>,
    hole_concealed: i64,
    dred: DredReach,
    /// What is given out as media time runs ahead of the stream's by this much.
    media_shift: i64,
    floor: NoiseFloor,
    pcm: Vec<i16>,
}

impl EagerSink {
    pub(super) fn new(repair_budget_ms: u16) -> Self {
        Self {
            budget_ns: u64::from(repair_budget_ms) * 1_000_000,
            cursor: None,
            silence: None,
            hole_concealed: 0,
            dred: DredReach::default(),
            media_shift: 0,
            floor: NoiseFloor::new(),
            pcm: vec![0; MAX_PACKET_SAMPLES],
        }
    }

    /// Frames that end before this come late. Silence told in advance does not make a frame late.
    pub(super) fn next_media(&self) -> Option<i64> {
        self.cursor
            .map(|cursor| cursor.media - self.silence.unwrap_or(0))
    }

    pub(super) fn next_timeout(&self, inlet: &Inlet) -> Option<u64> {
        match (inlet.store.first(), self.cursor) {
            (Some(packet), Some(cursor)) => Some(self.deadline_ns(packet, cursor, inlet)),
            (Some(packet), None) => Some(packet.arrival_ns),
            (None, Some(cursor)) => self.silence_due_ns(cursor, inlet),
            (None, None) => None,
        }
    }

    /// When a sender that did not announce silence is taken to have stopped.
    pub(super) fn stops_ns(&self, inlet: &Inlet) -> Option<u64> {
        if self.silence.is_some() || inlet.store.first().is_some() {
            return None;
        }
        let slowest_ns = (inlet.arrivals.recent_slowest_ms(4) * 1e6) as u64;
        let patience_ns = slowest_ns.min(self.budget_ns) + STOPPED_AFTER_NS;
        Some(inlet.next_due_ns?.saturating_add(patience_ns))
    }

    pub(super) fn poll<D: FrameDecoder>(
        &mut self,
        now_ns: u64,
        inlet: &mut Inlet,
        decoder: &mut D,
    ) -> Option<Block<'_>> {
        loop {
            let Some(packet) = inlet.store.first() else {
                return self.tell_silence(now_ns, inlet);
            };
            let cursor = *self.cursor.get_or_insert(Cursor {
                media: packet.place.media,
                sequence: packet.place.sequence - 1,
            });
            if now_ns < self.deadline_ns(packet, cursor, inlet) {
                return None;
            }
            let gap = packet.place.media - cursor.media;
            let lost = inlet.lost_between(cursor.sequence, packet.place.sequence);
            if gap > 0 && lost > 0 && gap <= (lost + 1) * i64::from(packet.duration_samples) {
                return Some(self.fill_hole(gap, now_ns, inlet, decoder));
            }
            if let Some((kind, samples)) = self.decode_first(gap, now_ns, inlet, decoder) {
                return Some(self.block(samples, kind, now_ns, inlet));
            }
        }
    }

    /// Until when a frame is waited for that was noticed to be missing.
    pub(super) fn gives_up_ns(&self, noticed_ns: u64) -> u64 {
        noticed_ns.saturating_add(self.budget_ns)
    }

    /// When the first packet goes on whatever is missing before it.
    fn deadline_ns(&self, packet: &StoredPacket, cursor: Cursor, inlet: &Inlet) -> u64 {
        let lost = inlet.lost_between(cursor.sequence, packet.place.sequence);
        if lost <= 0 || packet.place.media <= cursor.media {
            return packet.arrival_ns;
        }
        let missing = &inlet.missing;
        let mut patience_ns = missing.reordering_patience_ns();
        if packet.has_dred || (lost == 1 && packet.has_lbrr) {
            patience_ns = patience_ns.min(REPAIRED_PATIENCE_NS);
        } else if missing.awaits_answer(packet.place.sequence) {
            patience_ns = patience_ns.max(missing.answer_ns().unwrap_or(0));
        }
        let patience_ns = patience_ns.min(self.budget_ns);
        // Before the first packet's arrival others may have overtaken the same hole.
        let noticed_ns = inlet
            .missing
            .noticed_ns(packet.place.sequence)
            .map_or(packet.arrival_ns, |ns| ns.min(packet.arrival_ns));
        (noticed_ns + patience_ns).max(packet.arrival_ns)
    }

    /// Repairs or conceals the next piece of the hole before the first packet.
    fn fill_hole<D: FrameDecoder>(
        &mut self,
        gap: i64,
        now_ns: u64,
        inlet: &mut Inlet,
        decoder: &mut D,
    ) -> Block<'_> {
        let skipped = (gap - LONGEST_HOLE_SAMPLES).max(0);
        inlet.stats.skipped_samples += skipped as u64;
        self.advance(skipped);
        let gap = (gap - skipped) as usize;
        let (kind, samples) = match self.repair(gap, inlet, decoder) {
            Ok(samples) => {
                let arrival_ns = inlet.store.first().map_or(now_ns, |p| p.arrival_ns);
                let waited_ns = now_ns.saturating_sub(arrival_ns);
                inlet.stats.repaired_frames += 1;
                inlet.stats.count_emitted(samples, waited_ns);
                self.hole_concealed = 0;
                (BlockKind::Repaired, samples)
            }
            Err(samples) => {
                self.conceal(samples as i64, inlet, decoder);
                (BlockKind::Concealed, samples)
            }
        };
        self.advance(samples as i64);
        self.block(samples, kind, now_ns, inlet)
    }

    /// Makes the next piece of the `gap` samples before the first packet from what that packet tells
    /// of them: the last frame from its LBRR, what is before from its DRED. Gives the piece's
    /// samples, or as an error how many have to be concealed.
    fn repair<D: FrameDecoder>(
        &mut self,
        gap: usize,
        inlet: &mut Inlet,
        decoder: &mut D,
    ) -> Result<usize, usize> {
        let piece = gap.min(SILENCE_SAMPLES as usize);
        let packet = inlet.store.first().ok_or(piece)?;
        let frame = packet.duration_samples as usize;
        if packet.has_lbrr && gap <= frame {
            let pcm = &mut self.pcm[..frame];
            decoder
                .decode_lbrr(&packet.payload, pcm)
                .map_err(|_| piece)?;
            pcm.copy_within(frame - gap.., 0);
            return Ok(gap);
        }
        let piece = if packet.has_lbrr {
            piece.min(gap - frame)
        } else {
            piece
        };
        match self.dred.uncovered(packet, gap, decoder) {
            0 => {}
            uncovered => return Err(piece.min(uncovered)),
        }
        let whole = piece.next_multiple_of(120);
        decoder
            .decode_dred(gap, &mut self.pcm[..whole])
            .map_err(|_| piece)?;
        inlet.stats.dred_samples += piece as u64;
        Ok(piece)
    }

    fn conceal<D: FrameDecoder>(&mut self, samples: i64, inlet: &mut Inlet, decoder: &mut D) {
        let stats = &mut inlet.stats;
        stats.concealment_events += u64::from(self.hole_concealed == 0);
        stats.concealed_samples += samples as u64;
        let whole = (samples as usize).next_multiple_of(120);
        if self.hole_concealed < LONGEST_CONCEALMENT_SAMPLES {
            decoder.conceal(&mut self.pcm[..whole]);
        } else {
            self.pcm[..whole].fill(0);
            stats.silent_concealed_samples += samples as u64;
        }
        self.hole_concealed += samples;
    }

    /// Decodes the first packet, which `gap` samples of silence that was not sent precede.
    fn decode_first<D: FrameDecoder>(
        &mut self,
        gap: i64,
        now_ns: u64,
        inlet: &mut Inlet,
        decoder: &mut D,
    ) -> Option<(BlockKind, usize)> {
        let packet = inlet.store.take_first()?;
        self.hole_concealed = 0;
        let told_silence = self.silence.take().unwrap_or(0);
        let cursor = self.cursor.as_mut()?;
        let mut crop = 0;
        if gap < 0 && told_silence > 0 {
            // Silence was told where this belongs: nothing of it is lost, it comes a little later.
            self.media_shift -= gap;
            cursor.media = packet.media_end();
        } else {
            crop = (-gap).max(0);
            self.media_shift = (self.media_shift - gap.max(0)).max(0);
            cursor.media = cursor.media.max(packet.media_end());
        }
        cursor.sequence = cursor.sequence.max(packet.place.sequence);
        inlet.missing.played_until(cursor.sequence);
        let outcome = decoder.decode(&packet.payload, &mut self.pcm);
        let kind = packet.kind();
        inlet.stats.count_carrier(packet.carrier);
        let result = if let Ok(samples) = outcome {
            let waited_ns = now_ns.saturating_sub(packet.arrival_ns);
            let crop = (crop as usize).min(samples);
            self.pcm.copy_within(crop..samples, 0);
            inlet.stats.count_emitted(samples - crop, waited_ns);
            self.floor.is_pause(&self.pcm[..samples - crop]);
            (samples > crop).then_some((kind, samples - crop))
        } else {
            inlet.stats.malformed_packets += 1;
            let samples = i64::from(packet.duration_samples);
            self.conceal(samples, inlet, decoder);
            Some((BlockKind::Concealed, samples as usize))
        };
        if packet.announces_dtx() {
            self.silence = Some(0);
        }
        inlet.store.recycle(packet);
        result
    }

    /// While the sender is silent the listener hears of it as time goes on, so that the end of
    /// an utterance is noticed without waiting for the next packet.
    fn tell_silence(&mut self, now_ns: u64, inlet: &mut Inlet) -> Option<Block<'_>> {
        let cursor = self.cursor?;
        if now_ns < self.silence_due_ns(cursor, inlet)? {
            return None;
        }
        self.silence = self.silence.map(|told| told + SILENCE_SAMPLES);
        self.pcm[..SILENCE_SAMPLES as usize].fill(0);
        self.advance(SILENCE_SAMPLES);
        inlet.stats.silence_samples += SILENCE_SAMPLES as u64;
        Some(self.block(SILENCE_SAMPLES as usize, BlockKind::Silence, now_ns, inlet))
    }

    fn silence_due_ns(&self, cursor: Cursor, inlet: &Inlet) -> Option<u64> {
        let told = self.silence?;
        let slowest_ns = (inlet.arrivals.recent_slowest_ms(4) * 1e6) as u64;
        (told < LONGEST_SILENCE_SAMPLES).then(|| {
            inlet.arrivals.earliest_ns(cursor.media + SILENCE_SAMPLES)
                + slowest_ns.min(self.budget_ns)
                + SILENCE_SLACK_NS
        })
    }

    fn advance(&mut self, samples: i64) {
        if let Some(cursor) = &mut self.cursor {
            cursor.media += samples;
        }
    }

    /// The block of samples whose media time the cursor has just passed.
    fn block(
        &mut self,
        samples: usize,
        kind: BlockKind,
        now_ns: u64,
        inlet: &mut Inlet,
    ) -> Block<'_> {
        inlet.stats.total_samples_received += samples as u64;
        let end = self.cursor.map_or(0, |cursor| cursor.media) + self.media_shift;
        Block {
            pcm: &self.pcm[..samples],
            at_ns: now_ns,
            media_time: end - samples as i64,
            kind,
            concealed_samples: if kind == BlockKind::Concealed {
                samples
            } else {
                0
            },
        }
    }
}
