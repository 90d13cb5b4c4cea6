//! Packets that wait to be protected and sent.

use std::collections::VecDeque;
use std::ops::Range;

/// Ten seconds of frames: more than a catch-up makes at once.
const MAX_PACKETS: usize = 512;

#[derive(Debug)]
struct Queued {
    bytes: Range<usize>,
    again: bool,
}

/// A packet to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outgoing<'a> {
    pub(super) packet: &'a [u8],
    /// The very same packet went out before: SRTP has used its index.
    pub(super) again: bool,
}

/// RTP and RTCP packets in the order of sending.
///
/// Holds up to 512; further ones are dropped and counted until the queue has been emptied.
#[derive(Debug, Default)]
pub(super) struct TransmitQueue {
    bytes: Vec<u8>,
    packets: VecDeque<Queued>,
    pub(super) dropped: u64,
}

impl TransmitQueue {
    /// Appends the packet that `write` appends to the bytes it is given.
    pub(super) fn push(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.append(write, false);
    }

    /// Appends a packet that went out before.
    pub(super) fn push_again(&mut self, packet: &[u8]) {
        self.append(|bytes| bytes.extend_from_slice(packet), true);
    }

    fn append(&mut self, write: impl FnOnce(&mut Vec<u8>), again: bool) {
        if self.packets.is_empty() {
            self.bytes.clear();
        }
        if self.packets.len() == MAX_PACKETS {
            self.dropped += 1;
            return;
        }
        let begin = self.bytes.len();
        write(&mut self.bytes);
        self.packets.push_back(Queued {
            bytes: begin..self.bytes.len(),
            again,
        });
    }

    pub(super) fn pop(&mut self) -> Option<Outgoing<'_>> {
        let queued = self.packets.pop_front()?;
        Some(Outgoing {
            packet: &self.bytes[queued.bytes],
            again: queued.again,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_leave_in_order_and_those_above_the_bound_are_counted() {
        let mut queue = TransmitQueue::default();
        for n in 0..=MAX_PACKETS {
            queue.push(|bytes| bytes.extend_from_slice(&(n as u16).to_be_bytes()));
        }
        assert_eq!(queue.dropped, 1);
        for n in 0..MAX_PACKETS {
            let expected = Outgoing {
                packet: &(n as u16).to_be_bytes(),
                again: false,
            };
            assert_eq!(queue.pop(), Some(expected));
        }
        assert_eq!(queue.pop(), None);
    }
}
