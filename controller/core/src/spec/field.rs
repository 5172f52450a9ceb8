//! Reading single keys: text, numbers, durations, one word of several, mappings with known keys.

use std::time::Duration;

use serde_json::Value;

use super::names::{nearest, unknown_keys};
use super::problem::Problem;
use super::yaml::{Entry, INFINITE, Kind, Node};
pub(super) use crate::value::figure;

/// Longest duration that is taken for one: a hundred years.
const LONGEST_S: f64 = 100.0 * 365.25 * 86_400.0;

/// The entries of a mapping, unknown ones reported.
pub(super) fn mapping<'e>(
    entry: &'e Entry,
    known: &[&str],
    example: &str,
    problems: &mut Vec<Problem>,
) -> Option<&'e [Entry]> {
    let Kind::Mapping(entries) = &entry.node.kind else {
        problems.push(
            Problem::error(
                entry.node.place,
                format!("`{}` is a mapping, this is {}", entry.key, entry.node.noun()),
            )
            .fix(format!("write {example}")),
        );
        return None;
    };
    let unknown = entries.iter().filter(|inner| !known.contains(&inner.key.as_str()));
    unknown_keys(unknown, known, problems);
    Some(entries)
}

/// One of a mapping's entries.
pub(super) fn find<'e>(entries: &'e [Entry], key: &str) -> Option<&'e Entry> {
    entries.iter().find(|entry| entry.key == key)
}

pub(super) fn text(entry: &Entry, problems: &mut Vec<Problem>) -> Option<String> {
    let value = match &entry.node.kind {
        Kind::Scalar(Value::String(text)) => return Some(text.clone()),
        Kind::Scalar(value) => value,
        _ => {
            problems.push(wrong(entry, "text"));
            return None;
        }
    };
    problems.push(wrong(entry, "text").fix(match value {
        Value::Null => "leave the key out".to_owned(),
        other => format!("put it in quotes: \"{other}\""),
    }));
    None
}

/// Text with something in it.
pub(super) fn filled(entry: &Entry, problems: &mut Vec<Problem>) -> Option<String> {
    let found = text(entry, problems)?;
    if found.trim().is_empty() {
        problems.push(Problem::error(entry.node.place, format!("`{}` is empty", entry.key)));
        return None;
    }
    Some(found)
}

/// One word of several.
pub(super) fn word<'w>(entry: &Entry, words: &[&'w str], problems: &mut Vec<Problem>) -> Option<&'w str> {
    let value = entry.node.to_value();
    let found = words.iter().copied().find(|word| value.as_str() == Some(word));
    if found.is_none() {
        let near = nearest(words.iter().copied(), &crate::value::python_str(&value));
        let fix =
            near.map_or_else(|| format!("use {}", one_of(words)), |near| format!("did you mean `{near}`?"));
        problems.push(wrong(entry, &one_of(words)).fix(fix));
    }
    found
}

fn one_of(words: &[&str]) -> String {
    match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => words.concat(),
    }
}

pub(super) fn boolean(entry: &Entry, problems: &mut Vec<Problem>) -> Option<bool> {
    let value = entry.node.to_value();
    if value.as_bool().is_none() {
        let fix = match crate::value::python_str(&value).to_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => "write true",
            "false" | "no" | "off" | "0" => "write false",
            _ => "write true or false",
        };
        problems.push(wrong(entry, "true or false").fix(fix));
    }
    value.as_bool()
}

pub(super) fn number(entry: &Entry, problems: &mut Vec<Problem>) -> Option<f64> {
    let found = entry.node.to_value().as_f64();
    if found.is_none() {
        problems.push(wrong(entry, "a finite number").fix(number_fix(&entry.node).unwrap_or_default()));
    }
    found
}

/// How to write the number that a text was meant to be.
pub(super) fn number_fix(node: &Node) -> Option<String> {
    let Kind::Scalar(Value::String(text)) = &node.kind else { return None };
    let text = text.trim();
    let number = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite());
    if number(text).is_some() {
        return node.quoted.then(|| format!("take the quotes away: {text}"));
    }
    if let Some(number) = number(&text.replacen(',', ".", 1)) {
        return Some(format!("write {number}, with a point"));
    }
    let (base, power) = text.split_once("**").or_else(|| text.split_once('^'))?;
    let power: i32 = power.trim().parse().ok()?;
    (base.trim() == "10").then(|| format!("write 1.0e{power:+}"))
}

/// A number that is not below another.
pub(super) fn at_least(entry: &Entry, least: f64, problems: &mut Vec<Problem>) -> Option<f64> {
    let found = number(entry, problems)?;
    if found < least {
        let least = figure(least);
        problems.push(wrong(entry, &format!("at least {least}")).fix(format!("{}: {least}", entry.key)));
        return None;
    }
    Some(found)
}

