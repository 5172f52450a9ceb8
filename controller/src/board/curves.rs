//! Curves of many trials: a band over all of them, and the best of them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use sweep_core::board::band::{self, Band};
use sweep_core::curve::{Point, thin};
use sweep_core::trial::TrialState;
use sweep_store::{Sweep, TrialName};

use super::{BoardError, Result, metric_of};
use crate::app::App;

/// Places of a band.
const PLACES: usize = 200;
/// Points that are kept of a curve for a band.
const KEPT: usize = 400;
/// Trials whose curves are read at once.
const PAGE: u64 = 500;
/// Up to so many curves are read anew one by one; more in pages.
const FEW: usize = 64;
/// Bands that are remembered: 10,000 curves of 100 points are some 16 MB each.
const REMEMBERED: usize = 6;
/// Most curves of one answer.
pub(crate) const MOST_CURVES: usize = 50;
/// Most points of one curve.
pub(crate) const MOST_POINTS: usize = 1_000;

/// What a curve is drawn over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Axis {
    Step,
    Epoch,
    /// Since the first point.
    Seconds,
}

/// Curves that bands were made of, so that the next band reads only what changed: the last ones used.
#[derive(Default)]
pub(crate) struct Bands {
    held: Mutex<Vec<(Key, Arc<tokio::sync::Mutex<Held>>)>>,
}

type Key = (String, String, Axis);

/// The curves of one metric of one sweep over one axis, by trial.
#[derive(Default)]
struct Held {
    /// All changes up to this number are in.
    change: u64,
    curves: BTreeMap<u64, Arc<[(f64, f64)]>>,
}

impl Bands {
    /// The curves under a key, which become the last ones used.
    fn of(&self, key: &Key) -> Arc<tokio::sync::Mutex<Held>> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let found = held.iter().position(|(other, _)| other == key).map(|at| held.remove(at));
        let one = found.unwrap_or_else(|| (key.clone(), Arc::default()));
        let curves = Arc::clone(&one.1);
        held.push(one);
        if held.len() > REMEMBERED {
            held.remove(0);
        }
        curves
    }
}

/// A band over a metric's curves.
#[derive(Debug)]
pub(crate) struct BandOf {
    pub(crate) metric: String,
    pub(crate) trials: usize,
    pub(crate) band: Band,
    pub(crate) change: u64,
}

/// Quantiles over the visible curves of all trials.
pub(crate) async fn band(
    app: &App,
    sweep: &Sweep,
    metric: &str,
    quantiles: Vec<f64>,
    axis: Axis,
) -> Result<BandOf> {
    let metric = metric_of(sweep, metric)?;
    let held = app.bands.of(&(sweep.id.clone(), metric.clone(), axis));
    // Who asks for the same meanwhile waits, and finds it read.
    let mut held = held.lock().await;
    bring_up(app, sweep, &metric, axis, &mut held).await?;
    let curves: Vec<_> = held.curves.values().cloned().collect();
    let (trials, change) = (curves.len(), held.change);
    drop(held);
    let band = tokio::task::spawn_blocking(move || band::band(&curves, &quantiles, PLACES)).await?;
    Ok(BandOf { metric, trials, band, change })
}

/// Reads the curves that changed since they were read last.
async fn bring_up(app: &App, sweep: &Sweep, metric: &str, axis: Axis, held: &mut Held) -> Result<()> {
    // The number first: what changes after it comes with the next question.
    let change = *app.store.feed().borrow();
    if change == held.change && change > 0 {
        return Ok(());
    }
    let all = 1..=sweep.proposed;
    if held.change == 0 {
        read(app, sweep, metric, axis, all, held).await?;
    } else {
        let changed = app.store.trial_table(&sweep.id, held.change, 0, u32::MAX).await?.trials;
        if let ([first, .., last], true) = (&*changed, changed.len() > FEW) {
            read(app, sweep, metric, axis, first.number..=last.number, held).await?;
        } else {
            for trial in changed {
                let curves = app.store.curves(trial.id, &[metric.to_owned()]).await?;
                match curves.into_iter().next() {
                    Some((_, points)) => drop(held.curves.insert(trial.number, over(&points, axis))),
                    None => drop(held.curves.remove(&trial.number)),
                }
            }
        }
    }
    held.change = change;
    Ok(())
}

async fn read(
    app: &App,
    sweep: &Sweep,
    metric: &str,
    axis: Axis,
    numbers: std::ops::RangeInclusive<u64>,
    held: &mut Held,
) -> Result<()> {
    let (mut from, end) = numbers.into_inner();
    held.curves.retain(|number, _| *number < from || *number > end);
    while from <= end {
        let to = end.min(from + PAGE - 1);
        let curves = app.store.curves_of_sweep(&sweep.id, metric, from..=to).await?;
        held.curves.extend(curves.into_iter().map(|(number, points)| (number, over(&points, axis))));
        from = to + 1;
    }
    Ok(())
}

/// Where a point of a curve is on an axis; `began` is when the first one was told.
fn place(point: &Point, axis: Axis, began: i64) -> f64 {
    match axis {
        Axis::Step => point.step as f64,
        Axis::Epoch => point.epoch,
        Axis::Seconds => (point.at_ms - began) as f64 / 1000.0,
    }
}

/// When the first point was told.
fn began(points: &[Point]) -> i64 {
    points.first().map_or(0, |point| point.at_ms)
}

/// A curve over an axis, in order of place.
fn over(points: &[Point], axis: Axis) -> Arc<[(f64, f64)]> {
    let points = thin(points, KEPT);
    let began = began(&points);
    let place = |point: &Point| place(point, axis, began);
    let mut curve: Vec<_> = points.iter().map(|point| (place(point), point.value)).collect();
    curve.retain(|(place, _)| place.is_finite());
    curve.sort_by(|a, b| a.0.total_cmp(&b.0));
    curve.into()
}

