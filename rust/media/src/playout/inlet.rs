//! What both sinks share: the packets that have arrived and what is known of the network.

use std::collections::VecDeque;

use super::arrival_delay::ArrivalDelay;
use super::media_clock::{MediaClock, Place, Placement};
use super::missing::Missing;
use super::packet_store::{Carrier, PacketStore, StoredPacket};
use super::{FrameDecoder, Inserted, MAX_PACKET_SAMPLES, ReceivedFrame, Stats, samples_to_ns};

/// Longer than any Opus packet of 120 ms (RFC 6716 §3.4: six frames of 1275 bytes).
const MAX_PAYLOAD_BYTES: usize = 8_000;

/// Packets without a frame that are remembered: a key of a telephone that is held for a second.
const MAX_PASSED_OVER: usize = 64;

/// How far back a sequence number is known to have been received.
const SEEN_SEQUENCES: usize = 1_024;

#[derive(Debug)]
pub(super) struct Inlet {
    pub(super) store: PacketStore,
    pub(super) arrivals: ArrivalDelay,
    pub(super) missing: Missing,
    pub(super) stats: Stats,
    /// A window of arrivals has closed since the sink looked.
    pub(super) window_closed: bool,
    /// The last packet brought no frame, and none was due.
    pub(super) is_passing_over: bool,
    /// When the packet after the one that came last is due, if it is sent and takes as long.
    pub(super) next_due_ns: Option<u64>,
    clock: MediaClock,
    seen: Vec<i64>,
    /// Sequence numbers of packets without a frame, the newest at the back.
    passed_over: VecDeque<i64>,
}

impl Inlet {
    pub(super) fn new() -> Self {
        Self {
            store: PacketStore::new(),
            arrivals: ArrivalDelay::new(),
            missing: Missing::new(),
            stats: Stats::default(),
            window_closed: false,
            is_passing_over: false,
            next_due_ns: None,
            clock: MediaClock::default(),
            seen: vec![i64::MIN; SEEN_SEQUENCES],
            passed_over: VecDeque::with_capacity(MAX_PASSED_OVER),
        }
    }

    /// Takes note of a packet of the stream that has no frame: it is not missing, and where it was
    /// sent nobody spoke.
    pub(super) fn pass_over(&mut self, sequence_number: u16, now_ns: u64) {
        let Some(sequence) = self.clock.sequence_of(sequence_number) else {
            return;
        };
        self.is_passing_over = true;
        self.missing.observe(sequence, now_ns, |_| false);
        if !self.passed_over.contains(&sequence) {
            if self.passed_over.len() == MAX_PASSED_OVER {
                self.passed_over.pop_front();
            }
            self.passed_over.push_back(sequence);
        }
    }

    /// How many frames are missing between two sequence numbers.
    pub(super) fn lost_between(&self, before: i64, sequence: i64) -> i64 {
        let between = before + 1..sequence;
        let passed_over = self.passed_over.iter().filter(|n| between.contains(n));
        sequence - before - 1 - passed_over.count() as i64
    }

    /// `next_media` is where the sink will go on: what ends before it comes late.
    pub(super) fn insert<D: FrameDecoder>(
        &mut self,
        frame: &ReceivedFrame<'_>,
        now_ns: u64,
        decoder: &D,
        next_media: Option<i64>,
    ) -> Inserted {
        let Some(duration_samples) = playable(frame, decoder) else {
            self.stats.malformed_packets += 1;
            return Inserted::Malformed;
        };
        let place = match self.clock.place(frame, now_ns) {
            Placement::Placed(place) | Placement::Restarted(place) => place,
            Placement::OnProbation => {
                self.stats.discontinuous_packets += 1;
                return Inserted::Discontinuous;
            }
        };
        let seen = &mut self.seen[place.sequence.rem_euclid(SEEN_SEQUENCES as i64) as usize];
        if *seen == place.sequence {
            self.stats.duplicate_packets += 1;
            return Inserted::Duplicate;
        }
        *seen = place.sequence;
        self.is_passing_over = false;
        self.next_due_ns =
            Some(now_ns.saturating_add(samples_to_ns(i64::from(duration_samples)) as u64));
        let store = &self.store;
        let was_requested = self
            .missing
            .observe(place.sequence, now_ns, |sequence| store.contains(sequence));
        let carrier = if was_requested {
            Carrier::Retransmission
        } else {
            self.window_closed |= self.arrivals.observe(place.media, now_ns);
            Carrier::Original
        };
        if self.store.contains(place.sequence) {
            // Its redundancy was faster; what was sent is the better copy, but takes no place.
            return Inserted::Accepted;
        }
        self.keep(
            frame,
            place,
            duration_samples,
            now_ns,
            decoder,
            next_media,
            carrier,
        )
    }

    /// Takes a frame that did not come as it was sent: beside a later one, or once more.
    pub(super) fn insert_repair<D: FrameDecoder>(
        &mut self,
        frame: &ReceivedFrame<'_>,
        now_ns: u64,
        decoder: &D,
        next_media: Option<i64>,
        carrier: Carrier,
    ) -> Inserted {
        let Some(duration_samples) = playable(frame, decoder) else {
            self.stats.malformed_packets += 1;
            return Inserted::Malformed;
        };
        let Some(place) = self.clock.place_redundant(frame, now_ns) else {
            self.stats.discontinuous_packets += 1;
            return Inserted::Discontinuous;
        };
        let seen = &mut self.seen[place.sequence.rem_euclid(SEEN_SEQUENCES as i64) as usize];
        if *seen == place.sequence {
            return Inserted::Duplicate;
        }
        if self.store.contains(place.sequence) {
            return Inserted::Duplicate;
        }
        self.stats.fec_packets_received += u64::from(carrier == Carrier::Redundancy);
        self.missing.repaired(place.sequence);
        self.keep(
            frame,
            place,
            duration_samples,
            now_ns,
            decoder,
            next_media,
            carrier,
        )
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of one packet")]
    fn keep<D: FrameDecoder>(
        &mut self,
        frame: &ReceivedFrame<'_>,
        place: Place,
        duration_samples: u32,
        now_ns: u64,
        decoder: &D,
        next_media: Option<i64>,
        carrier: Carrier,
    ) -> Inserted {
        if next_media.is_some_and(|next| place.media + i64::from(duration_samples) <= next) {
            if carrier != Carrier::Redundancy {
                self.stats.late_packets += 1;
                self.stats.packets_discarded += 1;
            }
            return Inserted::Late;
        }
        if self.store.is_full()
            && let Some(oldest) = self.store.take_first()
        {
            self.stats.packets_discarded += 1;
            self.store.recycle(oldest);
        }
        let has_lbrr = decoder.has_lbrr(frame.payload);
        let has_dred = decoder.has_dred(frame.payload);
        let repeats = (has_lbrr || has_dred) && carrier != Carrier::Redundancy;
        self.stats.fec_packets_received += u64::from(repeats);
        self.store.insert(
            StoredPacket {
                place,
                duration_samples,
                arrival_ns: now_ns,
                carrier,
                has_lbrr,
                has_dred,
                payload: Vec::new(),
            },
            frame.payload,
        );
        Inserted::Accepted
    }
}

/// The duration of a payload that can be played.
fn playable<D: FrameDecoder>(frame: &ReceivedFrame<'_>, decoder: &D) -> Option<u32> {
    if frame.payload.is_empty() || frame.payload.len() > MAX_PAYLOAD_BYTES {
        return None;
    }
    decoder
        .duration_samples(frame.payload)
        .filter(|&samples| samples > 0 && samples as usize <= MAX_PACKET_SAMPLES)
}
