//! RTCP: what is told to the peer about both streams, and what it tells.

use crate::rtp::rtcp::{
    Compound, Feedback, LossPattern, Nack, ReportBlock, RtcpPacket, SenderInfo, write_cname,
    write_goodbye, write_nack,
};
use crate::rtp::{NtpTime, ReportSchedule, ns_to_compact, round_trip_time_ns};

use super::outgoing_stream::OutgoingStream;
use super::receiver::Source;
use super::transmit::TransmitQueue;
use super::{Codec, NS_PER_MS};

/// What the peer reports on our stream (W3C `remote-inbound-rtp`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RemoteInboundStats {
    /// Packets that it missed, less those that came twice.
    pub packets_lost: i64,
    /// Of the last interval, in 1/256.
    pub fraction_lost_q8: u8,
    /// Interarrival jitter in samples at 48 kHz.
    pub jitter_samples: u32,
    /// The last round trip measured.
    pub round_trip_time_ns: Option<u64>,
    /// Sum of all round trips measured.
    pub total_round_trip_time_ns: u64,
    /// How many that were.
    pub round_trip_time_measurements: u64,
    /// Reports received.
    pub reports_received: u64,
}

/// What the peer reports on its own stream (W3C `remote-outbound-rtp`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RemoteOutboundStats {
    /// Packets that it sent, modulo 2^32.
    pub packets_sent: u32,
    /// Payload octets that it sent, modulo 2^32.
    pub bytes_sent: u32,
    /// Sender reports received.
    pub reports_sent: u64,
}

/// More than one compound packet has reason to ask for.
const MAX_ASKED_AGAIN: usize = 128;

/// The last sender report of the source listened to.
#[derive(Clone, Copy, Debug)]
struct LastSenderReport {
    compact_ntp: u32,
    arrived_ns: u64,
}

/// Writes our reports on a schedule and reads the peer's.
pub(super) struct Reports {
    mean_interval_ns: u64,
    wall_clock_offset_ns: i64,
    ssrc: u32,
    cname: String,
    /// Samples of the audio path to a unit of our stream's RTP clock.
    samples_per_unit: u32,
    schedule: Option<ReportSchedule>,
    last_sender_report: Option<LastSenderReport>,
    /// The last sender report of another source, which may be listened to next: it can overtake the
    /// first packet.
    overtaking: Option<(u32, SenderInfo, u64)>,
    packets_at_last_report: u64,
    /// There is something to say goodbye to (RFC 3550 §6.3.7).
    has_told: bool,
    pub(super) remote_inbound: Option<RemoteInboundStats>,
    pub(super) remote_outbound: Option<RemoteOutboundStats>,
    /// Generic NACK messages received.
    pub(super) nacks_received: u64,
    /// Packets that the peer asks for again, until they are taken.
    asked_again: Vec<u16>,
    /// How the losses of our stream were spread (XR), until it is taken.
    pub(super) loss_pattern: Option<LossPattern>,
    /// What the peer takes the path to it to carry (REMB), until it is taken.
    pub(super) maximum_bps: Option<u64>,
}

impl Reports {
    pub(super) fn new(mean_interval_ms: u32, wall_clock_offset_ns: i64) -> Self {
        Self {
            mean_interval_ns: u64::from(mean_interval_ms) * NS_PER_MS,
            wall_clock_offset_ns,
            ssrc: 0,
            cname: String::new(),
            samples_per_unit: 1,
            schedule: None,
            last_sender_report: None,
            overtaking: None,
            packets_at_last_report: 0,
            has_told: false,
            remote_inbound: None,
            remote_outbound: None,
            nacks_received: 0,
            asked_again: Vec::with_capacity(MAX_ASKED_AGAIN),
            loss_pattern: None,
            maximum_bps: None,
        }
    }

    /// Begins to report under an SSRC and a CNAME. `packets_sent`: what the stream has sent before.
    pub(super) fn start(
        &mut self,
        (ssrc, cname): (u32, String),
        codec: Codec,
        packets_sent: u64,
        now_ns: u64,
        seed: u64,
    ) {
        self.ssrc = ssrc;
        self.cname = cname;
        self.has_told = false;
        self.samples_per_unit = codec.samples_per_unit();
        self.schedule = Some(ReportSchedule::new(self.mean_interval_ns, now_ns, seed));
        self.packets_at_last_report = packets_sent;
        self.remote_inbound = None;
    }

