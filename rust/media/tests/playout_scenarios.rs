//! What calls have met, in virtual time.

#[path = "playout_support/pcm_stream.rs"]
mod pcm_stream;

use pcm_stream::{FRAME_SAMPLES, MS, PcmDecoder, frame, payload};
use voicectl_media::playout::{
    Block, BlockKind, DecodeError, FrameDecoder, Inserted, JitterBuffer, ReceivedFrame, Settings,
    Sink, TICK_NS,
};

const FRAME_NS: u64 = 20 * MS;

fn buffer(sink: Sink) -> JitterBuffer<PcmDecoder> {
    let settings = Settings {
        sink,
        ..Settings::default()
    };
    JitterBuffer::new(settings, PcmDecoder::default(), 0)
}

/// Frame `number` arrives as it was sent.
fn arrive(buffer: &mut JitterBuffer<PcmDecoder>, number: u16, now_ns: u64) -> Inserted {
    buffer.insert(
        &frame(number, &payload(number as i16 + 1, 8, false)),
        now_ns,
    )
}

/// Polls up to `until_ns` whenever something is due, and shows each block.
fn listen<D: FrameDecoder>(
    buffer: &mut JitterBuffer<D>,
    until_ns: u64,
    mut hear: impl FnMut(&Block<'_>),
) {
    loop {
        let due_ns = buffer.next_timeout().unwrap_or(u64::MAX);
        let now_ns = due_ns.min(until_ns);
        while let Some(block) = buffer.poll(now_ns) {
            hear(&block);
        }
        if due_ns >= until_ns {
            return;
        }
    }
}

#[test]
fn a_stream_whose_numbers_wrap_plays_on_without_a_gap() {
    for sink in [Sink::Playout, Sink::Eager] {
        let mut buffer = buffer(sink);
        // The sequence number wraps at frame 36, the timestamp at frame 21.
        for number in 0..200 {
            let now_ns = u64::from(number) * FRAME_NS + 5 * MS;
            listen(&mut buffer, now_ns, |_| {});
            assert_eq!(arrive(&mut buffer, number, now_ns), Inserted::Accepted);
        }
        listen(&mut buffer, 200 * FRAME_NS, |_| {});
        assert_eq!(buffer.stats().concealed_samples, 0, "{sink:?}");
        assert_eq!(buffer.stats().skipped_samples, 0, "{sink:?}");
    }
}

#[test]
fn a_late_packet_is_counted_as_late_and_a_lost_one_is_not() {
    let mut buffer = buffer(Sink::Playout);
    for number in 0..100_u16 {
        let now_ns = u64::from(number) * FRAME_NS;
        listen(&mut buffer, now_ns, |_| {});
        if number != 40 && number != 60 {
            arrive(&mut buffer, number, now_ns);
        }
        if number == 50 {
            assert_eq!(arrive(&mut buffer, 40, now_ns), Inserted::Late);
            assert_eq!(arrive(&mut buffer, 45, now_ns), Inserted::Duplicate);
        }
    }
    let stats = buffer.stats();
    assert_eq!(stats.late_packets, 1);
    assert_eq!(stats.packets_discarded, 1);
    assert_eq!(stats.duplicate_packets, 1);
    assert_eq!(stats.concealment_events, 2);
    assert_eq!(stats.concealed_samples, 2 * FRAME_SAMPLES as u64);
}

#[test]
fn a_pause_that_was_not_sent_is_silence_and_not_concealment() {
    for sink in [Sink::Playout, Sink::Eager] {
        let mut buffer = buffer(sink);
        let mut silent_samples = 0;
        let mut sequence = 0;
        for number in 0..300_u16 {
            let now_ns = u64::from(number) * FRAME_NS;
            listen(&mut buffer, now_ns, |block| {
                if block.kind == BlockKind::Silence && now_ns > 200 * MS {
                    silent_samples += block.pcm.len();
                }
            });
            // Talk for a second, announce silence, then one packet each 400 ms (RFC 7587 §3.1.3).
            let in_talkspurt = number % 100 < 50;
            let announces = number % 20 == 10;
            if in_talkspurt || announces {
                let voice = payload(number as i16 + 1, 8, false);
                let bytes: &[u8] = if in_talkspurt && number % 100 != 49 {
                    &voice
                } else {
                    &[0]
                };
                let sent = ReceivedFrame {
                    sequence_number: sequence,
                    ..frame(number, bytes)
                };
                assert_eq!(buffer.insert(&sent, now_ns), Inserted::Accepted);
                sequence += 1;
            }
        }
        let stats = buffer.stats();
        assert_eq!(stats.concealed_samples, 0, "{sink:?}");
        // Three pauses of a second, less what jitter could still explain.
        assert!(silent_samples > 2 * 48_000, "{sink:?}: {silent_samples}");
    }
}

#[test]
fn a_machine_that_has_seen_reordering_waits_for_overtaken_frames() {
    let mut buffer = buffer(Sink::Eager);
    let mut order = Vec::new();
    let mut hear = |block: &Block<'_>| {
        if block.kind == BlockKind::Decoded {
            order.push(block.pcm[0]);
        }
    };
    for number in 0..200_u16 {
        // Each tenth frame comes 30 ms later than the others, after the one that follows it.
        let now_ns = u64::from(number) * FRAME_NS + 100 * MS;
        listen(&mut buffer, now_ns, &mut hear);
        if number % 10 != 5 {
            arrive(&mut buffer, number, now_ns);
        }
        if number % 10 == 6 {
            listen(&mut buffer, now_ns + 10 * MS, &mut hear);
            arrive(&mut buffer, number - 1, now_ns + 10 * MS);
        }
    }
    listen(&mut buffer, 300 * FRAME_NS, &mut hear);
    // The first one taught it.
    assert_eq!(buffer.stats().late_packets, 1);
    assert_eq!(buffer.stats().concealed_samples, FRAME_SAMPLES as u64);
    assert!(order.is_sorted());
    assert_eq!(order.len(), 199);
}

