//! The covariance: signal × Matérn-5/2 of a weighted distance, one weight an axis (ARD), and white noise.

use super::normal::HALF_LN_TAU;

const SQRT_5: f64 = 2.236_067_977_499_79;

/// What the evidence decides. Values are standardised first, so these are in units of their variance.
#[derive(Debug, Clone, PartialEq)]
pub struct Hyper {
    /// Of each axis: the inverse square of its length scale, which is a share of the axis.
    pub weights: Vec<f64>,
    /// The variance of the function.
    pub signal: f64,
    /// The variance of the noise.
    pub noise: f64,
}

impl Hyper {
    /// Where the search for them begins: the most likely before any value is seen.
    pub fn prior(axes: usize) -> Self {
        Self { weights: vec![1.0; axes], signal: 1.0, noise: 1e-3 }
    }

    /// Their logarithms: weights, signal, noise.
    pub(super) fn logs(&self) -> Vec<f64> {
        self.weights.iter().chain([&self.signal, &self.noise]).map(|value| libm::log(*value)).collect()
    }

    pub(super) fn of_logs(logs: &[f64]) -> Self {
        let mut weights: Vec<f64> = logs.iter().map(|log| libm::exp(*log)).collect();
        let noise = weights.pop().unwrap_or(1.0);
        let signal = weights.pop().unwrap_or(1.0);
        Self { weights, signal, noise }
    }

    /// Bounds of the logarithms.
    pub(super) fn bounds(axes: usize) -> Vec<(f64, f64)> {
        let logs = |(low, high): (f64, f64)| (libm::log(low), libm::log(high));
        let mut bounds = vec![logs(WEIGHTS); axes];
        bounds.extend([logs(SIGNAL), logs(NOISE)]);
        bounds
    }
}

/// Length scales from a thirtieth of the axis to a hundred times it.
const WEIGHTS: (f64, f64) = (1e-4, 1e3);
const SIGNAL: (f64, f64) = (1e-2, 1e2);
/// The least noise keeps the factor sound, and is far below what a loss is known to.
const NOISE: (f64, f64) = (1e-7, 1.0);

/// The logarithm of the prior of the hyper-parameters with these logarithms; its slope is added to `slope`.
///
/// Of weights −0.1 (1/w + w), which keeps length scales near the length of the axis; of the signal Gamma(2, 1), of the
/// noise Gamma(1.1, 30): those of Optuna's process, densities in the value itself, maximised in its logarithm. Length
/// scales that grow with the root of the number of axes (Hvarfner, Hellsten and Nardi, 2024) were tried on made-up
/// functions of 8, 20 and 50 axes and found worse: few rows then look like a plane, whose best corner is far off.
pub(super) fn log_prior(logs: &[f64], slope: &mut [f64]) -> f64 {
    let axes = logs.len() - 2;
    let mut sum = 0.0;
    for (log, slope) in logs[..axes].iter().zip(slope.iter_mut()) {
        let weight = libm::exp(*log);
        sum -= 0.1 * (1.0 / weight + weight);
        *slope += 0.1 * (1.0 / weight - weight);
    }
    for (at, shape, rate) in [(axes, 2.0, 1.0), (axes + 1, 1.1, 30.0)] {
        let value = libm::exp(logs[at]);
        sum += (shape - 1.0) * logs[at] - rate * value;
        slope[at] += (shape - 1.0) - rate * value;
    }
    sum
}

/// Matérn-5/2 at a squared distance, and its derivative by the squared distance.
pub(super) fn matern(squared: f64) -> (f64, f64) {
    let r = SQRT_5 * squared.sqrt();
    let decay = libm::exp(-r);
    ((1.0 + r + squared * (5.0 / 3.0)) * decay, (-5.0 / 6.0) * (1.0 + r) * decay)
}

/// The logarithm of the density of N(mean, variance).
pub(super) fn log_density(value: f64, mean: f64, variance: f64) -> f64 {
    let off = value - mean;
    -0.5 * (off * off / variance + libm::log(variance)) - HALF_LN_TAU
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matern_is_what_scikit_learn_computes() {
        // sklearn.gaussian_process.kernels.Matern(nu=2.5), 1.9.1.
        let table = [
            (0.0, 1.0),
            (0.1, 0.991_759_236_171_177_6),
            (1.0, 0.523_994_108_831_820_3),
            (3.0, 0.027_723_421_914_625_807),
        ];
        for (distance, value) in table {
            assert!((matern(distance * distance).0 - value).abs() < 1e-15, "{distance}");
        }
    }

    #[test]
    fn the_derivative_is_that_of_the_value() {
        for squared in [1e-3, 0.1, 1.0, 7.0] {
            let step = 1e-4 * squared;
            let slope = (matern(squared + step).0 - matern(squared - step).0) / (2.0 * step);
            assert!((slope - matern(squared).1).abs() < 1e-7, "{squared}");
        }
        assert_eq!(matern(0.0).1, -5.0 / 6.0);
    }

    #[test]
    fn the_prior_is_highest_where_the_search_begins() {
        let mut slope = vec![0.0; 5];
        log_prior(&Hyper::prior(3).logs(), &mut slope);
        assert!(slope[..4].iter().all(|s| s.abs() < 1e-12), "{slope:?}");
    }
}
