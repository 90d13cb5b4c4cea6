//! Fuzzed bytes, taken from the front. What is missing at the end reads as zero.

pub struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    pub const fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn u8(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    pub fn u16(&mut self) -> u16 {
        u16::from(self.u8()) << 8 | u16::from(self.u8())
    }

    pub fn u32(&mut self) -> u32 {
        u32::from(self.u16()) << 16 | u32::from(self.u16())
    }

    /// At most `count` bytes.
    pub fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// As many as the next byte says; 255 stands for a packet longer than any network carries.
    pub fn payload(&mut self) -> Vec<u8> {
        match self.u8() {
            255 => self.take(8).repeat(1_100),
            length => self.take(usize::from(length)).to_vec(),
        }
    }

    /// A step of time: mostly up to 25 ms, at times up to 6.5 s.
    pub fn wait_ns(&mut self) -> u64 {
        match self.u8() {
            longest @ 250.. => u64::from(longest - 249) * 1_100_000_000,
            short => u64::from(short) * 100_000,
        }
    }
}
