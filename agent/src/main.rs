//! The agent's process: arguments, log, last words.
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser as _;
use sweep_agent::args::{Args, LogFormat};
use sweep_agent::{keeper, run};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    // Not a subcommand for people: the agent starts itself so, once for each trial.
    let mut words = std::env::args_os().skip(1);
    if words.next().as_deref() == Some(OsStr::new(keeper::WORD))
        && let Some(dir) = words.next()
    {
        return match keeper::run(&PathBuf::from(dir)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => last_words(&format!("{:#}", anyhow::Error::new(error)), ExitCode::FAILURE),
        };
    }
    let args = Args::parse();
    start_log(args.log_format);
    match run(args) {
        Ok(exit) => exit.into(),
        Err(failure) => last_words(&failure.message, failure.exit.into()),
    }
}

#[expect(clippy::print_stderr, reason = "the last word of the process, also where the log is filtered")]
fn last_words(message: &str, code: ExitCode) -> ExitCode {
    eprintln!("error: {message}");
    code
}

fn start_log(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let log =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    match format {
        LogFormat::Text => log.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => log.json().init(),
    }
}
