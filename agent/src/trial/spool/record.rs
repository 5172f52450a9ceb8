//! One event as bytes: a header of 24 and the payload, postcard of time and kind.
//!
//! Header, little-endian: `u32` length of the payload; `u32` how many events before this one were dropped by
//! thinning; `u64` the event's number; `u32` CRC-32 of the payload; `u32` CRC-32 of the format's mark and the 20 bytes
//! before. A header that stands its check tells where the next one is and which number is meant, even where the payload
//! is damaged; one that does not is passed over byte by byte until one does.

use serde::{Deserialize, Serialize};

use super::super::event::{Event, EventKind};
use super::SpoolError;

/// Begins each segment, and goes into every header's check: records of another format are none.
pub(super) const MARK: [u8; 8] = *b"SWSPOOL2";
pub(super) const HEADER: usize = 24;
/// In bytes. No event is near it.
pub(super) const LONGEST: u32 = 64 << 20;

#[derive(Serialize, Deserialize)]
struct Payload<K> {
    at_ms: i64,
    kind: K,
}

/// A header that stood its check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// Of the payload, in bytes.
    pub(super) length: u32,
    pub(super) gap: u32,
    pub(super) seq: u64,
    sum: u32,
}

impl Header {
    /// Reads one; `None`: these bytes are none.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; HEADER] = bytes.first_chunk()?;
        let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let header = Self {
            length: word(0),
            gap: word(4),
            seq: u64::from(word(8)) | u64::from(word(12)) << 32,
            sum: word(16),
        };
        let plausible = header.length <= LONGEST && u64::from(header.gap) < header.seq;
        (plausible && check(&bytes[..20]) == word(20)).then_some(header)
    }

    pub(super) fn write(self, to: &mut Vec<u8>) {
        let start = to.len();
        to.extend_from_slice(&self.length.to_le_bytes());
        to.extend_from_slice(&self.gap.to_le_bytes());
        to.extend_from_slice(&self.seq.to_le_bytes());
        to.extend_from_slice(&self.sum.to_le_bytes());
        let check = check(&to[start..]);
        to.extend_from_slice(&check.to_le_bytes());
    }

    /// The event; `None`: the payload is damaged.
    pub(super) fn event(self, payload: &[u8]) -> Option<Event> {
        if crc32fast::hash(payload) != self.sum {
            return None;
        }
        let Payload { at_ms, kind } = postcard::from_bytes::<Payload<EventKind>>(payload).ok()?;
        Some(Event { seq: self.seq, at_ms, kind })
    }

    /// Of the whole record, in bytes.
    pub(super) fn size(self) -> u64 {
        HEADER as u64 + u64::from(self.length)
    }
}

fn check(head: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&MARK);
    hasher.update(head);
    hasher.finalize()
}

/// Appends an event's record.
pub(super) fn write(event: &Event, to: &mut Vec<u8>) -> Result<(), SpoolError> {
    let payload = postcard::to_stdvec(&Payload { at_ms: event.at_ms, kind: &event.kind })?;
    let length = u32::try_from(payload.len()).ok().filter(|length| *length <= LONGEST);
    let length = length.ok_or(postcard::Error::SerializeBufferFull)?;
    Header { length, gap: 0, seq: event.seq, sum: crc32fast::hash(&payload) }.write(to);
    to.extend_from_slice(&payload);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::samples::line;
    use super::*;

    #[test]
    fn no_flipped_bit_goes_unseen() {
        let event = line(1 << 40, "a line");
        let mut bytes = Vec::new();
        write(&event, &mut bytes).unwrap();
        let read = |bytes: &[u8]| {
            let header = Header::read(bytes)?;
            header.event(bytes.get(HEADER..HEADER + header.length as usize)?)
        };
        assert_eq!(read(&bytes), Some(event));
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(read(&bad), None, "bit {bit}");
        }
        for cut in 0..bytes.len() {
            assert_eq!(read(&bytes[..cut]), None, "cut at {cut}");
        }
    }
}
