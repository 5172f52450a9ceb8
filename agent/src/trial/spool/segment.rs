//! Segment files: their names, and reading one from front to back.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use super::super::event::Event;
use super::SpoolError;
use super::record::{HEADER, Header, MARK};

const PREFIX: &str = "spool.";
/// Bytes of one read.
const CHUNK: usize = 64 << 10;

/// The file of the segment whose first number is `first`. Names sort as numbers do.
pub(super) fn path(dir: &Path, first: u64) -> PathBuf {
    dir.join(format!("{PREFIX}{first:020}"))
}

/// First numbers of the segments there are, ascending.
pub(super) fn list(dir: &Path) -> io::Result<Vec<u64>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        let digits = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
        found
            .extend(digits.filter(|digits| digits.len() == 20).and_then(|digits| digits.parse::<u64>().ok()));
    }
    found.sort_unstable();
    Ok(found)
}

/// What stands at a place of a segment.
#[derive(Debug)]
pub(super) enum Found {
    /// A record.
    Record { header: Header, event: Event },
    /// Nothing that can be read for so many bytes from there on.
    Damage { at: u64, bytes: u64 },
    /// No more (yet), for want of so many bytes of a record that begins.
    End { torn: u64 },
}

/// A segment that is read. The writer may append meanwhile, or put another file in its place: this one stays what it
/// was.
pub(super) struct Segment {
    pub(super) first: u64,
    file: File,
    /// Where the next record begins.
    pub(super) at: u64,
    /// Bytes of the file from `at` on, as far as they were read.
    buffer: Vec<u8>,
    /// How far `buffer` was used up.
    used: usize,
}

impl Segment {
    pub(super) fn open(dir: &Path, first: u64) -> Result<Self, SpoolError> {
        let file = File::open(path(dir, first))?;
        let mut segment = Self { first, file, at: MARK.len() as u64, buffer: Vec::new(), used: 0 };
        let mut mark = [0; MARK.len()];
        match segment.file.read_exact_at(&mut mark, 0) {
            Ok(()) if mark == MARK => Ok(segment),
            // Its keeper died before the first sync.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(segment),
            // A damaged mark is no matter where the first record is one of this format.
            Ok(()) if segment.header()?.is_some() => Ok(segment),
            Ok(()) => Err(SpoolError::Version),
            Err(error) => Err(error.into()),
        }
    }

    /// Tells files apart that had the same name.
    pub(super) fn is_still_at(&self, dir: &Path) -> bool {
        let same = |open: &fs::Metadata, there: &fs::Metadata| {
            (open.ino(), open.dev()) == (there.ino(), there.dev())
        };
        let there = fs::metadata(path(dir, self.first));
        matches!((self.file.metadata(), there), (Ok(open), Ok(there)) if same(&open, &there))
    }

    /// The next record or what is in its place, and moves behind it; at the end it stays.
    pub(super) fn next(&mut self) -> Result<Found, SpoolError> {
        let Some(header) = self.header()? else { return self.pass_over() };
        let length = header.length as usize;
        let Some(bytes) = self.bytes(HEADER + length)? else {
            return Ok(Found::End { torn: self.left()? });
        };
        let event = header.event(&bytes[HEADER..]);
        let at = self.at;
        self.advance(HEADER + length);
        Ok(match event {
            Some(event) => Found::Record { header, event },
            None => Found::Damage { at, bytes: header.size() },
        })
    }

    /// The record at this place as it is on disk, and moves behind it; `None`: there is none that is whole.
    pub(super) fn next_raw(&mut self) -> Result<Option<(Header, Vec<u8>)>, SpoolError> {
        loop {
            if let Some(header) = self.header()? {
                let length = header.length as usize;
                let Some(bytes) = self.bytes(HEADER + length)? else { return Ok(None) };
                let payload = bytes[HEADER..].to_vec();
                self.advance(HEADER + length);
                return Ok(Some((header, payload)));
            }
            if let Found::End { .. } = self.pass_over()? {
                return Ok(None);
            }
        }
    }

    /// Looks for the next header.
    fn pass_over(&mut self) -> Result<Found, SpoolError> {
        let start = self.at;
        while self.bytes(HEADER)?.is_some() {
            if self.header()?.is_some() {
                return Ok(Found::Damage { at: start, bytes: self.at - start });
            }
            self.advance(1);
        }
        // Nothing more: it may be a record that is still being written, so the place is kept.
        let torn = self.at + self.left()? - start;
        if self.at > start {
            (self.at, self.used, self.buffer) = (start, 0, Vec::new());
        }
        Ok(Found::End { torn })
    }

    fn header(&mut self) -> Result<Option<Header>, SpoolError> {
        Ok(self.bytes(HEADER)?.and_then(Header::read))
    }

    fn advance(&mut self, bytes: usize) {
        self.at += bytes as u64;
        self.used += bytes;
    }

    /// Bytes of the file behind this place.
    fn left(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len().saturating_sub(self.at))
    }

    /// The next `length` bytes, if the file has them.
    fn bytes(&mut self, length: usize) -> Result<Option<&[u8]>, SpoolError> {
        if self.buffer.len() - self.used < length {
            self.buffer.drain(..self.used);
            self.used = 0;
            while self.buffer.len() < length {
                let have = self.buffer.len();
                self.buffer.resize(have + CHUNK.max(length - have), 0);
                let read = self.file.read_at(&mut self.buffer[have..], self.at + have as u64);
                self.buffer.truncate(have + *read.as_ref().unwrap_or(&0));
                if read? == 0 {
                    return Ok(None);
                }
            }
        }
        Ok(Some(&self.buffer[self.used..self.used + length]))
    }
}
