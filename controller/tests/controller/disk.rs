//! A controller whose disk is full: what it refuses, how it says so, and that nothing is lost.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use crate::process::{command, sqlite};
use sweep_proto::status::{Reason, may_pass, reason};
use sweep_proto::v1::agent_service_client::AgentServiceClient;
use sweep_proto::v1::sweep_service_client::SweepServiceClient;
use sweep_proto::v1::{self, claim_response, event};
use tonic::Status;
use tonic::transport::Channel;
use uuid::Uuid;

/// Fills the disk to the last byte, frees it, kills the controller and starts it again, as it is told.
const SCRIPT: &str = r#"{
    "$@" & controller=$!
    while read -r word; do
        case $word in
        fill) cat /dev/zero >"$0/ballast" 2>/dev/null; echo filled ;;
        free) rm -f "$0/ballast"; echo freed ;;
        kill) kill -KILL $controller; wait $controller 2>/dev/null; echo killed ;;
        start) "$@" & controller=$! ;;
        esac
    done
    kill -KILL $controller
}"#;

/// A controller on a small disk, and the shell beside it.
struct Small {
    shell: Child,
    /// Its end is theirs.
    tell: Option<ChildStdin>,
    hear: BufReader<ChildStdout>,
}

impl Small {
    /// `None`: not here. Its log goes to `log`.
    fn start(folder: &Path, log: &Path) -> Option<(Self, String)> {
        let disk = folder.join("disk");
        let controller = command(&sqlite(&disk.join("sweep.db")), "127.0.0.1:0");
        let mut shell = sweep_sim::on_a_small_disk(&controller, &disk, "12m", SCRIPT)?;
        shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(std::fs::File::create(log).unwrap());
        let mut shell = shell.spawn().unwrap();
        let (tell, hear) = (shell.stdin.take(), BufReader::new(shell.stdout.take().unwrap()));
        let mut small = Self { shell, tell, hear };
        let url = small.line();
        Some((small, url))
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.hear.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    /// Tells the shell something; what it answers.
    fn order(&mut self, word: &str) -> String {
        writeln!(self.tell.as_ref().unwrap(), "{word}").unwrap();
        self.line()
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        drop(self.tell.take());
        let _reaped = self.shell.wait();
    }
}

/// An agent's end of the conversation.
struct Talk {
    agents: AgentServiceClient<Channel>,
    sweeps: SweepServiceClient<Channel>,
    agent: String,
    sweep: String,
}

impl Talk {
    async fn begin(url: &str) -> Self {
        let channel = Channel::from_shared(url.to_owned()).unwrap().connect().await.unwrap();
        let mut sweeps = SweepServiceClient::new(channel.clone());
        let text = "program: train.py\nmethod: grid\nparameters: {a: {values: [1, 2]}}\n".to_owned();
        let request_id = Uuid::now_v7().to_string();
        let request = v1::CreateSweepRequest { text, request_id, ..Default::default() };
        let sweep = sweeps.create_sweep(request).await.unwrap().into_inner().sweep.unwrap().id;
        let mut agents = AgentServiceClient::new(channel);
        let agent = Uuid::now_v7().to_string();
        let register = v1::RegisterRequest {
            agent_id: agent.clone(),
            sweep_id: sweep.clone(),
            slots: 1,
            ..Default::default()
        };
        agents.register(register).await.unwrap();
        Self { agents, sweeps, agent, sweep }
    }

    /// The same with another controller.
    async fn at(self, url: &str) -> Self {
        let channel = Channel::from_shared(url.to_owned()).unwrap().connect().await.unwrap();
        let (agents, sweeps) = (AgentServiceClient::new(channel.clone()), SweepServiceClient::new(channel));
        Self { agents, sweeps, ..self }
    }

    async fn claim(&mut self, request_id: &str) -> Result<v1::Assignment, Status> {
        let (agent_id, sweep_id) = (self.agent.clone(), self.sweep.clone());
        let claim =
            v1::ClaimRequest { agent_id, sweep_id, request_id: request_id.to_owned(), wait_ms: 20_000 };
        let given = self.agents.claim(claim).await?.into_inner();
        let Some(claim_response::Outcome::Assignment(trial)) = given.outcome else { panic!("{given:?}") };
        Ok(trial)
    }

    /// Reports a step, 64 KiB of log and a point: events `2 * step - 1` and the next.
    async fn report(&mut self, trial: &v1::Assignment, step: u64) -> Result<u64, Status> {
        // Nothing that packs.
        let noise = |at: u64| (at ^ step << 32).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
        let text: String = (0..1 << 16).map(|at| char::from(b' ' + (noise(at) % 90) as u8)).collect();
        let line = event::Kind::Log(v1::LogLine { stream: "stdout".to_owned(), text });
        let values = [("loss".to_owned(), step as f64)].into();
        let point = event::Kind::Metrics(v1::MetricPoint { step, epoch: None, values });
        let first = 2 * step - 1;
        let events = [(first, line), (first + 1, point)]
            .map(|(seq, kind)| v1::Event { seq, at_ms: 1, kind: Some(kind) })
            .to_vec();
        let report = v1::ReportRequest { trial_id: trial.trial_id.clone(), attempt: trial.attempt, events };
        Ok(self.agents.report(report).await?.into_inner().acknowledged_seq)
    }

