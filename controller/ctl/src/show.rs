//! How sweeps, trials and curves look.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;
use sweep_core::value::python_str;
use sweep_proto::convert::{sweep_state_word, trial_state_word};
use sweep_proto::v1;

use crate::table::{Column, Sheet, object};

/// RFC 3339 in UTC; `None` for 0, which means never.
pub(crate) fn time(ms: i64) -> Option<String> {
    (ms != 0).then(|| Timestamp::from_millisecond(ms).ok()).flatten().map(|time| time.to_string())
}

/// As people say it: `6m05s`.
pub(crate) fn duration(ms: i64) -> String {
    let seconds = ms.max(0) / 1000;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, _) => format!("{}.{}s", seconds, ms.max(0) % 1000 / 100),
        (0, minutes, rest) => format!("{minutes}m{rest:02}s"),
        (hours, minutes, _) => format!("{hours}h{minutes:02}m"),
    }
}

/// Four significant digits, and no more zeros than people write.
pub(crate) fn number(value: f64) -> String {
    if value == 0.0 || (1e-3..1e6).contains(&value.abs()) {
        let decimals = if value.abs() >= 1000.0 { 0 } else { 4 };
        let text = format!("{value:.decimals$}");
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
    } else {
        format!("{value:.3e}")
    }
}

pub(crate) fn optional(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), number)
}

/// JSON has no NaN: absent numbers are null.
pub(crate) fn real(value: f64) -> Value {
    serde_json::Number::from_f64(value).map_or(Value::Null, Value::Number)
}

/// Non-finite values are words, as in the trial protocol.
pub(crate) fn real_or_word(value: f64) -> Value {
    if value.is_finite() {
        real(value)
    } else if value.is_nan() {
        "NaN".into()
    } else if value > 0.0 {
        "Infinity".into()
    } else {
        "-Infinity".into()
    }
}

/// `3.2 MiB`.
pub(crate) fn bytes(count: u64) -> String {
    let mut size = count as f64;
    for unit in ["B", "KiB", "MiB"] {
        if size < 1024.0 {
            return if unit == "B" { format!("{count} B") } else { format!("{size:.1} {unit}") };
        }
        size /= 1024.0;
    }
    format!("{size:.1} GiB")
}

fn text_or_null(text: Option<String>) -> Value {
    text.map_or(Value::Null, Value::String)
}

pub(crate) fn trial_id(trial: &v1::Trial) -> String {
    format!("{}/{}", trial.sweep_id, trial.number)
}

pub(crate) fn params(trial: &v1::Trial) -> BTreeMap<String, Value> {
    // The controller writes it; what cannot be read is shown as none.
    serde_json::from_str(&trial.params_json).unwrap_or_default()
}

/// The parameters by dotted path, nested ones apart.
pub(crate) fn flat(trial: &v1::Trial) -> BTreeMap<String, Value> {
    fn add(out: &mut BTreeMap<String, Value>, path: String, value: Value) {
        match value {
            Value::Object(inner) if !inner.is_empty() => {
                inner.into_iter().for_each(|(name, value)| add(out, format!("{path}.{name}"), value));
            }
            value => {
                out.insert(path, value);
            }
        }
    }
    let mut out = BTreeMap::new();
    params(trial).into_iter().for_each(|(name, value)| add(&mut out, name, value));
    out
}

/// Milliseconds that the current attempt took; `None`: it has not ended.
pub(crate) fn length(trial: &v1::Trial) -> Option<i64> {
    (trial.started_at_ms > 0 && trial.finished_at_ms > 0).then(|| trial.finished_at_ms - trial.started_at_ms)
}

/// Trials that are over.
pub(crate) fn ended(sweep: &v1::Sweep) -> u64 {
    let counts = sweep.counts.unwrap_or_default();
    counts.finished + counts.stopped_early + counts.failed + counts.cancelled
}

/// Tags and a note, each with its word before it; nothing where there are none.
pub(crate) fn noted(note: &str, tags: &[String]) -> String {
    let mut text = String::new();
    if !tags.is_empty() {
        text.push_str(&format!("tags     {}\n", tags.join(", ")));
    }
    for (at, line) in note.lines().enumerate() {
        text.push_str(&format!("{:<8} {line}\n", if at == 0 { "note" } else { "" }));
    }
    text
}

