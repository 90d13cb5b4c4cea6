//! How late packets come, relative to the fastest of their time.
//!
//! Nothing here knows the network's true delay or the sender's clock: what counts is how much
//! later than the fastest packet of the last seconds a packet comes. A window that short takes
//! the drift of the two clocks with it (a drift of 200 ppm moves it by 0.4 ms).

use super::samples_to_ns;

/// The length of a window of which the slowest packet is remembered. Late packets come in
/// groups; one number for each group is what the target is chosen from.
pub(super) const WINDOW_NS: u64 = 500_000_000;

/// How many windows are remembered: the long memory, 40 s.
pub(super) const WINDOWS: usize = 80;

/// The fastest packet is sought in this many windows, besides the current one.
const FASTEST_OF_WINDOWS: usize = 4;

/// Two sides of a window whose fastest packets differ more than this are two states of the
/// network: a step of the delay, not a packet that was late.
const STEP_NS: i64 = 20_000_000;

/// The packets from which it is seen that the delay swells.
const RECENT_PACKETS: usize = 8;

/// Frames further apart than this are not one stretch of voice: 120 ms.
const LONGEST_STEP_SAMPLES: i64 = 5_760;

#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_field_names, reason = "the unit ends the name")]
struct Window {
    start_ns: u64,
    fastest_ns: i64,
    slowest_ns: i64,
}

/// Transit times (arrival minus media time, on no common clock) by window, newest first.
#[derive(Debug)]
pub(super) struct ArrivalDelay {
    /// The current window is the first.
    windows: [Window; WINDOWS],
    count: usize,
    /// The transit times of the last packets in the order of their media, newest first.
    recent: [i64; RECENT_PACKETS],
    newest_media: i64,
}

impl ArrivalDelay {
    pub(super) fn new() -> Self {
        Self {
            windows: [Window {
                start_ns: 0,
                fastest_ns: 0,
                slowest_ns: 0,
            }; WINDOWS],
            count: 0,
            recent: [0; RECENT_PACKETS],
            newest_media: i64::MIN,
        }
    }

    /// Takes a packet's arrival in. True when a window has closed with it.
    pub(super) fn observe(&mut self, media: i64, arrival_ns: u64) -> bool {
        let transit_ns = transit_ns(media, arrival_ns);
        self.follow(media, transit_ns);
        if self.count > 0 {
            let current = &mut self.windows[0];
            if arrival_ns.saturating_sub(current.start_ns) < WINDOW_NS {
                current.fastest_ns = current.fastest_ns.min(transit_ns);
                current.slowest_ns = current.slowest_ns.max(transit_ns);
                return false;
            }
        }
        self.windows.rotate_right(1);
        self.windows[0] = Window {
            start_ns: arrival_ns,
            fastest_ns: transit_ns,
            slowest_ns: transit_ns,
        };
        self.count = (self.count + 1).min(WINDOWS);
        true
    }

    /// Packets on both sides of a pause say nothing about how the delay moves.
    fn follow(&mut self, media: i64, transit_ns: i64) {
        if media <= self.newest_media {
            return;
        }
        if self.newest_media == i64::MIN || media - self.newest_media > LONGEST_STEP_SAMPLES {
            self.recent.fill(transit_ns);
        } else {
            self.recent.rotate_right(1);
            self.recent[0] = transit_ns;
        }
        self.newest_media = media;
    }

    /// The slowest of the last few packets, in milliseconds after the fastest.
    pub(super) fn latest_slowest_ms(&self) -> f32 {
        let slowest_ns = self.recent.iter().copied().max().unwrap_or(0);
        (slowest_ns - self.fastest_ns()).max(0) as f32 / 1e6
    }

    /// How late the packet after the next will be, in milliseconds after the fastest, if the
    /// delay has been swelling from packet to packet and goes on to: a line through the last ones
    /// that rises by more than they scatter around it, and not in one jump, which is over.
    pub(super) fn swelling_to_ms(&self) -> Option<f32> {
        let count = RECENT_PACKETS as f32;
        let middle = (count - 1.0) / 2.0;
        let fastest_ns = self.fastest_ns();
        let late_ms = self.recent.map(|ns| (ns - fastest_ns) as f32 / 1e6);
        let mean_ms = late_ms.iter().sum::<f32>() / count;
        // Newest first: age counts backwards.
        let (mut rise, mut span) = (0.0, 0.0);
        for (age, ms) in late_ms.iter().enumerate() {
            let x = middle - age as f32;
            rise += x * (ms - mean_ms);
            span += x * x;
        }
        let slope_ms = rise / span;
        let mut scatter = 0.0;
        for (age, ms) in late_ms.iter().enumerate() {
            let line_ms = mean_ms + slope_ms * (middle - age as f32);
            scatter += (ms - line_ms) * (ms - line_ms);
        }
        let scatter_ms = (scatter / count).sqrt();
        let jump_ms = late_ms.windows(2).map(|pair| pair[0] - pair[1]);
        let highest_jump_ms = jump_ms.fold(0.0, f32::max);
        let rising = slope_ms > 1.5
            && slope_ms * count > 4.0 * scatter_ms
            && highest_jump_ms < slope_ms * count / 2.0;
        rising.then_some(mean_ms + slope_ms * (middle + 2.0) + scatter_ms)
    }

