//! The events of an attempt, as they lie in the spool.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::spool::Dropped;

/// One event, numbered by its keeper from 1 without gaps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Event {
    pub(crate) seq: u64,
    /// Milliseconds since the Unix epoch by this machine's clock.
    pub(crate) at_ms: i64,
    pub(crate) kind: EventKind,
}

// The order of variants is the spool's format: add at the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum EventKind {
    Facts(Facts),
    Log {
        stream: Stream,
        text: String,
    },
    Metrics {
        step: u64,
        epoch: Option<f64>,
        values: BTreeMap<String, f64>,
    },
    Checkpoint {
        step: u64,
        epoch: Option<f64>,
        path: String,
        metrics: BTreeMap<String, f64>,
        /// Whether the trial can go on from it.
        resume: bool,
    },
    /// `value` is JSON text.
    Media {
        name: String,
        step: u64,
        value: String,
    },
    /// The keeper tells what it dropped so far for want of room.
    Dropped(Dropped),
}

/// Where a line of the log came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Stream {
    Stdout,
    Stderr,
    /// The event channel, or the keeper itself.
    Event,
}

/// What an attempt runs, and on what.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Facts {
    pub(crate) command: Vec<String>,
    pub(crate) host: String,
    pub(crate) working_directory: String,
    /// Empty outside a git checkout.
    pub(crate) git_commit: String,
    pub(crate) git_dirty: bool,
    /// Program to version.
    pub(crate) versions: BTreeMap<String, String>,
    /// For example `cuda:0`; empty on a CPU slot.
    pub(crate) devices: Vec<String>,
}
