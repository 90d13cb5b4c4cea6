//! What a call's thread and its owner share.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use voicectl_media::engine::Engine;

use crate::lock;

/// Datagrams handed back that wait for the owner; the newest is dropped.
pub const MAX_HANDED_BACK: usize = 256;

/// Names a call within its plane.
pub type CallId = u64;

/// One of a call's sockets and an address of the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Index of the socket in the list that the call was added with.
    pub socket: usize,
    /// Where the peer is.
    pub address: SocketAddr,
}

/// Which way a call's media goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Route {
    /// Media is accepted from these: live candidate pairs.
    pub accepted: Vec<Endpoint>,
    /// Media goes here; without it the datagrams are handed back, for the owner to send.
    pub destination: Option<Endpoint>,
}

/// What the owner has to see to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HandedBack {
    /// A datagram that is not media arrived.
    Received {
        /// On which socket and from where.
        from: Endpoint,
        /// All of it.
        datagram: Vec<u8>,
    },
    /// A protected packet to be sent, as the route leads over no socket of the plane.
    ToSend {
        /// All of it.
        datagram: Vec<u8>,
    },
}

/// What the thread counted of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallStats {
    /// Not STUN, and from elsewhere than a live candidate pair: dropped.
    pub unknown_source: u64,
    /// Datagrams for the owner beyond [`MAX_HANDED_BACK`], or more STUN from strangers than a call
    /// ever needs: dropped.
    pub overflowed: u64,
    /// Our datagrams that the system did not take, or that nobody saw to the consent for.
    pub unsent: u64,
    /// The longest that the engine was woken after its time.
    pub max_lateness_ns: u64,
    /// When the thread first sent media.
    pub first_sent_ns: Option<u64>,
    /// When authentic media first arrived.
    pub first_received_ns: Option<u64>,
}

/// One call, as both sides see it.
pub struct Link {
    id: CallId,
    pub(crate) engine: Arc<Mutex<Engine>>,
    listed: AtomicBool,
    handed_back: Mutex<VecDeque<HandedBack>>,
    pub(crate) unknown_source: AtomicU64,
    overflowed: AtomicU64,
    pub(crate) unsent: AtomicU64,
    pub(crate) failed: AtomicBool,
    pub(crate) max_lateness_ns: AtomicU64,
    /// 0: not yet.
    pub(crate) first_sent_ns: AtomicU64,
    pub(crate) first_received_ns: AtomicU64,
}

impl Link {
    pub(crate) fn new(id: CallId, engine: Arc<Mutex<Engine>>) -> Self {
        Self {
            id,
            engine,
            listed: AtomicBool::new(false),
            handed_back: Mutex::new(VecDeque::new()),
            unknown_source: AtomicU64::new(0),
            overflowed: AtomicU64::new(0),
            unsent: AtomicU64::new(0),
            failed: AtomicBool::new(false),
            max_lateness_ns: AtomicU64::new(0),
            first_sent_ns: AtomicU64::new(0),
            first_received_ns: AtomicU64::new(0),
        }
    }

    /// The call's name.
    #[must_use]
    pub fn id(&self) -> CallId {
        self.id
    }

    /// Whether the engine has panicked: the thread carries the call no longer.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// Takes what was handed back since the last time, in order.
    pub fn take_handed_back(&self) -> VecDeque<HandedBack> {
        std::mem::take(&mut *lock(&self.handed_back))
    }

    /// The counters of this moment.
    #[must_use]
    pub fn stats(&self) -> CallStats {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let time = |instant: &AtomicU64| Some(count(instant)).filter(|ns| *ns != 0);
        CallStats {
            unknown_source: count(&self.unknown_source),
            overflowed: count(&self.overflowed),
            unsent: count(&self.unsent),
            max_lateness_ns: count(&self.max_lateness_ns),
            first_sent_ns: time(&self.first_sent_ns),
            first_received_ns: time(&self.first_received_ns),
        }
    }

    pub(crate) fn hand_back(&self, item: HandedBack) {
        let mut queue = lock(&self.handed_back);
        if queue.len() < MAX_HANDED_BACK {
            queue.push_back(item);
        } else {
            self.count_overflow();
        }
    }

    pub(crate) fn count_overflow(&self) {
        self.overflowed.fetch_add(1, Ordering::Relaxed);
    }

    /// True if the call is to be listed as ready; until it has been taken it is not again.
    pub(crate) fn needs_listing(&self) -> bool {
        !self.listed.swap(true, Ordering::AcqRel)
    }

    pub(crate) fn taken(&self) {
        self.listed.store(false, Ordering::Release);
    }
}

/// Notes the first time that something happened.
pub(crate) fn note_first(instant: &AtomicU64, now_ns: u64) {
    if instant.load(Ordering::Relaxed) == 0 {
        instant.store(now_ns, Ordering::Relaxed);
    }
}
