//! Transactions: run, run again when the server undid them, and looked up when it is not known whether they stood.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::postgres::{PgPool, PgRow, Postgres};
use tracing::{debug, warn};

use super::feed::{GATE, Teller};
use crate::backend::{Haste, Job};
use crate::edge::{self, Edge};
use crate::sql::{SqlTx, Statement, Value, executed, sql_connection};
use crate::{Result, StoreError};

/// How often a transaction that was undone is run again; with [`pause`], for some ten seconds.
pub(super) const TRIES: u32 = 16;

/// How long to wait before the next try. Callers that collided do so at different tries, which sets them apart.
pub(super) fn pause(tries: u32) -> Duration {
    let doubled = 2_u64 << tries.min(9);
    Duration::from_millis(doubled + doubled * u64::from(tries * 7 % 5) / 10)
}

/// Takes the number of a change, behind the gate; and the transaction's own number, by which its fate can be asked for.
const NUMBER: &str = "with gate as materialized (select pg_advisory_xact_lock_shared($1)) \
    select nextval('change_number'), pg_current_xact_id()::text::bigint from gate";

/// The writers: claims and ends do not queue up behind hundreds of reports.
pub(super) struct Transactions {
    soon: PgPool,
    bulk: PgPool,
    teller: Teller,
}

/// The open transaction, as a job sees it.
struct Tx {
    inner: sqlx::Transaction<'static, Postgres>,
    stamp: Option<Stamp>,
}

/// Once a transaction changes what watchers see.
#[derive(Debug, Clone, Copy)]
struct Stamp {
    /// All its changes have one number, as they come to be seen at one time.
    change: i64,
    transaction: i64,
}

sql_connection!(Tx, PgRow, |me, _statement| &mut *me.inner, last_change: Ok(me.stamp.map_or(0, |stamp| stamp.change.cast_unsigned())));

#[async_trait]
impl SqlTx for Tx {
    const LOCKS: bool = true;

    async fn execute(&mut self, statement: &Statement, values: Vec<Value<'_>>) -> Result<u64> {
        executed!(&mut *self.inner, statement, values)
    }

    async fn next_change(&mut self) -> Result<i64> {
        self.number().await
    }
}

impl Tx {
    async fn number(&mut self) -> Result<i64> {
        if let Some(stamp) = self.stamp {
            return Ok(stamp.change);
        }
        let (change, transaction) = sqlx::query_as(NUMBER)
            .bind(GATE)
            .fetch_one(&mut *self.inner)
            .await
            .map_err(StoreError::database("numbering a change"))?;
        self.stamp = Some(Stamp { change, transaction });
        Ok(change)
    }
}

/// Why a try came to nothing.
enum Failure {
    /// It would fail again.
    Final(StoreError),
    /// It was undone, for no reason of its own.
    Undone(StoreError),
    /// The connection broke between the commit and its answer.
    InDoubt(Option<Stamp>, StoreError),
}

impl Transactions {
    pub(super) fn new(soon: PgPool, bulk: PgPool, teller: Teller) -> Self {
        Self { soon, bulk, teller }
    }

