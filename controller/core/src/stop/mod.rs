//! Stopping: which trials are not worth their time, and when a sweep is done.
//!
//! A [`Judge`] is a rule of `early_terminate` made ready. What it needs to know of a sweep is [`Rungs`]: a small state,
//! folded over what happens in the order it is stored, and rebuilt from that history by [`Rungs::of`]. So a verdict is a
//! function of the recorded history, and a replay proves it.
//!
//! Common to `asha`, `median` and `patience` (W&B's `hyperband` is to the letter of W&B, see [`hyperband`]):
//!
//! - A trial enters a rung with its first point at or past it, once. A point past several rungs enters the last of
//!   them only: a value that was longer in the making would be no fair rival further down.
//! - It is decided upon then, once. What comes later, late rivals or another attempt that does the same steps again,
//!   changes neither the entry nor the decision.
//! - Of two values the better one by the goal ranks first; equal ones rank alike. A value that is not finite ranks
//!   behind all that are, and alike with its kind.
//! - A person's retry outranks the rule: a trial that is [spared](Rungs::spare) is not judged any more.

mod asha;
pub mod hyperband;
mod judged;
mod median;
mod patience;
mod reason;
mod replay;
mod rule;
mod rungs;
mod sweep;

pub use asha::Promotion;
pub use judged::{Judged, Stops};
pub use reason::{Reason, Standing, Verdict};
pub use replay::{Judgement, Rejudged, Said, replay, visible};
pub use rule::{Asha, Bands, Hyperband, MOST_RUNGS, Median, Patience, Point, Promote, Resource, Rule};
pub use rungs::{Entry, Event, Progress, Rung, Rungs};
pub use sweep::{Account, Record, Seen, Spent, SweepReason, SweepRule, sweep};

use std::cmp::Ordering;

use crate::objective::Goal;

/// A rule made ready: its rungs, and which trial is in which bracket.
#[derive(Debug, Clone, PartialEq)]
pub struct Judge {
    rule: Rule,
    goal: Goal,
    /// The rungs of each bracket, ascending; empty for rules without a ladder.
    ladders: Vec<Vec<f64>>,
    /// Up to where each bracket goes in [0, 1).
    shares: Vec<f64>,
}

impl Judge {
    /// The judge of a sweep, by its rule and the goal of its metric.
    pub fn new(rule: Rule, goal: Goal) -> Self {
        let (ladders, shares) = match &rule {
            Rule::Hyperband(hyperband) => (vec![hyperband.bands()], Vec::new()),
            Rule::Asha(asha) => {
                let ladders = (0..asha.brackets).map(|bracket| asha.ladder(bracket)).collect();
                let mut sum = 0.0;
                let shares = asha.shares().into_iter().map(|share| {
                    sum += share;
                    sum
                });
                (ladders, shares.collect())
            }
            Rule::Median(_) | Rule::Patience(_) => (Vec::new(), Vec::new()),
        };
        Self { rule, goal, ladders, shares }
    }

    /// The rule as the file has it.
    pub fn rule(&self) -> &Rule {
        &self.rule
    }

    /// The bracket of a trial, by its number from 1: multiples of the golden ratio cut up by the brackets' shares, so
    /// that any run of trials is spread over them evenly, and nothing has to be remembered.
    pub fn bracket(&self, trial: u64) -> u32 {
        const GOLDEN: f64 = 0.618_033_988_749_894_9;
        let place = (trial.saturating_sub(1) as f64 * GOLDEN).fract();
        // Rounding may leave the last share a hair below 1.
        let last = self.shares.len().saturating_sub(1);
        self.shares.iter().take(last).filter(|end| place >= **end).count() as u32
    }

    /// The rungs of a bracket, ascending.
    fn ladder(&self, bracket: u32) -> &[f64] {
        self.ladders.get(bracket as usize).map_or(&[], Vec::as_slice)
    }

    /// Whether a value is strictly better than another; `None` is one that is not finite.
    fn better(&self, a: Option<f64>, b: Option<f64>) -> bool {
        self.order(a, b) == Ordering::Less
    }

    /// The better value first.
    fn order(&self, a: Option<f64>, b: Option<f64>) -> Ordering {
        match (a, b) {
            (Some(a), Some(b)) => {
                let order = a.partial_cmp(&b).unwrap_or(Ordering::Equal);
                if self.goal == Goal::Maximize { order.reverse() } else { order }
            }
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        }
    }
}

/// What a rule says of a trial after a history, in the order it was stored.
pub fn verdict(judge: &Judge, history: &[Event], trial: u64) -> Verdict {
    Rungs::of(judge, history).verdict(judge, trial)
}

#[cfg(test)]
mod tests;
