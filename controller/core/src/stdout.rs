//! Metrics from plain output: a rule of the sweep file that says which lines are points of the curves.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::Value;

use crate::value::of_non_finite_word;

/// Names of fields and groups that say where a point stands, not what it is worth.
const STEP: [&str; 2] = ["step", "_step"];
const EPOCH: &str = "epoch";
/// The word for lines of JSON.
const JSON: &str = "json";

/// What a sweep file's `report: {stdout: ...}` asks for.
#[derive(Debug, Clone)]
pub enum StdoutRule {
    /// A line that is a JSON object: its numbers are values.
    Json,
    /// A regular expression with named groups, each a value; or with the groups `name` and `value`, as often as it
    /// matches.
    Pattern(Regex),
}

/// A point found in a line.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    pub step: Option<u64>,
    pub epoch: Option<f64>,
    /// At least one.
    pub values: BTreeMap<String, f64>,
}

impl StdoutRule {
    /// The rule of a text: `json`, or a regular expression.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text == JSON {
            return Ok(Self::Json);
        }
        let pattern = Regex::new(text).map_err(|error| {
            let words = error.to_string();
            let last = words.lines().last().unwrap_or_default().trim();
            last.strip_prefix("error: ").unwrap_or(last).to_owned()
        })?;
        let mut names =
            pattern.capture_names().flatten().filter(|name| !STEP.contains(name) && *name != EPOCH);
        if names.next().is_none() {
            return Err("it has no named group for a metric, as (?P<loss>\\S+)".to_owned());
        }
        Ok(Self::Pattern(pattern))
    }

    /// The point in a line, if there is one.
    pub fn read(&self, line: &str) -> Option<Point> {
        let mut point = Point { step: None, epoch: None, values: BTreeMap::new() };
        match self {
            Self::Json => {
                let Ok(Value::Object(fields)) = serde_json::from_str(line) else { return None };
                for (name, value) in fields {
                    if let Some(value) = number(&value) {
                        point.put(&name, value);
                    }
                }
            }
            Self::Pattern(pattern) => {
                for found in pattern.captures_iter(line) {
                    if let (Some(name), Some(value)) = (found.name("name"), found.name("value")) {
                        point.put_text(name.as_str(), value.as_str());
                        continue;
                    }
                    for name in pattern.capture_names().flatten() {
                        if let Some(value) = found.name(name) {
                            point.put_text(name, value.as_str());
                        }
                    }
                }
            }
        }
        (!point.values.is_empty()).then_some(point)
    }
}

impl Point {
    fn put_text(&mut self, name: &str, text: &str) {
        if let Ok(value) = text.trim_end_matches([',', ';', '%']).parse() {
            self.put(name, value);
        }
    }

    fn put(&mut self, name: &str, value: f64) {
        if STEP.contains(&name) {
            self.step = (value >= 0.0).then_some(value as u64);
        } else if name == EPOCH {
            self.epoch = Some(value);
        } else {
            self.values.insert(name.to_owned(), value);
        }
    }
}

/// A JSON number, or one of the strings that stand for those that JSON lacks.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::String(text) => of_non_finite_word(text),
        other => other.as_f64(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Parts = (Option<u64>, Option<f64>, Vec<(String, f64)>);

    fn read(rule: &str, line: &str) -> Option<Parts> {
        let point = StdoutRule::parse(rule).expect("is a rule").read(line)?;
        Some((point.step, point.epoch, point.values.into_iter().collect()))
    }

    fn values(pairs: &[(&str, f64)]) -> Vec<(String, f64)> {
        pairs.iter().map(|&(name, value)| (name.to_owned(), value)).collect()
    }

    #[test]
    fn json_lines_are_points() {
        let found = read("json", r#"{"step": 3, "epoch": 1.5, "loss": 0.25, "note": "x", "acc": "NaN"}"#);
        let (step, epoch, values) = found.expect("is a point");
        assert_eq!((step, epoch, values.len()), (Some(3), Some(1.5), 2));
        for line in ["loss: 3", "[1, 2]", r#"{"step": 3}"#, r#"{"note": "x"}"#, ""] {
            assert_eq!(read("json", line), None, "{line}");
        }
    }

    #[test]
    fn named_groups_are_values() {
        let rule = r"epoch (?P<epoch>\d+).*loss (?P<loss>\S+)";
        assert_eq!(read(rule, "epoch 3: loss 0.5, fine"), Some((None, Some(3.0), values(&[("loss", 0.5)]))));
        assert_eq!(read(rule, "epoch 3: loss unknown"), None);
        assert_eq!(read(rule, "hello"), None);
        let pairs = r"(?P<name>[\w.-]+)=(?P<value>\S+)";
        assert_eq!(
            read(pairs, "step=7 loss=1e-3 acc=93%"),
            Some((Some(7), None, values(&[("acc", 93.0), ("loss", 0.001)])))
        );
    }

    #[test]
    fn a_rule_without_a_metric_is_refused() {
        for (rule, words) in
            [("(", "unclosed group"), ("loss (.*)", "no named group"), (r"(?P<step>\d+)", "no named group")]
        {
            let error = StdoutRule::parse(rule).expect_err(rule);
            assert!(error.contains(words), "{rule}: {error}");
        }
    }
}
