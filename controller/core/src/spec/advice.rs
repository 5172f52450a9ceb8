//! Warnings: what a file says is possible, but probably not what was meant.

use serde_json::Value;

use super::field::{figure, find};
use super::problem::Problem;
use super::yaml::{Entry, Kind, Node};
use super::{Method, SweepSpec};
use crate::objective::Goal;
use crate::space::{Domain, tidy};

/// A linear range over so many decades hardly ever tries its lower part.
const DECADES: f64 = 2.0;
/// Parts of names of what is wanted small, and of what is wanted large.
const COSTS: [&str; 9] = ["loss", "error", "rmse", "mse", "mae", "perplexity", "regret", "latency", "cost"];
const GAINS: [&str; 10] =
    ["acc", "f1", "auc", "precision", "recall", "score", "reward", "iou", "bleu", "throughput"];

/// Looks at everything but the command.
pub(super) fn advise(entries: &[Entry], problems: &mut Vec<Problem>) {
    if let Some(parameters) = find(entries, "parameters") {
        group(&parameters.node, problems);
    }
    if let Some(metric) = find(entries, "metric") {
        goal(&metric.node, problems);
    }
    if let Some(Kind::Sequence(several)) = find(entries, "metrics").map(|metrics| &metrics.node.kind) {
        several.iter().for_each(|metric| goal(metric, problems));
    }
}

/// Looks at what the file came to.
pub(super) fn advise_on(spec: &SweepSpec, entries: &[Entry], problems: &mut Vec<Problem>) {
    categories(spec, entries, problems);
    let cap = find(entries, "run_cap");
    if let (Method::Grid, Some(cap), Some(most), Some(cells)) =
        (spec.method, cap, spec.run_cap, crate::search::grid_points(spec))
        && cells > most
    {
        problems.push(
            Problem::warning(
                cap.node.place,
                format!("the grid has {cells} cells; only the first {most} are tried"),
            )
            .fix("use method: random for an even sample of them"),
        );
    }
}

/// Evolution moves numbers; categories are hardly more than drawn.
fn categories(spec: &SweepSpec, entries: &[Entry], problems: &mut Vec<Problem>) {
    let varied = || spec.parameters.iter().filter(|one| one.domain.support(1).is_none());
    let is_category = |domain: &Domain| match domain {
        Domain::Categorical { values, .. } => !values.iter().all(Value::is_number),
        _ => false,
    };
    let (all, of_categories) = (varied().count(), varied().filter(|one| is_category(&one.domain)).count());
    if let (Method::Cmaes, Some(entry)) = (spec.method, find(entries, "method"))
        && 2 * of_categories > all
    {
        let message = format!("cmaes moves numbers, and {of_categories} of {all} parameters are categories");
        problems.push(Problem::warning(entry.node.place, message).fix("use method: tpe or auto"));
    }
}

fn group(node: &Node, problems: &mut Vec<Problem>) {
    let Kind::Mapping(entries) = &node.kind else { return };
    for entry in entries {
        let Kind::Mapping(keys) = &entry.node.kind else { continue };
        if let Some(inner) = find(keys, "parameters") {
            group(&inner.node, problems);
        } else {
            definition(&entry.key, keys, problems);
        }
    }
}

fn definition(name: &str, keys: &[Entry], problems: &mut Vec<Problem>) {
    let get = |key: &str| find(keys, key).map(|entry| &entry.node);
    if let Some(Node { kind: Kind::Sequence(_), place, .. }) = get("value") {
        problems.push(
            Problem::warning(
                *place,
                format!("`value` of `{name}` is a list, and every trial gets all of it"),
            )
            .fix("for a choice among its items write `values`"),
        );
    }
    if let Some(Node { kind: Kind::Sequence(items), .. }) = get("values") {
        items.iter().for_each(|item| text_for_another_kind(name, item, problems));
    }
    powers_of_ten(name, keys, problems);
    let linear = get("distribution").is_none_or(|node| node.to_value() == "uniform");
    let bounds = (get("min").and_then(|node| node.to_value().as_f64()), get("max").map(Node::to_value));
    if let (true, (Some(min), Some(max))) = (linear, bounds)
        && let Some(max) = max.as_f64().filter(|max| max.fract() != 0.0 || min.fract() != 0.0)
        && min > 0.0
        && (max / min).log10() >= DECADES
        && let Some(node) = get("min")
    {
        problems.push(
            Problem::warning(
                node.place,
                format!(
                    "`{name}` is even between {} and {}: nine in ten trials lie above {}",
                    figure(min),
                    figure(max),
                    figure(tidy(max / 10.0))
                ),
            )
            .fix("for a range over several decades write distribution: log_uniform_values"),
        );
    }
}

