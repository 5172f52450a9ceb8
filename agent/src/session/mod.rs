//! The conversation with the controller. Wire types stop here.

mod backoff;
mod files;
mod wire;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sweep_core::file::FileRef;
use sweep_core::trial::Outcome;
use sweep_core::value::Params;
use sweep_proto::status::{Reason, may_pass, metadata, reason, root_cause};
use sweep_proto::v1::agent_service_client::AgentServiceClient;
use sweep_proto::v1::{self, claim_response};
use tonic::Status;
use tonic::transport::{Channel, Endpoint};
use uuid::Uuid;

pub(crate) use self::backoff::Backoff;
pub(crate) use self::files::{FileError, announce};
use self::wire::{attempt_ref, read_assignment, read_verdict, write_entry};
use crate::exit::{Exit, Failure};
use crate::trial::spool::Entry;
use crate::trial::task::AttemptKey;

/// How long an ordinary call may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why a call brought nothing.
#[derive(Debug)]
pub(crate) enum CallError {
    /// Nobody answers, or the controller cannot now: try again.
    Away(String),
    /// The controller's refusal; trying again would not help.
    Refused { reason: Option<Reason>, message: String, acknowledged: Option<u64> },
}

impl CallError {
    /// For people.
    pub(crate) fn words(&self) -> &str {
        match self {
            Self::Away(cause) => cause,
            Self::Refused { message, .. } => message,
        }
    }
}

/// What the controller wants of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    GoOn,
    Stop(String),
    Cancel(String),
    Lost(String),
}

/// What there is to do.
pub(crate) enum Claimed {
    Trial(Box<Assignment>),
    Idle(String),
    Over(String),
}

/// A trial to run.
#[derive(Debug, Clone)]
pub(crate) struct Assignment {
    pub(crate) key: AttemptKey,
    pub(crate) sweep: String,
    pub(crate) number: u64,
    pub(crate) params: Params,
    /// Empty when absent, as `command`.
    pub(crate) program: String,
    pub(crate) command: Vec<String>,
    /// Which lines of its output are points; empty: none.
    pub(crate) stdout_rule: String,
    /// The longest it may run; 0: no limit.
    pub(crate) timeout_ms: u64,
    /// Between asking, SIGTERM and SIGKILL; 0: as the agent has it.
    pub(crate) stop_grace_ms: u64,
    /// Empty: none.
    pub(crate) project: String,
    /// The checkpoint it goes on from, the main file first; empty: it begins.
    pub(crate) resume: Vec<FileRef>,
}

/// Who this agent is.
pub(crate) struct Introduction {
    pub(crate) agent: Uuid,
    pub(crate) name: String,
    pub(crate) host: String,
    pub(crate) slots: usize,
    pub(crate) devices: Vec<String>,
    pub(crate) sweep: String,
    pub(crate) held: Vec<AttemptKey>,
}

/// What the controller answered to it.
pub(crate) struct Welcome {
    pub(crate) lease: Duration,
    /// The sweep's id in full.
    pub(crate) sweep: String,
    /// For each held attempt, in order, also the last event that the controller has of it.
    pub(crate) verdicts: Vec<(Verdict, u64)>,
}

/// The end of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ending {
    pub(crate) outcome: Outcome,
    pub(crate) reason: String,
    pub(crate) exit_code: Option<i32>,
    pub(crate) signal: Option<i32>,
    pub(crate) last_seq: u64,
    /// Not the program but the GPU it ran on; not told apart on the wire.
    pub(crate) device_at_fault: bool,
}

/// A connection that mends itself. Clones share it.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) server: String,
    client: AgentServiceClient<Channel>,
    /// Where the next row of pauses comes from.
    seed: Arc<AtomicU64>,
}

impl Session {
    /// Connects for the first time.
    pub(crate) async fn connect(server: &str) -> Result<Self, Failure> {
        let url = if server.contains("://") { server.to_owned() } else { format!("http://{server}") };
        let endpoint = Endpoint::from_shared(url.clone()).map_err(|_| {
            Failure::new(
                Exit::Usage,
                format!("`{server}` is no address of a controller\n  write it as http://HOST:7878"),
            )
        })?;
        let endpoint = endpoint
            .connect_timeout(Duration::from_secs(5))
            .tcp_nodelay(true)
            // A dead peer is noticed even where nothing is said.
            .http2_keep_alive_interval(Duration::from_secs(10))
            .keep_alive_timeout(Duration::from_secs(10))
            .keep_alive_while_idle(true);
        let channel = endpoint.connect().await.map_err(|error| unreachable(&url, &root_cause(&error)))?;
        Ok(Self { server: url, client: AgentServiceClient::new(channel), seed: Arc::default() })
    }

    /// Makes all pauses between tries come from this agent's id; returns the seed.
    pub(crate) fn seed(&self, agent: Uuid) -> u64 {
        let (high, low) = agent.as_u64_pair();
        self.seed.store(high ^ low, Ordering::Relaxed);
        high ^ low
    }

    /// A new row of pauses.
    pub(crate) fn backoff(&self) -> Backoff {
        Backoff::new(self.seed.fetch_add(1, Ordering::Relaxed))
    }

    /// Tries until the controller answers, with growing pauses. `what` is said once when it does not.
    pub(crate) async fn insist<T, F>(&self, what: &str, mut call: impl FnMut() -> F) -> Result<T, CallError>
    where
        F: Future<Output = Result<T, CallError>>,
    {
        let mut waiting: Option<Backoff> = None;
        loop {
            match call().await {
                Err(CallError::Away(cause)) => {
                    let backoff = waiting.get_or_insert_with(|| {
                        tracing::warn!(
                            "{what}: the controller does not answer ({cause}); trying again until it does"
                        );
                        self.backoff()
                    });
                    tokio::time::sleep(backoff.pause()).await;
                }
                answer => {
                    if waiting.is_some() {
                        tracing::info!("{what}: the controller answers again");
                    }
                    return answer;
                }
            }
        }
    }

