//! The supervisor's end of a spool. It may read while the keeper writes, removes and thins.

use std::io;
use std::path::{Path, PathBuf};

use super::super::event::{Event, EventKind, Stream};
use super::SpoolError;
use super::segment::{self, Found, Segment};

/// Most numbers of one [`Entry::Skipped`], so that a batch of them has an end.
const MOST_SKIPPED: u64 = 1 << 14;

/// What the spool has for a number, or for a run of them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Entry {
    Event(Event),
    /// These numbers carry nothing any more. What they carried was counted when it was dropped, or told as lost just
    /// before.
    Skipped {
        from: u64,
        to: u64,
    },
}

impl Entry {
    /// Its last number.
    pub(crate) fn last(&self) -> u64 {
        match self {
            Self::Event(event) => event.seq,
            Self::Skipped { to, .. } => *to,
        }
    }
}

/// How a spool ends whose keeper is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tail {
    /// The last event that is whole; 0: there is none.
    pub(crate) last_seq: u64,
    /// Bytes behind it that are no event: the last write was torn.
    pub(crate) torn: u64,
}

/// Gives out every number from 1 (or from where it was told to start) exactly once and in order, up to the limit it is
/// given. What cannot be read is told in a line of the log that takes the first lost number, never passed over in
/// silence.
pub(crate) struct SpoolReader {
    dir: PathBuf,
    /// The number that comes next.
    next: u64,
    segment: Option<Segment>,
    /// Read, and not given out yet: numbers are missing before it. With how many of them were dropped.
    held: Option<(u64, Event)>,
    /// Numbers up to here are `Skipped`, for they were told to be lost.
    lost_to: u64,
    /// What was unreadable on the way to the next event.
    damage: Option<String>,
    /// Losses up to here were said in the agent's log.
    said_to: u64,
    last_at_ms: i64,
}

impl SpoolReader {
    /// Reads the spool in an attempt's directory, from the first event it still has.
    pub(crate) fn open(dir: &Path) -> Result<Self, SpoolError> {
        let first = segment::list(dir)?.first().copied().unwrap_or(1);
        Ok(Self {
            dir: dir.to_owned(),
            next: first,
            segment: None,
            held: None,
            lost_to: 0,
            damage: None,
            said_to: 0,
            last_at_ms: 0,
        })
    }

    /// Starts again behind `seq`.
    pub(crate) fn rewind_to(&mut self, seq: u64) {
        self.next = seq + 1;
        (self.segment, self.held, self.damage, self.lost_to) = (None, None, None, 0);
    }

    /// Looks whether the open segment was thinned since, so that nothing is given out which was counted as dropped. To be
    /// called before each batch.
    pub(crate) fn refresh(&mut self) {
        if self.segment.as_ref().is_some_and(|open| !open.is_still_at(&self.dir)) {
            (self.segment, self.held) = (None, None);
        }
    }

    /// The next entry with numbers up to `limit`, which are on disk; `None`: there is none (yet).
    pub(crate) fn next(&mut self, limit: u64) -> Result<Option<Entry>, SpoolError> {
        if self.next > limit {
            return Ok(None);
        }
        if self.next <= self.lost_to {
            return Ok(Some(self.skip(self.lost_to.min(limit))));
        }
        if self.held.is_none() {
            self.held = self.find()?;
        }
        let Some((gap, event)) = self.held.take() else { return Ok(Some(self.lose(limit))) };
        if event.seq == self.next {
            self.next += 1;
            self.last_at_ms = event.at_ms;
            // Whatever was unreadable on the way here held no event.
            self.damage = None;
            return Ok(Some(Entry::Event(event)));
        }
        // Not this number, but a later one: those between were dropped, or they are lost.
        let (before, dropped_from) = (event.seq - 1, event.seq - gap);
        self.held = Some((gap, event));
        Ok(Some(if dropped_from <= self.next {
            self.skip(before.min(limit))
        } else {
            self.lose((dropped_from - 1).min(limit))
        }))
    }

    fn skip(&mut self, to: u64) -> Entry {
        let from = self.next;
        let to = to.min(from + MOST_SKIPPED - 1);
        self.next = to + 1;
        Entry::Skipped { from, to }
    }

