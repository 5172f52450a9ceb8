//! `assignment.json`: all that a keeper needs to know, and all that a restarted agent finds of an attempt.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sweep_core::value::Params;
use uuid::Uuid;

use super::event::Facts;

/// An attempt's fencing key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct AttemptKey {
    pub(crate) trial: Uuid,
    pub(crate) attempt: u32,
}

/// An attempt as its directory tells it. It holds no inherited environment: secrets stay off the disk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Task {
    /// [`super::FORMAT`] of the agent that made it.
    pub(crate) format: u32,
    pub(crate) key: AttemptKey,
    /// The controller it came from, as the agent was told.
    pub(crate) server: String,
    pub(crate) sweep: String,
    /// Within the sweep, from 1.
    pub(crate) number: u64,
    pub(crate) params: Params,
    /// Index of the slot it runs in.
    pub(crate) slot: usize,
    /// The program, resolved, and its arguments.
    pub(crate) argv: Vec<String>,
    /// Added to the agent's environment.
    pub(crate) env: Vec<(String, String)>,
    /// Which lines of its output are points; empty: none.
    pub(crate) stdout_rule: String,
    pub(crate) event_socket: PathBuf,
    pub(crate) control_socket: PathBuf,
    /// Milliseconds between asking, SIGTERM and SIGKILL.
    pub(crate) grace_ms: u64,
    /// Milliseconds that the program may run; 0: no limit.
    pub(crate) timeout_ms: u64,
    /// How many bytes the spool may take on disk; past it, it is thinned.
    pub(crate) spool_limit: u64,
    /// Milliseconds that the program is kept waiting while the disk is full.
    pub(crate) disk_patience_ms: u64,
    pub(crate) facts: Facts,
    /// Milliseconds since the Unix epoch by this machine's clock.
    pub(crate) started_at_ms: i64,
}

impl Task {
    /// As people name it: `SWEEP/NUMBER`.
    pub(crate) fn name(&self) -> String {
        format!("{}/{}", self.sweep, self.number)
    }

    pub(crate) fn grace(&self) -> Duration {
        Duration::from_millis(self.grace_ms)
    }

    pub(crate) fn disk_patience(&self) -> Duration {
        Duration::from_millis(self.disk_patience_ms)
    }

    pub(crate) fn timeout(&self) -> Option<Duration> {
        (self.timeout_ms > 0).then(|| Duration::from_millis(self.timeout_ms))
    }
}
