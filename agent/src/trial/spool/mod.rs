//! The spool: an attempt's events on disk, in order, until the controller has them.
//!
//! Segment files `spool.FIRST` beside each other in the attempt's directory, FIRST being the number of the first event
//! that a segment covers. The keeper writes them ([`SpoolWriter`]), the supervisor reads them ([`SpoolReader`]); numbers
//! are all that they must agree on. What the controller has acknowledged is removed segment by segment; what is too
//! much for the disk's share is thinned by [`thin`]'s rule, and the numbers stay: a record says how many before it are
//! gone. So a batch that is sent twice, before and after a thinning, means the same both times.

mod reader;
mod record;
mod segment;
pub(crate) mod thin;
mod writer;

use std::io;
use std::time::Duration;

use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub(crate) use self::reader::{Entry, SpoolReader, Tail, tail};
pub(crate) use self::writer::{Limits, SpoolWriter};

#[derive(Debug, Error)]
pub(crate) enum SpoolError {
    /// It may pass: nothing is lost yet, and trying again is right.
    #[error("there is no room for the spool")]
    Full(#[source] io::Error),
    #[error("the agent's disk stayed full for {patience:?}")]
    StayedFull {
        #[source]
        error: io::Error,
        patience: Duration,
    },
    #[error("the spool cannot be used")]
    Io(#[source] io::Error),
    #[error("an event cannot be encoded")]
    Encode(#[from] postcard::Error),
    #[error("the spool is of another version of sweep-agent")]
    Version,
}

impl From<io::Error> for SpoolError {
    fn from(error: io::Error) -> Self {
        if is_full(&error) { Self::Full(error) } else { Self::Io(error) }
    }
}

/// Whether an error says that there is no room: on the device, by quota, or by a limit on a file's size.
pub(crate) fn is_full(error: &io::Error) -> bool {
    let full = [Errno::NOSPC, Errno::DQUOT, Errno::FBIG];
    error.raw_os_error().is_some_and(|code| full.iter().any(|errno| errno.raw_os_error() == code))
}

/// What was dropped of an attempt so far, by the thinning rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Dropped {
    /// Lines of the log.
    pub(crate) logs: u64,
    /// Points, each with all its values.
    pub(crate) points: u64,
}

impl Dropped {
    /// For people; the same words for the same loss.
    pub(crate) fn told(self) -> String {
        let Self { logs, points } = self;
        format!(
            "warning: the controller did not take events for long and the spool grew past its limit: {logs} lines of the \
             log and {points} points of this attempt were dropped so far"
        )
    }
}

#[cfg(test)]
pub(crate) mod samples {
    //! Events for the tests of this folder.

    use super::super::event::{Event, EventKind, Stream};

    pub(crate) fn line(seq: u64, text: &str) -> Event {
        Event { seq, at_ms: 5, kind: EventKind::Log { stream: Stream::Stdout, text: text.to_owned() } }
    }

    pub(crate) fn point(seq: u64, values: &[(&str, f64)]) -> Event {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        Event { seq, at_ms: 5, kind: EventKind::Metrics { step: seq, epoch: None, values } }
    }

    pub(crate) fn checkpoint(seq: u64) -> Event {
        let path = format!("/out/{seq}.safetensors");
        let kind = EventKind::Checkpoint { step: seq, epoch: None, path, metrics: [].into(), resume: false };
        Event { seq, at_ms: 5, kind }
    }
}

#[cfg(test)]
mod tests;
