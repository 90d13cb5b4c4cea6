use super::arrival_delay::WINDOW_NS;

/// What listens.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Sink {
    /// An ear or a recording: 480 samples at each 10 ms tick.
    #[default]
    Playout,
    /// A machine: frames in order as soon as they are there.
    Eager,
}

/// Which way an ear's buffer leans.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Strategy {
    /// Small buffers: the lowest delay, the least resilience.
    Conservative,
    /// Between the two.
    #[default]
    Balanced,
    /// Larger buffers: stability first.
    Aggressive,
}

/// How a jitter buffer behaves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Settings {
    /// What listens.
    pub sink: Sink,
    /// Which way [`Sink::Playout`] leans; [`Sink::Eager`] has no playout delay to choose.
    pub strategy: Strategy,
    /// The longest that [`Sink::Eager`] holds frames back for a repair.
    pub repair_budget_ms: u16,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            sink: Sink::Playout,
            strategy: Strategy::Balanced,
            repair_budget_ms: 120,
        }
    }
}

/// The constants in which the strategies differ.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Leaning {
    /// The playout delay before anything was measured.
    pub(super) start_ms: f32,
    /// The delay that one percent of concealed time is worth.
    pub(super) ms_per_concealed_percent: f32,
    /// How long the delay of a spike is kept before the buffer shrinks again.
    pub(super) linger_ms: u32,
    /// A packet later than this belongs to an outage, which no buffer is meant to cover as long as
    /// it is rare.
    pub(super) outage_ms: f32,
    /// How much a change of the delay must gain, in milliseconds of delay, to be worth the edit.
    pub(super) worthwhile_ms: f32,
}

impl Strategy {
    pub(super) const fn leaning(self) -> Leaning {
        match self {
            Self::Conservative => Leaning {
                start_ms: 20.0,
                ms_per_concealed_percent: 40.0,
                linger_ms: 500,
                outage_ms: 100.0,
                worthwhile_ms: 3.0,
            },
            Self::Balanced => Leaning {
                start_ms: 40.0,
                ms_per_concealed_percent: 250.0,
                linger_ms: 1_000,
                outage_ms: 200.0,
                worthwhile_ms: 5.0,
            },
            Self::Aggressive => Leaning {
                start_ms: 60.0,
                ms_per_concealed_percent: 800.0,
                linger_ms: 4_000,
                outage_ms: 400.0,
                worthwhile_ms: 6.0,
            },
        }
    }
}

impl Leaning {
    /// The windows of arrivals that a spike is kept for, besides the current one.
    pub(super) const fn linger_windows(&self) -> usize {
        (self.linger_ms as u64 * 1_000_000 / WINDOW_NS) as usize
    }
}
