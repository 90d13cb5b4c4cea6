//! What each repair is worth: concealment on the loss traces beside `NetEq`'s, at no more than the
//! 32 kbit/s that `NetEq` had.
//!
//! `cargo run --release -p voicectl-media --example repair_table -- [--speech 48k-mono.raw]`

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::panic,
    clippy::too_many_lines
)]

#[path = "../tests/playout_support/speech_like.rs"]
mod speech_like;
#[path = "../tests/playout_support/trace_run.rs"]
mod trace_run;

use trace_run::{Figures, encode_with, run_with, shipped_trace};
use voicectl_media::opus::EncoderSettings;
use voicectl_media::playout::{Settings, Sink, Strategy};

const PHASES_NS: [u64; 4] = [0, 2_500_000, 5_000_000, 7_500_000];

/// How a stream of 32 kbit/s is protected.
struct Protection {
    name: &'static str,
    encoder: EncoderSettings,
    red_frames: usize,
}

fn protections() -> Vec<Protection> {
    let plain = EncoderSettings {
        inband_fec: false,
        expected_loss_percent: 0,
        ..EncoderSettings::default()
    };
    let protection = |name, encoder, red_frames| Protection {
        name,
        encoder,
        red_frames,
    };
    vec![
        protection("none", plain.clone(), 0),
        protection("lbrr", EncoderSettings::default(), 0),
        protection(
            "red1",
            EncoderSettings {
                bitrate_bps: 16_000,
                ..plain.clone()
            },
            1,
        ),
        protection(
            "red2",
            EncoderSettings {
                bitrate_bps: 10_600,
                ..plain.clone()
            },
            2,
        ),
        protection(
            "dred",
            EncoderSettings {
                expected_loss_percent: 20,
                dred_duration_ms: 1000,
                ..plain.clone()
            },
            0,
        ),
        // Below 28.4 kbit/s libopus spends its bits on reach instead of fidelity.
        protection(
            "dred-far",
            EncoderSettings {
                bitrate_bps: 28_300,
                expected_loss_percent: 25,
                dred_duration_ms: 1000,
                ..plain
            },
            0,
        ),
    ]
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let value = |name: &str| {
        let index = arguments.iter().position(|argument| argument == name)?;
        arguments.get(index + 1).cloned()
    };
    let pcm = value("--speech").map_or_else(
        || speech_like::speech_like(60, 1),
        |path| {
            let bytes = std::fs::read(path).unwrap();
            let (samples, _) = bytes.as_chunks::<2>();
            samples.iter().copied().map(i16::from_le_bytes).collect()
        },
    );
    trace_table(&pcm);
}

fn trace_table(pcm: &[i16]) {
    println!(
        "{:<9} {:<9} {:<13} {:>6} {:>7} {:>6} {:>7} {:>6} {:>6} | {:>6} {:>6} {:>6}",
        "trace",
        "repair",
        "sink",
        "kbit/s",
        "delay",
        "ratio",
        "conc %",
        "skip %",
        "dred %",
        "NetEq",
        "conc",
        "third"
    );
    let netem = [
        ("loss2", 62.8, 0.87),
        ("ge5", 47.0, 3.94),
        ("g1050-f", 77.6, 1.63),
    ];
    for protection in protections() {
        let payloads = encode_with(pcm, &protection.encoder);
        let mean_bytes =
            payloads.iter().map(Vec::len).sum::<usize>() as f64 / payloads.len() as f64;
        // RED repeats each frame with a header of four bytes, and has one byte of its own.
        let red = protection.red_frames as f64;
        let red_bytes = red * (mean_bytes + 4.0) + f64::from(u8::from(red > 0.0));
        let kbps = (mean_bytes + red_bytes) * 8.0 * 50.0 / 1000.0;
        for (name, delay_ms, concealed) in netem {
            let trace = shipped_trace(name);
            for (sink, strategy) in [
                (Sink::Eager, Strategy::Balanced),
                (Sink::Playout, Strategy::Balanced),
            ] {
                let settings = Settings {
                    sink,
                    strategy,
                    ..Settings::default()
                };
                let runs: Vec<Figures> = PHASES_NS
                    .iter()
                    .map(|&phase| {
                        run_with(
                            &trace,
                            &payloads,
                            settings,
                            phase,
                            false,
                            protection.red_frames,
                        )
                    })
                    .collect();
                let mean = |f: &dyn Fn(&Figures) -> f64| {
                    runs.iter().map(f).sum::<f64>() / runs.len() as f64
                };
                let dred = mean(&|f| {
                    100.0 * f.stats.dred_samples as f64 / f.stats.total_samples_received as f64
                });
                let ours = mean(&|f| f.delay_ms);
                println!(
                    "{name:<9} {:<9} {:<13} {kbps:>6.1} {ours:>7.1} {:>6.2} {:>7.3} {:>6.3} {dred:>6.2} | {delay_ms:>6.1} {concealed:>6.2} {:>6.2}",
                    protection.name,
                    format!("{sink:?}").to_lowercase(),
                    ours / delay_ms,
                    mean(&|f| f.concealed),
                    mean(&|f| f.skipped),
                    concealed / 3.0,
                );
            }
        }
    }
}
