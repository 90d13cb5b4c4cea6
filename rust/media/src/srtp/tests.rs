//! The RFCs' vectors, and what must hold whatever arrives.

use super::cipher::{Cipher, PacketId, apply_counter_mode};
use super::*;
use ctr::cipher::KeyInit;
use proptest::prelude::*;

const PROFILES: [Profile; 3] = [
    Profile::Aes128CmSha1,
    Profile::AeadAes128Gcm,
    Profile::AeadAes256Gcm,
];

pub(super) fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex.chars().filter_map(|c| c.to_digit(16)).collect();
    digits
        .chunks(2)
        .map(|pair| (pair[0] << 4 | pair[1]) as u8)
        .collect()
}

fn key_and_salt(profile: Profile, first: u8) -> Vec<u8> {
    let length = profile.key_bytes() + profile.salt_bytes();
    (0..length as u8).map(|n| n.wrapping_add(first)).collect()
}

/// Both ends of a call.
fn ends(profile: Profile) -> (Session, Session) {
    let (ours, theirs) = (key_and_salt(profile, 1), key_and_salt(profile, 101));
    let keying = |bytes| Keying::new(profile, bytes).unwrap();
    let (ours, theirs) = (keying(&ours), keying(&theirs));
    (
        Session::new(profile, ours, theirs).unwrap(),
        Session::new(profile, theirs, ours).unwrap(),
    )
}

fn rtp(ssrc: u32, sequence_number: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, 96];
    packet.extend(sequence_number.to_be_bytes());
    packet.extend([0; 4]);
    packet.extend(ssrc.to_be_bytes());
    packet.extend(payload);
    packet
}

fn rtcp(ssrc: u32, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, 201, 0, 1];
    packet.extend(ssrc.to_be_bytes());
    packet.extend(body);
    packet
}

fn protected(session: &mut Session, packet: &[u8]) -> Vec<u8> {
    let mut datagram = Vec::new();
    session.protect(packet, &mut datagram).unwrap();
    datagram
}

fn opened(session: &mut Session, datagram: &[u8]) -> Result<Vec<u8>, SrtpError> {
    let mut packet = Vec::new();
    session.unprotect(datagram, &mut packet)?;
    Ok(packet)
}

#[test]
fn keystream_is_that_of_rfc_3711_appendix_b_2() {
    let aes = aes::Aes128::new_from_slice(&bytes("2B7E151628AED2A6ABF7158809CF4F3C")).unwrap();
    let counter = bytes("F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000")
        .try_into()
        .unwrap();
    let mut keystream = [0; 48];
    apply_counter_mode(&aes, &counter, &mut keystream);
    let expected = "E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB \
                    41E95B3BB0A2E8DD477901E4FCA894C0";
    assert_eq!(keystream.to_vec(), bytes(expected));
}

const GCM_SALT: &str = "517569642070726f2071756f";
const GCM_RTP: &str = "8040f17b8041f8d35501a0b2 47616c6c696120657374206f6d6e69732064697669736120\
                       696e207061727465732074726573";
const GCM_RTCP: &str = "81c8000d4d617273 4e5450314e545032525450200000042a0000e9304c756e61\
                        deadbeefdeadbeefdeadbeefdeadbeefdeadbeef";

/// RFC 7714's vectors give session keys.
fn gcm_cipher(profile: Profile) -> Cipher {
    let key: Vec<u8> = (0..profile.key_bytes() as u8).collect();
    Cipher::new(profile, &key, &[], &bytes(GCM_SALT)).unwrap()
}

#[test]
fn rtp_under_gcm_is_that_of_rfc_7714_section_16() {
    let id = PacketId {
        ssrc: 0x5501_a0b2,
        index: 0xf17b,
    };
    let vectors = [
        (
            Profile::AeadAes128Gcm,
            "f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833\
             899d7f27beb16a9152cf765ee4390cce",
        ),
        (
            Profile::AeadAes256Gcm,
            "32b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1ba63799b87b\
             7aa3db36dfffd6b0f9bb7878d7a76c13",
        ),
    ];
    for (profile, sealed) in vectors {
        let cipher = gcm_cipher(profile);
        let plain = bytes(GCM_RTP);
        let mut packet = plain.clone();
        cipher.seal_rtp(&mut packet, 12, id);
        assert_eq!(packet, [&plain[..12], &bytes(sealed)].concat());
        cipher.open_rtp(&mut packet, 12, id).unwrap();
        assert_eq!(packet, plain);
    }
}

