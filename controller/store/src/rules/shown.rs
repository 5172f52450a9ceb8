//! What a page shows of many trials and of agents at once.

use std::collections::{BTreeMap, HashMap};
use std::ops::RangeInclusive;

use sweep_core::curve::{Point, is_visible, visible_until};
use sweep_core::objective::Summary;
use uuid::Uuid;

use super::reads;
use crate::port::{Rows, TrialPoints, TrialResume};
use crate::{
    AgentRow, AgentTrial, AttemptTable, Result, StoreError, TrialBrief, TrialName, TrialTable, codec,
};

/// Up to so many trials are asked for their metrics one by one; more are met in one pass over the sweep.
const FEW: usize = 256;

/// Rows of a table, and their metrics.
pub(crate) async fn table(
    rows: &mut dyn Rows,
    sweep: &str,
    since: u64,
    after: u64,
    most: u32,
) -> Result<TrialTable> {
    // The number first: what changes after it comes with the next question.
    let change = rows.change().await?;
    let mut trials = rows.briefs(sweep, since, after, most.saturating_add(1)).await?;
    let more = trials.len() > most as usize;
    trials.truncate(most as usize);
    let counts = rows.sweep_counts(sweep).await?;
    let metrics = metrics(rows, sweep, &trials).await?;
    Ok(TrialTable { change, total: counts.total(), more, trials, metrics })
}

/// The newest attempts.
pub(crate) async fn attempts(
    rows: &mut dyn Rows,
    sweep: &str,
    since: u64,
    most: u32,
) -> Result<AttemptTable> {
    // The number first, as of a table.
    let change = rows.change().await?;
    let mut attempts = rows.attempts_of_sweep(sweep, since, most.saturating_add(1)).await?;
    let more = attempts.len() > most as usize;
    attempts.truncate(most as usize);
    Ok(AttemptTable { change, more, attempts })
}

async fn metrics(
    rows: &mut dyn Rows,
    sweep: &str,
    trials: &[TrialBrief],
) -> Result<BTreeMap<String, Vec<Option<Summary>>>> {
    let mut columns: BTreeMap<String, Vec<Option<Summary>>> = BTreeMap::new();
    let mut put = |at: usize, name: String, summary: Summary| {
        columns.entry(name).or_insert_with(|| vec![None; trials.len()])[at] = Some(summary);
    };
    if trials.len() <= FEW {
        for (at, trial) in trials.iter().enumerate() {
            for (name, summary) in rows.metrics_of_trial(trial.id).await? {
                put(at, name, summary);
            }
        }
        return Ok(columns);
    }
    let places: HashMap<Uuid, usize> = trials.iter().enumerate().map(|(at, trial)| (trial.id, at)).collect();
    for (id, name, summary) in rows.metrics_of_sweep(sweep).await? {
        if let Some(at) = places.get(&id) {
            put(*at, name, summary);
        }
    }
    Ok(columns)
}

/// The best trials.
pub(crate) async fn best(rows: &mut dyn Rows, sweep: &str, most: u32) -> Result<Vec<TrialBrief>> {
    let found = rows.sweep(sweep).await?;
    let found = found.ok_or_else(|| StoreError::SweepNotFound { name: sweep.to_owned() })?;
    let Some(objective) = found.objective else { return Ok(Vec::new()) };
    rows.briefs_best(sweep, objective.goal, most).await
}

/// One trial.
pub(crate) async fn brief(rows: &mut dyn Rows, name: &TrialName) -> Result<TrialBrief> {
    let whole = reads::whole(rows, name).await?;
    let found = rows.brief(&whole).await?;
    found.ok_or_else(|| StoreError::TrialNotFound { name: name.to_string() })
}

/// The visible curves of one metric of some trials.
pub(crate) async fn curves(
    rows: &mut dyn Rows,
    sweep: &str,
    metric: &str,
    numbers: RangeInclusive<u64>,
) -> Result<Vec<(u64, Vec<Point>)>> {
    // The points first: should an attempt begin in between, it hides what it is going to do again.
    let batches = rows.points_of_sweep(sweep, numbers.clone()).await?;
    let resumes = rows.resumes_of_sweep(sweep, numbers).await?;
    let mut curves: BTreeMap<u64, Vec<Point>> = BTreeMap::new();
    for batch in batches {
        let until = visible_until(&later(&resumes, &batch));
        let Some(column) = codec::unpack_points(&batch.points)?.into_iter().find(|one| one.name == metric)
        else {
            continue;
        };
        let visible = column.points().filter(|point| is_visible(point.step, until));
        curves.entry(batch.number).or_default().extend(visible);
    }
    curves.retain(|_, points| !points.is_empty());
    Ok(curves.into_iter().collect())
}

/// Where the attempts after a batch's went on.
fn later(resumes: &[TrialResume], batch: &TrialPoints) -> Vec<Option<u64>> {
    let from = resumes.partition_point(|one| (one.number, one.attempt) <= (batch.number, batch.attempt));
    resumes[from..].iter().take_while(|one| one.number == batch.number).map(|one| one.step).collect()
}

/// All agents with what they run.
pub(crate) async fn agents(rows: &mut dyn Rows) -> Result<Vec<AgentRow>> {
    let mut running: HashMap<Uuid, Vec<AgentTrial>> = HashMap::new();
    for (agent, trial) in rows.agent_trials().await? {
        running.entry(agent).or_default().push(trial);
    }
    let mut agents = rows.agents().await?;
    for row in &mut agents {
        row.trials = running.remove(&row.agent.id).unwrap_or_default();
    }
    Ok(agents)
}
