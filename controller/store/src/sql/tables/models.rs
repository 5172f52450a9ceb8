//! Changes to models.

use async_trait::async_trait;
use uuid::Uuid;

use crate::Result;
use crate::port::{ModelTables, NewModel};
use crate::sql::{SqlTx, statements as sql, values};

#[async_trait]
impl<T: SqlTx> ModelTables for T {
    async fn model_insert(&mut self, model: &NewModel<'_>, now_ms: i64) -> Result<bool> {
        let row = values![model.id, model.name, model.key.trial, model.key.attempt, model.seq, now_ms];
        if self.execute(&sql::MODEL_INSERT, row).await? == 0 {
            return Ok(false);
        }
        for (place, file) in (0_u32..).zip(model.files) {
            let row = values![model.id, &file.name, &file.sha256, file.size, place];
            self.change(&sql::MODEL_FILE_INSERT, row).await?;
        }
        Ok(true)
    }

    async fn model_renew(&mut self, id: Uuid, now_ms: i64) -> Result<()> {
        self.change(&sql::MODEL_RENEW, values![id, now_ms]).await
    }

    async fn model_delete(&mut self, id: Uuid, keep_until_ms: i64) -> Result<()> {
        self.change(&sql::MODEL_ORPHANS, values![id, keep_until_ms]).await?;
        self.change(&sql::MODEL_FILES_DELETE, values![id]).await?;
        self.change(&sql::MODEL_DELETE, values![id]).await
    }
}
