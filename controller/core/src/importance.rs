//! Which parameters decide whether a trial is among the best: PED-ANOVA.
//!
//! Watanabe, Bansal and Hutter, "PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in Arbitrary Subspaces",
//! IJCAI 2023; parameters that not every trial has as in its extension to conditional spaces (KDD 2026). For each
//! parameter the density of the best trials is compared to that of all trials by Pearson's divergence: a parameter
//! whose best values lie where all values lie decides nothing. It is a statement about single parameters; what only
//! two of them together decide is not seen.
//!
//! Optuna's `PedAnovaImportanceEvaluator` (5.0) is the reference, and the numbers are its own (a test holds them to
//! 1e-9) where a parameter is real, has at most [`STEPS`] whole values, or is a choice. They differ where
//!
//! - a whole-number range on a log scale has many values: Optuna takes about log₂ of the range's length for the number
//!   of its cells, this [`STEPS`] as for all;
//! - a whole-number range has more than [`STEPS`] values: values are put into cells by quantile here, so that the
//!   outermost cells may differ by a value;
//! - bounds were changed between trials, or a target is given: neither exists here.

use crate::normal::between;
use crate::objective::Goal;
use crate::search::Recorded;
use crate::space::Domain;
use crate::spec::SweepSpec;
use crate::trial::TrialState;

/// The method's name, for people.
pub const METHOD: &str = "PED-ANOVA";
/// Cells of a continuous parameter's grid.
pub const STEPS: usize = 50;
/// Fewest trials with an objective: of fewer, the densities say nothing.
pub const FEWEST: usize = 20;
/// Fewest trials among the best.
const FEWEST_BEST: usize = 5;
/// The best of all trials that are compared to all.
const TARGET: f64 = 0.1;
/// Fewest trials that have, or do not have, a parameter for that to be looked at.
const FEWEST_IN_REGIME: usize = 2;

/// What a parameter's places in [0, 1] mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    /// Any number, on the scale that it is searched on.
    Real,
    /// As many numbers, evenly spaced: number *i* is at (*i* + ½) / count.
    Ordered(usize),
    /// As many values in no order: value *i* is at (*i* + ½) / count.
    Choice(usize),
}

/// A trial: where each parameter is in [0, 1] (`None`: it does not have it), and its objective.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    pub places: Vec<Option<f64>>,
    pub objective: f64,
}

/// Why there are no numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    #[error("importance needs {FEWEST} trials with a finite objective, there are {0}")]
    TooFew(usize),
    #[error("all trials have the same objective, so none of them is better")]
    AllAlike,
}

/// What is known of a sweep's parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Importance {
    /// Trials that were looked at: those that finished or were stopped early, with a finite objective.
    pub trials: usize,
    /// Trials among the best; those as good as the last of them count too.
    pub best: usize,
    /// Names and shares of the parameters that vary, the most important first, of equal ones in the order of the spec.
    pub parameters: Vec<(String, f64)>,
}

/// The importance of a sweep's parameters to its metric (of several, the first). A list of values is a choice, whatever
/// they are; a quantised range of at most [`STEPS`] values is as many steps; all others are continua.
///
/// # Errors
/// [`Unknown`]: why there are no numbers.
pub fn of_sweep(spec: &SweepSpec, goal: Goal, trials: &[Recorded]) -> Result<Importance, Unknown> {
    let varying =
        spec.parameters.iter().enumerate().filter_map(|(at, one)| Some((at, axis_of(&one.domain)?)));
    let varying: Vec<(usize, Axis)> = varying.collect();
    let sample = |trial: &Recorded| {
        let objective = trial.objective.filter(|value| value.is_finite())?;
        let ended = matches!(trial.state, TrialState::Finished | TrialState::StoppedEarly);
        let values = spec.values_of(&trial.params);
        let place =
            |&(at, axis): &(usize, Axis)| place(&spec.parameters[at].domain, axis, values[at].as_ref()?);
        ended.then(|| Sample { places: varying.iter().map(place).collect(), objective })
    };
    let samples: Vec<Sample> = trials.iter().filter_map(sample).collect();
    let axes: Vec<Axis> = varying.iter().map(|(_, axis)| *axis).collect();
    let shares = importance(&axes, &samples, goal)?;
    let name = |(at, _): &(usize, Axis)| spec.parameters[*at].path.join(".");
    let mut parameters: Vec<(String, f64)> = varying.iter().map(name).zip(shares).collect();
    parameters.sort_by(|a, b| b.1.total_cmp(&a.1));
    let all: Vec<&Sample> = samples.iter().collect();
    let best = among_best(&all, goal, target(all.len())).into_iter().filter(|best| *best).count();
    Ok(Importance { trials: samples.len(), best, parameters })
}

