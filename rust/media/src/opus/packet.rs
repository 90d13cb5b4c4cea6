//! The layout of an Opus packet (RFC 6716 §3).

use super::OpusError;

/// 120 ms of frames of 2.5 ms: the most that R5 lets a packet hold.
const MAX_FRAMES: usize = 48;
/// The longest frame (R2).
const MAX_FRAME_BYTES: usize = 1275;

/// Which rule of RFC 6716 §3.4 a packet breaks.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MalformedPacket {
    /// R1: No TOC byte.
    #[error("it is empty")]
    Empty,
    /// R2: A frame without a length of its own is longer than 1275 bytes.
    #[error("a frame has {0} bytes, more than 1275")]
    FrameTooLong(usize),
    /// R3: Code 1: what follows the TOC does not split into two equal frames.
    #[error("its two frames of equal size have an odd total")]
    OddLength,
    /// R4, R7: A frame length is cut off or larger than what remains.
    #[error("a frame's length runs past the end")]
    FramePastEnd,
    /// R6, R7: Code 3 without its frame count byte.
    #[error("the frame count is missing")]
    NoFrameCount,
    /// R5: Code 3 with no frame.
    #[error("it has no frames")]
    NoFrames,
    /// R5: More than 120 ms.
    #[error("it lasts longer than 120 ms")]
    TooLong,
    /// R6, R7: Padding longer than the packet.
    #[error("padding runs past the end")]
    PaddingPastEnd,
    /// R6: Code 3, CBR: what remains does not split into equal frames.
    #[error("{bytes} bytes do not split into {frames} frames of equal size")]
    UnequalFrames {
        /// Bytes left for the frames.
        bytes: usize,
        /// The frame count.
        frames: usize,
    },
}

/// The coding layers in use (RFC 6716 §2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mode {
    /// Linear prediction, for speech up to wideband. Carries LBRR.
    Silk,
    /// SILK below 8 kHz, CELT above. Carries LBRR.
    Hybrid,
    /// MDCT, for music and low delay. No LBRR.
    Celt,
}

/// The audio bandwidth (RFC 6716 §2).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Bandwidth {
    /// 4 kHz.
    Narrowband,
    /// 6 kHz.
    Mediumband,
    /// 8 kHz.
    Wideband,
    /// 12 kHz.
    Superwideband,
    /// 20 kHz.
    Fullband,
}

/// The first byte of a packet: how its frames are coded (RFC 6716 §3.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Toc(u8);

impl Toc {
    /// Every byte is a valid TOC.
    #[must_use]
    pub const fn new(byte: u8) -> Self {
        Self(byte)
    }

    /// The configuration number, 0 to 31 (Table 2).
    #[must_use]
    pub const fn config(self) -> u8 {
        self.0 >> 3
    }

    /// The layers in use.
    #[must_use]
    pub const fn mode(self) -> Mode {
        match self.config() {
            0..=11 => Mode::Silk,
            12..=15 => Mode::Hybrid,
            _ => Mode::Celt,
        }
    }

    /// The audio bandwidth.
    #[must_use]
    pub const fn bandwidth(self) -> Bandwidth {
        match self.config() {
            0..=3 | 16..=19 => Bandwidth::Narrowband,
            4..=7 => Bandwidth::Mediumband,
            8..=11 | 20..=23 => Bandwidth::Wideband,
            12..=13 | 24..=27 => Bandwidth::Superwideband,
            _ => Bandwidth::Fullband,
        }
    }

    /// Whether the frames are coded in stereo.
    #[must_use]
    pub const fn is_stereo(self) -> bool {
        self.0 & 0b100 != 0
    }

    /// How the frames are packed, 0 to 3 (§3.2).
    #[must_use]
    pub const fn code(self) -> u8 {
        self.0 & 0b11
    }

    /// Samples of one channel in one frame.
    #[must_use]
    pub const fn frame_samples(self, sample_rate_hz: u32) -> u32 {
        self.frame_quanta() * sample_rate_hz / 400
    }

    /// One frame in units of 2.5 ms, the shortest there is.
    const fn frame_quanta(self) -> u32 {
        match (self.mode(), self.config() & 0b11) {
            (Mode::Silk, size @ (1..=3)) => 8 * size as u32,
            (Mode::Silk, _) => 4,
            (Mode::Hybrid, size) => 4 << (size & 1),
            (Mode::Celt, size) => 1 << size,
        }
    }
}

