//! Sweeps: created, moved by people, fed by the planner, settled after their trials.

use sweep_core::breaker::sweep_breaker;
use sweep_core::sweep::{self, SweepEvent, SweepState};

use super::{checkpoints, reads, stops};
use crate::port::{Lock, SweepStanding, Tables};
use crate::{NewSweep, NewTrial, Result, StoreError, Sweep};

/// Stores a sweep, once a request.
pub(crate) async fn create(tx: &mut dyn Tables, new: &NewSweep) -> Result<Sweep> {
    let id = if tx.sweep_insert(new).await? {
        new.id.clone()
    } else {
        tx.sweep_by_request(new.request_id)
            .await?
            .ok_or_else(|| StoreError::corrupt("a sweep was neither stored nor known"))?
    };
    reads::sweep(tx.rows(), &id).await
}

pub(super) async fn standing(tx: &mut dyn Tables, id: &str) -> Result<SweepStanding> {
    tx.sweep_standing(id).await?.ok_or_else(|| StoreError::SweepNotFound { name: id.to_owned() })
}

/// A person's verb.
pub(crate) async fn change(tx: &mut dyn Tables, id: &str, event: SweepEvent, now_ms: i64) -> Result<Sweep> {
    tx.sweep_lock(id, Lock::Exclusive).await?;
    let standing = standing(tx, id).await?;
    let to = sweep::next(standing.state, event).ok_or_else(|| StoreError::SweepRefuses {
        sweep: id.to_owned(),
        state: standing.state,
        event,
    })?;
    if to != standing.state {
        let reason = match event {
            SweepEvent::Stop => "stopped by a person",
            SweepEvent::Cancel => "cancelled by a person",
            SweepEvent::Pause => "paused by a person",
            _ => "",
        };
        set_state(tx, id, to, reason, now_ms).await?;
    }
    if to.is_over() {
        close(tx, id, to, now_ms).await?;
    }
    reads::sweep(tx.rows(), id).await
}

/// Nothing starts any more in a sweep that is over. Proposals never started vanish (they are made again, the same, should
/// the sweep go on), trials that a rule holds back are stopped by it, and others that ran before are cancelled.
pub(super) async fn close(tx: &mut dyn Tables, id: &str, to: SweepState, now_ms: i64) -> Result<()> {
    tx.trials_withdraw(id).await?;
    if to != SweepState::Cancelled {
        tx.trials_stop_paused(id, now_ms).await?;
    }
    for trial in tx.trials_cancel_waiting(id, "the sweep is over", now_ms).await? {
        checkpoints::over(tx, trial, now_ms).await?;
    }
    Ok(())
}

pub(super) async fn set_state(
    tx: &mut dyn Tables,
    id: &str,
    to: SweepState,
    reason: &str,
    now_ms: i64,
) -> Result<()> {
    tx.sweep_move(id, to, reason, to.is_over().then_some(now_ms)).await
}

/// What the planner appends: proposals numbered from `after + 1`, unless another planner was first.
pub(crate) struct Proposals {
    pub(crate) after: u64,
    pub(crate) trials: Vec<NewTrial>,
    pub(crate) exhausted: bool,
}

/// Appends proposals. Whether they were wanted: not when the last one so far is another than they follow on, when
/// nothing is left to propose, or when the sweep is over.
pub(crate) async fn enqueue(
    tx: &mut dyn Tables,
    id: &str,
    proposals: &Proposals,
    now_ms: i64,
) -> Result<bool> {
    let Proposals { after, trials, exhausted } = proposals;
    tx.sweep_lock(id, Lock::Exclusive).await?;
    let standing = standing(tx, id).await?;
    if standing.proposed != *after || standing.exhausted || standing.state.is_over() {
        return Ok(false);
    }
    tx.sweep_proposed(id, after + trials.len() as u64, *exhausted).await?;
    tx.trials_insert(id, trials, now_ms).await?;
    if *exhausted {
        // It may have been the last thing that the sweep waited for.
        let standing = self::standing(tx, id).await?;
        settle(tx, id, standing, false, now_ms).await?;
    }
    Ok(true)
}

/// How a sweep stands after its trials moved.
pub(super) struct Settled {
    pub(super) sweep: SweepStanding,
    /// Whether trials that were held back are queued.
    pub(super) queued: bool,
}

/// Moves a sweep on after its trials moved: finished when nothing is left, paused when nothing but failures came, which
/// is so after a failure only. The sweep is locked.
pub(super) async fn settle(
    tx: &mut dyn Tables,
    id: &str,
    standing: SweepStanding,
    failed: bool,
    now_ms: i64,
) -> Result<Settled> {
    if let_on_last(tx, id, &standing, now_ms).await? {
        return Ok(Settled { sweep: standing, queued: true });
    }
    let sweep = match moved(tx, id, &standing, failed).await? {
        Some((state, reason)) => {
            set_state(tx, id, state, &reason, now_ms).await?;
            SweepStanding { state, reason, ..standing }
        }
        None => standing,
    };
    Ok(Settled { sweep, queued: false })
}

/// Where nothing is left but trials that are held back, the best of them go on; whether there were such. If not, they are
/// stopped.
async fn let_on_last(tx: &mut dyn Tables, id: &str, standing: &SweepStanding, now_ms: i64) -> Result<bool> {
    if !standing.exhausted || !standing.stops.pauses() || standing.state.is_over() {
        return Ok(false);
    }
    let counts = tx.rows().sweep_counts(id).await?;
    if counts.paused == 0 || counts.open() > counts.paused {
        return Ok(false);
    }
    if stops::promote(tx, id, standing, usize::MAX, true).await? > 0 {
        return Ok(true);
    }
    tx.trials_stop_paused(id, now_ms).await?;
    Ok(false)
}

/// Where a sweep moves on its own, and why.
async fn moved(
    tx: &mut dyn Tables,
    id: &str,
    standing: &SweepStanding,
    failed: bool,
) -> Result<Option<(SweepState, String)>> {
    let may_break = failed && standing.state == SweepState::Running;
    // Counting costs more than the rest, and most ends change nothing.
    if !standing.exhausted && !may_break {
        return Ok(None);
    }
    let counts = tx.rows().sweep_counts(id).await?;
    if standing.exhausted
        && counts.open() == 0
        && let Some(to) = sweep::next(standing.state, SweepEvent::Exhausted)
    {
        return Ok(Some((to, String::new())));
    }
    if may_break && sweep_breaker(&counts, "").is_some() {
        let last = tx.last_failure(id).await?;
        return Ok(sweep_breaker(&counts, last.as_deref().unwrap_or("")).map(|why| (SweepState::Paused, why)));
    }
    Ok(None)
}
