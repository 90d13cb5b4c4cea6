//! What of a capture cannot be used.

use std::fmt;

/// A place in a file and what is wrong there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    /// In bytes from the beginning of the file.
    pub offset: u64,
    /// What it is.
    pub kind: DamageKind,
}

/// What can be wrong with a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DamageKind {
    /// The file ends within a chunk; its whole records are used.
    CutOff,
    /// A chunk's checksum is another one; it is left out.
    Checksum,
    /// There is no chunk where one should begin; so many bytes are passed over.
    NoChunk {
        /// Up to the next chunk or the end.
        skipped_bytes: u64,
    },
    /// A record does not parse; the rest of its chunk is left out.
    Record,
}

impl fmt::Display for DamageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CutOff => write!(f, "the file ends within a chunk"),
            Self::Checksum => write!(f, "a chunk whose checksum does not fit is left out"),
            Self::NoChunk { skipped_bytes } => {
                write!(f, "{skipped_bytes} bytes that are no chunk are passed over")
            }
            Self::Record => write!(
                f,
                "a record does not parse; the rest of its chunk is left out"
            ),
        }
    }
}
