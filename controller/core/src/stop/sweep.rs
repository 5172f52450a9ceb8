//! When a sweep as a whole is done: its target is reached, it gets no better, or its budget is spent.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::reason::figure;
use crate::objective::Goal;
use crate::trial::TrialState;

/// What ends a sweep besides its `run_cap`: no new trials then, those that run go on.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SweepRule {
    /// `metric.target`: a value that is good enough.
    pub target: Option<f64>,
    /// So many trials in a row ended without a better objective.
    pub no_improvement: Option<u64>,
    /// By more than so much an objective must be better for `no_improvement`; at least 0.
    pub min_delta: f64,
    /// Since the first trial was claimed.
    pub time: Option<Duration>,
    /// Of all trials together, each times the devices it holds.
    pub device_time: Option<Duration>,
    pub deadline: Option<Timestamp>,
}

/// A trial as this rule sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Seen {
    pub trial: u64,
    pub state: TrialState,
    /// Its best finite value so far; `None`: none yet.
    pub objective: Option<f64>,
}

/// What is remembered of the trials seen, in the order they ended; for a running one, whenever it has a better value.
///
/// `best` does not depend on the order, `in_vain` does.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Record {
    /// The best objective and the trial that first had it, running, failed and cancelled ones among them.
    pub best: Option<(u64, f64)>,
    /// The last objective of a trial that ended that was better by enough, and that trial.
    pub peak: Option<(u64, f64)>,
    /// Trials that ended since: finished or stopped early. Failed and cancelled ones say nothing of the search.
    pub in_vain: u64,
}

impl Record {
    /// What a history comes to.
    pub fn of(rule: &SweepRule, goal: Goal, history: &[Seen]) -> Self {
        history.iter().fold(Self::default(), |record, seen| record.after(rule, goal, seen))
    }

    /// With one more trial seen.
    #[must_use]
    pub fn after(mut self, rule: &SweepRule, goal: Goal, seen: &Seen) -> Self {
        let objective = seen.objective.filter(|value| value.is_finite());
        if let Some(value) = objective
            && self.best.is_none_or(|(_, best)| goal.better(value, best))
        {
            self.best = Some((seen.trial, value));
        }
        if !matches!(seen.state, TrialState::Finished | TrialState::StoppedEarly) {
            return self;
        }
        let peak = self.peak.map_or(f64::NAN, |(_, peak)| peak);
        let improves = |value: f64| goal.better_by(value, peak, rule.min_delta);
        match objective.filter(|value| improves(*value)) {
            Some(value) => (self.peak, self.in_vain) = (Some((seen.trial, value)), 0),
            None => self.in_vain += 1,
        }
        self
    }
}

/// What a sweep has used up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spent {
    /// Since its first trial was claimed.
    pub time: Duration,
    /// Of all trials together, each times the devices it holds.
    pub device_time: Duration,
    pub now: Timestamp,
}

/// What is remembered of a sweep for its rule.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Account {
    pub record: Record,
    /// When its first trial was claimed, by a controller's clock, in milliseconds since the Unix epoch.
    pub started_ms: Option<i64>,
    /// Of the attempts that ended. An attempt holds one device.
    pub device_ms: u64,
}

impl Account {
    /// What is used up now, with attempts still running that were claimed at these times.
    pub fn spent(&self, now_ms: i64, running: impl IntoIterator<Item = i64>) -> Spent {
        let since = |then: i64| u64::try_from(now_ms.saturating_sub(then)).unwrap_or(0);
        let running = running.into_iter().map(since).fold(self.device_ms, u64::saturating_add);
        Spent {
            time: Duration::from_millis(self.started_ms.map_or(0, since)),
            device_time: Duration::from_millis(running),
            now: Timestamp::from_millisecond(now_ms).unwrap_or(Timestamp::MIN),
        }
    }
}

/// Why a sweep is done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "snake_case")]
pub enum SweepReason {
    Target { trial: u64, value: f64, target: f64 },
    NoImprovement { trials: u64, best: Option<f64>, trial: Option<u64>, min_delta: f64 },
    Time { limit: Duration },
    DeviceTime { limit: Duration },
    Deadline { deadline: Timestamp },
}

/// Why a sweep is done, if it is: the first of these that holds.
pub fn sweep(rule: &SweepRule, goal: Goal, record: &Record, spent: &Spent) -> Option<SweepReason> {
    if let (Some(target), Some((trial, value))) = (rule.target, record.best)
        && !goal.better(target, value)
    {
        return Some(SweepReason::Target { trial, value, target });
    }
    if rule.no_improvement.is_some_and(|most| record.in_vain >= most) {
        return Some(SweepReason::NoImprovement {
            trials: record.in_vain,
            best: record.peak.map(|(_, value)| value),
            trial: record.peak.map(|(trial, _)| trial),
            min_delta: rule.min_delta,
        });
    }
    if let Some(limit) = rule.time.filter(|limit| spent.time >= *limit) {
        return Some(SweepReason::Time { limit });
    }
    if let Some(limit) = rule.device_time.filter(|limit| spent.device_time >= *limit) {
        return Some(SweepReason::DeviceTime { limit });
    }
    let deadline = rule.deadline.filter(|deadline| spent.now >= *deadline)?;
    Some(SweepReason::Deadline { deadline })
}

fn hours(duration: Duration) -> String {
    format!("{} h", figure(duration.as_secs_f64() / 3600.0))
}

impl fmt::Display for SweepReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Target { trial, value, target } => {
                write!(
                    f,
                    "target: trial {trial} reached {}, and {} is enough",
                    figure(*value),
                    figure(*target)
                )
            }
            Self::NoImprovement { trials, best, trial, min_delta } => {
                write!(f, "no improvement: {trials} trials in a row ended with ")?;
                let (Some(best), Some(trial)) = (best, trial) else { return f.write_str("no finite value") };
                write!(f, "nothing better than {} of trial {trial}", figure(*best))?;
                if *min_delta > 0.0 { write!(f, " by {}", figure(*min_delta)) } else { Ok(()) }
            }
            Self::Time { limit } => write!(f, "time: {} are over", hours(*limit)),
            Self::DeviceTime { limit } => write!(f, "device time: {} are used up", hours(*limit)),
            Self::Deadline { deadline } => write!(f, "deadline: {deadline} has come"),
        }
    }
}
