//! When a resume checkpoint is due.

use std::time::{Duration, Instant};

/// At the end of an epoch this part of the time is enough: whoever resumes there need not validate again.
const END_PART: u32 = 10;

/// Every so many steps, and after so much time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// 0: steps are no reason.
    steps: i64,
    /// `None`: time is no reason.
    time: Option<Duration>,
    /// When the last one was tried.
    tried: Option<Instant>,
}

impl Pace {
    pub(crate) fn new(steps: i64, time: Option<Duration>) -> Self {
        Self { steps, time, tried: None }
    }

    /// Whether one is due within an epoch, after step `step`. Time is counted from the first question on.
    pub(crate) fn due(&mut self, step: i64, now: Instant) -> bool {
        let since = self.since(now);
        self.by_steps(step) || self.time.is_some_and(|time| since >= time)
    }

    /// Whether one is due at the end of an epoch, which step `step` was the last of: where time is no reason always,
    /// else if a tenth of it has passed. So epochs that take seconds do not write more than they train.
    pub(crate) fn due_at_end(&mut self, step: i64, now: Instant) -> bool {
        let since = self.since(now);
        self.by_steps(step) || self.time.is_none_or(|time| since >= time / END_PART)
    }

    fn by_steps(&self, step: i64) -> bool {
        self.steps > 0 && step % self.steps == 0
    }

    /// Time since the last one was tried.
    fn since(&mut self, now: Instant) -> Duration {
        now.saturating_duration_since(*self.tried.get_or_insert(now))
    }

    /// Says that one was tried; one that failed is not tried again at once.
    pub(crate) fn tried(&mut self, now: Instant) {
        self.tried = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_and_time_are_both_reasons() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut pace = Pace::new(5, Some(Duration::from_secs(60)));
        assert!(!pace.due(1, at(0)));
        assert!(pace.due(5, at(1)));
        pace.tried(at(1));
        assert!(!pace.due(6, at(60)));
        assert!(pace.due(7, at(61)));
        pace.tried(at(62));
        assert!(!pace.due(8, at(63)));
        let mut steps = Pace::new(3, None);
        assert!(!steps.due(2, at(0)) && !steps.due(4, at(1_000_000)) && steps.due(6, at(2_000_000)));
        let mut time = Pace::new(0, Some(Duration::from_secs(1)));
        assert!(!time.due(1, at(7)) && !time.due(2, at(7)) && time.due(3, at(8)));
    }

    #[test]
    fn an_epochs_end_is_a_reason_once_a_tenth_of_the_time_has_passed() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let minute = Some(Duration::from_secs(60));
        let mut pace = Pace::new(0, minute);
        assert!(!pace.due(1, at(0)));
        assert!(!pace.due_at_end(2, at(5)) && pace.due_at_end(2, at(6)));
        pace.tried(at(6));
        assert!(!pace.due_at_end(4, at(11)) && pace.due_at_end(4, at(12)));
        // Epochs of one step each: time is counted from the first end on.
        let mut single = Pace::new(0, minute);
        assert!(
            !single.due_at_end(1, at(9)) && !single.due_at_end(2, at(14)) && single.due_at_end(3, at(15))
        );
        // What is due by the number of steps is due at an end as well.
        let mut both = Pace::new(3, minute);
        assert!(!both.due_at_end(2, at(0)) && both.due_at_end(3, at(0)));
        let mut steps = Pace::new(1000, None);
        assert!(steps.due_at_end(2, at(0)) && steps.due_at_end(4, at(0)));
    }
}
