//! One slot: what it finds of an earlier life first, then claim after claim.

use std::sync::Arc;
use std::time::Duration;

use sweep_core::trial::Outcome;
use sweep_proto::status::Reason;
use uuid::Uuid;

use super::device::{Device, Quarantined};
use super::launch::{LaunchError, launch};
use super::relay::{Fate, supervise};
use super::stage::{Stage, reached};
use super::{Agent, ending};
use crate::exit::{Exit, Failure};
use crate::home::LeftBehind;
use crate::session::{Assignment, CallError, Claimed, Ending, Verdict};
use crate::slots::Slot;

/// How long the controller may hold a claim.
const WAIT: Duration = Duration::from_secs(20);
/// How long a claim that a signal cut short is asked after.
const LAST_TRY: Duration = Duration::from_secs(5);

/// How a slot's work ended.
pub(super) enum Run {
    Done,
    /// Its device was at fault too often.
    Quarantined,
}

/// Why a slot takes no more trials before there are none.
enum Stop {
    Failure(Failure),
    Quarantined(Quarantined),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<Quarantined> for Stop {
    fn from(quarantined: Quarantined) -> Self {
        Self::Quarantined(quarantined)
    }
}

/// An attempt of an earlier life, and what the controller says of it.
pub(super) struct Found {
    pub(super) left: LeftBehind,
    pub(super) verdict: Verdict,
    /// Its last event that the controller has.
    pub(super) acknowledged: u64,
}

/// Runs trials until there is nothing more to do.
pub(super) async fn run(agent: Arc<Agent>, slot: Slot, left: Vec<Found>) -> Result<Run, Failure> {
    let mut device = slot.gpu.clone().map(|gpu| Device::new(gpu, agent.args.device_probe.clone()));
    match work(&agent, &slot, left, device.as_mut()).await {
        Ok(()) => Ok(Run::Done),
        Err(Stop::Failure(failure)) => Err(failure),
        Err(Stop::Quarantined(Quarantined { gpu, why })) => {
            tracing::error!("GPU {gpu} was at fault too often and gets no more trials of this agent: {why}");
            Ok(Run::Quarantined)
        }
    }
}

async fn work(
    agent: &Arc<Agent>,
    slot: &Slot,
    left: Vec<Found>,
    mut device: Option<&mut Device>,
) -> Result<(), Stop> {
    for Found { left: LeftBehind { dir, task }, verdict, acknowledged } in left {
        let holding = agent.held.hold(task.key, verdict);
        let fate = supervise(agent, &dir, &task, holding, acknowledged, device.as_deref_mut()).await;
        announce(&task.name(), &fate);
        judge(&fate, device.as_deref_mut())?;
    }
    while agent.stage() == Stage::Work && agent.permit() {
        if let Some(device) = device.as_deref_mut() {
            let mut backoff = agent.session.backoff();
            let mut standing = agent.standing.clone();
            tokio::select! {
                ready = device.ready(|| backoff.pause()) => ready?,
                () = reached(&mut standing, Stage::Drain) => break,
            }
        }
        let Some(assignment) = claim(agent).await? else { break };
        if agent.stage() == Stage::Work {
            let fate = run_one(agent, &assignment, slot, device.as_deref_mut()).await?;
            judge(&fate, device.as_deref_mut())?;
        } else {
            hand_back(agent, &assignment, "its agent was stopped before it began").await;
        }
    }
    Ok(())
}

/// The next trial; `None`: there will be none, or the agent is told to end.
async fn claim(agent: &Agent) -> Result<Option<Assignment>, Failure> {
    loop {
        let request_id = Uuid::now_v7();
        let ask = |wait| agent.session.claim(agent.agent_id(), &agent.sweep, request_id, wait);
        let mut standing = agent.standing.clone();
        let answer = tokio::select! {
            answer = agent.session.insist("claiming a trial", || ask(WAIT)) => answer,
            () = reached(&mut standing, Stage::Drain) => {
                // The controller may have granted one meanwhile: the same question gets the same answer.
                let last = agent.session.insist("claiming a trial", || ask(Duration::ZERO));
                match tokio::time::timeout(LAST_TRY, last).await {
                    Ok(answer) => answer,
                    Err(_) => return Ok(None),
                }
            }
        };
        match answer {
            Ok(Claimed::Trial(assignment)) => return Ok(Some(*assignment)),
            Ok(Claimed::Over(why)) => {
                tracing::info!("sweep {} is over: {why}", agent.sweep);
                return Ok(None);
            }
            Ok(Claimed::Idle(why)) => {
                if agent.stage() != Stage::Work {
                    return Ok(None);
                }
                tracing::debug!("nothing to do now: {why}");
            }
            Err(CallError::Refused { reason, message, .. }) => return Err(refused(agent, reason, &message)),
            Err(CallError::Away(cause)) => return Err(super::unreachable(&agent.session.server, &cause)),
        }
    }
}

fn refused(agent: &Agent, reason: Option<Reason>, message: &str) -> Failure {
    match reason {
        Some(Reason::SweepNotFound | Reason::AgentUnknown) => Failure::new(
            Exit::NotFound,
            format!(
                "the controller no longer knows sweep {}: {message}\n  was its database replaced? see: sweep-ctl list",
                agent.sweep
            ),
        ),
        _ => Failure::new(Exit::Unexpected, format!("the controller refuses to give out trials: {message}")),
    }
}

async fn run_one(
    agent: &Arc<Agent>,
    assignment: &Assignment,
    slot: &Slot,
    device: Option<&mut Device>,
) -> Result<Fate, Failure> {
    let name = format!("{}/{}", assignment.sweep, assignment.number);
    let mut holding = agent.held.hold(assignment.key, Verdict::GoOn);
    let fate = match launch(agent, assignment, slot, &mut holding.verdict).await {
        Ok((dir, task)) => {
            tracing::info!(
                "trial {name} (attempt {}) starts: {}",
                task.key.attempt,
                task.facts.command.join(" ")
            );
            supervise(agent, &dir, &task, holding, 0, device).await
        }
        Err(LaunchError::Command(error)) => {
            let ending =
                Ending { outcome: Outcome::Failed, reason: error.to_string(), ..ending::keeper_lost(0) };
            finish(agent, assignment, ending).await
        }
        Err(LaunchError::Interrupted) => {
            let verdict = holding.verdict.borrow().clone();
            let (outcome, reason) = match verdict {
                Verdict::Lost(why) => return Ok(Fate::Lost(why)),
                Verdict::Cancel(why) => (Outcome::Cancelled, why),
                Verdict::Stop(why) => (Outcome::Stopped, why),
                Verdict::GoOn => (Outcome::HandedBack, "its agent was stopped before it began".to_owned()),
            };
            finish(agent, assignment, Ending { outcome, reason, ..ending::keeper_lost(0) }).await
        }
        Err(error @ LaunchError::Resume { .. }) => {
            let reason = error.to_string();
            tracing::error!("trial {name}: {reason}");
            finish(agent, assignment, Ending { reason, ..ending::keeper_lost(0) }).await
        }
        Err(LaunchError::Machine(error)) => {
            // The next trial would fare no better: other machines may do what this one cannot.
            hand_back(agent, assignment, "its agent's machine could not start it").await;
            return Err(Failure::new(
                Exit::Unexpected,
                format!(
                    "this machine cannot start trials: {error}\n  trial {name} was handed back to the sweep"
                ),
            ));
        }
    };
    announce(&name, &fate);
    Ok(fate)
}

/// What a trial's end says of the device it ran on.
fn judge(fate: &Fate, device: Option<&mut Device>) -> Result<(), Stop> {
    let (Some(device), Fate::Told(ending)) = (device, fate) else { return Ok(()) };
    if ending.device_at_fault {
        device.blame(&ending.reason)?;
    } else if ending.outcome == Outcome::Succeeded {
        device.proved_itself();
    }
    Ok(())
}

async fn hand_back(agent: &Agent, assignment: &Assignment, reason: &str) {
    let ending = Ending { outcome: Outcome::HandedBack, reason: reason.to_owned(), ..ending::keeper_lost(0) };
    let told = finish(agent, assignment, ending);
    if tokio::time::timeout(LAST_TRY, told).await.is_err() {
        tracing::warn!(
            "the controller does not answer; the lease of trial {} will expire",
            assignment.number
        );
    }
}

async fn finish(agent: &Agent, assignment: &Assignment, ending: Ending) -> Fate {
    let told = agent.session.insist("ending a trial", || agent.session.finish(assignment.key, &ending)).await;
    match told {
        Ok(()) => Fate::Told(ending),
        Err(CallError::Refused { message, .. } | CallError::Away(message)) => Fate::Lost(message),
    }
}

fn announce(name: &str, fate: &Fate) {
    match fate {
        Fate::Told(ending) if ending.outcome == Outcome::Succeeded => tracing::info!("trial {name} finished"),
        Fate::Told(ending) => {
            let what = match ending.outcome {
                Outcome::Succeeded => "finished",
                Outcome::Failed => "failed",
                Outcome::Stopped => "stopped early",
                Outcome::Cancelled => "cancelled",
                Outcome::HandedBack => "handed back",
                Outcome::Infrastructure => "not run to its end by this machine",
            };
            tracing::warn!("trial {name} {what}: {}", ending.reason);
        }
        Fate::Lost(why) => tracing::warn!("trial {name} was lost: {why}"),
        Fate::Left(why) => tracing::warn!("trial {name} is left for later: {why}"),
    }
}
