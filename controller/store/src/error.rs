//! What a store can answer besides success.

use std::fmt;

use sweep_core::annotation::NotNoted;
use sweep_core::layout::NotALayout;
use sweep_core::promotion::{NotAName, NotPromoted};
use sweep_core::sweep::{NotExtended, SweepEvent, SweepState};
use sweep_core::trial::{TrialEvent, TrialState};
use thiserror::Error;

/// Why a store did not do it. The last ones, from [`Self::Open`] on, are faults of the store itself; all others are answers.
#[derive(Debug, Error)]
pub enum StoreError {
    #[error("no sweep matches `{name}`")]
    SweepNotFound { name: String },
    #[error("`{name}` fits several sweeps: {}", matches.join(", "))]
    SweepAmbiguous { name: String, matches: Vec<String> },
    #[error("cannot {} sweep {sweep}: it is {state}", event.word())]
    SweepRefuses { sweep: String, state: SweepState, event: SweepEvent },
    #[error("cannot extend sweep {sweep}: {why}")]
    NotExtended { sweep: String, why: NotExtended },
    #[error("no trial matches `{name}`")]
    TrialNotFound { name: String },
    #[error("cannot {} trial {trial}: it is {state}", event.word())]
    TrialRefuses { trial: String, state: TrialState, event: TrialEvent },
    /// The attempt ended, or a newer one runs.
    #[error("attempt {attempt} of trial {trial} is no longer current: {reason}")]
    AttemptStale { trial: String, attempt: u32, reason: String },
    /// Events are missing: send on from `acknowledged + 1`.
    #[error("events are missing: {acknowledged} is the last one stored")]
    SeqGap { acknowledged: u64 },
    /// No such checkpoint was reported.
    #[error("event {seq} of attempt {attempt} of trial {trial} is no checkpoint")]
    CheckpointUnknown { trial: String, attempt: u32, seq: u64 },
    /// The artifact store has lost it, or is about to: send it again.
    #[error("the file {sha256} is not kept, or is being removed; send it again")]
    FileGone { sha256: String },
    #[error("{}", no_model(name))]
    ModelNotFound { name: String },
    #[error(transparent)]
    ModelName(NotAName),
    #[error("a model is called `{name}` already: trial {trial} at step {step}")]
    ModelTaken { name: String, trial: String, step: u64 },
    #[error("no model can be made of trial {trial}: {why}")]
    NotPromoted { trial: String, why: NotPromoted },
    #[error("no sweep is of project `{name}`")]
    ProjectNotFound { name: String },
    #[error(transparent)]
    NotALayout(NotALayout),
    #[error(transparent)]
    NotNoted(NotNoted),
    #[error("agent {agent} is not registered")]
    AgentUnknown { agent: uuid::Uuid },
    /// The database cannot be opened, and what to do about it.
    #[error("{message}")]
    Open { message: String },
    /// The database has no room; what was acknowledged is there, and nothing else is.
    #[error("the database's disk is full, at: {what} ({cause})")]
    DiskFull { what: &'static str, cause: String },
    #[error("the database failed at: {what}")]
    Database { what: &'static str, source: sqlx::Error },
    #[error("the database holds something that cannot be read: {what}")]
    Corrupt { what: String },
    #[error("the store is shutting down")]
    Closed,
}

fn no_model(name: &str) -> String {
    if name == crate::NEWEST {
        "no model has been promoted".to_owned()
    } else {
        format!("no model is called `{name}`")
    }
}

impl StoreError {
    /// A database that cannot be opened: why, and what to do about it.
    pub(crate) fn cannot_open(place: impl fmt::Display, what: impl fmt::Display) -> Self {
        Self::Open { message: format!("cannot open the database {place}: {what}") }
    }

    pub(crate) fn database(what: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| match source {
            sqlx::Error::Database(cause) if is_full(&*cause) => {
                Self::DiskFull { what, cause: cause.to_string() }
            }
            source => Self::Database { what, source },
        }
    }

    /// Whether the store could not do it, rather than would not.
    pub fn is_the_stores(&self) -> bool {
        matches!(
            self,
            Self::Open { .. }
                | Self::DiskFull { .. }
                | Self::Database { .. }
                | Self::Corrupt { .. }
                | Self::Closed
        )
    }

    pub(crate) fn corrupt(what: impl Into<String>) -> Self {
        Self::Corrupt { what: what.into() }
    }
}

/// Whether a database says that its disk is full: SQLite's `SQLITE_FULL`, PostgreSQL's `disk_full`.
fn is_full(cause: &dyn sqlx::error::DatabaseError) -> bool {
    cause.code().is_some_and(|code| matches!(&*code, "13" | "53100"))
}
