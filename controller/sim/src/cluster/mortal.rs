//! The store as one life of a controller has it. What a process is to the world is what it writes and what it sends: a dead
//! one does neither, whatever its tasks still do. So dying is refusing to go on at the store, at a commit's edge if told to.

use std::future::Future;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use sweep_core::annotation::AnnotationChange;
use sweep_core::curve::Point;
use sweep_core::fault::End;
use sweep_core::lease::Lease;
use sweep_core::search::{Prior, Recorded};
use sweep_core::stop::Judgement;
use sweep_core::sweep::{Extension, SweepEvent};
use sweep_core::trial::{Outcome, TrialState};
use sweep_store::{
    Agent, AgentRow, AgentWish, AttemptKey, AttemptTable, Awaited, Changes, CheckpointFiles, Claim, Claimed,
    Event, Finish, Finished, LogEntry, Media, MemoryStore, Model, NewSweep, NewTrial, Promotion, Reached,
    Reported, Result, Retry, Store, StoreError, Sweep, Trial, TrialBrief, TrialDetail, TrialFilter,
    TrialName, TrialTable,
};
use tokio::sync::watch;
use uuid::Uuid;

use super::history::History;
use super::life::{Deed, Edge, Life};

/// Lies that a broken store could tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(test), expect(dead_code, reason = "they are told in tests of the judge"))]
pub(super) enum Lie {
    /// Acknowledges reports that it does not store: every so many-th.
    ReportsUnstored(u64),
    /// Hands a trial that somebody has to somebody else.
    TrialTwice,
    /// Takes leases away from agents that are heard of.
    LeasesCutShort,
}

/// The bells of one controller. Each listener has a channel of its own: those of one channel wake in no certain order.
#[derive(Default)]
struct Bell {
    count: AtomicU64,
    listeners: Mutex<Vec<watch::Sender<u64>>>,
}

impl Bell {
    fn lock(&self) -> MutexGuard<'_, Vec<watch::Sender<u64>>> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ring(&self) {
        let count = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        let mut listeners = self.lock();
        listeners.retain(|listener| !listener.is_closed());
        for listener in &*listeners {
            listener.send_replace(count);
        }
    }

    fn listen(&self) -> watch::Receiver<u64> {
        let (sender, receiver) = watch::channel(self.count.load(Ordering::Relaxed));
        self.lock().push(sender);
        receiver
    }
}

pub(super) struct Mortal {
    store: MemoryStore,
    life: Arc<Life>,
    history: History,
    trial: Bell,
    verdict: Bell,
    lie: Option<Lie>,
    /// What the lie needs to remember.
    told: AtomicU64,
    given: Mutex<Option<sweep_store::Assignment>>,
}

impl Mortal {
    pub(super) fn new(store: MemoryStore, life: Arc<Life>, history: History, lie: Option<Lie>) -> Self {
        let (trial, verdict) = (Bell::default(), Bell::default());
        Self { store, life, history, trial, verdict, lie, told: AtomicU64::new(0), given: Mutex::default() }
    }

    fn bell(&self, what: Awaited) -> &Bell {
        match what {
            Awaited::Trial => &self.trial,
            Awaited::Verdict => &self.verdict,
        }
    }

    async fn read<T>(&self, asked: impl Future<Output = Result<T>> + Send) -> Result<T> {
        self.life.admitted().await;
        asked.await
    }

    /// Memory commits when it is first asked, so what is noted then is in the order of commits.
    async fn write<T>(
        &self,
        deed: Deed,
        asked: impl Future<Output = Result<T>> + Send,
        note: impl FnOnce(&str, &T) + Send,
    ) -> Result<T> {
        self.life.admitted().await;
        self.life.pass(deed, Edge::Before).await;
        if self.life.is_full() {
            return Err(StoreError::DiskFull { what: "commit", cause: "simulated".to_owned() });
        }
        // In one go: what began before a death is not to end after it.
        let done = tokio::task::unconstrained(asked).await;
        if let Ok(done) = &done {
            note(&self.life.who, done);
        }
        if done.is_ok() {
            self.life.pass(deed, Edge::After).await;
        }
        done
    }

    /// A word of an agent that cannot be stored is a word all the same: its lease is not to be taken for that.
    async fn hear(&self, keys: &[AttemptKey]) {
        self.life.admitted().await;
        if self.life.is_full() {
            self.history.renewed(keys);
        }
    }

