//! The rules under any course of events: several agents that claim, report, resend, end, vanish and come back late,
//! people that pause and resume, a planner, a reaper, and a clock that jumps. Whatever the order, no trial is lost, none
//! is held twice, no cap is passed, and what was acknowledged is there.
#![expect(clippy::expect_used, reason = "a test that cannot go on fails")]

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use sweep_core::file::FileRef;
use sweep_core::objective::Goal;
use sweep_core::retention::Retention;
use sweep_core::search::{Origin, Why};
use sweep_core::sweep::{SweepEvent, SweepState};
use sweep_core::trial::{Outcome, TRANSITIONS, TrialEvent, TrialState};
use sweep_core::value::Params;
use sweep_store::{
    Agent, AttemptKey, Checkpoint, CheckpointFiles, Claim, Claimed, Event, EventKind, Finish, MemoryStore,
    NewSweep, NewTrial, Objective, Standing, Store, StoreError, Trial, TrialFilter,
};
use uuid::Uuid;

const AGENTS: usize = 4;
const CAP: u64 = 6;
const PARALLEL: u32 = 3;

/// What may happen.
#[derive(Debug, Clone)]
enum Happening {
    Plan {
        count: u64,
    },
    Claim {
        agent: usize,
    },
    /// The reply to the agent's last claim was lost: it asks again.
    ClaimAgain {
        agent: usize,
    },
    /// Reports points; `again`: what it sent last, once more.
    Report {
        held: usize,
        points: usize,
        again: bool,
    },
    /// Reports a checkpoint and stores its files.
    Save {
        held: usize,
    },
    Finish {
        held: usize,
        outcome: Outcome,
    },
    /// The reaper finds a lease too old.
    Expire {
        lease: usize,
    },
    Person {
        verb: SweepEvent,
    },
    /// Milliseconds, also back.
    Clock {
        by: i64,
    },
}

fn happening() -> impl Strategy<Value = Happening> {
    let outcome = prop::sample::select(vec![
        Outcome::Succeeded,
        Outcome::Failed,
        Outcome::Stopped,
        Outcome::Cancelled,
        Outcome::HandedBack,
        Outcome::Infrastructure,
    ]);
    let verb = prop::sample::select(vec![SweepEvent::Pause, SweepEvent::Resume, SweepEvent::Resume]);
    prop_oneof![
        2 => (1_u64..4).prop_map(|count| Happening::Plan { count }),
        6 => (0..AGENTS).prop_map(|agent| Happening::Claim { agent }),
        2 => (0..AGENTS).prop_map(|agent| Happening::ClaimAgain { agent }),
        8 => (0_usize..16, 1_usize..4, any::<bool>())
            .prop_map(|(held, points, again)| Happening::Report { held, points, again }),
        3 => (0_usize..16).prop_map(|held| Happening::Save { held }),
        4 => (0_usize..16, outcome).prop_map(|(held, outcome)| Happening::Finish { held, outcome }),
        3 => (0_usize..16).prop_map(|lease| Happening::Expire { lease }),
        1 => verb.prop_map(|verb| Happening::Person { verb }),
        2 => (-100_000_i64..1_000_000).prop_map(|by| Happening::Clock { by }),
    ]
}

/// What one agent believes it holds; it may have been taken from it.
#[derive(Debug, Clone)]
struct Held {
    key: AttemptKey,
    /// The last event that was acknowledged, and the step it stands at.
    seq: u64,
    step: u64,
    last_batch: (u64, Vec<Event>),
}

struct World {
    store: MemoryStore,
    sweep: String,
    agents: Vec<Uuid>,
    last_claims: Vec<Uuid>,
    held: Vec<Held>,
    now: i64,
    proposed: u64,
    /// Acknowledged steps of each trial's visible curve.
    curves: HashMap<Uuid, BTreeSet<u64>>,
    /// The step of the newest checkpoint stored.
    saved: HashMap<Uuid, u64>,
    /// To whom each attempt was granted.
    granted: BTreeMap<(Uuid, u32), usize>,
}

