//! Recorded or generated arrival times. The product reads them from files in voicectl/netem/trace.py.

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
    /// As they were sent.
    pub packets: Vec<TracePacket>,
}
