//! The threads that carry calls: the sockets and the clock around the sans-IO engine.
//!
//! A [`Plane`] has a fixed number of threads, each of which serves many calls. It takes a call's
//! sockets once ICE and DTLS are done: from then on its thread reads them, gives protected media
//! to the engine, wakes the engine at its own times and sends what it has, and no other thread has
//! to run for the audio to go on. What is not media (STUN, DTLS) it hands back to the owner, who
//! finds it, and the engine's events, in batches when the plane's [`Inbox`] becomes readable.
//!
//! Linux only: elsewhere the owner feeds the engine itself.
#![cfg(target_os = "linux")]

mod bridge;
mod call;
mod clock;
mod inbox;
mod link;
mod plane;
mod timers;
mod wakeup;
mod watch;
mod worker;

pub use clock::now_ns;
pub use inbox::Inbox;
pub use link::{CallId, CallStats, Endpoint, HandedBack, Link, MAX_HANDED_BACK, Route};
pub use plane::{Plane, PlaneSettings};

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks; a panic elsewhere left what is inside no less sound.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
