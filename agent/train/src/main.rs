//! The trainer's process: arguments, listeners, checkpoint folder, last words.

mod cli;

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args as _, FromArgMatches as _, Subcommand};
use cli::say;
use sweep_train::durable::folder_of;
use sweep_train::observe::{Channel, Observer, Progress, Signals};
use sweep_train::{Config, Summary, TrainError, fit, synth};

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
    /// Judge a model: scores with intervals, calibration, confusion, subgroups
    Eval(cli::judge::Eval),
    /// Say what a model sees in pictures
    Predict(cli::judge::Predict),
    /// Look at pictures for others, over HTTP, with the models that a controller promoted
    Serve(cli::serve::Serve),
    /// Write a model for Python: .safetensors of torchvision's names, and the Python that loads it
    Export(cli::judge::Export),
    /// Measure how fast this machine trains
    #[command(subcommand)]
    Bench(cli::bench::Bench),
}

const ABOUT: &str = "Fine-tunes a ResNet with age, sex and race heads on UTKFace-named images.

Run by hand it shows its progress; run by sweep-agent it reports to the sweep.";

/// Training needs no word: its parameters stand where other commands' names do. Put together by hand, since clap's
/// derive takes an optional group with groups within for absent.
fn command() -> clap::Command {
    let command = clap::Command::new("sweep-train")
        .version(env!("CARGO_PKG_VERSION"))
        .about(ABOUT)
        .args_conflicts_with_subcommands(true)
        .subcommand_negates_reqs(true)
        .args_override_self(true);
    Config::augment_args(Command::augment_subcommands(command))
}

fn main() -> ExitCode {
    let matches = command().get_matches();
    let result = if matches.subcommand_name().is_some() {
        Command::from_arg_matches(&matches).map(run)
    } else {
        Config::from_arg_matches(&matches).map(train)
    };
    result.unwrap_or_else(|error| error.exit()).unwrap_or_else(|error| {
        say(&format!("error: {error}"));
        match error {
            TrainError::Config(_) => ExitCode::from(2),
            _ => ExitCode::FAILURE,
        }
    })
}

fn run(command: Command) -> Result<ExitCode, TrainError> {
    match command {
        Command::Synth { out, count, seed, size } => draw(&out, count, seed, size)?,
        Command::Data(data) => cli::data::run(data)?,
        Command::Bench(bench) => bench.run()?,
        Command::Eval(eval) => eval.run()?,
        Command::Predict(predict) => predict.run()?,
        Command::Serve(serve) => serve.run()?,
        Command::Export(export) => export.run()?,
    }
    Ok(ExitCode::SUCCESS)
}

fn draw(out: &std::path::Path, count: usize, seed: u64, size: u16) -> Result<(), TrainError> {
    synth::synth(out, count, seed, size)?;
    say(&format!("drew {count} faces into {}", out.display()));
    Ok(())
}

fn train(mut config: Config) -> Result<ExitCode, TrainError> {
    // Later than any parameter: an agent sets it for a trial that was cut short.
    if let Some(place) = std::env::var_os("SWEEP_RESUME").filter(|place| !place.is_empty()) {
        config.resuming.resume = Some(PathBuf::from(place));
    }
    config.check()?;
    cli::prepare(config.threads)?;
    let signals = Signals::listen()
        .map_err(|error| TrainError::Config(format!("cannot listen for signals: {error}")))?;
    let (mut observers, by_hand) = observers(&signals)?;
    let folder = folder(&config, by_hand)?;
    // libtorch's failures that tch turns into panics: want of memory, most of all.
    std::panic::set_hook(Box::new(|_| {}));
    let fitted = catch_unwind(AssertUnwindSafe(|| fit(&config, folder.clone(), &mut observers)));
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
    // By hand a training goes on where it lies.
    if let Some(place) = &config.resuming.resume {
        return Ok(if place.is_dir() { place } else { folder_of(place) }.to_owned());
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

fn report(summary: &Summary) {
    if let Some(path) = &summary.best_checkpoint {
        say(&format!("best checkpoint: {}", path.display()));
    }
    if let (Some(path), Some(_)) = (&summary.resume_checkpoint, &summary.stopped) {
        say(&format!("to go on, give the same parameters and --resume {}", path.display()));
    }
}

fn panic_words(panic: &(dyn std::any::Any + Send)) -> String {
    let words = panic.downcast_ref::<String>().map(String::as_str);
    let words = words.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without words");
    let first = words.lines().next().unwrap_or_default();
    format!("training broke down: {first}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_holds_together() {
        command().debug_assert();
        let config = |arguments: &[&str]| {
            let all = std::iter::once(&"sweep-train").chain(arguments);
            Config::from_arg_matches(&command().try_get_matches_from(all).unwrap()).unwrap()
        };
        // Of a parameter given twice the last counts.
        let twice = config(&["--path=x", "--lr=1", "--lr=0.5", "--ema=0.1", "--ema=0.9"]);
        assert_eq!((twice.lr, twice.fitting.ema), (0.5, 0.9));
        assert!(command().try_get_matches_from(["sweep-train"]).is_err());
    }
}
