//! Sweeps of every method and every stop rule are worked off, and what was proposed and said is proposed and said again.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use sweep_controller::{App, serve};
use sweep_proto::v1;
use sweep_proto::v1::agent_service_client::AgentServiceClient;
use sweep_store::{Location, SqliteStore, Store, cluster};
use tokio::net::TcpListener;
use tonic::transport::Channel;
use uuid::Uuid;

/// A controller on a store; its address.
async fn controller(store: Arc<dyn Store>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(serve(listener, App::new(store, Duration::from_secs(60)), std::future::pending()));
    url
}

/// Standard output, and what was said; the command must succeed.
async fn ctl(url: &str, folder: &Path, arguments: &[&str]) -> (String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sweep-ctl"));
    command.args(arguments).env("SWEEP_SERVER", url).env("COLUMNS", "200").current_dir(folder);
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (out, said) = (text(output.stdout), text(output.stderr));
    assert!(output.status.success(), "{arguments:?}: {out}{said}");
    (out, said)
}

/// An agent that asks one controller after the other.
struct Agent {
    controllers: Vec<AgentServiceClient<Channel>>,
    asked: usize,
    id: String,
    sweep: String,
}

impl Agent {
    async fn join(urls: &[String], sweep: &str, first: usize) -> Self {
        let mut controllers = Vec::new();
        for url in urls {
            controllers.push(AgentServiceClient::connect(url.clone()).await.unwrap());
        }
        let id = Uuid::now_v7().to_string();
        let mut agent = Self { controllers, asked: first, id: id.clone(), sweep: sweep.to_owned() };
        let sweep_id = sweep.to_owned();
        let register = v1::RegisterRequest { agent_id: id, sweep_id, slots: 1, ..Default::default() };
        agent.next().register(register).await.unwrap();
        agent
    }

    fn next(&mut self) -> &mut AgentServiceClient<Channel> {
        self.asked += 1;
        let at = self.asked % self.controllers.len();
        &mut self.controllers[at]
    }

    /// `None`: the sweep is over.
    async fn claim(&mut self) -> Option<v1::Assignment> {
        let claim = v1::ClaimRequest {
            agent_id: self.id.clone(),
            sweep_id: self.sweep.clone(),
            request_id: Uuid::now_v7().to_string(),
            wait_ms: 20_000,
        };
        loop {
            match self.next().claim(claim.clone()).await.unwrap().into_inner().outcome {
                Some(v1::claim_response::Outcome::Assignment(trial)) => return Some(trial),
                Some(v1::claim_response::Outcome::Over(_)) => return None,
                // Another controller was told; this one hears of it when it looks next.
                Some(v1::claim_response::Outcome::Idle(_)) => {}
                None => panic!("an empty answer"),
            }
        }
    }

    /// Runs a trial of nine epochs, with a loss that is lowest where `a` is 0.3, as far as it is let.
    async fn run(&mut self, trial: &v1::Assignment) {
        let params: serde_json::Value = serde_json::from_str(&trial.params_json).unwrap();
        let best = (params["a"].as_f64().unwrap() - 0.3).abs();
        // Every seventh fails, after it told something.
        let fails = trial.number.is_multiple_of(7);
        let (mut last_seq, mut outcome) = (0, v1::Outcome::Succeeded);
        for epoch in 1..=9_u32 {
            last_seq = u64::from(epoch);
            let values = [("loss".to_owned(), best + 1.0 / f64::from(epoch))].into();
            let point = v1::MetricPoint { step: last_seq * 10, epoch: Some(epoch.into()), values };
            let at_ms = i64::from(epoch) * 60_000;
            let event = v1::Event { seq: last_seq, at_ms, kind: Some(v1::event::Kind::Metrics(point)) };
            let (trial_id, attempt) = (trial.trial_id.clone(), trial.attempt);
            let report = v1::ReportRequest { trial_id, attempt, events: vec![event] };
            let verdict = self.next().report(report).await.unwrap().into_inner().verdict.unwrap();
            if verdict.kind() == v1::VerdictKind::Stop {
                outcome = v1::Outcome::Stopped;
                break;
            }
            if fails && epoch == 2 {
                outcome = v1::Outcome::Failed;
                break;
            }
        }
        let finish = v1::FinishRequest {
            trial_id: trial.trial_id.clone(),
            attempt: trial.attempt,
            outcome: outcome.into(),
            last_seq,
            ..Default::default()
        };
        self.next().finish(finish).await.unwrap();
    }
}

