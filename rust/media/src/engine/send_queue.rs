//! Audio that waits to be sent: any rate in, frames of 48 kHz out.

use std::collections::VecDeque;

use crate::resample::{Quality, Resampler, UnsupportedRate};

use super::{NS_PER_S, SAMPLE_RATE_HZ, ns_to_samples};

/// Rates audio may be queued at.
pub const QUEUE_RATES_HZ: [u32; 6] = [8_000, 16_000, 24_000, 32_000, 44_100, 48_000];

/// A common multiple of all rates above: one sample of each is a whole number of these units, so
/// that accounts of mixed rates are exact.
const UNITS_PER_S: u64 = 14_112_000;
const UNITS_PER_SENT_SAMPLE: u64 = UNITS_PER_S / SAMPLE_RATE_HZ as u64;
const MAX_QUEUED_UNITS: u64 = 60 * UNITS_PER_S;
/// Far above any use; keeps empty utterances from piling up.
const MAX_SEGMENTS: usize = 1024;
/// 5 ms: short enough to be prompt, long enough not to click.
const FADE_SAMPLES: usize = 240;

/// What became of the utterance that was being sent when the queue was cleared.
///
/// The two add up to all that was queued since the utterance began (and, in `dropped_samples`,
/// of the utterances behind it).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClearedAudio {
    /// Samples at 48 kHz that went out, the fade's among them.
    pub sent_samples: u64,
    /// Samples at 48 kHz that did not, and now never will.
    pub dropped_samples: u64,
}

/// Audio of one rate, and whether an utterance ends with it.
#[derive(Debug)]
struct Segment {
    rate_hz: u32,
    samples: usize,
    ends_utterance: bool,
}

/// What of a frame came from the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Filled {
    /// Samples from the queue; the rest of the frame is silence.
    pub(super) samples: usize,
    /// The utterance ended with them.
    pub(super) drained: bool,
}

/// Holds up to 60 s; more is refused.
///
/// Audio waits at the rate it came in and is converted as it is sent: what is cleared was never
/// converted, and the account of it is exact.
pub(super) struct SendQueue {
    source: VecDeque<i16>,
    segments: VecDeque<Segment>,
    source_units: u64,
    chunk: Vec<i16>,
    resampler: Option<Resampler>,
    /// The resampler has heard some of the utterance.
    converting: bool,
    /// Samples of the resampler's delay still to be left out at its beginning.
    trim_samples: usize,
    staged: Vec<i16>,
    /// The last sample of the utterance has been staged.
    ending: bool,
    fade: Vec<i16>,
    /// Of the utterance being sent.
    consumed_units: u64,
    sent_samples: u64,
}

impl SendQueue {
    pub(super) fn new() -> Self {
        Self {
            source: VecDeque::new(),
            segments: VecDeque::new(),
            source_units: 0,
            chunk: Vec::with_capacity(480),
            resampler: None,
            converting: false,
            trim_samples: 0,
            staged: Vec::with_capacity(8 * 480),
            ending: false,
            fade: Vec::with_capacity(FADE_SAMPLES),
            consumed_units: 0,
            sent_samples: 0,
        }
    }

    /// Takes as much of `pcm` as there is room for and tells how many samples that was.
    pub(super) fn queue(
        &mut self,
        pcm: &[i16],
        sample_rate_hz: u32,
    ) -> Result<usize, UnsupportedRate> {
        if !QUEUE_RATES_HZ.contains(&sample_rate_hz) {
            return Err(UnsupportedRate(sample_rate_hz));
        }
        let units_per_sample = UNITS_PER_S / u64::from(sample_rate_hz);
        let room = MAX_QUEUED_UNITS.saturating_sub(self.unsent_units()) / units_per_sample;
        let accepted = pcm.len().min(room as usize);
        let joins = self
            .segments
            .back()
            .is_some_and(|last| last.rate_hz == sample_rate_hz && !last.ends_utterance);
        if accepted == 0 || (!joins && self.segments.len() == MAX_SEGMENTS) {
            return Ok(0);
        }
        match self.segments.back_mut() {
            Some(last) if joins => last.samples += accepted,
            _ => self.segments.push_back(Segment {
                rate_hz: sample_rate_hz,
                samples: accepted,
                ends_utterance: false,
            }),
        }
        self.source.extend(&pcm[..accepted]);
        self.source_units += accepted as u64 * units_per_sample;
        Ok(accepted)
    }

    /// Ends the utterance with what is queued now.
    pub(super) fn finish(&mut self) {
        let is_full = self.segments.len() == MAX_SEGMENTS;
        match self.segments.back_mut() {
            Some(last) if !last.ends_utterance => last.ends_utterance = true,
            _ if is_full => {}
            _ => self.segments.push_back(Segment {
                rate_hz: SAMPLE_RATE_HZ,
                samples: 0,
                ends_utterance: true,
            }),
        }
    }

