//! The `parameters` of a sweep file, nested to any depth.

use serde_json::Value;

use super::Severity;
use super::condition::{self, RawWhen};
use super::distribution::Definition;
use super::names::unknown_keys;
use super::problem::{Place, Problem};
use super::yaml::{Entry, Kind};
use crate::space::Domain;

pub(super) const KEYS: [&str; 13] = [
    "value",
    "values",
    "probabilities",
    "distribution",
    "min",
    "max",
    "mu",
    "sigma",
    "a",
    "b",
    "q",
    "parameters",
    "when",
];

/// A parameter before its conditions are resolved.
pub(super) struct Lowered {
    pub(super) path: Vec<String>,
    pub(super) domain: Domain,
    pub(super) place: Place,
    pub(super) when: Vec<RawWhen>,
}

/// Lowers `parameters:`, at the top or nested, into `out`, depth first.
pub(super) fn lower_group(
    group: &Entry,
    path: &mut Vec<String>,
    out: &mut Vec<Lowered>,
    problems: &mut Vec<Problem>,
) {
    let Kind::Mapping(entries) = &group.node.kind else {
        problems.push(
            Problem::error(
                group.node.place,
                format!("`parameters` is a mapping from names to definitions, this is {}", group.node.noun()),
            )
            .fix("write parameters: {lr: {min: 0.0001, max: 0.1}}"),
        );
        return;
    };
    if entries.is_empty() {
        problems.push(
            Problem::error(group.node.place, "`parameters` is empty").fix("define at least one parameter"),
        );
    }
    for entry in entries {
        if !is_name(&entry.key) {
            problems.push(bad_name(entry));
            continue;
        }
        path.push(entry.key.clone());
        lower_one(entry, path, out, problems);
        path.pop();
    }
}

/// W&B's rule for names, at every depth.
fn is_name(key: &str) -> bool {
    let mut letters = key.chars();
    letters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && letters.all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
}

fn bad_name(entry: &Entry) -> Problem {
    let words =
        entry.key.split(|c: char| c.is_whitespace() || c.is_ascii_punctuation() && !"_.-".contains(c));
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    let mut name = words.join("_").trim_start_matches(['-', '.']).to_owned();
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        name.insert(0, '_');
    }
    let rule = "a name starts with a letter or `_`, and goes on with letters, digits, `_`, `.` and `-`";
    let problem = Problem::error(entry.key_place, format!("`{}` cannot be a parameter's name", entry.key));
    problem.fix(if is_name(&name) { format!("write `{name}`: {rule}") } else { rule.to_owned() })
}

fn no_definition(entry: &Entry) -> Problem {
    let value = entry.node.to_value();
    let fix = match &entry.node.kind {
        Kind::Scalar(Value::Null) => "give `value`, `values`, or `min` and `max`".to_owned(),
        Kind::Sequence(_) => format!("write {}: {{values: {value}}}", entry.key),
        _ => format!("write {}: {{value: {value}}}", entry.key),
    };
    let message = format!("`{}` needs a definition, this is {}", entry.key, entry.node.noun());
    Problem::error(entry.node.place, message).fix(fix)
}

/// Parameters within a parameter, without the word.
fn misplaced_group(entry: &Entry, keys: &[Entry]) -> Option<Problem> {
    let is_definition =
        |key: &Entry| matches!(&key.node.kind, Kind::Mapping(_)) && !KEYS.contains(&key.key.as_str());
    if keys.is_empty() || !keys.iter().all(is_definition) {
        return None;
    }
    let names: Vec<&str> = keys.iter().map(|key| key.key.as_str()).collect();
    let message = format!("`{}` holds parameters of its own, which stand under `parameters`", entry.key);
    let fix = format!("write {}: {{parameters: {{{}: ...}}}}", entry.key, names.join(": ..., "));
    Some(Problem::error(entry.key_place, message).fix(fix))
}

fn lower_one(entry: &Entry, path: &mut Vec<String>, out: &mut Vec<Lowered>, problems: &mut Vec<Problem>) {
    let Kind::Mapping(keys) = &entry.node.kind else {
        problems.push(no_definition(entry));
        return;
    };
    if let Some(problem) = misplaced_group(entry, keys) {
        problems.push(problem);
        return;
    }
    let before = problems.len();
    let unknown = keys.iter().filter(|key| !KEYS.contains(&key.key.as_str()));
    unknown_keys(unknown, &KEYS, problems);
    if problems[before..].iter().any(|problem| problem.severity == Severity::Error) {
        return;
    }
    if let Some(group) = keys.iter().find(|key| key.key == "parameters") {
        if let Some(other) = keys.iter().find(|key| key.key != "parameters") {
            let fix = match other.key.as_str() {
                "when" => "write it at each parameter of the group".to_owned(),
                _ => "make it a parameter of its own, inside the group or beside it".to_owned(),
            };
            problems.push(
                Problem::error(
                    other.key_place,
                    format!("`{}` stands beside `parameters`: a group has nothing else", other.key),
                )
                .fix(fix),
            );
        }
        lower_group(group, path, out, problems);
        return;
    }
    let when = keys.iter().find(|key| key.key == "when").map(|key| condition::when(key, problems));
    let definition = Definition { name: &entry.key, place: entry.key_place, keys };
    if let Some(domain) = definition.domain(problems) {
        out.push(Lowered {
            path: path.clone(),
            domain,
            place: entry.key_place,
            when: when.unwrap_or_default(),
        });
    }
}
