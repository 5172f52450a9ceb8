//! The keys at the top of a sweep file.

use super::field::{duration, filled, find, mapping, text, whole, word};
use super::names::{meant, unknown_keys};
use super::parameter::Lowered;
use super::problem::{Place, Problem};
use super::yaml::{Entry, Kind, Node};
use super::{
    Limits, Method, Severity, SweepSpec, advice, command_line, condition, constraint, early_terminate,
    metric, metrics, parameter, stop, warm_start,
};
use crate::fault::INFRASTRUCTURE_RETRIES;
use crate::stdout::StdoutRule;
use crate::stop::SweepRule;

/// Keys that mean something here.
pub(super) const KNOWN: [&str; 21] = [
    "method",
    "parameters",
    "metric",
    "metrics",
    "program",
    "command",
    "name",
    "seed",
    "run_cap",
    "early_terminate",
    "stop",
    "description",
    "project",
    "constraints",
    "report",
    "retries",
    "infrastructure_retries",
    "trial_timeout",
    "max_parallel",
    "stop_grace",
    "warm_start",
];
/// Keys of W&B's service that a self-hosted sweep has no use for.
pub(super) const IGNORED: [&str; 4] = ["entity", "controller", "apiVersion", "kind"];
/// Most parameters of a sweep; people have some dozens.
const MOST_PARAMETERS: usize = 1_000;
/// As many unknown keys are searched for what was meant.
const MANY: usize = 50;
/// Keys for features that do not exist here, and what to do instead.
const FOREIGN: [(&str, &str, &str); 3] = [
    ("job", "a job of W&B Launch", "name what a trial runs: program: train.py"),
    ("image_uri", "an image of W&B Launch", "name what a trial runs: program: train.py"),
    ("scheduler", "an external scheduler of W&B's", "leave it out: the controller searches by itself"),
];

/// What other tools call methods.
const OTHER_METHODS: [(&str, &str); 15] = [
    ("gp", "bayes"),
    ("bo", "bayes"),
    ("gaussianprocess", "bayes"),
    ("bayesopt", "bayes"),
    ("skopt", "bayes"),
    ("parzen", "tpe"),
    ("hyperopt", "tpe"),
    ("motpe", "tpe"),
    ("cma", "cmaes"),
    ("evolution", "cmaes"),
    ("qmc", "sobol"),
    ("quasirandom", "sobol"),
    ("halton", "sobol"),
    ("optuna", "auto"),
    ("default", "auto"),
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

    let method = method(entries, root.place, problems);
    let parameters = parameters(entries, root.place, problems);
    let metric = get("metric").and_then(|entry| metric::metric(entry, problems));
    let metrics = get("metrics").map(|entry| metrics::metrics(entry, problems)).unwrap_or_default();
    metrics::check(entries, method, problems);
    warm_start::check(entries, method, problems);
    if let (Some(Method::Grid), Some(parameters)) = (method, &parameters) {
        check_grid(parameters, problems);
    }
    let parameters = parameters.map(|lowered| condition::arrange(lowered, problems));
    let constraints = match (get("constraints"), &parameters) {
        (Some(entry), Some(parameters)) => constraint::constraints(entry, parameters, problems),
        _ => Vec::new(),
    };
    if !["metric", "metrics"].iter().any(|key| get(key).is_some() || nearly(entries, key)) {
        needs_metric(entries, method, problems);
    }
    let early_terminate =
        get("early_terminate").and_then(|entry| early_terminate::early_terminate(entry, problems));
    let stop = get("stop").and_then(|entry| stop::stop(entry, problems)).unwrap_or_default();
    let target = metric.as_ref().and_then(|metric| metric.target);
    let mut words = |key: &str| get(key).and_then(|entry| text(entry, problems)).unwrap_or_default();
    let (name, description, project) = (words("name"), words("description"), words("project"));
    let program = get("program").and_then(|entry| filled(entry, problems)).unwrap_or_default();
    let command = get("command").map(|entry| command_line::command(entry, problems)).unwrap_or_default();
    let runs = ["program", "command", "job", "image_uri"];
    if !runs.iter().any(|key| get(key).is_some() || nearly(entries, key)) {
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
        metrics,
        parameters: parameters?,
        constraints,
        seed: get("seed").and_then(|entry| whole(entry, 0, problems)),
        run_cap: get("run_cap").and_then(|entry| whole(entry, 1, problems)),
        limits: limits(entries, problems),
        early_terminate,
        stop: SweepRule { target, ..stop },
        warm_start: get("warm_start")
            .map(|entry| warm_start::warm_start(entry, problems))
            .unwrap_or_default(),
        stdout_rule: get("report").and_then(|entry| stdout_rule(entry, problems)),
    };
    let sound = !problems.iter().any(|problem| problem.severity == Severity::Error);
    if let (Some(entry), true) = (get("constraints"), sound) {
        constraint::check_space(&spec, entry, problems);
    }
    if sound {
        advice::advise_on(&spec, entries, problems);
        if let Some(entry) = get("command") {
            command_line::check(entry, &spec, problems);
        }
    }
    Some(spec)
}

