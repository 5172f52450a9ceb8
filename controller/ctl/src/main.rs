//! The command line of Sweep. Data goes to standard output, talk to standard error, the outcome to the exit code.
#![forbid(unsafe_code)]

mod again;
mod agent;
mod annotate;
mod args;
mod ask_tell;
mod best;
mod client;
mod commands;
mod completions;
mod context;
mod diff;
mod doctor;
mod exit;
mod explain;
mod export;
mod files;
mod filter;
mod importance;
mod local;
mod logs;
mod media;
mod model;
mod open;
mod pareto;
mod plot;
mod predict;
mod progress;
mod replay;
mod report;
mod set;
mod show;
mod simulate;
mod table;
mod top;
mod trial;
mod wait;
mod watch;

use std::process::ExitCode;

use clap::Parser as _;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match commands::run(args::Cli::parse_from(args::shielded(std::env::args_os()))).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            table::say(&format!("error: {failure}"));
            failure.exit.into()
        }
    }
}
