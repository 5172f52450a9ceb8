//! The spool: an attempt's events on disk, in order, until the controller has them.
//!
//! A file of records after an eight-byte mark: length and CRC-32 of the payload (both little-endian `u32`), then the
//! payload, one [`Event`] as postcard. A record that is cut short or does not match its checksum ends the spool: it
//! is what a crash leaves behind.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use thiserror::Error;

use super::event::Event;

const MARK: [u8; 8] = *b"SWSPOOL1";
const HEADER: usize = 8;
/// No event is near it; a larger length is a torn record.
const LONGEST: u32 = 64 << 20;
const CHUNK: usize = 64 << 10;

#[derive(Debug, Error)]
pub(crate) enum SpoolError {
    #[error("the spool cannot be used")]
    Io(#[from] io::Error),
    #[error("an event cannot be encoded")]
    Encode(#[from] postcard::Error),
    #[error("the file is not a spool of this version")]
    NotASpool,
}

/// The keeper's end.
pub(crate) struct SpoolWriter {
    file: File,
    buffer: Vec<u8>,
    length: u64,
}

impl SpoolWriter {
    /// Starts a new spool; the file must not exist.
    pub(crate) fn create(path: &Path) -> Result<Self, SpoolError> {
        let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
        file.write_all(&MARK)?;
        Ok(Self { file, buffer: Vec::new(), length: MARK.len() as u64 })
    }

    /// Adds an event in memory; [`Self::sync`] puts it on disk.
    pub(crate) fn push(&mut self, event: &Event) -> Result<(), SpoolError> {
        let payload = postcard::to_stdvec(event)?;
        let length = u32::try_from(payload.len()).ok().filter(|length| *length <= LONGEST);
        let length = length.ok_or(postcard::Error::SerializeBufferFull)?;
        self.buffer.extend_from_slice(&length.to_le_bytes());
        self.buffer.extend_from_slice(&crc32fast::hash(&payload).to_le_bytes());
        self.buffer.extend_from_slice(&payload);
        Ok(())
    }

    /// Bytes pushed and not yet synced.
    pub(crate) fn pending(&self) -> usize {
        self.buffer.len()
    }

    /// Writes what was pushed and waits until the disk has it; returns the spool's length in bytes.
    pub(crate) fn sync(&mut self) -> Result<u64, SpoolError> {
        if !self.buffer.is_empty() {
            self.file.write_all(&self.buffer)?;
            self.length += self.buffer.len() as u64;
            self.buffer.clear();
            self.file.sync_data()?;
        }
        Ok(self.length)
    }
}

/// The supervisor's end. It may read while the keeper writes.
pub(crate) struct SpoolReader {
    file: File,
    /// Where the next record begins.
    at: u64,
    /// Bytes of the file from `at` on, as far as they were read.
    buffer: Vec<u8>,
    /// How far `buffer` was used up.
    used: usize,
}

impl SpoolReader {
    pub(crate) fn open(path: &Path) -> Result<Self, SpoolError> {
        let file = File::open(path)?;
        let mut mark = [0; MARK.len()];
        match file.read_exact_at(&mut mark, 0) {
            Ok(()) if mark == MARK => {}
            // Its keeper died before the first sync.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
            Ok(()) => return Err(SpoolError::NotASpool),
            Err(error) => return Err(error.into()),
        }
        Ok(Self { file, at: MARK.len() as u64, buffer: Vec::new(), used: 0 })
    }

    /// The next whole event that ends at or before byte `limit`; `None`: there is none (yet).
    pub(crate) fn next(&mut self, limit: u64) -> Result<Option<Event>, SpoolError> {
        let Some(header) = self.bytes(0, HEADER, limit)? else { return Ok(None) };
        let word =
            |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let (length, sum) = (word(0), word(4));
        if length > LONGEST {
            return Ok(None);
        }
        let Some(payload) = self.bytes(HEADER, length as usize, limit)? else { return Ok(None) };
        if crc32fast::hash(payload) != sum {
            return Ok(None);
        }
        let Ok(event) = postcard::from_bytes(payload) else { return Ok(None) };
        self.used += HEADER + length as usize;
        self.at += HEADER as u64 + u64::from(length);
        Ok(Some(event))
    }

    /// Starts again, so that the next event is the one after `seq`.
    pub(crate) fn rewind_to(&mut self, seq: u64, limit: u64) -> Result<(), SpoolError> {
        (self.at, self.used) = (MARK.len() as u64, 0);
        self.buffer.clear();
        let mut last = 0;
        while last < seq {
            match self.next(limit)? {
                Some(event) => last = event.seq,
                None => break,
            }
        }
        Ok(())
    }

    /// `length` bytes at `offset` from the current record, if the file has them below `limit`.
    fn bytes(&mut self, offset: usize, length: usize, limit: u64) -> Result<Option<&[u8]>, SpoolError> {
        let end = offset + length;
        if self.at + end as u64 > limit {
            return Ok(None);
        }
        if self.buffer.len() - self.used < end {
            self.buffer.drain(..self.used);
            self.used = 0;
            while self.buffer.len() < end {
                let have = self.buffer.len();
                self.buffer.resize(have + CHUNK.max(end - have), 0);
                let read = self.file.read_at(&mut self.buffer[have..], self.at + have as u64)?;
                self.buffer.truncate(have + read);
                if read == 0 {
                    return Ok(None);
                }
            }
        }
        Ok(Some(&self.buffer[self.used + offset..self.used + end]))
    }
}

#[cfg(test)]
mod tests {
    use tempfile::tempdir;

    use super::super::event::{EventKind, Stream};
    use super::*;

    fn line(seq: u64, text: &str) -> Event {
        Event { seq, at_ms: 5, kind: EventKind::Log { stream: Stream::Stdout, text: text.to_owned() } }
    }

    fn read_all(path: &Path) -> Vec<Event> {
        let mut reader = SpoolReader::open(path).unwrap();
        std::iter::from_fn(|| reader.next(u64::MAX).unwrap()).collect()
    }

    #[test]
    fn events_come_back_in_order_and_after_a_rewind_again() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("spool");
        let mut writer = SpoolWriter::create(&path).unwrap();
        let mut events: Vec<_> = (1..=500).map(|seq| line(seq, &"x".repeat(seq as usize))).collect();
        events.push(line(501, &"y".repeat(1 << 20)));
        for event in &events {
            writer.push(event).unwrap();
        }
        let length = writer.sync().unwrap();
        assert_eq!(length, std::fs::metadata(&path).unwrap().len());
        assert_eq!(read_all(&path), events);

        let mut reader = SpoolReader::open(&path).unwrap();
        while reader.next(u64::MAX).unwrap().is_some() {}
        reader.rewind_to(400, u64::MAX).unwrap();
        assert_eq!(reader.next(u64::MAX).unwrap().unwrap().seq, 401);
    }

    #[test]
    fn a_reader_sees_no_further_than_it_is_told() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("spool");
        let mut writer = SpoolWriter::create(&path).unwrap();
        writer.push(&line(1, "a")).unwrap();
        let first = writer.sync().unwrap();
        let mut reader = SpoolReader::open(&path).unwrap();
        writer.push(&line(2, "b")).unwrap();
        let second = writer.sync().unwrap();
        assert_eq!(reader.next(first).unwrap(), Some(line(1, "a")));
        assert_eq!(reader.next(first).unwrap(), None);
        assert_eq!(reader.next(second).unwrap(), Some(line(2, "b")));
    }

    #[test]
    fn a_torn_tail_ends_the_spool() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("spool");
        let mut writer = SpoolWriter::create(&path).unwrap();
        writer.push(&line(1, "whole")).unwrap();
        let whole = writer.sync().unwrap();
        writer.push(&line(2, "torn")).unwrap();
        let length = writer.sync().unwrap();
        let bytes = std::fs::read(&path).unwrap();
        for cut in whole..length {
            std::fs::write(&path, &bytes[..cut as usize]).unwrap();
            assert_eq!(read_all(&path), [line(1, "whole")], "cut at {cut}");
        }
        for flip in whole as usize..bytes.len() {
            let mut bad = bytes.clone();
            bad[flip] ^= 0x40;
            std::fs::write(&path, &bad).unwrap();
            assert_eq!(read_all(&path), [line(1, "whole")], "flipped at {flip}");
        }
    }
}
