//! The controller as a process.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use sweep_proto::v1;
use sweep_proto::v1::agent_service_client::AgentServiceClient;
use tonic::transport::Channel;
use uuid::Uuid;

/// A controller process on a free port.
pub(crate) struct Server {
    pub(crate) process: Child,
    pub(crate) url: String,
}

/// The URL of a file.
pub(crate) fn sqlite(database: &Path) -> String {
    format!("sqlite://{}", database.display())
}

pub(crate) fn command(database: &str, listen: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sweep-controller"));
    command.args(["--listen", listen, "--db", database]).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

impl Server {
    pub(crate) fn start(database: &str) -> Self {
        let mut process = command(database, "127.0.0.1:0").stderr(Stdio::null()).spawn().unwrap();
        let mut url = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut url).unwrap();
        Self { process, url: url.trim().to_owned() }
    }

    pub(crate) async fn channel(&self) -> Channel {
        Channel::from_shared(self.url.clone()).unwrap().connect().await.unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}

/// Claims so many trials as one agent, and ends each well; their numbers and parameters.
pub(crate) async fn work_off(channel: Channel, sweep: String, count: usize) -> Vec<(u64, String)> {
    let mut agents = AgentServiceClient::new(channel);
    let agent_id = Uuid::now_v7().to_string();
    let sweep_id = sweep.clone();
    let register =
        v1::RegisterRequest { agent_id: agent_id.clone(), sweep_id, slots: 1, ..Default::default() };
    agents.register(register).await.unwrap();
    let mut done = Vec::new();
    while done.len() < count {
        let claim = v1::ClaimRequest {
            agent_id: agent_id.clone(),
            sweep_id: sweep.clone(),
            request_id: Uuid::now_v7().to_string(),
            wait_ms: 20_000,
        };
        let outcome = agents.claim(claim).await.unwrap().into_inner().outcome;
        let Some(v1::claim_response::Outcome::Assignment(trial)) = outcome else { panic!("{outcome:?}") };
        done.push((trial.number, trial.params_json));
        let finish = v1::FinishRequest {
            trial_id: trial.trial_id,
            attempt: trial.attempt,
            outcome: v1::Outcome::Succeeded.into(),
            ..Default::default()
        };
        agents.finish(finish).await.unwrap();
    }
    done
}
