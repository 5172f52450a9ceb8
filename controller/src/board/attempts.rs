//! Who had which trial of a sweep when, as packed columns.

use sweep_core::board::column::{Column, pack};
use sweep_core::board::params::Words;
use sweep_store::{AttemptBrief, AttemptTable, Sweep};

use super::Result;
use super::table::{BYTES_OF_REASONS, shortened};
use crate::app::App;

/// Most attempts of one answer.
const MOST_ATTEMPTS: u32 = 20_000;

/// Attempts, newest first; every column has so many rows.
#[derive(Debug)]
pub(crate) struct Attempts {
    pub(crate) change: u64,
    pub(crate) rows: usize,
    /// There are older ones.
    pub(crate) more: bool,
    pub(crate) trials: Column,
    pub(crate) attempts: Column,
    pub(crate) agents: Words,
    pub(crate) devices: Words,
    pub(crate) started_at: Column,
    pub(crate) ended_at: Column,
    pub(crate) ends: Words,
    pub(crate) reasons: Words,
}

/// The newest attempts of the trials that changed after `since`.
pub(crate) async fn attempts(app: &App, sweep: &Sweep, since: u64) -> Result<Attempts> {
    let stored = app.store.attempt_table(&sweep.id, since, MOST_ATTEMPTS).await?;
    Ok(tokio::task::spawn_blocking(move || columns(&stored)).await?)
}

fn columns(stored: &AttemptTable) -> Attempts {
    let AttemptTable { change, more, attempts } = stored;
    let numbers = |of: &dyn Fn(&AttemptBrief) -> f64| pack(&attempts.iter().map(of).collect::<Vec<_>>());
    let words = |of: &dyn Fn(&AttemptBrief) -> String| {
        Words::of(attempts.iter().map(|one| Some(of(one)).filter(|word| !word.is_empty())))
    };
    Attempts {
        change: *change,
        rows: attempts.len(),
        more: *more,
        trials: numbers(&|one| one.trial as f64),
        attempts: numbers(&|one| f64::from(one.number)),
        agents: words(&|one| one.agent.clone()),
        devices: words(&|one| one.devices.join(", ")),
        started_at: numbers(&|one| one.claimed_at_ms as f64),
        ended_at: numbers(&|one| one.ended_at_ms.map_or(f64::NAN, |at| at as f64)),
        ends: words(&|one| one.end.map(|end| end.word().to_owned()).unwrap_or_default()),
        reasons: shortened(words(&|one| one.reason.clone()), BYTES_OF_REASONS),
    }
}
