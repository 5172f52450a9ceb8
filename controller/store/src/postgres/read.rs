//! Questions outside transactions. One that the server cut off is asked again on another connection.

use async_trait::async_trait;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgPool, PgRow, Postgres};

use super::transact::{TRIES, pause, was_undone};
use crate::sql::{Sql, Statement, Value, bound};
use crate::{Result, StoreError};

/// Asks over one connection as long as it holds.
pub(super) struct Reader {
    pool: PgPool,
    conn: Option<PoolConnection<Postgres>>,
    /// How far the feed had come before.
    change: u64,
}

impl Reader {
    pub(super) fn new(pool: PgPool, change: u64) -> Self {
        Self { pool, conn: None, change }
    }

    async fn ask(&mut self, statement: &Statement, values: Vec<Value<'_>>) -> Result<Vec<PgRow>> {
        let conn = match &mut self.conn {
            Some(conn) => conn,
            None => {
                let conn = self.pool.acquire().await.map_err(StoreError::database("getting a connection"))?;
                self.conn.insert(conn)
            }
        };
        let query = bound!(sqlx::query(statement.text), values);
        query.fetch_all(&mut **conn).await.map_err(StoreError::database(statement.what))
    }
}

#[async_trait]
impl Sql for Reader {
    type Row = PgRow;

    async fn fetch(&mut self, statement: &Statement, values: Vec<Value<'_>>) -> Result<Vec<PgRow>> {
        let mut tries = 0;
        loop {
            match self.ask(statement, values.clone()).await {
                Err(error) if was_undone(&error) && tries < TRIES => {
                    self.conn = None;
                    tokio::time::sleep(pause(tries)).await;
                    tries += 1;
                }
                answer => return answer,
            }
        }
    }

    async fn last_change(&mut self) -> Result<u64> {
        Ok(self.change)
    }
}
