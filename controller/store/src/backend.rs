//! What a backend is besides tables, and the store that the rules make of it.

use std::future::Future;
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::sync::Arc;

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

use crate::edge;
use crate::port::{Rows, Tables};
use crate::rules::sweeps::Proposals;
use crate::rules::{
    annotations, checkpoints, claims, ends, layouts, models, reads, reports, shown, stops, sweeps, wishes,
};
use crate::{
    Agent, AgentRow, AgentWish, AttemptKey, AttemptTable, Awaited, Changes, CheckpointFiles, Claim, Claimed,
    Event, Finish, Finished, LogEntry, Media, Model, NewSweep, NewTrial, Promotion, Reached, Reported,
    Result, Retry, Store, Sweep, Trial, TrialBrief, TrialDetail, TrialFilter, TrialName, TrialTable,
};

pub(crate) type BoxFuture<'c, T> = Pin<Box<dyn Future<Output = T> + Send + 'c>>;

/// What to do in one transaction. It may be run again when the transaction was undone.
pub(crate) type Job<T> = Box<dyn for<'c> Fn(&'c mut dyn Tables) -> BoxFuture<'c, Result<T>> + Send + Sync>;

/// How long a job may wait for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Haste {
    /// Somebody waits for its answer.
    Soon,
    /// It may wait, as what it brings is kept by who sends it.
    Bulk,
}

/// Transactions and the change feed.
#[async_trait]
pub(crate) trait Backend: Send + Sync + 'static {
    /// Runs a job in a transaction; answers once it is durable. A job that fails leaves nothing behind. Once begun it
    /// is brought to its end, also when nobody waits for the answer any more.
    async fn write<T: Send + 'static>(&self, haste: Haste, job: Job<T>) -> Result<T>;

    /// Something to ask; never waits for transactions.
    async fn read(&self) -> Result<Box<dyn Rows + '_>>;

    /// See [`Store::feed`].
    fn changes(&self) -> watch::Receiver<u64>;

    /// See [`Store::attend`].
    fn attend(&self, what: Awaited);

    /// See [`Store::attention`].
    fn attention(&self, what: Awaited) -> watch::Receiver<u64>;

    /// See [`Store::reaper_turn`].
    async fn reaper_turn(&self) -> Result<bool> {
        Ok(true)
    }
}

fn job<T, F>(work: F) -> Job<T>
where
    F: for<'c> Fn(&'c mut dyn Tables) -> BoxFuture<'c, Result<T>> + Send + Sync + 'static,
{
    Box::new(work)
}

/// A job over things it is given: `write!(self, claim, |tx| claims::claim(tx, &claim, now_ms))`. They are shared by
/// its runs.
macro_rules! write {
    ($backend:expr, $given:ident, |$tx:ident| $work:expr) => {
        write!($backend, Haste::Soon, $given, |$tx| $work)
    };
    ($backend:expr, $haste:expr, $given:ident, |$tx:ident| $work:expr) => {{
        let $given = Arc::new($given);
        let work = job(move |$tx| {
            let $given = Arc::clone(&$given);
            Box::pin(async move {
                edge::begin(stringify!($given)).await;
                $work.await
            })
        });
        $backend.write($haste, work).await
    }};
}

#[async_trait]
impl<B: Backend> Store for B {
    async fn sweep_create(&self, new: NewSweep) -> Result<Sweep> {
        write!(self, new, |tx| sweeps::create(tx, &new))
    }

    async fn sweep_list(&self) -> Result<Vec<Sweep>> {
        reads::sweeps(&mut *self.read().await?).await
    }

    async fn sweep_find(&self, name: &str) -> Result<Sweep> {
        reads::sweep_find(&mut *self.read().await?, name).await
    }

    async fn sweep_change(&self, sweep: &str, event: SweepEvent, now_ms: i64) -> Result<Sweep> {
        let sweep = sweep.to_owned();
        write!(self, sweep, |tx| sweeps::change(tx, &sweep, event, now_ms))
    }

    async fn sweep_extend(
        &self,
        sweep: &str,
        by: Extension,
        points: Option<u64>,
        now_ms: i64,
    ) -> Result<Sweep> {
        let sweep = sweep.to_owned();
        write!(self, sweep, |tx| wishes::extend(tx, &sweep, by, points, now_ms))
    }

