//! Transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1): which of the
//! packets that carry a transport's numbers came, and when.

use super::{Feedback, RtpError, TRANSPORT_FEEDBACK, slice, take, take_u16, write_packet};

const FORMAT: u8 = 15;
const FIXED_BYTES: usize = 8;
const CHUNK_BYTES: usize = 2;
/// The unit of arrival times.
pub const TICK_NS: u64 = 250_000;
/// The unit of the reference time: 64 ms.
const TICKS_PER_REFERENCE: i64 = 256;
/// Statuses that a message is believed to have. Nobody reports so many, and a message of a few
/// bytes that claims 65 535 would only cost time.
pub const MAX_STATUSES: u16 = 4096;

/// Statuses of packets, as in chunks.
const MISSING: u8 = 0;
const SMALL_DELTA: u8 = 1;
const LARGE_DELTA: u8 = 2;
const RESERVED: u8 = 3;

/// One message, checked to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransportCc<'a> {
    /// Of the first status.
    pub base_sequence_number: u16,
    /// How many packets it tells of.
    pub status_count: u16,
    /// What arrival times count from: 24 bits with a sign, in units of 64 ms.
    pub reference_time: i32,
    /// Counts the messages, modulo 2^8.
    pub feedback_count: u8,
    chunks: &'a [u8],
    deltas: &'a [u8],
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketStatus {
    /// The transport's number of it.
    pub sequence_number: u16,
    /// When it came, in units of 250 µs since the reference time; `None`: it has not.
    pub arrival_ticks: Option<i64>,
}

impl<'a> Feedback<'a> {
    /// Of a transport feedback message: what it says of the transport's packets. `None`: it is
    /// another message.
    ///
    /// # Errors
    /// Chunks or deltas that end before they should, a reserved status, no statuses, or more than
    /// [`MAX_STATUSES`].
    #[must_use]
    pub fn transport_cc(&self) -> Option<Result<TransportCc<'a>, RtpError>> {
        (self.format == FORMAT).then(|| TransportCc::parse(self.control_information))
    }
}

impl<'a> TransportCc<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, RtpError> {
        let status_count = take_u16(bytes, 2)?;
        if !(1..=MAX_STATUSES).contains(&status_count) {
            return Err(RtpError::PacketStatuses);
        }
        let [high, middle, low, feedback_count] = take(bytes, 4)?;
        let (mut statuses, mut delta_bytes, mut end) = (0, 0, FIXED_BYTES);
        while statuses < status_count {
            let chunk = Chunk(take_u16(bytes, end)?);
            end += CHUNK_BYTES;
            for index in 0..chunk.len().min(status_count - statuses) {
                let status = chunk.status(index);
                if status == RESERVED {
                    return Err(RtpError::PacketStatuses);
                }
                delta_bytes += usize::from(status);
            }
            statuses = statuses.saturating_add(chunk.len());
        }
        Ok(Self {
            base_sequence_number: take_u16(bytes, 0)?,
            status_count,
            // The shift right extends the sign.
            reference_time: i32::from_be_bytes([high, middle, low, 0]) >> 8,
            feedback_count,
            chunks: &bytes[FIXED_BYTES..end],
            deltas: slice(bytes, end, end + delta_bytes)?,
        })
    }

    /// A status a packet, in the order of their numbers.
    pub fn packets(&self) -> impl Iterator<Item = PacketStatus> + 'a {
        let (chunks, _) = self.chunks.as_chunks::<CHUNK_BYTES>();
        let statuses = chunks.iter().flat_map(|chunk| {
            let chunk = Chunk(u16::from_be_bytes(*chunk));
            (0..chunk.len()).map(move |index| chunk.status(index))
        });
        let (mut deltas, mut ticks) = (self.deltas, 0_i64);
        let base = self.base_sequence_number;
        let numbered = statuses.take(usize::from(self.status_count)).enumerate();
        numbered.map(move |(index, status)| {
            // `parse` went the same way.
            let delta = match (status, deltas) {
                (SMALL_DELTA, [small, rest @ ..]) => {
                    deltas = rest;
                    Some(i64::from(*small))
                }
                (LARGE_DELTA, [high, low, rest @ ..]) => {
                    deltas = rest;
                    Some(i64::from(i16::from_be_bytes([*high, *low])))
                }
                _ => None,
            };
            ticks += delta.unwrap_or(0);
            PacketStatus {
                sequence_number: base.wrapping_add(index as u16),
                arrival_ticks: delta.map(|_| ticks),
            }
        })
    }
}

/// A run of one status, or a vector of a few.
#[derive(Clone, Copy)]
struct Chunk(u16);

impl Chunk {
    /// Statuses that it has room for.
    fn len(self) -> u16 {
        match (self.0 >> 15, self.0 >> 14 & 1) {
            (0, _) => self.0 & 0x1fff,
            (_, 0) => 14,
            _ => 7,
        }
    }

