//! What a receiver takes the path to carry: REMB (draft-alvestrand-rmcat-remb-03 §2.2).

use super::Feedback;

const APPLICATION_LAYER: u8 = 15;
const IDENTIFIER: &[u8; 4] = b"REMB";

impl Feedback<'_> {
    /// Of a payload feedback message: the bits per second that its sender takes the path to it to
    /// carry. `None`: it is another message.
    #[must_use]
    pub fn maximum_bitrate_bps(&self) -> Option<u64> {
        let rest = self.control_information.strip_prefix(IDENTIFIER)?;
        let [_count, high, middle, low, ..] = *rest else {
            return None;
        };
        if self.format != APPLICATION_LAYER {
            return None;
        }
        let mantissa = u64::from(high & 3) << 16 | u64::from(middle) << 8 | u64::from(low);
        // A shift of up to 63 of 18 bits: what does not fit is as good as no bound.
        Some(
            mantissa
                .checked_shl(u32::from(high >> 2))
                .filter(|bps| bps >> (high >> 2) == mantissa)
                .unwrap_or(u64::MAX),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn feedback(format: u8, control_information: &[u8]) -> Feedback<'_> {
        Feedback {
            format,
            sender_ssrc: 1,
            media_ssrc: 0,
            control_information,
        }
    }

    #[test]
    fn bitrate_is_a_mantissa_and_an_exponent() {
        // 150 000 = 150 000 · 2^0, 96 000 · 2^3, and more than 64 bits can say.
        let read = |bytes: [u8; 4]| {
            let mut fci = IDENTIFIER.to_vec();
            fci.extend(bytes);
            fci.extend([0, 0, 0, 9]);
            feedback(15, &fci).maximum_bitrate_bps()
        };
        assert_eq!(read([1, 0x02, 0x49, 0xf0]), Some(150_000));
        assert_eq!(read([1, 0x0d, 0x77, 0x00]), Some(96_000 * 8));
        assert_eq!(read([1, 0xff, 0xff, 0xff]), Some(u64::MAX));
    }

    #[test]
    fn other_messages_are_none() {
        let fci = b"REMB\x01\x02\x49\xf0";
        assert_eq!(feedback(1, fci).maximum_bitrate_bps(), None);
        assert_eq!(feedback(15, &fci[..7]).maximum_bitrate_bps(), None);
        assert_eq!(
            feedback(15, b"RPSI\x01\x02\x49\xf0").maximum_bitrate_bps(),
            None
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_bitrate_or_none(
            bytes in proptest::collection::vec(any::<u8>(), 0..16), named: bool,
        ) {
            let mut fci = if named { IDENTIFIER.to_vec() } else { Vec::new() };
            fci.extend(bytes);
            let _ = feedback(15, &fci).maximum_bitrate_bps();
        }
    }
}
