//! A controller that is killed at each edge of a commit: before its statements, between them and the commit, between the
//! commit and its answer, and while only one of two audiences knows. Under each kind of an agent's mutation, on both databases.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use crate::process::{Server, command, sqlite};
use sweep_proto::convert::trial_state_word;
use sweep_proto::status::may_pass;
use sweep_proto::v1::agent_service_client::AgentServiceClient;
use sweep_proto::v1::sweep_service_client::SweepServiceClient;
use sweep_proto::v1::{self, claim_response, event};
use sweep_store::cluster::cluster;
use tokio::sync::{Mutex, Notify, oneshot};
use tonic::transport::Channel;
use uuid::Uuid;

const EDGES: [&str; 4] = ["begun", "written", "committed", "halftold"];
/// Jobs by what they are given: a claim, a report, a checkpoint, an end.
const JOBS: [&str; 4] = ["claim", "events", "files", "finish"];
const TRIALS: u64 = 2;

/// One controller at a time on one database, and where it is now.
struct Place {
    database: String,
    artifacts: PathBuf,
    now: Mutex<Option<Server>>,
    /// An answer of the job that it is killed at.
    answered: Notify,
}

/// Calls until a controller answers, whichever it is by then.
macro_rules! insist {
    ($place:expr, $client:ident, |$calls:ident| $call:expr) => {
        loop {
            let url = $place.now.lock().await.as_ref().unwrap().url.clone();
            let Ok(channel) = Channel::from_shared(url).unwrap().connect().await else { continue };
            let mut $calls = $client::new(channel);
            match $call.await {
                Ok(answer) => break answer.into_inner(),
                Err(status) => assert!(may_pass(&status), "{status:?}"),
            }
        }
    };
}

impl Place {
    /// Starts a controller, to be stopped at an edge if one is named; the receiver hears of that.
    fn start(&self, stop_at: Option<&str>) -> (Server, oneshot::Receiver<String>) {
        let mut command = command(&self.database, "127.0.0.1:0");
        command.arg("--artifacts").arg(&self.artifacts).stderr(Stdio::piped());
        if let Some(edge) = stop_at {
            command.env("SWEEP_STOP_AT", edge);
        }
        let mut process = command.spawn().unwrap();
        let mut url = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut url).unwrap();
        let said = BufReader::new(process.stderr.take().unwrap());
        let (stopped, hears) = oneshot::channel();
        std::thread::spawn(move || {
            let mut stopped = Some(stopped);
            for line in said.lines().map_while(Result::ok) {
                if line.starts_with("stopped at")
                    && let Some(stopped) = stopped.take()
                {
                    let _test_is_over = stopped.send(line);
                }
            }
        });
        (Server { process, url: url.trim().to_owned() }, hears)
    }

    /// Kills the controller once it has stopped, and starts another.
    async fn kill(self: Arc<Self>, stopped: oneshot::Receiver<String>, once_answered: bool) {
        let Ok(_line) = stopped.await else { return };
        if once_answered {
            self.answered.notified().await;
        }
        let mut now = self.now.lock().await;
        // The old one first: a file has one controller.
        drop(now.take());
        *now = Some(self.start(None).0);
    }

    fn answers(&self, job: &str, wanted: &str) {
        if job == wanted {
            self.answered.notify_one();
        }
    }
}

