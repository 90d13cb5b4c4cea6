//! Which SSRC is listened to.

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
/// between: two sources at once never take turns.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SourceLock {
    current: Option<u32>,
    departed: Option<u32>,
    /// The SSRC and the next sequence number of a source on probation.
    probation: Option<(u32, u16)>,
}

impl SourceLock {
    pub(super) fn judge(&mut self, ssrc: u32, sequence_number: u16) -> Verdict {
        if self.current == Some(ssrc) {
            self.probation = None;
            return Verdict::Current;
        }
        if self.departed == Some(ssrc) {
            return Verdict::Departed;
        }
        if self.current.is_none() {
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

    /// Takes note of a BYE; true if it was the source listened to.
    pub(super) fn depart(&mut self, ssrc: u32) -> bool {
        if self.current != Some(ssrc) {
            return false;
        }
        *self = Self {
            departed: Some(ssrc),
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
        assert_eq!(lock.judge(1, 10), Verdict::First);
        assert_eq!(lock.judge(2, 65_535), Verdict::Hold);
        assert_eq!(lock.judge(2, 0), Verdict::Changed);
        assert_eq!(lock.judge(2, 1), Verdict::Current);
    }

    #[test]
    fn source_that_speaks_beside_the_current_one_is_never_taken() {
        let mut lock = SourceLock::default();
        lock.judge(1, 10);
        for n in 0..10 {
            assert_eq!(lock.judge(2, n), Verdict::Hold);
            assert_eq!(lock.judge(1, 11 + n), Verdict::Current);
        }
    }

    #[test]
    fn source_out_of_sequence_stays_on_probation() {
        let mut lock = SourceLock::default();
        lock.judge(1, 10);
        assert_eq!(lock.judge(2, 5), Verdict::Hold);
        assert_eq!(lock.judge(2, 7), Verdict::Hold);
        assert_eq!(lock.judge(2, 8), Verdict::Changed);
    }

    #[test]
    fn packets_after_a_goodbye_do_not_bring_the_source_back() {
        let mut lock = SourceLock::default();
        lock.judge(1, 10);
        assert!(!lock.depart(2));
        assert!(lock.depart(1));
        assert_eq!(lock.judge(1, 11), Verdict::Departed);
        assert_eq!(lock.judge(2, 11), Verdict::First);
    }
}
