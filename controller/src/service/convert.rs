//! Between wire messages and the store's types.

use std::collections::BTreeMap;
use std::time::Duration;

use sweep_core::annotation::AnnotationChange;
use sweep_core::curve::Point;
use sweep_core::file::{FileRef, FileRefError};
use sweep_core::stop;
use sweep_core::sweep::Extension;
use sweep_core::trial::TrialState;
use sweep_proto::v1;
use sweep_store::{
    AttemptKey, AttemptRow, Checkpoint, Event, EventKind, Facts, LogEntry, LogLine, Media, Reported,
    ResumePoint, Retry, Standing, Sweep, Trial, TrialName,
};
use tonic::Status;
use uuid::Uuid;

use super::refuse;
use crate::models::Shown;
use crate::predictors::Predictor;

pub(super) fn uuid(name: &str, text: &str) -> Result<Uuid, Status> {
    text.parse().map_err(|_| refuse::field(name, &format!("`{text}` is not a UUID")))
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// `SWEEP/NUMBER`, or a UUID.
pub(super) fn trial_name(text: &str) -> Result<TrialName, Status> {
    if let Some((sweep, number)) = text.split_once('/') {
        let number = number
            .parse()
            .map_err(|_| refuse::field("trial", &format!("`{number}` is not a trial's number")))?;
        return Ok(TrialName::Number { sweep: sweep.to_owned(), number });
    }
    let wanted = "a trial is SWEEP/NUMBER, for example k3x9q2ab/7";
    text.parse()
        .map(TrialName::Id)
        .map_err(|_| refuse::field("trial", &format!("`{text}` is not a trial: {wanted}")))
}

pub(super) fn attempt_key(held: &v1::AttemptRef) -> Result<AttemptKey, Status> {
    Ok(AttemptKey { trial: uuid("trial_id", &held.trial_id)?, attempt: held.attempt })
}

pub(super) fn sweep(sweep: Sweep) -> v1::Sweep {
    let counts = sweep.counts;
    let objectives = sweep
        .objectives
        .into_iter()
        .map(|objective| v1::Objective { goal: v1::Goal::from(objective.goal).into(), name: objective.name });
    let (best_objective, best_trial_number) =
        sweep.best.map_or((None, 0), |(value, number)| (Some(value), number));
    v1::Sweep {
        id: sweep.id,
        name: sweep.name,
        state: v1::SweepState::from(sweep.state).into(),
        reason: sweep.reason,
        method: sweep.method,
        goal: sweep.objective.as_ref().map_or(0, |objective| v1::Goal::from(objective.goal).into()),
        objective_name: sweep.objective.map(|objective| objective.name).unwrap_or_default(),
        seed: sweep.seed,
        planned_trials: sweep.planned_trials,
        counts: Some(v1::TrialCounts {
            queued: counts.queued,
            active: counts.active,
            paused: counts.paused,
            finished: counts.finished,
            stopped_early: counts.stopped_early,
            failed: counts.failed,
            cancelled: counts.cancelled,
        }),
        best_objective,
        best_trial_number,
        created_at_ms: sweep.created_at_ms,
        ended_at_ms: sweep.ended_at_ms.unwrap_or_default(),
        text: sweep.text,
        project: sweep.project,
        description: sweep.description,
        objectives: objectives.collect(),
        note: sweep.annotation.note,
        tags: sweep.annotation.tags,
    }
}

pub(super) fn trial(trial: Trial) -> v1::Trial {
    let why = trial.origin.as_ref().map(|origin| origin.why.to_string()).unwrap_or_default();
    let origin_json = trial.origin.as_ref().map(json).unwrap_or_default();
    let verdict_json = verdict_json(&trial.verdict);
    let metrics = trial
        .metrics
        .into_iter()
        .map(|(name, summary)| v1::MetricSummary {
            name,
            last: summary.last,
            last_step: summary.last_step,
            min: summary.min,
            max: summary.max,
            count: summary.count,
            non_finite: summary.non_finite,
        })
        .collect();
    v1::Trial {
        id: trial.id.to_string(),
        sweep_id: trial.sweep_id,
        number: trial.number,
        state: v1::TrialState::from(trial.state).into(),
        reason: trial.reason,
        params_json: json(&trial.params),
        why,
        origin_json,
        verdict_json,
        metrics,
        objective: trial.objective,
        attempt: trial.attempt,
        agent: trial.agent,
        created_at_ms: trial.created_at_ms,
        started_at_ms: trial.started_at_ms.unwrap_or_default(),
        finished_at_ms: trial.finished_at_ms.unwrap_or_default(),
        facts: trial.facts.map(facts),
        objectives: trial.objectives.unwrap_or_default(),
        note: trial.annotation.note,
        tags: trial.annotation.tags,
    }
}

fn verdict_json(verdict: &stop::Verdict) -> String {
    if *verdict == stop::Verdict::Continue { String::new() } else { json(verdict) }
}

pub(super) fn judgement(judgement: &stop::Judgement) -> v1::Judgement {
    v1::Judgement {
        number: judgement.number,
        trial: judgement.trial,
        events_json: json(&judgement.events),
        verdict_json: verdict_json(&judgement.verdict),
    }
}

/// Of what always prints: maps by name, and structures of plain values.
pub(super) fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn facts(facts: Facts) -> v1::AttemptFacts {
    v1::AttemptFacts {
        command: facts.command,
        host: facts.host,
        working_directory: facts.working_directory,
        git_commit: facts.git_commit,
        git_dirty: facts.git_dirty,
        versions: facts.versions.into_iter().collect(),
        devices: facts.devices,
    }
}

pub(super) fn attempt(row: AttemptRow) -> v1::Attempt {
    v1::Attempt {
        number: row.number,
        agent: row.agent,
        claimed_at_ms: row.claimed_at_ms,
        ended_at_ms: row.ended_at_ms.unwrap_or_default(),
        ended: row.ended,
        facts: row.facts.map(facts),
    }
}

pub(super) fn checkpoint(checkpoint: Checkpoint) -> v1::CheckpointRecord {
    v1::CheckpointRecord {
        step: checkpoint.step,
        epoch: checkpoint.epoch,
        path: checkpoint.path,
        metrics: checkpoint.metrics.into_iter().collect(),
        resume: checkpoint.resume,
        stored: checkpoint.stored,
        files: checkpoint.files.into_iter().map(v1::FileRef::from).collect(),
    }
}

pub(super) fn file(told: v1::FileRef) -> Result<FileRef, Status> {
    told.try_into().map_err(|error: FileRefError| refuse::field("file", &error.to_string()))
}

pub(super) fn resume_point(point: ResumePoint) -> v1::ResumePoint {
    v1::ResumePoint { step: point.step, files: point.files.into_iter().map(v1::FileRef::from).collect() }
}

pub(super) fn media(media: Media) -> v1::MediaRecord {
    v1::MediaRecord { name: media.name, step: media.step, value_json: media.value.to_string() }
}

pub(super) fn model(shown: Shown) -> v1::Model {
    let Shown { model, is_default, made_up, validation, test, predictors } = shown;
    let text = |value: Option<serde_json::Value>| value.map(|value| value.to_string()).unwrap_or_default();
    let predictor = |one: Predictor| v1::Predictor {
        loaded: one.loaded.contains(&model.id),
        url: one.url,
        device: one.device,
        version: one.version,
    };
    v1::Model {
        predictors: predictors.into_iter().map(predictor).collect(),
        id: model.id.to_string(),
        params_json: json(&model.params),
        name: model.name,
        sweep_id: model.sweep,
        sweep_name: model.sweep_name,
        number: model.number,
        step: model.step,
        epoch: model.epoch,
        metrics: model.metrics.into_iter().collect(),
        promoted_at_ms: model.promoted_at_ms,
        is_default,
        files: model.files.into_iter().map(v1::FileRef::from).collect(),
        made_up,
        validation_json: text(validation),
        test_json: text(test),
    }
}

/// The events of a report, and the number of the first.
pub(super) fn events(events: Vec<v1::Event>) -> Result<(u64, Vec<Event>), Status> {
    let first = events.first().map_or(0, |event| event.seq);
    let mut out = Vec::with_capacity(events.len());
    for (event, expected) in events.into_iter().zip(first..) {
        if event.seq != expected {
            return Err(refuse::field(
                "events",
                &format!("seq {} stands where {expected} should", event.seq),
            ));
        }
        let kind =
            event.kind.ok_or_else(|| refuse::field("events", &format!("event {expected} has no kind")))?;
        out.push(Event { at_ms: event.at_ms, kind: event_kind(kind)? });
    }
    Ok((first, out))
}

fn event_kind(kind: v1::event::Kind) -> Result<EventKind, Status> {
    Ok(match kind {
        v1::event::Kind::Metrics(point) => EventKind::Metrics {
            step: step(point.step)?,
            epoch: point.epoch,
            values: point.values.into_iter().collect(),
        },
        v1::event::Kind::Log(line) => EventKind::Log(LogLine { stream: line.stream, text: line.text }),
        v1::event::Kind::Checkpoint(record) => EventKind::Checkpoint(Checkpoint {
            step: step(record.step)?,
            epoch: record.epoch,
            path: record.path,
            metrics: record.metrics.into_iter().filter(|(_, value)| value.is_finite()).collect(),
            resume: record.resume,
            stored: false,
            files: Vec::new(),
        }),
        v1::event::Kind::Media(record) => EventKind::Media(Media {
            name: record.name,
            step: step(record.step)?,
            value: serde_json::from_str(&record.value_json)
                .map_err(|error| refuse::field("events.media.value_json", &error.to_string()))?,
        }),
        v1::event::Kind::Facts(told) => EventKind::Facts(Facts {
            command: told.command,
            host: told.host,
            working_directory: told.working_directory,
            git_commit: told.git_commit,
            git_dirty: told.git_dirty,
            versions: told.versions.into_iter().collect(),
            devices: told.devices,
        }),
    })
}

/// Databases count in signed 64 bits.
fn step(step: u64) -> Result<u64, Status> {
    if i64::try_from(step).is_ok() {
        Ok(step)
    } else {
        Err(refuse::field("events.step", "is beyond 2^63 - 1"))
    }
}

pub(super) fn verdict(standing: Standing) -> v1::Verdict {
    let (kind, reason) = match standing {
        Standing::GoOn => (v1::VerdictKind::GoOn, String::new()),
        Standing::Stop(reason) => (v1::VerdictKind::Stop, reason),
        Standing::Cancel(reason) => (v1::VerdictKind::Cancel, reason),
        Standing::Lost(reason) => (v1::VerdictKind::Lost, reason),
    };
    v1::Verdict { kind: kind.into(), reason }
}

pub(super) fn verdicts(held: Vec<v1::AttemptRef>, answers: Vec<Reported>) -> Vec<v1::AttemptVerdict> {
    held.into_iter()
        .zip(answers)
        .map(|(attempt, answer)| v1::AttemptVerdict {
            attempt: Some(attempt),
            verdict: Some(verdict(answer.standing)),
            acknowledged_seq: answer.acknowledged,
        })
        .collect()
}

pub(super) fn curve(name: String, points: &[Point], most: usize) -> v1::Curve {
    let thinned = sweep_core::curve::thin(points, most);
    v1::Curve {
        name,
        steps: thinned.iter().map(|point| point.step).collect(),
        values: thinned.iter().map(|point| point.value).collect(),
        epochs: thinned.iter().map(|point| point.epoch).collect(),
        at_ms: thinned.iter().map(|point| point.at_ms).collect(),
        total: points.len() as u64,
    }
}

pub(super) fn extension(told: Option<v1::extend_sweep_request::Extension>) -> Result<Extension, Status> {
    match told {
        Some(v1::extend_sweep_request::Extension::By(more)) => Ok(Extension::By(more)),
        Some(v1::extend_sweep_request::Extension::To(all)) => Ok(Extension::To(all)),
        None => Err(refuse::field("extension", "is missing: by or to how many trials")),
    }
}

pub(super) fn annotation_change(told: Option<v1::AnnotationChange>) -> Result<AnnotationChange, Status> {
    let told = told.ok_or_else(|| refuse::field("change", "is missing: a note, or tags"))?;
    Ok(AnnotationChange { note: told.note, add: told.add_tags, remove: told.remove_tags })
}

/// Which trials are meant: those named, those in some states, or those that failed.
pub(super) fn retry(asked: &v1::RetryTrialsRequest) -> Retry {
    let states: Vec<_> = asked.states().filter_map(v1::TrialState::to_core).collect();
    match (asked.numbers.is_empty(), states.is_empty()) {
        (false, _) => Retry::Numbers(asked.numbers.clone()),
        (true, false) => Retry::In(states),
        (true, true) => Retry::In(vec![TrialState::Failed]),
    }
}

pub(super) fn log_entry(entry: LogEntry) -> v1::LogEntry {
    let line = v1::LogLine { stream: entry.line.stream, text: entry.line.text };
    v1::LogEntry { seq: entry.seq, at_ms: entry.at_ms, line: Some(line) }
}

pub(super) fn labels(labels: std::collections::HashMap<String, String>) -> BTreeMap<String, String> {
    labels.into_iter().collect()
}
