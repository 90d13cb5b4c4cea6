//! The encoder of whatever codec a stream has.

use crate::g711;
use crate::opus;

use super::{Codec, EngineError, NS_PER_MS};

/// What CELT makes of 10 and 20 ms of digital silence (RFC 6716 §4.3): two bytes after the TOC.
const SILENT_FRAME: [u8; 2] = [0xff, 0xfe];
const TOC_CELT_FULLBAND_10_MS: u8 = 30 << 3;
const TOC_CELT_FULLBAND_20_MS: u8 = 31 << 3;

/// What a stream is encoded as.
enum Coding {
    Opus,
    G711(g711::Law, g711::Encoder),
}

/// Of one stream. Opus' is kept while G.711 is sent: its settings live in it.
pub(super) struct StreamEncoder {
    pub(super) opus: opus::Encoder,
    coding: Coding,
    /// Of the next stream, if that is another.
    next: Option<Coding>,
}

impl StreamEncoder {
    pub(super) fn new(settings: &opus::EncoderSettings) -> Result<Self, EngineError> {
        Ok(Self {
            opus: opus::Encoder::new(settings)?,
            coding: Coding::Opus,
            next: None,
        })
    }

    /// Encodes as `codec` from the next stream on.
    pub(super) fn set_codec(&mut self, codec: Codec) -> Result<(), EngineError> {
        self.next = Some(match codec.law() {
            Some(law) => Coding::G711(law, g711::Encoder::new(law)?),
            None => Coding::Opus,
        });
        Ok(())
    }

    /// Begins a stream.
    pub(super) fn begin(&mut self) {
        if let Some(next) = self.next.take() {
            self.coding = next;
        }
        self.reset();
    }

    /// Encodes a frame and gives its length; `None`: it was refused.
    pub(super) fn encode(&mut self, pcm: &[i16], packet: &mut [u8]) -> Option<usize> {
        match &mut self.coding {
            Coding::G711(_, encoder) => Some(encoder.encode(pcm, packet)),
            Coding::Opus => self.opus.encode(pcm, packet).ok(),
        }
    }

    /// Writes a packet of silence without encoding, and tells its length.
    pub(super) fn write_silence(&self, packet: &mut [u8], frame_ns: u64) -> usize {
        let length_ms = frame_ns / NS_PER_MS;
        match &self.coding {
            Coding::G711(law, _) => {
                let bytes = packet.len().min(8 * length_ms as usize);
                packet[..bytes].fill(law.silence());
                bytes
            }
            Coding::Opus => write_frames(packet, length_ms, &SILENT_FRAME),
        }
    }

    /// Writes a packet without a frame, which tells that none follows for a while, and tells its
    /// length: 0 where the codec has no such thing.
    pub(super) fn write_dtx(&self, packet: &mut [u8], frame_ns: u64) -> usize {
        match &self.coding {
            Coding::G711(..) => 0,
            Coding::Opus => write_frames(packet, frame_ns / NS_PER_MS, &[]),
        }
    }

    /// Forgets what was heard.
    pub(super) fn reset(&mut self) {
        self.opus.reset();
        if let Coding::G711(_, encoder) = &mut self.coding {
            encoder.reset();
        }
    }
}

/// Writes a packet of `frame_ms` (RFC 6716 §3.2), all frames of which are `frame`, and tells its
/// length.
fn write_frames(packet: &mut [u8], frame_ms: u64, frame: &[u8]) -> usize {
    let frames = frame_ms.div_ceil(20) as u8;
    let (toc, code) = match frames {
        1 if frame_ms == 10 => (TOC_CELT_FULLBAND_10_MS, &[][..]),
        1 => (TOC_CELT_FULLBAND_20_MS, &[][..]),
        // Code 3 with frames of one length; its second byte counts them.
        _ => (TOC_CELT_FULLBAND_20_MS | 3, &[frames][..]),
    };
    let mut length = 0;
    let body = std::iter::repeat_n(frame, usize::from(frames)).flatten();
    let bytes = std::iter::once(&toc).chain(code).chain(body).copied();
    for (place, byte) in packet.iter_mut().zip(bytes) {
        *place = byte;
        length += 1;
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opus::{Channels, Decoder};
    use crate::playout::SAMPLE_RATE_HZ;

    #[test]
    fn silence_of_every_frame_length_decodes_to_its_length_of_zeros() {
        for frame_ms in [10, 20, 40, 60] {
            for frame in [&SILENT_FRAME[..], &[]] {
                let mut packet = [0; 16];
                let length = write_frames(&mut packet, frame_ms, frame);
                let mut pcm = [1; 2880];
                let mut decoder = Decoder::new(SAMPLE_RATE_HZ, Channels::Mono).unwrap();
                let samples = decoder.decode(&packet[..length], &mut pcm).unwrap();
                assert_eq!(samples as u64, 48 * frame_ms);
                assert!(pcm[..samples].iter().all(|sample| *sample == 0));
            }
        }
    }
}
