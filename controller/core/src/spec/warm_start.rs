//! `warm_start`: earlier sweeps whose trials the search begins with.

use serde_json::Value;

use super::Method;
use super::field::{find, shown, wrong};
use super::problem::Problem;
use super::yaml::{Entry, Kind, Node};

/// Most sweeps and trials that are named.
const MOST: usize = 1_000;
const EXAMPLE: &str = "warm_start: [k3x9q2ab]";

/// Reads `warm_start: [SWEEP, SWEEP/NUMBER, ...]`.
pub(super) fn warm_start(entry: &Entry, problems: &mut Vec<Problem>) -> Vec<String> {
    let Kind::Sequence(items) = &entry.node.kind else {
        let example = match name(&entry.node) {
            Some(name) => format!("warm_start: [{name}]"),
            None => EXAMPLE.to_owned(),
        };
        problems.push(wrong(entry, "a list of sweeps").fix(format!("write {example}")));
        return Vec::new();
    };
    if items.is_empty() || items.len() > MOST {
        let message = format!("`warm_start` names {} sweeps or trials; 1 to {MOST} can be", items.len());
        let fix = if items.is_empty() { "leave it out" } else { "name whole sweeps" };
        problems.push(Problem::error(entry.key_place, message).fix(fix));
    }
    items.iter().filter_map(|item| item_of(item, problems)).collect()
}

fn item_of(item: &Node, problems: &mut Vec<Problem>) -> Option<String> {
    if let Some(name) = name(item) {
        return Some(name.to_owned());
    }
    let fix = match &item.kind {
        // An id may be all digits.
        Kind::Scalar(Value::Number(number)) => format!("put it in quotes: \"{number}\""),
        _ => format!("write {EXAMPLE}, or a trial: k3x9q2ab/7"),
    };
    let message =
        format!("an earlier sweep is named by its id, or a trial by SWEEP/NUMBER; this is {}", shown(item));
    problems.push(Problem::error(item.place, message).fix(fix));
    None
}

/// The id of a sweep, or the first letters of it, perhaps with a trial's number.
fn name(node: &Node) -> Option<&str> {
    let Kind::Scalar(Value::String(text)) = &node.kind else { return None };
    let text = text.as_str();
    let (sweep, number) = text.split_once('/').unwrap_or((text, "1"));
    let is_id = !sweep.is_empty() && sweep.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    (is_id && number.parse::<u64>().is_ok_and(|number| number > 0)).then_some(text)
}

/// Methods that look at no trials cannot begin with any.
pub(super) fn check(entries: &[Entry], method: Option<Method>, problems: &mut Vec<Problem>) {
    if let (Some(entry), Some(method)) = (find(entries, "warm_start"), method)
        && !method.needs_history()
    {
        let message = format!("{} looks at no other trial, so earlier ones change nothing", method.word());
        problems.push(
            Problem::error(entry.key_place, message)
                .fix("use method: auto, bayes, tpe or cmaes; or leave it out"),
        );
    }
}