    /// Fills `frame` with the next 48 kHz samples and, after them, silence.
    ///
    /// An utterance that is not finished gives whole frames only: what is too little for one
    /// waits for more rather than being torn by silence.
    pub(super) fn fill(&mut self, frame: &mut [i16]) -> Filled {
        frame.fill(0);
        let faded = self.fade.len().min(frame.len());
        frame[..faded].copy_from_slice(&self.fade[..faded]);
        self.fade.drain(..faded);
        let frame = &mut frame[faded..];
        while self.staged.len() < frame.len() && self.stage() {}
        if self.staged.len() < frame.len() && !self.ending {
            return Filled {
                samples: faded,
                drained: false,
            };
        }
        let samples = self.staged.len().min(frame.len());
        frame[..samples].copy_from_slice(&self.staged[..samples]);
        self.staged.drain(..samples);
        self.sent_samples += samples as u64;
        let drained = self.ending && self.staged.is_empty();
        if drained {
            self.begin_utterance();
        }
        Filled {
            samples: faded + samples,
            drained,
        }
    }

    /// Drops all that is queued but 5 ms, which fade what is being said into silence.
    pub(super) fn clear(&mut self) -> ClearedAudio {
        let begun = self.sent_samples > 0;
        while begun && self.staged.len() < FADE_SAMPLES && self.stage() {}
        let faded = if begun {
            self.staged.len().min(FADE_SAMPLES)
        } else {
            0
        };
        self.sent_samples += faded as u64;
        let cleared = ClearedAudio {
            sent_samples: self.sent_samples,
            dropped_samples: (self.unsent_units() + UNITS_PER_SENT_SAMPLE / 2)
                / UNITS_PER_SENT_SAMPLE,
        };
        self.fade.extend((0..faded).map(|index| {
            let left = (faded - index) as i32;
            (i32::from(self.staged[index]) * left / (faded as i32 + 1)) as i16
        }));
        self.source.clear();
        self.segments.clear();
        self.source_units = 0;
        self.staged.clear();
        self.begin_utterance();
        cleared
    }

    /// Some of an utterance went out and it is not finished.
    pub(super) fn is_speaking(&self) -> bool {
        self.sent_samples > 0
    }

    /// How long all that is queued would take to send.
    pub(super) fn queued_ns(&self) -> u64 {
        (u128::from(self.unsent_units()) * u128::from(NS_PER_S) / u128::from(UNITS_PER_S)) as u64
    }

    fn unsent_units(&self) -> u64 {
        let sent_units = self.sent_samples * UNITS_PER_SENT_SAMPLE;
        self.source_units + self.consumed_units.saturating_sub(sent_units)
    }

    fn begin_utterance(&mut self) {
        self.ending = false;
        self.converting = false;
        if self.source.is_empty() {
            self.source.shrink_to(SAMPLE_RATE_HZ as usize);
        }
        self.consumed_units = 0;
        self.sent_samples = 0;
    }

    /// Converts up to 10 ms more of the utterance; false if there is none.
    fn stage(&mut self) -> bool {
        if self.ending {
            return false;
        }
        let Some(segment) = self.segments.front_mut() else {
            return false;
        };
        let rate_hz = segment.rate_hz;
        let samples = segment.samples.min(rate_hz as usize / 100);
        segment.samples -= samples;
        let units = samples as u64 * (UNITS_PER_S / u64::from(rate_hz));
        self.source_units -= units;
        self.consumed_units += units;
        self.chunk.clear();
        let (front, back) = self.source.as_slices();
        let from_front = samples.min(front.len());
        self.chunk.extend_from_slice(&front[..from_front]);
        self.chunk.extend_from_slice(&back[..samples - from_front]);
        self.source.drain(..samples);
        if samples > 0 {
            self.convert(rate_hz);
        }
        self.leave_segment();
        true
    }

    /// Appends `chunk`, which has `rate_hz`, to what is staged.
    fn convert(&mut self, rate_hz: u32) {
        if self.resampler.as_ref().map(Resampler::from_hz) != Some(rate_hz) {
            self.flush_resampler();
            // `queue` lets only rates in that the resampler knows.
            self.resampler = Resampler::new(rate_hz, SAMPLE_RATE_HZ, Quality::Standard).ok();
        }
        let Some(resampler) = &mut self.resampler else {
            return;
        };
        if !self.converting {
            resampler.reset();
            self.trim_samples = ns_to_samples(resampler.delay_ns(), SAMPLE_RATE_HZ) as usize;
            self.converting = true;
        }
        let begin = self.staged.len();
        resampler.process(&self.chunk, &mut self.staged);
        self.trim(begin);
    }

    fn flush_resampler(&mut self) {
        if let Some(resampler) = self.resampler.as_mut().filter(|_| self.converting) {
            let begin = self.staged.len();
            resampler.flush(&mut self.staged);
            self.trim(begin);
        }
        self.converting = false;
    }

    fn trim(&mut self, begin: usize) {
        let trimmed = self.trim_samples.min(self.staged.len() - begin);
        self.staged.drain(begin..begin + trimmed);
        self.trim_samples -= trimmed;
    }

    /// Drops the first segment if it is used up, and ends the utterance if it says so.
    fn leave_segment(&mut self) {
        let Some(segment) = self.segments.front() else {
            return;
        };
        if segment.samples > 0 {
            return;
        }
        // What may still be joined by more of its kind stays: its resampler goes on.
        if segment.ends_utterance {
            self.flush_resampler();
            self.ending = true;
        }
        self.segments.pop_front();
    }
}

#[cfg(test)]
mod tests;