    /// What a store that lies tells in place of the truth.
    fn lied_report(&self, first_seq: u64, events: usize) -> Option<Reported> {
        let Some(Lie::ReportsUnstored(every)) = self.lie else { return None };
        let is_lie = self.told.fetch_add(1, Ordering::Relaxed) % every == every - 1;
        let acknowledged = first_seq + events as u64 - 1;
        is_lie.then_some(Reported { acknowledged, standing: sweep_store::Standing::GoOn, frees: false })
    }

    fn lied_grant(&self) -> Option<Claimed> {
        let first = self.given.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        Some(Claimed::Granted(Box::new(first)))
    }
}

#[async_trait]
impl Store for Mortal {
    async fn sweep_create(&self, new: NewSweep) -> Result<Sweep> {
        self.write(Deed::Other, self.store.sweep_create(new), |_, _| {}).await
    }

    async fn sweep_list(&self) -> Result<Vec<Sweep>> {
        self.read(self.store.sweep_list()).await
    }

    async fn sweep_find(&self, name: &str) -> Result<Sweep> {
        self.read(self.store.sweep_find(name)).await
    }

    async fn sweep_change(&self, sweep: &str, event: SweepEvent, now_ms: i64) -> Result<Sweep> {
        let note = |who: &str, sweep: &Sweep| {
            self.history.say(who, format_args!("{} the sweep: {}", event.word(), sweep.state));
        };
        self.write(Deed::Other, self.store.sweep_change(sweep, event, now_ms), note).await
    }

    async fn sweep_extend(
        &self,
        sweep: &str,
        by: Extension,
        points: Option<u64>,
        now_ms: i64,
    ) -> Result<Sweep> {
        self.write(Deed::Other, self.store.sweep_extend(sweep, by, points, now_ms), |_, _| {}).await
    }

    async fn trials_retry(&self, sweep: &str, which: Retry, now_ms: i64) -> Result<(Sweep, Vec<u64>)> {
        self.write(Deed::Other, self.store.trials_retry(sweep, which, now_ms), |_, _| {}).await
    }

    async fn trial_stop(&self, trial: &TrialName, now_ms: i64) -> Result<Trial> {
        self.write(Deed::Other, self.store.trial_stop(trial, now_ms), |_, _| {}).await
    }

    async fn sweep_annotate(&self, sweep: &str, change: AnnotationChange) -> Result<Sweep> {
        self.write(Deed::Other, self.store.sweep_annotate(sweep, change), |_, _| {}).await
    }

    async fn trial_annotate(&self, trial: &TrialName, change: AnnotationChange) -> Result<Trial> {
        self.write(Deed::Other, self.store.trial_annotate(trial, change), |_, _| {}).await
    }

    async fn layout(&self, project: &str) -> Result<Option<String>> {
        self.read(self.store.layout(project)).await
    }

    async fn layout_set(&self, project: &str, layout: &str) -> Result<()> {
        self.write(Deed::Other, self.store.layout_set(project, layout), |_, ()| {}).await
    }

    async fn trials_enqueue(
        &self,
        sweep: &str,
        after: u64,
        trials: Vec<NewTrial>,
        exhausted: bool,
        now_ms: i64,
    ) -> Result<bool> {
        let proposed: Vec<_> = trials.iter().map(|trial| (trial.id, trial.number)).collect();
        let note = |who: &str, wanted: &bool| {
            if *wanted {
                self.history.proposed(who, &proposed);
            }
        };
        let asked = self.store.trials_enqueue(sweep, after, trials, exhausted, now_ms);
        self.write(Deed::Proposals, asked, note).await
    }

    async fn agent_register(&self, agent: Agent, now_ms: i64) -> Result<()> {
        self.write(Deed::Other, self.store.agent_register(agent, now_ms), |_, ()| {}).await
    }

    async fn agents(&self) -> Result<Vec<AgentRow>> {
        self.read(self.store.agents()).await
    }

    async fn agents_seen(&self, seen: Vec<(Uuid, i64)>) -> Result<()> {
        self.write(Deed::Other, self.store.agents_seen(seen), |_, ()| {}).await
    }

    async fn agent_wish(&self, agent: Uuid, wish: Option<AgentWish>) -> Result<()> {
        self.write(Deed::Other, self.store.agent_wish(agent, wish), |_, ()| {}).await
    }

