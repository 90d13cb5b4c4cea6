//! Plays a trace of arrival times into a jitter buffer, in virtual time, and takes the figures
//! by the definitions of voicectl/bench/playout/traces/README.md.
#![allow(unreachable_pub, dead_code, reason = "each test takes what it needs")]

use voicectl_media::netem::{Trace, TracePacket};
use voicectl_media::opus::{Channels, Decoder, Encoder, EncoderSettings, MAX_FRAME_PACKET_BYTES};
use voicectl_media::playout::{JitterBuffer, ReceivedFrame, Settings, Stats, TICK_NS};

const FRAME_SAMPLES: usize = 960;
const SECOND_NS: u64 = 1_000_000_000;

/// Figures cover this second to the end.
const FROM_SECOND: usize = 5;

/// A trace of `voicectl/bench/playout/traces`.
pub fn shipped_trace(name: &str) -> Trace {
    let path = format!(
        "{}/../../voicectl/bench/playout/traces/{name}.csv",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let packets = text
        .lines()
        .filter(|line| line.starts_with(|c: char| c.is_ascii_digit()));
    Trace {
        packets: packets.map(packet_of).collect(),
    }
}

/// `seq,send_ms,arrival_ms`; an empty arrival is a loss.
fn packet_of(line: &str) -> TracePacket {
    let [frame, send_ms, arrival_ms] = line.split(',').collect::<Vec<_>>()[..] else {
        panic!("{line}");
    };
    let ns = |ms: &str| (ms.parse::<f64>().unwrap() * 1e6).round() as u64;
    TracePacket {
        frame: frame.parse().unwrap(),
        send_ns: ns(send_ms),
        arrival_ns: (!arrival_ms.is_empty()).then(|| ns(arrival_ms)),
    }
}

/// The packets that arrive, in the order of their arrival; at the same time in that of their
/// sending.
pub fn arrivals_of(trace: &Trace) -> Vec<(u64, TracePacket)> {
    let mut arrivals: Vec<_> = trace
        .packets
        .iter()
        .filter_map(|packet| packet.arrival_ns.map(|ns| (ns, *packet)))
        .collect();
    arrivals.sort_by_key(|&(arrival_ns, packet)| (arrival_ns, packet.frame));
    arrivals
}

/// 32 kbit/s voip, complexity 9, as in voicectl/bench/playout/traces/README.md.
pub fn encode(pcm: &[i16], inband_fec: bool) -> Vec<Vec<u8>> {
    let settings = EncoderSettings {
        inband_fec,
        expected_loss_percent: if inband_fec { 10 } else { 0 },
        ..EncoderSettings::default()
    };
    encode_with(pcm, &settings)
}

/// Frames of 20 ms.
pub fn encode_with(pcm: &[i16], settings: &EncoderSettings) -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new(settings).unwrap();
    pcm.chunks_exact(FRAME_SAMPLES)
        .map(|frame| {
            let mut packet = [0; MAX_FRAME_PACKET_BYTES];
            let bytes = encoder.encode(frame, &mut packet).unwrap();
            packet[..bytes].to_vec()
        })
        .collect()
}

/// What a listener would be told about a run.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    pub delay_ms: f64,
    pub p50_ms: f64,
    pub p95_ms: f64,
    pub target_ms: f64,
    pub concealed: f64,
    pub silent_concealed: f64,
    pub skipped: f64,
    pub accelerated: f64,
    pub decelerated: f64,
    pub late_packets: u64,
    pub discarded: u64,
    /// Buffer delay of each second from the start.
    pub by_second_ms: Vec<f64>,
    pub concealed_by_second_ms: Vec<f64>,
    pub stats: Stats,
    /// Output samples, if wanted.
    pub pcm: Vec<i16>,
}

/// Runs a trace. `tick_phase_ns` shifts the tick grid against the packets.
pub fn run(
    trace: &Trace,
    payloads: &[Vec<u8>],
    settings: Settings,
    tick_phase_ns: u64,
    keep_pcm: bool,
) -> Figures {
    run_with(trace, payloads, settings, tick_phase_ns, keep_pcm, 0)
}

