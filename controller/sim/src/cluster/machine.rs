//! A machine of a simulated cluster: a disk, a slot, and the program in it. Its agent is in [`super::agent`].

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use sweep_core::file::FileRef;
use sweep_proto::v1::event::Kind;
use sweep_proto::{content, v1};
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::sleep;
use uuid::Uuid;

use super::agent;
use super::history::{History, ONE_PROGRAM};
use super::network::Network;
use crate::trial::{SAVED, STEPS, next};

/// One program in so many ends before its time.
const FAILING: f64 = 0.06;

/// What all machines have in common.
pub(super) struct World {
    pub(super) seed: u64,
    pub(super) sweep: String,
    pub(super) network: Arc<Network>,
    pub(super) history: History,
    /// Whether requests come twice, late and out of order.
    pub(super) unruly: AtomicBool,
}

pub(super) struct Machine {
    pub(super) name: String,
    pub(super) place: usize,
    pub(super) world: Arc<World>,
    state: Mutex<State>,
    /// Told when there is something for the agent to do.
    pub(super) news: Notify,
    thawed: Notify,
}

struct State {
    disk: Disk,
    /// The program in the slot; gone with the machine's power.
    program: Option<Program>,
    /// The agent's process.
    agent: Option<AbortHandle>,
    /// Agents started so far.
    agents: u64,
    frozen: bool,
}

struct Program {
    key: v1::AttemptRef,
    task: AbortHandle,
}

/// What survives everything but the loss of the machine.
#[derive(Default)]
pub(super) struct Disk {
    pub(super) agent: Uuid,
    pub(super) held: Option<Held>,
}

/// An attempt: what is known of it, and what it told.
pub(super) struct Held {
    pub(super) key: v1::AttemptRef,
    pub(super) number: u64,
    /// Seconds of a step.
    pub(super) pace: f64,
    /// The step it goes on from, and the value there.
    pub(super) from: (u64, f64),
    /// From number 1 on.
    pub(super) events: Vec<v1::Event>,
    pub(super) acknowledged: u64,
    /// Not yet in the controller's store.
    pub(super) checkpoints: VecDeque<Saved>,
    pub(super) exit: Option<Exit>,
    /// Why it is not ours any more.
    pub(super) lost: Option<String>,
}

#[derive(Clone)]
pub(super) struct Exit {
    pub(super) outcome: v1::Outcome,
    pub(super) reason: String,
}

/// A checkpoint's file.
#[derive(Clone)]
pub(super) struct Saved {
    pub(super) seq: u64,
    pub(super) file: v1::FileRef,
    pub(super) content: Vec<u8>,
}

impl Held {
    pub(super) fn name(&self) -> String {
        format!("trial {}.{}", self.number, self.key.attempt)
    }

    fn tell(&mut self, kind: Kind) {
        let seq = self.events.len() as u64 + 1;
        self.events.push(v1::Event { seq, at_ms: 0, kind: Some(kind) });
    }

    fn tell_step(&mut self, step: u64, value: f64) {
        let values = [("value".to_owned(), value)].into();
        self.tell(Kind::Metrics(v1::MetricPoint { step, epoch: None, values }));
        if step.is_multiple_of(SAVED) {
            let path = format!("{step}.checkpoint");
            self.tell(Kind::Checkpoint(v1::CheckpointRecord {
                step,
                path: path.clone(),
                resume: true,
                ..Default::default()
            }));
            let content = format!("{step} {}", value.to_bits()).into_bytes();
            if let Ok((sha256, size)) = content::digest(&*content)
                && let Ok(file) = FileRef::new(path, sha256, size)
            {
                self.checkpoints.push_back(Saved {
                    seq: self.events.len() as u64,
                    file: file.into(),
                    content,
                });
            }
        }
    }
}

