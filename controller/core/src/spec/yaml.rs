//! YAML with places: every node knows the line and column it came from.
//!
//! Differences from a plain YAML reader, all for files written for W&B: `1e-4` is a number (YAML 1.1 readers call it
//! text), a repeated key warns and the last one wins, tags such as `!!float` are obeyed.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};
use serde_json::{Number, Value};

use super::problem::{Place, Problem};

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) kind: Kind,
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

/// Reads the first document of a text. Warnings (repeated keys) go to `problems`.
///
/// # Errors
/// A problem with its place when the text is no YAML.
pub(crate) fn read(text: &str, problems: &mut Vec<Problem>) -> Result<Node, Problem> {
    let mut builder = Builder { stack: Vec::new(), anchors: HashMap::new(), root: None, problems };
    for step in Parser::new_from_str(text) {
        let (event, span) = step.map_err(|error| {
            let mark = error.marker();
            let place = Place { line: mark.line().max(1), column: mark.col() + 1, length: 1 };
            Problem::error(place, format!("this is not valid YAML: {}", error.info()))
        })?;
        if matches!(event, Event::DocumentEnd) {
            break;
        }
        builder.event(event, place(span))?;
    }
    builder.root.ok_or_else(|| {
        Problem::error(Place { line: 1, column: 1, length: 1 }, "the file is empty")
            .fix("write a sweep with `method` and `parameters`")
    })
}

fn place(span: Span) -> Place {
    let length = if span.start.line() == span.end.line() {
        span.end.col().saturating_sub(span.start.col())
    } else {
        1
    };
    Place { line: span.start.line(), column: span.start.col() + 1, length: length.max(1) }
}

enum Open {
    Sequence { place: Place, anchor: usize, items: Vec<Node> },
    Mapping { place: Place, anchor: usize, entries: Vec<Entry>, key: Option<(String, Place)> },
}

struct Builder<'p> {
    stack: Vec<Open>,
    anchors: HashMap<usize, Node>,
    root: Option<Node>,
    problems: &'p mut Vec<Problem>,
}

impl Builder<'_> {
    fn event(&mut self, event: Event<'_>, place: Place) -> Result<(), Problem> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_key = matches!(self.stack.last(), Some(Open::Mapping { key: None, .. }));
                if let (false, ScalarStyle::Plain, None, Some(other)) =
                    (is_key, style, &tag, otherwise(&text))
                {
                    self.problems.push(
                        Problem::warning(
                            place,
                            format!("`{text}` is {} here, but {other} to W&B", named(&plain(&text))),
                        )
                        .fix(rewritten(&text)),
                    );
                }
                let value = scalar(&text, style, tag.as_deref());
                self.close(Node { place, kind: Kind::Scalar(value) }, anchor)?;
            }
            Event::SequenceStart(anchor, _) => {
                self.stack.push(Open::Sequence { place, anchor, items: Vec::new() });
            }
            Event::MappingStart(anchor, _) => {
                self.stack.push(Open::Mapping { place, anchor, entries: Vec::new(), key: None });
            }
            Event::SequenceEnd | Event::MappingEnd => match self.stack.pop() {
                Some(Open::Sequence { place, anchor, items }) => {
                    self.close(Node { place, kind: Kind::Sequence(items) }, anchor)?;
                }
                Some(Open::Mapping { place, anchor, entries, .. }) => {
                    self.close(Node { place, kind: Kind::Mapping(entries) }, anchor)?;
                }
                None => {}
            },
            Event::Alias(id) => {
                let Some(mut node) = self.anchors.get(&id).cloned() else {
                    return Err(Problem::error(place, "this alias names an anchor that does not exist"));
                };
                node.place = place;
                self.close(node, 0)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Puts a finished node into whatever is open.
    fn close(&mut self, node: Node, anchor: usize) -> Result<(), Problem> {
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.stack.last_mut() {
            None => self.root = Some(node),
            Some(Open::Sequence { items, .. }) => items.push(node),
            Some(Open::Mapping { entries, key, .. }) => match key.take() {
                None => {
                    let Kind::Scalar(value) = &node.kind else {
                        return Err(Problem::error(node.place, format!("{} cannot be a key", node.noun())));
                    };
                    let name = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    *key = Some((name, node.place));
                }
                Some((name, key_place)) => {
                    if let Some(at) = entries.iter().position(|entry| entry.key == name) {
                        let first = entries.remove(at).key_place.line;
                        self.problems.push(Problem::warning(
                            key_place,
                            format!("`{name}` stands here again (first on line {first}); this one counts"),
                        ));
                    }
                    entries.push(Entry { key: name, key_place, node });
                }
            },
        }
        Ok(())
    }
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Value {
    let tagged = tag.filter(|tag| tag.is_yaml_core_schema()).map(|tag| tag.suffix.as_str());
    match (tagged, style) {
        (Some("str"), _) => Value::String(text.to_owned()),
        (Some("float"), _) => number(text)
            .and_then(|n| n.as_f64())
            .and_then(Number::from_f64)
            .map_or_else(|| Value::String(text.to_owned()), Value::Number),
        (Some(_), _) | (None, ScalarStyle::Plain) => plain(text),
        _ => Value::String(text.to_owned()),
    }
}

/// A plain scalar by YAML 1.2's core schema, and `yes`/`no`-less: `on` and `yes` are text.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => number(text).map_or_else(|| Value::String(text.to_owned()), Value::Number),
    }
}

