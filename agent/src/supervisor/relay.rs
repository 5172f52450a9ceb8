//! One attempt from its keeper's first word to the controller's last: events up, verdicts down, the end told.

use std::time::Duration;

use sweep_core::trial::Outcome;
use sweep_proto::status::Reason;
use tokio::sync::watch;
use tokio::time::sleep;

use super::device::Device;
use super::held::Holding;
use super::link::{Keeper, Link, reach};
use super::reporter::{ReportError, Reporter, refusal};
use super::stage::{Stage, Standing, reached};
use super::uploads::{Over, Uploads};
use super::{Agent, ending};
use crate::process::kill_leftovers;
use crate::session::{CallError, Ending, Verdict};
use crate::trial::control::{Command, Notice};
use crate::trial::dir::TrialDir;
use crate::trial::exit_record::{Cause, ExitRecord};
use crate::trial::spool::{Dropped, SpoolReader, Tail, tail};
use crate::trial::task::Task;

/// How long an agent that goes down tries to tell the ends of its attempts; told to kill, it is shorter of patience.
const LAST_TRIES: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(2));

/// What became of an attempt.
pub(crate) enum Fate {
    /// The controller knows.
    Told(Ending),
    /// It was given to somebody else; here it is no more.
    Lost(String),
    /// It lies in its directory, for the agent's next start.
    Left(String),
}

/// How an attempt ended on this side.
enum End {
    Record(ExitRecord),
    Gone,
    Broken(ReportError),
}

/// Supervises the attempt to its end; removes its directory when that is told. `acknowledged`: the last of its events
/// that the controller has.
pub(crate) async fn supervise(
    agent: &Agent,
    dir: &TrialDir,
    task: &Task,
    holding: Holding,
    acknowledged: u64,
    device: Option<&mut Device>,
) -> Fate {
    let standing = agent.standing.clone();
    let (link, said) = (None, Said::default());
    let uploads = Uploads::start(agent.session.clone(), task, dir, acknowledged);
    let mut relay = Relay { agent, dir, task, holding, standing, link, acknowledged, said, device, uploads };
    let fate = match relay.run().await {
        Ok(fate) => fate,
        Err(error) => Fate::Left(error.to_string()),
    };
    if let Some(mut link) = relay.link.take() {
        link.command(&Command::Bye).await;
    }
    if !matches!(fate, Fate::Left(_)) {
        match dir.remove() {
            Ok(None) => {}
            Ok(Some(kept)) => {
                tracing::info!("trial {}: its checkpoints are in {}", task.name(), kept.display());
            }
            Err(error) => tracing::warn!("cannot remove {}: {error}", dir.path().display()),
        }
    }
    fate
}

struct Relay<'a> {
    agent: &'a Agent,
    dir: &'a TrialDir,
    task: &'a Task,
    holding: Holding,
    standing: watch::Receiver<Standing>,
    link: Option<Link>,
    /// The last event that the controller has, as far as was known when the reporter began.
    acknowledged: u64,
    said: Said,
    device: Option<&'a mut Device>,
    uploads: Uploads,
}

/// What was said in the agent's log of the keeper's troubles.
#[derive(Default)]
struct Said {
    dropped: Dropped,
    full: bool,
}

