//! What is kept between reports: the rules of a sweep, and what is remembered of each of its trials.

use serde::{Deserialize, Serialize};

use super::{Judge, Progress, Promote, Rule, SweepRule, Verdict};
use crate::objective::Goal;

/// How a sweep's trials, and the sweep, are stopped.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Stops {
    /// `early_terminate`.
    pub trial: Option<Rule>,
    pub sweep: SweepRule,
}

impl Stops {
    /// Whether nothing stops anything.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// By what trials are judged.
    pub fn judge(&self, goal: Goal) -> Option<Judge> {
        self.trial.map(|rule| Judge::new(rule, goal))
    }

    /// Whether trials are held back, and let on later.
    pub fn pauses(&self) -> bool {
        matches!(self.trial, Some(Rule::Asha(asha)) if asha.promote == Promote::Pause)
    }

    /// Whether the sweep has a rule of its own.
    pub fn ends_sweep(&self) -> bool {
        self.sweep != SweepRule::default()
    }
}

/// What is remembered of a trial that is judged.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Judged {
    pub progress: Progress,
    /// What its agent is told.
    pub verdict: Verdict,
    clock: Clock,
}

/// The time that a trial ran, by the clocks of its agents: only differences within an attempt count.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
struct Clock {
    /// When the attempt's first event was.
    began_ms: i64,
    /// Seconds of the attempts before.
    before: f64,
    /// Seconds at the last point.
    last: f64,
}

impl Judged {
    /// An attempt begins with an event of that time, by its agent's clock.
    pub fn begin(&mut self, at_ms: i64) {
        self.clock = Clock { began_ms: at_ms, before: self.clock.last, last: self.clock.last };
    }

    /// Seconds that the trial had run at a time of its agent's clock. They never go back, though clocks do.
    pub fn seconds(&mut self, at_ms: i64) -> f64 {
        let Clock { began_ms, before, last } = self.clock;
        let since = at_ms.saturating_sub(began_ms) as f64 / 1000.0;
        self.clock.last = (before + since).max(last);
        self.clock.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_counts_while_an_attempt_runs_and_never_goes_back() {
        let mut judged = Judged::default();
        judged.begin(10_000);
        assert_eq!([12_000, 11_000, 15_500].map(|at| judged.seconds(at)), [2.0, 2.0, 5.5]);
        // Another machine, whose clock is years off; the wait between does not count.
        judged.begin(-1_000_000);
        assert_eq!([-1_000_000, -998_500].map(|at| judged.seconds(at)), [5.5, 7.0]);
    }

    #[test]
    fn rules_are_written_and_read_back() {
        let text = r#"{"trial":{"type":"asha","resource":"epoch","min":1.0,"max":27.0,"eta":3.0,"grace":0.0,"brackets":1,"promote":"pause"},"sweep":{"target":0.9,"no_improvement":null,"min_delta":0.0,"time":null,"device_time":null,"deadline":"2030-01-31T17:00:00Z"}}"#;
        let stops: Stops = serde_json::from_str(text).expect("is read");
        assert_eq!(serde_json::to_string(&stops).expect("is written"), text);
        assert!(stops.pauses() && stops.ends_sweep() && !stops.is_none());
        assert!(Stops::default().is_none());
    }
}
