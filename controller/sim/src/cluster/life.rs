//! A life of a controller: when it dies, and what it may do until then.

use std::future::pending;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// What a transaction is for, as far as deaths are aimed at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    Claim,
    Report,
    Finish,
    Checkpoint,
    Expiry,
    Proposals,
    Other,
}

impl Deed {
    /// Those that a death may be aimed at.
    pub(super) const AIMS: [Self; 6] =
        [Self::Claim, Self::Report, Self::Finish, Self::Checkpoint, Self::Expiry, Self::Proposals];
}

/// On which side of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edge {
    Before,
    After,
}

/// One life of a controller.
pub(super) struct Life {
    pub(super) who: String,
    state: Mutex<State>,
    thawed: Notify,
    /// Told when it died by itself.
    pub(super) died: Notify,
}

#[derive(Default)]
struct State {
    dead: bool,
    frozen: bool,
    full: bool,
    /// How often it was frozen or full so far.
    ills: u32,
    death: Option<(Deed, Edge)>,
}

impl Life {
    pub(super) fn new(number: u32) -> Arc<Self> {
        let who = format!("controller {number}");
        Arc::new(Self { who, state: Mutex::default(), thawed: Notify::new(), died: Notify::new() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn die(&self) {
        self.lock().dead = true;
    }

    /// It is to die at the next commit of a kind.
    pub(super) fn doom(&self, deed: Deed, edge: Edge) {
        self.lock().death = Some((deed, edge));
    }

    /// Whether its disk takes nothing.
    pub(super) fn fill(&self, full: bool) {
        let mut state = self.lock();
        state.full = full;
        state.ills += u32::from(full);
    }

    pub(super) fn is_full(&self) -> bool {
        self.lock().full
    }

    /// Whether it does nothing at all.
    pub(super) fn freeze(&self, frozen: bool) {
        {
            let mut state = self.lock();
            state.frozen = frozen;
            state.ills += u32::from(frozen);
        }
        if !frozen {
            self.thawed.notify_waiters();
        }
    }

    /// How often it was frozen or its disk full so far: who looks now and then may have missed it.
    pub(super) fn ills(&self) -> u32 {
        self.lock().ills
    }

    /// Waits while it is frozen, and for ever once it is dead.
    pub(super) async fn admitted(&self) {
        loop {
            let mut thawed = pin!(self.thawed.notified());
            thawed.as_mut().enable();
            {
                let state = self.lock();
                if !state.frozen && !state.dead {
                    return;
                }
            }
            thawed.await;
        }
    }

    /// Dies if it is to die here.
    pub(super) async fn pass(&self, deed: Deed, edge: Edge) {
        {
            let mut state = self.lock();
            if state.death != Some((deed, edge)) {
                return;
            }
            state.dead = true;
        }
        self.died.notify_one();
        pending::<()>().await;
    }
}
