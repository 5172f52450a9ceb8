//! Sends an attempt's events from its spool to the controller: in order, one batch at a time, until acknowledged.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use sweep_proto::status::Reason;
use thiserror::Error;
use tokio::time::{Instant, sleep_until};

use crate::session::{CallError, Session, Verdict};
use crate::trial::event::EventKind;
use crate::trial::spool::thin::ON_THEIR_WAY;
use crate::trial::spool::{Entry, SpoolError, SpoolReader};
use crate::trial::task::{AttemptKey, Task};

/// Most events of one batch; the spool is not thinned there.
const MOST_EVENTS: usize = ON_THEIR_WAY;
/// A batch is closed by so many bytes of text, or by its part of a small spool; the controller takes 32 MiB.
const MOST_BYTES: (u64, u64) = (4 << 20, 16);
/// Shortest time between two batches, unless they are full.
const PACE: Duration = Duration::from_millis(200);

/// Why reporting cannot go on.
#[derive(Debug, Error)]
pub(crate) enum ReportError {
    /// The attempt is not ours any more.
    #[error("{0}")]
    Lost(String),
    /// The controller takes none of it.
    #[error("the controller refuses its events: {0}")]
    Refused(String),
    #[error("its events cannot be read back: {0}")]
    Spool(#[from] SpoolError),
}

type Answer = Result<(u64, Verdict), CallError>;

pub(crate) struct Reporter {
    session: Session,
    key: AttemptKey,
    what: String,
    spool: SpoolReader,
    /// The last event that is on disk.
    limit: u64,
    most_bytes: u64,
    /// Last event of the last batch.
    sent: u64,
    /// Last event that the controller has.
    pub(crate) acknowledged: u64,
    in_flight: Option<Pin<Box<dyn Future<Output = Answer> + Send>>>,
    due: Instant,
    /// Set when the attempt is over: nothing is waited for any more.
    hurry: bool,
}

impl Reporter {
    /// The controller has everything up to `acknowledged`, as far as is known.
    pub(crate) fn new(session: Session, task: &Task, mut spool: SpoolReader, acknowledged: u64) -> Self {
        if acknowledged > 0 {
            spool.rewind_to(acknowledged);
        }
        Self {
            session,
            key: task.key,
            what: format!("trial {}", task.name()),
            spool,
            limit: 0,
            most_bytes: MOST_BYTES.0.min(task.spool_limit / MOST_BYTES.1),
            sent: acknowledged,
            acknowledged,
            in_flight: None,
            due: Instant::now(),
            hurry: false,
        }
    }

    /// The spool is on disk up to this event.
    pub(crate) fn extend(&mut self, limit: u64) {
        self.limit = self.limit.max(limit);
    }

    /// Waits for the next answer of the controller. It may be dropped at any time and asked again.
    pub(crate) async fn step(&mut self) -> Result<Verdict, ReportError> {
        loop {
            if let Some(answer) = &mut self.in_flight {
                let answer = answer.await;
                self.in_flight = None;
                return self.take(answer);
            }
            if !self.hurry {
                sleep_until(self.due).await;
            }
            let batch = self.batch()?;
            if batch.is_empty() {
                // Whoever extends the limit asks again.
                std::future::pending::<()>().await;
            }
            self.send(batch);
        }
    }

    /// Sends all that is on disk.
    pub(crate) async fn flush(&mut self) -> Result<(), ReportError> {
        self.hurry = true;
        loop {
            if self.in_flight.is_none() {
                let batch = self.batch()?;
                if batch.is_empty() {
                    return Ok(());
                }
                self.send(batch);
            }
            self.step().await?;
        }
    }

    /// Goes on after what the controller has.
    pub(crate) fn resume_after(&mut self, acknowledged: u64) {
        self.acknowledged = acknowledged;
        self.sent = acknowledged;
        self.spool.rewind_to(acknowledged);
    }

    fn batch(&mut self) -> Result<Vec<Entry>, ReportError> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        self.spool.refresh();
        while batch.len() < MOST_EVENTS && bytes < self.most_bytes {
            let Some(entry) = self.spool.next(self.limit)? else { break };
            bytes += weight(&entry);
            batch.push(entry);
        }
        Ok(batch)
    }

    fn send(&mut self, batch: Vec<Entry>) {
        self.sent = batch.last().map_or(self.sent, Entry::last);
        let full = self.sent < self.limit;
        self.due = Instant::now() + if full { Duration::ZERO } else { PACE };
        let (session, key, what) = (self.session.clone(), self.key, self.what.clone());
        self.in_flight =
            Some(Box::pin(async move { session.insist(&what, || session.report(key, batch.clone())).await }));
    }

    fn take(&mut self, answer: Answer) -> Result<Verdict, ReportError> {
        match answer {
            Ok((acknowledged, verdict)) => {
                if acknowledged == self.sent {
                    self.acknowledged = acknowledged;
                } else {
                    // It had some from an earlier life of this agent, or lost some with its disk.
                    self.resume_after(acknowledged);
                }
                Ok(verdict)
            }
            Err(CallError::Refused { reason: Some(Reason::SeqGap), acknowledged: Some(seq), .. }) => {
                self.resume_after(seq);
                Ok(Verdict::GoOn)
            }
            Err(error) => Err(refusal(error)),
        }
    }
}

/// A call's end that no trying again would change.
pub(crate) fn refusal(error: CallError) -> ReportError {
    match error {
        CallError::Refused {
            reason: Some(Reason::AttemptStale | Reason::TrialNotFound), message, ..
        } => ReportError::Lost(message),
        CallError::Refused { message, .. } | CallError::Away(message) => ReportError::Refused(message),
    }
}

/// About how many bytes an entry takes on the wire.
fn weight(entry: &Entry) -> u64 {
    let event = match entry {
        Entry::Event(event) => event,
        Entry::Skipped { from, to } => return (to - from + 1) * 12,
    };
    let text = match &event.kind {
        EventKind::Log { text, .. } | EventKind::Media { value: text, .. } => text.len(),
        EventKind::Metrics { values, .. } => values.keys().map(|name| name.len() + 16).sum(),
        EventKind::Facts(_) | EventKind::Checkpoint { .. } | EventKind::Dropped(_) => 1024,
    };
    text as u64 + 64
}
