//! One run of a simulated cluster: faults by a seed, then peace, then judgement. Time is tokio's, paused: it moves when all
//! wait, and at once to the next thing that somebody waits for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use sweep_core::sweep::SweepState;
use sweep_proto::v1;
use sweep_proto::v1::sweep_service_client::SweepServiceClient;
use sweep_store::{AttemptKey, Store as _};
use tokio::time::{Instant, sleep, timeout};
use tonic::transport::Channel;
use uuid::Uuid;

use super::controller::Controller;
use super::fault::Kind;
use super::history::{COMES_TO_AN_END, History, NOTHING_LOST, ONE_PROGRAM};
use super::machine::{Machine, World};
use super::network::Network;
use super::watcher::Watcher;
use super::{LEASE, Plan};
use crate::judge::{Case, Verdict, check};

/// How long a healed cluster may take to end its sweep: longer than the longest bench and pause.
const LAST: Duration = Duration::from_secs(6 * 3_600);
/// How much later than it could a lease may be taken away: reapers look every five seconds, and a look may take its time.
const LATE: Duration = Duration::from_secs(15);

/// What came of a run.
pub(super) struct Outcome {
    pub(super) verdict: Verdict,
    pub(super) times: BTreeMap<Kind, u32>,
    /// Of the cluster's time.
    pub(super) took: Duration,
    #[cfg_attr(not(test), expect(dead_code, reason = "who wants it has it printed as it comes"))]
    pub(super) log: Vec<String>,
}

/// Runs a plan; the same plan gives the same log.
pub(super) fn run(plan: &Plan) -> anyhow::Result<Outcome> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    runtime.block_on(play(plan))
}

/// The cluster.
pub(super) struct Cluster {
    pub(super) controller: Arc<Controller>,
    pub(super) machines: Vec<Arc<Machine>>,
    pub(super) world: Arc<World>,
    /// As a person has it.
    pub(super) client: SweepServiceClient<Channel>,
    /// Whom something befalls just now, machines by place.
    afflicted: Mutex<BTreeSet<usize>>,
}

/// The controller among the afflicted, and the sweep.
pub(super) const CONTROLLER: usize = usize::MAX;
pub(super) const SWEEP: usize = usize::MAX - 1;

async fn play(plan: &Plan) -> anyhow::Result<Outcome> {
    // Two places more: for who asks, and for who watches.
    let network = Network::new(plan.seed, plan.machines + 2);
    let history = History::new(plan.aloud);
    let controller = Controller::new(Arc::clone(&network), history.clone(), plan.lie);
    controller.start();
    let mut client = SweepServiceClient::new(network.channel(plan.machines));
    let text = plan.file();
    let sweep = create(&mut client, &text, plan.seed).await?;
    let eyes = SweepServiceClient::new(network.channel(plan.machines + 1));
    let watcher = Watcher::start(eyes, sweep.clone(), history.clone());
    let unruly = AtomicBool::new(plan.unruly);
    let world = Arc::new(World { seed: plan.seed, sweep: sweep.clone(), network, history, unruly });
    let machines: Vec<_> = (0..plan.machines).map(|place| Machine::new(&world, place)).collect();
    machines.iter().for_each(Machine::start);
    let afflicted = Mutex::default();
    let cluster = Arc::new(Cluster { controller, machines, world, client: client.clone(), afflicted });
    tokio::spawn(Arc::clone(&cluster).mind_leases());

    let mut times = BTreeMap::new();
    cluster.storm(plan, &mut times).await;
    cluster.settle(&mut client).await;
    let trials = cluster.list(&mut client).await?;
    if timeout(LEASE, until(|| watcher.mistaken(&trials).is_empty())).await.is_err() {
        let what = format!("a watcher was not told the truth of trials {:?}", watcher.mistaken(&trials));
        cluster.world.history.violation(NOTHING_LOST, what);
    }
    let case = Case {
        sweep: &sweep,
        text: &text,
        cap: plan.trials,
        crowded: Vec::new(),
        steady_clock: !times.contains_key(&Kind::ClockJumps),
    };
    let mut verdict = check(&mut client, case).await?;
    let took = cluster.world.history.elapsed();
    let (log, violations) = cluster.world.history.end();
    violations.into_iter().for_each(|(invariant, what)| verdict.wrong(invariant, what));
    Ok(Outcome { verdict, times, took, log })
}

