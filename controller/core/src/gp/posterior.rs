//! What a model expects of a row, given also rows whose values are not known yet.
//!
//! A pending row joins the factor as if its true value had been learnt; which value, is drawn. With the factor extended
//! row by row, the draws are simple: L⁻¹ of the fantasised values is the normal numbers themselves, so that a fantasy
//! costs one dot product with the few pending rows, and any number of them shares each solve.

use super::axes::Columns;
use super::kernel;
use super::matrix::{Factor, dot};
use super::model::Model;
use super::normal;

/// The share of the signal that is left of the variance at a pending row which says nothing new.
const LEAST: f64 = 1e-10;

/// A model and pending rows.
pub(super) struct Posterior<'m> {
    pub(super) model: &'m Model,
    columns: Columns,
    factor: Factor,
    /// Of each fantasy, what follows the model's own β: a standard normal number for each pending row.
    tails: Vec<Vec<f64>>,
    /// Of each fantasy, the least value known: of the smoothed ones, and those it makes up.
    pub(super) best: Vec<f64>,
}

/// What is expected of a row, in units of the model.
pub(super) struct Look {
    laid_out: Vec<f64>,
    /// Derivatives of the covariances with the known rows by squared distance.
    derivative: Vec<f64>,
    /// L⁻¹ of the covariances.
    solved: Vec<f64>,
    /// The mean over fantasies whose normal numbers are 0.
    pub(super) mean: f64,
    pub(super) deviation: f64,
}

impl<'m> Posterior<'m> {
    /// Without pending rows.
    pub(super) fn of(model: &'m Model) -> Self {
        let best = model.smoothed().fold(f64::INFINITY, f64::min);
        Self {
            model,
            columns: model.columns.clone(),
            factor: model.factor.clone(),
            tails: vec![Vec::new()],
            best: vec![best],
        }
    }

    /// With pending rows and so many fantasies of their values; the first is what is expected of them (Ginsbourger's
    /// kriging believer), the others are quasi-random draws under a seed.
    pub(super) fn pending(model: &'m Model, pending: &[Vec<f64>], fantasies: u32, seed: u32) -> Self {
        let mut all = Self::of(model);
        if pending.is_empty() {
            return all;
        }
        all.tails = vec![Vec::new(); fantasies.max(1) as usize];
        all.best = vec![all.best[0]; all.tails.len()];
        for (dimension, row) in pending.iter().enumerate() {
            let look = all.look(row);
            let deviation = look.deviation.max((LEAST * model.hyper.signal).sqrt());
            for number in 0..all.tails.len() {
                let z = if number == 0 { 0.0 } else { draw(number as u32 - 1, dimension, seed) };
                let value = all.mean(&look, number) + deviation * z;
                all.best[number] = all.best[number].min(value);
                all.tails[number].push(z);
            }
            all.factor.extend(&look.solved, deviation * deviation);
            all.columns.push(&look.laid_out);
        }
        all
    }

