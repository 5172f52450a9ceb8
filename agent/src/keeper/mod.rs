//! The keeper: a process for one attempt. It owns the program, numbers what the program tells, keeps it in the spool,
//! and writes the exit record. It speaks no gRPC, survives its supervisor, and ends when the attempt has ended and
//! nobody listens any more.

mod channel;
mod control;
mod grammar;
mod ledger;
mod lines;
mod memory;
mod program;
mod room;
mod stopping;

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::Signal;
use thiserror::Error;
use tokio::net::UnixListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::channel::{Channel, Input};
use self::ledger::Ledger;
use self::memory::Kills;
use self::program::{Output, Program};
use self::room::Room;
use self::stopping::{Act, Stopping};
use crate::trial::control::{Command, Notice};
use crate::trial::dir::{TrialDir, remove_if_there};
use crate::trial::event::Stream;
use crate::trial::exit_record::{Cause, End, ExitRecord};
use crate::trial::now_ms;
use crate::trial::spool::{Limits, SpoolError, SpoolWriter};
use crate::trial::task::Task;

/// The agent's first argument that makes it a keeper; no sweep is called so.
pub const WORD: &str = "--keeper";

/// How long output is read on after the program has ended while something that it started keeps the pipes open.
const DRAIN: Duration = Duration::from_secs(2);

