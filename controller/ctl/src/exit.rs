//! Exit codes: an API for scripts, listed in docs/cli.md.

use std::fmt;
use std::process::ExitCode;

use sweep_proto::status::{Reason, metadata, reason, root_cause};
use tonic::{Code, Status};

/// How the command went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Something nobody expected.
    Unexpected = 1,
    /// The command line or the sweep file is wrong.
    Usage = 2,
    /// No such sweep, trial or file.
    NotFound = 3,
    /// No controller answers.
    Unreachable = 5,
    /// The state does not allow it.
    Conflict = 6,
    /// What was waited for did not come in time.
    TimedOut = 7,
    /// Nothing matched.
    Nothing = 8,
    /// The sweep ended, and not as it was wanted.
    Unsuccessful = 10,
    /// `doctor` found something that does not work.
    Unfit = 11,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// What failed, why, and what to do: one paragraph and an exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) message: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }

    /// No connection to the controller.
    pub(crate) fn unreachable(server: &str, cause: &str) -> Self {
        Self::new(
            Exit::Unreachable,
            format!(
                "cannot reach the controller at {server} ({cause})\n  start one here:  sweep-controller\n  \
                 or name another: sweep-ctl --server http://HOST:7878 ... (or set SWEEP_SERVER)"
            ),
        )
    }

    /// A call's answer that is no success.
    pub(crate) fn from_status(server: &str, status: &Status) -> Self {
        let message = status.message();
        match reason(status) {
            Some(Reason::SweepNotFound) => {
                Self::new(Exit::NotFound, format!("{message}\n  see which there are: sweep-ctl list"))
            }
            Some(Reason::TrialNotFound) => Self::new(
                Exit::NotFound,
                format!("{message}\n  a trial is SWEEP/NUMBER; see them: sweep-ctl trials SWEEP"),
            ),
            Some(Reason::SweepAmbiguous) => {
                Self::new(Exit::Usage, format!("{message}\n  give more of its letters"))
            }
            Some(Reason::InvalidArgument | Reason::InvalidSweep) => Self::new(Exit::Usage, message),
            Some(Reason::SweepRefuses | Reason::TrialRefuses) => Self::new(Exit::Conflict, message),
            Some(Reason::NoPredictor) => Self::new(
                Exit::Unreachable,
                format!("{message}\n  start one: sweep-train serve --controller {server}"),
            ),
            Some(why) => {
                let (exit, fix) = of_models(why);
                let fix = metadata(status, "fix").or(fix.map(str::to_owned));
                Self::new(exit, fix.map_or_else(|| message.to_owned(), |fix| format!("{message}\n  {fix}")))
            }
            None => match status.code() {
                Code::Unavailable => Self::unreachable(server, &root_cause(status)),
                Code::Unimplemented => Self::new(
                    Exit::Unexpected,
                    format!("{server} is no Sweep controller, or one of another version: {message}"),
                ),
                code => Self::new(Exit::Unexpected, format!("{server} answered {code:?}: {message}")),
            },
        }
    }
}

/// What a refusal about models comes to, and what to do where the controller does not say.
fn of_models(why: Reason) -> (Exit, Option<&'static str>) {
    match why {
        Reason::ModelNotFound => (Exit::NotFound, None),
        Reason::ModelTaken => (
            Exit::Conflict,
            Some("put this one in its place: --replace\n  or call it otherwise:     --name NAME"),
        ),
        Reason::NothingToPromote => {
            (Exit::Nothing, Some("see what is stored of it: sweep-ctl trial files TRIAL"))
        }
        Reason::PredictorBusy => (Exit::Unreachable, None),
        Reason::PictureUnreadable | Reason::PictureTooLarge => (Exit::Usage, None),
        _ => (Exit::Unexpected, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_in_the_table() {
        use Exit::{
            Conflict, NotFound, Nothing, TimedOut, Unexpected, Unfit, Unreachable, Unsuccessful, Usage,
        };
        let table = include_str!("../../../docs/cli.md");
        for exit in
            [Unexpected, Usage, NotFound, Unreachable, Conflict, TimedOut, Nothing, Unsuccessful, Unfit]
        {
            assert!(table.contains(&format!("\n| {} | ", exit as u8)), "{exit:?}");
        }
    }
}
