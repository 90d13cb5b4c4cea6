//! One call on its thread.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustix::net::{RecvFlags, SendFlags, recvfrom, sendto};
use voicectl_media::engine::{Engine, PendingEvents};
use voicectl_media::rtp::is_rtcp;

use crate::bridge::{Bridge, Passed};
use crate::link::{Endpoint, HandedBack, Link, Route, note_first};
use crate::lock;

/// Longer than any datagram that WebRTC sends; what is longer yet arrives cut off.
const MAX_DATAGRAM_BYTES: usize = 2048;

/// Connectivity checks from addresses that no live pair has, in a second; the owner's time is not
/// theirs to take.
const MAX_STRANGERS: u32 = 100;
const NS_PER_S: u64 = 1_000_000_000;

/// Whether the owner is to be told about the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tell {
    Now,
    /// Nothing, or nothing that cannot wait for the call's next time.
    Later,
}

/// A call's sockets and engine.
pub(crate) struct Call {
    pub(crate) link: Arc<Link>,
    pub(crate) sockets: Vec<OwnedFd>,
    /// None until the owner has said which: what comes before is not the less authentic.
    pub(crate) route: Option<Route>,
    /// Where what is received goes, if not to the owner.
    pub(crate) bridge: Option<Bridge>,
    /// Without its owner a call has no consent to send.
    pub(crate) may_send_until_ns: u64,
    /// When the present second of strangers began, and how many there were.
    strangers: (u64, u32),
    /// Audio waits this long for more of it before the owner is told.
    delivery_interval_ns: u64,
    told_ns: u64,
    engine_due_ns: Option<u64>,
    tell_due_ns: Option<u64>,
}

impl Call {
    pub(crate) fn new(link: Arc<Link>, sockets: Vec<OwnedFd>, delivery_interval_ns: u64) -> Self {
        Self {
            link,
            sockets,
            route: None,
            bridge: None,
            may_send_until_ns: u64::MAX,
            strangers: (0, 0),
            delivery_interval_ns,
            told_ns: 0,
            engine_due_ns: None,
            tell_due_ns: None,
        }
    }

    /// When [`Call::handle_timeout`] is wanted.
    pub(crate) fn due_ns(&self) -> Option<u64> {
        [self.engine_due_ns, self.tell_due_ns]
            .into_iter()
            .flatten()
            .min()
    }

    /// Reads one datagram from a socket that is readable.
    pub(crate) fn read(&mut self, socket: usize, now_ns: u64) -> Tell {
        let mut buffer = [0; MAX_DATAGRAM_BYTES];
        let Some(fd) = self.sockets.get(socket) else {
            return Tell::Later;
        };
        let Ok((length, _, Some(source))) = recvfrom(fd, &mut buffer[..], RecvFlags::DONTWAIT)
        else {
            return Tell::Later;
        };
        let Ok(address) = SocketAddr::try_from(source) else {
            return Tell::Later;
        };
        let datagram = &buffer[..length];
        let from = Endpoint { socket, address };
        if !self.is_welcome(datagram, from, now_ns) {
            return Tell::Later;
        }
        if is_media(datagram) {
            return self.receive(datagram, now_ns);
        }
        let datagram = datagram.to_vec();
        self.link.hand_back(HandedBack::Received { from, datagram });
        Tell::Now
    }