#[test]
fn rtcp_under_gcm_is_that_of_rfc_7714_section_17() {
    let id = PacketId {
        ssrc: 0x4d61_7273,
        index: 0x5d4,
    };
    let vectors = [
        (
            Profile::AeadAes128Gcm,
            "63e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4ce09b468630\
             3ded0bb9275bc84aa45896cf4d2fc5abf87245d9eade800005d4",
        ),
        (
            Profile::AeadAes256Gcm,
            "d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2eaa5c1110555be8415f658c61d\
             e0476f1b6fad1d1eb30c4446839f57ff6f6cb26ac3be800005d4",
        ),
    ];
    for (profile, sealed) in vectors {
        let cipher = gcm_cipher(profile);
        let plain = bytes(GCM_RTCP);
        let mut packet = plain.clone();
        cipher.seal_rtcp(&mut packet, 8, id);
        assert_eq!(packet, [&plain[..8], &bytes(sealed)].concat());
        cipher.open_rtcp(&mut packet, 8, id).unwrap();
        assert_eq!(packet, plain);
    }
}

#[test]
fn packet_is_opened_once() {
    for profile in PROFILES {
        let (mut ours, mut theirs) = ends(profile);
        for packet in [rtp(7, 1, b"voice"), rtcp(7, b"report")] {
            let datagram = protected(&mut ours, &packet);
            assert_eq!(opened(&mut theirs, &datagram), Ok(packet));
            assert_eq!(opened(&mut theirs, &datagram), Err(SrtpError::Replayed));
        }
    }
}

#[test]
fn stream_goes_on_over_the_end_of_the_sequence_numbers_and_out_of_order() {
    for profile in PROFILES {
        let (mut ours, mut theirs) = ends(profile);
        let packets: Vec<_> = (0x7ff0..0x2_0010u32)
            .step_by(5)
            .map(|n| rtp(7, n as u16, &n.to_be_bytes()))
            .collect();
        let mut datagrams: Vec<_> = packets
            .iter()
            .map(|packet| protected(&mut ours, packet))
            .collect();
        let mut expected = packets;
        for pair in 0..datagrams.len() / 2 {
            datagrams.swap(2 * pair, 2 * pair + 1);
            expected.swap(2 * pair, 2 * pair + 1);
        }
        for (datagram, packet) in datagrams.iter().zip(expected) {
            assert_eq!(opened(&mut theirs, datagram), Ok(packet));
        }
    }
}

#[test]
fn header_extension_and_contributing_sources_stay_in_the_clear() {
    let mut packet = rtp(7, 1, &[]);
    packet[0] |= 0x12;
    packet.extend([1; 8]);
    packet.extend([0xbe, 0xde, 0, 1, 0x10, 0xff, 0, 0]);
    let clear_bytes = packet.len();
    packet.extend(b"voice");
    for profile in PROFILES {
        let (mut ours, mut theirs) = ends(profile);
        let datagram = protected(&mut ours, &packet);
        assert_eq!(datagram[..clear_bytes], packet[..clear_bytes]);
        assert_ne!(datagram[clear_bytes..][..5], packet[clear_bytes..]);
        assert_eq!(opened(&mut theirs, &datagram), Ok(packet.clone()));
    }
}

#[test]
fn same_sequence_number_is_never_sent_twice() {
    let (mut ours, _) = ends(Profile::AeadAes128Gcm);
    for sequence_number in [9, 2000, 1990] {
        protected(&mut ours, &rtp(7, sequence_number, b"one"));
    }
    // Sent, sent late, and too long ago to know.
    for sequence_number in [2000, 1990, 9, 8, 976] {
        let another = rtp(7, sequence_number, b"other");
        let result = ours.protect(&another, &mut Vec::new());
        assert_eq!(result, Err(SrtpError::IndexUsed));
    }
}

#[test]
fn packets_that_the_network_reordered_are_forwarded_and_opened() {
    for profile in [Profile::Aes128CmSha1, Profile::AeadAes128Gcm] {
        let (mut near, mut far) = ends(profile);
        // Over the end of the sequence numbers, each second pair the wrong way round.
        for n in 65_500..65_600_u32 {
            let n = match n % 4 {
                1 => n + 1,
                2 => n - 1,
                _ => n,
            };
            let packet = rtp(7, n as u16, b"voice");
            let datagram = protected(&mut near, &packet);
            assert_eq!(opened(&mut far, &datagram), Ok(packet), "{n}");
        }
    }
}

