//! What a supervisor and a keeper say to each other: JSON lines over the control socket.
//!
//! Events do not pass here: the supervisor reads them from the spool, as far as the keeper says they are on disk.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::exit_record::{Cause, ExitRecord};
use super::spool::Dropped;

/// From the supervisor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Command {
    /// Tell the program to stop; SIGTERM and SIGKILL follow, each a grace time later.
    Stop { cause: Cause, reason: String },
    /// SIGTERM now, SIGKILL a grace time later.
    Terminate { cause: Cause, reason: String },
    /// SIGKILL now.
    Kill { cause: Cause, reason: String },
    /// The controller has the events up to this one: their room on the disk is free.
    Acknowledged { seq: u64 },
    /// The controller has everything: the keeper may go.
    Bye,
}

/// From the keeper: where things stand. Each replaces the one before.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Notice {
    /// The last event on disk.
    pub(crate) seq: u64,
    /// What was dropped so far for want of room in the spool.
    pub(crate) dropped: Dropped,
    /// Why nothing can be put on disk now, if so; the program waits meanwhile.
    pub(crate) full: Option<String>,
    /// Present when the attempt is over; `seq` is final then.
    pub(crate) exit: Option<ExitRecord>,
}

/// One line, its end included.
pub(crate) fn encode(message: &impl Serialize) -> Vec<u8> {
    // Plain structs of numbers and strings always encode.
    let mut line = serde_json::to_vec(message).unwrap_or_default();
    line.push(b'\n');
    line
}

pub(crate) fn decode<T: DeserializeOwned>(line: &str) -> Result<T, serde_json::Error> {
    serde_json::from_str(line)
}