/// The axis of a parameter; `None`: it has one value only.
fn axis_of(domain: &Domain) -> Option<Axis> {
    match (
        domain,
        domain.support(if matches!(domain, Domain::Categorical { .. }) { usize::MAX } else { STEPS }),
    ) {
        (_, Some(values)) if values.len() < 2 => None,
        (Domain::Categorical { .. }, Some(values)) => Some(Axis::Choice(values.len())),
        (_, Some(values)) => Some(Axis::Ordered(values.len())),
        (Domain::Integer { min, max }, None) => {
            let count = i128::from(*max) - i128::from(*min) + 1;
            Some(Axis::Ordered(usize::try_from(count).unwrap_or(usize::MAX)))
        }
        (_, None) => Some(Axis::Real),
    }
}

/// Where a value is on its axis; `None`: it is none of the domain's.
fn place(domain: &Domain, axis: Axis, value: &serde_json::Value) -> Option<f64> {
    if let (Axis::Ordered(count) | Axis::Choice(count), Some(values)) = (axis, domain.support(axis.cells())) {
        let at = values.iter().position(|(other, _)| crate::spec::same(other, value))?;
        return Some((at as f64 + 0.5) / count as f64);
    }
    let (from, to) = domain.quantiles(value).ok()?;
    Some(f64::midpoint(from, to))
}

/// The share of each parameter in whether a trial is among the best tenth, or the best five where a tenth is less.
/// Shares sum to 1; all are 0 where nothing is told apart.
pub fn importance(axes: &[Axis], samples: &[Sample], goal: Goal) -> Result<Vec<f64>, Unknown> {
    let finite: Vec<&Sample> = samples.iter().filter(|sample| sample.objective.is_finite()).collect();
    if finite.len() < FEWEST {
        return Err(Unknown::TooFew(finite.len()));
    }
    if finite.iter().all(|sample| sample.objective == finite[0].objective) {
        return Err(Unknown::AllAlike);
    }
    let raw = divergences(axes, &finite, goal, target(finite.len()));
    let sum: f64 = raw.iter().sum();
    Ok(raw.into_iter().map(|one| if sum > 0.0 { one / sum } else { 0.0 }).collect())
}

/// Which share of so many trials is the best.
fn target(trials: usize) -> f64 {
    TARGET.max(FEWEST_BEST as f64 / trials.max(1) as f64)
}

/// Which samples are of the best share `target` of all, ties with the last of these among them.
fn among_best(samples: &[&Sample], goal: Goal, target: f64) -> Vec<bool> {
    let loss = |sample: &Sample| if goal == Goal::Maximize { -sample.objective } else { sample.objective };
    let mut losses: Vec<f64> = samples.iter().map(|sample| loss(sample)).collect();
    losses.sort_by(f64::total_cmp);
    let cutoff = losses[((target * losses.len() as f64).ceil() as usize).clamp(1, losses.len()) - 1];
    samples.iter().map(|sample| loss(sample) <= cutoff).collect()
}

/// The importances before they are made to sum to 1, for the best share `target` of all.
fn divergences(axes: &[Axis], samples: &[&Sample], goal: Goal, target: f64) -> Vec<f64> {
    let best = among_best(samples, goal, target);
    let count = best.iter().filter(|best| **best).count() as f64;
    let share = count / samples.len() as f64;
    let one = |at: usize, axis: Axis| {
        let placed = samples.iter().zip(&best).filter_map(|(sample, best)| Some((sample.places[at]?, *best)));
        let all: Vec<(f64, bool)> = placed.collect();
        let top: Vec<f64> = all.iter().filter(|(_, best)| *best).map(|(place, _)| *place).collect();
        if all.len() < FEWEST_IN_REGIME || top.is_empty() || axis.cells() < 2 {
            return 0.0;
        }
        let all: Vec<f64> = all.into_iter().map(|(place, _)| place).collect();
        // How many of the best, and of all, have the parameter.
        let (with_best, with_all) = (top.len() as f64 / count, all.len() as f64 / samples.len() as f64);
        with_best * with_best / with_all * divergence(&density(axis, &top), &density(axis, &all))
    };
    axes.iter().enumerate().map(|(at, axis)| one(at, *axis) * share * share).collect()
}

