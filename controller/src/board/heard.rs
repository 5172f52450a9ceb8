//! When agents were heard of last. Every call of an agent would be too often for the database: what is new goes there every
//! few seconds.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tracing::warn;
use uuid::Uuid;

use crate::app::App;

/// How often what is new is stored.
const PERIOD: Duration = Duration::from_secs(5);

/// Milliseconds since the Unix epoch by agent, as this controller heard.
#[derive(Debug, Default)]
pub(crate) struct Heard(Mutex<BTreeMap<Uuid, Moment>>);

#[derive(Debug, Clone, Copy)]
struct Moment {
    at_ms: i64,
    stored: bool,
}

impl Heard {
    pub(crate) fn note(&self, agent: Uuid, at_ms: i64) {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        heard.insert(agent, Moment { at_ms, stored: false });
    }

    /// When one was heard of; `None`: not by this controller.
    pub(crate) fn at_ms(&self, agent: Uuid) -> Option<i64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&agent).map(|moment| moment.at_ms)
    }

    /// What was not stored yet; it counts as stored from now on.
    fn take(&self) -> Vec<(Uuid, i64)> {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut new = Vec::new();
        for (agent, moment) in &mut *heard {
            if !std::mem::replace(&mut moment.stored, true) {
                new.push((*agent, moment.at_ms));
            }
        }
        new
    }
}

/// Stores what is new until the server stops. What could not be stored is lost: agents are heard of again.
pub(crate) async fn run(app: App) {
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = app.stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let new = app.heard.take();
        if !new.is_empty()
            && let Err(cause) = app.store.agents_seen(new).await
        {
            warn!(error = %cause, "cannot note when agents were heard of last");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_heard_is_stored_once() {
        let heard = Heard::default();
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        heard.note(one, 10);
        heard.note(two, 20);
        assert_eq!(heard.take(), [(one, 10), (two, 20)]);
        heard.note(two, 30);
        assert_eq!(heard.take(), [(two, 30)]);
        assert!(heard.take().is_empty());
        assert_eq!((heard.at_ms(one), heard.at_ms(two)), (Some(10), Some(30)));
    }
}
