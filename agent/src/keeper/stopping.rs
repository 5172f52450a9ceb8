//! How an attempt is ended from outside, decided without doing: kindly, then by SIGTERM, then by SIGKILL.

use std::time::Duration;

use tokio::time::Instant;

use crate::trial::control::Command;
use crate::trial::exit_record::Cause;

/// What to do to the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// Say it on the event channel.
    Tell,
    Terminate,
    Kill,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
enum Phase {
    Running,
    Told(Instant),
    Terminated(Instant),
    Killed,
}

/// Where the ending stands. It only ever gets harsher.
#[derive(Debug)]
pub(crate) struct Stopping {
    phase: Phase,
    grace: Duration,
    /// Why, by the strongest that asked.
    pub(crate) cause: Option<(Cause, String)>,
}

impl Stopping {
    /// `grace`: the time between two steps.
    pub(crate) fn new(grace: Duration) -> Self {
        Self { phase: Phase::Running, grace, cause: None }
    }

    /// A supervisor asks. `listened`: the program has an event channel open.
    pub(crate) fn ask(&mut self, command: Command, listened: bool, now: Instant) -> Option<Act> {
        match command {
            Command::Stop { cause, reason } => {
                self.blame(cause, reason);
                if listened { self.tell(now) } else { self.terminate(now) }
            }
            Command::Terminate { cause, reason } => {
                self.blame(cause, reason);
                self.terminate(now)
            }
            Command::Kill { cause, reason } => {
                self.blame(cause, reason);
                self.kill()
            }
            Command::Acknowledged { .. } | Command::Bye => None,
        }
    }

    /// When [`Self::elapse`] is due.
    pub(crate) fn due(&self) -> Option<Instant> {
        match self.phase {
            Phase::Told(until) | Phase::Terminated(until) => Some(until),
            Phase::Running | Phase::Killed => None,
        }
    }

    /// The grace time is over.
    pub(crate) fn elapse(&mut self, now: Instant) -> Option<Act> {
        match self.phase {
            Phase::Told(until) if now >= until => self.terminate(now),
            Phase::Terminated(until) if now >= until => self.kill(),
            _ => None,
        }
    }

    fn blame(&mut self, cause: Cause, reason: String) {
        if self.cause.as_ref().is_none_or(|(known, _)| cause > *known) {
            self.cause = Some((cause, reason));
        }
    }

    fn tell(&mut self, now: Instant) -> Option<Act> {
        let first = self.phase == Phase::Running;
        first.then(|| {
            self.phase = Phase::Told(now + self.grace);
            Act::Tell
        })
    }

    fn terminate(&mut self, now: Instant) -> Option<Act> {
        let first = matches!(self.phase, Phase::Running | Phase::Told(_));
        first.then(|| {
            self.phase = Phase::Terminated(now + self.grace);
            Act::Terminate
        })
    }

    fn kill(&mut self) -> Option<Act> {
        let first = self.phase != Phase::Killed;
        first.then(|| {
            self.phase = Phase::Killed;
            Act::Kill
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(10);

    fn stop() -> Command {
        Command::Stop { cause: Cause::Stop, reason: "below the median".to_owned() }
    }

    #[test]
    fn a_listening_program_is_told_then_terminated_then_killed() {
        let now = Instant::now();
        let mut stopping = Stopping::new(GRACE);
        assert_eq!(stopping.ask(stop(), true, now), Some(Act::Tell));
        assert_eq!(stopping.elapse(now), None);
        assert_eq!(stopping.elapse(now + GRACE), Some(Act::Terminate));
        assert_eq!(stopping.due(), Some(now + GRACE * 2));
        assert_eq!(stopping.elapse(now + GRACE * 2), Some(Act::Kill));
        assert_eq!(stopping.due(), None);
    }

    #[test]
    fn a_deaf_program_is_terminated_at_once() {
        assert_eq!(Stopping::new(GRACE).ask(stop(), false, Instant::now()), Some(Act::Terminate));
    }

    #[test]
    fn asking_again_prolongs_nothing() {
        let now = Instant::now();
        let mut stopping = Stopping::new(GRACE);
        stopping.ask(stop(), true, now);
        assert_eq!(stopping.ask(stop(), true, now + GRACE / 2), None);
        assert_eq!(stopping.due(), Some(now + GRACE));
    }

    #[test]
    fn the_strongest_cause_is_blamed() {
        let now = Instant::now();
        let mut stopping = Stopping::new(GRACE);
        let hand_back = Command::Terminate { cause: Cause::HandBack, reason: "agent".to_owned() };
        assert_eq!(stopping.ask(hand_back.clone(), true, now), Some(Act::Terminate));
        let cancel = Command::Kill { cause: Cause::Cancel, reason: "by me".to_owned() };
        assert_eq!(stopping.ask(cancel, true, now), Some(Act::Kill));
        assert_eq!(stopping.ask(hand_back, true, now), None);
        assert_eq!(stopping.cause, Some((Cause::Cancel, "by me".to_owned())));
    }
}
