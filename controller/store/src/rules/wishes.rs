//! What people want besides the verbs of sweeps: more trials, trials again, one trial less, no
//! trials for an agent.

use std::time::Duration;

use sweep_core::breaker::Record;
use sweep_core::fault::Faults;
use sweep_core::sweep::{self, Extension, SweepEvent};
use sweep_core::trial::{self, TrialEvent, TrialState};
use uuid::Uuid;

use super::sweeps::{self, set_state, settle};
use super::{checkpoints, reads, stops};
use crate::port::{AgentStanding, Lock, Pick, SweepStanding, Tables, TrialMove};
use crate::{AgentWish, Result, Retry, StoreError, Sweep, Trial, TrialName};

/// Raises the most trials of a sweep.
pub(crate) async fn extend(
    tx: &mut dyn Tables,
    id: &str,
    by: Extension,
    points: Option<u64>,
    now_ms: i64,
) -> Result<Sweep> {
    tx.sweep_lock(id, Lock::Exclusive).await?;
    let standing = sweeps::standing(tx, id).await?;
    open(tx, id, &standing, SweepEvent::Extend, now_ms).await?;
    let planned = sweep::extended(standing.planned, by, points)
        .map_err(|why| StoreError::NotExtended { sweep: id.to_owned(), why })?;
    tx.sweep_extend(id, planned).await?;
    reads::sweep(tx.rows(), id).await
}

/// Moves a sweep to where there is something to do again, or refuses.
async fn open(
    tx: &mut dyn Tables,
    id: &str,
    standing: &SweepStanding,
    event: SweepEvent,
    now_ms: i64,
) -> Result<()> {
    let state = standing.state;
    let to = sweep::next(state, event).ok_or_else(|| StoreError::SweepRefuses {
        sweep: id.to_owned(),
        state,
        event,
    })?;
    if to == state { Ok(()) } else { set_state(tx, id, to, "", now_ms).await }
}

/// Queues trials that are over again; their numbers.
pub(crate) async fn retry(
    tx: &mut dyn Tables,
    id: &str,
    which: &Retry,
    now_ms: i64,
) -> Result<(Sweep, Vec<u64>)> {
    tx.sweep_lock(id, Lock::Exclusive).await?;
    let standing = sweeps::standing(tx, id).await?;
    let chosen = chosen(id, tx.rows().trials(id, Pick::All).await?, which)?;
    if !chosen.is_empty() {
        open(tx, id, &standing, SweepEvent::Retry, now_ms).await?;
        if standing.state.is_over() && !standing.exhausted {
            // A person stopped it: what is wanted again is no wish for the rest of it.
            tx.sweep_proposed(id, standing.proposed, true).await?;
        }
    }
    for trial in &chosen {
        move_to(tx, trial.id, TrialState::Queued, "a person wants it run again", now_ms).await?;
        stops::spare(tx, id, &standing, trial).await?;
    }
    let numbers = chosen.iter().map(|trial| trial.number).collect();
    Ok((reads::sweep(tx.rows(), id).await?, numbers))
}

/// The trials that are meant, each of which can be run again.
fn chosen(sweep: &str, trials: Vec<Trial>, which: &Retry) -> Result<Vec<Trial>> {
    let event = TrialEvent::Retried;
    let wanted = match which {
        Retry::In(states) => {
            let fits = |state| states.contains(&state) && trial::next(state, event).is_some();
            return Ok(trials.into_iter().filter(|trial| fits(trial.state)).collect());
        }
        Retry::Numbers(numbers) => numbers,
    };
    let called = |number: &u64| format!("{sweep}/{number}");
    if let Some(missing) = wanted.iter().find(|number| trials.iter().all(|trial| trial.number != **number)) {
        return Err(StoreError::TrialNotFound { name: called(missing) });
    }
    let chosen: Vec<_> = trials.into_iter().filter(|trial| wanted.contains(&trial.number)).collect();
    match chosen.iter().find(|trial| trial::next(trial.state, event).is_none()) {
        Some(trial) => {
            Err(StoreError::TrialRefuses { trial: called(&trial.number), state: trial.state, event })
        }
        None => Ok(chosen),
    }
}

/// Moves a trial by a person's wish, its budgets fresh.
async fn move_to(tx: &mut dyn Tables, trial: Uuid, to: TrialState, reason: &str, now_ms: i64) -> Result<()> {
    tx.trial_move(&TrialMove {
        trial,
        to,
        reason: reason.to_owned(),
        faults: Faults::default(),
        finished_at: to.is_over().then_some(now_ms),
        pause: Duration::ZERO,
        now_ms,
    })
    .await
}

/// Notes what a person wants of an agent. Its bench is lifted with that: who is wanted again gets trials at once.
pub(crate) async fn agent(tx: &mut dyn Tables, agent: Uuid, wish: Option<&AgentWish>) -> Result<()> {
    let standing = tx.agent_locked(agent).await?.ok_or(StoreError::AgentUnknown { agent })?;
    let record = Record { proven: standing.record.proven, ..Record::default() };
    tx.agent_stand(agent, &AgentStanding { record, bench: None, ..standing }).await?;
    tx.agent_wish(agent, wish).await
}

/// Stops one trial.
pub(crate) async fn stop(tx: &mut dyn Tables, name: &TrialName, now_ms: i64) -> Result<Trial> {
    const REASON: &str = "stopped by a person";
    let missing = || StoreError::TrialNotFound { name: name.to_string() };
    let whole = reads::whole(tx.rows(), name).await?;
    let sweep = tx.rows().trial(&whole).await?.ok_or_else(missing)?.sweep_id;
    // Alone with the sweep: claims and ends pass before or after.
    tx.sweep_lock(&sweep, Lock::Exclusive).await?;
    let found = tx.rows().trial(&whole).await?.ok_or_else(missing)?;
    if found.state.is_active() {
        tx.trial_wish(found.id, REASON).await?;
    } else if let Some(to) = trial::next(found.state, TrialEvent::Cancelled) {
        checkpoints::over(tx, found.id, now_ms).await?;
        move_to(tx, found.id, to, REASON, now_ms).await?;
        // It may have been the last thing that the sweep waited for.
        let standing = sweeps::standing(tx, &sweep).await?;
        settle(tx, &sweep, standing, false, now_ms).await?;
    } else {
        return Err(StoreError::TrialRefuses {
            trial: format!("{}/{}", found.sweep_id, found.number),
            state: found.state,
            event: TrialEvent::StoppedByRule,
        });
    }
    Ok(reads::trial(tx.rows(), &TrialName::Id(found.id)).await?.trial)
}
