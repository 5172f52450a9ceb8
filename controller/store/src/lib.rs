//! The one port to durable state.
//!
//! Invariants: a method that changes state answers only after the change is committed; the change feed moves only
//! after the commit; decisions are core's, this crate only fetches what they need and writes what they say; nothing
//! outside this crate sees SQL.
#![forbid(unsafe_code)]

pub mod admin;
mod attention;
mod backend;
mod codec;
#[cfg(test)]
mod contract;
mod edge;
mod error;
mod location;
mod memory;
mod model;
mod port;
mod postgres;
mod rules;
mod schema;
mod sql;
mod sqlite;

use std::ops::RangeInclusive;

use async_trait::async_trait;
use sweep_core::annotation::AnnotationChange;
use sweep_core::curve::Point;
use sweep_core::lease::Lease;
use sweep_core::search::{Prior, Recorded};
use sweep_core::stop::Judgement;
use sweep_core::sweep::{Extension, SweepEvent};
use sweep_core::trial::TrialState;
use tokio::sync::watch;
use uuid::Uuid;

pub use attention::Awaited;
pub use error::StoreError;
pub use location::Location;
pub use memory::MemoryStore;
pub use model::*;
pub use postgres::PostgresStore;
#[cfg(any(test, feature = "testing"))]
pub use postgres::cluster;
pub use sqlite::SqliteStore;

/// What stands for the newest sweep or model where a name is asked for.
pub const NEWEST: &str = "-";

/// Short for this crate's results.
pub type Result<T> = std::result::Result<T, StoreError>;

