//! Encryption and authentication of one packet with session keys.

use aes::{Aes128, Aes256};
use aes_gcm::aead::AeadInOut;
use aes_gcm::aead::consts::U12;
use aes_gcm::{AesGcm, Nonce, Tag};
use ctr::cipher::{
    Array, BlockCipherEncrypt, InnerIvInit, KeyInit, StreamCipher, StreamCipherCoreWrapper,
};
use ctr::{CtrCore, flavors};
use hmac::{Hmac, Mac};
use sha1::Sha1;

use super::SrtpError;
use super::keys::Profile;

const SHA1_TAG_BYTES: usize = 10;
const GCM_TAG_BYTES: usize = 16;
/// Room that a tag, and SRTCP's index, need after a packet.
pub(super) const MAX_OVERHEAD_BYTES: usize = GCM_TAG_BYTES + 4;

/// Which packet this is: no two of one direction and kind share all of it.
#[derive(Clone, Copy)]
pub(super) struct PacketId {
    pub(super) ssrc: u32,
    /// 48 bits: rollover counter and sequence number, or SRTCP's index.
    pub(super) index: u64,
}

/// The keys of one direction, for RTP or for RTCP.
pub(super) enum Cipher {
    CounterMode {
        aes: Aes128,
        /// Keyed and empty.
        hmac: Hmac<Sha1>,
        salt: [u8; 14],
    },
    Gcm128 {
        gcm: AesGcm<Aes128, U12>,
        salt: [u8; 12],
    },
    Gcm256 {
        gcm: AesGcm<Aes256, U12>,
        salt: [u8; 12],
    },
}

impl Cipher {
    pub(super) fn new(
        profile: Profile,
        key: &[u8],
        auth_key: &[u8],
        salt: &[u8],
    ) -> Result<Self, SrtpError> {
        let wrong_length = || SrtpError::Keying {
            expected: profile.key_bytes() + profile.salt_bytes(),
            actual: key.len() + salt.len(),
        };
        Ok(match profile {
            Profile::Aes128CmSha1 => Self::CounterMode {
                aes: Aes128::new_from_slice(key).map_err(|_| wrong_length())?,
                hmac: KeyInit::new_from_slice(auth_key).map_err(|_| wrong_length())?,
                salt: salt.try_into().map_err(|_| wrong_length())?,
            },
            Profile::AeadAes128Gcm => Self::Gcm128 {
                gcm: AesGcm::new_from_slice(key).map_err(|_| wrong_length())?,
                salt: salt.try_into().map_err(|_| wrong_length())?,
            },
            Profile::AeadAes256Gcm => Self::Gcm256 {
                gcm: AesGcm::new_from_slice(key).map_err(|_| wrong_length())?,
                salt: salt.try_into().map_err(|_| wrong_length())?,
            },
        })
    }

    pub(super) fn tag_bytes(&self) -> usize {
        match self {
            Self::CounterMode { .. } => SHA1_TAG_BYTES,
            Self::Gcm128 { .. } | Self::Gcm256 { .. } => GCM_TAG_BYTES,
        }
    }

    /// Encrypts `packet` after its first `clear_bytes` and appends the tag.
    pub(super) fn seal_rtp(&self, packet: &mut Vec<u8>, clear_bytes: usize, id: PacketId) {
        if let Self::CounterMode { aes, hmac, salt } = self {
            let counter = counter_block(salt, id);
            apply_counter_mode(aes, &counter, &mut packet[clear_bytes..]);
            let tag = sha1_tag(hmac, packet, rollover_counter(id));
            packet.extend_from_slice(&tag);
        } else {
            let (clear, body) = packet.split_at_mut(clear_bytes);
            let tag = self.seal_gcm(clear, body, id);
            packet.extend_from_slice(&tag);
        }
    }

    /// Undoes [`Cipher::seal_rtp`]; a packet that fails its tag stays as it was.
    pub(super) fn open_rtp(
        &self,
        packet: &mut Vec<u8>,
        clear_bytes: usize,
        id: PacketId,
    ) -> Result<(), SrtpError> {
        let sealed_bytes = self.sealed_bytes(packet.len(), clear_bytes)?;
        let (sealed, tag) = packet.split_at_mut(sealed_bytes);
        if let Self::CounterMode { aes, hmac, salt } = self {
            check_sha1_tag(hmac, sealed, rollover_counter(id), tag)?;
            apply_counter_mode(aes, &counter_block(salt, id), &mut sealed[clear_bytes..]);
        } else {
            let (clear, body) = sealed.split_at_mut(clear_bytes);
            self.open_gcm(clear, body, tag, id)?;
        }
        packet.truncate(sealed_bytes);
        Ok(())
    }

