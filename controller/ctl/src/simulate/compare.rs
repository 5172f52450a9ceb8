//! What the plays of each variant come to, in numbers.

use sweep_core::objective::Goal;
use sweep_core::simulate::{Outcome, Ratio, Rows, quartiles, ratio_of_medians};
use sweep_core::spec::{Metric, SweepSpec};
use sweep_core::trial::TrialState;

use super::Simulate;
use super::variant::Variant;

/// Budgets as shares of what the first variant uses, or of the trials.
const SHARES: [f64; 4] = [0.125, 0.25, 0.5, 1.0];
/// Points of a curve that is drawn.
const DRAWN: usize = 160;

/// One sweep that was played, as far as it is compared.
#[derive(Debug, Clone)]
pub(crate) struct Play {
    /// Device-hours, and the best value from then on.
    improvements: Vec<(f64, f64)>,
    /// After each trial that ended.
    by_trials: Vec<Option<f64>>,
    hours: f64,
    stopped: usize,
}

impl Play {
    pub(crate) fn of(out: &Outcome<usize>) -> Self {
        Self {
            improvements: out
                .improvements
                .iter()
                .map(|one| (one.device_seconds / 3600.0, one.value))
                .collect(),
            by_trials: out.by_trials.clone(),
            hours: out.used / 3600.0,
            stopped: out.trials.iter().filter(|trial| trial.state == TrialState::StoppedEarly).count(),
        }
    }

    fn best_within(&self, hours: f64) -> Option<f64> {
        // Sums of the same durations in another order are the same to people.
        let count = self.improvements.partition_point(|(at, _)| *at <= hours * (1.0 + 1e-9));
        Some(self.improvements[..count].last()?.1)
    }

    fn best_after(&self, trials: usize) -> Option<f64> {
        *self.by_trials[..trials.min(self.by_trials.len())].last()?
    }

    /// Infinite: never.
    fn hours_to(&self, goal: Goal, target: f64) -> f64 {
        let found = self.improvements.iter().find(|(_, value)| !goal.better(target, *value));
        found.map_or(f64::INFINITY, |(at, _)| *at)
    }
}

/// Lower quartile, median and upper quartile over the seeds. A seed that has no value by then counts as worse than any: such
/// numbers are infinite.
pub(crate) type Quartiles = [f64; 3];

/// Everything that is told.
#[derive(Debug)]
pub(crate) struct Comparison {
    pub(crate) metric: String,
    pub(crate) goal: Goal,
    pub(crate) workers: u32,
    pub(crate) seeds: u32,
    pub(crate) rows: usize,
    /// The target that was given; `None`: each seed has its own, the best of the first variant.
    pub(crate) target: Option<f64>,
    /// Device-hours at which variants are compared.
    pub(crate) hours: Vec<f64>,
    /// Numbers of ended trials at which they are.
    pub(crate) trials: Vec<usize>,
    pub(crate) variants: Vec<Summary>,
}

/// One variant over all seeds.
#[derive(Debug)]
pub(crate) struct Summary {
    pub(crate) name: String,
    pub(crate) method: &'static str,
    pub(crate) rule: Option<String>,
    /// At each of [`Comparison::hours`], and of [`Comparison::trials`].
    pub(crate) by_hours: Vec<Quartiles>,
    pub(crate) by_trials: Vec<Quartiles>,
    /// Seeds that reached the target.
    pub(crate) reached: usize,
    /// The median of the device-hours to it; infinite: never.
    pub(crate) hours_to_target: f64,
    /// Beside the first variant's.
    pub(crate) ratio: Option<Ratio>,
    /// Medians of what a sweep used, of its trials and of those stopped early.
    pub(crate) used: f64,
    pub(crate) ended: f64,
    pub(crate) stopped: f64,
    /// For the plots: device-hours or trials, and the best by then.
    pub(crate) hours_curve: Vec<(f64, Quartiles)>,
    pub(crate) trials_curve: Vec<(f64, Quartiles)>,
}

impl Comparison {
    pub(crate) fn of(
        spec: &SweepSpec,
        metric: &Metric,
        rows: &Rows,
        args: &Simulate,
        variants: &[Variant],
        plays: &[Vec<Play>],
    ) -> Self {
        let goal = metric.goal;
        let base = plays.first().map_or(&[][..], Vec::as_slice);
        let whole = median(base, |play| play.hours);
        let hours: Vec<f64> = SHARES.iter().map(|share| share * whole).collect();
        let most =
            spec.run_cap.map_or(rows.len(), |cap| rows.len().min(usize::try_from(cap).unwrap_or(usize::MAX)));
        let mut trials: Vec<usize> =
            SHARES.iter().map(|share| (share * most as f64).ceil() as usize).collect();
        trials.dedup();
        let targets: Vec<f64> = base
            .iter()
            .map(|play| args.target.or(play.improvements.last().map(|(_, value)| *value)).unwrap_or(f64::NAN))
            .collect();
        let times = |plays: &[Play]| -> Vec<f64> {
            plays.iter().zip(&targets).map(|(play, target)| play.hours_to(goal, *target)).collect()
        };
        let base_times = times(base);
        let summary = |(variant, plays): (&Variant, &Vec<Play>)| {
            let times = times(plays);
            Summary {
                name: variant.name.clone(),
                method: variant.spec.method.word(),
                rule: variant.rule.clone(),
                by_hours: hours
                    .iter()
                    .map(|hours| bests(goal, plays, |play| play.best_within(*hours)))
                    .collect(),
                by_trials: trials
                    .iter()
                    .map(|trials| bests(goal, plays, |play| play.best_after(*trials)))
                    .collect(),
                reached: times.iter().filter(|time| time.is_finite()).count(),
                hours_to_target: quartiles(times.clone()).map_or(f64::INFINITY, |[_, median, _]| median),
                ratio: ratio_of_medians(&base_times, &times),
                used: median(plays, |play| play.hours),
                ended: median(plays, |play| play.by_trials.len() as f64),
                stopped: median(plays, |play| play.stopped as f64),
                hours_curve: (0..=DRAWN)
                    .map(|at| at as f64 / DRAWN as f64 * whole)
                    .map(|hours| (hours, bests(goal, plays, |play| play.best_within(hours))))
                    .collect(),
                trials_curve: (1..=most)
                    .map(|trials| (trials as f64, bests(goal, plays, |play| play.best_after(trials))))
                    .collect(),
            }
        };
        Self {
            metric: metric.name.clone(),
            goal,
            workers: args.workers,
            seeds: args.seeds,
            rows: rows.len(),
            target: args.target,
            variants: variants.iter().zip(plays).map(summary).collect(),
            hours,
            trials,
        }
    }
}

fn median(plays: &[Play], number: impl Fn(&Play) -> f64) -> f64 {
    quartiles(plays.iter().map(number).collect()).map_or(0.0, |[_, median, _]| median)
}

fn bests(goal: Goal, plays: &[Play], best: impl Fn(&Play) -> Option<f64>) -> Quartiles {
    let worst = if goal == Goal::Maximize { f64::NEG_INFINITY } else { f64::INFINITY };
    quartiles(plays.iter().map(|play| best(play).unwrap_or(worst)).collect()).unwrap_or([worst; 3])
}
