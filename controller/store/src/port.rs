//! What a backend must do: operations on the tables, inside a transaction. No operation decides anything; the rules
//! are in [`crate::rules`], written once.
//!
//! Operations that change what a watcher sees number that change themselves.

mod records;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use async_trait::async_trait;
use sweep_core::annotation::Annotation;
use sweep_core::fault::Past;
use sweep_core::file::FileRef;
use sweep_core::lease::Lease;
use sweep_core::objective::{Goal, Summary};
use sweep_core::retention::Stored;
use sweep_core::search::{Prior, Recorded};
use sweep_core::stop::{Account, Entry, Judged, Judgement};
use sweep_core::sweep::{Counts, SweepState};
use sweep_core::trial::TrialState;
use uuid::Uuid;

pub(crate) use self::records::*;
use crate::{
    Agent, AgentRow, AgentTrial, AgentWish, AttemptBrief, AttemptKey, AttemptRow, Checkpoint, Claim, Facts,
    Media, Model, NewSweep, NewTrial, Reached, Result, Sweep, Trial, TrialBrief, TrialName,
};

/// What can be asked of the tables, in a transaction or outside one.
#[async_trait]
pub(crate) trait Rows: Send {
    /// Every change up to this number is visible here and will not be added to.
    async fn change(&mut self) -> Result<u64>;

    /// All sweeps, newest first, without texts, counts and best trials.
    async fn sweeps(&mut self) -> Result<Vec<Sweep>>;
    /// One sweep without its counts and best trial.
    async fn sweep(&mut self, id: &str) -> Result<Option<Sweep>>;
    async fn sweep_newest(&mut self) -> Result<Option<String>>;
    /// Up to six ids that start so, in order; ids are lower-case letters and digits.
    async fn sweeps_by_prefix(&mut self, prefix: &str) -> Result<Vec<String>>;
    async fn sweep_counts(&mut self, sweep: &str) -> Result<Counts>;
    /// The best objective among trials that run or went well, and the number of its trial.
    async fn sweep_best(&mut self, sweep: &str, goal: Goal) -> Result<Option<(f64, u64)>>;

    /// Whether any sweep is of a project.
    async fn project_known(&mut self, project: &str) -> Result<bool>;
    async fn layout(&mut self, project: &str) -> Result<Option<String>>;

    /// Trials without their metrics.
    async fn trials(&mut self, sweep: &str, pick: Pick) -> Result<Vec<Trial>>;
    /// One trial without its metrics; a sweep is named by its whole id.
    async fn trial(&mut self, name: &TrialName) -> Result<Option<Trial>>;
    /// All trials of a sweep, by number, as a search looks at them.
    async fn trials_recorded(&mut self, sweep: &str) -> Result<Vec<Recorded>>;
    /// What a sweep began with; `None`: there is no such sweep.
    async fn sweep_prior(&mut self, sweep: &str) -> Result<Option<Vec<Prior>>>;
    async fn trials_count(&mut self, sweep: &str, state: TrialState) -> Result<u64>;
    async fn metrics_of_trial(&mut self, trial: Uuid) -> Result<Vec<(String, Summary)>>;
    async fn metrics_of_sweep(&mut self, sweep: &str) -> Result<Vec<(Uuid, String, Summary)>>;

    /// In order, each with the step it resumed from.
    async fn attempts(&mut self, trial: Uuid) -> Result<Vec<(AttemptRow, Option<u64>)>>;
    async fn leases(&mut self) -> Result<Vec<Lease<AttemptKey>>>;
    async fn checkpoints(&mut self, trial: Uuid) -> Result<Vec<Checkpoint>>;
    async fn media(&mut self, trial: Uuid) -> Result<Vec<Media>>;
    /// Newest first.
    async fn models(&mut self) -> Result<Vec<Model>>;
    async fn model(&mut self, name: &str) -> Result<Option<Model>>;
    /// What the stop rule said, in the order it did.
    async fn judgements(&mut self, sweep: &str) -> Result<Vec<Judgement>>;
    /// Packed points by attempt, in the order they came.
    async fn points(&mut self, trial: Uuid) -> Result<Vec<(u32, Vec<u8>)>>;
    /// Packed log lines of an attempt, newest batch first, of those that end after event `after`.
    async fn logs(&mut self, trial: Uuid, attempt: u32, after: u64) -> Result<Vec<Vec<u8>>>;

