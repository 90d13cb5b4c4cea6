//! Bytes of a hostile peer into each parser and into SRTP: what is read fits into what came, reads
//! the same again when it is written, and what is not authentic changes nothing.

use voicectl_media::rtp::rtcp::{
    Compound, MAX_STATUSES, Nack, RtcpPacket, TransportCc, write_nack, write_transport_cc,
};
use voicectl_media::rtp::{
    MAX_RED_BLOCKS, Packet, Red, RedBlock, Retransmission, is_rtcp, write_red,
};
use voicectl_media::srtp::{Keying, Profile, Session, SrtpError};

use super::bytes::Bytes;

const PROFILES: [Profile; 3] = [
    Profile::Aes128CmSha1,
    Profile::AeadAes128Gcm,
    Profile::AeadAes256Gcm,
];
const KEYS: [u8; 64] = [7; 64];

/// One RTP packet.
///
/// # Panics
/// Where what is read does not fit what came.
pub fn rtp(data: &[u8]) {
    let Ok(packet) = Packet::parse(data) else {
        return;
    };
    assert_eq!(packet.overhead_bytes() + packet.payload.len(), data.len());
    let mut written = Vec::new();
    packet.write(&mut written);
    assert_eq!(Packet::parse(&written), Ok(packet));
    let element = packet.extension.and_then(|extension| extension.element(3));
    assert!(element.is_none_or(|element| element.len() < data.len()));
}

/// One RTCP compound.
///
/// # Panics
/// As above.
pub fn rtcp(data: &[u8]) {
    let Ok(compound) = Compound::parse(data) else {
        return;
    };
    let mut packets = 0;
    for packet in compound.packets() {
        packets += 1;
        match packet {
            RtcpPacket::SenderReport(report) => assert!(report.blocks().count() <= 31),
            RtcpPacket::ReceiverReport(report) => assert!(report.blocks().count() <= 31),
            RtcpPacket::SourceDescription(description) => {
                assert!(description.chunks().count() <= 31);
            }
            RtcpPacket::Goodbye(goodbye) => assert!(goodbye.ssrcs().count() <= 31),
            RtcpPacket::TransportFeedback(feedback) => {
                let asked: Vec<u16> = feedback.nacks().flat_map(Nack::sequence_numbers).collect();
                let mut written = Vec::new();
                write_nack(&mut written, 1, 2, &asked);
                assert!(asked.is_empty() || Compound::parse(&written).is_ok());
                if let Some(Ok(message)) = feedback.transport_cc() {
                    transport_cc(&message);
                }
            }
            _ => {}
        }
    }
    assert!(packets * 4 <= data.len());
}

/// What is read of a message is read again when it is written.
fn transport_cc(message: &TransportCc<'_>) {
    let packets: Vec<_> = message.packets().collect();
    assert_eq!(packets.len(), usize::from(message.status_count));
    assert!(message.status_count <= MAX_STATUSES);
    let came = packets
        .iter()
        .position(|packet| packet.arrival_ticks.is_some());
    let Some(first) = came else {
        return;
    };
    let times = packets[first..].iter().map(|packet| packet.arrival_ticks);
    let base = packets[first].sequence_number;
    let mut written = Vec::new();
    let count =
        write_transport_cc::<{ MAX_STATUSES as usize }>(&mut written, (1, 2), 0, base, times);
    assert_eq!(
        count,
        packets.len() - first,
        "deltas that were read can be written"
    );
    assert!(Compound::parse(&written).is_ok());
}

/// The payloads of RED (RFC 2198) and RTX (RFC 4588).
///
/// # Panics
/// As above.
pub fn red(data: &[u8]) {
    if let Ok(again) = Retransmission::parse(data) {
        let mut written = Vec::new();
        again.write(&mut written);
        assert_eq!(written, data);
    }
    let Ok(red) = Red::parse(data) else {
        return;
    };
    let blocks: Vec<RedBlock<'_>> = red.redundant_blocks().collect();
    assert!(blocks.len() <= MAX_RED_BLOCKS);
    let mut written = Vec::new();
    let earlier = blocks.iter().copied();
    write_red(&mut written, earlier, red.primary_payload_type, red.primary);
    assert_eq!(written, data);
}

/// SRTP and SRTCP: the far end's packets among forged, changed and repeated ones.
///
/// # Panics
/// Where one that is not authentic is taken, or an authentic one is not.
pub fn srtp(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let profile = PROFILES[usize::from(bytes.u8() % 3)];
    let length = profile.key_bytes() + profile.salt_bytes();
    let session = || {
        let keying = || Keying::new(profile, &KEYS[..length]).unwrap();
        Session::new(profile, keying(), keying()).unwrap()
    };
    let (mut near, mut far) = (session(), session());
    let (mut datagram, mut opened) = (Vec::new(), Vec::new());
    while !bytes.is_empty() {
        let kind = bytes.u8();
        let packet = bytes.payload();
        if kind < 64 {
            // No forger has the key.
            assert!(near.unprotect(&packet, &mut opened).is_err());
            continue;
        }
        if far.protect(&packet, &mut datagram).is_err() {
            continue;
        }
        if kind < 128 {
            let place = usize::from(bytes.u8()) % datagram.len();
            datagram[place] ^= 1 << (kind & 7);
            assert!(near.unprotect(&datagram, &mut opened).is_err());
            datagram[place] ^= 1 << (kind & 7);
        }
        if kind < 192 && !is_rtcp(&packet) {
            let mut again = Vec::new();
            far.protect_again(&packet, &mut again).unwrap();
            assert_eq!(again, datagram);
        }
        near.unprotect(&datagram, &mut opened).unwrap();
        assert_eq!(opened, packet);
        let repeated = near.unprotect(&datagram, &mut opened);
        assert_eq!(repeated, Err(SrtpError::Replayed));
    }
}
