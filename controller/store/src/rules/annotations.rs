//! What people note on sweeps and trials.

use sweep_core::annotation::AnnotationChange;

use super::reads;
use crate::port::{Lock, Tables};
use crate::{Result, StoreError, Sweep, Trial, TrialName};

/// Changes what is noted on a sweep.
pub(crate) async fn sweep(tx: &mut dyn Tables, id: &str, change: &AnnotationChange) -> Result<Sweep> {
    // Alone with the sweep: of two that add a tag at one time both are heard.
    tx.sweep_lock(id, Lock::Exclusive).await?;
    let found = reads::sweep(tx.rows(), id).await?;
    let annotation = found.annotation.clone().after(change).map_err(StoreError::NotNoted)?;
    if annotation != found.annotation {
        tx.sweep_annotate(id, &annotation).await?;
    }
    Ok(Sweep { annotation, ..found })
}

/// Changes what is noted on a trial.
pub(crate) async fn trial(tx: &mut dyn Tables, name: &TrialName, change: &AnnotationChange) -> Result<Trial> {
    let missing = || StoreError::TrialNotFound { name: name.to_string() };
    let whole = reads::whole(tx.rows(), name).await?;
    let sweep = tx.rows().trial(&whole).await?.ok_or_else(missing)?.sweep_id;
    tx.sweep_lock(&sweep, Lock::Exclusive).await?;
    let found = reads::trial(tx.rows(), &whole).await?.trial;
    let annotation = found.annotation.clone().after(change).map_err(StoreError::NotNoted)?;
    if annotation != found.annotation {
        tx.trial_annotate(found.id, &annotation).await?;
    }
    Ok(Trial { annotation, ..found })
}
