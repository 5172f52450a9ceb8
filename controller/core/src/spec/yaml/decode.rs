//! The text decoded by `serde_yaml`, with repeated keys kept: its own tree of values refuses them.

use std::cell::Cell;
use std::fmt;

use serde::Deserialize as _;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess as _, Visitor,
};
use serde_json::{Number, Value};

use crate::spec::problem::{Place, Problem};

/// Most values of a file, those behind aliases counted wherever they stand. Few lines of aliases of aliases could
/// otherwise fill the memory.
const MOST: usize = 200_000;
/// Most bytes of texts of a file, counted likewise.
const MOST_BYTES: usize = 16 << 20;
/// What an infinite number and one that is no number become: the words of the trial protocol, which Python's `float`
/// reads as well.
pub(in crate::spec) const INFINITE: [&str; 3] = ["Infinity", "-Infinity", "NaN"];

/// A value of the file.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Plain {
    Scalar(Value),
    Sequence(Vec<Plain>),
    /// In the order of the file, repeated keys and all.
    Mapping(Vec<(Plain, Plain)>),
}

/// Decodes the only document of a text.
///
/// # Errors
/// A problem with its place when the text is no YAML, is empty, or is too much.
pub(super) fn decode(text: &str) -> Result<Plain, Problem> {
    let left = Left { values: Cell::new(MOST), bytes: Cell::new(MOST_BYTES) };
    let mut documents = serde_yaml::Deserializer::from_str(text);
    let Some(document) = documents.next() else { return Err(empty()) };
    let plain = Seed { left: &left }.deserialize(document).map_err(|error| problem(&error, text))?;
    match documents.next() {
        None if plain == Plain::Scalar(Value::Null) => Err(empty()),
        None => Ok(plain),
        Some(second) => {
            // Whatever stands there, it is not this sweep.
            serde::de::IgnoredAny::deserialize(second).map_err(|error| problem(&error, text))?;
            Err(Problem::error(
                super::places::second_document(text),
                "the file holds several documents, separated by `---`",
            )
            .fix("one file is one sweep: split it"))
        }
    }
}

fn empty() -> Problem {
    Problem::error(Place::START, "the file is empty").fix("write a sweep with `method` and `parameters`")
}

fn problem(error: &serde_yaml::Error, text: &str) -> Problem {
    let words = error.to_string();
    let Some(location) = error.location() else {
        return Problem::error(Place::START, format!("this is not valid YAML: {words}"));
    };
    let (line, column) = (location.line().max(1), location.column().max(1));
    let words = words.replacen(&format!(" at line {line} column {column}"), "", 1);
    // A quote without its end ends with the file: what is wrong is where it begins.
    let (line, column) = opened(&words).unwrap_or((line, column));
    let source = text.lines().nth(line - 1).unwrap_or_default();
    Problem::error(Place { line, column, length: 1 }, format!("this is not valid YAML: {words}")).fix(hint(
        &words,
        source,
        column - 1,
    ))
}

/// Where a quote begins, by the words of an error.
fn opened(words: &str) -> Option<(usize, usize)> {
    let (line, column) = words.split_once("a quoted scalar at line ")?.1.split_once(" column ")?;
    Some((line.parse().ok()?, column.parse().ok()?))
}

/// What was probably meant where YAML ends.
fn hint(words: &str, source: &str, before: usize) -> &'static str {
    let around: String = source.chars().skip(before.saturating_sub(1)).take(3).collect();
    if around.contains("${") || around.contains("$") && around.contains('{') {
        return "in a list in brackets a macro stands in quotes: \"${args}\"";
    }
    if source.starts_with('\t') || source.trim_start_matches(' ').starts_with('\t') {
        return "indent by spaces: YAML does not take tabs";
    }
    match words {
        _ if words.contains("flow mapping") => "close the brace `{`, or put a comma between its entries",
        _ if words.contains("flow sequence") => "close the bracket `[`, or put a comma between its items",
        _ if words.contains("quoted scalar") => "close the quote",
        _ if words.contains("mapping values are not allowed") => {
            "put a text that has `: ` in it in quotes, or begin a new line"
        }
        _ if words.contains("did not find expected key") || words.contains("expected <block end>") => {
            "indent it as the lines above it are"
        }
        _ if words.contains("cannot start any token") => {
            "put a text that begins with this character in quotes"
        }
        _ => "",
    }
}

/// What may still come.
struct Left {
    values: Cell<usize>,
    bytes: Cell<usize>,
}

impl Left {
    fn take<E: serde::de::Error>(left: &Cell<usize>, amount: usize, most: &str) -> Result<(), E> {
        let rest = left.get().checked_sub(amount);
        left.set(rest.ok_or_else(|| E::custom(format!("more than {most}")))?);
        Ok(())
    }
}

#[derive(Clone, Copy)]
struct Seed<'c> {
    left: &'c Left,
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Plain;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Plain, D::Error> {
        Left::take(&self.left.values, 1, &format!("{MOST} values"))?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Plain;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Plain, E> {
        Ok(Plain::Scalar(Value::Null))
    }

    /// A document without content.
    fn visit_none<E>(self) -> Result<Plain, E> {
        Ok(Plain::Scalar(Value::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Plain, E> {
        Ok(Plain::Scalar(Value::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Plain, E> {
        Ok(Plain::Scalar(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Plain, E> {
        Ok(Plain::Scalar(value.into()))
    }

    fn visit_i128<E: serde::de::Error>(self, value: i128) -> Result<Plain, E> {
        self.visit_f64(value as f64)
    }

    fn visit_u128<E: serde::de::Error>(self, value: u128) -> Result<Plain, E> {
        self.visit_f64(value as f64)
    }

    fn visit_f64<E>(self, value: f64) -> Result<Plain, E> {
        let [plus, minus, neither] = INFINITE;
        Ok(Plain::Scalar(match Number::from_f64(value) {
            Some(number) => Value::Number(number),
            None if value.is_nan() => neither.into(),
            None if value > 0.0 => plus.into(),
            None => minus.into(),
        }))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Plain, E> {
        Left::take(&self.left.bytes, value.len(), "16 megabytes of text")?;
        Ok(Plain::Scalar(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Plain, A::Error> {
        let mut out = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            out.push(item);
        }
        Ok(Plain::Sequence(out))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Plain, A::Error> {
        let mut out = Vec::new();
        while let Some(entry) = entries.next_entry_seed(self, self)? {
            out.push(entry);
        }
        Ok(Plain::Mapping(out))
    }

    /// A value under a tag of somebody's own, `!name value`: the tag says nothing here.
    fn visit_enum<A: EnumAccess<'de>>(self, tagged: A) -> Result<Plain, A::Error> {
        let (_tag, value) = tagged.variant::<String>()?;
        value.newtype_variant_seed(self)
    }
}
