//! What a store can answer besides success.

use std::fmt;

use sweep_core::sweep::{NotExtended, SweepEvent, SweepState};
use sweep_core::trial::{TrialEvent, TrialState};
use thiserror::Error;

/// Why a store did not do it. The last two are faults of the store itself; all others are answers.
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
    #[error("agent {agent} is not registered")]
    AgentUnknown { agent: uuid::Uuid },
    /// The database cannot be opened, and what to do about it.
    #[error("{message}")]
    Open { message: String },
    #[error("the database failed at: {what}")]
    Database { what: &'static str, source: sqlx::Error },
    #[error("the database holds something that cannot be read: {what}")]
    Corrupt { what: String },
    #[error("the store is shutting down")]
    Closed,
}

impl StoreError {
    /// A database that cannot be opened: why, and what to do about it.
    pub(crate) fn cannot_open(place: impl fmt::Display, what: impl fmt::Display) -> Self {
        Self::Open { message: format!("cannot open the database {place}: {what}") }
    }

    pub(crate) fn database(what: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Database { what, source }
    }

    pub(crate) fn corrupt(what: impl Into<String>) -> Self {
        Self::Corrupt { what: what.into() }
    }
}
