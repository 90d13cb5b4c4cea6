//! The only calls into libopus. `unsafe` lives here and nowhere else in `opus/`.
//!
//! Invariants:
//! - `state` comes from `opus_*_create`, is never null and never shared, and is destroyed once, on
//!   drop. libopus keeps no thread-local or global mutable state, so a codec may move between
//!   threads (`Send`); every call takes `&mut self`, so it is never used from two at once (`Sync`).
//! - Each buffer's length is checked against what libopus is told before the call.
//! - A decoder's state is one block of `opus_decoder_get_size` bytes that libopus documents as
//!   copyable; it is only ever copied back to where it came from.
//! - `RawDred` holds two objects under the same rules; `opus_decoder_dred_decode` only reads them.
//! - `*_ctl` is variadic: [`Set`] names only requests that take one `opus_int32`, `final_range`
//!   passes the `opus_uint32 *` that its request writes, `reset` passes nothing.
#![expect(unsafe_code, reason = "libopus is C")]

use std::ffi::{CStr, c_int};
use std::ptr::NonNull;

use opusic_sys as ffi;

use super::{Channels, OpusError};

/// Requests that take one integer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(i32)]
pub(super) enum Set {
    Bitrate = ffi::OPUS_SET_BITRATE_REQUEST,
    Complexity = ffi::OPUS_SET_COMPLEXITY_REQUEST,
    InbandFec = ffi::OPUS_SET_INBAND_FEC_REQUEST,
    PacketLossPercent = ffi::OPUS_SET_PACKET_LOSS_PERC_REQUEST,
    Dtx = ffi::OPUS_SET_DTX_REQUEST,
    DredDuration = ffi::OPUS_SET_DRED_DURATION_REQUEST,
}

/// Requests that answer with one integer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(i32)]
pub(super) enum Get {
    Lookahead = ffi::OPUS_GET_LOOKAHEAD_REQUEST,
    InDtx = ffi::OPUS_GET_IN_DTX_REQUEST,
}

fn check(code: c_int) -> Result<c_int, OpusError> {
    if code < 0 {
        Err(OpusError::Libopus(code))
    } else {
        Ok(code)
    }
}

pub(super) struct RawEncoder {
    state: NonNull<ffi::OpusEncoder>,
    channels: Channels,
}

// SAFETY: see the module's first invariant.
unsafe impl Send for RawEncoder {}
// SAFETY: as above; nothing can be done through a shared reference.
unsafe impl Sync for RawEncoder {}

impl RawEncoder {
    pub(super) fn new(
        sample_rate_hz: u32,
        channels: Channels,
        application: c_int,
    ) -> Result<Self, OpusError> {
        let mut code = ffi::OPUS_OK;
        // SAFETY: `code` outlives the call; the numbers are checked by libopus.
        let state = unsafe {
            ffi::opus_encoder_create(
                sample_rate_hz as i32,
                channels.count() as c_int,
                application,
                &raw mut code,
            )
        };
        let state = NonNull::new(state).ok_or(OpusError::Libopus(code))?;
        Ok(Self { state, channels })
    }

    /// Encodes all of `pcm` as one packet.
    pub(super) fn encode(&mut self, pcm: &[i16], packet: &mut [u8]) -> Result<usize, OpusError> {
        let frame_samples = pcm.len() / self.channels.count();
        let packet_bytes = i32::try_from(packet.len()).unwrap_or(i32::MAX);
        // SAFETY: `pcm` holds `frame_samples` of every channel, `packet` at least `packet_bytes`.
        let written = unsafe {
            ffi::opus_encode(
                self.state.as_ptr(),
                pcm.as_ptr(),
                frame_samples as c_int,
                packet.as_mut_ptr(),
                packet_bytes,
            )
        };
        check(written).map(|bytes| bytes as usize)
    }

    pub(super) fn set(&mut self, request: Set, value: i32) -> Result<(), OpusError> {
        // SAFETY: every `Set` takes one `opus_int32`.
        let code = unsafe { ffi::opus_encoder_ctl(self.state.as_ptr(), request as c_int, value) };
        check(code).map(|_| ())
    }

    pub(super) fn get(&mut self, request: Get) -> Result<i32, OpusError> {
        let mut value: i32 = 0;
        // SAFETY: every `Get` writes one `opus_int32`.
        let code =
            unsafe { ffi::opus_encoder_ctl(self.state.as_ptr(), request as c_int, &raw mut value) };
        check(code).map(|_| value)
    }

    pub(super) fn final_range(&mut self) -> u32 {
        let mut range: u32 = 0;
        // SAFETY: the request writes one `opus_uint32`. It cannot fail for a non-null pointer.
        unsafe {
            ffi::opus_encoder_ctl(
                self.state.as_ptr(),
                ffi::OPUS_GET_FINAL_RANGE_REQUEST,
                &raw mut range,
            );
        }
        range
    }

    pub(super) fn reset(&mut self) {
        // SAFETY: the request takes no argument.
        unsafe { ffi::opus_encoder_ctl(self.state.as_ptr(), ffi::OPUS_RESET_STATE) };
    }
}

