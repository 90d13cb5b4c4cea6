use super::error::check_range;
use super::sys::{RawDecoder, RawDred, Set};
use super::{Channels, MAX_PACKET_MS, OpusError, Packet, check_sample_rate};

/// The farthest that DRED reaches back: 1.04 s.
const MAX_DRED_MS: u32 = 1040;

/// One stream of packets turned into PCM.
///
/// What is decoded, recovered and concealed must be fed in the stream's order: the state carries
/// over from one call to the next.
pub struct Decoder {
    raw: RawDecoder,
    sample_rate_hz: u32,
    channels: Channels,
    /// Made when DRED is first read: most streams have none.
    dred: Option<RawDred>,
    /// Empty until it is first used.
    marked: Vec<u8>,
}

impl Decoder {
    /// A decoder that has heard nothing yet. It conceals with the classical PLC; see
    /// [`Self::set_complexity`].
    ///
    /// # Errors
    /// [`OpusError::SampleRate`] for none of [`super::SAMPLE_RATES_HZ`].
    pub fn new(sample_rate_hz: u32, channels: Channels) -> Result<Self, OpusError> {
        check_sample_rate(sample_rate_hz)?;
        let raw = RawDecoder::new(sample_rate_hz, channels)?;
        let mut decoder = Self {
            raw,
            sample_rate_hz,
            channels,
            dred: None,
            marked: Vec::new(),
        };
        decoder.set_complexity(0)?;
        Ok(decoder)
    }

    /// Decodes a packet into the beginning of `pcm` and gives the samples of one channel.
    ///
    /// # Errors
    /// [`OpusError::MalformedPacket`] or [`OpusError::BufferTooSmall`], both before the state is
    /// touched; [`OpusError::Libopus`] when the frames themselves do not decode.
    pub fn decode(&mut self, packet: &[u8], pcm: &mut [i16]) -> Result<usize, OpusError> {
        let samples = Packet::parse(packet)?.duration_samples(self.sample_rate_hz);
        let needed = samples as usize * self.channels.count();
        if needed > pcm.len() {
            return Err(OpusError::BufferTooSmall {
                needed,
                available: pcm.len(),
            });
        }
        self.raw.decode(Some(packet), &mut pcm[..needed], false)
    }

    /// Fills all of `pcm`, the audio lost just before `next_packet`, with what that packet repeats
    /// of it (LBRR) and gives the samples of one channel.
    ///
    /// One packet repeats the one frame before it: what is lost beyond that, and all of it when
    /// [`super::has_lbrr`] denies, is concealed. `next_packet` is still to be decoded afterwards.
    ///
    /// # Errors
    /// [`OpusError::MalformedPacket`]; [`OpusError::GapDuration`] unless `pcm` is a multiple of
    /// 2.5 ms, both before the state is touched.
    pub fn decode_lbrr(&mut self, next_packet: &[u8], pcm: &mut [i16]) -> Result<usize, OpusError> {
        let repeated = Packet::parse(next_packet)?
            .toc()
            .frame_samples(self.sample_rate_hz) as usize
            * self.channels.count();
        self.check_gap(pcm.len())?;
        let samples = pcm.len();
        let (concealed, repeated) = pcm.split_at_mut(samples.saturating_sub(repeated));
        if !concealed.is_empty() {
            self.conceal(concealed)?;
        }
        self.raw.decode(Some(next_packet), repeated, true)?;
        Ok(samples / self.channels.count())
    }

    /// Reads what a packet tells of the audio before it (DRED), for [`Self::decode_dred`], and gives
    /// how many samples of one channel it reaches back; 0 when it tells nothing. The decoder's state
    /// stays as it was. Takes about 50 us.
    ///
    /// # Errors
    /// [`OpusError::MalformedPacket`]; [`OpusError::Libopus`] when there is no memory or the DRED
    /// does not parse.
    pub fn read_dred(&mut self, packet: &[u8]) -> Result<usize, OpusError> {
        Packet::parse(packet)?;
        let dred = match &mut self.dred {
            Some(dred) => dred,
            none => none.insert(RawDred::new()?),
        };
        let max_samples = MAX_DRED_MS * self.sample_rate_hz / 1000;
        dred.read(packet, max_samples, self.sample_rate_hz)
    }