/// A sweep as JSON.
pub(crate) fn sweep_json(sweep: &v1::Sweep) -> Value {
    let counts = sweep.counts.unwrap_or_default();
    object([
        ("id", sweep.id.clone().into()),
        ("name", sweep.name.clone().into()),
        ("project", sweep.project.clone().into()),
        ("description", sweep.description.clone().into()),
        ("state", sweep_state_word(sweep.state).into()),
        ("reason", sweep.reason.clone().into()),
        ("method", sweep.method.clone().into()),
        (
            "objective",
            if sweep.objective_name.is_empty() { Value::Null } else { sweep.objective_name.clone().into() },
        ),
        ("goal", sweep.goal().to_core().map_or(Value::Null, |goal| goal.word().into())),
        ("objectives", sweep.objectives.iter().map(objective_json).collect()),
        ("seed", sweep.seed.into()),
        ("planned_trials", sweep.planned_trials.map_or(Value::Null, Value::from)),
        ("trials", counts_json(counts)),
        ("best_objective", sweep.best_objective.map_or(Value::Null, real)),
        (
            "best_trial",
            sweep
                .best_objective
                .map_or(Value::Null, |_| format!("{}/{}", sweep.id, sweep.best_trial_number).into()),
        ),
        ("created_at", text_or_null(time(sweep.created_at_ms))),
        ("ended_at", text_or_null(time(sweep.ended_at_ms))),
        ("note", sweep.note.clone().into()),
        ("tags", sweep.tags.clone().into()),
    ])
}

fn objective_json(objective: &v1::Objective) -> Value {
    let goal = objective.goal().to_core().map_or(Value::Null, |goal| goal.word().into());
    object([("name", objective.name.clone().into()), ("goal", goal)])
}

/// The names of what a sweep is after: none, one, or several.
pub(crate) fn objective_names(sweep: &v1::Sweep) -> Vec<String> {
    let one = (!sweep.objective_name.is_empty()).then(|| sweep.objective_name.clone());
    one.into_iter().chain(sweep.objectives.iter().map(|objective| objective.name.clone())).collect()
}

fn counts_json(counts: v1::TrialCounts) -> Value {
    object([
        ("queued", counts.queued.into()),
        ("active", counts.active.into()),
        ("paused", counts.paused.into()),
        ("finished", counts.finished.into()),
        ("stopped_early", counts.stopped_early.into()),
        ("failed", counts.failed.into()),
        ("cancelled", counts.cancelled.into()),
    ])
}

/// `4/20`, ended of planned.
pub(crate) fn progress(sweep: &v1::Sweep) -> String {
    let ended = ended(sweep);
    sweep.planned_trials.map_or_else(|| ended.to_string(), |planned| format!("{ended}/{planned}"))
}

pub(crate) fn sweeps(rows: &[v1::Sweep]) -> Sheet<'_, v1::Sweep> {
    let columns = || {
        vec![
            Column::left("id", |sweep: &v1::Sweep| sweep.id.clone()),
            Column::left("name", |sweep: &v1::Sweep| sweep.name.clone()),
            Column::left("project", |sweep: &v1::Sweep| sweep.project.clone()),
            Column::left("state", |sweep: &v1::Sweep| sweep_state_word(sweep.state).to_owned()),
            Column::left("method", |sweep: &v1::Sweep| sweep.method.clone()),
            Column::right("trials", progress),
            Column::left("objective", |sweep: &v1::Sweep| objective_names(sweep).join(", ")),
            Column::right("best", |sweep: &v1::Sweep| optional(sweep.best_objective)),
            Column::left("created", |sweep: &v1::Sweep| time(sweep.created_at_ms).unwrap_or_default()),
        ]
    };
    Sheet { rows, table: columns(), csv: columns(), json: &sweep_json, name: &|sweep| sweep.id.clone() }
}

