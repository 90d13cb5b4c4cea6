//! Both sinks on the ten traces of voicectl/bench/playout/traces, beside what `NetEq` reached on the same packets.
//! Virtual time, so the figures are exact; they are means over four phases of the tick grid.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

#[path = "playout_support/speech_like.rs"]
mod speech_like;
#[path = "playout_support/trace_run.rs"]
mod trace_run;

use std::sync::LazyLock;

use trace_run::{Figures, encode, encode_with, run, shipped_trace};
use voicectl_media::opus::{EncoderSettings, has_lbrr};
use voicectl_media::playout::{Settings, Sink, Strategy};

static PAYLOADS: LazyLock<Vec<Vec<u8>>> =
    LazyLock::new(|| encode(&speech_like::speech_like(60, 1), true));

/// By how much `NetEq`'s mean delay differs between runs on one trace.
const NETEQ_SPREAD_MS: f64 = 10.0;

/// By how much the delay differs between speeches, which have their pauses at other places. The limit
/// itself is held by `voicectl bench playout`, on recorded sentences.
const SPEECH_SPREAD_MS: f64 = 0.5;

/// Less than a tick in a minute, in percent.
const NOTHING_MISSING: f64 = 0.015;

const PHASES_NS: [u64; 4] = [1_000_000, 3_500_000, 6_000_000, 8_500_000];

struct Mean {
    delay_ms: f64,
    /// Concealed and skipped media, in percent.
    missing: f64,
}

fn mean(trace: &str, sink: Sink, strategy: Strategy) -> Mean {
    let trace = shipped_trace(trace);
    let settings = Settings {
        sink,
        strategy,
        ..Settings::default()
    };
    let runs: Vec<Figures> = PHASES_NS
        .iter()
        .map(|&phase_ns| run(&trace, &PAYLOADS, settings, phase_ns, false))
        .collect();
    let of = |f: fn(&Figures) -> f64| runs.iter().map(f).sum::<f64>() / runs.len() as f64;
    Mean {
        delay_ms: of(|f| f.delay_ms),
        missing: of(|f| f.concealed + f.skipped),
    }
}

/// `NetEq`'s mean delay and the highest concealed share of its runs.
fn neteq(trace: &str) -> (f64, f64) {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../voicectl/bench/playout/traces/neteq-chromium-156.tsv"
    );
    let table = std::fs::read_to_string(path).unwrap();
    let line = table
        .lines()
        .find(|line| line.starts_with(&format!("{trace}\ton\t")))
        .unwrap();
    let columns: Vec<&str> = line.split('\t').collect();
    (columns[3].parse().unwrap(), columns[10].parse().unwrap())
}

/// What no buffer can play with these payloads, in percent: lost, and not repeated by the next
/// packet that arrived.
fn unrecoverable(trace: &str) -> f64 {
    let trace = shipped_trace(trace);
    let packets = &trace.packets;
    let lost = (250..packets.len() - 1)
        .filter(|&n| packets[n].arrival_ns.is_none())
        .filter(|&n| packets[n + 1].arrival_ns.is_none() || !has_lbrr(&PAYLOADS[n + 1]))
        .count();
    lost as f64 * 100.0 / (packets.len() - 250) as f64
}

#[test]
fn a_machine_waits_a_tenth_of_neteq_where_nothing_is_lost_or_reordered() {
    for trace in ["clean", "wifi-spikes", "lte", "handover", "step150", "dtx"] {
        let eager = mean(trace, Sink::Eager, Strategy::Balanced);
        let (neteq_ms, _) = neteq(trace);
        assert!(
            eager.delay_ms <= 0.1 * neteq_ms,
            "{trace}: {} ms",
            eager.delay_ms
        );
        assert!(
            eager.missing < 0.001,
            "{trace}: {} % missing",
            eager.missing
        );
    }
}

#[test]
fn a_machine_misses_nothing_that_arrives_and_waits_a_third_of_neteq() {
    for trace in ["gauss20", "loss2", "ge5", "g1050-f"] {
        let eager = mean(trace, Sink::Eager, Strategy::Balanced);
        let (neteq_ms, _) = neteq(trace);
        let unrecoverable = unrecoverable(trace);
        assert!(
            eager.delay_ms <= 0.35 * neteq_ms,
            "{trace}: {} ms",
            eager.delay_ms
        );
        assert!(
            eager.missing <= unrecoverable + 0.04,
            "{trace}: {} % missing, {unrecoverable} % lost for good",
            eager.missing
        );
    }
}