    /// Runs a job to its end.
    pub(super) async fn run<T: Send>(&self, haste: Haste, job: &Job<T>) -> Result<T> {
        let writers = match haste {
            Haste::Soon => &self.soon,
            Haste::Bulk => &self.bulk,
        };
        let mut tries = 0;
        loop {
            let mut answer = None;
            let error = match self.attempt(writers, job, &mut answer).await {
                Ok(answer) => return Ok(answer),
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Undone(error)) => error,
                Err(Failure::InDoubt(stamp, error)) => {
                    warn!(error = %error, "the connection broke in a commit; asking whether it stands");
                    if let (Some(stamp), Some(answer)) = (stamp, answer)
                        && self.stands(stamp.transaction).await?
                    {
                        self.teller.changed();
                        return Ok(answer);
                    }
                    // It does not stand; or it changed nothing that watchers see: renewals, log lines, agents' names,
                    // files of checkpoints. Those look for themselves what is stored already, or come to the same
                    // when they are done again.
                    error
                }
            };
            if tries == TRIES {
                return Err(error);
            }
            debug!(error = ?error, tries, "a transaction was undone; trying again");
            tokio::time::sleep(pause(tries)).await;
            tries += 1;
        }
    }

    /// One try. In doubt, the answer it would have given is left in `answer`.
    async fn attempt<T: Send>(
        &self,
        writers: &PgPool,
        job: &Job<T>,
        answer: &mut Option<T>,
    ) -> std::result::Result<T, Failure> {
        let inner = writers
            .begin()
            .await
            .map_err(|error| judged(StoreError::database("beginning a transaction")(error)))?;
        let mut tx = Tx { inner, stamp: None };
        let value = match job(&mut tx).await {
            Ok(value) => value,
            Err(error) => {
                // Dropping it would do as well, but leaves the rollback to whoever has the connection next.
                let _ = tx.inner.rollback().await;
                return Err(judged(error));
            }
        };
        let stamp = tx.stamp;
        edge::reach(Edge::Written).await;
        match tx.inner.commit().await.map_err(StoreError::database("committing")) {
            Ok(()) => {
                edge::reach(Edge::Committed).await;
                if stamp.is_some() {
                    self.teller.changed();
                }
                edge::reach(Edge::HalfTold).await;
                Ok(value)
            }
            Err(error) if was_refused(&error) => Err(judged(error)),
            Err(error) => {
                *answer = Some(value);
                Err(Failure::InDoubt(stamp, error))
            }
        }
    }

    /// Whether a transaction was committed, however long the server needs to know.
    async fn stands(&self, transaction: i64) -> Result<bool> {
        let mut tries = 0;
        loop {
            // No answer at all: too old to be known, which a transaction of this minute is not.
            let asked: std::result::Result<Option<String>, _> =
                sqlx::query_scalar("select pg_xact_status($1::text::xid8)")
                    .bind(transaction.to_string())
                    .fetch_one(&self.soon)
                    .await;
            let failed = StoreError::database("asking whether a commit stands");
            match asked {
                Ok(Some(status)) if status == "committed" => return Ok(true),
                Ok(Some(status)) if status == "aborted" => return Ok(false),
                Ok(status) if tries == TRIES => {
                    return Err(failed(sqlx::Error::Protocol(format!("its status is {status:?}"))));
                }
                Err(error) if tries == TRIES => return Err(failed(error)),
                Ok(_) | Err(_) => {}
            }
            tokio::time::sleep(pause(tries)).await;
            tries += 1;
        }
    }
}

/// Whether the server itself said that a commit failed; then it is known not to stand.
fn was_refused(error: &StoreError) -> bool {
    // Class 08 and 57P0x come from a server that goes down, perhaps after it committed.
    matches!(error, StoreError::DiskFull { .. })
        || matches!(error, StoreError::Database { source: sqlx::Error::Database(cause), .. }
        if cause.code().is_some_and(|code| !code.starts_with("08") && !code.starts_with("57P")))
}

/// What an error means for the transaction it came from, which was not committed.
fn judged(error: StoreError) -> Failure {
    if was_undone(&error) { Failure::Undone(error) } else { Failure::Final(error) }
}

/// Whether what failed may go well when it is done again.
pub(super) fn was_undone(error: &StoreError) -> bool {
    let StoreError::Database { source, .. } = error else { return false };
    match source {
        sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(cause) => cause.code().is_some_and(|code| {
            matches!(
                &*code,
                // Serialisation failure, deadlock.
                "40001" | "40P01"
                // The server stops, crashed, starts; the session was idle in a transaction (we were frozen).
                | "57P01" | "57P02" | "57P03" | "25P03"
                // The same request at two controllers at once: the second finds what the first stored.
                | "23505"
            ) || code.starts_with("08")
        }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_add_up_to_ten_seconds() {
        let pauses: Vec<_> = (0..TRIES).map(pause).collect();
        assert!(pauses[0] < Duration::from_millis(5));
        assert!(pauses.iter().all(|pause| *pause <= Duration::from_millis(1500)));
        let total: Duration = pauses.iter().sum();
        assert!((Duration::from_secs(8)..Duration::from_secs(15)).contains(&total), "{total:?}");
    }
}
