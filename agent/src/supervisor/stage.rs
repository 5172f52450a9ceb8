//! How far the agent is in going down: each Ctrl-C or SIGTERM takes it one stage further.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::exit::{Exit, Failure};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
pub(crate) enum Stage {
    /// Claims and runs.
    Work,
    /// Running trials finish; no new ones.
    Drain,
    /// Running trials are terminated and handed back.
    HandBack,
    /// They are killed and handed back.
    Kill,
}

impl Stage {
    fn next(self) -> Self {
        match self {
            Self::Work => Self::Drain,
            Self::Drain => Self::HandBack,
            Self::HandBack | Self::Kill => Self::Kill,
        }
    }

    fn announce(self) {
        match self {
            Self::Work => {}
            Self::Drain => tracing::info!(
                "running trials finish, no new ones start; again (Ctrl-C) to stop them and hand them back"
            ),
            Self::HandBack => {
                tracing::info!(
                    "stopping the running trials and handing them back; again (Ctrl-C) to kill them"
                );
            }
            Self::Kill => tracing::info!("killing the running trials"),
        }
    }
}

/// The stage, and the exit code that the first signal asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing {
    pub(crate) stage: Stage,
    pub(crate) exit: Exit,
}

/// Watches for signals from now on. Draining turns into handing back after `drain`; `None`: only by a signal.
pub(crate) fn watch_signals(drain: Option<Duration>) -> Result<watch::Receiver<Standing>, Failure> {
    let cannot = |error| Failure::new(Exit::Unexpected, format!("cannot listen for signals: {error}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(cannot)?;
    let (to, standing) = watch::channel(Standing { stage: Stage::Work, exit: Exit::Done });
    tokio::spawn(async move {
        let mut overdue = None;
        loop {
            let exit = tokio::select! {
                _ = interrupt.recv() => Exit::Interrupted,
                _ = terminate.recv() => Exit::Terminated,
                () = at(overdue) => to.borrow().exit,
                () = to.closed() => return,
            };
            let begins = to.borrow().stage == Stage::Work;
            overdue = drain.filter(|_| begins).map(|drain| Instant::now() + drain);
            to.send_modify(|standing| {
                if standing.stage == Stage::Work {
                    standing.exit = exit;
                }
                standing.stage = standing.stage.next();
                standing.stage.announce();
            });
        }
    });
    Ok(standing)
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// Resolves once the stage is at least `stage`.
pub(crate) async fn reached(standing: &mut watch::Receiver<Standing>, stage: Stage) {
    if standing.wait_for(|now| now.stage >= stage).await.is_err() {
        // Nobody sends any more: it never will be.
        std::future::pending::<()>().await;
    }
}
