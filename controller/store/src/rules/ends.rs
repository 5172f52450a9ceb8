//! Ends: told by an agent, or found by the reaper.

use std::time::Duration;

use sweep_core::breaker::Bench;
use sweep_core::fault::{self, Budget, Case, End, Faults};
use sweep_core::lease::Lease;
use sweep_core::stop::Seen;
use sweep_core::trial::{self, Outcome, TrialState};

use super::standing::unknown;
use super::sweeps::Settled;
use super::{checkpoints, objectives, stops, sweeps};
use crate::port::{AttemptEnd, AttemptStanding, Lock, Tables, TrialMove};
use crate::{AttemptKey, Finish, Finished, Result, StoreError};

/// Ends an attempt as its agent tells.
pub(crate) async fn finish(tx: &mut dyn Tables, finish: &Finish, now_ms: i64) -> Result<Finished> {
    let end = End::Told(finish.outcome);
    let known = locked(tx, finish.key, end).await?;
    if known.end == Some(end) {
        // The same end told again: the reply was lost, the end was not.
        return Ok(Finished { sweep: known.sweep, state: known.state, pause: Duration::ZERO, frees: false });
    }
    known.refuse_stale(finish.key)?;
    if finish.last_seq > known.acknowledged {
        return Err(StoreError::SeqGap { acknowledged: known.acknowledged });
    }
    let attempt_end = AttemptEnd {
        at_ms: now_ms,
        end,
        reason: &finish.reason,
        exit_code: finish.exit_code,
        signal: finish.signal,
    };
    self::end(tx, &known, finish.key, &attempt_end).await
}

/// Takes a lease away if nobody renewed it meanwhile.
pub(crate) async fn expire(
    tx: &mut dyn Tables,
    lease: &Lease<AttemptKey>,
    now_ms: i64,
) -> Result<Option<Finished>> {
    let known = locked(tx, lease.key, End::AgentLost).await?;
    if known.stale(lease.key).is_some() || known.renewals != lease.renewals {
        return Ok(None);
    }
    let agent = tx.agent_standing(known.agent).await?;
    let agent = agent.ok_or_else(|| StoreError::corrupt("an attempt without an agent"))?.name;
    let reason = format!("agent {agent} was not heard of for {} s", lease.length.as_secs());
    let attempt_end =
        AttemptEnd { at_ms: now_ms, end: End::AgentLost, reason: &reason, exit_code: None, signal: None };
    end(tx, &known, lease.key, &attempt_end).await.map(Some)
}

/// Takes an attempt away from its agent; no budget is touched.
pub(crate) async fn take(
    tx: &mut dyn Tables,
    key: AttemptKey,
    reason: &str,
    now_ms: i64,
) -> Result<Option<Finished>> {
    let given_back = End::Told(Outcome::HandedBack);
    let known = locked(tx, key, given_back).await?;
    if known.stale(key).is_some() {
        return Ok(None);
    }
    let attempt_end = AttemptEnd { at_ms: now_ms, end: given_back, reason, exit_code: None, signal: None };
    end(tx, &known, key, &attempt_end).await.map(Some)
}

/// An attempt, its sweep and its trial locked. Ends go side by side while nothing is counted at them.
async fn locked(tx: &mut dyn Tables, key: AttemptKey, end: End) -> Result<AttemptStanding> {
    let seen = tx.attempt(key).await?.ok_or_else(|| unknown(key))?;
    if tx.is_alone() {
        return Ok(seen);
    }
    let counts = seen.exhausted || seen.fails_non_finite || end.is_fault() || seen.stops.ends_sweep();
    tx.sweep_lock(&seen.sweep, if counts { Lock::Exclusive } else { Lock::Shared }).await?;
    tx.attempt_locked(key).await?.ok_or_else(|| unknown(key))
}

