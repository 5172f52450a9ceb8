//! How fast a store is, and how it is when it is full.
//!
//! ```text
//! cargo run --release -p sweep-store --example load -- reports URL [AGENTS] [POINTS] [SECONDS]
//! cargo run --release -p sweep-store --example load -- fill URL [TRIALS] [POINTS]
//! cargo run --release -p sweep-store --example load -- reads URL
//! ```
//!
//! `reports`: agents that claim, report batches and finish as fast as they are answered. `fill`: a sweep of finished
//! trials, with so many points each. `reads`: what people and controllers ask, on what `fill` left.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a measurement for the terminal")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sweep_core::objective::Goal;
use sweep_core::search::{Origin, Why};
use sweep_core::trial::{Outcome, TrialState};
use sweep_core::value::Params;
use sweep_store::{
    Agent, AttemptKey, Awaited, Claim, Claimed, Event, EventKind, Finish, Location, NewSweep, NewTrial,
    Objective, Store, TrialFilter,
};
use uuid::Uuid;

const NOW: i64 = 1_700_000_000_000;

#[tokio::main]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, otherwise: u64| words.get(at).map_or(otherwise, |word| word.parse().unwrap());
    let started = Instant::now();
    let store = Location::parse(&words[1]).unwrap().open().await.unwrap();
    println!("opened in {:?}", started.elapsed());
    match words[0].as_str() {
        "reports" => {
            let plan = Plan { agents: number(2, 16), points: number(3, 100), seconds: number(4, 5) };
            reports(store, plan).await;
        }
        "fill" => fill(store, number(2, 100_000), number(3, 100)).await,
        "reads" => reads(&*store).await,
        other => panic!("{other}: reports, fill or reads"),
    }
}

struct Plan {
    agents: u64,
    /// In one report, of two metrics each.
    points: u64,
    seconds: u64,
}

async fn sweep(store: &dyn Store) -> String {
    let id: String = Uuid::new_v4().simple().to_string().chars().take(8).collect();
    let new = NewSweep {
        id,
        request_id: Uuid::new_v4(),
        name: "load".to_owned(),
        project: String::new(),
        description: String::new(),
        method: "random".to_owned(),
        objective: Some(Objective { name: "f1".to_owned(), goal: Goal::Maximize }),
        objectives: Vec::new(),
        seed: 1,
        planned_trials: None,
        retries: 0,
        infrastructure_retries: 5,
        fails_non_finite: false,
        max_parallel: None,
        stops: Default::default(),
        prior: Vec::new(),
        text: "method: random\n".to_owned(),
        created_at_ms: NOW,
    };
    store.sweep_create(new).await.unwrap().id
}

/// Queues trials as the planner does, a few more than are asked for, up to so many.
async fn plan(store: Arc<dyn Store>, id: String, ahead: u64, most: u64) {
    let mut feed = store.feed();
    let mut proposed = 0;
    while proposed < most {
        let queued = store.trials_count(&id, TrialState::Queued).await.unwrap();
        if queued >= ahead {
            feed.changed().await.unwrap();
            continue;
        }
        let last = most.min(proposed + ahead);
        let some = (proposed + 1..=last)
            .map(|number| NewTrial {
                id: Uuid::now_v7(),
                number,
                params: Params::from([("lr".to_owned(), (number as f64).sqrt().into())]),
                origin: Origin { why: Why::Random, pending: Vec::new() },
            })
            .collect();
        assert!(store.trials_enqueue(&id, proposed, some, last == most, NOW).await.unwrap());
        store.attend(Awaited::Trial);
        proposed = last;
    }
}

async fn agent(store: &dyn Store) -> Uuid {
    let id = Uuid::new_v4();
    let agent = Agent {
        id,
        name: "box".to_owned(),
        host: "box".to_owned(),
        version: String::new(),
        slots: 1,
        devices: vec![],
        labels: BTreeMap::new(),
    };
    store.agent_register(agent, NOW).await.unwrap();
    id
}

fn batch(first: u64, points: u64) -> Vec<Event> {
    (first..first + points)
        .map(|seq| {
            let value = (seq as f64 * 0.7).sin();
            let values = BTreeMap::from([("f1".to_owned(), value), ("loss".to_owned(), 1.0 - value)]);
            Event { at_ms: NOW + seq as i64, kind: EventKind::Metrics { step: seq, epoch: None, values } }
        })
        .collect()
}

/// A trial, once there is one; how long the store took for it, waiting for the planner not counted.
async fn claim(store: &dyn Store, sweep: &str, agent: Uuid) -> Option<(AttemptKey, Duration)> {
    let mut attention = store.attention(Awaited::Trial);
    let claim =
        Claim { sweep: sweep.to_owned(), agent, request_id: Uuid::new_v4(), lease: Duration::from_secs(60) };
    loop {
        attention.mark_unchanged();
        let started = Instant::now();
        match store.trial_claim(claim.clone(), NOW).await.unwrap() {
            Claimed::Granted(given) => {
                let key = AttemptKey { trial: given.trial, attempt: given.attempt };
                return Some((key, started.elapsed()));
            }
            Claimed::Nothing { exhausted: true, .. } => return None,
            Claimed::Nothing { .. } => attention.changed().await.unwrap(),
        }
    }
}

