//! What a parameter may be: W&B's distributions (the reference's section 1.4) as functions of one number in [0, 1).
//!
//! Logarithms and exponentials are `libm`'s, so that a proposal has the same bits on any machine; quantiles of beta
//! distributions are `statrs`'s and the platform's.

use serde_json::{Number, Value};
use statrs::distribution::{Beta, ContinuousCDF as _};

use crate::normal;

mod quantile;

pub use quantile::Misfit;

/// Which scale a range is uniform on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// The value itself.
    Linear,
    /// Its natural logarithm.
    Log,
}

impl Scale {
    /// From a value onto the scale.
    fn forth(self, value: f64) -> f64 {
        if self == Self::Log { libm::log(value) } else { value }
    }

    fn back(self, on_scale: f64) -> f64 {
        if self == Self::Log { libm::exp(on_scale) } else { on_scale }
    }
}

/// The set of values of one parameter, with its distribution.
#[derive(Debug, Clone, PartialEq)]
pub enum Domain {
    /// Always the same; no part of the search.
    Constant(Value),
    /// One of a list; `weights` sum to 1.
    Categorical { values: Vec<Value>, weights: Option<Vec<f64>> },
    /// Whole numbers, both ends included.
    Integer { min: i64, max: i64 },
    /// Between two real bounds (in value, also on a log scale), rounded to multiples of `step` when there is one.
    Real { scale: Scale, min: f64, max: f64, step: Option<Step> },
    /// Normal on its scale: `mu` and `sigma` are those of the logarithm on [`Scale::Log`].
    Normal { scale: Scale, mu: f64, sigma: f64, step: Option<Step> },
    /// Beta over [0, 1].
    Beta { a: f64, b: f64, step: Option<Step> },
}

/// Quantisation: values are multiples of `size`, and integers when the file wrote `q` as one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    pub size: f64,
    pub integer: bool,
}

impl Domain {
    /// The value at quantile `u` in [0, 1). Uniform `u` gives the distribution.
    pub fn at(&self, u: f64) -> Value {
        match self {
            Self::Constant(value) => value.clone(),
            Self::Categorical { values, weights: None } => values[index(u, values.len())].clone(),
            Self::Categorical { values, weights: Some(weights) } => {
                let mut sum = 0.0;
                let at = weights.iter().position(|weight| {
                    sum += weight;
                    u < sum
                });
                // Rounding may leave the sum a hair below 1: the last value with any weight takes the rest.
                let last = weights.iter().rposition(|&weight| weight > 0.0).unwrap_or(0);
                values[at.unwrap_or(last)].clone()
            }
            Self::Integer { min, max } => {
                let count = (i128::from(*max) - i128::from(*min) + 1) as f64;
                let offset = (u * count).floor() as i128;
                let value = (i128::from(*min) + offset).min(i128::from(*max));
                // Between two i64 it is one.
                Value::from(i64::try_from(value).unwrap_or(*max))
            }
            Self::Real { scale, min, max, step } => {
                let (low, high) = (scale.forth(*min), scale.forth(*max));
                let value = scale.back(low + u * (high - low)).clamp(*min, *max);
                step.map_or_else(|| real(value), |step| step.value(step.nearest(value, *min, *max)))
            }
            Self::Normal { scale, mu, sigma, step } => {
                let value = scale.back(mu + sigma * normal::quantile(u)).clamp(f64::MIN, f64::MAX);
                step.map_or_else(
                    || real(value),
                    |step| step.value(step.nearest(value, f64::NEG_INFINITY, f64::INFINITY)),
                )
            }
            Self::Beta { a, b, step } => {
                let value = beta(*a, *b, u);
                step.map_or_else(|| real(value), |step| step.value(step.nearest(value, 0.0, 1.0)))
            }
        }
    }

    /// Every value with its probability, if they are at most `most`; `None`: they are more, or a continuum.
    pub fn support(&self, most: usize) -> Option<Vec<(Value, f64)>> {
        let even = |count: usize, value: &dyn Fn(usize) -> Value| {
            (count <= most).then(|| (0..count).map(|at| (value(at), 1.0 / count as f64)).collect())
        };
        match self {
            Self::Constant(value) => even(1, &|_| value.clone()),
            Self::Categorical { values, weights: None } => even(values.len(), &|at| values[at].clone()),
            Self::Categorical { values, weights: Some(weights) } => {
                let possible =
                    values.iter().cloned().zip(weights.iter().copied()).filter(|(_, weight)| *weight > 0.0);
                let possible: Vec<_> = possible.collect();
                (possible.len() <= most).then_some(possible)
            }
            Self::Integer { min, max } => {
                let count = usize::try_from(i128::from(*max) - i128::from(*min) + 1).ok()?;
                even(count, &|at| Value::from(min.saturating_add_unsigned(at as u64)))
            }
            Self::Real { scale, min, max, step } => {
                let (low, high) = (scale.forth(*min), scale.forth(*max));
                // Of large bounds the logarithms may be one number.
                let width = (high - low).max(f64::MIN_POSITIVE);
                let share =
                    |value: f64| ((scale.forth(value.clamp(*min, *max)) - low) / width).clamp(0.0, 1.0);
                (*step)?.support(*min, *max, most, &share)
            }
            Self::Beta { a, b, step } => (*step)?.support(0.0, 1.0, most, &|value| beta_share(*a, *b, value)),
            Self::Normal { .. } => None,
        }
    }