/// Durable state of sweeps, trials and attempts. Times are milliseconds since the Unix epoch, given by the caller.
///
/// Every backend passes the contract suite of this crate.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Stores a sweep; the same `request_id` again gives the stored one.
    async fn sweep_create(&self, new: NewSweep) -> Result<Sweep>;

    /// All sweeps, newest first, without their texts.
    async fn sweep_list(&self) -> Result<Vec<Sweep>>;

    /// One sweep by its id, by a prefix that fits one only, or `-` for the newest.
    ///
    /// # Errors
    /// [`StoreError::SweepNotFound`], [`StoreError::SweepAmbiguous`].
    async fn sweep_find(&self, name: &str) -> Result<Sweep>;

    /// Moves a sweep by a person's verb. Stop and cancel withdraw what is queued.
    ///
    /// # Errors
    /// [`StoreError::SweepRefuses`] when the move does not exist.
    async fn sweep_change(&self, sweep: &str, event: SweepEvent, now_ms: i64) -> Result<Sweep>;

    /// Raises the most trials of a sweep, whose space has so many `points`, and opens it again if it is finished.
    ///
    /// # Errors
    /// [`StoreError::SweepRefuses`], [`StoreError::NotExtended`].
    async fn sweep_extend(
        &self,
        sweep: &str,
        by: Extension,
        points: Option<u64>,
        now_ms: i64,
    ) -> Result<Sweep>;

    /// Queues trials that are over again, with fresh budgets, and opens the sweep if it is finished; nothing new is proposed
    /// for that. The sweep and the numbers of the trials.
    ///
    /// # Errors
    /// [`StoreError::SweepRefuses`]; [`StoreError::TrialNotFound`], [`StoreError::TrialRefuses`] for one that was named.
    async fn trials_retry(&self, sweep: &str, which: Retry, now_ms: i64) -> Result<(Sweep, Vec<u64>)>;

    /// Stops one trial: one that runs is told so, one that waits is cancelled. The same again changes nothing.
    ///
    /// # Errors
    /// [`StoreError::TrialNotFound`], [`StoreError::TrialRefuses`] when it is over.
    async fn trial_stop(&self, trial: &TrialName, now_ms: i64) -> Result<Trial>;

    /// Changes what is noted on a sweep. The same again changes nothing.
    ///
    /// # Errors
    /// [`StoreError::SweepNotFound`], [`StoreError::NotNoted`].
    async fn sweep_annotate(&self, sweep: &str, change: AnnotationChange) -> Result<Sweep>;

    /// Changes what is noted on a trial. The same again changes nothing.
    ///
    /// # Errors
    /// [`StoreError::TrialNotFound`], [`StoreError::NotNoted`].
    async fn trial_annotate(&self, trial: &TrialName, change: AnnotationChange) -> Result<Trial>;

    /// How the pages of a project are laid out; `None`: nobody said.
    async fn layout(&self, project: &str) -> Result<Option<String>>;

    /// Lays the pages of a project out: a JSON object, or empty: as nobody said.
    ///
    /// # Errors
    /// [`StoreError::ProjectNotFound`], [`StoreError::NotALayout`].
    async fn layout_set(&self, project: &str, layout: &str) -> Result<()>;

    /// Appends proposals numbered from `after + 1`. `false`, and nothing is stored, when the sweep's last proposal is
    /// not number `after` or it takes no more trials: whoever planned was late. `exhausted`: these are the last.
    ///
    /// # Errors
    /// [`StoreError::SweepNotFound`].
    async fn trials_enqueue(
        &self,
        sweep: &str,
        after: u64,
        trials: Vec<NewTrial>,
        exhausted: bool,
        now_ms: i64,
    ) -> Result<bool>;

    /// Makes an agent known, or brings what is known of it up to date.
    async fn agent_register(&self, agent: Agent, now_ms: i64) -> Result<()>;

    /// All agents, by name, with what they run.
    async fn agents(&self) -> Result<Vec<AgentRow>>;

    /// Notes when agents were heard of; one that never registered is passed over.
    async fn agents_seen(&self, seen: Vec<(Uuid, i64)>) -> Result<()>;

    /// Notes what a person wants of an agent, and lifts its bench: it gets no new trials as long as anything is wanted. Once
    /// this is answered no claim gives it one.
    ///
    /// # Errors
    /// [`StoreError::AgentUnknown`].
    async fn agent_wish(&self, agent: Uuid, wish: Option<AgentWish>) -> Result<()>;

    /// Takes an attempt away from its agent, as if that had handed it back; `None`: it ended already.
    async fn attempt_take(&self, key: AttemptKey, reason: &str, now_ms: i64) -> Result<Option<Finished>>;

    /// Hands a queued trial to an agent; the same request again gets the same trial.
    async fn trial_claim(&self, claim: Claim, now_ms: i64) -> Result<Claimed>;

    /// Stores the new ones of an attempt's events, renews its lease, and tells how it stands.
    ///
    /// # Errors
    /// [`StoreError::AttemptStale`], [`StoreError::SeqGap`].
    async fn attempt_report(
        &self,
        key: AttemptKey,
        first_seq: u64,
        events: Vec<Event>,
        now_ms: i64,
    ) -> Result<Reported>;

    /// Renews leases and tells how each attempt stands, in order.
    async fn attempts_renew(&self, keys: Vec<AttemptKey>) -> Result<Vec<Reported>>;

    /// Ends an attempt and moves its trial and its sweep on. The same end again is answered as the first time.
    ///
    /// # Errors
    /// [`StoreError::AttemptStale`], [`StoreError::SeqGap`].
    async fn attempt_finish(&self, finish: Finish, now_ms: i64) -> Result<Finished>;

    /// Notes that a checkpoint's files are all in the artifact store; a trial that loses its agent goes on from the newest
    /// one of those it can. Lets go of the checkpoints that this one displaces. The same again changes nothing.
    ///
    /// # Errors
    /// [`StoreError::AttemptStale`], [`StoreError::SeqGap`] while the record was not reported,
    /// [`StoreError::CheckpointUnknown`], [`StoreError::FileGone`] for a file that [`Store::files_wanted`] was not told of,
    /// or so long ago that it was removed.
    async fn checkpoint_store(&self, files: CheckpointFiles, now_ms: i64) -> Result<()>;

    /// Notes that a checkpoint of an attempt is going to point to contents (SHA-256), and renews its lease. What is in the
    /// artifact store when it is looked for after this, or comes there, is not removed for [`AWAITED`] from `now_ms` on;
    /// by then [`Store::checkpoint_store`] or this should be told again.
    ///
    /// [`AWAITED`]: sweep_core::retention::AWAITED
    ///
    /// # Errors
    /// [`StoreError::AttemptStale`], [`StoreError::FileGone`] while one is being removed.
    async fn files_wanted(&self, key: AttemptKey, contents: Vec<String>, now_ms: i64) -> Result<()>;

    /// Makes a model of a trial's stored checkpoint: its files stay as long as the model does, whatever becomes of the
    /// checkpoint. The same again changes nothing; with `replace` the model becomes the newest.
    ///
    /// # Errors
    /// [`StoreError::TrialNotFound`], [`StoreError::NotPromoted`], [`StoreError::ModelName`],
    /// [`StoreError::ModelTaken`] unless it is to be replaced.
    async fn model_promote(&self, promotion: Promotion, now_ms: i64) -> Result<Model>;

    /// All models, newest first.
    async fn model_list(&self) -> Result<Vec<Model>>;

    /// A model by its name, or [`NEWEST`].
    ///
    /// # Errors
    /// [`StoreError::ModelNotFound`].
    async fn model_get(&self, name: &str) -> Result<Model>;

    /// Removes a model by its whole name, and lets go of its files; what it was.
    ///
    /// # Errors
    /// [`StoreError::ModelName`], [`StoreError::ModelNotFound`].
    async fn model_remove(&self, name: &str, now_ms: i64) -> Result<Model>;

    /// Contents (SHA-256) of the artifact store that nothing points to, and of which nothing was heard for some time.
    /// Nothing can point to them any more until [`Store::files_removed`]; those that were named before and not told removed
    /// are named again. To be asked by whose turn it is ([`Store::reaper_turn`]).
    async fn files_orphaned(&self, now_ms: i64) -> Result<Vec<String>>;

    /// Tells that contents are gone from the artifact store. One that is wanted again is not forgotten.
    async fn files_removed(&self, contents: Vec<String>) -> Result<()>;

    /// Ends the sweeps whose rule says that their time is over; their ids. To be asked by whose turn it is
    /// ([`Store::reaper_turn`]).
    async fn sweeps_end_by_time(&self, now_ms: i64) -> Result<Vec<String>>;

    /// What the stop rule of a sweep said of its trials, in the order it did.
    async fn judgements(&self, sweep: &str) -> Result<Vec<Judgement>>;

    /// Every lease in force.
    async fn leases_live(&self) -> Result<Vec<Lease<AttemptKey>>>;

    /// Takes a lease away and moves its trial on; `None`: it was renewed since it was read, or its attempt ended.
    async fn lease_expire(&self, lease: Lease<AttemptKey>, now_ms: i64) -> Result<Option<Finished>>;

    /// Trials of a sweep, by number; with `top`, the best of them, best first.
    async fn trial_list(&self, sweep: &str, filter: TrialFilter) -> Result<Vec<Trial>>;

    /// One trial with its attempts and records.
    ///
    /// # Errors
    /// [`StoreError::TrialNotFound`].
    async fn trial_get(&self, trial: &TrialName) -> Result<TrialDetail>;

    /// Trials of a sweep as rows of a table: at most `most` of numbers above `after` that changed after `since`.
    async fn trial_table(&self, sweep: &str, since: u64, after: u64, most: u32) -> Result<TrialTable>;

    /// The newest `most` attempts of the trials of a sweep that changed after `since`, newest first.
    async fn attempt_table(&self, sweep: &str, since: u64, most: u32) -> Result<AttemptTable>;

    /// At most `most` of the trials that run or went well and have an objective, best first. After several objectives none
    /// is the best.
    ///
    /// # Errors
    /// [`StoreError::SweepNotFound`].
    async fn trials_best(&self, sweep: &str, most: u32) -> Result<Vec<TrialBrief>>;

    /// One trial as a row of a table.
    ///
    /// # Errors
    /// [`StoreError::TrialNotFound`].
    async fn trial_brief(&self, trial: &TrialName) -> Result<TrialBrief>;

    /// What the trials came to that run or went well, by number.
    async fn reached(&self, sweep: &str) -> Result<Vec<Reached>>;

    /// The visible curves of one metric of trials of some numbers, by number.
    async fn curves_of_sweep(
        &self,
        sweep: &str,
        metric: &str,
        numbers: RangeInclusive<u64>,
    ) -> Result<Vec<(u64, Vec<Point>)>>;

    /// The last record of a name, of the trial with the highest number that has one, and that number.
    async fn media_newest(&self, sweep: &str, name: &str) -> Result<Option<(u64, Media)>>;

    /// The visible curves of a trial, by metric name, points in the order they were made. No names: all.
    async fn curves(&self, trial: Uuid, names: &[String]) -> Result<Vec<(String, Vec<Point>)>>;

    /// Log lines of an attempt after event `after`, in order; with `tail`, only the last so many.
    async fn log_lines(
        &self,
        trial: Uuid,
        attempt: u32,
        after: u64,
        tail: Option<usize>,
    ) -> Result<Vec<LogEntry>>;

    /// What changed in a sweep after a change number, as it is now.
    async fn changes_since(&self, sweep: &str, since: u64) -> Result<Changes>;

    /// The number of the last change committed by anyone; moves after each commit.
    fn feed(&self) -> watch::Receiver<u64>;

    /// All trials of a sweep, by number, as a search looks at them.
    async fn trials_recorded(&self, sweep: &str) -> Result<Vec<Recorded>>;

    /// The trials of earlier sweeps that a sweep began with.
    ///
    /// # Errors
    /// [`StoreError::SweepNotFound`].
    async fn sweep_prior(&self, sweep: &str) -> Result<Vec<Prior>>;

    /// How many trials of a sweep are in a state.
    async fn trials_count(&self, sweep: &str, state: TrialState) -> Result<u64>;

    /// Wakes whoever waits for this. Every controller of the database hears it; another one perhaps late, or not at all,
    /// so waiting has an end of its own.
    fn attend(&self, what: Awaited);

    /// Moves after each [`Store::attend`] to the same.
    fn attention(&self, what: Awaited) -> watch::Receiver<u64>;

    /// Whether this controller may take leases away and remove files now: of those on one database one may at a time, and
    /// keeps its turn by asking at least every ten seconds.
    async fn reaper_turn(&self) -> Result<bool>;
}
