//! Sends an attempt's events from its spool to the controller: in order, one batch at a time, until acknowledged.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use sweep_proto::status::Reason;
use thiserror::Error;
use tokio::time::{Instant, sleep_until};

use crate::session::{CallError, Session, Verdict, insist};
use crate::trial::event::{Event, EventKind};
use crate::trial::spool::{SpoolError, SpoolReader};
use crate::trial::task::AttemptKey;

/// Most events of one batch.
const MOST_EVENTS: usize = 256;
/// A batch is closed by so many bytes of text; the controller takes 32 MiB.
const MOST_BYTES: usize = 4 << 20;
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
    /// How much of the spool is on disk, in bytes.
    limit: u64,
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
    /// `what` names the trial in the log.
    pub(crate) fn new(session: Session, key: AttemptKey, what: String, spool: SpoolReader) -> Self {
        Self {
            session,
            key,
            what,
            spool,
            limit: 0,
            sent: 0,
            acknowledged: 0,
            in_flight: None,
            due: Instant::now(),
            hurry: false,
        }
    }

    /// The spool is on disk up to this byte.
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
    pub(crate) fn resume_after(&mut self, acknowledged: u64) -> Result<(), ReportError> {
        self.acknowledged = acknowledged;
        self.sent = acknowledged;
        Ok(self.spool.rewind_to(acknowledged, self.limit)?)
    }

    fn batch(&mut self) -> Result<Vec<Event>, ReportError> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        while batch.len() < MOST_EVENTS && bytes < MOST_BYTES {
            let Some(event) = self.spool.next(self.limit)? else { break };
            bytes += weight(&event);
            batch.push(event);
        }
        Ok(batch)
    }

    fn send(&mut self, batch: Vec<Event>) {
        self.sent = batch.last().map_or(self.sent, |event| event.seq);
        let full = batch.len() == MOST_EVENTS;
        self.due = Instant::now() + if full { Duration::ZERO } else { PACE };
        let (session, key, what) = (self.session.clone(), self.key, self.what.clone());
        self.in_flight =
            Some(Box::pin(async move { insist(&what, || session.report(key, batch.clone())).await }));
    }

    fn take(&mut self, answer: Answer) -> Result<Verdict, ReportError> {
        match answer {
            Ok((acknowledged, verdict)) => {
                if acknowledged == self.sent {
                    self.acknowledged = acknowledged;
                } else {
                    // It had some from an earlier life of this agent, or lost some with its disk.
                    self.resume_after(acknowledged)?;
                }
                Ok(verdict)
            }
            Err(CallError::Refused { reason: Some(Reason::SeqGap), acknowledged: Some(seq), .. }) => {
                self.resume_after(seq)?;
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

/// About how many bytes an event takes on the wire.
fn weight(event: &Event) -> usize {
    let text = match &event.kind {
        EventKind::Log { text, .. } | EventKind::Media { value: text, .. } => text.len(),
        EventKind::Metrics { values, .. } => values.len() * 32,
        EventKind::Facts(_) | EventKind::Checkpoint { .. } => 1024,
    };
    text + 64
}
