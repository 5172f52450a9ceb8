//! Files that appear whole or not at all, and outlive a crash.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use crate::error::TrainError;

/// Writes a file: into a new one beside it, which then takes its name. Neither is lost by a crash after this.
///
/// # Errors
/// When it cannot be written; what was there before is there still, and nothing else.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
    write_with(path, |file| Ok(file.write_all(bytes)?))
}

/// The same with what `fill` writes.
///
/// # Errors
/// As above, and those of `fill`.
pub(crate) fn write_with<T>(
    path: &Path,
    fill: impl FnOnce(&mut File) -> Result<T, Failure>,
) -> Result<T, TrainError> {
    let new = path.with_extension("new");
    let write = || -> Result<T, Failure> {
        let mut file = File::create(&new)?;
        let told = fill(&mut file)?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        sync_folder(path)?;
        Ok(told)
    };
    write().map_err(|failure| {
        // The room it takes may be what is missing.
        let _gone = fs::remove_file(&new);
        match failure {
            Failure::Io(source) => TrainError::Write { path: path.to_owned(), source },
            Failure::Torch(error) => error.into(),
        }
    })
}

/// Makes the names in a file's folder outlive a crash.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        File::open(folder)?.sync_all()
    })
}

/// Why a file was not filled.
pub(crate) enum Failure {
    Io(io::Error),
    Torch(tch::TchError),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<tch::TchError> for Failure {
    fn from(error: tch::TchError) -> Self {
        Self::Torch(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_filled_leaves_the_one_before_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        write_whole(&path, b"first").unwrap();
        let failed = write_with(&path, |file| -> Result<(), Failure> {
            file.write_all(b"half of the sec")?;
            Err(io::Error::other("no room").into())
        });
        assert!(failed.unwrap_err().to_string().contains("a.txt: no room"));
        assert_eq!(fs::read(&path).unwrap(), b"first");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        write_whole(&path, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
    }
}
