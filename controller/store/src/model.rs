//! What goes into a store and comes out of it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sweep_core::annotation::Annotation;
use sweep_core::breaker::Bench;
use sweep_core::fault::End;
use sweep_core::file::FileRef;
use sweep_core::objective::{Goal, Summary};
use sweep_core::retention::Retention;
use sweep_core::search::{Origin, Prior};
use sweep_core::stop::{Stops, Verdict};
use sweep_core::sweep::{Counts, SweepState};
use sweep_core::trial::{Outcome, TrialState};
use sweep_core::value::Params;
use uuid::Uuid;

/// A sweep to be stored; its file has been parsed and found good.
#[derive(Debug, Clone)]
pub struct NewSweep {
    /// Eight lower-case letters and digits.
    pub id: String,
    pub request_id: Uuid,
    pub name: String,
    pub project: String,
    pub description: String,
    pub method: String,
    pub objective: Option<Objective>,
    /// Of a sweep after several; `objective` is `None` then.
    pub objectives: Vec<Objective>,
    pub seed: u64,
    pub planned_trials: Option<u64>,
    /// How often a trial whose program failed is run again.
    pub retries: u32,
    /// How often a trial is run again after faults of machines, since it last got on.
    pub infrastructure_retries: u32,
    /// Whether a trial that ended without a finite objective failed.
    pub fails_non_finite: bool,
    /// Most trials held by agents at one time.
    pub max_parallel: Option<u32>,
    /// How trials, and the sweep, are stopped.
    pub stops: Stops,
    /// Trials of earlier sweeps that the search begins with.
    pub prior: Vec<Prior>,
    /// The file as it was given.
    pub text: String,
    pub created_at_ms: i64,
}

/// What a sweep is after.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Objective {
    pub name: String,
    pub goal: Goal,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Sweep {
    pub id: String,
    pub name: String,
    pub project: String,
    pub description: String,
    pub state: SweepState,
    /// Why it is in its state; empty where the state says it all.
    pub reason: String,
    pub method: String,
    pub objective: Option<Objective>,
    /// Of a sweep after several; `objective` is `None` then.
    pub objectives: Vec<Objective>,
    pub seed: u64,
    pub planned_trials: Option<u64>,
    /// Trials up to this number have been proposed.
    pub proposed: u64,
    /// Nothing is left to propose.
    pub exhausted: bool,
    pub counts: Counts,
    /// The best finite objective, and the number of the trial that has it.
    pub best: Option<(f64, u64)>,
    pub created_at_ms: i64,
    pub ended_at_ms: Option<i64>,
    /// Empty in lists.
    pub text: String,
    /// What people noted on it; in lists without the note.
    pub annotation: Annotation,
}

/// A proposal to be queued.
#[derive(Debug, Clone)]
pub struct NewTrial {
    pub id: Uuid,
    pub number: u64,
    pub params: Params,
    pub origin: Origin,
}

#[derive(Debug, Clone)]
pub struct Trial {
    pub id: Uuid,
    pub sweep_id: String,
    pub number: u64,
    pub state: TrialState,
    pub reason: String,
    pub params: Params,
    pub metrics: BTreeMap<String, Summary>,
    pub objective: Option<f64>,
    /// Of a sweep after several: the last finite value of each over the visible curve, once all have one.
    pub objectives: Option<Vec<f64>>,
    /// 0: never claimed.
    pub attempt: u32,
    /// Name of the agent of the current attempt; empty: never claimed.
    pub agent: String,
    pub created_at_ms: i64,
    pub started_at_ms: Option<i64>,
    pub finished_at_ms: Option<i64>,
    pub facts: Option<Facts>,
    /// `None`: proposed by a version that did not note it.
    pub origin: Option<Origin>,
    /// What the stop rule said of it last.
    pub verdict: Verdict,
    /// What people noted on it.
    pub annotation: Annotation,
}

/// How people or programs name a trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrialName {
    Id(Uuid),
    Number { sweep: String, number: u64 },
}

impl fmt::Display for TrialName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Number { sweep, number } => write!(f, "{sweep}/{number}"),
        }
    }
}