#[test]
fn a_machine_that_asks_again_waits_a_round_trip_and_no_longer() {
    let mut buffer = buffer(Sink::Eager);
    buffer.set_round_trip(40 * MS);
    let mut wanted = Vec::new();
    let mut heard_at_ns = Vec::new();
    for number in 0..30_u16 {
        let now_ns = u64::from(number) * FRAME_NS;
        listen(&mut buffer, now_ns, |_| {});
        if number != 10 && number != 20 {
            arrive(&mut buffer, number, now_ns);
        }
        if number == 13 {
            // The answer, 30 ms after the hole was seen.
            let again = frame(10, &payload(11, 8, false)).payload.to_vec();
            let outcome = buffer.insert_retransmitted(&frame(10, &again), now_ns - 30 * MS + 1);
            assert_eq!(outcome, Inserted::Accepted);
        }
        buffer.nack_wanted(now_ns, &mut wanted);
        listen(&mut buffer, now_ns + MS, |block| {
            heard_at_ns.push((block.kind, block.at_ns));
        });
    }
    let stats = buffer.stats();
    assert_eq!(stats.retransmitted_frames, 1);
    assert_eq!(
        stats.concealed_samples, FRAME_SAMPLES as u64,
        "frame 20 never came"
    );
    let (first, second) = (65_500_u16.wrapping_add(10), 65_500_u16.wrapping_add(20));
    assert_eq!(wanted.iter().filter(|&&n| n == first).count(), 1);
    assert!(wanted.iter().filter(|&&n| n == second).count() >= 1);
}

#[test]
fn redundancy_fills_a_burst_before_the_packet_that_carried_it() {
    for sink in [Sink::Playout, Sink::Eager] {
        let mut buffer = buffer(sink);
        for number in 0..150_u16 {
            let now_ns = u64::from(number) * FRAME_NS;
            listen(&mut buffer, now_ns, |_| {});
            if number >= 100 && number % 10 < 2 {
                continue;
            }
            for back in [2, 1] {
                if let Some(earlier) = number.checked_sub(back) {
                    let bytes = payload(earlier as i16 + 1, 8, false);
                    buffer.insert_redundant(&frame(earlier, &bytes), now_ns);
                }
            }
            arrive(&mut buffer, number, now_ns);
        }
        let stats = buffer.stats();
        let lost = 2 * 5 * FRAME_SAMPLES as u64;
        match sink {
            Sink::Eager => {
                assert_eq!(stats.concealed_samples, 0);
                assert_eq!(stats.repaired_frames, 10);
            }
            // The first bursts teach the delay that repair takes.
            Sink::Playout => assert!(stats.concealed_samples < lost, "{stats:?}"),
        }
    }
}

