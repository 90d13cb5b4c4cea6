use proptest::prelude::*;

use super::super::sys::oracle;
use super::*;

const MALFORMED: [(&[u8], MalformedPacket); 13] = [
    (&[], MalformedPacket::Empty),
    (&[0b01, 1], MalformedPacket::OddLength),
    (&[0b10], MalformedPacket::FramePastEnd),
    (&[0b10, 252], MalformedPacket::FramePastEnd),
    (&[0b10, 2, 0], MalformedPacket::FramePastEnd),
    (&[0b11], MalformedPacket::NoFrameCount),
    (&[0b11, 0], MalformedPacket::NoFrames),
    // Three SILK frames of 60 ms.
    (&[0b0001_1011, 3, 0, 0, 0], MalformedPacket::TooLong),
    // Forty-nine CELT frames of 2.5 ms.
    (&[0b1000_0011, 49], MalformedPacket::TooLong),
    (&[0b11, 0x41], MalformedPacket::PaddingPastEnd),
    (&[0b11, 0x41, 2, 0], MalformedPacket::PaddingPastEnd),
    (
        &[0b11, 2, 0],
        MalformedPacket::UnequalFrames {
            bytes: 1,
            frames: 2,
        },
    ),
    (&[0b11, 0x82, 2, 0], MalformedPacket::FramePastEnd),
];

#[test]
fn every_rule_of_rfc_6716_section_3_4_has_its_own_error() {
    for (bytes, expected) in MALFORMED {
        assert_eq!(Packet::parse(bytes), Err(expected.into()), "{bytes:x?}");
    }
    let too_long = [0; 1277];
    assert_eq!(
        Packet::parse(&too_long),
        Err(MalformedPacket::FrameTooLong(1276).into())
    );
}

#[test]
fn frames_of_each_code_are_told_apart() {
    let frames = |bytes: &'static [u8]| Packet::parse(bytes).unwrap().frames().to_vec();
    assert_eq!(frames(&[0b00, 1, 2]), [&[1_u8, 2][..]]);
    assert_eq!(frames(&[0b01, 1, 2]), [&[1_u8][..], &[2]]);
    assert_eq!(frames(&[0b10, 1, 1, 2, 3]), [&[1_u8][..], &[2, 3]]);
    assert_eq!(frames(&[0b11, 3, 1, 2, 3]), [&[1_u8][..], &[2], &[3]]);
    assert_eq!(
        frames(&[0b11, 0x83, 0, 1, 2, 3, 4]),
        [&[][..], &[2], &[3, 4]]
    );
    assert_eq!(frames(&[0b00]), [&[][..]]);
}

#[test]
fn a_frame_length_of_two_bytes_reaches_1275() {
    let mut bytes = vec![0b10, 255, 255];
    bytes.resize(3 + 1275 + 7, 9);
    let packet = Packet::parse(&bytes).unwrap();
    assert_eq!(packet.frames()[0].len(), 1275);
    assert_eq!(packet.frames()[1].len(), 7);
}

#[test]
fn padding_of_several_length_bytes_is_kept_out_of_the_frames() {
    let mut bytes = vec![0b11, 0x41, 255, 1, 42];
    bytes.extend([7; 255]);
    let packet = Packet::parse(&bytes).unwrap();
    assert_eq!(packet.frames(), [&[42_u8][..]]);
    assert_eq!(packet.padding(), [7; 255]);
}

#[test]
fn every_toc_agrees_with_libopus() {
    for byte in 0..=255 {
        let toc = Toc::new(byte);
        let (bandwidth, channels, frame_samples) = oracle::toc(&[byte], 48_000);
        assert_eq!(toc.bandwidth() as i32, bandwidth - 1101, "{byte:#x}");
        assert_eq!(i32::from(toc.is_stereo()) + 1, channels, "{byte:#x}");
        assert_eq!(toc.frame_samples(48_000) as i32, frame_samples, "{byte:#x}");
    }
}

/// Mostly well-formed: random bytes alone seldom get past the frame count.
fn packets() -> impl Strategy<Value = Vec<u8>> {
    let code_3 = (
        any::<u8>(),
        any::<u8>(),
        prop::collection::vec(0_u8..12, 0..80),
    )
        .prop_map(|(toc, header, rest)| {
            let mut bytes = vec![toc | 0b11, header & 0xcf];
            bytes.extend(rest);
            bytes
        });
    let long = (any::<u8>(), 1200_usize..2700, any::<u8>())
        .prop_map(|(toc, bytes, fill)| [vec![toc], vec![fill; bytes]].concat());
    prop_oneof![prop::collection::vec(any::<u8>(), 0..64), code_3, long,]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn any_bytes_parse_as_libopus_parses_them(bytes in packets()) {
        let ours = Packet::parse(&bytes);
        match oracle::parse(&bytes) {
            Ok((lengths, offset)) => {
                let ours = ours.unwrap();
                let ours_lengths: Vec<usize> = ours.frames().iter().map(|f| f.len()).collect();
                prop_assert_eq!(&ours_lengths, &lengths);
                let end = offset + lengths.iter().sum::<usize>();
                prop_assert_eq!(&ours.frames().concat(), &bytes[offset..end]);
                prop_assert_eq!(ours.padding(), &bytes[end..]);
            }
            Err(_) => prop_assert!(ours.is_err(), "libopus refuses, we read {ours:?}"),
        }
    }

    #[test]
    fn lbrr_flags_agree_with_libopus(bytes in packets()) {
        if !bytes.is_empty() {
            prop_assert_eq!(has_lbrr(&bytes), oracle::has_lbrr(&bytes).unwrap_or(false));
        }
    }
}