#[test]
fn an_ear_on_a_calm_network_waits_half_of_neteq() {
    // Half of NetEq's delay is allowed, as are the 10 ms by which its runs differ.
    for (trace, spare) in [("clean", 0.0), ("loss2", 0.0), ("ge5", 0.0), ("dtx", 0.03)] {
        let ear = mean(trace, Sink::Playout, Strategy::Balanced);
        let (neteq_ms, _) = neteq(trace);
        assert!(
            ear.delay_ms <= 0.5 * (neteq_ms + NETEQ_SPREAD_MS) + SPEECH_SPREAD_MS,
            "{trace}: {} ms",
            ear.delay_ms
        );
        // Beyond what is lost for good: late, or repaired too late.
        let spare = if trace == "loss2" || trace == "ge5" {
            0.1
        } else {
            spare
        };
        assert!(
            ear.missing <= unrecoverable(trace) + spare,
            "{trace}: {} % missing",
            ear.missing
        );
    }
}

#[test]
fn an_ear_on_a_spiky_network_waits_less_than_neteq_and_misses_no_more() {
    for (trace, ratio) in [
        ("wifi-spikes", 0.9),
        ("lte", 0.5),
        ("gauss20", 0.7),
        ("g1050-f", 0.7),
    ] {
        let ear = mean(trace, Sink::Playout, Strategy::Balanced);
        let (neteq_ms, neteq_missing) = neteq(trace);
        assert!(
            ear.delay_ms <= ratio * neteq_ms,
            "{trace}: {} ms",
            ear.delay_ms
        );
        assert!(
            ear.missing <= neteq_missing,
            "{trace}: {} % missing",
            ear.missing
        );
    }
}

#[test]
fn a_step_of_the_delay_costs_its_height_once_and_leaves_no_overshoot() {
    let ear = mean("step150", Sink::Playout, Strategy::Balanced);
    let (neteq_ms, _) = neteq("step150");
    assert!(ear.delay_ms <= 0.2 * neteq_ms, "{} ms", ear.delay_ms);
    // Of 150 ms in 55 s, the buffer's depth and what stretching wins in the meantime are not missed.
    assert!(ear.missing <= 0.225, "{} % missing", ear.missing);
}

#[test]
fn a_second_after_a_handover_the_delay_is_normal_again() {
    let trace = shipped_trace("handover");
    for phase_ns in PHASES_NS {
        let figures = run(&trace, &PAYLOADS, Settings::default(), phase_ns, false);
        // Nothing arrives from second 20 to 21 and from 45 to 46.
        for (before, after) in [(19, 22), (44, 47)] {
            let [before_ms, after_ms] = [before, after].map(|s: usize| figures.by_second_ms[s]);
            assert!(
                after_ms < before_ms + 20.0,
                "{before_ms} ms became {after_ms} ms"
            );
        }
    }
}

#[test]
fn a_strategy_with_larger_buffers_is_slower_and_misses_less() {
    for trace in ["wifi-spikes", "lte", "dtx"] {
        let [low, middle, high] = [
            Strategy::Conservative,
            Strategy::Balanced,
            Strategy::Aggressive,
        ]
        .map(|strategy| mean(trace, Sink::Playout, strategy));
        assert!(low.delay_ms < middle.delay_ms && middle.delay_ms < high.delay_ms);
        assert!(
            low.missing > middle.missing
                && (middle.missing > high.missing || middle.missing < NOTHING_MISSING)
        );
    }
}

#[test]
fn the_same_packets_at_the_same_times_give_the_same_samples() {
    let trace = shipped_trace("wifi-spikes");
    let run = || run(&trace, &PAYLOADS, Settings::default(), 0, true);
    let (once, again) = (run(), run());
    assert_eq!(once.stats, again.stats);
    assert!(once.pcm == again.pcm);
}

#[test]
fn dred_in_fewer_bits_than_lbrr_conceals_a_third_of_what_neteq_did() {
    let settings = EncoderSettings {
        bitrate_bps: 28_300,
        inband_fec: false,
        expected_loss_percent: 25,
        dred_duration_ms: 1_000,
        ..EncoderSettings::default()
    };
    let payloads = encode_with(&speech_like::speech_like(60, 1), &settings);
    let bytes = |payloads: &[Vec<u8>]| payloads.iter().map(Vec::len).sum::<usize>();
    assert!(bytes(&payloads) < bytes(&PAYLOADS));
    for name in ["loss2", "ge5", "g1050-f"] {
        let eager = Settings {
            sink: Sink::Eager,
            ..Settings::default()
        };
        let heard = run(&shipped_trace(name), &payloads, eager, 0, false);
        let missing = heard.concealed + heard.skipped;
        let (delay_ms, concealed) = neteq(name);
        assert!(missing < concealed / 3.0, "{name}: {missing} %");
        assert!(
            heard.delay_ms < delay_ms / 10.0,
            "{name}: {} ms",
            heard.delay_ms
        );
    }
}
