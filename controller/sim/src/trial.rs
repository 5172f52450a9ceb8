//! The trial of a chaos run: a small program that counts, remembers and checks. What it tells is a function of the trial and
//! the step, and of all steps before, so a step that was lost, doubled or done from a wrong checkpoint shows.

use std::fs;
use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;

/// Steps of a whole trial.
pub(crate) const STEPS: u64 = 60;
/// Steps between two checkpoints.
pub(crate) const SAVED: u64 = 10;

/// Runs one trial as `docs/trial-protocol.md` says. Not for people: a chaos run's sweep names it as its program.
#[derive(Debug, clap::Args)]
pub(crate) struct Trial {
    /// What the sweep chose
    #[arg(long)]
    start: f64,
    /// Milliseconds of a step
    #[arg(long)]
    pace: f64,
}

/// The next value after a step.
pub(crate) fn next(value: f64, step: u64) -> f64 {
    // Anything that never settles and never leaves -1 to 1 will do.
    (value * 3.7 + step as f64 * 0.61).sin()
}

/// The values of all steps of a trial.
pub(crate) fn values(start: f64) -> Vec<f64> {
    let mut value = start;
    (1..=STEPS)
        .map(|step| {
            value = next(value, step);
            value
        })
        .collect()
}

impl Trial {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let env = |name: &str| std::env::var(name).with_context(|| format!("{name} is not set"));
        // One program at a time in a slot: whoever finds another alive says so, for the checker.
        let lock = fs::File::create("slot.lock").context("opening the slot's lock")?;
        if lock.try_lock().is_err() {
            let mut notes = fs::File::options().create(true).append(true).open("violations")?;
            writeln!(
                notes,
                "two programs in one slot: {} attempt {}",
                env("SWEEP_TRIAL")?,
                env("SWEEP_ATTEMPT")?
            )?;
            lock.lock()?;
        }
        let mut channel = UnixStream::connect(env("SWEEP_SOCKET")?).context("the event channel")?;
        let folder = PathBuf::from(env("SWEEP_CHECKPOINT_DIR")?);
        let (mut step, mut value) = match std::env::var("SWEEP_RESUME") {
            Ok(path) if !path.is_empty() => read(Path::new(&path))?,
            _ => (0, self.start),
        };
        while step < STEPS {
            std::thread::sleep(Duration::from_secs_f64(self.pace / 1e3));
            step += 1;
            value = next(value, step);
            let point = serde_json::json!({"type": "metrics", "step": step, "values": {"value": value}});
            writeln!(channel, "{point}")?;
            if step % SAVED == 0 {
                let path = folder.join(format!("{step}.checkpoint"));
                write(&path, step, value)?;
                let told =
                    serde_json::json!({"type": "checkpoint", "step": step, "path": path, "resume": true});
                writeln!(channel, "{told}")?;
            }
        }
        Ok(())
    }
}

/// The value as bits: what is read back is what was written, to the last digit.
fn write(path: &Path, step: u64, value: f64) -> anyhow::Result<()> {
    let new = path.with_extension("new");
    let mut file = fs::File::create(&new)?;
    write!(file, "{step} {}", value.to_bits())?;
    file.sync_all()?;
    fs::rename(&new, path).context("keeping a checkpoint")
}

fn read(path: &Path) -> anyhow::Result<(u64, f64)> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let (step, bits) = text.split_once(' ').context("a checkpoint of one word")?;
    Ok((step.parse()?, f64::from_bits(bits.parse()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_or_doubled_step_changes_all_that_follow() {
        let all = values(0.3);
        assert_eq!(all.len() as u64, STEPS);
        let skipped = (11..=20).fold(all[8], next);
        assert!((skipped - all[19]).abs() > 1e-9);
    }

    #[test]
    fn a_checkpoint_is_read_back_to_the_last_bit() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("x");
        write(&path, 7, 0.1 + 0.2).unwrap();
        assert_eq!(read(&path).unwrap(), (7, 0.1 + 0.2));
    }
}
