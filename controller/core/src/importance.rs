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

use statrs::function::erf::{erf, erfc};

use crate::objective::Goal;

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
    let target = TARGET.max(FEWEST_BEST as f64 / finite.len() as f64);
    let raw = divergences(axes, &finite, goal, target);
    let sum: f64 = raw.iter().sum();
    Ok(raw.into_iter().map(|one| if sum > 0.0 { one / sum } else { 0.0 }).collect())
}

/// The importances before they are made to sum to 1, for the best share `target` of all.
fn divergences(axes: &[Axis], samples: &[&Sample], goal: Goal, target: f64) -> Vec<f64> {
    let loss = |sample: &Sample| if goal == Goal::Maximize { -sample.objective } else { sample.objective };
    let mut losses: Vec<f64> = samples.iter().map(|sample| loss(sample)).collect();
    losses.sort_by(f64::total_cmp);
    let cutoff = losses[((target * losses.len() as f64).ceil() as usize).clamp(1, losses.len()) - 1];
    let best: Vec<bool> = samples.iter().map(|sample| loss(sample) <= cutoff).collect();
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
            let whole = mass((-0.5 - mean) / width, (top + 0.5 - mean) / width);
            for (cell, share) in out.iter_mut().enumerate() {
                let cell = cell as f64 - mean;
                *share += weight / sum * mass((cell - 0.5) / width, (cell + 0.5) / width) / whole;
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

/// The mass of the standard normal distribution between two numbers, `from` below `to`.
fn mass(from: f64, to: f64) -> f64 {
    let (from, to) = (from / std::f64::consts::SQRT_2, to / std::f64::consts::SQRT_2);
    if from > 0.0 {
        (erfc(from) - erfc(to)) / 2.0
    } else if to < 0.0 {
        (erfc(-to) - erfc(-from)) / 2.0
    } else {
        (erf(to) - erf(from)) / 2.0
    }
}

#[cfg(test)]
mod tests;
