//! The frames that others have overtaken: lost, or still on their way.

/// How many holes are remembered at once. Beyond, the oldest is forgotten.
const MAX_MISSING: usize = 128;

/// A frame sent again later than this would find its place played in any call.
const FORGOTTEN_AFTER_NS: u64 = 1_000_000_000;

/// The slowest frame that was overtaken is remembered for one to two of these.
const REORDERING_MEMORY_NS: u64 = 15_000_000_000;

#[derive(Clone, Copy, Debug)]
struct MissingFrame {
    sequence: i64,
    noticed_ns: u64,
    requested_ns: Option<u64>,
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

    /// Notes the arrival of a frame as sent.
    pub(super) fn observe(&mut self, sequence: i64, now_ns: u64) {
        if now_ns.saturating_sub(self.stretch_start_ns) >= REORDERING_MEMORY_NS {
            self.slowest_ns = [0, self.slowest_ns[0]];
            self.stretch_start_ns = now_ns;
        }
        match self.highest_sequence {
            Some(highest) if sequence <= highest => {
                if let Some(frame) = self.remove(sequence)
                    && frame.requested_ns.is_none()
                {
                    let waited_ns = now_ns.saturating_sub(frame.noticed_ns);
                    self.slowest_ns[0] = self.slowest_ns[0].max(waited_ns);
                }
            }
            Some(highest) => {
                self.frames
                    .retain(|frame| now_ns.saturating_sub(frame.noticed_ns) < FORGOTTEN_AFTER_NS);
                for missing in (highest + 1).max(sequence - MAX_MISSING as i64)..sequence {
                    if self.frames.len() == MAX_MISSING {
                        self.frames.remove(0);
                    }
                    self.frames.push(MissingFrame {
                        sequence: missing,
                        noticed_ns: now_ns,
                        requested_ns: None,
                    });
                }
                self.highest_sequence = Some(sequence);
            }
            None => self.highest_sequence = Some(sequence),
        }
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
    /// it was noticed. Zero where nothing is reordered and nothing is asked for again.
    pub(super) fn patience_ns(&self) -> u64 {
        let with_slack = |ns: u64| if ns == 0 { 0 } else { ns + ns / 4 + 5_000_000 };
        let [now_ns, before_ns] = self.slowest_ns;
        with_slack(now_ns.max(before_ns)).max(with_slack(self.round_trip_ns.unwrap_or(0)))
    }

    /// When the oldest missing frame before `sequence` was noticed.
    pub(super) fn noticed_ns(&self, before: i64) -> Option<u64> {
        self.frames
            .iter()
            .find(|frame| (self.played_until..before).contains(&frame.sequence))
            .map(|frame| frame.noticed_ns)
    }

    /// The frames to ask for again, each once per round trip.
    pub(super) fn wanted(&mut self, now_ns: u64, round_trip_ns: u64, wanted: &mut Vec<u16>) {
        self.round_trip_ns = Some(round_trip_ns);
        for frame in &mut self.frames {
            let due = frame
                .requested_ns
                .is_none_or(|ns| now_ns.saturating_sub(ns) >= round_trip_ns);
            let useful = frame.sequence >= self.played_until;
            if due && useful && now_ns.saturating_sub(frame.noticed_ns) < FORGOTTEN_AFTER_NS {
                frame.requested_ns = Some(now_ns);
                wanted.push(frame.sequence as u16);
            }
        }
    }

    fn remove(&mut self, sequence: i64) -> Option<MissingFrame> {
        let index = self.frames.iter().position(|f| f.sequence == sequence)?;
        Some(self.frames.remove(index))
    }
}
