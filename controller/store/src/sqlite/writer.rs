//! The one writer: jobs queue up while a commit syncs to disk, and the next transaction takes them all.
//!
//! So durability costs one sync a group, not one a request. Each job runs in a savepoint of its own: one that fails
//! leaves nothing behind and does not disturb its neighbours. Answers go out after the commit.
//!
//! Where reports wait in hundreds, a claim does not wait for all of them: what somebody waits for goes first, and a
//! group takes about as long to fill as its commit does.

use std::time::{Duration, Instant};

use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Connection as _, Executor as _};
use tokio::sync::{mpsc, oneshot, watch};
use tracing::error;

use crate::backend::{self, BoxFuture, Haste};
use crate::sql::{sql_connection, sql_transaction};
use crate::{Result, StoreError};

/// The most jobs in one transaction.
const GROUP: usize = 256;
/// Jobs that may wait in each queue; more make callers wait, which is the back-pressure.
const QUEUE: usize = 1024;
/// How long a group is filled at least, however quick the disk, and at most, however slow.
const FILLING: (Duration, Duration) = (Duration::from_millis(4), Duration::from_millis(15));

/// The open transaction, as a job sees it.
struct Tx {
    conn: SqliteConnection,
    /// Last change number given out.
    change: u64,
}

sql_connection!(Tx, SqliteRow, |me| &mut me.conn, last_change: Ok(me.change));
sql_transaction!(Tx, locks: false, |me| &mut me.conn, next_change: Ok(me.number()));

impl Tx {
    fn number(&mut self) -> i64 {
        self.change += 1;
        // A counter that starts at 0 and grows by one does not leave i64.
        self.change as i64
    }
}

/// Tells the caller of a job how it went, once the commit has.
type Answer = Box<dyn FnOnce(Result<()>) + Send>;
/// Runs a job; `Err` asks for the job's own rollback, its answer is told the error inside.
type Job = Box<dyn for<'c> FnOnce(&'c mut Tx) -> BoxFuture<'c, (bool, Answer)> + Send>;

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
        tokio::spawn(run(Tx { conn, change }, Queues { soon: soon_jobs, bulk: bulk_jobs }, feed));
        Ok((Self { soon, bulk }, watcher))
    }

    /// Runs a job in the next transaction; returns once that is on disk.
    pub(super) async fn run<T: Send + 'static>(&self, haste: Haste, job: backend::Job<T>) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        let boxed: Job = Box::new(move |tx| {
            Box::pin(async move {
                let result = job(tx).await;
                let good = result.is_ok();
                let answer: Answer = Box::new(move |committed| {
                    // A caller that went away needs no answer.
                    let _ = reply.send(committed.and(result));
                });
                (good, answer)
            })
        });
        let queue = match haste {
            Haste::Soon => &self.soon,
            Haste::Bulk => &self.bulk,
        };
        queue.send(boxed).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }
}

async fn run(mut tx: Tx, mut queues: Queues, feed: watch::Sender<u64>) {
    let mut commit_took = Duration::ZERO;
    while let Some(first) = queues.next().await {
        let before = tx.change;
        let mut answers = Vec::new();
        let filling = commit_took.clamp(FILLING.0, FILLING.1);
        let outcome = group(&mut tx, first, &mut queues, &mut answers, before, filling).await;
        if let Ok(took) = outcome {
            commit_took = took;
        }
        if let Err(cause) = &outcome {
            error!(error = %cause, "a transaction failed; its {} requests are refused", answers.len());
            tx.change = before;
            let _ = tx.conn.execute("rollback").await;
        }
        let message = outcome.err().map(|cause| cause.to_string());
        for answer in answers {
            answer(match &message {
                None => Ok(()),
                Some(text) => {
                    Err(StoreError::Database { what: "commit", source: sqlx::Error::Protocol(text.clone()) })
                }
            });
        }
        if tx.change != before {
            feed.send_replace(tx.change);
        }
    }
    // The last handle is gone: close properly, so that the log is folded into the file.
    let _ = tx.conn.close().await;
}

/// One transaction. How long its commit took.
async fn group(
    tx: &mut Tx,
    first: Job,
    queues: &mut Queues,
    answers: &mut Vec<Answer>,
    before: u64,
    filling: Duration,
) -> std::result::Result<Duration, sqlx::Error> {
    let started = Instant::now();
    tx.conn.execute("begin immediate; savepoint job").await?;
    let mut next = Some(first);
    while let Some(job) = next {
        let number = tx.change;
        let (good, answer) = job(tx).await;
        answers.push(answer);
        if !good {
            tx.conn.execute("rollback to job").await?;
            tx.change = number;
        }
        let is_full = answers.len() == GROUP || started.elapsed() > filling;
        next = if is_full { None } else { queues.waiting() };
        if next.is_some() {
            tx.conn.execute("release job; savepoint job").await?;
        }
    }
    if tx.change != before {
        sqlx::query(super::CHANGE_WRITE).bind(tx.change as i64).execute(&mut tx.conn).await?;
    }
    let filled = Instant::now();
    // It takes the last savepoint with it.
    tx.conn.execute("commit").await?;
    Ok(filled.elapsed())
}
