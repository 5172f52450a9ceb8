//! The keys at the top of a sweep file.

use serde_json::Value;

use super::parameter::Lowered;
use super::problem::{Place, Problem};
use super::yaml::{Entry, Kind, Node};
use super::{Method, Metric, Severity, SweepSpec, advice, condition, parameter};
use crate::objective::Goal;
use crate::stdout::StdoutRule;

/// Keys that mean something here.
const KNOWN: [&str; 12] = [
    "method",
    "parameters",
    "metric",
    "program",
    "command",
    "name",
    "seed",
    "run_cap",
    "early_terminate",
    "description",
    "constraints",
    "report",
];
/// Keys of W&B's service that a self-hosted sweep has no use for.
const IGNORED: [&str; 5] = ["project", "entity", "controller", "apiVersion", "kind"];
/// Keys for features that do not exist here.
const FOREIGN: [(&str, &str); 4] = [
    ("job", "W&B Launch jobs"),
    ("image_uri", "W&B Launch images"),
    ("scheduler", "W&B's external schedulers"),
    ("metrics", "several objectives"),
];

pub(super) fn lower(root: &Node, problems: &mut Vec<Problem>) -> Option<SweepSpec> {
    let Kind::Mapping(entries) = &root.kind else {
        problems.push(
            Problem::error(root.place, format!("a sweep file is a mapping, this is {}", root.noun()))
                .fix("start with `method:` and `parameters:`"),
        );
        return None;
    };
    check_keys(entries, problems);
    advice::advise(entries, problems);
    let get = |key: &str| entries.iter().find(|entry| entry.key == key);

    let method = method(get("method"), root.place, problems);
    let parameters = parameters(get("parameters"), root.place, problems);
    let metric = get("metric").and_then(|entry| metric(entry, problems));
    if let (Some(Method::Grid), Some(parameters)) = (method, &parameters) {
        check_grid(parameters, problems);
    }
    let parameters = parameters.map(|lowered| condition::arrange(lowered, problems));
    let constraints = match (get("constraints"), &parameters) {
        (Some(entry), Some(parameters)) => condition::constraints(entry, parameters, problems),
        _ => Vec::new(),
    };
    if method == Some(Method::Bayes) && get("metric").is_none() {
        problems.push(missing(
            root.place,
            "metric",
            "bayes needs to know what to optimise: metric: {name: ..., goal: minimize}",
        ));
    }
    if let (Some(entry), None) = (get("early_terminate"), get("metric")) {
        problems.push(Problem::error(entry.key_place, "early_terminate needs a `metric` to judge by"));
    }
    let name = get("name").and_then(|entry| text(entry, problems)).unwrap_or_default();
    let program = get("program").and_then(|entry| text(entry, problems)).unwrap_or_default();
    let command = get("command").map(|entry| command(entry, problems)).unwrap_or_default();
    let seed = get("seed").and_then(|entry| whole(entry, 0, problems));
    let run_cap = get("run_cap").and_then(|entry| whole(entry, 1, problems));
    let spec = SweepSpec {
        method: method?,
        name,
        program,
        command,
        metric,
        parameters: parameters?,
        constraints,
        seed,
        run_cap,
        early_terminate: get("early_terminate").map(early_terminate),
        stdout_rule: get("report").and_then(|entry| stdout_rule(entry, problems)),
    };
    let sound = !problems.iter().any(|problem| problem.severity == Severity::Error);
    if let (Some(entry), true) = (get("constraints"), sound) {
        condition::check_space(&spec, entry.key_place, problems);
    }
    if sound {
        advice::advise_on(&spec, entries, problems);
    }
    Some(spec)
}

fn check_keys(entries: &[Entry], problems: &mut Vec<Problem>) {
    for entry in entries {
        let key = entry.key.as_str();
        if KNOWN.contains(&key) || IGNORED.contains(&key) {
            continue;
        }
        if let Some((_, feature)) = FOREIGN.iter().find(|(foreign, _)| *foreign == key) {
            problems.push(Problem::error(
                entry.key_place,
                format!("`{key}` asks for {feature}, which Sweep does not have"),
            ));
            continue;
        }
        problems.push(unknown_key(entry, KNOWN.into_iter().chain(IGNORED)));
    }
}

