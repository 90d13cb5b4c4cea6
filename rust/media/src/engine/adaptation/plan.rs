//! From what the path may be given to how the voice is sent.

use super::super::redundancy::Redundancy;
use super::super::settings::longest_frame_ms;
use super::preset::Bounds;
use super::protection::LossProtection;

/// IPv4, UDP, RTP and SRTP's tag: what each packet costs beside its payload.
const OVERHEAD_BYTES: u32 = 20 + 8 + 12 + 10;
/// Frames there are, the shortest first, and the bitrate below which a longer one sounds better for
/// the same bits: headers take the rest.
const FRAMES: [(u32, u32); 4] = [(10, 24_000), (20, 16_000), (40, 12_000), (60, 0)];
/// A frame gets shorter again, and RED comes back, only with so much to spare.
const SPARE: f32 = 1.2;
/// Below this CPU buys more than bits do.
const DEAR_BPS: u32 = 14_000;
const DEAR_COMPLEXITY: u8 = 10;
/// Smaller changes of the bitrate are not made: up for the ear's sake, down for the path's.
const WORTHWHILE_UP: f32 = 0.15;
const WORTHWHILE_DOWN: f32 = 0.06;
/// What the encoder is told of loss, in percent: each change costs it a little.
const EXPECTED_LOSSES: [u8; 4] = [5, 10, 20, 30];
/// A lower one comes when loss is below this share of the one in use.
const LESS_LOSS: f32 = 0.35;
/// Covers bursts of ten packets.
const DRED_MS: u16 = 200;

/// How the voice is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Of the encoder.
    pub bitrate_bps: u32,
    /// Audio in a packet.
    pub frame_ms: u32,
    /// Of the encoder, 0 to 10.
    pub complexity: u8,
    /// Against loss.
    pub redundancy: Redundancy,
}

/// What the peer can use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Usable {
    pub(in super::super) red: bool,
    pub(in super::super) dred: bool,
    /// Bits per second that the peer asks for at most (RFC 7587 §6.1).
    pub(in super::super) max_bps: Option<u32>,
    /// Audio that the peer takes in a packet.
    pub(in super::super) max_frame_ms: Option<u32>,
    /// What a header extension adds to each packet.
    pub(in super::super) extension_bytes: u32,
}

impl Usable {
    /// What each packet costs beside its payload.
    pub(super) fn overhead_bytes(self) -> u32 {
        OVERHEAD_BYTES + self.extension_bytes
    }
}

/// What a plan is made for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) budget_bps: f32,
    pub(super) loss_percent: f32,
    pub(super) protection: LossProtection,
}

/// On the wire for a bitrate.
pub(super) fn wire_bps(bitrate_bps: u32, frame_ms: u32, red_frames: u8, usable: Usable) -> f32 {
    let copies = 1 + u32::from(red_frames);
    (bitrate_bps * copies + overhead_bps(frame_ms, red_frames, usable)) as f32
}

fn overhead_bps(frame_ms: u32, red_frames: u8, usable: Usable) -> u32 {
    // RFC 2198 §3: four bytes for each earlier frame, one for the last.
    let red_bytes = match red_frames {
        0 => 0,
        frames => 4 * u32::from(frames) + 1,
    };
    (usable.overhead_bytes() + red_bytes) * 8 * 1000 / frame_ms
}

