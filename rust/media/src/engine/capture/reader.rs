//! Reads a capture back, whatever became of the file.

use super::bytes::{Fields, crc32};
use super::damage::{Damage, DamageKind};
use super::record::Record;
use super::replay::CaptureError;
use super::{CHUNK_HEADER_BYTES, CHUNK_MAGIC, MAGIC, MAX_CHUNK_BYTES, VERSION};

const FILE_HEADER_BYTES: usize = MAGIC.len() + 4;
const TIME_BYTES: usize = 8;

/// Whether a file is a capture, by its first bytes.
#[must_use]
pub fn is_capture(file: &[u8]) -> bool {
    file.starts_with(&MAGIC)
}

/// A packet as the engine was given it: decrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceivedPacket<'a> {
    /// When it arrived, on the engine's clock.
    pub at_ns: u64,
    /// RTP or RTCP.
    pub packet: &'a [u8],
    /// Which of the two.
    pub is_rtcp: bool,
}

/// Where the records of one chunk lie in the file.
#[derive(Clone, Copy)]
struct Chunk {
    begin: usize,
    end: usize,
}

/// A capture that has been looked through once: its chunks found, its damage named.
pub struct CaptureReader {
    file: Vec<u8>,
    chunks: Vec<Chunk>,
    damage: Vec<Damage>,
}

impl CaptureReader {
    /// Looks a file through.
    ///
    /// # Errors
    /// It is no capture, or one of another version.
    pub fn new(file: Vec<u8>) -> Result<Self, CaptureError> {
        if !is_capture(&file) {
            return Err(CaptureError::NoCapture);
        }
        let version = file.get(MAGIC.len()..MAGIC.len() + 2);
        let version = version.map_or(0, |bytes| u16::from_le_bytes([bytes[0], bytes[1]]));
        if version != VERSION {
            return Err(CaptureError::Version(version));
        }
        let mut reader = Self {
            file,
            chunks: Vec::new(),
            damage: Vec::new(),
        };
        reader.find_chunks();
        reader.check_records();
        Ok(reader)
    }

    /// What could not be used, in the order of the file.
    #[must_use]
    pub fn damage(&self) -> &[Damage] {
        &self.damage
    }

