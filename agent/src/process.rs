//! Processes by id: groups, starts, and what a lost keeper left behind. Linux's `/proc` is read.

use std::fs;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open, pidfd_send_signal};

use crate::trial::dir::KeeperRecord;
use crate::trial::task::AttemptKey;

/// Environment variables that mark a process as part of an attempt.
pub(crate) const TRIAL_VAR: &str = "SWEEP_TRIAL_ID";
pub(crate) const ATTEMPT_VAR: &str = "SWEEP_ATTEMPT";

/// How long killed processes may take to be gone.
const LAST_WAIT: Duration = Duration::from_secs(10);

/// When a process started, in clock ticks since boot; `None`: no such process.
pub(crate) fn start_time(pid: u32) -> Option<u64> {
    stat(pid, 22)?.parse().ok()
}

/// A field of `/proc/PID/stat`, counted from 1 as its manual does, from 3 on.
fn stat(pid: u32, field: usize) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command's name, field 2, is in brackets and may hold anything.
    stat.rsplit_once(')')?.1.split_whitespace().nth(field - 3).map(str::to_owned)
}

/// Signals a process group. One that is gone already is no error.
pub(crate) fn signal_group(leader: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(leader).ok().and_then(Pid::from_raw) {
        // The only other failure is a group that changed its user: nothing to be done about it.
        let _gone = kill_process_group(pid, signal);
    }
}

/// The id of this boot of the machine; empty: the system does not tell.
pub(crate) fn boot_id() -> String {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id");
    id.map(|id| id.trim().to_owned()).unwrap_or_default()
}

/// Kills what a dead keeper left running of its attempt: the recorded group, and whatever still carries the
/// attempt's environment. Returns how many processes there were when all of them are gone, so that what they held (a
/// GPU's memory) is free.
pub(crate) async fn kill_leftovers(record: Option<KeeperRecord>, key: AttemptKey) -> usize {
    let killed = tokio::task::spawn_blocking(move || kill_and_wait(record.as_ref(), key));
    killed.await.unwrap_or_default()
}

fn kill_and_wait(record: Option<&KeeperRecord>, key: AttemptKey) -> usize {
    let group = record.and_then(leader);
    let is_left = |pid: Pid| group.is_some_and(|group| is_in(pid, group)) || carries(pid, key);
    let left: Vec<OwnedFd> = processes()
        .filter(|pid| is_left(*pid))
        .filter_map(|pid| {
            // From here on the id may be given to another process, this handle not: so it is judged again.
            let handle = pidfd_open(pid, PidfdFlags::empty()).ok()?;
            is_left(pid).then_some(handle)
        })
        .collect();
    if let Some(group) = group {
        // Also those that were started just now.
        let _gone = kill_process_group(group, Signal::KILL);
    }
    let killed = left.iter().filter(|handle| pidfd_send_signal(handle, Signal::KILL).is_ok()).count();
    let until = Instant::now() + LAST_WAIT;
    for handle in &left {
        let left = until.saturating_duration_since(Instant::now());
        let timeout = Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: left.subsec_nanos().into() };
        // A handle becomes readable when its process has ended. One that is stuck in the kernel is not waited for.
        let _ended = poll(&mut [PollFd::new(handle, PollFlags::IN)], Some(&timeout));
    }
    killed
}

/// The recorded program, if that is still who has its process id.
fn leader(record: &KeeperRecord) -> Option<Pid> {
    let same =
        record.boot == boot_id() && record.started.is_some() && start_time(record.program) == record.started;
    same.then(|| i32::try_from(record.program).ok().and_then(Pid::from_raw)).flatten()
}

fn processes() -> impl Iterator<Item = Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok().and_then(Pid::from_raw))
}

fn is_in(pid: Pid, group: Pid) -> bool {
    let of = stat(pid.as_raw_nonzero().get().unsigned_abs(), 5);
    of.is_some_and(|of| of.parse() == Ok(group.as_raw_nonzero().get()))
}

/// Whether a process has the attempt's environment. Other users' cannot be read, and are none of ours.
fn carries(pid: Pid, key: AttemptKey) -> bool {
    let Ok(environ) = fs::read(format!("/proc/{}/environ", pid.as_raw_nonzero())) else { return false };
    let marks = [format!("{TRIAL_VAR}={}", key.trial), format!("{ATTEMPT_VAR}={}", key.attempt)];
    marks.iter().all(|mark| environ.split(|byte| *byte == 0).any(|pair| pair == mark.as_bytes()))
}

/// The usual name of a signal's number on Linux.
pub(crate) fn signal_name(number: i32) -> Option<&'static str> {
    Some(match number {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        5 => "SIGTRAP",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        10 => "SIGUSR1",
        11 => "SIGSEGV",
        12 => "SIGUSR2",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        24 => "SIGXCPU",
        25 => "SIGXFSZ",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt as _;

    use super::*;

    #[test]
    fn a_process_has_one_start() {
        let own = std::process::id();
        assert!(start_time(own).is_some());
        assert_eq!(start_time(own), start_time(own));
        assert_eq!(start_time(u32::MAX), None);
    }

    #[test]
    fn a_record_of_another_boot_or_start_names_nobody() {
        let own = std::process::id();
        let record = KeeperRecord { program: own, started: start_time(own), boot: boot_id() };
        assert!(leader(&record).is_some());
        assert_eq!(leader(&KeeperRecord { boot: "of yesterday".to_owned(), ..record.clone() }), None);
        assert_eq!(
            leader(&KeeperRecord { started: record.started.map(|ticks| ticks + 1), ..record.clone() }),
            None
        );
        assert_eq!(leader(&KeeperRecord { started: None, ..record }), None);
    }

    #[tokio::test]
    async fn leftovers_are_gone_when_that_is_said_and_strangers_are_not() {
        let key = AttemptKey { trial: uuid::Uuid::now_v7(), attempt: 3 };
        let sleeper = |attempt: u32| {
            let mut command = std::process::Command::new("sleep");
            command.arg("1000").env(TRIAL_VAR, key.trial.to_string()).env(ATTEMPT_VAR, attempt.to_string());
            command
        };
        let mut by_mark = sleeper(3).spawn().unwrap();
        let mut other_attempt = sleeper(2).spawn().unwrap();
        let mut by_group = std::process::Command::new("sleep").arg("1000").process_group(0).spawn().unwrap();
        let record =
            KeeperRecord { program: by_group.id(), started: start_time(by_group.id()), boot: boot_id() };
        assert_eq!(kill_leftovers(Some(record), key).await, 2);
        assert!(by_mark.try_wait().unwrap().is_some() && by_group.try_wait().unwrap().is_some());
        assert!(other_attempt.try_wait().unwrap().is_none());
        other_attempt.kill().unwrap();
        other_attempt.wait().unwrap();
    }
}
