//! What agents ask.

use std::time::Duration;

use futures_util::stream::BoxStream;
use futures_util::{StreamExt as _, TryStreamExt as _};
use sweep_core::file::is_sha256;
use sweep_proto::v1::agent_service_server::AgentService;
use sweep_proto::v1::{self, claim_response};
use sweep_store::{Agent, Claim, Finish};
use tonic::{Request, Response, Status};
use tracing::info;

use super::{convert, refuse};
use crate::app::{App, Granted};

/// The largest piece of a file in one message.
const PIECE: usize = 1 << 20;

pub(crate) struct Agents {
    app: App,
}

impl Agents {
    pub(crate) fn new(app: App) -> Self {
        Self { app }
    }

    fn lease_ms(&self) -> u64 {
        convert::millis(self.app.lease)
    }
}

#[tonic::async_trait]
impl AgentService for Agents {
    async fn register(
        &self,
        request: Request<v1::RegisterRequest>,
    ) -> Result<Response<v1::RegisterResponse>, Status> {
        let told = request.into_inner();
        let sweep = self.app.store.sweep_find(&told.sweep_id).await.map_err(refuse::store)?;
        let held = told.held.iter().map(convert::attempt_key).collect::<Result<Vec<_>, _>>()?;
        info!(agent.name = %told.name, sweep.id = %sweep.id, "agent {} with {} slots joins sweep {}", told.name, told.slots, sweep.id);
        let id = convert::uuid("agent_id", &told.agent_id)?;
        self.app.heard.note(id, self.app.clock.now_ms());
        let agent = Agent {
            id,
            name: told.name,
            host: told.host,
            version: told.version,
            slots: told.slots,
            devices: told.devices,
            labels: convert::labels(told.labels),
        };
        self.app.store.agent_register(agent, self.app.clock.now_ms()).await.map_err(refuse::store)?;
        let renewed = self.app.store.attempts_renew(held.clone()).await;
        let answers = self.app.noted(&held, renewed).map_err(refuse::store)?;
        Ok(Response::new(v1::RegisterResponse {
            lease_ms: self.lease_ms(),
            controller_version: env!("CARGO_PKG_VERSION").to_owned(),
            sweep: Some(convert::sweep(sweep)),
            verdicts: convert::verdicts(told.held, answers),
        }))
    }

    async fn claim(&self, request: Request<v1::ClaimRequest>) -> Result<Response<v1::ClaimResponse>, Status> {
        let asked = request.into_inner();
        let claim = Claim {
            sweep: self.app.sweep_id(&asked.sweep_id).await.map_err(refuse::store)?,
            agent: convert::uuid("agent_id", &asked.agent_id)?,
            request_id: convert::uuid("request_id", &asked.request_id)?,
            lease: self.app.lease,
        };
        self.app.heard.note(claim.agent, self.app.clock.now_ms());
        let granted =
            self.app.claim(claim, Duration::from_millis(asked.wait_ms)).await.map_err(refuse::store)?;
        let outcome = match granted {
            Granted::Trial { assignment, spec } => claim_response::Outcome::Assignment(v1::Assignment {
                trial_id: assignment.trial.to_string(),
                sweep_id: assignment.sweep.clone(),
                number: assignment.number,
                attempt: assignment.attempt,
                params_json: convert::json(&assignment.params),
                program: spec.program.clone(),
                command: spec.command.clone(),
                lease_ms: self.lease_ms(),
                resume: assignment.resume.map(convert::resume_point),
                stdout_rule: spec.stdout_rule.clone().unwrap_or_default(),
                timeout_ms: spec.limits.trial_timeout.map_or(0, convert::millis),
                stop_grace_ms: spec.limits.stop_grace.map_or(0, convert::millis),
                project: spec.project.clone(),
            }),
            Granted::Idle { state, reason } => {
                claim_response::Outcome::Idle(v1::Idle { state: v1::SweepState::from(state).into(), reason })
            }
            Granted::Over { state, reason } => claim_response::Outcome::Over(v1::SweepOver {
                state: v1::SweepState::from(state).into(),
                reason,
            }),
        };
        Ok(Response::new(v1::ClaimResponse { outcome: Some(outcome) }))
    }

