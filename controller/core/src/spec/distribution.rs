//! One parameter's definition: which distribution it is (the reference's sections 1.3 and 1.4).

use serde_json::Value;

use super::names::nearest;
use super::problem::{Place, Problem};
use super::yaml::{Entry, Kind, Node};
use crate::space::Domain;

/// A parameter's definition as the file has it.
pub(super) struct Definition<'n> {
    pub(super) name: &'n str,
    pub(super) place: Place,
    pub(super) keys: &'n [Entry],
}

/// A distribution with the keys that it must and may have.
struct Distribution {
    name: &'static str,
    must: &'static [&'static str],
    may: &'static [&'static str],
}

const BOUNDS: &[&str] = &["min", "max"];
const BELL: &[&str] = &["mu", "sigma"];

/// All of W&B's.
const DISTRIBUTIONS: [Distribution; 18] = [
    distribution("constant", &["value"], &[]),
    distribution("categorical", &["values"], &[]),
    distribution("categorical_w_probabilities", &["values", "probabilities"], &[]),
    distribution("int_uniform", BOUNDS, &[]),
    distribution("uniform", BOUNDS, &[]),
    distribution("q_uniform", BOUNDS, &["q"]),
    distribution("log_uniform", BOUNDS, &[]),
    distribution("log_uniform_values", BOUNDS, &[]),
    distribution("q_log_uniform", BOUNDS, &["q"]),
    distribution("q_log_uniform_values", BOUNDS, &["q"]),
    distribution("inv_log_uniform", BOUNDS, &[]),
    distribution("inv_log_uniform_values", BOUNDS, &[]),
    distribution("normal", &[], BELL),
    distribution("q_normal", &[], &["mu", "sigma", "q"]),
    distribution("log_normal", &[], BELL),
    distribution("q_log_normal", &[], &["mu", "sigma", "q"]),
    distribution("beta", &[], &["a", "b"]),
    distribution("q_beta", &[], &["a", "b", "q"]),
];

/// What other tools call them.
const SYNONYMS: [(&str, &str); 17] = [
    ("gaussian", "normal"),
    ("lognormal", "log_normal"),
    ("log", "log_uniform_values"),
    ("loguniform", "log_uniform_values"),
    ("reciprocal", "log_uniform_values"),
    ("qloguniform", "q_log_uniform_values"),
    ("quniform", "q_uniform"),
    ("qnormal", "q_normal"),
    ("int", "int_uniform"),
    ("integer", "int_uniform"),
    ("randint", "int_uniform"),
    ("float", "uniform"),
    ("real", "uniform"),
    ("choice", "categorical"),
    ("choices", "categorical"),
    ("grid", "categorical"),
    ("fixed", "constant"),
];

const fn distribution(
    name: &'static str,
    must: &'static [&'static str],
    may: &'static [&'static str],
) -> Distribution {
    Distribution { name, must, may }
}

impl Distribution {
    fn of(name: &str) -> Option<&'static Self> {
        DISTRIBUTIONS.iter().find(|known| known.name == name)
    }

    /// `an int_uniform parameter has min, max`.
    fn keys(&self) -> String {
        let keys = [self.must, self.may].concat();
        format!("{} {} parameter has {}", article(self.name), self.name, keys.join(", "))
    }
}

pub(super) fn article(kind: &str) -> &'static str {
    if kind.starts_with('i') { "an" } else { "a" }
}