/// A trial as JSON.
pub(crate) fn trial_json(trial: &v1::Trial) -> Value {
    let metrics: serde_json::Map<_, _> = trial
        .metrics
        .iter()
        .map(|metric| {
            let finite = |value| if metric.count > 0 { real(value) } else { Value::Null };
            let summary = object([
                ("last", finite(metric.last)),
                ("min", finite(metric.min)),
                ("max", finite(metric.max)),
                ("count", metric.count.into()),
                ("non_finite", metric.non_finite.into()),
                ("last_step", metric.last_step.into()),
            ]);
            (metric.name.clone(), summary)
        })
        .collect();
    object([
        ("id", trial_id(trial).into()),
        ("uuid", trial.id.clone().into()),
        ("number", trial.number.into()),
        ("state", trial_state_word(trial.state).into()),
        ("params", Value::Object(params(trial).into_iter().collect())),
        ("metrics", Value::Object(metrics)),
        ("objective", trial.objective.map_or(Value::Null, real)),
        (
            "objectives",
            if trial.objectives.is_empty() {
                Value::Null
            } else {
                trial.objectives.iter().map(|&value| real(value)).collect()
            },
        ),
        ("attempt", trial.attempt.into()),
        ("agent", if trial.agent.is_empty() { Value::Null } else { trial.agent.clone().into() }),
        ("created_at", text_or_null(time(trial.created_at_ms))),
        ("started_at", text_or_null(time(trial.started_at_ms))),
        ("finished_at", text_or_null(time(trial.finished_at_ms))),
        ("reason", trial.reason.clone().into()),
        ("why", if trial.why.is_empty() { Value::Null } else { trial.why.clone().into() }),
        ("verdict", serde_json::from_str(&trial.verdict_json).unwrap_or(Value::Null)),
        ("facts", trial.facts.as_ref().map_or(Value::Null, facts_json)),
        ("note", trial.note.clone().into()),
        ("tags", trial.tags.clone().into()),
    ])
}

/// A trial as JSON, with its attempts and checkpoints.
pub(crate) fn whole_trial_json(
    trial: &v1::Trial,
    attempts: &[v1::Attempt],
    checkpoints: &[v1::CheckpointRecord],
) -> Value {
    let attempt = |attempt: &v1::Attempt| {
        object([
            ("number", attempt.number.into()),
            ("agent", attempt.agent.clone().into()),
            ("claimed_at", text_or_null(time(attempt.claimed_at_ms))),
            ("ended_at", text_or_null(time(attempt.ended_at_ms))),
            ("ended", attempt.ended.clone().into()),
        ])
    };
    let checkpoint = |checkpoint: &v1::CheckpointRecord| {
        let metrics = checkpoint.metrics.iter().map(|(name, value)| (name.clone(), real(*value))).collect();
        object([
            ("step", checkpoint.step.into()),
            ("epoch", checkpoint.epoch.map_or(Value::Null, real)),
            ("path", checkpoint.path.clone().into()),
            ("metrics", Value::Object(metrics)),
            ("resume", checkpoint.resume.into()),
            ("stored", checkpoint.stored.into()),
            ("files", checkpoint.files.iter().map(file_json).collect()),
        ])
    };
    let mut whole = trial_json(trial);
    if let Value::Object(fields) = &mut whole {
        fields.insert("attempts".to_owned(), attempts.iter().map(attempt).collect());
        fields.insert("checkpoints".to_owned(), checkpoints.iter().map(checkpoint).collect());
    }
    whole
}

pub(crate) fn file_json(file: &v1::FileRef) -> Value {
    object([
        ("name", file.name.clone().into()),
        ("size", file.size.into()),
        ("sha256", file.sha256.clone().into()),
    ])
}