#[test]
fn packet_sent_again_is_the_same_datagram_and_opens_where_the_first_was_lost() {
    for profile in [Profile::Aes128CmSha1, Profile::AeadAes128Gcm] {
        let (mut near, mut far) = ends(profile);
        let packets: Vec<_> = (65_530..65_540_u32)
            .map(|n| rtp(7, n as u16, b"voice"))
            .collect();
        let sent: Vec<_> = packets.iter().map(|p| protected(&mut near, p)).collect();
        for (index, datagram) in sent.iter().enumerate() {
            assert!(opened(&mut far, datagram).is_ok(), "{index}");
        }
        let mut again = Vec::new();
        // Before the sequence number began anew, and after.
        for index in [2, 8] {
            near.protect_again(&packets[index], &mut again).unwrap();
            assert_eq!(again, sent[index]);
        }
        let never_sent = rtp(7, 5000, b"voice");
        let refused = near.protect_again(&never_sent, &mut again);
        assert_eq!(refused, Err(SrtpError::IndexUsed));
    }
}

#[test]
fn forged_source_takes_no_place_and_authentic_ones_are_bounded() {
    let (mut ours, mut theirs) = ends(Profile::Aes128CmSha1);
    for ssrc in 0..200 {
        let forged = rtp(1000 + ssrc, 0, &[0; 30]);
        assert_eq!(opened(&mut theirs, &forged), Err(SrtpError::Unauthentic));
    }
    let sources = 0..=MAX_SOURCES as u32;
    // The sender is bounded too: two ends' worth of sources.
    let (mut others, _) = ends(Profile::Aes128CmSha1);
    for ssrc in sources {
        let sender = if ssrc % 2 == 0 {
            &mut ours
        } else {
            &mut others
        };
        let datagram = protected(sender, &rtp(ssrc, 0, b"voice"));
        let result = opened(&mut theirs, &datagram);
        if ssrc == MAX_SOURCES as u32 {
            assert_eq!(result, Err(SrtpError::TooManySources));
        } else {
            assert!(result.is_ok());
        }
    }
}

fn profiles() -> impl Strategy<Value = Profile> {
    proptest::sample::select(&PROFILES[..])
}

fn packets() -> impl Strategy<Value = Vec<u8>> {
    let body = proptest::collection::vec(any::<u8>(), 0..100);
    prop_oneof![
        (any::<u32>(), any::<u16>(), body.clone()).prop_map(|(ssrc, n, body)| rtp(ssrc, n, &body)),
        (any::<u32>(), body).prop_map(|(ssrc, body)| rtcp(ssrc, &body)),
    ]
}

proptest! {
    #[test]
    fn what_was_protected_is_opened(profile in profiles(), packet in packets()) {
        let (mut ours, mut theirs) = ends(profile);
        let datagram = protected(&mut ours, &packet);
        prop_assert_eq!(opened(&mut theirs, &datagram), Ok(packet));
    }

    #[test]
    fn changed_bit_is_refused_and_leaves_the_session_as_it_was(
        profile in profiles(),
        packet in packets(),
        place: proptest::sample::Index,
        bit in 0u8..8,
    ) {
        let (mut ours, mut theirs) = ends(profile);
        let datagram = protected(&mut ours, &packet);
        let mut tampered = datagram.clone();
        tampered[place.index(datagram.len())] ^= 1 << bit;
        prop_assert!(opened(&mut theirs, &tampered).is_err());
        prop_assert_eq!(opened(&mut theirs, &datagram), Ok(packet));
    }

    #[test]
    fn cut_packet_is_refused(
        profile in profiles(),
        packet in packets(),
        place: proptest::sample::Index,
    ) {
        let (mut ours, mut theirs) = ends(profile);
        let datagram = protected(&mut ours, &packet);
        prop_assert!(opened(&mut theirs, &datagram[..place.index(datagram.len())]).is_err());
    }

    #[test]
    fn arbitrary_bytes_are_refused(
        profile in profiles(),
        datagrams in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..80), 0..20),
    ) {
        let (mut ours, mut theirs) = ends(profile);
        for datagram in &datagrams {
            prop_assert!(opened(&mut theirs, datagram).is_err());
            // Ours to send are at least RTP or RTCP, or refused.
            let _ = ours.protect(datagram, &mut Vec::new());
        }
    }
}