/// A packet taken apart. It borrows the bytes and copies none.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Packet<'a> {
    toc: Toc,
    frames: [&'a [u8]; MAX_FRAMES],
    frame_count: usize,
    padding: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Takes apart a packet that ends where `bytes` does, as it does in RTP (RFC 7587 §4.2).
    ///
    /// # Errors
    /// [`OpusError::MalformedPacket`] with the rule of §3.4 that it breaks.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, OpusError> {
        let (&toc, rest) = bytes.split_first().ok_or(MalformedPacket::Empty)?;
        let mut packet = Self {
            toc: Toc::new(toc),
            frames: [&[]; MAX_FRAMES],
            frame_count: 0,
            padding: &[],
        };
        match packet.toc.code() {
            0 => packet.push_rest(rest)?,
            1 if rest.len() % 2 == 1 => return Err(MalformedPacket::OddLength.into()),
            1 => packet.push_equal(rest, 2)?,
            2 => packet.push_measured(rest, 2)?,
            _ => packet.parse_code_3(rest)?,
        }
        Ok(packet)
    }

    /// The first byte.
    #[must_use]
    pub const fn toc(&self) -> Toc {
        self.toc
    }

    /// The compressed frames, one to 48. An empty one is DTX or a loss that the encoder knew of.
    #[must_use]
    pub fn frames(&self) -> &[&'a [u8]] {
        &self.frames[..self.frame_count]
    }

    /// The padding after the last frame, where extensions such as DRED travel.
    #[must_use]
    pub const fn padding(&self) -> &'a [u8] {
        self.padding
    }

    /// Samples of one channel in the packet: at most 120 ms.
    #[must_use]
    pub fn duration_samples(&self, sample_rate_hz: u32) -> u32 {
        self.toc.frame_samples(sample_rate_hz) * self.frame_count as u32
    }

    /// Whether the packet repeats, at a lower bitrate, the frame before its first
    /// (RFC 6716 §2.1.7, flags of §4.2.4).
    #[must_use]
    pub fn has_lbrr(&self) -> bool {
        let Some(&flags) = self.frames().first().and_then(|frame| frame.first()) else {
            return false;
        };
        // The frame begins with, for each coded channel, one VAD bit per 20 ms and one LBRR bit.
        // They have probability 1/2, so the range coder leaves them as plain bits, first on top.
        let silk_frames = match self.toc.mode() {
            Mode::Celt => return false,
            _ => (self.toc.frame_quanta() / 8).max(1),
        };
        let mid = 0x80 >> silk_frames;
        let side = if self.toc.is_stereo() {
            0x40 >> (2 * silk_frames)
        } else {
            0
        };
        flags & (mid | side) != 0
    }

    /// Code 3 (§3.2.5): a signalled number of frames, of equal size or with a length each.
    fn parse_code_3(&mut self, rest: &'a [u8]) -> Result<(), MalformedPacket> {
        let (&header, rest) = rest.split_first().ok_or(MalformedPacket::NoFrameCount)?;
        let count = usize::from(header & 0x3f);
        if count == 0 {
            return Err(MalformedPacket::NoFrames);
        }
        if count as u32 * self.toc.frame_quanta() > MAX_FRAMES as u32 {
            return Err(MalformedPacket::TooLong);
        }
        let mut rest = rest;
        if header & 0x40 != 0 {
            (rest, self.padding) = split_padding(rest)?;
        }
        if header & 0x80 != 0 {
            self.push_measured(rest, count)
        } else if rest.len().is_multiple_of(count) {
            self.push_equal(rest, count)
        } else {
            Err(MalformedPacket::UnequalFrames {
                bytes: rest.len(),
                frames: count,
            })
        }
    }

    /// `count` frames of which all but the last have a length before the first frame.
    fn push_measured(&mut self, rest: &'a [u8], count: usize) -> Result<(), MalformedPacket> {
        let mut lengths = [0; MAX_FRAMES];
        let mut rest = rest;
        for length in &mut lengths[..count - 1] {
            (*length, rest) = split_length(rest)?;
        }
        for &length in &lengths[..count - 1] {
            let (frame, after) = rest
                .split_at_checked(length)
                .ok_or(MalformedPacket::FramePastEnd)?;
            self.push(frame);
            rest = after;
        }
        self.push_rest(rest)
    }

    /// `count` frames of equal size; `rest` is known to divide.
    fn push_equal(&mut self, rest: &'a [u8], count: usize) -> Result<(), MalformedPacket> {
        let length = rest.len() / count;
        if length > MAX_FRAME_BYTES {
            return Err(MalformedPacket::FrameTooLong(length));
        }
        for index in 0..count {
            self.push(&rest[index * length..(index + 1) * length]);
        }
        Ok(())
    }

    fn push_rest(&mut self, rest: &'a [u8]) -> Result<(), MalformedPacket> {
        if rest.len() > MAX_FRAME_BYTES {
            return Err(MalformedPacket::FrameTooLong(rest.len()));
        }
        self.push(rest);
        Ok(())
    }

    fn push(&mut self, frame: &'a [u8]) {
        self.frames[self.frame_count] = frame;
        self.frame_count += 1;
    }
}

/// Whether the packet repeats the frame before it; false for one that does not parse.
#[must_use]
pub fn has_lbrr(packet: &[u8]) -> bool {
    Packet::parse(packet).is_ok_and(|packet| packet.has_lbrr())
}

/// A frame length of one or two bytes (§3.2.1) and what follows it.
fn split_length(rest: &[u8]) -> Result<(usize, &[u8]), MalformedPacket> {
    match rest {
        [first @ 0..=251, rest @ ..] => Ok((usize::from(*first), rest)),
        [first, second, rest @ ..] => Ok((usize::from(*first) + 4 * usize::from(*second), rest)),
        _ => Err(MalformedPacket::FramePastEnd),
    }
}

/// The bytes between the padding length (§3.2.5) and the padding, then the padding itself.
fn split_padding(rest: &[u8]) -> Result<(&[u8], &[u8]), MalformedPacket> {
    let mut padding = 0;
    let mut rest = rest;
    loop {
        let (&byte, after) = rest.split_first().ok_or(MalformedPacket::PaddingPastEnd)?;
        rest = after;
        // 255 stands for 254 bytes of padding and another length byte.
        if byte < 255 {
            padding += usize::from(byte);
            break;
        }
        padding += 254;
    }
    let frames = rest
        .len()
        .checked_sub(padding)
        .ok_or(MalformedPacket::PaddingPastEnd)?;
    Ok(rest.split_at(frames))
}

#[cfg(test)]
mod tests;
