//! Keeps the queues filled, so that a claim only pops.
//!
//! Grid, random and Sobol' need no history, so their trials are proposed ahead of the claims. Methods that learn are asked
//! for as many trials as claims wait for, with all that ended by then; what is queued or runs is shown to them as pending.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use sweep_core::search::{History, Origin, Proposal, Proposer};
use sweep_core::spec::SweepSpec;
use sweep_store::{Awaited, NewTrial, StoreError, Sweep};
use thiserror::Error;
use tokio::sync::Notify;
use tokio::task::{JoinError, JoinSet};
use tracing::{debug, error};
use uuid::Uuid;

use crate::app::App;

/// Proposals kept in the queue beyond what agents hold.
const AHEAD: u64 = 16;

/// Sweeps to look at, each at most once.
#[derive(Debug, Default)]
pub(crate) struct Wakeup {
    waiting: Mutex<BTreeSet<String>>,
    notify: Notify,
}

impl Wakeup {
    /// Asks for a look at a sweep: something happened to it, or a claim found nothing and waits at its door.
    pub(crate) fn wake(&self, sweep: &str) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(sweep.to_owned());
        self.notify.notify_one();
    }

    async fn next(&self) -> BTreeSet<String> {
        loop {
            let waiting = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
            if !waiting.is_empty() {
                return waiting;
            }
            self.notify.notified().await;
        }
    }
}

/// Plans until the server stops: one sweep's plans one after the other, those of several beside each other, so that a model
/// that takes long holds up nobody else.
pub(crate) async fn run(app: App) {
    match app.store.sweep_list().await {
        Ok(sweeps) => sweeps
            .iter()
            .filter(|sweep| sweep.state.hands_out())
            .for_each(|sweep| app.planner.wake(&sweep.id)),
        Err(cause) => {
            error!(error = %cause, "cannot look for sweeps to plan; they are planned once an agent asks");
        }
    }
    let mut resting: HashMap<String, Proposer> = HashMap::new();
    let mut planning: JoinSet<(String, Option<Proposer>)> = JoinSet::new();
    // Sweeps that are being planned, and whether they were asked for again meanwhile.
    let mut busy: HashMap<String, bool> = HashMap::new();
    loop {
        tokio::select! {
            // In order, for simulated clusters.
            biased;
            () = app.stop.cancelled() => return,
            Some(planned) = planning.join_next() => {
                let (sweep, proposer) = match planned {
                    Ok(planned) => planned,
                    // What may panic is caught where it runs; this is a fault of the planner itself.
                    Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
                };
                if busy.remove(&sweep) == Some(true) {
                    app.planner.wake(&sweep);
                }
                if let Some(proposer) = proposer {
                    resting.insert(sweep, proposer);
                }
            }
            waiting = app.planner.next() => for sweep in waiting {
                match busy.entry(sweep.clone()) {
                    Entry::Occupied(mut again) => *again.get_mut() = true,
                    Entry::Vacant(free) => {
                        free.insert(false);
                        let proposer = resting.remove(&sweep).unwrap_or_default();
                        planning.spawn(attempt(app.clone(), sweep, proposer));
                    }
                }
            },
        }
    }
}

/// Plans one sweep, and gives back how far its search has walked, if that is of use; losing it costs time and nothing else.
async fn attempt(app: App, sweep: String, proposer: Proposer) -> (String, Option<Proposer>) {
    let proposer = plan(&app, proposer, &sweep).await.unwrap_or_else(|cause| {
        error!(sweep.id = %sweep, error = %cause, "cannot plan trials of sweep {sweep}; the next claim tries again");
        None
    });
    (sweep, proposer)
}

/// Why a sweep was not planned.
#[derive(Debug, Error)]
enum PlanError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A fault of the search: the sweep waits, and others go on.
    #[error("the search panicked: {0}")]
    Search(String),
}

