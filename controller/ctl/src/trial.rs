//! `trial`: what is done with one trial, or with a few.

use clap::{Args, Subcommand};
use sweep_proto::convert::trial_state_word;
use sweep_proto::v1;

use crate::args::{Format, MetricsArgs};
use crate::client::{Client, present};
use crate::exit::Failure;
use crate::table::{put, render, say};
use crate::{commands, diff, files, logs, show};

/// Show, compare, stop and read single trials.
///
/// Examples:
///   sweep-ctl trial show k3x9q2ab/4
///   sweep-ctl trial logs -f k3x9q2ab/4
///   sweep-ctl trial diff k3x9q2ab/4 k3x9q2ab/9
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct TrialArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Show a trial with its attempts, as `sweep-ctl show TRIAL`.
    Show {
        /// SWEEP/NUMBER.
        #[arg(value_parser = crate::args::named)]
        trial: String,
    },
    Logs(logs::LogsArgs),
    Metrics(MetricsArgs),
    Stop(StopArgs),
    Diff(diff::DiffArgs),
    Files(files::FilesArgs),
    Download(files::DownloadArgs),
}

/// Stop trials: one that runs is asked to end, one that waits is cancelled. The sweep goes on.
///
/// Examples:
///   sweep-ctl trial stop k3x9q2ab/4
///   sweep-ctl trial stop k3x9q2ab/4 k3x9q2ab/5
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
struct StopArgs {
    /// SWEEP/NUMBER.
    #[arg(required = true, value_name = "TRIAL", value_parser = crate::args::named)]
    trials: Vec<String>,
}

pub(crate) async fn run(client: &mut Client, output: Format, args: TrialArgs) -> Result<(), Failure> {
    match args.verb {
        Verb::Show { trial } => commands::show_trial(client, output, trial).await,
        Verb::Logs(args) => logs::run(client, output, args).await,
        Verb::Metrics(args) => commands::metrics(client, output, args).await,
        Verb::Stop(args) => stop(client, output, args).await,
        Verb::Diff(args) => diff::run(client, output, args).await,
        Verb::Files(args) => files::list(client, output, args).await,
        Verb::Download(args) => files::download(client, output, args).await,
    }
}

async fn stop(client: &mut Client, output: Format, args: StopArgs) -> Result<(), Failure> {
    let mut stopped = Vec::new();
    for trial in args.trials {
        let reply = client.sweeps.stop_trial(v1::StopTrialRequest { trial }).await;
        let trial = present(reply.map_err(|status| client.failed(&status))?.into_inner().trial)?;
        if output == Format::Table {
            let state = trial_state_word(trial.state);
            put(&format!("{} {state}\n", show::trial_id(&trial)))?;
            if matches!(state, "leased" | "running") {
                say(&format!("trial {} is told to stop; it ends as stopped early", show::trial_id(&trial)));
            }
        }
        stopped.push(trial);
    }
    if output == Format::Table { Ok(()) } else { put(&render(&show::trials(&stopped, &[]), output, false)?) }
}
