//! The one writer: jobs queue up while a commit syncs to disk, and the next transaction takes them all.
//!
//! So durability costs one sync a group, not one a request. A job that fails leaves nothing behind and does not disturb
//! its neighbours: most fail before they wrote anything; after another the group is undone and run again, now each job in
//! a savepoint of its own. Answers go out after the commit.
//!
//! Where reports wait in hundreds, a claim does not wait for all of them: what somebody waits for goes first, and a
//! group takes about as long to fill as its commit does.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
use tokio::sync::{mpsc, oneshot, watch};
use tracing::error;

use crate::backend::{self, Haste};
use crate::edge::{self, Edge};
use crate::sql::{SqlTx, Statement, Value, bound, executed, sql_connection};
use crate::{Result, StoreError};

/// Stores the last change number, and everything.
const NUMBER_AND_COMMIT: &str = "update change_counter set value = $1 where id = 1; commit";
/// The most jobs in one transaction.
const GROUP: usize = 256;
/// Jobs that may wait in each queue; more make callers wait, which is the back-pressure.
const QUEUE: usize = 1024;
/// The most statements that are run by one call: few, as each combination is prepared once and remembered.
const TOGETHER: usize = 4;
/// How long a group is filled at least, however quick the disk, and at most, however slow.
const FILLING: (Duration, Duration) = (Duration::from_millis(4), Duration::from_millis(15));

/// The open transaction, as a job sees it.
struct Tx {
    conn: SqliteConnection,
    /// Last change number given out.
    change: u64,
    /// Whether the job that runs may have changed something.
    wrote: bool,
    later: Later,
}

sql_connection!(Tx, SqliteRow, |me, statement| me.about_to(statement).await?, last_change: Ok(me.change));

#[async_trait]
impl SqlTx for Tx {
    const LOCKS: bool = false;

    async fn execute(&mut self, statement: &Statement, values: Vec<Value<'_>>) -> Result<u64> {
        executed!(self.about_to(statement).await?, statement, values)
    }

    async fn change(&mut self, statement: &Statement, values: Vec<Value<'_>>) -> Result<()> {
        self.wrote = true;
        self.later.add(statement, values);
        if self.later.count == TOGETHER { self.flush().await } else { Ok(()) }
    }

    async fn next_change(&mut self) -> Result<i64> {
        self.change += 1;
        // A counter that starts at 0 and grows by one does not leave i64.
        Ok(self.change as i64)
    }
}

impl Tx {
    fn new(conn: SqliteConnection, change: u64) -> Self {
        Self { conn, change, wrote: false, later: Later::default() }
    }

    /// What is to run before a statement has run, and it may be run.
    async fn about_to(&mut self, statement: &Statement) -> Result<&mut SqliteConnection> {
        self.flush().await?;
        self.wrote |= !statement.only_reads();
        Ok(&mut self.conn)
    }

    /// Runs what was left for later.
    async fn flush(&mut self) -> Result<()> {
        let Later { text, values, what, .. } = std::mem::take(&mut self.later);
        if text.is_empty() {
            return Ok(());
        }
        let query = bound!(sqlx::query(AssertSqlSafe(text)), values);
        query.execute(&mut self.conn).await.map(drop).map_err(StoreError::database(what))
    }
}

/// Changes that are run together: the driver has a thread of its own for SQLite, and each call of it costs more than most
/// statements.
#[derive(Default)]
struct Later {
    text: String,
    values: Vec<Value<'static>>,
    count: usize,
    /// The last one's words.
    what: &'static str,
}

impl Later {
    fn add(&mut self, statement: &Statement, values: Vec<Value<'_>>) {
        // One statement after the other, their parameters numbered on.
        let first = self.values.len();
        for (at, part) in statement.text.split('$').enumerate() {
            if at == 0 {
                self.text.push_str(if self.text.is_empty() { "" } else { "; " });
                self.text.push_str(part);
                continue;
            }
            let digits = part.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(part.len());
            // Our own statements: what follows a dollar is a number.
            let number: usize = part[..digits].parse().unwrap_or_default();
            let _ = write!(self.text, "${}{}", first + number, &part[digits..]);
        }
        self.values.extend(values.into_iter().map(Value::into_owned));
        self.count += 1;
        self.what = statement.what;
    }
}

