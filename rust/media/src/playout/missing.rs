//! The frames that others have overtaken: lost, or still on their way.

/// How many holes are remembered at once. Beyond, the oldest is forgotten.
const MAX_MISSING: usize = 128;

/// A frame sent again later than this would find its place played in any call.
const FORGOTTEN_AFTER_NS: u64 = 1_000_000_000;

/// The slowest frame that was overtaken is remembered for one to two of these.
const REORDERING_MEMORY_NS: u64 = 15_000_000_000;

/// A frame is not asked for again sooner than this, however short the round trip.
const LEAST_REQUEST_INTERVAL_NS: u64 = 10_000_000;

#[derive(Clone, Copy, Debug)]
struct MissingFrame {
    sequence: i64,
    noticed_ns: u64,
    requested_ns: Option<u64>,
    /// No answer could come in time any more.
    given_up: bool,
}

/// What is missing, since when, and how long such frames have taken to turn up.
#[derive(Debug)]
pub(super) struct Missing {
    frames: Vec<MissingFrame>,
    highest_sequence: Option<i64>,
    /// Before this everything is played or given up.
    played_until: i64,
    /// How long the slowest frame was waited for that others had overtaken: in this stretch of
    /// time and in the one before.
    slowest_ns: [u64; 2],
    stretch_start_ns: u64,
    /// Until an answer comes, where lost frames are asked for again.
    round_trip_ns: Option<u64>,
}

impl Missing {
    pub(super) fn new() -> Self {
        Self {
            frames: Vec::with_capacity(MAX_MISSING),
            highest_sequence: None,
            played_until: i64::MIN,
            slowest_ns: [0; 2],
            stretch_start_ns: 0,
            round_trip_ns: None,
        }
    }

    /// Notes the arrival of a frame as sent. Those before it that are not there, as `is_there` tells
    /// by their sequence numbers, are missing from now on. True: it was asked for again.
    pub(super) fn observe(
        &mut self,
        sequence: i64,
        now_ns: u64,
        is_there: impl Fn(i64) -> bool,
    ) -> bool {
        if now_ns.saturating_sub(self.stretch_start_ns) >= REORDERING_MEMORY_NS {
            self.slowest_ns = [0, self.slowest_ns[0]];
            self.stretch_start_ns = now_ns;
        }
        match self.highest_sequence {
            Some(highest) if sequence <= highest => return self.found(sequence, now_ns),
            Some(highest) => {
                self.frames
                    .retain(|frame| now_ns.saturating_sub(frame.noticed_ns) < FORGOTTEN_AFTER_NS);
                for missing in (highest + 1).max(sequence - MAX_MISSING as i64)..sequence {
                    if is_there(missing) {
                        continue;
                    }
                    if self.frames.len() == MAX_MISSING {
                        self.frames.remove(0);
                    }
                    self.frames.push(MissingFrame {
                        sequence: missing,
                        noticed_ns: now_ns,
                        requested_ns: None,
                        given_up: false,
                    });
                }
                self.highest_sequence = Some(sequence);
            }
            None => self.highest_sequence = Some(sequence),
        }
        false
    }

    fn found(&mut self, sequence: i64, now_ns: u64) -> bool {
        let Some(frame) = self.remove(sequence) else {
            return false;
        };
        let was_requested = frame.requested_ns.is_some();
        if !was_requested {
            let waited_ns = now_ns.saturating_sub(frame.noticed_ns);
            self.slowest_ns[0] = self.slowest_ns[0].max(waited_ns);
        }
        was_requested
    }

    /// Whether the frame with this number on the wire was asked for again and has not come.
    pub(super) fn is_requested(&self, sequence_number: u16) -> bool {
        self.frames
            .iter()
            .any(|frame| frame.sequence as u16 == sequence_number && frame.requested_ns.is_some())
    }

    /// Notes that a frame came as redundancy or was sent again.
    pub(super) fn repaired(&mut self, sequence: i64) {
        self.remove(sequence);
    }

