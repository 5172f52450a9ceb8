//! The command line of Sweep. Data goes to standard output, talk to standard error, the outcome to the exit code.
#![forbid(unsafe_code)]

mod args;
mod ask_tell;
mod client;
mod commands;
mod exit;
mod explain;
mod importance;
mod local;
mod pareto;
mod replay;
mod set;
mod show;
mod simulate;
mod table;
mod watch;

use std::process::ExitCode;

use clap::Parser as _;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match commands::run(args::Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            table::say(&format!("error: {failure}"));
            failure.exit.into()
        }
    }
}
