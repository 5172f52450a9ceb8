//! Keeps the queues filled, so that a claim only pops.
//!
//! Grid and random need no history, so their trials are proposed ahead of the claims.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use sweep_core::search::{History, Proposer};
use sweep_store::{NewTrial, StoreError};
use tokio::sync::Notify;
use tracing::{debug, error};
use uuid::Uuid;

use crate::app::App;
use crate::clock::now_ms;

/// Proposals kept in the queue beyond what agents hold.
const AHEAD: u64 = 16;

/// Sweeps to look at, each at most once.
#[derive(Debug, Default)]
pub(crate) struct Wakeup {
    waiting: Mutex<BTreeSet<String>>,
    notify: Notify,
}

impl Wakeup {
    /// Asks for a look at a sweep.
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

/// Plans until the server stops.
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
    let mut proposers = Proposers::new();
    loop {
        let waiting = tokio::select! {
            waiting = app.planner.next() => waiting,
            () = app.stop.cancelled() => return,
        };
        for sweep in waiting {
            if let Err(cause) = plan(&app, &mut proposers, &sweep).await {
                error!(sweep.id = %sweep, error = %cause, "cannot plan trials of sweep {sweep}; the next claim tries again");
            }
        }
    }
}

/// How far each sweep's search has walked. Losing it costs time and nothing else.
type Proposers = HashMap<String, Proposer>;

async fn plan(app: &App, proposers: &mut Proposers, id: &str) -> Result<(), StoreError> {
    let sweep = app.store.sweep_find(id).await?;
    if sweep.exhausted || !sweep.state.hands_out() {
        proposers.remove(id);
        return Ok(());
    }
    let wanted = (sweep.counts.active + AHEAD).saturating_sub(sweep.counts.queued);
    if wanted == 0 {
        return Ok(());
    }
    let spec = app.spec(id).await?;
    // Methods that need one are refused when a sweep is created.
    let history = History::default();
    let proposer = proposers.entry(id.to_owned()).or_default();
    let numbers = sweep.proposed + 1..=sweep.proposed + wanted;
    let trials: Vec<_> = numbers
        .map_while(|number| {
            proposer.propose(&spec, sweep.seed, number, &history).map(|proposal| NewTrial {
                id: Uuid::now_v7(),
                number,
                params: proposal.params,
            })
        })
        .collect();
    let last = sweep.proposed + trials.len() as u64;
    let exhausted = proposer.propose(&spec, sweep.seed, last + 1, &history).is_none();
    let count = trials.len();
    if app.store.trials_enqueue(id, sweep.proposed, trials, exhausted, now_ms()).await? {
        debug!(sweep.id = %id, count, exhausted, "proposed {count} trials of sweep {id}");
        app.attend();
    }
    Ok(())
}
