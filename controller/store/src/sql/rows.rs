//! From rows to the model's types.

use std::collections::BTreeMap;
use std::time::Duration;

use sweep_core::annotation::Annotation;
use sweep_core::breaker::{Bench, Record};
use sweep_core::fault::Past;
use sweep_core::fault::{End, Faults};
use sweep_core::file::FileRef;
use sweep_core::lease::Lease;
use sweep_core::objective::{Goal, Summary};
use sweep_core::retention::Stored;
use sweep_core::search::Recorded;
use sweep_core::stop::{Entry, Judged, Judgement};
use sweep_core::sweep::{Counts, SweepState};
use sweep_core::trial::TrialState;
use uuid::Uuid;

use super::SqlRow;
use crate::port::{
    AgentStanding, AttemptStanding, ClaimScene, PausedTrial, QueuedTrial, ResumedFrom, StoredModel,
    SweepStanding, TrialPoints, TrialResume,
};
use crate::{
    Agent, AgentRow, AgentTrial, AgentWish, AgentWishKind, Assignment, AttemptBrief, AttemptKey, AttemptRow,
    Checkpoint, Facts, Media, Model, Objective, Reached, Result, StoreError, Sweep, Trial, TrialBrief,
    ended_words,
};

/// What a driver's error about a column is to us.
pub(crate) fn unreadable(column: &str) -> impl FnOnce(sqlx::Error) -> StoreError {
    move |error| StoreError::corrupt(format!("column {column}: {error}"))
}

fn null(column: &str) -> impl FnOnce() -> StoreError {
    move || StoreError::corrupt(format!("column {column} is null"))
}

pub(super) fn int(row: &impl SqlRow, column: &str) -> Result<i64> {
    row.int(column)?.ok_or_else(null(column))
}

pub(super) fn text(row: &impl SqlRow, column: &str) -> Result<String> {
    row.text(column)?.ok_or_else(null(column))
}

pub(super) fn bytes(row: &impl SqlRow, column: &str) -> Result<Vec<u8>> {
    row.bytes(column)?.ok_or_else(null(column))
}

/// A counter or number; the schema holds none below zero.
pub(super) fn count(row: &impl SqlRow, column: &str) -> Result<u64> {
    let value = int(row, column)?;
    u64::try_from(value).map_err(|_| StoreError::corrupt(format!("column {column} is {value}")))
}

pub(super) fn small(row: &impl SqlRow, column: &str) -> Result<u32> {
    let value = int(row, column)?;
    u32::try_from(value).map_err(|_| StoreError::corrupt(format!("column {column} is {value}")))
}

fn json<T: serde::de::DeserializeOwned>(row: &impl SqlRow, column: &str) -> Result<T> {
    serde_json::from_str(&text(row, column)?)
        .map_err(|error| StoreError::corrupt(format!("column {column}: JSON: {error}")))
}

fn trial_state(row: &impl SqlRow) -> Result<TrialState> {
    let word = text(row, "state")?;
    TrialState::of_word(&word).ok_or_else(|| StoreError::corrupt(format!("trial state {word}")))
}

fn sweep_state(row: &impl SqlRow, column: &str) -> Result<SweepState> {
    let word = text(row, column)?;
    SweepState::of_word(&word).ok_or_else(|| StoreError::corrupt(format!("sweep state {word}")))
}

fn objective(row: &impl SqlRow) -> Result<Option<Objective>> {
    let Some(name) = row.text("objective_name")? else { return Ok(None) };
    let goal = match row.text("goal")?.as_deref() {
        Some("maximize") => Goal::Maximize,
        Some("minimize") => Goal::Minimize,
        other => return Err(StoreError::corrupt(format!("goal {other:?}"))),
    };
    Ok(Some(Objective { name, goal }))
}