    async fn attempt_take(&self, key: AttemptKey, reason: &str, now_ms: i64) -> Result<Option<Finished>> {
        let end = End::Told(Outcome::HandedBack);
        let note = |who: &str, told: &Option<Finished>| {
            if let Some(told) = told {
                self.history.ended(who, key, end, told);
            }
        };
        self.write(Deed::Finish, self.store.attempt_take(key, reason, now_ms), note).await
    }

    async fn trial_claim(&self, claim: Claim, now_ms: i64) -> Result<Claimed> {
        let request = claim.request_id;
        let note = |who: &str, claimed: &Claimed| {
            if let Claimed::Granted(given) = claimed {
                self.history.granted(who, request, given);
            }
        };
        if let Some(lied) = self.lied_grant() {
            note(&self.life.who, &lied);
            return Ok(lied);
        }
        let claimed = self.write(Deed::Claim, self.store.trial_claim(claim, now_ms), note).await?;
        if let (Some(Lie::TrialTwice), Claimed::Granted(given)) = (self.lie, &claimed)
            && self.told.fetch_add(1, Ordering::Relaxed) == 0
        {
            *self.given.lock().unwrap_or_else(PoisonError::into_inner) = Some((**given).clone());
        }
        Ok(claimed)
    }

    async fn attempt_report(
        &self,
        key: AttemptKey,
        first_seq: u64,
        events: Vec<Event>,
        now_ms: i64,
    ) -> Result<Reported> {
        if let Some(lied) = self.lied_report(first_seq, events.len()) {
            return Ok(lied);
        }
        let note = |who: &str, told: &Reported| self.history.reported(who, key, first_seq, told);
        self.hear(&[key]).await;
        let asked = self.store.attempt_report(key, first_seq, events, now_ms);
        self.write(Deed::Report, asked, note).await
    }

    async fn attempts_renew(&self, keys: Vec<AttemptKey>) -> Result<Vec<Reported>> {
        self.hear(&keys).await;
        let renewed = keys.clone();
        let note = |_: &str, _: &Vec<Reported>| self.history.renewed(&renewed);
        self.write(Deed::Other, self.store.attempts_renew(keys), note).await
    }

    async fn attempt_finish(&self, finish: Finish, now_ms: i64) -> Result<Finished> {
        let (key, end) = (finish.key, End::Told(finish.outcome));
        self.hear(&[key]).await;
        let note = |who: &str, told: &Finished| self.history.ended(who, key, end, told);
        self.write(Deed::Finish, self.store.attempt_finish(finish, now_ms), note).await
    }

    async fn checkpoint_store(&self, files: CheckpointFiles, now_ms: i64) -> Result<()> {
        let (key, seq) = (files.key, files.seq);
        self.hear(&[key]).await;
        let note = |who: &str, (): &()| self.history.stored(who, key, seq);
        self.write(Deed::Checkpoint, self.store.checkpoint_store(files, now_ms), note).await
    }

    async fn files_wanted(&self, key: AttemptKey, contents: Vec<String>, now_ms: i64) -> Result<()> {
        self.hear(&[key]).await;
        let note = |_: &str, (): &()| self.history.renewed(&[key]);
        self.write(Deed::Other, self.store.files_wanted(key, contents, now_ms), note).await
    }

    async fn model_promote(&self, promotion: Promotion, now_ms: i64) -> Result<Model> {
        self.write(Deed::Other, self.store.model_promote(promotion, now_ms), |_, _| {}).await
    }

    async fn model_list(&self) -> Result<Vec<Model>> {
        self.read(self.store.model_list()).await
    }

    async fn model_get(&self, name: &str) -> Result<Model> {
        self.read(self.store.model_get(name)).await
    }

    async fn model_remove(&self, name: &str, now_ms: i64) -> Result<Model> {
        self.write(Deed::Other, self.store.model_remove(name, now_ms), |_, _| {}).await
    }

    async fn files_orphaned(&self, now_ms: i64) -> Result<Vec<String>> {
        self.write(Deed::Other, self.store.files_orphaned(now_ms), |_, _| {}).await
    }

    async fn files_removed(&self, contents: Vec<String>) -> Result<()> {
        self.write(Deed::Other, self.store.files_removed(contents), |_, ()| {}).await
    }

