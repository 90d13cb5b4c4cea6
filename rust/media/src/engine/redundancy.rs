//! How a stream is protected against loss, and what the peer can make use of.

use super::EngineError;

/// Earlier frames that RED repeats at most in each packet.
pub const MAX_RED_FRAMES: u8 = 2;

/// How much of what was sent before each packet repeats. May change from frame to frame
/// ([`Engine::set_redundancy`](super::Engine::set_redundancy)); what the peer cannot use is left
/// out of it.
///
/// LBRR and DRED share the encoder's bitrate and LBRR goes first; RED comes on top of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Redundancy {
    /// The frame before, coarser, in the same bitrate (LBRR): for single losses, with every peer.
    pub inband_fec: bool,
    /// So many frames before, whole (RED, RFC 2198): 0 to [`MAX_RED_FRAMES`]. Each costs as much as
    /// the frame itself: for losses in a row, where there is bandwidth.
    pub red_frames: u8,
    /// So much of the past as a neural vocoder needs to say it again (DRED), 0 to 1040 ms: for
    /// bursts of 60 ms and more, with `inband_fec` off and at least 5 % expected loss.
    pub dred_duration_ms: u16,
    /// 0 to 100: how much of the bitrate LBRR or DRED is worth.
    pub expected_loss_percent: u8,
}

impl Redundancy {
    /// # Errors
    /// A setting outside its range.
    pub(super) fn check(self) -> Result<(), EngineError> {
        if self.red_frames > MAX_RED_FRAMES {
            return Err(EngineError::RedFrames(self.red_frames));
        }
        Ok(())
    }

    /// What of it a peer can use.
    pub(super) fn usable(self, repairs: &Repairs) -> Self {
        Self {
            red_frames: match repairs.send.red {
                Some(_) => self.red_frames,
                None => 0,
            },
            dred_duration_ms: if repairs.dred {
                self.dred_duration_ms
            } else {
                0
            },
            ..self
        }
    }
}

/// Payload types of one direction, where negotiated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RepairFormats {
    /// RED (RFC 2198) of Opus.
    pub red: Option<u8>,
    /// Retransmission (RFC 4588) of Opus.
    pub rtx: Option<u8>,
}

/// What both session descriptions agree on about repairing loss. By default nothing: then lost
/// packets are neither asked for nor sent again, and packets are plain Opus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Repairs {
    /// Lost packets are asked for and sent again (generic NACK, RFC 4585 §6.2.1).
    pub nack: bool,
    /// What the peer sends.
    pub receive: RepairFormats,
    /// What the peer takes.
    pub send: RepairFormats,
    /// The source under which we send again, with [`RepairFormats::rtx`].
    pub rtx_ssrc: u32,
    /// The peer reads DRED.
    pub dred: bool,
}
