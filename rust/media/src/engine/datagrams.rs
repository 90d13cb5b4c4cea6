//! The engine's packets as they go over the network: protected.

use crate::rtp::is_rtcp;
use crate::srtp::{Keying, Profile, Session, SrtpError};

use super::Engine;

/// Longer than any datagram on the internet: nothing is allocated for one.
const DATAGRAM_CAPACITY: usize = 2048;

/// What protects a call, and room to do it in.
#[derive(Default)]
pub(super) struct Protection {
    session: Option<Session>,
    packet: Vec<u8>,
    datagram: Vec<u8>,
    pub(super) unprotected: u64,
}

impl Engine {
    /// Takes the keys of the DTLS handshake: of what is sent and of what is received, each a
    /// master key followed by its salt. Keys from before are forgotten.
    ///
    /// # Errors
    /// [`SrtpError::Keying`] when there are not as many bytes as `profile` needs.
    pub fn set_srtp_keys(
        &mut self,
        profile: Profile,
        local: &[u8],
        remote: &[u8],
    ) -> Result<(), SrtpError> {
        let (local, remote) = (Keying::new(profile, local)?, Keying::new(profile, remote)?);
        self.protection = Protection {
            session: Some(Session::new(profile, local, remote)?),
            packet: Vec::with_capacity(DATAGRAM_CAPACITY),
            datagram: Vec::with_capacity(DATAGRAM_CAPACITY),
            unprotected: self.protection.unprotected,
        };
        Ok(())
    }

    /// Takes one protected RTP or RTCP packet (told apart per RFC 5761). False: it is not
    /// authentic or was received before; it has been counted and has changed nothing else.
    pub fn handle_datagram(&mut self, datagram: &[u8], now_ns: u64) -> bool {
        let mut packet = std::mem::take(&mut self.protection.packet);
        let opened = match &mut self.protection.session {
            Some(session) => session.unprotect(datagram, &mut packet),
            None => Err(SrtpError::Unauthentic),
        };
        match opened {
            Ok(()) if is_rtcp(&packet) => self.handle_rtcp(&packet, now_ns),
            Ok(()) => self.handle_rtp(&packet, now_ns),
            Err(SrtpError::TooManySources) => {
                self.receiver.errors.surplus_source_packets += 1;
            }
            Err(error) => {
                let is_replayed = error == SrtpError::Replayed;
                self.count_refused(u64::from(is_replayed), u64::from(!is_replayed));
                self.record(|recorder| recorder.refused(is_replayed));
            }
        }
        self.protection.packet = packet;
        opened.is_ok()
    }

    /// The next packet, protected and ready to be sent. None before there are keys: nothing goes
    /// out in the clear.
    pub fn poll_datagram(&mut self) -> Option<&[u8]> {
        let protection = &mut self.protection;
        let session = protection.session.as_mut()?;
        let mut is_protected = false;
        while !is_protected && let Some(outgoing) = self.transmit.pop() {
            if let Some(recorder) = &mut self.recorder {
                recorder.packet_polled(outgoing.packet);
            }
            let datagram = &mut protection.datagram;
            is_protected = if outgoing.again {
                session.protect_again(outgoing.packet, datagram).is_ok()
            } else {
                session.protect(outgoing.packet, datagram).is_ok()
            };
            protection.unprotected += u64::from(!is_protected);
        }
        is_protected.then_some(&protection.datagram[..])
    }
}