    /// From a live candidate pair anything is; from elsewhere only what a peer that has moved sends
    /// first, and not too much of it. Counts what is not.
    fn is_welcome(&mut self, datagram: &[u8], from: Endpoint, now_ns: u64) -> bool {
        if self.route.as_ref().is_none_or(|route| route.accepts(from)) {
            return true;
        }
        if !is_stun(datagram) {
            self.link.unknown_source.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        let (since_ns, count) = self.strangers;
        let is_new_second = now_ns >= since_ns + NS_PER_S;
        self.strangers = if is_new_second {
            (now_ns, 1)
        } else {
            (since_ns, count + 1)
        };
        let is_welcome = self.strangers.1 <= MAX_STRANGERS;
        if !is_welcome {
            self.strangers.1 = MAX_STRANGERS;
            self.link.count_overflow();
        }
        is_welcome
    }

    fn receive(&mut self, datagram: &[u8], now_ns: u64) -> Tell {
        let engine = Arc::clone(&self.link.engine);
        let mut engine = lock(&engine);
        if engine.handle_datagram(datagram, now_ns) && !is_rtcp(datagram) {
            note_first(&self.link.first_received_ns, now_ns);
        }
        self.drive(&mut engine, now_ns)
    }

    /// Does what is due.
    pub(crate) fn handle_timeout(&mut self, now_ns: u64) -> Tell {
        let engine = Arc::clone(&self.link.engine);
        let mut engine = lock(&engine);
        if let Some(due_ns) = self.engine_due_ns.filter(|due_ns| *due_ns <= now_ns) {
            self.link
                .max_lateness_ns
                .fetch_max(now_ns - due_ns, Ordering::Relaxed);
            engine.handle_timeout(now_ns);
        }
        self.drive(&mut engine, now_ns)
    }

    /// Looks at an engine that its owner has touched.
    pub(crate) fn look(&mut self, now_ns: u64) -> Tell {
        let engine = Arc::clone(&self.link.engine);
        self.drive(&mut lock(&engine), now_ns)
    }

    /// Whether what waits for more audio may be told now, with what another call has to tell: half of
    /// its interval has passed. The calls then wait together for the next time.
    pub(crate) fn join_telling(&mut self, now_ns: u64) -> bool {
        let half_ns = self.delivery_interval_ns / 2;
        let joins = self
            .tell_due_ns
            .is_some_and(|due_ns| due_ns <= now_ns + half_ns);
        if joins {
            self.tell_due_ns = None;
            self.told_ns = now_ns;
        }
        joins
    }

    /// Gives the other call what this one's engine has handed on.
    pub(crate) fn pass_on(&mut self, now_ns: u64) -> Passed {
        let bridge = self.bridge.as_mut();
        bridge.map_or(Passed::Nothing, |bridge| bridge.pass_on(now_ns))
    }

    /// Sends what the engine has and takes its next time.
    fn drive(&mut self, engine: &mut Engine, now_ns: u64) -> Tell {
        let mut handed_back = false;
        while let Some(datagram) = engine.poll_datagram() {
            handed_back |= self.send(datagram, now_ns);
        }
        if let Some(bridge) = &mut self.bridge {
            bridge.take(engine);
        }
        self.engine_due_ns = engine.next_timeout();
        self.tell_due_ns = None;
        let tell = match engine.pending_events() {
            PendingEvents::None => handed_back,
            PendingEvents::Audio => {
                let due_ns = self.told_ns + self.delivery_interval_ns;
                let is_due = handed_back || now_ns >= due_ns;
                self.tell_due_ns = Some(due_ns).filter(|_| !is_due);
                is_due
            }
            PendingEvents::Other => true,
        };
        if !tell {
            return Tell::Later;
        }
        self.told_ns = now_ns;
        Tell::Now
    }

    /// Sends a datagram; true if it was handed back instead.
    fn send(&self, datagram: &[u8], now_ns: u64) -> bool {
        let Some(to) = self.route.as_ref().and_then(|route| route.destination) else {
            let datagram = datagram.to_vec();
            self.link.hand_back(HandedBack::ToSend { datagram });
            return true;
        };
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        let may_send = now_ns < self.may_send_until_ns;
        let sent = may_send
            && self
                .sockets
                .get(to.socket)
                .is_some_and(|fd| sendto(fd, datagram, flags, &to.address).is_ok());
        if !sent {
            self.link.unsent.fetch_add(1, Ordering::Relaxed);
        } else if !is_rtcp(datagram) {
            note_first(&self.link.first_sent_ns, now_ns);
        }
        false
    }
}

impl Route {
    fn accepts(&self, from: Endpoint) -> bool {
        // An IPv6 address read from a socket has a scope, one out of a candidate none.
        self.accepted.iter().any(|pair| {
            pair.socket == from.socket
                && pair.address.port() == from.address.port()
                && pair.address.ip() == from.address.ip()
        })
    }
}

/// By RFC 7983 and the magic cookie (RFC 8489 §5).
fn is_stun(datagram: &[u8]) -> bool {
    datagram.len() >= 20 && datagram[0] <= 3 && datagram[4..8] == [0x21, 0x12, 0xa4, 0x42]
}

/// SRTP or SRTCP, by RFC 7983.
fn is_media(datagram: &[u8]) -> bool {
    matches!(datagram.first(), Some(128..=191))
}
