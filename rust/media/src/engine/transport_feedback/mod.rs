//! Transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01), both ways: our
//! packets carry numbers on which the far end reports, and we report on the far end's.

mod arrivals;
mod numbers;

pub(super) use numbers::{Acknowledged, SentNumbers};

use crate::rtp::Packet;
use crate::rtp::rtcp::{
    Compound, ReportBlock, RtcpPacket, TransportCc, write_cname, write_transport_cc,
};

use super::{Engine, EngineError};
use arrivals::{Arrivals, MAX_NUMBERS};

/// What both session descriptions agree on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransportFeedback {
    /// Of the header extension with the number (`a=extmap`): 1 to 255.
    pub extension_id: u8,
    /// The peer takes RTCP packets that are no compound (RFC 5506), which halves the messages.
    pub reduced_size: bool,
}

/// Counters of both directions, since the engine was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TransportFeedbackStats {
    /// Packets that went out with a number, those in a stream of their own (RTX) included.
    pub packets_numbered: u64,
    /// Those of them that the far end says came.
    pub packets_arrived: u64,
    /// Those that it says did not, when three later ones had come.
    pub packets_lost: u64,
    /// Messages of the far end.
    pub messages_received: u64,
    /// Those that do not parse, or tell of packets that were never sent.
    pub malformed_messages: u64,
    /// Our own messages.
    pub messages_sent: u64,
}

/// The state beside the numbers of what is sent, which the sender has.
#[derive(Debug, Default)]
pub(super) struct FeedbackLink {
    agreed: Option<TransportFeedback>,
    arrivals: Arrivals,
    /// Of the last packet that came with a number.
    media_ssrc: u32,
    /// When a message that is due goes out.
    send_ns: Option<u64>,
    feedback_count: u8,
    stats: TransportFeedbackStats,
}

impl Engine {
    /// Says what both session descriptions agree on about transport-wide feedback; by default
    /// nothing: then packets carry no number, and nothing is told of those that do.
    ///
    /// # Errors
    /// [`EngineError::ExtensionId`] for 0.
    pub fn configure_transport_feedback(
        &mut self,
        agreed: Option<TransportFeedback>,
    ) -> Result<(), EngineError> {
        if agreed.is_some_and(|agreed| agreed.extension_id == 0) {
            return Err(EngineError::ExtensionId);
        }
        self.record(|recorder| recorder.transport_feedback(agreed));
        self.feedback.agreed = agreed;
        self.sender
            .numbers
            .set_id(agreed.map(|agreed| agreed.extension_id));
        self.note_usable();
        Ok(())
    }

    pub(super) fn transport_feedback_stats(&self) -> Option<TransportFeedbackStats> {
        self.feedback.agreed?;
        let numbers = &self.sender.numbers;
        Some(TransportFeedbackStats {
            packets_numbered: numbers.packets_sent(),
            packets_arrived: numbers.packets_arrived,
            packets_lost: numbers.packets_lost,
            ..self.feedback.stats
        })
    }

    /// Takes note of a packet's number, and tells the far end when it is time to. No timer wakes
    /// for it but between long frames: when no packets come there is nothing to tell.
    pub(super) fn note_arrival(&mut self, datagram: &[u8], now_ns: u64) {
        let Some(agreed) = self.feedback.agreed else {
            return;
        };
        let Ok(packet) = Packet::parse(datagram) else {
            return;
        };
        let element = packet
            .extension
            .and_then(|extension| extension.element(agreed.extension_id));
        if let Some([high, low]) = element {
            let number = u16::from_be_bytes([*high, *low]);
            self.feedback.arrivals.note(number, now_ns);
            self.feedback.media_ssrc = packet.header.ssrc;
            let due_ns = self.feedback.arrivals.due_ns(self.sender.frame_ns());
            if due_ns.is_some_and(|due_ns| due_ns <= now_ns) {
                let send_ns = self.sender.between_frames(now_ns);
                self.feedback.send_ns.get_or_insert(send_ns);
                self.tell_arrivals(now_ns);
            }
        }
    }

    /// When [`Engine::tell_arrivals`] is due.
    pub(super) fn tell_due_ns(&self) -> Option<u64> {
        self.feedback.send_ns
    }

    /// Tells the far end what came, if it is time to.
    pub(super) fn tell_arrivals(&mut self, now_ns: u64) {
        let link = &mut self.feedback;
        if link.send_ns.is_none_or(|send_ns| send_ns > now_ns) {
            return;
        }
        link.send_ns = None;
        let (Some(own_ssrc), Some(agreed)) = (self.reports.ssrc(), link.agreed) else {
            return;
        };
        let ssrcs = (own_ssrc, link.media_ssrc);
        let cname = self.reports.cname();
        let (base, arrivals) = link.arrivals.to_tell();
        let mut count = 0;
        self.transmit.push(|datagram| {
            if !agreed.reduced_size {
                ReportBlock::write_receiver_report(datagram, own_ssrc, &[]);
                write_cname(datagram, own_ssrc, cname);
            }
            let number = link.feedback_count;
            count = write_transport_cc::<MAX_NUMBERS>(datagram, ssrcs, number, base, arrivals);
        });
        link.arrivals.told(count, now_ns);
        link.feedback_count = link.feedback_count.wrapping_add(1);
        link.stats.messages_sent += 1;
    }

    /// Takes what a compound packet tells of our packets.
    pub(super) fn note_transport_feedback(&mut self, compound: &Compound<'_>) {
        if self.feedback.agreed.is_none() {
            return;
        }
        for packet in compound.packets() {
            let RtcpPacket::TransportFeedback(feedback) = packet else {
                continue;
            };
            match feedback.transport_cc() {
                Some(Ok(message)) if self.note_message(&message) => {
                    self.feedback.stats.messages_received += 1;
                    self.judge_path();
                }
                Some(_) => self.feedback.stats.malformed_messages += 1,
                None => {}
            }
        }
    }

    fn note_message(&mut self, message: &TransportCc<'_>) -> bool {
        let now_ns = self.now_ns;
        let mut adaptation = self.adaptation.as_mut();
        self.sender.numbers.told(message, |packet| {
            if let Some(adaptation) = &mut adaptation {
                adaptation.note_arrival(&packet, now_ns);
            }
        })
    }
}
