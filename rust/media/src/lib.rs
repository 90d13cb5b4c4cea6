//! The audio path of voicectl, free of clocks, sockets and Python.
//!
//! Whatever has a state machine takes bytes and `now_ns` (integer nanoseconds on any monotonic
//! scale) and is polled, so one engine runs on the real clock and on a virtual one.

pub mod engine;
pub mod g711;
pub mod netem;
pub mod opus;
pub mod playout;
pub mod resample;
pub mod rtp;
pub mod srtp;
pub mod vad;