/// A sweep, its counts and best trial still to be filled in.
pub(super) fn sweep(row: &impl SqlRow) -> Result<Sweep> {
    Ok(Sweep {
        id: text(row, "id")?,
        name: text(row, "name")?,
        project: text(row, "project")?,
        description: text(row, "description")?,
        state: sweep_state(row, "state")?,
        reason: text(row, "reason")?,
        method: text(row, "method")?,
        objective: objective(row)?,
        objectives: optional(row, "objectives")?.unwrap_or_default(),
        // The same 64 bits; databases have signed integers only.
        seed: int(row, "seed")?.cast_unsigned(),
        planned_trials: row.int("planned_trials")?.map(i64::cast_unsigned),
        proposed: count(row, "proposed")?,
        exhausted: row.flag("exhausted")?,
        counts: Counts::default(),
        best: None,
        created_at_ms: int(row, "created_at")?,
        ended_at_ms: row.int("ended_at")?,
        text: text(row, "text")?,
        annotation: annotation(row)?,
    })
}

fn annotation(row: &impl SqlRow) -> Result<Annotation> {
    Ok(Annotation { note: text(row, "note")?, tags: json(row, "tags")? })
}

pub(super) fn counts(rows: &[impl SqlRow]) -> Result<Counts> {
    let mut counts = Counts::default();
    for row in rows {
        *crate::count_of(&mut counts, trial_state(row)?) += count(row, "count")?;
    }
    Ok(counts)
}

pub(super) fn sweep_standing(row: &impl SqlRow) -> Result<SweepStanding> {
    Ok(SweepStanding {
        state: sweep_state(row, "state")?,
        reason: text(row, "reason")?,
        proposed: count(row, "proposed")?,
        planned: row.int("planned_trials")?.map(i64::cast_unsigned),
        exhausted: row.flag("exhausted")?,
        max_parallel: row.int("max_parallel")?.map(|most| u32::try_from(most).unwrap_or(u32::MAX)),
        target: objective(row)?,
        stops: optional(row, "stops")?.unwrap_or_default(),
        account: optional(row, "account")?.unwrap_or_default(),
        targets: optional(row, "targets")?.unwrap_or_default(),
    })
}

/// JSON, where there is some.
pub(super) fn optional<T: serde::de::DeserializeOwned>(row: &impl SqlRow, column: &str) -> Result<Option<T>> {
    row.text(column)?
        .map(|text| serde_json::from_str(&text))
        .transpose()
        .map_err(|error| StoreError::corrupt(format!("column {column}: JSON: {error}")))
}

/// A trial, its metrics still to be filled in.
pub(super) fn trial(row: &impl SqlRow) -> Result<Trial> {
    Ok(Trial {
        id: row.id("id")?,
        sweep_id: text(row, "sweep_id")?,
        number: count(row, "number")?,
        state: trial_state(row)?,
        reason: text(row, "reason")?,
        params: json(row, "params")?,
        metrics: BTreeMap::new(),
        objective: row.real("objective")?,
        objectives: optional(row, "objectives")?,
        attempt: small(row, "attempt")?,
        agent: row.text("agent")?.unwrap_or_default(),
        created_at_ms: int(row, "created_at")?,
        started_at_ms: row.int("started_at")?,
        finished_at_ms: row.int("finished_at")?,
        facts: optional(row, "facts")?,
        origin: optional(row, "origin")?,
        verdict: judged(row)?.verdict,
        annotation: annotation(row)?,
    })
}

pub(super) fn judged(row: &impl SqlRow) -> Result<Judged> {
    Ok(optional(row, "judged")?.unwrap_or_default())
}

pub(super) fn paused(row: &impl SqlRow) -> Result<PausedTrial> {
    Ok(PausedTrial { id: row.id("id")?, number: count(row, "number")?, judged: judged(row)? })
}

pub(super) fn judgement(row: &impl SqlRow) -> Result<Judgement> {
    Ok(Judgement {
        number: count(row, "number")?,
        trial: count(row, "trial")?,
        events: json(row, "events")?,
        verdict: optional(row, "verdict")?.unwrap_or_default(),
    })
}

pub(super) fn entry(row: &impl SqlRow) -> Result<(u32, u64, Entry)> {
    let entry = Entry { trial: count(row, "trial")?, value: row.real("value")?, passed: row.flag("passed")? };
    Ok((small(row, "bracket")?, count(row, "rung")?, entry))
}

