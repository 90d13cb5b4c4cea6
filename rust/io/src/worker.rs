//! A thread's loop.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use rustix::event::Timespec;

use crate::bridge::{Bridge, Passed};
use crate::call::{Call, Tell};
use crate::clock::{now_ns, thread_cpu_ns};
use crate::inbox::Inbox;
use crate::link::{CallId, Link, Route};
use crate::lock;
use crate::timers::Timers;
use crate::wakeup::Wakeup;
use crate::watch::{Ready, Watch, new_buffer};

const NS_PER_S: u64 = 1_000_000_000;
/// CPU time is noted this often: asking for it is a system call.
const CPU_TIME_INTERVAL_NS: u64 = 10_000_000;
/// Calls that are woken before the sockets are looked at again: all can be due at once, and some
/// milliseconds of encoding would keep what arrives waiting.
const MAX_TIMERS: usize = 8;
/// A call that is woken so much after its time is heard to be late.
const LATE_NS: u64 = 20_000_000;

/// What a thread is asked to do.
pub(crate) enum Command {
    /// The call, its sockets, which the thread's watch has already, and its delivery interval in
    /// nanoseconds.
    Add(Arc<Link>, Vec<OwnedFd>, u64),
    SetRoute(CallId, Route),
    /// Hand on to another call.
    Bridge(CallId, Option<Box<Bridge>>),
    /// The owner has touched the engine.
    Look(CallId),
    /// Send what the engine has left and let go of the sockets.
    Remove(CallId),
    Stop,
}

/// Commands on their way to a thread.
pub(crate) struct Mailbox {
    /// What the thread waits for, its commands among it.
    pub(crate) watch: Watch,
    wakeup: Wakeup,
    commands: Mutex<Vec<Command>>,
    /// CPU time that the thread has used.
    cpu_ns: AtomicU64,
    timeouts: AtomicU64,
    late_timeouts: AtomicU64,
}

impl Mailbox {
    pub(crate) fn new() -> std::io::Result<Self> {
        let wakeup = Wakeup::new()?;
        Ok(Self {
            watch: Watch::new(&wakeup)?,
            wakeup,
            commands: Mutex::new(Vec::new()),
            cpu_ns: AtomicU64::new(0),
            timeouts: AtomicU64::new(0),
            late_timeouts: AtomicU64::new(0),
        })
    }

    /// How often calls were woken at a time of theirs, and how often too late for it.
    pub(crate) fn timeouts(&self) -> (u64, u64) {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (count(&self.timeouts), count(&self.late_timeouts))
    }

    pub(crate) fn cpu_ns(&self) -> u64 {
        self.cpu_ns.load(Ordering::Relaxed)
    }

    pub(crate) fn post(&self, command: Command) {
        lock(&self.commands).push(command);
        self.wakeup.wake();
    }
}

/// The calls of one thread.
pub(crate) struct Worker {
    mailbox: Arc<Mailbox>,
    inbox: Arc<Inbox>,
    calls: HashMap<CallId, Call>,
    timers: Timers,
    owner_is_to_wake: bool,
    cpu_time_due_ns: u64,
}

impl Worker {
    pub(crate) fn new(mailbox: Arc<Mailbox>, inbox: Arc<Inbox>) -> Self {
        Self {
            mailbox,
            inbox,
            calls: HashMap::new(),
            timers: Timers::default(),
            owner_is_to_wake: false,
            cpu_time_due_ns: 0,
        }
    }

