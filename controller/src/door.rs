//! Claims that wait at a sweep's queue.
//!
//! Whatever happens wakes all of them, and each look is a transaction. So a few look at a time, and what one did not find
//! the others need not look for until something else happens.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use sweep_core::sweep::SweepState;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Claims of one sweep that look at a time: about what one commit takes in.
const ABREAST: usize = 32;

/// Why there is no trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Nothing {
    pub(crate) state: SweepState,
    pub(crate) reason: String,
}

/// Where the claims of one sweep wait.
#[derive(Debug)]
pub(crate) struct Door {
    places: Semaphore,
    /// The last look that found nothing, and what had happened by then, as a count.
    empty: Mutex<Option<(u64, Nothing)>>,
    waiting: AtomicU64,
}

/// A claim that waits for a trial, as long as this lives.
#[derive(Debug)]
pub(crate) struct Waiting<'a>(&'a AtomicU64);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Default for Door {
    fn default() -> Self {
        Self { places: Semaphore::new(ABREAST), empty: Mutex::default(), waiting: AtomicU64::new(0) }
    }
}

impl Door {
    /// A place to look from, once there is one.
    pub(crate) async fn enter(&self) -> Option<SemaphorePermit<'_>> {
        // It is never closed.
        self.places.acquire().await.ok()
    }

    /// One more waits here.
    pub(crate) fn wait(&self) -> Waiting<'_> {
        self.waiting.fetch_add(1, Ordering::AcqRel);
        Waiting(&self.waiting)
    }

    /// How many claims wait for a trial.
    pub(crate) fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Acquire)
    }

    /// What a claim would not find, by what had happened when it last heard.
    pub(crate) fn nothing(&self, heard: u64) -> Option<Nothing> {
        let empty = self.empty.lock().unwrap_or_else(PoisonError::into_inner);
        empty.as_ref().filter(|(at, _)| *at >= heard).map(|(_, nothing)| nothing.clone())
    }

    /// A look that began when so much had happened found nothing for anybody.
    pub(crate) fn found_nothing(&self, heard: u64, nothing: Nothing) {
        let mut empty = self.empty.lock().unwrap_or_else(PoisonError::into_inner);
        if empty.as_ref().is_none_or(|(at, _)| *at <= heard) {
            *empty = Some((heard, nothing));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_there_is_not_looked_for_until_something_happens() {
        let door = Door::default();
        let nothing = |reason: &str| Nothing { state: SweepState::Running, reason: reason.to_owned() };
        assert_eq!(door.nothing(0), None, "nobody looked yet");
        door.found_nothing(3, nothing("all are taken"));
        assert_eq!(door.nothing(3), Some(nothing("all are taken")));
        assert_eq!(
            door.nothing(2),
            Some(nothing("all are taken")),
            "who heard less is served by who heard more"
        );
        assert_eq!(door.nothing(4), None);
        // A look that took longer tells of the past.
        door.found_nothing(5, nothing("new"));
        door.found_nothing(4, nothing("old"));
        assert_eq!(door.nothing(5), Some(nothing("new")));
    }
}
