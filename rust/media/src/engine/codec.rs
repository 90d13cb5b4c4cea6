//! What a payload type stands for.

/// A format of RTP payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// RFC 7587, 48 kHz.
    Opus,
}

/// With the names of SDP (`a=rtpmap`) in lower case.
const ALL: [(Codec, &str); 1] = [(Codec::Opus, "opus")];

impl Codec {
    /// The codec of a name of SDP in lower case.
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
}
