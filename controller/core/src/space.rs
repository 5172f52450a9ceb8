//! What a parameter may be: W&B's distributions (the reference's section 1.4) as functions of one number in [0, 1).

use serde_json::{Number, Value};

/// Which scale a range is uniform on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// The value itself.
    Linear,
    /// Its natural logarithm.
    Log,
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
                let value = match scale {
                    Scale::Linear => min + u * (max - min),
                    Scale::Log => (min.ln() + u * (max.ln() - min.ln())).exp().clamp(*min, *max),
                };
                step.map_or_else(|| real(value), |step| step.value(step.nearest(value, *min, *max)))
            }
        }
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
            Self::Categorical { .. } | Self::Real { .. } => None,
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

    fn value(self, value: f64) -> Value {
        if self.integer && value.abs() < 9e15 { Value::from(value as i64) } else { real(value) }
    }
}

/// Takes the dust off a product of decimals: 3 × 0.1 is 0.3 here.
fn tidy(value: f64) -> f64 {
    format!("{value:.12e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn quantiles_hit_both_ends() {
        let integer = Domain::Integer { min: 3, max: 5 };
        assert_eq!([integer.at(0.0), integer.at(0.5), integer.at(0.999)], [json!(3), json!(4), json!(5)]);
        let choice =
            Domain::Categorical { values: vec![json!("a"), json!("b")], weights: Some(vec![0.25, 0.75]) };
        assert_eq!(
            [choice.at(0.0), choice.at(0.2499), choice.at(0.25)],
            [json!("a"), json!("a"), json!("b")]
        );
        let log = Domain::Real { scale: Scale::Log, min: 1e-4, max: 1e-2, step: None };
        assert!((log.at(0.5).as_f64().expect("is a number") - 1e-3).abs() < 1e-12);
    }

    #[test]
    fn quantised_values_are_multiples_within_the_bounds() {
        let domain = Domain::Real {
            scale: Scale::Linear,
            min: 1.0,
            max: 11.0,
            step: Some(Step { size: 4.0, integer: true }),
        };
        for u in [0.0, 0.1, 0.5, 0.99] {
            let value = domain.at(u).as_i64().expect("is an integer");
            assert!(value == 4 || value == 8, "{value}");
        }
        let tenths = Domain::Real {
            scale: Scale::Linear,
            min: 0.0,
            max: 1.0,
            step: Some(Step { size: 0.1, integer: false }),
        };
        assert_eq!(tenths.at(0.3), json!(0.3));
    }

    #[test]
    fn a_quantised_grid_excludes_its_maximum() {
        let domain = Domain::Real {
            scale: Scale::Linear,
            min: 0.0,
            max: 1.0,
            step: Some(Step { size: 0.25, integer: false }),
        };
        let cells: Vec<_> =
            (0..domain.grid_len().expect("is finite")).map(|cell| domain.grid_value(cell)).collect();
        assert_eq!(cells, [json!(0.0), json!(0.25), json!(0.5), json!(0.75)]);
    }

    proptest! {
        #[test]
        fn reals_stay_within_their_bounds(u in 0.0..1.0_f64, low in 1e-6..1.0_f64, width in 1e-6..1e3_f64, log in any::<bool>()) {
            let scale = if log { Scale::Log } else { Scale::Linear };
            let high = low + width;
            let value = Domain::Real { scale, min: low, max: high, step: None }.at(u).as_f64().expect("is a number");
            prop_assert!((low..=high).contains(&value), "{value} not in {low}..={high}");
        }

        #[test]
        fn integers_stay_within_their_bounds(u in 0.0..1.0_f64, a in any::<i64>(), b in any::<i64>()) {
            let (min, max) = (a.min(b), a.max(b));
            let value = Domain::Integer { min, max }.at(u).as_i64().expect("is an integer");
            prop_assert!((min..=max).contains(&value));
        }
    }
}
