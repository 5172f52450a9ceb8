//! The supervisor: claims trials into slots, starts a keeper for each, and speaks for them to the controller.

mod device;
mod ending;
mod held;
mod launch;
mod link;
mod relay;
mod reporter;
mod slot;
mod stage;
mod uploads;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sweep_proto::status::Reason;
use tokio::sync::watch;
use tokio::task::JoinSet;
use uuid::Uuid;

use self::held::Held;
use self::slot::{Found, Run};
use self::stage::{Stage, Standing};
use crate::args::Args;
use crate::exit::{Exit, Failure};
use crate::home::{Home, Left, LeftBehind, Strange};
use crate::process::kill_leftovers;
use crate::session::{CallError, Introduction, Session, Welcome, unreachable};
use crate::slots::{Slot, slots};

/// What all slots share.
struct Agent {
    args: Args,
    session: Session,
    home: Home,
    host: String,
    /// The sweep's id in full.
    sweep: String,
    held: Held,
    standing: watch::Receiver<Standing>,
    /// Trials that may still be claimed; `None`: as many as there are.
    permits: Option<AtomicU64>,
}

/// Runs the agent until the sweep is over, `--count` is reached, or it is told to end.
///
/// # Errors
/// When it cannot start: no such sweep, no controller, no state directory. Later troubles are waited out.
pub fn run(args: Args) -> Result<Exit, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Unexpected, format!("cannot start: {error}")))?
        .block_on(work(args))
}

async fn work(args: Args) -> Result<Exit, Failure> {
    let standing =
        stage::watch_signals(args.drain_timeout.map(|seconds| Duration::from_secs(seconds.into())))?;
    let base = args.state_dir.clone().map_or_else(default_state_dir, Ok)?;
    let slots = slots(args.slots);
    let session = Session::connect(&args.server).await?;
    let (home, Left { attempts: left, strange }) = Home::take(&base)?;
    let seed = session.seed(home.agent_id);
    fence(strange).await?;
    let left = of_this_controller(left, &session.server).await;
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let introduction = Introduction {
        agent: home.agent_id,
        name: args.name.clone().unwrap_or_else(|| host.clone()),
        host: host.clone(),
        slots: slots.len(),
        devices: slots.iter().flat_map(Slot::devices).collect(),
        sweep: args.sweep.clone(),
        held: left.iter().map(|left| left.task.key).collect(),
    };
    let welcome = register(&session, &introduction).await?;
    tracing::info!(
        "agent {} works on sweep {} of {} in {} {} (pauses between tries from seed {seed})",
        introduction.name,
        welcome.sweep,
        session.server,
        slots.len(),
        if slots.len() == 1 { "slot" } else { "slots" },
    );
    let agent = Arc::new(Agent {
        permits: args.count.map(AtomicU64::new),
        session,
        home,
        host,
        sweep: welcome.sweep.clone(),
        held: Held::default(),
        standing,
        args,
    });
    let exit = attend(&agent, slots, left, welcome).await?;
    let signalled = agent.standing.borrow().exit;
    Ok(if signalled == Exit::Done { exit } else { signalled })
}

/// Runs every slot to its end.
async fn attend(
    agent: &Arc<Agent>,
    slots: Vec<Slot>,
    left: Vec<LeftBehind>,
    welcome: Welcome,
) -> Result<Exit, Failure> {
    let heart = agent.held.clone().keep_alive(agent.session.clone(), agent.home.agent_id, welcome.lease);
    let heart = tokio::spawn(heart);
    let mut shares: Vec<Vec<Found>> = slots.iter().map(|_| Vec::new()).collect();
    for (left, (verdict, acknowledged)) in left.into_iter().zip(welcome.verdicts) {
        tracing::info!("trial {}: found again from an earlier life of this agent", left.task.name());
        let slot = left.task.slot % shares.len();
        shares[slot].push(Found { left, verdict, acknowledged });
    }
    let mut running = JoinSet::new();
    for (slot, share) in slots.into_iter().zip(shares) {
        running.spawn(slot::run(Arc::clone(agent), slot, share));
    }
    let mut result = Ok(Exit::Done);
    let (all, mut quarantined) = (running.len(), 0);
    while let Some(ended) = running.join_next().await {
        match ended {
            Ok(Ok(Run::Done)) => {}
            Ok(Ok(Run::Quarantined)) => quarantined += 1,
            Ok(Err(failure)) => result = Err(failure),
            Err(panic) => {
                result = Err(Failure::new(Exit::Unexpected, format!("a slot of the agent broke: {panic}")));
            }
        }
    }
    heart.abort();
    if result.is_ok() && quarantined == all {
        return Err(Failure::new(
            Exit::Unexpected,
            "every GPU of this agent was at fault too often, so it ends\n  look at them: nvidia-smi, dmesg | grep Xid",
        ));
    }
    result
}