/// A trial as a search looks at it.
pub(super) fn recorded(row: &impl SqlRow) -> Result<Recorded> {
    Ok(Recorded {
        number: count(row, "number")?,
        params: json(row, "params")?,
        state: trial_state(row)?,
        objective: row.real("objective")?,
        latest: row.real("last")?,
        objectives: optional(row, "objectives")?,
    })
}

pub(super) fn queued(row: &impl SqlRow) -> Result<QueuedTrial> {
    Ok(QueuedTrial {
        id: row.id("id")?,
        number: count(row, "number")?,
        attempt: small(row, "attempt")?,
        params: json(row, "params")?,
    })
}

fn assignment(row: &impl SqlRow) -> Result<Assignment> {
    Ok(Assignment {
        trial: row.id("trial_id")?,
        sweep: text(row, "sweep_id")?,
        number: count(row, "number")?,
        attempt: small(row, "attempt")?,
        params: json(row, "params")?,
        resume: None,
    })
}

/// What a join found; what it did not find is null.
pub(super) fn claim_scene(row: &impl SqlRow) -> Result<ClaimScene> {
    let given = row.int("attempt")?.map(|_| assignment(row)).transpose()?;
    let agent = row.text("name")?.map(|_| agent_standing(row)).transpose()?;
    Ok(ClaimScene { given, agent, sweep: Some(sweep_standing(row)?) })
}

pub(super) fn metric(row: &impl SqlRow) -> Result<(String, Summary)> {
    let summary = Summary {
        count: count(row, "count")?,
        non_finite: count(row, "non_finite")?,
        last: row.real("last")?.unwrap_or(f64::NAN),
        last_step: count(row, "last_step")?,
        min: row.real("min")?.unwrap_or(f64::INFINITY),
        max: row.real("max")?.unwrap_or(f64::NEG_INFINITY),
    };
    Ok((text(row, "name")?, summary))
}

fn end(row: &impl SqlRow) -> Result<Option<End>> {
    let Some(word) = row.text("outcome")? else { return Ok(None) };
    let end = End::of_word(&word).ok_or_else(|| StoreError::corrupt(format!("attempt outcome {word}")))?;
    Ok(Some(end))
}

pub(super) fn past(row: &impl SqlRow) -> Result<Past<Uuid>> {
    let end = end(row)?.ok_or_else(null("outcome"))?;
    Ok(Past { agent: row.id("agent_id")?, end, got_on: row.flag("got_on")? })
}

pub(super) fn agent_standing(row: &impl SqlRow) -> Result<AgentStanding> {
    let record = Record {
        proven: row.flag("proven")?,
        first_failures: small(row, "first_failures")?,
        machine_faults: small(row, "machine_faults")?,
        benched: small(row, "benched")?,
    };
    let length = Duration::from_millis(count(row, "bench_ms")?);
    let bench = Bench { length, reason: text(row, "bench_reason")? };
    let bench = if length.is_zero() { None } else { Some((bench, int(row, "bench_began")?)) };
    Ok(AgentStanding { name: text(row, "name")?, record, bench, wish: agent_wish(row)? })
}

fn agent_wish(row: &impl SqlRow) -> Result<Option<AgentWish>> {
    let Some(word) = row.text("wish")? else { return Ok(None) };
    let kind = AgentWishKind::of_word(&word)
        .ok_or_else(|| StoreError::corrupt(format!("a wish for an agent {word}")))?;
    Ok(Some(AgentWish { kind, reason: text(row, "wish_reason")? }))
}

/// An agent, what it runs still to be filled in.
pub(super) fn agent(row: &impl SqlRow) -> Result<AgentRow> {
    let agent = Agent {
        id: row.id("id")?,
        name: text(row, "name")?,
        host: text(row, "host")?,
        version: text(row, "version")?,
        slots: small(row, "slots")?,
        devices: json(row, "devices")?,
        labels: json(row, "labels")?,
    };
    let AgentStanding { bench, wish, .. } = agent_standing(row)?;
    Ok(AgentRow {
        agent,
        registered_at_ms: int(row, "registered_at")?,
        seen_at_ms: int(row, "seen_at")?,
        wish,
        benched: bench.map(AgentRow::benched),
        trials: Vec::new(),
    })
}

