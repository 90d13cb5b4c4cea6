//! How much the path may be given: up slowly, down at once, and not back up again and again.

const NS_PER_S: u64 = 1_000_000_000;
/// What is left after the path was found congested.
const DECREASE: f32 = 0.8;
/// What a report without congestion adds.
const INCREASE: f32 = 1.06;
/// Reports lag behind what they are about.
const SETTLE_NS: u64 = 3 * NS_PER_S;
/// The rate that was too much is left alone for so long; twice as long each time it was again, up
/// to the longest.
const FIRST_HOLD_NS: u64 = 20 * NS_PER_S;
const LONGEST_HOLD_NS: u64 = 160 * NS_PER_S;
/// How near it is gone meanwhile.
const NEAR: f32 = 0.9;
/// A stream that uses less than this share of its budget says nothing about more.
const USED: f32 = 0.75;

/// Bits per second on the wire, headers included.
#[derive(Debug)]
pub(super) struct Budget {
    bps: f32,
    floor_bps: f32,
    ceiling_bps: f32,
    /// What was too much, and until when it is left alone.
    too_much: Option<(f32, u64)>,
    hold_ns: u64,
    decreased_ns: Option<u64>,
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
            decreased_ns: None,
            congestions: 0,
        }
    }

    pub(super) fn bps(&self) -> f32 {
        self.bps
    }

    /// More is never asked for.
    pub(super) fn set_ceiling(&mut self, ceiling_bps: f32) {
        self.ceiling_bps = ceiling_bps.max(self.floor_bps);
        self.bps = self.bps.min(self.ceiling_bps);
    }

    /// The path does not carry `sent_bps`.
    pub(super) fn congested(&mut self, sent_bps: f32, now_ns: u64) {
        if self.is_settling(now_ns) {
            return;
        }
        // A stream that rested says nothing about what it would have taken.
        let carried = self.bps.min(sent_bps.max(self.floor_bps));
        let again = self.too_much.is_some_and(|(_, until_ns)| {
            now_ns < until_ns + 2 * self.hold_ns && self.bps >= carried
        });
        self.hold_ns = if again {
            (2 * self.hold_ns).min(LONGEST_HOLD_NS)
        } else {
            FIRST_HOLD_NS
        };
        self.too_much = Some((carried, now_ns + self.hold_ns));
        self.bps = (DECREASE * carried).max(self.floor_bps);
        self.decreased_ns = Some(now_ns);
        self.congestions += 1;
    }

    /// What was taken for congestion was none.
    pub(super) fn restore(&mut self, bps: f32) {
        self.bps = self.bps.max(bps).min(self.ceiling_bps);
        self.too_much = None;
        self.hold_ns = FIRST_HOLD_NS;
    }

    /// The path carries `sent_bps` without trouble.
    pub(super) fn uncongested(&mut self, sent_bps: f32, now_ns: u64) {
        if self.is_settling(now_ns) || sent_bps < USED * self.bps {
            return;
        }
        let limit_bps = match self.too_much {
            Some((bps, until_ns)) if now_ns < until_ns => NEAR * bps,
            _ => self.ceiling_bps,
        };
        let more = (INCREASE * self.bps).min(limit_bps).min(self.ceiling_bps);
        self.bps = self.bps.max(more);
    }

    fn is_settling(&self, now_ns: u64) -> bool {
        self.decreased_ns
            .is_some_and(|at_ns| now_ns.saturating_sub(at_ns) < SETTLE_NS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bits per second each second on a path that carries `capacity_bps`.
    fn on_path(capacity_bps: f32, seconds: u64) -> Vec<f32> {
        let mut budget = Budget::new(52_000.0, 14_000.0, 84_000.0);
        (0..seconds)
            .map(|second| {
                let (bps, now_ns) = (budget.bps(), second * NS_PER_S);
                if bps > capacity_bps {
                    budget.congested(bps, now_ns);
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
