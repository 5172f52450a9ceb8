//! The trial machine: one literal table of transitions, and the verdict on how an attempt ended.

use std::fmt;

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

impl TrialEvent {
    /// What is done to the trial, as a person says it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Claimed => "claim",
            Self::Reported => "report of",
            Self::Succeeded | Self::GaveUp => "end",
            Self::StoppedByRule => "stop",
            Self::Cancelled => "cancel",
            Self::Requeued => "requeue",
            Self::HeldBack => "hold back",
            Self::Promoted => "promote",
            Self::Retried => "retry",
        }
    }
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
    (Paused, TrialEvent::StoppedByRule, StoppedEarly),
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

/// How an attempt ended, as its agent tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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
    /// The machine's fault: a lost keeper, a full disk, the kernel's out-of-memory killer.
    Infrastructure,
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
}