async fn end(
    tx: &mut dyn Tables,
    known: &AttemptStanding,
    key: AttemptKey,
    end: &AttemptEnd<'_>,
) -> Result<Finished> {
    let (judged, detail) = judged(known, end);
    let (agents_lost, other_agent) = match judged {
        End::AgentLost => fault::agents_lost(&tx.attempts_past(key.trial).await?, known.agent),
        End::Told(_) => (0, true),
    };
    let ending = fault::judge(&Case {
        end: judged,
        detail: &detail,
        faults: Faults { agents_lost, ..known.faults },
        got_on: judged.is_fault() && tx.got_on(key).await?,
        other_agent,
        budget: Budget { user_retries: known.retries, infrastructure_retries: known.infrastructure_retries },
        sweep: known.sweep_state,
        verdict: &known.judged.verdict,
        stop: &known.stop,
    });
    let to = trial::next(known.state, ending.event).ok_or_else(|| {
        StoreError::corrupt(format!("a {} trial cannot end by {:?}", known.state, ending.event))
    })?;
    // What there is to read first: what is only written goes to the database together.
    if matches!(to, TrialState::Finished | TrialState::Cancelled) {
        checkpoints::over(tx, key.trial, end.at_ms).await?;
    }
    remember(tx, known, judged, &detail, end.at_ms).await?;
    let mut sweep = sweeps::standing(tx, &known.sweep).await?;
    if sweep.exhausted || to == TrialState::Failed {
        // The last end is the end of the sweep, and two last ones at a time must see each other. Where that was known
        // before, the sweep is locked so already.
        tx.sweep_lock(&known.sweep, Lock::Exclusive).await?;
        sweep = sweeps::standing(tx, &known.sweep).await?;
    }
    tx.attempt_end(key, end).await?;
    tx.trial_move(&TrialMove {
        trial: key.trial,
        to,
        reason: ending.reason,
        faults: ending.faults,
        finished_at: to.is_over().then_some(end.at_ms),
        pause: ending.pause,
        now_ms: end.at_ms,
    })
    .await?;
    let seen = Seen { trial: known.number, state: to, objective: known.objective };
    let sweep = stops::see(tx, &known.sweep, sweep, &seen, Some(known.claimed_at), end.at_ms).await?;
    let Settled { sweep, queued } =
        sweeps::settle(tx, &known.sweep, sweep, to == TrialState::Failed, end.at_ms).await?;
    // Where places are few, an end is a free place; and who is held back may be let on at once.
    let frees = queued
        || matches!(to, TrialState::Queued | TrialState::Paused)
        || sweep.max_parallel.is_some()
        || !sweep.state.hands_out();
    Ok(Finished { sweep: known.sweep.clone(), state: to, pause: ending.pause, frees })
}

/// What an end counts as, and why: a program that ends well without a finite objective may have failed all the same.
fn judged(known: &AttemptStanding, end: &AttemptEnd<'_>) -> (End, String) {
    let told = (end.end, end.reason.to_owned());
    let lacks_one = known.fails_non_finite && !known.targets.is_empty() && known.objectives.is_none();
    if lacks_one && end.end == End::Told(Outcome::Succeeded) {
        let names = objectives::names(&known.targets);
        let reason = format!("the program ended well, but not with a finite value of each of {names}");
        return (End::Told(Outcome::Failed), reason);
    }
    let Some(target) = known.target.as_ref().filter(|_| known.fails_non_finite) else { return told };
    match end.end {
        End::Told(Outcome::Succeeded) if known.objective.is_none() => {
            let reason = format!("the program ended well, but never reported a finite {}", target.name);
            (End::Told(Outcome::Failed), reason)
        }
        _ => told,
    }
}

/// What the end says of its agent.
async fn remember(
    tx: &mut dyn Tables,
    known: &AttemptStanding,
    end: End,
    detail: &str,
    now_ms: i64,
) -> Result<()> {
    let Some(mut standing) = tx.agent_locked(known.agent).await? else { return Ok(()) };
    let in_force = |(bench, began): &(Bench, i64)| !fault::pause_is_over(*began, bench.length, now_ms);
    let benched = standing.bench.as_ref().is_some_and(in_force);
    let (record, bench) = standing.record.after(end, detail, benched);
    if record == standing.record && bench.is_none() {
        return Ok(());
    }
    standing.record = record;
    standing.bench = bench.map(|bench| (bench, now_ms));
    tx.agent_stand(known.agent, &standing).await
}
