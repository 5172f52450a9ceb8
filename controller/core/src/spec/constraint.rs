//! `constraints`: what every trial satisfies.

use std::collections::HashMap;

use serde_json::Value;

use super::names::unknown_parameter;
use super::problem::{Place, Problem};
use super::yaml::{Entry, Kind, Node};
use super::{Constraint, Parameter, SweepSpec};
use crate::expr::{Expr, Undecided};
use crate::search::Probe;

/// Most constraints of a sweep; people have a handful.
const MOST: usize = 1_000;

/// Reads `constraints: [...]`.
pub(super) fn constraints(
    entry: &Entry,
    parameters: &[Parameter],
    problems: &mut Vec<Problem>,
) -> Vec<Constraint> {
    let Kind::Sequence(items) = &entry.node.kind else {
        let example = match &entry.node.kind {
            Kind::Scalar(Value::String(text)) if !text.contains(['"', '\n']) => text,
            _ => "layer2 <= layer1",
        };
        problems.push(
            Problem::error(
                entry.node.place,
                format!("`constraints` is a list, this is {}", entry.node.noun()),
            )
            .fix(format!("write constraints: [\"{example}\"]")),
        );
        return Vec::new();
    };
    if items.len() > MOST {
        problems.push(Problem::error(
            entry.key_place,
            format!("{} constraints are more than {MOST}", items.len()),
        ));
        return Vec::new();
    }
    let names: Vec<String> = parameters.iter().map(|parameter| parameter.path.join(".")).collect();
    // Of two parameters of one name, the first.
    let index: HashMap<&str, usize> =
        names.iter().enumerate().rev().map(|(at, name)| (name.as_str(), at)).collect();
    let mut out: Vec<Constraint> =
        items.iter().flat_map(|item| constraint(item, &names, &index, problems)).collect();
    out.sort_by_key(|constraint| constraint.last);
    out
}

fn constraint(
    item: &Node,
    names: &[String],
    index: &HashMap<&str, usize>,
    problems: &mut Vec<Problem>,
) -> Vec<Constraint> {
    let Kind::Scalar(Value::String(text)) = &item.kind else {
        problems.push(
            Problem::error(item.place, format!("a constraint is text, this is {}", item.noun()))
                .fix("put it in quotes: \"layer2 <= layer1\""),
        );
        return Vec::new();
    };
    let expr = match Expr::parse(text) {
        Ok(expr) => expr,
        Err(error) => {
            let place = within(item, text, error.at, error.length);
            problems.push(Problem::error(place, format!("in a constraint: {}", error.message)));
            return Vec::new();
        }
    };
    for name in expr.names() {
        if !index.contains_key(name) {
            let place =
                position(text, name).map_or(item.place, |at| within(item, text, at, name.chars().count()));
            unknown_parameter(name, place, names, problems);
        }
    }
    if expr.names().is_empty() {
        problems.push(
            Problem::error(item.place, "this constraint names no parameter").fix("compare a parameter in it"),
        );
    }
    // Each part is decided as early as it can be, which spares a grid whole blocks of forbidden cells.
    let part = |expr: Expr| {
        let names: Vec<(String, usize)> =
            expr.names().iter().filter_map(|name| Some(((*name).to_owned(), *index.get(name)?))).collect();
        let last = names.iter().map(|(_, at)| *at).max().unwrap_or(0);
        Constraint { expr, names, last }
    };
    expr.conjuncts().into_iter().map(part).collect()
}

/// The place of a part of a text, where the text stands in the file as it is: in one line, without escapes.
fn within(item: &Node, text: &str, at: usize, length: usize) -> Place {
    let count = text.chars().count();
    match item.place.length.checked_sub(count) {
        Some(0) => Place { column: item.place.column + at, length, ..item.place },
        // The first character stands behind the quote.
        Some(2) if item.quoted => Place { column: item.place.column + 1 + at, length, ..item.place },
        _ => item.place,
    }
}

/// Where a name stands as a word of its own, in characters.
fn position(text: &str, name: &str) -> Option<usize> {
    let part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.');
    let mut found = text.match_indices(name);
    let (at, _) =
        found.find(|(at, _)| !text[..*at].ends_with(part) && !text[at + name.len()..].starts_with(part))?;
    Some(text[..at].chars().count())
}

/// Checks that there is anything to try at all, and that every constraint can be decided.
pub(super) fn check_space(spec: &SweepSpec, entry: &Entry, problems: &mut Vec<Problem>) {
    let place = entry.key_place;
    match crate::search::probe(spec) {
        Probe::Plenty => {}
        Probe::Empty => problems.push(
            Problem::error(place, "no combination of values satisfies all constraints")
                .fix("loosen one of them"),
        ),
        Probe::NoneFound(tries) => problems.push(
            Problem::error(
                place,
                format!("none of {tries} combinations that were tried satisfies all constraints"),
            )
            .fix("loosen one of them, or narrow the ranges to where they hold"),
        ),
        Probe::Rare(share) => problems.push(
            Problem::warning(
                place,
                format!("only {:.1} % of the space satisfies the constraints", share * 100.0),
            )
            .fix("narrower ranges search it faster"),
        ),
        Probe::Undecided(source, Undecided::Meaningless(why)) => {
            let item = match &entry.node.kind {
                Kind::Sequence(items) => items.iter().find(|item| item.to_value() == source.as_str()),
                _ => None,
            };
            let place = item.map_or(place, |item| item.place);
            problems.push(Problem::error(place, format!("this constraint cannot be decided: {why}")));
        }
        Probe::Undecided(_, Undecided::Absent) => {}
    }
}
