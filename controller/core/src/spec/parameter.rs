//! The `parameters` of a sweep file, nested to any depth.

use super::Severity;
use super::condition::{self, RawWhen};
use super::distribution::Definition;
use super::field::unknown_key;
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
            problems.push(
                Problem::error(entry.key_place, format!("`{}` cannot be a parameter's name", entry.key)).fix(
                    "a name starts with a letter or `_`, and goes on with letters, digits, `_`, `.` and `-`",
                ),
            );
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

fn lower_one(entry: &Entry, path: &mut Vec<String>, out: &mut Vec<Lowered>, problems: &mut Vec<Problem>) {
    let Kind::Mapping(keys) = &entry.node.kind else {
        let value = entry.node.to_value();
        let fix = match &entry.node.kind {
            Kind::Sequence(_) => format!("write {}: {{values: {value}}}", entry.key),
            _ => format!("write {}: {{value: {value}}}", entry.key),
        };
        problems.push(
            Problem::error(
                entry.node.place,
                format!("`{}` needs a definition, this is {}", entry.key, entry.node.noun()),
            )
            .fix(fix),
        );
        return;
    };
    let before = problems.len();
    for key in keys.iter().filter(|key| !KEYS.contains(&key.key.as_str())) {
        problems.push(unknown_key(key, KEYS.into_iter()));
    }
    if problems[before..].iter().any(|problem| problem.severity == Severity::Error) {
        return;
    }
    if let Some(group) = keys.iter().find(|key| key.key == "parameters") {
        if let Some(other) = keys.iter().find(|key| key.key != "parameters") {
            problems.push(Problem::error(
                other.key_place,
                format!("`{}` stands beside `parameters`: a group has nothing else", other.key),
            ));
        }
        lower_group(group, path, out, problems);
        return;
    }
    let when = keys.iter().find(|key| key.key == "when").map(|key| condition::when(key, problems));
    let definition = Definition { name: &entry.key, place: entry.key_place, keys };
    match definition.domain(problems) {
        Ok(domain) => out.push(Lowered {
            path: path.clone(),
            domain,
            place: entry.key_place,
            when: when.unwrap_or_default(),
        }),
        Err(problem) => problems.push(problem),
    }
}
