//! Packets that wait to be protected and sent.

use std::collections::VecDeque;
use std::ops::Range;

/// Ten seconds of frames: more than a catch-up makes at once.
const MAX_PACKETS: usize = 512;

/// RTP and RTCP packets in the order of sending.
///
/// Holds up to 512; further ones are dropped and counted until the queue has been emptied.
#[derive(Debug, Default)]
pub(super) struct TransmitQueue {
    bytes: Vec<u8>,
    packets: VecDeque<Range<usize>>,
    pub(super) dropped: u64,
}

impl TransmitQueue {
    /// Appends the packet that `write` appends to the bytes it is given.
    pub(super) fn push(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        if self.packets.is_empty() {
            self.bytes.clear();
        }
        if self.packets.len() == MAX_PACKETS {
            self.dropped += 1;
            return;
        }
        let begin = self.bytes.len();
        write(&mut self.bytes);
        self.packets.push_back(begin..self.bytes.len());
    }

    pub(super) fn pop(&mut self) -> Option<&[u8]> {
        let packet = self.packets.pop_front()?;
        Some(&self.bytes[packet])
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
            assert_eq!(queue.pop(), Some(&(n as u16).to_be_bytes()[..]));
        }
        assert_eq!(queue.pop(), None);
    }
}
