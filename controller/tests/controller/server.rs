//! The server as a process and over the wire, as a stranger meets it.

use std::path::Path;
use std::process::{Child, Output};

use sweep_proto::v1;
use sweep_proto::v1::agent_service_client::AgentServiceClient;
use sweep_proto::v1::sweep_service_client::SweepServiceClient;
use tokio_stream::StreamExt as _;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{ServerReflectionRequest, ServerReflectionResponse};
use uuid::Uuid;

use crate::process::{Server, command, sqlite, work_off};

/// Ends it as systemd does; whether it went in order.
fn stop(mut server: Server) -> bool {
    let pid = rustix::process::Pid::from_child(&server.process);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    server.process.wait().unwrap().success()
}

fn refused(database: &Path, listen: &str) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = command(&sqlite(database), listen).output().unwrap();
    (status.code(), String::from_utf8_lossy(&stderr).into_owned())
}

async fn reflect(server: &Server, message: MessageRequest) -> MessageResponse {
    let mut client = ServerReflectionClient::new(server.channel().await);
    let request = ServerReflectionRequest { host: String::new(), message_request: Some(message) };
    let mut answers = client.server_reflection_info(tokio_stream::once(request)).await.unwrap().into_inner();
    let ServerReflectionResponse { message_response, .. } = answers.next().await.unwrap().unwrap();
    message_response.unwrap()
}

#[tokio::test]
async fn reflection_lists_and_describes_every_service() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&sqlite(&folder.path().join("sweep.db")));
    let MessageResponse::ListServicesResponse(listed) =
        reflect(&server, MessageRequest::ListServices(String::new())).await
    else {
        panic!("no list of services")
    };
    let mut names: Vec<_> = listed.service.into_iter().map(|service| service.name).collect();
    names.sort();
    assert_eq!(
        names,
        [
            "grpc.health.v1.Health",
            "grpc.reflection.v1.ServerReflection",
            "sweep.v1.AgentService",
            "sweep.v1.ModelService",
            "sweep.v1.SweepService"
        ]
    );
    let symbol = MessageRequest::FileContainingSymbol("sweep.v1.SweepService.ListTrials".to_owned());
    assert!(matches!(reflect(&server, symbol).await, MessageResponse::FileDescriptorResponse(_)));
}

#[tokio::test]
async fn health_is_served_by_grpc_and_by_http() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&sqlite(&folder.path().join("sweep.db")));
    let mut client = HealthClient::new(server.channel().await);
    for service in ["", "sweep.v1.SweepService", "sweep.v1.AgentService", "sweep.v1.ModelService"] {
        let request = HealthCheckRequest { service: service.to_owned() };
        let status = client.check(request).await.unwrap().into_inner().status;
        assert_eq!(
            status,
            tonic_health::pb::health_check_response::ServingStatus::Serving as i32,
            "{service}"
        );
    }
    let address = server.url.trim_start_matches("http://").to_owned();
    let answer = tokio::task::spawn_blocking(move || {
        use std::io::{Read as _, Write as _};
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    });
    assert!(answer.await.unwrap().starts_with("HTTP/1.1 200"));
}

const GRID: &str =
    "program: train.py\nmethod: grid\nparameters: {a: {values: [1, 2, 3]}, b: {values: [x, y]}}\n";