    async fn sweep_prior(&self, sweep: &str) -> Result<Vec<Prior>> {
        self.read(self.store.sweep_prior(sweep)).await
    }

    async fn sweeps_end_by_time(&self, now_ms: i64) -> Result<Vec<String>> {
        self.write(Deed::Other, self.store.sweeps_end_by_time(now_ms), |_, _| {}).await
    }

    async fn judgements(&self, sweep: &str) -> Result<Vec<Judgement>> {
        self.read(self.store.judgements(sweep)).await
    }

    async fn leases_live(&self) -> Result<Vec<Lease<AttemptKey>>> {
        let mut live = self.read(self.store.leases_live()).await?;
        if self.lie == Some(Lie::LeasesCutShort) {
            live.iter_mut().for_each(|lease| lease.length /= 10);
        }
        Ok(live)
    }

    async fn lease_expire(&self, lease: Lease<AttemptKey>, now_ms: i64) -> Result<Option<Finished>> {
        let length = if self.lie == Some(Lie::LeasesCutShort) { lease.length * 10 } else { lease.length };
        let whole = Lease { length, ..lease };
        let note = |who: &str, told: &Option<Finished>| {
            if let Some(told) = told {
                self.history.expired(who, &whole, told);
            }
        };
        self.write(Deed::Expiry, self.store.lease_expire(lease, now_ms), note).await
    }

    async fn trial_list(&self, sweep: &str, filter: TrialFilter) -> Result<Vec<Trial>> {
        self.read(self.store.trial_list(sweep, filter)).await
    }

    async fn trial_get(&self, trial: &TrialName) -> Result<TrialDetail> {
        self.read(self.store.trial_get(trial)).await
    }

    async fn trial_table(&self, sweep: &str, since: u64, after: u64, most: u32) -> Result<TrialTable> {
        self.read(self.store.trial_table(sweep, since, after, most)).await
    }

    async fn attempt_table(&self, sweep: &str, since: u64, most: u32) -> Result<AttemptTable> {
        self.read(self.store.attempt_table(sweep, since, most)).await
    }

    async fn trials_best(&self, sweep: &str, most: u32) -> Result<Vec<TrialBrief>> {
        self.read(self.store.trials_best(sweep, most)).await
    }

    async fn trial_brief(&self, trial: &TrialName) -> Result<TrialBrief> {
        self.read(self.store.trial_brief(trial)).await
    }

    async fn reached(&self, sweep: &str) -> Result<Vec<Reached>> {
        self.read(self.store.reached(sweep)).await
    }

    async fn curves_of_sweep(
        &self,
        sweep: &str,
        metric: &str,
        numbers: RangeInclusive<u64>,
    ) -> Result<Vec<(u64, Vec<Point>)>> {
        self.read(self.store.curves_of_sweep(sweep, metric, numbers)).await
    }

    async fn media_newest(&self, sweep: &str, name: &str) -> Result<Option<(u64, Media)>> {
        self.read(self.store.media_newest(sweep, name)).await
    }

    async fn curves(&self, trial: Uuid, names: &[String]) -> Result<Vec<(String, Vec<Point>)>> {
        self.read(self.store.curves(trial, names)).await
    }

    async fn log_lines(
        &self,
        trial: Uuid,
        attempt: u32,
        after: u64,
        tail: Option<usize>,
    ) -> Result<Vec<LogEntry>> {
        self.read(self.store.log_lines(trial, attempt, after, tail)).await
    }

    async fn changes_since(&self, sweep: &str, since: u64) -> Result<Changes> {
        self.read(self.store.changes_since(sweep, since)).await
    }

    fn feed(&self) -> watch::Receiver<u64> {
        // There is one watcher at most.
        self.store.feed()
    }

    async fn trials_recorded(&self, sweep: &str) -> Result<Vec<Recorded>> {
        self.read(self.store.trials_recorded(sweep)).await
    }

    async fn trials_count(&self, sweep: &str, state: TrialState) -> Result<u64> {
        self.read(self.store.trials_count(sweep, state)).await
    }

    fn attend(&self, what: Awaited) {
        self.bell(what).ring();
    }

    fn attention(&self, what: Awaited) -> watch::Receiver<u64> {
        self.bell(what).listen()
    }

    async fn reaper_turn(&self) -> Result<bool> {
        self.read(self.store.reaper_turn()).await
    }
}