impl Definition<'_> {
    pub(super) fn get(&self, key: &str) -> Option<&Entry> {
        self.keys.iter().find(|entry| entry.key == key)
    }

    /// What it means; `None`: `problems` say why nothing.
    pub(super) fn domain(&self, problems: &mut Vec<Problem>) -> Option<Domain> {
        let distribution = match self.get("distribution") {
            None => self.inferred(problems)?,
            Some(entry) => named(entry, problems)?,
        };
        let before = problems.len();
        self.check_keys(distribution, problems);
        if problems.len() > before {
            return None;
        }
        match distribution.name {
            "constant" => Some(Domain::Constant(self.get("value")?.node.to_value())),
            "categorical" => self.categorical(None, problems),
            "categorical_w_probabilities" => {
                let weights = self.weights(problems)?;
                self.categorical(Some(&weights), problems)
            }
            "int_uniform" => self.integers(problems),
            kind if kind.ends_with("normal") => self.normal(kind, problems),
            kind if kind.ends_with("beta") => self.beta(kind, problems),
            kind => self.reals(kind, problems),
        }
    }

    /// Keys that the distribution does not have, or those that it lacks.
    fn check_keys(&self, distribution: &Distribution, problems: &mut Vec<Problem>) {
        let strays = self.keys.iter().filter(|entry| {
            let key = entry.key.as_str();
            !["distribution", "when"].contains(&key)
                && !distribution.must.contains(&key)
                && !distribution.may.contains(&key)
        });
        let before = problems.len();
        for stray in strays {
            problems.push(if self.get("distribution").is_some() {
                Problem::error(
                    stray.key_place,
                    format!(
                        "`{}` has no meaning for {} {} parameter",
                        stray.key,
                        article(distribution.name),
                        distribution.name
                    ),
                )
                .fix(distribution.keys())
            } else {
                Problem::error(
                    stray.key_place,
                    format!("`{}` cannot stand beside `{}`", stray.key, distribution.must.join("` and `")),
                )
                .fix("keep one or the other")
            });
        }
        if problems.len() > before {
            return;
        }
        let lacking: Vec<String> = distribution
            .must
            .iter()
            .filter(|key| self.get(key).is_none())
            .map(|key| format!("no `{key}`"))
            .collect();
        if !lacking.is_empty() {
            problems.push(
                Problem::error(self.place, format!("`{}` has {}", self.name, lacking.join(" and ")))
                    .fix(distribution.keys()),
            );
        }
    }

    /// The distribution where the file names none: W&B's rules, except that a mix of a whole and a fractional bound is
    /// a real range (W&B's client calls it ambiguous), and that a `q` beside bounds needs no name.
    fn inferred(&self, problems: &mut Vec<Problem>) -> Option<&'static Distribution> {
        let has = |key| self.get(key).is_some();
        let whole = |node: &Node| matches!(&node.kind, Kind::Scalar(Value::Number(n)) if n.is_i64());
        let name = match (self.get("min"), self.get("max")) {
            _ if has("value") => "constant",
            _ if has("values") && has("probabilities") => "categorical_w_probabilities",
            _ if has("values") => "categorical",
            (Some(_), Some(_)) if has("q") => "q_uniform",
            (Some(min), Some(max)) if whole(&min.node) && whole(&max.node) => "int_uniform",
            (Some(_), Some(_)) => "uniform",
            (min, max) => {
                let (message, fix) = match (min, max) {
                    (Some(_), None) => ("has `min` but no `max`", "give both"),
                    (None, Some(_)) => ("has `max` but no `min`", "give both"),
                    _ if has("mu") || has("sigma") => {
                        ("names no distribution", "add distribution: normal (or log_normal)")
                    }
                    _ if has("a") || has("b") => ("names no distribution", "add distribution: beta"),
                    _ if has("probabilities") => ("has probabilities of nothing", "add `values`"),
                    _ => ("says no values", "give `value`, `values`, or `min` and `max`"),
                };
                problems.push(Problem::error(self.place, format!("`{}` {message}", self.name)).fix(fix));
                return None;
            }
        };
        Distribution::of(name)
    }
}

/// The names of all distributions.
pub(super) fn names() -> impl Iterator<Item = &'static str> + Clone {
    DISTRIBUTIONS.iter().map(|known| known.name)
}

fn named(entry: &Entry, problems: &mut Vec<Problem>) -> Option<&'static Distribution> {
    let Kind::Scalar(Value::String(word)) = &entry.node.kind else {
        problems
            .push(super::field::wrong(entry, "a name").fix("for example distribution: log_uniform_values"));
        return None;
    };
    let found = Distribution::of(word);
    if found.is_none() {
        let name = word.to_lowercase().replace('-', "_");
        let synonym = SYNONYMS.iter().find(|(synonym, _)| *synonym == name.replace('_', ""));
        let near = synonym.map(|(_, known)| *known).or_else(|| nearest(names(), &name));
        problems.push(Problem::error(entry.node.place, format!("`{word}` is not a distribution")).fix(
            match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known: {}", names().collect::<Vec<_>>().join(", ")),
            },
        ));
    }
    found
}
