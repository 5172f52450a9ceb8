//! Edges of a transaction, at which tests stop a controller and kill it. Only they have them: without `testing` nothing
//! of this is in a program.
//!
//! `SWEEP_STOP_AT=EDGE:JOB` names one, as in `committed:claim`. The first transaction with such a job that comes to such an edge
//! says so on standard error and goes no further.

/// How far a transaction has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Edge {
    /// The job has done nothing yet.
    #[cfg(any(test, feature = "testing"))]
    Begun,
    /// Its statements are done, the commit is not.
    Written,
    /// It is committed, and nobody knows.
    Committed,
    /// One of two audiences knows: who asked (SQLite), or who watches (PostgreSQL).
    HalfTold,
}

#[cfg(not(any(test, feature = "testing")))]
mod stop {
    use super::Edge;

    pub(crate) async fn begin(_job: &str) {}

    pub(crate) async fn reach(_edge: Edge) {}
}

#[cfg(any(test, feature = "testing"))]
mod stop {
    use std::io::Write as _;
    use std::sync::{LazyLock, Mutex, PoisonError};

    use tokio::task::Id;

    use super::Edge;

    /// Where to stop, as the environment has it.
    static STOP: LazyLock<Option<(Edge, String)>> = LazyLock::new(|| {
        let text = std::env::var("SWEEP_STOP_AT").ok()?;
        let (edge, job) = text.split_once(':')?;
        let all = [Edge::Begun, Edge::Written, Edge::Committed, Edge::HalfTold];
        let edge = all.into_iter().find(|one| format!("{one:?}").eq_ignore_ascii_case(edge))?;
        Some((edge, job.to_owned()))
    });

    /// The task whose transaction has such a job in it.
    static MARKED: Mutex<Option<Id>> = Mutex::new(None);

    /// A job begins; its transaction runs to its end in the same task.
    pub(crate) async fn begin(job: &str) {
        if STOP.as_ref().is_some_and(|(_, wanted)| wanted == job) {
            MARKED.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(tokio::task::id);
            reach(Edge::Begun).await;
        }
    }

    /// The transaction of this task comes to an edge.
    pub(crate) async fn reach(edge: Edge) {
        let Some((wanted, job)) = &*STOP else { return };
        let marked = *MARKED.lock().unwrap_or_else(PoisonError::into_inner);
        if *wanted == edge && marked.is_some() && marked == tokio::task::try_id() {
            // Not by a macro, whose words the test harness keeps back.
            let _ = writeln!(std::io::stderr(), "stopped at {edge:?} of {job}");
            std::future::pending::<()>().await;
        }
    }
}

pub(crate) use stop::{begin, reach};