    /// The next number tells that it and those up to `to` are lost.
    fn lose(&mut self, to: u64) -> Entry {
        let seq = self.next;
        let why = self.damage.take().unwrap_or_else(|| "its file is gone or cut short".to_owned());
        let what = if seq == to { format!("event {seq}") } else { format!("events {seq} to {to}") };
        let text =
            format!("warning: {what} of this attempt could not be read back from its agent's disk: {why}");
        if seq > self.said_to {
            tracing::warn!("{}: {}", self.dir.display(), text.trim_start_matches("warning: "));
            self.said_to = to;
        }
        (self.lost_to, self.next) = (to, seq + 1);
        let kind = EventKind::Log { stream: Stream::Event, text };
        Entry::Event(Event { seq, at_ms: self.last_at_ms, kind })
    }

    /// The first whole record that is not behind `next`, and how many were dropped before it.
    fn find(&mut self) -> Result<Option<(u64, Event)>, SpoolError> {
        loop {
            let Some(open) = &mut self.segment else {
                self.segment = self.first_segment()?;
                if self.segment.is_none() {
                    return Ok(None);
                }
                continue;
            };
            match open.next()? {
                Found::Record { header, event } if event.seq >= self.next => {
                    return Ok(Some((u64::from(header.gap), event)));
                }
                Found::Record { .. } => {}
                Found::Damage { at, bytes } => {
                    let file = segment::path(&self.dir, open.first);
                    self.damage.get_or_insert_with(|| {
                        format!("{bytes} bytes at {at} of {} fail their checksum", file.display())
                    });
                }
                Found::End { torn } => {
                    let ended = open.first;
                    if torn > 0 {
                        let file = segment::path(&self.dir, ended);
                        self.damage.get_or_insert_with(|| {
                            format!("the last {torn} bytes of {} are torn", file.display())
                        });
                    }
                    match self.after(ended)? {
                        Some(segment) => self.segment = Some(segment),
                        None => return Ok(None),
                    }
                }
            }
        }
    }

    /// The segment that has the next number, or the first behind it.
    fn first_segment(&self) -> Result<Option<Segment>, SpoolError> {
        self.opened(|there| {
            let behind = there.partition_point(|first| *first <= self.next);
            there.get(behind.saturating_sub(1)).copied()
        })
    }

    /// Where to read on when the open segment, `ended`, has no more. The writer puts thinned segments together, so the
    /// next number may lie in a file that took the place of an earlier one.
    fn after(&self, ended: u64) -> Result<Option<Segment>, SpoolError> {
        let same = self.segment.as_ref().is_some_and(|open| open.is_still_at(&self.dir));
        self.opened(|there| {
            let behind = there.partition_point(|first| *first <= self.next);
            let holds = behind.checked_sub(1).map(|at| there[at]).filter(|first| *first != ended || !same);
            holds.or_else(|| there.iter().find(|first| **first > ended).copied())
        })
    }

    /// Opens the segment that is chosen of those that there are.
    fn opened(&self, choose: impl Fn(&[u64]) -> Option<u64>) -> Result<Option<Segment>, SpoolError> {
        loop {
            let Some(first) = choose(&segment::list(&self.dir)?) else { return Ok(None) };
            match Segment::open(&self.dir, first) {
                // Removed since it was listed.
                Err(SpoolError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {}
                opened => return opened.map(Some),
            }
        }
    }
}

/// Finds the end of a spool whose keeper is gone without a record.
pub(crate) fn tail(dir: &Path) -> Result<Tail, SpoolError> {
    let mut tail = Tail::default();
    for first in segment::list(dir)? {
        let mut segment = Segment::open(dir, first)?;
        loop {
            match segment.next()? {
                Found::Record { event, .. } => {
                    tail = Tail { last_seq: tail.last_seq.max(event.seq), torn: 0 }
                }
                Found::Damage { bytes, .. } => tail.torn += bytes,
                Found::End { torn } => {
                    tail.torn += torn;
                    break;
                }
            }
        }
    }
    Ok(tail)
}