    fn status(self, index: u16) -> u8 {
        let status = match (self.0 >> 15, self.0 >> 14 & 1) {
            (0, _) => self.0 >> 13 & 3,
            (_, 0) => self.0 >> (13 - index) & 1,
            _ => self.0 >> (12 - 2 * index) & 3,
        };
        status as u8
    }

    fn run(status: u8, length: usize) -> Self {
        Self(u16::from(status) << 13 | length as u16)
    }

    /// Of 14 statuses below 2, or of seven of any kind; those that are not there are zeros.
    fn vector(statuses: &[u8], bits: usize) -> Self {
        let shift = |index: usize| 14 - bits * (index + 1);
        let indexed = statuses.iter().enumerate();
        let symbols = indexed.fold(0, |sum, (index, status)| {
            sum | u16::from(*status) << shift(index)
        });
        Self(1 << 15 | (bits as u16 - 1) << 14 | symbols)
    }

    /// The chunk that says most of `statuses`, and how many those are.
    fn first_of(statuses: &[u8]) -> (Self, usize) {
        let Some(first) = statuses.first() else {
            return (Self(0), 0);
        };
        let run = statuses.iter().take_while(|status| *status == first);
        let run = run.count().min(0x1fff);
        let single = statuses.iter().take_while(|status| **status < 2);
        let single = single.take(14).count();
        let is_single = single == statuses.len().min(14);
        let vector = if is_single {
            single
        } else {
            statuses.len().min(7)
        };
        if run >= vector {
            (Self::run(*first, run), run)
        } else {
            let bits = if is_single { 1 } else { 2 };
            (Self::vector(&statuses[..vector], bits), vector)
        }
    }
}

/// Appends a message on the packets from `base_sequence_number` on, each with its time of arrival
/// on any scale in units of 250 µs, and tells how many of them it has: those after a gap of more
/// than eight seconds are for another message, and those after `N`. Where none has come it appends
/// nothing.
pub fn write_transport_cc<const N: usize>(
    datagram: &mut Vec<u8>,
    (sender_ssrc, media_ssrc): (u32, u32),
    feedback_count: u8,
    base_sequence_number: u16,
    arrivals: impl Iterator<Item = Option<i64>> + Clone,
) -> usize {
    let Some(first) = arrivals.clone().flatten().next() else {
        return 0;
    };
    let reference = first.div_euclid(TICKS_PER_REFERENCE);
    let mut statuses = [MISSING; N];
    let (mut count, mut last) = (0, reference * TICKS_PER_REFERENCE);
    for (arrival, status) in arrivals.clone().zip(&mut statuses) {
        if let Some(ticks) = arrival {
            *status = match ticks - last {
                0..=255 => SMALL_DELTA,
                -32_768..=32_767 => LARGE_DELTA,
                _ => break,
            };
            last = ticks;
        }
        count += 1;
    }
    write_packet(datagram, TRANSPORT_FEEDBACK, FORMAT, |body| {
        body.extend_from_slice(&sender_ssrc.to_be_bytes());
        body.extend_from_slice(&media_ssrc.to_be_bytes());
        body.extend_from_slice(&base_sequence_number.to_be_bytes());
        body.extend_from_slice(&(count as u16).to_be_bytes());
        body.extend_from_slice(&(reference as u32).to_be_bytes()[1..]);
        body.push(feedback_count);
        let mut rest = &statuses[..count];
        while !rest.is_empty() {
            let (chunk, length) = Chunk::first_of(rest);
            body.extend_from_slice(&chunk.0.to_be_bytes());
            rest = &rest[length..];
        }
        let mut last = reference * TICKS_PER_REFERENCE;
        for (arrival, status) in arrivals.zip(&statuses[..count]) {
            let Some(ticks) = arrival else {
                continue;
            };
            let delta = (ticks - last) as i16;
            last = ticks;
            if *status == SMALL_DELTA {
                body.push(delta as u8);
            } else {
                body.extend_from_slice(&delta.to_be_bytes());
            }
        }
    });
    count
}

#[cfg(test)]
mod tests {
    use super::super::{Compound, RtcpPacket};
    use super::*;
    use proptest::prelude::*;

