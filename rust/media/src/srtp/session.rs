//! Both directions of one call.

use crate::rtp::{Header, RtpError, is_rtcp};

use super::SrtpError;
use super::cipher::{Cipher, MAX_OVERHEAD_BYTES, PacketId};
use super::index::estimate;
use super::keys::{Keying, Profile, Purpose, derive};
use super::replay_window::ReplayWindow;

/// Sources of either direction that a session keeps apart: one each ten seconds for three hours.
/// Packets of further ones are refused, since a source that was forgotten could be replayed. Only who
/// has the keys can fill them, with 0.3 kB each.
pub const MAX_SOURCES: usize = 1_024;
/// RTCP's first header and the SSRC of its sender stay in the clear.
const RTCP_CLEAR_BYTES: usize = 8;
const RTCP_INDEX_END: u64 = 1 << 31;

/// Protects what this end sends and opens what it receives.
pub struct Session {
    local: Direction,
    remote: Direction,
}

struct Direction {
    rtp: Cipher,
    rtcp: Cipher,
    /// Searched in order, the one in use first.
    sources: Vec<Source>,
}

/// What has been sent or received of one SSRC.
struct Source {
    ssrc: u32,
    rtp: ReplayWindow,
    rtcp: ReplayWindow,
}

impl Session {
    /// A session whose packets to send are under `local`, and those received under `remote`.
    ///
    /// # Errors
    /// [`SrtpError::Keying`] when a key and salt are not of `profile`.
    pub fn new(profile: Profile, local: Keying<'_>, remote: Keying<'_>) -> Result<Self, SrtpError> {
        Ok(Self {
            local: Direction::new(profile, local)?,
            remote: Direction::new(profile, remote)?,
        })
    }

    /// Puts the protected form of `packet`, RTP or RTCP (RFC 5761), in place of what `datagram`
    /// held.
    ///
    /// # Errors
    /// [`SrtpError::Malformed`] for what is neither; [`SrtpError::IndexUsed`] for RTP that was sent
    /// before, or is so old that nobody knows; `datagram` is then of no use.
    pub fn protect(&mut self, packet: &[u8], datagram: &mut Vec<u8>) -> Result<(), SrtpError> {
        datagram.clear();
        datagram.reserve(packet.len() + MAX_OVERHEAD_BYTES);
        datagram.extend_from_slice(packet);
        if is_rtcp(packet) {
            self.local.protect_rtcp(datagram)
        } else {
            self.local.protect_rtp(datagram)
        }
    }

    /// Protects an RTP packet that was protected before, for sending it again. `packet` MUST be what
    /// it was: other bytes under the same index would betray both.
    ///
    /// # Errors
    /// [`SrtpError::Malformed`] for what is no RTP; [`SrtpError::IndexUsed`] for RTP that was not
    /// sent before.
    pub fn protect_again(
        &mut self,
        packet: &[u8],
        datagram: &mut Vec<u8>,
    ) -> Result<(), SrtpError> {
        datagram.clear();
        datagram.reserve(packet.len() + MAX_OVERHEAD_BYTES);
        datagram.extend_from_slice(packet);
        self.local.protect_rtp_again(datagram)
    }

    /// Puts what `datagram` protects, RTP or RTCP (RFC 5761), in place of what `packet` held.
    ///
    /// # Errors
    /// Says why the datagram is refused; the session is then as it was, `packet` of no use.
    pub fn unprotect(&mut self, datagram: &[u8], packet: &mut Vec<u8>) -> Result<(), SrtpError> {
        packet.clear();
        packet.extend_from_slice(datagram);
        if is_rtcp(datagram) {
            self.remote.unprotect_rtcp(packet)
        } else {
            self.remote.unprotect_rtp(packet)
        }
    }
}

impl Direction {
    fn new(profile: Profile, keying: Keying<'_>) -> Result<Self, SrtpError> {
        Ok(Self {
            rtp: derive(profile, keying, Purpose::Rtp)?,
            rtcp: derive(profile, keying, Purpose::Rtcp)?,
            sources: Vec::new(),
        })
    }

    fn protect_rtp(&mut self, packet: &mut Vec<u8>) -> Result<(), SrtpError> {
        let clear_bytes = rtp_clear_bytes(packet)?;
        let (ssrc, sequence_number) = rtp_identity(packet)?;
        let source = self.find_or_add(ssrc)?;
        let highest = source.rtp.highest();
        // Not always a rising one: what is forwarded goes on in the order in which it came.
        let index = estimate(highest, sequence_number)
            .filter(|index| !source.rtp.has(*index))
            .ok_or(SrtpError::IndexUsed)?;
        source.rtp.record(index);
        let id = PacketId { ssrc, index };
        self.rtp.seal_rtp(packet, clear_bytes, id);
        Ok(())
    }

    fn protect_rtp_again(&self, packet: &mut Vec<u8>) -> Result<(), SrtpError> {
        let clear_bytes = rtp_clear_bytes(packet)?;
        let (ssrc, sequence_number) = rtp_identity(packet)?;
        let window = &self.find(ssrc).ok_or(SrtpError::IndexUsed)?.rtp;
        let highest = window.highest().ok_or(SrtpError::IndexUsed)?;
        let index = estimate(Some(highest), sequence_number)
            .filter(|index| *index <= highest && window.has(*index))
            .ok_or(SrtpError::IndexUsed)?;
        let id = PacketId { ssrc, index };
        self.rtp.seal_rtp(packet, clear_bytes, id);
        Ok(())
    }