/// Bounds of `log_uniform` that look like powers of ten: `min: -5, max: -1`.
fn powers_of_ten(name: &str, keys: &[Entry], problems: &mut Vec<Problem>) {
    let Some(Value::String(kind)) = find(keys, "distribution").map(|entry| entry.node.to_value()) else {
        return;
    };
    let whole = |key: &str| find(keys, key).and_then(|entry| entry.node.to_value().as_i64());
    let exponents = kind == "log_uniform" || kind == "q_log_uniform";
    if let (true, Some(min), Some(max), Some(place)) =
        (exponents, whole("min"), whole("max"), find(keys, "min").map(|entry| entry.node.place))
        && (-10..0).contains(&min)
        && max <= 0
    {
        problems.push(
            Problem::warning(
                place,
                format!(
                    "the bounds of `{name}` are natural-log exponents: from {:.2e} to {:.2e}",
                    (min as f64).exp(),
                    (max as f64).exp()
                ),
            )
            .fix(format!(
                "if powers of ten were meant: distribution: {kind}_values, min: 1.0e{min:+}, max: 1.0e{max:+}"
            )),
        );
    }
}

/// `"0.1"` or `"None"` among values.
fn text_for_another_kind(name: &str, item: &Node, problems: &mut Vec<Problem>) {
    let Kind::Scalar(Value::String(text)) = &item.kind else { return };
    let kind = match text.as_str() {
        "None" => "null",
        // Other texts without quotes have a reason of their own, which is warned of where it is read.
        _ if !item.quoted => return,
        "True" | "true" | "False" | "false" => "a boolean",
        text if text.parse::<f64>().is_ok_and(f64::is_finite) => "a number",
        _ => return,
    };
    problems.push(
        Problem::warning(item.place, format!("\"{text}\" among the values of `{name}` is text, not {kind}"))
            .fix(if kind == "null" { "write null" } else { "take the quotes away" }),
    );
}

fn goal(metric: &Node, problems: &mut Vec<Problem>) {
    let Kind::Mapping(entries) = &metric.kind else { return };
    let get = |key: &str| find(entries, key);
    let Some(Value::String(name)) = get("name").map(|entry| entry.node.to_value()) else { return };
    let goal = match get("goal").map(|entry| entry.node.to_value()) {
        Some(Value::String(goal)) if goal == Goal::Maximize.word() => Goal::Maximize,
        Some(Value::String(goal)) if goal != Goal::Minimize.word() => return,
        _ => Goal::Minimize,
    };
    let words: Vec<String> = name
        .split(|c: char| !c.is_ascii_alphanumeric())
        .map(str::to_lowercase)
        .filter(|word| !word.is_empty())
        .collect();
    let named = |parts: &[&str]| {
        words.iter().any(|word| parts.iter().any(|part| word.starts_with(part) || word.ends_with(part)))
    };
    let (cost, gain) = (named(&COSTS), named(&GAINS));
    let place = get("goal").or_else(|| get("name")).map_or(metric.place, |entry| entry.node.place);
    let doubt = match goal {
        Goal::Maximize if cost && !gain => "minimize",
        Goal::Minimize if gain && !cost => "maximize",
        _ => return,
    };
    problems.push(
        Problem::warning(
            place,
            format!("the sweep is to {} `{name}`, which sounds like the opposite", goal.word()),
        )
        .fix(format!("goal: {doubt}")),
    );
}