pub(super) fn agent_trial(row: &impl SqlRow) -> Result<(Uuid, AgentTrial)> {
    let trial = AgentTrial {
        key: AttemptKey { trial: row.id("trial_id")?, attempt: small(row, "attempt")? },
        sweep: text(row, "sweep_id")?,
        number: count(row, "number")?,
        claimed_at_ms: int(row, "claimed_at")?,
        devices: devices(row)?,
    };
    Ok((row.id("agent_id")?, trial))
}

pub(super) fn brief(row: &impl SqlRow) -> Result<TrialBrief> {
    Ok(TrialBrief {
        id: row.id("id")?,
        sweep_id: text(row, "sweep_id")?,
        number: count(row, "number")?,
        state: trial_state(row)?,
        reason: text(row, "reason")?,
        params: json(row, "params")?,
        objective: row.real("objective")?,
        objectives: optional(row, "objectives")?,
        attempt: small(row, "attempt")?,
        agent: row.text("agent")?.unwrap_or_default(),
        started_at_ms: row.int("started_at")?,
        finished_at_ms: row.int("finished_at")?,
        tags: json(row, "tags")?,
        changed: count(row, "changed")?,
    })
}

pub(super) fn reached(row: &impl SqlRow) -> Result<Reached> {
    Ok(Reached {
        number: count(row, "number")?,
        objective: row.real("objective")?.ok_or_else(null("objective"))?,
        finished_at_ms: row.int("finished_at")?,
    })
}

pub(super) fn trial_points(row: &impl SqlRow) -> Result<TrialPoints> {
    Ok(TrialPoints {
        number: count(row, "number")?,
        attempt: small(row, "attempt")?,
        points: bytes(row, "points")?,
    })
}

pub(super) fn trial_resume(row: &impl SqlRow) -> Result<TrialResume> {
    Ok(TrialResume {
        number: count(row, "number")?,
        attempt: small(row, "attempt")?,
        step: row.int("resume_step")?.map(i64::cast_unsigned),
    })
}

pub(super) fn attempt_standing(row: &impl SqlRow) -> Result<AttemptStanding> {
    Ok(AttemptStanding {
        sweep: text(row, "sweep_id")?,
        number: count(row, "number")?,
        state: trial_state(row)?,
        current: small(row, "current")?,
        objective: row.real("objective")?,
        faults: Faults {
            user: small(row, "user_faults")?,
            infrastructure: small(row, "infrastructure_faults")?,
            agents_lost: 0,
        },
        renewals: count(row, "renewals")?,
        acknowledged: count(row, "acknowledged_seq")?,
        end: end(row)?,
        stop: text(row, "stop_reason")?,
        agent: row.id("agent_id")?,
        facts: optional(row, "facts")?,
        claimed_at: int(row, "claimed_at")?,
        judged: judged(row)?,
        stops: optional(row, "stops")?.unwrap_or_default(),
        sweep_state: sweep_state(row, "sweep_state")?,
        exhausted: row.flag("exhausted")?,
        target: objective(row)?,
        targets: optional(row, "targets")?.unwrap_or_default(),
        objectives: optional(row, "objectives")?,
        retries: small(row, "retries")?,
        infrastructure_retries: small(row, "infrastructure_retries")?,
        fails_non_finite: row.flag("fails_non_finite")?,
    })
}

pub(super) fn attempt(row: &impl SqlRow) -> Result<(AttemptRow, Option<u64>)> {
    let attempt = AttemptRow {
        number: small(row, "number")?,
        agent: text(row, "agent")?,
        claimed_at_ms: int(row, "claimed_at")?,
        ended_at_ms: row.int("ended_at")?,
        ended: ended_words(row.text("outcome")?.as_deref(), &text(row, "reason")?),
        facts: optional(row, "facts")?,
    };
    Ok((attempt, row.int("resume_step")?.map(i64::cast_unsigned)))
}

