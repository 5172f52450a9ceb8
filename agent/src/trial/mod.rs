//! What lies in an attempt's directory, and how its keeper and its supervisor speak.

pub(crate) mod control;
pub(crate) mod dir;
pub(crate) mod durable;
pub(crate) mod event;
pub(crate) mod exit_record;
pub(crate) mod outgoing;
mod params_file;
pub(crate) mod spool;
pub(crate) mod task;

/// Of the files in an attempt's directory and of the words on the control socket, which one binary writes and another may
/// find. Any change that the version before would misread makes a new one.
pub(crate) const FORMAT: u32 = 2;

use std::time::{SystemTime, UNIX_EPOCH};

/// Now by this machine's clock, in milliseconds since the Unix epoch. For display only: nothing is decided by it.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
