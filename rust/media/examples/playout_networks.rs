//! Both sinks of the jitter buffer on simulated networks that their constants were not chosen on,
//! beside a fixed buffer that knows each trace beforehand and conceals as much.
//!
//! `cargo run --release -p voicectl-media --example playout_networks -- [SEEDS]`

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::panic,
    clippy::too_many_lines
)]

#[path = "../tests/playout_support/generated.rs"]
mod generated;
#[path = "../tests/playout_support/speech_like.rs"]
mod speech_like;
#[path = "../tests/playout_support/trace_run.rs"]
mod trace_run;

use trace_run::{Figures, encode, run};
use voicectl_media::netem::Trace;
use voicectl_media::playout::{Settings, Sink, Strategy};

/// Where the packets fall in the tick rhythm moves the delay by up to 10 ms.
const PHASES_NS: [u64; 4] = [0, 2_500_000, 5_000_000, 7_500_000];

fn main() {
    let seeds = std::env::args()
        .nth(1)
        .map_or(4, |text| text.parse().unwrap());
    table(&encode(&speech_like::speech_like(60, 1), true), seeds);
}

fn table(payloads: &[Vec<u8>], seeds: u64) {
    println!(
        "{:<12} {:<9} {:>7} {:>6} {:>7} {:>7} {:>6} {:>6} | {:>11} {:>7}",
        "network",
        "sink",
        "delay",
        "p95",
        "conc %",
        "skip %",
        "acc %",
        "dec %",
        "fixed delay",
        "lost %"
    );
    let sinks = [
        (Sink::Playout, Strategy::Conservative),
        (Sink::Playout, Strategy::Balanced),
        (Sink::Playout, Strategy::Aggressive),
        (Sink::Eager, Strategy::Balanced),
    ];
    for (name, impairment) in generated::networks() {
        let traces: Vec<Trace> = (0..seeds)
            .map(|seed| generated::trace(impairment, 1_000 + seed))
            .collect();
        let lost = traces
            .iter()
            .flat_map(|trace| &trace.packets)
            .filter(|packet| packet.arrival_ns.is_none())
            .count() as f64
            / (30.0 * seeds as f64);
        for (sink, strategy) in sinks {
            let settings = Settings {
                sink,
                strategy,
                ..Settings::default()
            };
            let runs: Vec<Figures> = traces
                .iter()
                .enumerate()
                .map(|(index, trace)| run(trace, payloads, settings, PHASES_NS[index % 4], false))
                .collect();
            let mean =
                |f: &dyn Fn(&Figures) -> f64| runs.iter().map(f).sum::<f64>() / runs.len() as f64;
            let concealed = mean(&|f| f.concealed);
            let late_share = (concealed - lost).max(0.0) / 100.0;
            let fixed_ms = traces
                .iter()
                .map(|trace| generated::best_fixed_delay_ms(trace, late_share))
                .sum::<f64>()
                / seeds as f64;
            let sink = match sink {
                Sink::Eager => "eager".to_owned(),
                Sink::Playout => format!("{strategy:?}").to_lowercase(),
            };
            println!(
                "{name:<12} {sink:<12} {:>6.1} {:>6.0} {concealed:>7.3} {:>7.3} {:>6.2} {:>6.2} | {fixed_ms:>11.1} {lost:>7.2}",
                mean(&|f| f.delay_ms),
                mean(&|f| f.p95_ms),
                mean(&|f| f.skipped),
                mean(&|f| f.accelerated),
                mean(&|f| f.decelerated),
            );
        }
    }
}
