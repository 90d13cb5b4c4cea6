//! What becomes of holes for which there is a repair, in virtual time.

#[path = "playout_support/pcm_stream.rs"]
mod pcm_stream;

use pcm_stream::{CONCEALED_SAMPLE, FRAME_SAMPLES, MS, PcmDecoder, dred_payload, frame, payload};
use voicectl_media::playout::{BlockKind, Inserted, JitterBuffer, Settings, Sink, Stats};

const FRAME_NS: u64 = 20 * MS;

fn buffer(sink: Sink) -> JitterBuffer<PcmDecoder> {
    let settings = Settings {
        sink,
        ..Settings::default()
    };
    JitterBuffer::new(settings, PcmDecoder::default(), 0)
}

/// Everything that is due up to `until_ns`.
fn listen(buffer: &mut JitterBuffer<PcmDecoder>, until_ns: u64, heard: &mut Vec<i16>) {
    loop {
        let due_ns = buffer.next_timeout().unwrap_or(u64::MAX);
        let now_ns = due_ns.min(until_ns);
        while let Some(block) = buffer.poll(now_ns) {
            if block.kind != BlockKind::Silence {
                heard.extend_from_slice(block.pcm);
            }
        }
        if due_ns >= until_ns {
            return;
        }
    }
}

/// Sends frames of which those that `is_lost` never arrive; each has DRED over `reach` frames.
fn play_dred(
    sink: Sink,
    frames: u16,
    reach: u8,
    is_lost: impl Fn(u16) -> bool,
) -> (Stats, Vec<i16>) {
    let mut buffer = buffer(sink);
    let mut heard = Vec::new();
    for number in 0..frames {
        let now_ns = u64::from(number) * FRAME_NS;
        listen(&mut buffer, now_ns, &mut heard);
        if !is_lost(number) {
            let bytes = dred_payload(number as i16 + 1, reach);
            assert_eq!(
                buffer.insert(&frame(number, &bytes), now_ns),
                Inserted::Accepted
            );
        }
    }
    listen(&mut buffer, u64::from(frames) * FRAME_NS, &mut heard);
    (*buffer.stats(), heard)
}

#[test]
fn burst_is_said_again_to_a_machine_by_the_packet_after_it() {
    let (stats, heard) = play_dred(Sink::Eager, 100, 8, |n| (40..45).contains(&n));
    assert_eq!(stats.concealed_samples, 0);
    assert_eq!(stats.dred_samples, 5 * FRAME_SAMPLES as u64);
    assert_eq!(stats.repaired_frames, 5);
    // Every frame in its place, as if none had been lost.
    let expected: Vec<i16> = (1..=100).flat_map(|n| [n; FRAME_SAMPLES]).collect();
    assert_eq!(heard, expected);
}

#[test]
fn burst_longer_than_dred_reaches_is_concealed_up_to_where_it_does() {
    let (stats, heard) = play_dred(Sink::Eager, 100, 3, |n| (40..50).contains(&n));
    assert_eq!(stats.concealed_samples, 7 * FRAME_SAMPLES as u64);
    assert_eq!(stats.dred_samples, 3 * FRAME_SAMPLES as u64);
    assert_eq!(stats.concealment_events, 1);
    let hole = &heard[40 * FRAME_SAMPLES..50 * FRAME_SAMPLES];
    assert!(
        hole[..7 * FRAME_SAMPLES]
            .iter()
            .all(|s| *s == CONCEALED_SAMPLE)
    );
    assert_eq!(hole[7 * FRAME_SAMPLES], 48);
}

#[test]
fn ear_whose_bursts_can_be_repaired_learns_to_wait_for_them() {
    // A burst of three each second: at first they are found out too late.
    let lost = |n: u16| n % 50 >= 47;
    let (stats, _) = play_dred(Sink::Playout, 3000, 8, lost);
    let all = 3 * 60 * FRAME_SAMPLES as u64;
    assert!(stats.dred_samples > all * 8 / 10, "{stats:?}");
    assert!(stats.concealed_samples < all / 5, "{stats:?}");
}

