//! `metrics`: several things that the sweep is after at once.

use serde_json::Value;

use super::field::{find, shown, wrong};
use super::metric::metric;
use super::problem::Problem;
use super::yaml::{Entry, Kind, Node};
use super::{Method, Metric};

/// Fewest and most objectives. With more, next to no trial is worse in all than another, and none is learnt from.
const MANY: std::ops::RangeInclusive<usize> = 2..=4;
const EXAMPLE: &str = "metrics: [{name: val_loss, goal: minimize}, {name: latency, goal: minimize}]";

/// Reads `metrics: [...]`; empty if something is wrong.
pub(super) fn metrics(entry: &Entry, problems: &mut Vec<Problem>) -> Vec<Metric> {
    let Kind::Sequence(items) = &entry.node.kind else {
        problems.push(wrong(entry, "a list of metrics").fix(format!("write {EXAMPLE}")));
        return Vec::new();
    };
    let read: Vec<Option<Metric>> = items.iter().map(|item| of_item(item, problems)).collect();
    for (at, one) in read.iter().enumerate() {
        let Some(one) = one else { continue };
        if read[..at].iter().flatten().any(|other| other.name == one.name) {
            let message = format!("`{}` is among the metrics already", one.name);
            problems.push(Problem::error(items[at].place, message).fix("take it out"));
        }
    }
    if !MANY.contains(&items.len()) {
        problems.push(out_of_range(entry, items));
        return Vec::new();
    }
    let all: Option<Vec<Metric>> = read.into_iter().collect();
    all.unwrap_or_default()
}

fn out_of_range(entry: &Entry, items: &[Node]) -> Problem {
    let (least, most) = (MANY.start(), MANY.end());
    let message = format!(
        "`metrics` has {}; several objectives are {least} to {most}",
        if items.len() == 1 { "1 item".to_owned() } else { format!("{} items", items.len()) }
    );
    Problem::error(entry.key_place, message).fix(match items {
        [] => format!("write {EXAMPLE}"),
        [one] => format!("write the one as metric: {}", written(one)),
        _ => "choose those that matter; the program can add others up".to_owned(),
    })
}

/// A metric as it would stand on one line.
fn written(item: &Node) -> String {
    let text = |key: &str| match &item.kind {
        Kind::Mapping(entries) => find(entries, key)?.node.to_value().as_str().map(str::to_owned),
        Kind::Scalar(Value::String(text)) if key == "name" => Some(text.clone()),
        _ => None,
    };
    let name = text("name").unwrap_or_else(|| "val_loss".to_owned());
    let goal = text("goal").unwrap_or_else(|| "minimize".to_owned());
    format!("{{name: {name}, goal: {goal}}}")
}

fn of_item(item: &Node, problems: &mut Vec<Problem>) -> Option<Metric> {
    let Kind::Mapping(entries) = &item.kind else {
        problems.push(
            Problem::error(item.place, format!("a metric is a mapping, this is {}", shown(item)))
                .fix(format!("write {}", written(item))),
        );
        return None;
    };
    let before = problems.len();
    // One is read as a `metric` alone is.
    let entry = Entry { key: "metric".to_owned(), key_place: item.place, node: item.clone() };
    let read = metric(&entry, problems);
    if problems.len() == before {
        refuse_single(entries, problems);
    }
    read
}

/// Keys that mean something to a sweep of one objective only.
fn refuse_single(entries: &[Entry], problems: &mut Vec<Problem>) {
    let mut refuse = |entry: &Entry, message: &str, fix: &str| {
        problems.push(Problem::error(entry.key_place, message).fix(fix));
    };
    if let Some(entry) = find(entries, "target") {
        refuse(
            entry,
            "a `target` is of a sweep after one `metric`: of several, one may be reached at the others' cost",
            "leave it out; run_cap or stop end the sweep",
        );
    }
    let other = |key: &str, word: &str| {
        find(entries, key).filter(|entry| entry.node.to_value() != word && entry.node.to_value() != false)
    };
    if let Some(entry) = other("impute", "worst") {
        refuse(
            entry,
            "with several metrics a failed trial counts as the worst of each",
            "leave `impute` out",
        );
    }
    if let Some(entry) = other("impute_while_running", "false") {
        refuse(
            entry,
            "with several metrics a running trial counts as nothing yet",
            "leave `impute_while_running` out",
        );
    }
}

/// What cannot be with several metrics, or with one beside them.
pub(super) fn check(entries: &[Entry], method: Option<Method>, problems: &mut Vec<Problem>) {
    let get = |key: &str| find(entries, key);
    let Some(several) = get("metrics") else { return };
    if get("metric").is_some() {
        problems.push(
            Problem::error(several.key_place, "`metric` and `metrics` exclude each other")
                .fix("leave `metric` out, and list it under `metrics`"),
        );
    }
    if let (Some(Method::Cmaes), Some(entry)) = (method, get("method")) {
        problems.push(
            Problem::error(
                entry.node.place,
                "cmaes moves to one best point, and several metrics have a front of them",
            )
            .fix("use method: auto, bayes or tpe"),
        );
    }
    if let Some(entry) = get("early_terminate") {
        problems.push(
            Problem::error(
                entry.key_place,
                "early_terminate judges by one `metric`, and this sweep has several",
            )
            .fix("leave it out, or choose one: metric: {name: val_loss, goal: minimize}"),
        );
    }
    if let Some(stop) = get("stop")
        && let Kind::Mapping(keys) = &stop.node.kind
        && let Some(entry) = find(keys, "no_improvement")
    {
        problems.push(
            Problem::error(
                entry.key_place,
                "no_improvement goes by one `metric`, and this sweep has several",
            )
            .fix("leave it out; run_cap, time, device_time and deadline end the sweep"),
        );
    }
}
