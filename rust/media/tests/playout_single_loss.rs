//! One lost packet in a steady stream costs one frame, and no delay that stays.

#[path = "playout_support/pcm_stream.rs"]
mod pcm_stream;

use pcm_stream::{FRAME_SAMPLES, MS, PcmDecoder, frame, payload};
use voicectl_media::playout::{BlockKind, JitterBuffer, Settings, Sink, Stats};

const LOST: u16 = 250;
const FRAMES: u16 = 500;

/// The samples of the first frame: loud enough for none to be a pause, which may be cut.
const FIRST: i16 = 1_000;

struct Run {
    stats: Stats,
    /// Delay of the buffer over the second before the loss and over the last second.
    before_ms: f64,
    after_ms: f64,
    /// Over the last second.
    inserted_at_last: u64,
    repaired_at_last: u64,
    /// Frame numbers in the order in which their samples came out.
    heard: Vec<i16>,
}

fn run(sink: Sink, lbrr: bool, is_lost: impl Fn(u16) -> bool) -> Run {
    let settings = Settings {
        sink,
        ..Settings::default()
    };
    let mut buffer = JitterBuffer::new(settings, PcmDecoder::default(), 0);
    let mut heard = Vec::new();
    let mut marks = Vec::new();
    let mut listen = |buffer: &mut JitterBuffer<PcmDecoder>, now_ns: u64| {
        while let Some(block) = buffer.poll(now_ns) {
            if matches!(block.kind, BlockKind::Decoded | BlockKind::Stretched) {
                // The fade from silence begins with zero.
                heard.extend(block.pcm.iter().copied().filter(|&number| number >= FIRST));
                heard.dedup();
            }
        }
    };
    for tick in 0..u64::from(FRAMES) * 2 {
        let now_ns = tick * 10 * MS;
        let number = (tick / 2) as u16;
        if tick % 2 == 0 && !is_lost(number) {
            let arrival_ns = now_ns + 3 * MS;
            let bytes = payload(FIRST + number as i16, 8, lbrr);
            buffer.insert(&frame(number, &bytes), arrival_ns);
        }
        listen(&mut buffer, now_ns + 3 * MS);
        listen(&mut buffer, now_ns + 10 * MS);
        if [200, 249, 450, 499].contains(&number) && tick % 2 == 1 {
            marks.push(*buffer.stats());
        }
    }
    Run {
        stats: *buffer.stats(),
        before_ms: delay_ms(&marks[0], &marks[1]),
        after_ms: delay_ms(&marks[2], &marks[3]),
        inserted_at_last: marks[3].inserted_samples_for_deceleration
            - marks[2].inserted_samples_for_deceleration,
        repaired_at_last: marks[3].repaired_frames - marks[2].repaired_frames,
        heard,
    }
}

fn delay_ms(from: &Stats, to: &Stats) -> f64 {
    (to.jitter_buffer_delay_ns - from.jitter_buffer_delay_ns) as f64
        / (to.jitter_buffer_emitted_count - from.jitter_buffer_emitted_count) as f64
        / 1e6
}

#[test]
fn a_lost_packet_costs_one_concealed_frame_and_no_lasting_delay() {
    for sink in [Sink::Playout, Sink::Eager] {
        let run = run(sink, false, |number| number == LOST);
        assert_eq!(
            run.stats.concealed_samples, FRAME_SAMPLES as u64,
            "{sink:?}"
        );
        assert_eq!(run.stats.concealment_events, 1, "{sink:?}");
        assert_eq!(run.stats.late_packets, 0, "{sink:?}");
        assert_eq!(run.stats.skipped_samples, 0, "{sink:?}");
        assert!(
            (run.after_ms - run.before_ms).abs() < 10.0,
            "{sink:?}: {} ms became {} ms",
            run.before_ms,
            run.after_ms
        );
        assert!(run.after_ms < 30.0, "{sink:?}: {} ms", run.after_ms);
        let mut first_heard = Vec::new();
        for number in run.heard {
            // The fade over the loss passes through its number.
            if !first_heard.contains(&number) && number != FIRST + LOST as i16 {
                first_heard.push(number);
            }
        }
        let sent: Vec<i16> = (FIRST..FIRST + FRAMES as i16)
            .filter(|&number| number != FIRST + LOST as i16)
            .collect();
        assert!(first_heard.len() >= sent.len() - 3, "{sink:?}");
        assert_eq!(first_heard, sent[..first_heard.len()], "{sink:?}");
    }
}

#[test]
fn a_lost_packet_that_the_next_one_repeats_costs_a_machine_nothing() {
    let run = run(Sink::Eager, true, |number| number == LOST);
    assert_eq!(run.stats.concealed_samples, 0);
    assert_eq!(run.stats.repaired_frames, 1);
    assert!(run.after_ms < 0.1);
}

#[test]
fn an_ear_on_a_network_that_keeps_losing_packets_gets_room_for_their_repair() {
    let every_second = |number: u16| number % 50 == 25;
    let losses = (0..FRAMES).filter(|&number| every_second(number)).count() as u64;
    let run = run(Sink::Playout, true, every_second);
    assert!(run.stats.concealed_samples <= 3 * FRAME_SAMPLES as u64);
    assert!(run.stats.repaired_frames >= losses - 3);
    assert!(run.after_ms > 15.0 && run.after_ms < 40.0);
}

#[test]
fn no_frame_is_stretched_before_a_hole_that_the_next_one_fills_in_time() {
    let run = run(Sink::Playout, true, |number| number % 50 == 25);
    assert_eq!(run.repaired_at_last, 1, "{:?}", run.stats);
    assert_eq!(run.inserted_at_last, 0, "{:?}", run.stats);
}