async fn plan(app: &App, mut proposer: Proposer, id: &str) -> Result<Option<Proposer>, PlanError> {
    let sweep = app.store.sweep_find(id).await?;
    if sweep.exhausted || !sweep.state.hands_out() {
        return Ok(None);
    }
    // The file is as it was; the cap may have been raised.
    let spec = Arc::new(app.spec(id).await?.planned(sweep.planned_trials));
    let learns = spec.method.needs_history();
    // After the sweep was read: a claim that was served since then waits no more.
    let claims = app.door(id).waiting();
    let wanted = if learns { on_demand(&sweep, &spec, claims) } else { ahead(&sweep) };
    if wanted == 0 {
        return Ok(Some(proposer));
    }
    let mut history =
        if learns { History::of(&spec, &app.store.trials_recorded(id).await?) } else { History::default() };
    if !spec.warm_start.is_empty() {
        history.begin_with(&spec, &app.store.sweep_prior(id).await?);
    }
    let (seed, after) = (sweep.seed, sweep.proposed);
    let propose = move || {
        let (trials, exhausted) = propose(&mut proposer, &spec, seed, after, wanted, history);
        (proposer, trials, exhausted)
    };
    // Models are fitted there, and long grids walked.
    let proposing = if app.one_thread {
        tokio::spawn(async move { propose() })
    } else {
        tokio::task::spawn_blocking(propose)
    };
    let (proposer, trials, exhausted) = proposing.await.map_err(|error| PlanError::Search(said(error)))?;
    let count = trials.len();
    if app.store.trials_enqueue(id, after, trials, exhausted, app.clock.now_ms()).await? {
        debug!(sweep.id = %id, count, exhausted, "proposed {count} trials of sweep {id}");
        app.store.attend(Awaited::Trial);
    }
    Ok(Some(proposer))
}

/// The words of a panic.
fn said(error: JoinError) -> String {
    let text = error.to_string();
    let Ok(panic) = error.try_into_panic() else { return text };
    let words = panic.downcast_ref::<String>().cloned();
    words.or_else(|| panic.downcast_ref::<&str>().map(|words| (*words).to_owned())).unwrap_or(text)
}

/// How many trials to propose where nothing is to be learnt.
fn ahead(sweep: &Sweep) -> u64 {
    // Twice as many as are held, and some, for the next planning takes about as long as a claim and an end; filled up once
    // half of it is gone.
    let full = 2 * sweep.counts.active + AHEAD;
    if sweep.counts.queued * 2 > full { 0 } else { full - sweep.counts.queued }
}

/// How many to propose for so many claims: the later a trial is proposed, the more is known.
fn on_demand(sweep: &Sweep, spec: &SweepSpec, claims: u64) -> u64 {
    let held = sweep.counts.active + sweep.counts.queued;
    let places = spec.limits.max_parallel.map_or(u64::MAX, |most| u64::from(most).saturating_sub(held));
    claims.saturating_sub(sweep.counts.queued).min(places)
}

/// Trials after `after`, and whether they are the last.
fn propose(
    proposer: &mut Proposer,
    spec: &Arc<SweepSpec>,
    seed: u64,
    after: u64,
    wanted: u64,
    mut history: History,
) -> (Vec<NewTrial>, bool) {
    let mut trials = Vec::new();
    for number in after + 1..=after + wanted {
        let Some(Proposal { params, why }) = proposer.propose(spec, seed, number, &history) else {
            return (trials, true);
        };
        let origin = Origin { why, pending: history.pending(spec) };
        if spec.method.needs_history() {
            history.add_pending(spec, number, &params);
        }
        trials.push(NewTrial { id: Uuid::now_v7(), number, params, origin });
    }
    // Whether there is another is asked ahead where that is cheap; a model need not be fitted for it.
    let last = after + wanted;
    let exhausted = if spec.method.needs_history() {
        spec.run_cap.is_some_and(|most| last >= most)
    } else {
        proposer.propose(spec, seed, last + 1, &history).is_none()
    };
    (trials, exhausted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_told_in_its_words() {
        let panicked = |words: Option<String>| async {
            let task = tokio::task::spawn_blocking(move || match words {
                Some(words) => panic!("{words}"),
                None => panic!("as it is"),
            });
            PlanError::Search(said(task.await.expect_err("panics"))).to_string()
        };
        assert_eq!(panicked(Some("of 3 axes".to_owned())).await, "the search panicked: of 3 axes");
        assert_eq!(panicked(None).await, "the search panicked: as it is");
    }
}
