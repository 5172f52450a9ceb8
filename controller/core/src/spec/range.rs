//! Bounds, shapes and steps of a parameter.

use libm::exp;

use super::distribution::{Definition, article};
use super::field::{figure, number_fix, shown};
use super::problem::Problem;
use crate::space::{Domain, SHAPES, Scale, Step, tidy};

/// `exp` of this is 10^13: beyond, an exponent was meant as a value.
const LARGEST_EXPONENT: f64 = 30.0;
/// Below this and above 0, an exponent was meant as a value: `exp` of it is 1.01.
const SMALLEST_EXPONENT: f64 = 0.01;

impl Definition<'_> {
    pub(super) fn integers(&self, problems: &mut Vec<Problem>) -> Option<Domain> {
        let mut bound = |key: &str| {
            let entry = self.get(key)?;
            let value = entry.node.to_value();
            if value.as_i64().is_none() {
                let fix = match value.as_f64().filter(|float| float.fract() == 0.0 && float.abs() < 9e15) {
                    Some(float) => format!("write {key}: {}", figure(float)),
                    None => number_fix(&entry.node)
                        .unwrap_or_else(|| "use distribution: uniform for real numbers".to_owned()),
                };
                problems.push(
                    Problem::error(
                        entry.node.place,
                        format!("`{key}` of an int_uniform parameter must be a whole number"),
                    )
                    .fix(fix),
                );
            }
            value.as_i64()
        };
        let (min, max) = (bound("min"), bound("max"));
        let (min, max) = (min?, max?);
        if min >= max {
            self.refuse_bounds(min as f64, max as f64, problems);
            return None;
        }
        Some(Domain::Integer { min, max })
    }

    pub(super) fn reals(&self, kind: &str, problems: &mut Vec<Problem>) -> Option<Domain> {
        let (low, high) = (self.number("min", problems), self.number("max", problems));
        let step = self.step_of(kind, problems);
        let (low, high, step) = (low?, high?, step?);
        if low >= high {
            self.refuse_bounds(low, high, problems);
            return None;
        }
        let exponents = matches!(kind, "log_uniform" | "q_log_uniform" | "inv_log_uniform");
        let (min, max) = if exponents { self.exponents(kind, low, high, problems)? } else { (low, high) };
        let scale = if kind.contains("log") { Scale::Log } else { Scale::Linear };
        if scale == Scale::Log && min <= 0.0 {
            self.refuse(
                "min",
                format!("{} {kind} parameter needs min above 0, this is {}", article(kind), figure(low)),
                "give the smallest value that is worth trying",
                problems,
            );
            return None;
        }
        if !(max - min).is_finite() {
            let message =
                format!("no number is as large as the range from {} to {}", figure(low), figure(high));
            self.refuse("max", message, "", problems);
            return None;
        }
        if let Some(step) = step.filter(|step| step.is_missed(min, max)) {
            let place =
                self.get("q").or_else(|| self.get("min")).map_or(self.place, |entry| entry.node.place);
            problems.push(
                Problem::warning(
                    place,
                    format!(
                        "no multiple of q ({}) lies between {} and {}",
                        figure(step.size),
                        figure(tidy(min)),
                        figure(tidy(max))
                    ),
                )
                .fix("lower q"),
            );
        }
        Some(Domain::Real { scale, min, max, step })
    }

    /// The limits that natural-log exponents stand for.
    fn exponents(&self, kind: &str, low: f64, high: f64, problems: &mut Vec<Problem>) -> Option<(f64, f64)> {
        let fix = format!(
            "for limits in values use `{kind}_values`{}",
            if low <= 0.0 { ", with min above 0" } else { "" }
        );
        // exp(0) to exp(1) spans less than a factor of three: nobody means less than that.
        let narrow = low > 0.0 && high <= 1.0 || low == 0.0 && high < 1.0;
        let tiny = low > 0.0 && low < SMALLEST_EXPONENT;
        if narrow || tiny || low >= 0.0 && high > LARGEST_EXPONENT {
            let message = format!(
                "the bounds of {kind} are natural-log exponents, and these look like values: exp({}) to exp({})",
                figure(low),
                figure(high)
            );
            self.refuse("min", message, &fix, problems);
            return None;
        }
        // inv_log_uniform is exp(-x): the bounds change sides.
        let (min, max) =
            if kind.starts_with("inv") { (exp(-high), exp(-low)) } else { (exp(low), exp(high)) };
        if !(min > 0.0 && max.is_finite()) {
            let far = if low.abs() > high.abs() { ("min", low) } else { ("max", high) };
            let message = format!(
                "the bounds of {kind} are natural-log exponents: exp({}) is out of range",
                figure(far.1)
            );
            self.refuse(far.0, message, &fix, problems);
            return None;
        }
        if min >= max {
            let message = format!("exp({}) and exp({}) are the same number", figure(low), figure(high));
            self.refuse("min", message, &fix, problems);
            return None;
        }
        Some((min, max))
    }

    pub(super) fn normal(&self, kind: &str, problems: &mut Vec<Problem>) -> Option<Domain> {
        let (mu, sigma) = (self.number_or("mu", 0.0, problems), self.number_or("sigma", 1.0, problems));
        let scale = if kind.contains("log") { Scale::Log } else { Scale::Linear };
        if let Some(sigma) = sigma.filter(|sigma| *sigma <= 0.0) {
            let fix = match mu {
                Some(mu) if scale == Scale::Linear => {
                    format!("for a single value write value: {}", figure(mu))
                }
                _ => String::new(),
            };
            self.refuse(
                "sigma",
                format!("`sigma` must be above 0, this is {}", figure(sigma)),
                &fix,
                problems,
            );
            return None;
        }
        let step = self.step_of(kind, problems);
        Some(Domain::Normal { scale, mu: mu?, sigma: sigma?, step: step? })
    }

    pub(super) fn beta(&self, kind: &str, problems: &mut Vec<Problem>) -> Option<Domain> {
        let mut shape = |key: &str| {
            let value = self.number_or(key, 1.0, problems)?;
            if !SHAPES.contains(&value) {
                let (least, most) = (figure(*SHAPES.start()), figure(*SHAPES.end()));
                let message = format!("`{key}` must be from {least} to {most}, this is {}", figure(value));
                self.refuse(key, message, &format!("{key}: 1 is the default"), problems);
            }
            Some(value).filter(|value| SHAPES.contains(value))
        };
        let (a, b) = (shape("a"), shape("b"));
        let step = self.step_of(kind, problems);
        let (a, b, step) = (a?, b?, step?);
        if let Some(step) = step.filter(|step| step.size > 0.5) {
            let place = self.get("q").map_or(self.place, |entry| entry.node.place);
            let values = if step.size > 1.0 {
                "0"
            } else if step.size < 1.0 {
                "0 or q"
            } else {
                "0 or 1"
            };
            problems.push(
                Problem::warning(place, format!("q is {}: every value is {values}", figure(step.size)))
                    .fix("for example q: 0.1"),
            );
        }
        Some(Domain::Beta { a, b, step })
    }

    /// The outer `None`: it is wrong; the inner: this kind has no step.
    fn step_of(&self, kind: &str, problems: &mut Vec<Problem>) -> Option<Option<Step>> {
        if !kind.starts_with("q_") {
            return Some(None);
        }
        let Some(entry) = self.get("q") else { return Some(Some(Step { size: 1.0, integer: true })) };
        let value = entry.node.to_value();
        match value.as_f64() {
            Some(size) if size > 0.0 => Some(Some(Step { size, integer: value.is_i64() })),
            _ => {
                problems.push(
                    super::field::wrong(entry, "a number above 0")
                        .fix(number_fix(&entry.node).unwrap_or_default()),
                );
                None
            }
        }
    }

    fn number(&self, key: &str, problems: &mut Vec<Problem>) -> Option<f64> {
        let entry = self.get(key)?;
        let found = entry.node.to_value().as_f64();
        if found.is_none() {
            problems.push(
                Problem::error(
                    entry.node.place,
                    format!("`{key}` of `{}` must be a number, this is {}", self.name, shown(&entry.node)),
                )
                .fix(number_fix(&entry.node).unwrap_or_default()),
            );
        }
        found
    }

    fn number_or(&self, key: &str, default: f64, problems: &mut Vec<Problem>) -> Option<f64> {
        if self.get(key).is_some() { self.number(key, problems) } else { Some(default) }
    }

    fn refuse_bounds(&self, min: f64, max: f64, problems: &mut Vec<Problem>) {
        let equal = min == max;
        let (min, max) = (figure(min), figure(max));
        let fix = if equal {
            format!("for a single value write value: {min}")
        } else {
            format!("swap them: min: {max}, max: {min}")
        };
        let message = format!("`{}`: min ({min}) must be smaller than max ({max})", self.name);
        self.refuse("min", message, &fix, problems);
    }

    fn refuse(&self, key: &str, message: String, fix: &str, problems: &mut Vec<Problem>) {
        let place = self.get(key).map_or(self.place, |entry| entry.node.place);
        problems.push(Problem::error(place, message).fix(fix));
    }
}
