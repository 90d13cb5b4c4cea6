//! What is sent, as the application can record it: tick by tick, beside what is received.

use crate::playout::{SAMPLE_RATE_HZ, TICK_SAMPLES};
use crate::resample::UnsupportedRate;

use super::event::{Event, EventQueue};
use super::media_resampler::MediaResampler;

/// Gives one tick of sent audio at each tick, silence while nothing is sent. It goes through the
/// same filter as what is received, so that both lag alike.
///
/// A frame lies where a mouth would have spoken it: in the time before the tick that sends it,
/// because its last sample has to be there before it can be encoded.
pub(super) struct SentTap {
    frame_ns: u64,
    first_ns: u64,
    resampler: MediaResampler,
    /// Samples at 48 kHz of frames whose later ticks are still to come.
    pending: Vec<i16>,
    pcm: Vec<i16>,
}

impl SentTap {
    /// A tap whose first sample is that of the tick at `first_ns`.
    pub(super) fn new(
        output_rate_hz: u32,
        frame_ns: u64,
        first_ns: u64,
    ) -> Result<Self, UnsupportedRate> {
        Ok(Self {
            frame_ns,
            first_ns,
            resampler: MediaResampler::new(SAMPLE_RATE_HZ, output_rate_hz, false)?,
            pending: Vec::with_capacity(8 * TICK_SAMPLES),
            pcm: Vec::with_capacity(output_rate_hz as usize / 50),
        })
    }

    /// Takes a frame that was sent at the tick which [`SentTap::run_tick`] runs next.
    pub(super) fn push_frame(&mut self, frame: &[i16]) {
        self.pending.clear();
        self.pending.extend_from_slice(frame);
    }

    /// Drops what was to come at ticks that are passed over.
    pub(super) fn skip(&mut self) {
        self.pending.clear();
    }

    pub(super) fn run_tick(&mut self, tick_ns: u64, events: &mut EventQueue) {
        const SILENCE: [i16; TICK_SAMPLES] = [0; TICK_SAMPLES];
        let taken = self.pending.len().min(TICK_SAMPLES);
        self.pcm.clear();
        let tick = if taken == 0 {
            &SILENCE[..]
        } else {
            &self.pending[..taken]
        };
        self.resampler.process(tick, 0, &mut self.pcm);
        self.pending.drain(..taken);
        if let Some(at_ns) = tick_ns.checked_sub(self.frame_ns)
            && at_ns >= self.first_ns
        {
            events.push(&Event::AudioSent {
                pcm: &self.pcm,
                at_ns,
            });
        }
    }
}
