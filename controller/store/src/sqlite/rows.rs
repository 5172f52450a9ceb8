//! From rows to the model's types.

use std::collections::BTreeMap;

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use sweep_core::objective::{Goal, Summary};
use sweep_core::sweep::{Counts, SweepState};
use sweep_core::trial::TrialState;
use uuid::Uuid;

use crate::{AttemptRow, Checkpoint, Facts, Media, Objective, Result, StoreError, Sweep, Trial, ended_words};

/// A column by name; a missing or ill-typed one means that the schema is not ours.
pub(super) fn get<'r, T>(row: &'r SqliteRow, column: &str) -> Result<T>
where
    T: sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
{
    row.try_get(column).map_err(|error| StoreError::corrupt(format!("column {column}: {error}")))
}

/// A counter or number; the schema holds none below zero.
pub(super) fn count(row: &SqliteRow, column: &str) -> Result<u64> {
    let value: i64 = get(row, column)?;
    u64::try_from(value).map_err(|_| StoreError::corrupt(format!("column {column} is {value}")))
}

fn small(row: &SqliteRow, column: &str) -> Result<u32> {
    let value: i64 = get(row, column)?;
    u32::try_from(value).map_err(|_| StoreError::corrupt(format!("column {column} is {value}")))
}

pub(super) fn json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| StoreError::corrupt(format!("JSON: {error}")))
}

pub(super) fn trial_state(row: &SqliteRow) -> Result<TrialState> {
    let word: String = get(row, "state")?;
    TrialState::of_word(&word).ok_or_else(|| StoreError::corrupt(format!("trial state {word}")))
}

pub(super) fn sweep_state(row: &SqliteRow, column: &str) -> Result<SweepState> {
    let word: String = get(row, column)?;
    SweepState::of_word(&word).ok_or_else(|| StoreError::corrupt(format!("sweep state {word}")))
}

pub(super) fn objective(row: &SqliteRow) -> Result<Option<Objective>> {
    let name: Option<String> = get(row, "objective_name")?;
    let goal: Option<String> = get(row, "goal")?;
    let Some(name) = name else { return Ok(None) };
    let goal = match goal.as_deref() {
        Some("maximize") => Goal::Maximize,
        Some("minimize") => Goal::Minimize,
        other => return Err(StoreError::corrupt(format!("goal {other:?}"))),
    };
    Ok(Some(Objective { name, goal }))
}

pub(super) fn sweep(row: &SqliteRow, counts: Counts, best: Option<(f64, u64)>) -> Result<Sweep> {
    let planned: Option<i64> = get(row, "planned_trials")?;
    let seed: i64 = get(row, "seed")?;
    Ok(Sweep {
        id: get(row, "id")?,
        name: get(row, "name")?,
        project: get(row, "project")?,
        description: get(row, "description")?,
        state: sweep_state(row, "state")?,
        reason: get(row, "reason")?,
        method: get(row, "method")?,
        objective: objective(row)?,
        // The same 64 bits; SQLite has signed integers only.
        seed: seed.cast_unsigned(),
        planned_trials: planned.map(i64::cast_unsigned),
        proposed: count(row, "proposed")?,
        exhausted: get(row, "exhausted")?,
        counts,
        best,
        created_at_ms: get(row, "created_at")?,
        ended_at_ms: get(row, "ended_at")?,
        text: get(row, "text")?,
    })
}

pub(super) fn counts(rows: &[SqliteRow]) -> Result<Counts> {
    let mut counts = Counts::default();
    for row in rows {
        let slot = match trial_state(row)? {
            TrialState::Queued => &mut counts.queued,
            TrialState::Leased | TrialState::Running => &mut counts.active,
            TrialState::Paused => &mut counts.paused,
            TrialState::Finished => &mut counts.finished,
            TrialState::StoppedEarly => &mut counts.stopped_early,
            TrialState::Failed => &mut counts.failed,
            TrialState::Cancelled => &mut counts.cancelled,
        };
        *slot += count(row, "count")?;
    }
    Ok(counts)
}

pub(super) fn facts(row: &SqliteRow) -> Result<Option<Facts>> {
    let text: Option<String> = get(row, "facts")?;
    text.map(|text| json(&text)).transpose()
}

/// A trial, its metrics still to be filled in.
pub(super) fn trial(row: &SqliteRow) -> Result<Trial> {
    let agent: Option<String> = get(row, "agent")?;
    Ok(Trial {
        id: get(row, "id")?,
        sweep_id: get(row, "sweep_id")?,
        number: count(row, "number")?,
        state: trial_state(row)?,
        reason: get(row, "reason")?,
        params: json(get(row, "params")?)?,
        metrics: BTreeMap::new(),
        objective: get(row, "objective")?,
        attempt: small(row, "attempt")?,
        agent: agent.unwrap_or_default(),
        created_at_ms: get(row, "created_at")?,
        started_at_ms: get(row, "started_at")?,
        finished_at_ms: get(row, "finished_at")?,
        facts: facts(row)?,
    })
}

pub(super) fn metric(row: &SqliteRow) -> Result<(Uuid, String, Summary)> {
    let value = |column, absent: f64| -> Result<f64> {
        let stored: Option<f64> = get(row, column)?;
        Ok(stored.unwrap_or(absent))
    };
    let summary = Summary {
        count: count(row, "count")?,
        non_finite: count(row, "non_finite")?,
        last: value("last", f64::NAN)?,
        last_step: count(row, "last_step")?,
        min: value("min", f64::INFINITY)?,
        max: value("max", f64::NEG_INFINITY)?,
    };
    Ok((get(row, "trial_id")?, get(row, "name")?, summary))
}

pub(super) fn attempt(row: &SqliteRow) -> Result<AttemptRow> {
    let outcome: Option<String> = get(row, "outcome")?;
    let reason: String = get(row, "reason")?;
    Ok(AttemptRow {
        number: small(row, "number")?,
        agent: get(row, "agent")?,
        claimed_at_ms: get(row, "claimed_at")?,
        ended_at_ms: get(row, "ended_at")?,
        ended: ended_words(outcome.as_deref(), &reason),
        facts: facts(row)?,
    })
}

pub(super) fn checkpoint(row: &SqliteRow) -> Result<Checkpoint> {
    Ok(Checkpoint {
        step: count(row, "step")?,
        epoch: get(row, "epoch")?,
        path: get(row, "path")?,
        metrics: json(get(row, "metrics")?)?,
    })
}

pub(super) fn media(row: &SqliteRow) -> Result<Media> {
    Ok(Media { name: get(row, "name")?, step: count(row, "step")?, value: json(get(row, "value")?)? })
}
