//! The sink for ears: 480 samples at each tick of 10 ms, whatever has arrived.
//!
//! A frame is decoded at the tick that needs its first sample. One that comes later delays
//! everything after it (nothing of the voice is lost, the buffer grows); the buffer shrinks again
//! by playing faster.

mod holes;
mod pace;

use super::concealment::{Concealment, NoiseFloor};
use super::dred_reach::DredReach;
use super::guess::Guess;
use super::inlet::Inlet;
use super::packet_store::{Carrier, PacketStore, StoredPacket};
use super::playout_delay::PlayoutDelay;
use super::strategy::Strategy;
use super::tape::Tape;
use super::time_scale::{TimeScale, cross_fade};
use super::{
    Block, BlockKind, FrameDecoder, MAX_PACKET_SAMPLES, TICK_NS, TICK_SAMPLES, samples_to_ns,
};

/// What made-up samples and decoded ones are faded over: 5 ms.
const MERGE_SAMPLES: usize = 240;

/// A frame later than this delays what follows; less than this of it is left out instead.
const KEPT_IN_TIME: i64 = MERGE_SAMPLES as i64;

/// Lost frames of one hole whose repair is learned from.
const LEARNED_FRAMES: i64 = 10;

/// Where nothing was lost for so long, what is overdue is late.
const LOSS_MEMORY_NS: u64 = 20_000_000_000;

/// How far the tape has come.
#[derive(Clone, Copy, Debug)]
struct Cursor {
    /// The media after the last sample on the tape.
    media: i64,
    /// Of the last packet on the tape.
    sequence: i64,
}

/// What the sender is doing, by the last frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Activity {
    Voice,
    /// Nothing but the noise of the line.
    Pause,
    /// The same, and it sends nothing (DTX).
    Dtx,
}

#[derive(Debug)]
pub(super) struct PlayoutSink {
    next_tick_ns: u64,
    tape: Tape,
    cursor: Option<Cursor>,
    delay: PlayoutDelay,
    /// Samples made up while nobody knew whether the next frame was late or lost.
    borrowed: i64,
    /// Samples of this tick that stand for nothing sent: it was waited, or nothing was said.
    made_up: usize,
    /// The tape's end is made up and has to be faded into what is decoded.
    seam: bool,
    /// Of the last frame.
    frame_samples: u32,
    /// How often the last frame was stretched because the next was late.
    stretches: u32,
    /// By how many samples that was by [`Self::draw_out`]: given back if the next was lost.
    drawn_out: usize,
    /// When a hole was last found.
    last_hole_ns: Option<u64>,
    activity: Activity,
    ticks_since_edit: u32,
    concealed_before: usize,
    last_media_time: i64,
    floor: NoiseFloor,
    concealment: Concealment,
    guess: Guess,
    dred: DredReach,
    time_scale: TimeScale,
    pcm: Vec<i16>,
    merged: Vec<i16>,
    tick: [i16; TICK_SAMPLES],
}

impl PlayoutSink {
    pub(super) fn new(strategy: Strategy, now_ns: u64) -> Self {
        Self {
            next_tick_ns: now_ns + TICK_NS,
            tape: Tape::new(),
            cursor: None,
            delay: PlayoutDelay::new(strategy.leaning()),
            borrowed: 0,
            made_up: 0,
            seam: false,
            frame_samples: 0,
            stretches: 0,
            drawn_out: 0,
            last_hole_ns: None,
            activity: Activity::Pause,
            ticks_since_edit: 0,
            concealed_before: 0,
            last_media_time: i64::MIN,
            floor: NoiseFloor::new(),
            concealment: Concealment::new(),
            guess: Guess::new(),
            dred: DredReach::default(),
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

    /// When a frame that has not come would be needed, as far as can be told.
    pub(super) fn due_ns(&self, store: &PacketStore, sequence: i64) -> u64 {
        let Some(cursor) = self.cursor else {
            return u64::MAX;
        };
        // With everything after it decoded, its place has gone.
        let Some(packet) = store.first_after(sequence) else {
            return self.next_tick_ns;
        };
        let frames = packet.place.sequence - sequence;
        let media = packet.place.media - frames * i64::from(packet.duration_samples);
        let ahead = self.tape.len() as i64 + media - cursor.media;
        self.next_tick_ns + samples_to_ns(ahead.max(0)) as u64
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
            self.delay.update(&inlet.arrivals, at_ns);
        }
        self.start(at_ns, inlet);
        if self.cursor.is_none() {
            return Some(self.nothing_yet(at_ns, inlet));
        }
        self.made_up = 0;
        self.fill(at_ns, inlet, decoder);
        let media_time = self.media_time();
        self.edit(at_ns, inlet, decoder);
        self.fill(at_ns, inlet, decoder);
        Some(self.take(media_time, at_ns, inlet))
    }

    /// The first packet is played when the start delay has passed.
    fn start(&mut self, at_ns: u64, inlet: &Inlet) {
        if let (None, Some(first)) = (self.cursor, inlet.store.first())
            && self
                .delay
                .may_start(&inlet.arrivals, first.place.media, at_ns)
        {
            self.cursor = Some(Cursor {
                media: first.place.media,
                sequence: first.place.sequence - 1,
            });
            self.last_media_time = first.place.media;
            self.seam = true;
        }
    }

    fn nothing_yet(&mut self, at_ns: u64, inlet: &mut Inlet) -> Block<'_> {
        inlet.stats.total_samples_received += TICK_SAMPLES as u64;
        self.tick.fill(0);
        Block {
            pcm: &self.tick,
            at_ns,
            media_time: 0,
            kind: BlockKind::Silence,
            concealed_samples: 0,
        }
    }