    async fn finish(&mut self, trial: &v1::Assignment, last_seq: u64) -> Result<(), Status> {
        let finish = v1::FinishRequest {
            trial_id: trial.trial_id.clone(),
            attempt: trial.attempt,
            outcome: v1::Outcome::Succeeded.into(),
            last_seq,
            ..Default::default()
        };
        self.agents.finish(finish).await.map(drop)
    }

    async fn put_file(&mut self, trial: &v1::Assignment) -> Result<bool, Status> {
        let data = vec![7; 1 << 16];
        let (sha256, size) = sweep_proto::content::digest(&*data).unwrap();
        let file = Some(v1::FileRef { name: "weights".to_owned(), sha256, size });
        let attempt = Some(v1::AttemptRef { trial_id: trial.trial_id.clone(), attempt: trial.attempt });
        let put = v1::PutFileRequest { attempt, file, offset: 0, data };
        Ok(self.agents.put_file(put).await?.into_inner().complete)
    }

    async fn steps(&mut self, trial: &v1::Assignment) -> Vec<u64> {
        let request = v1::GetMetricsRequest { trial: trial.trial_id.clone(), ..Default::default() };
        let curves = self.sweeps.get_metrics(request).await.unwrap().into_inner().curves;
        curves.into_iter().next().map(|curve| curve.steps).unwrap_or_default()
    }
}

fn must_say_full(refused: &Status) {
    assert_eq!(reason(refused), Some(Reason::Storage), "{refused:?}");
    assert!(may_pass(refused), "an agent tries again");
    assert!(refused.message().contains("disk is full"), "{refused:?}");
}

#[tokio::test]
async fn a_full_disk_is_said_refuses_what_it_must_and_passes() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let Some((mut small, url)) = Small::start(folder.path(), &log) else { return };
    let mut talk = Talk::begin(&url).await;
    let trial = talk.claim(&Uuid::now_v7().to_string()).await.unwrap();
    assert_eq!(talk.report(&trial, 1).await.unwrap(), 2);

    assert_eq!(small.order("fill"), "filled");
    // What room the files had inside them is used up first.
    let mut step = 2;
    let refused = loop {
        match talk.report(&trial, step).await {
            Ok(stored) => assert_eq!(stored, 2 * step),
            Err(refused) => break refused,
        }
        step += 1;
    };
    must_say_full(&refused);
    let acknowledged: Vec<u64> = (1..step).collect();
    // Nothing else gets in either, whoever asks; and what is there can be read.
    let request = Uuid::now_v7().to_string();
    for refused in [
        talk.claim(&request).await.unwrap_err(),
        talk.finish(&trial, 2 * (step - 1)).await.unwrap_err(),
        talk.report(&trial, step).await.unwrap_err(),
        talk.put_file(&trial).await.unwrap_err(),
    ] {
        must_say_full(&refused);
    }
    assert_eq!(talk.steps(&trial).await, acknowledged);
    let said = std::fs::read_to_string(&log).unwrap();
    assert!(said.contains("disk is full") && said.contains("free some room"), "{said}");

    // With room again the same requests go through, as if nothing had been.
    assert_eq!(small.order("free"), "freed");
    assert_eq!(talk.report(&trial, step).await.unwrap(), 2 * step);
    assert!(talk.put_file(&trial).await.unwrap());
    let other = talk.claim(&request).await.unwrap();
    assert_eq!((trial.number, other.number), (1, 2));

    // Full once more, and killed: what was acknowledged is there, and nothing else.
    assert_eq!(small.order("fill"), "filled");
    let mut last = step;
    while talk.report(&trial, last + 1).await.is_ok() {
        last += 1;
    }
    assert_eq!((small.order("kill"), small.order("free")), ("killed".to_owned(), "freed".to_owned()));
    let url = small.order("start");
    let mut talk = talk.at(&url).await;
    assert_eq!(talk.steps(&trial).await, (1..=last).collect::<Vec<_>>());
    assert_eq!(talk.report(&trial, last + 1).await.unwrap(), 2 * (last + 1));
    talk.finish(&trial, 2 * (last + 1)).await.unwrap();
    talk.finish(&other, 0).await.unwrap();
    let get = v1::GetSweepRequest { sweep: talk.sweep.clone() };
    let sweep = talk.sweeps.get_sweep(get).await.unwrap().into_inner().sweep.unwrap();
    assert_eq!(sweep.counts.unwrap().finished, 2);
}
