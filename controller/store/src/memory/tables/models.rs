//! Changes to models.

use async_trait::async_trait;
use uuid::Uuid;

use crate::Result;
use crate::memory::{Held, ModelRow};
use crate::port::{ModelTables, NewModel};

#[async_trait]
impl ModelTables for Held {
    async fn model_insert(&mut self, model: &NewModel<'_>, now_ms: i64) -> Result<bool> {
        if self.models.values().any(|row| row.name == model.name) {
            return Ok(false);
        }
        let row = ModelRow {
            name: model.name.to_owned(),
            checkpoint: (model.key.trial, model.key.attempt, model.seq),
            files: model.files.to_vec(),
            promoted_at: now_ms,
        };
        self.models.set(model.id, row);
        Ok(true)
    }

    async fn model_renew(&mut self, id: Uuid, now_ms: i64) -> Result<()> {
        self.models.update(&id, |row| row.promoted_at = now_ms);
        Ok(())
    }

    async fn model_delete(&mut self, id: Uuid, keep_until_ms: i64) -> Result<()> {
        let gone = self.models.get(&id).map(|row| row.files.clone()).unwrap_or_default();
        self.models.remove(&id);
        self.spare(gone, keep_until_ms);
        Ok(())
    }
}
