//! How much the path may be given: up slowly, down at once, and not back up again and again.

const NS_PER_S: u64 = 1_000_000_000;
/// What is given of what a congested path carries.
const DECREASE: f32 = 0.8;
/// The same where only loss says so: there may be next to no queue, in which even packets that would
/// fit on average meet others.
const DECREASE_BY_LOSS: f32 = 0.7;
/// What a report without congestion adds.
const INCREASE: f32 = 1.06;
/// The rate that was too much is left alone for so long; twice as long each time it was again, up
/// to the longest.
const FIRST_HOLD_NS: u64 = 20 * NS_PER_S;
const LONGEST_HOLD_NS: u64 = 160 * NS_PER_S;
/// How near it is gone meanwhile.
const NEAR: f32 = 0.9;
/// What a report adds from there on afterwards: the path may still carry no more.
const CAREFUL_INCREASE: f32 = 1.02;
/// A stream that uses less than this share of its budget says nothing about more.
const USED: f32 = 0.75;

/// What the path did not carry.
#[derive(Clone, Copy, Debug)]
struct TooMuch {
    bps: f32,
    /// It is left alone until then.
    until_ns: u64,
    by_loss: bool,
}

/// Bits per second on the wire, headers included.
#[derive(Debug)]
pub(super) struct Budget {
    bps: f32,
    floor_bps: f32,
    ceiling_bps: f32,
    too_much: Option<TooMuch>,
    hold_ns: u64,
    /// What was done about congestion shows from then on.
    settled_ns: u64,
    pub(super) congestions: u64,
}

impl Budget {
    pub(super) fn new(start_bps: f32, floor_bps: f32, ceiling_bps: f32) -> Self {
        Self {
            bps: start_bps.clamp(floor_bps, ceiling_bps),
            floor_bps,
            ceiling_bps,
            too_much: None,
            hold_ns: FIRST_HOLD_NS,
            settled_ns: 0,
            congestions: 0,
        }
    }

    pub(super) fn bps(&self) -> f32 {
        self.bps
    }

    pub(super) fn floor_bps(&self) -> f32 {
        self.floor_bps
    }

    /// Whether loss told what is too much, or a queue; `None`: it is not known what is.
    pub(super) fn too_much_by_loss(&self) -> Option<bool> {
        self.too_much.map(|too_much| too_much.by_loss)
    }

    /// More is never asked for.
    pub(super) fn set_ceiling(&mut self, ceiling_bps: f32) {
        self.ceiling_bps = ceiling_bps.max(self.floor_bps);
        self.bps = self.bps.min(self.ceiling_bps);
    }

    /// The path's queue says that it carries `carried_bps` and no more; for `settle_ns` it cannot be
    /// told what comes of giving it less.
    pub(super) fn congested(&mut self, carried_bps: f32, settle_ns: u64, now_ns: u64) {
        if now_ns >= self.settled_ns {
            self.decrease(carried_bps, false, now_ns);
            self.settled_ns = now_ns + settle_ns;
        }
    }

    /// The path's loss says so.
    pub(super) fn lossy(&mut self, carried_bps: f32, now_ns: u64) {
        self.decrease(carried_bps, true, now_ns);
    }

    fn decrease(&mut self, carried_bps: f32, by_loss: bool, now_ns: u64) {
        // A stream that rested says nothing about what it would have taken.
        let carried = self.bps.min(carried_bps.max(self.floor_bps));
        let again = self.too_much.is_some_and(|too_much| {
            now_ns < too_much.until_ns + 2 * self.hold_ns && self.bps >= carried
        });
        self.hold_ns = if again {
            (2 * self.hold_ns).min(LONGEST_HOLD_NS)
        } else {
            FIRST_HOLD_NS
        };
        self.too_much = Some(TooMuch {
            bps: carried,
            until_ns: now_ns + self.hold_ns,
            by_loss,
        });
        let share = if by_loss { DECREASE_BY_LOSS } else { DECREASE };
        self.bps = (share * carried).max(self.floor_bps);
        self.congestions += 1;
    }

    /// What was taken for congestion was none.
    pub(super) fn restore(&mut self, bps: f32) {
        self.bps = self.bps.max(bps).min(self.ceiling_bps);
        self.too_much = None;
        self.hold_ns = FIRST_HOLD_NS;
    }

    /// Loss says nothing about what is too much.
    pub(super) fn forgive_loss(&mut self) {
        if self.too_much.is_some_and(|too_much| too_much.by_loss) {
            self.too_much = None;
            self.hold_ns = FIRST_HOLD_NS;
        }
    }

    /// The path carries `sent_bps` without trouble.
    pub(super) fn uncongested(&mut self, sent_bps: f32, now_ns: u64) {
        if now_ns < self.settled_ns || sent_bps < USED * self.bps {
            return;
        }
        let (increase, limit_bps) = match self.too_much {
            Some(too_much) if now_ns < too_much.until_ns => (INCREASE, NEAR * too_much.bps),
            Some(too_much) if self.bps >= NEAR * too_much.bps => {
                (CAREFUL_INCREASE, self.ceiling_bps)
            }
            _ => (INCREASE, self.ceiling_bps),
        };
        let more = (increase * self.bps).min(limit_bps).min(self.ceiling_bps);
        self.bps = self.bps.max(more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTLE_NS: u64 = 3 * NS_PER_S;

    /// Bits per second each second on a path that carries `capacity_bps`.
    fn on_path(capacity_bps: f32, seconds: u64) -> Vec<f32> {
        let mut budget = Budget::new(52_000.0, 14_000.0, 84_000.0);
        (0..seconds)
            .map(|second| {
                let (bps, now_ns) = (budget.bps(), second * NS_PER_S);
                if bps > capacity_bps {
                    budget.congested(bps, SETTLE_NS, now_ns);
                } else {
                    budget.uncongested(bps, now_ns);
                }
                budget.bps()
            })
            .collect()
    }

    #[test]
    fn it_stays_below_what_was_too_much_and_tries_again_less_and_less_often() {
        let bps = on_path(40_000.0, 600);
        let over: Vec<usize> = (0..600).filter(|second| bps[*second] > 40_000.0).collect();
        assert!(over.len() < 20, "{over:?}");
        assert!(bps[60..].iter().all(|bps| *bps > 25_000.0));
        let (early, late) = (&over[..over.len() / 2], &over[over.len() / 2..]);
        let span = |seconds: &[usize]| seconds[seconds.len() - 1] - seconds[0];
        assert!(span(late) >= span(early), "{over:?}");
    }

    #[test]
    fn it_goes_to_its_ceiling_where_there_is_room_and_to_its_floor_where_there_is_none() {
        assert!((on_path(1e6, 60)[59] - 84_000.0).abs() < 1.0);
        assert!((on_path(0.0, 60)[59] - 14_000.0).abs() < 1.0);
    }

    #[test]
    fn stream_that_rests_does_not_raise_it() {
        let mut budget = Budget::new(52_000.0, 14_000.0, 84_000.0);
        for second in 0..60 {
            budget.uncongested(21_000.0, second * NS_PER_S);
        }
        assert!((budget.bps() - 52_000.0).abs() < 1.0);
    }
}
