//! Whatever a peer sends: the right number of samples at the right time, and bounded memory.

#[path = "playout_support/pcm_stream.rs"]
mod pcm_stream;

use pcm_stream::{MS, PcmDecoder, dred_payload, payload};
use proptest::prelude::*;
use voicectl_media::opus::{Channels, Decoder};
use voicectl_media::playout::{
    FrameDecoder, Inserted, JitterBuffer, ReceivedFrame, Settings, Sink, Strategy as Leaning,
    TICK_NS, TICK_SAMPLES,
};

/// What happens next.
#[derive(Clone, Debug)]
enum Step {
    /// The stream goes on by so many frames, of which the last arrives.
    Next { frames: u16, quanta: u8, lbrr: bool },
    /// The sender was silent for so many frames (DTX).
    Pause { frames: u16 },
    /// Anything at all.
    Wild {
        sequence_number: u16,
        rtp_timestamp: u32,
        payload: Vec<u8>,
    },
    /// An earlier frame once more, as it was or as redundancy.
    Again { back: u16, redundant: bool },
    /// Both numbers jump.
    Jump { sequence: u16, timestamp: u32 },
    /// Time goes on.
    Wait { us: u32 },
}

fn step() -> impl Strategy<Value = Step> {
    let quanta = prop::sample::select(vec![1_u8, 2, 4, 8, 16, 24, 32, 48]);
    prop_oneof![
        8 => (1..4_u16, quanta, any::<bool>())
            .prop_map(|(frames, quanta, lbrr)| Step::Next { frames, quanta, lbrr }),
        8 => (0..60_000_u32).prop_map(|us| Step::Wait { us }),
        1 => (1..60_u16).prop_map(|frames| Step::Pause { frames }),
        2 => (0..200_u16, any::<bool>())
            .prop_map(|(back, redundant)| Step::Again { back, redundant }),
        1 => (any::<u16>(), any::<u32>(), prop::collection::vec(any::<u8>(), 0..80))
            .prop_map(|(sequence_number, rtp_timestamp, payload)| Step::Wild {
                sequence_number,
                rtp_timestamp,
                payload,
            }),
        1 => (any::<u16>(), prop_oneof![any::<u32>(), Just(1 << 31), Just((1 << 31) - 1)])
            .prop_map(|(sequence, timestamp)| Step::Jump { sequence, timestamp }),
        1 => (500_000..5_000_000_u32).prop_map(|us| Step::Wait { us }),
    ]
}

/// Checks everything that comes out.
struct Listener {
    sink: Sink,
    next_tick_ns: u64,
    media_time: i64,
    samples: u64,
}

impl Listener {
    fn listen<D: FrameDecoder>(&mut self, buffer: &mut JitterBuffer<D>, now_ns: u64) {
        let mut blocks = 0;
        while let Some(block) = buffer.poll(now_ns) {
            blocks += 1;
            assert!(blocks < 2_000, "the buffer never comes to rest");
            assert!(block.concealed_samples <= block.pcm.len());
            assert!(block.at_ns <= now_ns);
            self.samples += block.pcm.len() as u64;
            if self.sink == Sink::Playout {
                assert_eq!(block.pcm.len(), TICK_SAMPLES);
                assert_eq!(block.at_ns, self.next_tick_ns);
                self.next_tick_ns += TICK_NS;
            }
            assert!(
                block.media_time >= self.media_time,
                "{} after {}",
                block.media_time,
                self.media_time
            );
            self.media_time = block.media_time;
        }
        if let Some(timeout_ns) = buffer.next_timeout() {
            assert!(timeout_ns > now_ns, "due, and nothing came");
        }
        if self.sink == Sink::Playout {
            assert!(self.next_tick_ns > now_ns);
        }
    }
}

fn run<D: FrameDecoder>(sink: Sink, leaning: Leaning, decoder: D, steps: &[Step], make: Payload) {
    let settings = Settings {
        sink,
        strategy: leaning,
        ..Settings::default()
    };
    let mut now_ns = 1_000 * MS;
    let mut buffer = JitterBuffer::new(settings, decoder, now_ns);
    buffer.set_round_trip(60 * MS);
    let mut wanted = Vec::new();
    let mut listener = Listener {
        sink,
        next_tick_ns: now_ns + TICK_NS,
        media_time: i64::MIN,
        samples: 0,
    };
    let (mut sequence, mut timestamp) = (65_530_u16, u32::MAX - 2_000);
    let mut outcomes = 0;
    for step in steps {
        let frame = match step {
            Step::Wait { us } => {
                now_ns += u64::from(*us) * 1_000;
                None
            }
            Step::Pause { frames } => {
                timestamp = timestamp.wrapping_add(u32::from(*frames) * 960);
                None
            }
            Step::Jump {
                sequence: s,
                timestamp: t,
            } => {
                sequence = sequence.wrapping_add(*s);
                timestamp = timestamp.wrapping_add(*t);
                None
            }
            Step::Next {
                frames,
                quanta,
                lbrr,
            } => {
                let duration = u32::from(*quanta) * 120;
                sequence = sequence.wrapping_add(*frames);
                timestamp = timestamp.wrapping_add(u32::from(*frames) * duration);
                Some((sequence, timestamp, make(sequence, *quanta, *lbrr), false))
            }
            Step::Again { back, redundant } => Some((
                sequence.wrapping_sub(*back),
                timestamp.wrapping_sub(u32::from(*back) * 960),
                make(sequence.wrapping_sub(*back), 8, false),
                *redundant,
            )),
            Step::Wild {
                sequence_number,
                rtp_timestamp,
                payload,
            } => Some((*sequence_number, *rtp_timestamp, payload.clone(), false)),
        };
        if let Some((sequence_number, rtp_timestamp, payload, redundant)) = frame {
            let frame = ReceivedFrame {
                sequence_number,
                rtp_timestamp,
                marker: false,
                payload: &payload,
            };
            let outcome = if redundant {
                buffer.insert_redundant(&frame, now_ns)
            } else {
                buffer.insert(&frame, now_ns)
            };
            outcomes += u32::from(outcome == Inserted::Accepted);
        }
        listener.listen(&mut buffer, now_ns);
        buffer.nack_wanted(now_ns, &mut wanted);
        assert!(buffer.nack_due_ns().is_none_or(|due_ns| due_ns > now_ns));
        assert!(wanted.len() <= 128, "more than it remembers");
        wanted.clear();
    }
    listener.listen(&mut buffer, now_ns + 3_000 * MS);
    let stats = buffer.stats();
    assert_eq!(stats.total_samples_received, listener.samples);
    // By each packet itself and the frame before it, or all of a hole of two seconds in pieces.
    let pieces = if stats.dred_samples > 0 { 400 } else { 2 };
    assert!(stats.repaired_frames <= u64::from(outcomes) * pieces);
}

