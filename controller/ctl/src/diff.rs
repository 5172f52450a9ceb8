//! `trial diff`: what trials do not have in common.

use std::collections::BTreeMap;

use clap::Args;
use serde_json::{Map, Value};
use sweep_core::value::python_str;
use sweep_proto::convert::trial_state_word;
use sweep_proto::v1;

use crate::args::Format;
use crate::client::Client;
use crate::exit::Failure;
use crate::show;
use crate::table::{Column, Sheet, object, put, render, say};

/// Show what differs between trials: parameters, how they ended, metrics, what they ran on.
///
/// Examples:
///   sweep-ctl trial diff k3x9q2ab/4 k3x9q2ab/9
///   sweep-ctl trial diff k3x9q2ab/4 k3x9q2ab/9 z0y1x2w3/1 -o json
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct DiffArgs {
    /// SWEEP/NUMBER, two or more.
    #[arg(required = true, num_args = 2.., value_name = "TRIAL", value_parser = crate::args::named)]
    trials: Vec<String>,
}

/// One thing, and each trial's value of it.
struct Row {
    field: String,
    values: Vec<Option<Value>>,
}

pub(crate) async fn run(client: &mut Client, output: Format, args: DiffArgs) -> Result<(), Failure> {
    let mut trials = Vec::new();
    for name in &args.trials {
        trials.push(client.trial(name).await?.0);
    }
    let rows = differences(&trials);
    if rows.is_empty() && output == Format::Table {
        say("they are alike");
        return Ok(());
    }
    let ids: Vec<_> = trials.iter().map(show::trial_id).collect();
    let json = |row: &Row| row_json(row, &ids);
    put(&render(&sheet(&rows, &ids, &json), output, false)?)
}

fn differences(trials: &[v1::Trial]) -> Vec<Row> {
    let all: Vec<_> = trials.iter().map(fields).collect();
    let mut names: Vec<&String> = Vec::new();
    for name in all.iter().flatten().map(|(name, _)| name) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let of = |name: &String| Row {
        field: name.clone(),
        values: all
            .iter()
            .map(|fields| Some(fields.iter().find(|(other, _)| other == name)?.1.clone()))
            .collect(),
    };
    let mut rows: Vec<_> = names.into_iter().map(of).collect();
    rows.retain(|row| row.values.iter().any(|value| *value != row.values[0]));
    rows
}

/// What is compared, in the order it is shown: parameters first.
fn fields(trial: &v1::Trial) -> Vec<(String, Value)> {
    let mut out: Vec<(String, Value)> =
        show::flat(trial).into_iter().map(|(name, value)| (format!("params.{name}"), value)).collect();
    out.push(("state".to_owned(), trial_state_word(trial.state).into()));
    out.extend(trial.objective.map(|value| ("objective".to_owned(), value.into())));
    let texts = |facts: &v1::AttemptFacts| {
        let dirty = if facts.git_dirty { "with changes" } else { "" };
        [
            ("host", facts.host.clone()),
            ("git", format!("{} {dirty}", facts.git_commit).trim().to_owned()),
            ("devices", facts.devices.join(", ")),
        ]
    };
    let facts = trial.facts.as_ref();
    let named = [("reason", trial.reason.clone()), ("agent", trial.agent.clone())];
    let told = named.into_iter().chain(facts.map(texts).into_iter().flatten());
    out.extend(told.filter(|(_, text)| !text.is_empty()).map(|(name, text)| (name.to_owned(), text.into())));
    let versions: BTreeMap<_, _> = facts.map(|facts| &facts.versions).into_iter().flatten().collect();
    out.extend(
        versions.into_iter().map(|(name, version)| (format!("versions.{name}"), version.clone().into())),
    );
    let metrics: BTreeMap<_, _> = trial
        .metrics
        .iter()
        .filter(|metric| metric.count > 0)
        .map(|metric| (&metric.name, metric.last))
        .collect();
    out.extend(metrics.into_iter().map(|(name, last)| (format!("metrics.{name}.last"), last.into())));
    out
}

fn sheet<'r>(rows: &'r [Row], ids: &'r [String], json: &'r dyn Fn(&Row) -> Value) -> Sheet<'r, Row> {
    let columns = |for_people: bool| {
        let mut columns = vec![Column::left("field", |row: &Row| row.field.clone())];
        for (at, id) in ids.iter().enumerate() {
            let cell = move |row: &Row| match &row.values[at] {
                None if for_people => "-".to_owned(),
                None => String::new(),
                Some(Value::Number(value)) if for_people && value.is_f64() => {
                    show::number(value.as_f64().unwrap_or(f64::NAN))
                }
                Some(value) => python_str(value),
            };
            columns.push(Column { named: true, ..Column::left(id, cell) });
        }
        columns
    };
    Sheet { rows, table: columns(true), csv: columns(false), json, name: &|row| row.field.clone() }
}

fn row_json(row: &Row, ids: &[String]) -> Value {
    let values = row.values.iter().map(|value| value.clone().unwrap_or(Value::Null));
    let values: Map<_, _> = ids.iter().cloned().zip(values).collect();
    object([("field", row.field.clone().into()), ("values", Value::Object(values))])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_shown() {
        let one = |number, lr: f64, agent: &str| v1::Trial {
            number,
            params_json: format!(r#"{{"lr":{lr},"net":{{"depth":3}}}}"#),
            agent: agent.to_owned(),
            ..Default::default()
        };
        let names = |trials: &[v1::Trial]| -> Vec<String> {
            differences(trials).into_iter().map(|row| row.field).collect()
        };
        assert_eq!(names(&[one(1, 0.1, "a"), one(2, 0.2, "a")]), ["params.lr"]);
        assert_eq!(names(&[one(1, 0.1, "a"), one(2, 0.1, "a"), one(3, 0.1, "b")]), ["agent"]);
        assert!(names(&[one(1, 0.1, "a"), one(2, 0.1, "a")]).is_empty());
    }
}
