use super::packet_store::Carrier;

/// Counters since creation. Those of W3C webrtc-stats keep its names and meaning; where it counts
/// seconds this counts sample-nanoseconds: divide by [`Self::jitter_buffer_emitted_count`].
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Stats {
    /// Sum over emitted samples of the time from arrival to decoding.
    pub jitter_buffer_delay_ns: u64,
    /// Sum over emitted samples of the delay aimed at.
    pub jitter_buffer_target_delay_ns: u64,
    /// The same, as nothing but the network asks for a delay here.
    pub jitter_buffer_minimum_delay_ns: u64,
    /// Samples that came from a packet.
    pub jitter_buffer_emitted_count: u64,
    /// Samples given out, of whatever kind.
    pub total_samples_received: u64,
    /// Samples made up because a frame was lost or late.
    pub concealed_samples: u64,
    /// Those of them that were silence.
    pub silent_concealed_samples: u64,
    /// Runs of concealed samples.
    pub concealment_events: u64,
    /// Samples added to play slower.
    pub inserted_samples_for_deceleration: u64,
    /// Samples taken out to play faster.
    pub removed_samples_for_acceleration: u64,
    /// Packets that came too late or too early to be played; duplicates are not among them.
    pub packets_discarded: u64,
    /// Packets that carried redundancy for an earlier frame: in band (LBRR, DRED), or one for each
    /// frame that came beside another (RED).
    pub fec_packets_received: u64,
    /// Frames, or pieces of 20 ms, that were played from redundancy (LBRR, RED, DRED).
    pub repaired_frames: u64,
    /// Samples that DRED described: made by a neural vocoder from what the sender said of them.
    /// They count as emitted, not as concealed, as those from LBRR do.
    pub dred_samples: u64,
    /// Frames that were played because they were sent again (NACK).
    pub retransmitted_frames: u64,
    /// Packets that came after their place was played or concealed.
    pub late_packets: u64,
    /// Packets that came twice.
    pub duplicate_packets: u64,
    /// Packets that no decoder could take.
    pub malformed_packets: u64,
    /// Packets whose numbers did not fit the stream.
    pub discontinuous_packets: u64,
    /// Media that was neither played nor replaced by concealment: passed over to catch up.
    pub skipped_samples: u64,
    /// Samples of silence in place of frames that were not sent (DTX).
    pub silence_samples: u64,
}

impl Stats {
    /// Both buffers' counters together: of one stream that two played in turn.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self {
            jitter_buffer_delay_ns: self
                .jitter_buffer_delay_ns
                .saturating_add(other.jitter_buffer_delay_ns),
            jitter_buffer_target_delay_ns: self
                .jitter_buffer_target_delay_ns
                .saturating_add(other.jitter_buffer_target_delay_ns),
            jitter_buffer_minimum_delay_ns: self
                .jitter_buffer_minimum_delay_ns
                .saturating_add(other.jitter_buffer_minimum_delay_ns),
            jitter_buffer_emitted_count: self.jitter_buffer_emitted_count
                + other.jitter_buffer_emitted_count,
            total_samples_received: self.total_samples_received + other.total_samples_received,
            concealed_samples: self.concealed_samples + other.concealed_samples,
            silent_concealed_samples: self.silent_concealed_samples
                + other.silent_concealed_samples,
            concealment_events: self.concealment_events + other.concealment_events,
            inserted_samples_for_deceleration: self.inserted_samples_for_deceleration
                + other.inserted_samples_for_deceleration,
            removed_samples_for_acceleration: self.removed_samples_for_acceleration
                + other.removed_samples_for_acceleration,
            packets_discarded: self.packets_discarded + other.packets_discarded,
            fec_packets_received: self.fec_packets_received + other.fec_packets_received,
            repaired_frames: self.repaired_frames + other.repaired_frames,
            dred_samples: self.dred_samples + other.dred_samples,
            retransmitted_frames: self.retransmitted_frames + other.retransmitted_frames,
            late_packets: self.late_packets + other.late_packets,
            duplicate_packets: self.duplicate_packets + other.duplicate_packets,
            malformed_packets: self.malformed_packets + other.malformed_packets,
            discontinuous_packets: self.discontinuous_packets + other.discontinuous_packets,
            skipped_samples: self.skipped_samples + other.skipped_samples,
            silence_samples: self.silence_samples + other.silence_samples,
        }
    }

    /// Counts a frame that is played by how it came.
    pub(super) fn count_carrier(&mut self, carrier: Carrier) {
        match carrier {
            Carrier::Original => {}
            Carrier::Redundancy => self.repaired_frames += 1,
            Carrier::Retransmission => self.retransmitted_frames += 1,
        }
    }

    /// Counts played samples towards the target delay.
    pub(super) fn count_target(&mut self, samples: usize, target_ms: f32) {
        let sum_ns = (f64::from(target_ms.max(0.0)) * 1e6) as u64 * samples as u64;
        self.jitter_buffer_target_delay_ns += sum_ns;
        self.jitter_buffer_minimum_delay_ns += sum_ns;
    }

    /// Counts samples that came from a packet which waited `waited_ns`.
    pub(super) fn count_emitted(&mut self, samples: usize, waited_ns: u64) {
        let samples = samples as u64;
        self.jitter_buffer_emitted_count += samples;
        self.jitter_buffer_delay_ns = self
            .jitter_buffer_delay_ns
            .saturating_add(waited_ns.saturating_mul(samples));
    }
}