impl Drop for RawEncoder {
    fn drop(&mut self) {
        // SAFETY: created by `opus_encoder_create` and not destroyed before.
        unsafe { ffi::opus_encoder_destroy(self.state.as_ptr()) };
    }
}

pub(super) struct RawDecoder {
    state: NonNull<ffi::OpusDecoder>,
    channels: Channels,
}

// SAFETY: see the module's first invariant.
unsafe impl Send for RawDecoder {}
// SAFETY: as above; nothing can be done through a shared reference.
unsafe impl Sync for RawDecoder {}

impl RawDecoder {
    pub(super) fn new(sample_rate_hz: u32, channels: Channels) -> Result<Self, OpusError> {
        let mut code = ffi::OPUS_OK;
        // SAFETY: `code` outlives the call; the numbers are checked by libopus.
        let state = unsafe {
            ffi::opus_decoder_create(
                sample_rate_hz as i32,
                channels.count() as c_int,
                &raw mut code,
            )
        };
        let state = NonNull::new(state).ok_or(OpusError::Libopus(code))?;
        Ok(Self { state, channels })
    }

    /// Decodes a packet, or with `lbrr` what it carries of the audio just before it; without a
    /// packet conceals. Gives the samples of one channel; libopus writes no more than `pcm` holds.
    pub(super) fn decode(
        &mut self,
        packet: Option<&[u8]>,
        pcm: &mut [i16],
        lbrr: bool,
    ) -> Result<usize, OpusError> {
        let (data, bytes) = packet.map_or((std::ptr::null(), 0), |p| (p.as_ptr(), p.len()));
        let bytes = i32::try_from(bytes).map_err(|_| OpusError::Libopus(ffi::OPUS_BAD_ARG))?;
        let frame_samples = pcm.len() / self.channels.count();
        // SAFETY: `data` holds `bytes`; `pcm` takes `frame_samples` of every channel.
        let samples = unsafe {
            ffi::opus_decode(
                self.state.as_ptr(),
                data,
                bytes,
                pcm.as_mut_ptr(),
                frame_samples as c_int,
                c_int::from(lbrr),
            )
        };
        check(samples).map(|samples| samples as usize)
    }

    /// Decodes `pcm.len()` samples that begin `before_samples` of a channel before the audio of the
    /// packet that `dred` has read.
    pub(super) fn decode_dred(
        &mut self,
        dred: &RawDred,
        before_samples: i32,
        pcm: &mut [i16],
    ) -> Result<usize, OpusError> {
        let frame_samples = pcm.len() / self.channels.count();
        // SAFETY: `pcm` takes `frame_samples` of every channel; `dred.state` is only read.
        let samples = unsafe {
            ffi::opus_decoder_dred_decode(
                self.state.as_ptr(),
                dred.state.as_ptr(),
                before_samples,
                pcm.as_mut_ptr(),
                frame_samples as i32,
            )
        };
        check(samples).map(|samples| samples as usize)
    }

    pub(super) fn set(&mut self, request: Set, value: i32) -> Result<(), OpusError> {
        // SAFETY: every `Set` takes one `opus_int32`.
        let code = unsafe { ffi::opus_decoder_ctl(self.state.as_ptr(), request as c_int, value) };
        check(code).map(|_| ())
    }

    /// Copies the state into `copy`.
    pub(super) fn save(&self, copy: &mut Vec<u8>) {
        // SAFETY: the size is that of a state with so many channels; `state` has it.
        let state = unsafe {
            let size = ffi::opus_decoder_get_size(self.channels.count() as c_int);
            std::slice::from_raw_parts(self.state.as_ptr().cast::<u8>(), size as usize)
        };
        copy.clear();
        copy.extend_from_slice(state);
    }

    /// Brings back what [`Self::save`] of this decoder has copied.
    pub(super) fn restore(&mut self, copy: &[u8]) {
        // SAFETY: see `save`; a copy of another length is not taken.
        unsafe {
            let size = ffi::opus_decoder_get_size(self.channels.count() as c_int) as usize;
            if copy.len() == size {
                self.state
                    .as_ptr()
                    .cast::<u8>()
                    .copy_from(copy.as_ptr(), size);
            }
        }
    }

    pub(super) fn final_range(&mut self) -> u32 {
        let mut range: u32 = 0;
        // SAFETY: the request writes one `opus_uint32`. It cannot fail for a non-null pointer.
        unsafe {
            ffi::opus_decoder_ctl(
                self.state.as_ptr(),
                ffi::OPUS_GET_FINAL_RANGE_REQUEST,
                &raw mut range,
            );
        }
        range
    }

    pub(super) fn reset(&mut self) {
        // SAFETY: the request takes no argument.
        unsafe { ffi::opus_decoder_ctl(self.state.as_ptr(), ffi::OPUS_RESET_STATE) };
    }
}

impl Drop for RawDecoder {
    fn drop(&mut self) {
        // SAFETY: created by `opus_decoder_create` and not destroyed before.
        unsafe { ffi::opus_decoder_destroy(self.state.as_ptr()) };
    }
}

