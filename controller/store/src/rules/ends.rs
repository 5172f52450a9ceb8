//! Ends: told by an agent, or found by the reaper.

use sweep_core::lease::Lease;
use sweep_core::trial::{self, Outcome, TrialEvent};

use super::standing::unknown;
use super::sweeps;
use crate::port::{AttemptEnd, AttemptStanding, Lock, Tables, TrialMove};
use crate::{AttemptKey, Finish, Finished, Result, StoreError};

/// Ends an attempt as its agent tells.
pub(crate) async fn finish(tx: &mut dyn Tables, finish: &Finish, now_ms: i64) -> Result<Finished> {
    let known = locked(tx, finish.key).await?;
    if known.outcome == Some(finish.outcome) {
        // The same end told again: the reply was lost, the end was not.
        return Ok(Finished { sweep: known.sweep, state: known.state });
    }
    known.refuse_stale(finish.key)?;
    if finish.last_seq > known.acknowledged {
        return Err(StoreError::SeqGap { acknowledged: known.acknowledged });
    }
    end(tx, &known, finish, now_ms).await
}

/// Takes a lease away if nobody renewed it meanwhile.
pub(crate) async fn expire(tx: &mut dyn Tables, lease: &Lease<AttemptKey>, now_ms: i64) -> Result<bool> {
    let known = locked(tx, lease.key).await?;
    if known.stale(lease.key).is_some() || known.renewals != lease.renewals {
        return Ok(false);
    }
    let agent = tx.attempt_agent(lease.key).await?;
    let finish = Finish {
        key: lease.key,
        outcome: Outcome::Infrastructure,
        reason: format!("agent {agent} was not heard of for {} s", lease.length.as_secs()),
        exit_code: None,
        signal: None,
        last_seq: 0,
    };
    end(tx, &known, &finish, now_ms).await?;
    Ok(true)
}

/// An attempt, its sweep and its trial locked: the end of the last trial is the end of the sweep, and two last ones at
/// a time must see each other.
async fn locked(tx: &mut dyn Tables, key: AttemptKey) -> Result<AttemptStanding> {
    let seen = tx.attempt(key).await?.ok_or_else(|| unknown(key))?;
    tx.sweep_lock(&seen.sweep, Lock::Exclusive).await?;
    tx.attempt_locked(key).await?.ok_or_else(|| unknown(key))
}

async fn end(tx: &mut dyn Tables, known: &AttemptStanding, finish: &Finish, now_ms: i64) -> Result<Finished> {
    let ending =
        trial::judge(finish.outcome, &finish.reason, known.faults, known.budget(), known.sweep_state);
    let to = trial::next(known.state, ending.event).ok_or_else(|| {
        StoreError::corrupt(format!("a {} trial cannot end by {:?}", known.state, ending.event))
    })?;
    let attempt_end = AttemptEnd {
        at_ms: now_ms,
        outcome: finish.outcome,
        reason: &finish.reason,
        exit_code: finish.exit_code,
        signal: finish.signal,
    };
    tx.attempt_end(finish.key, &attempt_end).await?;
    tx.trial_move(&TrialMove {
        trial: finish.key.trial,
        to,
        reason: ending.reason,
        faults: ending.faults,
        finished_at: (ending.event != TrialEvent::Requeued).then_some(now_ms),
    })
    .await?;
    sweeps::settle(tx, &known.sweep, now_ms).await?;
    Ok(Finished { sweep: known.sweep.clone(), state: to })
}
