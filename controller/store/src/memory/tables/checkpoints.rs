//! Changes to checkpoints and the contents of the artifact store.

use async_trait::async_trait;
use sweep_core::file::FileRef;
use sweep_core::retention::Stored;
use uuid::Uuid;

use crate::memory::{Held, Orphan};
use crate::port::{CheckpointTables, StoredModel};
use crate::{AttemptKey, Checkpoint, Result};

#[async_trait]
impl CheckpointTables for Held {
    async fn checkpoint_insert(&mut self, of: AttemptKey, seq: u64, checkpoint: &Checkpoint) -> Result<()> {
        self.checkpoints.set((of.trial, of.attempt, seq), checkpoint.clone());
        Ok(())
    }

    async fn checkpoint_known(&mut self, of: AttemptKey, seq: u64) -> Result<bool> {
        Ok(self.checkpoints.get(&(of.trial, of.attempt, seq)).is_some())
    }

    async fn checkpoint_stored(
        &mut self,
        of: AttemptKey,
        seq: u64,
        files: &[FileRef],
        _now_ms: i64,
    ) -> Result<()> {
        let place = (of.trial, of.attempt, seq);
        self.checkpoints.update(&place, |row| row.stored = true);
        if self.files.get(&place).is_none() {
            self.files.set(place, files.to_vec());
        }
        Ok(())
    }

    async fn checkpoint_unstore(&mut self, of: AttemptKey, seq: u64, keep_until_ms: i64) -> Result<()> {
        let place = (of.trial, of.attempt, seq);
        let gone = self.files.get(&place).cloned().unwrap_or_default();
        self.files.remove(&place);
        self.checkpoints.update(&place, |row| row.stored = false);
        self.spare(gone, keep_until_ms);
        Ok(())
    }

    async fn checkpoint_files(&mut self, of: AttemptKey, seq: u64) -> Result<Vec<FileRef>> {
        Ok(self.files.get(&(of.trial, of.attempt, seq)).cloned().unwrap_or_default())
    }

    async fn checkpoints_stored(&mut self, trial: Uuid, metric: Option<&str>) -> Result<Vec<Stored>> {
        let all = self.checkpoints.range((trial, 0, 0)..=(trial, u32::MAX, u64::MAX));
        let stored = all.filter(|(_, row)| row.stored).map(|(&place, row)| Stored {
            step: row.step,
            attempt: place.1,
            seq: place.2,
            resume: row.resume,
            score: metric.and_then(|metric| row.metrics.get(metric).copied()),
            size: self.size(&place),
        });
        let mut stored: Vec<_> = stored.collect();
        stored.sort_by_key(|one| (one.step, one.attempt, one.seq));
        Ok(stored)
    }

    async fn models_stored(&mut self, sweep: &str) -> Result<Vec<StoredModel>> {
        let mut models = Vec::new();
        for row in self.of_sweep(sweep) {
            let (trial, number) = (row.trial.id, row.trial.number);
            let all = self.checkpoints.range((trial, 0, 0)..=(trial, u32::MAX, u64::MAX));
            models.extend(all.filter(|(_, one)| one.stored && !one.resume).map(|(place, _)| StoredModel {
                key: AttemptKey { trial, attempt: place.1 },
                seq: place.2,
                number,
                objective: row.trial.objective,
                size: self.size(place),
            }));
        }
        Ok(models)
    }

    async fn file_want(&mut self, sha256: &str, keep_until_ms: i64) -> Result<bool> {
        let sha256 = sha256.to_owned();
        let is_removing = self.orphans.get(&sha256).is_some_and(|held| held.removing);
        if !is_removing {
            self.orphans.set(sha256, Orphan { keep_until_ms, removing: false });
        }
        Ok(!is_removing)
    }

    async fn file_adopt(&mut self, sha256: &str) -> Result<bool> {
        let sha256 = sha256.to_owned();
        match self.orphans.get(&sha256) {
            Some(Orphan { removing: true, .. }) => Ok(false),
            Some(Orphan { removing: false, .. }) => {
                self.orphans.remove(&sha256);
                Ok(true)
            }
            None => Ok(self.is_pointed_to(&sha256)),
        }
    }

    async fn orphans_take(&mut self, now_ms: i64) -> Result<Vec<String>> {
        let due = |(sha256, held): (&String, &Orphan)| {
            let due = held.removing || (held.keep_until_ms <= now_ms && !self.is_pointed_to(sha256));
            due.then(|| sha256.clone())
        };
        let taken: Vec<String> = self.orphans.range(..).filter_map(due).collect();
        for sha256 in &taken {
            self.orphans.update(sha256, |held| held.removing = true);
        }
        Ok(taken)
    }

    async fn orphan_forget(&mut self, sha256: &str) -> Result<()> {
        let sha256 = sha256.to_owned();
        if self.orphans.get(&sha256).is_some_and(|held| held.removing) {
            self.orphans.remove(&sha256);
        }
        Ok(())
    }
}
