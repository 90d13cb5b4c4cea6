//! Both sinks of the jitter buffer beside `NetEq`'s figures on the same packets.
//!
//! `cargo run --release -p voicectl-media --example playout_table -- [--strategy balanced]
//! [--trace NAME] [--fec-only] [--speech 48k-mono.raw] [--seed N] [--seconds [--phase 0..3]]
//! [--output DIRECTORY] [--generated [--seeds N]]`

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

use trace_run::{Figures, encode, run, shipped_trace};
use voicectl_media::netem::Trace;
use voicectl_media::opus::has_lbrr;
use voicectl_media::playout::{Settings, Sink, Strategy};

/// Where the packets fall in the tick rhythm moves the delay by up to 10 ms: all figures are means
/// over these phases.
const PHASES_NS: [u64; 4] = [0, 2_500_000, 5_000_000, 7_500_000];

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let value = |name: &str| {
        let index = arguments.iter().position(|argument| argument == name)?;
        arguments.get(index + 1).cloned()
    };
    let flag = |name: &str| arguments.iter().any(|argument| argument == name);
    let strategies = match value("--strategy").as_deref() {
        Some("conservative") => vec![Strategy::Conservative],
        Some("aggressive") => vec![Strategy::Aggressive],
        Some("all") => vec![
            Strategy::Conservative,
            Strategy::Balanced,
            Strategy::Aggressive,
        ],
        _ => vec![Strategy::Balanced],
    };
    let pcm = value("--speech").map_or_else(
        || speech_like::speech_like(60, value("--seed").map_or(1, |text| text.parse().unwrap())),
        |path| read_raw(&path),
    );
    let with_fec = encode(&pcm, true);
    let without_fec = encode(&pcm, false);
    let carrying = with_fec.iter().filter(|payload| has_lbrr(payload)).count();
    println!(
        "{:.0} % of the packets carry LBRR",
        100.0 * carrying as f64 / with_fec.len() as f64
    );
    if flag("--generated") {
        generated_table(
            &with_fec,
            value("--seeds").map_or(4, |text| text.parse().unwrap()),
        );
        return;
    }
    println!(
        "{:<12} {:<3} {:<13} {:>7} {:>15} {:>6} {:>5} {:>6} {:>6} | {:>7} {:>15} {:>6} {:>6} {:>6} {:>6} | {:>6} {:>5}",
        "trace",
        "fec",
        "sink",
        "delay",
        "(by phase)",
        "ratio",
        "p95",
        "target",
        "late",
        "conc %",
        "(by phase)",
        "silent",
        "skip %",
        "acc %",
        "dec %",
        "NetEq",
        "conc"
    );
    let table = std::fs::read_to_string(format!(
        "{}/../../voicectl/bench/playout/traces/neteq-chromium-156.tsv",
        env!("CARGO_MANIFEST_DIR")
    ))
    .unwrap();
    for line in table.lines().skip(1) {
        let columns: Vec<&str> = line.split('\t').collect();
        let (name, fec) = (columns[0], columns[1] == "on");
        if value("--trace").is_some_and(|wanted| wanted != name) || (!fec && flag("--fec-only")) {
            continue;
        }
        let trace = shipped_trace(name);
        let payloads = if fec { &with_fec } else { &without_fec };
        let number = |index: usize| columns[index].parse::<f64>().unwrap();
        let mut settings: Vec<Settings> = strategies
            .iter()
            .map(|&strategy| Settings {
                sink: Sink::Playout,
                strategy,
                ..Settings::default()
            })
            .collect();
        settings.push(Settings {
            sink: Sink::Eager,
            ..Settings::default()
        });
        for settings in settings {
            let runs: Vec<Figures> = PHASES_NS
                .iter()
                .map(|&phase| run(&trace, payloads, settings, phase, false))
                .collect();
            let sink = match settings.sink {
                Sink::Eager => "eager".to_owned(),
                Sink::Playout => format!("{:?}", settings.strategy).to_lowercase(),
            };
            row(name, columns[1], &sink, &runs, number(3), number(9));
            if let Some(directory) = value("--output") {
                let heard = run(&trace, payloads, settings, PHASES_NS[0], true);
                let bytes: Vec<u8> = heard.pcm.iter().flat_map(|s| s.to_le_bytes()).collect();
                std::fs::write(
                    format!("{directory}/{name}-{}-{sink}.raw", columns[1]),
                    bytes,
                )
                .unwrap();
            }
            if flag("--seconds") {
                let shown =
                    &runs[value("--phase").map_or(0, |text| text.parse::<usize>().unwrap())];
                for (second, (delay, concealed)) in shown
                    .by_second_ms
                    .iter()
                    .zip(&shown.concealed_by_second_ms)
                    .enumerate()
                {
                    println!("   {second:>3} s {delay:>7.1} ms {concealed:>6.1} ms concealed");
                }
            }
        }
    }
}

/// The same sinks on networks that their constants were not chosen on, beside a fixed buffer that
/// knows the trace beforehand and conceals as much.
fn generated_table(payloads: &[Vec<u8>], seeds: u64) {
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

fn row(name: &str, fec: &str, sink: &str, runs: &[Figures], delay: f64, concealed: f64) {
    let mean = |f: &dyn Fn(&Figures) -> f64| runs.iter().map(f).sum::<f64>() / runs.len() as f64;
    let low = |f: &dyn Fn(&Figures) -> f64| runs.iter().map(f).fold(f64::MAX, f64::min);
    let high = |f: &dyn Fn(&Figures) -> f64| runs.iter().map(f).fold(f64::MIN, f64::max);
    let range = |f: &dyn Fn(&Figures) -> f64, digits: usize| {
        format!("({:.digits$}-{:.digits$})", low(f), high(f))
    };
    println!(
        "{name:<12} {fec:<3} {sink:<13} {:>7.1} {:>15} {:>6.2} {:>5.0} {:>6.1} {:>6.0} | {:>7.3} {:>15} {:>6.2} {:>6.3} {:>6.2} {:>6.2} | {delay:>6.1} {concealed:>5.2}",
        mean(&|f| f.delay_ms),
        range(&|f| f.delay_ms, 1),
        mean(&|f| f.delay_ms) / delay,
        mean(&|f| f.p95_ms),
        mean(&|f| f.target_ms),
        mean(&|f| f.late_packets as f64),
        mean(&|f| f.concealed),
        range(&|f| f.concealed, 2),
        mean(&|f| f.silent_concealed),
        mean(&|f| f.skipped),
        mean(&|f| f.accelerated),
        mean(&|f| f.decelerated),
    );
}

/// 48 kHz mono, 16 bit little endian, without a header.
fn read_raw(path: &str) -> Vec<i16> {
    std::fs::read(path)
        .unwrap()
        .chunks_exact(2)
        .map(|b| i16::from_le_bytes([b[0], b[1]]))
        .collect()
}