    pub(crate) async fn register(&self, told: &Introduction) -> Result<Welcome, CallError> {
        let request = v1::RegisterRequest {
            agent_id: told.agent.to_string(),
            name: told.name.clone(),
            host: told.host.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            slots: u32::try_from(told.slots).unwrap_or(u32::MAX),
            devices: told.devices.clone(),
            labels: std::collections::HashMap::new(),
            sweep_id: told.sweep.clone(),
            held: told.held.iter().copied().map(attempt_ref).collect(),
        };
        let answer = self.client.clone().register(timed(request, PATIENCE)).await.map_err(call_error)?;
        let answer = answer.into_inner();
        let sweep = answer.sweep.ok_or_else(|| nonsense("it names no sweep"))?;
        Ok(Welcome {
            lease: Duration::from_millis(answer.lease_ms.max(1000)),
            sweep: sweep.id,
            verdicts: answer
                .verdicts
                .into_iter()
                .map(|verdict| (read_verdict(verdict.verdict), verdict.acknowledged_seq))
                .collect(),
        })
    }

    /// Asks for a trial; the controller may hold the call for `wait`. The same `request_id` always gets the same.
    pub(crate) async fn claim(
        &self,
        agent: Uuid,
        sweep: &str,
        request_id: Uuid,
        wait: Duration,
    ) -> Result<Claimed, CallError> {
        let request = v1::ClaimRequest {
            agent_id: agent.to_string(),
            sweep_id: sweep.to_owned(),
            request_id: request_id.to_string(),
            wait_ms: millis(wait),
        };
        let answer = self.client.clone().claim(timed(request, wait + PATIENCE)).await.map_err(call_error)?;
        match answer.into_inner().outcome.ok_or_else(|| nonsense("it says neither trial nor wait"))? {
            claim_response::Outcome::Assignment(told) => {
                read_assignment(told).map(|assignment| Claimed::Trial(Box::new(assignment)))
            }
            claim_response::Outcome::Idle(idle) => Ok(Claimed::Idle(idle.reason)),
            claim_response::Outcome::Over(over) => {
                let state = sweep_proto::convert::sweep_state_word(over.state);
                Ok(Claimed::Over(if over.reason.is_empty() {
                    state.to_owned()
                } else {
                    format!("{state} ({})", over.reason)
                }))
            }
        }
    }

    /// Sends events; the answer is the last one that is stored, and a verdict.
    pub(crate) async fn report(
        &self,
        key: AttemptKey,
        events: Vec<Entry>,
    ) -> Result<(u64, Verdict), CallError> {
        let request = v1::ReportRequest {
            trial_id: key.trial.to_string(),
            attempt: key.attempt,
            events: events.into_iter().flat_map(write_entry).collect(),
        };
        let answer =
            self.client.clone().report(timed(request, PATIENCE)).await.map_err(call_error)?.into_inner();
        Ok((answer.acknowledged_seq, read_verdict(answer.verdict)))
    }

    /// Renews leases; one verdict for each, in order. The controller may hold the call for `wait`.
    pub(crate) async fn heartbeat(
        &self,
        agent: Uuid,
        held: &[AttemptKey],
        wait: Duration,
    ) -> Result<Vec<Verdict>, CallError> {
        let request = v1::HeartbeatRequest {
            agent_id: agent.to_string(),
            held: held.iter().copied().map(attempt_ref).collect(),
            wait_ms: millis(wait),
        };
        let answer =
            self.client.clone().heartbeat(timed(request, wait + PATIENCE)).await.map_err(call_error)?;
        Ok(answer.into_inner().verdicts.into_iter().map(|verdict| read_verdict(verdict.verdict)).collect())
    }

    pub(crate) async fn finish(&self, key: AttemptKey, ending: &Ending) -> Result<(), CallError> {
        let request = v1::FinishRequest {
            trial_id: key.trial.to_string(),
            attempt: key.attempt,
            outcome: v1::Outcome::from(ending.outcome).into(),
            reason: ending.reason.clone(),
            exit_code: ending.exit_code,
            signal: ending.signal,
            last_seq: ending.last_seq,
        };
        self.client.clone().finish(timed(request, PATIENCE)).await.map_err(call_error).map(drop)
    }
}

/// The last words when nobody answers at the start.
pub(crate) fn unreachable(server: &str, cause: &str) -> Failure {
    Failure::new(
        Exit::Unreachable,
        format!(
            "cannot reach the controller at {server} ({cause})\n  start one here:  sweep-controller\n  \
             or name another: sweep-agent SWEEP --server http://HOST:7878 (or set SWEEP_SERVER)"
        ),
    )
}

fn timed<T>(message: T, limit: Duration) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request.set_timeout(limit);
    request
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn call_error(status: Status) -> CallError {
    let why = reason(&status);
    match may_pass(&status) {
        true if why.is_some() => CallError::Away(status.message().to_owned()),
        true => CallError::Away(root_cause(&status)),
        false => CallError::Refused {
            reason: why,
            acknowledged: metadata(&status, "acknowledged_seq").and_then(|seq| seq.parse().ok()),
            message: status.message().to_owned(),
        },
    }
}

fn nonsense(what: &str) -> CallError {
    CallError::Refused {
        reason: None,
        message: format!("the controller's answer is not understood: {what}; is it of another version?"),
        acknowledged: None,
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