#[test]
fn a_sender_that_starts_anew_with_other_numbers_is_heard_again() {
    for sink in [Sink::Playout, Sink::Eager] {
        let mut buffer = buffer(sink);
        let mut heard = 0;
        for number in 0..200_u16 {
            let now_ns = u64::from(number) * FRAME_NS;
            listen(&mut buffer, now_ns, |block| {
                heard += usize::from(number > 110 && block.kind == BlockKind::Decoded);
            });
            let bytes = payload(number as i16 + 1, 8, false);
            let mut sent = frame(number, &bytes);
            if number >= 100 {
                sent.sequence_number = sent.sequence_number.wrapping_add(30_000);
                sent.rtp_timestamp = sent.rtp_timestamp.wrapping_add(1 << 31);
            }
            buffer.insert(&sent, now_ns);
        }
        assert_eq!(buffer.stats().discontinuous_packets, 1, "{sink:?}");
        assert!(heard >= 80, "{sink:?}: {heard} blocks");
    }
}

#[test]
fn frames_of_any_duration_play_without_a_gap() {
    for quanta in [1_u8, 2, 4, 8, 16, 24, 32, 40, 48] {
        for sink in [Sink::Playout, Sink::Eager] {
            let mut buffer = buffer(sink);
            let samples = u32::from(quanta) * 120;
            let duration_ns = u64::from(quanta) * 2_500_000;
            let frames = (4_000 * MS / duration_ns) as u32;
            for number in 0..frames {
                let now_ns = u64::from(number) * duration_ns;
                listen(&mut buffer, now_ns, |_| {});
                let bytes = payload((number % 1_000) as i16 + 1, quanta, false);
                let sent = ReceivedFrame {
                    sequence_number: number as u16,
                    rtp_timestamp: number * samples,
                    marker: false,
                    payload: &bytes,
                };
                assert_eq!(buffer.insert(&sent, now_ns), Inserted::Accepted);
            }
            let stats = buffer.stats();
            assert_eq!(stats.concealed_samples, 0, "{sink:?}, {quanta} x 2.5 ms");
            assert_eq!(stats.late_packets, 0, "{sink:?}, {quanta} x 2.5 ms");
        }
    }
}

/// A tone that goes on through all frames, so that a cut shows as a jump.
#[derive(Debug)]
struct Tone;

const TONE_HZ: f64 = 220.0;
const AMPLITUDE: f64 = 8_000.0;

impl FrameDecoder for Tone {
    fn duration_samples(&self, _: &[u8]) -> Option<u32> {
        Some(FRAME_SAMPLES as u32)
    }

    fn has_lbrr(&self, _: &[u8]) -> bool {
        false
    }

    fn decode(&mut self, payload: &[u8], pcm: &mut [i16]) -> Result<usize, DecodeError> {
        let number = f64::from(u16::from_be_bytes([payload[2], payload[3]]));
        for (index, sample) in pcm[..FRAME_SAMPLES].iter_mut().enumerate() {
            let seconds = (number * FRAME_SAMPLES as f64 + index as f64) / 48_000.0;
            *sample = (AMPLITUDE * (std::f64::consts::TAU * TONE_HZ * seconds).sin()) as i16;
        }
        Ok(FRAME_SAMPLES)
    }

    fn decode_lbrr(&mut self, _: &[u8], _: &mut [i16]) -> Result<usize, DecodeError> {
        Err(DecodeError)
    }

    fn conceal(&mut self, pcm: &mut [i16]) {
        pcm.fill(0);
    }

    fn reset(&mut self) {}
}

#[test]
fn late_packets_and_changes_of_pace_do_not_click() {
    let mut buffer = JitterBuffer::new(Settings::default(), Tone, 0);
    let mut pcm = Vec::new();
    let mut hear = |block: &Block<'_>| pcm.extend_from_slice(block.pcm);
    for number in 0..500_u64 {
        // Twice nothing arrives for a while, then all at once.
        let stall_ns = match number {
            100..106 => (106 - number) * FRAME_NS,
            300..315 => (315 - number) * FRAME_NS,
            _ => 0,
        };
        let now_ns = number * FRAME_NS + stall_ns;
        listen(&mut buffer, now_ns, &mut hear);
        let bytes = payload(number as i16, 8, false);
        buffer.insert(&frame(number as u16, &bytes), now_ns);
    }
    listen(&mut buffer, 499 * FRAME_NS + TICK_NS, &mut hear);
    let stats = *buffer.stats();
    assert!(stats.concealed_samples > 5_000, "{stats:?}");
    assert!(stats.removed_samples_for_acceleration > 5_000, "{stats:?}");
    assert_eq!(stats.packets_discarded, 0);
    // The steepest step of the tone itself; a cut without a fade could make one of 16000.
    let own_step = AMPLITUDE * std::f64::consts::TAU * TONE_HZ / 48_000.0;
    let steepest = pcm[48_000..]
        .windows(2)
        .map(|pair| f64::from(pair[1]) - f64::from(pair[0]))
        .fold(0.0, |steepest: f64, step| steepest.max(step.abs()));
    assert!(steepest < 2.5 * own_step, "{steepest} against {own_step}");
}