    /// Encrypts `packet` after its first `clear_bytes` and appends tag and index, in the order of
    /// the profile (RFC 3711 §3.4, RFC 7714 §9.1).
    pub(super) fn seal_rtcp(&self, packet: &mut Vec<u8>, clear_bytes: usize, id: PacketId) {
        let index = (ENCRYPTED | id.index as u32).to_be_bytes();
        if let Self::CounterMode { aes, hmac, salt } = self {
            let counter = counter_block(salt, id);
            apply_counter_mode(aes, &counter, &mut packet[clear_bytes..]);
            let tag = sha1_tag(hmac, packet, index);
            packet.extend_from_slice(&index);
            packet.extend_from_slice(&tag);
        } else {
            let (clear, body) = packet.split_at_mut(clear_bytes);
            let mut associated = [0; MAX_ASSOCIATED_BYTES];
            let tag = self.seal_gcm(associate(&mut associated, clear, index), body, id);
            packet.extend_from_slice(&tag);
            packet.extend_from_slice(&index);
        }
    }

    /// Where in `packet` SRTCP's index is.
    pub(super) fn rtcp_index(&self, packet: &[u8]) -> Result<RtcpIndex, SrtpError> {
        let from_end = match self {
            Self::CounterMode { .. } => 4 + SHA1_TAG_BYTES,
            Self::Gcm128 { .. } | Self::Gcm256 { .. } => 4,
        };
        let word = packet
            .len()
            .checked_sub(from_end)
            .and_then(|offset| packet[offset..].first_chunk().copied())
            .map(u32::from_be_bytes)
            .ok_or(SrtpError::Unauthentic)?;
        Ok(RtcpIndex(word))
    }

    /// Undoes [`Cipher::seal_rtcp`]; a packet that fails its tag stays as it was.
    ///
    /// A packet that says it is not encrypted is refused: DTLS-SRTP always encrypts.
    pub(super) fn open_rtcp(
        &self,
        packet: &mut Vec<u8>,
        clear_bytes: usize,
        id: PacketId,
    ) -> Result<(), SrtpError> {
        let index = self.rtcp_index(packet)?;
        if !index.is_encrypted() {
            return Err(SrtpError::Unauthentic);
        }
        let index = index.0.to_be_bytes();
        let sealed_bytes = self.sealed_bytes(packet.len() - index.len(), clear_bytes)?;
        let (sealed, trailer) = packet.split_at_mut(sealed_bytes);
        if let Self::CounterMode { aes, hmac, salt } = self {
            check_sha1_tag(hmac, sealed, index, &trailer[index.len()..])?;
            apply_counter_mode(aes, &counter_block(salt, id), &mut sealed[clear_bytes..]);
        } else {
            let (clear, body) = sealed.split_at_mut(clear_bytes);
            let mut associated = [0; MAX_ASSOCIATED_BYTES];
            let associated = associate(&mut associated, clear, index);
            self.open_gcm(associated, body, &trailer[..GCM_TAG_BYTES], id)?;
        }
        packet.truncate(sealed_bytes);
        Ok(())
    }

    /// How long a packet is without its tag.
    fn sealed_bytes(&self, with_tag: usize, clear_bytes: usize) -> Result<usize, SrtpError> {
        with_tag
            .checked_sub(self.tag_bytes())
            .filter(|sealed| *sealed >= clear_bytes)
            .ok_or(SrtpError::Unauthentic)
    }

    fn seal_gcm(&self, associated: &[u8], body: &mut [u8], id: PacketId) -> [u8; GCM_TAG_BYTES] {
        let tag = match self {
            Self::CounterMode { .. } => return [0; GCM_TAG_BYTES],
            Self::Gcm128 { gcm, salt } => {
                gcm.encrypt_inout_detached(&nonce(salt, id), associated, body.into())
            }
            Self::Gcm256 { gcm, salt } => {
                gcm.encrypt_inout_detached(&nonce(salt, id), associated, body.into())
            }
        };
        // It fails above 2^36 bytes only; no tag that anybody accepts is all zeros.
        tag.map_or([0; GCM_TAG_BYTES], Into::into)
    }