fn facts_json(facts: &v1::AttemptFacts) -> Value {
    let versions: BTreeMap<_, _> = facts.versions.iter().collect();
    object([
        ("command", facts.command.clone().into()),
        ("host", facts.host.clone().into()),
        ("working_directory", facts.working_directory.clone().into()),
        (
            "git_commit",
            if facts.git_commit.is_empty() { Value::Null } else { facts.git_commit.clone().into() },
        ),
        ("git_dirty", if facts.git_commit.is_empty() { Value::Null } else { facts.git_dirty.into() }),
        (
            "versions",
            Value::Object(
                versions.into_iter().map(|(name, version)| (name.clone(), version.clone().into())).collect(),
            ),
        ),
        ("devices", facts.devices.clone().into()),
    ])
}

/// The trial table: only parameters that differ are shown; CSV has all of them and every metric's last value. `objectives`
/// are the names of what the sweep is after, as far as the caller knows them.
pub(crate) fn trials<'r>(rows: &'r [v1::Trial], objectives: &[String]) -> Sheet<'r, v1::Trial> {
    let mut values: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut metrics = BTreeSet::new();
    for trial in rows {
        for (name, value) in params(trial) {
            values.entry(name).or_default().insert(python_str(&value));
        }
        metrics.extend(trial.metrics.iter().map(|metric| metric.name.clone()));
    }
    let mut table = vec![
        Column::left("trial", trial_id),
        Column::left("state", |trial: &v1::Trial| trial_state_word(trial.state).to_owned()),
    ];
    match objectives {
        [] => table.push(Column::right("objective", |trial: &v1::Trial| optional(trial.objective))),
        [one] => table.push(Column::right(one, |trial: &v1::Trial| optional(trial.objective))),
        several => {
            let value = |at: usize| move |trial: &v1::Trial| optional(trial.objectives.get(at).copied());
            table.extend(several.iter().enumerate().map(|(at, name)| Column::right(name, value(at))));
        }
    }
    let several = rows.len() > 1;
    for (name, _) in values.iter().filter(|(_, distinct)| !several || distinct.len() > 1) {
        table.push(param_column(name, true));
    }
    if rows.iter().any(|trial| !trial.tags.is_empty()) {
        table.push(Column::left("tags", tags));
    }
    table.push(Column::right("time", elapsed));
    table.push(Column::left("agent", |trial: &v1::Trial| trial.agent.clone()));
    table.push(Column::left("reason", |trial: &v1::Trial| trial.reason.clone()));
    let mut csv = vec![
        Column::left("id", trial_id),
        Column::left("number", |trial: &v1::Trial| trial.number.to_string()),
        Column::left("state", |trial: &v1::Trial| trial_state_word(trial.state).to_owned()),
        Column::left("objective", |trial: &v1::Trial| {
            trial.objective.map(|value| value.to_string()).unwrap_or_default()
        }),
        Column::left("attempt", |trial: &v1::Trial| trial.attempt.to_string()),
        Column::left("agent", |trial: &v1::Trial| trial.agent.clone()),
        Column::left("started_at", |trial: &v1::Trial| time(trial.started_at_ms).unwrap_or_default()),
        Column::left("finished_at", |trial: &v1::Trial| time(trial.finished_at_ms).unwrap_or_default()),
        Column::left("reason", |trial: &v1::Trial| trial.reason.clone()),
        Column::left("tags", tags),
    ];
    if objectives.len() > 1 {
        let value = |at: usize| {
            move |trial: &v1::Trial| trial.objectives.get(at).map(f64::to_string).unwrap_or_default()
        };
        let several = objectives.iter().enumerate();
        csv.extend(several.map(|(at, name)| Column::left(&format!("objectives.{name}"), value(at))));
    }
    csv.extend(
        values.keys().map(|name| Column { title: format!("params.{name}"), ..param_column(name, false) }),
    );
    csv.extend(metrics.into_iter().map(metric_column));
    Sheet { rows, table, csv, json: &trial_json, name: &trial_id }
}

fn tags(trial: &v1::Trial) -> String {
    trial.tags.join(", ")
}

fn param_column<'r>(name: &str, for_people: bool) -> Column<'r, v1::Trial> {
    let key = name.to_owned();
    Column::left(name, move |trial: &v1::Trial| match params(trial).get(&key) {
        None => String::new(),
        Some(Value::Number(value)) if for_people && value.is_f64() => {
            value.as_f64().map(number).unwrap_or_default()
        }
        Some(value) => python_str(value),
    })
}

