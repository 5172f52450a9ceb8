//! The controller of a simulated cluster: the real services over one store, one life after another.

use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sweep_controller::artifacts::Artifacts;
use sweep_controller::files::Keeping;
use sweep_controller::{App, Clock, serve_on};
use sweep_core::retention::Retention;
use sweep_store::MemoryStore;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;

use super::LEASE;
use super::history::History;
use super::life::Life;
use super::mortal::{Lie, Mortal};
use super::network::Network;

/// What its wall clock shows at the beginning, in seconds since the epoch: any day will do.
const BEGINNING: u64 = 1_790_000_000;
/// Connections that may wait to be taken; more are refused.
const BACKLOG: usize = 64;

pub(super) struct Controller {
    pub(super) store: MemoryStore,
    artifacts: Artifacts,
    network: Arc<Network>,
    history: History,
    /// How far its wall clock is off, in milliseconds.
    skew: Arc<AtomicI64>,
    lives: AtomicU32,
    running: Mutex<Option<Running>>,
    lie: Option<Lie>,
}

struct Running {
    life: Arc<Life>,
    stop: CancellationToken,
    serving: JoinHandle<anyhow::Result<()>>,
}

impl Controller {
    pub(super) fn new(network: Arc<Network>, history: History, lie: Option<Lie>) -> Arc<Self> {
        Arc::new(Self {
            store: MemoryStore::new(),
            artifacts: Artifacts::in_memory(),
            network,
            history,
            skew: Arc::default(),
            lives: AtomicU32::new(0),
            running: Mutex::default(),
            lie,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn clock(&self) -> Clock {
        let (history, skew) = (self.history.clone(), Arc::clone(&self.skew));
        Clock::new(move || -> SystemTime {
            let now = UNIX_EPOCH + Duration::from_secs(BEGINNING) + history.elapsed();
            let skew = skew.load(Ordering::Relaxed);
            let length = Duration::from_millis(skew.unsigned_abs());
            if skew < 0 { now - length } else { now + length }
        })
    }

    /// A new life begins, over what the last one left.
    pub(super) fn start(&self) {
        let number = self.lives.fetch_add(1, Ordering::Relaxed) + 1;
        let life = Life::new(number);
        let store = Mortal::new(self.store.clone(), Arc::clone(&life), self.history.clone(), self.lie);
        let keeping = Keeping { artifacts: self.artifacts.clone(), retention: Retention::default() };
        let app =
            App::new(Arc::new(store), LEASE).with_clock(self.clock()).in_one_thread().with_files(keeping);
        let (door, connections) = mpsc::channel(BACKLOG);
        let stop = CancellationToken::new();
        // As a listener's, they do not end by themselves.
        let connections = ReceiverStream::new(connections).chain(tokio_stream::pending());
        let serving = tokio::spawn(serve_on(connections, app, stop.clone().cancelled_owned()));
        self.network.open(door);
        self.history.say(&life.who, format_args!("begins"));
        *self.lock() = Some(Running { life, stop, serving });
    }

    /// The life that runs, if one does.
    pub(super) fn life(&self) -> Option<Arc<Life>> {
        self.lock().as_ref().map(|running| Arc::clone(&running.life))
    }

    /// Kills it: from now on it writes nothing and sends nothing.
    pub(super) fn kill(&self) {
        if let Some(Running { life, stop, .. }) = self.lock().take() {
            self.history.say(&life.who, format_args!("is dead"));
            life.die();
            self.network.shut();
            self.network.break_all();
            // What is left of its tasks ends.
            stop.cancel();
        }
    }

    /// Ends it as systemd does.
    pub(super) async fn stop(&self) {
        let Some(Running { life, stop, serving }) = self.lock().take() else { return };
        self.history.say(&life.who, format_args!("is told to end"));
        stop.cancel();
        self.network.shut();
        if let Ok(Err(error)) = serving.await {
            self.history.say(&life.who, format_args!("ends with {error:#}"));
        }
        life.die();
        self.network.break_all();
    }

    /// Its wall clock jumps.
    pub(super) fn jump(&self, milliseconds: i64) {
        self.skew.fetch_add(milliseconds, Ordering::Relaxed);
    }
}
