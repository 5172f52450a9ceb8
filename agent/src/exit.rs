//! Exit codes and last words. Codes are those of `sweep-ctl`, listed in `docs/cli.md`.

use std::fmt;
use std::process::ExitCode;

/// How the agent ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// The sweep is over, or `--count` is reached.
    Done = 0,
    /// Something nobody expected.
    Unexpected = 1,
    /// The command line is wrong.
    Usage = 2,
    /// No such sweep.
    NotFound = 3,
    /// No controller answers.
    Unreachable = 5,
    /// Ended by Ctrl-C.
    Interrupted = 130,
    /// Ended by SIGTERM.
    Terminated = 143,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// What failed, why, and what to do: one paragraph and an exit code.
#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    pub message: String,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}
