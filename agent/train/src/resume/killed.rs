//! Whatever moment a writer is killed at, the last checkpoint that it told of, or a later one, is there and whole.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rand::Rng as _;
use tch::{Device, Kind, Tensor};

use super::tests::state;
use super::{Kept, open};
use crate::seeds::stream;
use crate::weights::StateDict;

const FOLDER: &str = "SWEEP_TEST_WRITES_INTO";
const KILLS: u64 = 40;

/// Large enough that a kill often falls into the writing.
fn tensors(step: i64) -> StateDict {
    StateDict::from([("w".to_owned(), Tensor::full([500_000], step, (Kind::Float, Device::Cpu)))])
}

/// No test by itself: the process that the one below kills.
#[test]
fn writes_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let from = open(&folder).ok();
    let first = from.as_ref().map_or(0, |from| from.state.step);
    let mut kept = Kept::new(folder, from.map(|from| from.path).as_deref());
    for step in first + 1.. {
        kept.write(&state(step), &tensors(step)).unwrap();
        if writeln!(std::io::stdout(), "\nwrote {step}").is_err() {
            // Whoever was to kill it is gone itself.
            return;
        }
        kept.prune().unwrap();
    }
}

fn kill_after(delay: Duration, folder: &Path) -> i64 {
    let mut writer = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "resume::killed::writes_until_it_is_killed", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(writer.stdout.take().unwrap()).lines();
    let number = |line: String| line.strip_prefix("wrote ").and_then(|step| step.parse::<i64>().ok());
    let first = lines.by_ref().map_while(Result::ok).find_map(number).expect("the writer writes");
    // Not to wait for something, but to fall somewhere.
    std::thread::sleep(delay);
    writer.kill().unwrap();
    writer.wait().unwrap();
    lines.map_while(Result::ok).filter_map(number).last().unwrap_or(first)
}

#[test]
fn killed_at_any_moment_a_writer_leaves_a_whole_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let mut random = stream(7, "kills", 0);
    let mut torn = 0;
    for kill in 0..KILLS {
        let told = kill_after(Duration::from_micros(u64::from(random.next_u32() % 40_000)), folder.path());
        let found = open(folder.path()).unwrap();
        let step = found.state.step;
        assert!(step >= told, "kill {kill}: {told} was told, but {step} is there: {:?}", found.refused);
        assert!(step <= told + 1, "kill {kill}: {step} was never written");
        let whole = &found.tensors["w"];
        assert_eq!(whole.min().double_value(&[]), step as f64);
        assert_eq!(whole.max().double_value(&[]), step as f64);
        let left = |entry: std::io::Result<std::fs::DirEntry>| {
            entry.unwrap().path().extension().is_some_and(|ending| ending == "new")
        };
        torn += usize::from(!found.refused.is_empty() || std::fs::read_dir(folder.path()).unwrap().any(left));
    }
    // Else it was never killed while it wrote, and nothing was shown.
    assert!(torn >= 5, "only {torn} of {KILLS} kills fell into the writing");
}
