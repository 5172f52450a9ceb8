//! How a sweep got on, what mattered in it, and what its trials told of their data.

use sweep_core::board::best::so_far;
use sweep_core::importance::{self, Importance};
use sweep_store::{Media, Reached, Sweep};

use super::Result;
use crate::app::App;

/// Of the media event in which a trainer tells of its data.
pub(crate) const DATASET: &str = "dataset";

/// The trials that were better than all before.
#[derive(Debug)]
pub(crate) struct BestSoFar {
    pub(crate) sweep: String,
    pub(crate) reached: Vec<Reached>,
    /// The last trial with an objective.
    pub(crate) last_number: u64,
    /// Why there are none.
    pub(crate) none: Option<String>,
}

pub(crate) async fn best_so_far(app: &App, sweep: &str, most: usize) -> Result<BestSoFar> {
    let sweep = app.store.sweep_find(sweep).await?;
    let none = |why: &str| BestSoFar {
        sweep: sweep.id.clone(),
        reached: Vec::new(),
        last_number: 0,
        none: Some(why.to_owned()),
    };
    let Some(objective) = &sweep.objective else { return Ok(none(aimless(&sweep))) };
    let all = app.store.reached(&sweep.id).await?;
    let Some(last) = all.last() else { return Ok(none("no trial has an objective so far")) };
    let better = so_far(all.iter().map(|one| one.objective), objective.goal, most);
    Ok(BestSoFar {
        reached: better.into_iter().map(|at| all[at]).collect(),
        last_number: last.number,
        none: None,
        sweep: sweep.id.clone(),
    })
}

/// Why no trial of a sweep is better than another.
fn aimless(sweep: &Sweep) -> &'static str {
    if sweep.objectives.is_empty() {
        "the sweep has no metric"
    } else {
        "the sweep is after several metrics: none of its trials is the best"
    }
}

/// How much each parameter mattered, or why that is not known.
pub(crate) async fn importance(app: &App, sweep: &Sweep) -> Result<std::result::Result<Importance, String>> {
    let Some(objective) = &sweep.objective else { return Ok(Err(aimless(sweep).to_owned())) };
    let (spec, goal) = (app.spec(&sweep.id).await?, objective.goal);
    let trials = app.store.trials_recorded(&sweep.id).await?;
    let found = tokio::task::spawn_blocking(move || importance::of_sweep(&spec, goal, &trials)).await?;
    Ok(found.map_err(|unknown| unknown.to_string()))
}

/// What the trial of the highest number that told of its data told, and that number.
pub(crate) async fn dataset(app: &App, sweep: &Sweep) -> Result<Option<(u64, Media)>> {
    Ok(app.store.media_newest(&sweep.id, DATASET).await?)
}
