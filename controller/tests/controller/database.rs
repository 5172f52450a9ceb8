//! `sweep-controller db`, and several controllers on one PostgreSQL database.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use crate::process::{Server, command, sqlite, work_off};
use sweep_proto::v1;
use sweep_proto::v1::agent_service_client::AgentServiceClient;
use sweep_proto::v1::sweep_service_client::SweepServiceClient;
use sweep_store::cluster::cluster;
use tokio::sync::Mutex;
use tonic::Code;
use tonic::transport::Channel;
use uuid::Uuid;

/// Runs `sweep-controller db ...`: its exit code, and what it says on both channels.
fn db(words: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_sweep-controller")).arg("db").args(words).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

async fn create(server: &Server, trials: usize) -> String {
    let values: Vec<_> = (0..trials).map(|value| value.to_string()).collect();
    let text =
        format!("program: train.py\nmethod: grid\nparameters: {{a: {{values: [{}]}}}}\n", values.join(", "));
    let request =
        v1::CreateSweepRequest { text, request_id: Uuid::now_v7().to_string(), ..Default::default() };
    let mut sweeps = SweepServiceClient::new(server.channel().await);
    sweeps.create_sweep(request).await.unwrap().into_inner().sweep.unwrap().id
}

fn rows(status: &str, table: &str) -> u64 {
    let line = status.lines().find(|line| line.split_whitespace().next() == Some(table)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_file_is_migrated_looked_at_and_backed_up_beside_a_controller() {
    let folder = tempfile::tempdir().unwrap();
    let url = sqlite(&folder.path().join("sweep.db"));
    let (code, _, said) = db(&["status", "--db", &url]);
    assert!(
        code == Some(1) && said.contains("there is no such file") && said.contains("db migrate"),
        "{said}"
    );
    let (code, done, _) = db(&["migrate", "--db", &url]);
    assert!(code == Some(0) && done.contains("applied 0001 sweeps trials attempts"), "{done}");
    assert_eq!(db(&["migrate", "--db", &url]).1, "the schema is up to date\n");

    let server = Server::start(&url);
    let sweep = create(&server, 3).await;
    work_off(server.channel().await, sweep.clone(), 3).await;
    let (code, status, said) = db(&["status", "--db", &url]);
    assert_eq!(code, Some(0), "{said}");
    assert!(status.contains("backend   SQLite") && status.contains("up to date"), "{status}");
    assert_eq!((rows(&status, "sweep"), rows(&status, "trial"), rows(&status, "attempt")), (1, 3, 3));
    let (code, _, said) = db(&["migrate", "--db", &url]);
    assert!(code == Some(1) && said.contains("another sweep-controller has the database"), "{said}");

    let copy = folder.path().join("copy.db");
    let name = copy.to_str().unwrap();
    let (code, done, said) = db(&["backup", name, "--db", &url]);
    assert!(code == Some(0) && done.contains("checked and on disk"), "{done}{said}");
    let (code, _, said) = db(&["backup", name, "--db", &url]);
    assert!(code == Some(1) && said.contains("overwrites nothing"), "{said}");
    drop(server);
    // The copy serves like the first.
    let server = Server::start(&sqlite(&copy));
    let mut sweeps = SweepServiceClient::new(server.channel().await);
    let kept = sweeps.get_sweep(v1::GetSweepRequest { sweep }).await.unwrap().into_inner().sweep.unwrap();
    assert_eq!(kept.counts.unwrap().finished, 3);
    let left: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_str().unwrap().ends_with(".partial")), "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_moves_to_postgres_and_the_sweep_goes_on_there() {
    let Some(cluster) = cluster() else { return };
    let folder = tempfile::tempdir().unwrap();
    let from = sqlite(&folder.path().join("sweep.db"));
    let server = Server::start(&from);
    let sweep = create(&server, 12).await;
    work_off(server.channel().await, sweep.clone(), 5).await;
    let to = cluster.database().await;
    let (code, _, said) = db(&["copy", "--from", &from, "--to", &to]);
    assert!(code == Some(1) && said.contains("another sweep-controller has the database"), "{said}");
    drop(server);

    let (code, done, said) = db(&["copy", "--from", &from, "--to", &to]);
    assert!(code == Some(0) && done.contains("every table is equal on both sides"), "{done}{said}");
    assert_eq!(rows(&done, "attempt"), 5);
    let (code, _, said) = db(&["copy", "--from", &from, "--to", &to]);
    assert!(code == Some(1) && said.contains("it is not empty"), "{said}");
    let (code, _, said) = db(&["copy", "--from", &to, "--to", &from]);
    assert!(code == Some(1) && said.contains("the way goes from SQLite to PostgreSQL"), "{said}");
    let (_, status, _) = db(&["status", "--db", &to]);
    assert!(status.contains("backend   PostgreSQL") && status.contains("up to date"), "{status}");

    let (code, _, said) = db(&["backup", "x.dump", "--db", &to]);
    assert!(code == Some(1) && said.contains("pg_dump --format=custom --file=x.dump"), "{said}");
    assert!(!Path::new("x.dump").exists());

    let server = Server::start(&to);
    let done = work_off(server.channel().await, sweep, 7).await;
    let numbers: Vec<_> = done.into_iter().map(|(number, _)| number).collect();
    assert_eq!(numbers, (6..=12).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_controller_is_told_the_other_knows() {
    let Some(cluster) = cluster() else { return };
    let url = cluster.database().await;
    let (one, other) = (Server::start(&url), Server::start(&url));
    let sweep = create(&one, 2).await;
    let mut agents = AgentServiceClient::new(other.channel().await);
    let agent_id = Uuid::now_v7().to_string();
    let register = v1::RegisterRequest {
        agent_id: agent_id.clone(),
        sweep_id: sweep.clone(),
        slots: 1,
        ..Default::default()
    };
    agents.register(register).await.unwrap();
    let claim = v1::ClaimRequest {
        agent_id,
        sweep_id: sweep.clone(),
        request_id: Uuid::now_v7().to_string(),
        wait_ms: 20_000,
    };
    let outcome = agents.claim(claim).await.unwrap().into_inner().outcome;
    let Some(v1::claim_response::Outcome::Assignment(trial)) = outcome else { panic!("{outcome:?}") };
    // Its heartbeat is held open here, and ends at once when the sweep is cancelled there.
    let attempt = v1::AttemptRef { trial_id: trial.trial_id, attempt: trial.attempt };
    let held = v1::HeartbeatRequest { held: vec![attempt], wait_ms: 25_000, ..Default::default() };
    let beat = tokio::spawn(async move { agents.heartbeat(held).await.unwrap().into_inner() });
    let mut sweeps = SweepServiceClient::new(one.channel().await);
    let started = std::time::Instant::now();
    sweeps.cancel_sweep(v1::CancelSweepRequest { sweep }).await.unwrap();
    let verdict = beat.await.unwrap().verdicts.remove(0).verdict.unwrap();
    assert_eq!(verdict.kind(), v1::VerdictKind::Cancel);
    assert!(started.elapsed() < Duration::from_secs(10), "it was told, and did not run out");
}

/// Calls until some controller answers: each try goes to the next one.
macro_rules! insist {
    ($fleet:expr, $at:ident, |$agents:ident| $call:expr) => {
        loop {
            $at += 1;
            let url = {
                let fleet = $fleet.lock().await;
                fleet[$at % fleet.len()].url.clone()
            };
            let Ok(channel) = Channel::from_shared(url).unwrap().connect().await else { continue };
            let mut $agents = AgentServiceClient::new(channel);
            match $call.await {
                Ok(answer) => break answer.into_inner(),
                Err(status) => assert!(may_go_well_elsewhere(status.code()), "{status:?}"),
            }
        }
    };
}

fn may_go_well_elsewhere(code: Code) -> bool {
    matches!(code, Code::Unavailable | Code::Unknown | Code::Cancelled | Code::Internal)
}

#[tokio::test(flavor = "multi_thread")]
async fn controllers_that_are_killed_lose_and_double_nothing() {
    const TRIALS: usize = 60;
    let Some(cluster) = cluster() else { return };
    let url = cluster.database().await;
    let fleet = Arc::new(Mutex::new((0..3).map(|_| Server::start(&url)).collect::<Vec<_>>()));
    let sweep = create(&fleet.lock().await[0], TRIALS).await;
    let workers: Vec<_> =
        (0..6).map(|worker| tokio::spawn(work_anywhere(Arc::clone(&fleet), sweep.clone(), worker))).collect();
    let (killers_fleet, database) = (Arc::clone(&fleet), url.clone());
    let killer = tokio::spawn(async move {
        for at in 0.. {
            tokio::time::sleep(Duration::from_millis(150)).await;
            // SIGKILL, in the middle of whatever it does; another takes its place.
            let started = tokio::task::spawn_blocking({
                let database = database.clone();
                move || Server::start(&database)
            });
            let started = started.await.unwrap();
            killers_fleet.lock().await[at % 3] = started;
        }
    });
    let mut done = Vec::new();
    for worker in workers {
        done.extend(worker.await.unwrap());
    }
    killer.abort();
    done.sort_unstable();
    assert_eq!(done, (1..=TRIALS as u64).collect::<Vec<_>>());
    let (_, status, _) = db(&["status", "--db", &url]);
    assert_eq!(rows(&status, "attempt"), TRIALS as u64, "no trial was granted twice");
}

/// Works until the sweep is over, whoever answers; the numbers of the trials it did.
async fn work_anywhere(fleet: Arc<Mutex<Vec<Server>>>, sweep: String, worker: usize) -> Vec<u64> {
    let mut at = worker;
    let agent_id = Uuid::now_v7().to_string();
    let register = v1::RegisterRequest {
        agent_id: agent_id.clone(),
        sweep_id: sweep.clone(),
        slots: 1,
        ..Default::default()
    };
    insist!(fleet, at, |agents| agents.register(register.clone()));
    let mut done = Vec::new();
    loop {
        let claim = v1::ClaimRequest {
            agent_id: agent_id.clone(),
            sweep_id: sweep.clone(),
            request_id: Uuid::now_v7().to_string(),
            wait_ms: 2_000,
        };
        let outcome = insist!(fleet, at, |agents| agents.claim(claim.clone()));
        let trial = match outcome.outcome.unwrap() {
            v1::claim_response::Outcome::Assignment(trial) => trial,
            v1::claim_response::Outcome::Idle(_) => continue,
            v1::claim_response::Outcome::Over(_) => return done,
        };
        let point =
            v1::MetricPoint { step: 1, values: [("loss".to_owned(), 0.5)].into(), ..Default::default() };
        let event = v1::Event { seq: 1, at_ms: 1, kind: Some(v1::event::Kind::Metrics(point)) };
        let report = v1::ReportRequest {
            trial_id: trial.trial_id.clone(),
            attempt: trial.attempt,
            events: vec![event],
        };
        let reported = insist!(fleet, at, |agents| agents.report(report.clone()));
        assert_eq!(reported.acknowledged_seq, 1);
        let finish = v1::FinishRequest {
            trial_id: trial.trial_id,
            attempt: trial.attempt,
            outcome: v1::Outcome::Succeeded.into(),
            last_seq: 1,
            ..Default::default()
        };
        insist!(fleet, at, |agents| agents.finish(finish.clone()));
        done.push(trial.number);
    }
}

#[test]
fn a_database_that_is_not_there_says_why_and_keeps_the_password() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("postgres://me:s3cret@127.0.0.1:{port}/sweep");
    let serve = command(&url, "127.0.0.1:0").output().unwrap();
    let (_, _, status) = db(&["status", "--db", &url]);
    for said in [String::from_utf8(serve.stderr).unwrap(), status] {
        assert!(said.contains("cannot be reached") && said.contains(&format!("127.0.0.1:{port}")), "{said}");
        assert!(!said.contains("s3cret"), "{said}");
    }
}