    /// The fastest transit of the last two seconds in which packets came.
    pub(super) fn fastest_ns(&self) -> i64 {
        self.windows[..self.count]
            .iter()
            .take_while(|window| self.is_recent(window))
            .map(|window| window.fastest_ns)
            .min()
            .unwrap_or(0)
    }

    fn is_recent(&self, window: &Window) -> bool {
        let age_ns = self.windows[0].start_ns.saturating_sub(window.start_ns);
        age_ns <= FASTEST_OF_WINDOWS as u64 * WINDOW_NS + WINDOW_NS / 2
    }

    /// How long after the fastest packet's this moment is, for the media that starts at `media`.
    pub(super) fn relative_ns(&self, media: i64, at_ns: u64) -> i64 {
        transit_ns(media, at_ns) - self.fastest_ns()
    }

    /// When media is there at the earliest, going by the fastest packet.
    pub(super) fn earliest_ns(&self, media: i64) -> u64 {
        (samples_to_ns(media) + self.fastest_ns()).max(0) as u64
    }

    /// The slowest packet of each window relative to the fastest around it, in milliseconds,
    /// newest first.
    pub(super) fn slowest_ms(&self) -> impl Iterator<Item = f32> {
        (0..self.count).map(|index| {
            let slowest_ns = self.windows[index].slowest_ns;
            (slowest_ns - self.fastest_around_ns(index)).max(0) as f32 / 1e6
        })
    }

    /// The slowest packet of the last `windows` windows and the current one.
    pub(super) fn recent_slowest_ms(&self, windows: usize) -> f32 {
        let fastest_ns = self.fastest_ns();
        self.windows[..self.count]
            .iter()
            .take(windows + 1)
            .map(|window| (window.slowest_ns - fastest_ns).max(0) as f32 / 1e6)
            .fold(0.0, f32::max)
    }

    /// What a packet of this window could have been as fast as: the fastest before and after it,
    /// or, where the delay made a step in between, the fastest on its own side.
    fn fastest_around_ns(&self, index: usize) -> i64 {
        let newest = index.saturating_sub(FASTEST_OF_WINDOWS);
        let oldest = (index + FASTEST_OF_WINDOWS).min(self.count - 1);
        let fastest = |windows: &[Window]| windows.iter().map(|w| w.fastest_ns).min().unwrap_or(0);
        let after = fastest(&self.windows[newest..=index]);
        let before = fastest(&self.windows[index..=oldest]);
        if (after - before).abs() > STEP_NS {
            after.max(before)
        } else {
            after.min(before)
        }
    }
}

fn transit_ns(media: i64, at_ns: u64) -> i64 {
    at_ns as i64 - samples_to_ns(media)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn observed(delays_ms: impl IntoIterator<Item = u64>) -> ArrivalDelay {
        let mut delay = ArrivalDelay::new();
        for (n, delay_ms) in delays_ms.into_iter().enumerate() {
            delay.observe(n as i64 * 960, (n as u64 * 20 + delay_ms) * MS);
        }
        delay
    }

    #[test]
    fn delay_is_relative_to_the_fastest_packet() {
        let delay = observed([130, 105, 140, 100]);
        assert_eq!(delay.relative_ns(4 * 960, (80 + 150) * MS), 50_000_000);
    }

    #[test]
    fn a_step_of_the_delay_is_not_remembered_as_late_packets() {
        let delay = observed((0..400).map(|n| if n < 200 { 30 } else { 180 }));
        let slowest: Vec<f32> = delay.slowest_ms().collect();
        assert!(slowest.iter().filter(|&&ms| ms > 100.0).count() <= 1);
        assert_eq!(delay.relative_ns(400 * 960, (8_000 + 180) * MS), 0);
    }

    #[test]
    fn drift_of_a_thousand_ppm_adds_no_more_than_it_makes_in_a_few_seconds() {
        let mut delay = ArrivalDelay::new();
        for n in 0..3_000_u64 {
            delay.observe(n as i64 * 960, (n * 20_020 + 50_000) * 1_000);
        }
        assert!(delay.slowest_ms().all(|ms| ms < 5.0));
    }

    #[test]
    fn a_delay_that_rises_from_packet_to_packet_swells_and_one_that_jumped_does_not() {
        let swelling = observed((0..40).map(|n| 30 + 8 * n));
        assert!(swelling.swelling_to_ms().is_some());
        for jumped_ago in 1..8 {
            let jumped = observed((0..40).map(|n| if n < 40 - jumped_ago { 30 } else { 180 }));
            assert_eq!(jumped.swelling_to_ms(), None, "{jumped_ago} packets ago");
        }
    }

    #[test]
    fn one_late_packet_is_the_slowest_of_its_window() {
        let delay = observed((0..100).map(|n| if n == 60 { 90 } else { 30 }));
        let slowest: Vec<f32> = delay.slowest_ms().collect();
        assert!((slowest.iter().copied().fold(0.0, f32::max) - 60.0).abs() < 0.1);
    }
}
