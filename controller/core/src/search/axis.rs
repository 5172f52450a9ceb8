//! Parameters as coordinates of the unit cube, for methods that learn.
//!
//! A coordinate is a quantile of the parameter's distribution. So a logarithmic range is even in its logarithm, a
//! normal or beta distribution is honoured as the prior that it is, and the cube is even everywhere.

use std::cmp::Ordering;

use serde_json::Value;

use crate::space::{Domain, LARGEST, Misfit};

/// Most ordered values whose cells models look at: more are a continuum to them, and rounded afterwards.
const MOST_CELLS: usize = 64;

/// How near coordinates are to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// As near as their difference is small.
    Continuous,
    /// As near, and only some coordinates stand for a value: the centres of `cells`, where they are few enough to be
    /// listed. Whole and quantised ranges are so, and lists of numbers in the order of the numbers.
    Ordered { cells: Option<usize> },
    /// All equally far from each other; coordinate (i + 0.5) / `count` is that of category i.
    Unordered { count: usize },
}

/// One parameter that varies.
#[derive(Debug, Clone)]
pub(crate) struct Axis {
    pub(crate) kind: Kind,
    /// Its values, cell by cell, where they are listed.
    values: Vec<Value>,
    /// Of an ordered list, the numbers of `values`.
    numbers: Vec<f64>,
    /// The prior probability of each cell.
    pub(crate) shares: Vec<f64>,
    /// The coordinates between which each cell lies, one more than there are cells.
    pub(crate) edges: Vec<f64>,
}

impl Axis {
    /// `None`: the parameter has one value only.
    pub(crate) fn of(domain: &Domain) -> Option<Self> {
        let most = if matches!(domain, Domain::Categorical { .. }) { usize::MAX } else { MOST_CELLS };
        let Some(mut support) = domain.support(most) else {
            let stepped = matches!(
                domain,
                Domain::Integer { .. }
                    | Domain::Real { step: Some(_), .. }
                    | Domain::Normal { step: Some(_), .. }
                    | Domain::Beta { step: Some(_), .. }
            );
            let kind = if stepped { Kind::Ordered { cells: None } } else { Kind::Continuous };
            let (values, numbers, shares, edges) = Default::default();
            return Some(Self { kind, values, numbers, shares, edges });
        };
        if support.len() < 2 {
            return None;
        }
        let mut numbers: Vec<f64> = support.iter().filter_map(|(value, _)| value.as_f64()).collect();
        let ordered = numbers.len() == support.len();
        if ordered {
            let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
            support.sort_by(|(a, _), (b, _)| number(a).total_cmp(&number(b)));
            numbers.sort_by(f64::total_cmp);
        } else {
            numbers.clear();
        }
        let count = support.len();
        let (values, shares): (Vec<Value>, Vec<f64>) = support.into_iter().unzip();
        let kind = match ordered {
            true => Kind::Ordered { cells: Some(count).filter(|&count| count <= MOST_CELLS) },
            false => Kind::Unordered { count },
        };
        let edges = if ordered {
            let sums = shares.iter().scan(0.0, |sum, share| {
                *sum += share;
                Some(f64::min(*sum, 1.0))
            });
            std::iter::once(0.0).chain(sums.take(count - 1)).chain([1.0]).collect()
        } else {
            (0..=count).map(|at| at as f64 / count as f64).collect()
        };
        Some(Self { kind, values, numbers, shares, edges })
    }

    /// The coordinate of a value: where there are cells, the centre of its own.
    pub(crate) fn encode(&self, domain: &Domain, value: &Value) -> Result<f64, Misfit> {
        if self.values.is_empty() {
            let (from, to) = domain.quantiles(value)?;
            return Ok(f64::midpoint(from, to).min(LARGEST));
        }
        let cell = match value.as_f64() {
            Some(number) if !self.numbers.is_empty() => self
                .numbers
                .binary_search_by(|other| other.partial_cmp(&number).unwrap_or(Ordering::Less))
                .ok(),
            _ => self.values.iter().position(|other| crate::spec::same(other, value)),
        };
        match cell {
            Some(cell) => Ok(self.centre(cell)),
            // The domain knows why not; what it takes though has no probability.
            None => domain.quantiles(value).and(Err(Misfit::Unlisted(value.clone()))),
        }
    }

    /// The value at a coordinate.
    pub(crate) fn decode(&self, domain: &Domain, at: f64) -> Value {
        let at = at.clamp(0.0, LARGEST);
        if self.values.is_empty() { domain.at(at) } else { self.values[self.cell(at)].clone() }
    }

    /// The coordinate at a quantile of the prior.
    pub(crate) fn draw(&self, quantile: f64) -> f64 {
        let Kind::Unordered { .. } = self.kind else { return quantile };
        self.centre(pick(&self.shares, quantile))
    }

    /// The cell of a coordinate, where cells are listed.
    pub(crate) fn cell(&self, at: f64) -> usize {
        let cells = self.values.len();
        self.edges[1..cells.max(1)].partition_point(|&edge| edge <= at)
    }

    pub(crate) fn centre(&self, cell: usize) -> f64 {
        f64::midpoint(self.edges[cell], self.edges[cell + 1])
    }
}

/// The index at a quantile of probabilities.
pub(super) fn pick(shares: &[f64], quantile: f64) -> usize {
    let mut sum = 0.0;
    let found = shares.iter().position(|share| {
        sum += share;
        quantile < sum
    });
    // Rounding may leave the sum a hair below 1.
    found.unwrap_or_else(|| shares.iter().rposition(|&share| share > 0.0).unwrap_or(0))
}
