//! Where in time speech begins and ends, closer than a detector's frames tell.
//!
//! A detector answers late and by frames. The signal's level says where within them something rose
//! above the background: the onset is sought back from the first frame that scored, the offset
//! within the last.

/// The level is taken over blocks of this many samples: 4 ms.
const BLOCK_SAMPLES: usize = 64;

/// Blocks remembered: 256 ms.
const MEMORY_BLOCKS: usize = 64;

/// An onset is sought this far before the first frame that scored, for soft consonants: 160 ms.
const LOOKBACK_BLOCKS: usize = 40;

/// Within it a stop's closure may be this silent, as in the word "stop": 60 ms.
const CLOSURE_BLOCKS: usize = 15;

/// Speech stands out from the background by 9 dB,
const ABOVE_BACKGROUND: f32 = 8.0;

/// and what lies 35 dB below the loudest is no part of it.
const BELOW_PEAK: f32 = 3e-4;

/// How fast the background follows the level between utterances: a time constant of 80 ms.
const BACKGROUND_RATE: f32 = 0.05;

/// The recent levels and the two that they are compared with. All are mean squares.
pub(super) struct Edges {
    recent: [f32; MEMORY_BLOCKS],
    /// Blocks heard without a break, of which `recent` holds the last.
    heard: usize,
    background: f32,
    peak: f32,
}

impl Edges {
    pub(super) const fn new() -> Self {
        Self {
            recent: [0.0; MEMORY_BLOCKS],
            heard: 0,
            background: 0.0,
            peak: 0.0,
        }
    }

    /// Hears a frame between utterances.
    pub(super) fn hear_background(&mut self, frame: &[i16]) {
        self.peak = 0.0;
        for block in frame.chunks(BLOCK_SAMPLES) {
            // What is about to be forgotten is no onset any more, so it was background.
            if self.heard >= MEMORY_BLOCKS {
                let level = self.recent[self.heard % MEMORY_BLOCKS];
                self.background += BACKGROUND_RATE * (level - self.background);
            }
            self.remember(mean_square(block));
        }
    }

    /// Hears a frame that is, or may be, part of an utterance.
    pub(super) fn hear_speech(&mut self, frame: &[i16]) {
        for block in frame.chunks(BLOCK_SAMPLES) {
            let level = mean_square(block);
            self.peak = self.peak.max(level);
            self.remember(level);
        }
    }

    /// How long ago the level rose to what the last `samples`, all scored, have.
    pub(super) fn onset_ago(&self, samples: usize) -> usize {
        let threshold = self.threshold();
        let known = self.heard.min(MEMORY_BLOCKS);
        let scored = samples.div_ceil(BLOCK_SAMPLES).min(known);
        let first_high = (1..=scored)
            .rfind(|&age| self.level(age) > threshold)
            .unwrap_or(scored);
        if first_high < scored {
            return first_high * BLOCK_SAMPLES;
        }
        // Speech is under way when the score rises, so it began before.
        let mut onset = first_high;
        for age in first_high + 1..=known.min(scored + LOOKBACK_BLOCKS) {
            if self.level(age) > threshold {
                onset = age;
            } else if age - onset > CLOSURE_BLOCKS {
                break;
            }
        }
        onset * BLOCK_SAMPLES
    }

    /// How long before the end of the last `samples` the level fell for good; `None` if it was low
    /// throughout.
    pub(super) fn offset_within(&self, samples: usize) -> Option<usize> {
        let threshold = self.threshold();
        let blocks = samples.div_ceil(BLOCK_SAMPLES).min(self.heard);
        (1..=blocks.min(MEMORY_BLOCKS))
            .find(|&age| self.level(age) > threshold)
            .map(|age| (age - 1) * BLOCK_SAMPLES)
    }

    /// Forgets the levels, whose place in time is lost; the background stays.
    pub(super) fn forget_recent(&mut self) {
        self.heard = 0;
    }

    fn remember(&mut self, level: f32) {
        self.recent[self.heard % MEMORY_BLOCKS] = level;
        self.heard += 1;
    }

    /// The block heard `age` blocks ago, 1 being the last. At most as many as were heard.
    fn level(&self, age: usize) -> f32 {
        self.recent[(self.heard - age) % MEMORY_BLOCKS]
    }

    fn threshold(&self) -> f32 {
        (self.background * ABOVE_BACKGROUND).max(self.peak * BELOW_PEAK)
    }
}

fn mean_square(block: &[i16]) -> f32 {
    let sum: i64 = block.iter().map(|&s| i64::from(s) * i64::from(s)).sum();
    sum as f32 / block.len() as f32
}