/// Why a keeper cannot keep.
#[derive(Debug, Error)]
pub enum KeeperError {
    #[error("{what}")]
    Io { what: &'static str, source: io::Error },
    #[error("another keeper has this attempt")]
    Taken,
    #[error("the spool cannot be started")]
    Spool(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the exit record cannot be written")]
    Record(#[source] Box<dyn std::error::Error + Send + Sync>),
}

fn cannot(what: &'static str) -> impl FnOnce(io::Error) -> KeeperError {
    move |source| KeeperError::Io { what, source }
}

/// Keeps the attempt in a directory to its end.
pub fn run(dir: &Path) -> Result<(), KeeperError> {
    // One thread: the less there is to start, the sooner the trial starts.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(cannot("cannot start"))?.block_on(keep(&TrialDir::new(dir)))
}

async fn keep(dir: &TrialDir) -> Result<(), KeeperError> {
    let lock = File::create(dir.keeper_lock()).map_err(cannot("cannot create the lock"))?;
    lock.try_lock().map_err(|_| KeeperError::Taken)?;
    let task = dir.read_task().map_err(cannot("cannot read the assignment"))?;
    let terminated = signal(SignalKind::terminate()).map_err(cannot("cannot listen for SIGTERM"))?;
    let channel = bind(&task.event_socket, Channel::bind)?;
    let (command_to, commands) = mpsc::channel(channel::QUEUE);
    let notices = Arc::new(watch::Sender::new(Notice::default()));
    let control = bind(&task.control_socket, |path| UnixListener::bind(path))?;
    let control = tokio::spawn(control::serve(control, command_to, Arc::clone(&notices)));
    let spool = SpoolWriter::create(dir.path(), Limits::new(task.spool_limit));
    let spool = spool.map_err(|error| KeeperError::Spool(error.into()))?;
    // Whoever started this may connect now; perhaps it is gone already.
    let _gone = io::stdout().write_all(b"ready\n").and_then(|()| io::stdout().flush());

    let ledger = Ledger::new(spool, dir.outgoing(), task.facts.clone(), &task.stdout_rule)
        .map_err(|error| KeeperError::Spool(error.into()))?;
    let mut keeper = Keeper {
        ledger,
        room: Room::new(task.disk_patience()),
        stopping: Stopping::new(task.grace()),
        stop: watch::Sender::new(None),
        listeners: 0,
        notices: Arc::clone(&notices),
        commands,
        terminated,
    };
    let record = keeper.attempt(dir, &task, channel).await;
    let written = keeper.write(&record, dir).await;
    // A supervisor that listens hears of the end even if the disk does not take it.
    notices.send_modify(|notice| notice.exit = Some(record));
    control.abort();
    keeper.linger().await;
    let _left = remove_if_there(&task.event_socket).and(remove_if_there(&task.control_socket));
    drop(lock);
    written.map_err(|error| KeeperError::Record(error.into()))
}

fn bind<T>(path: &Path, bind: impl FnOnce(&Path) -> io::Result<T>) -> Result<T, KeeperError> {
    remove_if_there(path).and_then(|()| bind(path)).map_err(cannot("cannot bind a socket"))
}

struct Keeper {
    ledger: Ledger,
    room: Room,
    stopping: Stopping,
    /// What the program is told on every event channel.
    stop: watch::Sender<Option<String>>,
    /// Open event channels.
    listeners: usize,
    notices: Arc<watch::Sender<Notice>>,
    commands: mpsc::Receiver<Command>,
    terminated: tokio::signal::unix::Signal,
}

impl Keeper {
    /// Runs the program to its end; what is left is to write the record.
    async fn attempt(&mut self, dir: &TrialDir, task: &Task, channel: Channel) -> ExitRecord {
        let kills = Kills::count();
        let end = match program::start(task) {
            Err(reason) => End::SpawnError(reason),
            Ok((program, output)) => {
                // Without it only a lost keeper's program is harder to find.
                let _unrecorded = dir.write_keeper(&program.record());
                let attended = self.attend(&program, output, channel, task.timeout()).await;
                let end = program.reap();
                attended.map_or_else(spool_lost, |()| end)
            }
        };
        let end = self.flush().await.map_or_else(spool_lost, |()| end);
        let (stopped_by, stop_reason) = self
            .stopping
            .cause
            .clone()
            .map_or((None, String::new()), |(cause, reason)| (Some(cause), reason));
        let starved = match stopped_by {
            None => kills.blame(Kills::count(), &end),
            Some(_) => None,
        };
        ExitRecord {
            end,
            starved,
            ended_at_ms: now_ms(),
            last_seq: self.notices.borrow().seq,
            stopped_by,
            stop_reason,
            last_stderr: self.ledger.telling_line().to_owned(),
            dropped: self.ledger.dropped(),
        }
    }

    /// Puts the last events on disk, however long it takes to find room.
    async fn flush(&mut self) -> Result<(), SpoolError> {
        loop {
            self.sync()?;
            if !self.wait_for_room().await {
                return Ok(());
            }
        }
    }

    async fn write(&mut self, record: &ExitRecord, dir: &TrialDir) -> Result<(), SpoolError> {
        loop {
            let written = record.write(&dir.exit_record()).map_err(SpoolError::from);
            if self.room.judge(written, Instant::now())?.is_ok() || !self.wait_for_room().await {
                return Ok(());
            }
        }
    }

    /// Waits until it is time to try again; returns whether that is wanted.
    async fn wait_for_room(&mut self) -> bool {
        while let Some(retry) = self.room.retry() {
            tokio::select! {
                () = tokio::time::sleep_until(retry) => return true,
                command = self.commands.recv() => match command {
                    // Nobody wants to know any more.
                    Some(Command::Kill { .. } | Command::Bye) | None => return false,
                    Some(Command::Acknowledged { seq }) => self.acknowledge(seq),
                    Some(_) => {}
                },
            }
        }
        false
    }

    /// Reads and obeys until the program has ended and all it said is read. An error: its words cannot be kept, and
    /// it was killed.
    async fn attend(
        &mut self,
        program: &Program,
        output: Output,
        channel: Channel,
        timeout: Option<Duration>,
    ) -> Result<(), SpoolError> {
        let started = Instant::now();
        let mut overdue = timeout.map(|timeout| started + timeout);
        let (input_to, mut inputs) = mpsc::channel(channel::QUEUE);
        let ended = CancellationToken::new();
        tokio::spawn(channel::read_output(output.stdout, Stream::Stdout, input_to.clone()));
        tokio::spawn(channel::read_output(output.stderr, Stream::Stderr, input_to.clone()));
        // The last of the senders goes when all is read, which ends the loop.
        tokio::spawn(channel.serve(input_to, self.stop.subscribe(), ended.clone()));
        let mut exit = program.ended();
        let mut drained = None;
        loop {
            let now = Instant::now();
            let done = tokio::select! {
                input = inputs.recv(), if self.ledger.has_room() => match input {
                    Some(input) => self.take(input),
                    None => return Ok(()),
                },
                Some(command) = self.commands.recv() => {
                    match command {
                        Command::Acknowledged { seq } => self.acknowledge(seq),
                        command => self.ask(command, program),
                    }
                    Ok(())
                }
                _ = self.terminated.recv() => {
                    let reason = "the keeper was told to end".to_owned();
                    self.ask(Command::Terminate { cause: Cause::HandBack, reason }, program);
                    Ok(())
                }
                _ = &mut exit, if drained.is_none() => {
                    drained = Some(now + DRAIN);
                    ended.cancel();
                    Ok(())
                }
                () = at(self.room.retry().or_else(|| self.ledger.due(now))) => self.sync(),
                () = at(self.stopping.due()) => {
                    let act = self.stopping.elapse(Instant::now());
                    self.act(act, program);
                    Ok(())
                }
                () = at(overdue) => {
                    overdue = None;
                    let limit = timeout.unwrap_or_default();
                    let reason = format!("ran longer than its trial_timeout, {limit:?}");
                    self.ask(Command::Stop { cause: Cause::Timeout, reason }, program);
                    Ok(())
                }
                () = at(drained) => return Ok(()),
            };
            if let Err(error) = done {
                program.signal(Signal::KILL);
                return Err(error);
            }
        }
    }

    fn take(&mut self, input: Input) -> Result<(), SpoolError> {
        match input {
            Input::Lines(stream, lines) => {
                lines.into_iter().try_for_each(|line| self.ledger.log(stream, line))
            }
            Input::Told { lines, acks, count } => self.ledger.told(&lines, acks, count),
            Input::Opened => {
                self.listeners += 1;
                Ok(())
            }
            Input::Closed => {
                self.listeners -= 1;
                Ok(())
            }
        }
    }

    fn ask(&mut self, command: Command, program: &Program) {
        let act = self.stopping.ask(command, self.listeners > 0, Instant::now());
        self.act(act, program);
    }

    fn act(&mut self, act: Option<Act>, program: &Program) {
        match act {
            None => {}
            Some(Act::Tell) => {
                let reason = self.stopping.cause.as_ref().map(|(_, reason)| reason.clone());
                self.stop.send_replace(reason);
            }
            Some(Act::Terminate) => program.signal(Signal::TERM),
            Some(Act::Kill) => program.signal(Signal::KILL),
        }
    }

    /// Puts all on disk, then says so; or says that there is no room now.
    fn sync(&mut self) -> Result<(), SpoolError> {
        let synced = self.ledger.sync();
        let judged = self.room.judge(synced, Instant::now())?;
        let dropped = self.ledger.dropped();
        self.notices.send_if_modified(|notice| match judged {
            Ok(seq) => {
                let new = (notice.seq, notice.dropped) != (seq, dropped) || notice.full.is_some();
                (notice.seq, notice.dropped, notice.full) = (seq, dropped, None);
                new
            }
            Err(why) => notice.full.replace(why).is_none(),
        });
        Ok(())
    }

    fn acknowledge(&mut self, seq: u64) {
        // A file that cannot be removed only takes room; the next acknowledgement tries again.
        let _stays = self.ledger.acknowledge(seq);
    }

    /// Stays for whoever listens, until they leave or say goodbye.
    async fn linger(&mut self) {
        let notices = Arc::clone(&self.notices);
        let gone = notices.closed();
        tokio::pin!(gone);
        loop {
            tokio::select! {
                () = &mut gone => return,
                command = self.commands.recv() => match command {
                    Some(Command::Bye) | None => return,
                    Some(_) => {}
                },
            }
        }
    }
}

/// Sleeps until then; without a time, for ever.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_or_else wants")]
fn spool_lost(error: SpoolError) -> End {
    let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
    End::SpoolError(format!("{error}{cause}"))
}
