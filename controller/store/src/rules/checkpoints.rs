//! Checkpoints: stored, kept or displaced, gone on from; and the files that nothing needs any more.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sweep_core::objective::{Goal, Summary};
use sweep_core::retention::{AWAITED, SPARED, Stored, Weight, displaced, over_cap, spent, to_resume};
use uuid::Uuid;

use super::reads;
use super::standing::unknown;
use crate::port::{Lock, ResumedFrom, Tables};
use crate::{AttemptKey, CheckpointFiles, Objective, Result, ResumePoint, StoreError};

/// Notes that a checkpoint's files are in the artifact store, and lets go of those it displaces.
pub(crate) async fn store(tx: &mut dyn Tables, told: &CheckpointFiles, now_ms: i64) -> Result<()> {
    let CheckpointFiles { key, seq, files, retention } = told;
    let seen = tx.attempt(*key).await?.ok_or_else(|| unknown(*key))?;
    if retention.sweep_bytes.is_some() {
        // A cap is over all trials of the sweep.
        tx.sweep_lock(&seen.sweep, Lock::Exclusive).await?;
    }
    let known = tx.attempt_locked(*key).await?.ok_or_else(|| unknown(*key))?;
    known.refuse_stale(*key)?;
    if *seq > known.acknowledged {
        return Err(StoreError::SeqGap { acknowledged: known.acknowledged });
    }
    if !tx.checkpoint_known(*key, *seq).await? {
        return Err(StoreError::CheckpointUnknown {
            trial: format!("{}/{}", known.sweep, known.number),
            attempt: key.attempt,
            seq: *seq,
        });
    }
    for sha256 in in_order(files.iter().map(|file| &file.sha256)) {
        if !tx.file_adopt(sha256).await? {
            return Err(StoreError::FileGone { sha256: sha256.clone() });
        }
    }
    tx.checkpoint_stored(*key, *seq, files, now_ms).await?;
    tx.attempt_renew(*key).await?;
    let goal = goal(known.target.as_ref());
    let stored = tx.checkpoints_stored(key.trial, metric(known.target.as_ref())).await?;
    let_go(tx, key.trial, &displaced(&stored, goal, *retention), now_ms).await?;
    match retention.sweep_bytes {
        Some(cap) => keep_cap(tx, &known.sweep, goal, cap, now_ms).await,
        None => Ok(()),
    }
}

/// Lets go of what a trial that will not go on no longer needs. One that failed or was stopped early keeps it, for a person
/// may want it again.
pub(super) async fn over(tx: &mut dyn Tables, trial: Uuid, now_ms: i64) -> Result<()> {
    let stored = tx.checkpoints_stored(trial, None).await?;
    let_go(tx, trial, &spent(&stored), now_ms).await
}

async fn let_go(tx: &mut dyn Tables, trial: Uuid, gone: &[Stored], now_ms: i64) -> Result<()> {
    for one in gone {
        let of = AttemptKey { trial, attempt: one.attempt };
        tx.checkpoint_unstore(of, one.seq, later(now_ms, SPARED)).await?;
    }
    Ok(())
}

/// Each hash once, in the order in which rows are locked.
pub(super) fn in_order<'a>(contents: impl Iterator<Item = &'a String>) -> BTreeSet<&'a String> {
    contents.collect()
}

pub(super) fn later(now_ms: i64, by: Duration) -> i64 {
    now_ms.saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX))
}

async fn keep_cap(tx: &mut dyn Tables, sweep: &str, goal: Goal, cap: u64, now_ms: i64) -> Result<()> {
    let models = tx.models_stored(sweep).await?;
    let mut weights: BTreeMap<u64, Weight> = BTreeMap::new();
    for model in &models {
        let empty = Weight { number: model.number, objective: model.objective, size: 0 };
        weights.entry(model.number).or_insert(empty).size += model.size;
    }
    let gone = over_cap(&weights.into_values().collect::<Vec<_>>(), goal, cap);
    for model in models.iter().filter(|model| gone.contains(&model.number)) {
        tx.checkpoint_unstore(model.key, model.seq, later(now_ms, SPARED)).await?;
    }
    Ok(())
}

/// Where a trial's next attempt goes on from.
pub(super) async fn resume_point(tx: &mut dyn Tables, trial: Uuid) -> Result<Option<ResumedFrom>> {
    let stored = tx.checkpoints_stored(trial, None).await?;
    Ok(to_resume(&stored).map(|one| ResumedFrom { attempt: one.attempt, seq: one.seq, step: one.step }))
}

/// What an attempt that resumed is given.
pub(super) async fn given(tx: &mut dyn Tables, key: AttemptKey) -> Result<Option<ResumePoint>> {
    let Some(from) = tx.resumed_from(key).await? else { return Ok(None) };
    let of = AttemptKey { trial: key.trial, attempt: from.attempt };
    let files = tx.checkpoint_files(of, from.seq).await?;
    Ok(Some(ResumePoint { step: from.step, files }))
}

/// The summaries and the objective of the curve that is visible after a new attempt: what it will do again does not count.
pub(super) async fn rewind(
    tx: &mut dyn Tables,
    trial: Uuid,
    target: Option<&Objective>,
) -> Result<Option<f64>> {
    let curves = reads::curves(tx.rows(), trial, &[]).await?;
    let summaries: BTreeMap<&str, Summary> = curves
        .iter()
        .map(|(name, points)| {
            let mut summary = Summary::default();
            points.iter().for_each(|point| summary.add(point.step, point.value));
            (name.as_str(), summary)
        })
        .collect();
    tx.metrics_set(trial, &summaries).await?;
    Ok(target.and_then(|target| summaries.get(target.name.as_str())?.best(target.goal)))
}

pub(super) fn goal(target: Option<&Objective>) -> Goal {
    target.map_or(Goal::Minimize, |target| target.goal)
}

pub(super) fn metric(target: Option<&Objective>) -> Option<&str> {
    target.map(|target| target.name.as_str())
}

/// Notes that an attempt is about to point to contents: nothing removes them meanwhile.
pub(crate) async fn wanted(
    tx: &mut dyn Tables,
    key: AttemptKey,
    contents: &[String],
    now_ms: i64,
) -> Result<()> {
    // Counted first: should the lease be taken away at this moment, what is read after it says so.
    tx.attempt_renew(key).await?;
    tx.attempt(key).await?.ok_or_else(|| unknown(key))?.refuse_stale(key)?;
    for sha256 in in_order(contents.iter()) {
        if !tx.file_want(sha256, later(now_ms, AWAITED)).await? {
            return Err(StoreError::FileGone { sha256: sha256.clone() });
        }
    }
    Ok(())
}

/// Contents that nothing points to and whose time is over: from now on nothing can, and they may be removed.
pub(crate) async fn orphans(tx: &mut dyn Tables, now_ms: i64) -> Result<Vec<String>> {
    tx.orphans_take(now_ms).await
}

/// Forgets contents that were removed.
pub(crate) async fn removed(tx: &mut dyn Tables, contents: &[String]) -> Result<()> {
    for sha256 in contents {
        tx.orphan_forget(sha256).await?;
    }
    Ok(())
}
