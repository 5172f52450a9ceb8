//! Agents and their claims.

use sweep_core::fault;
use sweep_core::sweep::{self, SweepEvent, SweepState};

use crate::port::{Lock, SweepStanding, Tables};
use crate::{Agent, Assignment, AttemptKey, Claim, Claimed, Result, StoreError};

use super::sweeps;

/// Makes an agent known.
pub(crate) async fn register(tx: &mut dyn Tables, agent: &Agent, now_ms: i64) -> Result<()> {
    tx.agent_set(agent, now_ms).await
}

/// Hands out the next queued trial.
pub(crate) async fn claim(tx: &mut dyn Tables, claim: &Claim, now_ms: i64) -> Result<Claimed> {
    // The same request again: the reply was lost, the grant was not.
    if let Some(given) = tx.attempt_by_request(claim.request_id).await? {
        return Ok(Claimed::Granted(Box::new(given)));
    }
    let Some(agent) = tx.agent_standing(claim.agent).await? else {
        return Err(StoreError::AgentUnknown { agent: claim.agent });
    };
    let nothing = |standing: SweepStanding| {
        Ok(Claimed::Nothing { state: standing.state, reason: standing.reason, exhausted: standing.exhausted })
    };
    let seen = sweeps::standing(tx, &claim.sweep).await?;
    if !seen.state.hands_out() {
        return nothing(seen);
    }
    if let Some((bench, began)) = agent.bench
        && !fault::pause_is_over(began, bench.length, now_ms)
    {
        let reason = format!("agent {} is benched: {}", agent.name, bench.reason);
        return nothing(SweepStanding { reason, ..seen });
    }
    let standing = locked(tx, &claim.sweep, &seen).await?;
    if !standing.state.hands_out() || is_full(tx, &claim.sweep, &standing).await? {
        return nothing(standing);
    }
    let Some(next) = tx.trial_next(&claim.sweep, now_ms).await? else { return nothing(standing) };
    let attempt = next.attempt + 1;
    tx.attempt_insert(AttemptKey { trial: next.id, attempt }, claim, now_ms).await?;
    tx.trial_lease(next.id, attempt, now_ms).await?;
    if standing.state == SweepState::Pending
        && let Some(to) = sweep::next(standing.state, SweepEvent::Started)
    {
        sweeps::set_state(tx, &claim.sweep, to, "", now_ms).await?;
    }
    Ok(Claimed::Granted(Box::new(Assignment {
        trial: next.id,
        sweep: claim.sweep.clone(),
        number: next.number,
        attempt,
        params: next.params,
    })))
}

/// How the sweep stands now that it is locked. A claim that counts what is held, or that starts the sweep, has the row
/// to itself; others go side by side, and only keep the sweep from being stopped under them. Nothing leads back to
/// pending, so a claim that shares the row never comes to need it alone.
async fn locked(tx: &mut dyn Tables, sweep: &str, seen: &SweepStanding) -> Result<SweepStanding> {
    let alone = seen.max_parallel.is_some() || seen.state == SweepState::Pending;
    tx.sweep_lock(sweep, if alone { Lock::Exclusive } else { Lock::Shared }).await?;
    sweeps::standing(tx, sweep).await
}

/// Whether agents hold as many trials as the sweep allows.
async fn is_full(tx: &mut dyn Tables, sweep: &str, standing: &SweepStanding) -> Result<bool> {
    let Some(most) = standing.max_parallel else { return Ok(false) };
    Ok(tx.sweep_active(sweep).await? >= u64::from(most))
}
