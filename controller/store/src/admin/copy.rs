//! From SQLite to PostgreSQL: everything, or nothing.

use sha2::{Digest as _, Sha256};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};
use tokio_stream::StreamExt as _;

use super::tables::{TABLES, Table};
use crate::sql::{Value, bound};
use crate::{Location, Result, StoreError, postgres, sqlite};

/// Rows in one statement.
const CHUNK: usize = 100;

/// A table that was copied, and found equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    pub table: &'static str,
    pub rows: u64,
    /// Of all values, in whatever order the rows lie.
    pub digest: String,
}

/// Copies an SQLite database into an empty PostgreSQL one, in one transaction that is committed only when row counts
/// and digests of every table are equal on both sides. No controller may have the file; it is not changed.
///
/// # Errors
/// [`StoreError::Open`] when one of the two cannot be opened, the file is in use, or the target is not empty.
pub async fn copy(from: &Location, to: &Location) -> Result<Vec<Copied>> {
    let (Location::Sqlite(path), Location::Postgres(url)) = (from, to) else {
        return Err(StoreError::Open {
            message: format!(
                "cannot copy {from} to {to}: the way goes from SQLite to PostgreSQL\n  sweep-controller db copy --from \
                 sqlite:///PATH --to postgres://user:password@host/database"
            ),
        });
    };
    if !path.exists() {
        return Err(from.refuse("there is no such file"));
    }
    // Held to the end, so that no controller adds what would not be copied. Both sides get the newest schema.
    let (_lock, writer) = sqlite::open_alone(path).await?;
    drop(postgres::PostgresStore::open(url).await?);
    let mut source = sqlite::look_at(path).await?;
    let mut target = postgres::connect(&postgres::options(url)?.disable_statement_logging()).await?;
    let copied = transfer(&mut source, &mut target, to).await?;
    // Without statistics the first questions would be slow; if it fails, the server makes them itself by and by.
    let _ = target.execute("analyze").await;
    // They did their work.
    let _ = source.close().await;
    let _ = target.close().await;
    let _ = writer.close().await;
    Ok(copied)
}

async fn transfer(
    source: &mut SqliteConnection,
    target: &mut PgConnection,
    to: &Location,
) -> Result<Vec<Copied>> {
    let failed = StoreError::database;
    let mut tx = target.begin().await.map_err(failed("beginning a transaction"))?;
    for table in TABLES {
        // Nobody else writes before the end.
        run(&mut tx, format!("lock table {} in exclusive mode", table.name)).await?;
        let rows: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(table.count()))
            .fetch_one(&mut *tx)
            .await
            .map_err(failed("counting rows"))?;
        if rows > 0 {
            return Err(to.refuse(format!(
                "it is not empty: table {} has {rows} rows\n  copy into a database of its own: createdb NAME",
                table.name
            )));
        }
    }
    let mut copied = Vec::new();
    for table in TABLES {
        let sent = send(table, source, &mut tx).await?;
        let kept = read_back(table, &mut tx).await?;
        if sent != kept {
            return Err(StoreError::corrupt(format!(
                "table {} arrived otherwise than it was sent ({sent:?}, {kept:?}); nothing was kept",
                table.name
            )));
        }
        copied.push(Copied { table: table.name, rows: sent.rows, digest: sent.digest() });
    }
    // Not part of the transaction, and harmless without it: numbers go on from where they were.
    let last: i64 = sqlx::query_scalar(sqlite::CHANGE_READ)
        .fetch_one(source)
        .await
        .map_err(failed("reading the change counter"))?;
    sqlx::query("select setval('change_number', greatest($1, (select last_value from change_number)))")
        .bind(last)
        .execute(&mut *tx)
        .await
        .map_err(failed("setting the change counter"))?;
    tx.commit().await.map_err(failed("committing"))?;
    Ok(copied)
}

async fn run(tx: &mut PgConnection, statement: String) -> Result<()> {
    tx.execute(sqlx::AssertSqlSafe(statement)).await.map_err(StoreError::database("locking a table"))?;
    Ok(())
}

async fn send(table: &Table, source: &mut SqliteConnection, target: &mut PgConnection) -> Result<Sum> {
    let mut sum = Sum::default();
    let mut rows = sqlx::query(sqlx::AssertSqlSafe(table.select())).fetch(source);
    let mut waiting: Vec<Value<'static>> = Vec::new();
    let mut count = 0;
    loop {
        let row: Option<SqliteRow> =
            rows.next().await.transpose().map_err(StoreError::database("reading rows"))?;
        let ended = row.is_none();
        if let Some(row) = row {
            let values = table.values(&row)?;
            sum.add(&values);
            waiting.extend(values);
            count += 1;
        }
        if count == CHUNK || (ended && count > 0) {
            let statement = sqlx::AssertSqlSafe(table.insert(count));
            let query = bound!(sqlx::query(statement), std::mem::take(&mut waiting));
            query.execute(&mut *target).await.map_err(StoreError::database("writing rows"))?;
            count = 0;
        }
        if ended {
            return Ok(sum);
        }
    }
}

async fn read_back(table: &Table, target: &mut PgConnection) -> Result<Sum> {
    let mut sum = Sum::default();
    let mut rows = sqlx::query(sqlx::AssertSqlSafe(table.select())).fetch(target);
    while let Some(row) = rows.next().await {
        let row: PgRow = row.map_err(StoreError::database("reading rows back"))?;
        sum.add(&table.values(&row)?);
    }
    Ok(sum)
}

/// How many rows, and the sum of their digests: the order in which a database gives them does not matter, and no two
/// rows of a table are equal.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sum {
    rows: u64,
    digests: u128,
}

impl Sum {
    fn add(&mut self, values: &[Value<'_>]) {
        let mut hash = Sha256::new();
        for value in values {
            // Each with its kind and its length, so that no two rows look alike.
            let (kind, bytes): (u8, Option<Vec<u8>>) = match value {
                Value::Int(value) => (1, value.map(|value| value.to_le_bytes().to_vec())),
                Value::Real(value) => (2, value.map(|value| value.to_bits().to_le_bytes().to_vec())),
                Value::Text(value) => (3, value.as_ref().map(|value| value.as_bytes().to_vec())),
                Value::Bytes(value) => (4, value.as_ref().map(|value| value.to_vec())),
                Value::Id(value) => (5, Some(value.as_bytes().to_vec())),
                Value::Flag(value) => (6, Some(vec![u8::from(*value)])),
            };
            hash.update([kind, u8::from(bytes.is_some())]);
            let bytes = bytes.unwrap_or_default();
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        }
        let mut first = [0; 16];
        first.copy_from_slice(&hash.finalize()[..16]);
        self.digests = self.digests.wrapping_add(u128::from_le_bytes(first));
        self.rows += 1;
    }

    fn digest(&self) -> String {
        format!("{:032x}", self.digests)
    }
}
