//! The exit record: how an attempt ended, written once by its keeper.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::durable;
use super::spool::Dropped;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ExitRecord {
    pub(crate) end: End,
    /// Why the kernel is held to have killed it for want of memory, if so.
    pub(crate) starved: Option<String>,
    /// Milliseconds since the Unix epoch by this machine's clock.
    pub(crate) ended_at_ms: i64,
    /// The last event of the spool; 0: there is none.
    pub(crate) last_seq: u64,
    /// Who asked for the end, if anybody did.
    pub(crate) stopped_by: Option<Cause>,
    /// Why, in words; empty when nobody did.
    pub(crate) stop_reason: String,
    /// The line of standard error that tells most about a failure; empty: there was none.
    pub(crate) last_stderr: String,
    /// What was dropped for want of room in the spool.
    pub(crate) dropped: Dropped,
}

/// How the program ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum End {
    ExitCode(i32),
    Signal(i32),
    /// It was never started; why.
    SpawnError(String),
    /// It was killed because its events could not be kept; why.
    SpoolError(String),
}

/// Why an attempt is ended from outside, weakest first: a stronger cause replaces a weaker one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Cause {
    /// The agent or the machine goes down.
    HandBack,
    /// It ran longer than its sweep allows.
    Timeout,
    /// A stop verdict.
    Stop,
    /// A cancel verdict.
    Cancel,
    /// The attempt belongs to somebody else by now.
    Lost,
}

impl ExitRecord {
    /// Writes it so that it outlives a crash of the machine.
    pub(crate) fn write(&self, path: &Path) -> io::Result<()> {
        durable::replace_durably(path, &serde_json::to_vec(self)?)
    }

    /// `None`: there is none.
    pub(crate) fn read(path: &Path) -> io::Result<Option<Self>> {
        match std::fs::read(path) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}
