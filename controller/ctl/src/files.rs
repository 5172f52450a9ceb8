//! `trial files`, `trial download` and what `model download` has of it: files in the artifact store.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use sweep_proto::v1;
use tokio_stream::StreamExt as _;

use crate::args::Format;
use crate::client::Client;
use crate::exit::{Exit, Failure};
use crate::progress::Progress;
use crate::show;
use crate::table::{Column, Sheet, object, put, render, say};

/// List the files of a trial's checkpoints: what the controller has of them, and what is on the agent's disk only.
///
/// Examples:
///   sweep-ctl trial files k3x9q2ab/4
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct FilesArgs {
    /// SWEEP/NUMBER.
    #[arg(value_parser = crate::args::named)]
    trial: String,
}

/// Download the files of a trial's newest stored checkpoint, or of another one. Each is checked against its SHA-256.
///
/// Examples:
///   sweep-ctl trial download k3x9q2ab/4
///   sweep-ctl trial download k3x9q2ab/4 models --step 1200
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct DownloadArgs {
    /// SWEEP/NUMBER.
    #[arg(value_parser = crate::args::named)]
    trial: String,
    #[command(flatten)]
    into: Folder,
    /// The checkpoint of this step.
    #[arg(long, value_name = "STEP")]
    step: Option<u64>,
}

/// Where files go.
#[derive(Debug, Args)]
pub(crate) struct Folder {
    /// The folder they are put into; it is made if it is missing.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Put new files in the place of others of the same name.
    #[arg(long)]
    overwrite: bool,
}

/// A file of a checkpoint; without `file` it is a checkpoint that the controller has not.
struct Row {
    step: u64,
    epoch: Option<f64>,
    resume: bool,
    path: String,
    file: Option<v1::FileRef>,
}

fn rows(checkpoints: &[v1::CheckpointRecord]) -> Vec<Row> {
    let mut rows = Vec::new();
    for checkpoint in checkpoints {
        let row = |file: Option<&v1::FileRef>| Row {
            step: checkpoint.step,
            epoch: checkpoint.epoch,
            resume: checkpoint.resume,
            path: checkpoint.path.clone(),
            file: file.cloned(),
        };
        rows.extend(checkpoint.files.iter().map(|file| row(Some(file))));
        if checkpoint.files.is_empty() {
            rows.push(row(None));
        }
    }
    rows
}

pub(crate) async fn list(client: &mut Client, output: Format, args: FilesArgs) -> Result<(), Failure> {
    let (trial, detail) = client.trial(&args.trial).await?;
    let rows = rows(&detail.checkpoints);
    if rows.is_empty() && output == Format::Table {
        say(&format!("trial {} has told of no checkpoint", show::trial_id(&trial)));
        return Ok(());
    }
    put(&render(&sheet(&rows), output, false)?)
}

fn sheet(rows: &[Row]) -> Sheet<'_, Row> {
    let name = |row: &Row| row.file.as_ref().map_or_else(|| row.path.clone(), |file| file.name.clone());
    let columns = |for_people: bool| {
        vec![
            Column::right("step", |row: &Row| row.step.to_string()),
            Column::left("file", name),
            Column::right("size", move |row: &Row| match &row.file {
                Some(file) if for_people => show::bytes(file.size),
                Some(file) => file.size.to_string(),
                None => String::new(),
            }),
            Column::left("where", |row: &Row| if row.file.is_some() { "stored" } else { "agent" }.to_owned()),
            Column::left("for", |row: &Row| if row.resume { "resuming" } else { "model" }.to_owned()),
            Column::left("sha256", move |row: &Row| {
                let whole = row.file.as_ref().map(|file| file.sha256.as_str()).unwrap_or_default();
                if for_people { whole.chars().take(12).collect() } else { whole.to_owned() }
            }),
        ]
    };
    Sheet {
        rows,
        table: columns(true),
        csv: columns(false),
        json: &row_json,
        name: &|row| row.file.as_ref().map_or_else(|| row.path.clone(), |file| file.name.clone()),
    }
}

fn row_json(row: &Row) -> Value {
    let file = row.file.as_ref();
    object([
        ("step", row.step.into()),
        ("epoch", row.epoch.map_or(Value::Null, show::real)),
        ("resume", row.resume.into()),
        ("stored", file.is_some().into()),
        ("path", row.path.clone().into()),
        ("name", file.map_or(Value::Null, |file| file.name.clone().into())),
        ("size", file.map_or(Value::Null, |file| file.size.into())),
        ("sha256", file.map_or(Value::Null, |file| file.sha256.clone().into())),
    ])
}

