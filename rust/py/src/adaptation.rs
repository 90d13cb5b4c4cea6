//! How a sender fits the network.

use pyo3::prelude::*;
use voicectl_media::engine::{AdaptationStats, Limit, LossProtection};

const NS_PER_MS: f64 = 1e6;

#[pyclass(module = "voicectl._native", frozen, get_all)]
pub(crate) struct Adaptation {
    preset: &'static str,
    bitrate_bps: u32,
    frame_ms: u32,
    complexity: u8,
    budget_bps: u32,
    limit: &'static str,
    loss_percent: f64,
    protection: &'static str,
    queue_delay_ms: Option<f64>,
    maximum_bps: Option<u64>,
    changes: u64,
    congestions: u64,
}

impl From<AdaptationStats> for Adaptation {
    fn from(stats: AdaptationStats) -> Self {
        Self {
            preset: stats.preset.name(),
            bitrate_bps: stats.plan.bitrate_bps,
            frame_ms: stats.plan.frame_ms,
            complexity: stats.plan.complexity,
            budget_bps: stats.budget_bps,
            limit: match stats.limit {
                Limit::None => "none",
                Limit::Preset => "preset",
                Limit::Peer => "peer",
                Limit::Queue => "queue",
                Limit::Loss => "loss",
                Limit::Silence => "silence",
            },
            loss_percent: f64::from(stats.loss_percent),
            protection: match stats.protection {
                LossProtection::None => "none",
                LossProtection::Lbrr => "lbrr",
                LossProtection::Repeat => "repeat",
                LossProtection::Burst => "burst",
            },
            queue_delay_ms: stats.queue_delay_ns.map(|ns| ns as f64 / NS_PER_MS),
            maximum_bps: stats.maximum_bps,
            changes: stats.changes,
            congestions: stats.congestions,
        }
    }
}
