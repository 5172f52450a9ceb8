//! Whether a model is as often right as it says it is.

use serde::Serialize;

/// Bins of confidence, as torchmetrics' `CalibrationError` has by default.
pub const BINS: usize = 15;
/// Temperatures that are believed.
const COLDEST: f64 = 0.01;
const HOTTEST: f64 = 100.0;

/// Expected calibration error: "Obtaining Well Calibrated Probabilities Using Bayesian Binning" (Naeini et al., 2015):
/// over [`BINS`] bins of equal width, the mean distance of confidence from accuracy, weighted by images; from 0 to 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    /// Images, sum of their confidences, how many were right.
    bins: [(u64, f64, u64); BINS],
}

/// One bin of confidence, open below and closed above.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bin {
    pub from: f64,
    pub to: f64,
    /// Images in it.
    pub count: u64,
    /// Means over them; `None` without images.
    pub confidence: Option<f64>,
    pub accuracy: Option<f64>,
}

impl Default for Calibration {
    fn default() -> Self {
        Self { bins: [(0, 0.0, 0); BINS] }
    }
}

impl Calibration {
    /// Counts an image: the highest probability, and whether it stood with the truth.
    pub fn add(&mut self, confidence: f64, right: bool) {
        // Bins are open below and closed above: (0, 1/15], (1/15, 2/15], ...
        let bin = (confidence * BINS as f64).ceil() as usize;
        let (images, sum, hits) = &mut self.bins[bin.clamp(1, BINS) - 1];
        *images += 1;
        *sum += confidence;
        *hits += u64::from(right);
    }

    /// 0 without images.
    pub fn error(&self) -> f64 {
        let images: u64 = self.bins.iter().map(|bin| bin.0).sum();
        let apart: f64 = self.bins.iter().map(|&(_, sum, hits)| (sum - hits as f64).abs()).sum();
        if images == 0 { 0.0 } else { apart / images as f64 }
    }

    /// All bins, from the least confident on.
    pub fn bins(&self) -> Vec<Bin> {
        let edge = |at: usize| at as f64 / BINS as f64;
        let bin = |(at, &(count, sum, hits)): (usize, &(u64, f64, u64))| Bin {
            from: edge(at),
            to: edge(at + 1),
            count,
            confidence: (count > 0).then(|| sum / count as f64),
            accuracy: (count > 0).then(|| hits as f64 / count as f64),
        };
        self.bins.iter().enumerate().map(bin).collect()
    }
}

/// Probabilities out of logits, at a temperature; sums to 1.
pub fn softmax(logits: &[f32], temperature: f64) -> Vec<f64> {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let each: Vec<f64> =
        logits.iter().map(|&logit| (f64::from(logit - highest) / temperature).exp()).collect();
    let sum: f64 = each.iter().sum();
    each.into_iter().map(|value| value / sum).collect()
}

/// The temperature that makes these images likeliest: "On Calibration of Modern Neural Networks" (Guo et al., 2017).
///
/// Dividing logits by it moves confidences, never decisions. Between 0.01 and 100; 1 without images.
pub fn temperature(images: &[(&[f32], usize)]) -> f64 {
    if images.is_empty() {
        return 1.0;
    }
    // The loss is convex in 1/T; its slope is what the logits are expected to be, less what the truth's are.
    let slope = |inverse: f64| -> f64 {
        let one = |&(logits, truth): &(&[f32], usize)| {
            let expected: f64 = softmax(logits, 1.0 / inverse)
                .iter()
                .zip(logits)
                .map(|(share, &logit)| share * f64::from(logit))
                .sum();
            expected - f64::from(logits[truth])
        };
        images.iter().map(one).sum()
    };
    let (mut low, mut high) = ((1.0 / HOTTEST).ln(), (1.0 / COLDEST).ln());
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if slope(middle.exp()) > 0.0 { high = middle } else { low = middle }
    }
    1.0 / f64::midpoint(low, high).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(images: &[(f64, bool)]) -> f64 {
        let mut calibration = Calibration::default();
        for &(confidence, right) in images {
            calibration.add(confidence, right);
        }
        calibration.error()
    }

    #[test]
    fn calibration_error_by_hand() {
        for (images, expected) in [
            (&[][..], 0.0),
            (&[(1.0, true), (1.0, true)], 0.0),
            (&[(1.0, false)], 1.0),
            // One bin: confidence 0.75 on average, right in half.
            (&[(0.74, true), (0.76, false), (0.74, true), (0.76, false)], 0.25),
            // Two bins of two.
            (&[(0.9, true), (0.9, true), (0.6, true), (0.6, false)], (0.1 * 2.0 + 0.1 * 2.0) / 4.0),
        ] {
            assert!((error(images) - expected).abs() < 1e-12, "{images:?}: {}", error(images));
        }
    }

    #[test]
    fn edges_belong_to_the_bin_below() {
        let mut calibration = Calibration::default();
        for confidence in [3.0 / 15.0, 2.5 / 15.0, 0.0, 1.0] {
            calibration.add(confidence, true);
        }
        let counts: Vec<u64> = calibration.bins().iter().map(|bin| bin.count).collect();
        assert_eq!(counts, [1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    }

    #[test]
    fn the_temperature_undoes_a_scaling_of_the_logits() {
        // 7 of 10 are right at odds of 7 to 3: calibrated as it is; three times the logits want temperature 3.
        let fair = [(7.0f32 / 3.0).ln(), 0.0];
        for scale in [0.5f32, 1.0, 3.0] {
            let logits = fair.map(|logit| logit * scale);
            let images: Vec<_> = (0..10).map(|at| (&logits[..], usize::from(at >= 7))).collect();
            let found = temperature(&images);
            assert!((found - f64::from(scale)).abs() < 1e-5, "{found} for {scale}");
        }
        assert_eq!(temperature(&[]), 1.0);
        // Always right: the colder, the likelier.
        assert!(temperature(&[(&fair[..], 0)]) < 0.011);
    }

    #[test]
    fn probabilities_sum_to_one_even_of_large_logits() {
        let shares = softmax(&[1000.0, 999.0, -1000.0], 1.0);
        assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!((shares[0] / shares[1] - 1f64.exp()).abs() < 1e-9);
    }
}
