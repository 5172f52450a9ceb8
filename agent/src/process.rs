//! Processes by id: groups, starts, and what a lost keeper left behind. Linux's `/proc` is read.

use std::fs;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::trial::dir::KeeperRecord;
use crate::trial::task::AttemptKey;

/// Environment variables that mark a process as part of an attempt.
pub(crate) const TRIAL_VAR: &str = "SWEEP_TRIAL_ID";
pub(crate) const ATTEMPT_VAR: &str = "SWEEP_ATTEMPT";

/// When a process started, in clock ticks since boot; `None`: no such process.
pub(crate) fn start_time(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command's name is in brackets and may hold anything; field 22 is the 20th after it.
    stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}

/// Signals a process group. One that is gone already is no error.
pub(crate) fn signal_group(leader: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(leader).ok().and_then(Pid::from_raw) {
        // The only other failure is a group that changed its user: nothing to be done about it.
        let _gone = kill_process_group(pid, signal);
    }
}

/// Kills what a dead keeper left running of its attempt: the recorded group, and whatever still carries the
/// attempt's environment. Returns how many processes of the latter kind there were.
pub(crate) fn kill_leftovers(record: Option<KeeperRecord>, key: AttemptKey) -> usize {
    if let Some(KeeperRecord { program, started: Some(started) }) = record
        && start_time(program) == Some(started)
    {
        signal_group(program, Signal::KILL);
    }
    let marks = [format!("{TRIAL_VAR}={}", key.trial), format!("{ATTEMPT_VAR}={}", key.attempt)];
    let mut killed = 0;
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw)
        else {
            continue;
        };
        // Other users' processes cannot be read, and are none of ours.
        let Ok(environ) = fs::read(entry.path().join("environ")) else { continue };
        let carries = |mark: &String| environ.split(|byte| *byte == 0).any(|pair| pair == mark.as_bytes());
        if marks.iter().all(carries) && kill_process(pid, Signal::KILL).is_ok() {
            killed += 1;
        }
    }
    killed
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
    use super::*;

    #[test]
    fn a_process_has_one_start() {
        let own = std::process::id();
        assert!(start_time(own).is_some());
        assert_eq!(start_time(own), start_time(own));
        assert_eq!(start_time(u32::MAX), None);
    }
}
