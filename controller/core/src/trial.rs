//! The trial machine: one literal table of transitions, and the verdict on how an attempt ended.

use std::fmt;

use crate::sweep::SweepState;

/// Where a trial is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TrialState {
    /// Proposed, waiting for an agent.
    Queued,
    /// Claimed by an agent that has not reported yet.
    Leased,
    Running,
    /// Held back by a multi-fidelity rule until promoted.
    Paused,
    Finished,
    StoppedEarly,
    Failed,
    Cancelled,
}

use TrialState::{Cancelled, Failed, Finished, Leased, Paused, Queued, Running, StoppedEarly};

impl TrialState {
    /// All states, in the order of a trial's life.
    pub const ALL: [Self; 8] = [Queued, Leased, Running, Paused, Finished, StoppedEarly, Failed, Cancelled];

    /// The word in the database, in JSON and on the screen.
    pub fn word(self) -> &'static str {
        match self {
            Queued => "queued",
            Leased => "leased",
            Running => "running",
            Paused => "paused",
            Finished => "finished",
            StoppedEarly => "stopped_early",
            Failed => "failed",
            Cancelled => "cancelled",
        }
    }

    /// The state of a word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }

    /// Whether an agent holds it.
    pub fn is_active(self) -> bool {
        matches!(self, Leased | Running)
    }

    /// Whether only a person can move it on.
    pub fn is_over(self) -> bool {
        matches!(self, Finished | StoppedEarly | Failed | Cancelled)
    }
}

impl fmt::Display for TrialState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// What happens to a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TrialEvent {
    Claimed,
    Reported,
    Succeeded,
    StoppedByRule,
    /// The program's fault, and no budget is left for it.
    GaveUp,
    Cancelled,
    /// Lost, handed back or failed with budget left: another attempt will come.
    Requeued,
    /// A multi-fidelity rule holds it back.
    HeldBack,
    Promoted,
    /// A person wants it again.
    Retried,
}

/// Every move there is. What is not here is refused.
pub const TRANSITIONS: &[(TrialState, TrialEvent, TrialState)] = &[
    (Queued, TrialEvent::Claimed, Leased),
    (Queued, TrialEvent::Cancelled, Cancelled),
    (Leased, TrialEvent::Reported, Running),
    (Leased, TrialEvent::Succeeded, Finished),
    (Leased, TrialEvent::StoppedByRule, StoppedEarly),
    (Leased, TrialEvent::GaveUp, Failed),
    (Leased, TrialEvent::Cancelled, Cancelled),
    (Leased, TrialEvent::Requeued, Queued),
    (Running, TrialEvent::Reported, Running),
    (Running, TrialEvent::Succeeded, Finished),
    (Running, TrialEvent::StoppedByRule, StoppedEarly),
    (Running, TrialEvent::GaveUp, Failed),
    (Running, TrialEvent::Cancelled, Cancelled),
    (Running, TrialEvent::Requeued, Queued),
    (Running, TrialEvent::HeldBack, Paused),
    (Paused, TrialEvent::Promoted, Queued),
    (Paused, TrialEvent::Cancelled, Cancelled),
    (Failed, TrialEvent::Retried, Queued),
    (StoppedEarly, TrialEvent::Retried, Queued),
    (Cancelled, TrialEvent::Retried, Queued),
];

/// Where an event takes a trial; `None`: the move does not exist.
pub fn next(from: TrialState, event: TrialEvent) -> Option<TrialState> {
    TRANSITIONS.iter().find(|(state, cause, _)| *state == from && *cause == event).map(|(_, _, to)| *to)
}

/// The states an event can happen in: the guard of an update.
pub fn sources(event: TrialEvent) -> impl Iterator<Item = TrialState> {
    TRANSITIONS.iter().filter(move |(_, cause, _)| *cause == event).map(|(from, _, _)| *from)
}

/// How an attempt ended, as its agent or the reaper tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Succeeded,
    /// The program's fault.
    Failed,
    /// It obeyed a stop verdict.
    Stopped,
    /// It was killed by a cancel verdict.
    Cancelled,
    /// Given back unharmed; no budget is touched.
    HandedBack,
    /// The machine's fault, a lost lease included.
    Infrastructure,
}

/// How often a trial's attempts failed, by whose fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Faults {
    /// The program's: non-zero exits, signals, commands that cannot be started.
    pub user: u32,
    /// The machine's: lost agents, lost keepers, full disks.
    pub infrastructure: u32,
}

/// How many faults of each kind a trial may have before it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    pub user_retries: u32,
    pub infrastructure_retries: u32,
}

impl Default for Budget {
    /// A program that fails is not run again; a trial whose agent is lost is, twice.
    fn default() -> Self {
        Self { user_retries: 0, infrastructure_retries: 2 }
    }
}

/// What an attempt's end means for its trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    pub event: TrialEvent,
    pub faults: Faults,
    /// For people; goes to the database and the screen.
    pub reason: String,
}

