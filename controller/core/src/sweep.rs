//! The sweep machine, and when a sweep is over.

use std::fmt;

/// Where a sweep is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SweepState {
    /// Created, no trial claimed yet.
    Pending,
    Running,
    /// No new trials; running ones go on.
    Paused,
    Finished,
    Cancelled,
}

use SweepState::{Cancelled, Finished, Paused, Pending, Running};

impl SweepState {
    pub const ALL: [Self; 5] = [Pending, Running, Paused, Finished, Cancelled];

    /// The word in the database, in JSON and on the screen.
    pub fn word(self) -> &'static str {
        match self {
            Pending => "pending",
            Running => "running",
            Paused => "paused",
            Finished => "finished",
            Cancelled => "cancelled",
        }
    }

    /// The state of a word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }

    /// Whether it hands out trials.
    pub fn hands_out(self) -> bool {
        matches!(self, Pending | Running)
    }

    /// Whether no trial will start any more.
    pub fn is_over(self) -> bool {
        matches!(self, Finished | Cancelled)
    }
}

impl fmt::Display for SweepState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// What happens to a sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SweepEvent {
    /// Its first trial was claimed.
    Started,
    Pause,
    Resume,
    /// No new trials, running ones finish.
    Stop,
    /// No new trials, running ones are killed.
    Cancel,
    /// Nothing is left to propose, and nothing is queued or running.
    Exhausted,
}

impl SweepEvent {
    /// The verb, as a person gives it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Started => "start",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Stop => "stop",
            Self::Cancel => "cancel",
            Self::Exhausted => "finish",
        }
    }
}

/// Every move there is. A verb given again is no error and changes nothing.
pub const TRANSITIONS: &[(SweepState, SweepEvent, SweepState)] = &[
    (Pending, SweepEvent::Started, Running),
    (Running, SweepEvent::Started, Running),
    (Pending, SweepEvent::Pause, Paused),
    (Running, SweepEvent::Pause, Paused),
    (Paused, SweepEvent::Pause, Paused),
    (Paused, SweepEvent::Resume, Running),
    (Running, SweepEvent::Resume, Running),
    (Pending, SweepEvent::Resume, Pending),
    (Pending, SweepEvent::Stop, Finished),
    (Running, SweepEvent::Stop, Finished),
    (Paused, SweepEvent::Stop, Finished),
    (Finished, SweepEvent::Stop, Finished),
    (Pending, SweepEvent::Cancel, Cancelled),
    (Running, SweepEvent::Cancel, Cancelled),
    (Paused, SweepEvent::Cancel, Cancelled),
    // Trials may still run after a stop; cancel is how they are killed.
    (Finished, SweepEvent::Cancel, Cancelled),
    (Cancelled, SweepEvent::Cancel, Cancelled),
    (Running, SweepEvent::Exhausted, Finished),
    (Paused, SweepEvent::Exhausted, Finished),
];

/// Where an event takes a sweep; `None`: refused.
pub fn next(from: SweepState, event: SweepEvent) -> Option<SweepState> {
    TRANSITIONS.iter().find(|(state, cause, _)| *state == from && *cause == event).map(|(_, _, to)| *to)
}

/// How many trials are where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    pub queued: u64,
    /// Leased and running.
    pub active: u64,
    pub paused: u64,
    pub finished: u64,
    pub stopped_early: u64,
    pub failed: u64,
    pub cancelled: u64,
}

impl Counts {
    /// Trials an agent still has to do something for.
    pub fn open(&self) -> u64 {
        self.queued + self.active + self.paused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_a_function_and_words_read_back() {
        for (at, (state, event, _)) in TRANSITIONS.iter().enumerate() {
            assert!(
                TRANSITIONS[at + 1..].iter().all(|(s, e, _)| (s, e) != (state, event)),
                "{state} {event:?} stands twice"
            );
        }
        for state in SweepState::ALL {
            assert_eq!(SweepState::of_word(state.word()), Some(state));
        }
    }

    #[test]
    fn what_is_over_is_not_paused_or_resumed() {
        for state in [Finished, Cancelled] {
            assert_eq!(next(state, SweepEvent::Pause), None);
            assert_eq!(next(state, SweepEvent::Resume), None);
        }
        assert_eq!(next(Cancelled, SweepEvent::Stop), None);
    }
}
