//! What plays of several seeds come to, beside each other.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

/// How often the seeds are drawn anew for an interval.
const RESAMPLES: usize = 2_000;

/// A quantile of ascending numbers, `share` from 0 to 1: linear between the two about it. `None` of nothing.
pub fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let place = share * (sorted.len().checked_sub(1)? as f64);
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    // Equal infinities have no difference.
    Some(if below == above { below } else { below + (above - below) * place.fract() })
}

/// The quartiles of numbers in any order: lower, median, upper.
pub fn quartiles(mut numbers: Vec<f64>) -> Option<[f64; 3]> {
    numbers.sort_by(f64::total_cmp);
    Some([quantile(&numbers, 0.25)?, quantile(&numbers, 0.5)?, quantile(&numbers, 0.75)?])
}

/// How the median of some numbers stands to that of others, with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    pub ratio: f64,
    pub lower: f64,
    pub upper: f64,
}

/// The ratio of two medians over the same seeds, and a percentile bootstrap over the seeds: both are drawn together, as
/// what is hard of a seed is hard for both. Numbers are above 0; infinity is one that never came. `None`: there are none, or
/// the first median is infinite, so that there is nothing to compare with.
pub fn ratio_of_medians(base: &[f64], other: &[f64]) -> Option<Ratio> {
    let count = base.len().min(other.len());
    let median = |of: &[f64], seeds: &[usize]| {
        let mut drawn: Vec<f64> = seeds.iter().map(|&seed| of[seed]).collect();
        drawn.sort_by(f64::total_cmp);
        quantile(&drawn, 0.5)
    };
    let ratio = |seeds: &[usize]| {
        let (base, other) = (median(base, seeds)?, median(other, seeds)?);
        (base.is_finite() && base > 0.0).then_some(other / base)
    };
    let point = ratio(&(0..count).collect::<Vec<_>>())?;
    let mut stream = ChaCha8Rng::seed_from_u64(0);
    let mut drawn: Vec<f64> = (0..RESAMPLES)
        .filter_map(|_| {
            let seeds: Vec<usize> = (0..count).map(|_| (stream.next_u64() % count as u64) as usize).collect();
            ratio(&seeds)
        })
        .collect();
    drawn.sort_by(f64::total_cmp);
    Some(Ratio { ratio: point, lower: quantile(&drawn, 0.025)?, upper: quantile(&drawn, 0.975)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_linear_between_values() {
        let sorted = [1.0, 2.0, 4.0, 8.0];
        assert_eq!(
            [0.0, 0.25, 0.5, 1.0].map(|share| quantile(&sorted, share)),
            [Some(1.0), Some(1.75), Some(3.0), Some(8.0)]
        );
        assert_eq!(quantile(&[], 0.5), None);
        let never = f64::INFINITY;
        assert_eq!(quartiles(vec![never, 1.0, never, never]), Some([never, never, never]));
        assert_eq!(quartiles(vec![never, 1.0, 3.0, 2.0]), Some([1.75, 2.5, never]));
    }

    #[test]
    fn a_ratio_has_the_interval_that_its_seeds_allow() {
        let base: Vec<f64> = (1..=21).map(f64::from).collect();
        let half: Vec<f64> = base.iter().map(|time| time / 2.0).collect();
        // Seed by seed exactly half: whichever are drawn, so are the medians.
        assert_eq!(ratio_of_medians(&base, &half), Some(Ratio { ratio: 0.5, lower: 0.5, upper: 0.5 }));
        let turned: Vec<f64> = half.iter().rev().copied().collect();
        let ratio = ratio_of_medians(&base, &turned).expect("has one");
        assert!(ratio.ratio == 0.5 && ratio.lower < 0.4 && ratio.upper > 0.6, "{ratio:?}");
        assert_eq!(ratio_of_medians(&base, &turned), Some(ratio), "the same each time");
        // Few never came, then most.
        let some = |never: usize| {
            half.iter().enumerate().map(move |(at, time)| if at < never { f64::INFINITY } else { *time })
        };
        let few = ratio_of_medians(&base, &some(3).collect::<Vec<_>>()).expect("has one");
        assert!(few.ratio.is_finite() && few.ratio > 0.5, "{few:?}");
        let most = ratio_of_medians(&base, &some(15).collect::<Vec<_>>()).expect("has one");
        assert!(most.ratio.is_infinite() && most.upper.is_infinite(), "{most:?}");
        assert_eq!(ratio_of_medians(&[f64::INFINITY], &[1.0]), None);
        assert_eq!(ratio_of_medians(&[], &[]), None);
    }
}
