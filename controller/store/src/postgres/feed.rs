//! The change feed: up to which number every change is visible.
//!
//! Changes are numbered by a sequence, and transactions commit in another order than they took their numbers. A reader
//! that went by the largest number it sees would pass over a smaller one that is committed later, for ever. So whoever
//! takes a number holds the *gate*, an advisory lock, shared, until its transaction ends: numbers are taken behind it
//! (see `transact`). A feed that wants to move on takes the gate alone for an instant: then no transaction is open that
//! has a number, and none takes one, so the last number given out is one up to which nothing is missing. Writers do
//! not exclude each other, and one that hangs stops the feeds (which give up after [`GATE_WAIT`] and try again), not the
//! other writers.
//!
//! Notifications only wake: after its own commits a controller tells the others, and all look. A lost one costs up to
//! [`POLL`], after which every feed looks anyway. They are sent in transactions of their own, as a transaction that
//! notifies commits under a lock of the whole server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgListener};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tracing::{debug, warn};
use uuid::Uuid;

use super::open;
use crate::attention::{Awaited, Bells};

/// The advisory lock that stands before the numbers.
pub(super) const GATE: i64 = 0x5357_4545_5001;
const CHANNEL: &str = "sweep_news";
/// Told of commits; of calls to wake, their own words.
const CHANGED: &str = "changed";
/// A feed looks at least so often.
const POLL: Duration = Duration::from_secs(1);
/// A feed looks at most so often: each look holds up who takes a number for as long as the slowest open transaction.
const REST: Duration = Duration::from_millis(50);
/// How long a look may hold up the writers.
const GATE_WAIT: &str = "200ms";

/// What happened here that others are to know.
#[derive(Default)]
struct News {
    changed: AtomicBool,
    trial: AtomicBool,
    verdict: AtomicBool,
    wake: Notify,
}

impl News {
    const fn of(&self, what: Awaited) -> &AtomicBool {
        match what {
            Awaited::Trial => &self.trial,
            Awaited::Verdict => &self.verdict,
        }
    }

    /// What the others are to be told; it counts as told.
    fn take(&self) -> Vec<&'static str> {
        let taken = |flag: &AtomicBool, word| flag.swap(false, Ordering::AcqRel).then_some(word);
        let awaited = Awaited::ALL.into_iter().filter_map(|what| taken(self.of(what), what.word()));
        taken(&self.changed, CHANGED).into_iter().chain(awaited).collect()
    }

    /// Those were not told after all.
    fn put_back(&self, words: &[&str]) {
        self.changed.fetch_or(words.contains(&CHANGED), Ordering::AcqRel);
        for what in Awaited::ALL {
            self.of(what).fetch_or(words.contains(&what.word()), Ordering::AcqRel);
        }
    }
}

/// Tells of commits.
#[derive(Clone)]
pub(super) struct Teller(Arc<News>);

impl Teller {
    /// A transaction that has a number was committed here.
    pub(super) fn changed(&self) {
        self.0.changed.store(true, Ordering::Release);
        self.0.wake.notify_one();
    }
}

/// This controller's feed; ends with its store.
pub(super) struct Feed {
    news: Arc<News>,
    changes: watch::Receiver<u64>,
    bells: Arc<Bells>,
    tasks: [JoinHandle<()>; 2],
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Feed {
    pub(super) async fn start(options: &PgConnectOptions) -> std::result::Result<Self, sqlx::Error> {
        let options = options.clone().options([("lock_timeout", GATE_WAIT)]);
        let mut conn = options.connect().await?;
        // A number that lags is no harm; the task takes it on from there.
        let change = look(&mut conn).await?.unwrap_or(0);
        let pool = open::pool(1).max_lifetime(None).idle_timeout(None).connect_with(options.clone()).await?;
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.listen(CHANNEL).await?;
        let news = Arc::<News>::default();
        let bells = Arc::<Bells>::default();
        let (sender, changes) = watch::channel(change);
        let me = Uuid::new_v4().simple().to_string();
        let tasks = [
            tokio::spawn(listen(listener, me.clone(), Arc::clone(&news), Arc::clone(&bells))),
            tokio::spawn(follow(options, conn, me, Arc::clone(&news), sender)),
        ];
        Ok(Self { news, changes, bells, tasks })
    }

    pub(super) fn teller(&self) -> Teller {
        Teller(Arc::clone(&self.news))
    }

    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.clone()
    }