    pub(super) fn next_timeout(&self) -> Option<u64> {
        self.schedule.as_ref().map(ReportSchedule::next_ns)
    }

    /// Under which there are reports, with or without a stream.
    pub(super) fn ssrc(&self) -> Option<u32> {
        self.schedule.as_ref().map(|_| self.ssrc)
    }

    pub(super) fn cname(&self) -> &str {
        &self.cname
    }

    /// Sends a report and draws the time of the next.
    pub(super) fn send(
        &mut self,
        now_ns: u64,
        stream: Option<&OutgoingStream>,
        source: Option<&mut Source>,
        transmit: &mut TransmitQueue,
    ) {
        self.write(now_ns, stream, source, transmit, false);
        if let Some(schedule) = &mut self.schedule {
            schedule.sent(now_ns);
        }
    }

    /// Sends a last report with a BYE and no more after it.
    pub(super) fn stop(
        &mut self,
        now_ns: u64,
        stream: Option<&OutgoingStream>,
        source: Option<&mut Source>,
        transmit: &mut TransmitQueue,
    ) {
        if stream.is_some() || self.has_told {
            self.write(now_ns, stream, source, transmit, true);
        }
        self.schedule = None;
    }

    fn write(
        &mut self,
        now_ns: u64,
        stream: Option<&OutgoingStream>,
        source: Option<&mut Source>,
        transmit: &mut TransmitQueue,
        leaves: bool,
    ) {
        self.has_told = true;
        // Nothing is told of who has sent nothing since the last report either.
        let block = source
            .filter(|source| source.has_news())
            .map(|source| self.report_block(source, now_ns));
        let blocks = block.as_slice();
        // Who has sent nothing since the last report is a receiver (RFC 3550 §6.4).
        let packets_sent = stream.map_or(0, |stream| stream.packets_sent);
        let sending = stream.filter(|_| packets_sent > self.packets_at_last_report);
        self.packets_at_last_report = packets_sent;
        let info = sending.map(|stream| SenderInfo {
            ntp_time: self.ntp_time(now_ns),
            rtp_timestamp: stream.rtp_timestamp(now_ns),
            packet_count: stream.packets_sent as u32,
            octet_count: stream.payload_bytes_sent as u32,
        });
        transmit.push(|datagram| {
            if let Some(info) = info {
                info.write(datagram, self.ssrc, blocks);
            } else {
                ReportBlock::write_receiver_report(datagram, self.ssrc, blocks);
            }
            write_cname(datagram, self.ssrc, &self.cname);
            if leaves {
                write_goodbye(datagram, self.ssrc);
            }
        });
    }

    fn report_block(&self, source: &mut Source, now_ns: u64) -> ReportBlock {
        source.tell_news();
        let mut block = source.reception.report(source.ssrc);
        block.jitter /= source.samples_per_unit;
        if let Some(last) = self.last_sender_report {
            block.last_sender_report = last.compact_ntp;
            block.delay_since_last_sender_report =
                ns_to_compact(now_ns.saturating_sub(last.arrived_ns));
        }
        block
    }

    fn ntp_time(&self, now_ns: u64) -> NtpTime {
        NtpTime::from_unix_ns(i128::from(now_ns) + i128::from(self.wall_clock_offset_ns))
    }

    /// Forgets the source that was listened to before `ssrc` is.
    pub(super) fn follow_source(&mut self, ssrc: u32) {
        self.last_sender_report = None;
        self.remote_outbound = None;
        let overtaking = self.overtaking.take();
        if let Some((_, info, arrived_ns)) = overtaking.filter(|(known, ..)| *known == ssrc) {
            self.note_sender_report(&info, arrived_ns);
        }
    }

