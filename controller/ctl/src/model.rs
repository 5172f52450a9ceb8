//! `model`: checkpoints that are chosen to be used.

use clap::{Args, Subcommand};
use serde_json::Value;
use sweep_proto::v1;

use crate::args::Format;
use crate::client::{Client, present};
use crate::exit::Failure;
use crate::files::{Folder, Wanted, place};
use crate::show;
use crate::table::{Column, Sheet, object, put, render, say};

/// Choose which trial's model is used, and see, fetch or remove what was chosen.
///
/// Examples:
///   sweep-ctl model promote k3x9q2ab/4 --name faces
///   sweep-ctl model list
///   sweep-ctl model download faces models
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct ModelArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Promote(PromoteArgs),
    /// List the models, newest first; the first one is used where none is named.
    ///
    /// Examples:
    ///   sweep-ctl model list
    ///   sweep-ctl model list -o name
    #[command(visible_alias = "ls", verbatim_doc_comment)]
    List,
    /// Show a model: whence it is, what it scored, its files, who predicts with it.
    ///
    /// Examples:
    ///   sweep-ctl model show
    ///   sweep-ctl model show faces -o json
    #[command(verbatim_doc_comment)]
    Show {
        /// Its name, or `-` for the newest.
        #[arg(default_value = "-")]
        model: String,
    },
    /// Download the files of a model. Each is checked against its SHA-256.
    ///
    /// Examples:
    ///   sweep-ctl model download faces
    ///   sweep-ctl model download - models
    #[command(verbatim_doc_comment)]
    Download {
        /// Its name, or `-` for the newest.
        model: String,
        #[command(flatten)]
        into: Folder,
    },
    /// Remove models. Their files go, unless a checkpoint or another model is made of them.
    ///
    /// Examples:
    ///   sweep-ctl model rm faces
    #[command(verbatim_doc_comment)]
    Rm {
        #[arg(required = true, value_name = "MODEL")]
        models: Vec<String>,
    },
}

/// Make a model of a trial's best stored checkpoint. It keeps its files whatever becomes of the trial, and the newest model
/// is the one that the demo page and `predict` use.
///
/// Examples:
///   sweep-ctl model promote k3x9q2ab/4
///   sweep-ctl model promote "$(sweep-ctl best - -o name)" --name faces --replace
///   sweep-ctl model promote k3x9q2ab/4 --step 1200 --name earlier
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
struct PromoteArgs {
    /// SWEEP/NUMBER.
    #[arg(value_parser = crate::args::named)]
    trial: String,
    /// Letters, digits, `-`, `_` and `.` [default: SWEEP-NUMBER]
    #[arg(long)]
    name: Option<String>,
    /// The checkpoint of this step instead of the best.
    #[arg(long, value_name = "STEP")]
    step: Option<u64>,
    /// Take the place of another model of that name.
    #[arg(long)]
    replace: bool,
}

pub(crate) async fn run(client: &mut Client, output: Format, args: ModelArgs) -> Result<(), Failure> {
    match args.verb {
        Verb::Promote(args) => promote(client, output, args).await,
        Verb::List => list(client, output).await,
        Verb::Show { model } => {
            let model = get(client, model).await?;
            if output == Format::Table { put(&page(&model)) } else { print(&[model], output, true) }
        }
        Verb::Download { model, into } => {
            let model = get(client, model).await?;
            let what = format!("model {} (trial {}, step {})", model.name, trial_id(&model), model.step);
            place(client, output, &Wanted { what, step: model.step, files: &model.files, into: &into }).await
        }
        Verb::Rm { models } => remove(client, output, models).await,
    }
}

async fn get(client: &mut Client, name: String) -> Result<v1::Model, Failure> {
    let reply = client.models.get_model(v1::GetModelRequest { name }).await;
    present(reply.map_err(|status| client.failed(&status))?.into_inner().model)
}

async fn promote(client: &mut Client, output: Format, args: PromoteArgs) -> Result<(), Failure> {
    let PromoteArgs { trial, name, step, replace } = args;
    let request =
        v1::PromoteModelRequest { trial: trial.clone(), name: name.unwrap_or_default(), step, replace };
    let reply = client.models.promote_model(request).await;
    let model = present(reply.map_err(|status| client.failed(&status))?.into_inner().model)?;
    if output != Format::Table {
        return print(&[model], output, true);
    }
    put(&format!("{}\n", model.name))?;
    say(&format!("trial {} at step {} is model {}", trial_id(&model), model.step, model.name));
    if model.predictors.is_empty() {
        say(&format!("  start a predictor: sweep-train serve --controller {}", client.server));
    }
    say(&format!("  try it:            {}/demo", client.server.trim_end_matches('/')));
    Ok(())
}