impl Relay<'_> {
    async fn run(&mut self) -> std::io::Result<Fate> {
        let mut reporter = None;
        let end = self.follow(&mut reporter).await?;
        // The events to be told, up to the last one on disk.
        let (mut ending, last) = match end {
            End::Record(record) => match ending::of_record(&record) {
                Some(ending) => {
                    self.say_dropped(record.dropped);
                    (ending, record.last_seq)
                }
                None => return Ok(Fate::Lost(record.stop_reason)),
            },
            End::Gone => self.bury().await,
            End::Broken(ReportError::Lost(why)) => return Ok(Fate::Lost(why)),
            End::Broken(error) => {
                tracing::error!("trial {}: {error}", self.task.name());
                (Ending { reason: error.to_string(), ..ending::keeper_lost(0) }, 0)
            }
        };
        if ending.outcome == Outcome::Failed
            && let Some(device) = &mut self.device
            && let Some(fault) = device.fault().await
        {
            let reason = format!("its GPU is at fault ({fault}): {}", ending.reason);
            ending = Ending { outcome: Outcome::Infrastructure, reason, device_at_fault: true, ..ending };
        }
        let mut standing = self.agent.standing.clone();
        let told = self.tell(reporter, ending, last);
        tokio::select! {
            fate = told => Ok(fate),
            () = last_try(&mut standing) => Ok(Fate::Left(
                "the controller does not answer; the agent's next start tells it".to_owned(),
            )),
        }
    }

    /// Kills what a lost keeper left running, and finds out how far its spool goes.
    async fn bury(&self) -> (Ending, u64) {
        let killed = kill_leftovers(self.dir.read_keeper(), self.task.key).await;
        if killed > 0 {
            tracing::warn!("trial {}: killed {killed} processes of a lost keeper", self.task.name());
        }
        let mut ending = ending::keeper_lost(0);
        let end = tail(self.dir.path()).unwrap_or_else(|error| {
            tracing::error!("trial {}: its events cannot be read back: {error}", self.task.name());
            Tail::default()
        });
        if end.torn > 0 {
            let cut = format!("the last write to its spool was torn: {} bytes were cut off", end.torn);
            tracing::warn!("trial {}: {cut}", self.task.name());
            ending.reason = format!("{}; {cut}", ending.reason);
        }
        (ending, end.last_seq)
    }

    /// Follows the keeper until the attempt is over.
    async fn follow(&mut self, reporter: &mut Option<Reporter>) -> std::io::Result<End> {
        loop {
            let mut link = match reach(self.dir, self.task).await? {
                Keeper::Alive(link) => link,
                Keeper::Ended(record) => return Ok(End::Record(record)),
                Keeper::Gone => return Ok(End::Gone),
            };
            // What was asked before a connection broke is asked again; a keeper takes it once.
            let verdict = self.holding.verdict.borrow_and_update().clone();
            obey(&verdict, &mut link).await;
            let stage = self.standing.borrow_and_update().stage;
            hand_back(stage, &mut link).await;
            let followed = self.converse(&mut link, reporter).await;
            self.link = Some(link);
            if let Some(end) = followed {
                return Ok(end);
            }
        }
    }

    /// Until the attempt is over, or (`None`) the keeper is silent.
    async fn converse(&mut self, link: &mut Link, reporter: &mut Option<Reporter>) -> Option<End> {
        loop {
            let verdict = tokio::select! {
                notice = link.notice() => {
                    let notice = notice?;
                    self.heed(&notice);
                    if reporter.is_none() && notice.seq > 0 {
                        match self.reporter() {
                            Ok(made) => *reporter = Some(made),
                            Err(error) => return Some(self.give_up(error, link).await),
                        }
                    }
                    if let Some(reporter) = reporter {
                        reporter.extend(notice.seq);
                    }
                    if let Some(record) = notice.exit {
                        return Some(End::Record(record));
                    }
                    continue;
                }
                changed = self.holding.verdict.changed() => {
                    changed.ok()?;
                    self.holding.verdict.borrow_and_update().clone()
                }
                changed = self.standing.changed() => {
                    changed.ok()?;
                    let stage = self.standing.borrow_and_update().stage;
                    hand_back(stage, link).await;
                    continue;
                }
                answer = step(reporter) => match answer {
                    Ok(verdict) => {
                        if let Some(reporter) = reporter {
                            link.command(&Command::Acknowledged { seq: reporter.acknowledged }).await;
                            self.uploads.acknowledged(reporter.acknowledged);
                        }
                        verdict
                    }
                    Err(ReportError::Lost(why)) => Verdict::Lost(why),
                    Err(error) => return Some(self.give_up(error, link).await),
                },
            };
            if let Verdict::Lost(why) = &verdict {
                // Nothing it says is wanted any more.
                *reporter = None;
                tracing::warn!("trial {}: lost ({why}); killing it", self.task.name());
            }
            obey(&verdict, link).await;
        }
    }

    /// Says once what people should know of the keeper's troubles.
    fn heed(&mut self, notice: &Notice) {
        let name = self.task.name();
        self.say_dropped(notice.dropped);
        match (&notice.full, std::mem::replace(&mut self.said.full, notice.full.is_some())) {
            (Some(why), false) => tracing::warn!(
                "trial {name}: its events cannot be put on disk ({why}); it waits for up to {:?} until there is room",
                self.task.disk_patience()
            ),
            (None, true) => tracing::info!("trial {name}: the disk takes its events again"),
            _ => {}
        }
    }

    fn say_dropped(&mut self, dropped: Dropped) {
        if dropped != std::mem::replace(&mut self.said.dropped, dropped) {
            tracing::warn!("trial {}: {}", self.task.name(), dropped.told().trim_start_matches("warning: "));
        }
    }

    /// Kills an attempt whose events cannot be delivered.
    async fn give_up(&self, error: ReportError, link: &mut Link) -> End {
        link.command(&Command::Kill { cause: Cause::HandBack, reason: error.to_string() }).await;
        while let Some(notice) = link.notice().await {
            if notice.exit.is_some() {
                break;
            }
        }
        End::Broken(error)
    }

    fn reporter(&self) -> Result<Reporter, ReportError> {
        let spool = SpoolReader::open(self.dir.path())?;
        Ok(Reporter::new(self.agent.session.clone(), self.task, spool, self.acknowledged))
    }

    /// Sends what is left of the spool up to event `last`, then the end.
    async fn tell(&mut self, reporter: Option<Reporter>, mut ending: Ending, last: u64) -> Fate {
        let mut reporter = match reporter {
            Some(reporter) => Some(reporter),
            None if last > 0 => match self.reporter() {
                Ok(reporter) => Some(reporter),
                Err(error) => return Fate::Left(error.to_string()),
            },
            None => None,
        };
        loop {
            if let Some(reporter) = &mut reporter {
                reporter.extend(last);
                match reporter.flush().await {
                    Ok(()) => ending.last_seq = reporter.acknowledged,
                    Err(ReportError::Lost(why)) => return Fate::Lost(why),
                    // Its program may have ended well, but without its events that is worth nothing.
                    Err(error) if ending.outcome != Outcome::Infrastructure => {
                        ending.outcome = Outcome::Infrastructure;
                        ending.reason = error.to_string();
                        ending.last_seq = reporter.acknowledged;
                    }
                    Err(_) => ending.last_seq = reporter.acknowledged,
                }
            }
            self.uploads.acknowledged(ending.last_seq);
            // Other troubles were said where they happened; what is told of the attempt does not change.
            let over = match ending.outcome {
                Outcome::Succeeded | Outcome::Cancelled => Over::ForGood,
                _ => Over::Unfinished,
            };
            if let Err(ReportError::Lost(why)) = self.uploads.finish(over).await {
                return Fate::Lost(why);
            }
            let what = format!("the end of trial {}", self.task.name());
            let answer =
                self.agent.session.insist(&what, || self.agent.session.finish(self.task.key, &ending)).await;
            match (answer, &mut reporter) {
                (Ok(()), _) => return Fate::Told(ending),
                (
                    Err(CallError::Refused { reason: Some(Reason::SeqGap), acknowledged: Some(seq), .. }),
                    Some(reporter),
                ) if ending.outcome != Outcome::Infrastructure => {
                    reporter.resume_after(seq);
                }
                (Err(error), _) => {
                    return match refusal(error) {
                        ReportError::Lost(why) => Fate::Lost(why),
                        error => Fate::Left(error.to_string()),
                    };
                }
            }
        }
    }
}

