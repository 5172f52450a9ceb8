//! The directory of one attempt.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sweep_core::value::Params;

use super::task::{AttemptKey, Task};
use super::{FORMAT, durable, params_file};

/// Longest path of a Unix socket in bytes, with its closing zero byte, on Linux: 108.
const SOCKET_PATH: usize = 107;

/// Whom to kill when the keeper is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeeperRecord {
    /// The program's process id, which is its group's too.
    pub(crate) program: u32,
    /// Its start in clock ticks since boot: a process id alone may have been given to another.
    pub(crate) started: Option<u64>,
    /// The id of that boot: after the next one, both may fit a stranger.
    pub(crate) boot: String,
}

/// Paths of one attempt. A clone is the same directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TrialDir(PathBuf);

impl TrialDir {
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Where an attempt's directory lies among the others.
    pub(crate) fn of(trials: &Path, key: AttemptKey) -> Self {
        Self(trials.join(format!("{}-{}", key.trial, key.attempt)))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn exit_record(&self) -> PathBuf {
        self.0.join("exit.json")
    }

    /// Locked by a keeper as long as it lives.
    pub(crate) fn keeper_lock(&self) -> PathBuf {
        self.0.join("keeper.lock")
    }

    /// What a keeper says on standard error, normally nothing.
    pub(crate) fn keeper_log(&self) -> PathBuf {
        self.0.join("keeper.log")
    }

    pub(crate) fn checkpoints(&self) -> PathBuf {
        self.0.join("checkpoints")
    }

    /// Checkpoints on their way to the controller.
    pub(crate) fn outgoing(&self) -> PathBuf {
        self.0.join("outgoing")
    }

    /// The checkpoint it goes on from.
    pub(crate) fn resume(&self) -> PathBuf {
        self.0.join("resume")
    }

    pub(crate) fn params_json(&self) -> PathBuf {
        self.0.join("params.json")
    }

    pub(crate) fn params_yaml(&self) -> PathBuf {
        self.0.join("params.yaml")
    }

    fn assignment(&self) -> PathBuf {
        self.0.join("assignment.json")
    }

    fn keeper(&self) -> PathBuf {
        self.0.join("keeper.json")
    }

    /// Makes the directory and the parameter files.
    pub(crate) fn create(&self, params: &Params) -> io::Result<()> {
        fs::DirBuilder::new().mode(0o700).create(&self.0)?;
        fs::create_dir(self.checkpoints())?;
        fs::write(self.params_json(), serde_json::to_vec(params)?)?;
        fs::write(self.params_yaml(), params_file::yaml(params))
    }

    pub(crate) fn write_task(&self, task: &Task) -> io::Result<()> {
        durable::replace(&self.assignment(), &serde_json::to_vec(task)?)
    }

    pub(crate) fn read_task(&self) -> io::Result<Task> {
        /// The first format had no number.
        #[derive(Deserialize)]
        struct Of {
            #[serde(default = "first")]
            format: u32,
        }
        fn first() -> u32 {
            1
        }
        let bytes = fs::read(self.assignment())?;
        let Of { format } = serde_json::from_slice(&bytes)?;
        if format != FORMAT {
            let what = format!("it is of format {format}, and this version of sweep-agent reads {FORMAT}");
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        Ok(serde_json::from_slice(&bytes)?)
    }

    /// The attempt's key by the directory's name.
    pub(crate) fn key(&self) -> Option<AttemptKey> {
        let (trial, attempt) = self.0.file_name()?.to_str()?.rsplit_once('-')?;
        Some(AttemptKey { trial: trial.parse().ok()?, attempt: attempt.parse().ok()? })
    }

    /// Whether no keeper keeps the attempt (any more).
    pub(crate) fn is_unkept(&self) -> io::Result<bool> {
        match File::open(self.keeper_lock()) {
            Ok(lock) => Ok(lock.try_lock().is_ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn write_keeper(&self, record: &KeeperRecord) -> io::Result<()> {
        durable::replace(&self.keeper(), &serde_json::to_vec(record)?)
    }

    /// `None`: the program was never started.
    pub(crate) fn read_keeper(&self) -> Option<KeeperRecord> {
        serde_json::from_slice(&fs::read(self.keeper()).ok()?).ok()
    }

    /// Removes all but checkpoints; returns their folder if there are any.
    pub(crate) fn remove(&self) -> io::Result<Option<PathBuf>> {
        // First, so that what a crash leaves half removed is not taken for an attempt.
        remove_if_there(&self.assignment())?;
        let checkpoints = self.checkpoints();
        let kept = fs::read_dir(&checkpoints).is_ok_and(|mut entries| entries.next().is_some());
        if !kept {
            return fs::remove_dir_all(&self.0).map(|()| None);
        }
        for entry in fs::read_dir(&self.0)? {
            let path = entry?.path();
            if path.is_dir() && path != checkpoints {
                fs::remove_dir_all(path)?;
            } else if path != checkpoints {
                fs::remove_file(path)?;
            }
        }
        Ok(Some(checkpoints))
    }
}

pub(crate) fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Paths for an attempt's two sockets (events, control): short ones, as the system wants them. In `home`, so that
/// they live as long as the state; in `/tmp` only if `home`'s path is too long.
pub(crate) fn sockets(home: &Path, dir: &TrialDir) -> io::Result<(PathBuf, PathBuf)> {
    let mut hasher = DefaultHasher::new();
    dir.path().hash(&mut hasher);
    let name = format!("{:016x}", hasher.finish());
    let near = home.join("run");
    let fits = near.as_os_str().len() + name.len() + ".control".len() + 1 < SOCKET_PATH;
    let folder = if fits { near } else { far() };
    private_folder(&folder)?;
    Ok((folder.join(format!("{name}.events")), folder.join(format!("{name}.control"))))
}

fn far() -> PathBuf {
    PathBuf::from(format!("/tmp/sweep-{}", rustix::process::geteuid().as_raw()))
}

/// Makes a folder that is nobody else's, or refuses one that somebody else made before.
fn private_folder(path: &Path) -> io::Result<()> {
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let found = fs::symlink_metadata(path)?;
    let ours = found.is_dir() && found.uid() == rustix::process::geteuid().as_raw();
    if ours && found.mode().trailing_zeros() >= 6 {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::PermissionDenied,
        format!("{} must be a folder of this user that nobody else can enter (mode 0700)", path.display()),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn socket_paths_are_short_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("d".repeat(90));
        fs::create_dir(&deep).unwrap();
        for home in [folder.path(), &deep] {
            let (events, control) = sockets(home, &TrialDir::new(home.join("x"))).unwrap();
            assert_ne!(events, control);
            for path in [events, control] {
                assert!(path.as_os_str().len() <= SOCKET_PATH, "{}", path.display());
                assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().mode() & 0o777, 0o700);
            }
        }
    }

    #[test]
    fn removing_keeps_checkpoints_only() {
        let folder = tempfile::tempdir().unwrap();
        let dir = TrialDir::new(folder.path().join("t"));
        dir.create(&Params::new()).unwrap();
        fs::write(dir.checkpoints().join("3.safetensors"), b"w").unwrap();
        assert_eq!(dir.remove().unwrap(), Some(dir.checkpoints()));
        let left: Vec<_> =
            fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["checkpoints"]);

        let empty = TrialDir::new(folder.path().join("u"));
        empty.create(&Params::new()).unwrap();
        assert_eq!(empty.remove().unwrap(), None);
        assert!(!empty.path().exists());
    }
}
