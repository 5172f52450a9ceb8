//! A sweep, an agent and a clock to play with.

use std::future::Future;

use sweep_core::search::{Origin, Pending, Why};

use super::*;

pub(crate) const NOW: i64 = 1_700_000_000_000;

pub(crate) fn new_sweep(name: &str, planned: Option<u64>) -> NewSweep {
    let id: String = Uuid::now_v7().simple().to_string().chars().rev().take(8).collect();
    NewSweep {
        id,
        request_id: Uuid::now_v7(),
        name: name.to_owned(),
        project: "faces".to_owned(),
        description: String::new(),
        method: "random".to_owned(),
        objective: Some(Objective { name: "f1".to_owned(), goal: Goal::Maximize }),
        objectives: Vec::new(),
        seed: u64::MAX - 3,
        planned_trials: planned,
        retries: 0,
        infrastructure_retries: 5,
        fails_non_finite: false,
        max_parallel: None,
        stops: Default::default(),
        prior: Vec::new(),
        text: "method: random\n".to_owned(),
        created_at_ms: NOW,
    }
}

pub(crate) fn trial(number: u64) -> NewTrial {
    let params = Params::from([("n".to_owned(), number.into())]);
    let pending = vec![Pending { trial: number, best: Some(0.1), latest: None, held: false }];
    NewTrial {
        id: Uuid::now_v7(),
        number,
        params,
        origin: Origin { why: Why::Start { index: number }, pending },
    }
}

/// A sweep with so many queued trials, and an agent.
pub(crate) struct Scene {
    pub(crate) store: Any,
    pub(crate) sweep: String,
    pub(super) agent: Uuid,
    /// Milliseconds since the Unix epoch.
    pub(super) clock: AtomicI64,
}

pub(super) fn agent() -> Agent {
    Agent {
        id: Uuid::now_v7(),
        name: "box".to_owned(),
        host: "box.local".to_owned(),
        version: "0".to_owned(),
        slots: 1,
        devices: vec!["cuda:0".to_owned()],
        labels: BTreeMap::new(),
    }
}

impl Scene {
    pub(crate) async fn new(store: Any, trials: u64) -> Self {
        Self::of(store, new_sweep("scene", Some(trials)), trials).await
    }

    pub(crate) async fn of(store: Any, new: NewSweep, trials: u64) -> Self {
        let sweep = store.sweep_create(new).await.expect("creates").id;
        let queued = (1..=trials).map(trial).collect();
        assert!(store.trials_enqueue(&sweep, 0, queued, true, NOW).await.expect("queues"));
        let agent = agent();
        let id = agent.id;
        store.agent_register(agent, NOW).await.expect("registers");
        Self { store, sweep, agent: id, clock: AtomicI64::new(NOW + 1) }
    }

    pub(super) fn now(&self) -> i64 {
        self.clock.load(Ordering::SeqCst)
    }

    /// The same scene, through another store.
    pub(crate) fn on(&self, store: Any) -> Self {
        let clock = AtomicI64::new(self.now());
        Self { store, sweep: self.sweep.clone(), agent: self.agent, clock }
    }

    pub(crate) async fn claim_as(&self, request_id: Uuid) -> Claimed {
        let claim = Claim {
            sweep: self.sweep.clone(),
            agent: self.agent,
            request_id,
            lease: Duration::from_secs(60),
        };
        self.store.trial_claim(claim, self.now()).await.expect("claims")
    }

    pub(crate) async fn claim(&self) -> (AttemptKey, u64) {
        match self.claim_as(Uuid::now_v7()).await {
            Claimed::Granted(given) => {
                (AttemptKey { trial: given.trial, attempt: given.attempt }, given.number)
            }
            other => panic!("nothing granted: {other:?}"),
        }
    }

    pub(crate) async fn report(&self, key: AttemptKey, first_seq: u64, values: &[f64]) -> Result<Reported> {
        let events = values.iter().zip(first_seq..).map(|(&value, seq)| point(seq * 10, value)).collect();
        self.store.attempt_report(key, first_seq, events, self.now()).await
    }

    pub(crate) async fn finish(&self, key: AttemptKey, outcome: Outcome, last_seq: u64) -> Result<Finished> {
        let reason = if outcome == Outcome::Succeeded { "" } else { "because" };
        let finish =
            Finish { key, outcome, reason: reason.to_owned(), exit_code: Some(0), signal: None, last_seq };
        self.store.attempt_finish(finish, self.now()).await
    }

    pub(super) async fn sweep(&self) -> Sweep {
        self.store.sweep_find(&self.sweep).await.expect("is there")
    }

    pub(super) async fn trial(&self, number: u64) -> Trial {
        let name = TrialName::Number { sweep: self.sweep.clone(), number };
        self.store.trial_get(&name).await.expect("is there").trial
    }

    pub(crate) async fn curve(&self, key: AttemptKey) -> Vec<(u64, f64)> {
        let curves = self.store.curves(key.trial, &["f1".to_owned()]).await.expect("reads");
        curves.into_iter().flat_map(|(_, points)| points).map(|point| (point.step, point.value)).collect()
    }
}

pub(super) fn point(step: u64, value: f64) -> Event {
    let values = BTreeMap::from([("f1".to_owned(), value), ("loss".to_owned(), -value)]);
    Event { at_ms: NOW, kind: EventKind::Metrics { step, epoch: Some(0.5), values } }
}

/// Runs so many at one time and gathers what they come to.
pub(super) async fn at_once<T, F>(count: u64, work: impl Fn(u64) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let tasks: Vec<_> = (0..count).map(|at| tokio::spawn(work(at))).collect();
    let mut out = Vec::new();
    for task in tasks {
        out.push(task.await.expect("runs"));
    }
    out
}