async fn finish(store: &dyn Store, key: AttemptKey, last_seq: u64) {
    let finish = Finish {
        key,
        outcome: Outcome::Succeeded,
        reason: String::new(),
        exit_code: Some(0),
        signal: None,
        last_seq,
    };
    store.attempt_finish(finish, NOW).await.unwrap();
}

/// How long calls took.
#[derive(Default)]
struct Times(Vec<Duration>);

impl Times {
    async fn time<T>(&mut self, call: impl Future<Output = T>) -> T {
        let started = Instant::now();
        let answer = call.await;
        self.0.push(started.elapsed());
        answer
    }

    fn print(mut self, name: &str, seconds: f64) {
        self.0.sort_unstable();
        let at = |share: f64| self.0[((self.0.len() - 1) as f64 * share) as usize];
        let rate = self.0.len() as f64 / seconds;
        println!("{name:<8} {rate:>8.0}/s  median {:?}  p99 {:?}", at(0.5), at(0.99));
    }
}

async fn reports(store: Arc<dyn Store>, plan: Plan) {
    let id = sweep(&*store).await;
    tokio::spawn(self::plan(Arc::clone(&store), id.clone(), plan.agents + 16, u64::MAX));
    let end = Instant::now() + Duration::from_secs(plan.seconds);
    let started = Instant::now();
    let tasks: Vec<_> = (0..plan.agents)
        .map(|_| {
            let (store, id) = (Arc::clone(&store), id.clone());
            tokio::spawn(async move {
                let me = agent(&*store).await;
                let (mut claims, mut reports, mut ends) = Default::default();
                while Instant::now() < end {
                    let claims: &mut Times = &mut claims;
                    let Some((key, took)) = claim(&*store, &id, me).await else { break };
                    claims.0.push(took);
                    let mut seq = 0;
                    for _ in 0..20 {
                        let events = batch(seq + 1, plan.points);
                        let reports: &mut Times = &mut reports;
                        reports.time(store.attempt_report(key, seq + 1, events, NOW)).await.unwrap();
                        seq += plan.points;
                    }
                    let ends: &mut Times = &mut ends;
                    ends.time(finish(&*store, key, seq)).await;
                }
                (claims, reports, ends)
            })
        })
        .collect();
    let (mut claims, mut reports, mut ends) = (Times::default(), Times::default(), Times::default());
    for task in tasks {
        let (c, r, e) = task.await.unwrap();
        claims.0.extend(c.0);
        reports.0.extend(r.0);
        ends.0.extend(e.0);
    }
    let seconds = started.elapsed().as_secs_f64();
    let points = reports.0.len() as f64 * plan.points as f64 * 2.0;
    println!(
        "{} agents, {} steps of 2 metrics a report: {:.0} durable points/s",
        plan.agents,
        plan.points,
        points / seconds
    );
    claims.print("claims", seconds);
    reports.print("reports", seconds);
    ends.print("ends", seconds);
}

async fn fill(store: Arc<dyn Store>, trials: u64, points: u64) {
    let id = sweep(&*store).await;
    tokio::spawn(plan(Arc::clone(&store), id.clone(), 256, trials));
    let started = Instant::now();
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            let (store, id) = (Arc::clone(&store), id.clone());
            tokio::spawn(async move {
                let me = agent(&*store).await;
                while let Some((key, _)) = claim(&*store, &id, me).await {
                    store.attempt_report(key, 1, batch(1, points / 2), NOW).await.unwrap();
                    finish(&*store, key, points / 2).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    println!("{trials} trials of {points} points in {:?}", started.elapsed());
}

async fn reads(store: &dyn Store) {
    let print = |name: &str, times: Times| times.print(name, 1.0);
    let id = store.sweep_find("-").await.unwrap().id;
    let mut times: BTreeMap<&str, Times> = BTreeMap::new();
    macro_rules! time {
        ($name:literal, $call:expr) => {
            times.entry($name).or_default().time($call).await.unwrap()
        };
    }
    for _ in 0..10 {
        time!("find", store.sweep_find(&id));
        time!("list", store.sweep_list());
        let top = TrialFilter { states: vec![], top: Some(10) };
        let best = time!("top 10", store.trial_list(&id, top));
        time!("curves", store.curves(best[0].id, &[]));
        time!("leases", store.leases_live());
        time!("count", store.trials_count(&id, TrialState::Finished));
        let last = *store.feed().borrow();
        time!("changes", store.changes_since(&id, last));
    }
    for (name, times) in times {
        print(name, times);
    }
}