/// What YAML 1.1, which W&B reads, makes of a plain scalar where that is something else.
fn otherwise(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    // PyYAML knows three spellings of each.
    let spelt = || text == lower || text == text.to_ascii_uppercase() || text.get(1..) == lower.get(1..);
    match lower.as_str() {
        "yes" | "on" if spelt() => return Some("true".to_owned()),
        "no" | "off" if spelt() => return Some("false".to_owned()),
        _ => {}
    }
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|b| (b'0'..=b'7').contains(&b)) {
        return i64::from_str_radix(digits, 8).ok().map(|octal| octal.to_string());
    }
    // A float needs a point there, and a sign in its exponent.
    let exponent = digits.find(['e', 'E']).map(|at| (&digits[..at], &digits[at + 1..]));
    match (number(text), exponent) {
        (Some(_), Some((mantissa, power))) if !mantissa.contains('.') || !power.starts_with(['+', '-']) => {
            Some("text".to_owned())
        }
        _ => None,
    }
}

fn named(value: &Value) -> &'static str {
    match value {
        Value::Number(_) => "a number",
        _ => "text",
    }
}

/// How a scalar is written so that both read the same.
fn rewritten(text: &str) -> String {
    match text.find(['e', 'E']).filter(|_| number(text).is_some()) {
        Some(at) => {
            let (mantissa, power) = (&text[..at], &text[at + 1..]);
            let point = if mantissa.contains('.') { "" } else { ".0" };
            let sign = if power.starts_with(['+', '-']) { "" } else { "+" };
            format!("write {mantissa}{point}e{sign}{power}")
        }
        None => format!("write \"{text}\" for text"),
    }
}

fn number(text: &str) -> Option<Number> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        || !digits.contains(|c: char| c.is_ascii_digit())
    {
        return None;
    }
    if let Some(hex) = digits.strip_prefix("0x") {
        return i64::from_str_radix(hex, 16).ok().map(Number::from);
    }
    if !digits.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-')) {
        return None;
    }
    // A leading zero makes an identifier (`008`), not a number, unless a fraction follows.
    if digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let bare = text.strip_prefix('+').unwrap_or(text);
    if let Ok(integer) = bare.parse::<i64>() {
        return Some(Number::from(integer));
    }
    bare.parse::<f64>().ok().and_then(Number::from_f64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn plain_scalars_resolve_as_people_mean_them() {
        for (text, expected) in [
            ("1e-4", json!(1e-4)),
            ("3e6", json!(3e6)),
            ("-11.512", json!(-11.512)),
            (".5", json!(0.5)),
            ("2.", json!(2.0)),
            ("+7", json!(7)),
            ("0x10", json!(16)),
            ("008", json!("008")),
            ("0.5", json!(0.5)),
            ("1-2", json!("1-2")),
            ("1e", json!("1e")),
            ("e5", json!("e5")),
            ("yes", json!("yes")),
            ("None", json!("None")),
            ("~", json!(null)),
            ("True", json!(true)),
            ("1.2.3", json!("1.2.3")),
            ("9223372036854775808", json!(9_223_372_036_854_775_808.0)),
        ] {
            assert_eq!(plain(text), expected, "{text}");
        }
    }

    #[test]
    fn the_last_of_repeated_keys_counts_and_warns() {
        let mut problems = Vec::new();
        let node = read("a: 1\nb: 2\na: 3\n", &mut problems).expect("reads");
        assert_eq!(node.to_value(), json!({"a": 3, "b": 2}));
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].place, Place { line: 3, column: 1, length: 1 });
    }

    #[test]
    fn tags_anchors_and_quotes_are_obeyed() {
        let mut problems = Vec::new();
        let node = read("a: !!float 3\nb: &x [1, '2']\nc: *x\nd: !!str 5\n", &mut problems).expect("reads");
        assert_eq!(node.to_value(), json!({"a": 3.0, "b": [1, "2"], "c": [1, "2"], "d": "5"}));
    }

    #[test]
    fn broken_yaml_names_its_place() {
        let problem = read("a: [1, 2\nb: 3\n", &mut Vec::new()).expect_err("is broken");
        assert!(problem.place.line >= 1, "{problem}");
        assert!(problem.message.contains("not valid YAML"), "{problem}");
    }
}
