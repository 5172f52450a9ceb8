//! Agents and their claims.

use sweep_core::fault;
use sweep_core::stop::Account;
use sweep_core::sweep::{self, SweepEvent, SweepState};
use uuid::Uuid;

use crate::port::{AgentStanding, ClaimScene, Lock, SweepStanding, Tables};
use crate::{Agent, Assignment, AttemptKey, Claim, Claimed, Result, ResumePoint, StoreError};

use super::{checkpoints, objectives, stops, sweeps};

/// Makes an agent known.
pub(crate) async fn register(tx: &mut dyn Tables, agent: &Agent, now_ms: i64) -> Result<()> {
    tx.agent_set(agent, now_ms).await
}

/// Notes when agents were heard of.
pub(crate) async fn seen(tx: &mut dyn Tables, seen: &[(Uuid, i64)]) -> Result<()> {
    for (agent, at_ms) in seen {
        tx.agent_seen(*agent, *at_ms).await?;
    }
    Ok(())
}

/// Hands out the next queued trial.
pub(crate) async fn claim(tx: &mut dyn Tables, claim: &Claim, now_ms: i64) -> Result<Claimed> {
    let ClaimScene { given, agent, sweep } = tx.claim_scene(claim).await?;
    // The same request again: the reply was lost, the grant was not.
    if let Some(mut given) = given {
        let key = AttemptKey { trial: given.trial, attempt: given.attempt };
        given.resume = checkpoints::given(tx, key).await?;
        return Ok(Claimed::Granted(Box::new(given)));
    }
    let Some(agent) = agent else {
        return Err(StoreError::AgentUnknown { agent: claim.agent });
    };
    let nothing = |standing: SweepStanding| {
        let SweepStanding { state, reason, exhausted, .. } = standing;
        Ok(Claimed::Nothing { state, reason, exhausted, benched: false })
    };
    let seen = sweep.ok_or_else(|| StoreError::SweepNotFound { name: claim.sweep.clone() })?;
    if !seen.state.hands_out() {
        return nothing(seen);
    }
    if let Some(reason) = gets_none(&agent, now_ms) {
        let SweepStanding { state, exhausted, .. } = seen;
        return Ok(Claimed::Nothing { state, reason, exhausted, benched: true });
    }
    let standing = locked(tx, &claim.sweep, seen).await?;
    if !standing.state.hands_out() || is_full(tx, &claim.sweep, &standing).await? {
        return nothing(standing);
    }
    // Who was held back and may go on goes before who is new.
    stops::promote(tx, &claim.sweep, &standing, 1, false).await?;
    let Some(next) = tx.trial_next(&claim.sweep, now_ms).await? else { return nothing(standing) };
    if !tx.is_alone() {
        // A person's wish beside this claim is seen now, or waits for it.
        let agent = tx.agent_locked(claim.agent).await?;
        if let Some(reason) = agent.and_then(|agent| gets_none(&agent, now_ms)) {
            let SweepStanding { state, exhausted, .. } = standing;
            return Ok(Claimed::Nothing { state, reason, exhausted, benched: true });
        }
    }
    let attempt = next.attempt + 1;
    let key = AttemptKey { trial: next.id, attempt };
    let resume = lease(tx, key, claim, &standing, now_ms).await?;
    if standing.state == SweepState::Pending
        && let Some(to) = sweep::next(standing.state, SweepEvent::Started)
    {
        sweeps::set_state(tx, &claim.sweep, to, "", now_ms).await?;
    }
    if standing.begins() {
        let account = Account { started_ms: Some(now_ms), ..standing.account };
        tx.sweep_account(&claim.sweep, &account).await?;
    }
    Ok(Claimed::Granted(Box::new(Assignment {
        trial: next.id,
        sweep: claim.sweep.clone(),
        number: next.number,
        attempt,
        params: next.params,
        resume,
    })))
}

/// Why an agent gets no trials now.
fn gets_none(agent: &AgentStanding, now_ms: i64) -> Option<String> {
    if let Some(wish) = &agent.wish {
        return Some(format!("agent {} is {wish}", agent.name));
    }
    let (bench, began) = agent.bench.as_ref()?;
    let benched = !fault::pause_is_over(*began, bench.length, now_ms);
    benched.then(|| format!("agent {} is benched: {}", agent.name, bench.reason))
}

/// Begins an attempt: the first from the beginning, later ones from where the trial got, if that is known.
async fn lease(
    tx: &mut dyn Tables,
    key: AttemptKey,
    claim: &Claim,
    sweep: &SweepStanding,
    now_ms: i64,
) -> Result<Option<ResumePoint>> {
    if key.attempt == 1 {
        tx.attempt_insert(key, claim, None, now_ms).await?;
        tx.trial_lease(key, None, now_ms).await?;
        return Ok(None);
    }
    let from = checkpoints::resume_point(tx, key.trial).await?;
    tx.attempt_insert(key, claim, from, now_ms).await?;
    tx.metrics_forget(key.trial).await?;
    let target = sweep.target.as_ref();
    let objective = if from.is_some() { checkpoints::rewind(tx, key.trial, target).await? } else { None };
    objectives::note(tx, key.trial, &sweep.targets).await?;
    tx.trial_lease(key, objective, now_ms).await?;
    checkpoints::given(tx, key).await
}

/// How the sweep stands now that it is locked. A claim that counts what is held, or that starts the sweep, has the row
/// to itself; others go side by side, and only keep the sweep from being stopped under them. Nothing leads back to
/// pending, so a claim that shares the row never comes to need it alone.
async fn locked(tx: &mut dyn Tables, sweep: &str, seen: SweepStanding) -> Result<SweepStanding> {
    if tx.is_alone() {
        return Ok(seen);
    }
    let alone = seen.max_parallel.is_some()
        || seen.state == SweepState::Pending
        || seen.stops.pauses()
        || seen.begins();
    tx.sweep_lock(sweep, if alone { Lock::Exclusive } else { Lock::Shared }).await?;
    sweeps::standing(tx, sweep).await
}

impl SweepStanding {
    /// Whether a claim would be the first, in a sweep whose time counts.
    fn begins(&self) -> bool {
        self.stops.ends_sweep() && self.account.started_ms.is_none()
    }
}

/// Whether agents hold as many trials as the sweep allows.
async fn is_full(tx: &mut dyn Tables, sweep: &str, standing: &SweepStanding) -> Result<bool> {
    let Some(most) = standing.max_parallel else { return Ok(false) };
    Ok(tx.rows().sweep_counts(sweep).await?.active >= u64::from(most))
}
