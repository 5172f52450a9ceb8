//! A fitted process: hyper-parameters of greatest posterior density, the output's warp, and what predictions need.

use super::axes::{Axes, Columns};
use super::evidence::Evidence;
use super::kernel::{self, Hyper};
use super::matrix::{Factor, row, start};
use super::output::{Output, Warp};
use super::{Fault, subset};

/// Rows that a model keeps at most: beyond, [`subset::keep`].
pub const MOST_ROWS: usize = 500;
/// Of these, rows that hyper-parameters are fitted to: one evaluation is cubic in them.
const FIT_ROWS: usize = 250;
/// And rows by which the warp is chosen, which takes a fit of each.
const WARP_ROWS: usize = 60;
/// Fewest rows from which a warp can be told.
const FEW_ROWS: usize = 6;
/// Evaluations of the evidence: for one warp, and for the fit from one start.
const WARP_EVALUATIONS: u32 = 14;
const FIT_EVALUATIONS: u32 = 40;

/// A Gaussian process given what was seen.
#[derive(Debug, Clone)]
pub struct Model {
    pub(super) axes: Axes,
    pub(super) hyper: Hyper,
    output: Output,
    pub(super) rows: Vec<Vec<f64>>,
    pub(super) columns: Columns,
    /// The values in units of the model.
    pub(super) targets: Vec<f64>,
    pub(super) factor: Factor,
    /// L⁻¹ targets, and K⁻¹ targets.
    pub(super) beta: Vec<f64>,
    alpha: Vec<f64>,
}

/// What a model expects of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prediction {
    /// The median, in units of the values. (Under a warp the mean is another number, and may not exist.)
    pub mean: f64,
    /// Half the distance between the values one deviation below and above, noise left out.
    pub spread: f64,
}

impl Model {
    /// Fits to `rows` of the unit cube and their `values`, of which less is better. Rows are in the order in which they
    /// were known, the oldest first; beyond [`MOST_ROWS`] a part of them is kept.
    ///
    /// A function of its arguments alone. `hint` is where the fit begins besides: hyper-parameters of an earlier fit.
    ///
    /// # Errors
    /// [`Fault`]: no rows, a coordinate outside its axis, or a value that is not finite. The message names the row.
    pub fn fit(axes: &Axes, rows: &[Vec<f64>], values: &[f64], hint: Option<&Hyper>) -> Result<Self, Fault> {
        check(axes, rows, values)?;
        let (rows, values) = kept(axes, rows, values, MOST_ROWS);
        let (output, near) = choose_output(axes, &rows, &values);
        let (few, few_values) = kept(axes, &rows, &values, FIT_ROWS);
        let targets = few_values.iter().map(|y| output.forth(*y)).collect();
        let evidence = Evidence::new(&columns(axes, &few), axes.len(), targets);
        let mut starts = vec![near, Hyper::prior(axes.len())];
        starts[1].weights.iter_mut().for_each(|weight| *weight *= 10.0);
        starts.extend(hint.filter(|hint| hint.weights.len() == axes.len()).cloned());
        let hyper = evidence.maximise(&starts, FIT_EVALUATIONS).map(|(hyper, _)| hyper);
        Self::new(axes, rows, &values, output, hyper.unwrap_or_else(|| Hyper::prior(axes.len())))
    }

    /// With hyper-parameters and warp as given.
    ///
    /// # Errors
    /// As [`Self::fit`].
    pub fn of(
        axes: &Axes,
        rows: &[Vec<f64>],
        values: &[f64],
        warp: Warp,
        hyper: Hyper,
    ) -> Result<Self, Fault> {
        check(axes, rows, values)?;
        Self::new(axes, rows.to_vec(), values, Output::of(warp, values), hyper)
    }

    pub(super) fn new(
        axes: &Axes,
        rows: Vec<Vec<f64>>,
        values: &[f64],
        output: Output,
        hyper: Hyper,
    ) -> Result<Self, Fault> {
        let columns = columns(axes, &rows);
        let targets: Vec<f64> = values.iter().map(|y| output.forth(*y)).collect();
        let many = rows.len();
        let mut covariance: Vec<f64> = Vec::with_capacity(start(many));
        for at in 0..many {
            let first = covariance.len();
            covariance.resize(first + at + 1, 0.0);
            let out = &mut covariance[first..];
            columns.distances(&columns.row(at), &hyper.weights, out);
            out.iter_mut().for_each(|squared| *squared = hyper.signal * kernel::matern(*squared).0);
            out[at] += hyper.noise;
        }
        let factor = Factor::of_nearly_definite(&covariance, many).ok_or(Fault::Indefinite)?;
        let mut beta = targets.clone();
        factor.forward(&mut beta);
        let mut alpha = beta.clone();
        factor.backward(&mut alpha);
        Ok(Self { axes: axes.clone(), hyper, output, rows, columns, targets, factor, beta, alpha })
    }

    pub fn axes(&self) -> &Axes {
        &self.axes
    }

    /// The hyper-parameters: a hint for the next fit, and which axes matter.
    pub fn hyper(&self) -> &Hyper {
        &self.hyper
    }

    /// How values were bent and standardised.
    pub fn output(&self) -> &Output {
        &self.output
    }