fn metric_column<'r>(name: String) -> Column<'r, v1::Trial> {
    let title = format!("metrics.{name}.last");
    Column::left(&title, move |trial: &v1::Trial| {
        let found = trial.metrics.iter().find(|metric| metric.name == name && metric.count > 0);
        found.map(|metric| metric.last.to_string()).unwrap_or_default()
    })
}

fn elapsed(trial: &v1::Trial) -> String {
    length(trial).map_or_else(|| "-".to_owned(), duration)
}

/// One point of one curve.
pub(crate) struct PointRow {
    pub(crate) metric: String,
    pub(crate) step: u64,
    pub(crate) epoch: Option<f64>,
    pub(crate) value: f64,
}

pub(crate) fn points(curves: &[v1::Curve]) -> Vec<PointRow> {
    let mut rows = Vec::new();
    for curve in curves {
        for ((&step, &value), &epoch) in curve.steps.iter().zip(&curve.values).zip(&curve.epochs) {
            rows.push(PointRow {
                metric: curve.name.clone(),
                step,
                epoch: epoch.is_finite().then_some(epoch),
                value,
            });
        }
    }
    rows
}

pub(crate) fn curves(rows: &[PointRow]) -> Sheet<'_, PointRow> {
    let columns = |for_people: bool| {
        let shown =
            move |value: f64| if for_people && value.is_finite() { number(value) } else { value.to_string() };
        vec![
            Column::left("metric", |row: &PointRow| row.metric.clone()),
            Column::right("step", |row: &PointRow| row.step.to_string()),
            Column::right("epoch", move |row: &PointRow| row.epoch.map(shown).unwrap_or_default()),
            Column::right("value", move |row: &PointRow| shown(row.value)),
        ]
    };
    Sheet {
        rows,
        table: columns(true),
        csv: columns(false),
        json: &point_json,
        name: &|row| row.metric.clone(),
    }
}

fn point_json(row: &PointRow) -> Value {
    object([
        ("metric", row.metric.clone().into()),
        ("step", row.step.into()),
        ("epoch", row.epoch.map_or(Value::Null, real)),
        ("value", real_or_word(row.value)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Format;
    use crate::table::render;

    fn trial(number: u64, lr: f64, objective: Option<f64>) -> v1::Trial {
        let metrics = objective
            .map(|value| v1::MetricSummary {
                name: "f1".into(),
                last: value,
                last_step: 9,
                min: 0.1,
                max: value,
                count: 2,
                non_finite: 0,
            })
            .into_iter()
            .collect();
        v1::Trial {
            id: "0190d1d0-0000-7000-8000-000000000001".into(),
            sweep_id: "k3x9q2ab".into(),
            number,
            state: v1::TrialState::Finished.into(),
            params_json: format!("{{\"lr\":{lr},\"path\":\"data\"}}"),
            metrics,
            objective,
            attempt: 1,
            agent: "box".into(),
            started_at_ms: 1_700_000_000_000,
            finished_at_ms: 1_700_000_365_000,
            ..v1::Trial::default()
        }
    }

    #[test]
    fn trials_print_in_every_format() {
        let rows = [trial(1, 0.001, Some(0.5)), trial(2, 0.00002, None)];
        for format in [Format::Table, Format::Csv, Format::Name, Format::Json, Format::Yaml] {
            let text = render(&trials(&rows, &["f1".to_owned()]), format, false).expect("renders");
            insta::assert_snapshot!(format!("trials_{format:?}").to_lowercase(), text);
        }
    }

    #[test]
    fn numbers_read_well() {
        for (value, expected) in [
            (0.73128, "0.7313"),
            (0.5, "0.5"),
            (0.0, "0"),
            (12.0, "12"),
            (1234.5, "1234"),
            (0.00002, "2.000e-5"),
            (-0.25, "-0.25"),
        ] {
            assert_eq!(number(value), expected);
        }
        assert_eq!([duration(950), duration(365_000), duration(7_260_000)], ["0.9s", "6m05s", "2h01m"]);
    }
}
