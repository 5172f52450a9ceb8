//! YAML with places: every node knows the line and column it came from.
//!
//! `serde_yaml` says what the values are, a second parser where they stand. Differences from a plain reader, all for
//! files written for W&B: a repeated key warns and the last one wins, merge keys (`<<`) are obeyed, and scalars that
//! YAML 1.1 takes otherwise warn.

mod decode;
mod places;
mod yaml11;

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use serde_json::Value;

pub(super) use self::decode::INFINITE;
use self::decode::Plain;
use self::places::{Shape, Spot};
use super::problem::{BYTE_ORDER_MARK, Place, Problem};

/// Longest file, in bytes.
const LONGEST: usize = 1 << 20;
/// Most brackets that are open at one place, whatever they mean there. `serde_yaml` would refuse fewer, but takes its
/// time, which grows by the square of them.
const DEEPEST: usize = 200;
/// The key that takes in another mapping's entries.
const MERGE: &str = "<<";

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) kind: Kind,
    /// A scalar in quotes, as a block, or under a tag: it is what it is on purpose.
    pub(crate) quoted: bool,
}

#[derive(Debug, Clone)]
pub(crate) enum Kind {
    /// Null, boolean, number or text.
    Scalar(Value),
    Sequence(Vec<Node>),
    /// In the order of the file, keys unique.
    Mapping(Vec<Entry>),
}

#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_place: Place,
    pub(crate) node: Node,
}

impl Node {
    /// The node as plain JSON, places forgotten.
    pub(crate) fn to_value(&self) -> Value {
        match &self.kind {
            Kind::Scalar(value) => value.clone(),
            Kind::Sequence(items) => Value::Array(items.iter().map(Node::to_value).collect()),
            Kind::Mapping(entries) => Value::Object(
                entries.iter().map(|entry| (entry.key.clone(), entry.node.to_value())).collect(),
            ),
        }
    }

    /// What it is, in the words of a message.
    pub(crate) fn noun(&self) -> &'static str {
        match &self.kind {
            Kind::Scalar(Value::Null) => "nothing",
            Kind::Scalar(Value::Bool(_)) => "a boolean",
            Kind::Scalar(Value::Number(_)) => "a number",
            Kind::Scalar(_) => "text",
            Kind::Sequence(_) => "a list",
            Kind::Mapping(_) => "a mapping",
        }
    }
}

/// Reads the only document of a text. Warnings go to `problems`.
///
/// # Errors
/// A problem with its place when the text is no YAML, is empty, or is longer than a megabyte.
pub(crate) fn read(text: &str, problems: &mut Vec<Problem>) -> Result<Node, Problem> {
    if text.len() > LONGEST {
        return Err(Problem::error(Place::START, "the file is longer than a megabyte: is it a sweep file?"));
    }
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    if let Some(place) = deep(text) {
        return Err(Problem::error(place, format!("more than {DEEPEST} brackets are open here")));
    }
    let root = decode::decode(text)?;
    let spots = places::find(text);
    Reader { problems, apart: false }.node(root, spots.as_ref(), Place::START)
}

/// Where too many brackets are open.
fn deep(text: &str) -> Option<Place> {
    let mut open = 0_usize;
    for (at, line) in text.lines().enumerate() {
        for (column, c) in line.chars().enumerate() {
            match c {
                '[' | '{' => open += 1,
                ']' | '}' => open = open.saturating_sub(1),
                _ => {}
            }
            if open > DEEPEST {
                return Some(Place { line: at + 1, column: column + 1, length: 1 });
            }
        }
    }
    None
}

struct Reader<'p> {
    problems: &'p mut Vec<Problem>,
    /// Whether the two parsers saw different things somewhere, so that places there are those of what is around.
    apart: bool,
}

