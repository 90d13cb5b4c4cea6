//! Elements of the RTP header extension (RFC 8285), one- and two-byte headers.

use super::Extension;

/// The profile of one-byte headers (§4.2).
const ONE_BYTE: u16 = 0xbede;
/// That of two-byte headers (§4.3), but for its four bits that applications have.
const TWO_BYTE: u16 = 0x1000;
/// What a one-byte header can say.
const MAX_ONE_BYTE_ID: u8 = 14;
/// Of one-byte headers: nothing that follows is to be read.
const STOP_ID: u8 = 15;

/// An extension of one element with two bytes of data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TwoByteElement {
    profile: u16,
    data: [u8; 4],
}

impl TwoByteElement {
    /// What it adds to a packet.
    pub const BYTES: usize = 8;

    /// Under `id` (1 to 255), with the shortest header that can say it.
    #[must_use]
    pub fn new(id: u8, value: u16) -> Self {
        let [high, low] = value.to_be_bytes();
        if id <= MAX_ONE_BYTE_ID {
            let profile = ONE_BYTE;
            // The length is one less than what it counts.
            let data = [id << 4 | 1, high, low, 0];
            Self { profile, data }
        } else {
            let profile = TWO_BYTE;
            let data = [id, 2, high, low];
            Self { profile, data }
        }
    }

    /// For a packet.
    #[must_use]
    pub fn extension(&self) -> Extension<'_> {
        Extension {
            profile: self.profile,
            data: &self.data,
        }
    }
}

impl<'a> Extension<'a> {
    /// The data of the element `id`. Elements that run past the end are none, and nor is what
    /// follows them.
    #[must_use]
    pub fn element(&self, id: u8) -> Option<&'a [u8]> {
        let one_byte = self.profile == ONE_BYTE;
        if !one_byte && self.profile & 0xfff0 != TWO_BYTE {
            return None;
        }
        let mut rest = self.data;
        while let [first, after @ ..] = rest {
            if *first == 0 {
                rest = after;
                continue;
            }
            let (found, length, body) = if one_byte {
                (first >> 4, usize::from(first & 0xf) + 1, after)
            } else {
                let [length, body @ ..] = after else {
                    return None;
                };
                (*first, usize::from(*length), body)
            };
            if one_byte && found == STOP_ID {
                return None;
            }
            let data = body.get(..length)?;
            if found == id {
                return Some(data);
            }
            rest = &body[length..];
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn one_byte(data: &[u8]) -> Extension<'_> {
        let profile = ONE_BYTE;
        Extension { profile, data }
    }

    #[test]
    fn elements_are_laid_out_as_in_sections_4_2_and_4_3() {
        let short = TwoByteElement::new(3, 0x0102);
        assert_eq!(short.extension(), one_byte(&[0x31, 1, 2, 0]));
        let long = TwoByteElement::new(15, 0x0102);
        assert_eq!(
            (long.extension().profile, long.extension().data),
            (0x1000, &[15, 2, 1, 2][..])
        );
    }

    #[test]
    fn element_is_found_among_others_and_padding() {
        let data = [0x10, 9, 0, 0, 0x52, 1, 2, 3, 0x31, 7, 8, 0];
        assert_eq!(one_byte(&data).element(3), Some(&[7, 8][..]));
        assert_eq!(one_byte(&data).element(5), Some(&[1, 2, 3][..]));
        assert_eq!(one_byte(&data).element(4), None);
        let two_byte = Extension {
            profile: 0x1005,
            data: &[20, 0, 0, 3, 2, 7, 8, 0],
        };
        assert_eq!(two_byte.element(3), Some(&[7, 8][..]));
        assert_eq!(two_byte.element(20), Some(&[][..]));
    }

    #[test]
    fn nothing_is_read_past_the_end_a_stop_or_in_another_profile() {
        assert_eq!(one_byte(&[0x3f, 1, 2, 3]).element(3), None);
        assert_eq!(one_byte(&[0xf0, 1, 0x31, 1]).element(3), None);
        let other = Extension {
            profile: 0xabcd,
            data: &[0x31, 1, 2, 0],
        };
        assert_eq!(other.element(3), None);
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_back(id in 1u8.., value: u16) {
            let element = TwoByteElement::new(id, value);
            let extension = element.extension();
            prop_assert_eq!(extension.element(id), Some(&value.to_be_bytes()[..]));
            prop_assert_eq!(extension.data.len() + 4, TwoByteElement::BYTES);
        }

        #[test]
        fn arbitrary_bytes_have_an_element_or_none(
            profile in prop_oneof![Just(ONE_BYTE), 0x1000u16..0x1010, any::<u16>()],
            data in proptest::collection::vec(any::<u8>(), 0..40),
            id in 1u8..,
        ) {
            let extension = Extension { profile, data: &data };
            if let Some(element) = extension.element(id) {
                prop_assert!(element.len() < data.len());
            }
        }
    }
}
