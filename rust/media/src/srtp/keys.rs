//! Protection profiles and the derivation of session keys (RFC 3711 §4.3, RFC 7714 §11).

use aes::{Aes128, Aes256};
use ctr::cipher::{BlockCipherEncrypt, KeyInit};

use super::SrtpError;
use super::cipher::{Cipher, apply_counter_mode};

/// AES's block, and the size of AES-CM's salt once it is padded to one less its counter.
const BLOCK_BYTES: usize = 16;
const AUTH_KEY_BYTES: usize = 20;
/// Where the label meets the padded salt (RFC 3711 §4.3.1: 48 bits from the right of 14 bytes).
const LABEL_OFFSET: usize = 7;

/// How packets are protected, as DTLS negotiates it (RFC 5764 §4.1.2, RFC 7714 §14.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// `SRTP_AES128_CM_HMAC_SHA1_80`: the one every WebRTC endpoint has.
    Aes128CmSha1,
    /// `SRTP_AEAD_AES_128_GCM`.
    AeadAes128Gcm,
    /// `SRTP_AEAD_AES_256_GCM`.
    AeadAes256Gcm,
}

impl Profile {
    /// Octets of a master key.
    #[must_use]
    pub fn key_bytes(self) -> usize {
        match self {
            Self::Aes128CmSha1 | Self::AeadAes128Gcm => 16,
            Self::AeadAes256Gcm => 32,
        }
    }

    /// Octets of a master salt, and of a session salt.
    #[must_use]
    pub fn salt_bytes(self) -> usize {
        match self {
            Self::Aes128CmSha1 => 14,
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 12,
        }
    }
}

/// The master key and salt of one direction.
#[derive(Clone, Copy)]
pub struct Keying<'a> {
    key: &'a [u8],
    salt: &'a [u8],
}

impl<'a> Keying<'a> {
    /// Splits the key followed by the salt.
    ///
    /// # Errors
    /// [`SrtpError::Keying`] when there are not as many bytes as `profile` needs.
    pub fn new(profile: Profile, key_and_salt: &'a [u8]) -> Result<Self, SrtpError> {
        let expected = profile.key_bytes() + profile.salt_bytes();
        if key_and_salt.len() != expected {
            return Err(SrtpError::Keying {
                expected,
                actual: key_and_salt.len(),
            });
        }
        let (key, salt) = key_and_salt.split_at(profile.key_bytes());
        Ok(Self { key, salt })
    }
}

/// What a key is derived for.
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    Rtp = 0,
    Rtcp = 3,
}

/// The session keys for `purpose`.
pub(super) fn derive(
    profile: Profile,
    keying: Keying<'_>,
    purpose: Purpose,
) -> Result<Cipher, SrtpError> {
    let wrong_length = |_| SrtpError::Keying {
        expected: profile.key_bytes(),
        actual: keying.key.len(),
    };
    let (mut key, mut auth_key, mut salt) = ([0; 32], [0; AUTH_KEY_BYTES], [0; 14]);
    let key = &mut key[..profile.key_bytes()];
    let salt = &mut salt[..profile.salt_bytes()];
    let label = purpose as u8;
    if profile == Profile::AeadAes256Gcm {
        let master = Aes256::new_from_slice(keying.key).map_err(wrong_length)?;
        fill(&master, keying.salt, label, key);
        fill(&master, keying.salt, label + 2, salt);
    } else {
        let master = Aes128::new_from_slice(keying.key).map_err(wrong_length)?;
        fill(&master, keying.salt, label, key);
        fill(&master, keying.salt, label + 1, &mut auth_key);
        fill(&master, keying.salt, label + 2, salt);
    }
    Cipher::new(profile, key, &auth_key, salt)
}

/// Fills `derived` with the output of AES-CM for `label`.
fn fill<C>(master: &C, master_salt: &[u8], label: u8, derived: &mut [u8])
where
    C: BlockCipherEncrypt<BlockSize = ctr::cipher::consts::U16>,
{
    let mut counter = [0; BLOCK_BYTES];
    counter[..master_salt.len()].copy_from_slice(master_salt);
    counter[LABEL_OFFSET] ^= label;
    derived.fill(0);
    apply_counter_mode(master, &counter, derived);
}

#[cfg(test)]
mod tests {
    use super::super::tests::bytes;
    use super::*;

    #[test]
    fn session_keys_are_those_of_rfc_3711_appendix_b_3() {
        let master = Aes128::new_from_slice(&bytes("E1F97A0D3E018BE0D64FA32C06DE4139")).unwrap();
        let master_salt = bytes("0EC675AD498AFEEBB6960B3AABE6");
        let derived = |label, length| {
            let mut derived = vec![0; length];
            fill(&master, &master_salt, label, &mut derived);
            derived
        };
        assert_eq!(derived(0, 16), bytes("C61E7A93744F39EE10734AFE3FF7A087"));
        assert_eq!(derived(2, 14), bytes("30CBBC08863D8C85D49DB34A9AE1"));
        let auth_key = bytes("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4");
        assert_eq!(derived(1, AUTH_KEY_BYTES), auth_key);
    }

    #[test]
    fn keying_of_another_length_is_refused() {
        let error = SrtpError::Keying {
            expected: 28,
            actual: 30,
        };
        assert_eq!(
            Keying::new(Profile::AeadAes128Gcm, &[0; 30]).err(),
            Some(error)
        );
    }
}
