//! Files of checkpoints: taken from agents, given to those that go on, removed when nothing needs them.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use sweep_core::file::FileRef;
use sweep_core::retention::Retention;
use sweep_store::{AttemptKey, CheckpointFiles, StoreError};
use thiserror::Error;
use tokio::time::MissedTickBehavior;
use tracing::{debug, error};

use crate::app::App;
use crate::artifacts::{ArtifactError, Artifacts, Received};

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
        // Before it is looked for: what is found after this stays until the checkpoint is stored.
        let wanted = vec![file.sha256.clone()];
        self.noted(&[key], self.store.files_wanted(key, wanted, self.clock.now_ms()).await)?;
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
        let contents = files.iter().map(|file| file.sha256.clone()).collect();
        self.noted(&[key], self.store.files_wanted(key, contents, self.clock.now_ms()).await)?;
        for file in &files {
            if !keeping.artifacts.has(file).await? {
                return Err(ArtifactError::Missing { sha256: file.sha256.clone() }.into());
            }
        }
        let told = CheckpointFiles { key, seq, files, retention: keeping.retention };
        Ok(self.noted(&[key], self.store.checkpoint_store(told, self.clock.now_ms()).await)?)
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

/// Removes what nothing needs until the server stops.
pub(crate) async fn clean(app: App) {
    let Some(keeping) = app.keeping.clone() else { return };
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = app.stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        if let Err(cause) = remove_orphans(&app, &keeping, app.clock.now_ms()).await {
            error!(error = %cause, "cannot remove files that nothing needs; trying again");
        }
    }
}

/// One controller at a time: what two remove, the slower one might remove after it came back.
async fn remove_orphans(app: &App, keeping: &Keeping, now_ms: i64) -> Result<(), FileError> {
    if !app.store.reaper_turn().await? {
        return Ok(());
    }
    let orphans = app.store.files_orphaned(now_ms).await?;
    if orphans.is_empty() {
        return Ok(());
    }
    for sha256 in &orphans {
        if !app.store.reaper_turn().await? {
            // The turn was lost on the way; whoever has it now is named these files as well.
            return Ok(());
        }
        keeping.artifacts.remove(sha256).await?;
    }
    let count = orphans.len();
    app.store.files_removed(orphans).await?;
    debug!(count, "removed {count} files that nothing needs");
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests;
