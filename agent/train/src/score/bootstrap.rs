//! How far a score might have come out otherwise: the percentile bootstrap (Efron, 1979).

use rand::RngExt as _;
use serde::Serialize;

use super::Confusion;
use crate::seeds::stream;

/// A score and where 95 % of its resamplings lie.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    pub value: f64,
    pub low: f64,
    pub high: f64,
}

/// Times the images are drawn anew.
pub const RESAMPLES: usize = 1000;

/// The interval of a score over images, given by their numbers; the same `seed` draws the same ones.
pub fn interval(
    images: usize,
    seed: u64,
    score: impl Fn(&mut dyn Iterator<Item = usize>) -> f64,
) -> Interval {
    let value = score(&mut (0..images));
    if images == 0 {
        return Interval { value, low: value, high: value };
    }
    let mut draws: Vec<f64> = (0..RESAMPLES)
        .map(|number| {
            let mut random = stream(seed, "bootstrap", number as u64);
            score(&mut (0..images).map(|_| random.random_range(0..images)))
        })
        .collect();
    draws.sort_by(f64::total_cmp);
    let at = |share: f64| draws[(share * (RESAMPLES - 1) as f64).round() as usize];
    Interval { value, low: at(0.025), high: at(0.975) }
}

/// A table of these images only.
pub fn confusion(
    pairs: &[(usize, usize)],
    classes: usize,
    images: &mut dyn Iterator<Item = usize>,
) -> Confusion {
    let mut confusion = Confusion::new(classes);
    for image in images {
        let (truth, predicted) = pairs[image];
        confusion.add(truth, predicted);
    }
    confusion
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_accuracys_interval_is_about_two_standard_errors_wide() {
        let pairs: Vec<(usize, usize)> = (0..400).map(|at| (0, usize::from(at % 5 == 0))).collect();
        let accuracy = |images: &mut dyn Iterator<Item = usize>| confusion(&pairs, 2, images).accuracy();
        let found = interval(pairs.len(), 7, accuracy);
        let error = (0.8f64 * 0.2 / 400.0).sqrt();
        assert!((found.value - 0.8).abs() < 1e-12);
        assert!((found.low - (0.8 - 1.96 * error)).abs() < error / 2.0, "{found:?}");
        assert!((found.high - (0.8 + 1.96 * error)).abs() < error / 2.0, "{found:?}");
        assert_eq!(found, interval(pairs.len(), 7, accuracy));
        assert_ne!(found, interval(pairs.len(), 8, accuracy));
    }

    #[test]
    fn nothing_varies_where_all_is_right_or_nothing_is_there() {
        let pairs = [(1, 1); 5];
        let f1 = |images: &mut dyn Iterator<Item = usize>| confusion(&pairs, 2, images).macro_f1();
        assert_eq!(interval(5, 7, f1), Interval { value: 1.0, low: 1.0, high: 1.0 });
        assert_eq!(interval(0, 7, f1), Interval { value: 0.0, low: 0.0, high: 0.0 });
    }
}
