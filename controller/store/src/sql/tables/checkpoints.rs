//! Changes to checkpoints and the contents of the artifact store.

use async_trait::async_trait;
use sweep_core::file::FileRef;
use sweep_core::retention::Stored;
use uuid::Uuid;

use super::json;
use crate::port::{CheckpointTables, StoredModel};
use crate::sql::{SqlTx, rows, statements as sql, values};
use crate::{AttemptKey, Checkpoint, Result};

#[async_trait]
impl<T: SqlTx> CheckpointTables for T {
    async fn checkpoint_insert(&mut self, key: AttemptKey, seq: u64, checkpoint: &Checkpoint) -> Result<()> {
        let row = values![
            key.trial,
            key.attempt,
            seq,
            checkpoint.step,
            checkpoint.epoch,
            &checkpoint.path,
            json(&checkpoint.metrics)?,
            checkpoint.resume,
        ];
        self.execute(&sql::CHECKPOINT_INSERT, row).await?;
        Ok(())
    }

    async fn checkpoint_known(&mut self, key: AttemptKey, seq: u64) -> Result<bool> {
        let row = values![key.trial, key.attempt, seq];
        Ok(self.fetch_optional(&sql::CHECKPOINT_KNOWN, row).await?.is_some())
    }

    async fn checkpoint_stored(
        &mut self,
        key: AttemptKey,
        seq: u64,
        files: &[FileRef],
        now_ms: i64,
    ) -> Result<()> {
        self.execute(&sql::CHECKPOINT_STORED, values![key.trial, key.attempt, seq, now_ms]).await?;
        for (place, file) in (0_u32..).zip(files) {
            let row = values![key.trial, key.attempt, seq, &file.name, &file.sha256, file.size, place];
            self.execute(&sql::CHECKPOINT_FILE_INSERT, row).await?;
        }
        Ok(())
    }

    async fn checkpoint_unstore(&mut self, key: AttemptKey, seq: u64, keep_until_ms: i64) -> Result<()> {
        self.execute(&sql::CHECKPOINT_ORPHANS, values![key.trial, key.attempt, seq, keep_until_ms]).await?;
        self.execute(&sql::CHECKPOINT_FILES_DELETE, values![key.trial, key.attempt, seq]).await?;
        self.execute(&sql::CHECKPOINT_UNSTORED, values![key.trial, key.attempt, seq]).await?;
        Ok(())
    }

    async fn checkpoint_files(&mut self, key: AttemptKey, seq: u64) -> Result<Vec<FileRef>> {
        let found = self.fetch(&sql::CHECKPOINT_FILES, values![key.trial, key.attempt, seq]).await?;
        found.iter().map(rows::file).collect()
    }

    async fn checkpoints_stored(&mut self, trial: Uuid, metric: Option<&str>) -> Result<Vec<Stored>> {
        let found = self.fetch(&sql::CHECKPOINTS_STORED, values![trial]).await?;
        found.iter().map(|row| rows::stored(row, metric)).collect()
    }

    async fn models_stored(&mut self, sweep: &str) -> Result<Vec<StoredModel>> {
        self.fetch(&sql::MODELS_STORED, values![sweep]).await?.iter().map(rows::stored_model).collect()
    }

    async fn file_want(&mut self, sha256: &str, keep_until_ms: i64) -> Result<bool> {
        Ok(self.execute(&sql::FILE_WANT, values![sha256, keep_until_ms]).await? == 1)
    }

    async fn file_adopt(&mut self, sha256: &str) -> Result<bool> {
        let was_wanted = self.execute(&sql::FILE_ADOPT, values![sha256]).await? == 1;
        Ok(was_wanted || self.fetch_optional(&sql::FILE_POINTED_TO, values![sha256]).await?.is_some())
    }

    async fn orphans_take(&mut self, now_ms: i64) -> Result<Vec<String>> {
        let found = self.fetch(&sql::ORPHANS_TAKE, values![now_ms]).await?;
        found.iter().map(|row| rows::text(row, "sha256")).collect()
    }

    async fn orphan_forget(&mut self, sha256: &str) -> Result<()> {
        self.execute(&sql::ORPHAN_FORGET, values![sha256]).await?;
        Ok(())
    }
}
