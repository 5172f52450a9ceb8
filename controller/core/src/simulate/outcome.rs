//! What a play came to: the best so far against trials, and against device time.

use super::Trial;
use crate::objective::Goal;
use crate::stop::SweepReason;
use crate::trial::TrialState;

/// A value better than all before.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Improvement {
    /// Since the sweep began.
    pub seconds: f64,
    /// Of all workers together, up to then.
    pub device_seconds: f64,
    pub trial: u64,
    pub value: f64,
}

/// What a play came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome<P> {
    pub goal: Goal,
    /// By number.
    pub trials: Vec<Trial<P>>,
    /// Every better value, when it was seen.
    pub improvements: Vec<Improvement>,
    /// After each trial that ended, in the order of their ends, the best of all that ended. Held trials end with the sweep.
    pub by_trials: Vec<Option<f64>>,
    /// Of all workers together.
    pub used: f64,
    /// How long the sweep took.
    pub seconds: f64,
    /// How often a held trial went on.
    pub resumed: u64,
    /// Why no more trials were started, if a rule said so.
    pub stopped: Option<SweepReason>,
}

impl<P> Outcome<P> {
    pub(super) fn new(goal: Goal) -> Self {
        Self {
            goal,
            trials: Vec::new(),
            improvements: Vec::new(),
            by_trials: Vec::new(),
            used: 0.0,
            seconds: 0.0,
            resumed: 0,
            stopped: None,
        }
    }

    /// The best objective of the first so many trials that ended.
    pub fn best_after(&self, trials: usize) -> Option<f64> {
        *self.by_trials[..trials.min(self.by_trials.len())].last()?
    }

    /// The best value seen in so many device seconds.
    pub fn best_within(&self, device_seconds: f64) -> Option<f64> {
        let count = self.improvements.partition_point(|one| one.device_seconds <= device_seconds);
        Some(self.improvements[..count].last()?.value)
    }

    /// The device seconds until a value was seen that is at least as good; `None`: never.
    pub fn device_seconds_to(&self, value: f64) -> Option<f64> {
        let first = self.improvements.iter().find(|one| !self.goal.better(value, one.value))?;
        Some(first.device_seconds)
    }

    /// Takes note of a trial's last value; `running`: what the workers used for points not seen yet.
    pub(super) fn note(&mut self, now: f64, running: f64, number: u64) {
        let trial = &self.trials[number as usize - 1];
        let Some(value) = trial.points().last().map(|point| point.value) else { return };
        let best = self.improvements.last().map_or(f64::NAN, |one| one.value);
        if self.goal.better(value, best) {
            let device_seconds = self.used + running;
            self.improvements.push(Improvement { seconds: now, device_seconds, trial: number, value });
        }
    }

    pub(super) fn over(&mut self, number: u64) {
        let own = self.trials[number as usize - 1].objective;
        let best = self.by_trials.last().copied().flatten();
        let better = own.filter(|own| self.goal.better(*own, best.unwrap_or(f64::NAN)));
        self.by_trials.push(better.or(best));
    }

    /// The sweep is over: those that are still held are stopped.
    pub(super) fn close(&mut self, now: f64) {
        self.seconds = now;
        for at in 0..self.trials.len() {
            if self.trials[at].state == TrialState::Paused {
                self.trials[at].state = TrialState::StoppedEarly;
                self.over(at as u64 + 1);
            }
        }
    }
}
