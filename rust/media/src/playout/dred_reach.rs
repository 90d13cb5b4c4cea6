//! How far back the packet after a hole describes what was said (DRED).

use super::FrameDecoder;
use super::packet_store::StoredPacket;

/// What is left uncovered at the far end of a hole and may be made up by the vocoder: 10 ms.
const STRETCHED_SAMPLES: usize = 480;

/// Remembers what the decoder has read, so that each packet is read once.
#[derive(Debug, Default)]
pub(super) struct DredReach {
    read: Option<(i64, usize)>,
}

impl DredReach {
    /// How many of the `missing` samples just before `packet` must be concealed because it does not
    /// reach back to them. The decoder is then ready to decode the others.
    pub(super) fn uncovered<D: FrameDecoder>(
        &mut self,
        packet: &StoredPacket,
        missing: usize,
        decoder: &mut D,
    ) -> usize {
        if !packet.has_dred {
            return missing;
        }
        let sequence = packet.place.sequence;
        let covered = match self.read {
            Some((read, covered)) if read == sequence => covered,
            _ => decoder.read_dred(&packet.payload),
        };
        self.read = Some((sequence, covered));
        if covered == 0 {
            return missing;
        }
        match missing.saturating_sub(covered) {
            few if few < STRETCHED_SAMPLES => 0,
            many => many,
        }
    }
}