impl World {
    async fn new() -> Self {
        let store = MemoryStore::new();
        let new = NewSweep {
            id: "abcdefgh".to_owned(),
            request_id: Uuid::now_v7(),
            name: "machine".to_owned(),
            project: String::new(),
            description: String::new(),
            method: "random".to_owned(),
            objective: Some(Objective { name: "f1".to_owned(), goal: Goal::Maximize }),
            objectives: Vec::new(),
            seed: 7,
            planned_trials: Some(CAP),
            retries: 1,
            infrastructure_retries: 2,
            fails_non_finite: false,
            max_parallel: Some(PARALLEL),
            stops: Default::default(),
            prior: Vec::new(),
            text: String::new(),
            created_at_ms: 0,
        };
        let sweep = store.sweep_create(new).await.expect("creates").id;
        let mut agents = Vec::new();
        for number in 0..AGENTS {
            let agent = Agent {
                id: Uuid::now_v7(),
                name: format!("agent-{number}"),
                host: String::new(),
                version: String::new(),
                slots: 4,
                devices: Vec::new(),
                labels: BTreeMap::new(),
            };
            agents.push(agent.id);
            store.agent_register(agent, 0).await.expect("registers");
        }
        Self {
            store,
            sweep,
            last_claims: agents.iter().map(|_| Uuid::now_v7()).collect(),
            agents,
            held: Vec::new(),
            now: 1_000_000_000,
            proposed: 0,
            curves: HashMap::new(),
            saved: HashMap::new(),
            granted: BTreeMap::new(),
        }
    }

    async fn happen(&mut self, what: &Happening) {
        match *what {
            Happening::Plan { count } => self.plan(count).await,
            Happening::Claim { agent } => {
                self.last_claims[agent] = Uuid::now_v7();
                self.claim(agent).await;
            }
            Happening::ClaimAgain { agent } => self.claim(agent).await,
            Happening::Report { held, points, again } => self.report(held, points, again).await,
            Happening::Save { held } => self.save(held).await,
            Happening::Finish { held, outcome } => self.finish(held, outcome).await,
            Happening::Expire { lease } => {
                let live = self.store.leases_live().await.expect("reads");
                if !live.is_empty() {
                    let lease = live[lease % live.len()];
                    self.store.lease_expire(lease, self.now).await.expect("answers").expect("was live");
                }
            }
            Happening::Person { verb } => {
                let changed = self.store.sweep_change(&self.sweep, verb, self.now).await;
                assert!(changed.is_ok() || matches!(changed, Err(StoreError::SweepRefuses { .. })));
            }
            Happening::Clock { by } => self.now += by,
        }
    }

    async fn plan(&mut self, count: u64) {
        let last = (self.proposed + count).min(CAP);
        let trials = (self.proposed + 1..=last)
            .map(|number| NewTrial {
                id: Uuid::now_v7(),
                number,
                params: Params::default(),
                origin: Origin { why: Why::Random, pending: Vec::new() },
            })
            .collect();
        let queued =
            self.store.trials_enqueue(&self.sweep, self.proposed, trials, last == CAP, self.now).await;
        if queued.expect("answers") {
            self.proposed = last;
        }
    }

    async fn claim(&mut self, agent: usize) {
        let claim = Claim {
            sweep: self.sweep.clone(),
            agent: self.agents[agent],
            request_id: self.last_claims[agent],
            lease: Duration::from_secs(60),
        };
        let Claimed::Granted(given) = self.store.trial_claim(claim, self.now).await.expect("answers") else {
            return;
        };
        let key = AttemptKey { trial: given.trial, attempt: given.attempt };
        let seen = self.granted.insert((key.trial, key.attempt), agent);
        if let Some(owner) = seen {
            assert_eq!(owner, agent, "an attempt was granted to two agents");
            return;
        }
        let resumed = given.resume.as_ref().map(|point| point.step);
        assert_eq!(resumed, self.saved.get(&key.trial).copied());
        let step = resumed.unwrap_or(0);
        self.curves.entry(key.trial).or_default().retain(|reported| *reported <= step);
        self.held.push(Held { key, seq: 0, step, last_batch: (1, Vec::new()) });
    }

