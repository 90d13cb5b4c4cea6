//! Which SSRC is listened to.

/// Packets that a BYE overtook come within this.
const GONE_NS: u64 = 2_000_000_000;

/// What to do with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is of the source listened to.
    Current,
    /// It is the first of the first source.
    First,
    /// It may be the first of a new source: keep it until the next one tells.
    Hold,
    /// It follows the packet held: the source has changed, and that packet was its first.
    Changed,
    /// It is of the source that said goodbye.
    Departed,
}

/// Listens to one source, and to another only when that one has fallen silent.
///
/// The first source is taken at once, so that no audio is lost. A later one is taken at its
/// second packet in sequence (RFC 3550 appendix A.1) if the current source was not heard in
/// between: two sources at once never take turns. So is one that said goodbye and goes on after all,
/// once packets that its BYE has overtaken cannot come any more.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SourceLock {
    current: Option<u32>,
    /// The SSRC that said goodbye, and from when on it may return.
    departed: Option<(u32, u64)>,
    /// The SSRC and the next sequence number of a source on probation.
    probation: Option<(u32, u16)>,
}

impl SourceLock {
    pub(super) fn judge(&mut self, ssrc: u32, sequence_number: u16, now_ns: u64) -> Verdict {
        if self.current == Some(ssrc) {
            self.probation = None;
            return Verdict::Current;
        }
        let departed = self.departed.filter(|(departed, _)| *departed == ssrc);
        if departed.is_some_and(|(_, until_ns)| now_ns < until_ns) {
            return Verdict::Departed;
        }
        if self.current.is_none() && departed.is_none() {
            self.current = Some(ssrc);
            return Verdict::First;
        }
        let held = self
            .probation
            .replace((ssrc, sequence_number.wrapping_add(1)));
        match held {
            Some(expected) if expected == (ssrc, sequence_number) => {
                *self = Self {
                    current: Some(ssrc),
                    ..Self::default()
                };
                Verdict::Changed
            }
            // Out of sequence: probation begins again with this packet.
            _ => Verdict::Hold,
        }
    }

    /// Whether it is this source that is listened to.
    pub(super) fn listens_to(&self, ssrc: u32) -> bool {
        self.current == Some(ssrc)
    }

    /// Takes note of a BYE; true if it was the source listened to.
    pub(super) fn depart(&mut self, ssrc: u32, now_ns: u64) -> bool {
        if self.current != Some(ssrc) {
            return false;
        }
        *self = Self {
            departed: Some((ssrc, now_ns.saturating_add(GONE_NS))),
            ..Self::default()
        };
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_source_is_taken_at_its_second_packet_in_sequence() {
        let mut lock = SourceLock::default();
        assert_eq!(lock.judge(1, 10, 0), Verdict::First);
        assert_eq!(lock.judge(2, 65_535, 0), Verdict::Hold);
        assert_eq!(lock.judge(2, 0, 0), Verdict::Changed);
        assert_eq!(lock.judge(2, 1, 0), Verdict::Current);
    }

    #[test]
    fn source_that_speaks_beside_the_current_one_is_never_taken() {
        let mut lock = SourceLock::default();
        lock.judge(1, 10, 0);
        for n in 0..10 {
            assert_eq!(lock.judge(2, n, 0), Verdict::Hold);
            assert_eq!(lock.judge(1, 11 + n, 0), Verdict::Current);
        }
    }

    #[test]
    fn source_out_of_sequence_stays_on_probation() {
        let mut lock = SourceLock::default();
        lock.judge(1, 10, 0);
        assert_eq!(lock.judge(2, 5, 0), Verdict::Hold);
        assert_eq!(lock.judge(2, 7, 0), Verdict::Hold);
        assert_eq!(lock.judge(2, 8, 0), Verdict::Changed);
    }

    #[test]
    fn source_that_goes_on_after_its_goodbye_is_taken_again() {
        let mut lock = SourceLock::default();
        lock.judge(1, 10, 0);
        lock.depart(1, 0);
        let now_ns = GONE_NS;
        assert_eq!(lock.judge(1, 11, now_ns - 1), Verdict::Departed);
        assert_eq!(lock.judge(1, 20, now_ns), Verdict::Hold);
        assert_eq!(lock.judge(1, 21, now_ns), Verdict::Changed);
        assert_eq!(lock.judge(1, 22, now_ns), Verdict::Current);
    }

    #[test]
    fn packets_after_a_goodbye_do_not_bring_the_source_back() {
        let mut lock = SourceLock::default();
        lock.judge(1, 10, 0);
        assert!(!lock.depart(2, 0));
        assert!(lock.depart(1, 0));
        assert_eq!(lock.judge(1, 11, 0), Verdict::Departed);
        assert_eq!(lock.judge(2, 11, 0), Verdict::First);
    }
}
