//! A simulated network: seeded loss, delay, reordering and rate, or a recorded trace.
//!
//! Sans-IO: packets and `now_ns` go in, packets come out when they are due. Equal seeds give equal
//! arrivals on every machine.

mod impairment;
mod link;
mod random;
mod trace;

pub use impairment::{Blockage, Impairment, Jitter, Loss, Outage, Rate};
pub use link::{Arrival, Link, LinkStats};
pub use trace::{Trace, TracePacket};
