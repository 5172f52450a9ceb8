//! What binds parameters together: `when` (a parameter that exists only for some values of another) and `constraints`.

use serde_json::Value;

use super::field::nearest;
use super::parameter::Lowered;
use super::problem::{Place, Problem};
use super::yaml::{Entry, Kind, Node};
use super::{Constraint, Parameter, When};
use crate::expr::{Expr, Undecided};

/// `when` as the file has it: a parameter's name and the values for which another exists.
pub(super) struct RawWhen {
    pub(super) parent: String,
    pub(super) place: Place,
    pub(super) values: Vec<Value>,
}

/// Reads `when: {optimizer: [sgd, rmsprop], layers: 2}`.
pub(super) fn when(entry: &Entry, problems: &mut Vec<Problem>) -> Vec<RawWhen> {
    let Kind::Mapping(conditions) = &entry.node.kind else {
        problems.push(
            Problem::error(entry.node.place, format!("`when` is a mapping, this is {}", entry.node.noun()))
                .fix("write when: {optimizer: [sgd, rmsprop]}"),
        );
        return Vec::new();
    };
    let read = |condition: &Entry| RawWhen {
        parent: condition.key.clone(),
        place: condition.key_place,
        values: match &condition.node.kind {
            Kind::Sequence(items) => items.iter().map(Node::to_value).collect(),
            _ => vec![condition.node.to_value()],
        },
    };
    conditions.iter().map(read).collect()
}

/// Puts parameters in an order in which each comes after those it depends on; without conditions, by name, as W&B.
pub(super) fn arrange(mut lowered: Vec<Lowered>, problems: &mut Vec<Problem>) -> Vec<Parameter> {
    lowered.sort_by(|a, b| a.path.cmp(&b.path));
    let names: Vec<String> = lowered.iter().map(|one| one.path.join(".")).collect();
    for (one, name) in lowered.iter().zip(&names) {
        for condition in &one.when {
            check_parent(condition, name, &lowered, &names, problems);
        }
    }
    let mut order: Vec<usize> = Vec::new();
    while order.len() < lowered.len() {
        let ready = |at: &usize| {
            let known = |parent: &str| names.iter().position(|name| name == parent);
            let waits =
                |condition: &RawWhen| known(&condition.parent).is_some_and(|parent| !order.contains(&parent));
            !order.contains(at) && !lowered[*at].when.iter().any(waits)
        };
        let Some(next) = (0..lowered.len()).find(ready) else {
            let stuck = (0..lowered.len()).find(|at| !order.contains(at)).unwrap_or(0);
            problems.push(Problem::error(
                lowered[stuck].place,
                format!("`{}` depends on itself through `when`", names[stuck]),
            ));
            break;
        };
        order.push(next);
    }
    let place_of = |parent: &str| order.iter().position(|&at| names[at] == parent);
    order
        .iter()
        .map(|&at| {
            let one = &lowered[at];
            let when = one.when.iter().filter_map(|condition| {
                Some(When { parent: place_of(&condition.parent)?, values: condition.values.clone() })
            });
            Parameter { path: one.path.clone(), domain: one.domain.clone(), when: when.collect() }
        })
        .collect()
}

fn check_parent(
    condition: &RawWhen,
    name: &str,
    lowered: &[Lowered],
    names: &[String],
    problems: &mut Vec<Problem>,
) {
    let Some(parent) = names.iter().position(|other| *other == condition.parent) else {
        problems.push(unknown_name(&condition.parent, condition.place, names.iter().map(String::as_str)));
        return;
    };
    const FEW: usize = 10_000;
    let Some(support) = lowered[parent].domain.support(FEW) else { return };
    let possible = |value: &&Value| support.iter().any(|(other, _)| super::same(other, value));
    if let Some(never) = condition.values.iter().find(|value| !possible(value)) {
        problems.push(
            Problem::error(
                condition.place,
                format!("`{name}` exists when `{}` is {never}, which it never is", condition.parent),
            )
            .fix(format!("name values of `{}`", condition.parent)),
        );
    }
}

fn unknown_name<'n>(name: &str, place: Place, known: impl Iterator<Item = &'n str> + Clone) -> Problem {
    let problem = Problem::error(place, format!("there is no parameter `{name}`"));
    let near = nearest(known.clone(), name);
    match near {
        Some(near) => problem.fix(format!("did you mean `{near}`?")),
        None => problem.fix(format!("parameters here: {}", known.collect::<Vec<_>>().join(", "))),
    }
}

/// Reads `constraints: [...]`.
pub(super) fn constraints(
    entry: &Entry,
    parameters: &[Parameter],
    problems: &mut Vec<Problem>,
) -> Vec<Constraint> {
    let Kind::Sequence(items) = &entry.node.kind else {
        problems.push(
            Problem::error(
                entry.node.place,
                format!("`constraints` is a list, this is {}", entry.node.noun()),
            )
            .fix("write constraints: [\"layer2 <= layer1\"]"),
        );
        return Vec::new();
    };
    items.iter().flat_map(|item| constraint(item, parameters, problems)).collect()
}

fn constraint(item: &Node, parameters: &[Parameter], problems: &mut Vec<Problem>) -> Vec<Constraint> {
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
            // Inside a quoted text the first character stands behind the quote.
            let quote = usize::from(item.quoted);
            let column = item.place.column + quote + error.at;
            let place = Place { column, length: error.length, ..item.place };
            problems.push(Problem::error(place, format!("in a constraint: {}", error.message)));
            return Vec::new();
        }
    };
    let names: Vec<String> = parameters.iter().map(|parameter| parameter.path.join(".")).collect();
    let index = |name: &str| names.iter().position(|other| other == name);
    for name in expr.names() {
        if index(name).is_none() {
            problems.push(unknown_name(name, item.place, names.iter().map(String::as_str)));
        }
    }
    if expr.names().is_empty() {
        problems.push(Problem::error(item.place, "this constraint names no parameter"));
    }
    // Each part is decided as early as it can be, which spares a grid whole blocks of forbidden cells.
    let part = |expr: Expr| {
        let last = expr.names().into_iter().filter_map(index).max().unwrap_or(0);
        Constraint { expr, last }
    };
    expr.conjuncts().into_iter().map(part).collect()
}

/// Checks that there is anything to try at all, and that every constraint can be decided.
pub(super) fn check_space(spec: &super::SweepSpec, place: Place, problems: &mut Vec<Problem>) {
    match crate::search::probe(spec) {
        crate::search::Probe::Plenty => {}
        crate::search::Probe::Empty => problems.push(
            Problem::error(place, "no combination of values satisfies all constraints")
                .fix("loosen one of them"),
        ),
        crate::search::Probe::NoneFound(tries) => problems.push(
            Problem::error(
                place,
                format!("none of {tries} combinations that were tried satisfies all constraints"),
            )
            .fix("loosen one of them, or narrow the ranges to where they hold"),
        ),
        crate::search::Probe::Rare(share) => problems.push(Problem::warning(
            place,
            format!(
                "only {:.1} % of the space satisfies the constraints: narrower ranges search it faster",
                share * 100.0
            ),
        )),
        crate::search::Probe::Undecided(source, Undecided::Meaningless(why)) => problems
            .push(Problem::error(place, format!("the constraint `{source}` cannot be decided: {why}"))),
        crate::search::Probe::Undecided(_, Undecided::Absent) => {}
    }
}
