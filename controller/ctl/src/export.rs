//! `export`: trials, curves and the sweep file, for notebooks and databases.

mod frame;
mod parquet;

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::Value;
use sweep_proto::v1;

use self::frame::{Data, Frame};
use crate::args::Format;
use crate::client::Client;
use crate::commands::{get_sweep, list_trials};
use crate::exit::{Exit, Failure};
use crate::progress::Progress;
use crate::show;
use crate::table::{json, object, put, put_bytes, say};

/// Write the trials, the curves or the file of a sweep, for other programs.
///
/// Examples:
///   sweep-ctl export k3x9q2ab --out trials.parquet
///   sweep-ctl export k3x9q2ab --what metrics --format csv > curves.csv
///   sweep-ctl export k3x9q2ab --what config > sweep.yaml
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct ExportArgs {
    #[arg(default_value = "-")]
    sweep: String,
    /// What is written.
    #[arg(long, value_enum, default_value = "trials")]
    what: What,
    /// How [default: as the file's name ends, csv on standard output]
    #[arg(long, value_enum)]
    format: Option<FileFormat>,
    /// The file; without it, standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// One row a trial: state, objective, parameters, metrics.
    Trials,
    /// One row a point of a curve, all of them.
    Metrics,
    /// The sweep file, as it was given.
    Config,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FileFormat {
    Csv,
    /// One JSON object a line.
    Jsonl,
    Parquet,
}

impl FileFormat {
    fn of_name(file: &Path) -> Option<Self> {
        match file.extension()?.to_str()? {
            "csv" => Some(Self::Csv),
            "jsonl" | "ndjson" => Some(Self::Jsonl),
            "parquet" => Some(Self::Parquet),
            _ => None,
        }
    }
}

pub(crate) async fn run(client: &mut Client, output: Format, args: ExportArgs) -> Result<(), Failure> {
    let ExportArgs { sweep, what, format, out } = args;
    let sweep = get_sweep(client, sweep).await?;
    if what == What::Config {
        if format.is_some() {
            return Err(Failure::new(
                Exit::Usage,
                "the sweep file is written as it was given: leave --format out",
            ));
        }
        return written(output, out.as_deref(), sweep.text.as_bytes(), 1, "file");
    }
    let named = out.as_deref().map(FileFormat::of_name);
    let format = match (format, named) {
        (Some(format), _) | (None, Some(Some(format))) => format,
        (None, None) => FileFormat::Csv,
        (None, Some(None)) => {
            return Err(Failure::new(
                Exit::Usage,
                "the file's name does not say how it is to be written\n  end it in .csv, .jsonl or .parquet, or give --format",
            ));
        }
    };
    let request = v1::ListTrialsRequest { sweep: sweep.id.clone(), ..Default::default() };
    let trials = list_trials(client, request).await?;
    let frame = match what {
        What::Metrics => points(client, &trials).await?,
        _ => rows(&trials),
    };
    let bytes = match format {
        FileFormat::Csv => frame.csv()?,
        FileFormat::Jsonl => frame.jsonl(),
        FileFormat::Parquet => parquet::write(&frame)
            .map_err(|error| Failure::new(Exit::Unexpected, format!("cannot write Parquet: {error}")))?,
    };
    written(output, out.as_deref(), &bytes, frame.rows(), "rows")
}

/// Writes a file whole or not at all; without a name, standard output.
fn written(
    output: Format,
    out: Option<&Path>,
    bytes: &[u8],
    count: usize,
    what: &str,
) -> Result<(), Failure> {
    let Some(file) = out else { return put_bytes(bytes) };
    crate::table::save(file, bytes)?;
    let size = show::bytes(bytes.len() as u64);
    match output {
        Format::Json => {
            let count = Value::from(count);
            put(&json(&object([
                ("file", file.display().to_string().into()),
                ("rows", if what == "rows" { count } else { Value::Null }),
                ("bytes", bytes.len().into()),
            ]))?)?;
        }
        Format::Name => put(&format!("{}\n", file.display()))?,
        _ => say(&format!("wrote {}: {count} {what}, {size}", file.display())),
    }
    Ok(())
}

/// One row a trial.
fn rows(trials: &[v1::Trial]) -> Frame {
    let text = |of: &dyn Fn(&v1::Trial) -> String| {
        Data::Text(trials.iter().map(|trial| Some(of(trial)).filter(|text| !text.is_empty())).collect())
    };
    let time = |of: &dyn Fn(&v1::Trial) -> i64| {
        Data::Time(trials.iter().map(|trial| Some(of(trial)).filter(|ms| *ms != 0)).collect())
    };
    let int = |of: &dyn Fn(&v1::Trial) -> u64| {
        Data::Int(trials.iter().map(|trial| i64::try_from(of(trial)).ok()).collect())
    };
    let mut frame = Frame::new(trials.len());
    frame.push("id", text(&show::trial_id));
    frame.push("number", int(&|trial| trial.number));
    frame.push("state", text(&|trial| sweep_proto::convert::trial_state_word(trial.state).to_owned()));
    frame.push("reason", text(&|trial| trial.reason.clone()));
    frame.push("objective", Data::Real(trials.iter().map(|trial| trial.objective).collect()));
    frame.push("attempt", int(&|trial| trial.attempt.into()));
    frame.push("agent", text(&|trial| trial.agent.clone()));
    frame.push("tags", text(&|trial| trial.tags.join(",")));
    frame.push("note", text(&|trial| trial.note.clone()));
    frame.push("created_at", time(&|trial| trial.created_at_ms));
    frame.push("started_at", time(&|trial| trial.started_at_ms));
    frame.push("finished_at", time(&|trial| trial.finished_at_ms));
    let params: Vec<_> = trials.iter().map(show::flat).collect();
    let names: std::collections::BTreeSet<_> = params.iter().flat_map(|params| params.keys()).collect();
    for name in names {
        let values: Vec<_> = params.iter().map(|params| params.get(name)).collect();
        frame.push(&format!("params.{name}"), Data::of_json(&values));
    }
    let names: std::collections::BTreeSet<_> =
        trials.iter().flat_map(|trial| trial.metrics.iter().map(|metric| &metric.name)).collect();
    for name in names {
        let find = |trial: &v1::Trial| trial.metrics.iter().find(|metric| &metric.name == name).cloned();
        let found: Vec<_> = trials.iter().map(find).collect();
        let real = |of: fn(&v1::MetricSummary) -> f64| {
            let finite = |metric: &v1::MetricSummary| (metric.count > 0).then(|| of(metric));
            Data::Real(found.iter().map(|metric| metric.as_ref().and_then(finite)).collect())
        };
        frame.push(&format!("metrics.{name}.last"), real(|metric| metric.last));
        frame.push(&format!("metrics.{name}.min"), real(|metric| metric.min));
        frame.push(&format!("metrics.{name}.max"), real(|metric| metric.max));
    }
    frame
}

/// One row a point.
async fn points(client: &mut Client, trials: &[v1::Trial]) -> Result<Frame, Failure> {
    let progress = Progress::of(trials.len() as u64, "trials");
    let (mut ids, mut numbers, mut metrics) = (Vec::new(), Vec::new(), Vec::new());
    let (mut steps, mut epochs, mut values) = (Vec::new(), Vec::new(), Vec::new());
    for trial in trials {
        progress.add(1);
        // Those that told nothing are not asked.
        if trial.metrics.is_empty() {
            continue;
        }
        let id = show::trial_id(trial);
        let request = v1::GetMetricsRequest { trial: id.clone(), names: Vec::new(), max_points: u32::MAX };
        let reply = client.sweeps.get_metrics(request).await.map_err(|status| client.failed(&status))?;
        for row in show::points(&reply.into_inner().curves) {
            ids.push(Some(id.clone()));
            numbers.push(i64::try_from(trial.number).ok());
            metrics.push(Some(row.metric));
            steps.push(i64::try_from(row.step).ok());
            epochs.push(row.epoch);
            values.push(Some(row.value));
        }
    }
    let mut frame = Frame::new(ids.len());
    frame.push("id", Data::Text(ids));
    frame.push("number", Data::Int(numbers));
    frame.push("metric", Data::Text(metrics));
    frame.push("step", Data::Int(steps));
    frame.push("epoch", Data::Real(epochs));
    frame.push("value", Data::Real(values));
    Ok(frame)
}
