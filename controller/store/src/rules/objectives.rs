//! What a trial of a sweep after several objectives came to.

use std::collections::BTreeMap;

use sweep_core::objective::Summary;
use uuid::Uuid;

use crate::port::Tables;
use crate::{Objective, Result};

/// Notes what a trial comes to by now: of each objective the last finite value over its visible curve, once all have one.
/// Those of one moment belong together; the best of each may be of different epochs, and of no model that ever was.
pub(super) async fn note(tx: &mut dyn Tables, trial: Uuid, targets: &[Objective]) -> Result<()> {
    if targets.is_empty() {
        return Ok(());
    }
    let summaries: BTreeMap<String, Summary> = tx.rows().metrics_of_trial(trial).await?.into_iter().collect();
    let last = |target: &Objective| {
        summaries.get(&target.name).filter(|summary| summary.count > 0).map(|summary| summary.last)
    };
    let values: Option<Vec<f64>> = targets.iter().map(last).collect();
    tx.trial_objectives(trial, values.as_deref()).await
}

/// Their names, as people list them.
pub(super) fn names(targets: &[Objective]) -> String {
    let names: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
    names.join(", ")
}
