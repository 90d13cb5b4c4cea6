//! What the decoder makes up where nothing is there to be played, while nobody knows yet whether the
//! next frame is late or lost. If it is late, the decoder goes back, so that the frame decodes as if it
//! had been in time; if it is lost, the decoder has concealed it in the one way that leads over
//! into the frame after it.

use super::tape::Tape;
use super::{BlockKind, FrameDecoder, MAX_PACKET_SAMPLES};

/// The most that the decoder is asked for at once: 20 ms, as libopus divides longer frames.
const LONGEST_CHUNK_SAMPLES: usize = 960;

/// Quieter than this is silence: -72 dBFS.
const INAUDIBLE: u16 = 8;

/// A decoder's concealment, kept apart from the stream until it is known what it stands for.
#[derive(Debug)]
pub(super) struct Guess {
    is_on: bool,
    /// Made, and not played.
    ahead: Vec<i16>,
    /// All that the decoder has made since it was on.
    made: usize,
    /// How much of what was played stands for media that is lost.
    lost: usize,
    /// What the decoder is asked for at once: a frame, as concealment fades by calls, and as of
    /// SILK libopus makes 10 ms in any case and forgets those that were not asked for.
    chunk: usize,
}

impl Guess {
    pub(super) fn new() -> Self {
        Self {
            is_on: false,
            ahead: Vec::with_capacity(MAX_PACKET_SAMPLES + 2 * LONGEST_CHUNK_SAMPLES),
            made: 0,
            lost: 0,
            chunk: LONGEST_CHUNK_SAMPLES,
        }
    }

    pub(super) const fn is_on(&self) -> bool {
        self.is_on
    }

    /// Begins at the tape's end, after a frame of `frame_samples`, or goes on. False: the decoder
    /// could not go back.
    pub(super) fn begin<D: FrameDecoder>(&mut self, frame_samples: u32, decoder: &mut D) -> bool {
        if !self.is_on && decoder.mark() {
            self.chunk = (frame_samples as usize).clamp(120, LONGEST_CHUNK_SAMPLES);
            self.is_on = true;
            self.ahead.clear();
            (self.made, self.lost) = (0, 0);
        }
        self.is_on
    }

    /// Puts `samples` on the tape, and tells whether they are silence.
    pub(super) fn play<D: FrameDecoder>(
        &mut self,
        samples: usize,
        kind: BlockKind,
        tape: &mut Tape,
        decoder: &mut D,
    ) -> bool {
        self.make(samples, decoder);
        let played = &self.ahead[..samples];
        tape.push(played, kind);
        let is_silent = played.iter().all(|s| s.unsigned_abs() <= INAUDIBLE);
        self.ahead.drain(..samples);
        is_silent
    }

    /// So much of what was played stands for lost media.
    pub(super) const fn note_lost(&mut self, samples: usize) {
        self.lost += samples;
    }

    /// Has the decoder stand where the stream goes on: after all that is lost but the last
    /// `repaired` samples. True: what it decodes next continues the tape by itself; else there are
    /// at least `fade` samples [`Self::ahead`] to fade it in with.
    pub(super) fn settle<D: FrameDecoder>(
        &mut self,
        repaired: usize,
        fade: usize,
        scratch: &mut [i16],
        decoder: &mut D,
    ) -> bool {
        self.is_on = false;
        let lost = self.lost.saturating_sub(repaired);
        if self.made == lost {
            return self.ahead.is_empty();
        }
        self.make(fade, decoder);
        decoder.go_back();
        let mut left = lost;
        while left > 0 {
            let chunk = left.min(self.chunk);
            decoder.conceal(&mut scratch[..chunk.next_multiple_of(120)]);
            left -= chunk;
        }
        false
    }

    /// What would have been played next.
    pub(super) fn ahead(&self) -> &[i16] {
        &self.ahead
    }

    /// The tape goes on with something else.
    pub(super) fn clear(&mut self) {
        self.ahead.clear();
    }

    fn make<D: FrameDecoder>(&mut self, samples: usize, decoder: &mut D) {
        while self.ahead.len() < samples {
            let from = self.ahead.len();
            self.ahead.resize(from + self.chunk, 0);
            decoder.conceal(&mut self.ahead[from..]);
            self.made += self.chunk;
        }
    }
}