#[test]
fn ear_without_repairs_does_not_wait_for_them() {
    let lost = |n: u16| n % 50 >= 47;
    let (stats, _) = play_dred(Sink::Playout, 3000, 0, lost);
    let delay_ns = stats.jitter_buffer_delay_ns / stats.jitter_buffer_emitted_count;
    assert!(delay_ns < 25 * MS, "{delay_ns}");
}

/// Loses each tenth frame and answers a request after `round_trip_ns`. Gives what was asked for.
fn play_nack(sink: Sink, frames: u16, round_trip_ns: u64, lbrr: bool) -> (Stats, Vec<u16>) {
    let mut buffer = buffer(sink);
    buffer.set_round_trip(round_trip_ns);
    let mut heard = Vec::new();
    let mut asked = Vec::new();
    let mut answers: Vec<(u64, u16)> = Vec::new();
    for now_ms in 0..u64::from(frames) * 20 {
        let now_ns = now_ms * MS;
        answers.retain(|&(at_ns, number)| {
            if at_ns <= now_ns {
                let bytes = payload(number as i16 + 1, 8, lbrr);
                buffer.insert(&frame(number, &bytes), now_ns);
            }
            at_ns > now_ns
        });
        let number = (now_ms / 20) as u16;
        if now_ms % 20 == 0 && number % 10 != 5 {
            buffer.insert(&frame(number, &payload(number as i16 + 1, 8, lbrr)), now_ns);
        }
        listen(&mut buffer, now_ns + 1, &mut heard);
        if buffer.nack_due_ns().is_some_and(|due_ns| due_ns <= now_ns) {
            let mut wanted = Vec::new();
            buffer.nack_wanted(now_ns, &mut wanted);
            assert!(buffer.nack_due_ns().is_none_or(|due_ns| due_ns > now_ns));
            for sequence_number in wanted {
                let number = sequence_number.wrapping_sub(65_500);
                asked.push(number);
                answers.push((now_ns + round_trip_ns, number));
            }
        }
    }
    (*buffer.stats(), asked)
}

#[test]
fn machine_gets_what_it_asks_for_while_the_round_trip_leaves_time() {
    let (stats, asked) = play_nack(Sink::Eager, 200, 60 * MS, false);
    assert_eq!(asked.len(), 20);
    assert_eq!(stats.retransmitted_frames, 20);
    assert_eq!(stats.concealed_samples, 0);
    assert_eq!(stats.fec_packets_received, 0);
}

#[test]
fn machine_asks_for_nothing_that_would_come_too_late_and_waits_for_nothing() {
    let (stats, asked) = play_nack(Sink::Eager, 200, 200 * MS, false);
    assert_eq!(asked, []);
    assert_eq!(stats.concealed_samples, 20 * FRAME_SAMPLES as u64);
    let delay_ns = stats.jitter_buffer_delay_ns / stats.jitter_buffer_emitted_count;
    assert!(delay_ns < MS, "{delay_ns}");
}

#[test]
fn frame_that_the_next_packet_repeats_is_not_asked_for() {
    let (stats, asked) = play_nack(Sink::Eager, 200, 60 * MS, true);
    assert_eq!(asked, []);
    assert_eq!(stats.repaired_frames, 20);
    assert_eq!(stats.concealed_samples, 0);
}

#[test]
fn ear_that_loses_much_learns_to_wait_for_a_round_trip() {
    let (stats, asked) = play_nack(Sink::Playout, 2000, 60 * MS, false);
    assert!(asked.len() > 170, "{}", asked.len());
    assert!(stats.retransmitted_frames > 170, "{stats:?}");
    assert!(
        stats.concealed_samples < 30 * FRAME_SAMPLES as u64,
        "{stats:?}"
    );
}

#[test]
fn answer_says_nothing_about_the_delay_of_the_network() {
    let (stats, _) = play_nack(Sink::Playout, 2000, 60 * MS, false);
    // A frame of the network's own jitter would have it lower; the answers' 80 ms are aimed at only
    // because waiting for them pays.
    let delay_ns = stats.jitter_buffer_delay_ns / stats.jitter_buffer_emitted_count;
    assert!((60 * MS..120 * MS).contains(&delay_ns), "{delay_ns}");
}
