//! From a value back to its quantiles: the inverse of [`Domain::at`].

use serde_json::Value;

use super::{Domain, Scale, Step, beta_share};
use crate::normal;

/// Why a value is none of a domain's.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Misfit {
    #[error("{0} is not a number")]
    NotANumber(Value),
    #[error("{value} lies outside of {min} to {max}")]
    Outside { value: f64, min: f64, max: f64 },
    #[error("{value} is no multiple of {step}")]
    OffStep { value: f64, step: f64 },
    #[error("{0} is none of its values")]
    Unlisted(Value),
}

/// Values that differ by such a part of the range, or of a step, are one: they may have been printed and read.
const TOLERANCE: f64 = 1e-9;

impl Domain {
    /// The quantiles from which [`Self::at`] gives a value, first and last: they enclose its probability, and are one
    /// number where the values are a continuum.
    pub fn quantiles(&self, value: &Value) -> Result<(f64, f64), Misfit> {
        let same = |other: &Value| crate::spec::same(other, value);
        match self {
            Self::Constant(only) if same(only) => Ok((0.0, 1.0)),
            Self::Constant(_) => Err(Misfit::Unlisted(value.clone())),
            Self::Categorical { values, weights } => {
                let at = values.iter().position(same).ok_or_else(|| Misfit::Unlisted(value.clone()))?;
                let Some(weights) = weights else {
                    let count = values.len() as f64;
                    return Ok((at as f64 / count, (at + 1) as f64 / count));
                };
                if weights[at] <= 0.0 {
                    return Err(Misfit::Unlisted(value.clone()));
                }
                let before: f64 = weights[..at].iter().sum();
                Ok((before, (before + weights[at]).min(1.0)))
            }
            Self::Integer { min, max } => {
                let number = whole(value)?;
                if !(*min..=*max).contains(&number) {
                    let (value, min, max) = (number as f64, *min as f64, *max as f64);
                    return Err(Misfit::Outside { value, min, max });
                }
                let count = (i128::from(*max) - i128::from(*min) + 1) as f64;
                let offset = (i128::from(number) - i128::from(*min)) as f64;
                Ok((offset / count, (offset + 1.0) / count))
            }
            Self::Real { scale, min, max, step } => {
                let (low, high) = (scale.forth(*min), scale.forth(*max));
                let width = (high - low).max(f64::MIN_POSITIVE);
                let share =
                    |value: f64| ((scale.forth(value.clamp(*min, *max)) - low) / width).clamp(0.0, 1.0);
                let number = number(value)?;
                match step {
                    Some(step) => step.quantiles(number, (*min, *max), &share),
                    None => {
                        inside(number, (*min, *max), (max - min) * TOLERANCE)?;
                        Ok((share(number), share(number)))
                    }
                }
            }
            Self::Normal { scale, mu, sigma, step } => {
                let share = |value: f64| match scale {
                    Scale::Log if value <= 0.0 => 0.0,
                    scale => normal::share((scale.forth(value) - mu) / sigma),
                };
                let number = number(value)?;
                match step {
                    Some(step) => step.quantiles(number, (f64::NEG_INFINITY, f64::INFINITY), &share),
                    None if *scale == Scale::Log && number <= 0.0 => {
                        Err(Misfit::Outside { value: number, min: 0.0, max: f64::INFINITY })
                    }
                    None => Ok((share(number), share(number))),
                }
            }
            Self::Beta { a, b, step } => {
                let share = |value: f64| beta_share(*a, *b, value);
                let number = number(value)?;
                match step {
                    Some(step) => step.quantiles(number, (0.0, 1.0), &share),
                    None => {
                        inside(number, (0.0, 1.0), TOLERANCE)?;
                        Ok((share(number), share(number)))
                    }
                }
            }
        }
    }
}