    /// What is expected of a row, in units of the values.
    ///
    /// # Errors
    /// [`Fault`]: the row has no meaning on the axes.
    pub fn predict(&self, row: &[f64]) -> Result<Prediction, Fault> {
        self.axes.check(0, row)?;
        let look = super::posterior::Posterior::new(self, &[]).look(row);
        Ok(self.prediction(look.mean, look.deviation))
    }

    /// A mean and a deviation of the model in units of the values.
    pub(super) fn prediction(&self, mean: f64, deviation: f64) -> Prediction {
        let (low, high) = (self.output.back(mean - deviation), self.output.back(mean + deviation));
        Prediction { mean: self.output.back(mean), spread: 0.5 * (high - low) }
    }

    /// The model's mean at its own rows: the values without their noise.
    pub(super) fn smoothed(&self) -> impl Iterator<Item = f64> {
        self.targets.iter().zip(&self.alpha).map(|(target, alpha)| target - self.hyper.noise * alpha)
    }

    /// How well each row is foretold by the others.
    pub fn diagnosis(&self) -> Diagnosis {
        let inverse = self.factor.inverse();
        let many = self.targets.len();
        let (mut density, mut means) = (0.0, Vec::with_capacity(many));
        for (at, (target, alpha)) in self.targets.iter().zip(&self.alpha).enumerate() {
            let variance = 1.0 / row(&inverse, at)[at];
            let mean = target - alpha * variance;
            density += kernel::log_density(*target, mean, variance);
            means.push(mean);
        }
        let ignorant: f64 = self.targets.iter().map(|target| kernel::log_density(*target, 0.0, 1.0)).sum();
        Diagnosis {
            rows: many,
            gain: (density - ignorant) / many as f64,
            rank_correlation: rank_correlation(&means, &self.targets),
        }
    }
}

/// What leaving out one row at a time says of a model (in closed form: Rasmussen and Williams, 5.4.2). Hyper-parameters
/// stay as fitted to all, so it is a little too good for few rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Diagnosis {
    /// Rows that the model keeps.
    pub rows: usize,
    /// The mean logarithm of the density of a value given the others, above that under one normal distribution for all:
    /// at 0 or below, the model knows nothing.
    pub gain: f64,
    /// Spearman's correlation of the values with their predictions by the others, from −1 to 1; 0 where one is constant.
    pub rank_correlation: f64,
}

fn check(axes: &Axes, rows: &[Vec<f64>], values: &[f64]) -> Result<(), Fault> {
    if rows.len() != values.len() {
        return Err(Fault::Lengths { rows: rows.len(), values: values.len() });
    }
    if rows.is_empty() {
        return Err(Fault::NoRows);
    }
    for (at, (row, value)) in rows.iter().zip(values).enumerate() {
        axes.check(at, row)?;
        if !value.is_finite() {
            return Err(Fault::Value { row: at, found: *value });
        }
    }
    Ok(())
}

fn columns(axes: &Axes, rows: &[Vec<f64>]) -> Columns {
    Columns::of(axes, rows.iter().map(Vec::as_slice))
}

fn kept(axes: &Axes, rows: &[Vec<f64>], values: &[f64], limit: usize) -> (Vec<Vec<f64>>, Vec<f64>) {
    if rows.len() <= limit {
        return (rows.to_vec(), values.to_vec());
    }
    let kept = subset::keep(&columns(axes, rows), axes.len(), values, limit);
    kept.into_iter().map(|at| (rows[at].clone(), values[at])).unzip()
}

/// The warp under which the values are most likely those of a process, and its hyper-parameters.
fn choose_output(axes: &Axes, rows: &[Vec<f64>], values: &[f64]) -> (Output, Hyper) {
    let prior = Hyper::prior(axes.len());
    if rows.len() < FEW_ROWS {
        return (Output::of(Warp::Identity, values), prior);
    }
    let (few, few_values) = kept(axes, rows, values, WARP_ROWS);
    let mut evidence = Evidence::new(&columns(axes, &few), axes.len(), Vec::new());
    let mut best = (f64::INFINITY, Output::of(Warp::Identity, values), prior.clone());
    for warp in Warp::candidates(values) {
        let output = Output::of(warp, values);
        evidence.with_targets(few_values.iter().map(|y| output.forth(*y)).collect());
        if let Some((hyper, unlikely)) = evidence.maximise(std::slice::from_ref(&prior), WARP_EVALUATIONS) {
            let unlikely = unlikely - output.log_volume(&few_values);
            if unlikely < best.0 {
                best = (unlikely, output, hyper);
            }
        }
    }
    (best.1, best.2)
}

/// Spearman's, ties sharing their mean rank.
fn rank_correlation(a: &[f64], b: &[f64]) -> f64 {
    let (a, b) = (ranks(a), ranks(b));
    let middle = (a.len() as f64 - 1.0) / 2.0;
    let product =
        |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| (a - middle) * (b - middle)).sum() };
    let scale = (product(&a, &a) * product(&b, &b)).sqrt();
    if scale > 0.0 { product(&a, &b) / scale } else { 0.0 }
}

fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut at = 0;
    while at < order.len() {
        let value = values[order[at]];
        let end = at + order[at..].iter().take_while(|&&other| values[other] == value).count();
        for &tied in &order[at..end] {
            ranks[tied] = (at + end - 1) as f64 / 2.0;
        }
        at = end;
    }
    ranks
}

#[cfg(test)]
#[path = "model_tests.rs"]
mod tests;
