//! The keeper's end of a spool.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::super::dir::remove_if_there;
use super::super::durable::replace_durably;
use super::super::event::Event;
use super::record::{self, MARK};
use super::segment::{self, Segment};
use super::thin::{Fate, Survey};
use super::{Dropped, SpoolError};

/// Longest segment in bytes, and how many of them a small limit is divided into.
const SEGMENT: (u64, u64) = (4 << 20, 16);

/// How much of the disk a spool may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Bytes of what the controller has not acknowledged, counted in whole segments. Past it the spool is thinned to
    /// half of it.
    pub(crate) backlog: u64,
    /// A segment is closed past so many bytes.
    pub(crate) segment: u64,
}

impl Limits {
    pub(crate) fn new(backlog: u64) -> Self {
        Self { backlog, segment: SEGMENT.0.min(backlog / SEGMENT.1) }
    }
}

/// A segment that is not written to any more.
#[derive(Debug, Clone, Copy)]
struct Closed {
    first: u64,
    last: u64,
    bytes: u64,
}

/// The segment that is written to.
struct Active {
    file: File,
    first: u64,
    /// Bytes on disk. What a failed write left behind them is written over.
    bytes: u64,
}

pub(crate) struct SpoolWriter {
    dir: PathBuf,
    limits: Limits,
    closed: VecDeque<Closed>,
    active: Option<Active>,
    /// Records that are not on disk yet.
    buffer: Vec<u8>,
    /// The last event that was pushed.
    pushed: u64,
    /// The last event on disk.
    durable: u64,
    acknowledged: u64,
    dropped: Dropped,
    /// Not thinned before the backlog is larger than this.
    thin_past: u64,
}

impl SpoolWriter {
    /// Starts the spool of an attempt; there must be none in its directory.
    pub(crate) fn create(dir: &Path, limits: Limits) -> Result<Self, SpoolError> {
        let mut writer = Self {
            dir: dir.to_owned(),
            limits,
            closed: VecDeque::new(),
            active: None,
            buffer: Vec::new(),
            pushed: 0,
            durable: 0,
            acknowledged: 0,
            dropped: Dropped::default(),
            thin_past: limits.backlog,
        };
        writer.active = Some(writer.begin()?);
        Ok(writer)
    }

    fn begin(&self) -> Result<Active, SpoolError> {
        let first = self.durable + 1;
        // A file that an earlier try left without a whole mark is begun again; nothing in it was told.
        let new = if self.durable == 0 { Self::create_new } else { Self::create_over };
        let file = new(&segment::path(&self.dir, first))?;
        file.write_all_at(&MARK, 0)?;
        if self.durable > 0 {
            // What comes is told to be on disk, so its name must be as well. The first segment's name stands with the
            // attempt's directory: if that is lost, the attempt is.
            File::open(&self.dir)?.sync_all()?;
        }
        Ok(Active { file, first, bytes: MARK.len() as u64 })
    }