    /// Puts enough for a tick on the tape. Each turn adds a sample or takes a packet.
    fn fill<D: FrameDecoder>(&mut self, at_ns: u64, inlet: &mut Inlet, decoder: &mut D) {
        while self.tape.len() < TICK_SAMPLES
            && let Some(cursor) = self.cursor
        {
            let wanted = TICK_SAMPLES - self.tape.len();
            let Some(packet) = inlet.store.first() else {
                if !self.draws_out_rest(at_ns, inlet) {
                    self.bridge_underrun(wanted, inlet, decoder);
                }
                continue;
            };
            let gap = packet.place.media - cursor.media;
            let lost = inlet.lost_between(cursor.sequence, packet.place.sequence);
            if gap <= 0 {
                self.decode_first(at_ns, inlet, decoder);
            } else if lost > 0 && gap <= (lost + 1) * i64::from(packet.duration_samples) {
                self.bridge_hole(gap, wanted, at_ns, inlet, decoder);
            } else {
                self.bridge_silence(gap, wanted, at_ns, inlet, decoder);
            }
        }
    }

    fn decode_first<D: FrameDecoder>(&mut self, at_ns: u64, inlet: &mut Inlet, decoder: &mut D) {
        let (Some(packet), Some(mut cursor)) = (inlet.store.take_first(), self.cursor) else {
            return;
        };
        let (media, sequence) = (packet.place.media, packet.place.sequence);
        self.learn_repairs(&packet, cursor, at_ns, inlet, decoder);
        let loses = self.loses(at_ns);
        self.delay
            .aim(&inlet.arrivals, media, at_ns, self.tape.len(), loses);
        if self.borrowed <= KEPT_IN_TIME {
            cursor.media += self.borrowed;
        }
        self.borrowed = 0;
        self.stretches = 0;
        self.drawn_out = 0;
        self.frame_samples = packet.duration_samples;
        let crop = usize::try_from(cursor.media - media).unwrap_or(0);
        self.cursor = Some(Cursor {
            media: packet.media_end().max(cursor.media),
            sequence: sequence.max(cursor.sequence),
        });
        inlet.missing.played_until(sequence);
        self.settle_guess(0, decoder);
        if crop >= packet.duration_samples as usize {
            inlet.stats.late_packets += 1;
            inlet.stats.packets_discarded += 1;
        } else if let Ok(samples) = decoder.decode(&packet.payload, &mut self.pcm) {
            let crop = crop.min(samples);
            let waited_ns = at_ns.saturating_sub(packet.arrival_ns);
            inlet.stats.count_emitted(samples - crop, waited_ns);
            inlet.stats.count_carrier(packet.carrier);
            self.activity = if packet.announces_dtx() {
                Activity::Dtx
            } else if self.floor.is_pause(&self.pcm[..samples]) {
                Activity::Pause
            } else {
                Activity::Voice
            };
            self.seam |= crop > 0;
            self.push_decoded(crop, samples, packet.kind());
        } else {
            inlet.stats.malformed_packets += 1;
            self.conceal_lost(packet.duration_samples as usize - crop, inlet, decoder);
        }
        inlet.store.recycle(packet);
    }

