//! Whether an attempt may still write, and what it is told.

use sweep_core::sweep::SweepState;

use crate::port::AttemptStanding;
use crate::{AttemptKey, Result, Standing, StoreError};

/// No such attempt: its trial was never here, or was withdrawn.
pub(super) fn unknown(key: AttemptKey) -> StoreError {
    StoreError::TrialNotFound { name: format!("{} (attempt {})", key.trial, key.attempt) }
}

impl AttemptStanding {
    /// What the attempt's agent is told.
    pub(super) fn told(&self, key: AttemptKey) -> Standing {
        if let Some(reason) = self.stale(key) {
            return Standing::Lost(reason);
        }
        match self.sweep_state {
            SweepState::Cancelled => Standing::Cancel("sweep cancelled".to_owned()),
            _ if !self.stop.is_empty() => Standing::Stop(self.stop.clone()),
            // Whether it may go on later is no matter of its agent's.
            _ => match self.judged.verdict.reason() {
                Some(reason) => Standing::Stop(reason.to_string()),
                None => Standing::GoOn,
            },
        }
    }

    /// Why the attempt may not write any more.
    pub(super) fn stale(&self, key: AttemptKey) -> Option<String> {
        if self.current != key.attempt {
            return Some("a newer attempt has the trial".to_owned());
        }
        match self.end {
            Some(end) => Some(format!("it ended: {}", end.word())),
            None if !self.state.is_active() => Some(format!("the trial is {}", self.state)),
            None => None,
        }
    }

    pub(super) fn refuse_stale(&self, key: AttemptKey) -> Result<()> {
        let trial = format!("{}/{}", self.sweep, self.number);
        self.stale(key)
            .map_or(Ok(()), |reason| Err(StoreError::AttemptStale { trial, attempt: key.attempt, reason }))
    }
}