    pub(super) fn attention(&self, what: Awaited) -> watch::Receiver<u64> {
        self.bells.listen(what)
    }

    /// Wakes whoever waits here, and at the other controllers.
    pub(super) fn attend(&self, what: Awaited) {
        self.bells.ring(what);
        self.news.of(what).store(true, Ordering::Release);
        self.news.wake.notify_one();
    }
}

/// Hears what other controllers tell.
async fn listen(mut listener: PgListener, me: String, news: Arc<News>, bells: Arc<Bells>) {
    loop {
        let heard = match listener.try_recv().await {
            Ok(Some(told)) => Some(told),
            // The connection was lost and made again; what was told meanwhile is not known.
            Ok(None) => None,
            Err(error) => {
                debug!(error = %error, "cannot listen for the other controllers; polling");
                tokio::time::sleep(POLL).await;
                None
            }
        };
        let words = heard.as_ref().map(|told| told.payload().split(' ').collect::<Vec<_>>());
        if words.as_ref().is_some_and(|words| words.first() == Some(&me.as_str())) {
            continue;
        }
        let is_told = |what: &Awaited| words.as_ref().is_none_or(|words| words.contains(&what.word()));
        Awaited::ALL.into_iter().filter(is_told).for_each(|what| bells.ring(what));
        news.wake.notify_one();
    }
}

/// Tells the others, and moves the feed on.
async fn follow(
    options: PgConnectOptions,
    conn: PgConnection,
    me: String,
    news: Arc<News>,
    feed: watch::Sender<u64>,
) {
    let mut conn = Some(conn);
    loop {
        // Either way it looks; being told only makes it sooner.
        let _ = tokio::time::timeout(POLL, news.wake.notified()).await;
        let words = news.take();
        if let Err(error) = round(&options, &mut conn, &me, &words, &feed).await {
            conn = None;
            // Told again once there is a connection.
            news.put_back(&words);
            warn!(error = %error, "the change feed lost its connection; trying again");
            tokio::time::sleep(POLL).await;
        }
        tokio::time::sleep(REST).await;
    }
}

async fn round(
    options: &PgConnectOptions,
    held: &mut Option<PgConnection>,
    me: &str,
    words: &[&str],
    feed: &watch::Sender<u64>,
) -> std::result::Result<(), sqlx::Error> {
    let conn = match held {
        Some(conn) => conn,
        None => held.insert(options.connect().await?),
    };
    if !words.is_empty() {
        sqlx::query("select pg_notify($1, $2)")
            .bind(CHANNEL)
            .bind(format!("{me} {}", words.join(" ")))
            .execute(&mut *conn)
            .await?;
    }
    let seen = *feed.borrow();
    if last_number(conn).await? != seen
        && let Some(change) = look(conn).await?
    {
        feed.send_if_modified(|at| std::mem::replace(at, change) != change);
    }
    Ok(())
}

/// The last number given out, whether or not its transaction ended.
async fn last_number(conn: &mut PgConnection) -> std::result::Result<u64, sqlx::Error> {
    let last: i64 = sqlx::query_scalar("select last_value from change_number").fetch_one(conn).await?;
    Ok(last.cast_unsigned())
}

/// The number up to which nothing is missing; `None` while the gate is not to be had.
pub(super) async fn look(conn: &mut PgConnection) -> std::result::Result<Option<u64>, sqlx::Error> {
    // One statement is one transaction: the gate is held for an instant. A function of the gate's row and not a join,
    // which might read the sequence before it has the gate.
    let looked = sqlx::query_scalar::<_, i64>(
        "with gate as materialized (select pg_advisory_xact_lock($1)) \
         select pg_sequence_last_value('change_number') from gate",
    )
    .bind(GATE)
    .fetch_one(conn)
    .await;
    match looked {
        Ok(last) => Ok(Some(last.cast_unsigned())),
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("55P03") => Ok(None),
        Err(error) => Err(error),
    }
}
