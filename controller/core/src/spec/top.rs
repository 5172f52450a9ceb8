//! The keys at the top of a sweep file.

use serde_json::Value;

use super::field::{duration, find, mapping, text, unknown_key, whole, word};
use super::parameter::Lowered;
use super::problem::{Place, Problem};
use super::yaml::{Entry, Kind, Node};
use super::{Limits, Method, Severity, SweepSpec, advice, condition, metric, parameter};
use crate::stdout::StdoutRule;

/// Keys that mean something here.
pub(super) const KNOWN: [&str; 17] = [
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
    "project",
    "constraints",
    "report",
    "retries",
    "trial_timeout",
    "max_parallel",
    "stop_grace",
];
/// Keys of W&B's service that a self-hosted sweep has no use for.
pub(super) const IGNORED: [&str; 4] = ["entity", "controller", "apiVersion", "kind"];
/// Keys for features that do not exist here.
const FOREIGN: [(&str, &str); 4] = [
    ("job", "a job of W&B Launch"),
    ("image_uri", "an image of W&B Launch"),
    ("scheduler", "an external scheduler of W&B's"),
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
    check_ignored(entries, problems);
    advice::advise(entries, problems);
    let get = |key: &str| find(entries, key);

    let method = method(get("method"), root.place, problems);
    let parameters = parameters(get("parameters"), root.place, problems);
    let metric = get("metric").and_then(|entry| metric::metric(entry, problems));
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
    let early_terminate = get("early_terminate").and_then(|entry| metric::early_terminate(entry, problems));
    let mut words = |key: &str| get(key).and_then(|entry| text(entry, problems)).unwrap_or_default();
    let (name, description, project, program) =
        (words("name"), words("description"), words("project"), words("program"));
    let command = get("command").map(|entry| command(entry, problems)).unwrap_or_default();
    if program.is_empty() && get("program").is_none() && get("command").is_none() {
        problems.push(missing(root.place, "program", "say what a trial runs: program: train.py"));
    }
    let spec = SweepSpec {
        method: method?,
        name,
        description,
        project,
        program,
        command,
        metric,
        parameters: parameters?,
        constraints,
        seed: get("seed").and_then(|entry| whole(entry, 0, problems)),
        run_cap: get("run_cap").and_then(|entry| whole(entry, 1, problems)),
        limits: limits(entries, problems),
        early_terminate,
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

/// Ignored keys still have their forms: what W&B refuses was not meant.
fn check_ignored(entries: &[Entry], problems: &mut Vec<Problem>) {
    for key in ["entity", "apiVersion"] {
        if let Some(entry) = find(entries, key) {
            text(entry, problems);
        }
    }
    if let Some(kind) = find(entries, "kind") {
        word(kind, &["sweep"], problems);
    }
    if let Some(controller) = find(entries, "controller")
        && let Some(inner) = mapping(controller, &["type"], "controller: {type: local}", problems)
    {
        match find(inner, "type") {
            Some(kind) => {
                word(kind, &["cloud", "local"], problems);
            }
            None => problems.push(Problem::error(controller.key_place, "`controller` has no `type`")),
        }
    }
}

fn limits(entries: &[Entry], problems: &mut Vec<Problem>) -> Limits {
    let get = |key: &str| find(entries, key);
    let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    Limits {
        retries: get("retries").and_then(|entry| whole(entry, 0, problems)).map_or(0, small),
        max_parallel: get("max_parallel").and_then(|entry| whole(entry, 1, problems)).map(small),
        trial_timeout: get("trial_timeout").and_then(|entry| duration(entry, problems)),
        stop_grace: get("stop_grace").and_then(|entry| duration(entry, problems)),
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
    if entry.node.to_value() == "custom" {
        problems.push(
            Problem::error(
                entry.node.place,
                "`custom` leaves the search to an external scheduler of W&B's, which Sweep does not have",
            )
            .fix("use grid, random or bayes"),
        );
        return None;
    }
    let word = word(entry, &Method::ALL.map(Method::word), problems)?;
    Method::ALL.into_iter().find(|method| method.word() == word)
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
    let entries = mapping(entry, &["stdout"], "report: {stdout: json}", problems)?;
    let stdout = find(entries, "stdout")?;
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
