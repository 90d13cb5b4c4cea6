//! The 48-bit index of an RTP packet (RFC 3711 §3.3.1).

/// One past the last index that a key may be used for.
const END: u64 = 1 << 48;

/// The index of the packet with `sequence_number`: the one nearest to the `highest` so far, which
/// a sender that begins below 2^15 and a window of 2^15 make certain. None past the last one.
pub(super) fn estimate(highest: Option<u64>, sequence_number: u16) -> Option<u64> {
    let Some(highest) = highest else {
        return Some(u64::from(sequence_number));
    };
    let ahead = sequence_number.wrapping_sub(highest as u16) as i16;
    let index = highest
        .checked_add_signed(i64::from(ahead))
        // Before the first rollover there is nothing to go back to.
        .unwrap_or(u64::from(sequence_number));
    (index < END).then_some(index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rollover_counter_follows_the_sequence_number_over_its_end_and_back() {
        assert_eq!(estimate(None, 0xffff), Some(0xffff));
        assert_eq!(estimate(Some(0xffff), 0), Some(0x1_0000));
        assert_eq!(estimate(Some(0x1_0000), 0xffff), Some(0xffff));
        assert_eq!(estimate(Some(0x2_0005), 0xfffe), Some(0x1_fffe));
        assert_eq!(estimate(Some(5), 0xfffe), Some(0xfffe));
    }

    #[test]
    fn index_ends_instead_of_repeating() {
        assert_eq!(estimate(Some(END - 1), 0xffff), Some(END - 1));
        assert_eq!(estimate(Some(END - 1), 0), None);
    }
}