impl Plan {
    /// The plan for `wanted`, near `self`, which is in use.
    pub(super) fn next(&self, wanted: &Wanted, bounds: &Bounds, usable: Usable) -> Self {
        let redundancy = self.redundancy_for(wanted, usable);
        let max_bps = usable
            .max_bps
            .unwrap_or(u32::MAX)
            .clamp(bounds.min_bps, bounds.max_bps);
        let (red_frames, frame_ms) =
            self.fit(wanted.budget_bps, redundancy.red_frames, bounds, usable);
        let left = wanted.budget_bps - overhead_bps(frame_ms, red_frames, usable) as f32;
        let affordable = (left / f32::from(1 + red_frames)).max(0.0) as u32;
        let bitrate_bps = affordable.clamp(bounds.min_bps, max_bps) / 500 * 500;
        let ratio = bitrate_bps as f32 / self.bitrate_bps.max(1) as f32;
        // The most that there is to have is worth a small step.
        let is_near = (1.0 - WORTHWHILE_DOWN..1.0 + WORTHWHILE_UP).contains(&ratio)
            && (bitrate_bps < max_bps || self.bitrate_bps == bitrate_bps);
        let is_same_shape = (frame_ms, red_frames) == (self.frame_ms, self.redundancy.red_frames);
        let bitrate_bps = if is_near && is_same_shape && self.bitrate_bps <= max_bps {
            self.bitrate_bps
        } else {
            bitrate_bps
        };
        Self {
            bitrate_bps,
            frame_ms,
            complexity: if bitrate_bps < DEAR_BPS {
                DEAR_COMPLEXITY
            } else {
                bounds.complexity
            },
            redundancy: Redundancy {
                red_frames,
                ..redundancy
            },
        }
    }

    /// How many earlier frames fit, up to `red_wanted`, and in packets of which length.
    fn fit(&self, budget_bps: f32, red_wanted: u8, bounds: &Bounds, usable: Usable) -> (u8, u32) {
        let longest_ms = longest_frame_ms(usable.max_frame_ms.unwrap_or(u32::MAX));
        let allowed = bounds.shortest_frame_ms.min(longest_ms)..=longest_ms;
        for red_frames in (0..=red_wanted).rev() {
            for (frame_ms, comfortable) in FRAMES {
                // Repeating a long frame is worth less than a short frame that comes through.
                if !allowed.contains(&frame_ms) || red_frames > 0 && frame_ms > 40 {
                    continue;
                }
                let is_better = red_frames > self.redundancy.red_frames || frame_ms < self.frame_ms;
                let spare = if is_better && self.frame_ms > 0 {
                    SPARE
                } else {
                    1.0
                };
                // Less than the least is not sent, whatever a frame needs.
                let least_bps = comfortable.max(bounds.min_bps);
                if budget_bps >= spare * wire_bps(least_bps, frame_ms, red_frames, usable) {
                    return (red_frames, frame_ms);
                }
            }
        }
        (0, longest_ms)
    }

    fn redundancy_for(&self, wanted: &Wanted, usable: Usable) -> Redundancy {
        let with_dred = wanted.protection == LossProtection::Burst && usable.dred;
        let red_frames = match wanted.protection {
            LossProtection::None | LossProtection::Lbrr => 0,
            LossProtection::Repeat => 1,
            LossProtection::Burst if with_dred => 0,
            LossProtection::Burst => 2,
        };
        let expected = self.expected_loss_percent(wanted.loss_percent);
        Redundancy {
            inband_fec: wanted.protection > LossProtection::None && !with_dred,
            red_frames: if usable.red { red_frames } else { 0 },
            dred_duration_ms: if with_dred { DRED_MS } else { 0 },
            expected_loss_percent: match wanted.protection {
                LossProtection::None => 0,
                LossProtection::Burst => expected.max(10),
                _ => expected,
            },
        }
    }

    /// In steps, and down only when it is far below: loss goes up and down all the time.
    fn expected_loss_percent(&self, loss_percent: f32) -> u8 {
        let in_use = self.redundancy.expected_loss_percent;
        let stays = LESS_LOSS * f32::from(in_use)..=f32::from(in_use);
        if in_use > 0
            && (stays.contains(&loss_percent)
                || in_use == EXPECTED_LOSSES[0] && loss_percent <= f32::from(in_use))
        {
            return in_use;
        }
        let covers = |step: &u8| f32::from(*step) >= loss_percent;
        EXPECTED_LOSSES
            .into_iter()
            .find(covers)
            .unwrap_or(EXPECTED_LOSSES[3])
    }
}