    /// Serves until it is told to stop.
    pub(crate) fn run(mut self) {
        let mut buffer = new_buffer();
        loop {
            self.run_timers();
            let now_ns = now_ns();
            if std::mem::take(&mut self.owner_is_to_wake) {
                self.wake_owner(now_ns);
            }
            if now_ns >= self.cpu_time_due_ns {
                self.cpu_time_due_ns = now_ns + CPU_TIME_INTERVAL_NS;
                let cpu_ns = thread_cpu_ns();
                self.mailbox.cpu_ns.store(cpu_ns, Ordering::Relaxed);
            }
            let timeout = self.timeout(now_ns);
            let ready = self.mailbox.watch.wait(&mut buffer, timeout.as_ref());
            if ready.clone().any(|what| what == Ready::Commands) {
                self.mailbox.wakeup.clear();
            }
            // Before the sockets: what arrived after a command finds it done.
            if !self.run_commands() {
                return;
            }
            for what in ready {
                if let Ready::Socket(id, socket) = what {
                    self.run_call(id, |call, now_ns| call.read(socket, now_ns));
                }
            }
        }
    }

    /// How long to wait: in whole milliseconds, which lets calls share a waking.
    fn timeout(&self, now_ns: u64) -> Option<Timespec> {
        let wait_ns = self.timers.next_ns()?.saturating_sub(now_ns);
        Some(Timespec {
            tv_sec: (wait_ns / NS_PER_S) as i64,
            tv_nsec: (wait_ns % NS_PER_S) as i64,
        })
    }

    /// Wakes the owner for all calls that can use it.
    fn wake_owner(&mut self, now_ns: u64) {
        for (id, call) in &mut self.calls {
            if call.join_telling(now_ns) {
                self.timers.set(*id, call.due_ns());
                if call.link.needs_listing() {
                    self.inbox.list(&call.link);
                }
            }
        }
        self.inbox.wake();
    }

    /// Wakes the first calls whose time has come. What falls due meanwhile waits for the next round:
    /// a thread with more to do than there is time still has to read its sockets and its commands.
    fn run_timers(&mut self) {
        let now_ns = now_ns();
        for _ in 0..MAX_TIMERS {
            let Some((due_ns, id)) = self.timers.pop_due(now_ns) else {
                return;
            };
            let mailbox = &self.mailbox;
            mailbox.timeouts.fetch_add(1, Ordering::Relaxed);
            if now_ns - due_ns > LATE_NS {
                mailbox.late_timeouts.fetch_add(1, Ordering::Relaxed);
            }
            self.run_call(id, Call::handle_timeout);
        }
    }

    /// Lets a call do something, then sees to its timer and its owner.
    fn run_call(&mut self, id: CallId, work: impl FnOnce(&mut Call, u64) -> Tell) {
        let now_ns = now_ns();
        let mut other = self.run_one(id, work, now_ns);
        // What one call hands on can have another hand on what was due there; no time passes.
        while let Some(id) = other {
            other = self.run_one(id, Call::look, now_ns);
        }
    }

    /// Gives the call that is to be looked at next.
    fn run_one(
        &mut self,
        id: CallId,
        work: impl FnOnce(&mut Call, u64) -> Tell,
        now_ns: u64,
    ) -> Option<CallId> {
        let call = self.calls.get_mut(&id)?;
        call.may_send_until_ns = self.inbox.owner_counts_until_ns();
        // A fault in one call ends that call; the others of the thread go on.
        let worked = catch_unwind(AssertUnwindSafe(|| {
            (work(call, now_ns), call.pass_on(now_ns))
        }));
        let Ok((told, passed)) = worked else {
            self.fail(id);
            return None;
        };
        if (told == Tell::Now || passed == Passed::ToTell) && call.link.needs_listing() {
            self.inbox.list(&call.link);
            self.owner_is_to_wake = true;
        }
        self.timers.set(id, call.due_ns());
        match passed {
            Passed::ToLookAt(other) => Some(other),
            _ => None,
        }
    }

    /// Lets go of a call whose work panicked, and tells the owner.
    fn fail(&mut self, id: CallId) {
        let Some(call) = self.calls.get(&id) else {
            return;
        };
        call.link.failed.store(true, Ordering::Relaxed);
        if call.link.needs_listing() {
            self.inbox.list(&call.link);
        }
        self.owner_is_to_wake = true;
        self.forget(id);
    }