/// The checkpoint that is meant.
fn chosen<'c>(
    id: &str,
    checkpoints: &'c [v1::CheckpointRecord],
    step: Option<u64>,
) -> Result<&'c v1::CheckpointRecord, Failure> {
    let stored = || checkpoints.iter().filter(|checkpoint| !checkpoint.files.is_empty());
    let found = match step {
        Some(step) => stored().rfind(|checkpoint| checkpoint.step == step),
        None => stored().max_by_key(|checkpoint| checkpoint.step),
    };
    found.ok_or_else(|| {
        let steps: Vec<_> = stored().map(|checkpoint| checkpoint.step.to_string()).collect();
        let fix = if steps.is_empty() {
            "see what its agent has: sweep-ctl trial files ".to_owned() + id
        } else {
            format!("it has those of steps {}", steps.join(", "))
        };
        let which =
            step.map_or_else(|| "any checkpoint".to_owned(), |step| format!("a checkpoint of step {step}"));
        Failure::new(Exit::Nothing, format!("the controller does not have {which} of trial {id}\n  {fix}"))
    })
}

pub(crate) async fn download(client: &mut Client, output: Format, args: DownloadArgs) -> Result<(), Failure> {
    let (trial, detail) = client.trial(&args.trial).await?;
    let checkpoint = chosen(&show::trial_id(&trial), &detail.checkpoints, args.step)?;
    let what = format!("the checkpoint of step {}", checkpoint.step);
    let wanted = Wanted { what, step: checkpoint.step, files: &checkpoint.files, into: &args.into };
    place(client, output, &wanted).await
}

/// Files to be fetched from the controller.
pub(crate) struct Wanted<'a> {
    /// In words.
    pub(crate) what: String,
    pub(crate) step: u64,
    pub(crate) files: &'a [v1::FileRef],
    pub(crate) into: &'a Folder,
}

/// Fetches files into a folder, and prints where they are.
pub(crate) async fn place(client: &mut Client, output: Format, wanted: &Wanted<'_>) -> Result<(), Failure> {
    let Folder { folder, overwrite } = wanted.into;
    std::fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error))?;
    let placed: Vec<_> = wanted.files.iter().map(|file| (folder.join(&file.name), file.clone())).collect();
    if let Some((place, _)) = placed.iter().find(|(place, _)| place.exists() && !overwrite) {
        return Err(Failure::new(
            Exit::Conflict,
            format!("{} is there already\n  put the new one in its place: --overwrite", place.display()),
        ));
    }
    let size: u64 = wanted.files.iter().map(|file| file.size).sum();
    let progress = Progress::of_bytes(size);
    for (place, file) in &placed {
        fetch(client, file, place, &progress).await?;
    }
    progress.end();
    let columns = || {
        vec![
            Column::left("file", |(place, _): &(PathBuf, v1::FileRef)| place.display().to_string()),
            Column::right("size", |(_, file): &(PathBuf, v1::FileRef)| file.size.to_string()),
            Column::left("sha256", |(_, file): &(PathBuf, v1::FileRef)| file.sha256.clone()),
        ]
    };
    let json = |(place, file): &(PathBuf, v1::FileRef)| {
        object([
            ("file", place.display().to_string().into()),
            ("step", wanted.step.into()),
            ("size", file.size.into()),
            ("sha256", file.sha256.clone().into()),
        ])
    };
    let name = |(place, _): &(PathBuf, v1::FileRef)| place.display().to_string();
    let format = if output == Format::Table { Format::Name } else { output };
    put(&render(
        &Sheet { rows: &placed, table: columns(), csv: columns(), json: &json, name: &name },
        format,
        false,
    )?)?;
    say(&format!("{}: {} in {} files", wanted.what, show::bytes(size), placed.len()));
    Ok(())
}

fn unwritable(place: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Exit::Unexpected, format!("cannot write {}: {error}", place.display()))
}

/// Fetches a file; it is in its place only when it is whole.
async fn fetch(
    client: &mut Client,
    file: &v1::FileRef,
    place: &Path,
    progress: &Progress,
) -> Result<(), Failure> {
    let part = place.with_file_name(format!(".{}.part", file.name));
    let mut out = std::fs::File::create(&part).map_err(|error| unwritable(&part, &error))?;
    let mut hash = Sha256::new();
    let request = v1::GetFileRequest { sha256: file.sha256.clone(), offset: 0 };
    let reply = client.agents.get_file(request).await.map_err(|status| client.failed(&status))?;
    let mut pieces = reply.into_inner();
    while let Some(piece) = pieces.next().await {
        let data = piece.map_err(|status| client.failed(&status))?.data;
        hash.update(&data);
        out.write_all(&data).map_err(|error| unwritable(&part, &error))?;
        progress.add(data.len() as u64);
    }
    out.sync_all().map_err(|error| unwritable(&part, &error))?;
    let found: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    if found != file.sha256 {
        let _ = std::fs::remove_file(&part);
        return Err(Failure::new(
            Exit::Unexpected,
            format!("{} came damaged: its SHA-256 is {found}, it should be {}", file.name, file.sha256),
        ));
    }
    std::fs::rename(&part, place).map_err(|error| unwritable(place, &error))
}
