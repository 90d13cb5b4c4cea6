//! Recorded or generated arrival times: `seq,send_ms,arrival_ms`, an empty arrival is a loss.

/// One packet of a trace. Times are on the receiver's clock.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TracePacket {
    /// Which 20 ms frame of the stream it carries.
    pub frame: u32,
    /// When it was sent.
    pub send_ns: u64,
    /// When it arrived, or `None` for a lost one.
    pub arrival_ns: Option<u64>,
}

/// The packets of a trace in its own order.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Trace {
    /// As in the file.
    pub packets: Vec<TracePacket>,
}

/// A line that is no packet.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TraceError {
    /// Another number of columns than three.
    #[error("line {line}: expected seq,send_ms,arrival_ms")]
    Columns {
        /// Counted from 1.
        line: usize,
    },
    /// A column that is no number, negative, or beyond a day.
    #[error("line {line}: {column} is not a time or number: {text:?}")]
    Value {
        /// Counted from 1.
        line: usize,
        /// Its name.
        column: &'static str,
        /// What stands there.
        text: String,
    },
}

/// Times beyond a day are a mistake in the unit.
const LONGEST_MS: f64 = 86_400_000.0;

impl Trace {
    /// Reads the text of a trace. Lines that begin with `#` and the heading are passed over.
    ///
    /// # Errors
    /// [`TraceError`] with the first line that does not read.
    pub fn parse(text: &str) -> Result<Self, TraceError> {
        let mut packets = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') || line.starts_with("seq") {
                continue;
            }
            packets.push(parse_line(line, index + 1)?);
        }
        Ok(Self { packets })
    }

    /// The packets that arrive, in the order of their arrival; at the same time in that of their
    /// sending.
    #[must_use]
    pub fn arrivals(&self) -> Vec<(u64, TracePacket)> {
        let mut arrivals: Vec<_> = self
            .packets
            .iter()
            .filter_map(|packet| packet.arrival_ns.map(|ns| (ns, *packet)))
            .collect();
        arrivals.sort_by_key(|&(arrival_ns, packet)| (arrival_ns, packet.frame));
        arrivals
    }
}

fn parse_line(text: &str, line: usize) -> Result<TracePacket, TraceError> {
    let mut columns = text.split(',');
    let (Some(frame), Some(send), Some(arrival), None) = (
        columns.next(),
        columns.next(),
        columns.next(),
        columns.next(),
    ) else {
        return Err(TraceError::Columns { line });
    };
    let frame = frame.trim();
    Ok(TracePacket {
        frame: frame.parse().map_err(|_| TraceError::Value {
            line,
            column: "seq",
            text: frame.to_owned(),
        })?,
        send_ns: parse_ms(send.trim(), line, "send_ms")?,
        arrival_ns: match arrival.trim() {
            "" => None,
            text => Some(parse_ms(text, line, "arrival_ms")?),
        },
    })
}

fn parse_ms(text: &str, line: usize, column: &'static str) -> Result<u64, TraceError> {
    match text.parse::<f64>() {
        Ok(ms) if (0.0..LONGEST_MS).contains(&ms) => Ok((ms * 1e6).round() as u64),
        _ => Err(TraceError::Value {
            line,
            column,
            text: text.to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_losses_and_fractions_of_a_millisecond_are_read() {
        let trace = Trace::parse("# name: x\nseq,send_ms,arrival_ms\n0,0.000,19.357\n1,20.000,\n");
        let packets = trace.unwrap().packets;
        assert_eq!(packets[0].arrival_ns, Some(19_357_000));
        assert_eq!(packets[1].arrival_ns, None);
        assert_eq!(packets[1].send_ns, 20_000_000);
    }

    #[test]
    fn a_bad_line_is_named_by_its_number() {
        let error = Trace::parse("# x\n0,0,1\n1,twenty,3\n").unwrap_err();
        assert_eq!(
            error.to_string(),
            "line 3: send_ms is not a time or number: \"twenty\""
        );
        for text in ["1,2", "1,2,3,4", "-1,2,3", "1,NaN,3", "1,2,1e300", "1,2,-3"] {
            assert!(Trace::parse(text).is_err(), "{text}");
        }
    }
}