    fn read(control_information: &[u8]) -> Result<TransportCc<'_>, RtpError> {
        let feedback = Feedback {
            format: FORMAT,
            sender_ssrc: 1,
            media_ssrc: 2,
            control_information,
        };
        feedback.transport_cc().unwrap()
    }

    fn of_datagram(datagram: &[u8]) -> TransportCc<'_> {
        let packet = Compound::parse(datagram).unwrap().packets().next();
        let Some(RtcpPacket::TransportFeedback(feedback)) = packet else {
            panic!("{packet:?}");
        };
        feedback.transport_cc().unwrap().unwrap()
    }

    fn arrivals(message: &TransportCc<'_>) -> Vec<Option<i64>> {
        message
            .packets()
            .map(|packet| packet.arrival_ticks)
            .collect()
    }

    #[test]
    fn runs_vectors_and_deltas_are_read_as_in_section_3_1() {
        let bytes = [
            0xff,
            0xfe,
            0,
            24, // from 65 534 on, 24 packets
            0xff,
            0xff,
            0xfe,
            7, // reference -2, message 7
            0b0010_0000,
            2, // a run: two small
            0b1010_0000,
            0b0000_0001, // 14 of one bit: the first and the last
            0b1101_1000,
            0b0000_0000, // seven of two bits: small, large
            0b0000_0000,
            9, // a run beyond the count: one more missing
            4,
            8,
            255,
            0,
            1,
            0xff,
            0xff,
        ];
        let message = read(&bytes).unwrap();
        assert_eq!((message.reference_time, message.feedback_count), (-2, 7));
        let packets: Vec<_> = message.packets().collect();
        assert_eq!(packets.len(), 24);
        let came = packets
            .iter()
            .filter_map(|packet| Some((packet.sequence_number, packet.arrival_ticks?)));
        let expected = [
            (65_534, 4),
            (65_535, 12),
            (0, 267),
            (13, 267),
            (14, 268),
            (15, 267),
        ];
        assert_eq!(came.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn messages_that_do_not_add_up_are_refused() {
        let statuses = Err(RtpError::PacketStatuses);
        assert_eq!(read(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), statuses);
        assert_eq!(read(&[0, 0, 0xff, 0xff, 0, 0, 0, 0, 0x1f, 0xff]), statuses);
        assert_eq!(read(&[0, 0, 0, 1, 0, 0, 0, 0, 0x60, 1, 0, 0]), statuses);
        for short in [
            &[0, 0, 0, 3, 0, 0, 0, 0][..],
            &[0, 0, 0, 3, 0, 0, 0, 0, 0x20, 3, 1, 1],
            // Runs of none never get there.
            &[0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0],
        ] {
            assert!(
                matches!(read(short), Err(RtpError::Truncated { .. })),
                "{short:?}"
            );
        }
    }

    #[test]
    fn five_packets_in_time_take_a_run_and_a_byte_each() {
        let mut datagram = Vec::new();
        let times = (0..5).map(|n| Some(1000 + 80 * n));
        let count = write_transport_cc::<64>(&mut datagram, (1, 2), 3, 65_533, times);
        assert_eq!(count, 5);
        let expected = [
            0xaf, 205, 0, 6, 0, 0, 0, 1, 0, 0, 0, 2, 0xff, 0xfd, 0, 5, 0, 0, 3, 3, //
            0x20, 5, 232, 80, 80, 80, 80, 1,
        ];
        assert_eq!(datagram, expected);
    }

    #[test]
    fn gap_that_no_delta_can_say_is_left_for_another_message() {
        let mut datagram = Vec::new();
        let times = [Some(0), None, Some(40_000), Some(40_001)];
        let count = write_transport_cc::<64>(&mut datagram, (1, 2), 0, 5, times.into_iter());
        assert_eq!(count, 2);
        assert_eq!(arrivals(&of_datagram(&datagram)), [Some(0), None]);
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_back(
            base: u16,
            first in 0i64..1 << 50,
            missing in 0usize..20,
            steps in proptest::collection::vec(
                proptest::option::weighted(
                    0.8, prop_oneof![0i64..200, -300i64..300, -32_768i64..32_768]
                ),
                0..100,
            ),
        ) {
            let mut ticks = first;
            let later = steps.iter().map(|step| step.map(|step| {
                ticks += step;
                ticks
            }));
            let before = std::iter::repeat_n(None, missing);
            let times: Vec<Option<i64>> = before.chain([Some(first)]).chain(later).collect();
            let mut datagram = Vec::new();
            let written = times.iter().copied();
            let count = write_transport_cc::<128>(&mut datagram, (1, 2), 9, base, written);
            prop_assert_eq!(count, times.len());
            prop_assert_eq!(datagram.len() % 4, 0);
            let message = of_datagram(&datagram);
            prop_assert_eq!(message.base_sequence_number, base);
            let reference = first.div_euclid(256);
            prop_assert_eq!(message.reference_time, (reference << 40 >> 40) as i32);
            let read: Vec<_> = arrivals(&message)
                .into_iter()
                .map(|ticks| ticks.map(|ticks| ticks + reference * 256))
                .collect();
            prop_assert_eq!(read, times);
        }

        #[test]
        fn arbitrary_bytes_are_a_message_or_an_error(
            bytes in proptest::collection::vec(any::<u8>(), 0..80),
            count in 0u8..100,
        ) {
            let mut bytes = bytes;
            if let [_, _, high, low, ..] = &mut bytes[..] {
                (*high, *low) = (0, count);
            }
            if let Ok(message) = read(&bytes) {
                prop_assert_eq!(message.packets().count(), usize::from(count));
            }
        }
    }
}
