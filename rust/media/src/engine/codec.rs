//! What a payload type stands for.

use crate::g711::{self, Law};
use crate::playout::SAMPLE_RATE_HZ;

/// A format of RTP payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Codec {
    /// RFC 7587, 48 kHz.
    #[default]
    Opus,
    /// G.711 µ-law (RFC 3551), 8 kHz.
    Pcmu,
    /// G.711 A-law (RFC 3551), 8 kHz.
    Pcma,
    /// Keys of a telephone (RFC 4733) beside Opus, 48 kHz.
    TelephoneEvent,
    /// The same at 8 kHz: beside G.711, and beside Opus with those who have no other.
    TelephoneEvent8k,
}

/// With their names, those of SDP (`a=rtpmap`) in lower case.
const ALL: [(Codec, &str); 5] = [
    (Codec::Opus, "opus"),
    (Codec::Pcmu, "pcmu"),
    (Codec::Pcma, "pcma"),
    (Codec::TelephoneEvent, "telephone-event"),
    (Codec::TelephoneEvent8k, "telephone-event/8000"),
];

impl Codec {
    /// `opus`, `pcmu`, `pcma`, `telephone-event` (at 48 kHz) or `telephone-event/8000`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let found = ALL.iter().find(|(_, known)| *known == name);
        found.map(|(codec, _)| *codec)
    }

    /// For a capture.
    pub(super) fn number(self) -> u8 {
        self as u8
    }

    pub(super) fn from_number(number: u8) -> Option<Self> {
        ALL.get(usize::from(number)).map(|(codec, _)| *codec)
    }

    /// The law of G.711.
    pub(super) fn law(self) -> Option<Law> {
        match self {
            Self::Pcmu => Some(Law::Mu),
            Self::Pcma => Some(Law::A),
            _ => None,
        }
    }

    /// Whether it is no audio.
    pub(super) fn is_keys(self) -> bool {
        matches!(self, Self::TelephoneEvent | Self::TelephoneEvent8k)
    }

    /// Of the RTP timestamps.
    pub(super) fn clock_rate_hz(self) -> u32 {
        match self {
            Self::Opus | Self::TelephoneEvent => SAMPLE_RATE_HZ,
            Self::Pcmu | Self::Pcma | Self::TelephoneEvent8k => g711::SAMPLE_RATE_HZ,
        }
    }

    /// Samples of the audio path to a unit of the RTP clock.
    pub(super) fn samples_per_unit(self) -> u32 {
        SAMPLE_RATE_HZ / self.clock_rate_hz()
    }
}
