//! What a model expects of a row, given also rows whose values are not known yet.
//!
//! A pending row joins the factor as if its true value had been learnt and were what was expected (Ginsbourger, Le Riche
//! and Carraro, 2010: the kriging believer). Belief moves no mean, so that only the factor grows: L⁻¹ of the believed
//! values is 0. Averages over 16 quasi-random values in place of the expected one (Snoek et al., 2012) were tried with
//! eight workers on made-up functions, and found no better anywhere at four times the work.

use super::axes::Columns;
use super::kernel;
use super::matrix::{Factor, dot};
use super::model::Model;

/// The share of the signal that is left of the variance at a row which says nothing new.
const LEAST: f64 = 1e-10;

/// A model and pending rows.
pub(super) struct Posterior<'m> {
    model: &'m Model,
    columns: Columns,
    factor: Factor,
    /// The least value known or believed, noise left out.
    pub(super) best: f64,
}

/// What is expected of a row, in units of the model.
pub(super) struct Look {
    laid_out: Vec<f64>,
    /// Derivatives of the covariances with the known rows by squared distance.
    derivative: Vec<f64>,
    /// L⁻¹ of the covariances.
    solved: Vec<f64>,
    pub(super) mean: f64,
    pub(super) deviation: f64,
}

impl<'m> Posterior<'m> {
    pub(super) fn new(model: &'m Model, pending: &[Vec<f64>]) -> Self {
        let best = model.smoothed().fold(f64::INFINITY, f64::min);
        let (columns, factor) = (model.columns.clone(), model.factor.clone());
        let mut posterior = Self { model, columns, factor, best };
        for row in pending {
            let look = posterior.look(row);
            posterior.best = posterior.best.min(look.mean);
            posterior.factor.extend(&look.solved, look.deviation * look.deviation);
            posterior.columns.push(&look.laid_out);
        }
        posterior
    }

    pub(super) fn look(&self, row: &[f64]) -> Look {
        let hyper = &self.model.hyper;
        let laid_out = self.model.axes.lay_out(row);
        let mut solved = vec![0.0; self.columns.rows()];
        self.columns.distances(&laid_out, &hyper.weights, &mut solved);
        let mut derivative = solved.clone();
        for (solved, derivative) in solved.iter_mut().zip(&mut derivative) {
            let (value, by_squared) = kernel::matern(*solved);
            (*solved, *derivative) = (hyper.signal * value, hyper.signal * by_squared);
        }
        self.factor.forward(&mut solved);
        let mean = dot(&solved[..self.model.beta.len()], &self.model.beta);
        let least = LEAST * hyper.signal;
        let deviation = (hyper.signal - dot(&solved, &solved)).max(least).sqrt();
        Look { laid_out, derivative, solved, mean, deviation }
    }

    /// Adds to `out` the slope, along the coordinates of a row, of `by_mean` × mean + `by_deviation` × deviation.
    ///
    /// With v = L⁻¹k both are functions of v alone, so that one solve by Lᵀ gives the slope by every covariance.
    pub(super) fn add_slope(&self, look: &Look, by_mean: f64, by_deviation: f64, out: &mut [f64]) {
        let shrink = -by_deviation / look.deviation;
        let mut shares: Vec<f64> = look.solved.iter().map(|v| shrink * v).collect();
        for (share, beta) in shares.iter_mut().zip(&self.model.beta) {
            *share += by_mean * beta;
        }
        self.factor.backward(&mut shares);
        for (share, derivative) in shares.iter_mut().zip(&look.derivative) {
            *share *= derivative;
        }
        self.columns.add_slope(&look.laid_out, &self.model.hyper.weights, &shares, out);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::axes::{Axes, Axis, Kind};
    use super::super::kernel::Hyper;
    use super::super::matrix::start;
    use super::super::output::Warp;
    use super::*;

    const NOISE: f64 = 0.01;

    fn axes() -> Axes {
        Axes::new(vec![
            Axis { kind: Kind::Continuous, conditional: true },
            Kind::even(5).into(),
            Kind::Categorical { classes: 3 }.into(),
        ])
        .unwrap()
    }

    /// The covariance of all rows, noise on the first `noisy` only.
    fn covariance(posterior: &Posterior<'_>, noisy: usize) -> Vec<f64> {
        let hyper = &posterior.model.hyper;
        let mut packed = Vec::new();
        for at in 0..posterior.columns.rows() {
            let mut own = vec![0.0; at + 1];
            posterior.columns.distances(&posterior.columns.row(at), &hyper.weights, &mut own);
            packed.extend(own.iter().map(|squared| hyper.signal * kernel::matern(*squared).0));
            packed[start(at) + at] += if at < noisy { NOISE } else { 0.0 };
        }
        packed
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// What is expected given pending rows is what one system of all rows says that is told the expected values.
        #[test]
        fn beliefs_are_what_a_whole_system_would_say(
            numbers in prop::collection::vec((0.0..1.0_f64, 0.0..1.0_f64, 0.0..1.0_f64, -2.0..2.0_f64), 14),
            absent in 0_usize..14,
        ) {
            let mut rows: Vec<Vec<f64>> = numbers.iter().map(|&(a, b, c, _)| vec![a, b, c]).collect();
            rows[absent][0] = f64::NAN;
            let values: Vec<f64> = numbers.iter().map(|number| number.3).collect();
            let hyper = Hyper { weights: vec![5.0, 2.0, 1.0], signal: 1.3, noise: NOISE };
            let model = Model::of(&axes(), &rows[..9], &values[..9], Warp::Identity, hyper).unwrap();
            let posterior = Posterior::new(&model, &rows[9..13]);
            let alone = Posterior::new(&model, &[]);
            let believed: Vec<f64> = rows[9..13].iter().map(|row| alone.look(row).mean).collect();
            let told: Vec<f64> = model.targets.iter().chain(&believed).copied().collect();
            let whole = Factor::of(covariance(&posterior, 9), 13).unwrap();
            let look = posterior.look(&rows[13]);
            let mut covariances = vec![0.0; 13];
            posterior.columns.distances(&look.laid_out, &model.hyper.weights, &mut covariances);
            covariances.iter_mut().for_each(|squared| *squared = 1.3 * kernel::matern(*squared).0);
            let mut weights = covariances.clone();
            whole.forward(&mut weights);
            whole.backward(&mut weights);
            prop_assert!((look.mean - dot(&weights, &told)).abs() < 1e-7);
            let variance = 1.3 - dot(&weights, &covariances);
            prop_assert!((look.deviation * look.deviation - variance).abs() < 1e-7);
            prop_assert!((look.mean - alone.look(&rows[13]).mean).abs() < 1e-8, "belief moves no mean");
            let least = believed.iter().copied().chain(model.smoothed()).fold(f64::INFINITY, f64::min);
            prop_assert!((posterior.best - least).abs() < 1e-8);
        }
    }
}