/// An amount above 0 of what a rule counts in; of seconds a duration is one too.
pub(super) fn amount(entry: &Entry, seconds: bool, problems: &mut Vec<Problem>) -> Option<f64> {
    if seconds {
        return duration(entry, problems).map(|duration| duration.as_secs_f64());
    }
    if let Kind::Scalar(Value::String(text)) = &entry.node.kind
        && self::seconds(text).is_some()
    {
        problems.push(wrong(entry, "a number").fix("durations go with resource: seconds"));
        return None;
    }
    let found = number(entry, problems)?;
    if found <= 0.0 {
        problems.push(wrong(entry, "above 0").fix(format!("{}: 1", entry.key)));
        return None;
    }
    Some(found)
}

/// A whole number; `1.0` is one, as to JSON.
pub(super) fn whole(entry: &Entry, least: u64, problems: &mut Vec<Problem>) -> Option<u64> {
    let found = match &entry.node.kind {
        Kind::Scalar(Value::Number(number)) => number.as_u64().or_else(|| {
            number.as_f64().filter(|f| f.fract() == 0.0 && *f >= 0.0 && *f < 9e15).map(|f| f as u64)
        }),
        _ => None,
    };
    if let Some(value) = found.filter(|value| *value >= least) {
        return Some(value);
    }
    let problem = wrong(entry, &format!("a whole number of at least {least}"));
    problems.push(problem.fix(number_fix(&entry.node).unwrap_or_default()));
    None
}

/// A duration: a number of seconds, or numbers with units (`90s`, `1h30m`, `2d`).
pub(super) fn duration(entry: &Entry, problems: &mut Vec<Problem>) -> Option<Duration> {
    let found = match &entry.node.kind {
        Kind::Scalar(Value::Number(number)) => number.as_f64(),
        Kind::Scalar(Value::String(text)) => seconds(text),
        _ => None,
    };
    let found = found.and_then(length);
    if found.is_none() {
        problems.push(wrong(entry, "a duration above 0").fix("write seconds (90), or 90s, 45m, 1h30m, 2d"));
    }
    found
}

/// A duration as people write it on a command line: as in a sweep file. `None`: it is none, 0, or longer than a file may say.
pub fn duration_of(text: &str) -> Option<Duration> {
    text.trim().parse().ok().or_else(|| seconds(text)).and_then(length)
}

fn length(seconds: f64) -> Option<Duration> {
    let length = Some(seconds).filter(|seconds| *seconds <= LONGEST_S)?;
    Some(Duration::from_secs_f64(length.max(0.0))).filter(|length| !length.is_zero())
}

fn seconds(text: &str) -> Option<f64> {
    let mut rest = text.trim();
    let mut sum = None;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let amount: f64 = rest[..digits].parse().ok()?;
        rest = rest[digits..].trim_start();
        let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let unit = match &rest[..letters] {
            "ms" => 1e-3,
            "s" | "sec" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            _ => return None,
        };
        sum = Some(sum.unwrap_or(0.0) + amount * unit);
        rest = rest[letters..].trim_start();
    }
    sum
}

/// A key whose value is something else than it must be.
pub(super) fn wrong(entry: &Entry, wanted: &str) -> Problem {
    Problem::error(
        entry.node.place,
        format!("`{}` must be {wanted}, this is {}", entry.key, shown(&entry.node)),
    )
}

/// Longest text that is shown in a message.
const SHOWN: usize = 40;

/// A value in the words of a message.
pub(super) fn shown(node: &Node) -> String {
    match &node.kind {
        Kind::Scalar(Value::String(text)) if !node.quoted && INFINITE.contains(&text.as_str()) => {
            if text == "NaN" { "not a number" } else { "infinite" }.to_owned()
        }
        Kind::Scalar(Value::String(text)) if text.is_empty() => "an empty text".to_owned(),
        Kind::Scalar(Value::String(text))
            if text.chars().count() <= SHOWN && !text.contains(char::is_control) =>
        {
            if node.quoted {
                format!("the text `{text}`")
            } else {
                format!("`{text}`")
            }
        }
        Kind::Scalar(value @ (Value::Bool(_) | Value::Number(_))) => value.to_string(),
        _ => node.noun().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        for (text, expected) in [
            ("90s", Some(90.0)),
            ("1h30m", Some(5400.0)),
            ("1.5 h", Some(5400.0)),
            ("2d", Some(172_800.0)),
            ("250ms", Some(0.25)),
            ("10", None),
            ("", None),
            ("h", None),
            ("1 fortnight", None),
            ("1h-3m", None),
            ("1..5h", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
        assert_eq!(duration_of(" 90 "), Some(Duration::from_secs(90)));
        for text in ["0", "-3", "nan", "inf", "1e99", "1h30", ""] {
            assert_eq!(duration_of(text), None, "{text}");
        }
    }
}