    async fn trials_retry(&self, sweep: &str, which: Retry, now_ms: i64) -> Result<(Sweep, Vec<u64>)> {
        let given = (sweep.to_owned(), which);
        write!(self, given, |tx| wishes::retry(tx, &given.0, &given.1, now_ms))
    }

    async fn trial_stop(&self, trial: &TrialName, now_ms: i64) -> Result<Trial> {
        let trial = trial.clone();
        write!(self, trial, |tx| wishes::stop(tx, &trial, now_ms))
    }

    async fn sweep_annotate(&self, sweep: &str, change: AnnotationChange) -> Result<Sweep> {
        let given = (sweep.to_owned(), change);
        write!(self, given, |tx| annotations::sweep(tx, &given.0, &given.1))
    }

    async fn trial_annotate(&self, trial: &TrialName, change: AnnotationChange) -> Result<Trial> {
        let given = (trial.clone(), change);
        write!(self, given, |tx| annotations::trial(tx, &given.0, &given.1))
    }

    async fn layout(&self, project: &str) -> Result<Option<String>> {
        self.read().await?.layout(project).await
    }

    async fn layout_set(&self, project: &str, layout: &str) -> Result<()> {
        let layout = (project.to_owned(), layout.to_owned());
        write!(self, layout, |tx| layouts::set(tx, &layout.0, &layout.1))
    }

    async fn trials_enqueue(
        &self,
        sweep: &str,
        after: u64,
        trials: Vec<NewTrial>,
        exhausted: bool,
        now_ms: i64,
    ) -> Result<bool> {
        let given = (sweep.to_owned(), Proposals { after, trials, exhausted });
        write!(self, given, |tx| sweeps::enqueue(tx, &given.0, &given.1, now_ms))
    }

    async fn agent_register(&self, agent: Agent, now_ms: i64) -> Result<()> {
        write!(self, agent, |tx| claims::register(tx, &agent, now_ms))
    }

    async fn agents(&self) -> Result<Vec<AgentRow>> {
        shown::agents(&mut *self.read().await?).await
    }

    async fn agents_seen(&self, seen: Vec<(Uuid, i64)>) -> Result<()> {
        write!(self, Haste::Bulk, seen, |tx| claims::seen(tx, &seen))
    }

    async fn agent_wish(&self, agent: Uuid, wish: Option<AgentWish>) -> Result<()> {
        write!(self, wish, |tx| wishes::agent(tx, agent, wish.as_ref().as_ref()))
    }

    async fn attempt_take(&self, key: AttemptKey, reason: &str, now_ms: i64) -> Result<Option<Finished>> {
        let reason = reason.to_owned();
        write!(self, reason, |tx| ends::take(tx, key, &reason, now_ms))
    }

    async fn trial_claim(&self, claim: Claim, now_ms: i64) -> Result<Claimed> {
        write!(self, claim, |tx| claims::claim(tx, &claim, now_ms))
    }

    async fn attempt_report(
        &self,
        key: AttemptKey,
        first_seq: u64,
        events: Vec<Event>,
        now_ms: i64,
    ) -> Result<Reported> {
        write!(self, Haste::Bulk, events, |tx| reports::report(tx, key, first_seq, &events, now_ms))
    }

    async fn attempts_renew(&self, keys: Vec<AttemptKey>) -> Result<Vec<Reported>> {
        write!(self, keys, |tx| reports::renew(tx, &keys))
    }

    async fn attempt_finish(&self, finish: Finish, now_ms: i64) -> Result<Finished> {
        write!(self, finish, |tx| ends::finish(tx, &finish, now_ms))
    }

    async fn sweeps_end_by_time(&self, now_ms: i64) -> Result<Vec<String>> {
        self.write(Haste::Bulk, job(move |tx| Box::pin(stops::ended_by_time(tx, now_ms)))).await
    }

    async fn judgements(&self, sweep: &str) -> Result<Vec<Judgement>> {
        self.read().await?.judgements(sweep).await
    }

    async fn leases_live(&self) -> Result<Vec<Lease<AttemptKey>>> {
        self.read().await?.leases().await
    }

    async fn checkpoint_store(&self, files: CheckpointFiles, now_ms: i64) -> Result<()> {
        write!(self, files, |tx| checkpoints::store(tx, &files, now_ms))
    }

    async fn files_wanted(&self, key: AttemptKey, contents: Vec<String>, now_ms: i64) -> Result<()> {
        write!(self, contents, |tx| checkpoints::wanted(tx, key, &contents, now_ms))
    }