#[derive(Debug, Clone)]
pub struct TrialDetail {
    pub trial: Trial,
    pub attempts: Vec<AttemptRow>,
    pub checkpoints: Vec<Checkpoint>,
    pub media: Vec<Media>,
}

/// One try of a trial.
#[derive(Debug, Clone)]
pub struct AttemptRow {
    pub number: u32,
    pub agent: String,
    pub claimed_at_ms: i64,
    pub ended_at_ms: Option<i64>,
    /// How it ended, in words; empty while it runs.
    pub ended: String,
    pub facts: Option<Facts>,
}

/// Which trials of a sweep.
#[derive(Debug, Clone, Default)]
pub struct TrialFilter {
    /// Empty: all.
    pub states: Vec<TrialState>,
    /// The best so many by the objective.
    pub top: Option<u32>,
}

/// Which trials of a sweep are run again.
#[derive(Debug, Clone)]
pub enum Retry {
    /// Those in these states.
    In(Vec<TrialState>),
    /// Those of these numbers.
    Numbers(Vec<u64>),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Agent {
    pub id: Uuid,
    pub name: String,
    pub host: String,
    pub version: String,
    pub slots: u32,
    pub devices: Vec<String>,
    pub labels: BTreeMap<String, String>,
}

/// What a person wants of an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentWish {
    pub kind: AgentWishKind,
    /// For people.
    pub reason: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentWishKind {
    /// No new trials; what it runs goes on.
    Drain,
    /// No new trials; what it runs is taken away.
    Quarantine,
}

impl AgentWishKind {
    /// As it is stored.
    pub fn word(self) -> &'static str {
        match self {
            Self::Drain => "drain",
            Self::Quarantine => "quarantine",
        }
    }

    pub fn of_word(word: &str) -> Option<Self> {
        [Self::Drain, Self::Quarantine].into_iter().find(|kind| kind.word() == word)
    }
}

impl fmt::Display for AgentWish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.kind {
            AgentWishKind::Drain => "drained",
            AgentWishKind::Quarantine => "quarantined",
        };
        if self.reason.is_empty() { f.write_str(state) } else { write!(f, "{state}: {}", self.reason) }
    }
}

/// An agent as it is known.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentRow {
    pub agent: Agent,
    pub registered_at_ms: i64,
    /// When it was heard of last, as far as that was noted ([`crate::Store::agents_seen`]).
    pub seen_at_ms: i64,
    pub wish: Option<AgentWish>,
    /// Until when it is benched, or was last, and why.
    pub benched: Option<(i64, String)>,
    pub trials: Vec<AgentTrial>,
}

impl AgentRow {
    pub(crate) fn benched((bench, began_ms): (Bench, i64)) -> (i64, String) {
        (began_ms.saturating_add(i64::try_from(bench.length.as_millis()).unwrap_or(i64::MAX)), bench.reason)
    }
}

/// A trial that an agent runs.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentTrial {
    pub key: AttemptKey,
    pub sweep: String,
    pub number: u64,
    pub claimed_at_ms: i64,
    /// As the agent told.
    pub devices: Vec<String>,
}

/// A trial as a row of a table.
#[derive(Debug, Clone)]
pub struct TrialBrief {
    pub id: Uuid,
    pub sweep_id: String,
    pub number: u64,
    pub state: TrialState,
    pub reason: String,
    pub params: Params,
    pub objective: Option<f64>,
    pub objectives: Option<Vec<f64>>,
    /// 0: never claimed.
    pub attempt: u32,
    /// Name of the agent of the current attempt; empty: never claimed.
    pub agent: String,
    pub started_at_ms: Option<i64>,
    pub finished_at_ms: Option<i64>,
    pub tags: Vec<String>,
    /// The number of its last change.
    pub changed: u64,
}

/// Rows of a table.
#[derive(Debug, Clone)]
pub struct TrialTable {
    /// Ask from here next.
    pub change: u64,
    /// How many trials the sweep has.
    pub total: u64,
    /// There are more with higher numbers.
    pub more: bool,
    pub trials: Vec<TrialBrief>,
    /// By metric, one a row; `None`: the trial has no such metric.
    pub metrics: BTreeMap<String, Vec<Option<Summary>>>,
}

