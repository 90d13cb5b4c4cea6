//! The sink for ears: 480 samples at each tick of 10 ms, whatever has arrived.
//!
//! A frame is decoded at the tick that needs its first sample; that tick is its deadline. The
//! distance of the deadline from the fastest packet is the playout delay, and the tick grid offers
//! it in steps of 10 ms. A frame that is late delays everything after it (nothing of the voice is
//! lost, the buffer grows); the buffer shrinks again by playing faster.

use super::concealment::{Concealment, NoiseFloor};
use super::inlet::Inlet;
use super::packet_store::StoredPacket;
use super::strategy::{Leaning, Strategy};
use super::tape::Tape;
use super::target_delay::TargetDelay;
use super::time_scale::{TimeScale, cross_fade};
use super::{Block, BlockKind, FrameDecoder, MAX_PACKET_SAMPLES, TICK_NS, TICK_SAMPLES};

const TICK_MS: f32 = 10.0;

/// What made-up samples and decoded ones are faded over: 5 ms.
const MERGE_SAMPLES: usize = 240;

/// The quantum of a decoder's concealment: 2.5 ms.
const CONCEAL_QUANTUM: usize = 120;

/// Ticks between two edits of a voice, so that no two fall into one syllable.
const TICKS_BETWEEN_EDITS: u32 = 6;

/// From this much too late on, every frame is shortened.
const HURRY_MS: f32 = 60.0;

/// A hole is passed over instead of concealed when the buffer is this much too deep.
const SKIP_HOLES_MS: f32 = 50.0;

/// How alike two periods of a voice must be to be taken for one.
const LIKENESS: f32 = 0.9;
const LIKENESS_IN_A_HURRY: f32 = 0.5;

#[derive(Clone, Copy, Debug)]
struct Cursor {
    /// The media after the last sample on the tape.
    media: i64,
    sequence: i64,
}

#[derive(Debug)]
pub(super) struct PlayoutSink {
    leaning: Leaning,
    next_tick_ns: u64,
    tape: Tape,
    cursor: Option<Cursor>,
    target: TargetDelay,
    /// The delay of the last frame's deadline and the one aimed at.
    delay_ms: f32,
    aim_ms: f32,
    /// Samples made up while nobody knew whether the next frame was late or lost.
    borrowed: i64,
    /// The tape's end is made up and has to be faded into what is decoded.
    seam: bool,
    in_dtx: bool,
    in_pause: bool,
    ticks_since_edit: u32,
    concealed_before: usize,
    last_media_time: i64,
    floor: NoiseFloor,
    concealment: Concealment,
    time_scale: TimeScale,
    pcm: Vec<i16>,
    merged: Vec<i16>,
    tick: [i16; TICK_SAMPLES],
}

impl PlayoutSink {
    pub(super) fn new(strategy: Strategy, now_ns: u64) -> Self {
        let leaning = strategy.leaning();
        Self {
            leaning,
            next_tick_ns: now_ns + TICK_NS,
            tape: Tape::new(),
            cursor: None,
            target: TargetDelay::new(leaning),
            delay_ms: leaning.start_ms,
            aim_ms: leaning.start_ms,
            borrowed: 0,
            seam: false,
            in_dtx: false,
            in_pause: false,
            ticks_since_edit: 0,
            concealed_before: 0,
            last_media_time: i64::MIN,
            floor: NoiseFloor::new(),
            concealment: Concealment::new(),
            time_scale: TimeScale::new(),
            pcm: vec![0; MAX_PACKET_SAMPLES],
            merged: Vec::with_capacity(MERGE_SAMPLES),
            tick: [0; TICK_SAMPLES],
        }
    }

    pub(super) const fn next_tick_ns(&self) -> u64 {
        self.next_tick_ns
    }

    pub(super) fn next_media(&self) -> Option<i64> {
        self.cursor.map(|cursor| cursor.media)
    }

