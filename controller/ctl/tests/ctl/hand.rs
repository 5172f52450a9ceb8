//! An agent that does what a test says, one step at a time.

use std::sync::Arc;

use sweep_proto::v1;
use sweep_proto::v1::agent_service_client::AgentServiceClient;
use sweep_store::cluster::cluster;
use sweep_store::{PostgresStore, Store};
use tonic::transport::Channel;
use uuid::Uuid;

use super::Place;

/// A controller on SQLite, and one on PostgreSQL where that is installed.
pub(crate) async fn places() -> Vec<Place> {
    let mut places = vec![Place::start().await];
    if let Some(cluster) = cluster() {
        let store: Arc<dyn Store> = Arc::new(PostgresStore::open(&cluster.database().await).await.unwrap());
        places.push(Place::on(store, tempfile::tempdir().unwrap()).await);
    }
    places
}

pub(crate) struct Hand {
    agents: AgentServiceClient<Channel>,
    agent_id: String,
    sweep_id: String,
}

/// A trial in its hand.
pub(crate) struct Held {
    pub(crate) number: u64,
    pub(crate) attempt: v1::AttemptRef,
    seq: u64,
}

impl Hand {
    pub(crate) async fn of(place: &Place, sweep: &str) -> Self {
        let mut agents = AgentServiceClient::connect(place.url.clone()).await.unwrap();
        let agent_id = Uuid::now_v7().to_string();
        let register = v1::RegisterRequest {
            agent_id: agent_id.clone(),
            name: "box".to_owned(),
            host: "box.local".to_owned(),
            sweep_id: sweep.to_owned(),
            slots: 1,
            ..Default::default()
        };
        agents.register(register).await.unwrap();
        Self { agents, agent_id, sweep_id: sweep.to_owned() }
    }

    pub(crate) async fn claim(&mut self) -> Held {
        let claim = v1::ClaimRequest {
            agent_id: self.agent_id.clone(),
            sweep_id: self.sweep_id.clone(),
            request_id: Uuid::now_v7().to_string(),
            wait_ms: 20_000,
        };
        let outcome = self.agents.claim(claim).await.unwrap().into_inner().outcome;
        let Some(v1::claim_response::Outcome::Assignment(trial)) = outcome else { panic!("{outcome:?}") };
        let attempt = v1::AttemptRef { trial_id: trial.trial_id, attempt: trial.attempt };
        Held { number: trial.number, attempt, seq: 0 }
    }

    /// Tells something; what it is told.
    pub(crate) async fn tell(&mut self, held: &mut Held, kinds: Vec<v1::event::Kind>) -> v1::Verdict {
        let mut events = Vec::new();
        for kind in kinds {
            held.seq += 1;
            events.push(v1::Event { seq: held.seq, at_ms: 1_700_000_000_000, kind: Some(kind) });
        }
        let v1::AttemptRef { trial_id, attempt } = held.attempt.clone();
        let report = v1::ReportRequest { trial_id, attempt, events };
        self.agents.report(report).await.unwrap().into_inner().verdict.unwrap()
    }

    pub(crate) async fn finish(&mut self, held: Held, outcome: v1::Outcome, reason: &str) -> v1::TrialState {
        let finish = v1::FinishRequest {
            trial_id: held.attempt.trial_id,
            attempt: held.attempt.attempt,
            outcome: outcome.into(),
            reason: reason.to_owned(),
            last_seq: held.seq,
            ..Default::default()
        };
        self.agents.finish(finish).await.unwrap().into_inner().state()
    }

    /// A whole trial with this loss.
    pub(crate) async fn work(&mut self, loss: f64) -> u64 {
        let mut held = self.claim().await;
        let number = held.number;
        self.tell(&mut held, vec![facts(), point(1, loss * 2.0), line("begin"), point(2, loss), line("end")])
            .await;
        self.finish(held, v1::Outcome::Succeeded, "").await;
        number
    }

    /// Stores a file as a checkpoint of the trial.
    pub(crate) async fn checkpoint(&mut self, held: &mut Held, step: u64, name: &str, data: &[u8]) {
        let record = v1::CheckpointRecord { step, path: format!("/box/{name}"), ..Default::default() };
        self.tell(held, vec![v1::event::Kind::Checkpoint(record)]).await;
        let sha256 = sha256(data);
        let file = v1::FileRef { name: name.to_owned(), sha256, size: data.len() as u64 };
        let put = v1::PutFileRequest {
            attempt: Some(held.attempt.clone()),
            file: Some(file.clone()),
            offset: 0,
            data: data.to_vec(),
        };
        assert!(self.agents.put_file(put).await.unwrap().into_inner().complete);
        let attempt = Some(held.attempt.clone());
        let store = v1::StoreCheckpointRequest { attempt, seq: held.seq, files: vec![file] };
        self.agents.store_checkpoint(store).await.unwrap();
    }
}

pub(crate) fn sha256(data: &[u8]) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(data).iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn line(text: &str) -> v1::event::Kind {
    v1::event::Kind::Log(v1::LogLine { stream: "stdout".to_owned(), text: text.to_owned() })
}

pub(crate) fn point(step: u64, loss: f64) -> v1::event::Kind {
    let values = [("loss".to_owned(), loss)].into();
    v1::event::Kind::Metrics(v1::MetricPoint { step, epoch: None, values })
}

pub(crate) fn media(name: &str, step: u64, value: &str) -> v1::event::Kind {
    v1::event::Kind::Media(v1::MediaRecord { name: name.to_owned(), step, value_json: value.to_owned() })
}

fn facts() -> v1::event::Kind {
    v1::event::Kind::Facts(v1::AttemptFacts {
        command: vec!["train.py".to_owned()],
        host: "box.local".to_owned(),
        working_directory: "/home/me".to_owned(),
        versions: [("train".to_owned(), "1.0".to_owned())].into(),
        ..Default::default()
    })
}
