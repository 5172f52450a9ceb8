//! Models: checkpoints that people chose to use, and that keep their files.

use sweep_core::promotion::{NotPromoted, check_name, to_promote};
use sweep_core::retention::SPARED;

use super::checkpoints::{goal, in_order, later, metric};
use super::reads;
use crate::port::{Lock, NewModel, Rows, Tables};
use crate::{AttemptKey, Model, NEWEST, Promotion, Result, StoreError};

/// Makes a model of a trial's stored checkpoint.
pub(crate) async fn promote(tx: &mut dyn Tables, told: &Promotion, now_ms: i64) -> Result<Model> {
    let whole = reads::whole(tx.rows(), &told.trial).await?;
    let missing = || StoreError::TrialNotFound { name: told.trial.to_string() };
    let trial = tx.rows().trial(&whole).await?.ok_or_else(missing)?;
    let name = told.name.clone().unwrap_or_else(|| format!("{}-{}", trial.sweep_id, trial.number));
    check_name(&name).map_err(StoreError::ModelName)?;
    let refused =
        |why| StoreError::NotPromoted { trial: format!("{}/{}", trial.sweep_id, trial.number), why };
    // Whoever lets go of a checkpoint holds its trial, or, over a cap, its sweep alone: what is found stays until the end.
    tx.sweep_lock(&trial.sweep_id, Lock::Shared).await?;
    let current = AttemptKey { trial: trial.id, attempt: trial.attempt };
    let known = tx.attempt_locked(current).await?.ok_or_else(|| refused(NotPromoted::NothingStored))?;
    let target = known.target.as_ref();
    let stored = tx.checkpoints_stored(trial.id, metric(target)).await?;
    let chosen = to_promote(&stored, goal(target), told.step).map_err(refused)?;
    let key = AttemptKey { trial: trial.id, attempt: chosen.attempt };
    if let Some(old) = tx.rows().model(&name).await? {
        match (old.key == key && old.seq == chosen.seq, told.replace) {
            (true, false) => return Ok(old),
            (true, true) => {
                tx.model_renew(old.id, now_ms).await?;
                return Ok(Model { promoted_at_ms: now_ms, ..old });
            }
            (false, false) => return Err(taken(&old)),
            (false, true) => tx.model_delete(old.id, later(now_ms, SPARED)).await?,
        }
    }
    let files = tx.checkpoint_files(key, chosen.seq).await?;
    for sha256 in in_order(files.iter().map(|file| &file.sha256)) {
        if !tx.file_adopt(sha256).await? {
            return Err(StoreError::FileGone { sha256: sha256.clone() });
        }
    }
    let new = NewModel { id: told.id, name: &name, key, seq: chosen.seq, files: &files };
    let is_new = tx.model_insert(&new, now_ms).await?;
    let model = get(tx.rows(), &name).await?;
    // Somebody else was faster.
    if is_new { Ok(model) } else { Err(taken(&model)) }
}

fn taken(model: &Model) -> StoreError {
    StoreError::ModelTaken { name: model.name.clone(), trial: model.trial().to_string(), step: model.step }
}

/// A model by its name, or the newest.
pub(crate) async fn get(rows: &mut dyn Rows, name: &str) -> Result<Model> {
    let found = match name {
        NEWEST => rows.models().await?.into_iter().next(),
        name => rows.model(name).await?,
    };
    found.ok_or_else(|| StoreError::ModelNotFound { name: name.to_owned() })
}

/// Removes a model, and lets go of its files.
pub(crate) async fn remove(tx: &mut dyn Tables, name: &str, now_ms: i64) -> Result<Model> {
    // The newest is not removed by accident.
    check_name(name).map_err(StoreError::ModelName)?;
    let missing = || StoreError::ModelNotFound { name: name.to_owned() };
    let model = tx.rows().model(name).await?.ok_or_else(missing)?;
    tx.model_delete(model.id, later(now_ms, SPARED)).await?;
    Ok(model)
}