pub(super) fn attempt_brief(row: &impl SqlRow) -> Result<AttemptBrief> {
    Ok(AttemptBrief {
        trial: count(row, "trial")?,
        number: small(row, "number")?,
        agent: text(row, "agent")?,
        devices: devices(row)?,
        claimed_at_ms: int(row, "claimed_at")?,
        ended_at_ms: row.int("ended_at")?,
        end: end(row)?,
        reason: text(row, "reason")?,
    })
}

/// Of the facts of an attempt.
fn devices(row: &impl SqlRow) -> Result<Vec<String>> {
    let facts: Option<Facts> = optional(row, "facts")?;
    Ok(facts.map(|facts| facts.devices).unwrap_or_default())
}

pub(super) fn lease(row: &impl SqlRow) -> Result<Lease<AttemptKey>> {
    Ok(Lease {
        key: AttemptKey { trial: row.id("trial_id")?, attempt: small(row, "number")? },
        renewals: count(row, "renewals")?,
        length: Duration::from_millis(count(row, "lease_ms")?),
    })
}

pub(super) fn checkpoint(row: &impl SqlRow) -> Result<Checkpoint> {
    Ok(Checkpoint {
        step: count(row, "step")?,
        epoch: row.real("epoch")?,
        path: text(row, "path")?,
        metrics: json(row, "metrics")?,
        resume: row.flag("resume")?,
        stored: row.flag("stored")?,
        files: Vec::new(),
    })
}

pub(super) fn media(row: &impl SqlRow) -> Result<Media> {
    Ok(Media { name: text(row, "name")?, step: count(row, "step")?, value: json(row, "value")? })
}

pub(super) fn resumed_from(row: &impl SqlRow) -> Result<Option<ResumedFrom>> {
    if row.int("resume_attempt")?.is_none() {
        return Ok(None);
    }
    Ok(Some(ResumedFrom {
        attempt: small(row, "resume_attempt")?,
        seq: count(row, "resume_seq")?,
        step: count(row, "resume_step")?,
    }))
}

pub(super) fn file(row: &impl SqlRow) -> Result<FileRef> {
    FileRef::new(text(row, "name")?, text(row, "sha256")?, count(row, "size")?)
        .map_err(|error| StoreError::corrupt(error.to_string()))
}

pub(super) fn stored(row: &impl SqlRow, metric: Option<&str>) -> Result<Stored> {
    let metrics: BTreeMap<String, f64> = json(row, "metrics")?;
    Ok(Stored {
        step: count(row, "step")?,
        attempt: small(row, "attempt")?,
        seq: count(row, "seq")?,
        resume: row.flag("resume")?,
        score: metric.and_then(|metric| metrics.get(metric).copied()),
        size: count(row, "size")?,
    })
}

pub(super) fn stored_model(row: &impl SqlRow) -> Result<StoredModel> {
    Ok(StoredModel {
        key: AttemptKey { trial: row.id("trial_id")?, attempt: small(row, "attempt")? },
        seq: count(row, "seq")?,
        number: count(row, "number")?,
        objective: row.real("objective")?,
        size: count(row, "size")?,
    })
}

/// A model, its files still to be filled in.
pub(super) fn model(row: &impl SqlRow) -> Result<Model> {
    Ok(Model {
        id: row.id("id")?,
        name: text(row, "name")?,
        key: AttemptKey { trial: row.id("trial_id")?, attempt: small(row, "attempt")? },
        seq: count(row, "seq")?,
        sweep: text(row, "sweep_id")?,
        sweep_name: text(row, "sweep_name")?,
        number: count(row, "number")?,
        params: json(row, "params")?,
        step: count(row, "step")?,
        epoch: row.real("epoch")?,
        metrics: json(row, "metrics")?,
        promoted_at_ms: int(row, "promoted_at")?,
        files: Vec::new(),
    })
}
