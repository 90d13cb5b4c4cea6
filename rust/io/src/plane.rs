//! The threads and the calls on them.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};
use std::thread::{Builder, JoinHandle};

use voicectl_media::engine::Engine;

use crate::bridge::{Bridge, Driver};
use crate::clock::now_ns;
use crate::inbox::Inbox;
use crate::link::{CallId, Link, Route};
use crate::lock;
use crate::watch::MAX_SOCKETS;
use crate::worker::{Command, Mailbox, Worker};

/// How a plane works.
#[derive(Clone, Copy, Debug)]
pub struct PlaneSettings {
    /// Threads; at least one is made.
    pub threads: usize,
    /// How long received audio waits for more of it before the owner is told, in a call that has
    /// no interval of its own. What is not audio does not wait, and takes the audio with it.
    pub delivery_interval_ns: u64,
}

impl Default for PlaneSettings {
    fn default() -> Self {
        Self {
            threads: 1,
            delivery_interval_ns: 20_000_000,
        }
    }
}

/// Threads that carry calls. Dropping it ends them.
pub struct Plane {
    inbox: Arc<Inbox>,
    threads: Vec<(Arc<Mailbox>, JoinHandle<()>)>,
    delivery_interval_ns: u64,
    calls: Mutex<Calls>,
    /// Threads do not come along into a forked process.
    process: u32,
}

#[derive(Default)]
struct Calls {
    next_id: CallId,
    /// Which thread serves which call.
    thread_of: HashMap<CallId, usize>,
}

impl Plane {
    /// Starts the threads.
    ///
    /// # Errors
    /// The system has no descriptors or threads left.
    pub fn new(settings: PlaneSettings) -> std::io::Result<Self> {
        let mut plane = Self {
            inbox: Arc::new(Inbox::new()?),
            threads: Vec::new(),
            delivery_interval_ns: settings.delivery_interval_ns,
            calls: Mutex::default(),
            process: std::process::id(),
        };
        for n in 0..settings.threads.max(1) {
            let mailbox = Arc::new(Mailbox::new()?);
            let worker = Worker::new(Arc::clone(&mailbox), Arc::clone(&plane.inbox));
            let thread = Builder::new()
                .name(format!("media-{n}"))
                .spawn(|| worker.run())?;
            plane.threads.push((mailbox, thread));
        }
        Ok(plane)
    }

    /// Where the owner learns what the calls have for it.
    #[must_use]
    pub fn inbox(&self) -> &Inbox {
        &self.inbox
    }

    /// Lets the thread with the fewest calls carry one more. It reads `sockets`, of which it has
    /// its own descriptors, from now on; it sends when it has a [`Route`]. `delivery_interval_ns`
    /// takes the place of the plane's.
    ///
    /// # Errors
    /// More sockets than a call can have (256), no thread is left to carry it, or the system lets
    /// it wait for no more sockets: without that the call would be deaf.
    pub fn add(
        &self,
        engine: Arc<Mutex<Engine>>,
        sockets: Vec<OwnedFd>,
        delivery_interval_ns: Option<u64>,
    ) -> std::io::Result<Arc<Link>> {
        if sockets.len() > MAX_SOCKETS {
            return Err(std::io::ErrorKind::InvalidInput.into());
        }
        let mut calls = lock(&self.calls);
        let id = calls.next_id;
        calls.next_id += 1;
        let load = |thread: &usize| calls.thread_of.values().filter(|t| *t == thread).count();
        let alive = (0..self.threads.len()).filter(|n| !self.threads[*n].1.is_finished());
        let thread = alive
            .min_by_key(load)
            .ok_or(std::io::ErrorKind::BrokenPipe)?;
        // Events of a call that its thread does not know yet are passed over, and come again.
        self.threads[thread].0.watch.add(id, &sockets)?;
        calls.thread_of.insert(id, thread);
        drop(calls);
        let link = Arc::new(Link::new(id, engine));
        let interval_ns = delivery_interval_ns.unwrap_or(self.delivery_interval_ns);
        self.post(id, Command::Add(Arc::clone(&link), sockets, interval_ns));
        Ok(link)
    }

    /// Says which way a call's media goes from now on.
    pub fn set_route(&self, id: CallId, route: Route) {
        self.post(id, Command::SetRoute(id, route));
    }

    /// Takes what a call's engine hands on to `engine` from now on; without, to nobody. `carried`:
    /// the plane and the call that has this engine. Where there is none the owner of the plane is told
    /// when packets wait in it, and sees to it.
    pub fn bridge(
        &self,
        id: CallId,
        engine: Option<Arc<Mutex<Engine>>>,
        carried: Option<(&Self, CallId)>,
    ) {
        let driver = match carried {
            Some((plane, other)) if std::ptr::eq(plane, self) && self.share_a_thread(id, other) => {
                Driver::Here(other)
            }
            Some((plane, other)) => plane.mailbox_of(other).map_or(Driver::Owner, |mailbox| {
                Driver::Elsewhere(other, Arc::clone(mailbox))
            }),
            None => Driver::Owner,
        };
        let bridge = engine.map(|engine| Box::new(Bridge::new(engine, driver)));
        self.post(id, Command::Bridge(id, bridge));
    }

    /// Makes the thread look at an engine that the owner has touched.
    pub fn look(&self, id: CallId) {
        self.post(id, Command::Look(id));
    }

    /// Ends a call on its thread, after what its engine still has to send.
    pub fn remove(&self, id: CallId) {
        self.post(id, Command::Remove(id));
        lock(&self.calls).thread_of.remove(&id);
    }

    /// Says that the owner is alive. Its calls send for 30 s after that and then fall silent: it is
    /// the owner who sees to the peers' consent (RFC 7675).
    pub fn keep_alive(&self) {
        self.inbox.see_owner(now_ns());
    }

    /// How often calls were woken at a time of theirs, and how often more than 20 ms too late.
    #[must_use]
    pub fn timeouts(&self) -> (u64, u64) {
        let threads = self.threads.iter();
        threads.fold((0, 0), |(all, late), (mailbox, _)| {
            let (more, later) = mailbox.timeouts();
            (all + more, late + later)
        })
    }

    /// CPU time that the busiest thread has used. Over a span of time it is the thread's load.
    #[must_use]
    pub fn cpu_ns(&self) -> u64 {
        let threads = self.threads.iter();
        let busiest = threads.map(|(mailbox, _)| mailbox.cpu_ns()).max();
        busiest.unwrap_or(0)
    }

    /// Calls on the plane.
    #[must_use]
    pub fn call_count(&self) -> usize {
        lock(&self.calls).thread_of.len()
    }

    fn share_a_thread(&self, one: CallId, other: CallId) -> bool {
        let calls = lock(&self.calls);
        calls.thread_of.get(&one) == calls.thread_of.get(&other)
    }

    fn mailbox_of(&self, id: CallId) -> Option<&Arc<Mailbox>> {
        let thread = lock(&self.calls).thread_of.get(&id).copied()?;
        self.threads.get(thread).map(|(mailbox, _)| mailbox)
    }

    fn post(&self, id: CallId, command: Command) {
        if let Some(mailbox) = self.mailbox_of(id) {
            mailbox.post(command);
        }
    }
}

impl Drop for Plane {
    fn drop(&mut self) {
        if std::process::id() != self.process {
            self.threads.drain(..).for_each(std::mem::forget);
            return;
        }
        for (mailbox, _) in &self.threads {
            mailbox.post(Command::Stop);
        }
        for (_, thread) in self.threads.drain(..) {
            // A thread that panicked has said so on stderr.
            let _ = thread.join();
        }
    }
}
