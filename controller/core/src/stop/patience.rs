//! Patience: a trial that gets no better any more is stopped.
//!
//! A finite value that is better than the last such one by more than `min_delta` is an improvement; the first finite value
//! is one. At a point that is `patience` or more of the resource after the last improvement (after 0 without any), and not
//! before `grace`, the trial is stopped. Other trials do not matter.

use super::reason::Reason;
use super::rule::{Patience, Point, SLACK};
use super::rungs::Rungs;
use super::{Judge, Verdict};

pub(super) fn take(rungs: &mut Rungs, judge: &Judge, rule: &Patience, trial: u64, point: &Point) {
    let Some(amount) = point.resource(rule.resource) else { return };
    let progress = rungs.progress(trial);
    let peak = progress.peak.unwrap_or(f64::NAN);
    if judge.goal.better_by(point.value, peak, rule.min_delta) {
        (progress.peak, progress.peak_at) = (Some(point.value), amount);
        return;
    }
    let tired = amount - progress.peak_at >= rule.patience * (1.0 - SLACK);
    if tired && amount >= rule.grace * (1.0 - SLACK) && progress.held.is_none() && !progress.spared {
        progress.held = Some(Verdict::Stop(Reason::Patience {
            resource: rule.resource,
            best: progress.peak,
            since: progress.peak_at,
            at: amount,
            min_delta: rule.min_delta,
        }));
    }
}
