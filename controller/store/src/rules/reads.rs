//! What people ask: sweeps, trials, curves, logs, changes.

use std::collections::{BTreeMap, HashMap};

use sweep_core::curve::{Point, is_visible, visible_until};
use uuid::Uuid;

use crate::port::{Pick, Rows};
use crate::{
    Changes, LogEntry, NEWEST, Result, StoreError, Sweep, Trial, TrialDetail, TrialFilter, TrialName, codec,
};

/// Up to so many trials are asked for their metrics one by one; more are met in one pass over the sweep.
const FEW: usize = 16;

/// A sweep by its whole id.
pub(crate) async fn sweep(rows: &mut dyn Rows, id: &str) -> Result<Sweep> {
    let sweep = rows.sweep(id).await?.ok_or_else(|| StoreError::SweepNotFound { name: id.to_owned() })?;
    tallied(rows, sweep).await
}

/// A sweep by what a person calls it.
pub(crate) async fn sweep_find(rows: &mut dyn Rows, name: &str) -> Result<Sweep> {
    let id = resolve(rows, name).await?;
    sweep(rows, &id).await
}

pub(crate) async fn sweeps(rows: &mut dyn Rows) -> Result<Vec<Sweep>> {
    let mut out = Vec::new();
    for sweep in rows.sweeps().await? {
        out.push(tallied(rows, sweep).await?);
    }
    Ok(out)
}

async fn tallied(rows: &mut dyn Rows, mut sweep: Sweep) -> Result<Sweep> {
    sweep.counts = rows.sweep_counts(&sweep.id).await?;
    if let Some(objective) = &sweep.objective {
        sweep.best = rows.sweep_best(&sweep.id, objective.goal).await?;
    }
    Ok(sweep)
}

/// A trial's name with its sweep's whole id.
pub(super) async fn whole(rows: &mut dyn Rows, name: &TrialName) -> Result<TrialName> {
    Ok(match name {
        TrialName::Id(id) => TrialName::Id(*id),
        TrialName::Number { sweep, number } => {
            TrialName::Number { sweep: resolve(rows, sweep).await?, number: *number }
        }
    })
}

/// The id that a name means: an id, a prefix of one only, or `-` for the newest.
async fn resolve(rows: &mut dyn Rows, name: &str) -> Result<String> {
    let missing = || StoreError::SweepNotFound { name: name.to_owned() };
    if name == NEWEST {
        return rows.sweep_newest().await?.ok_or_else(missing);
    }
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()) {
        return Err(missing());
    }
    let mut matches = rows.sweeps_by_prefix(name).await?;
    match matches.len() {
        0 => Err(missing()),
        1 => Ok(matches.remove(0)),
        _ if matches[0] == name => Ok(matches.remove(0)),
        _ => Err(StoreError::SweepAmbiguous { name: name.to_owned(), matches }),
    }
}

pub(crate) async fn trials(rows: &mut dyn Rows, sweep: &str, filter: &TrialFilter) -> Result<Vec<Trial>> {
    let pick = match filter.top {
        None => Pick::All,
        Some(top) => {
            let found = rows.sweep(sweep).await?;
            let found = found.ok_or_else(|| StoreError::SweepNotFound { name: sweep.to_owned() })?;
            let Some(objective) = found.objective else { return Ok(Vec::new()) };
            // With states to leave out, the first `top` rows may not be enough.
            let limit = if filter.states.is_empty() { top } else { u32::MAX };
            Pick::Best { goal: objective.goal, limit }
        }
    };
    let mut trials = rows.trials(sweep, pick).await?;
    if !filter.states.is_empty() {
        trials.retain(|trial| filter.states.contains(&trial.state));
    }
    if let Some(top) = filter.top {
        trials.truncate(top as usize);
    }
    with_metrics(rows, sweep, trials).await
}

async fn with_metrics(rows: &mut dyn Rows, sweep: &str, mut trials: Vec<Trial>) -> Result<Vec<Trial>> {
    if trials.len() <= FEW {
        for trial in &mut trials {
            trial.metrics = rows.metrics_of_trial(trial.id).await?.into_iter().collect();
        }
        return Ok(trials);
    }
    let at: HashMap<Uuid, usize> = trials.iter().enumerate().map(|(at, trial)| (trial.id, at)).collect();
    for (id, name, summary) in rows.metrics_of_sweep(sweep).await? {
        if let Some(&at) = at.get(&id) {
            trials[at].metrics.insert(name, summary);
        }
    }
    Ok(trials)
}

pub(crate) async fn trial(rows: &mut dyn Rows, name: &TrialName) -> Result<TrialDetail> {
    let whole = whole(rows, name).await?;
    let mut trial =
        rows.trial(&whole).await?.ok_or_else(|| StoreError::TrialNotFound { name: name.to_string() })?;
    trial.metrics = rows.metrics_of_trial(trial.id).await?.into_iter().collect();
    Ok(TrialDetail {
        attempts: rows.attempts(trial.id).await?.into_iter().map(|(attempt, _)| attempt).collect(),
        checkpoints: rows.checkpoints(trial.id).await?,
        media: rows.media(trial.id).await?,
        trial,
    })
}

/// The visible curves of a trial.
pub(crate) async fn curves(
    rows: &mut dyn Rows,
    trial: Uuid,
    names: &[String],
) -> Result<Vec<(String, Vec<Point>)>> {
    let attempts = rows.attempts(trial).await?;
    let mut curves: BTreeMap<String, Vec<Point>> = BTreeMap::new();
    for (attempt, blob) in rows.points(trial).await? {
        let later: Vec<_> =
            attempts.iter().filter(|(row, _)| row.number > attempt).map(|(_, step)| *step).collect();
        let until = visible_until(&later);
        for column in codec::unpack_points(&blob)? {
            if !names.is_empty() && !names.contains(&column.name) {
                continue;
            }
            let points = column.steps.iter().zip(&column.epochs).zip(&column.at_ms).zip(&column.values);
            let curve = curves.entry(column.name).or_default();
            curve.extend(
                points
                    .filter(|(((step, _), _), _)| is_visible(**step, until))
                    .map(|(((&step, &epoch), &at_ms), &value)| Point { step, epoch, at_ms, value }),
            );
        }
    }
    curves.retain(|_, points| !points.is_empty());
    Ok(curves.into_iter().collect())
}

pub(crate) async fn logs(
    rows: &mut dyn Rows,
    trial: Uuid,
    attempt: u32,
    after: u64,
    tail: Option<usize>,
) -> Result<Vec<LogEntry>> {
    // Newest first, so that a tail unpacks only what it shows.
    let mut newest_first: Vec<LogEntry> = Vec::new();
    for blob in rows.logs(trial, attempt, after).await? {
        let lines = codec::unpack_logs(&blob)?;
        newest_first.extend(lines.into_iter().rev().take_while(|entry| entry.seq > after));
        if tail.is_some_and(|tail| newest_first.len() >= tail) {
            break;
        }
    }
    newest_first.truncate(tail.unwrap_or(usize::MAX));
    newest_first.reverse();
    Ok(newest_first)
}

pub(crate) async fn changes(rows: &mut dyn Rows, sweep: &str, since: u64) -> Result<Changes> {
    // The number first: what changes after it comes with the next question.
    let until = rows.change().await?;
    let changed = rows.trials(sweep, Pick::Changed { since, until }).await?;
    let trials = with_metrics(rows, sweep, changed).await?;
    Ok(Changes { change: until, sweep: self::sweep(rows, sweep).await?, trials })
}