/// How a job went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ran {
    Well,
    /// A rule refused it.
    Refused,
    /// The database failed, perhaps with the whole transaction.
    Failed,
}

/// A job and who waits for it.
#[async_trait]
trait Asked: Send {
    /// Runs the job; what a run before gave is forgotten.
    async fn run(&mut self, tx: &mut Tx) -> Ran;

    /// Tells the caller how it went, now that the commit has.
    fn answer(self: Box<Self>, committed: Result<()>);
}

struct Request<T> {
    job: backend::Job<T>,
    given: Option<Result<T>>,
    reply: oneshot::Sender<Result<T>>,
}

#[async_trait]
impl<T: Send> Asked for Request<T> {
    async fn run(&mut self, tx: &mut Tx) -> Ran {
        let mut given = (self.job)(tx).await;
        if given.is_ok()
            && let Err(error) = tx.flush().await
        {
            given = Err(error);
        }
        tx.later = Later::default();
        let ran = match &given {
            Ok(_) => Ran::Well,
            Err(StoreError::Database { .. } | StoreError::DiskFull { .. }) => Ran::Failed,
            Err(_) => Ran::Refused,
        };
        self.given = Some(given);
        ran
    }

    fn answer(self: Box<Self>, committed: Result<()>) {
        // A caller that went away needs no answer, and one whose job was not run is answered by its reply's end.
        let Self { given, reply, .. } = *self;
        let answer = match committed {
            Ok(()) => given,
            // Want of room says more than what became of the transaction by it.
            Err(_) if matches!(given, Some(Err(StoreError::DiskFull { .. }))) => given,
            Err(error) => Some(Err(error)),
        };
        if let Some(answer) = answer {
            let _ = reply.send(answer);
        }
    }
}

type Job = Box<dyn Asked>;

#[derive(Clone)]
pub(super) struct Writer {
    soon: mpsc::Sender<Job>,
    bulk: mpsc::Sender<Job>,
}

/// Jobs that wait, by their haste.
struct Queues {
    soon: mpsc::Receiver<Job>,
    bulk: mpsc::Receiver<Job>,
}

impl Queues {
    /// The next job, once there is one; `None` when there will be none.
    async fn next(&mut self) -> Option<Job> {
        tokio::select! {
            biased;
            Some(job) = self.soon.recv() => Some(job),
            Some(job) = self.bulk.recv() => Some(job),
            else => None,
        }
    }

    /// The next job that waits already.
    fn waiting(&mut self) -> Option<Job> {
        self.soon.try_recv().or_else(|_| self.bulk.try_recv()).ok()
    }
}

impl Writer {
    /// Starts the writer on its own connection; the receiver moves after each commit that changed something.
    pub(super) async fn start(mut conn: SqliteConnection) -> Result<(Self, watch::Receiver<u64>)> {
        let change = super::last_change(&mut conn).await?;
        let ((soon, soon_jobs), (bulk, bulk_jobs)) = (mpsc::channel(QUEUE), mpsc::channel(QUEUE));
        let (feed, watcher) = watch::channel(change);
        tokio::spawn(run(Tx::new(conn, change), Queues { soon: soon_jobs, bulk: bulk_jobs }, feed));
        Ok((Self { soon, bulk }, watcher))
    }

    /// Runs a job in the next transaction; returns once that is on disk.
    pub(super) async fn run<T: Send + 'static>(&self, haste: Haste, job: backend::Job<T>) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        let asked: Job = Box::new(Request { job, given: None, reply });
        let queue = match haste {
            Haste::Soon => &self.soon,
            Haste::Bulk => &self.bulk,
        };
        queue.send(asked).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }
}