/// An attempt among those of its sweep.
#[derive(Debug, Clone, PartialEq)]
pub struct AttemptBrief {
    /// The trial's number.
    pub trial: u64,
    pub number: u32,
    pub agent: String,
    /// Of its slot, as its agent told.
    pub devices: Vec<String>,
    pub claimed_at_ms: i64,
    pub ended_at_ms: Option<i64>,
    /// `None` while it runs.
    pub end: Option<End>,
    /// Why it ended so.
    pub reason: String,
}

/// Attempts of a sweep, newest first.
#[derive(Debug, Clone)]
pub struct AttemptTable {
    /// Ask from here next.
    pub change: u64,
    /// There are older ones.
    pub more: bool,
    pub attempts: Vec<AttemptBrief>,
}

/// What a trial came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reached {
    pub number: u64,
    pub objective: f64,
    pub finished_at_ms: Option<i64>,
}

/// A wish for a trial.
#[derive(Debug, Clone)]
pub struct Claim {
    pub sweep: String,
    pub agent: Uuid,
    /// Made anew for each trial, kept over resends.
    pub request_id: Uuid,
    pub lease: Duration,
}

/// The answer to a claim.
#[derive(Debug, Clone)]
pub enum Claimed {
    Granted(Box<Assignment>),
    /// Nothing is queued, or the sweep hands nothing out now.
    Nothing {
        state: SweepState,
        reason: String,
        exhausted: bool,
        /// Whether that is so for this agent alone.
        benched: bool,
    },
}

/// A trial handed to an agent.
#[derive(Debug, Clone)]
pub struct Assignment {
    pub trial: Uuid,
    pub sweep: String,
    pub number: u64,
    pub attempt: u32,
    pub params: Params,
    /// Where it goes on; `None`: it begins.
    pub resume: Option<ResumePoint>,
}

/// A checkpoint to go on from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResumePoint {
    /// Points up to and with this step are kept.
    pub step: u64,
    /// In the artifact store; the main file first.
    pub files: Vec<FileRef>,
}

/// A checkpoint's files, all of them in the artifact store.
#[derive(Debug, Clone)]
pub struct CheckpointFiles {
    pub key: AttemptKey,
    /// The number of its record among the attempt's events.
    pub seq: u64,
    /// The main file first.
    pub files: Vec<FileRef>,
    pub retention: Retention,
}

/// One attempt of one trial; the number is the fencing token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AttemptKey {
    pub trial: Uuid,
    pub attempt: u32,
}

/// What an attempt told.
#[derive(Debug, Clone)]
pub struct Event {
    /// The agent's clock, for display.
    pub at_ms: i64,
    pub kind: EventKind,
}

#[derive(Debug, Clone)]
pub enum EventKind {
    Metrics { step: u64, epoch: Option<f64>, values: BTreeMap<String, f64> },
    Log(LogLine),
    Checkpoint(Checkpoint),
    Media(Media),
    Facts(Facts),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// stdout, stderr or event.
    pub stream: String,
    pub text: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    pub seq: u64,
    pub at_ms: i64,
    pub line: LogLine,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    pub step: u64,
    pub epoch: Option<f64>,
    /// On the agent's host.
    pub path: String,
    pub metrics: BTreeMap<String, f64>,
    /// Whether the trial can go on from it.
    pub resume: bool,
    /// Whether its files are in the artifact store.
    pub stored: bool,
    /// Those files, the main one first.
    pub files: Vec<FileRef>,
}

/// A wish that a trial's checkpoint becomes a model.
#[derive(Debug, Clone)]
pub struct Promotion {
    /// The model's, if it is a new one.
    pub id: Uuid,
    pub trial: TrialName,
    /// `None`: `SWEEP-NUMBER`.
    pub name: Option<String>,
    /// `None`: the best.
    pub step: Option<u64>,
    /// Whether it takes the place of another model of its name.
    pub replace: bool,
}