async fn create(client: &mut SweepServiceClient<Channel>, text: &str, seed: u64) -> anyhow::Result<String> {
    let request_id = Uuid::from_u64_pair(seed, 1).to_string();
    let request = v1::CreateSweepRequest { text: text.to_owned(), request_id, ..Default::default() };
    let created = client.create_sweep(request).await.context("creating the sweep")?.into_inner();
    Ok(created.sweep.context("no sweep")?.id)
}

/// Looks until it is so.
async fn until(mut so: impl FnMut() -> bool) {
    while !so() {
        sleep(Duration::from_secs(1)).await;
    }
}

impl Cluster {
    pub(super) fn say(&self, what: std::fmt::Arguments<'_>) {
        self.world.history.say("fault", what);
    }

    pub(super) fn afflicted(&self) -> MutexGuard<'_, BTreeSet<usize>> {
        self.afflicted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the sweep stands, by the store itself.
    pub(super) async fn state(&self) -> Option<SweepState> {
        self.controller.store.sweep_find(&self.world.sweep).await.ok().map(|sweep| sweep.state)
    }

    /// Watches that no lease stays in force for much longer than it is, as long as there is a controller to take it.
    async fn mind_leases(self: Arc<Self>) {
        let mut seen: BTreeMap<(Uuid, u32), (u64, Instant)> = BTreeMap::new();
        let mut life = None;
        loop {
            sleep(Duration::from_secs(5)).await;
            let lives = self.controller.life().map(|life| (life.who.clone(), life.ills()));
            if lives != life || self.afflicted().contains(&CONTROLLER) {
                // A reaper that was away starts afresh, and a lease that a full disk kept it from taking, however briefly,
                // is in force for its length once more.
                life = lives;
                seen.clear();
                continue;
            }
            let live = self.controller.store.leases_live().await.unwrap_or_default();
            let now = Instant::now();
            let mut next = BTreeMap::new();
            for lease in live {
                let AttemptKey { trial, attempt } = lease.key;
                let since = match seen.get(&(trial, attempt)) {
                    Some((renewals, since)) if *renewals == lease.renewals => *since,
                    _ => now,
                };
                if now - since > lease.length + LATE {
                    let name = self.world.history.name(lease.key);
                    let what = format!("the lease of {name} is in force after {:?} of silence", now - since);
                    self.world.history.violation(COMES_TO_AN_END, what);
                }
                next.insert((trial, attempt), (lease.renewals, since));
            }
            seen = next;
        }
    }

    /// All is well; waits until the sweep is over, and every machine at rest.
    async fn settle(&self, client: &mut SweepServiceClient<Channel>) {
        let begun = Instant::now();
        while begun.elapsed() < LAST {
            match self.state().await {
                Some(state) if state.is_over() => break,
                Some(SweepState::Paused) => {
                    // Nothing but failures at the start: a person looks, and lets it go on.
                    let request = v1::ResumeSweepRequest { sweep: self.world.sweep.clone() };
                    let _again = client.resume_sweep(request).await;
                }
                _ => {}
            }
            sleep(Duration::from_secs(20)).await;
        }
        let history = &self.world.history;
        if !self.state().await.is_some_and(SweepState::is_over) {
            let what = format!("the sweep did not end within {} h of peace", LAST.as_secs() / 3_600);
            history.violation(COMES_TO_AN_END, what);
        }
        // Agents hear of it by a lease's third.
        sleep(LEASE).await;
        for machine in self.machines.iter().filter(|machine| machine.is_running()) {
            let what = format!("a program runs on {} after its sweep is over", machine.name);
            history.violation(ONE_PROGRAM, what);
        }
    }

    async fn list(&self, client: &mut SweepServiceClient<Channel>) -> anyhow::Result<Vec<v1::Trial>> {
        let request = v1::ListTrialsRequest { sweep: self.world.sweep.clone(), ..Default::default() };
        Ok(client.list_trials(request).await.context("listing trials")?.into_inner().trials)
    }
}
