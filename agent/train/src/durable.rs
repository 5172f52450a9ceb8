//! Files that appear whole or not at all, and outlive a crash.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use crate::error::TrainError;

/// Writes a file: into a new one beside it, which then takes its name. Neither is lost by a crash after this.
///
/// # Errors
/// When it cannot be written; what was there before is there still, and nothing else.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
    write_with(path, |file| file.write_all(bytes).map_err(TrainError::write(path)))
}

/// The same with what `fill` writes.
///
/// # Errors
/// As above, and those of `fill`.
pub(crate) fn write_with<T>(
    path: &Path,
    fill: impl FnOnce(&mut File) -> Result<T, TrainError>,
) -> Result<T, TrainError> {
    let new = path.with_extension("new");
    let write = || {
        let mut file = File::create(&new).map_err(TrainError::write(path))?;
        let told = fill(&mut file)?;
        let settle = || {
            file.sync_all()?;
            fs::rename(&new, path)?;
            // Else a crash may take the name away again.
            File::open(folder_of(path))?.sync_all()
        };
        settle().map_err(TrainError::write(path))?;
        Ok(told)
    };
    write().inspect_err(|_| {
        // The room it takes may be what is missing.
        let _gone = fs::remove_file(&new);
    })
}

/// The folder that a file lies in; of a bare name the working directory, as `.`.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn every_name_has_a_folder_that_can_be_opened() {
        for (path, folder) in [("a", "."), ("./a", "."), ("b/a", "b"), ("/a", "/"), ("../a", "..")] {
            assert_eq!(folder_of(Path::new(path)), Path::new(folder), "{path}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_filled_leaves_the_one_before_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        write_whole(&path, b"first").unwrap();
        let failed = write_with(&path, |file| -> Result<(), TrainError> {
            file.write_all(b"half of the sec").map_err(TrainError::write(&path))?;
            Err(TrainError::write(&path)(io::Error::other("no room")))
        });
        assert!(failed.unwrap_err().to_string().contains("a.txt: no room"));
        assert_eq!(fs::read(&path).unwrap(), b"first");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        write_whole(&path, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
    }
}
