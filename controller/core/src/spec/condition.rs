//! `when`: a parameter that exists only for some values of another.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

use serde_json::Value;

use super::names::unknown_parameter;
use super::parameter::Lowered;
use super::problem::{Place, Problem};
use super::yaml::{Entry, Kind, Node};
use super::{Parameter, When};

/// `when` as the file has it: a parameter's name and the values for which another exists.
pub(super) struct RawWhen {
    pub(super) parent: String,
    pub(super) place: Place,
    pub(super) values: Vec<Value>,
}

/// Reads `when: {optimizer: [sgd, rmsprop], layers: 2}`.
pub(super) fn when(entry: &Entry, problems: &mut Vec<Problem>) -> Vec<RawWhen> {
    const FIX: &str = "write when: {optimizer: [sgd, rmsprop]}";
    let Kind::Mapping(conditions) = &entry.node.kind else {
        problems.push(
            Problem::error(entry.node.place, format!("`when` is a mapping, this is {}", entry.node.noun()))
                .fix(FIX),
        );
        return Vec::new();
    };
    if conditions.is_empty() {
        problems.push(Problem::error(entry.node.place, "`when` is empty").fix(FIX));
    }
    let mut out = Vec::new();
    for condition in conditions {
        let values: Vec<Value> = match &condition.node.kind {
            Kind::Sequence(items) => items.iter().map(Node::to_value).collect(),
            _ => vec![condition.node.to_value()],
        };
        if values.is_empty() {
            problems.push(
                Problem::error(
                    condition.node.place,
                    format!("no value of `{}` is named: the parameter would never exist", condition.key),
                )
                .fix(format!("name values of `{}`", condition.key)),
            );
        }
        out.push(RawWhen { parent: condition.key.clone(), place: condition.key_place, values });
    }
    out
}

/// Puts parameters in an order in which each comes after those it depends on; without conditions, by name, as W&B.
pub(super) fn arrange(mut lowered: Vec<Lowered>, problems: &mut Vec<Problem>) -> Vec<Parameter> {
    lowered.sort_by(|a, b| a.path.cmp(&b.path));
    let names: Vec<String> = lowered.iter().map(|one| one.path.join(".")).collect();
    let index = index(&lowered, &names, problems);
    Parents { lowered: &lowered, names: &names, index: &index, supports: HashMap::new() }.check(problems);
    let order = order(&lowered, &names, &index, problems);
    let mut place_of = vec![None; lowered.len()];
    for (place, &at) in order.iter().enumerate() {
        place_of[at] = Some(place);
    }
    order
        .iter()
        .map(|&at| {
            let one = &lowered[at];
            let when = one.when.iter().filter_map(|condition| {
                let parent = place_of[*index.get(condition.parent.as_str())?]?;
                Some(When { parent, values: condition.values.clone() })
            });
            Parameter { path: one.path.clone(), domain: one.domain.clone(), when: when.collect() }
        })
        .collect()
}

/// Where each name stands: of two parameters of one dotted name, the first.
fn index<'n>(
    lowered: &[Lowered],
    names: &'n [String],
    problems: &mut Vec<Problem>,
) -> HashMap<&'n str, usize> {
    let mut index = HashMap::new();
    for (at, name) in names.iter().enumerate() {
        if let Some(first) = index.get(name.as_str()).copied() {
            let other: usize = first;
            problems.push(Problem::warning(
                lowered[at].place,
                format!(
                    "`{name}` is the name of two parameters, nested and dotted (the other on line {}): each trial gets both",
                    lowered[other].place.line
                ),
            ));
        } else {
            index.insert(name.as_str(), at);
        }
    }
    index
}

/// Always the first parameter by name that waits for nothing.
fn order(
    lowered: &[Lowered],
    names: &[String],
    index: &HashMap<&str, usize>,
    problems: &mut Vec<Problem>,
) -> Vec<usize> {
    let mut waits: Vec<usize> = vec![0; lowered.len()];
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); lowered.len()];
    for (at, one) in lowered.iter().enumerate() {
        for parent in one.when.iter().filter_map(|condition| index.get(condition.parent.as_str())) {
            waits[at] += 1;
            children[*parent].push(at);
        }
    }
    let mut ready: BinaryHeap<Reverse<usize>> =
        (0..lowered.len()).filter(|&at| waits[at] == 0).map(Reverse).collect();
    let mut order = Vec::with_capacity(lowered.len());
    while let Some(Reverse(at)) = ready.pop() {
        order.push(at);
        for &child in &children[at] {
            waits[child] -= 1;
            if waits[child] == 0 {
                ready.push(Reverse(child));
            }
        }
    }
    if let Some(stuck) = (0..lowered.len()).find(|&at| waits[at] > 0) {
        problems.push(Problem::error(
            lowered[stuck].place,
            format!("`{}` depends on itself through `when`", names[stuck]),
        ));
    }
    order
}

struct Parents<'l> {
    lowered: &'l [Lowered],
    names: &'l [String],
    index: &'l HashMap<&'l str, usize>,
    /// The values of parents that were asked for; `None`: too many.
    supports: HashMap<usize, Option<HashSet<String>>>,
}

impl Parents<'_> {
    /// Checks that every parent is there, and can have the values named.
    fn check(mut self, problems: &mut Vec<Problem>) {
        for (one, name) in self.lowered.iter().zip(self.names) {
            for condition in &one.when {
                match self.index.get(condition.parent.as_str()) {
                    Some(&parent) => self.check_values(condition, name, parent, problems),
                    None => {
                        unknown_parameter(&condition.parent, condition.place, self.names, problems);
                    }
                }
            }
        }
    }

    fn check_values(&mut self, condition: &RawWhen, name: &str, parent: usize, problems: &mut Vec<Problem>) {
        const FEW: usize = 10_000;
        let domain = &self.lowered[parent].domain;
        let support = self.supports.entry(parent).or_insert_with(|| {
            let values = domain.support(FEW)?;
            Some(values.iter().map(|(value, _)| super::key_of(value)).collect())
        });
        let Some(support) = support else { return };
        if let Some(never) = condition.values.iter().find(|value| !support.contains(&super::key_of(value))) {
            problems.push(
                Problem::error(
                    condition.place,
                    format!("`{name}` exists when `{}` is {never}, which it never is", condition.parent),
                )
                .fix(format!("name values of `{}`", condition.parent)),
            );
        }
    }
}