    async fn report(
        &self,
        request: Request<v1::ReportRequest>,
    ) -> Result<Response<v1::ReportResponse>, Status> {
        let told = request.into_inner();
        let key = convert::attempt_key(&v1::AttemptRef { trial_id: told.trial_id, attempt: told.attempt })?;
        let (first_seq, events) = convert::events(told.events)?;
        let reported = self.app.report(key, first_seq, events).await.map_err(refuse::store)?;
        Ok(Response::new(v1::ReportResponse {
            acknowledged_seq: reported.acknowledged,
            verdict: Some(convert::verdict(reported.standing)),
        }))
    }

    async fn heartbeat(
        &self,
        request: Request<v1::HeartbeatRequest>,
    ) -> Result<Response<v1::HeartbeatResponse>, Status> {
        let told = request.into_inner();
        let held = told.held.iter().map(convert::attempt_key).collect::<Result<Vec<_>, _>>()?;
        // Who it is is nothing that a lease depends on.
        if let Ok(agent) = told.agent_id.parse() {
            self.app.heard.note(agent, self.app.clock.now_ms());
        }
        let answers =
            self.app.heartbeat(held, Duration::from_millis(told.wait_ms)).await.map_err(refuse::store)?;
        Ok(Response::new(v1::HeartbeatResponse { verdicts: convert::verdicts(told.held, answers) }))
    }

    async fn finish(
        &self,
        request: Request<v1::FinishRequest>,
    ) -> Result<Response<v1::FinishResponse>, Status> {
        let told = request.into_inner();
        let outcome = v1::Outcome::try_from(told.outcome).ok().and_then(v1::Outcome::to_core);
        let finish = Finish {
            key: convert::attempt_key(&v1::AttemptRef { trial_id: told.trial_id, attempt: told.attempt })?,
            outcome: outcome.ok_or_else(|| refuse::field("outcome", "is unspecified or unknown"))?,
            reason: told.reason,
            exit_code: told.exit_code,
            signal: told.signal,
            last_seq: told.last_seq,
        };
        let finished = self.app.finish(finish).await.map_err(refuse::store)?;
        Ok(Response::new(v1::FinishResponse { state: v1::TrialState::from(finished.state).into() }))
    }

    async fn put_file(
        &self,
        request: Request<v1::PutFileRequest>,
    ) -> Result<Response<v1::PutFileResponse>, Status> {
        let told = request.into_inner();
        let key = convert::attempt_key(&told.attempt.unwrap_or_default())?;
        let file = convert::file(told.file.unwrap_or_default())?;
        let received = self.app.put_file(key, &file, told.offset, &told.data).await.map_err(refuse::file)?;
        Ok(Response::new(v1::PutFileResponse { received: received.bytes, complete: received.complete }))
    }

    async fn store_checkpoint(
        &self,
        request: Request<v1::StoreCheckpointRequest>,
    ) -> Result<Response<v1::StoreCheckpointResponse>, Status> {
        let told = request.into_inner();
        let key = convert::attempt_key(&told.attempt.unwrap_or_default())?;
        let files = told.files.into_iter().map(convert::file).collect::<Result<Vec<_>, _>>()?;
        if files.is_empty() {
            return Err(refuse::field("files", "a checkpoint has at least one"));
        }
        self.app.store_checkpoint(key, told.seq, files).await.map_err(refuse::file)?;
        Ok(Response::new(v1::StoreCheckpointResponse {}))
    }

    type GetFileStream = BoxStream<'static, Result<v1::GetFileResponse, Status>>;

    async fn get_file(
        &self,
        request: Request<v1::GetFileRequest>,
    ) -> Result<Response<Self::GetFileStream>, Status> {
        let v1::GetFileRequest { sha256, offset } = request.into_inner();
        if !is_sha256(&sha256) {
            return Err(refuse::field("sha256", "is no SHA-256: 64 lower-case hexadecimal digits"));
        }
        let content = self.app.get_file(&sha256, offset).await.map_err(refuse::file)?;
        let pieces = content.map_err(refuse::artifacts).map_ok(|mut bytes| {
            // A store's chunks may be larger than a message should be.
            let mut pieces = Vec::new();
            while !bytes.is_empty() {
                let data = bytes.split_to(bytes.len().min(PIECE)).to_vec();
                pieces.push(Ok(v1::GetFileResponse { data }));
            }
            futures_util::stream::iter(pieces)
        });
        Ok(Response::new(pieces.try_flatten().boxed()))
    }
}
