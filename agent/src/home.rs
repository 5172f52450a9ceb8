//! Where an agent keeps what must outlive it: its id, and a directory for each attempt it holds.
//!
//! Several agents may share a state directory: each takes the lowest number that nobody has. An agent also takes over
//! what dead ones left behind, so that no trial of theirs runs on unattended.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::exit::{Exit, Failure};
use crate::trial::dir::TrialDir;
use crate::trial::durable;
use crate::trial::task::Task;

/// More agents on one machine are a mistake.
const MOST_AGENTS: usize = 1000;

pub(crate) struct Home {
    path: PathBuf,
    /// Kept over restarts.
    pub(crate) agent_id: Uuid,
    /// Locked as long as this lives: its own, and those of dead agents that left attempts behind.
    _locks: Vec<File>,
}

/// An attempt in a directory that this version does not understand.
pub(crate) struct Strange {
    pub(crate) dir: TrialDir,
    /// What is the matter with it.
    pub(crate) why: String,
}

/// What earlier lives left.
#[derive(Default)]
pub(crate) struct Left {
    pub(crate) attempts: Vec<LeftBehind>,
    pub(crate) strange: Vec<Strange>,
}

/// An attempt of an earlier life.
pub(crate) struct LeftBehind {
    pub(crate) dir: TrialDir,
    pub(crate) task: Task,
}

impl Home {
    /// Takes the first free home under `base`, and every attempt that dead agents left there.
    pub(crate) fn take(base: &Path) -> Result<(Self, Left), Failure> {
        let cannot = |error: &io::Error| {
            Failure::new(
                Exit::Unexpected,
                format!(
                    "cannot use the state directory {}: {error}\n  name one that this user can write: --state-dir DIR",
                    base.display()
                ),
            )
        };
        let base = std::path::absolute(base).map_err(|error| cannot(&error))?;
        take(&base).map_err(|error| cannot(&error))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn trials(&self) -> PathBuf {
        self.path.join("trials")
    }
}

fn take(base: &Path) -> io::Result<(Home, Left)> {
    let mut own: Option<Home> = None;
    let mut found = Left::default();
    for number in 1..=MOST_AGENTS {
        let path = base.join(number.to_string());
        let fresh = !path.exists();
        if fresh && own.is_some() {
            break;
        }
        fs::create_dir_all(path.join("trials"))?;
        let lock = File::create(path.join("lock"))?;
        if lock.try_lock().is_err() {
            continue;
        }
        let before = found.attempts.len() + found.strange.len();
        look(&path.join("trials"), &mut found)?;
        let any = found.attempts.len() + found.strange.len() > before;
        match &mut own {
            None => own = Some(Home { agent_id: agent_id(&path)?, path, _locks: vec![lock] }),
            Some(own) if any => own._locks.push(lock),
            Some(_) => {}
        }
    }
    own.map(|own| (own, found)).ok_or_else(|| io::Error::other("a thousand agents have it already"))
}

fn agent_id(home: &Path) -> io::Result<Uuid> {
    let path = home.join("agent-id");
    if let Some(id) = fs::read_to_string(&path).ok().and_then(|text| text.trim().parse().ok()) {
        return Ok(id);
    }
    let id = Uuid::now_v7();
    durable::replace_durably(&path, id.to_string().as_bytes())?;
    Ok(id)
}

/// Finds the attempts in a folder; what a crash left half made or half removed goes.
fn look(trials: &Path, found: &mut Left) -> io::Result<()> {
    let from = found.attempts.len();
    for entry in fs::read_dir(trials)? {
        let dir = TrialDir::new(entry?.path());
        match dir.read_task() {
            Ok(task) => found.attempts.push(LeftBehind { dir, task }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => drop(dir.remove()?),
            Err(error) => found.strange.push(Strange { dir, why: error.to_string() }),
        }
    }
    found.attempts[from..].sort_by_key(|left| left.task.key);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_side_by_side_have_homes_of_their_own() {
        let base = tempfile::tempdir().unwrap();
        let (first, _) = Home::take(base.path()).unwrap();
        let (second, _) = Home::take(base.path()).unwrap();
        assert_ne!(first.path(), second.path());
        assert_ne!(first.agent_id, second.agent_id);
        let (path, id) = (first.path().to_owned(), first.agent_id);
        drop(first);
        let (again, left) = Home::take(base.path()).unwrap();
        assert_eq!((again.path(), again.agent_id), (&*path, id));
        assert!(left.attempts.is_empty() && left.strange.is_empty());
    }

    #[test]
    fn attempts_of_other_versions_are_set_apart_and_stay() {
        let base = tempfile::tempdir().unwrap();
        let (home, _) = Home::take(base.path()).unwrap();
        let trials = home.trials();
        drop(home);
        for (name, text) in [
            ("newer", r#"{"format": 99, "all": "is new"}"#),
            ("older", r#"{"key": {}}"#),
            ("torn", "{\"form"),
        ] {
            fs::create_dir(trials.join(name)).unwrap();
            fs::write(trials.join(name).join("assignment.json"), text).unwrap();
        }
        fs::create_dir(trials.join("half-made")).unwrap();
        let (_, left) = Home::take(base.path()).unwrap();
        assert!(left.attempts.is_empty());
        let mut why: Vec<_> = left.strange.iter().map(|strange| strange.why.clone()).collect();
        why.sort();
        assert!(why[0].starts_with("EOF"), "{why:?}");
        assert_eq!(why[1], "it is of format 1, and this version of sweep-agent reads 2");
        assert_eq!(why[2], "it is of format 99, and this version of sweep-agent reads 2");
        assert!(trials.join("newer").exists() && !trials.join("half-made").exists());
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_named() {
        let base = tempfile::NamedTempFile::new().unwrap();
        let failure = Home::take(base.path()).err().unwrap();
        assert!(failure.message.contains("--state-dir"), "{failure}");
    }
}
