//! PostgreSQL: any number of controllers on one database, all of them at work.
//!
//! Transactions are read-committed and lock the rows their rules rely on, in one order (sweep, trial, attempt); what a
//! deadlock or a restart of the server undid is run again (`transact`). The feed is in `feed`, the reaper's turn in
//! `turn`, and what cannot be opened is explained in `open`.

mod feed;
mod open;
mod read;
mod transact;
mod turn;

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::postgres::{PgPool, PgRow};
use tokio::sync::watch;

use self::feed::Feed;
use self::read::Reader;
use self::transact::Transactions;
use self::turn::Turn;
use crate::attention::Awaited;
use crate::backend::{Backend, Haste, Job};
use crate::port::Rows;
use crate::sql::sql_row;
use crate::{Result, StoreError};

pub(crate) use open::{MIGRATIONS, connect, options, target};

/// The PostgreSQL backend.
pub struct PostgresStore {
    transactions: Arc<Transactions>,
    /// Beside the writers' pool, so that questions never wait for transactions.
    readers: PgPool,
    feed: Feed,
    turn: Turn,
}

impl PostgresStore {
    /// Opens a database that exists, `postgres://user:password@host:port/database`, and brings its schema up to date.
    ///
    /// # Errors
    /// [`StoreError::Open`] when it cannot; the password is not in it.
    pub async fn open(url: &str) -> Result<Self> {
        let options = open::options(url)?;
        open::migrate(&options).await?;
        let failed = |error: sqlx::Error| open::explain(&options, &error);
        let soon = open::pool(6).connect_with(options.clone()).await.map_err(failed)?;
        let bulk = open::pool(6).connect_with(options.clone()).await.map_err(failed)?;
        let readers = open::pool(4).connect_with(options.clone()).await.map_err(failed)?;
        let feed = Feed::start(&options).await.map_err(failed)?;
        let transactions = Arc::new(Transactions::new(soon, bulk, feed.teller()));
        Ok(Self { transactions, readers, feed, turn: Turn::new(options) })
    }
}

sql_row!(PgRow);

#[async_trait]
impl Backend for PostgresStore {
    async fn write<T: Send + 'static>(&self, haste: Haste, job: Job<T>) -> Result<T> {
        let transactions = Arc::clone(&self.transactions);
        // A task of its own: whoever waits may go away, and the transaction is brought to its end all the same.
        let ended = tokio::spawn(async move { transactions.run(haste, &job).await }).await;
        ended.unwrap_or_else(|error| match error.try_into_panic() {
            // It is the caller's, as if the job had run in its task.
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(StoreError::Closed),
        })
    }

    async fn read(&self) -> Result<Box<dyn Rows + '_>> {
        // The number first: what it covers is visible to every later question.
        let change = *self.feed.changes().borrow();
        Ok(Box::new(Reader::new(self.readers.clone(), change)))
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.feed.changes()
    }

    fn attend(&self, what: Awaited) {
        self.feed.attend(what);
    }

    fn attention(&self, what: Awaited) -> watch::Receiver<u64> {
        self.feed.attention(what)
    }

    async fn reaper_turn(&self) -> Result<bool> {
        self.turn.is_ours().await
    }
}

#[cfg(any(test, feature = "testing"))]
pub mod cluster;
#[cfg(test)]
mod tests;