    async fn report(&mut self, held: usize, points: usize, again: bool) {
        let Some(at) = self.pick(held) else { return };
        let one = self.held[at].clone();
        let (first, events) = if again && !one.last_batch.1.is_empty() {
            one.last_batch.clone()
        } else {
            (one.seq + 1, (1..=points as u64).map(|more| point(one.step + more)).collect())
        };
        let count = events.len() as u64;
        match self.store.attempt_report(one.key, first, events.clone(), self.now).await {
            Ok(reported) => {
                assert!(!matches!(reported.standing, Standing::Lost(_)));
                assert_eq!(reported.acknowledged, one.seq.max(first + count - 1));
                let held = &mut self.held[at];
                if reported.acknowledged > one.seq {
                    held.seq = reported.acknowledged;
                    held.step += count;
                    let curve = self.curves.entry(one.key.trial).or_default();
                    curve.extend(one.step + 1..=one.step + count);
                }
                held.last_batch = (first, events);
            }
            Err(StoreError::AttemptStale { .. }) => self.lost(at),
            Err(other) => panic!("{other}"),
        }
    }

    async fn save(&mut self, held: usize) {
        let Some(at) = self.pick(held) else { return };
        let one = self.held[at].clone();
        let record = Checkpoint {
            step: one.step,
            epoch: None,
            path: String::new(),
            metrics: BTreeMap::new(),
            resume: true,
            stored: false,
            files: Vec::new(),
        };
        let event = Event { at_ms: 0, kind: EventKind::Checkpoint(record) };
        match self.store.attempt_report(one.key, one.seq + 1, vec![event.clone()], self.now).await {
            Ok(_) => {}
            Err(StoreError::AttemptStale { .. }) => return self.lost(at),
            Err(other) => panic!("{other}"),
        }
        self.held[at].seq += 1;
        self.held[at].last_batch = (one.seq + 1, vec![event]);
        let content = Uuid::now_v7().simple().to_string().repeat(2);
        self.store.files_wanted(one.key, vec![content.clone()], self.now).await.expect("is noted");
        let files = vec![FileRef::new("weights", content, 1).expect("is a file")];
        let told = CheckpointFiles { key: one.key, seq: one.seq + 1, files, retention: Retention::default() };
        self.store.checkpoint_store(told, self.now).await.expect("keeps");
        let newest = self.saved.entry(one.key.trial).or_default();
        *newest = (*newest).max(one.step);
    }

    async fn finish(&mut self, held: usize, outcome: Outcome) {
        let Some(at) = self.pick(held) else { return };
        let one = self.held[at].clone();
        let finish = Finish {
            key: one.key,
            outcome,
            reason: "because".to_owned(),
            exit_code: None,
            signal: None,
            last_seq: one.seq,
        };
        match self.store.attempt_finish(finish.clone(), self.now).await {
            Ok(ended) => {
                // The same end again is answered the same.
                let again = self.store.attempt_finish(finish, self.now).await.expect("answers");
                assert_eq!(again.state, ended.state);
            }
            Err(StoreError::AttemptStale { .. }) => {}
            Err(other) => panic!("{other}"),
        }
        self.lost(at);
    }

    fn pick(&self, at: usize) -> Option<usize> {
        (!self.held.is_empty()).then(|| at % self.held.len())
    }

    fn lost(&mut self, at: usize) {
        self.held.swap_remove(at);
    }

    async fn trials(&self) -> Vec<Trial> {
        self.store.trial_list(&self.sweep, TrialFilter::default()).await.expect("lists")
    }

