//! The trainer's process: arguments, listeners, checkpoint folder, last words.

mod cli;

use std::io::{self, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use sweep_train::observe::{Channel, Observer, Progress, Signals};
use sweep_train::{Config, Summary, TrainError, fit, synth};

/// Fine-tunes a ResNet with age, sex and race heads on UTKFace-named images.
///
/// Run by hand it shows its progress; run by sweep-agent it reports to the sweep.
#[derive(Debug, Parser)]
#[command(
    name = "sweep-train",
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    config: Option<Config>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Draw made-up faces, named as UTKFace names its files
    Synth {
        /// Folder for the faces
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// How many
        #[arg(long, default_value_t = 1500)]
        count: usize,
        /// The same seed draws the same faces
        #[arg(long, default_value_t = 7)]
        seed: u64,
        /// Side in pixels
        #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u16).range(16..=4096))]
        size: u16,
    },
    /// Look at a data set: check, stats, split, pack
    #[command(subcommand)]
    Data(cli::data::Data),
    /// Measure
    #[command(subcommand)]
    Bench(Bench),
}

#[derive(Debug, Subcommand)]
enum Bench {
    /// Images a second that the input pipeline gives
    Load(cli::bench_load::BenchLoad),
}

fn main() -> ExitCode {
    let args = Args::parse();
    let result = match (args.command, args.config) {
        (Some(Command::Synth { out, count, seed, size }), _) => draw(&out, count, seed, size),
        (Some(Command::Data(command)), _) => cli::data::run(command).map(|()| ExitCode::SUCCESS),
        (Some(Command::Bench(Bench::Load(bench))), _) => {
            cli::bench_load::run(&bench).map(|()| ExitCode::SUCCESS)
        }
        (None, Some(config)) => train(&config),
        (None, None) => Err(TrainError::Config(
            "say what to train on: sweep-train --path DIR (see sweep-train --help)".to_owned(),
        )),
    };
    result.unwrap_or_else(|error| {
        say(&format!("error: {error}"));
        match error {
            TrainError::Config(_) => ExitCode::from(2),
            _ => ExitCode::FAILURE,
        }
    })
}

fn draw(out: &std::path::Path, count: usize, seed: u64, size: u16) -> Result<ExitCode, TrainError> {
    synth::synth(out, count, seed, size)?;
    say(&format!("drew {count} faces into {}", out.display()));
    Ok(ExitCode::SUCCESS)
}

fn train(config: &Config) -> Result<ExitCode, TrainError> {
    config.check()?;
    let threads = threads(config);
    tch::set_num_threads(threads as i32);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
    pool.map_err(|error| TrainError::Config(format!("threads={threads}: {error}")))?;
    let signals = Signals::listen()
        .map_err(|error| TrainError::Config(format!("cannot listen for signals: {error}")))?;
    let (mut observers, by_hand) = observers(&signals)?;
    let folder = folder(config, by_hand)?;
    // libtorch's failures that tch turns into panics: want of memory, most of all.
    std::panic::set_hook(Box::new(|_| {}));
    let fitted = catch_unwind(AssertUnwindSafe(|| fit(config, folder.clone(), &mut observers)));
    let summary = fitted.unwrap_or_else(|panic| Err(TrainError::Observer(panic_words(panic.as_ref()))))?;
    if by_hand {
        report(&summary);
    }
    Ok(signals.came().map_or(ExitCode::SUCCESS, |signal| ExitCode::from(128 + signal as u8)))
}

/// By hand: a progress bar. By an agent: the event channel.
fn observers(signals: &Signals) -> Result<(Vec<Box<dyn Observer>>, bool), TrainError> {
    let mut observers: Vec<Box<dyn Observer>> = vec![Box::new(signals.clone())];
    match std::env::var_os("SWEEP_SOCKET").filter(|socket| !socket.is_empty()) {
        Some(socket) => {
            let socket = PathBuf::from(socket);
            let channel = Channel::connect(&socket).map_err(|error| {
                TrainError::Observer(format!(
                    "SWEEP_SOCKET is {}, but nobody listens there: {error}\n  unset it to train by hand",
                    socket.display()
                ))
            })?;
            observers.push(Box::new(channel));
            Ok((observers, false))
        }
        None => {
            observers.push(Box::new(Progress::default()));
            Ok((observers, true))
        }
    }
}

fn folder(config: &Config, by_hand: bool) -> Result<PathBuf, TrainError> {
    if let Some(out) = &config.out {
        return Ok(out.clone());
    }
    if let Some(given) =
        std::env::var_os("SWEEP_CHECKPOINT_DIR").filter(|given| !given.is_empty() && !by_hand)
    {
        return Ok(PathBuf::from(given));
    }
    for number in 1..u32::MAX {
        let folder = PathBuf::from(format!("runs/{number}"));
        let made = std::fs::create_dir_all("runs").and_then(|()| std::fs::create_dir(&folder));
        match made {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(source) => return Err(TrainError::Write { path: folder, source }),
        }
    }
    Ok(PathBuf::from("runs"))
}

/// CPU threads: as asked, else as OpenMP was told, else one per core.
fn threads(config: &Config) -> usize {
    let told = || std::env::var("OMP_NUM_THREADS").ok()?.parse().ok().filter(|&count| count > 0);
    let asked = config.threads.and_then(|count| usize::try_from(count).ok());
    asked
        .or_else(told)
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get))
}

fn report(summary: &Summary) {
    if let Some(path) = &summary.best_checkpoint {
        say(&format!("best checkpoint: {}", path.display()));
    }
}

fn panic_words(panic: &(dyn std::any::Any + Send)) -> String {
    let words = panic.downcast_ref::<String>().map(String::as_str);
    let words = words.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without words");
    let first = words.lines().next().unwrap_or_default();
    format!("training broke down: {first}")
}

fn say(text: &str) {
    // A closed standard error is no reason to end otherwise.
    let _closed = writeln!(io::stderr(), "{text}");
}
