//! Where the owner of a plane learns which calls have something for it.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crate::clock::now_ns;
use crate::link::{CallId, Link};
use crate::lock;
use crate::wakeup::Wakeup;

/// An owner that has not been seen for so long counts as gone. Consent to send expires after 30 s
/// (RFC 7675 §5.1), and it is the owner who renews it.
const OWNER_COUNTS_NS: u64 = 30_000_000_000;

/// The calls that have events or handed-back datagrams. Its descriptor is readable while there
/// are any.
pub struct Inbox {
    wakeup: Wakeup,
    ready: Mutex<Vec<Arc<Link>>>,
    owner_seen_ns: AtomicU64,
}

impl Inbox {
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self {
            wakeup: Wakeup::new()?,
            ready: Mutex::new(Vec::new()),
            owner_seen_ns: AtomicU64::new(now_ns()),
        })
    }

    /// Says that the owner is alive.
    pub(crate) fn see_owner(&self, now_ns: u64) {
        self.owner_seen_ns.store(now_ns, Ordering::Relaxed);
    }

    /// When calls fall silent, if the owner is not seen until then.
    pub(crate) fn owner_counts_until_ns(&self) -> u64 {
        self.owner_seen_ns.load(Ordering::Relaxed) + OWNER_COUNTS_NS
    }

    /// Takes the calls that became ready since the last time, each once. Whatever they have is to
    /// be taken afterwards.
    pub fn take_ready(&self) -> Vec<CallId> {
        self.wakeup.clear();
        let ready = std::mem::take(&mut *lock(&self.ready));
        ready
            .iter()
            .map(|link| {
                link.taken();
                link.id()
            })
            .collect()
    }

    /// Lists a call that is not listed yet; the owner is woken by [`Inbox::wake`].
    pub(crate) fn list(&self, link: &Arc<Link>) {
        lock(&self.ready).push(Arc::clone(link));
    }

    pub(crate) fn wake(&self) {
        self.wakeup.wake();
    }
}

impl AsFd for Inbox {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wakeup.as_fd()
    }
}