const METHODS: [&str; 6] = ["random", "sobol", "tpe", "cmaes", "bayes", "auto"];
const RULES: [&str; 6] = [
    "{type: asha, resource: epoch, min: 1, max: 9}",
    "{type: asha, resource: epoch, min: 1, max: 9, promote: pause, brackets: 2}",
    "{type: hyperband, min_iter: 1, eta: 2}",
    "{type: median, resource: epoch, interval: 2, min_trials: 3}",
    "{type: patience, resource: seconds, patience: 2m, min_delta: 0.2}",
    "",
];

/// Works off a sweep of a method and a rule with three agents, and replays it.
async fn work_off_and_replay(urls: &[String], folder: &Path, method: &str, rule: &str) {
    let rule = if rule.is_empty() { String::new() } else { format!("early_terminate: {rule}\n") };
    let file = format!(
        "program: train.py\nmethod: {method}\nseed: 3\nrun_cap: 24\nmetric: {{name: loss}}\n{rule}parameters:\n  \
         a: {{min: 0.0, max: 1.0}}\n  b: {{values: [x, y, z]}}\n  c: {{min: 1, max: 64, when: {{b: x}}}}\n\
         constraints: [a < 0.9]\n"
    );
    std::fs::write(folder.join("learning.yaml"), file).unwrap();
    let case = format!("{method}, {rule}");
    let (id, _) = ctl(&urls[0], folder, &["create", "learning.yaml", "-o", "name"]).await;
    let id = id.trim().to_owned();
    let agents: Vec<_> = (0..3)
        .map(|first| {
            let (urls, id) = (urls.to_vec(), id.clone());
            tokio::spawn(async move {
                let mut agent = Agent::join(&urls, &id, first).await;
                while let Some(trial) = agent.claim().await {
                    agent.run(&trial).await;
                }
            })
        })
        .collect();
    for agent in agents {
        agent.await.unwrap();
    }
    let (_, replayed) = ctl(&urls[0], folder, &["replay", &id]).await;
    assert!(replayed.contains("24 of 24 trials are proposed again"), "{case}: {replayed}");
    assert_eq!(replayed.contains("judgements are made again"), !rule.is_empty(), "{case}: {replayed}");
    let (shown, _) = ctl(&urls[0], folder, &["trials", &id, "-o", "json"]).await;
    let trials: Vec<serde_json::Value> = serde_json::from_str(&shown).unwrap();
    assert_eq!(trials.len(), 24, "{case}");
    for trial in &trials {
        assert!(trial["why"].as_str().is_some_and(|why| !why.is_empty()), "{case}: {trial}");
        let stopped = trial["state"] == "stopped_early";
        assert!(
            stopped || ["finished", "failed"].iter().any(|state| trial["state"] == *state),
            "{case}: {trial}"
        );
        assert!(!stopped || trial["verdict"].is_object(), "{case}: {trial}");
    }
    let stopped = trials.iter().any(|trial| trial["state"] == "stopped_early");
    assert_eq!(stopped, !rule.is_empty(), "{case}: some are stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn sweeps_of_every_method_and_rule_are_worked_off_and_replayed() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("sweep.db")).await.unwrap();
    let urls = [controller(Arc::new(store)).await];
    for (method, rule) in METHODS.iter().zip(RULES) {
        work_off_and_replay(&urls, folder.path(), method, rule).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sweeps_of_three_controllers_on_postgres_are_replayed() {
    let Some(cluster) = cluster::cluster() else { return };
    let url = cluster.database().await;
    let folder = tempfile::tempdir().unwrap();
    let mut urls = Vec::new();
    for _ in 0..3 {
        let location = Location::parse(&url).unwrap();
        urls.push(controller(location.open().await.unwrap()).await);
    }
    for (method, rule) in METHODS.iter().zip(RULES.iter().cycle().skip(1)) {
        work_off_and_replay(&urls, folder.path(), method, rule).await;
    }
}
