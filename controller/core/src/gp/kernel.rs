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
        let weight = if axes <= FEW_AXES { 1.0 } else { libm::exp(-2.0 * scale_location(axes)) };
        Self { weights: vec![weight; axes], signal: 1.0, noise: 1e-3 }
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

/// Up to so many axes the prior on weights keeps them from the ends; beyond, length scales are expected to grow with the
/// root of the number of axes.
const FEW_AXES: usize = 15;

/// The location of ln(length scale): Hvarfner, Hellsten and Nardi (2024).
fn scale_location(axes: usize) -> f64 {
    std::f64::consts::SQRT_2 + 0.5 * libm::log(axes as f64)
}

/// The logarithm of the prior of the hyper-parameters with these logarithms; its slope is added to `slope`.
///
/// Of weights: as Optuna's process, −0.1 (1/w + w), or beyond [`FEW_AXES`] log-normal length scales. Of the signal
/// Gamma(2, 1), of the noise Gamma(1.1, 30), densities in the value itself, maximised in its logarithm.
pub(super) fn log_prior(logs: &[f64], slope: &mut [f64]) -> f64 {
    let axes = logs.len() - 2;
    let mut sum = 0.0;
    for (log, slope) in logs[..axes].iter().zip(slope.iter_mut()) {
        if axes <= FEW_AXES {
            let weight = libm::exp(*log);
            sum -= 0.1 * (1.0 / weight + weight);
            *slope += 0.1 * (1.0 / weight - weight);
        } else {
            // ln(length) = -log / 2, of variance 3.
            let off = -0.5 * log - scale_location(axes);
            sum -= off * off / 6.0;
            *slope += off / 6.0;
        }
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
        for axes in [3, 40] {
            let logs = Hyper::prior(axes).logs();
            let mut slope = vec![0.0; axes + 2];
            log_prior(&logs, &mut slope);
            assert!(slope[..=axes].iter().all(|s| s.abs() < 1e-12), "{slope:?}");
        }
    }
}