async fn die_at(database: String, folder: PathBuf, edge: &'static str, job: &'static str) {
    let is_file = database.starts_with("sqlite");
    let place = Arc::new(Place {
        database,
        artifacts: folder.join("artifacts"),
        now: Mutex::default(),
        answered: Notify::new(),
    });
    let (server, stopped) = place.start(Some(&format!("{edge}:{job}")));
    *place.now.lock().await = Some(server);
    let killing = tokio::spawn(Arc::clone(&place).kill(stopped, is_file && edge == "halftold"));

    let text = "program: train.py\nmethod: grid\nmetric: {name: loss, goal: minimize}\nparameters: {a: {values: [1, 2]}}\n";
    let request = v1::CreateSweepRequest {
        text: text.to_owned(),
        request_id: Uuid::now_v7().to_string(),
        ..Default::default()
    };
    let sweep =
        insist!(place, SweepServiceClient, |calls| calls.create_sweep(request.clone())).sweep.unwrap().id;
    let watching = tokio::spawn(watch(Arc::clone(&place), sweep.clone()));
    work(&place, &sweep, job).await;
    let killed = tokio::time::timeout(Duration::from_secs(30), killing).await;
    killed.unwrap_or_else(|_| panic!("it never stopped at {edge} of {job}")).unwrap();

    let what = format!("{edge} of {job}, {}", if is_file { "SQLite" } else { "PostgreSQL" });
    judge(&place, &sweep, &what).await;
    let seen = watching.await.unwrap();
    assert!(
        seen.len() as u64 == TRIALS && seen.values().all(|state| state == "finished"),
        "{what}: {seen:?}"
    );
}

/// An agent's work on the whole sweep.
async fn work(place: &Place, sweep: &str, job: &str) {
    let agent_id = Uuid::now_v7().to_string();
    let register = v1::RegisterRequest {
        agent_id: agent_id.clone(),
        sweep_id: sweep.to_owned(),
        slots: 1,
        ..Default::default()
    };
    insist!(place, AgentServiceClient, |calls| calls.register(register.clone()));
    for _ in 0..TRIALS {
        let claim = v1::ClaimRequest {
            agent_id: agent_id.clone(),
            sweep_id: sweep.to_owned(),
            request_id: Uuid::now_v7().to_string(),
            wait_ms: 20_000,
        };
        let given = insist!(place, AgentServiceClient, |calls| calls.claim(claim.clone()));
        place.answers(job, "claim");
        let Some(claim_response::Outcome::Assignment(trial)) = given.outcome else { panic!("{given:?}") };
        let attempt = v1::AttemptRef { trial_id: trial.trial_id, attempt: trial.attempt };
        train(place, attempt, job).await;
    }
}

async fn train(place: &Place, attempt: v1::AttemptRef, job: &str) {
    let v1::AttemptRef { trial_id, attempt: number } = attempt.clone();
    let point = |step: u64| {
        let values = [("loss".to_owned(), 1.0 / step as f64)].into();
        event::Kind::Metrics(v1::MetricPoint { step, epoch: None, values })
    };
    let saved = v1::CheckpointRecord { step: 3, resume: true, ..Default::default() };
    let kinds = [point(1), point(2), point(3), event::Kind::Checkpoint(saved)];
    let events = (1..).zip(kinds).map(|(seq, kind)| v1::Event { seq, at_ms: 1, kind: Some(kind) }).collect();
    let report = v1::ReportRequest { trial_id: trial_id.clone(), attempt: number, events };
    let told = insist!(place, AgentServiceClient, |calls| calls.report(report.clone()));
    assert_eq!(told.acknowledged_seq, 4);
    place.answers(job, "events");

    let (sha256, size) = sweep_proto::content::digest(&b"weights"[..]).unwrap();
    let file = v1::FileRef { name: "weights".to_owned(), sha256, size };
    let data = b"weights".to_vec();
    let (of, sent) = (Some(attempt.clone()), Some(file.clone()));
    let put = v1::PutFileRequest { attempt: of.clone(), file: sent, offset: 0, data };
    assert!(insist!(place, AgentServiceClient, |calls| calls.put_file(put.clone())).complete);
    let store = v1::StoreCheckpointRequest { attempt: of, seq: 4, files: vec![file] };
    insist!(place, AgentServiceClient, |calls| calls.store_checkpoint(store.clone()));
    place.answers(job, "files");
    let name = v1::GetTrialRequest { trial: trial_id.clone() };
    let detail = insist!(place, SweepServiceClient, |calls| calls.get_trial(name.clone()));
    assert!(detail.checkpoints.iter().all(|one| one.stored), "{detail:?}");

    let outcome = v1::Outcome::Succeeded.into();
    let finish = v1::FinishRequest { trial_id, attempt: number, outcome, last_seq: 4, ..Default::default() };
    let state = insist!(place, AgentServiceClient, |calls| calls.finish(finish.clone())).state;
    assert_eq!(trial_state_word(state), "finished");
    place.answers(job, "finish");
}

