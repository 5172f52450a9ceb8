//! The attempts this agent holds: their leases are renewed together, and each hears the controller's verdict.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;
use uuid::Uuid;

use crate::session::{Session, Verdict};
use crate::trial::task::AttemptKey;

/// Longest time the controller may hold a heartbeat.
const LONGEST_WAIT: Duration = Duration::from_secs(20);
/// Between two heartbeats while an attempt that was told to end still ends: the controller would answer at once.
const ENDING_PACE: Duration = Duration::from_secs(1);
/// After a change, so that a row of short trials does not become a row of heartbeats.
const SETTLE: Duration = Duration::from_millis(250);

/// Clones are the same set.
#[derive(Clone, Default)]
pub(crate) struct Held {
    attempts: Arc<Mutex<BTreeMap<AttemptKey, watch::Sender<Verdict>>>>,
    changed: Arc<watch::Sender<()>>,
}

/// An attempt in the set, as long as this lives.
pub(crate) struct Holding {
    key: AttemptKey,
    held: Held,
    pub(crate) verdict: watch::Receiver<Verdict>,
}

impl Held {
    /// Adds an attempt, with what is known of it already.
    pub(crate) fn hold(&self, key: AttemptKey, verdict: Verdict) -> Holding {
        let (tell, told) = watch::channel(verdict);
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner).insert(key, tell);
        self.changed.send_replace(());
        Holding { key, held: self.clone(), verdict: told }
    }

    fn keys(&self) -> Vec<AttemptKey> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }

    /// Passes verdicts on; returns whether any attempt is to end.
    fn tell(&self, keys: &[AttemptKey], verdicts: Vec<Verdict>) -> bool {
        let attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut ending = false;
        for (key, verdict) in keys.iter().zip(verdicts) {
            ending |= verdict != Verdict::GoOn;
            if let Some(attempt) = attempts.get(key) {
                attempt.send_if_modified(|known| {
                    let new = verdict != Verdict::GoOn && *known != verdict;
                    if new {
                        *known = verdict;
                    }
                    new
                });
            }
        }
        ending
    }

    /// Renews the leases for ever.
    pub(crate) async fn keep_alive(self, session: Session, agent: Uuid, lease: Duration) {
        let mut changed = self.changed.subscribe();
        let pace = (lease / 3).min(LONGEST_WAIT);
        let mut backoff = None;
        loop {
            changed.mark_unchanged();
            let keys = self.keys();
            if keys.is_empty() {
                if changed.changed().await.is_err() {
                    return;
                }
                sleep(SETTLE).await;
                continue;
            }
            let answer = tokio::select! {
                answer = session.heartbeat(agent, &keys, pace) => answer,
                _ = changed.changed() => {
                    sleep(SETTLE).await;
                    continue;
                }
            };
            match answer {
                Ok(verdicts) => {
                    backoff = None;
                    if self.tell(&keys, verdicts) {
                        sleep(ENDING_PACE.min(pace)).await;
                    }
                }
                // Reports and finishes say so; a heartbeat only tries again.
                Err(_) => {
                    let backoff = backoff.get_or_insert_with(|| session.backoff());
                    sleep(backoff.pause().min(pace)).await;
                }
            }
        }
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.held.attempts.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
        self.held.changed.send_replace(());
    }
}
