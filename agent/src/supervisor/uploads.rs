//! Sends an attempt's checkpoints to the controller's artifact store, one at a time, beside its events.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use sweep_proto::status::Reason;
use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, sleep};

use super::reporter::{ReportError, refusal};
use crate::session::{Backoff, CallError, FileError, Session, announce};
use crate::trial::dir::TrialDir;
use crate::trial::outgoing::{Outgoing, pending};
use crate::trial::task::{AttemptKey, Task};

/// How long an attempt that is over waits for an artifact store that fails, before its end is told without.
const LAST: Duration = Duration::from_secs(60);

/// What is known of the attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Known {
    /// The controller has the events up to this one.
    acknowledged: u64,
    over: Option<Over>,
}

/// The attempt is over: nothing new comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    /// It may be gone on with.
    Unfinished,
    /// What there is to go on from is worth nothing any more.
    ForGood,
}

/// What sends. Dropping it stops the sending; what was not sent stays where it is.
pub(crate) struct Uploads {
    known: watch::Sender<Known>,
    sending: Option<JoinHandle<Result<(), ReportError>>>,
    name: String,
}

impl Uploads {
    /// `acknowledged`: the last event that the controller has, as far as is known.
    pub(crate) fn start(session: Session, task: &Task, dir: &TrialDir, acknowledged: u64) -> Self {
        let (known, watcher) = watch::channel(Known { acknowledged, over: None });
        let name = task.name();
        let backoff = session.backoff();
        let (key, outgoing) = (task.key, dir.outgoing());
        let sender =
            Sender { session, key, name: name.clone(), outgoing, known: watcher, backoff, failing: false };
        Self { known, sending: Some(tokio::spawn(sender.run())), name }
    }

    /// The controller has the events up to this one.
    pub(crate) fn acknowledged(&self, seq: u64) {
        self.known.send_if_modified(|known| {
            let more = seq > known.acknowledged;
            known.acknowledged = known.acknowledged.max(seq);
            more
        });
    }

    /// Waits until all is sent that can be. The attempt's end must not be told before, for it is the end of its right to
    /// store anything. Asked again, it has nothing to wait for.
    pub(crate) async fn finish(&mut self, over: Over) -> Result<(), ReportError> {
        self.known.send_modify(|known| known.over = Some(over));
        let Some(sending) = self.sending.take() else { return Ok(()) };
        sending.await.unwrap_or_else(|error| {
            tracing::error!("trial {}: sending its checkpoints broke off: {error}", self.name);
            Ok(())
        })
    }
}

impl Drop for Uploads {
    fn drop(&mut self) {
        self.sending.iter().for_each(JoinHandle::abort);
    }
}

struct Sender {
    session: Session,
    key: AttemptKey,
    name: String,
    outgoing: PathBuf,
    known: watch::Receiver<Known>,
    backoff: Backoff,
    /// Whether it was said that the artifact store takes nothing.
    failing: bool,
}

/// What became of a checkpoint.
enum Sent {
    Done,
    /// It can only be tried again.
    Later(String),
    Lost(String),
}

impl Sender {
    async fn run(mut self) -> Result<(), ReportError> {
        let mut over_since = None;
        loop {
            let known = *self.known.borrow_and_update();
            if known.over.is_some() {
                over_since.get_or_insert_with(Instant::now);
            }
            let Some(next) = self.next(known).await else {
                if known.over.is_some() || self.known.changed().await.is_err() {
                    return Ok(());
                }
                continue;
            };
            match self.send(&next).await {
                Sent::Done => {
                    self.failing = false;
                    self.backoff = self.session.backoff();
                    self.let_go(next).await?;
                }
                Sent::Lost(why) => return Err(ReportError::Lost(why)),
                Sent::Later(why) => {
                    if !std::mem::replace(&mut self.failing, true) {
                        tracing::warn!(
                            "trial {}: a checkpoint is not taken ({why}); trying again",
                            self.name
                        );
                    }
                    if over_since.is_some_and(|since| since.elapsed() > LAST) {
                        tracing::warn!("trial {}: it ends without its last checkpoint: {why}", self.name);
                        return Ok(());
                    }
                    sleep(self.backoff.pause()).await;
                }
            }
        }
    }

    /// The next checkpoint to send, if there is one that the controller was told of.
    async fn next(&self, known: Known) -> Option<Outgoing> {
        let outgoing = self.outgoing.clone();
        let found = spawn_blocking(move || pending(&outgoing))
            .await
            .unwrap_or_else(|error| Err(io::Error::other(error)));
        let wanted = |one: &Outgoing| {
            one.seq <= known.acknowledged && !(one.resume && known.over == Some(Over::ForGood))
        };
        match found {
            Ok(pending) => pending.into_iter().find(wanted),
            Err(error) => {
                tracing::error!("trial {}: its checkpoints cannot be sent: {error}", self.name);
                None
            }
        }
    }

    async fn let_go(&self, checkpoint: Outgoing) -> Result<(), ReportError> {
        let done = spawn_blocking(move || checkpoint.done())
            .await
            .unwrap_or_else(|error| Err(io::Error::other(error)));
        // Otherwise it would be sent for ever.
        done.map_err(|error| {
            tracing::warn!("trial {}: cannot let go of a checkpoint: {error}", self.name);
            ReportError::Refused(error.to_string())
        })
    }

    /// Sends a checkpoint; one that cannot be sent costs itself.
    async fn send(&self, checkpoint: &Outgoing) -> Sent {
        let error = match self.store(checkpoint).await {
            Ok(()) => return Sent::Done,
            Err(error) => error,
        };
        let call = match error {
            FileError::Call(call) => call,
            FileError::Io(error) => {
                tracing::warn!("trial {}: a checkpoint cannot be sent: {error}", self.name);
                return Sent::Done;
            }
        };
        if let CallError::Refused { reason: Some(reason), message, .. } = &call
            && may_pass(*reason)
        {
            return Sent::Later(message.clone());
        }
        match refusal(call) {
            ReportError::Lost(why) => Sent::Lost(why),
            error => {
                tracing::warn!("trial {}: a checkpoint was not kept: {error}", self.name);
                Sent::Done
            }
        }
    }

    async fn store(&self, checkpoint: &Outgoing) -> Result<(), FileError> {
        let paths = checkpoint.files.clone();
        let hash = move || paths.iter().map(|path| announce(path)).collect::<io::Result<Vec<_>>>();
        let files = spawn_blocking(hash).await.map_err(io::Error::other)??;
        for (file, path) in files.iter().zip(&checkpoint.files) {
            self.session.put_file(self.key, file, path).await?;
        }
        let what = format!("trial {}: storing a checkpoint", self.name);
        let stored = || self.session.store_checkpoint(self.key, checkpoint.seq, &files);
        Ok(self.session.insist(&what, stored).await?)
    }
}

/// Whether a refusal is one of the moment: the artifact store fails, the file is just being removed or came damaged, or the
/// event is still on its way.
fn may_pass(reason: Reason) -> bool {
    matches!(reason, Reason::Artifacts | Reason::FileMissing | Reason::FileMismatch | Reason::SeqGap)
}
