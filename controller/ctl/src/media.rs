//! `media`: what a trial told that is no number: confusion matrices, scores by class.

use clap::Args;
use serde_json::Value;
use sweep_proto::v1;

use crate::args::Format;
use crate::client::Client;
use crate::exit::{Exit, Failure};
use crate::show;
use crate::table::{Column, Sheet, json, object, put, render, say, yaml};

/// List what a trial told besides numbers and lines, as confusion matrices; with a step, print the values.
///
/// Examples:
///   sweep-ctl media k3x9q2ab/4
///   sweep-ctl media k3x9q2ab/4 --name test-scores -o json
///   sweep-ctl media k3x9q2ab/4 --name validation-scores --step 1200
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct MediaArgs {
    /// SWEEP/NUMBER.
    #[arg(value_parser = crate::args::named)]
    trial: String,
    /// Only those of this name.
    #[arg(long)]
    name: Option<String>,
    /// Only those of this step, and their values.
    #[arg(long, value_name = "STEP")]
    step: Option<u64>,
}

pub(crate) async fn run(client: &mut Client, output: Format, args: MediaArgs) -> Result<(), Failure> {
    let MediaArgs { trial, name, step } = args;
    let (trial, detail) = client.trial(&trial).await?;
    let is_wanted = |one: &v1::MediaRecord| {
        name.as_ref().is_none_or(|name| one.name == *name) && step.is_none_or(|step| one.step == step)
    };
    let told: Vec<_> = detail.media.into_iter().filter(is_wanted).collect();
    if told.is_empty() {
        let none = format!("trial {} has told of no such media", show::trial_id(&trial));
        if name.is_some() || step.is_some() {
            let fix = format!("see what it has: sweep-ctl media {}", show::trial_id(&trial));
            return Err(Failure::new(Exit::Nothing, format!("{none}\n  {fix}")));
        }
        if output == Format::Table {
            say(&none);
            return Ok(());
        }
    }
    match (step, output, &told[..]) {
        // One value alone, as the program told it.
        (Some(_), Format::Table | Format::Json, [one]) => put(&json(&value(one))?),
        (Some(_), Format::Yaml, [one]) => put(&yaml(&value(one))?),
        _ => put(&render(&sheet(&told), output, false)?),
    }
}

fn value(record: &v1::MediaRecord) -> Value {
    serde_json::from_str(&record.value_json).unwrap_or(Value::Null)
}

fn sheet(told: &[v1::MediaRecord]) -> Sheet<'_, v1::MediaRecord> {
    let columns = || {
        vec![
            Column::left("name", |one: &v1::MediaRecord| one.name.clone()),
            Column::right("step", |one: &v1::MediaRecord| one.step.to_string()),
            Column::right("size", |one: &v1::MediaRecord| one.value_json.len().to_string()),
        ]
    };
    let json = &|one: &v1::MediaRecord| {
        object([("name", one.name.clone().into()), ("step", one.step.into()), ("value", value(one))])
    };
    Sheet { rows: told, table: columns(), csv: columns(), json, name: &|one| one.name.clone() }
}