/// Pearson's divergence of two densities over the same cells.
fn divergence(top: &[f64], all: &[f64]) -> f64 {
    const TINY: f64 = 1e-12;
    top.iter().zip(all).map(|(top, all)| (all + TINY) * ((top + TINY) / (all + TINY) - 1.0).powi(2)).sum()
}

impl Axis {
    fn cells(self) -> usize {
        match self {
            Self::Real => STEPS,
            Self::Ordered(count) => count.min(STEPS),
            Self::Choice(count) => count,
        }
    }

    fn cell(self, place: f64) -> usize {
        let cells = self.cells();
        // Divided by the width, as there: of a place between two cells rounding decides.
        let nearest = |width: f64| (place / width - 0.5).ceil();
        let cell = match self {
            Self::Real => nearest(1.0 / (cells - 1) as f64),
            Self::Ordered(count) if count > STEPS => nearest(1.0 / (cells - 1) as f64),
            Self::Ordered(count) | Self::Choice(count) => (place * count as f64).floor(),
        };
        (cell.max(0.0) as usize).min(cells - 1)
    }
}

/// The share of each cell in a Parzen estimate, its width by Scott's rule, with a wide prior that counts as one trial.
fn density(axis: Axis, places: &[f64]) -> Vec<f64> {
    let cells = axis.cells();
    let mut counts = vec![0.0; cells];
    for place in places {
        counts[axis.cell(*place)] += 1.0;
    }
    let sum = places.len() as f64 + 1.0;
    if let Axis::Choice(_) = axis {
        // Each kernel keeps a little for every value: as much as the prior, spread over the kernels.
        let seen = counts.iter().filter(|count| **count > 0.0).count() as f64;
        let (floor, row) = (1.0 / (seen + 1.0), 1.0 + cells as f64 / (seen + 1.0));
        let spread = places.len() as f64 * floor / row + 1.0 / cells as f64;
        return counts.iter().map(|count| (count / row + spread) / sum).collect();
    }
    let width = width(&counts);
    let mut out = vec![0.0; cells];
    let top = (cells - 1) as f64;
    let kernels = counts.iter().enumerate().map(|(cell, count)| (cell as f64, width, *count));
    for (mean, width, weight) in kernels.chain([(top / 2.0, top + 1.0, 1.0)]) {
        if weight > 0.0 {
            let whole = between((-0.5 - mean) / width, (top + 0.5 - mean) / width);
            for (cell, share) in out.iter_mut().enumerate() {
                let cell = cell as f64 - mean;
                *share += weight / sum * between((cell - 0.5) / width, (cell + 0.5) / width) / whole;
            }
        }
    }
    out
}

/// Scott's rule over counts by cell, not narrower than nine tenths of a kernel in its own cell.
fn width(counts: &[f64]) -> f64 {
    let sum: f64 = counts.iter().sum();
    let seen: Vec<(f64, f64)> = counts
        .iter()
        .enumerate()
        .filter(|(_, count)| **count > 0.0)
        .map(|(at, count)| (at as f64, *count))
        .collect();
    let mean = seen.iter().map(|(cell, count)| cell * count).sum::<f64>() / sum;
    let square = seen.iter().map(|(cell, count)| (cell - mean).powi(2) * count).sum::<f64>();
    let deviation = (square / (sum - 1.0).max(1.0)).sqrt();
    let cumulated: Vec<f64> = seen
        .iter()
        .scan(0.0, |sum, (_, count)| {
            *sum += count;
            Some(*sum)
        })
        .collect();
    let first = cumulated.partition_point(|below| *below < (sum / 4.0).floor());
    let third = cumulated.partition_point(|below| *below <= (sum * 3.0 / 4.0).floor());
    let between = seen[third.min(seen.len() - 1)].0 - seen[first].0;
    let scott = 1.059 * deviation.min(between / 1.34) * sum.powf(-0.2);
    scott.max(0.5 / 1.64)
}

#[cfg(test)]
mod tests;
