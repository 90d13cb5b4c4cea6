//! What goes into an engine, written down so that the call can be had again to the bit.
//!
//! An [`Engine`](super::Engine) is a function of its settings, its seed and its inputs with their
//! times. [`Engine::captured`](super::Engine::captured) writes those down as they come, decrypted
//! and without keys, and [`Replay`] gives them to another engine. `docs/capture.md` has the format.

mod bytes;
mod damage;
mod digest;
mod made_by;
mod reader;
mod record;
mod recorder;
mod replay;
mod settings_text;

pub use damage::{Damage, DamageKind};
pub use reader::{CaptureReader, ReceivedPacket, is_capture};
pub use recorder::MIN_LIMIT_BYTES;
pub use replay::{CaptureError, Outcome, Replay};

pub(super) use recorder::Recorder;

/// What a file begins with.
const MAGIC: [u8; 8] = *b"voicecap";
/// Of the format: another one is not read.
const VERSION: u16 = 1;
/// What a chunk begins with.
const CHUNK_MAGIC: [u8; 4] = *b"VCHK";
/// Magic, length and checksum.
const CHUNK_HEADER_BYTES: usize = 12;
/// No chunk is longer: a record is at most a minute of PCM.
const MAX_CHUNK_BYTES: usize = 16 << 20;
