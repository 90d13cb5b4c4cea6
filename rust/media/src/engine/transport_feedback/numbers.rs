//! The numbers of the packets that we send over a transport, and what became of each.

use std::collections::VecDeque;

use crate::rtp::rtcp::{LossPattern, TICK_NS, TransportCc};
use crate::rtp::{Packet, TwoByteElement};

/// Five seconds of the shortest frames: what is told of later than that is no news.
const MAX_PACKETS: usize = 512;
/// A packet that has not come when so many after it have is lost: networks seldom reorder more.
const REORDERED: u64 = 3;
/// The reference time has so many bits.
const REFERENCE_BITS: u32 = 24;
const TICKS_PER_REFERENCE: i64 = 256;
/// No clock runs for so long, 8 years, in one call: a peer whose does is counted anew, and stays
/// within 64 bits of nanoseconds.
const MAX_REFERENCE: i64 = 1 << 32;

/// What the far end says of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Untold,
    Missing,
    Arrived,
}

#[derive(Clone, Copy, Debug)]
struct Sent {
    at_ns: u64,
    bytes: u16,
    /// It was sent again under the same number: when it came says nothing.
    again: bool,
    status: Status,
}

/// A packet that came, for the first time that it is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Acknowledged {
    pub(in super::super) sent_ns: u64,
    /// On the far end's clock.
    pub(in super::super) arrived_ns: i64,
    /// RTP: header and payload.
    pub(in super::super) bytes: u16,
}

/// Of one transport.
#[derive(Debug, Default)]
pub(in super::super) struct SentNumbers {
    /// The header extension's, where it is agreed on.
    id: Option<u8>,
    packets: VecDeque<Sent>,
    /// The unwrapped number of the first of `packets`.
    first: u64,
    /// Up to here it is decided which were lost.
    settled: u64,
    before_was_lost: bool,
    newest_arrived: u64,
    /// The last message's, unwrapped.
    reference: Option<i64>,
    pattern: LossPattern,
    pub(super) packets_arrived: u64,
    pub(super) packets_lost: u64,
}

impl SentNumbers {
    /// Numbers what is sent from now on, or nothing.
    pub(super) fn set_id(&mut self, id: Option<u8>) {
        self.id = id;
        if id.is_some() {
            self.packets.reserve(MAX_PACKETS);
        }
    }

    /// The extension of the next packet.
    pub(in super::super) fn next_element(&self) -> Option<TwoByteElement> {
        Some(TwoByteElement::new(self.id?, self.next() as u16))
    }

    fn next(&self) -> u64 {
        self.first + self.packets.len() as u64
    }

    /// How many have been numbered.
    pub(super) fn packets_sent(&self) -> u64 {
        self.next()
    }

    /// Takes note that the packet with the next number goes out.
    pub(in super::super) fn sent(&mut self, bytes: usize, now_ns: u64) {
        if self.id.is_none() {
            return;
        }
        if self.packets.len() == MAX_PACKETS {
            self.packets.pop_front();
            self.first += 1;
            self.settled = self.settled.max(self.first);
        }
        self.packets.push_back(Sent {
            at_ns: now_ns,
            bytes: bytes.min(usize::from(u16::MAX)) as u16,
            again: false,
            status: Status::Untold,
        });
    }

    /// Takes note that a packet goes out again as it was.
    pub(in super::super) fn sent_again(&mut self, packet: &[u8]) {
        let Some(id) = self.id else {
            return;
        };
        let extension = Packet::parse(packet)
            .ok()
            .and_then(|packet| packet.extension);
        let element = extension.and_then(|extension| extension.element(id));
        if let Some([high, low]) = element
            && let Some(number) = self.unwrap(u16::from_be_bytes([*high, *low]))
            && let Some(sent) = self.packet(number)
        {
            sent.again = true;
        }
    }

    /// The last packet of that number, if there was one.
    fn unwrap(&self, number: u16) -> Option<u64> {
        let back = (self.next() as u16).wrapping_sub(number);
        // The next number itself has not been used since the last wrap.
        self.next()
            .checked_sub(u64::from(back))
            .filter(|_| back > 0)
    }

    fn packet(&mut self, number: u64) -> Option<&mut Sent> {
        let index = number.checked_sub(self.first)?;
        self.packets.get_mut(index as usize)
    }

    /// Takes what the far end tells; `on_packet` gets each packet that came. False: it tells of
    /// packets that were never sent, and nothing of it is believed.
    pub(super) fn told(
        &mut self,
        message: &TransportCc<'_>,
        mut on_packet: impl FnMut(Acknowledged),
    ) -> bool {
        let Some(base) = self.unwrap(message.base_sequence_number) else {
            return false;
        };
        if base + u64::from(message.status_count) > self.next() {
            return false;
        }
        let reference_ticks = self.unwrap_reference(message.reference_time) * TICKS_PER_REFERENCE;
        for (number, status) in (base..).zip(message.packets()) {
            let Some(sent) = self.packet(number) else {
                continue;
            };
            let Some(ticks) = status.arrival_ticks else {
                if sent.status == Status::Untold {
                    sent.status = Status::Missing;
                }
                continue;
            };
            let is_news = sent.status != Status::Arrived && !sent.again;
            sent.status = Status::Arrived;
            let acknowledged = Acknowledged {
                sent_ns: sent.at_ns,
                arrived_ns: (reference_ticks + ticks) * TICK_NS as i64,
                bytes: sent.bytes,
            };
            if is_news {
                on_packet(acknowledged);
            }
            self.newest_arrived = self.newest_arrived.max(number);
        }
        self.settle();
        true
    }

    fn unwrap_reference(&mut self, reference: i32) -> i64 {
        let reference = i64::from(reference);
        let known = self.reference.filter(|last| last.abs() < MAX_REFERENCE);
        let last = known.unwrap_or(reference);
        let shift = 64 - REFERENCE_BITS;
        let step = (reference - last) << shift >> shift;
        *self.reference.insert(last + step)
    }

    fn settle(&mut self) {
        while self.settled + REORDERED <= self.newest_arrived {
            let settled = self.settled;
            self.settled += 1;
            let Some(sent) = self.packet(settled) else {
                continue;
            };
            // What no message told of, because it was lost itself, is neither.
            let status = (sent.status, sent.again);
            let is_lost = matches!(status, (Status::Missing, _) | (Status::Arrived, true));
            if sent.status == Status::Untold {
                self.before_was_lost = false;
                continue;
            }
            self.pattern.note(is_lost, self.before_was_lost);
            self.before_was_lost = is_lost;
            self.packets_lost += u64::from(is_lost);
            self.packets_arrived += u64::from(!is_lost);
        }
    }

    /// How the losses were spread, since the first packet.
    pub(in super::super) fn pattern(&self) -> LossPattern {
        self.pattern
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peer_whose_clock_leapt_ahead_with_each_message_overflowed_our_time() {
        let mut numbers = SentNumbers::default();
        let mut reference = 0_i32;
        for _ in 0..40_000 {
            // As far ahead as 24 bits can tell.
            reference = (reference + 0x7f_ffff) << 8 >> 8;
            let unwrapped = numbers.unwrap_reference(reference);
            let ticks = unwrapped.checked_mul(TICKS_PER_REFERENCE);
            assert!(ticks.is_some_and(|ticks| ticks.checked_mul(TICK_NS as i64).is_some()));
        }
    }
}