fn check_keys(entries: &[Entry], problems: &mut Vec<Problem>) {
    let foreign = |entry: &Entry| FOREIGN.iter().find(|(key, ..)| *key == entry.key);
    for entry in entries {
        if let Some((key, feature, instead)) = foreign(entry) {
            problems.push(
                Problem::error(
                    entry.key_place,
                    format!("`{key}` asks for {feature}, which Sweep does not have"),
                )
                .fix(*instead),
            );
        }
    }
    let unknown = entries.iter().filter(|entry| !is_known(&entry.key) && foreign(entry).is_none());
    unknown_keys(unknown, &[&KNOWN[..], &IGNORED[..]].concat(), problems);
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
            None => problems.push(
                Problem::error(controller.key_place, "`controller` has no `type`")
                    .fix("leave `controller` out"),
            ),
        }
    }
}

fn limits(entries: &[Entry], problems: &mut Vec<Problem>) -> Limits {
    let get = |key: &str| find(entries, key);
    let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    Limits {
        retries: get("retries").and_then(|entry| whole(entry, 0, problems)).map_or(0, small),
        infrastructure_retries: get("infrastructure_retries")
            .and_then(|entry| whole(entry, 0, problems))
            .map_or(INFRASTRUCTURE_RETRIES, small),
        max_parallel: get("max_parallel").and_then(|entry| whole(entry, 1, problems)).map(small),
        trial_timeout: get("trial_timeout").and_then(|entry| duration(entry, problems)),
        stop_grace: get("stop_grace").and_then(|entry| duration(entry, problems)),
    }
}

/// Whether an unknown key was probably meant as this one: its own problem says enough.
fn nearly(entries: &[Entry], key: &str) -> bool {
    let unknown = entries.iter().filter(|entry| !is_known(&entry.key)).take(MANY);
    unknown.into_iter().any(|entry| meant(KNOWN.into_iter().chain(IGNORED), &entry.key) == Some(key))
}

fn is_known(key: &str) -> bool {
    KNOWN.contains(&key) || IGNORED.contains(&key)
}

fn needs_metric(entries: &[Entry], method: Option<Method>, problems: &mut Vec<Problem>) {
    const FIX: &str = "add metric: {name: val_loss, goal: minimize}";
    if let (Some(method), Some(entry)) =
        (method.filter(|method| method.needs_history()), find(entries, "method"))
    {
        let message = format!("{} needs a `metric`, to know what to optimise", method.word());
        problems.push(Problem::error(entry.node.place, message).fix(FIX));
    }
    if let Some(entry) = find(entries, "early_terminate") {
        problems
            .push(Problem::error(entry.key_place, "early_terminate needs a `metric` to judge by").fix(FIX));
    }
    if let Some(stop) = find(entries, "stop")
        && let Kind::Mapping(keys) = &stop.node.kind
        && let Some(entry) = find(keys, "no_improvement")
    {
        problems.push(
            Problem::error(entry.key_place, "no_improvement needs a `metric`, to know what is better")
                .fix(FIX),
        );
    }
}

fn missing(place: Place, key: &str, fix: &str) -> Problem {
    Problem::error(Place { length: 1, ..place }, format!("`{key}` is missing")).fix(fix)
}

fn method(entries: &[Entry], top: Place, problems: &mut Vec<Problem>) -> Option<Method> {
    let Some(entry) = find(entries, "method") else {
        if !nearly(entries, "method") {
            problems.push(missing(top, "method", "add `method: random` (or grid)"));
        }
        return None;
    };
    if entry.node.to_value() == "custom" {
        problems.push(
            Problem::error(
                entry.node.place,
                "`custom` leaves the search to an external scheduler of W&B's, which Sweep does not have",
            )
            .fix("use auto, or another of its methods by name: sweep-ctl explain method"),
        );
        return None;
    }
    let value = entry.node.to_value();
    let other = value.as_str().map(|word| word.to_lowercase().replace(['-', '_', ' '], ""));
    if let Some((_, known)) = OTHER_METHODS.iter().find(|(name, _)| other.as_deref() == Some(name)) {
        let message = format!("`{}` is not a method here", value.as_str().unwrap_or_default());
        problems.push(Problem::error(entry.node.place, message).fix(format!("did you mean `{known}`?")));
        return None;
    }
    let word = word(entry, &Method::ALL.map(Method::word), problems)?;
    Method::ALL.into_iter().find(|method| method.word() == word)
}

fn parameters(entries: &[Entry], top: Place, problems: &mut Vec<Problem>) -> Option<Vec<Lowered>> {
    let Some(entry) = find(entries, "parameters") else {
        if !nearly(entries, "parameters") {
            problems.push(missing(top, "parameters", "add `parameters:` with at least one parameter"));
        }
        return None;
    };
    let mut out = Vec::new();
    parameter::lower_group(entry, &mut Vec::new(), &mut out, problems);
    if out.len() > MOST_PARAMETERS {
        problems.push(Problem::error(
            entry.key_place,
            format!("{} parameters are more than {MOST_PARAMETERS}", out.len()),
        ));
        return None;
    }
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

/// Reads `report: {stdout: json}` or `report: {stdout: REGEX}`.
fn stdout_rule(entry: &Entry, problems: &mut Vec<Problem>) -> Option<String> {
    let before = problems.len();
    let entries = mapping(entry, &["stdout"], "report: {stdout: json}", problems)?;
    let Some(stdout) = find(entries, "stdout") else {
        if problems.len() == before {
            problems.push(
                Problem::error(entry.key_place, "`report` has no `stdout`")
                    .fix("write report: {stdout: json}"),
            );
        }
        return None;
    };
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