    /// At most `most` trials of numbers above `after` that changed after `since`, by number.
    async fn briefs(&mut self, sweep: &str, since: u64, after: u64, most: u32) -> Result<Vec<TrialBrief>>;
    /// At most `most` of the trials that run or went well and have an objective, best first, equals by number.
    async fn briefs_best(&mut self, sweep: &str, goal: Goal, most: u32) -> Result<Vec<TrialBrief>>;
    /// One trial; a sweep is named by its whole id.
    async fn brief(&mut self, name: &TrialName) -> Result<Option<TrialBrief>>;
    /// At most `most` attempts of trials that changed after `since`, newest first.
    async fn attempts_of_sweep(&mut self, sweep: &str, since: u64, most: u32) -> Result<Vec<AttemptBrief>>;
    /// The trials that run or went well and have an objective, by number.
    async fn reached(&mut self, sweep: &str) -> Result<Vec<Reached>>;
    /// Packed points of trials of some numbers, by number and attempt, in the order they came.
    async fn points_of_sweep(
        &mut self,
        sweep: &str,
        numbers: RangeInclusive<u64>,
    ) -> Result<Vec<TrialPoints>>;
    /// Where later attempts than the first of such trials went on, by number and attempt.
    async fn resumes_of_sweep(
        &mut self,
        sweep: &str,
        numbers: RangeInclusive<u64>,
    ) -> Result<Vec<TrialResume>>;
    /// The last record of a name, of the trial with the highest number that has one, and that number.
    async fn media_newest(&mut self, sweep: &str, name: &str) -> Result<Option<(u64, Media)>>;
    /// All agents, by name, without what they run.
    async fn agents(&mut self) -> Result<Vec<AgentRow>>;
    /// What agents run, by sweep and number.
    async fn agent_trials(&mut self) -> Result<Vec<(Uuid, AgentTrial)>>;
}

/// Which trials of a sweep, and in which order.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pick {
    /// By number.
    All,
    /// Those that have an objective, best first, equals by number.
    Best { goal: Goal, limit: u32 },
    /// Those that changed after `since`, up to and with `until`, by number.
    Changed { since: u64, until: u64 },
}

/// What a transaction can do to the tables.
///
/// Where transactions run beside each other, rows are locked in this order: sweep, trial, attempt. `sweep_lock` and
/// `attempt_locked` say what a rule relies on; a backend with one writer has nothing to do for them.
pub(crate) trait Tables:
    SweepTables + TrialTables + AttemptTables + CheckpointTables + ModelTables + StopTables
{
    fn rows(&mut self) -> &mut dyn Rows;
}

/// Sweeps, and the layouts of their projects.
#[async_trait]
pub(crate) trait SweepTables: Send {
    /// Whether no other transaction runs beside this one: nothing needs a lock, and what was read stays true.
    fn is_alone(&self) -> bool;
    /// Keeps a sweep's row as it is (`Shared`) or for this transaction alone (`Exclusive`) until the end.
    async fn sweep_lock(&mut self, sweep: &str, lock: Lock) -> Result<()>;
    /// Whether it was stored; `false`: its request is known.
    async fn sweep_insert(&mut self, new: &NewSweep) -> Result<bool>;
    async fn sweep_by_request(&mut self, request: Uuid) -> Result<Option<String>>;
    async fn sweep_standing(&mut self, sweep: &str) -> Result<Option<SweepStanding>>;
    async fn sweep_move(
        &mut self,
        sweep: &str,
        to: SweepState,
        reason: &str,
        ended: Option<i64>,
    ) -> Result<()>;
    /// Moves the last proposed number; `exhausted`: it is the last there will be.
    async fn sweep_proposed(&mut self, sweep: &str, last: u64, exhausted: bool) -> Result<()>;
    /// Sets the most trials there will be; there is something to propose again.
    async fn sweep_extend(&mut self, sweep: &str, planned: u64) -> Result<()>;
    async fn sweep_annotate(&mut self, sweep: &str, annotation: &Annotation) -> Result<()>;
    async fn layout_set(&mut self, project: &str, layout: &str) -> Result<()>;
    async fn layout_forget(&mut self, project: &str) -> Result<()>;
    /// The reason of the trial that failed last.
    async fn last_failure(&mut self, sweep: &str) -> Result<Option<String>>;
}