/// Reads DRED, and holds what was read last.
pub(super) struct RawDred {
    reader: NonNull<ffi::OpusDREDDecoder>,
    state: NonNull<ffi::OpusDRED>,
}

// SAFETY: see the module's first invariant.
unsafe impl Send for RawDred {}
// SAFETY: as above; through a shared reference `state` is only read.
unsafe impl Sync for RawDred {}

impl RawDred {
    pub(super) fn new() -> Result<Self, OpusError> {
        let mut code = ffi::OPUS_OK;
        // SAFETY: `code` outlives the call.
        let reader = unsafe { ffi::opus_dred_decoder_create(&raw mut code) };
        let reader = NonNull::new(reader).ok_or(OpusError::Libopus(code))?;
        // SAFETY: as above.
        let state = unsafe { ffi::opus_dred_alloc(&raw mut code) };
        let Some(state) = NonNull::new(state) else {
            // SAFETY: created above and used by nobody.
            unsafe { ffi::opus_dred_decoder_destroy(reader.as_ptr()) };
            return Err(OpusError::Libopus(code));
        };
        Ok(Self { reader, state })
    }

    /// Reads a packet's DRED and gives how many samples before its audio it reaches back; 0 without
    /// any.
    pub(super) fn read(
        &mut self,
        packet: &[u8],
        max_samples: u32,
        sample_rate_hz: u32,
    ) -> Result<usize, OpusError> {
        let bytes =
            i32::try_from(packet.len()).map_err(|_| OpusError::Libopus(ffi::OPUS_BAD_ARG))?;
        let mut silence_samples = 0;
        // SAFETY: `packet` holds `bytes`; `silence_samples` outlives the call.
        let samples = unsafe {
            ffi::opus_dred_parse(
                self.reader.as_ptr(),
                self.state.as_ptr(),
                packet.as_ptr(),
                bytes,
                max_samples as i32,
                sample_rate_hz as i32,
                &raw mut silence_samples,
                0,
            )
        };
        check(samples).map(|samples| samples as usize)
    }
}

impl Drop for RawDred {
    fn drop(&mut self) {
        // SAFETY: each was created by its own function and not destroyed before.
        unsafe {
            ffi::opus_dred_free(self.state.as_ptr());
            ffi::opus_dred_decoder_destroy(self.reader.as_ptr());
        }
    }
}

/// libopus' name and version, such as `libopus 1.6.1`.
#[must_use]
pub fn version() -> &'static str {
    // SAFETY: a static, NUL-terminated string.
    let text = unsafe { CStr::from_ptr(ffi::opus_get_version_string()) };
    text.to_str().unwrap_or("libopus")
}

pub(super) fn error_text(code: i32) -> &'static str {
    // SAFETY: a static, NUL-terminated string for every code.
    let text = unsafe { CStr::from_ptr(ffi::opus_strerror(code)) };
    text.to_str().unwrap_or("unknown error")
}

/// libopus' own reading of a packet, the oracle of this module's.
#[cfg(test)]
pub(super) mod oracle {
    use super::ffi;

    /// The frame lengths and the offset of the first frame, or a libopus error.
    pub(crate) fn parse(packet: &[u8]) -> Result<(Vec<usize>, usize), i32> {
        let mut lengths = [0_i16; 48];
        let mut offset = 0;
        // SAFETY: 48 lengths is the most that libopus writes; the unwanted outputs may be null.
        let count = unsafe {
            ffi::opus_packet_parse(
                packet.as_ptr(),
                packet.len() as i32,
                std::ptr::null_mut(),
                std::ptr::null_mut(),
                lengths.as_mut_ptr(),
                &raw mut offset,
            )
        };
        if count < 0 {
            return Err(count);
        }
        let lengths = lengths[..count as usize]
            .iter()
            .map(|&l| l as usize)
            .collect();
        Ok((lengths, offset as usize))
    }

    /// Bandwidth, channels and samples of one frame at `sample_rate_hz` of a non-empty packet.
    pub(crate) fn toc(packet: &[u8], sample_rate_hz: u32) -> (i32, i32, i32) {
        assert!(!packet.is_empty());
        // SAFETY: each reads the first byte only.
        unsafe {
            (
                ffi::opus_packet_get_bandwidth(packet.as_ptr()),
                ffi::opus_packet_get_nb_channels(packet.as_ptr()),
                ffi::opus_packet_get_samples_per_frame(packet.as_ptr(), sample_rate_hz as i32),
            )
        }
    }

    /// Whether a non-empty packet carries LBRR, or a libopus error.
    pub(crate) fn has_lbrr(packet: &[u8]) -> Result<bool, i32> {
        assert!(!packet.is_empty());
        // SAFETY: reads no more than the packet's length.
        let answer = unsafe { ffi::opus_packet_has_lbrr(packet.as_ptr(), packet.len() as i32) };
        if answer < 0 {
            Err(answer)
        } else {
            Ok(answer == 1)
        }
    }
}