    pub(super) fn poll<D: FrameDecoder>(
        &mut self,
        now_ns: u64,
        inlet: &mut Inlet,
        decoder: &mut D,
    ) -> Option<Block<'_>> {
        let at_ns = self.next_tick_ns;
        if at_ns > now_ns {
            return None;
        }
        self.next_tick_ns += TICK_NS;
        self.ticks_since_edit = self.ticks_since_edit.saturating_add(1);
        if std::mem::take(&mut inlet.window_closed) {
            self.target.update(&inlet.arrivals, at_ns);
        }
        self.start(at_ns, inlet);
        if self.cursor.is_none() {
            inlet.stats.total_samples_received += TICK_SAMPLES as u64;
            self.tick.fill(0);
            return Some(Block {
                pcm: &self.tick,
                at_ns,
                media_time: 0,
                kind: BlockKind::Silence,
                concealed_samples: 0,
            });
        }
        while self.tape.len() < TICK_SAMPLES {
            self.fill(at_ns, inlet, decoder);
        }
        self.edit(at_ns, inlet, decoder);
        while self.tape.len() < TICK_SAMPLES {
            self.fill(at_ns, inlet, decoder);
        }
        Some(self.take(at_ns, inlet))
    }

    /// The first packet is played when the start delay has passed.
    fn start(&mut self, at_ns: u64, inlet: &Inlet) {
        if self.cursor.is_some() {
            return;
        }
        let Some(first) = inlet.store.first() else {
            return;
        };
        let waited_ms = inlet.arrivals.relative_ns(first.place.media, at_ns) as f32 / 1e6;
        if waited_ms >= self.leaning.start_ms {
            self.cursor = Some(Cursor {
                media: first.place.media,
                sequence: first.place.sequence - 1,
            });
            self.last_media_time = first.place.media;
            self.seam = true;
        }
    }

    /// Puts what comes next on the tape: at least one sample, or one packet less in the store.
    fn fill<D: FrameDecoder>(&mut self, at_ns: u64, inlet: &mut Inlet, decoder: &mut D) {
        let Some(cursor) = self.cursor else { return };
        let wanted = TICK_SAMPLES - self.tape.len();
        let Some(packet) = inlet.store.first() else {
            self.bridge_underrun(wanted, inlet, decoder);
            return;
        };
        let gap = packet.place.media - cursor.media;
        if gap <= 0 {
            self.decode_first(at_ns, inlet, decoder);
            return;
        }
        let lost = packet.place.sequence - cursor.sequence - 1;
        if lost > 0 && gap <= (lost + 1) * i64::from(packet.duration_samples) {
            self.bridge_hole(gap, wanted, at_ns, inlet, decoder);
        } else {
            self.bridge_silence(gap, wanted, at_ns, inlet, decoder);
        }
    }

    fn decode_first<D: FrameDecoder>(&mut self, at_ns: u64, inlet: &mut Inlet, decoder: &mut D) {
        let (Some(packet), Some(cursor)) = (inlet.store.take_first(), self.cursor) else {
            return;
        };
        self.note_delay(&packet, cursor, at_ns, inlet);
        let crop = usize::try_from(cursor.media - packet.place.media).unwrap_or(0);
        let kind = if packet.redundant {
            BlockKind::Repaired
        } else {
            BlockKind::Decoded
        };
        self.cursor = Some(Cursor {
            media: packet.media_end().max(cursor.media),
            sequence: packet.place.sequence.max(cursor.sequence),
        });
        inlet.missing.played_until(packet.place.sequence);
        if crop >= packet.duration_samples as usize {
            inlet.stats.late_packets += 1;
            inlet.stats.packets_discarded += 1;
        } else if let Ok(samples) = decoder.decode(&packet.payload, &mut self.pcm) {
            let crop = crop.min(samples);
            let waited_ns = at_ns.saturating_sub(packet.arrival_ns);
            inlet.stats.count_emitted(samples - crop, waited_ns);
            inlet.stats.repaired_frames += u64::from(packet.redundant);
            self.in_pause = self.floor.is_pause(&self.pcm[..samples]);
            self.seam |= crop > 0;
            self.push_decoded(crop, samples, kind);
        } else {
            inlet.stats.malformed_packets += 1;
            let samples = packet.duration_samples as usize - crop;
            self.conceal_lost(samples, inlet, decoder);
        }
        self.in_dtx = packet.announces_dtx();
        self.borrowed = 0;
        inlet.store.recycle(packet);
    }

    fn note_delay(&mut self, packet: &StoredPacket, cursor: Cursor, at_ns: u64, inlet: &Inlet) {
        let place = packet.place;
        let delay_ns = inlet.arrivals.relative_ns(place.media, at_ns);
        self.delay_ms = delay_ns as f32 / 1e6;
        if place.sequence > cursor.sequence + 1 && packet.has_lbrr {
            let frame = i64::from(packet.duration_samples);
            let repair_ns = inlet
                .arrivals
                .relative_ns(place.media - frame, packet.arrival_ns);
            self.target
                .repairable(repair_ns as f32 / 1e6, frame as f32 / 48.0, at_ns);
        }
        self.aim(inlet);
    }

    /// Chooses among the delays that the tick grid offers. A change must be worth an edit.
    fn aim(&mut self, inlet: &Inlet) {
        let windows = (self.leaning.linger_ms / 500) as usize;
        let floor_ms = inlet.arrivals.recent_slowest_ms(windows);
        let cheapest = self.target.cheapest(self.delay_ms, TICK_MS, floor_ms);
        let gain_ms = self.target.cost(self.delay_ms) - self.target.cost(cheapest);
        self.aim_ms = if gain_ms > self.leaning.worthwhile_ms || self.delay_ms < floor_ms {
            cheapest
        } else {
            self.delay_ms
        };
    }

    /// Puts `pcm[crop..samples]` on the tape, faded in where the tape's end was made up.
    fn push_decoded(&mut self, crop: usize, samples: usize, kind: BlockKind) {
        let mut from = crop;
        if std::mem::take(&mut self.seam) {
            let fade = MERGE_SAMPLES.min(samples - crop);
            let made_up = self.concealment.continuation(&self.tape, &self.floor, fade);
            self.merged.clear();
            cross_fade(made_up, &self.pcm[crop..crop + fade], &mut self.merged);
            self.tape.push(&self.merged, kind);
            from += fade;
        }
        self.tape.push(&self.pcm[from..samples], kind);
        self.concealment.stop();
    }

    /// Nothing has arrived beyond the tape: late, lost or not sent.
    fn bridge_underrun<D: FrameDecoder>(
        &mut self,
        wanted: usize,
        inlet: &mut Inlet,
        decoder: &mut D,
    ) {
        if self.in_dtx {
            self.play_silence(wanted, inlet, decoder);
            return;
        }
        self.concealment.play(&mut self.tape, &self.floor, wanted);
        self.borrowed += wanted as i64;
        self.seam = true;
        inlet.stats.concealed_samples += wanted as u64;
        if self.concealment.is_silent() || self.in_pause {
            inlet.stats.silent_concealed_samples += wanted as u64;
        }
    }

    /// Frames before the first packet are lost, or so late that their place has come.
    fn bridge_hole<D: FrameDecoder>(
        &mut self,
        gap: i64,
        wanted: usize,
        at_ns: u64,
        inlet: &mut Inlet,
        decoder: &mut D,
    ) {
        // What was made up while waiting stands for the beginning of the hole.
        let made_up = self.borrowed.min(gap);
        self.borrowed = 0;
        let mut gap = gap - made_up;
        self.advance(made_up);
        let Some(packet) = inlet.store.first() else {
            return;
        };
        let too_deep_ms = inlet.arrivals.relative_ns(packet.place.media, at_ns) as f32 / 1e6
            - gap as f32 / 48.0
            - self.aim_ms;
        if too_deep_ms > SKIP_HOLES_MS {
            let skipped = gap.min(((too_deep_ms - SKIP_HOLES_MS) * 48.0) as i64);
            inlet.stats.skipped_samples += skipped as u64;
            self.advance(skipped);
            self.seam = true;
            gap -= skipped;
        }
        if gap == 0 {
            return;
        }
        let frame = packet.duration_samples as usize;
        if packet.has_lbrr && gap as usize <= frame {
            let waited_ns = at_ns.saturating_sub(packet.arrival_ns);
            let repaired = decoder.decode_lbrr(&packet.payload, &mut self.pcm[..frame]);
            if repaired.is_ok() {
                self.advance(gap);
                inlet.stats.repaired_frames += 1;
                inlet.stats.count_emitted(gap as usize, waited_ns);
                self.push_decoded(frame - gap as usize, frame, BlockKind::Repaired);
                return;
            }
        }
        let unrepaired = if packet.has_lbrr && gap as usize > frame {
            gap as usize - frame
        } else {
            gap as usize
        };
        let samples = unrepaired.min(wanted.next_multiple_of(CONCEAL_QUANTUM));
        self.advance(samples as i64);
        self.conceal_lost(samples, inlet, decoder);
    }

    /// Nothing was sent before the first packet: it is played when its delay is right.
    fn bridge_silence<D: FrameDecoder>(
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
        let delay_ns = inlet.arrivals.relative_ns(packet.place.media, at_ns);
        self.delay_ms = delay_ns as f32 / 1e6;
        self.aim(inlet);
        if self.delay_ms >= self.aim_ms {
            self.advance(gap);
            self.borrowed = 0;
            self.seam = true;
        } else {
            self.play_silence(wanted, inlet, decoder);
        }
    }

    /// The decoder makes the noise of the line that a silent sender leaves out.
    fn play_silence<D: FrameDecoder>(&mut self, wanted: usize, inlet: &mut Inlet, decoder: &mut D) {
        let samples = wanted.next_multiple_of(CONCEAL_QUANTUM);
        decoder.conceal(&mut self.pcm[..samples]);
        inlet.stats.silence_samples += samples as u64;
        self.in_pause = true;
        self.push_decoded(0, samples, BlockKind::Silence);
    }

    fn conceal_lost<D: FrameDecoder>(
        &mut self,
        samples: usize,
        inlet: &mut Inlet,
        decoder: &mut D,
    ) {
        let whole = samples.next_multiple_of(CONCEAL_QUANTUM);
        decoder.conceal(&mut self.pcm[..whole]);
        self.push_decoded(0, samples, BlockKind::Concealed);
        inlet.stats.concealed_samples += samples as u64;
        if self.in_pause {
            inlet.stats.silent_concealed_samples += samples as u64;
        }
    }

    fn advance(&mut self, samples: i64) {
        if let Some(cursor) = &mut self.cursor {
            cursor.media += samples;
        }
    }

    /// Plays faster or slower, towards the delay aimed at.
    fn edit<D: FrameDecoder>(&mut self, at_ns: u64, inlet: &mut Inlet, decoder: &mut D) {
        if self.borrowed > 0 || self.seam {
            return;
        }
        let excess_ms = self.delay_ms - self.aim_ms;
        if excess_ms >= HURRY_MS {
            self.catch_up(at_ns, excess_ms, inlet, decoder);
        } else if excess_ms >= 1.0 {
            self.shorten(excess_ms, inlet);
        } else if excess_ms <= -1.0 {
            self.lengthen(-excess_ms, inlet);
        }
    }

    /// The deadline comes `excess_ms` earlier when that much and the part of a tick that the tape
    /// is ahead are gone: with more, a step too early.
    fn shorten(&mut self, excess_ms: f32, inlet: &mut Inlet) {
        let ahead = self.tape.len() % TICK_SAMPLES;
        let most = (excess_ms * 48.0) as usize + ahead;
        let removed = if self.in_pause {
            let least = (most + 1).saturating_sub(TICK_SAMPLES);
            self.time_scale
                .remove(&mut self.tape, least.max(CONCEAL_QUANTUM).min(most))
        } else if self.ticks_since_edit >= TICKS_BETWEEN_EDITS {
            self.time_scale.accelerate(&mut self.tape, most, LIKENESS)
        } else {
            0
        };
        self.removed(removed, inlet);
    }

    fn removed(&mut self, samples: usize, inlet: &mut Inlet) {
        if samples > 0 {
            self.ticks_since_edit = 0;
            self.delay_ms -= samples as f32 / 48.0;
            inlet.stats.removed_samples_for_acceleration += samples as u64;
        }
    }

    fn catch_up<D: FrameDecoder>(
        &mut self,
        at_ns: u64,
        excess_ms: f32,
        inlet: &mut Inlet,
        decoder: &mut D,
    ) {
        let mut left_ms = excess_ms;
        for _ in 0..3 {
            while self.tape.len() < 4 * TICK_SAMPLES
                && let (Some(packet), Some(cursor)) = (inlet.store.first(), self.cursor)
                && packet.place.media <= cursor.media
            {
                self.decode_first(at_ns, inlet, decoder);
            }
            let most = self.tape.len().saturating_sub(TICK_SAMPLES);
            let removed = if self.in_pause {
                let wanted = ((left_ms * 48.0) as usize).min(most);
                self.time_scale.remove(&mut self.tape, wanted)
            } else {
                self.time_scale
                    .accelerate(&mut self.tape, 720, LIKENESS_IN_A_HURRY)
            };
            if removed == 0 || self.tape.len() < TICK_SAMPLES {
                break;
            }
            left_ms -= removed as f32 / 48.0;
            self.removed(removed, inlet);
        }
    }

    fn lengthen(&mut self, missing_ms: f32, inlet: &mut Inlet) {
        let hurry = self.in_pause || missing_ms > 10.0;
        if !hurry && self.ticks_since_edit < TICKS_BETWEEN_EDITS {
            return;
        }
        let likeness = if self.in_pause { -1.0 } else { LIKENESS };
        let inserted = self.time_scale.decelerate(&mut self.tape, 720, likeness);
        if inserted > 0 {
            self.ticks_since_edit = 0;
            self.delay_ms += inserted as f32 / 48.0;
            inlet.stats.inserted_samples_for_deceleration += inserted as u64;
        }
    }

    fn take(&mut self, at_ns: u64, inlet: &mut Inlet) -> Block<'_> {
        let end = self.cursor.map_or(0, |cursor| cursor.media);
        let media_time = (end - self.tape.len() as i64).max(self.last_media_time);
        self.last_media_time = media_time;
        let taken = self.tape.take(&mut self.tick);
        let stats = &mut inlet.stats;
        stats.total_samples_received += TICK_SAMPLES as u64;
        stats.concealment_events += u64::from(taken.concealed > 0 && self.concealed_before == 0);
        self.concealed_before = taken.concealed;
        let emitted = (TICK_SAMPLES - taken.concealed) as u64;
        let target_ns = (self.aim_ms.max(0.0) * 1e6) as u64;
        stats.jitter_buffer_target_delay_ns += target_ns * emitted;
        stats.jitter_buffer_minimum_delay_ns += target_ns * emitted;
        Block {
            pcm: &self.tick,
            at_ns,
            media_time,
            kind: taken.kind,
            concealed_samples: taken.concealed,
        }
    }
}