impl Reader<'_> {
    /// Puts values and places together; without a spot, it stands at `around`.
    fn node(&mut self, plain: Plain, spot: Option<&Rc<Spot>>, around: Place) -> Result<Node, Problem> {
        let place = spot.map_or(around, |spot| spot.place);
        let shape = spot.map(|spot| resolve(spot));
        let (kind, quoted) = match plain {
            Plain::Scalar(value) => {
                let quoted = matches!(shape, Some(Shape::Settled));
                self.apart |= !matches!(shape, Some(Shape::Plain(_) | Shape::Settled));
                if let Some(other) = written(shape).and_then(|text| yaml11::otherwise(text, &value)) {
                    self.problems.push(Problem::warning(place, other.message).fix(other.fix));
                }
                (Kind::Scalar(value), quoted)
            }
            Plain::Sequence(items) => {
                let spots = match shape {
                    Some(Shape::Sequence(spots)) if spots.len() == items.len() => spots.as_slice(),
                    _ => self.lost(),
                };
                let items = items.into_iter().enumerate();
                let items = items.map(|(at, item)| self.node(item, spots.get(at), place));
                (Kind::Sequence(items.collect::<Result<_, _>>()?), false)
            }
            Plain::Mapping(pairs) => {
                let spots = match shape {
                    Some(Shape::Mapping(spots)) if spots.len() == pairs.len() => spots.as_slice(),
                    _ => self.lost(),
                };
                (Kind::Mapping(self.entries(pairs, spots, place)?), false)
            }
        };
        Ok(Node { place, kind, quoted })
    }

    fn lost<'s, T>(&mut self) -> &'s [T] {
        self.apart = true;
        &[]
    }

    fn entries(
        &mut self,
        pairs: Vec<(Plain, Plain)>,
        spots: &[(Rc<Spot>, Rc<Spot>)],
        around: Place,
    ) -> Result<Vec<Entry>, Problem> {
        let mut entries: Vec<Option<Entry>> = Vec::with_capacity(pairs.len());
        let mut last: HashMap<String, usize> = HashMap::with_capacity(pairs.len());
        let mut merged = Vec::new();
        for (at, (key, value)) in pairs.into_iter().enumerate() {
            let spot = spots.get(at);
            let key_place = spot.map_or(around, |(key, _)| key.place);
            let key = name(key, key_place)?;
            let node = self.node(value, spot.map(|(_, value)| value), around)?;
            let plain = spot.is_none_or(|(key, _)| written(Some(resolve(key))).is_some());
            if key == MERGE && plain {
                merged.push((key_place, node));
                continue;
            }
            let before = last.insert(key.clone(), entries.len());
            if let Some(first) = before.and_then(|at| entries[at].take()).map(|entry| entry.key_place.line) {
                self.problems.push(Problem::warning(
                    key_place,
                    format!("`{key}` stands here again (first on line {first}); this one counts"),
                ));
            }
            entries.push(Some(Entry { key, key_place, node }));
        }
        let mut entries: Vec<Entry> = entries.into_iter().flatten().collect();
        let mut known: HashSet<String> = last.into_keys().collect();
        for (key_place, node) in merged {
            merge(&mut entries, &mut known, node, key_place)?;
        }
        Ok(entries)
    }
}

/// What an alias stands for.
fn resolve(spot: &Spot) -> &Shape {
    match &spot.shape {
        Shape::Alias(target) => resolve(target),
        shape => shape,
    }
}

/// A plain scalar as it is written.
fn written(shape: Option<&Shape>) -> Option<&str> {
    match shape {
        Some(Shape::Plain(text)) => Some(text),
        _ => None,
    }
}

fn name(key: Plain, place: Place) -> Result<String, Problem> {
    match key {
        Plain::Scalar(Value::String(text)) => Ok(text),
        Plain::Scalar(value) => Ok(value.to_string()),
        Plain::Sequence(_) => Err(Problem::error(place, "a list cannot be a key")),
        Plain::Mapping(_) => Err(Problem::error(place, "a mapping cannot be a key")),
    }
}

/// Takes a mapping's entries in, or those of a list of mappings; what is there already, or came earlier, counts.
fn merge(
    entries: &mut Vec<Entry>,
    known: &mut HashSet<String>,
    node: Node,
    place: Place,
) -> Result<(), Problem> {
    match node.kind {
        Kind::Mapping(others) => {
            entries.extend(others.into_iter().filter(|other| known.insert(other.key.clone())));
            Ok(())
        }
        Kind::Sequence(nodes) => nodes.into_iter().try_for_each(|node| match node.kind {
            Kind::Mapping(_) => merge(entries, known, node, place),
            _ => Err(no_mapping(place)),
        }),
        Kind::Scalar(_) => Err(no_mapping(place)),
    }
}

fn no_mapping(place: Place) -> Problem {
    Problem::error(place, "`<<` takes in the entries of a mapping, and this is none")
        .fix("name an anchor of a mapping: <<: *defaults")
}

/// Whether both parsers see the same in a text; `None`: it is not read at all.
#[cfg(test)]
pub(super) fn parsers_agree(text: &str) -> Option<bool> {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let root = decode::decode(text).ok()?;
    let mut problems = Vec::new();
    let mut reader = Reader { problems: &mut problems, apart: false };
    reader.node(root, places::find(text).as_ref(), Place::START).ok()?;
    Some(!reader.apart)
}

#[cfg(test)]
mod tests;
