/// Which packets are lost.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Loss {
    /// None.
    #[default]
    None,
    /// Each for itself, with this probability.
    Independent(f64),
    /// E. N. Gilbert (1960) and E. O. Elliott (1963): a good and a bad state, drawn at each packet.
    GilbertElliott {
        /// From good to bad.
        enter: f64,
        /// From bad to good.
        leave: f64,
        /// The probability of loss in the good state.
        good_loss: f64,
        /// The probability of loss in the bad state.
        bad_loss: f64,
    },
}

impl Loss {
    /// Gilbert's model, where all is lost in the bad state and nothing in the good one: `share` of
    /// the packets, `burst` of them in a row on average.
    #[must_use]
    pub fn in_bursts(share: f64, burst: f64) -> Self {
        if burst <= 1.0 {
            return Self::Independent(share);
        }
        let leave = 1.0 / burst;
        let enter = if share < 1.0 {
            (share * leave / (1.0 - share)).min(1.0)
        } else {
            1.0
        };
        Self::GilbertElliott {
            enter,
            leave: if share < 1.0 { leave } else { 0.0 },
            good_loss: 0.0,
            bad_loss: 1.0,
        }
    }
}

/// How the delay of one packet differs from the next.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Jitter {
    /// Not at all.
    #[default]
    None,
    /// Around the base delay, with this standard deviation.
    Normal(u64),
    /// From the base delay up to this much more.
    Uniform(u64),
    /// Above the base delay, with this mean.
    Exponential(u64),
}

/// The narrowest link and its queue.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rate {
    /// Of everything, headers included.
    pub bits_per_second: u64,
    /// What would wait longer is dropped.
    pub queue_ns: u64,
}

/// A time for which the way is blocked at random moments; what waited comes at once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Blockage {
    /// Mean time between the beginnings.
    pub every_ns: u64,
    /// The shortest.
    pub shortest_ns: u64,
    /// The longest.
    pub longest_ns: u64,
}

/// A time for which the way is blocked, again and again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Outage {
    /// From one beginning to the next. The first comes when this has passed.
    pub every_ns: u64,
    /// For how long.
    pub during_ns: u64,
}

/// One direction of a simulated network. Its default changes nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Impairment {
    /// Which packets are lost.
    pub loss: Loss,
    /// The delay of every packet.
    pub delay_ns: u64,
    /// What some have more.
    pub jitter: Jitter,
    /// Whether jitter may change the order of packets.
    pub reorder: bool,
    /// Share of the packets that come twice.
    pub duplicate: f64,
    /// The narrowest link.
    pub rate: Option<Rate>,
    /// A busy channel.
    pub spikes: Option<Blockage>,
    /// A handover: what waited comes 2 ms apart.
    pub handover: Option<Outage>,
    /// What is sent meanwhile is lost.
    pub blackout: Option<Outage>,
    /// The other route takes this much longer; routes change each time `every_ns` has passed.
    pub flap: Option<Outage>,
    /// How much faster the receiver's clock runs than the sender's, in millionths.
    pub drift_ppm: f64,
}
