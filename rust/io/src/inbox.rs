//! Where the owner of a plane learns which calls have something for it.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex};

use crate::link::{CallId, Link};
use crate::lock;
use crate::wakeup::Wakeup;

/// The calls that have events or handed-back datagrams. Its descriptor is readable while there
/// are any.
pub struct Inbox {
    wakeup: Wakeup,
    ready: Mutex<Vec<Arc<Link>>>,
}

impl Inbox {
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self {
            wakeup: Wakeup::new()?,
            ready: Mutex::new(Vec::new()),
        })
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
