//! SQLite: one file, one writer with grouped commits, readers beside it (WAL).

mod writer;

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Sqlite};
use tokio::sync::watch;

use self::writer::Writer;
use crate::attention::{Awaited, Bells};
use crate::backend::{Backend, Haste, Job};
use crate::port::Rows;
use crate::sql::{sql_connection, sql_row};
use crate::{Result, StoreError, schema};

pub(crate) const CHANGE_READ: &str = "select value from change_counter where id = 1";

pub(crate) static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations/sqlite");

/// The SQLite backend.
pub struct SqliteStore {
    writer: Writer,
    readers: SqlitePool,
    feed: watch::Receiver<u64>,
    bells: Bells,
    /// Held while the store lives: a second controller on the file is refused.
    _lock: File,
}

impl SqliteStore {
    /// Opens a database file, creating it and its folder, and brings its schema up to date.
    ///
    /// # Errors
    /// [`StoreError::Open`] when it cannot, or when another controller has it.
    pub async fn open(path: &Path) -> Result<Self> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)
                .map_err(|error| refused(path, format!("its folder cannot be made ({error})")))?;
        }
        let (lock, conn) = open_alone(path).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(4)
            .connect_with(read_only(path))
            .await
            .map_err(|error| refused(path, error))?;
        let (writer, feed) = Writer::start(conn).await?;
        Ok(Self { writer, readers, feed, bells: Bells::default(), _lock: lock })
    }

    async fn reader(&self) -> Result<PoolConnection<Sqlite>> {
        self.readers.acquire().await.map_err(StoreError::database("getting a connection"))
    }
}

fn refused(path: &Path, what: impl std::fmt::Display) -> StoreError {
    StoreError::cannot_open(path.display(), what)
}

/// The name of a file that lies beside another.
pub(crate) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        // What was acknowledged is on disk, power cuts included.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(10))
}

fn read_only(path: &Path) -> SqliteConnectOptions {
    options(path).read_only(true).create_if_missing(false)
}

/// Opens a file as a controller does, with its schema up to date. No other has it as long as the lock is held.
pub(crate) async fn open_alone(path: &Path) -> Result<(File, SqliteConnection)> {
    let lock = lock(path)?;
    let mut conn =
        options(path).create_if_missing(true).connect().await.map_err(|error| refused(path, error))?;
    MIGRATIONS.run(&mut conn).await.map_err(|error| refused(path, schema::explain(&error)))?;
    Ok((lock, conn))
}

/// Opens a file that exists, for reading, also beside a controller.
pub(crate) async fn look_at(path: &Path) -> Result<SqliteConnection> {
    if !path.exists() {
        return Err(refused(
            path,
            "there is no such file\n  make it: sweep-controller db migrate --db sqlite:///PATH",
        ));
    }
    // What an operator asks may take its time, and is no news for the log.
    read_only(path).disable_statement_logging().connect().await.map_err(|error| refused(path, error))
}

/// Writes a copy into a file that does not exist, beside a controller that may be at work, and checks it.
pub(crate) async fn vacuum_into(path: &Path, file: &Path) -> Result<()> {
    let mut conn = look_at(path).await?;
    let name = file.to_str().ok_or_else(|| refused(file, "its name is not UTF-8"))?;
    sqlx::query("vacuum into $1")
        .bind(name)
        .execute(&mut conn)
        .await
        .map_err(|error| refused(file, error))?;
    let mut copy = SqliteConnectOptions::new()
        .filename(file)
        .read_only(true)
        .connect()
        .await
        .map_err(|error| refused(file, error))?;
    let found: String = sqlx::query_scalar("pragma quick_check(1)")
        .fetch_one(&mut copy)
        .await
        .map_err(StoreError::database("checking a copy"))?;
    if found == "ok" { Ok(()) } else { Err(StoreError::corrupt(found)) }
}

/// One controller a file: the lock lies beside the database, since SQLite locks the file itself as it goes.
fn lock(path: &Path) -> Result<File> {
    let name = beside(path, ".lock");
    let shown = path.display();
    let open = |message: String| StoreError::Open { message };
    let file = File::options().create(true).truncate(false).write(true).open(&name).map_err(|error| {
        refused(path, format!("{error}; name a file you may write with --db sqlite:///PATH"))
    })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(open(format!(
            "another sweep-controller has the database {shown}; stop that one, or name another file with --db sqlite:///PATH"
        ))),
        Err(TryLockError::Error(error)) => Err(open(format!("cannot lock the database {shown}: {error}"))),
    }
}

sql_row!(SqliteRow);

/// The number of the last change committed.
async fn last_change(conn: &mut SqliteConnection) -> Result<u64> {
    let value: i64 = sqlx::query_scalar(CHANGE_READ)
        .fetch_one(conn)
        .await
        .map_err(StoreError::database("reading the change counter"))?;
    Ok(value.cast_unsigned())
}

/// A connection of the readers' pool.
struct Reader(PoolConnection<Sqlite>);

sql_connection!(Reader, SqliteRow, |me, _statement| &mut *me.0, last_change: last_change(&mut me.0).await);

#[async_trait]
impl Backend for SqliteStore {
    async fn write<T: Send + 'static>(&self, haste: Haste, job: Job<T>) -> Result<T> {
        self.writer.run(haste, job).await
    }

    async fn read(&self) -> Result<Box<dyn Rows + '_>> {
        Ok(Box::new(Reader(self.reader().await?)))
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.feed.clone()
    }

    fn attend(&self, what: Awaited) {
        self.bells.ring(what);
    }

    fn attention(&self, what: Awaited) -> watch::Receiver<u64> {
        self.bells.listen(what)
    }
}

#[cfg(test)]
mod tests;
