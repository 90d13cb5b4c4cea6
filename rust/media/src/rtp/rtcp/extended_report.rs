//! Extended reports (RFC 3611): of their blocks those that tell how loss is spread.

use super::{RtpError, slice, take_u16, take_u32};

const LOSS_RLE: u8 = 1;

/// XR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtendedReport<'a> {
    /// Who reports.
    pub ssrc: u32,
    blocks: &'a [u8],
}

/// How the losses of a stream are spread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LossPattern {
    /// Packets that the report is about.
    pub packets: u32,
    /// Those that were lost.
    pub lost: u32,
    /// Stretches without a packet in between that they make.
    pub bursts: u32,
}

impl LossPattern {
    /// Packets lost in a row, on average; 0 when none was.
    #[must_use]
    pub fn mean_burst_packets(&self) -> f32 {
        if self.bursts == 0 {
            0.0
        } else {
            self.lost as f32 / self.bursts as f32
        }
    }

    /// Takes note of the next packet.
    pub fn note(&mut self, lost: bool, before_was_lost: bool) {
        self.packets += 1;
        self.lost += u32::from(lost);
        self.bursts += u32::from(lost && !before_was_lost);
    }
}

impl<'a> ExtendedReport<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, RtpError> {
        let report = Self {
            ssrc: take_u32(body, 0)?,
            blocks: slice(body, 4, body.len())?,
        };
        let mut rest = report.blocks;
        while !rest.is_empty() {
            (_, rest) = split_block(rest)?;
        }
        Ok(report)
    }

    /// The loss of `source_ssrc` from its loss RLE blocks (§4.1), if there are any.
    #[must_use]
    pub fn loss_pattern(&self, source_ssrc: u32) -> Option<LossPattern> {
        let blocks = self.blocks_of(LOSS_RLE, source_ssrc);
        blocks.filter_map(read_loss_rle).last()
    }

    /// Whole blocks, header included.
    fn blocks_of(&self, block_type: u8, source_ssrc: u32) -> impl Iterator<Item = &'a [u8]> {
        let mut rest = self.blocks;
        let blocks = std::iter::from_fn(move || {
            let (block, after) = split_block(rest).ok()?;
            rest = after;
            Some(block)
        });
        blocks.filter(move |block| block[0] == block_type && take_u32(block, 4) == Ok(source_ssrc))
    }
}

fn split_block(bytes: &[u8]) -> Result<(&[u8], &[u8]), RtpError> {
    let end = 4 + 4 * usize::from(take_u16(bytes, 2)?);
    Ok((slice(bytes, 0, end)?, &bytes[end..]))
}

fn read_loss_rle(block: &[u8]) -> Option<LossPattern> {
    let begin = take_u16(block, 8).ok()?;
    let end = take_u16(block, 10).ok()?;
    // Thinned reports tell of each 2^T-th packet: their runs are no runs of packets.
    if block[1] & 0xf != 0 {
        return None;
    }
    let mut room = u32::from(end.wrapping_sub(begin));
    let mut pattern = LossPattern::default();
    let mut before_was_lost = false;
    let mut note = |lost: bool, count: u32| {
        for _ in 0..count.min(room) {
            pattern.note(lost, before_was_lost);
            before_was_lost = lost;
        }
        room -= count.min(room);
    };
    for chunk in block.get(12..)?.as_chunks::<2>().0 {
        let chunk = u16::from_be_bytes(*chunk);
        match (chunk >> 15, chunk) {
            (_, 0) => break,
            (0, _) => note(chunk >> 14 & 1 == 0, u32::from(chunk & 0x3fff)),
            _ => (0..15).rev().for_each(|bit| note(chunk >> bit & 1 == 0, 1)),
        }
    }
    Some(pattern)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn report(blocks: &[u8]) -> Vec<u8> {
        let mut body = vec![0, 0, 0, 9];
        body.extend(blocks);
        body
    }

    #[test]
    fn losses_are_counted_from_runs_and_bits() {
        let body = report(&[
            1,
            0,
            0,
            4,
            0,
            0,
            0,
            7,
            0xff,
            0xf0,
            0,
            20, // 36 packets of source 7
            0x40,
            10, // ten came
            0x00,
            3, // three lost
            0b1111_1101,
            0b1001_1111, // of 15: one lost, then two
            0,
            0,
        ]);
        let xr = ExtendedReport::parse(&body).unwrap();
        let pattern = xr.loss_pattern(7).unwrap();
        assert_eq!((pattern.packets, pattern.lost, pattern.bursts), (28, 6, 3));
        assert!((pattern.mean_burst_packets() - 2.0).abs() < 1e-6);
        assert_eq!(xr.loss_pattern(8), None);
    }

    #[test]
    fn block_beyond_the_end_is_refused() {
        assert!(ExtendedReport::parse(&report(&[1, 0, 0, 9, 0, 0, 0, 7])).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_report_or_an_error(
            bytes in proptest::collection::vec(any::<u8>(), 0..120),
            begins: bool,
        ) {
            let mut body = report(if begins { &[1, 0, 0, 12, 0, 0, 0, 7] } else { &[] });
            body.extend(bytes);
            if let Ok(xr) = ExtendedReport::parse(&body)
                && let Some(pattern) = xr.loss_pattern(7)
            {
                prop_assert!(pattern.lost <= pattern.packets && pattern.packets <= 65_535);
                prop_assert!(pattern.bursts <= pattern.lost);
            }
        }
    }
}
