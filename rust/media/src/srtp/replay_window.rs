//! Which packets have been received (RFC 3711 §3.3.2).

/// How far back a packet may be and still be told from a repeat.
const WINDOW: u64 = 1024;
const WORDS: usize = WINDOW as usize / 64;

/// The indices received of the last 1024.
#[derive(Clone, Debug, Default)]
pub(super) struct ReplayWindow {
    highest: Option<u64>,
    /// Bit `index % WINDOW`, for the indices in the window.
    seen: [u64; WORDS],
}

impl ReplayWindow {
    pub(super) fn highest(&self) -> Option<u64> {
        self.highest
    }

    /// Whether `index` has been received, or is so old that nobody knows.
    pub(super) fn has(&self, index: u64) -> bool {
        match self.highest {
            None => false,
            Some(highest) if index > highest => false,
            Some(highest) => highest - index >= WINDOW || self.bit(index),
        }
    }

    /// Takes note of `index`.
    pub(super) fn record(&mut self, index: u64) {
        match self.highest {
            Some(highest) if index > highest => {
                if index - highest >= WINDOW {
                    self.seen = [0; WORDS];
                } else {
                    (highest + 1..index).for_each(|skipped| self.set(skipped, false));
                }
                self.highest = Some(index);
            }
            None => self.highest = Some(index),
            Some(_) => {}
        }
        self.set(index, true);
    }

    fn bit(&self, index: u64) -> bool {
        let (word, mask) = place(index);
        self.seen[word] & mask != 0
    }

    fn set(&mut self, index: u64, seen: bool) {
        let (word, mask) = place(index);
        if seen {
            self.seen[word] |= mask;
        } else {
            self.seen[word] &= !mask;
        }
    }
}

fn place(index: u64) -> (usize, u64) {
    let bit = index % WINDOW;
    ((bit / 64) as usize, 1 << (bit % 64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        /// Against the set of everything received.
        #[test]
        fn window_tells_every_repeat_and_nothing_else(
            steps in proptest::collection::vec(prop_oneof![4 => -40i64..40, 1 => -1100i64..1100], 1..400),
        ) {
            let mut window = ReplayWindow::default();
            let mut received = BTreeSet::new();
            let mut index = 5000u64;
            for step in steps {
                index = index.saturating_add_signed(step);
                let highest = received.last().copied().unwrap_or(0);
                let expected = received.contains(&index) || index + WINDOW <= highest;
                prop_assert_eq!(window.has(index), expected);
                if !expected {
                    window.record(index);
                    received.insert(index);
                }
            }
        }
    }
}
