//! Writes an engine's inputs down.

use super::super::event::Event;
use super::super::redundancy::{Redundancy, Repairs};
use super::super::settings::Settings;
use super::super::{Bridge, SendFormats, TransportFeedback};
use super::bytes::crc32;
use super::digest::Digest;
use super::made_by::this_build;
use super::record::Record;
use super::{CHUNK_HEADER_BYTES, CHUNK_MAGIC, MAGIC, VERSION, settings_text};

/// A bound below this would leave no room for a call.
pub const MIN_LIMIT_BYTES: u64 = 64 << 10;
/// A chunk ends with the record that fills it so far.
const CHUNK_BYTES: usize = 32 << 10;
/// Or with the first one after so long: what a killed process loses.
const CHUNK_NS: u64 = 1_000_000_000;
/// Chunks that nobody takes away.
const MAX_WAITING_BYTES: usize = 32 << 20;
/// What the end of a capture takes.
const END_BYTES: u64 = 256;

/// Bounded: when the file's bound is reached, or nobody takes away what is written, the capture
/// ends with a record that says so, and the call goes on.
pub(crate) struct Recorder {
    limit_bytes: u64,
    /// Of the whole file, its present chunk included.
    written_bytes: u64,
    /// Whole chunks.
    waiting: Vec<u8>,
    /// Records of the present one.
    chunk: Vec<u8>,
    chunk_begun_ns: u64,
    /// The time of the last timed record.
    clock_ns: u64,
    polled_events: u64,
    polled_packets: u64,
    replayed: u64,
    unauthentic: u64,
    digest: Digest,
    is_over: bool,
    is_truncated: bool,
}

impl Recorder {
    pub(crate) fn new(settings: &Settings, now_ns: u64, seed: u64, limit_bytes: u64) -> Self {
        let mut file_header = MAGIC.to_vec();
        file_header.extend(VERSION.to_le_bytes());
        file_header.extend([0; 2]);
        let mut recorder = Self {
            limit_bytes: limit_bytes.max(MIN_LIMIT_BYTES),
            written_bytes: file_header.len() as u64,
            waiting: file_header,
            chunk: Vec::with_capacity(2 * CHUNK_BYTES),
            chunk_begun_ns: now_ns,
            clock_ns: now_ns,
            polled_events: 0,
            polled_packets: 0,
            replayed: 0,
            unauthentic: 0,
            digest: Digest::default(),
            is_over: false,
            is_truncated: false,
        };
        recorder.write(&Record::Created {
            at_ns: now_ns,
            seed,
            made_by: &this_build(),
            settings: &settings_text::write(settings),
        });
        // On its own: damage to what follows leaves it whole.
        recorder.end_chunk();
        recorder
    }

    pub(crate) fn rtp(&mut self, packet: &[u8], at_ns: u64) {
        self.input(&Record::Rtp { at_ns, packet }, packet.len());
    }

    pub(crate) fn rtcp(&mut self, packet: &[u8], at_ns: u64) {
        self.input(&Record::Rtcp { at_ns, packet }, packet.len());
    }

    /// Counts a datagram that SRTP refused: a flood of them costs no room.
    pub(crate) fn refused(&mut self, is_replayed: bool) {
        self.replayed += u64::from(is_replayed);
        self.unauthentic += u64::from(!is_replayed);
    }

    pub(crate) fn timeout(&mut self, at_ns: u64) {
        self.input(&Record::Timeout { at_ns }, 0);
    }

    /// `pairs`: a payload type and its codec's number, each.
    pub(crate) fn payload_types(&mut self, pairs: &[u8]) {
        self.input(&Record::PayloadTypes(pairs), pairs.len());
    }

    pub(crate) fn repairs(&mut self, repairs: &Repairs) {
        self.input(&Record::Repairs(*repairs), 0);
    }

    pub(crate) fn redundancy(&mut self, redundancy: Redundancy) {
        self.input(&Record::Redundancy(redundancy), 0);
    }

    pub(crate) fn send_formats(&mut self, formats: SendFormats) {
        self.input(&Record::SendFormats(formats), 0);
    }

    pub(crate) fn press_key(&mut self, code: u8, duration_ms: u16, attenuation_db: u8) {
        let record = Record::PressKey {
            code,
            duration_ms,
            attenuation_db,
        };
        self.input(&record, 0);
    }

    pub(crate) fn transport_feedback(&mut self, agreed: Option<TransportFeedback>) {
        self.input(&Record::TransportFeedback(agreed), 0);
    }

    pub(crate) fn start_sending(&mut self, ssrc: u32, payload_type: u8, cname: &str) {
        let record = Record::StartSending {
            ssrc,
            payload_type,
            cname,
        };
        self.input(&record, cname.len());
    }

