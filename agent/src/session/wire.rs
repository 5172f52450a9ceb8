//! Between wire messages and the agent's own types.

use sweep_proto::v1::{self, event};

use super::files::read_resume;
use super::{Assignment, CallError, Verdict, nonsense};
use crate::trial::event::{Event, EventKind, Facts, Stream};
use crate::trial::spool::Entry;
use crate::trial::task::AttemptKey;

pub(super) fn read_assignment(told: v1::Assignment) -> Result<Assignment, CallError> {
    let trial = told.trial_id.parse().map_err(|_| nonsense("a trial without an id"))?;
    let params =
        serde_json::from_str(&told.params_json).map_err(|_| nonsense("parameters that are no object"))?;
    Ok(Assignment {
        key: AttemptKey { trial, attempt: told.attempt },
        sweep: told.sweep_id,
        number: told.number,
        params,
        program: told.program,
        command: told.command,
        stdout_rule: told.stdout_rule,
        timeout_ms: told.timeout_ms,
        stop_grace_ms: told.stop_grace_ms,
        project: told.project,
        resume: told.resume.map(read_resume).transpose()?.unwrap_or_default(),
    })
}

pub(super) fn read_verdict(verdict: Option<v1::Verdict>) -> Verdict {
    let Some(verdict) = verdict else { return Verdict::GoOn };
    match v1::VerdictKind::try_from(verdict.kind) {
        Ok(v1::VerdictKind::Stop) => Verdict::Stop(verdict.reason),
        Ok(v1::VerdictKind::Cancel) => Verdict::Cancel(verdict.reason),
        Ok(v1::VerdictKind::Lost) => Verdict::Lost(verdict.reason),
        // One from the future changes nothing here.
        Ok(v1::VerdictKind::GoOn | v1::VerdictKind::Unspecified) | Err(_) => Verdict::GoOn,
    }
}

pub(super) fn attempt_ref(key: AttemptKey) -> v1::AttemptRef {
    v1::AttemptRef { trial_id: key.trial.to_string(), attempt: key.attempt }
}

/// Its events on the wire. A number that carries nothing any more is a point without values.
pub(super) fn write_entry(told: Entry) -> Box<dyn Iterator<Item = v1::Event>> {
    match told {
        Entry::Event(event) => Box::new(std::iter::once(write_event(event))),
        Entry::Skipped { from, to } => Box::new((from..=to).map(|seq| v1::Event {
            seq,
            at_ms: 0,
            kind: Some(event::Kind::Metrics(v1::MetricPoint::default())),
        })),
    }
}

fn write_event(told: Event) -> v1::Event {
    let kind = match told.kind {
        EventKind::Facts(facts) => event::Kind::Facts(write_facts(facts)),
        EventKind::Log { stream, text } => {
            event::Kind::Log(v1::LogLine { stream: word(stream).to_owned(), text })
        }
        EventKind::Metrics { step, epoch, values } => {
            event::Kind::Metrics(v1::MetricPoint { step, epoch, values: values.into_iter().collect() })
        }
        EventKind::Checkpoint { step, epoch, path, metrics, resume } => {
            event::Kind::Checkpoint(v1::CheckpointRecord {
                step,
                epoch,
                path,
                metrics: metrics.into_iter().collect(),
                resume,
                stored: false,
                files: Vec::new(),
            })
        }
        EventKind::Media { name, step, value } => {
            event::Kind::Media(v1::MediaRecord { name, step, value_json: value })
        }
        EventKind::Dropped(dropped) => {
            event::Kind::Log(v1::LogLine { stream: word(Stream::Event).to_owned(), text: dropped.told() })
        }
    };
    v1::Event { seq: told.seq, at_ms: told.at_ms, kind: Some(kind) }
}

fn write_facts(facts: Facts) -> v1::AttemptFacts {
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

fn word(stream: Stream) -> &'static str {
    match stream {
        Stream::Stdout => "stdout",
        Stream::Stderr => "stderr",
        Stream::Event => "event",
    }
}
