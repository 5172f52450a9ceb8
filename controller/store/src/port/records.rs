//! What goes through the port.

use std::time::Duration;

use sweep_core::breaker::{Bench, Record};
use sweep_core::fault::{End, Faults};
use sweep_core::file::FileRef;
use sweep_core::stop::{Account, Judged, Stops};
use sweep_core::sweep::SweepState;
use sweep_core::trial::TrialState;
use uuid::Uuid;

use crate::{Assignment, AttemptKey, Facts, Objective};

/// The checkpoint that an attempt went on from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ResumedFrom {
    pub(crate) attempt: u32,
    pub(crate) seq: u64,
    pub(crate) step: u64,
}

/// A stored checkpoint that is a model.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StoredModel {
    pub(crate) key: AttemptKey,
    pub(crate) seq: u64,
    /// The trial's number and objective.
    pub(crate) number: u64,
    pub(crate) objective: Option<f64>,
    /// Bytes.
    pub(crate) size: u64,
}

/// A checkpoint that becomes a model.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewModel<'a> {
    pub(crate) id: Uuid,
    pub(crate) name: &'a str,
    pub(crate) key: AttemptKey,
    pub(crate) seq: u64,
    /// The main file first.
    pub(crate) files: &'a [FileRef],
}

/// How a row is kept from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lock {
    Shared,
    Exclusive,
}

/// What a move of a sweep needs to know.
#[derive(Debug, Clone)]
pub(crate) struct SweepStanding {
    pub(crate) state: SweepState,
    pub(crate) reason: String,
    /// Trials up to this number have been proposed.
    pub(crate) proposed: u64,
    /// The most trials there will be, where that is known.
    pub(crate) planned: Option<u64>,
    /// Nothing is left to propose.
    pub(crate) exhausted: bool,
    pub(crate) max_parallel: Option<u32>,
    pub(crate) target: Option<Objective>,
    pub(crate) stops: Stops,
    pub(crate) account: Account,
    /// Of a sweep after several.
    pub(crate) targets: Vec<Objective>,
}

/// What there is to know before a claim is decided.
#[derive(Debug, Clone, Default)]
pub(crate) struct ClaimScene {
    /// What the same request got earlier.
    pub(crate) given: Option<Assignment>,
    /// `None`: it never registered.
    pub(crate) agent: Option<AgentStanding>,
    pub(crate) sweep: Option<SweepStanding>,
}

/// A trial that waits for an agent.
#[derive(Debug, Clone)]
pub(crate) struct QueuedTrial {
    pub(crate) id: Uuid,
    pub(crate) number: u64,
    /// The last attempt; 0: never claimed.
    pub(crate) attempt: u32,
    pub(crate) params: sweep_core::value::Params,
}

/// A trial that a stop rule holds back.
#[derive(Debug, Clone)]
pub(crate) struct PausedTrial {
    pub(crate) id: Uuid,
    pub(crate) number: u64,
    pub(crate) judged: Judged,
}

/// What is remembered of an agent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct AgentStanding {
    pub(crate) name: String,
    pub(crate) record: Record,
    /// It gets no trials for a while, from this moment.
    pub(crate) bench: Option<(Bench, i64)>,
}

/// What is known of an attempt, its trial and its sweep.
#[derive(Debug, Clone)]
pub(crate) struct AttemptStanding {
    pub(crate) sweep: String,
    pub(crate) number: u64,
    pub(crate) state: TrialState,
    /// The trial's current or last attempt.
    pub(crate) current: u32,
    pub(crate) objective: Option<f64>,
    pub(crate) faults: Faults,
    pub(crate) renewals: u64,
    pub(crate) acknowledged: u64,
    /// `None` while it runs.
    pub(crate) end: Option<End>,
    /// Why a person wants it stopped; empty: nobody does.
    pub(crate) stop: String,
    pub(crate) agent: Uuid,
    pub(crate) facts: Option<Facts>,
    /// When it was claimed, by a controller's clock.
    pub(crate) claimed_at: i64,
    pub(crate) judged: Judged,
    pub(crate) stops: Stops,
    pub(crate) sweep_state: SweepState,
    /// Nothing is left to propose.
    pub(crate) exhausted: bool,
    pub(crate) target: Option<Objective>,
    /// Of a sweep after several.
    pub(crate) targets: Vec<Objective>,
    /// What the trial came to in each, once all have a finite value.
    pub(crate) objectives: Option<Vec<f64>>,
    /// How often a program that failed is run again.
    pub(crate) retries: u32,
    pub(crate) infrastructure_retries: u32,
    /// Whether a trial that ended without a finite objective failed.
    pub(crate) fails_non_finite: bool,
}

/// Where an attempt's end takes its trial.
#[derive(Debug, Clone)]
pub(crate) struct TrialMove {
    pub(crate) trial: Uuid,
    pub(crate) to: TrialState,
    pub(crate) reason: String,
    pub(crate) faults: Faults,
    /// `None`: it will run again.
    pub(crate) finished_at: Option<i64>,
    /// It is not handed out before so much time has passed since `now_ms`.
    pub(crate) pause: Duration,
    pub(crate) now_ms: i64,
}

/// How an attempt ended.
#[derive(Debug, Clone)]
pub(crate) struct AttemptEnd<'a> {
    pub(crate) at_ms: i64,
    pub(crate) end: End,
    pub(crate) reason: &'a str,
    pub(crate) exit_code: Option<i32>,
    pub(crate) signal: Option<i32>,
}

/// The events of one report as they lie in their row; see [`crate::codec`].
#[derive(Debug, Clone)]
pub(crate) struct PackedBatch {
    pub(crate) first_seq: u64,
    pub(crate) last_seq: u64,
    pub(crate) points: Option<Vec<u8>>,
    pub(crate) logs: Option<Vec<u8>>,
}