async fn register(session: &Session, introduction: &Introduction) -> Result<Welcome, Failure> {
    session.register(introduction).await.map_err(|error| match error {
        CallError::Away(cause) => unreachable(&session.server, &cause),
        CallError::Refused { reason: Some(Reason::SweepNotFound), message, .. } => {
            Failure::new(Exit::NotFound, format!("{message}\n  see which there are: sweep-ctl list"))
        }
        CallError::Refused { reason: Some(Reason::SweepAmbiguous), message, .. } => {
            Failure::new(Exit::Usage, format!("{message}\n  give more of its letters"))
        }
        CallError::Refused { reason: None, message, .. } => Failure::new(
            Exit::Unexpected,
            format!("{} is no Sweep controller, or one of another version: {message}", session.server),
        ),
        CallError::Refused { message, .. } => Failure::new(Exit::Unexpected, message),
    })
}

/// Sees to it that no attempt which this version does not understand runs in a slot that would be used: a program whose
/// keeper is gone is killed, one that is kept is another version's business.
async fn fence(strange: Vec<Strange>) -> Result<(), Failure> {
    for Strange { dir, why } in strange {
        let place = dir.path().display();
        if !dir.is_unkept().unwrap_or(false) {
            return Err(Failure::new(
                Exit::Unexpected,
                format!(
                    "a trial still runs here under another version of sweep-agent: {place} cannot be taken up ({why})\n  \
                     start that version again, or wait until the trial has ended, or name another --state-dir"
                ),
            ));
        }
        let killed = match dir.key() {
            Some(key) => kill_leftovers(dir.read_keeper(), key).await,
            None => 0,
        };
        tracing::warn!(
            "{place} is not understood and left alone ({why}); {killed} processes of its lost keeper were killed"
        );
    }
    Ok(())
}

/// Attempts of another controller are not this one's business, but for programs that nobody keeps.
async fn of_this_controller(left: Vec<LeftBehind>, server: &str) -> Vec<LeftBehind> {
    let (ours, others): (Vec<_>, Vec<_>) = left.into_iter().partition(|left| left.task.server == server);
    for other in others {
        if other.dir.is_unkept().unwrap_or(false) {
            kill_leftovers(other.dir.read_keeper(), other.task.key).await;
        }
        tracing::warn!(
            "trial {} of the controller at {} was left behind in {}; an agent with --server {} takes it up again",
            other.task.name(),
            other.task.server,
            other.dir.path().display(),
            other.task.server,
        );
    }
    ours
}

fn default_state_dir() -> Result<PathBuf, Failure> {
    let state = std::env::var_os("XDG_STATE_HOME").filter(|path| !path.is_empty()).map(PathBuf::from);
    let state = state.or_else(|| Some(std::env::home_dir()?.join(".local/state")));
    let state = state.ok_or_else(|| {
        Failure::new(Exit::Usage, "there is no home directory to keep state in\n  name one: --state-dir DIR")
    })?;
    Ok(state.join("sweep/agent"))
}

impl Agent {
    fn stage(&self) -> Stage {
        self.standing.borrow().stage
    }

    /// Takes one of the trials that `--count` allows.
    fn permit(&self) -> bool {
        self.permits.as_ref().is_none_or(|left| {
            left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
        })
    }

    fn agent_id(&self) -> Uuid {
        self.home.agent_id
    }
}