/// The same, with the `red_frames` frames before beside each (RED).
pub fn run_with(
    trace: &Trace,
    payloads: &[Vec<u8>],
    settings: Settings,
    tick_phase_ns: u64,
    keep_pcm: bool,
    red_frames: usize,
) -> Figures {
    let decoder = Decoder::new(48_000, Channels::Mono).unwrap();
    let mut buffer = JitterBuffer::new(settings, decoder, tick_phase_ns % TICK_NS);
    let mut snapshots = vec![Stats::default()];
    let mut pcm = Vec::new();
    let frames = frames(trace);
    let arrivals = arrivals_of(trace);
    let end_ns = arrivals.last().map_or(0, |&(ns, _)| ns);
    let mut arrivals = arrivals.into_iter().peekable();
    loop {
        let arrival_ns = arrivals.peek().map(|&(ns, _)| ns);
        let timeout_ns = buffer.next_timeout().unwrap_or(u64::MAX);
        let now_ns = arrival_ns.unwrap_or(u64::MAX).min(timeout_ns);
        while snapshots.len() as u64 * SECOND_NS <= now_ns.min(end_ns) {
            snapshots.push(*buffer.stats());
        }
        if now_ns >= end_ns {
            snapshots.push(*buffer.stats());
            break;
        }
        if arrival_ns == Some(now_ns)
            && let Some((_, packet)) = arrivals.next()
        {
            let (sequence_number, last_of_talkspurt) = frames[packet.frame as usize];
            let payload = &payloads[packet.frame as usize % payloads.len()];
            let mut toc = [0];
            let payload = if last_of_talkspurt {
                toc[0] = payload[0] & 0xFC;
                &toc[..]
            } else {
                payload
            };
            for back in (1..=red_frames as u32)
                .rev()
                .filter(|back| *back <= packet.frame)
            {
                let earlier = packet.frame - back;
                buffer.insert_redundant(
                    &ReceivedFrame {
                        sequence_number: sequence_number.wrapping_sub(back as u16),
                        rtp_timestamp: rtp_timestamp(earlier),
                        marker: false,
                        payload: &payloads[earlier as usize % payloads.len()],
                    },
                    now_ns,
                );
            }
            buffer.insert(
                &ReceivedFrame {
                    sequence_number,
                    rtp_timestamp: rtp_timestamp(packet.frame),
                    marker: false,
                    payload,
                },
                now_ns,
            );
        }
        while let Some(block) = buffer.poll(now_ns) {
            if keep_pcm {
                pcm.extend_from_slice(block.pcm);
            }
        }
    }
    let mut figures = figures(&snapshots);
    figures.stats = *buffer.stats();
    figures.pcm = pcm;
    figures
}

fn rtp_timestamp(frame: u32) -> u32 {
    frame.wrapping_mul(960).wrapping_add(u32::MAX - 90_000)
}

/// Sequence number of each frame, and whether the encoder sends nothing after it (DTX).
fn frames(trace: &Trace) -> Vec<(u16, bool)> {
    let mut sent: Vec<u32> = trace.packets.iter().map(|packet| packet.frame).collect();
    sent.sort_unstable();
    sent.dedup();
    let count = sent.last().map_or(0, |&frame| frame as usize + 1);
    let mut frames = vec![(0, false); count];
    for (index, &frame) in sent.iter().enumerate() {
        let silent_after = sent.get(index + 1).is_some_and(|&next| next > frame + 1);
        frames[frame as usize] = ((index as u16).wrapping_add(65_000), silent_after);
    }
    frames
}

fn figures(snapshots: &[Stats]) -> Figures {
    let last = snapshots.last().unwrap();
    let first = &snapshots[FROM_SECOND];
    let emitted = last.jitter_buffer_emitted_count - first.jitter_buffer_emitted_count;
    let total = (last.total_samples_received - first.total_samples_received) as f64;
    let share = |f: fn(&Stats) -> u64| (f(last) - f(first)) as f64 * 100.0 / total;
    let by_second_ms: Vec<f64> = snapshots.windows(2).map(delay_ms).collect();
    let mut sorted = by_second_ms[FROM_SECOND..].to_vec();
    sorted.retain(|ms| ms.is_finite());
    sorted.sort_by(f64::total_cmp);
    let percentile = |p: f64| sorted[((sorted.len() - 1) as f64 * p).round() as usize];
    Figures {
        delay_ms: delay_ms(&[*first, *last]),
        p50_ms: percentile(0.5),
        p95_ms: percentile(0.95),
        target_ms: (last.jitter_buffer_target_delay_ns - first.jitter_buffer_target_delay_ns)
            as f64
            / emitted as f64
            / 1e6,
        concealed: share(|s| s.concealed_samples),
        silent_concealed: share(|s| s.silent_concealed_samples),
        skipped: share(|s| s.skipped_samples),
        accelerated: share(|s| s.removed_samples_for_acceleration),
        decelerated: share(|s| s.inserted_samples_for_deceleration),
        late_packets: last.late_packets - first.late_packets,
        discarded: last.packets_discarded - first.packets_discarded,
        concealed_by_second_ms: snapshots
            .windows(2)
            .map(|w| (w[1].concealed_samples - w[0].concealed_samples) as f64 / 48.0)
            .collect(),
        by_second_ms,
        ..Figures::default()
    }
}

fn delay_ms(pair: &[Stats]) -> f64 {
    let delay = pair[1].jitter_buffer_delay_ns - pair[0].jitter_buffer_delay_ns;
    let emitted = pair[1].jitter_buffer_emitted_count - pair[0].jitter_buffer_emitted_count;
    delay as f64 / emitted as f64 / 1e6
}
