//! What a stream starts with and how far it goes, by the kind of network.

use super::protection::LossProtection;

/// The kinds of network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// A wired office, or two programs on a machine: bandwidth to spare, queues are a fault.
    Lan,
    /// A home's or an office's line: steady, with a modem's queue.
    Broadband,
    /// Wi-Fi and mobile networks: the rate changes, losses come now and then.
    Wireless,
    /// A far or crowded network: losses in bursts, delay all over the place.
    Lossy,
}

/// The constants in which they differ.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) start_bps: u32,
    pub(super) min_bps: u32,
    pub(super) max_bps: u32,
    /// Audio in a packet, at least.
    pub(super) shortest_frame_ms: u32,
    /// Of the encoder, 0 to 10.
    pub(super) complexity: u8,
    /// There is never less.
    pub(super) least_protection: LossProtection,
    /// A path that holds packets back for longer than this is congested.
    pub(super) queue_limit_ms: u32,
    /// One that loses more than this is tried with less: it may be.
    pub(super) congestion_loss_percent: f32,
}

impl Preset {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Lan, Self::Broadband, Self::Wireless, Self::Lossy];

    /// As people write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lan => "lan",
            Self::Broadband => "broadband",
            Self::Wireless => "wireless",
            Self::Lossy => "lossy",
        }
    }

    /// The one of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|preset| preset.name() == name)
    }

    pub(super) const fn bounds(self) -> Bounds {
        match self {
            Self::Lan => Bounds {
                start_bps: 32_000,
                min_bps: 16_000,
                max_bps: 64_000,
                shortest_frame_ms: 10,
                complexity: 9,
                least_protection: LossProtection::None,
                queue_limit_ms: 30,
                congestion_loss_percent: 2.0,
            },
            Self::Broadband => Bounds {
                start_bps: 32_000,
                min_bps: 12_000,
                max_bps: 40_000,
                shortest_frame_ms: 20,
                complexity: 9,
                least_protection: LossProtection::None,
                queue_limit_ms: 60,
                congestion_loss_percent: 3.0,
            },
            Self::Wireless => Bounds {
                start_bps: 24_000,
                min_bps: 8_000,
                max_bps: 32_000,
                shortest_frame_ms: 20,
                complexity: 9,
                least_protection: LossProtection::Lbrr,
                queue_limit_ms: 100,
                congestion_loss_percent: 5.0,
            },
            Self::Lossy => Bounds {
                start_bps: 24_000,
                min_bps: 6_000,
                max_bps: 24_000,
                shortest_frame_ms: 20,
                complexity: 10,
                least_protection: LossProtection::Repeat,
                queue_limit_ms: 150,
                congestion_loss_percent: 10.0,
            },
        }
    }
}
