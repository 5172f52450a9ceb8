//! Sends an attempt's checkpoints to the controller's artifact store, one at a time, beside its events.

use std::io;
use std::path::PathBuf;

use sweep_proto::status::Reason;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::reporter::{ReportError, refusal};
use crate::session::{CallError, FileError, Session, announce};
use crate::trial::dir::TrialDir;
use crate::trial::outgoing::{Outgoing, pending};
use crate::trial::task::{AttemptKey, Task};

/// What sends. Dropping it stops the sending; what was not sent stays where it is.
pub(crate) struct Uploads {
    /// How far the controller has the events, and whether the attempt is over: nothing new comes then.
    known: watch::Sender<(u64, bool)>,
    sending: JoinHandle<Result<(), ReportError>>,
}

impl Uploads {
    pub(crate) fn start(session: Session, task: &Task, dir: &TrialDir) -> Self {
        let (known, watcher) = watch::channel((0, false));
        let sender =
            Sender { session, key: task.key, name: task.name(), outgoing: dir.outgoing(), known: watcher };
        Self { known, sending: tokio::spawn(sender.run()) }
    }

    /// The controller has the events up to this one.
    pub(crate) fn acknowledged(&self, seq: u64) {
        self.known.send_if_modified(|known| std::mem::replace(&mut known.0, seq) != seq);
    }

    /// Waits until all is sent; the attempt is over. Its end must not be told before, for it is the end of its right to
    /// store anything.
    pub(crate) async fn finish(&mut self) -> Result<(), ReportError> {
        self.known.send_modify(|known| known.1 = true);
        (&mut self.sending).await.unwrap_or(Ok(()))
    }
}

impl Drop for Uploads {
    fn drop(&mut self) {
        self.sending.abort();
    }
}

struct Sender {
    session: Session,
    key: AttemptKey,
    name: String,
    outgoing: PathBuf,
    known: watch::Receiver<(u64, bool)>,
}

impl Sender {
    async fn run(mut self) -> Result<(), ReportError> {
        loop {
            let (acknowledged, over) = *self.known.borrow_and_update();
            let next = match pending(&self.outgoing) {
                Ok(pending) => pending.into_iter().find(|one| one.seq <= acknowledged),
                Err(error) => {
                    tracing::error!("trial {}: its checkpoints cannot be sent: {error}", self.name);
                    None
                }
            };
            match next {
                Some(checkpoint) => self.send(&checkpoint).await?,
                None if over => return Ok(()),
                None => {
                    if self.known.changed().await.is_err() {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Sends a checkpoint and lets go of it; one that cannot be sent costs itself.
    async fn send(&self, checkpoint: &Outgoing) -> Result<(), ReportError> {
        match self.store(checkpoint).await {
            Ok(()) => {}
            Err(FileError::Call(error)) => match refusal(error) {
                ReportError::Lost(why) => return Err(ReportError::Lost(why)),
                error => tracing::warn!("trial {}: a checkpoint was not kept: {error}", self.name),
            },
            Err(FileError::Io(error)) => {
                tracing::warn!("trial {}: a checkpoint cannot be sent: {error}", self.name);
            }
        }
        if let Err(error) = checkpoint.done() {
            tracing::warn!("trial {}: cannot let go of a checkpoint: {error}", self.name);
            // Otherwise it would be sent for ever.
            return Err(ReportError::Refused(error.to_string()));
        }
        Ok(())
    }

    async fn store(&self, checkpoint: &Outgoing) -> Result<(), FileError> {
        let paths = checkpoint.files.clone();
        let hash = move || paths.iter().map(|path| announce(path)).collect::<io::Result<Vec<_>>>();
        let files = tokio::task::spawn_blocking(hash).await.map_err(io::Error::other)??;
        let what = format!("trial {}: storing a checkpoint", self.name);
        loop {
            for (file, path) in files.iter().zip(&checkpoint.files) {
                self.session.put_file(self.key, file, path).await?;
            }
            let told = self
                .session
                .insist(&what, || self.session.store_checkpoint(self.key, checkpoint.seq, &files))
                .await;
            match told {
                // Another trial's same file was just being removed: it is gone in a moment.
                Err(CallError::Refused { reason: Some(Reason::FileMissing), .. }) => {
                    tokio::time::sleep(self.session.backoff().pause()).await;
                }
                told => return Ok(told?),
            }
        }
    }
}