impl Machine {
    pub(super) fn new(world: &Arc<World>, place: usize) -> Arc<Self> {
        Arc::new(Self {
            name: format!("machine {place}"),
            place,
            world: Arc::clone(world),
            state: Mutex::new(State {
                disk: Disk::default(),
                program: None,
                agent: None,
                agents: 0,
                frozen: false,
            }),
            news: Notify::new(),
            thawed: Notify::new(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A source of chance of its own, for what `stream` stands for.
    pub(super) fn chance(&self, stream: u64) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.world.seed);
        rng.set_stream((self.place as u64 + 1) << 32 | stream);
        rng
    }

    pub(super) fn say(&self, what: std::fmt::Arguments<'_>) {
        self.world.history.say(&self.name, what);
    }

    /// Looks at or changes what is on the disk.
    pub(super) fn disk<T>(&self, with: impl FnOnce(&mut Disk) -> T) -> T {
        with(&mut self.lock().disk)
    }

    /// Looks at or changes the attempt, if it is still this one.
    pub(super) fn held<T>(&self, key: &v1::AttemptRef, with: impl FnOnce(&mut Held) -> T) -> Option<T> {
        self.disk(|disk| disk.held.as_mut().filter(|held| held.key == *key).map(with))
    }

    pub(super) fn freeze(&self, frozen: bool) {
        self.lock().frozen = frozen;
        if !frozen {
            self.thawed.notify_waiters();
        }
    }

    /// Waits while the machine is frozen.
    pub(super) async fn awake(&self) {
        loop {
            let mut thawed = pin!(self.thawed.notified());
            thawed.as_mut().enable();
            if !self.lock().frozen {
                return;
            }
            thawed.await;
        }
    }

    /// Starts its agent, which takes up what it finds on the disk.
    pub(super) fn start(self: &Arc<Self>) {
        let mut state = self.lock();
        state.agents += 1;
        let life = state.agents;
        if state.disk.agent.is_nil() {
            let mut rng = self.chance(life << 16);
            state.disk.agent = uuid::Builder::from_random_bytes(rng.random()).into_uuid();
        }
        let running = state.program.as_ref().map(|program| program.key.clone());
        if let Some(held) = &mut state.disk.held
            && running.as_ref() != Some(&held.key)
        {
            held.exit.get_or_insert_with(|| Exit {
                outcome: v1::Outcome::Infrastructure,
                reason: "its keeper was lost".to_owned(),
            });
        }
        let machine = Arc::clone(self);
        state.agent = Some(tokio::spawn(agent::run(machine, life)).abort_handle());
    }

    /// Its agent is killed; the program runs on.
    pub(super) fn kill_agent(&self) {
        if let Some(agent) = self.lock().agent.take() {
            agent.abort();
        }
    }

    /// Its power fails: agent and program are gone, the disk is not.
    pub(super) fn cut_power(&self) {
        self.kill_agent();
        if let Some(program) = self.lock().program.take() {
            program.task.abort();
        }
    }

    /// It is gone for good; another takes its place.
    pub(super) fn lose(&self) {
        self.cut_power();
        self.lock().disk = Disk::default();
    }

    /// Whether a program runs on it.
    pub(super) fn is_running(&self) -> bool {
        self.lock().program.is_some()
    }

    /// Starts the program of the attempt on the disk.
    pub(super) fn launch(self: &Arc<Self>) {
        let mut state = self.lock();
        let Some(held) = &state.disk.held else { return };
        let (key, name, from, pace, number) =
            (held.key.clone(), held.name(), held.from, held.pace, held.number);
        self.say(format_args!("{name} begins after step {}", from.0));
        if let Some(other) = &state.program {
            let what = format!("{name} begins beside attempt {} of another", other.key.attempt);
            self.world.history.violation(ONE_PROGRAM, what);
        }
        let chance = self.chance(number << 12 | u64::from(key.attempt));
        let task = tokio::spawn(train(Arc::clone(self), key.clone(), from, pace, chance)).abort_handle();
        state.program = Some(Program { key, task });
    }

    /// Kills the program, if it runs, and forgets the attempt.
    pub(super) fn forget(&self, key: &v1::AttemptRef) {
        let mut state = self.lock();
        if let Some(program) = state.program.take_if(|program| program.key == *key) {
            program.task.abort();
        }
        state.disk.held.take_if(|held| held.key == *key);
    }

    /// The attempt is not this machine's any more.
    pub(super) fn lost(&self, key: &v1::AttemptRef, why: &str) {
        // Reasons of the controller name its sweep, whose id is another each time.
        let why = why.replace(&self.world.sweep, "SWEEP");
        self.held(key, |held| held.lost = Some(why));
        self.news.notify_one();
    }

    /// The program ended.
    fn exited(&self, key: &v1::AttemptRef, outcome: v1::Outcome, reason: &str) {
        self.lock().program.take_if(|program| program.key == *key);
        let name = self.held(key, |held| {
            held.exit = Some(Exit { outcome, reason: reason.to_owned() });
            held.name()
        });
        if let Some(name) = name {
            self.say(format_args!("{name} ends ({})", outcome.as_str_name()));
        }
        self.news.notify_one();
    }
}

/// The program of an attempt: what [`crate::trial`] is to real agents.
async fn train(
    machine: Arc<Machine>,
    key: v1::AttemptRef,
    from: (u64, f64),
    pace: f64,
    mut chance: ChaCha8Rng,
) {
    let fails_at = chance.random_bool(FAILING).then(|| chance.random_range(1..STEPS));
    let (mut step, mut value) = from;
    while step < STEPS {
        sleep(Duration::from_secs_f64(pace)).await;
        machine.awake().await;
        if fails_at == Some(step) {
            return machine.exited(&key, v1::Outcome::Failed, "exit code 1");
        }
        step += 1;
        value = next(value, step);
        if machine.held(&key, |held| held.tell_step(step, value)).is_none() {
            return;
        }
    }
    machine.exited(&key, v1::Outcome::Succeeded, "");
}

impl World {
    pub(super) fn is_unruly(&self) -> bool {
        self.unruly.load(Ordering::Relaxed)
    }
}