    /// Whether it is searched on a log scale.
    pub fn is_log(&self) -> bool {
        matches!(self, Self::Real { scale: Scale::Log, .. } | Self::Normal { scale: Scale::Log, .. })
    }

    /// How many cells it has on a grid; `None`: no finite number.
    pub fn grid_len(&self) -> Option<u128> {
        match self {
            Self::Constant(_) => Some(1),
            Self::Categorical { values, weights: None } => Some(values.len() as u128),
            Self::Integer { min, max } => Some((i128::from(*max) - i128::from(*min) + 1).unsigned_abs()),
            // As W&B's arange: from min in steps, max excluded.
            Self::Real { scale: Scale::Linear, min, max, step: Some(step) } => {
                let cells = ((max - min) / step.size - 1e-9).ceil();
                Some(if cells < 1.0 { 1 } else { cells as u128 })
            }
            Self::Categorical { .. } | Self::Real { .. } | Self::Normal { .. } | Self::Beta { .. } => None,
        }
    }

    /// The value of a grid cell, `cell < grid_len()`.
    pub fn grid_value(&self, cell: u128) -> Value {
        match self {
            Self::Constant(value) => value.clone(),
            Self::Categorical { values, .. } => {
                values[usize::try_from(cell).unwrap_or(usize::MAX).min(values.len() - 1)].clone()
            }
            Self::Integer { min, .. } => Value::from(
                i64::try_from(i128::from(*min) + i128::try_from(cell).unwrap_or(0)).unwrap_or(*min),
            ),
            Self::Real { min, step, .. } => {
                let size = step.map_or(1.0, |step| step.size);
                let value = min + cell as f64 * size;
                step.map_or_else(|| real(value), |step| step.value(tidy(value)))
            }
            // No grid walks these: grid_len is None.
            Self::Normal { .. } | Self::Beta { .. } => Value::Null,
        }
    }
}

fn index(u: f64, len: usize) -> usize {
    ((u * len as f64) as usize).min(len.saturating_sub(1))
}

/// JSON knows no infinities; a domain's bounds are finite, so its values are.
fn real(value: f64) -> Value {
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}

impl Step {
    /// The multiple nearest to a value (ties to even, as numpy), kept within the bounds where a multiple lies between
    /// them. W&B does not keep it there; the difference is listed in docs/wandb-compatibility.md.
    fn nearest(self, value: f64, min: f64, max: f64) -> f64 {
        let low = (min / self.size - 1e-9).ceil();
        let high = (max / self.size + 1e-9).floor();
        let multiple = (value / self.size).round_ties_even();
        let kept = if low <= high { multiple.clamp(low, high) } else { multiple };
        tidy(kept * self.size)
    }

    /// The multiples that [`Self::nearest`] can give, each with the share of values that are rounded to it.
    fn support(
        self,
        min: f64,
        max: f64,
        most: usize,
        share: &dyn Fn(f64) -> f64,
    ) -> Option<Vec<(Value, f64)>> {
        let low = (self.nearest(min, min, max) / self.size).round();
        let high = (self.nearest(max, min, max) / self.size).round();
        if high - low + 1.0 > most as f64 {
            return None;
        }
        let count = (high - low) as usize + 1;
        // The outermost take what lies beyond them.
        let edge = |at: usize| match at {
            0 => 0.0,
            at if at == count => 1.0,
            at => share((low + at as f64 - 0.5) * self.size),
        };
        let one = |at: usize| (self.value(tidy((low + at as f64) * self.size)), edge(at + 1) - edge(at));
        Some((0..count).map(one).filter(|(_, share)| *share > 0.0).collect())
    }

    /// Whether no multiple lies between two bounds.
    pub(crate) fn is_missed(self, min: f64, max: f64) -> bool {
        (min / self.size - 1e-9).ceil() > (max / self.size + 1e-9).floor()
    }

    fn value(self, value: f64) -> Value {
        if self.integer && value.abs() < 9e15 { Value::from(value as i64) } else { real(value) }
    }
}

/// The smallest quantile that is told from 0: the random stream's own resolution.
pub(crate) const SMALLEST: f64 = 1.0 / (1_u64 << 54) as f64;

/// The largest quantile: 1 is none.
pub(crate) const LARGEST: f64 = 1.0 - f64::EPSILON / 2.0;

/// The shapes of a beta distribution whose quantiles are found soon: the search for them may not end for others.
pub(crate) const SHAPES: std::ops::RangeInclusive<f64> = 1e-3..=1e4;

/// The quantile of a beta distribution.
fn beta(a: f64, b: f64, u: f64) -> f64 {
    Beta::new(a, b).map_or(u, |beta| beta.inverse_cdf(u.clamp(0.0, 1.0)))
}

/// The share of a beta distribution below a value.
fn beta_share(a: f64, b: f64, value: f64) -> f64 {
    Beta::new(a, b).map_or(value, |beta| beta.cdf(value.clamp(0.0, 1.0)))
}

/// Takes the dust off a product of decimals: 3 × 0.1 is 0.3 here.
pub(crate) fn tidy(value: f64) -> f64 {
    format!("{value:.12e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests;
