//! When a resume checkpoint is due within an epoch.

use std::time::{Duration, Instant};

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

    /// Whether one is due after step `step`. Time is counted from the first call on.
    pub(crate) fn due(&mut self, step: i64, now: Instant) -> bool {
        let since = now.saturating_duration_since(*self.tried.get_or_insert(now));
        (self.steps > 0 && step % self.steps == 0) || self.time.is_some_and(|time| since >= time)
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
}
