//! Trainings that take seconds, for the test files that train.
#![allow(dead_code, clippy::allow_attributes, reason = "each test file uses its part")]

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use clap::Parser;
use sweep_train::observe::{Event, Level, Recorder};
use sweep_train::{Config, Summary, fit, synth};
use tempfile::TempDir;

#[derive(Parser)]
#[command(args_override_self = true)]
struct Cli {
    #[command(flatten)]
    config: Config,
}

/// A training that takes seconds.
pub(crate) fn config(data: &Path, more: &[&str]) -> Config {
    let path = format!("--path={}", data.display());
    let small = [
        "sweep-train",
        &path,
        "--resnet_type=resnet18",
        "--image_size=32",
        "--epochs=2",
        "--batch_size=16",
        "--lr=0.001",
        "--layer1=64",
        "--layer2=32",
        "--layer3=16",
        "--cache=none",
        // They take longer to write than the training does.
        "--checkpoint_minutes=0",
    ];
    Cli::try_parse_from(small.iter().chain(more)).unwrap().config
}

/// libtorch's random generator and its threads are the process's: one training at a time, and on one thread, since
/// the same sums in the same order need the same number of threads.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    tch::set_num_threads(1);
    turn
}

pub(crate) fn faces(count: usize) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    synth::synth(folder.path(), count, 7, 48).unwrap();
    folder
}

/// The pictures of a folder, in no order.
pub(crate) fn pictures(folder: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|ending| ending == "jpg")).collect()
}

pub(crate) fn train(config: &Config) -> (Summary, Recorder, TempDir) {
    let out = tempfile::tempdir().unwrap();
    let mut recorder = Recorder::default();
    let summary = fit(config, out.path().to_owned(), &mut recorder).unwrap();
    (summary, recorder, out)
}

pub(crate) fn logs(recorder: &Recorder, wanted: Level) -> String {
    let text = |event: Event| match event {
        Event::Log { level, text } if level == wanted => Some(text),
        _ => None,
    };
    recorder.events().into_iter().filter_map(text).collect::<Vec<_>>().join("\n")
}
