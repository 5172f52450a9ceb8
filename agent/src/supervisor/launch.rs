//! From an assignment to a running keeper: directory, command line, environment, process.

use std::env;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use sweep_core::command::{self, Source};
use thiserror::Error;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;
use tokio::sync::watch;

use super::Agent;
use super::stage::{Stage, reached};
use crate::session::{Assignment, FileError, Verdict};
use crate::slots::Slot;
use crate::trial::dir::{TrialDir, sockets};
use crate::trial::event::Facts;
use crate::trial::task::Task;
use crate::trial::{FORMAT, now_ms};
use crate::{git, keeper};

/// How long a keeper may take to say that it is there.
const PATIENCE: Duration = Duration::from_secs(30);
/// The program that is looked for beside the agent first.
const BUILT_IN: &str = "sweep-train";

/// Why a trial was not started.
#[derive(Debug, Error)]
pub(crate) enum LaunchError {
    /// The sweep file's fault.
    #[error("{0}")]
    Command(#[from] command::CommandError),
    /// What it should go on from does not come.
    #[error("the checkpoint it goes on from cannot be fetched: {file}: {error}")]
    Resume { file: String, error: FileError },
    /// The agent or the trial was told to end meanwhile.
    #[error("it was told to end before it began")]
    Interrupted,
    /// This machine's fault.
    #[error("cannot start a keeper: {0}")]
    Machine(#[from] io::Error),
}

/// Prepares the attempt's directory and starts its keeper.
pub(crate) async fn launch(
    agent: &Arc<Agent>,
    assignment: &Assignment,
    slot: &Slot,
    verdict: &mut watch::Receiver<Verdict>,
) -> Result<(TrialDir, Task), LaunchError> {
    let dir = TrialDir::of(&agent.home.trials(), assignment.key);
    let argv = argv(assignment, &dir)?;
    // What an earlier life left of the very same attempt was fenced off before it could be granted again.
    if dir.path().exists() {
        fs::remove_dir_all(dir.path())?;
    }
    dir.create(&assignment.params)?;
    if let Err(error) = fetch(agent, assignment, &dir, verdict).await {
        let _half_made = dir.remove();
        return Err(error);
    }
    let (event_socket, control_socket) = sockets(agent.home.path(), &dir)?;
    let facts = facts(agent, &argv, slot).await;
    let task = Task {
        format: FORMAT,
        key: assignment.key,
        server: agent.session.server.clone(),
        sweep: assignment.sweep.clone(),
        number: assignment.number,
        params: assignment.params.clone(),
        slot: slot.index,
        env: environment(assignment, slot, &dir, &event_socket),
        argv,
        stdout_rule: assignment.stdout_rule.clone(),
        event_socket,
        control_socket,
        grace_ms: match assignment.stop_grace_ms {
            0 => u64::from(agent.args.grace) * 1000,
            of_the_sweep => of_the_sweep,
        },
        timeout_ms: assignment.timeout_ms,
        spool_limit: agent.args.spool_limit << 20,
        disk_patience_ms: u64::from(agent.args.disk_patience) * 1000,
        facts,
        started_at_ms: now_ms(),
    };
    dir.write_task(&task)?;
    start_keeper(&dir).await?;
    Ok((dir, task))
}

/// Fetches the checkpoint that the attempt goes on from, unless it is not to begin any more.
async fn fetch(
    agent: &Agent,
    assignment: &Assignment,
    dir: &TrialDir,
    verdict: &mut watch::Receiver<Verdict>,
) -> Result<(), LaunchError> {
    if assignment.resume.is_empty() {
        return Ok(());
    }
    fs::create_dir(dir.resume())?;
    let mut standing = agent.standing.clone();
    let fetched = async {
        for file in &assignment.resume {
            let to = dir.resume().join(&file.name);
            agent.session.get_file(file, &to).await.map_err(|error| match error {
                // What came was not what it should be; every other trouble with files is this machine's.
                FileError::Io(error) if error.kind() != io::ErrorKind::InvalidData => error.into(),
                error => LaunchError::Resume { file: file.name.clone(), error },
            })?;
        }
        Ok(())
    };
    tokio::select! {
        fetched = fetched => fetched,
        () = reached(&mut standing, Stage::HandBack) => Err(LaunchError::Interrupted),
        _ = verdict.wait_for(|verdict| *verdict != Verdict::GoOn) => Err(LaunchError::Interrupted),
    }
}

fn argv(assignment: &Assignment, dir: &TrialDir) -> Result<Vec<String>, LaunchError> {
    let mut argv = command::expand(&Source {
        program: &assignment.program,
        command: &assignment.command,
        params: &assignment.params,
        params_json_path: &dir.params_json().to_string_lossy(),
        env: &|name| env::var(name).ok(),
    })?;
    if argv[0] == BUILT_IN
        && let Some(beside) = beside_this_program(BUILT_IN)
    {
        argv[0] = beside.to_string_lossy().into_owned();
    }
    Ok(argv)
}

fn beside_this_program(name: &str) -> Option<PathBuf> {
    let path = env::current_exe().ok()?.with_file_name(name);
    path.is_file().then_some(path)
}

/// `docs/trial-protocol.md` lists these; those of W&B let its scripts find their parameters.
fn environment(
    assignment: &Assignment,
    slot: &Slot,
    dir: &TrialDir,
    event_socket: &Path,
) -> Vec<(String, String)> {
    let path = |path: PathBuf| path.to_string_lossy().into_owned();
    let trial = format!("{}/{}", assignment.sweep, assignment.number);
    let mut env: Vec<(&str, String)> = vec![
        ("SWEEP_SOCKET", event_socket.to_string_lossy().into_owned()),
        ("SWEEP_PROTOCOL", "1".to_owned()),
        ("SWEEP_SWEEP_ID", assignment.sweep.clone()),
        ("SWEEP_TRIAL_ID", assignment.key.trial.to_string()),
        ("SWEEP_TRIAL", trial),
        ("SWEEP_TRIAL_NUMBER", assignment.number.to_string()),
        ("SWEEP_ATTEMPT", assignment.key.attempt.to_string()),
        ("SWEEP_PARAMS_JSON", path(dir.params_json())),
        ("SWEEP_PARAMS_YAML", path(dir.params_yaml())),
        ("SWEEP_CHECKPOINT_DIR", path(dir.checkpoints())),
        ("WANDB_SWEEP_ID", assignment.sweep.clone()),
        ("WANDB_RUN_ID", format!("{}-{}", assignment.sweep, assignment.number)),
        ("WANDB_SWEEP_PARAM_PATH", path(dir.params_yaml())),
        ("OMP_NUM_THREADS", slot.threads.to_string()),
        ("CUDA_VISIBLE_DEVICES", slot.gpu.clone().unwrap_or_default()),
    ];
    if let Some(main) = assignment.resume.first() {
        env.push(("SWEEP_RESUME", path(dir.resume().join(&main.name))));
    }
    if !assignment.project.is_empty() {
        env.push(("WANDB_PROJECT", assignment.project.clone()));
    }
    if env::var_os("OMP_WAIT_POLICY").is_none() {
        // Threads that spin while they wait take the cores from the trials of other slots.
        env.push(("OMP_WAIT_POLICY", "passive".to_owned()));
    }
    env.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

async fn facts(agent: &Agent, argv: &[String], slot: &Slot) -> Facts {
    let git = git::checkout().await;
    Facts {
        command: argv.to_vec(),
        host: agent.host.clone(),
        working_directory: env::current_dir()
            .map_or_else(|_| String::new(), |path| path.display().to_string()),
        git_commit: git.commit,
        git_dirty: git.dirty,
        versions: [("sweep-agent".to_owned(), env!("CARGO_PKG_VERSION").to_owned())].into(),
        devices: slot.devices(),
    }
}

async fn start_keeper(dir: &TrialDir) -> io::Result<()> {
    // This very program, even if its file was replaced by an upgrade.
    let mut started = Command::new("/proc/self/exe")
        .arg0("sweep-agent")
        .arg(keeper::WORD)
        .arg(dir.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(File::create(dir.keeper_log())?)
        // A Ctrl-C in the agent's terminal is the agent's business.
        .process_group(0)
        .spawn()?;
    let mut said = Vec::new();
    if let Some(out) = started.stdout.take() {
        let ready = async {
            let mut out = out.take(6);
            out.read_to_end(&mut said).await
        };
        tokio::time::timeout(PATIENCE, ready).await.map_err(|_| io::Error::other("it does not answer"))??;
    }
    // The runtime reaps it whenever it ends.
    drop(started);
    if said == b"ready\n" {
        return Ok(());
    }
    let last_words = fs::read_to_string(dir.keeper_log()).unwrap_or_default().trim().to_owned();
    Err(io::Error::other(if last_words.is_empty() { "it ended at once".to_owned() } else { last_words }))
}
