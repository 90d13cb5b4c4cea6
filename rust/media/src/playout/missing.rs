//! The frames that others have overtaken: lost, or still on their way.

/// How many holes are remembered at once. Beyond, the oldest is forgotten.
const MAX_MISSING: usize = 128;

/// A frame sent again later than this would find its place played in any call.
const FORGOTTEN_AFTER_NS: u64 = 1_000_000_000;

/// What two reorderings must not be apart for the network to count as one that reorders.
const REORDERING_MEMORY_NS: u64 = 30_000_000_000;

const REMEMBERED_REORDERINGS: usize = 32;

#[derive(Clone, Copy, Debug)]
struct MissingFrame {
    sequence: i64,
    noticed_ns: u64,
    requested_ns: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
struct Reordering {
    at_ns: u64,
    waited_ns: u64,
}

/// What is missing, since when, and how long such frames have taken to turn up.
#[derive(Debug)]
pub(super) struct Missing {
    frames: Vec<MissingFrame>,
    highest_sequence: Option<i64>,
    /// Before this everything is played or given up.
    played_until: i64,
    reorderings: [Reordering; REMEMBERED_REORDERINGS],
    next_reordering: usize,
    round_trip_ns: Option<u64>,
}

impl Missing {
    pub(super) fn new() -> Self {
        Self {
            frames: Vec::with_capacity(MAX_MISSING),
            highest_sequence: None,
            played_until: i64::MIN,
            reorderings: [Reordering {
                at_ns: 0,
                waited_ns: 0,
            }; REMEMBERED_REORDERINGS],
            next_reordering: 0,
            round_trip_ns: None,
        }
    }

    /// Notes the arrival of a frame as sent.
    pub(super) fn observe(&mut self, sequence: i64, now_ns: u64) {
        match self.highest_sequence {
            Some(highest) if sequence <= highest => {
                if let Some(frame) = self.remove(sequence)
                    && frame.requested_ns.is_none()
                {
                    self.reorderings[self.next_reordering] = Reordering {
                        at_ns: now_ns,
                        waited_ns: now_ns.saturating_sub(frame.noticed_ns),
                    };
                    self.next_reordering = (self.next_reordering + 1) % REMEMBERED_REORDERINGS;
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
    pub(super) fn patience_ns(&self, now_ns: u64) -> u64 {
        let slowest = self
            .reorderings
            .iter()
            .filter(|r| r.waited_ns > 0 && now_ns.saturating_sub(r.at_ns) < REORDERING_MEMORY_NS)
            .map(|r| r.waited_ns)
            .max();
        let reordered = slowest.map_or(0, |ns| ns + ns / 4 + 5_000_000);
        let sent_again = self.round_trip_ns.map_or(0, |ns| ns + ns / 8 + 5_000_000);
        reordered.max(sent_again)
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