    /// Whether the network has lost packets lately, so that what is overdue may be lost too.
    fn loses(&self, at_ns: u64) -> bool {
        self.last_hole_ns
            .is_some_and(|ns| at_ns.saturating_sub(ns) < LOSS_MEMORY_NS)
    }

    /// Notes how late each lost frame before `packet` could have been played at the soonest, whether
    /// it was or not: what the repairs are worth is weighed against the delay that they take.
    fn learn_repairs<D: FrameDecoder>(
        &mut self,
        packet: &StoredPacket,
        cursor: Cursor,
        at_ns: u64,
        inlet: &Inlet,
        decoder: &mut D,
    ) {
        let frame = i64::from(packet.duration_samples);
        let mut note = |media: i64, available_ns: u64| {
            self.delay
                .note_repair(&inlet.arrivals, media, available_ns, frame, at_ns);
        };
        if packet.carrier != Carrier::Original {
            note(packet.place.media, packet.arrival_ns);
        }
        let lost = (packet.place.sequence - cursor.sequence - 1).clamp(0, LEARNED_FRAMES);
        if lost == 0 {
            return;
        }
        let gap = (lost * frame) as usize;
        let covered = (gap - self.dred.uncovered(packet, gap, decoder)) as i64 / frame;
        let answered_ns = inlet
            .missing
            .noticed_ns(packet.place.sequence)
            .zip(inlet.missing.answer_ns())
            .map(|(noticed_ns, answer_ns)| noticed_ns + answer_ns);
        for before in 1..=lost {
            let media = packet.place.media - before * frame;
            // What LBRR adds to a burst, which is made up anyway, is worth no delay.
            if before <= covered || (lost == 1 && packet.has_lbrr) {
                note(media, packet.arrival_ns);
            } else if let Some(answered_ns) = answered_ns {
                note(media, answered_ns);
            }
        }
    }

    /// Puts `pcm[crop..samples]` on the tape, faded in where the tape's end was made up.
    fn push_decoded(&mut self, crop: usize, samples: usize, kind: BlockKind) {
        let mut from = crop;
        if std::mem::take(&mut self.seam) {
            let fade = MERGE_SAMPLES.min(samples - crop);
            let made_up = match self.guess.ahead() {
                ahead if ahead.len() >= fade => &ahead[..fade],
                _ => self.concealment.continuation(&self.tape, &self.floor, fade),
            };
            self.merged.clear();
            cross_fade(made_up, &self.pcm[crop..crop + fade], &mut self.merged);
            self.tape.push(&self.merged, kind);
            from += fade;
        }
        self.tape.push(&self.pcm[from..samples], kind);
        self.concealment.stop();
        self.guess.clear();
    }

    /// Before something is decoded that may not follow what was made up, of whose lost media the
    /// last `repaired` samples are decoded after all.
    fn settle_guess<D: FrameDecoder>(&mut self, repaired: usize, decoder: &mut D) {
        if self.guess.is_on() {
            let follows = self
                .guess
                .settle(repaired, MERGE_SAMPLES, &mut self.pcm, decoder);
            self.seam |= !follows;
        }
    }

    fn advance(&mut self, samples: i64) {
        if let Some(cursor) = &mut self.cursor {
            cursor.media += samples;
        }
    }

    /// Of the first sample to play. An edit fades out from that sample, so that it is the same
    /// before and after; what was never sent stands for no media.
    fn media_time(&mut self) -> i64 {
        let end = self.cursor.map_or(0, |cursor| cursor.media);
        let sent = self.tape.len().saturating_sub(self.made_up);
        self.last_media_time = self.last_media_time.max(end - sent as i64);
        self.last_media_time
    }

    fn take(&mut self, media_time: i64, at_ns: u64, inlet: &mut Inlet) -> Block<'_> {
        let taken = self.tape.take(&mut self.tick);
        let stats = &mut inlet.stats;
        stats.total_samples_received += TICK_SAMPLES as u64;
        stats.concealment_events += u64::from(taken.concealed > 0 && self.concealed_before == 0);
        self.concealed_before = taken.concealed;
        stats.count_target(TICK_SAMPLES - taken.concealed, self.delay.target_ms());
        Block {
            pcm: &self.tick,
            at_ns,
            media_time,
            kind: taken.kind,
            concealed_samples: taken.concealed,
        }
    }
}