async fn step(reporter: &mut Option<Reporter>) -> Result<Verdict, ReportError> {
    match reporter {
        Some(reporter) => reporter.step().await,
        None => std::future::pending().await,
    }
}

async fn obey(verdict: &Verdict, link: &mut Link) {
    let command = match verdict.clone() {
        Verdict::GoOn => return,
        Verdict::Stop(reason) => Command::Stop { cause: Cause::Stop, reason },
        Verdict::Cancel(reason) => Command::Terminate { cause: Cause::Cancel, reason },
        Verdict::Lost(reason) => Command::Kill { cause: Cause::Lost, reason },
    };
    link.command(&command).await;
}

async fn hand_back(stage: Stage, link: &mut Link) {
    let reason = "its agent was stopped".to_owned();
    match stage {
        Stage::Work | Stage::Drain => {}
        Stage::HandBack => link.command(&Command::Terminate { cause: Cause::HandBack, reason }).await,
        Stage::Kill => link.command(&Command::Kill { cause: Cause::HandBack, reason }).await,
    }
}

/// Resolves when an agent that goes down has tried for long enough.
async fn last_try(standing: &mut watch::Receiver<Standing>) {
    reached(standing, Stage::HandBack).await;
    let killed = async {
        reached(standing, Stage::Kill).await;
        sleep(LAST_TRIES.1).await;
    };
    tokio::select! {
        () = sleep(LAST_TRIES.0) => {}
        () = killed => {}
    }
}