    /// The packets that the engine was given.
    pub fn received_packets(&self) -> impl Iterator<Item = ReceivedPacket<'_>> {
        self.records().filter_map(|record| match record {
            Record::Rtp { at_ns, packet } => Some(ReceivedPacket {
                at_ns,
                packet,
                is_rtcp: false,
            }),
            Record::Rtcp { at_ns, packet } => Some(ReceivedPacket {
                at_ns,
                packet,
                is_rtcp: true,
            }),
            _ => None,
        })
    }

    /// The records that can be read.
    fn records(&self) -> impl Iterator<Item = Record<'_>> {
        let mut cursor = Cursor::default();
        std::iter::from_fn(move || cursor.next(self))
    }

    fn find_chunks(&mut self) {
        let mut offset = FILE_HEADER_BYTES;
        while offset < self.file.len() {
            offset = self.find_chunk(offset);
        }
    }

    /// Takes what begins at `offset` and gives the offset behind it.
    fn find_chunk(&mut self, offset: usize) -> usize {
        let header = &self.file[offset..self.file.len().min(offset + CHUNK_HEADER_BYTES)];
        if !header.starts_with(&CHUNK_MAGIC[..header.len().min(CHUNK_MAGIC.len())]) {
            return self.skip(offset);
        }
        let word = |at: usize| {
            let bytes = header.get(at..at + 4)?;
            Some(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
        };
        let (Some(length), Some(checksum)) = (word(4), word(8)) else {
            self.note(offset, DamageKind::CutOff);
            return self.file.len();
        };
        let begin = offset + CHUNK_HEADER_BYTES;
        if length as usize > MAX_CHUNK_BYTES {
            return self.skip(offset);
        }
        let end = begin + length as usize;
        let Some(body) = self.file.get(begin..end) else {
            // A length that was damaged may point past chunks that are whole.
            if let Some(next) = self.next_magic(begin) {
                self.note(offset, DamageKind::Checksum);
                return next;
            }
            self.note(offset, DamageKind::CutOff);
            let end = self.file.len();
            self.chunks.push(Chunk { begin, end });
            return end;
        };
        if crc32(body) == checksum {
            self.chunks.push(Chunk { begin, end });
            return end;
        }
        self.note(offset, DamageKind::Checksum);
        let is_followed = self.file[end..].starts_with(&CHUNK_MAGIC) || end == self.file.len();
        if is_followed {
            end
        } else {
            self.next_magic(begin).unwrap_or(self.file.len())
        }
    }

    fn skip(&mut self, offset: usize) -> usize {
        let next = self.next_magic(offset + 1).unwrap_or(self.file.len());
        let skipped_bytes = (next - offset) as u64;
        self.note(offset, DamageKind::NoChunk { skipped_bytes });
        next
    }

    fn next_magic(&self, from: usize) -> Option<usize> {
        let found = self.file.get(from..)?.windows(CHUNK_MAGIC.len());
        let mut found = found.enumerate().filter(|(_, four)| *four == CHUNK_MAGIC);
        found.next().map(|(index, _)| from + index)
    }

    /// Reads every record once and cuts chunks short before one that does not parse.
    fn check_records(&mut self) {
        let mut damage = Vec::new();
        for chunk in &mut self.chunks {
            let is_cut_off = chunk.end == self.file.len() && {
                let last = self.damage.last();
                last.is_some_and(|last| last.kind == DamageKind::CutOff)
            };
            if let Some(readable_end) = first_unreadable(&self.file, *chunk) {
                if !is_cut_off {
                    damage.push(Damage {
                        offset: readable_end as u64,
                        kind: DamageKind::Record,
                    });
                }
                chunk.end = readable_end;
            }
        }
        self.damage.append(&mut damage);
        self.damage.sort_by_key(|damage| damage.offset);
    }

    fn note(&mut self, offset: usize, kind: DamageKind) {
        self.damage.push(Damage {
            offset: offset as u64,
            kind,
        });
    }
}

/// Where in the file the first record begins that does not parse.
fn first_unreadable(file: &[u8], chunk: Chunk) -> Option<usize> {
    let mut fields = Fields(&file[chunk.begin..chunk.end]);
    let Some(mut clock_ns) = fields.fixed_u64() else {
        return Some(chunk.begin);
    };
    while !fields.0.is_empty() {
        let begin = chunk.end - fields.0.len();
        if Record::read(&mut fields, &mut clock_ns).is_none() {
            return Some(begin);
        }
    }
    None
}

/// A place in a capture, which its reader can go on from.
#[derive(Default)]
pub(super) struct Cursor {
    chunk: usize,
    /// Of the next record within the file; 0: at the chunk's beginning.
    offset: usize,
    clock_ns: u64,
}

impl Cursor {
    pub(super) fn next<'a>(&mut self, reader: &'a CaptureReader) -> Option<Record<'a>> {
        loop {
            let chunk = *reader.chunks.get(self.chunk)?;
            if self.offset == 0 {
                let time = reader.file[..chunk.end].get(chunk.begin..chunk.begin + TIME_BYTES);
                self.clock_ns = time.map_or(0, |time| Fields(time).fixed_u64().unwrap_or(0));
                self.offset = chunk.begin + TIME_BYTES;
            }
            let mut fields = Fields(reader.file.get(self.offset..chunk.end).unwrap_or_default());
            if let Some(record) = Record::read(&mut fields, &mut self.clock_ns) {
                self.offset = chunk.end - fields.0.len();
                return Some(record);
            }
            self.chunk += 1;
            self.offset = 0;
        }
    }
}