    /// False: stop.
    fn run_commands(&mut self) -> bool {
        let commands = std::mem::take(&mut *lock(&self.mailbox.commands));
        for command in commands {
            match command {
                Command::Add(link, sockets, interval_ns) => {
                    let call = Call::new(Arc::clone(&link), sockets, interval_ns);
                    self.calls.insert(link.id(), call);
                }
                Command::SetRoute(id, route) => self.run_call(id, |call, now_ns| {
                    call.route = Some(route);
                    call.look(now_ns)
                }),
                Command::Bridge(id, bridge) => self.run_call(id, |call, now_ns| {
                    call.bridge = bridge.map(|bridge| *bridge);
                    call.look(now_ns)
                }),
                Command::Look(id) => self.run_call(id, Call::look),
                Command::Remove(id) => self.remove(id),
                Command::Stop => return false,
            }
        }
        true
    }

    fn remove(&mut self, id: CallId) {
        self.run_call(id, Call::look);
        self.forget(id);
    }

    fn forget(&mut self, id: CallId) {
        self.timers.set(id, None);
        if let Some(call) = self.calls.remove(&id) {
            self.mailbox.watch.remove(&call.sockets);
        }
    }
}

#[cfg(test)]
mod tests {
    use voicectl_media::engine::{Engine, Settings};

    use super::*;

    type Fault = Box<dyn std::error::Error>;

    fn worker() -> Result<Worker, Fault> {
        Ok(Worker::new(
            Arc::new(Mailbox::new()?),
            Arc::new(Inbox::new()?),
        ))
    }

    fn add(worker: &mut Worker, id: CallId) -> Result<Arc<Link>, Fault> {
        let engine = Engine::new(&Settings::default(), now_ns(), id)?;
        let link = Arc::new(Link::new(id, Arc::new(Mutex::new(engine))));
        let command = Command::Add(Arc::clone(&link), Vec::new(), 0);
        worker.mailbox.post(command);
        worker.run_commands();
        Ok(link)
    }

    #[test]
    fn a_call_that_panics_ends_alone_and_the_owner_learns_of_it() -> Result<(), Fault> {
        let mut worker = worker()?;
        let (broken, sound) = (add(&mut worker, 1)?, add(&mut worker, 2)?);
        // Without a backtrace on the test's output.
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {}));
        worker.run_call(1, |call, _| {
            let engine = Arc::clone(&call.link.engine);
            let _held = lock(&engine);
            std::panic::resume_unwind(Box::new("a fault"))
        });
        std::panic::set_hook(hook);
        worker.run_call(2, Call::look);
        assert!(broken.has_failed() && !sound.has_failed());
        assert_eq!(worker.calls.keys().collect::<Vec<_>>(), [&2]);
        assert_eq!(worker.inbox.take_ready(), [1]);
        worker.run_call(1, Call::look); // no longer there
        Ok(())
    }

    #[test]
    fn what_falls_due_while_timers_run_waits_until_sockets_were_read() -> Result<(), Fault> {
        let mut worker = worker()?;
        add(&mut worker, 1)?;
        worker.timers.set(1, Some(0));
        worker.run_timers();
        assert_eq!(worker.mailbox.timeouts(), (1, 1));
        assert!(worker.timers.next_ns() > Some(0));
        Ok(())
    }

    #[test]
    fn sockets_are_read_before_all_calls_that_are_due_at_once_have_been_woken() -> Result<(), Fault>
    {
        let mut worker = worker()?;
        let calls = 2 * MAX_TIMERS as u64 + 1;
        for id in 1..=calls {
            add(&mut worker, id)?;
            worker.timers.set(id, Some(0));
        }
        for woken in [MAX_TIMERS as u64, 2 * MAX_TIMERS as u64, calls] {
            worker.run_timers();
            assert_eq!(worker.mailbox.timeouts().0, woken);
        }
        Ok(())
    }
}