    /// Nothing before `sequence` is of use any more. How late it comes is still noted.
    pub(super) fn played_until(&mut self, sequence: i64) {
        self.played_until = self.played_until.max(sequence);
    }

    /// How long a frame that others have overtaken may still be worth waiting for, from the moment
    /// it was noticed. Zero where nothing is reordered.
    pub(super) fn reordering_patience_ns(&self) -> u64 {
        let [now_ns, before_ns] = self.slowest_ns;
        with_slack(now_ns.max(before_ns))
    }

    /// How long after it was noticed a lost frame comes once more, where it is asked for.
    pub(super) fn answer_ns(&self) -> Option<u64> {
        self.round_trip_ns.map(with_slack)
    }

    /// Whether an answer may still come to a frame before `sequence`.
    pub(super) fn awaits_answer(&self, before: i64) -> bool {
        self.round_trip_ns.is_some()
            && self
                .frames
                .iter()
                .any(|frame| self.is_useful(frame) && frame.sequence < before && !frame.given_up)
    }

    /// When the oldest missing frame before `sequence` was noticed.
    pub(super) fn noticed_ns(&self, before: i64) -> Option<u64> {
        self.frames
            .iter()
            .find(|frame| self.is_useful(frame) && frame.sequence < before)
            .map(|frame| frame.noticed_ns)
    }

    /// From now on lost frames are asked for, and answered after a round trip.
    pub(super) fn set_round_trip(&mut self, round_trip_ns: u64) {
        self.round_trip_ns = Some(round_trip_ns);
    }

    /// When [`Self::wanted`] has something to say.
    pub(super) fn request_due_ns(&self) -> Option<u64> {
        let round_trip_ns = self.round_trip_ns?;
        let asked = self.frames.iter().filter(|frame| self.is_useful(frame));
        asked
            .filter(|frame| !frame.given_up)
            .map(|frame| self.due_ns(frame, round_trip_ns))
            .min()
    }

    /// The frames to ask for again, each once per round trip; `in_time` tells by sequence number
    /// and the moment they were noticed whether an answer that comes then is of use.
    pub(super) fn wanted(
        &mut self,
        now_ns: u64,
        in_time: impl Fn(i64, u64, u64) -> bool,
        wanted: &mut Vec<u16>,
    ) {
        let Some(round_trip_ns) = self.round_trip_ns else {
            return;
        };
        for index in 0..self.frames.len() {
            let frame = self.frames[index];
            let is_due = self.due_ns(&frame, round_trip_ns) <= now_ns;
            if frame.given_up || !is_due || !self.is_useful(&frame) {
                continue;
            }
            let is_young = now_ns.saturating_sub(frame.noticed_ns) < FORGOTTEN_AFTER_NS;
            let answer_ns = now_ns.saturating_add(round_trip_ns);
            if is_young && in_time(frame.sequence, frame.noticed_ns, answer_ns) {
                self.frames[index].requested_ns = Some(now_ns);
                wanted.push(frame.sequence as u16);
            } else {
                self.frames[index].given_up = true;
            }
        }
    }

    fn is_useful(&self, frame: &MissingFrame) -> bool {
        frame.sequence >= self.played_until
    }

    /// What is only late is not asked for.
    fn due_ns(&self, frame: &MissingFrame, round_trip_ns: u64) -> u64 {
        match frame.requested_ns {
            Some(ns) => ns.saturating_add(round_trip_ns.max(LEAST_REQUEST_INTERVAL_NS)),
            None => frame.noticed_ns + self.slowest_ns[0].max(self.slowest_ns[1]),
        }
    }

    fn remove(&mut self, sequence: i64) -> Option<MissingFrame> {
        let index = self.frames.iter().position(|f| f.sequence == sequence)?;
        Some(self.frames.remove(index))
    }
}

fn with_slack(ns: u64) -> u64 {
    if ns == 0 { 0 } else { ns + ns / 4 + 5_000_000 }
}