/// Judges how an attempt ended. `detail` is what its agent says; it is kept in the reason.
///
/// A success is kept whatever became of the sweep. Otherwise a cancelled sweep takes its trials down with it, and a
/// stopped one runs nothing again.
pub fn judge(outcome: Outcome, detail: &str, faults: Faults, budget: Budget, sweep: SweepState) -> Ending {
    let ending = judge_alone(outcome, detail, faults, budget);
    match (sweep, ending.event) {
        (_, TrialEvent::Succeeded) => ending,
        (SweepState::Cancelled, _) => {
            Ending { event: TrialEvent::Cancelled, reason: "sweep cancelled".to_owned(), ..ending }
        }
        (SweepState::Finished, TrialEvent::Requeued) => {
            let reason = prefixed("the sweep was stopped before it could run again", detail);
            Ending { event: TrialEvent::Cancelled, reason, ..ending }
        }
        _ => ending,
    }
}

fn judge_alone(outcome: Outcome, detail: &str, faults: Faults, budget: Budget) -> Ending {
    let ending = |event, faults, reason| Ending { event, faults, reason };
    match outcome {
        Outcome::Succeeded => ending(TrialEvent::Succeeded, faults, String::new()),
        Outcome::Stopped => ending(TrialEvent::StoppedByRule, faults, detail.to_owned()),
        Outcome::Cancelled => ending(TrialEvent::Cancelled, faults, detail.to_owned()),
        Outcome::HandedBack => ending(TrialEvent::Requeued, faults, prefixed("handed back", detail)),
        Outcome::Failed => {
            let faults = Faults { user: faults.user + 1, ..faults };
            if faults.user > budget.user_retries {
                ending(TrialEvent::GaveUp, faults, detail.to_owned())
            } else {
                ending(TrialEvent::Requeued, faults, prefixed("to be retried", detail))
            }
        }
        Outcome::Infrastructure => {
            let faults = Faults { infrastructure: faults.infrastructure + 1, ..faults };
            if faults.infrastructure > budget.infrastructure_retries {
                let what = format!("gave up after {} faults of machines", faults.infrastructure);
                ending(TrialEvent::GaveUp, faults, prefixed(&what, detail))
            } else {
                ending(TrialEvent::Requeued, faults, prefixed("to be run again", detail))
            }
        }
    }
}

fn prefixed(what: &str, detail: &str) -> String {
    if detail.is_empty() { what.to_owned() } else { format!("{what}: {detail}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_can_be_reached_and_words_read_back() {
        for state in TrialState::ALL {
            assert_eq!(TrialState::of_word(state.word()), Some(state));
            assert!(
                state == Queued || TRANSITIONS.iter().any(|(_, _, to)| *to == state),
                "{state} is never reached"
            );
        }
    }

    #[test]
    fn the_table_is_a_function() {
        for (at, (state, event, _)) in TRANSITIONS.iter().enumerate() {
            assert!(
                TRANSITIONS[at + 1..].iter().all(|(s, e, _)| (s, e) != (state, event)),
                "{state} {event:?} stands twice"
            );
        }
    }

    #[test]
    fn what_is_over_moves_only_by_a_person() {
        for (from, event, _) in TRANSITIONS {
            assert!(!from.is_over() || *event == TrialEvent::Retried, "{from} moves by {event:?}");
        }
        assert_eq!(next(Finished, TrialEvent::Retried), None);
        assert_eq!(next(Cancelled, TrialEvent::Succeeded), None);
    }

    #[test]
    fn budgets_are_separate() {
        let budget = Budget { user_retries: 1, infrastructure_retries: 2 };
        let mut faults = Faults::default();
        for (outcome, expected) in [
            (Outcome::Infrastructure, TrialEvent::Requeued),
            (Outcome::Infrastructure, TrialEvent::Requeued),
            (Outcome::Failed, TrialEvent::Requeued),
            (Outcome::HandedBack, TrialEvent::Requeued),
            (Outcome::Failed, TrialEvent::GaveUp),
            (Outcome::Infrastructure, TrialEvent::GaveUp),
        ] {
            let ending = judge(outcome, "x", faults, budget, SweepState::Running);
            assert_eq!(ending.event, expected, "{outcome:?} after {faults:?}");
            faults = ending.faults;
        }
        assert_eq!(faults, Faults { user: 2, infrastructure: 3 });
    }

    #[test]
    fn a_late_success_is_kept_and_nothing_else_outlives_a_sweep() {
        for (sweep, outcome, expected) in [
            (SweepState::Cancelled, Outcome::Succeeded, TrialEvent::Succeeded),
            (SweepState::Cancelled, Outcome::Failed, TrialEvent::Cancelled),
            (SweepState::Cancelled, Outcome::HandedBack, TrialEvent::Cancelled),
            (SweepState::Finished, Outcome::HandedBack, TrialEvent::Cancelled),
            (SweepState::Finished, Outcome::Failed, TrialEvent::GaveUp),
            (SweepState::Paused, Outcome::HandedBack, TrialEvent::Requeued),
        ] {
            let ending = judge(outcome, "", Faults::default(), Budget::default(), sweep);
            assert_eq!(ending.event, expected, "{outcome:?} in a {sweep} sweep");
        }
    }
}