async fn run(mut tx: Tx, mut queues: Queues, feed: watch::Sender<u64>) {
    let mut commit_took = Duration::ZERO;
    while let Some(first) = queues.next().await {
        let before = tx.change;
        let filling = commit_took.clamp(FILLING.0, FILLING.1);
        let mut group = Group { tx: &mut tx, before, jobs: Vec::new(), apart: false };
        let outcome = group.run(first, &mut queues, filling).await;
        let jobs = group.jobs;
        if let Ok(took) = outcome {
            commit_took = took;
        }
        if let Err(cause) = &outcome {
            error!(error = %cause, "a transaction failed; its {} requests are refused", jobs.len());
            tx.change = before;
            let _ = tx.conn.execute("rollback").await;
        }
        let failure = outcome.err().map(|cause| (cause.to_string(), StoreError::database("commit")(cause)));
        for job in jobs {
            job.answer(failure.as_ref().map_or(Ok(()), |(text, failure)| Err(repeated(text, failure))));
        }
        edge::reach(Edge::HalfTold).await;
        if tx.change != before {
            feed.send_replace(tx.change);
        }
    }
    // The last handle is gone: close properly, so that the log is folded into the file.
    let _ = tx.conn.close().await;
}

/// A failure once more, for another of those it befell: databases' errors cannot be cloned.
fn repeated(text: &str, failure: &StoreError) -> StoreError {
    match failure {
        StoreError::DiskFull { what, cause } => StoreError::DiskFull { what, cause: cause.clone() },
        _ => StoreError::Database { what: "commit", source: sqlx::Error::Protocol(text.to_owned()) },
    }
}

/// The jobs of one transaction.
struct Group<'a> {
    tx: &'a mut Tx,
    /// The last change number before it.
    before: u64,
    jobs: Vec<Job>,
    /// Whether each job gets a savepoint.
    apart: bool,
}

impl Group<'_> {
    /// Runs what waits, and commits. How long the commit took.
    async fn run(
        &mut self,
        first: Job,
        queues: &mut Queues,
        filling: Duration,
    ) -> std::result::Result<Duration, sqlx::Error> {
        let started = Instant::now();
        self.tx.conn.execute("begin immediate").await?;
        let mut next = Some(first);
        while let Some(job) = next {
            self.take(job).await?;
            let is_full = self.jobs.len() == GROUP || started.elapsed() > filling;
            next = if is_full { None } else { queues.waiting() };
        }
        edge::reach(Edge::Written).await;
        let filled = Instant::now();
        if self.tx.change == self.before {
            self.tx.conn.execute("commit").await?;
        } else {
            sqlx::query(NUMBER_AND_COMMIT).bind(self.tx.change as i64).execute(&mut self.tx.conn).await?;
        }
        let took = filled.elapsed();
        edge::reach(Edge::Committed).await;
        Ok(took)
    }

    async fn take(&mut self, mut job: Job) -> std::result::Result<(), sqlx::Error> {
        if self.apart {
            return self.take_apart(job).await;
        }
        let number = self.tx.change;
        self.tx.wrote = false;
        let ran = job.run(self.tx).await;
        self.jobs.push(job);
        match ran {
            Ran::Well => {}
            Ran::Refused if !self.tx.wrote => self.tx.change = number,
            Ran::Refused | Ran::Failed => self.again().await?,
        }
        Ok(())
    }

    /// Undoes everything and does it again, each job by itself.
    async fn again(&mut self) -> std::result::Result<(), sqlx::Error> {
        // Should the database have undone it already, this fails, and with it the group.
        self.tx.conn.execute("rollback").await?;
        self.tx.conn.execute("begin immediate").await?;
        self.tx.change = self.before;
        self.apart = true;
        for job in std::mem::take(&mut self.jobs) {
            self.take_apart(job).await?;
        }
        Ok(())
    }

    async fn take_apart(&mut self, mut job: Job) -> std::result::Result<(), sqlx::Error> {
        self.tx.conn.execute("savepoint job").await?;
        let number = self.tx.change;
        let ran = job.run(self.tx).await;
        self.jobs.push(job);
        if ran != Ran::Well {
            self.tx.conn.execute("rollback to job").await?;
            self.tx.change = number;
        }
        self.tx.conn.execute("release job").await?;
        Ok(())
    }
}
