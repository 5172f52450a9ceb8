//! Files that are being sent: one part each, on this machine's disk, until it is whole.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use sweep_core::file::FileRef;
use sweep_proto::content;
use tokio::io::{AsyncSeekExt as _, AsyncWriteExt as _};
use tokio::sync::OwnedMutexGuard;

use super::ArtifactError;

/// The folder of parts, and who writes which.
#[derive(Debug)]
pub(super) struct Incoming {
    folder: PathBuf,
    /// One writer at a time for each hash.
    locks: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

/// The part of one file, with the right to write it.
#[derive(Debug)]
pub(super) struct Part {
    file: FileRef,
    path: PathBuf,
    length: u64,
    _lock: OwnedMutexGuard<()>,
}

impl Incoming {
    /// Makes the folder. Parts of an earlier process stay: their senders go on where they were.
    pub(super) async fn open(folder: &Path) -> Result<Self, ArtifactError> {
        let what = format!("making {}", folder.display());
        tokio::fs::create_dir_all(folder).await.map_err(ArtifactError::io(what))?;
        Ok(Self { folder: folder.to_owned(), locks: Mutex::default() })
    }

    /// Waits for the right to write a file's part.
    pub(super) async fn lock(&self, file: &FileRef) -> Result<Part, ArtifactError> {
        let lock = {
            let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
            // Those that nobody holds or waits for are forgotten.
            locks.retain(|_, lock| Arc::strong_count(lock) > 1);
            Arc::clone(locks.entry(file.sha256.clone()).or_default())
        };
        let lock = lock.lock_owned().await;
        let path = self.folder.join(format!("{}.part", file.sha256));
        let length = match tokio::fs::metadata(&path).await {
            Ok(meta) => meta.len(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
            Err(source) => {
                return Err(ArtifactError::Io { what: format!("reading {}", path.display()), source });
            }
        };
        let mut part = Part { file: file.clone(), path, length, _lock: lock };
        if part.length > file.size {
            // It was announced with another size under the same hash: nothing of it can be trusted.
            part.discard().await?;
        }
        Ok(part)
    }
}

impl Part {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Takes what is new of `data`; the length after it.
    pub(super) async fn append(&mut self, offset: u64, data: &[u8]) -> Result<u64, ArtifactError> {
        let end = offset.saturating_add(data.len() as u64).min(self.file.size);
        if offset > self.length || end <= self.length {
            return Ok(self.length);
        }
        // Both differences are at most the length of `data`.
        let new = &data[(self.length - offset) as usize..(end - offset) as usize];
        let failed = |source| ArtifactError::Io { what: format!("writing {}", self.path.display()), source };
        let mut file = tokio::fs::File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&self.path)
            .await
            .map_err(failed)?;
        file.seek(std::io::SeekFrom::Start(self.length)).await.map_err(failed)?;
        file.write_all(new).await.map_err(failed)?;
        file.flush().await.map_err(failed)?;
        self.length = end;
        Ok(end)
    }

    /// Whether the content has the hash it was announced with.
    pub(super) async fn is_what_was_announced(&self) -> Result<bool, ArtifactError> {
        let (path, sha256) = (self.path.clone(), self.file.sha256.clone());
        let what = format!("reading {}", path.display());
        let hash = move || -> std::io::Result<bool> {
            match std::fs::File::open(&path) {
                Ok(file) => Ok(content::digest(file)?.0 == sha256),
                // An empty file was announced, of which no piece was ever sent.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    Ok(content::digest(std::io::empty())?.0 == sha256)
                }
                Err(error) => Err(error),
            }
        };
        tokio::task::spawn_blocking(hash)
            .await
            .map_err(|error| ArtifactError::Io { what: what.clone(), source: error.into() })?
            .map_err(ArtifactError::io(what))
    }

    /// Removes the part.
    pub(super) async fn discard(&mut self) -> Result<(), ArtifactError> {
        self.length = 0;
        match tokio::fs::remove_file(&self.path).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(ArtifactError::Io { what: format!("removing {}", self.path.display()), source: error })
            }
            _ => Ok(()),
        }
    }
}
