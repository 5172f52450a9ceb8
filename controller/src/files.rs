//! Files of checkpoints: taken from agents, given to those that go on, removed when nothing needs them.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use sweep_core::file::FileRef;
use sweep_core::retention::Retention;
use sweep_store::{AttemptKey, CheckpointFiles, Standing, StoreError};
use thiserror::Error;
use tokio::time::MissedTickBehavior;
use tracing::{debug, error};

use crate::app::App;
use crate::artifacts::{ArtifactError, Artifacts, Received};
use crate::clock::now_ms;

/// The artifact store, and what is kept in it.
#[derive(Debug, Clone)]
pub struct Keeping {
    pub artifacts: Artifacts,
    pub retention: Retention,
}

/// Why a file was not taken or given.
#[derive(Debug, Error)]
pub enum FileError {
    #[error("this controller keeps no files")]
    NoArtifacts,
    #[error(transparent)]
    Artifacts(#[from] ArtifactError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl App {
    fn keeping(&self) -> Result<&Keeping, FileError> {
        self.keeping.as_deref().ok_or(FileError::NoArtifacts)
    }

    /// Takes a piece of a file from an attempt that is still its agent's.
    pub(crate) async fn put_file(
        &self,
        key: AttemptKey,
        file: &FileRef,
        offset: u64,
        data: &[u8],
    ) -> Result<Received, FileError> {
        let keeping = self.keeping()?;
        let standings = self.store.attempts_renew(vec![key]).await?;
        if let Some(Standing::Lost(reason)) = standings.into_iter().next().map(|told| told.standing) {
            let (trial, attempt) = (key.trial.to_string(), key.attempt);
            return Err(StoreError::AttemptStale { trial, attempt, reason }.into());
        }
        Ok(keeping.artifacts.put(file, offset, data).await?)
    }

    /// Notes that a checkpoint's files are all here.
    pub(crate) async fn store_checkpoint(
        &self,
        key: AttemptKey,
        seq: u64,
        files: Vec<FileRef>,
    ) -> Result<(), FileError> {
        let keeping = self.keeping()?;
        for file in &files {
            if !keeping.artifacts.has(file).await? {
                return Err(ArtifactError::Missing { sha256: file.sha256.clone() }.into());
            }
        }
        let told = CheckpointFiles { key, seq, files, retention: keeping.retention };
        Ok(self.store.checkpoint_store(told, now_ms()).await?)
    }

    /// A file from `offset` on.
    pub(crate) async fn get_file(
        &self,
        sha256: &str,
        offset: u64,
    ) -> Result<BoxStream<'static, Result<Bytes, ArtifactError>>, FileError> {
        Ok(self.keeping()?.artifacts.get(sha256, offset).await?)
    }
}

/// How often files are looked for that nothing needs.
const PERIOD: Duration = Duration::from_secs(60);
/// How long nothing must have needed a file. Until it is really gone, a content that comes back is simply kept.
const SPARED_MS: i64 = 600_000;

/// Removes what nothing needs until the server stops.
pub(crate) async fn clean(app: App) {
    let Some(keeping) = app.keeping.clone() else { return };
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = app.stop.cancelled() => return,
        }
        if let Err(cause) = remove_orphans(&app, &keeping, now_ms() - SPARED_MS).await {
            error!(error = %cause, "cannot remove files that nothing needs; trying again");
        }
    }
}

async fn remove_orphans(app: &App, keeping: &Keeping, before_ms: i64) -> Result<(), FileError> {
    let orphans = app.store.files_orphaned(before_ms).await?;
    if orphans.is_empty() {
        return Ok(());
    }
    for sha256 in &orphans {
        keeping.artifacts.remove(sha256).await?;
    }
    let count = orphans.len();
    app.store.files_removed(orphans).await?;
    debug!(count, "removed {count} files that nothing needs");
    Ok(())
}
