//! A simulated agent: the real one's conversation with the controller, for one slot.

use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;
use sweep_proto::v1::{self, VerdictKind, claim_response};
use tokio::time::{sleep, timeout};

use super::LEASE;
use super::calls::{Calls, Client, Failed, PATIENCE};
use super::history::NOTHING_LOST;
use super::machine::{Exit, Held, Machine};

/// Between two batches of events.
pub(super) const PACE: Duration = Duration::from_secs(10);

/// An agent's life: until the sweep is over or somebody kills it. `life`: which it is on its machine.
pub(super) async fn run(machine: Arc<Machine>, life: u64) {
    let agent = Agent { calls: Calls::new(&machine, life), machine };
    agent.register().await;
    tokio::select! {
        biased;
        () = agent.beat() => {}
        () = agent.work() => agent.machine.say(format_args!("nothing is left to do")),
    }
}

pub(super) struct Agent {
    pub(super) machine: Arc<Machine>,
    pub(super) calls: Calls,
}

impl Agent {
    fn id(&self) -> String {
        self.machine.disk(|disk| disk.agent.to_string())
    }

    fn key(&self) -> Option<v1::AttemptRef> {
        self.machine.disk(|disk| disk.held.as_ref().map(|held| held.key.clone()))
    }

    /// Says that the controller did what it must not.
    pub(super) fn refused(&self, what: &str, failed: &Failed) {
        let words = format!("{}: {what} was refused: {failed:?}", self.machine.name);
        self.machine.world.history.violation(NOTHING_LOST, words);
    }

    async fn register(&self) {
        let held = self.key();
        let request = v1::RegisterRequest {
            agent_id: self.id(),
            name: self.machine.name.clone(),
            host: self.machine.name.clone(),
            slots: 1,
            sweep_id: self.machine.world.sweep.clone(),
            held: held.iter().cloned().collect(),
            ..Default::default()
        };
        let send = |mut client: Client, request| async move { client.register(request).await };
        match self.calls.insist(request, PATIENCE, send).await {
            Ok(welcome) => {
                self.machine.say(format_args!("its agent is welcome"));
                for (key, told) in held.iter().zip(&welcome.verdicts) {
                    self.must_have(key, told.acknowledged_seq);
                }
                self.obey(held.as_slice(), &welcome.verdicts);
            }
            Err(failed) => self.refused("an agent", &failed),
        }
    }

    fn obey(&self, held: &[v1::AttemptRef], verdicts: &[v1::AttemptVerdict]) {
        for (key, told) in held.iter().zip(verdicts) {
            let verdict = told.verdict.clone().unwrap_or_default();
            if matches!(verdict.kind(), VerdictKind::Lost | VerdictKind::Cancel) {
                self.machine.lost(key, &verdict.reason);
            }
        }
    }

    /// What was acknowledged once must be there ever after.
    pub(super) fn must_have(&self, key: &v1::AttemptRef, told: u64) {
        let forgotten =
            self.machine.held(key, |held| (held.acknowledged > told).then(|| held.name())).flatten();
        if let Some(name) = forgotten {
            let what = format!("of {name} events were acknowledged beyond {told}, which are not there");
            self.machine.world.history.violation(NOTHING_LOST, what);
        }
    }

    /// Renews the lease while an attempt is held.
    async fn beat(&self) {
        let mut tries = 0;
        loop {
            let Some(key) = self.key() else {
                sleep(LEASE / 3).await;
                continue;
            };
            let wait = LEASE / 3;
            let wait_ms = wait.as_millis() as u64;
            let request = v1::HeartbeatRequest { agent_id: self.id(), held: vec![key.clone()], wait_ms };
            let send = |mut client: Client, request| async move { client.heartbeat(request).await };
            match self.calls.call(request, wait + PATIENCE, send).await {
                Ok(answer) => {
                    tries = 0;
                    self.obey(std::slice::from_ref(&key), &answer.verdicts);
                    if self.machine.held(&key, |held| held.lost.is_some()) == Some(true) {
                        sleep(Duration::from_secs(1)).await;
                    }
                }
                Err(Failed::Away) => {
                    self.calls.pause(tries).await;
                    tries += 1;
                }
                Err(failed) => self.refused("a heartbeat", &failed),
            }
        }
    }

