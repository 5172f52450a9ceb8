//! From a keeper's exit record to what the controller is told, decided without doing.

use sweep_core::trial::Outcome;

use crate::process::signal_name;
use crate::session::Ending;
use crate::trial::exit_record::{Cause, End, ExitRecord};

/// Longest line of standard error in a reason, in characters.
const LONGEST_LINE: usize = 300;

/// How an attempt ended; `None`: it was lost, and nobody wants to know.
pub(crate) fn of_record(record: &ExitRecord) -> Option<Ending> {
    let (exit_code, signal) = match record.end {
        End::ExitCode(code) => (Some(code), None),
        End::Signal(signal) => (None, Some(signal)),
        End::SpawnError(_) | End::SpoolError(_) => (None, None),
    };
    let asked = || record.stop_reason.clone();
    let (outcome, reason) = match (&record.end, record.stopped_by) {
        (_, Some(Cause::Lost)) => return None,
        (_, Some(Cause::Cancel)) => (Outcome::Cancelled, asked()),
        (End::SpoolError(why), _) => (Outcome::Infrastructure, why.clone()),
        (_, Some(Cause::Stop)) => (Outcome::Stopped, asked()),
        (_, Some(Cause::HandBack)) => (Outcome::HandedBack, asked()),
        (_, Some(Cause::Timeout)) => (Outcome::Failed, asked()),
        (End::SpawnError(why), None) => (Outcome::Failed, why.clone()),
        (End::ExitCode(0), None) => (Outcome::Succeeded, String::new()),
        (End::ExitCode(_) | End::Signal(_), None) if record.starved.is_some() => {
            (Outcome::Infrastructure, record.starved.clone().unwrap_or_default())
        }
        (End::ExitCode(code), None) => (Outcome::Failed, with_line(format!("exit code {code}"), record)),
        (End::Signal(signal), None) => (Outcome::Failed, with_line(killed_by(*signal), record)),
    };
    Some(Ending { outcome, reason, exit_code, signal, last_seq: record.last_seq, device_at_fault: false })
}

/// The end of an attempt whose keeper is gone without an exit record.
pub(crate) fn keeper_lost(last_seq: u64) -> Ending {
    Ending {
        outcome: Outcome::Infrastructure,
        reason: "its keeper was lost (killed, or the machine went down)".to_owned(),
        exit_code: None,
        signal: None,
        last_seq,
        device_at_fault: false,
    }
}

fn killed_by(signal: i32) -> String {
    let name = signal_name(signal).map_or_else(|| format!("signal {signal}"), str::to_owned);
    format!("killed by {name}")
}

fn with_line(what: String, record: &ExitRecord) -> String {
    if record.last_stderr.is_empty() {
        return what;
    }
    let line: String = record.last_stderr.chars().take(LONGEST_LINE).collect();
    format!("{what}: {line}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::spool::Dropped;

    fn record(end: End, stopped_by: Option<Cause>) -> ExitRecord {
        ExitRecord {
            end,
            starved: None,
            ended_at_ms: 0,
            last_seq: 3,
            stopped_by,
            stop_reason: "asked".to_owned(),
            last_stderr: "ValueError: bad lr".to_owned(),
            dropped: Dropped::default(),
        }
    }

    #[test]
    fn ends_become_outcomes() {
        use Outcome::*;
        for (end, asked, outcome, reason) in [
            (End::ExitCode(0), None, Succeeded, ""),
            (End::ExitCode(1), None, Failed, "exit code 1: ValueError: bad lr"),
            (End::Signal(11), None, Failed, "killed by SIGSEGV: ValueError: bad lr"),
            (End::SpawnError("cannot start `x`".to_owned()), None, Failed, "cannot start `x`"),
            (End::SpoolError("disk full".to_owned()), None, Infrastructure, "disk full"),
            (End::SpoolError("disk full".to_owned()), Some(Cause::Stop), Infrastructure, "disk full"),
            (End::ExitCode(0), Some(Cause::Stop), Stopped, "asked"),
            (End::Signal(15), Some(Cause::Stop), Stopped, "asked"),
            (End::Signal(9), Some(Cause::Cancel), Cancelled, "asked"),
            (End::ExitCode(0), Some(Cause::Timeout), Failed, "asked"),
            (End::ExitCode(143), Some(Cause::HandBack), HandedBack, "asked"),
        ] {
            let ending = of_record(&record(end.clone(), asked)).unwrap();
            assert_eq!((ending.outcome, &*ending.reason), (outcome, reason), "{end:?} {asked:?}");
        }
        assert_eq!(of_record(&record(End::Signal(9), Some(Cause::Lost))), None);
        let starved = ExitRecord { starved: Some("no memory".to_owned()), ..record(End::Signal(9), None) };
        let ending = of_record(&starved).unwrap();
        assert_eq!((ending.outcome, &*ending.reason, ending.signal), (Infrastructure, "no memory", Some(9)));
    }
}
