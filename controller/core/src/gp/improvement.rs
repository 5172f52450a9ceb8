//! What a trial may bring: the logarithm of the expected improvement, over one objective or over a front of two.

use super::normal::{self, LogImprovement};
use super::posterior::{Look, Posterior};

/// What a search maximises over rows.
pub(super) trait Score {
    fn at(&self, row: &[f64]) -> f64;
    /// As [`Self::at`], and the slope along the coordinates of continuous and ordered axes.
    fn slope(&self, row: &[f64], slope: &mut [f64]) -> f64;
}

/// ln of the expected improvement on the least value.
pub(super) struct Improvement<'m>(pub(super) Posterior<'m>);

impl Score for Improvement<'_> {
    fn at(&self, row: &[f64]) -> f64 {
        let look = self.0.look(row);
        improvement((look.mean, look.deviation), self.0.best).0
    }

    fn slope(&self, row: &[f64], slope: &mut [f64]) -> f64 {
        let look = self.0.look(row);
        let (log, (by_mean, by_deviation)) = improvement((look.mean, look.deviation), self.0.best);
        slope.fill(0.0);
        self.0.add_slope(&look, by_mean, by_deviation, slope);
        log
    }
}

/// ln of the expected growth of the area that a front dominates, of two objectives by a process each.
///
/// The area that a new point adds is cut into strips along the first objective. In the strip from `low` to `high`, which
/// the front leaves free below `ceiling` in the second, it adds ((high − Y₁)⁺ − (low − Y₁)⁺) (ceiling − Y₂)⁺; the
/// objectives are independent, so its expectation is that of the factors, which are expected improvements. Exact, as
/// Emmerich, Yang et al. (2016).
pub(super) struct FrontImprovement<'m> {
    posteriors: [Posterior<'m>; 2],
    strips: Vec<Strip>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Strip {
    low: f64,
    high: f64,
    ceiling: f64,
}

impl<'m> FrontImprovement<'m> {
    /// `points` are known, in units of the models; beyond `reference` nothing is gained.
    pub(super) fn new(posteriors: [Posterior<'m>; 2], points: &[[f64; 2]], reference: [f64; 2]) -> Self {
        Self { posteriors, strips: strips(points, reference) }
    }

    fn looks(&self, row: &[f64]) -> [Look; 2] {
        self.posteriors.each_ref().map(|posterior| posterior.look(row))
    }

    fn growth(&self, looks: &[Look; 2]) -> (f64, [Pair; 2]) {
        growth(&self.strips, looks.each_ref().map(|look| (look.mean, look.deviation)))
    }
}

impl Score for FrontImprovement<'_> {
    fn at(&self, row: &[f64]) -> f64 {
        self.growth(&self.looks(row)).0
    }

    fn slope(&self, row: &[f64], slope: &mut [f64]) -> f64 {
        let looks = self.looks(row);
        let (log, slopes) = self.growth(&looks);
        slope.fill(0.0);
        for ((posterior, look), (by_mean, by_deviation)) in self.posteriors.iter().zip(&looks).zip(slopes) {
            posterior.add_slope(look, by_mean, by_deviation, slope);
        }
        log
    }
}

/// The mean and deviation of a normal distribution; or a slope by them.
type Pair = (f64, f64);

/// ln of the expected growth, a sum over strips, and its slopes.
fn growth(strips: &[Strip], [first, second]: [Pair; 2]) -> (f64, [Pair; 2]) {
    let mut terms = Vec::with_capacity(strips.len());
    for strip in strips {
        let (ceiling, by_second) = improvement(second, strip.ceiling);
        let (high, by_high) = improvement(first, strip.high);
        // The share of E[(high − Y)⁺] that (low − Y)⁺ takes back.
        let (less, by_low) = match strip.low {
            f64::NEG_INFINITY => (0.0, (0.0, 0.0)),
            low => {
                let (low, by_low) = improvement(first, low);
                (libm::exp(low - high).min(1.0), by_low)
            }
        };
        let rest = 1.0 - less;
        if rest > 0.0 {
            let by_first = ((by_high.0 - less * by_low.0) / rest, (by_high.1 - less * by_low.1) / rest);
            terms.push((high + libm::log(rest) + ceiling, [by_first, by_second]));
        }
    }
    let logs: Vec<f64> = terms.iter().map(|term| term.0).collect();
    let log = normal::log_sum_exp(&logs);
    let mut slopes = [(0.0, 0.0); 2];
    for (term, own) in terms {
        let share = libm::exp(term - log);
        for (slope, own) in slopes.iter_mut().zip(own) {
            slope.0 += share * own.0;
            slope.1 += share * own.1;
        }
    }
    (log, slopes)
}

/// ln E[(t − Y)⁺], and its slopes.
fn improvement((mean, deviation): Pair, t: f64) -> (f64, Pair) {
    let part = LogImprovement::of((t - mean) / deviation);
    (part.log + libm::log(deviation), (-part.below / deviation, part.density / deviation))
}

/// The strips that a front leaves free, from the left.
fn strips(points: &[[f64; 2]], reference: [f64; 2]) -> Vec<Strip> {
    let mut points: Vec<[f64; 2]> =
        points.iter().copied().filter(|p| p[0] < reference[0] && p[1] < reference[1]).collect();
    points.sort_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
    let mut strips = Vec::with_capacity(points.len() + 1);
    let (mut low, mut ceiling) = (f64::NEG_INFINITY, reference[1]);
    for [first, second] in points {
        if second < ceiling {
            if first > low {
                strips.push(Strip { low, high: first, ceiling });
            }
            (low, ceiling) = (first, second);
        }
    }
    strips.push(Strip { low, high: reference[0], ceiling });
    strips
}

#[cfg(test)]
#[path = "improvement_tests.rs"]
mod tests;