    /// What holds at every moment.
    async fn check(&self, before: &[Trial]) -> Vec<Trial> {
        let trials = self.trials().await;
        let live = self.store.leases_live().await.expect("reads");
        let active: Vec<_> = trials.iter().filter(|trial| trial.state.is_active()).collect();
        // Whoever is active has exactly the one live lease, that of its newest attempt.
        assert_eq!(live.len(), active.len());
        for trial in &active {
            let current = AttemptKey { trial: trial.id, attempt: trial.attempt };
            assert_eq!(live.iter().filter(|lease| lease.key == current).count(), 1);
        }
        assert!(active.len() <= PARALLEL as usize);
        let numbers: Vec<u64> = trials.iter().map(|trial| trial.number).collect();
        assert_eq!(numbers, (1..=self.proposed).collect::<Vec<_>>());
        assert!(self.proposed <= CAP);
        // What is over stays so, and attempts only grow.
        for (old, new) in before.iter().zip(&trials) {
            assert!(old.id == new.id && old.attempt <= new.attempt);
            assert!(!old.state.is_over() || old.state == new.state, "{} became {}", old.state, new.state);
        }
        // What was acknowledged is there, once, and the best is the best of it.
        for trial in &trials {
            let curves = self.store.curves(trial.id, &["f1".to_owned()]).await.expect("reads");
            let points = curves.first().map_or(&[][..], |(_, points)| &points[..]);
            let steps: Vec<u64> = points.iter().map(|point| point.step).collect();
            let expected: Vec<u64> = self.curves.get(&trial.id).into_iter().flatten().copied().collect();
            assert_eq!(steps, expected, "trial {} in attempt {}", trial.number, trial.attempt);
            let best = points.iter().map(|point| point.value).reduce(f64::max);
            assert_eq!(trial.objective, best);
        }
        trials
    }

    /// From here on all goes well: does everything come to its end?
    async fn wind_up(&mut self) {
        self.plan(CAP).await;
        for lease in self.store.leases_live().await.expect("reads") {
            self.store.lease_expire(lease, self.now).await.expect("answers");
        }
        self.held.clear();
        // More rounds than there can be trials and benches: each ends a trial, or waits.
        for round in 0..100 {
            // Longer than any pause and any bench.
            self.now += 3_600_000;
            if self.store.sweep_find(&self.sweep).await.expect("is there").state.is_over() {
                break;
            }
            let _resumed = self.store.sweep_change(&self.sweep, SweepEvent::Resume, self.now).await;
            self.plan(CAP).await;
            let agent = round % AGENTS;
            self.last_claims[agent] = Uuid::now_v7();
            self.claim(agent).await;
            self.finish(0, Outcome::Succeeded).await;
        }
        let sweep = self.store.sweep_find(&self.sweep).await.expect("is there");
        assert_eq!(sweep.state, SweepState::Finished, "{}", sweep.reason);
        assert!(self.trials().await.iter().all(|trial| trial.state.is_over()));
        assert_eq!(self.proposed, CAP);
    }
}

fn point(step: u64) -> Event {
    let values = BTreeMap::from([("f1".to_owned(), (step as f64 * 0.7).sin())]);
    Event { at_ms: 0, kind: EventKind::Metrics { step, epoch: None, values } }
}

/// Every move of a trial that agents, the planner and the reaper can bring about.
fn moves() -> BTreeSet<(&'static str, &'static str)> {
    // What only a person or a multi-fidelity rule does is not played here.
    let played = |event| !matches!(event, TrialEvent::HeldBack | TrialEvent::Promoted | TrialEvent::Retried);
    let waiting = |from| from == TrialState::Queued;
    TRANSITIONS
        .iter()
        .filter(|(from, event, _)| *from != TrialState::Paused && played(*event))
        .filter(|(from, event, _)| !(waiting(*from) && *event == TrialEvent::Cancelled))
        .filter(|(from, _, to)| from != to)
        .map(|(from, _, to)| (from.word(), to.word()))
        .collect()
}

#[test]
fn no_trial_is_lost_or_doubled_whatever_happens() {
    let config = ProptestConfig { cases: 400, ..ProptestConfig::default() };
    // The same courses every time, so that what was seen of the table does not depend on luck.
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let seen = RefCell::new(BTreeSet::new());
    let courses = prop::collection::vec(happening(), 1..120);
    let played = runner.run(&courses, |happenings| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("starts");
        runtime.block_on(async {
            let mut world = World::new().await;
            let mut trials = Vec::new();
            for what in &happenings {
                world.happen(what).await;
                let after = world.check(&trials).await;
                let moved =
                    trials.iter().zip(&after).map(|(old, new): (&Trial, &Trial)| (old.state, new.state));
                let moved = moved.filter(|(old, new)| old != new);
                seen.borrow_mut().extend(moved.map(|(old, new)| (old.word(), new.word())));
                trials = after;
            }
            world.wind_up().await;
        });
        Ok(())
    });
    played.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(*seen.borrow(), moves());
}
