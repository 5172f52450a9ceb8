//! The resume checkpoints of one training: the newest, and the one before.

use std::fs;
use std::path::{Path, PathBuf};

use super::State;
use super::files::{Written, age, in_folder, write};
use crate::durable::folder_of;
use crate::error::TrainError;
use crate::weights::StateDict;

/// How many are kept: the newest, and the one before in case that is damaged.
const KEPT: usize = 2;
const ENDINGS: [&str; 3] = ["json", "safetensors", "new"];

/// Resume checkpoints of another training in the folder where one begins.
pub(crate) fn others(folder: &Path) -> bool {
    in_folder(folder).is_ok_and(|found| !found.is_empty())
}

/// Those of one training, in its folder.
#[derive(Debug)]
pub(crate) struct Kept {
    folder: PathBuf,
    /// Oldest first.
    paths: Vec<PathBuf>,
}

impl Kept {
    /// `from` is what the training was resumed from, if it was.
    pub(crate) fn new(folder: PathBuf, from: Option<&Path>) -> Self {
        let same = |path: &&Path| {
            let of = |folder: &Path| fs::canonicalize(folder).ok();
            of(folder_of(path)).is_some_and(|own| Some(own) == of(&folder))
        };
        let paths = from.filter(same).map(|path| folder.join(path.file_name().unwrap_or_default()));
        Self { paths: paths.into_iter().collect(), folder }
    }

    /// The newest one.
    pub(crate) fn newest(&self) -> Option<&Path> {
        self.paths.last().map(PathBuf::as_path)
    }

    /// Writes one more.
    ///
    /// # Errors
    /// As [`write`].
    pub(crate) fn write(&mut self, state: &State, tensors: &StateDict) -> Result<Written, TrainError> {
        let written = write(&self.folder, state, tensors)?;
        self.paths.retain(|path| *path != written.path);
        self.paths.push(written.path.clone());
        self.paths.drain(..self.paths.len().saturating_sub(KEPT));
        Ok(written)
    }

    /// Removes those that two newer ones have replaced, and what a crash left half-written.
    ///
    /// # Errors
    /// When one cannot be removed.
    pub(crate) fn prune(&self) -> Result<(), TrainError> {
        let mut old = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(TrainError::read(&self.folder))? {
            let path = entry.map_err(TrainError::read(&self.folder))?.path();
            let ours = path.extension().is_some_and(|ending| ENDINGS.iter().any(|one| ending == *one));
            let kept = self.paths.iter().any(|kept| kept.with_extension("") == path.with_extension(""));
            if ours && !kept && age(&path).is_some() {
                old.push(path);
            }
        }
        // The descriptions first: without them the rest is no checkpoint.
        old.sort_by_key(|path| path.extension().is_none_or(|ending| ending != "json"));
        old.into_iter().try_for_each(|path| fs::remove_file(&path).map_err(TrainError::write(&path)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::files::open;
    use super::super::files::tests::tensors;
    use super::super::tests::state;
    use super::*;

    #[test]
    fn two_are_kept_and_nothing_else_of_their_kind() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["resume-0-1.new", "90.safetensors", "resume-x.json"] {
            fs::write(folder.path().join(name), name).unwrap();
        }
        write(folder.path(), &state(99), &tensors(0)).unwrap();
        let mut kept = Kept::new(folder.path().to_owned(), None);
        for step in [5, 10, 11, 12] {
            kept.write(&state(step), &tensors(step)).unwrap();
            kept.prune().unwrap();
        }
        let names = || {
            let mut names: Vec<_> = fs::read_dir(folder.path())
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        };
        let wanted = |steps: [i64; 2]| {
            let mut names = vec!["90.safetensors".to_owned(), "resume-x.json".to_owned()];
            names.extend(steps.iter().flat_map(|step| {
                ["json", "safetensors"].map(|ending| format!("{}.{ending}", state(*step).name()))
            }));
            names.sort();
            names
        };
        assert_eq!(names(), wanted([11, 12]));
        // What a training was resumed from is the one before.
        let from = open(folder.path()).unwrap().path;
        let mut kept = Kept::new(folder.path().to_owned(), Some(&from));
        kept.write(&state(13), &tensors(1)).unwrap();
        kept.prune().unwrap();
        assert_eq!(names(), wanted([12, 13]));
        let elsewhere = tempfile::tempdir().unwrap();
        assert_eq!(Kept::new(elsewhere.path().to_owned(), Some(&from)).newest(), None);
    }
}