    async fn files_orphaned(&self, now_ms: i64) -> Result<Vec<String>> {
        self.write(Haste::Bulk, job(move |tx| Box::pin(checkpoints::orphans(tx, now_ms)))).await
    }

    async fn files_removed(&self, contents: Vec<String>) -> Result<()> {
        write!(self, contents, |tx| checkpoints::removed(tx, &contents))
    }

    async fn model_promote(&self, promotion: Promotion, now_ms: i64) -> Result<Model> {
        write!(self, promotion, |tx| models::promote(tx, &promotion, now_ms))
    }

    async fn model_list(&self) -> Result<Vec<Model>> {
        self.read().await?.models().await
    }

    async fn model_get(&self, name: &str) -> Result<Model> {
        models::get(&mut *self.read().await?, name).await
    }

    async fn model_remove(&self, name: &str, now_ms: i64) -> Result<Model> {
        let model = name.to_owned();
        write!(self, model, |tx| models::remove(tx, &model, now_ms))
    }

    async fn lease_expire(&self, lease: Lease<AttemptKey>, now_ms: i64) -> Result<Option<Finished>> {
        write!(self, lease, |tx| ends::expire(tx, &lease, now_ms))
    }

    async fn trial_list(&self, sweep: &str, filter: TrialFilter) -> Result<Vec<Trial>> {
        reads::trials(&mut *self.read().await?, sweep, &filter).await
    }

    async fn trial_get(&self, trial: &TrialName) -> Result<TrialDetail> {
        reads::trial(&mut *self.read().await?, trial).await
    }

    async fn trial_table(&self, sweep: &str, since: u64, after: u64, most: u32) -> Result<TrialTable> {
        shown::table(&mut *self.read().await?, sweep, since, after, most).await
    }

    async fn attempt_table(&self, sweep: &str, since: u64, most: u32) -> Result<AttemptTable> {
        shown::attempts(&mut *self.read().await?, sweep, since, most).await
    }

    async fn trials_best(&self, sweep: &str, most: u32) -> Result<Vec<TrialBrief>> {
        shown::best(&mut *self.read().await?, sweep, most).await
    }

    async fn trial_brief(&self, trial: &TrialName) -> Result<TrialBrief> {
        shown::brief(&mut *self.read().await?, trial).await
    }

    async fn reached(&self, sweep: &str) -> Result<Vec<Reached>> {
        self.read().await?.reached(sweep).await
    }

    async fn curves_of_sweep(
        &self,
        sweep: &str,
        metric: &str,
        numbers: RangeInclusive<u64>,
    ) -> Result<Vec<(u64, Vec<Point>)>> {
        shown::curves(&mut *self.read().await?, sweep, metric, numbers).await
    }

    async fn media_newest(&self, sweep: &str, name: &str) -> Result<Option<(u64, Media)>> {
        self.read().await?.media_newest(sweep, name).await
    }

    async fn curves(&self, trial: Uuid, names: &[String]) -> Result<Vec<(String, Vec<Point>)>> {
        reads::curves(&mut *self.read().await?, trial, names).await
    }

    async fn log_lines(
        &self,
        trial: Uuid,
        attempt: u32,
        after: u64,
        tail: Option<usize>,
    ) -> Result<Vec<LogEntry>> {
        reads::logs(&mut *self.read().await?, trial, attempt, after, tail).await
    }

    async fn changes_since(&self, sweep: &str, since: u64) -> Result<Changes> {
        reads::changes(&mut *self.read().await?, sweep, since).await
    }

    fn feed(&self) -> watch::Receiver<u64> {
        self.changes()
    }

    async fn trials_recorded(&self, sweep: &str) -> Result<Vec<Recorded>> {
        self.read().await?.trials_recorded(sweep).await
    }

    async fn sweep_prior(&self, sweep: &str) -> Result<Vec<Prior>> {
        let prior = self.read().await?.sweep_prior(sweep).await?;
        prior.ok_or_else(|| crate::StoreError::SweepNotFound { name: sweep.to_owned() })
    }

    async fn trials_count(&self, sweep: &str, state: TrialState) -> Result<u64> {
        self.read().await?.trials_count(sweep, state).await
    }

    fn attend(&self, what: Awaited) {
        Backend::attend(self, what);
    }

    fn attention(&self, what: Awaited) -> watch::Receiver<u64> {
        Backend::attention(self, what)
    }

    async fn reaper_turn(&self) -> Result<bool> {
        Backend::reaper_turn(self).await
    }
}