    /// Fills all of `pcm` with what DRED tells of it: audio that was lost and begins
    /// `before_samples` of one channel before that of the packet read last. Gives the samples of
    /// one channel. What is farther back than the packet reaches is concealed.
    ///
    /// A gap is filled from its beginning to its end; the packet is still to be decoded afterwards.
    ///
    /// # Errors
    /// [`OpusError::GapDuration`] unless `pcm` is a positive multiple of 2.5 ms, up to 120;
    /// [`OpusError::NoDred`] when none was read.
    pub fn decode_dred(
        &mut self,
        before_samples: usize,
        pcm: &mut [i16],
    ) -> Result<usize, OpusError> {
        self.check_gap(pcm.len())?;
        let longest = (MAX_PACKET_MS * self.sample_rate_hz / 1000) as usize * self.channels.count();
        let before = i32::try_from(before_samples).unwrap_or(i32::MAX);
        let samples = pcm.len();
        if samples > longest {
            return Err(OpusError::GapDuration { samples });
        }
        match &self.dred {
            Some(dred) => self.raw.decode_dred(dred, before, pcm),
            None => Err(OpusError::NoDred),
        }
    }

    /// Fills all of `pcm` with a continuation of what was heard, fading out (PLC).
    ///
    /// # Errors
    /// [`OpusError::GapDuration`] unless `pcm` is a positive multiple of 2.5 ms.
    pub fn conceal(&mut self, pcm: &mut [i16]) -> Result<(), OpusError> {
        self.check_gap(pcm.len())?;
        // libopus keeps as much on its stack as it is asked for at once.
        let longest = (MAX_PACKET_MS * self.sample_rate_hz / 1000) as usize * self.channels.count();
        for part in pcm.chunks_mut(longest) {
            self.raw.decode(None, part, false)?;
        }
        Ok(())
    }

    /// Remembers the state, instead of what was remembered before.
    pub fn mark(&mut self) {
        self.raw.save(&mut self.marked);
    }

    /// Returns to the state that [`Self::mark`] remembered last, as if nothing had been decoded or
    /// concealed since.
    pub fn go_back(&mut self) {
        self.raw.restore(&self.marked);
    }

    fn check_gap(&self, samples: usize) -> Result<(), OpusError> {
        let quantum = self.sample_rate_hz as usize / 400 * self.channels.count();
        if samples > 0 && samples.is_multiple_of(quantum) {
            Ok(())
        } else {
            Err(OpusError::GapDuration { samples })
        }
    }

    /// Chooses the concealment: below 5 the classical PLC (about 20 us a frame), from 5 the
    /// neural one (about 140 us, and 700 us for the first frame of a gap). Decoding costs the
    /// same.
    ///
    /// # Errors
    /// [`OpusError::Setting`] above 10.
    pub fn set_complexity(&mut self, complexity: u8) -> Result<(), OpusError> {
        check_range("complexity", complexity.into(), 0, 10)?;
        self.raw.set(Set::Complexity, complexity.into())
    }

    /// The range coder's state after the last packet; the encoder's is equal when the bytes are
    /// (RFC 6716 §6).
    pub fn final_range(&mut self) -> u32 {
        self.raw.final_range()
    }

    /// Forgets the stream and keeps the settings, for a stream that starts anew.
    pub fn reset(&mut self) {
        self.raw.reset();
    }

    /// Samples per second and channel of the PCM.
    #[must_use]
    pub const fn sample_rate_hz(&self) -> u32 {
        self.sample_rate_hz
    }

    /// Channels of the PCM.
    #[must_use]
    pub const fn channels(&self) -> Channels {
        self.channels
    }
}
