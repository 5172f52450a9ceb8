//! Takes trials from agents that are no longer heard of, and ends sweeps whose time is over. Core decides which; this keeps
//! time and asks.

use std::time::Duration;

use sweep_core::lease::LeaseWatch;
use sweep_store::{Awaited, StoreError};
use tokio::time::{Instant, MissedTickBehavior};
use tracing::{error, info, warn};

use crate::app::App;

/// Looks at the leases until the server stops.
pub(crate) async fn run(app: App) {
    // Often enough that a loss is noticed within a tenth of a lease.
    let period = (app.lease / 10).clamp(Duration::from_millis(50), Duration::from_secs(5));
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let start = Instant::now();
    let mut watch = LeaseWatch::new(app.lease / 2);
    loop {
        tokio::select! {
            biased;
            () = app.stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let unnoted = app.take_unnoted();
        match app.store.reaper_turn().await {
            Ok(true) => {}
            Ok(false) => {
                // Another controller watches; should it go away, every lease gets a full length again.
                watch = LeaseWatch::new(app.lease / 2);
                continue;
            }
            Err(cause) => {
                error!(error = %cause, "cannot ask for the reaper's turn; trying again");
                watch = LeaseWatch::new(app.lease / 2);
                continue;
            }
        }
        let now = start.elapsed();
        unnoted.into_iter().for_each(|key| watch.heard(now, key));
        if let Err(cause) = look(&app, &mut watch, now).await {
            error!(error = %cause, "cannot look at the leases; trying again");
        }
        if let Err(cause) = end_by_time(&app).await {
            error!(error = %cause, "cannot look for sweeps whose time is over; trying again");
        }
    }
}

async fn look(
    app: &App,
    watch: &mut LeaseWatch<sweep_store::AttemptKey>,
    now: Duration,
) -> Result<(), StoreError> {
    let live = app.store.leases_live().await?;
    let mut failed = Ok(());
    for lease in watch.look(now, &live) {
        match app.store.lease_expire(lease, app.clock.now_ms()).await {
            Ok(Some(finished)) => {
                let trial = lease.key.trial;
                warn!(trial.id = %trial, attempt = lease.key.attempt, "the agent of trial {trial} was not heard of for {} s; its lease is taken away", lease.length.as_secs());
                app.settled(&finished);
                // Who still runs it may be heard of again: it is to know.
                app.store.attend(Awaited::Verdict);
            }
            Ok(None) => {}
            Err(cause) => {
                // What cannot be taken away could not be renewed either.
                watch.heard(now, lease.key);
                failed = Err(cause);
            }
        }
    }
    failed
}

async fn end_by_time(app: &App) -> Result<(), StoreError> {
    for sweep in app.store.sweeps_end_by_time(app.clock.now_ms()).await? {
        info!(sweep.id = %sweep, "the time of sweep {sweep} is over: no new trials");
        app.store.attend(Awaited::Trial);
    }
    Ok(())
}