    /// Reads a compound packet; calls `on_goodbye` with each source that leaves.
    pub(super) fn handle(
        &mut self,
        compound: &Compound<'_>,
        now_ns: u64,
        own_ssrc: Option<u32>,
        source_ssrc: Option<u32>,
        mut on_goodbye: impl FnMut(u32),
    ) {
        for packet in compound.packets() {
            match packet {
                RtcpPacket::SenderReport(report) => {
                    if source_ssrc == Some(report.ssrc) {
                        self.note_sender_report(&report.info, now_ns);
                    } else {
                        self.overtaking = Some((report.ssrc, report.info, now_ns));
                    }
                    self.note_blocks(report.blocks(), own_ssrc, now_ns);
                }
                RtcpPacket::ReceiverReport(report) => {
                    self.note_blocks(report.blocks(), own_ssrc, now_ns);
                }
                RtcpPacket::Goodbye(goodbye) => {
                    goodbye.ssrcs().for_each(&mut on_goodbye);
                }
                RtcpPacket::TransportFeedback(feedback)
                    if own_ssrc == Some(feedback.media_ssrc) =>
                {
                    self.note_nack(&feedback);
                }
                RtcpPacket::PayloadFeedback(feedback) => {
                    self.maximum_bps = feedback.maximum_bitrate_bps().or(self.maximum_bps);
                }
                RtcpPacket::ExtendedReport(report) => {
                    let pattern = own_ssrc.and_then(|ssrc| report.loss_pattern(ssrc));
                    self.loss_pattern = pattern.or(self.loss_pattern);
                }
                _ => {}
            }
        }
    }

    fn note_nack(&mut self, feedback: &Feedback<'_>) {
        self.nacks_received += u64::from(feedback.nacks().next().is_some());
        let room = MAX_ASKED_AGAIN - self.asked_again.len().min(MAX_ASKED_AGAIN);
        let asked = feedback.nacks().flat_map(Nack::sequence_numbers);
        self.asked_again.extend(asked.take(room));
    }

    /// The next packet that the peer asks for again.
    pub(super) fn take_asked_again(&mut self) -> Option<u16> {
        self.asked_again.pop()
    }

    /// Asks the peer for lost packets of `source_ssrc`. With an empty report, so that the intervals
    /// of the others stay as they are (RFC 4585 §3.1).
    pub(super) fn ask_again(
        &mut self,
        source_ssrc: u32,
        sequence_numbers: &[u16],
        transmit: &mut TransmitQueue,
    ) {
        self.has_told = true;
        transmit.push(|datagram| {
            ReportBlock::write_receiver_report(datagram, self.ssrc, &[]);
            write_cname(datagram, self.ssrc, &self.cname);
            write_nack(datagram, self.ssrc, source_ssrc, sequence_numbers);
        });
    }

    /// Reports on our stream so far.
    pub(super) fn received(&self) -> u64 {
        self.remote_inbound
            .map_or(0, |remote| remote.reports_received)
    }

    /// The last round trip measured.
    pub(super) fn round_trip_ns(&self) -> Option<u64> {
        self.remote_inbound?.round_trip_time_ns
    }

    fn note_sender_report(&mut self, info: &SenderInfo, now_ns: u64) {
        self.last_sender_report = Some(LastSenderReport {
            compact_ntp: info.ntp_time.compact(),
            arrived_ns: now_ns,
        });
        let remote = self.remote_outbound.get_or_insert_default();
        remote.packets_sent = info.packet_count;
        remote.bytes_sent = info.octet_count;
        remote.reports_sent += 1;
    }

    fn note_blocks(
        &mut self,
        blocks: impl Iterator<Item = ReportBlock>,
        own_ssrc: Option<u32>,
        now_ns: u64,
    ) {
        let now = self.ntp_time(now_ns).compact();
        for block in blocks.filter(|block| own_ssrc == Some(block.ssrc)) {
            let remote = self.remote_inbound.get_or_insert_default();
            remote.packets_lost = i64::from(block.cumulative_lost);
            remote.fraction_lost_q8 = block.fraction_lost;
            remote.jitter_samples = block.jitter.saturating_mul(self.samples_per_unit);
            remote.reports_received += 1;
            let round_trip_ns = round_trip_time_ns(
                now,
                block.last_sender_report,
                block.delay_since_last_sender_report,
            );
            if let Some(round_trip_ns) = round_trip_ns {
                remote.round_trip_time_ns = Some(round_trip_ns);
                remote.total_round_trip_time_ns += round_trip_ns;
                remote.round_trip_time_measurements += 1;
            }
        }
    }
}