#[tokio::test]
async fn what_was_acknowledged_outlives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("made/on/the/way/sweep.db");
    let server = Server::start(&sqlite(&database));
    let mut sweeps = SweepServiceClient::new(server.channel().await);
    let request = v1::CreateSweepRequest {
        text: GRID.to_owned(),
        request_id: Uuid::now_v7().to_string(),
        ..Default::default()
    };
    let first = sweeps.create_sweep(request.clone()).await.unwrap().into_inner().sweep.unwrap();
    let again = sweeps.create_sweep(request.clone()).await.unwrap().into_inner().sweep.unwrap();
    assert_eq!(first.id, again.id, "the same request makes one sweep");
    let mut agents = AgentServiceClient::new(server.channel().await);
    let agent = Uuid::now_v7().to_string();
    let register = v1::RegisterRequest {
        agent_id: agent.clone(),
        name: "box".to_owned(),
        sweep_id: first.id.clone(),
        slots: 1,
        ..Default::default()
    };
    agents.register(register).await.unwrap();
    let claim = v1::ClaimRequest {
        agent_id: agent,
        sweep_id: first.id.clone(),
        request_id: Uuid::now_v7().to_string(),
        wait_ms: 10_000,
    };
    let claimed = agents.claim(claim.clone()).await.unwrap().into_inner();
    drop((sweeps, agents));
    let stopped = tokio::task::spawn_blocking(|| stop(server)).await.unwrap();
    assert!(stopped, "SIGTERM is an orderly end");

    let server = Server::start(&sqlite(&database));
    let mut agents = AgentServiceClient::new(server.channel().await);
    assert_eq!(
        agents.claim(claim).await.unwrap().into_inner(),
        claimed,
        "the same claim gets the same trial"
    );
    let mut sweeps = SweepServiceClient::new(server.channel().await);
    let kept = sweeps.get_sweep(v1::GetSweepRequest { sweep: first.id.clone() }).await.unwrap().into_inner();
    assert_eq!(kept.sweep.unwrap().text, GRID);
    let trials =
        sweeps.list_trials(v1::ListTrialsRequest { sweep: first.id, ..Default::default() }).await.unwrap();
    let mut cells: Vec<_> = trials.into_inner().trials.into_iter().map(|trial| trial.params_json).collect();
    cells.sort();
    cells.dedup();
    assert_eq!(cells.len(), 6, "every cell of the grid once");
}

/// 10^12 cells: twelve parameters of ten values.
fn huge_grid() -> String {
    let values = "{values: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]}";
    let parameters: Vec<_> = (0..12).map(|at| format!("p{at:02}: {values}")).collect();
    format!("program: train.py\nmethod: grid\nparameters: {{{}}}\n", parameters.join(", "))
}

/// Most memory a process ever had, in bytes.
fn peak_memory(process: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grid_of_a_million_million_cells_starts_at_once_and_stays_small() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&sqlite(&folder.path().join("sweep.db")));
    let mut sweeps = SweepServiceClient::new(server.channel().await);
    let request = v1::CreateSweepRequest {
        text: huge_grid(),
        request_id: Uuid::now_v7().to_string(),
        ..Default::default()
    };
    let sweep = sweeps.create_sweep(request).await.unwrap().into_inner().sweep.unwrap();
    assert_eq!(sweep.planned_trials, Some(1_000_000_000_000));
    let mut working = tokio::task::JoinSet::new();
    for _ in 0..8 {
        working.spawn(work_off(server.channel().await, sweep.id.clone(), 125));
    }
    let mut done = working.join_all().await.concat();
    done.sort();
    let numbers: Vec<u64> = done.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (1..=1000).collect::<Vec<u64>>(), "each trial once, whoever claims");
    // The last parameter varies fastest.
    let cell = |at: usize| -> Vec<u64> {
        let params: serde_json::Value = serde_json::from_str(&done[at].1).unwrap();
        (9..12).map(|name| params[format!("p{name:02}")].as_u64().unwrap()).collect()
    };
    assert_eq!(
        (cell(0), cell(1), cell(456), cell(999)),
        (vec![0; 3], vec![0, 0, 1], vec![4, 5, 6], vec![9; 3])
    );
    let megabytes = peak_memory(&server.process) >> 20;
    eprintln!("peak memory of the controller: {megabytes} MB");
    assert!(megabytes < 100, "{megabytes} MB");
}

#[tokio::test]
async fn what_cannot_serve_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("sweep.db");
    let server = Server::start(&sqlite(&database));
    let address = server.url.trim_start_matches("http://");
    let (code, said) = refused(&folder.path().join("other.db"), address);
    assert_eq!(code, Some(1));
    assert!(said.contains("the port is in use") && said.contains("--listen"), "{said}");
    let (code, said) = refused(&database, "127.0.0.1:0");
    assert_eq!(code, Some(1));
    assert!(said.contains("another sweep-controller"), "{said}");
    let (code, said) = refused(Path::new("/proc/nowhere/sweep.db"), "127.0.0.1:0");
    assert_eq!(code, Some(1));
    assert!(said.contains("/proc/nowhere"), "{said}");
}