    fn open_gcm(
        &self,
        associated: &[u8],
        body: &mut [u8],
        tag: &[u8],
        id: PacketId,
    ) -> Result<(), SrtpError> {
        let tag = Tag::try_from(tag).map_err(|_| SrtpError::Unauthentic)?;
        match self {
            Self::CounterMode { .. } => return Err(SrtpError::Unauthentic),
            Self::Gcm128 { gcm, salt } => {
                gcm.decrypt_inout_detached(&nonce(salt, id), associated, body.into(), &tag)
            }
            Self::Gcm256 { gcm, salt } => {
                gcm.decrypt_inout_detached(&nonce(salt, id), associated, body.into(), &tag)
            }
        }
        .map_err(|_| SrtpError::Unauthentic)
    }
}

/// SRTCP's E flag (RFC 3711 §3.4).
const ENCRYPTED: u32 = 1 << 31;
/// RTCP's first header and sender, and SRTCP's index.
const MAX_ASSOCIATED_BYTES: usize = 12;

/// SRTCP's index with its E flag.
#[derive(Clone, Copy)]
pub(super) struct RtcpIndex(u32);

impl RtcpIndex {
    fn is_encrypted(self) -> bool {
        self.0 & ENCRYPTED != 0
    }

    pub(super) fn value(self) -> u64 {
        u64::from(self.0 & !ENCRYPTED)
    }
}

/// What GCM authenticates and does not encrypt of RTCP (RFC 7714 §9.2). `clear` is 8 bytes.
fn associate<'a>(
    buffer: &'a mut [u8; MAX_ASSOCIATED_BYTES],
    clear: &[u8],
    index: [u8; 4],
) -> &'a [u8] {
    let length = clear.len().min(MAX_ASSOCIATED_BYTES - index.len());
    buffer[..length].copy_from_slice(&clear[..length]);
    buffer[length..length + index.len()].copy_from_slice(&index);
    &buffer[..length + index.len()]
}

/// XORs AES's keystream into `body`.
pub(super) fn apply_counter_mode<C>(aes: &C, counter: &[u8; 16], body: &mut [u8])
where
    C: BlockCipherEncrypt<BlockSize = ctr::cipher::consts::U16>,
{
    let core = CtrCore::<&C, flavors::Ctr128BE>::inner_iv_init(aes, &Array(*counter));
    StreamCipherCoreWrapper::from_core(core).apply_keystream(body);
}

/// RFC 3711 §4.1.1.
fn counter_block(salt: &[u8; 14], id: PacketId) -> [u8; 16] {
    let mut counter = [0; 16];
    counter[..14].copy_from_slice(salt);
    xor(&mut counter[4..8], &id.ssrc.to_be_bytes());
    xor(&mut counter[8..14], &id.index.to_be_bytes()[2..]);
    counter
}

/// RFC 7714 §8.1 and §9.1.
fn nonce(salt: &[u8; 12], id: PacketId) -> Nonce<U12> {
    let mut nonce = *salt;
    xor(&mut nonce[2..6], &id.ssrc.to_be_bytes());
    xor(&mut nonce[6..12], &id.index.to_be_bytes()[2..]);
    nonce.into()
}

fn xor(into: &mut [u8], other: &[u8]) {
    for (byte, other) in into.iter_mut().zip(other) {
        *byte ^= other;
    }
}

/// Authenticated with RTP, and not transmitted (RFC 3711 §4.2).
fn rollover_counter(id: PacketId) -> [u8; 4] {
    ((id.index >> 16) as u32).to_be_bytes()
}

fn sha1_tag(keyed: &Hmac<Sha1>, sealed: &[u8], suffix: [u8; 4]) -> [u8; SHA1_TAG_BYTES] {
    let mut hmac = keyed.clone();
    hmac.update(sealed);
    hmac.update(&suffix);
    let full = hmac.finalize().into_bytes();
    let mut tag = [0; SHA1_TAG_BYTES];
    tag.copy_from_slice(&full[..SHA1_TAG_BYTES]);
    tag
}

fn check_sha1_tag(
    keyed: &Hmac<Sha1>,
    sealed: &[u8],
    suffix: [u8; 4],
    tag: &[u8],
) -> Result<(), SrtpError> {
    if tag.len() != SHA1_TAG_BYTES {
        return Err(SrtpError::Unauthentic);
    }
    let mut hmac = keyed.clone();
    hmac.update(sealed);
    hmac.update(&suffix);
    hmac.verify_truncated_left(tag)
        .map_err(|_| SrtpError::Unauthentic)
}