/// Frames whose samples count up, quiet enough to be a pause: each sample tells its media time.
struct CountingDecoder;

impl FrameDecoder for CountingDecoder {
    fn duration_samples(&self, _: &[u8]) -> Option<u32> {
        Some(FRAME_SAMPLES as u32)
    }

    fn has_lbrr(&self, _: &[u8]) -> bool {
        false
    }

    fn decode(&mut self, payload: &[u8], pcm: &mut [i16]) -> Result<usize, DecodeError> {
        let number = i16::from_be_bytes([payload[2], payload[3]]) - 1;
        pcm[..FRAME_SAMPLES].fill(number);
        Ok(FRAME_SAMPLES)
    }

    fn decode_lbrr(&mut self, _: &[u8], _: &mut [i16]) -> Result<usize, DecodeError> {
        Err(DecodeError)
    }

    fn conceal(&mut self, pcm: &mut [i16]) {
        pcm.fill(0);
    }

    fn reset(&mut self) {}
}

#[test]
fn media_time_is_that_of_the_first_frame_although_its_pause_was_shortened_at_once() {
    let mut buffer = JitterBuffer::new(Settings::default(), CountingDecoder, 0);
    let (mut first, mut earliest, mut latest) = (None, i64::MAX, i64::MIN);
    for number in 0..150_u16 {
        // The first frame is the slowest: it waits longer than the network asks for, so that the
        // very first tick of the stream is shortened.
        let late_ms = if number == 0 { 45 } else { 30 };
        let now_ns = (u64::from(number) * 20 + late_ms) * MS;
        listen(&mut buffer, now_ns, |block| {
            if block.media_time == 0 {
                return;
            }
            let origin = *first.get_or_insert(block.media_time);
            let heard = i64::from(block.pcm[0]) * FRAME_SAMPLES as i64;
            let within = block.media_time - origin - heard;
            (earliest, latest) = (earliest.min(within), latest.max(within));
        });
        arrive_quietly(&mut buffer, number, now_ns);
    }
    assert!(buffer.stats().removed_samples_for_acceleration > 0);
    // A block may begin anywhere in its frame, and nowhere else.
    assert!(earliest >= 0, "{earliest} samples before its frame");
    assert!(
        latest < FRAME_SAMPLES as i64,
        "{latest} samples after its frame began"
    );
}

fn arrive_quietly(buffer: &mut JitterBuffer<CountingDecoder>, number: u16, now_ns: u64) {
    let payload = payload(number as i16 + 1, 8, false);
    buffer.insert(&frame(number, &payload), now_ns);
}

#[test]
fn a_frame_overtaken_in_a_pause_is_waited_for_once_such_were_seen() {
    let mut buffer = JitterBuffer::new(Settings::default(), CountingDecoder, 0);
    let mut arrivals: Vec<(u64, u16)> = (0..900_u16)
        .map(|number| {
            let late_ms = if number % 400 == 300 { 60 } else { 0 };
            ((u64::from(number) * 20 + 30 + late_ms) * MS, number)
        })
        .collect();
    arrivals.sort_unstable();
    let mut concealed = Vec::new();
    for (now_ns, number) in arrivals {
        listen(&mut buffer, now_ns, |_| {});
        buffer.insert(&frame(number, &payload(1, 8, false)), now_ns);
        if number % 400 == 350 {
            concealed.push(buffer.stats().concealed_samples);
        }
    }
    // Nobody knew, the first time. The next one is bridged until the frame after it has come.
    let (first, second) = (concealed[0], concealed[1] - concealed[0]);
    assert!(3 * second < 2 * first, "{first}, then {second}");
    assert!(buffer.stats().inserted_samples_for_deceleration > 0);
}
