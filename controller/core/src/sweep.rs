//! The sweep machine, and when a sweep is over.

use std::fmt;

use thiserror::Error;

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
    /// A person wants more trials.
    Extend,
    /// A person wants trials run again.
    Retry,
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
            Self::Extend => "extend",
            Self::Retry => "retry trials of",
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
    // More to do opens a sweep again, unless a person cancelled it.
    (Pending, SweepEvent::Extend, Pending),
    (Running, SweepEvent::Extend, Running),
    (Paused, SweepEvent::Extend, Paused),
    (Finished, SweepEvent::Extend, Running),
    (Pending, SweepEvent::Retry, Pending),
    (Running, SweepEvent::Retry, Running),
    (Paused, SweepEvent::Retry, Paused),
    (Finished, SweepEvent::Retry, Running),
];

/// Where an event takes a sweep; `None`: refused.
pub fn next(from: SweepState, event: SweepEvent) -> Option<SweepState> {
    TRANSITIONS.iter().find(|(state, cause, _)| *state == from && *cause == event).map(|(_, _, to)| *to)
}

/// How far a person extends a sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extension {
    /// By so many trials.
    By(u64),
    /// To so many trials in all.
    To(u64),
}

/// Why a sweep is not extended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NotExtended {
    #[error("it has no `run_cap`: it goes on until it is stopped")]
    Endless,
    #[error("it has {planned} trials already; a sweep is not made shorter (`stop` ends it now)")]
    Shorter { planned: u64 },
    #[error("its space has {points} different trials, and all of them are planned")]
    Spent { points: u64 },
}

/// The cap after an extension of a sweep with so many `planned` trials. A space of so many `points` has no more.
///
/// # Errors
/// When it would not grow.
pub fn extended(planned: Option<u64>, by: Extension, points: Option<u64>) -> Result<u64, NotExtended> {
    let planned = planned.ok_or(NotExtended::Endless)?;
    let wanted = match by {
        Extension::By(more) => planned.saturating_add(more),
        Extension::To(all) => all,
    };
    if wanted <= planned {
        return Err(NotExtended::Shorter { planned });
    }
    match points {
        Some(points) if points <= planned => Err(NotExtended::Spent { points }),
        // Databases count in signed 64 bits.
        points => Ok(wanted.min(points.unwrap_or(u64::MAX)).min(i64::MAX.unsigned_abs())),
    }
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

    /// All trials.
    pub fn total(&self) -> u64 {
        self.open() + self.finished + self.stopped_early + self.failed + self.cancelled
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

    #[test]
    fn a_sweep_grows_up_to_the_size_of_its_space() {
        use Extension::{By, To};
        for (planned, by, points, expected) in [
            (Some(5), By(3), None, Ok(8)),
            (Some(5), To(9), None, Ok(9)),
            (Some(5), By(9), Some(7), Ok(7)),
            (Some(5), By(u64::MAX), None, Ok(i64::MAX.unsigned_abs())),
            (None, By(3), None, Err(NotExtended::Endless)),
            (Some(5), By(0), None, Err(NotExtended::Shorter { planned: 5 })),
            (Some(5), To(4), None, Err(NotExtended::Shorter { planned: 5 })),
            (Some(5), By(1), Some(5), Err(NotExtended::Spent { points: 5 })),
        ] {
            assert_eq!(extended(planned, by, points), expected, "{planned:?} {by:?} {points:?}");
        }
    }

    #[test]
    fn more_to_do_opens_what_is_finished_and_nothing_that_was_cancelled() {
        for event in [SweepEvent::Extend, SweepEvent::Retry] {
            assert_eq!(next(Finished, event), Some(Running));
            assert_eq!(next(Paused, event), Some(Paused));
            assert_eq!(next(Cancelled, event), None);
        }
    }
}
