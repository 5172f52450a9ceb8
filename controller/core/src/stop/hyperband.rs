//! W&B's `hyperband`, to the letter.
//!
//! - The *k*-th iteration of a trial is its *k*-th finite value of the metric, in the order of its visible curve: not its
//!   step. Values that are not finite do not count.
//! - The threshold of a band *b* is, of the *n* trials in whatever state with at least *b* values, the value at place
//!   ⌊n · (1/eta)⌋ of their *b*-th values, the best first, from 0.
//! - A trial is judged at the last band that it reached only, by its value there (`strict`), or by its best value so far,
//!   beyond the band too. It is stopped when that is strictly worse than the threshold: ties go on.
//! - It is judged anew each time: trials that come to the band later move the threshold, to both sides. So the verdict
//!   is a function of the visible curves, whatever order they came in.
//!
//! Checked against verdicts of W&B's own library (`sweeps` 0.3.0). One difference: W&B looks at a sweep every few
//! minutes, this rule is asked at every report.

use super::reason::Reason;
use super::rule::{Hyperband, Point};
use super::rungs::{Progress, Rungs};
use super::{Judge, Verdict};

pub(super) fn take(rungs: &mut Rungs, judge: &Judge, trial: u64, point: &Point) {
    if !point.value.is_finite() {
        return;
    }
    let progress = rungs.progress(trial);
    progress.add(judge, point.value);
    let values = progress.values as f64;
    if let Ok(band) = judge.ladder(0).binary_search_by(|band| band.total_cmp(&values)) {
        rungs.enter(judge, (0, band as u64), trial, Some(point.value));
    }
}

pub(super) fn verdict(rungs: &Rungs, judge: &Judge, rule: &Hyperband, progress: &Progress) -> Verdict {
    let Some((number, rung)) = progress.rung.and_then(|number| Some((number, rungs.find(0, number)?))) else {
        return Verdict::Continue;
    };
    let trials = rung.entries.len();
    // As there: the product with the reciprocal, which may be a hair less than the quotient.
    let place = ((1.0 / rule.eta * trials as f64) as usize).min(trials - 1);
    let own = if rule.strict { progress.value } else { progress.best };
    match (own, rung.entries[place].value, judge.ladder(0).get(number as usize)) {
        (Some(value), Some(threshold), Some(&band)) if judge.better(Some(threshold), Some(value)) => {
            Verdict::Stop(Reason::Hyperband {
                band: band as u64,
                value,
                threshold,
                rank: rung.rank(judge, Some(value)) as u64,
                others: trials as u64 - 1,
            })
        }
        _ => Verdict::Continue,
    }
}