    /// One trial after another.
    async fn work(&self) {
        loop {
            if let Some(key) = self.key() {
                self.relay(&key).await;
                continue;
            }
            let request_id = uuid::Builder::from_random_bytes(self.calls.draw(RngExt::random)).into_uuid();
            let Some(given) = self.claim(&request_id.to_string()).await else { return };
            self.begin(given).await;
        }
    }

    /// A trial; `None`: there is none any more.
    async fn claim(&self, request_id: &str) -> Option<v1::Assignment> {
        let wait = Duration::from_secs(30);
        loop {
            let request = v1::ClaimRequest {
                agent_id: self.id(),
                sweep_id: self.machine.world.sweep.clone(),
                request_id: request_id.to_owned(),
                wait_ms: wait.as_millis() as u64,
            };
            let send = |mut client: Client, request| async move { client.claim(request).await };
            match self.calls.insist(request, wait + PATIENCE, send).await.map(|answer| answer.outcome) {
                Ok(Some(claim_response::Outcome::Assignment(given))) => return Some(given),
                Ok(Some(claim_response::Outcome::Over(_))) => return None,
                Ok(Some(claim_response::Outcome::Idle(_)) | None) => {}
                Err(failed) => {
                    self.refused("a claim", &failed);
                    sleep(PACE).await;
                }
            }
        }
    }

    /// Notes an attempt on the disk, and starts its program.
    async fn begin(&self, given: v1::Assignment) {
        let params: serde_json::Value = serde_json::from_str(&given.params_json).unwrap_or_default();
        let number = |name: &str| params[name].as_f64().unwrap_or(1.0);
        let mut held = Held {
            key: v1::AttemptRef { trial_id: given.trial_id, attempt: given.attempt },
            number: given.number,
            pace: number("pace"),
            from: (0, number("start")),
            events: Vec::new(),
            acknowledged: 0,
            checkpoints: Default::default(),
            exit: None,
            lost: None,
        };
        if let Some(resume) = given.resume {
            match self.fetch(&resume).await {
                Ok(from) => held.from = from,
                // It may have been displaced by a late copy of another claim: the attempt is over then.
                Err(reason) => held.exit = Some(Exit { outcome: v1::Outcome::Infrastructure, reason }),
            }
        }
        let runs = held.exit.is_none();
        self.machine.disk(|disk| disk.held = Some(held));
        if runs {
            self.machine.launch();
        }
    }

    /// The step and value of a checkpoint.
    async fn fetch(&self, resume: &v1::ResumePoint) -> Result<(u64, f64), String> {
        let sha256 = resume.files.first().map(|file| file.sha256.clone()).unwrap_or_default();
        let mut tries = 0;
        loop {
            let request = v1::GetFileRequest { sha256: sha256.clone(), offset: 0 };
            let send = |mut client: Client, request| async move { client.get_file(request).await };
            match self.calls.call(request, PATIENCE, send).await {
                Ok(mut pieces) => {
                    let mut content = Vec::new();
                    while let Ok(Ok(Some(piece))) = timeout(PATIENCE, pieces.message()).await {
                        content.extend(piece.data);
                    }
                    if content.len() as u64 == resume.files[0].size {
                        return self.read(resume.step, &content);
                    }
                }
                Err(Failed::Away) => {}
                Err(Failed::Refused { words, .. }) => return Err(words),
            }
            self.calls.pause(tries).await;
            tries += 1;
        }
    }

    fn read(&self, step: u64, content: &[u8]) -> Result<(u64, f64), String> {
        let text = String::from_utf8_lossy(content);
        let read: Option<(u64, u64)> =
            text.split_once(' ').and_then(|(at, bits)| Some((at.parse().ok()?, bits.parse().ok()?)));
        match read {
            Some((at, bits)) if at == step => Ok((step, f64::from_bits(bits))),
            _ => {
                let what = format!("the checkpoint of step {step} is `{text}`");
                self.machine.world.history.violation(NOTHING_LOST, what.clone());
                Err(what)
            }
        }
    }
}
