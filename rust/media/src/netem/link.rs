use std::collections::BinaryHeap;

use super::impairment::{Impairment, Jitter, Loss, Outage};
use super::random::Random;
use super::trace::Trace;

/// IPv4 and UDP, which the rate counts too.
const HEADER_BYTES: u64 = 28;

/// Between packets that waited for a handover.
const RELEASE_GAP_NS: u64 = 2_000_000;

/// Packets under way at once. Beyond, they are dropped as by a full queue.
const MAX_UNDER_WAY: usize = 65_536;

/// What a link has done.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct LinkStats {
    /// Packets that were sent into it.
    pub sent: u64,
    /// Those that the network lost.
    pub lost: u64,
    /// Those that its queue had no room for.
    pub dropped: u64,
    /// Those that come twice.
    pub duplicated: u64,
    /// Packets that came out, the second copies among them.
    pub delivered: u64,
}

/// A packet that comes out of a link.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Arrival {
    /// When it came out.
    pub at_ns: u64,
    /// When it was sent.
    pub sent_ns: u64,
    /// As it was sent.
    pub packet: Vec<u8>,
}

/// Ordered by time, then in the order of sending: the heap gives the greatest, so both backwards.
#[derive(Debug, Eq, PartialEq)]
struct UnderWay {
    arrival: Arrival,
    order: u64,
}

impl Ord for UnderWay {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (other.arrival.at_ns, other.order).cmp(&(self.arrival.at_ns, self.order))
    }
}

impl PartialOrd for UnderWay {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// Each cause of trouble draws from a sequence of its own: more loss leaves the jitter as it was.
#[derive(Debug)]
struct Causes {
    loss: Random,
    jitter: Random,
    duplicate: Random,
    spikes: Random,
}

#[derive(Debug)]
enum Way {
    Impaired(Box<Impairment>),
    Traced { trace: Trace, next: usize },
}

/// One direction of a network, from the moment of the first packet on.
///
/// Packets are sent in the order of time. Everything else may be asked at any time.
#[derive(Debug)]
pub struct Link {
    way: Way,
    causes: Causes,
    start_ns: Option<u64>,
    losing: bool,
    free_from_ns: u64,
    spike_ends_ns: u64,
    next_spike_ns: u64,
    last_arrival_ns: u64,
    held_from_ns: u64,
    last_release_ns: u64,
    under_way: BinaryHeap<UnderWay>,
    order: u64,
    stats: LinkStats,
}

impl Link {
    /// A link that does to packets what `impairment` says.
    #[must_use]
    pub fn new(impairment: Impairment, seed: u64) -> Self {
        let mut link = Self::of(Way::Impaired(Box::new(impairment)), seed);
        link.next_spike_ns = link.spike_gap_ns(&impairment);
        link
    }

    /// A link that does to the n-th packet what happened to the trace's n-th, and begins again at
    /// its end. An empty trace loses everything.
    #[must_use]
    pub fn replaying(trace: Trace) -> Self {
        Self::of(Way::Traced { trace, next: 0 }, 0)
    }

    fn of(way: Way, seed: u64) -> Self {
        Self {
            way,
            causes: Causes {
                loss: Random::new(seed, 0),
                jitter: Random::new(seed, 1),
                duplicate: Random::new(seed, 2),
                spikes: Random::new(seed, 3),
            },
            start_ns: None,
            losing: false,
            free_from_ns: 0,
            spike_ends_ns: 0,
            next_spike_ns: u64::MAX,
            last_arrival_ns: 0,
            held_from_ns: 0,
            last_release_ns: 0,
            under_way: BinaryHeap::new(),
            order: 0,
            stats: LinkStats::default(),
        }
    }

    /// Sends a packet (a UDP payload).
    pub fn send(&mut self, packet: &[u8], now_ns: u64) {
        let (first, second) = self.arrivals(packet.len(), now_ns);
        for at_ns in [first, second].into_iter().flatten() {
            if self.under_way.len() >= MAX_UNDER_WAY {
                self.stats.dropped += 1;
                return;
            }
            let arrival = Arrival {
                at_ns,
                sent_ns: now_ns,
                packet: packet.to_vec(),
            };
            let order = self.order;
            self.order += 1;
            self.under_way.push(UnderWay { arrival, order });
        }
    }

    /// The next packet that is due, if there is one.
    pub fn poll(&mut self, now_ns: u64) -> Option<Arrival> {
        if self.next_timeout()? > now_ns {
            return None;
        }
        self.stats.delivered += 1;
        self.under_way.pop().map(|due| due.arrival)
    }

    /// When the next packet comes out.
    #[must_use]
    pub fn next_timeout(&self) -> Option<u64> {
        self.under_way.peek().map(|next| next.arrival.at_ns)
    }

    /// What it has done so far.
    #[must_use]
    pub const fn stats(&self) -> &LinkStats {
        &self.stats
    }