/// An unknown key, with the nearest known one as the fix.
pub(super) fn unknown_key<'k>(entry: &Entry, known: impl Iterator<Item = &'k str> + Clone) -> Problem {
    let problem = Problem::error(entry.key_place, format!("`{}` is not a known key here", entry.key));
    let wanted = entry.key.to_lowercase().replace('-', "_");
    let near = known
        .clone()
        .map(|key| (key, strsim::jaro_winkler(key, &wanted)))
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .filter(|(_, score)| *score > 0.8);
    match near {
        _ if wanted == "early_stopping" => problem.fix("did you mean `early_terminate`?"),
        Some((key, _)) => problem.fix(format!("did you mean `{key}`?")),
        None => problem.fix(format!("known keys: {}", known.collect::<Vec<_>>().join(", "))),
    }
}

fn missing(place: Place, key: &str, fix: &str) -> Problem {
    Problem::error(Place { length: 1, ..place }, format!("`{key}` is missing")).fix(fix)
}

fn method(entry: Option<&Entry>, top: Place, problems: &mut Vec<Problem>) -> Option<Method> {
    let Some(entry) = entry else {
        problems.push(missing(top, "method", "add `method: random` (or grid)"));
        return None;
    };
    match text(entry, problems)?.as_str() {
        "grid" => Some(Method::Grid),
        "random" => Some(Method::Random),
        "bayes" => Some(Method::Bayes),
        other => {
            problems.push(
                Problem::error(entry.node.place, format!("`{other}` is not a search method"))
                    .fix("use grid, random or bayes"),
            );
            None
        }
    }
}

fn parameters(entry: Option<&Entry>, top: Place, problems: &mut Vec<Problem>) -> Option<Vec<Lowered>> {
    let Some(entry) = entry else {
        problems.push(missing(top, "parameters", "add `parameters:` with at least one parameter"));
        return None;
    };
    let mut out = Vec::new();
    parameter::lower_group(entry, &mut Vec::new(), &mut out, problems);
    Some(out)
}

fn check_grid(parameters: &[Lowered], problems: &mut Vec<Problem>) {
    for parameter in parameters {
        if parameter.domain.grid_len().is_none() {
            let name = parameter.path.join(".");
            problems.push(
                Problem::error(
                    parameter.place,
                    format!("a grid cannot walk `{name}`: it has no finite list of values"),
                )
                .fix(
                    "give `values: [...]`, whole-number bounds, or a `q_uniform` step; or use method: random",
                ),
            );
        }
    }
}

fn metric(entry: &Entry, problems: &mut Vec<Problem>) -> Option<Metric> {
    let Kind::Mapping(entries) = &entry.node.kind else {
        problems.push(
            Problem::error(entry.node.place, format!("`metric` is a mapping, this is {}", entry.node.noun()))
                .fix("write metric: {name: NAME, goal: minimize}"),
        );
        return None;
    };
    let known = ["name", "goal", "target", "impute", "impute_while_running"];
    for inner in entries.iter().filter(|inner| !known.contains(&inner.key.as_str())) {
        problems.push(unknown_key(inner, known.into_iter()));
    }
    let goal = match entries.iter().find(|inner| inner.key == "goal") {
        None => Some(Goal::Minimize),
        Some(inner) => match text(inner, problems)?.as_str() {
            "minimize" => Some(Goal::Minimize),
            "maximize" => Some(Goal::Maximize),
            other => {
                problems.push(
                    Problem::error(inner.node.place, format!("`{other}` is not a goal"))
                        .fix("use minimize or maximize"),
                );
                None
            }
        },
    };
    if let Some(target) = entries.iter().find(|inner| inner.key == "target") {
        problems.push(
            Problem::error(target.key_place, "stopping a sweep at a `target` is not built yet")
                .fix("leave `target` out, and stop the sweep by hand"),
        );
    }
    let Some(name) = entries.iter().find(|inner| inner.key == "name") else {
        problems.push(Problem::error(entry.key_place, "`metric` has no `name`"));
        return None;
    };
    Some(Metric { name: text(name, problems)?, goal: goal? })
}