    fn protect_rtcp(&mut self, packet: &mut Vec<u8>) -> Result<(), SrtpError> {
        let ssrc = rtcp_sender(packet)?;
        let source = self.find_or_add(ssrc)?;
        let index = source.rtcp.highest().map_or(0, |highest| highest + 1);
        if index >= RTCP_INDEX_END {
            return Err(SrtpError::IndexUsed);
        }
        source.rtcp.record(index);
        let id = PacketId { ssrc, index };
        self.rtcp.seal_rtcp(packet, RTCP_CLEAR_BYTES, id);
        Ok(())
    }

    fn unprotect_rtp(&mut self, packet: &mut Vec<u8>) -> Result<(), SrtpError> {
        let clear_bytes = rtp_clear_bytes(packet)?;
        let (ssrc, sequence_number) = rtp_identity(packet)?;
        let known = self.find(ssrc).map(|source| &source.rtp);
        let highest = known.and_then(ReplayWindow::highest);
        let index = estimate(highest, sequence_number).ok_or(SrtpError::IndexUsed)?;
        if known.is_some_and(|window| window.has(index)) {
            return Err(SrtpError::Replayed);
        }
        let id = PacketId { ssrc, index };
        self.rtp.open_rtp(packet, clear_bytes, id)?;
        self.find_or_add(ssrc)?.rtp.record(index);
        Ok(())
    }

    fn unprotect_rtcp(&mut self, packet: &mut Vec<u8>) -> Result<(), SrtpError> {
        let ssrc = rtcp_sender(packet)?;
        let index = self.rtcp.rtcp_index(packet)?.value();
        if self.find(ssrc).is_some_and(|source| source.rtcp.has(index)) {
            return Err(SrtpError::Replayed);
        }
        let id = PacketId { ssrc, index };
        self.rtcp.open_rtcp(packet, RTCP_CLEAR_BYTES, id)?;
        self.find_or_add(ssrc)?.rtcp.record(index);
        Ok(())
    }

    fn find(&self, ssrc: u32) -> Option<&Source> {
        self.sources.iter().find(|source| source.ssrc == ssrc)
    }

    fn find_or_add(&mut self, ssrc: u32) -> Result<&mut Source, SrtpError> {
        let known = self.sources.iter().position(|source| source.ssrc == ssrc);
        if known.is_none() && self.sources.len() == MAX_SOURCES {
            return Err(SrtpError::TooManySources);
        }
        let place = known.unwrap_or(self.sources.len());
        if known.is_none() {
            self.sources.push(Source {
                ssrc,
                rtp: ReplayWindow::default(),
                rtcp: ReplayWindow::default(),
            });
        }
        self.sources.swap(0, place);
        Ok(&mut self.sources[0])
    }
}

/// How much of an RTP packet is not encrypted: header, contributing sources and extension.
fn rtp_clear_bytes(packet: &[u8]) -> Result<usize, RtpError> {
    let truncated = |needed| RtpError::Truncated {
        needed,
        actual: packet.len(),
    };
    let flags = check_version(packet)?;
    let mut clear_bytes = Header::BYTES + 4 * usize::from(flags & 0x0f);
    if flags & 0x10 != 0 {
        let words = packet
            .get(clear_bytes + 2..)
            .and_then(|rest| rest.first_chunk().copied())
            .map(u16::from_be_bytes)
            .ok_or(truncated(clear_bytes + 4))?;
        clear_bytes += 4 + 4 * usize::from(words);
    }
    if packet.len() < clear_bytes {
        return Err(truncated(clear_bytes));
    }
    Ok(clear_bytes)
}

/// The SSRC and sequence number of an RTP packet.
fn rtp_identity(packet: &[u8]) -> Result<(u32, u16), RtpError> {
    match packet {
        [_, _, s0, s1, _, _, _, _, a, b, c, d, ..] => Ok((
            u32::from_be_bytes([*a, *b, *c, *d]),
            u16::from_be_bytes([*s0, *s1]),
        )),
        _ => Err(RtpError::Truncated {
            needed: Header::BYTES,
            actual: packet.len(),
        }),
    }
}

fn rtcp_sender(packet: &[u8]) -> Result<u32, RtpError> {
    check_version(packet)?;
    match packet {
        [_, _, _, _, a, b, c, d, ..] => Ok(u32::from_be_bytes([*a, *b, *c, *d])),
        _ => Err(RtpError::Truncated {
            needed: RTCP_CLEAR_BYTES,
            actual: packet.len(),
        }),
    }
}

fn check_version(packet: &[u8]) -> Result<u8, RtpError> {
    match packet.first() {
        Some(flags) if flags >> 6 == 2 => Ok(*flags),
        Some(flags) => Err(RtpError::Version(flags >> 6)),
        None => Err(RtpError::Truncated {
            needed: 1,
            actual: 0,
        }),
    }
}