    /// When a packet sent now arrives: never, once, or twice. For whoever keeps the packets itself.
    pub fn arrivals(&mut self, packet_bytes: usize, now_ns: u64) -> (Option<u64>, Option<u64>) {
        let start_ns = *self.start_ns.get_or_insert(now_ns);
        let elapsed_ns = now_ns.saturating_sub(start_ns);
        self.stats.sent += 1;
        let impairment = match &mut self.way {
            Way::Impaired(impairment) => **impairment,
            Way::Traced { trace, next } => {
                let delay_ns = next_traced_delay_ns(trace, next);
                self.stats.lost += u64::from(delay_ns.is_none());
                return (delay_ns.map(|delay_ns| now_ns + delay_ns), None);
            }
        };
        let lost = self.is_lost(&impairment, elapsed_ns);
        let out_ns = self.leave_queue(&impairment, elapsed_ns, packet_bytes as u64);
        let delay_ns = self.delay_ns(&impairment, elapsed_ns);
        let twice = self.causes.duplicate.chance(impairment.duplicate);
        if lost {
            self.stats.lost += 1;
            return (None, None);
        }
        let Some(out_ns) = out_ns else {
            self.stats.dropped += 1;
            return (None, None);
        };
        let mut arrival_ns = self.wait(&impairment, out_ns + delay_ns);
        arrival_ns = arrival_ns
            .saturating_add_signed((arrival_ns as f64 * impairment.drift_ppm * 1e-6) as i64);
        if !impairment.reorder {
            arrival_ns = arrival_ns.max(self.last_arrival_ns);
        }
        self.last_arrival_ns = self.last_arrival_ns.max(arrival_ns);
        self.stats.duplicated += u64::from(twice);
        let at_ns = start_ns + arrival_ns;
        (Some(at_ns), twice.then_some(at_ns))
    }

    fn is_lost(&mut self, impairment: &Impairment, elapsed_ns: u64) -> bool {
        let random = &mut self.causes.loss;
        let lost = match impairment.loss {
            Loss::None => false,
            Loss::Independent(probability) => random.chance(probability),
            Loss::GilbertElliott {
                enter,
                leave,
                good_loss,
                bad_loss,
            } => {
                self.losing = if self.losing {
                    !random.chance(leave)
                } else {
                    random.chance(enter)
                };
                random.chance(if self.losing { bad_loss } else { good_loss })
            }
        };
        lost || impairment.blackout.is_some_and(|blackout| {
            elapsed_ns >= blackout.every_ns
                && elapsed_ns % blackout.every_ns.max(1) < blackout.during_ns
        })
    }

    /// When the last bit has left the narrowest link, or `None` when its queue is full.
    fn leave_queue(
        &mut self,
        impairment: &Impairment,
        elapsed_ns: u64,
        packet_bytes: u64,
    ) -> Option<u64> {
        let Some(rate) = impairment.rate else {
            return Some(elapsed_ns);
        };
        let waiting_ns = self.free_from_ns.saturating_sub(elapsed_ns);
        if waiting_ns > rate.queue_ns {
            return None;
        }
        let bits = (packet_bytes + HEADER_BYTES) * 8;
        let sending_ns = bits * 1_000_000_000 / rate.bits_per_second.max(1);
        self.free_from_ns = elapsed_ns + waiting_ns + sending_ns;
        Some(self.free_from_ns)
    }

    fn delay_ns(&mut self, impairment: &Impairment, elapsed_ns: u64) -> u64 {
        let random = &mut self.causes.jitter;
        let base_ns = impairment.delay_ns as f64;
        let jitter_ns = match impairment.jitter {
            Jitter::None => 0.0,
            Jitter::Normal(deviation_ns) => deviation_ns as f64 * random.normal(),
            Jitter::Uniform(width_ns) => width_ns as f64 * random.uniform(),
            Jitter::Exponential(mean_ns) => mean_ns as f64 * random.exponential(),
        };
        let longer_ns = impairment
            .flap
            .filter(|flap| elapsed_ns / flap.every_ns.max(1) % 2 == 1)
            .map_or(0, |flap| flap.during_ns);
        (base_ns + jitter_ns).max(0.0) as u64 + longer_ns
    }

    /// Holds back what comes while the way is blocked.
    fn wait(&mut self, impairment: &Impairment, mut arrival_ns: u64) -> u64 {
        if let Some(spikes) = impairment.spikes {
            while self.next_spike_ns <= arrival_ns {
                let range_ns = spikes.longest_ns.saturating_sub(spikes.shortest_ns) as f64;
                let span_ns = spikes.shortest_ns + (range_ns * self.causes.spikes.uniform()) as u64;
                self.spike_ends_ns = self.spike_ends_ns.max(self.next_spike_ns + span_ns);
                self.next_spike_ns += self.spike_gap_ns(impairment);
            }
            arrival_ns = arrival_ns.max(self.spike_ends_ns);
        }
        impairment
            .handover
            .map_or(arrival_ns, |handover| self.hold(handover, arrival_ns))
    }

    /// Only those that come while a handover is, or others still wait for their release, are held.
    fn hold(&mut self, handover: Outage, arrival_ns: u64) -> u64 {
        let every_ns = handover.every_ns.max(1);
        let began_ns = arrival_ns / every_ns * every_ns;
        if began_ns == 0 {
            return arrival_ns;
        }
        let mut release_ns = arrival_ns.max(began_ns + handover.during_ns);
        // Jitter that reorders may make a packet come before those that have already been held.
        if arrival_ns >= self.held_from_ns && self.last_release_ns >= release_ns {
            release_ns = self.last_release_ns + RELEASE_GAP_NS;
        }
        if release_ns > arrival_ns {
            self.held_from_ns = self.held_from_ns.max(began_ns);
            self.last_release_ns = self.last_release_ns.max(release_ns);
        }
        release_ns
    }

    fn spike_gap_ns(&mut self, impairment: &Impairment) -> u64 {
        impairment.spikes.map_or(u64::MAX, |spikes| {
            ((spikes.every_ns as f64 * self.causes.spikes.exponential()) as u64).max(1)
        })
    }
}

fn next_traced_delay_ns(trace: &Trace, next: &mut usize) -> Option<u64> {
    let packet = *trace.packets.get(*next)?;
    *next = (*next + 1) % trace.packets.len();
    Some(packet.arrival_ns?.saturating_sub(packet.send_ns))
}