/// A checkpoint that a person chose to use.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    pub id: Uuid,
    pub name: String,
    /// The attempt that told of the checkpoint.
    pub key: AttemptKey,
    /// The number of the checkpoint's record among the attempt's events.
    pub seq: u64,
    pub sweep: String,
    pub sweep_name: String,
    /// The trial's number and parameters.
    pub number: u64,
    pub params: Params,
    pub step: u64,
    pub epoch: Option<f64>,
    /// Of the checkpoint.
    pub metrics: BTreeMap<String, f64>,
    pub promoted_at_ms: i64,
    /// In the artifact store; the main file first.
    pub files: Vec<FileRef>,
}

impl Model {
    /// The trial as people name it.
    pub fn trial(&self) -> TrialName {
        TrialName::Number { sweep: self.sweep.clone(), number: self.number }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Media {
    pub name: String,
    pub step: u64,
    pub value: Value,
}

/// What an attempt ran, and on what.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    pub command: Vec<String>,
    pub host: String,
    pub working_directory: String,
    pub git_commit: String,
    pub git_dirty: bool,
    pub versions: BTreeMap<String, String>,
    pub devices: Vec<String>,
}

impl Facts {
    /// Takes in what a later message adds: what it leaves empty stays.
    pub fn merge(&mut self, later: Self) {
        let Self { command, host, working_directory, git_commit, git_dirty, versions, devices } = later;
        if !command.is_empty() {
            self.command = command;
        }
        for (mine, new) in [
            (&mut self.host, host),
            (&mut self.working_directory, working_directory),
            (&mut self.git_commit, git_commit),
        ] {
            if !new.is_empty() {
                *mine = new;
            }
        }
        self.git_dirty |= git_dirty;
        self.versions.extend(versions);
        if !devices.is_empty() {
            self.devices = devices;
        }
    }
}

/// How an attempt stands with the controller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    GoOn,
    /// Finish kindly.
    Stop(String),
    /// Be killed.
    Cancel(String),
    /// It is no longer its agent's.
    Lost(String),
}

/// The answer to a report or a renewal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported {
    /// Events up to here are durable.
    pub acknowledged: u64,
    pub standing: Standing,
    /// Whether claims that found nothing may find a trial now, or hear that the sweep hands none out any more.
    pub frees: bool,
}

/// The end of an attempt.
#[derive(Debug, Clone)]
pub struct Finish {
    pub key: AttemptKey,
    pub outcome: Outcome,
    /// For people.
    pub reason: String,
    pub exit_code: Option<i32>,
    pub signal: Option<i32>,
    /// The attempt's last event; 0: there were none.
    pub last_seq: u64,
}

/// What an attempt's end came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    pub sweep: String,
    pub state: TrialState,
    /// How long the trial waits before it is handed out again, if it is queued.
    pub pause: Duration,
    /// Whether claims that found nothing may find a trial now, or hear that the sweep hands none out any more.
    pub frees: bool,
}

/// A sweep and those of its trials that changed.
#[derive(Debug, Clone)]
pub struct Changes {
    /// Ask from here next.
    pub change: u64,
    pub sweep: Sweep,
    pub trials: Vec<Trial>,
}

/// How an attempt ended, in words.
pub(crate) fn ended_words(outcome: Option<&str>, reason: &str) -> String {
    match (outcome, reason) {
        (None, _) => String::new(),
        (Some(outcome), "") => outcome.to_owned(),
        (Some(outcome), reason) => format!("{outcome}: {reason}"),
    }
}

/// The count that a trial in a state is counted in.
pub(crate) fn count_of(counts: &mut Counts, state: TrialState) -> &mut u64 {
    match state {
        TrialState::Queued => &mut counts.queued,
        TrialState::Leased | TrialState::Running => &mut counts.active,
        TrialState::Paused => &mut counts.paused,
        TrialState::Finished => &mut counts.finished,
        TrialState::StoppedEarly => &mut counts.stopped_early,
        TrialState::Failed => &mut counts.failed,
        TrialState::Cancelled => &mut counts.cancelled,
    }
}