impl Step {
    /// The quantiles that are rounded to a multiple; `share` is the part of the unrounded values below one.
    fn quantiles(
        self,
        value: f64,
        (min, max): (f64, f64),
        share: &dyn Fn(f64) -> f64,
    ) -> Result<(f64, f64), Misfit> {
        let multiple = (value / self.size).round();
        // A share of the step, or what thirteen digits leave of a value of many steps.
        if (value - multiple * self.size).abs() > self.size * 1e-6 + value.abs() * 1e-12 {
            return Err(Misfit::OffStep { value, step: self.size });
        }
        // The outermost multiples that can be drawn take what lies beyond them.
        let outermost = |bound: f64| {
            if bound.is_finite() { (self.nearest(bound, min, max) / self.size).round() } else { bound }
        };
        let (low, high) = (outermost(min), outermost(max));
        if !(low..=high).contains(&multiple) {
            return Err(Misfit::Outside { value, min, max });
        }
        let from = if multiple == low { 0.0 } else { share((multiple - 0.5) * self.size) };
        let to = if multiple == high { 1.0 } else { share((multiple + 0.5) * self.size) };
        Ok((from, to))
    }
}

fn number(value: &Value) -> Result<f64, Misfit> {
    value.as_f64().ok_or_else(|| Misfit::NotANumber(value.clone()))
}

/// A whole number, also when it is written as a float.
fn whole(value: &Value) -> Result<i64, Misfit> {
    if let Some(whole) = value.as_i64() {
        return Ok(whole);
    }
    let number = number(value)?;
    if number.fract() != 0.0 || number.abs() >= 9e15 {
        return Err(Misfit::OffStep { value: number, step: 1.0 });
    }
    Ok(number as i64)
}

fn inside(value: f64, (min, max): (f64, f64), slack: f64) -> Result<(), Misfit> {
    if value < min - slack || value > max + slack {
        return Err(Misfit::Outside { value, min, max });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::search::tests_spaces::domains;
    use crate::space::LARGEST;

    proptest! {
        #[test]
        fn a_value_has_the_quantile_that_it_was_drawn_by(domain in domains(), u in 0.0..1.0_f64) {
            let value = domain.at(u);
            let (from, to) = domain.quantiles(&value).expect("is one of its values");
            prop_assert!(from - 1e-6 <= u && u <= to + 1e-6, "{domain:?}: {value} has {from} to {to}, not {u}");
            let again = domain.at(f64::midpoint(from, to).min(LARGEST));
            match (again.as_f64(), value.as_f64()) {
                (Some(again), Some(value)) if from == to => {
                    prop_assert!((again - value).abs() <= 1e-6 * value.abs().max(1e-6), "{domain:?}: {again} for {value}");
                }
                _ => prop_assert!(from == to || again == value, "{domain:?}: {again} for {value}"),
            }
        }
    }

    #[test]
    fn values_of_other_spaces_are_refused_with_a_reason() {
        let integer = Domain::Integer { min: 1, max: 8 };
        let log = Domain::Real { scale: Scale::Log, min: 1e-5, max: 1.0, step: None };
        let quarters = Domain::Real {
            scale: Scale::Linear,
            min: 0.0,
            max: 1.0,
            step: Some(Step { size: 0.25, integer: false }),
        };
        let choice = Domain::Categorical { values: vec![json!("sgd"), json!(1)], weights: None };
        for (domain, value, reason) in [
            (&integer, json!(9), "9 lies outside of 1 to 8"),
            (&integer, json!(1.5), "1.5 is no multiple of 1"),
            (&integer, json!("4"), "\"4\" is not a number"),
            (&log, json!(0.0), "0 lies outside of 0.00001 to 1"),
            (&quarters, json!(0.3), "0.3 is no multiple of 0.25"),
            (&quarters, json!(1.25), "1.25 lies outside of 0 to 1"),
            (&choice, json!("adam"), "\"adam\" is none of its values"),
            (&Domain::Constant(json!(3)), json!(4), "4 is none of its values"),
        ] {
            assert_eq!(domain.quantiles(&value).expect_err("does not fit").to_string(), reason);
        }
        assert_eq!(integer.quantiles(&json!(4.0)), Ok((3.0 / 8.0, 4.0 / 8.0)));
        assert_eq!(choice.quantiles(&json!(1.0)), Ok((0.5, 1.0)));
        assert_eq!(quarters.quantiles(&json!(0.0)), Ok((0.0, 0.125)));
    }
}