/// Each trial once, in one attempt, with each of its points and its checkpoint once.
async fn judge(place: &Place, sweep: &str, what: &str) {
    let list = v1::ListTrialsRequest { sweep: sweep.to_owned(), ..Default::default() };
    let trials = insist!(place, SweepServiceClient, |calls| calls.list_trials(list.clone())).trials;
    let numbers: Vec<u64> = trials.iter().map(|trial| trial.number).collect();
    assert_eq!(numbers, (1..=TRIALS).collect::<Vec<_>>(), "{what}");
    for trial in trials {
        let name = v1::GetTrialRequest { trial: trial.id.clone() };
        let detail = insist!(place, SweepServiceClient, |calls| calls.get_trial(name.clone()));
        assert_eq!((detail.attempts.len(), detail.checkpoints.len()), (1, 1), "{what}: {detail:?}");
        assert_eq!(trial_state_word(trial.state), "finished", "{what}");
        let metrics = v1::GetMetricsRequest { trial: trial.id, ..Default::default() };
        let curves = insist!(place, SweepServiceClient, |calls| calls.get_metrics(metrics.clone())).curves;
        assert_eq!(curves.len(), 1, "{what}");
        assert_eq!(curves[0].steps, [1, 2, 3], "{what}");
    }
    let get = v1::GetSweepRequest { sweep: sweep.to_owned() };
    let told = insist!(place, SweepServiceClient, |calls| calls.get_sweep(get.clone())).sweep.unwrap();
    assert!(told.ended_at_ms > 0 && told.counts.unwrap().finished == TRIALS, "{what}: {told:?}");
    assert_eq!(told.best_objective, Some(1.0 / 3.0), "{what}");
}

/// Watches until every trial is over, whatever becomes of the connection; their states.
async fn watch(place: Arc<Place>, sweep: String) -> BTreeMap<u64, String> {
    let (mut since, mut seen) = (0, BTreeMap::new());
    loop {
        let request = v1::WatchRequest { sweep: sweep.clone(), since };
        let mut stream = insist!(place, SweepServiceClient, |calls| calls.watch(request.clone()));
        while let Ok(Some(news)) = stream.message().await {
            assert!(news.change >= since, "{} after {since}", news.change);
            since = news.change;
            let states =
                news.trials.iter().map(|trial| (trial.number, trial_state_word(trial.state).to_owned()));
            seen.extend(states);
            if seen.len() as u64 == TRIALS && seen.values().all(|state| state == "finished") {
                return seen;
            }
        }
    }
}

fn pairs() -> impl Iterator<Item = (&'static str, &'static str)> {
    EDGES.into_iter().flat_map(|edge| JOBS.map(|job| (edge, job)))
}

fn folder_of(folder: &Path, edge: &str, job: &str) -> PathBuf {
    let own = folder.join(format!("{edge}-{job}"));
    std::fs::create_dir(&own).unwrap();
    own
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_controller_killed_at_any_edge_of_a_commit_loses_and_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for (edge, job) in pairs() {
        let own = folder_of(folder.path(), edge, job);
        die_at(sqlite(&own.join("sweep.db")), own, edge, job).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_does_one_on_postgres() {
    let Some(cluster) = cluster() else { return };
    let folder = tempfile::tempdir().unwrap();
    for (edge, job) in pairs() {
        let own = folder_of(folder.path(), edge, job);
        die_at(cluster.database().await, own, edge, job).await;
    }
}
