//! When each packet of a transport arrived (draft-holmer-rmcat-transport-wide-cc-extensions-01
//! §3.1).

use super::{Feedback, RtpError, slice, take, take_u16};

const TRANSPORT_WIDE: u8 = 15;
const HEADER_BYTES: usize = 8;
/// The unit of the reference time.
const REFERENCE_NS: i64 = 64_000_000;
/// The unit of the differences between arrivals.
const DELTA_NS: i64 = 250_000;
/// A message tells of no more packets than this: a minute of audio.
const MAX_PACKETS: usize = 4096;

/// What became of one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// Transport-wide.
    pub sequence_number: u16,
    /// On the receiver's clock; `None`: it has not arrived.
    pub at_ns: Option<i64>,
}

impl Feedback<'_> {
    /// Of a transport feedback message: appends what became of each packet to `arrivals`. False:
    /// it is another message.
    ///
    /// # Errors
    /// It ends before all its packets, or tells of more than 4096.
    pub fn read_arrivals(&self, arrivals: &mut Vec<Arrived>) -> Result<bool, RtpError> {
        if self.format != TRANSPORT_WIDE {
            return Ok(false);
        }
        let message = self.control_information;
        let base = take_u16(message, 0)?;
        let count = usize::from(take_u16(message, 2)?);
        let [high, middle, low] = take::<3>(message, 4)?;
        // 24 bits, signed.
        let reference = i32::from_be_bytes([high, middle, low, 0]) >> 8;
        if count > MAX_PACKETS {
            return Err(RtpError::Truncated {
                needed: HEADER_BYTES + count,
                actual: message.len(),
            });
        }
        let mut symbols = Vec::with_capacity(count);
        let mut offset = HEADER_BYTES;
        while symbols.len() < count {
            push_symbols(take_u16(message, offset)?, count, &mut symbols);
            offset += 2;
        }
        let mut at_ns = i64::from(reference) * REFERENCE_NS;
        for (index, symbol) in symbols.into_iter().enumerate() {
            let (delta, bytes) = match symbol {
                1 => (i64::from(slice(message, offset, offset + 1)?[0]), 1),
                2 => (i64::from(take_u16(message, offset)? as i16), 2),
                _ => (0, 0),
            };
            offset += bytes;
            at_ns += delta * DELTA_NS;
            arrivals.push(Arrived {
                sequence_number: base.wrapping_add(index as u16),
                at_ns: (bytes > 0).then_some(at_ns),
            });
        }
        Ok(true)
    }
}

/// One chunk (§3.1.3, §3.1.4): a run of one symbol, or 14 or 7 of them.
fn push_symbols(chunk: u16, count: usize, symbols: &mut Vec<u8>) {
    let room = count - symbols.len();
    if chunk >> 15 == 0 {
        let run = usize::from(chunk & 0x1fff).min(room);
        symbols.extend(std::iter::repeat_n((chunk >> 13 & 3) as u8, run));
        if run == 0 {
            // A run of none would go on for ever: the rest did not arrive.
            symbols.extend(std::iter::repeat_n(0, room));
        }
    } else if chunk >> 14 & 1 == 0 {
        symbols.extend((0..14).rev().take(room).map(|bit| (chunk >> bit & 1) as u8));
    } else {
        let pairs = (0..7).rev().take(room);
        symbols.extend(pairs.map(|pair| (chunk >> (2 * pair) & 3) as u8));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(message: &[u8]) -> Result<Vec<Arrived>, RtpError> {
        let feedback = Feedback {
            format: TRANSPORT_WIDE,
            sender_ssrc: 1,
            media_ssrc: 2,
            control_information: message,
        };
        let mut arrivals = Vec::new();
        feedback.read_arrivals(&mut arrivals).map(|_| arrivals)
    }

    #[test]
    fn runs_and_vectors_are_read_with_their_deltas() {
        let message = [
            0xff,
            0xfe,
            0,
            5, // from 65 534 on, five packets
            0,
            0,
            2,
            7, // 128 ms
            0x20,
            2, // two that came soon
            0b1100_1000,
            0b0000_0000, // one missing, one that came late, one missing
            80,
            40,
            0xff,
            0xff,
            0,
            0,
        ];
        let ms = |ms: i64| Some(ms * 1_000_000);
        let at: Vec<_> = read(&message).unwrap().iter().map(|p| p.at_ns).collect();
        assert_eq!(at, [ms(148), ms(158), None, Some(157_750_000), None]);
        let last = read(&message).unwrap()[4];
        assert_eq!(last.sequence_number, 2);
    }

    #[test]
    fn vector_of_single_bits_is_read_from_the_left() {
        let message = [0, 1, 0, 3, 0, 0, 0, 0, 0b1010_1000, 0, 4, 0];
        let came: Vec<_> = read(&message)
            .unwrap()
            .iter()
            .map(|p| p.at_ns.is_some())
            .collect();
        assert_eq!(came, [true, false, true]);
    }

    #[test]
    fn message_that_ends_early_is_refused() {
        assert!(read(&[0, 1, 0, 3, 0, 0, 0, 0, 0x20, 3, 4, 4]).is_err());
        assert!(read(&[0, 1, 0xff, 0xff, 0, 0, 0, 0, 0x20, 3]).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_arrivals_or_an_error(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            if let Ok(arrivals) = read(&bytes) {
                prop_assert!(arrivals.len() <= MAX_PACKETS);
            }
        }
    }
}
