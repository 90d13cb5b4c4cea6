//! Arrival times on simulated networks that no constant of the buffer was chosen on.
#![allow(unreachable_pub, dead_code, reason = "each test takes what it needs")]

use voicectl_media::netem::{
    Blockage, Impairment, Jitter, Link, Loss, Outage, Rate, Trace, TracePacket,
};

const MS: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MS;
const FRAME_NS: u64 = 20 * MS;

/// Names and networks.
#[allow(clippy::too_many_lines, reason = "a table")]
pub fn networks() -> Vec<(&'static str, Impairment)> {
    let base = Impairment {
        delay_ns: 30 * MS,
        ..Impairment::default()
    };
    let spikes = |every_ms, shortest_ms, longest_ms| {
        Some(Blockage {
            every_ns: every_ms * MS,
            shortest_ns: shortest_ms * MS,
            longest_ns: longest_ms * MS,
        })
    };
    let outage = |every_s, during_ms| {
        Some(Outage {
            every_ns: every_s * SECOND,
            during_ns: during_ms * MS,
        })
    };
    vec![
        (
            "wired",
            Impairment {
                jitter: Jitter::Normal(MS),
                ..base
            },
        ),
        (
            "vdsl",
            Impairment {
                jitter: Jitter::Exponential(3 * MS),
                loss: Loss::Independent(0.002),
                ..base
            },
        ),
        (
            "gauss10",
            Impairment {
                delay_ns: 60 * MS,
                jitter: Jitter::Normal(10 * MS),
                reorder: true,
                ..base
            },
        ),
        (
            "exp15",
            Impairment {
                jitter: Jitter::Exponential(15 * MS),
                ..base
            },
        ),
        (
            "uniform60",
            Impairment {
                jitter: Jitter::Uniform(60 * MS),
                ..base
            },
        ),
        (
            "wifi-calm",
            Impairment {
                jitter: Jitter::Exponential(2 * MS),
                spikes: spikes(8_000, 20, 80),
                ..base
            },
        ),
        (
            "wifi-busy",
            Impairment {
                jitter: Jitter::Exponential(4 * MS),
                spikes: spikes(700, 20, 200),
                loss: Loss::in_bursts(0.005, 2.0),
                ..base
            },
        ),
        (
            "wifi-heavy",
            Impairment {
                jitter: Jitter::Exponential(2 * MS),
                spikes: spikes(3_000, 100, 300),
                ..base
            },
        ),
        (
            "loss1",
            Impairment {
                jitter: Jitter::Normal(3 * MS),
                loss: Loss::Independent(0.01),
                ..base
            },
        ),
        (
            "ge10",
            Impairment {
                jitter: Jitter::Normal(5 * MS),
                loss: Loss::in_bursts(0.1, 2.0),
                ..base
            },
        ),
        (
            "handover",
            Impairment {
                jitter: Jitter::Normal(4 * MS),
                handover: outage(17, 400),
                ..base
            },
        ),
        (
            "blackout",
            Impairment {
                jitter: Jitter::Normal(4 * MS),
                blackout: outage(14, 600),
                ..base
            },
        ),
        (
            "flap",
            Impairment {
                jitter: Jitter::Uniform(8 * MS),
                flap: outage(12, 60),
                ..base
            },
        ),
        (
            "narrow",
            Impairment {
                jitter: Jitter::Uniform(25 * MS),
                rate: Some(Rate {
                    bits_per_second: 48_000,
                    queue_ns: 300 * MS,
                }),
                spikes: spikes(5_000, 50, 100),
                ..base
            },
        ),
        (
            "drift",
            Impairment {
                jitter: Jitter::Normal(3 * MS),
                drift_ppm: 300.0,
                ..base
            },
        ),
        (
            "drift-back",
            Impairment {
                jitter: Jitter::Normal(3 * MS),
                drift_ppm: -300.0,
                ..base
            },
        ),
    ]
}

/// A minute of 20 ms frames through a network.
pub fn trace(impairment: Impairment, seed: u64) -> Trace {
    let mut link = Link::new(impairment, seed);
    let packets = (0..3_000_u32)
        .map(|frame| {
            let send_ns = u64::from(frame) * FRAME_NS;
            TracePacket {
                frame,
                send_ns,
                arrival_ns: link.arrivals(80, send_ns).0,
            }
        })
        .collect();
    Trace { packets }
}

/// The smallest delay with which a buffer that knows the whole trace beforehand, and never
/// changes, is late for no more than `late_share` of the packets that arrive: mean time from
/// arrival to decoding, in milliseconds.
pub fn best_fixed_delay_ms(trace: &Trace, late_share: f64) -> f64 {
    let mut delays_ms: Vec<f64> = trace
        .packets
        .iter()
        .skip(250)
        .filter_map(|p| Some((p.arrival_ns? - p.send_ns) as f64 / 1e6))
        .collect();
    delays_ms.sort_by(f64::total_cmp);
    let allowed = (delays_ms.len() as f64 * late_share) as usize;
    let in_time = &delays_ms[..delays_ms.len() - allowed.min(delays_ms.len() - 1)];
    let deadline_ms = in_time[in_time.len() - 1];
    in_time.iter().map(|ms| deadline_ms - ms).sum::<f64>() / in_time.len() as f64
}
