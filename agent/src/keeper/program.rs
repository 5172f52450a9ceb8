//! The trial's program as a process.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, waitid};
use tokio::net::unix::pipe;
use tokio::sync::oneshot;

use crate::process::{boot_id, signal_group, start_time};
use crate::trial::dir::KeeperRecord;
use crate::trial::exit_record::End;
use crate::trial::task::Task;

/// A started program, the leader of a process group of its own.
pub(crate) struct Program {
    child: Child,
}

/// What the program writes.
pub(crate) struct Output {
    pub(crate) stdout: pipe::Receiver,
    pub(crate) stderr: pipe::Receiver,
}

/// Starts the program; the error is for people.
pub(crate) fn start(task: &Task) -> Result<(Program, Output), String> {
    let Some((name, arguments)) = task.argv.split_first() else {
        return Err("the command is empty".to_owned());
    };
    let child = Command::new(name)
        .args(arguments)
        .envs(task.env.iter().map(|(name, value)| (name, value)))
        .current_dir(&task.facts.working_directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn();
    let mut child = child.map_err(|error| cannot_start(name, &task.facts.working_directory, &error))?;
    match output(&mut child) {
        Ok(output) => Ok((Program { child }, output)),
        Err(error) => {
            let program = Program { child };
            program.signal(Signal::KILL);
            program.reap();
            Err(format!("cannot read the output of `{name}`: {error}"))
        }
    }
}

fn output(child: &mut Child) -> io::Result<Output> {
    let missing = || io::Error::other("it has no pipe");
    let stdout = OwnedFd::from(child.stdout.take().ok_or_else(missing)?);
    let stderr = OwnedFd::from(child.stderr.take().ok_or_else(missing)?);
    Ok(Output {
        stdout: pipe::Receiver::from_owned_fd(stdout)?,
        stderr: pipe::Receiver::from_owned_fd(stderr)?,
    })
}

fn cannot_start(name: &str, folder: &str, error: &io::Error) -> String {
    // The system's words without its number.
    let cause = error.to_string();
    let cause = cause.split(" (os error").next().unwrap_or_default();
    let fix = match error.kind() {
        io::ErrorKind::NotFound if !name.contains('/') => format!(
            "looked for it on PATH. A program in the agent's working directory ({folder}) is written `./{name}`"
        ),
        io::ErrorKind::NotFound => {
            format!(
                "looked from the agent's working directory, {folder}. A script's first line may name a missing interpreter, too"
            )
        }
        io::ErrorKind::PermissionDenied => format!("make it executable: chmod +x {name}"),
        _ => format!("working directory {folder}"),
    };
    format!("cannot start `{name}`: {cause}; {fix}")
}

impl Program {
    pub(crate) fn record(&self) -> KeeperRecord {
        KeeperRecord { program: self.child.id(), started: start_time(self.child.id()), boot: boot_id() }
    }

    /// Signals the program and all it started.
    pub(crate) fn signal(&self, signal: Signal) {
        signal_group(self.child.id(), signal);
    }

    /// Resolves when the program has ended. It is not reaped then, so its id stays its own.
    pub(crate) fn ended(&self) -> oneshot::Receiver<()> {
        let (tell, told) = oneshot::channel();
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        // A thread, not a signal handler: waiting without reaping has no asynchronous form.
        std::thread::spawn(move || {
            if let Some(pid) = pid {
                let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
                while matches!(waitid(WaitId::Pid(pid), options), Err(rustix::io::Errno::INTR)) {}
            }
            tell.send(())
        });
        told
    }

    /// Kills what is left of the group and reaps the program, which has ended.
    pub(crate) fn reap(mut self) -> End {
        self.signal(Signal::KILL);
        match self.child.wait() {
            Ok(status) => match (status.code(), status.signal()) {
                (Some(code), _) => End::ExitCode(code),
                (None, Some(signal)) => End::Signal(signal),
                (None, None) => End::SpoolError(format!("the program ended in an unknown way: {status}")),
            },
            Err(error) => End::SpoolError(format!("the program's exit status is lost: {error}")),
        }
    }
}
