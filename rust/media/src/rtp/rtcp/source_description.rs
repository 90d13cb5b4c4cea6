//! SDES (RFC 3550 §6.5), of which only the CNAME is read and written.

use super::{RtpError, SOURCE_DESCRIPTION, slice, take, take_u32, write_packet};

const END: u8 = 0;
const CNAME: u8 = 1;

/// SDES.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceDescription<'a> {
    count: u8,
    body: &'a [u8],
}

/// What is told of one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk<'a> {
    /// The source.
    pub ssrc: u32,
    /// Its canonical name: UTF-8 by the RFC, but a peer may say anything.
    pub cname: Option<&'a [u8]>,
}

impl<'a> SourceDescription<'a> {
    pub(super) fn parse(count: u8, body: &'a [u8]) -> Result<Self, RtpError> {
        let mut rest = body;
        for _ in 0..count {
            (_, rest) = parse_chunk(rest)?;
        }
        Ok(Self { count, body })
    }

    /// One chunk a source.
    pub fn chunks(&self) -> impl Iterator<Item = Chunk<'a>> + 'a {
        let mut rest = self.body;
        // `parse` went the same way, so that an error cannot come.
        (0..self.count).map_while(move |_| {
            let (chunk, after) = parse_chunk(rest).ok()?;
            rest = after;
            Some(chunk)
        })
    }
}

fn parse_chunk(bytes: &[u8]) -> Result<(Chunk<'_>, &[u8]), RtpError> {
    let mut chunk = Chunk {
        ssrc: take_u32(bytes, 0)?,
        cname: None,
    };
    let mut offset = 4;
    loop {
        let [item] = take::<1>(bytes, offset)?;
        if item == END {
            // One to four zeros end the list at a word boundary.
            let end = (offset / 4 + 1) * 4;
            slice(bytes, offset, end)?;
            return Ok((chunk, &bytes[end..]));
        }
        let [length] = take::<1>(bytes, offset + 1)?;
        let text = slice(bytes, offset + 2, offset + 2 + usize::from(length))?;
        if item == CNAME {
            chunk.cname = Some(text);
        }
        offset += 2 + text.len();
    }
}

/// Appends an SDES with the CNAME of one source, cut to 255 bytes.
pub fn write_cname(datagram: &mut Vec<u8>, ssrc: u32, cname: &str) {
    let text = &cname.as_bytes()[..cname.len().min(255)];
    write_packet(datagram, SOURCE_DESCRIPTION, 1, |body| {
        body.extend_from_slice(&ssrc.to_be_bytes());
        body.extend_from_slice(&[CNAME, text.len() as u8]);
        body.extend_from_slice(text);
        let zeros = 4 - (2 + text.len()) % 4;
        body.extend_from_slice(&[END; 4][..zeros]);
    });
}
