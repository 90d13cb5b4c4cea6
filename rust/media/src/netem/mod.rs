//! A simulated network: seeded loss, delay, reordering and rate.

mod trace;

pub use trace::{Trace, TraceError, TracePacket};
