//! From the decoder's rate to another, with media time kept to the sample.

use crate::resample::{Quality, Resampler, UnsupportedRate};

use super::{SAMPLE_RATE_HZ, ns_to_samples};

/// One stream at another rate. Media time is in samples: at 48 kHz going in, at the output's
/// rate coming out.
pub(super) struct MediaResampler {
    resampler: Resampler,
    delay_samples: i64,
    /// Samples still to be left out, which hold nothing but the filter's delay.
    trim_samples: usize,
    /// Whether to leave them out: the output then begins with the first sample of the media.
    /// Otherwise there are as many samples out as in.
    trims: bool,
    /// Media time of the input that would go on without a gap.
    next_media_48k: Option<i64>,
    /// Media time of the output that goes on without a gap. Counted, as blocks need not be whole
    /// numbers of output samples.
    next_output: i64,
}

impl MediaResampler {
    pub(super) fn new(
        input_rate_hz: u32,
        output_rate_hz: u32,
        trims: bool,
    ) -> Result<Self, UnsupportedRate> {
        let resampler = Resampler::new(input_rate_hz, output_rate_hz, Quality::Standard)?;
        let delay_samples = ns_to_samples(resampler.delay_ns(), output_rate_hz);
        Ok(Self {
            resampler,
            delay_samples: delay_samples as i64,
            trim_samples: if trims { delay_samples as usize } else { 0 },
            trims,
            next_media_48k: None,
            next_output: 0,
        })
    }

    /// Media time at the output rate.
    pub(super) fn to_output(&self, media_48k: i64) -> i64 {
        media_48k * i64::from(self.resampler.to_hz()) / i64::from(SAMPLE_RATE_HZ)
    }

    /// Whether input at `media_48k` follows what was converted before.
    pub(super) fn goes_on_at(&self, media_48k: i64) -> bool {
        self.next_media_48k.is_none_or(|next| next == media_48k)
    }

    /// Appends `pcm`, converted, to `output`. Gives the media time of the first sample appended.
    pub(super) fn process(&mut self, pcm: &[i16], media_48k: i64, output: &mut Vec<i16>) -> i64 {
        let begin = output.len();
        self.resampler.process(pcm, output);
        let trimmed = self.trim_samples.min(output.len() - begin);
        output.drain(begin..begin + trimmed);
        let lag = self.delay_samples - (self.trim_samples as i64);
        self.trim_samples -= trimmed;
        let first = if self.next_media_48k == Some(media_48k) {
            self.next_output
        } else {
            self.to_output(media_48k) - lag
        };
        let step = SAMPLE_RATE_HZ / self.resampler.from_hz();
        self.next_media_48k = Some(media_48k + pcm.len() as i64 * i64::from(step));
        self.next_output = first + (output.len() - begin) as i64;
        first
    }

    /// Appends what the filter still holds back and begins anew; gives the media time of the
    /// first sample appended.
    pub(super) fn flush(&mut self, output: &mut Vec<i16>) -> i64 {
        let begin = output.len();
        self.resampler.flush(output);
        let trimmed = self.trim_samples.min(output.len() - begin);
        output.drain(begin..begin + trimmed);
        let first = self.next_output;
        let end = self
            .next_media_48k
            .take()
            .map_or(first, |end| self.to_output(end));
        output.truncate(begin + (end - first).max(0) as usize);
        self.trim_samples = if self.trims {
            self.delay_samples as usize
        } else {
            0
        };
        first
    }

    /// Forgets the stream.
    pub(super) fn reset(&mut self) {
        self.resampler.reset();
        self.next_media_48k = None;
        self.trim_samples = if self.trims {
            self.delay_samples as usize
        } else {
            0
        };
    }
}
