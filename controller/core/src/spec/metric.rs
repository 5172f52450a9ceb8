//! `metric`: what the sweep is after.

use serde_json::Value;

use super::field::{filled, find, mapping, number, word};
use super::problem::Problem;
use super::yaml::{Entry, Kind};
use super::{Impute, Metric, NonFinite};
use crate::objective::Goal;

pub(super) const METRIC: [&str; 6] =
    ["name", "goal", "target", "impute", "impute_while_running", "non_finite"];

/// What stands at `metric`, or is an item of `metrics` under that name.
pub(super) fn metric(entry: &Entry, problems: &mut Vec<Problem>) -> Option<Metric> {
    let example = match &entry.node.kind {
        Kind::Scalar(Value::String(name)) => format!("metric: {{name: {name}, goal: minimize}}"),
        _ => "metric: {name: val_loss, goal: minimize}".to_owned(),
    };
    let entries = mapping(entry, &METRIC, &example, problems)?;
    let get = |key: &str| find(entries, key);
    let goal = match get("goal") {
        None => Some(Goal::Minimize),
        Some(inner) => {
            let goals = [Goal::Minimize, Goal::Maximize];
            word(inner, &goals.map(Goal::word), problems)
                .and_then(|word| goals.into_iter().find(|goal| goal.word() == word))
        }
    };
    let target = get("target").and_then(|inner| number(inner, problems));
    let named = |word: &str| Impute::ALL.into_iter().find(|impute| impute.word() == word);
    let impute = get("impute").and_then(|inner| word(inner, &Impute::ALL.map(Impute::word), problems));
    let impute = impute.and_then(named).unwrap_or_default();
    // Where W&B's default is the text "false", a boolean false is meant as well.
    let running = get("impute_while_running").filter(|inner| inner.node.to_value() != false);
    let running = running.and_then(|inner| word(inner, &["false", "latest", "best", "worst"], problems));
    let impute_while_running = running.and_then(named);
    let non_finite = get("non_finite").and_then(|inner| word(inner, &["keep", "fail"], problems));
    let non_finite = if non_finite == Some("fail") { NonFinite::Fail } else { NonFinite::Keep };
    let Some(name) = get("name") else {
        problems.push(
            Problem::error(entry.key_place, "`metric` has no `name`")
                .fix("name what the program reports: metric: {name: val_loss, goal: minimize}"),
        );
        return None;
    };
    let name = filled(name, problems)?;
    Some(Metric { name, goal: goal?, target, impute, impute_while_running, non_finite })
}