/// Trials and the summaries of their metrics.
#[async_trait]
pub(crate) trait TrialTables: Send {
    async fn trials_insert(&mut self, sweep: &str, trials: &[NewTrial], now_ms: i64) -> Result<()>;
    /// Deletes queued trials that never ran; the sweep's last proposal is the highest that is left.
    async fn trials_withdraw(&mut self, sweep: &str) -> Result<()>;
    /// Cancels what is queued or paused; which trials that were.
    async fn trials_cancel_waiting(&mut self, sweep: &str, reason: &str, now_ms: i64) -> Result<Vec<Uuid>>;
    /// The next queued trial whose pause is over, for this transaction alone: those that ran before first, then by number.
    async fn trial_next(&mut self, sweep: &str, now_ms: i64) -> Result<Option<QueuedTrial>>;
    /// Gives a queued trial away: it is leased, with the objective it has so far.
    async fn trial_lease(&mut self, key: AttemptKey, objective: Option<f64>, now_ms: i64) -> Result<()>;
    /// A trial that reported: it runs, and has this objective.
    async fn trial_running(&mut self, trial: Uuid, objective: Option<f64>) -> Result<()>;
    /// What a trial of a sweep after several objectives came to in each; `None`: not every one has a finite value.
    async fn trial_objectives(&mut self, trial: Uuid, values: Option<&[f64]>) -> Result<()>;
    /// Moves a trial; a wish that it stops is over with that.
    async fn trial_move(&mut self, end: &TrialMove) -> Result<()>;
    /// Notes why a trial should stop.
    async fn trial_wish(&mut self, trial: Uuid, reason: &str) -> Result<()>;
    async fn trial_annotate(&mut self, trial: Uuid, annotation: &Annotation) -> Result<()>;
    async fn metrics_set(&mut self, trial: Uuid, metrics: &BTreeMap<&str, Summary>) -> Result<()>;
    async fn metrics_forget(&mut self, trial: Uuid) -> Result<()>;
}