type Payload = fn(u16, u8, bool) -> Vec<u8>;

fn pcm_payload(sequence: u16, quanta: u8, lbrr: bool) -> Vec<u8> {
    payload((sequence % 30_000) as i16 + 1, quanta, lbrr).to_vec()
}

/// The same, some of it with DRED of any reach.
fn pcm_payload_with_dred(sequence: u16, quanta: u8, lbrr: bool) -> Vec<u8> {
    if quanta == 8 && sequence % 3 == 1 {
        dred_payload((sequence % 30_000) as i16 + 1, (sequence % 60) as u8).to_vec()
    } else {
        pcm_payload(sequence, quanta, lbrr)
    }
}

/// A silent frame whose padding says that it holds DRED (code 3, RFC 6716 §3.2.5), and nonsense.
fn opus_payload_with_dred(sequence: u16, quanta: u8, _lbrr: bool) -> Vec<u8> {
    let nonsense = 1 + usize::from(quanta) * 2;
    let mut payload = vec![
        0xF8 | 3,
        0x41,
        3 + nonsense as u8,
        0xff,
        0xfe,
        126 << 1,
        b'D',
        12,
    ];
    payload.extend((0..nonsense).map(|index| (index as u16).wrapping_mul(sequence | 1) as u8));
    payload
}

/// Valid TOCs before nonsense (RFC 6716 §3.1): SILK, hybrid and CELT of 10 and 20 ms.
fn opus_payload(sequence: u16, quanta: u8, _lbrr: bool) -> Vec<u8> {
    let toc = [0x40, 0x48, 0x60, 0x68, 0xF0, 0xF8][usize::from(sequence % 6)];
    let length = 1 + usize::from(quanta) * 3;
    let noise = (1..length).map(|index| (index as u16).wrapping_mul(sequence | 1) as u8);
    std::iter::once(toc).chain(noise).collect()
}

fn leaning() -> impl Strategy<Value = Leaning> {
    prop::sample::select(vec![
        Leaning::Conservative,
        Leaning::Balanced,
        Leaning::Aggressive,
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn ears_get_480_samples_each_10_ms(
        steps in prop::collection::vec(step(), 1..300),
        leaning in leaning(),
    ) {
        run(Sink::Playout, leaning, PcmDecoder::default(), &steps, pcm_payload);
    }

    #[test]
    fn machines_get_samples_in_the_order_of_media_time(
        steps in prop::collection::vec(step(), 1..300),
    ) {
        run(Sink::Eager, Leaning::Balanced, PcmDecoder::default(), &steps, pcm_payload);
    }

    #[test]
    fn holes_before_any_dred_are_filled_at_the_right_time(
        steps in prop::collection::vec(step(), 1..300),
        eager in any::<bool>(),
    ) {
        let sink = if eager { Sink::Eager } else { Sink::Playout };
        let decoder = PcmDecoder::default();
        run(sink, Leaning::Balanced, decoder, &steps, pcm_payload_with_dred);
    }

    #[test]
    fn garbage_dred_is_survived(
        steps in prop::collection::vec(step(), 1..60),
        eager in any::<bool>(),
    ) {
        let decoder = Decoder::new(48_000, Channels::Mono).unwrap();
        let sink = if eager { Sink::Eager } else { Sink::Playout };
        run(sink, Leaning::Balanced, decoder, &steps, opus_payload_with_dred);
    }

    #[test]
    fn garbage_opus_is_survived(
        steps in prop::collection::vec(step(), 1..80),
        eager in any::<bool>(),
    ) {
        let decoder = Decoder::new(48_000, Channels::Mono).unwrap();
        let sink = if eager { Sink::Eager } else { Sink::Playout };
        run(sink, Leaning::Balanced, decoder, &steps, opus_payload);
    }
}

#[test]
fn a_flood_is_bounded_and_says_what_it_drops() {
    let mut buffer = JitterBuffer::new(Settings::default(), PcmDecoder::default(), 0);
    let bytes = payload(1, 1, false);
    for number in 0..5_000_u32 {
        let frame = ReceivedFrame {
            sequence_number: number as u16,
            rtp_timestamp: number * 120,
            marker: false,
            payload: &bytes,
        };
        buffer.insert(&frame, 1);
    }
    // All but those that fit came too early, and those more than ten seconds ahead fit no stream.
    let stats = buffer.stats();
    assert_eq!(
        stats.packets_discarded + stats.discontinuous_packets,
        5_000 - 512
    );
    assert!(stats.discontinuous_packets >= 500);
}