    pub(crate) fn start_reporting(&mut self, ssrc: u32, cname: &str) {
        self.input(&Record::StartReporting { ssrc, cname }, cname.len());
    }

    pub(crate) fn stop_sending(&mut self, at_ns: u64) {
        self.input(&Record::StopSending { at_ns }, 0);
    }

    /// `pcm`: what the queue took.
    pub(crate) fn audio(&mut self, pcm: &[i16], rate_hz: u32) {
        let pcm: Vec<u8> = pcm.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        self.input(&Record::Audio { rate_hz, pcm: &pcm }, pcm.len());
    }

    pub(crate) fn finish_audio(&mut self) {
        self.input(&Record::FinishAudio, 0);
    }

    pub(crate) fn clear_audio(&mut self, at_ns: u64) {
        self.input(&Record::ClearAudio { at_ns }, 0);
    }

    pub(crate) fn bridge_out(&mut self, bridge: Option<Bridge>, at_ns: u64) {
        self.input(&Record::BridgeOut { at_ns, bridge }, 0);
    }

    pub(crate) fn bridge_in(&mut self, bridge: Option<Bridge>, at_ns: u64) {
        self.input(&Record::BridgeIn { at_ns, bridge }, 0);
    }

    pub(crate) fn forwarded(&mut self, packet: &[u8], at_ns: u64) {
        self.input(&Record::Forwarded { at_ns, packet }, packet.len());
    }

    pub(crate) fn event_polled(&mut self, event: &Event<'_>) {
        if !self.is_over {
            self.polled_events += 1;
            self.digest.event(event);
        }
    }

    pub(crate) fn packet_polled(&mut self, packet: &[u8]) {
        if !self.is_over {
            self.polled_packets += 1;
            self.digest.packet(packet);
        }
    }

    /// What is to be appended to the file: whole chunks.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.waiting)
    }

    /// Ends the capture; [`Recorder::take`] then gives the rest of it.
    pub(crate) fn end(&mut self) {
        if !self.is_over {
            self.write_counts();
            self.write(&Record::Digest(self.digest));
            self.write(&Record::Ended);
            self.end_chunk();
            self.is_over = true;
        }
    }

    pub(crate) fn is_truncated(&self) -> bool {
        self.is_truncated
    }

    /// `payload_bytes`: of the record, without its fields.
    fn input(&mut self, record: &Record<'_>, payload_bytes: usize) {
        if self.is_over {
            return;
        }
        let room = self.limit_bytes.saturating_sub(self.written_bytes);
        let waiting = self.waiting.len() + self.chunk.len() + payload_bytes;
        if room < payload_bytes as u64 + END_BYTES || waiting > MAX_WAITING_BYTES {
            return self.truncate();
        }
        self.write_counts();
        self.write(record);
        let age_ns = self.clock_ns.saturating_sub(self.chunk_begun_ns);
        if self.chunk.len() >= CHUNK_BYTES || age_ns >= CHUNK_NS {
            self.end_chunk();
        }
    }

    fn truncate(&mut self) {
        self.is_truncated = true;
        self.write_counts();
        self.write(&Record::Digest(self.digest));
        self.write(&Record::Truncated {
            at_ns: self.clock_ns,
        });
        self.end_chunk();
        self.is_over = true;
    }

    /// What was polled and refused since the last input.
    fn write_counts(&mut self) {
        let events = std::mem::take(&mut self.polled_events);
        let packets = std::mem::take(&mut self.polled_packets);
        let replayed = std::mem::take(&mut self.replayed);
        let unauthentic = std::mem::take(&mut self.unauthentic);
        if packets > 0 {
            self.write(&Record::PacketsPolled(packets));
        }
        if events > 0 {
            self.write(&Record::EventsPolled(events));
        }
        if replayed + unauthentic > 0 {
            self.write(&Record::Refused {
                replayed,
                unauthentic,
            });
        }
    }

    fn write(&mut self, record: &Record<'_>) {
        let before = self.chunk.len();
        if before == 0 {
            // Each chunk can be read without the ones before it.
            self.chunk.extend(self.clock_ns.to_le_bytes());
            self.chunk_begun_ns = self.clock_ns;
            self.written_bytes += CHUNK_HEADER_BYTES as u64;
        }
        record.write(&mut self.chunk, &mut self.clock_ns);
        self.written_bytes += (self.chunk.len() - before) as u64;
    }

    fn end_chunk(&mut self) {
        self.waiting.extend(CHUNK_MAGIC);
        self.waiting.extend((self.chunk.len() as u32).to_le_bytes());
        self.waiting.extend(crc32(&self.chunk).to_le_bytes());
        self.waiting.append(&mut self.chunk);
    }
}