fn command(entry: &Entry, problems: &mut Vec<Problem>) -> Vec<String> {
    let Kind::Sequence(items) = &entry.node.kind else {
        problems.push(
            Problem::error(entry.node.place, format!("`command` is a list, this is {}", entry.node.noun()))
                .fix("one item per word: command: [python, train.py, \"${args}\"]"),
        );
        return Vec::new();
    };
    let mut out = Vec::new();
    for item in items {
        match &item.kind {
            Kind::Scalar(Value::Null) | Kind::Sequence(_) | Kind::Mapping(_) => {
                problems.push(Problem::error(
                    item.place,
                    format!("a word of the command cannot be {}", item.noun()),
                ));
            }
            Kind::Scalar(value) => out.push(crate::value::python_str(value)),
        }
    }
    if items.is_empty() {
        problems.push(
            Problem::error(entry.node.place, "`command` is empty")
                .fix("leave it out for the default command"),
        );
    }
    out
}

/// Reads `report: {stdout: json}` or `report: {stdout: REGEX}`.
fn stdout_rule(entry: &Entry, problems: &mut Vec<Problem>) -> Option<String> {
    let Kind::Mapping(entries) = &entry.node.kind else {
        problems.push(
            Problem::error(entry.node.place, format!("`report` is a mapping, this is {}", entry.node.noun()))
                .fix("write report: {stdout: json}"),
        );
        return None;
    };
    for inner in entries.iter().filter(|inner| inner.key != "stdout") {
        problems.push(unknown_key(inner, ["stdout"].into_iter()));
    }
    let stdout = entries.iter().find(|inner| inner.key == "stdout")?;
    let rule = text(stdout, problems)?;
    match StdoutRule::parse(&rule) {
        Ok(_) => Some(rule),
        Err(why) => {
            problems.push(
                Problem::error(
                    stdout.node.place,
                    format!("`stdout` is neither `json` nor a usable regular expression: {why}"),
                )
                .fix("for example stdout: 'loss (?P<loss>\\S+)'"),
            );
            None
        }
    }
}

fn early_terminate(entry: &Entry) -> String {
    match &entry.node.kind {
        Kind::Mapping(entries) => entries
            .iter()
            .find(|inner| inner.key == "type")
            .map_or_else(|| "(no type)".to_owned(), |inner| crate::value::python_str(&inner.node.to_value())),
        _ => crate::value::python_str(&entry.node.to_value()),
    }
}

pub(super) fn text(entry: &Entry, problems: &mut Vec<Problem>) -> Option<String> {
    if let Kind::Scalar(Value::String(text)) = &entry.node.kind {
        return Some(text.clone());
    }
    problems.push(
        Problem::error(
            entry.node.place,
            format!("`{}` must be text, this is {}", entry.key, entry.node.noun()),
        )
        .fix("put it in quotes"),
    );
    None
}

fn whole(entry: &Entry, least: u64, problems: &mut Vec<Problem>) -> Option<u64> {
    let found = match &entry.node.kind {
        Kind::Scalar(Value::Number(number)) => number.as_u64().or_else(|| {
            number.as_f64().filter(|f| f.fract() == 0.0 && *f >= 0.0 && *f < 9e15).map(|f| f as u64)
        }),
        _ => None,
    };
    if let Some(value) = found.filter(|value| *value >= least) {
        return Some(value);
    }
    problems.push(Problem::error(
        entry.node.place,
        format!("`{}` must be a whole number, at least {least}", entry.key),
    ));
    None
}