    fn create_new(path: &Path) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).open(path)
    }

    fn create_over(path: &Path) -> io::Result<File> {
        File::create(path)
    }

    /// The last event that was pushed; numbers go on from it.
    pub(crate) fn pushed(&self) -> u64 {
        self.pushed
    }

    /// Adds the event that follows, in memory; [`Self::sync`] puts it on disk.
    pub(crate) fn push(&mut self, event: &Event) -> Result<(), SpoolError> {
        debug_assert_eq!(event.seq, self.pushed + 1);
        record::write(event, &mut self.buffer)?;
        self.pushed = event.seq;
        Ok(())
    }

    /// Bytes pushed and not yet synced.
    pub(crate) fn pending(&self) -> usize {
        self.buffer.len()
    }

    /// Writes what was pushed and waits until the disk has it; returns the last event on disk. After an error that may
    /// pass nothing is lost, and it may be called again.
    pub(crate) fn sync(&mut self) -> Result<u64, SpoolError> {
        if self.buffer.is_empty() {
            return Ok(self.durable);
        }
        let mut active = match self.active.take() {
            Some(active) => active,
            None => self.begin()?,
        };
        let written =
            active.file.write_all_at(&self.buffer, active.bytes).and_then(|()| active.file.sync_data());
        if let Err(error) = written {
            self.active = Some(active);
            return Err(error.into());
        }
        active.bytes += self.buffer.len() as u64;
        self.durable = self.pushed;
        self.buffer.clear();
        self.active = Some(active);
        if self.active.as_ref().is_some_and(|active| active.bytes >= self.limits.segment) {
            self.close();
        }
        Ok(self.durable)
    }

    fn close(&mut self) {
        if let Some(Active { first, bytes, .. }) = self.active.take() {
            self.closed.push_back(Closed { first, last: self.durable, bytes });
        }
    }

    /// The controller has everything up to `seq`: segments of nothing else go.
    pub(crate) fn acknowledge(&mut self, seq: u64) -> Result<(), SpoolError> {
        self.acknowledged = self.acknowledged.max(seq.min(self.durable));
        while let Some(oldest) = self.closed.front().filter(|oldest| oldest.last <= self.acknowledged) {
            remove_if_there(&segment::path(&self.dir, oldest.first))?;
            self.closed.pop_front();
        }
        if self.backlog() < self.limits.backlog {
            self.thin_past = self.limits.backlog;
        }
        Ok(())
    }

    /// Bytes of the segments that hold something unacknowledged.
    pub(crate) fn backlog(&self) -> u64 {
        let closed: u64 = self.closed.iter().map(|closed| closed.bytes).sum();
        closed + self.active.as_ref().map_or(0, |active| active.bytes)
    }

    /// What was dropped so far.
    pub(crate) fn dropped(&self) -> Dropped {
        self.dropped
    }

    pub(crate) fn is_too_large(&self) -> bool {
        self.backlog() > self.thin_past
    }

    /// Thins what is on disk to half of the limit, by [`super::thin`]'s rule; returns whether anything went. After an
    /// error what could not be thinned is there as before.
    pub(crate) fn thin(&mut self) -> Result<bool, SpoolError> {
        self.close();
        let mut survey = Survey::default();
        for closed in &self.closed {
            let mut segment = Segment::open(&self.dir, closed.first)?;
            while let Some((header, payload)) = segment.next_raw()? {
                if header.seq > self.acknowledged
                    && let Some(event) = header.event(&payload)
                {
                    survey.take(&event, header.size());
                }
            }
            survey.keep_last();
        }
        let plan = survey.plan(self.limits.backlog / 2);
        let before = self.dropped;
        let rewritten = self.rewrite(&plan);
        // What must stay may be more than the half: then not before there is something new to drop.
        self.thin_past = self.limits.backlog.max(self.backlog() + 2 * self.limits.segment);
        rewritten.map(|()| self.dropped != before)
    }

    /// Puts what stays of the closed segments into as few as there must be.
    fn rewrite(&mut self, plan: &[Fate]) -> Result<(), SpoolError> {
        let mut fates = plan.iter().copied();
        let mut old = std::mem::take(&mut self.closed);
        let mut from: Vec<Closed> = Vec::new();
        let mut result = Ok(());
        while result.is_ok() && !old.is_empty() {
            let (mut bytes, mut dropped) = (MARK.to_vec(), Dropped::default());
            while (bytes.len() as u64) < self.limits.segment
                && let Some(closed) = old.pop_front()
            {
                from.push(closed);
                result = result.and_then(|()| self.copy(closed, &mut fates, &mut bytes, &mut dropped));
            }
            match result.and_then(|()| self.replace(&from, &bytes)) {
                Ok(put) => {
                    self.closed.extend(put);
                    from.clear();
                    self.dropped.logs += dropped.logs;
                    self.dropped.points += dropped.points;
                    result = Ok(());
                }
                Err(error) => result = Err(error),
            }
        }
        // What was not rewritten is there as before.
        self.closed.extend(from.into_iter().chain(old));
        result
    }

    /// Appends what stays of a segment.
    fn copy(
        &self,
        closed: Closed,
        fates: &mut impl Iterator<Item = Fate>,
        bytes: &mut Vec<u8>,
        dropped: &mut Dropped,
    ) -> Result<(), SpoolError> {
        let mut segment = Segment::open(&self.dir, closed.first)?;
        let mut gap = 0;
        while let Some((mut header, payload)) = segment.next_raw()? {
            gap += header.gap;
            let surveyed = header.seq > self.acknowledged && header.event(&payload).is_some();
            match surveyed.then(|| fates.next()).flatten().unwrap_or(Fate::Stays) {
                Fate::Stays => {
                    header.gap = std::mem::take(&mut gap);
                    header.write(bytes);
                    bytes.extend_from_slice(&payload);
                    continue;
                }
                Fate::Log => dropped.logs += 1,
                Fate::Point => dropped.points += 1,
                Fate::Outdated => {}
            }
            gap += 1;
        }
        Ok(())
    }

    /// One segment in the place of several that follow each other.
    fn replace(&self, from: &[Closed], bytes: &[u8]) -> Result<Option<Closed>, SpoolError> {
        let (Some(first), Some(last)) = (from.first(), from.last()) else { return Ok(None) };
        replace_durably(&segment::path(&self.dir, first.first), bytes)?;
        // The oldest first, and none after one that cannot be removed: so the segment that begins nearest before a
        // number always has it, whenever one looks.
        let _stays = from
            .iter()
            .skip(1)
            .try_for_each(|absorbed| remove_if_there(&segment::path(&self.dir, absorbed.first)));
        Ok(Some(Closed { first: first.first, last: last.last, bytes: bytes.len() as u64 }))
    }
}