    pub(super) fn fantasies(&self) -> usize {
        self.tails.len()
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

    /// The mean under a fantasy.
    pub(super) fn mean(&self, look: &Look, fantasy: usize) -> f64 {
        let tail = &self.tails[fantasy];
        look.mean + dot(&look.solved[look.solved.len() - tail.len()..], tail)
    }

    /// The slope along the coordinates of a row of Σ `by_mean`ₛ × meanₛ + `by_deviation` × deviation.
    ///
    /// With v = L⁻¹k both are functions of v alone, so that one solve by Lᵀ gives the slope by every covariance.
    pub(super) fn slope(&self, look: &Look, by_mean: &[f64], by_deviation: f64, out: &mut [f64]) {
        let shrink = -by_deviation / look.deviation;
        let common: f64 = by_mean.iter().sum();
        let mut shares: Vec<f64> = look.solved.iter().map(|v| shrink * v).collect();
        let (known, pending) = shares.split_at_mut(self.model.beta.len());
        for (share, beta) in known.iter_mut().zip(&self.model.beta) {
            *share += common * beta;
        }
        for (by_mean, tail) in by_mean.iter().zip(&self.tails) {
            for (share, z) in pending.iter_mut().zip(tail) {
                *share += by_mean * z;
            }
        }
        self.factor.backward(&mut shares);
        for (share, derivative) in shares.iter_mut().zip(&look.derivative) {
            *share *= derivative;
        }
        self.columns.slope(&look.laid_out, &self.model.hyper.weights, &shares, out);
    }
}

/// A standard normal number of a scrambled Sobol' sequence.
fn draw(index: u32, dimension: usize, seed: u32) -> f64 {
    // Beyond the sequence's dimensions pending rows share those there are.
    let dimension = dimension as u32 % sobol_burley::NUM_DIMENSIONS;
    let u = f64::from(sobol_burley::sample(index, dimension, seed));
    // The middle of the cell that the number of 24 bits stands for: never 0.
    normal::quantile(u + 0.5 / f64::from(1_u32 << 24))
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

        /// What is expected given pending rows is what one system of all rows says, with the values made up.
        #[test]
        fn fantasies_are_what_a_whole_system_would_say(
            numbers in prop::collection::vec((0.0..1.0_f64, 0.0..1.0_f64, 0.0..1.0_f64, -2.0..2.0_f64), 14),
            absent in 0_usize..14,
        ) {
            let mut rows: Vec<Vec<f64>> = numbers.iter().map(|&(a, b, c, _)| vec![a, b, c]).collect();
            rows[absent][0] = f64::NAN;
            let values: Vec<f64> = numbers.iter().map(|number| number.3).collect();
            let hyper = Hyper { weights: vec![5.0, 2.0, 1.0], signal: 1.3, noise: NOISE };
            let model = Model::of(&axes(), &rows[..9], &values[..9], Warp::Identity, hyper).unwrap();
            let posterior = Posterior::pending(&model, &rows[9..13], 5, 7);
            let whole = covariance(&posterior, 9);
            let alone = Posterior::of(&model).look(&rows[13]);
            let look = posterior.look(&rows[13]);
            for fantasy in 0..5 {
                let beta: Vec<f64> = model.beta.iter().chain(&posterior.tails[fantasy]).copied().collect();
                // The values that the numbers stand for: L β.
                let told = Factor::of(whole.clone(), 13).unwrap();
                let mut unit_rows = Vec::new();
                for at in 0..13 {
                    let mut unit = vec![0.0; 13];
                    unit[at] = 1.0;
                    told.forward(&mut unit);
                    unit_rows.push(unit);
                }
                // Column `at` of L⁻¹ is unit_rows[at]; L β solves L⁻¹ y = β from the top.
                let mut y = vec![0.0; 13];
                for at in 0..13 {
                    let known: f64 = (0..at).map(|k| unit_rows[k][at] * y[k]).sum();
                    y[at] = (beta[at] - known) / unit_rows[at][at];
                }
                prop_assert!(y[..9].iter().zip(&model.targets).all(|(a, b)| (a - b).abs() < 1e-7));
                let least = y[9..].iter().copied().chain(model.smoothed()).fold(f64::INFINITY, f64::min);
                prop_assert!((posterior.best[fantasy] - least).abs() < 1e-7);
                let mut weights = y.clone();
                told.forward(&mut weights);
                told.backward(&mut weights);
                let mut covariances = vec![0.0; 13];
                posterior.columns.distances(&look.laid_out, &model.hyper.weights, &mut covariances);
                covariances.iter_mut().for_each(|squared| *squared = 1.3 * kernel::matern(*squared).0);
                prop_assert!((posterior.mean(&look, fantasy) - dot(&weights, &covariances)).abs() < 1e-7);
            }
            prop_assert!((posterior.mean(&look, 0) - alone.mean).abs() < 1e-8, "belief moves no mean");
            prop_assert!(look.deviation <= alone.deviation + 1e-9);
        }
    }

    #[test]
    fn draws_are_normal() {
        let all: Vec<f64> = (0..1024).map(|index| draw(index, 3, 9)).collect();
        let mean = all.iter().sum::<f64>() / 1024.0;
        let variance = all.iter().map(|z| z * z).sum::<f64>() / 1024.0;
        assert!(mean.abs() < 0.01 && (variance - 1.0).abs() < 0.02, "{mean} {variance}");
    }
}
