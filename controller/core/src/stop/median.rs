//! The median stopping rule.
//!
//! A trial that comes to a multiple of `interval`, not before `grace`, is stopped if its best finite value up to there is
//! strictly worse than the median of the others' means: of all their finite values up to where they came to the same
//! multiple, whatever became of them. At least `min_trials` others with a finite value must have been there. The median of
//! an even number is the mean of the two in the middle.

use super::reason::Reason;
use super::rule::{Median, Point, SLACK};
use super::rungs::{Entry, Rungs};
use super::{Judge, Verdict};

pub(super) fn take(rungs: &mut Rungs, judge: &Judge, rule: &Median, trial: u64, point: &Point) {
    let Some(amount) = point.resource(rule.resource) else { return };
    let progress = rungs.progress(trial);
    progress.add(judge, point.value);
    let (best, mean) = (progress.best, (progress.values > 0).then_some(progress.mean));
    let multiple = (amount / rule.interval * (1.0 + SLACK)).floor();
    let mark = multiple * rule.interval;
    let before = progress.rung.unwrap_or(0);
    if multiple as u64 <= before || mark < rule.grace * (1.0 - SLACK) {
        return;
    }
    let rung = rungs.enter(judge, (0, multiple as u64), trial, mean);
    let others =
        rung.entries.iter().filter(|entry| entry.trial != trial).filter_map(|Entry { value, .. }| *value);
    let others: Vec<f64> = others.collect();
    let enough = others.len() as u64 >= rule.min_trials.max(1);
    let median = if enough { middle(&others) } else { f64::NAN };
    if enough && judge.better(Some(median), best) {
        let progress = rungs.progress(trial);
        if !progress.spared && progress.held.is_none() {
            progress.held = Some(Verdict::Stop(Reason::Median {
                resource: rule.resource,
                mark,
                best,
                median,
                others: others.len() as u64,
            }));
        }
    } else {
        rung.pass(trial);
    }
}

/// The median of sorted numbers, at least one.
fn middle(sorted: &[f64]) -> f64 {
    let half = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[half] } else { sorted[half - 1] / 2.0 + sorted[half] / 2.0 }
}