/// Which trials' curves are wanted.
#[derive(Debug)]
pub(crate) enum Wanted {
    Best(usize),
    Numbers(Vec<u64>),
}

/// A stretch of an axis, with both of its ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    pub(crate) axis: Axis,
    pub(crate) from: f64,
    pub(crate) until: f64,
}

impl Window {
    /// All of any curve.
    pub(crate) fn whole(self) -> bool {
        self.from == f64::NEG_INFINITY && self.until == f64::INFINITY
    }

    /// The points within, in order of place, and the next one on either side.
    fn of(self, points: &[Point]) -> Vec<Point> {
        let began = began(points);
        let place = |point: &Point| place(point, self.axis, began);
        let mut points: Vec<_> = points.iter().filter(|point| place(point).is_finite()).copied().collect();
        points.sort_by(|a, b| place(a).total_cmp(&place(b)));
        let first = points.partition_point(|point| place(point) < self.from);
        let end = points.partition_point(|point| place(point) <= self.until);
        points.truncate(end + 1);
        points.split_off(first.saturating_sub(1).min(points.len()))
    }
}

#[derive(Debug)]
pub(crate) struct CurveOf {
    pub(crate) number: u64,
    pub(crate) state: TrialState,
    pub(crate) points: Vec<Point>,
    /// Before thinning.
    pub(crate) total: usize,
    /// When the first point of all was told.
    pub(crate) began_at_ms: i64,
}

/// One metric's curves of some trials within a window, thinned, and the metric.
pub(crate) async fn top(
    app: &App,
    sweep: &Sweep,
    metric: &str,
    wanted: Wanted,
    window: Window,
    most: usize,
) -> Result<(String, Vec<CurveOf>)> {
    let metric = metric_of(sweep, metric)?;
    let trials = match wanted {
        Wanted::Best(top) => app.store.trials_best(&sweep.id, u32::try_from(top).unwrap_or(u32::MAX)).await?,
        Wanted::Numbers(numbers) if numbers.len() > MOST_CURVES => {
            return Err(BoardError::Asked(format!("numbers: {MOST_CURVES} trials are the most")));
        }
        Wanted::Numbers(numbers) => {
            let mut trials = Vec::new();
            for number in numbers {
                let name = TrialName::Number { sweep: sweep.id.clone(), number };
                trials.push(app.store.trial_brief(&name).await?);
            }
            trials
        }
    };
    let mut curves = Vec::new();
    for trial in trials {
        for (_, points) in app.store.curves(trial.id, std::slice::from_ref(&metric)).await? {
            let began_at_ms = began(&points);
            let points = if window.whole() { points } else { window.of(&points) };
            let (number, state, total) = (trial.number, trial.state, points.len());
            curves.push(CurveOf { number, state, points: thin(&points, most), total, began_at_ms });
        }
    }
    Ok((metric, curves))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bands_used_last_are_remembered() {
        let bands = Bands::default();
        let key = |at: usize| (at.to_string(), "loss".to_owned(), Axis::Step);
        let first = bands.of(&key(0));
        for at in 1..REMEMBERED {
            bands.of(&key(at));
        }
        assert!(Arc::ptr_eq(&first, &bands.of(&key(0))));
        bands.of(&key(REMEMBERED));
        assert!(Arc::ptr_eq(&first, &bands.of(&key(0))), "it was used after others");
        assert_eq!(bands.held.lock().expect("is whole").len(), REMEMBERED);
    }

    #[test]
    fn a_curve_lies_over_any_axis_in_order() {
        let point = |step, epoch, at_ms| Point { step, epoch, at_ms, value: step as f64 };
        let points = [point(4, 0.5, 1_000), point(2, f64::NAN, 2_500), point(9, 0.25, 3_000)];
        assert_eq!(*over(&points, Axis::Step), [(2.0, 2.0), (4.0, 4.0), (9.0, 9.0)]);
        assert_eq!(*over(&points, Axis::Epoch), [(0.25, 9.0), (0.5, 4.0)]);
        assert_eq!(*over(&points, Axis::Seconds), [(0.0, 4.0), (1.5, 2.0), (2.0, 9.0)]);
    }

    #[test]
    fn a_window_has_its_points_and_the_next_on_either_side() {
        let point = |step: u64| Point {
            step,
            epoch: if step == 3 { f64::NAN } else { step as f64 / 2.0 },
            at_ms: 500 + 1_000 * step.cast_signed(),
            value: 0.0,
        };
        let points: Vec<_> = (1..=9).map(point).collect();
        let steps = |axis, from, until| -> Vec<u64> {
            Window { axis, from, until }.of(&points).iter().map(|point| point.step).collect()
        };
        assert_eq!(steps(Axis::Step, 4.0, 6.0), [3, 4, 5, 6, 7]);
        assert_eq!(steps(Axis::Step, 4.2, 4.8), [4, 5], "a line goes through");
        assert_eq!(steps(Axis::Step, 0.0, 1.0), [1, 2]);
        assert_eq!(steps(Axis::Step, 9.5, f64::INFINITY), [9]);
        assert_eq!(steps(Axis::Step, f64::NEG_INFINITY, 0.5), [1]);
        assert_eq!(steps(Axis::Epoch, 2.0, 2.5), [2, 4, 5, 6], "a point without an epoch has no place");
        assert_eq!(steps(Axis::Seconds, 0.0, 1.0), [1, 2, 3], "seconds begin with the first point");
        assert!(Window { axis: Axis::Step, from: 0.0, until: 9.0 }.of(&[]).is_empty());
    }
}
