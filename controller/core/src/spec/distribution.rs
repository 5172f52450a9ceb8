//! One parameter's definition: which distribution it is, and its bounds (the reference's sections 1.3 and 1.4).

use serde_json::Value;

use super::problem::{Place, Problem};
use super::yaml::{Entry, Kind, Node};
use crate::space::{Domain, Scale, Step};

/// A parameter's definition as the file has it.
pub(super) struct Definition<'n> {
    pub(super) name: &'n str,
    pub(super) place: Place,
    pub(super) keys: &'n [Entry],
}

impl Definition<'_> {
    fn get(&self, key: &str) -> Option<&Entry> {
        self.keys.iter().find(|entry| entry.key == key)
    }

    /// What it means. Warnings go to `problems`.
    pub(super) fn domain(&self, problems: &mut Vec<Problem>) -> Result<Domain, Problem> {
        let kind = match self.get("distribution") {
            None => self.inferred()?,
            Some(entry) => match &entry.node.kind {
                Kind::Scalar(Value::String(word)) => word.as_str(),
                _ => return Err(Problem::error(entry.node.place, "`distribution` must be a name")),
            },
        };
        let allowed: &[&str] = match kind {
            "constant" => &["value"],
            "categorical" => &["values"],
            "categorical_w_probabilities" => &["values", "probabilities"],
            "int_uniform"
            | "uniform"
            | "log_uniform"
            | "log_uniform_values"
            | "inv_log_uniform"
            | "inv_log_uniform_values" => &["min", "max"],
            "q_uniform" | "q_log_uniform" | "q_log_uniform_values" => &["min", "max", "q"],
            "normal" | "log_normal" => &["mu", "sigma"],
            "q_normal" | "q_log_normal" => &["mu", "sigma", "q"],
            "beta" => &["a", "b"],
            "q_beta" => &["a", "b", "q"],
            other => {
                return Err(self.at(
                    "distribution",
                    format!("`{other}` is not a distribution"),
                    DISTRIBUTIONS,
                ));
            }
        };
        if let Some(stray) = self
            .keys
            .iter()
            .find(|entry| !["distribution", "when"].contains(&&*entry.key) && !allowed.contains(&&*entry.key))
        {
            return Err(Problem::error(
                stray.key_place,
                format!("`{}` has no meaning for a {kind} parameter", stray.key),
            )
            .fix(format!("a {kind} parameter has {}", allowed.join(", "))));
        }
        match kind {
            "constant" => Ok(Domain::Constant(self.need("value")?.node.to_value())),
            "categorical" => self.categorical(None, problems),
            "categorical_w_probabilities" => {
                let weights = self.weights()?;
                self.categorical(Some(weights), problems)
            }
            "int_uniform" => self.integers(),
            "normal" | "log_normal" | "q_normal" | "q_log_normal" => self.normal(kind),
            "beta" | "q_beta" => self.beta(kind),
            _ => self.reals(kind),
        }
    }

    /// The distribution where the file names none: W&B's rules, except that a mix of a whole and a fractional bound is
    /// a real range (W&B's client calls it ambiguous).
    fn inferred(&self) -> Result<&'static str, Problem> {
        let has = |key| self.get(key).is_some();
        if has("value") {
            return Ok("constant");
        }
        if has("values") {
            return Ok(if has("probabilities") { "categorical_w_probabilities" } else { "categorical" });
        }
        if let (Some(min), Some(max)) = (self.get("min"), self.get("max")) {
            let whole = |node: &Node| matches!(&node.kind, Kind::Scalar(Value::Number(n)) if n.is_i64());
            return Ok(match (self.get("q").is_some(), whole(&min.node) && whole(&max.node)) {
                (true, _) => "q_uniform",
                (false, true) => "int_uniform",
                (false, false) => "uniform",
            });
        }
        Err(Problem::error(self.place, format!("`{}` says no values", self.name))
            .fix("give `value`, `values`, or `min` and `max`"))
    }

    fn categorical(&self, weights: Option<Vec<f64>>, problems: &mut Vec<Problem>) -> Result<Domain, Problem> {
        let entry = self.need("values")?;
        let Kind::Sequence(items) = &entry.node.kind else {
            return Err(Problem::error(
                entry.node.place,
                format!("`values` is a list, this is {}", entry.node.noun()),
            )
            .fix("write values: [a, b], or value: for a single one"));
        };
        if items.is_empty() {
            return Err(Problem::error(entry.node.place, "`values` is empty").fix("give at least one value"));
        }
        if let Some(weights) = &weights
            && weights.len() != items.len()
        {
            return Err(self.at(
                "probabilities",
                format!("{} probabilities for {} values", weights.len(), items.len()),
                "give one each",
            ));
        }
        let mut values: Vec<Value> = Vec::new();
        let mut kept = Vec::new();
        for (at, item) in items.iter().enumerate() {
            let value = item.to_value();
            match values.iter().position(|seen| *seen == value) {
                Some(first) => {
                    problems.push(Problem::warning(
                        item.place,
                        format!("{value} stands in `values` of `{}` twice; it counts once", self.name),
                    ));
                    if let Some(weights) = &weights {
                        kept[first] += weights[at];
                    }
                }
                None => {
                    values.push(value);
                    kept.push(weights.as_ref().map_or(0.0, |weights| weights[at]));
                }
            }
        }
        Ok(Domain::Categorical { values, weights: weights.map(|_| kept) })
    }

    fn weights(&self) -> Result<Vec<f64>, Problem> {
        let entry = self.need("probabilities")?;
        let wrong = |message: &str| {
            Problem::error(entry.node.place, message).fix("a list of numbers from 0 to 1 that sum to 1")
        };
        let Kind::Sequence(items) = &entry.node.kind else { return Err(wrong("`probabilities` is a list")) };
        let weights: Option<Vec<f64>> =
            items.iter().map(|item| item.to_value().as_f64().filter(|weight| *weight >= 0.0)).collect();
        let weights = weights.ok_or_else(|| wrong("`probabilities` has something that is no probability"))?;
        let sum: f64 = weights.iter().sum();
        if (sum - 1.0).abs() > 1e-6 {
            return Err(wrong(&format!("`probabilities` sum to {sum}, not to 1")));
        }
        Ok(weights.iter().map(|weight| weight / sum).collect())
    }

    fn integers(&self) -> Result<Domain, Problem> {
        let bound = |key| -> Result<i64, Problem> {
            let entry = self.need(key)?;
            entry.node.to_value().as_i64().ok_or_else(|| {
                Problem::error(
                    entry.node.place,
                    format!("`{key}` of an int_uniform parameter must be a whole number"),
                )
                .fix("use distribution: uniform for real numbers")
            })
        };
        let (min, max) = (bound("min")?, bound("max")?);
        if min >= max {
            return Err(self.bounds_problem(min as f64, max as f64));
        }
        Ok(Domain::Integer { min, max })
    }

    fn reals(&self, kind: &str) -> Result<Domain, Problem> {
        let (low, high) = (self.number("min")?, self.number("max")?);
        if low >= high {
            return Err(self.bounds_problem(low, high));
        }
        let exponents = matches!(kind, "log_uniform" | "q_log_uniform" | "inv_log_uniform");
        let scale = if kind.contains("log") { Scale::Log } else { Scale::Linear };
        let (min, max) = match kind {
            // The value is exp(-x): the bounds change sides.
            "inv_log_uniform" => ((-high).exp(), (-low).exp()),
            _ if exponents => (low.exp(), high.exp()),
            _ => (low, high),
        };
        if scale == Scale::Log && !exponents && low <= 0.0 {
            return Err(self.at(
                "min",
                format!("a {kind} parameter needs min above 0, this is {low}"),
                "logarithms start above 0",
            ));
        }
        // exp(30) is 10^13 and exp(0) to exp(1) spans less than a factor of three: nobody means that.
        if exponents && low >= 0.0 && (high > 30.0 || (low > 0.0 && high <= 1.0)) {
            return Err(self.at(
                "min",
                format!("the bounds of {kind} are natural-log exponents, and these look like values: exp({low}) to exp({high})"),
                &format!("for limits in values use `{kind}_values`"),
            ));
        }
        if exponents && !(min > 0.0 && max.is_finite()) {
            return Err(self.at(
                "max",
                format!("the bounds of {kind} are natural-log exponents: exp({high}) is out of range"),
                &format!("for limits in values use `{kind}_values`"),
            ));
        }
        Ok(Domain::Real { scale, min, max, step: self.step_of(kind)? })
    }

    fn normal(&self, kind: &str) -> Result<Domain, Problem> {
        let (mu, sigma) = (self.number_or("mu", 0.0)?, self.number_or("sigma", 1.0)?);
        if sigma <= 0.0 {
            return Err(self.at(
                "sigma",
                format!("`sigma` must be above 0, this is {sigma}"),
                &format!("for a single value write value: {mu}"),
            ));
        }
        let scale = if kind.contains("log") { Scale::Log } else { Scale::Linear };
        Ok(Domain::Normal { scale, mu, sigma, step: self.step_of(kind)? })
    }

    fn beta(&self, kind: &str) -> Result<Domain, Problem> {
        let (a, b) = (self.number_or("a", 1.0)?, self.number_or("b", 1.0)?);
        for (key, value) in [("a", a), ("b", b)] {
            if value <= 0.0 {
                return Err(self.at(
                    key,
                    format!("`{key}` must be above 0, this is {value}"),
                    "a beta distribution has a and b above 0",
                ));
            }
        }
        Ok(Domain::Beta { a, b, step: self.step_of(kind)? })
    }

    fn step_of(&self, kind: &str) -> Result<Option<Step>, Problem> {
        if kind.starts_with("q_") { self.step().map(Some) } else { Ok(None) }
    }

    fn step(&self) -> Result<Step, Problem> {
        let Some(entry) = self.get("q") else { return Ok(Step { size: 1.0, integer: true }) };
        let value = entry.node.to_value();
        match value.as_f64() {
            Some(size) if size > 0.0 => Ok(Step { size, integer: value.is_i64() }),
            _ => Err(Problem::error(entry.node.place, "`q` must be a number above 0")),
        }
    }

    fn number(&self, key: &str) -> Result<f64, Problem> {
        let entry = self.need(key)?;
        entry.node.to_value().as_f64().ok_or_else(|| {
            Problem::error(
                entry.node.place,
                format!("`{key}` of `{}` must be a number, this is {}", self.name, entry.node.noun()),
            )
        })
    }

    fn number_or(&self, key: &str, default: f64) -> Result<f64, Problem> {
        if self.get(key).is_some() { self.number(key) } else { Ok(default) }
    }

    fn need(&self, key: &str) -> Result<&Entry, Problem> {
        self.get(key).ok_or_else(|| Problem::error(self.place, format!("`{}` has no `{key}`", self.name)))
    }

    fn bounds_problem(&self, min: f64, max: f64) -> Problem {
        let fix = if min > max {
            format!("swap them: min: {max}, max: {min}")
        } else {
            format!("for a single value write value: {min}")
        };
        self.at("min", format!("`{}`: min ({min}) must be smaller than max ({max})", self.name), &fix)
    }

    fn at(&self, key: &str, message: String, fix: &str) -> Problem {
        Problem::error(self.get(key).map_or(self.place, |entry| entry.node.place), message).fix(fix)
    }
}

/// What a message names; in the order of the schema.
pub(super) const DISTRIBUTIONS: &str = "known: constant, categorical, categorical_w_probabilities, int_uniform, uniform, q_uniform, \
log_uniform, log_uniform_values, q_log_uniform, q_log_uniform_values, inv_log_uniform, inv_log_uniform_values, \
normal, q_normal, log_normal, q_log_normal, beta, q_beta";
