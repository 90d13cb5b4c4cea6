//! What the fuzz targets of `rust/fuzz` run, and what replays their corpus on a stable compiler:
//! a function a target, from bytes to a call, which panics where a promise is broken.
#![allow(unreachable_pub, dead_code, reason = "each target takes what it needs")]
#![allow(clippy::unwrap_used, reason = "setting up")]

pub mod bytes;
pub mod engine_packets;
pub mod jitter_buffer;
pub mod wire;
