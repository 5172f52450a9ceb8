//! Memory: the tables as maps, one transaction at a time. It has no thread, no clock and no randomness, so whatever
//! runs on it can run the same way again; it is what simulated clusters keep their state in.

mod reads;
mod table;
mod tables;

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sweep_core::fault::{End, Faults};
use sweep_core::file::FileRef;
use sweep_core::objective::Summary;
use sweep_core::search::Prior;
use sweep_core::stop::{Account, Entry, Judged, Judgement, Stops};
use tokio::sync::{Mutex, OwnedMutexGuard, watch};
use uuid::Uuid;

use self::table::{Table, Undo};
use crate::attention::{Awaited, Bells};
use crate::backend::{Backend, Haste, Job};
use crate::port::{AgentStanding, PackedBatch, ResumedFrom, Rows};
use crate::{Agent, AttemptKey, Checkpoint, Facts, Media, Result, Sweep, Trial};

/// The memory backend. A clone is a second handle on the same state, as another controller would have it; the state
/// lives as long as one of them.
#[derive(Clone)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
    feed: Arc<watch::Sender<u64>>,
    bells: Arc<Bells>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self { state: Arc::default(), feed: Arc::new(watch::Sender::new(0)), bells: Arc::default() }
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

#[derive(Clone)]
struct SweepRow {
    /// Its counts and best trial are empty.
    sweep: Sweep,
    retries: u32,
    infrastructure_retries: u32,
    fails_non_finite: bool,
    max_parallel: Option<u32>,
    stops: Stops,
    account: Account,
    prior: Vec<Prior>,
}

#[derive(Clone)]
struct TrialRow {
    /// Its metrics, agent and facts are empty.
    trial: Trial,
    faults: Faults,
    /// How long it is not handed out, and since when.
    pause: (Duration, i64),
    judged: Judged,
    /// Why it should stop; empty: it should not.
    stop: String,
    changed: u64,
}

#[derive(Clone)]
struct AttemptRecord {
    agent: Uuid,
    lease_ms: u64,
    renewals: u64,
    acknowledged: u64,
    from: Option<ResumedFrom>,
    claimed_at: i64,
    ended: Option<Ended>,
    facts: Option<Facts>,
}

#[derive(Clone)]
struct AgentRecord {
    agent: Agent,
    standing: AgentStanding,
    registered_at_ms: i64,
    seen_at_ms: i64,
}

#[derive(Clone)]
struct Ended {
    at_ms: i64,
    end: End,
    reason: String,
}

/// A content that is removed once its time is over, unless something points to it.
#[derive(Clone, Copy, Default)]
struct Orphan {
    keep_until_ms: i64,
    removing: bool,
}

#[derive(Clone)]
struct ModelRow {
    name: String,
    checkpoint: Seq,
    files: Vec<FileRef>,
    promoted_at: i64,
}

/// A sweep's id and a trial's number.
type Place = (String, u64);
/// A sweep's id, a bracket, a rung, and a trial's number.
type RungPlace = (String, u32, u64, u64);
/// A trial and an attempt.
type Key = (Uuid, u32);
/// A trial, an attempt and an event's number.
type Seq = (Uuid, u32, u64);

fn key(of: AttemptKey) -> Key {
    (of.trial, of.attempt)
}

#[derive(Default)]
struct State {
    change: u64,
    committed: u64,
    sweeps: Table<String, SweepRow>,
    sweep_requests: Table<Uuid, String>,
    layouts: Table<String, String>,
    trials: Table<Place, TrialRow>,
    places: Table<Uuid, Place>,
    metrics: Table<(Uuid, String), Summary>,
    agents: Table<Uuid, AgentRecord>,
    attempts: Table<Key, AttemptRecord>,
    claims: Table<Uuid, Key>,
    batches: Table<Seq, PackedBatch>,
    checkpoints: Table<Seq, Checkpoint>,
    files: Table<Seq, Vec<FileRef>>,
    models: Table<Uuid, ModelRow>,
    orphans: Table<String, Orphan>,
    media: Table<Seq, Media>,
    judgements: Table<Place, Judgement>,
    rungs: Table<RungPlace, Entry>,
}

impl State {
    fn tables(&mut self) -> [&mut dyn Undo; 17] {
        [
            &mut self.sweeps,
            &mut self.sweep_requests,
            &mut self.layouts,
            &mut self.trials,
            &mut self.places,
            &mut self.metrics,
            &mut self.agents,
            &mut self.attempts,
            &mut self.claims,
            &mut self.batches,
            &mut self.checkpoints,
            &mut self.files,
            &mut self.models,
            &mut self.orphans,
            &mut self.media,
            &mut self.judgements,
            &mut self.rungs,
        ]
    }

    fn next_change(&mut self) -> u64 {
        self.change += 1;
        self.change
    }
}

/// The state, held by one transaction or one reader. What was not committed is undone when it is let go.
struct Held(OwnedMutexGuard<State>);

impl Held {
    fn commit(mut self) -> u64 {
        self.committed = self.change;
        self.tables().into_iter().for_each(Undo::commit);
        self.committed
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.change = self.committed;
        self.tables().into_iter().for_each(Undo::roll_back);
    }
}

impl Deref for Held {
    type Target = State;
    fn deref(&self) -> &State {
        &self.0
    }
}

impl DerefMut for Held {
    fn deref_mut(&mut self) -> &mut State {
        &mut self.0
    }
}

#[async_trait]
impl Backend for MemoryStore {
    async fn write<T: Send + 'static>(&self, _haste: Haste, job: Job<T>) -> Result<T> {
        let mut held = Held(Arc::clone(&self.state).lock_owned().await);
        let before = held.committed;
        let answer = job(&mut held).await?;
        let change = held.commit();
        if change != before {
            self.feed.send_replace(change);
        }
        Ok(answer)
    }

    async fn read(&self) -> Result<Box<dyn Rows + '_>> {
        Ok(Box::new(Held(Arc::clone(&self.state).lock_owned().await)))
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.feed.subscribe()
    }

    fn attend(&self, what: Awaited) {
        self.bells.ring(what);
    }

    fn attention(&self, what: Awaited) -> watch::Receiver<u64> {
        self.bells.listen(what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Store as _;

    async fn open() -> ((), MemoryStore) {
        ((), MemoryStore::new())
    }

    crate::contract::store_contract!(open());

    #[tokio::test]
    async fn a_second_handle_sees_what_the_first_stored() {
        let store = MemoryStore::new();
        let id = store.sweep_create(crate::contract::new_sweep("shared", None)).await.expect("stores").id;
        let other = store.clone();
        drop(store);
        assert_eq!(other.sweep_find(&id).await.expect("is there").id, id);
    }
}
