//! Frames of a hostile peer into the jitter buffer, as sent, as redundancy and sent again.

use voicectl_media::opus::{Channels, Decoder};
use voicectl_media::playout::{
    Inserted, JitterBuffer, ReceivedFrame, Settings, Sink, Strategy, TICK_NS, TICK_SAMPLES,
};

use super::bytes::Bytes;

const START_NS: u64 = 1_000_000_000;

/// More blocks than this never come at once: 10 s of the shortest.
const MOST_BLOCKS: usize = 4_000;

/// Runs what `data` describes: settings, then steps.
///
/// # Panics
/// Where a promise of the buffer is broken.
pub fn jitter_buffer(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let mut stream = Stream::new(&mut bytes);
    while !bytes.is_empty() {
        stream.step(&mut bytes);
        stream.listen();
    }
    stream.now_ns += 3_000_000_000;
    stream.listen();
    let stats = stream.buffer.stats();
    assert_eq!(stats.total_samples_received, stream.samples);
    // By each packet itself and the frame before it, or all of a hole of two seconds in pieces.
    let pieces = if stats.dred_samples > 0 { 400 } else { 2 };
    assert!(stats.repaired_frames <= pieces * stream.accepted);
}

/// How a frame comes.
#[derive(Clone, Copy)]
enum Way {
    Sent,
    Redundant,
    Retransmitted,
}

struct Stream {
    buffer: JitterBuffer<Decoder>,
    sink: Sink,
    now_ns: u64,
    next_tick_ns: u64,
    media_time: i64,
    samples: u64,
    accepted: u64,
    sequence_number: u16,
    rtp_timestamp: u32,
    wanted: Vec<u16>,
}

impl Stream {
    fn new(bytes: &mut Bytes<'_>) -> Self {
        let flags = bytes.u8();
        let sink = if flags & 1 == 0 {
            Sink::Playout
        } else {
            Sink::Eager
        };
        let strategies = [
            Strategy::Balanced,
            Strategy::Conservative,
            Strategy::Aggressive,
            Strategy::Balanced,
        ];
        let settings = Settings {
            sink,
            strategy: strategies[usize::from(flags >> 1 & 3)],
            ..Settings::default()
        };
        let decoder = Decoder::new(48_000, Channels::Mono).unwrap();
        Self {
            buffer: JitterBuffer::new(settings, decoder, START_NS),
            sink,
            now_ns: START_NS,
            next_tick_ns: START_NS + TICK_NS,
            media_time: i64::MIN,
            samples: 0,
            accepted: 0,
            sequence_number: 65_530,
            rtp_timestamp: u32::MAX - 2_000,
            wanted: Vec::new(),
        }
    }

    fn step(&mut self, bytes: &mut Bytes<'_>) {
        match bytes.u8() {
            0..=99 => self.next(1, 960, bytes),
            100..=129 => {
                let frames = bytes.u8() % 16;
                self.next(u16::from(frames), u32::from(frames) * 960, bytes);
            }
            130..=139 => {
                let (sequence, timestamp) = (bytes.u16(), bytes.u32());
                self.next(sequence, timestamp, bytes);
            }
            140..=149 => {
                let silence = u32::from(bytes.u8()) * 960;
                self.rtp_timestamp = self.rtp_timestamp.wrapping_add(silence);
            }
            150..=189 => self.now_ns += bytes.wait_ns(),
            190..=199 => {
                self.buffer.set_round_trip(bytes.wait_ns());
                self.wanted.clear();
                self.buffer.nack_wanted(self.now_ns, &mut self.wanted);
                assert!(self.wanted.len() <= 128, "the list of holes is bounded");
            }
            again => {
                let back = bytes.u8();
                let sequence_number = self.sequence_number.wrapping_sub(u16::from(back));
                let rtp_timestamp = self.rtp_timestamp.wrapping_sub(u32::from(back) * 960);
                let payload = bytes.payload();
                let way = [Way::Sent, Way::Redundant, Way::Retransmitted][usize::from(again % 3)];
                self.insert(sequence_number, rtp_timestamp, &payload, way);
            }
        }
    }

    fn next(&mut self, sequence: u16, timestamp: u32, bytes: &mut Bytes<'_>) {
        self.sequence_number = self.sequence_number.wrapping_add(sequence);
        self.rtp_timestamp = self.rtp_timestamp.wrapping_add(timestamp);
        let payload = bytes.payload();
        self.insert(
            self.sequence_number,
            self.rtp_timestamp,
            &payload,
            Way::Sent,
        );
        self.listen();
        self.now_ns += bytes.wait_ns();
    }

    fn insert(&mut self, sequence_number: u16, rtp_timestamp: u32, payload: &[u8], way: Way) {
        let frame = ReceivedFrame {
            sequence_number,
            rtp_timestamp,
            marker: false,
            payload,
        };
        let inserted = match way {
            Way::Sent => self.buffer.insert(&frame, self.now_ns),
            Way::Redundant => self.buffer.insert_redundant(&frame, self.now_ns),
            Way::Retransmitted => self.buffer.insert_retransmitted(&frame, self.now_ns),
        };
        self.accepted += u64::from(inserted == Inserted::Accepted);
    }

    fn listen(&mut self) {
        let mut blocks = 0;
        while let Some(block) = self.buffer.poll(self.now_ns) {
            blocks += 1;
            assert!(blocks < MOST_BLOCKS, "the buffer never comes to rest");
            assert!(block.concealed_samples <= block.pcm.len());
            assert!(block.at_ns <= self.now_ns);
            self.samples += block.pcm.len() as u64;
            if self.sink == Sink::Playout {
                assert_eq!(block.pcm.len(), TICK_SAMPLES);
                assert_eq!(block.at_ns, self.next_tick_ns);
                self.next_tick_ns += TICK_NS;
            }
            assert!(
                block.media_time >= self.media_time,
                "media time {} after {}",
                block.media_time,
                self.media_time
            );
            self.media_time = block.media_time;
        }
        let due_ns = self.buffer.next_timeout();
        assert!(
            due_ns.is_none_or(|due_ns| due_ns > self.now_ns),
            "due, and nothing came"
        );
    }
}