async fn list(client: &mut Client, output: Format) -> Result<(), Failure> {
    let reply = client.models.list_models(v1::ListModelsRequest {}).await;
    let models = reply.map_err(|status| client.failed(&status))?.into_inner().models;
    if models.is_empty() && output == Format::Table {
        say("no model has been promoted\n  promote a trial: sweep-ctl model promote SWEEP/NUMBER");
        return Ok(());
    }
    print(&models, output, false)
}

async fn remove(client: &mut Client, output: Format, names: Vec<String>) -> Result<(), Failure> {
    let mut removed = Vec::new();
    for name in names {
        let reply = client.models.remove_model(v1::RemoveModelRequest { name }).await;
        removed.push(present(reply.map_err(|status| client.failed(&status))?.into_inner().model)?);
    }
    let format = if output == Format::Table { Format::Name } else { output };
    print(&removed, format, false)
}

fn print(models: &[v1::Model], output: Format, one: bool) -> Result<(), Failure> {
    put(&render(&sheet(models), output, one)?)
}

fn trial_id(model: &v1::Model) -> String {
    format!("{}/{}", model.sweep_id, model.number)
}

fn sheet(models: &[v1::Model]) -> Sheet<'_, v1::Model> {
    let columns = || {
        vec![
            Column::left("model", |model: &v1::Model| model.name.clone()),
            Column::left("trial", trial_id),
            Column::left("sweep", |model: &v1::Model| model.sweep_name.clone()),
            Column::right("step", |model: &v1::Model| model.step.to_string()),
            Column::left("promoted", |model: &v1::Model| {
                show::time(model.promoted_at_ms).unwrap_or_default()
            }),
            Column::left("default", |model: &v1::Model| if model.is_default { "yes" } else { "" }.to_owned()),
        ]
    };
    Sheet {
        rows: models,
        table: columns(),
        csv: columns(),
        json: &model_json,
        name: &|model| model.name.clone(),
    }
}

fn metrics(model: &v1::Model) -> Vec<(&String, f64)> {
    let mut metrics: Vec<_> = model.metrics.iter().map(|(name, &value)| (name, value)).collect();
    metrics.sort_by_key(|&(name, _)| name);
    metrics
}

fn model_json(model: &v1::Model) -> Value {
    let told = |text: &str| serde_json::from_str(text).unwrap_or(Value::Null);
    let metrics = metrics(model).into_iter().map(|(name, value)| (name.clone(), show::real(value))).collect();
    let predictor = |one: &v1::Predictor| {
        object([
            ("url", one.url.clone().into()),
            ("device", one.device.clone().into()),
            ("version", one.version.clone().into()),
            ("loaded", one.loaded.into()),
        ])
    };
    object([
        ("id", model.id.clone().into()),
        ("name", model.name.clone().into()),
        ("default", model.is_default.into()),
        ("sweep", model.sweep_id.clone().into()),
        ("sweep_name", model.sweep_name.clone().into()),
        ("trial", trial_id(model).into()),
        ("step", model.step.into()),
        ("epoch", model.epoch.map_or(Value::Null, show::real)),
        ("promoted_at", show::time(model.promoted_at_ms).map_or(Value::Null, Value::String)),
        ("params", told(&model.params_json)),
        ("metrics", Value::Object(metrics)),
        ("made_up", model.made_up.map_or(Value::Null, Value::Bool)),
        ("scores", object([("validation", told(&model.validation_json)), ("test", told(&model.test_json))])),
        ("files", model.files.iter().map(show::file_json).collect()),
        ("predictors", model.predictors.iter().map(predictor).collect()),
    ])
}

/// A model for people.
fn page(model: &v1::Model) -> String {
    let default = if model.is_default { "  (used where none is named)" } else { "" };
    let data = match model.made_up {
        Some(true) => "made-up faces: it knows nobody's face",
        Some(false) => "photographs",
        None => "unknown",
    };
    let promoted = show::time(model.promoted_at_ms).unwrap_or_default();
    let (name, trial, sweep, step) = (&model.name, trial_id(model), &model.sweep_name, model.step);
    let mut text = format!(
        "model    {name}{default}\ntrial    {trial}  ({sweep})\nstep     {step}\npromoted {promoted}\ndata     {data}\n"
    );
    if !model.metrics.is_empty() {
        text.push_str("\nmetrics\n");
        for (name, value) in metrics(model) {
            text.push_str(&format!("  {name}: {}\n", show::number(value)));
        }
    }
    text.push_str("\nfiles\n");
    for file in &model.files {
        text.push_str(&format!("  {}  {}\n", file.name, show::bytes(file.size)));
    }
    text.push_str("\npredictors\n");
    for one in &model.predictors {
        let loaded = if one.loaded { "  has it at hand" } else { "" };
        text.push_str(&format!("  {}  {}{loaded}\n", one.url, one.device));
    }
    if model.predictors.is_empty() {
        text.push_str("  none; start one: sweep-train serve --controller URL\n");
    }
    text
}
