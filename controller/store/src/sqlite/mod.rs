//! SQLite: one file, one writer with grouped commits, readers beside it (WAL).

mod attempts;
mod reads;
mod rows;
mod sql;
mod sweeps;
mod writer;

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Sqlite};
use sweep_core::curve::Point;
use sweep_core::lease::Lease;
use sweep_core::sweep::SweepEvent;
use sweep_core::trial::TrialState;
use tokio::sync::watch;
use uuid::Uuid;

use self::writer::Writer;
use crate::{
    Agent, AttemptKey, Changes, Claim, Claimed, Event, Finish, Finished, LogEntry, NewSweep, NewTrial,
    Reported, Result, Store, StoreError, Sweep, Trial, TrialDetail, TrialFilter, TrialName,
};

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations/sqlite");

/// The SQLite backend.
pub struct SqliteStore {
    writer: Writer,
    readers: SqlitePool,
    feed: watch::Receiver<u64>,
    /// Held while the store lives: a second controller on the file is refused.
    _lock: File,
}

impl SqliteStore {
    /// Opens a database file, creating it and its folder, and brings its schema up to date.
    ///
    /// # Errors
    /// [`StoreError::Open`] when it cannot, or when another controller has it.
    pub async fn open(path: &Path) -> Result<Self> {
        let shown = path.display();
        let open =
            |what: String| StoreError::Open { message: format!("cannot open the database {shown}: {what}") };
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)
                .map_err(|error| open(format!("its folder cannot be made ({error})")))?;
        }
        let lock = lock(path)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // What was acknowledged is on disk, power cuts included.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(10));
        let mut conn = options.connect().await.map_err(|error| open(error.to_string()))?;
        MIGRATIONS
            .run(&mut conn)
            .await
            .map_err(|error| open(format!("its schema cannot be brought up to date: {error}")))?;
        let readers = SqlitePoolOptions::new()
            .max_connections(4)
            .connect_with(options.read_only(true).create_if_missing(false))
            .await
            .map_err(|error| open(error.to_string()))?;
        let (writer, feed) = Writer::start(conn).await?;
        Ok(Self { writer, readers, feed, _lock: lock })
    }

    async fn reader(&self) -> Result<PoolConnection<Sqlite>> {
        self.readers.acquire().await.map_err(StoreError::database("getting a connection"))
    }
}

/// One controller a file: the lock lies beside the database, since SQLite locks the file itself as it goes.
fn lock(path: &Path) -> Result<File> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let shown = path.display();
    let open = |message: String| StoreError::Open { message };
    let file = File::options().create(true).truncate(false).write(true).open(&name).map_err(|error| {
        open(format!(
            "cannot open the database {shown}: {error}; name a file you may write with --db sqlite:///PATH"
        ))
    })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(open(format!(
            "another sweep-controller has the database {shown}; stop that one, or name another file with --db sqlite:///PATH"
        ))),
        Err(TryLockError::Error(error)) => Err(open(format!("cannot lock the database {shown}: {error}"))),
    }
}

/// Runs a writer's job: `write!(self, |tx| sweeps::create(tx, new))`.
macro_rules! write {
    ($store:expr, |$tx:ident| $job:expr) => {
        $store.writer.run(move |$tx| Box::pin(async move { $job.await })).await
    };
}

#[async_trait]
impl Store for SqliteStore {
    async fn sweep_create(&self, new: NewSweep) -> Result<Sweep> {
        write!(self, |tx| sweeps::create(tx, new))
    }

    async fn sweep_list(&self) -> Result<Vec<Sweep>> {
        sweeps::list(&mut *self.reader().await?).await
    }

    async fn sweep_find(&self, name: &str) -> Result<Sweep> {
        let mut conn = self.reader().await?;
        let conn: &mut SqliteConnection = &mut conn;
        let id = sweeps::resolve(conn, name).await?;
        sweeps::get(conn, &id).await
    }

    async fn sweep_change(&self, sweep: &str, event: SweepEvent, now_ms: i64) -> Result<Sweep> {
        let sweep = sweep.to_owned();
        write!(self, |tx| sweeps::change(tx, &sweep, event, now_ms))
    }

    async fn trials_enqueue(
        &self,
        sweep: &str,
        after: u64,
        trials: Vec<NewTrial>,
        exhausted: bool,
        now_ms: i64,
    ) -> Result<bool> {
        let sweep = sweep.to_owned();
        write!(self, |tx| sweeps::enqueue(tx, &sweep, after, trials, exhausted, now_ms))
    }

    async fn agent_register(&self, agent: Agent, now_ms: i64) -> Result<()> {
        write!(self, |tx| attempts::register(tx, agent, now_ms))
    }

    async fn trial_claim(&self, claim: Claim, now_ms: i64) -> Result<Claimed> {
        write!(self, |tx| attempts::claim(tx, claim, now_ms))
    }

    async fn attempt_report(
        &self,
        key: AttemptKey,
        first_seq: u64,
        events: Vec<Event>,
        now_ms: i64,
    ) -> Result<Reported> {
        write!(self, |tx| attempts::report(tx, key, first_seq, events, now_ms))
    }

    async fn attempts_renew(&self, keys: Vec<AttemptKey>) -> Result<Vec<Reported>> {
        write!(self, |tx| attempts::renew(tx, keys))
    }

    async fn attempt_finish(&self, finish: Finish, now_ms: i64) -> Result<Finished> {
        write!(self, |tx| attempts::finish(tx, finish, now_ms))
    }

    async fn leases_live(&self) -> Result<Vec<Lease<AttemptKey>>> {
        reads::leases(&mut *self.reader().await?).await
    }

    async fn lease_expire(&self, lease: Lease<AttemptKey>, now_ms: i64) -> Result<bool> {
        write!(self, |tx| attempts::expire(tx, lease, now_ms))
    }

    async fn trial_list(&self, sweep: &str, filter: TrialFilter) -> Result<Vec<Trial>> {
        reads::trials(&mut *self.reader().await?, sweep, filter).await
    }

    async fn trial_get(&self, trial: &TrialName) -> Result<TrialDetail> {
        reads::trial(&mut *self.reader().await?, trial).await
    }

    async fn curves(&self, trial: Uuid, names: &[String]) -> Result<Vec<(String, Vec<Point>)>> {
        reads::curves(&mut *self.reader().await?, trial, names).await
    }

    async fn log_lines(&self, trial: Uuid, attempt: u32, tail: Option<usize>) -> Result<Vec<LogEntry>> {
        reads::logs(&mut *self.reader().await?, trial, attempt, tail).await
    }

    async fn changes_since(&self, sweep: &str, since: u64) -> Result<Changes> {
        reads::changes(&mut *self.reader().await?, sweep, since).await
    }

    fn feed(&self) -> watch::Receiver<u64> {
        self.feed.clone()
    }

    async fn trials_count(&self, sweep: &str, state: TrialState) -> Result<u64> {
        reads::count(&mut *self.reader().await?, sweep, state).await
    }
}

#[cfg(test)]
mod tests;
