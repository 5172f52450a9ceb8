//! How likely the values are under hyper-parameters, with the slope: what the fit minimises.

use super::axes::Columns;
use super::kernel::{self, Hyper};
use super::lbfgs::{self, Limits, Minimum};
use super::matrix::{Factor, dot, row, start};
use super::normal::HALF_LN_TAU;

/// The data of a fit.
pub(super) struct Evidence {
    /// Squared distances of the pairs, axis by axis, packed.
    pairs: Vec<Vec<f64>>,
    targets: Vec<f64>,
}

impl Evidence {
    pub(super) fn new(columns: &Columns, axes: usize, targets: Vec<f64>) -> Self {
        Self { pairs: columns.pairs(axes), targets }
    }

    /// The same rows with other values.
    pub(super) fn with_targets(&mut self, targets: Vec<f64>) {
        self.targets = targets;
    }

    /// −ln (likelihood × prior) at the logarithms of hyper-parameters, and its slope. Infinite where the covariance is
    /// not definite.
    pub(super) fn at(&self, logs: &[f64], slope: &mut [f64]) -> f64 {
        let rows = self.targets.len();
        let hyper = Hyper::of_logs(logs);
        let (shape, derivative) = self.shapes(&hyper);
        let mut covariance: Vec<f64> = shape.iter().map(|m| hyper.signal * m).collect();
        for at in 0..rows {
            covariance[start(at) + at] += hyper.noise;
        }
        let Some(factor) = Factor::of(covariance, rows) else { return f64::INFINITY };
        let mut alpha = self.targets.clone();
        factor.forward(&mut alpha);
        let misfit = 0.5 * dot(&alpha, &alpha);
        factor.backward(&mut alpha);
        let unlikely = misfit + factor.half_log_det() + rows as f64 * HALF_LN_TAU;

        slope.fill(0.0);
        let prior = kernel::log_prior(logs, slope);
        slope.iter_mut().for_each(|slope| *slope = -*slope);
        self.add_slope(&hyper, &factor, &alpha, (&shape, derivative), slope);
        unlikely - prior
    }

    /// The Matérn function of all pairs, and its derivative.
    fn shapes(&self, hyper: &Hyper) -> (Vec<f64>, Vec<f64>) {
        let rows = self.targets.len();
        let mut squared = vec![0.0; start(rows)];
        for (weight, pairs) in hyper.weights.iter().zip(&self.pairs) {
            for (sum, pair) in squared.iter_mut().zip(pairs) {
                *sum += weight * pair;
            }
        }
        squared.into_iter().map(kernel::matern).unzip()
    }

    /// Adds ½ tr((K⁻¹ − α αᵀ) ∂K) for every hyper-parameter.
    fn add_slope(
        &self,
        hyper: &Hyper,
        factor: &Factor,
        alpha: &[f64],
        (shape, mut shares): (&[f64], Vec<f64>),
        slope: &mut [f64],
    ) {
        let axes = hyper.weights.len();
        let inverse = factor.inverse();
        let (mut by_signal, mut by_noise) = (0.0, 0.0);
        for (at, own) in alpha.iter().enumerate() {
            let (inverse, shape) = (row(&inverse, at), row(shape, at));
            let shares = &mut shares[start(at)..start(at + 1)];
            let parts = inverse.iter().zip(shape).zip(shares).zip(alpha);
            for (((inverse, shape), share), other) in parts {
                let excess = inverse - own * other;
                by_signal += excess * shape;
                // Every pair counts twice, and the half takes it back; on the diagonal the distance is 0.
                *share *= excess * hyper.signal;
            }
            let excess = inverse[at] - own * own;
            by_signal -= 0.5 * excess * shape[at];
            by_noise += 0.5 * excess;
        }
        for ((slope, weight), pairs) in slope.iter_mut().zip(&hyper.weights).zip(&self.pairs) {
            *slope += weight * dot(&shares, pairs);
        }
        slope[axes] += by_signal * hyper.signal;
        slope[axes + 1] += by_noise * hyper.noise;
    }

    /// The most likely hyper-parameters found from the best of several starts, and −ln of their likelihood.
    pub(super) fn maximise(&self, starts: &[Hyper], evaluations: u32) -> Option<(Hyper, f64)> {
        let limits = Limits { evaluations, decrease: 1e-6, slope: 1e-3 };
        let bounds = Hyper::bounds(self.pairs.len());
        let search = |start: &Hyper| {
            lbfgs::minimise(&start.logs(), &bounds, limits, |logs, slope| self.at(logs, slope))
        };
        let best: Minimum = starts.iter().filter_map(search).min_by(|a, b| a.value.total_cmp(&b.value))?;
        Some((Hyper::of_logs(&best.at), best.value))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::gp::axes::{Axes, Axis, Kind};

    fn evidence(numbers: &[f64], rows: usize, conditional: bool) -> Evidence {
        let axes = Axes::new(vec![
            Kind::Continuous.into(),
            Axis { kind: Kind::even(5), conditional },
            Kind::Categorical { classes: 3 }.into(),
        ])
        .unwrap();
        let row = |at: usize| {
            let own = &numbers[4 * at..4 * at + 4];
            let second = if conditional && own[1] < 0.3 { f64::NAN } else { own[1] };
            [own[0], second, own[2]]
        };
        let all: Vec<[f64; 3]> = (0..rows).map(row).collect();
        let columns = Columns::of(&axes, all.iter().map(<[f64; 3]>::as_slice));
        Evidence::new(&columns, 3, (0..rows).map(|at| 4.0 * numbers[4 * at + 3] - 2.0).collect())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn slopes_agree_with_finite_differences(
            numbers in prop::collection::vec(0.0..1.0_f64, 4 * 13),
            rows in 1_usize..13,
            conditional: bool,
            logs in (prop::collection::vec(-2.0..3.0_f64, 3), -2.0..2.0_f64, -5.0..-1.0_f64),
        ) {
            let evidence = evidence(&numbers, rows, conditional);
            let logs: Vec<f64> = logs.0.into_iter().chain([logs.1, logs.2]).collect();
            let mut slope = vec![0.0; 5];
            evidence.at(&logs, &mut slope);
            for at in 0..5 {
                let beside = |step: f64| {
                    let mut moved = logs.clone();
                    moved[at] += step;
                    evidence.at(&moved, &mut [0.0; 5])
                };
                let step = 1e-5;
                let difference = (beside(step) - beside(-step)) / (2.0 * step);
                prop_assert!((slope[at] - difference).abs() < 1e-5 * (1.0 + difference.abs()), "{at}: {} {difference}", slope[at]);
            }
        }
    }

    #[test]
    fn the_fit_finds_which_axis_matters() {
        let number = |at: u32| f64::from(sobol_burley::sample(at / 4, at % 4, 5));
        let numbers: Vec<f64> = (0..160).map(number).collect();
        let mut evidence = evidence(&numbers, 40, false);
        evidence.with_targets((0..40).map(|at| libm::sin(9.0 * numbers[4 * at])).collect());
        let (hyper, _) = evidence.maximise(&[Hyper::prior(3)], 80).unwrap();
        assert!(hyper.weights[0] > 30.0 * hyper.weights[1].max(hyper.weights[2]), "{hyper:?}");
        assert!(hyper.noise < 1e-3, "{hyper:?}");
    }
}
