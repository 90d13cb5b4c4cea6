use super::eager::EagerSink;
use super::inlet::Inlet;
use super::packet_store::Carrier;
use super::ticks::PlayoutSink;
use super::{Block, FrameDecoder, Inserted, ReceivedFrame, Settings, Sink, Stats};

#[derive(Debug)]
enum Outlet {
    Playout(Box<PlayoutSink>),
    Eager(Box<EagerSink>),
}

/// Packets in, samples out.
///
/// Sans-IO: every call takes `now_ns`, which must not go back. [`Self::poll`] is called at
/// [`Self::next_timeout`] and after inserting, until it gives `None`. Memory is bounded under any
/// input: 512 packets of at most 8000 bytes; when more wait, the oldest is discarded.
#[derive(Debug)]
pub struct JitterBuffer<D> {
    inlet: Inlet,
    outlet: Outlet,
    decoder: D,
}

impl<D: FrameDecoder> JitterBuffer<D> {
    /// An empty buffer. The grid of [`Sink::Playout`] begins one tick after `now_ns`.
    pub fn new(settings: Settings, decoder: D, now_ns: u64) -> Self {
        Self {
            inlet: Inlet::new(),
            outlet: match settings.sink {
                Sink::Playout => {
                    Outlet::Playout(Box::new(PlayoutSink::new(settings.strategy, now_ns)))
                }
                Sink::Eager => Outlet::Eager(Box::new(EagerSink::new(settings.repair_budget_ms))),
            },
            decoder,
        }
    }

    /// Takes a frame as it was sent.
    pub fn insert(&mut self, frame: &ReceivedFrame<'_>, now_ns: u64) -> Inserted {
        let next_media = self.next_media();
        self.inlet.insert(frame, now_ns, &self.decoder, next_media)
    }

    /// Takes an earlier frame that came as redundancy (RED, RFC 2198). It fills a hole and says
    /// nothing about the network's delay. Insert it before the packet that carried it.
    pub fn insert_redundant(&mut self, frame: &ReceivedFrame<'_>, now_ns: u64) -> Inserted {
        self.insert_repair(frame, now_ns, Carrier::Redundancy)
    }

    /// Takes a frame that was sent again in a stream of its own (RTX, RFC 4588). What is sent again
    /// in the same stream is for [`Self::insert`], which knows what was asked for.
    pub fn insert_retransmitted(&mut self, frame: &ReceivedFrame<'_>, now_ns: u64) -> Inserted {
        self.insert_repair(frame, now_ns, Carrier::Retransmission)
    }

    /// Takes note of a packet that has a sequence number of the stream and no frame, such as a key
    /// of a telephone (RFC 4733).
    pub fn pass_over(&mut self, sequence_number: u16, now_ns: u64) {
        self.inlet.pass_over(sequence_number, now_ns);
    }

    fn insert_repair(
        &mut self,
        frame: &ReceivedFrame<'_>,
        now_ns: u64,
        carrier: Carrier,
    ) -> Inserted {
        let next_media = self.next_media();
        self.inlet
            .insert_repair(frame, now_ns, &self.decoder, next_media, carrier)
    }

    /// Tells that lost packets are asked for again, and how long answers take. Until then nothing
    /// waits for one and [`Self::nack_wanted`] wants none.
    pub fn set_round_trip(&mut self, round_trip_ns: u64) {
        self.inlet.missing.set_round_trip(round_trip_ns);
    }

    /// When [`Self::nack_wanted`] is to be called next, if nothing is inserted before.
    #[must_use]
    pub fn nack_due_ns(&self) -> Option<u64> {
        self.inlet.missing.request_due_ns()
    }

    /// Appends the sequence numbers to ask for again (NACK, RFC 4585 §6.2.1), each once per round
    /// trip. None whose answer could not come in time, and none that the packet after it repeats.
    pub fn nack_wanted(&mut self, now_ns: u64, wanted: &mut Vec<u16>) {
        let Inlet { missing, store, .. } = &mut self.inlet;
        let outlet = &self.outlet;
        missing.wanted(
            now_ns,
            |sequence, noticed_ns, answer_ns| {
                let deadline_ns = match outlet {
                    Outlet::Playout(sink) => sink.due_ns(store, sequence),
                    Outlet::Eager(sink) => sink.gives_up_ns(noticed_ns),
                };
                answer_ns <= deadline_ns && !store.can_repair(sequence)
            },
            wanted,
        );
    }

    /// Whether a packet with this sequence number would be the answer to [`Self::nack_wanted`].
    #[must_use]
    pub fn is_requested(&self, sequence_number: u16) -> bool {
        self.inlet.missing.is_requested(sequence_number)
    }

    /// When to poll next, if nothing is inserted before.
    #[must_use]
    pub fn next_timeout(&self) -> Option<u64> {
        match &self.outlet {
            Outlet::Playout(sink) => Some(sink.next_tick_ns()),
            Outlet::Eager(sink) => sink.next_timeout(&self.inlet),
        }
    }

    /// When the sender is taken to have stopped in the midst of its audio, without the silence that
    /// an encoder announces (DTX), if nothing is inserted before. Nothing is given out for it: should
    /// more come, late or where the sender's clock stood still, it follows on what was.
    ///
    /// `None` for [`Sink::Playout`], which conceals what is missing on its ticks.
    #[must_use]
    pub fn stops_ns(&self) -> Option<u64> {
        match &self.outlet {
            Outlet::Playout(_) => None,
            Outlet::Eager(sink) => sink.stops_ns(&self.inlet),
        }
    }

    /// The next block that is due, if there is one.
    pub fn poll(&mut self, now_ns: u64) -> Option<Block<'_>> {
        match &mut self.outlet {
            Outlet::Playout(sink) => sink.poll(now_ns, &mut self.inlet, &mut self.decoder),
            Outlet::Eager(sink) => sink.poll(now_ns, &mut self.inlet, &mut self.decoder),
        }
    }

    /// Counters since creation.
    #[must_use]
    pub const fn stats(&self) -> &Stats {
        &self.inlet.stats
    }

    fn next_media(&self) -> Option<i64> {
        match &self.outlet {
            Outlet::Playout(sink) => sink.next_media(),
            Outlet::Eager(sink) => sink.next_media(),
        }
    }
}
