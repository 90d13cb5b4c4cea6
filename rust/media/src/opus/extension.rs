//! Extensions of an Opus packet, which travel in its padding (draft-ietf-mlcodec-opus-extension
//! §3). Only whether there is DRED among them is of interest here; libopus reads it.

use super::Packet;

/// Provisional: libopus 1.6 has not been given a number yet.
const DRED_ID: u8 = 126;
/// Begins the payload while the number is provisional: a letter and the version of the format.
const DRED_MARK: [u8; 2] = [b'D', 12];
const REPEAT_ID: u8 = 2;
const FIRST_LONG_ID: u8 = 32;

/// Whether a packet describes what was said before it (DRED) in the format that libopus reads;
/// false for one that does not parse.
#[must_use]
pub fn has_dred(packet: &[u8]) -> bool {
    Packet::parse(packet).is_ok_and(|packet| padding_has_dred(packet.padding()))
}

fn padding_has_dred(padding: &[u8]) -> bool {
    let mut rest = padding;
    while let Some((id, payload, after)) = split_extension(rest) {
        if id == DRED_ID && payload.len() > DRED_MARK.len() && payload.starts_with(&DRED_MARK) {
            return true;
        }
        rest = after;
    }
    false
}

/// The first extension's number and payload, and what follows it.
fn split_extension(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&header, rest) = bytes.split_first()?;
    let (id, flag) = (header >> 1, header & 1 == 1);
    let length = match id {
        // What repeats has payloads whose lengths the extensions before it tell: not read.
        REPEAT_ID => return None,
        0 if flag => 0,
        1..FIRST_LONG_ID => usize::from(flag),
        _ if !flag => rest.len(),
        _ => return split_laced(id, rest),
    };
    let (payload, after) = rest.split_at_checked(length)?;
    Some((id, payload, after))
}

fn split_laced(id: u8, mut rest: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let mut length = 0;
    loop {
        let (&lacing, after) = rest.split_first()?;
        length += usize::from(lacing);
        rest = after;
        if lacing < 255 {
            let (payload, after) = rest.split_at_checked(length)?;
            return Some((id, payload, after));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opus::{Encoder, EncoderSettings, MAX_FRAME_PACKET_BYTES};
    use proptest::prelude::*;

    #[test]
    fn dred_is_found_behind_other_extensions_and_under_its_version_only() {
        let dred = [DRED_ID << 1, b'D', 12, 1];
        assert!(padding_has_dred(&dred));
        // One skipped byte, a short extension of one byte, a laced long one.
        let before = [0x01, 7 << 1 | 1, 9, 40 << 1 | 1, 2, 8, 8];
        assert!(padding_has_dred(&[&before[..], &dred].concat()));
        assert!(!padding_has_dred(&[DRED_ID << 1, b'D', 11, 1]));
        assert!(!padding_has_dred(&[DRED_ID << 1, b'D', 12]));
        assert!(!padding_has_dred(&[40 << 1 | 1, 2, 8]));
        assert!(!padding_has_dred(&[0; 9]));
    }

    #[test]
    fn encoder_sends_dred_when_it_is_asked_to_and_not_otherwise() {
        for (dred_duration_ms, expected) in [(0, false), (200, true)] {
            let settings = EncoderSettings {
                inband_fec: false,
                expected_loss_percent: 20,
                dred_duration_ms,
                ..EncoderSettings::default()
            };
            let mut encoder = Encoder::new(&settings).unwrap();
            // A stream that begins anew keeps its settings.
            encoder.reset();
            let mut packet = [0; MAX_FRAME_PACKET_BYTES];
            let mut carrying = 0;
            for frame in 0..50 {
                let pcm: Vec<i16> = (0..960)
                    .map(|n| (6000.0 * (f64::from(frame * 960 + n) * 0.03).sin()) as i16)
                    .collect();
                let bytes = encoder.encode(&pcm, &mut packet).unwrap();
                carrying += usize::from(has_dred(&packet[..bytes]));
            }
            assert_eq!(carrying > 40, expected, "{carrying}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_padding_is_read_to_its_end(
            padding in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            let _ = padding_has_dred(&padding);
        }
    }
}