/// Agents, attempts, and what attempts told.
#[async_trait]
pub(crate) trait AttemptTables: Send {
    async fn agent_set(&mut self, agent: &Agent, now_ms: i64) -> Result<()>;
    /// How an agent stands; `None`: it never registered.
    async fn agent_standing(&mut self, agent: Uuid) -> Result<Option<AgentStanding>>;
    /// The same, and its row is this transaction's alone until the end. Locked after all others.
    async fn agent_locked(&mut self, agent: Uuid) -> Result<Option<AgentStanding>>;
    /// Notes what is remembered of an agent, but for what a person wants of it.
    async fn agent_stand(&mut self, agent: Uuid, standing: &AgentStanding) -> Result<()>;
    async fn agent_wish(&mut self, agent: Uuid, wish: Option<&AgentWish>) -> Result<()>;
    /// Notes when an agent was heard of; what is older than what is known changes nothing.
    async fn agent_seen(&mut self, agent: Uuid, at_ms: i64) -> Result<()>;
    /// What there is to know before a claim is decided.
    async fn claim_scene(&mut self, claim: &Claim) -> Result<ClaimScene>;
    async fn attempt_insert(
        &mut self,
        key: AttemptKey,
        claim: &Claim,
        from: Option<ResumedFrom>,
        now_ms: i64,
    ) -> Result<()>;
    /// Where an attempt went on; `None`: it began.
    async fn resumed_from(&mut self, key: AttemptKey) -> Result<Option<ResumedFrom>>;
    /// How an attempt stands.
    async fn attempt(&mut self, key: AttemptKey) -> Result<Option<AttemptStanding>>;
    /// The same, and its trial and its row are this transaction's alone until the end.
    async fn attempt_locked(&mut self, key: AttemptKey) -> Result<Option<AttemptStanding>>;
    /// Whether an attempt left a checkpoint to go on from. To be asked once the attempt is locked, and not with it: what is
    /// read along with a lock may be from before others let go of it.
    async fn got_on(&mut self, key: AttemptKey) -> Result<bool>;
    /// The attempts of a trial that ended, oldest first.
    async fn attempts_past(&mut self, trial: Uuid) -> Result<Vec<Past<Uuid>>>;
    /// Counts a renewal of an attempt that has not ended.
    async fn attempt_renew(&mut self, key: AttemptKey) -> Result<()>;
    /// Counts a renewal and the events stored.
    async fn attempt_advance(
        &mut self,
        key: AttemptKey,
        acknowledged: u64,
        facts: Option<&Facts>,
    ) -> Result<()>;
    async fn attempt_end(&mut self, key: AttemptKey, end: &AttemptEnd<'_>) -> Result<()>;
    async fn batch_insert(&mut self, key: AttemptKey, batch: &PackedBatch) -> Result<()>;
    async fn media_insert(&mut self, key: AttemptKey, seq: u64, media: &Media) -> Result<()>;
}

/// Checkpoints, and the contents of the artifact store.
#[async_trait]
pub(crate) trait CheckpointTables: Send {
    async fn checkpoint_insert(&mut self, key: AttemptKey, seq: u64, checkpoint: &Checkpoint) -> Result<()>;
    /// Whether such a checkpoint was reported.
    async fn checkpoint_known(&mut self, key: AttemptKey, seq: u64) -> Result<bool>;
    /// Notes that a checkpoint's files are stored; the same again changes nothing.
    async fn checkpoint_stored(
        &mut self,
        key: AttemptKey,
        seq: u64,
        files: &[FileRef],
        now_ms: i64,
    ) -> Result<()>;
    /// A checkpoint no longer points to its files. They are kept until then at least, and as long as others point to them.
    async fn checkpoint_unstore(&mut self, key: AttemptKey, seq: u64, keep_until_ms: i64) -> Result<()>;
    /// The main file first.
    async fn checkpoint_files(&mut self, key: AttemptKey, seq: u64) -> Result<Vec<FileRef>>;
    /// A trial's checkpoints whose files are stored; scores by their records' value of `metric`.
    async fn checkpoints_stored(&mut self, trial: Uuid, metric: Option<&str>) -> Result<Vec<Stored>>;
    /// Those of a sweep that are models.
    async fn models_stored(&mut self, sweep: &str) -> Result<Vec<StoredModel>>;
    /// A content is in the artifact store, or will be, and is kept until then at least. `false`: it is being removed.
    async fn file_want(&mut self, sha256: &str, keep_until_ms: i64) -> Result<bool>;
    /// A content is pointed to from now on. `false`: it is being removed, or was; or nobody wanted it.
    async fn file_adopt(&mut self, sha256: &str) -> Result<bool>;
    /// Contents that nothing points to and whose time is over, and those taken earlier: from now on they are being removed.
    async fn orphans_take(&mut self, now_ms: i64) -> Result<Vec<String>>;
    /// A content was removed; nothing happens if it came back since.
    async fn orphan_forget(&mut self, sha256: &str) -> Result<()>;
}

/// Models, which point to contents of the artifact store as checkpoints do.
#[async_trait]
pub(crate) trait ModelTables: Send {
    /// Whether it was stored; `false`: the name is taken.
    async fn model_insert(&mut self, model: &NewModel<'_>, now_ms: i64) -> Result<bool>;
    /// A model is the newest again.
    async fn model_renew(&mut self, id: Uuid, now_ms: i64) -> Result<()>;
    /// Removes a model. Its files are kept until then at least, and as long as others point to them.
    async fn model_delete(&mut self, id: Uuid, keep_until_ms: i64) -> Result<()>;
}

/// What stop rules remember. A sweep that is judged is this transaction's alone.
#[async_trait]
pub(crate) trait StopTables: Send {
    async fn sweep_account(&mut self, sweep: &str, account: &Account) -> Result<()>;
    /// Sweeps with rules that are not over.
    async fn sweeps_ruled(&mut self) -> Result<Vec<String>>;
    /// When the attempts of a sweep were claimed that have not ended.
    async fn claimed_at(&mut self, sweep: &str) -> Result<Vec<i64>>;
    /// What is remembered of a trial.
    async fn judged(&mut self, trial: Uuid) -> Result<Judged>;
    async fn trial_judged(&mut self, trial: Uuid, judged: &Judged) -> Result<()>;
    /// Trials that are held back.
    async fn trials_paused(&mut self, sweep: &str) -> Result<Vec<PausedTrial>>;
    /// Queues a trial that was held back.
    async fn trial_promote(&mut self, trial: Uuid, reason: &str, judged: &Judged) -> Result<()>;
    /// Trials that are held back are stopped for good, for the reason that held them.
    async fn trials_stop_paused(&mut self, sweep: &str, now_ms: i64) -> Result<()>;
    /// The number of the last judgement; 0: there is none.
    async fn judgement_last(&mut self, sweep: &str) -> Result<u64>;
    async fn judgement_insert(&mut self, sweep: &str, judgement: &Judgement) -> Result<()>;
    /// Those of one trial, in order.
    async fn judgements_of(&mut self, sweep: &str, trial: u64) -> Result<Vec<Judgement>>;
    /// Entries with their bracket and rung: of one rung, or of all.
    async fn rung_entries(&mut self, sweep: &str, of: Option<(u32, u64)>) -> Result<Vec<(u32, u64, Entry)>>;
    async fn rung_enter(&mut self, sweep: &str, entry: (u32, u64, Entry)) -> Result<()>;
    /// A trial never came to any rung.
    async fn rungs_leave(&mut self, sweep: &str, trial: u64) -> Result<()>;
}
