//! Reading single keys: text, numbers, durations, one word of several, mappings with known keys.

use std::time::Duration;

use serde_json::Value;

use super::problem::Problem;
use super::yaml::{Entry, Kind};

/// How alike two names must be for one to be a suggestion for the other.
const ALIKE: f64 = 0.8;
/// Longest duration that is taken for one: a hundred years.
const LONGEST_S: f64 = 100.0 * 365.25 * 86_400.0;

/// The known name that somebody probably meant.
pub(super) fn nearest<'k>(known: impl Iterator<Item = &'k str>, wanted: &str) -> Option<&'k str> {
    let wanted = wanted.to_lowercase().replace('-', "_");
    known
        .map(|name| (name, strsim::jaro_winkler(name, &wanted)))
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .filter(|(_, score)| *score > ALIKE)
        .map(|(name, _)| name)
}

/// An unknown key, with the nearest known one as the fix.
pub(super) fn unknown_key<'k>(entry: &Entry, known: impl Iterator<Item = &'k str> + Clone) -> Problem {
    let problem = Problem::error(entry.key_place, format!("`{}` is not a known key here", entry.key));
    let near = if ["early_stopping", "early-stopping", "earlystopping"].contains(&&*entry.key.to_lowercase())
        && known.clone().any(|key| key == "early_terminate")
    {
        Some("early_terminate")
    } else {
        nearest(known.clone(), &entry.key)
    };
    match near {
        Some(key) => problem.fix(format!("did you mean `{key}`?")),
        None => problem.fix(format!("known keys: {}", known.collect::<Vec<_>>().join(", "))),
    }
}

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
    for inner in entries.iter().filter(|inner| !known.contains(&inner.key.as_str())) {
        problems.push(unknown_key(inner, known.iter().copied()));
    }
    Some(entries)
}

/// One of a mapping's entries.
pub(super) fn find<'e>(entries: &'e [Entry], key: &str) -> Option<&'e Entry> {
    entries.iter().find(|entry| entry.key == key)
}

pub(super) fn text(entry: &Entry, problems: &mut Vec<Problem>) -> Option<String> {
    if let Kind::Scalar(Value::String(text)) = &entry.node.kind {
        return Some(text.clone());
    }
    problems.push(wrong(entry, "text").fix("put it in quotes"));
    None
}

/// One word of several.
pub(super) fn word<'w>(entry: &Entry, words: &[&'w str], problems: &mut Vec<Problem>) -> Option<&'w str> {
    let value = entry.node.to_value();
    let found = words.iter().copied().find(|word| value.as_str() == Some(word));
    if found.is_none() {
        let given = crate::value::python_str(&value);
        let fix = nearest(words.iter().copied(), &given)
            .map_or_else(|| format!("use {}", one_of(words)), |near| format!("did you mean `{near}`?"));
        problems.push(
            Problem::error(
                entry.node.place,
                format!("`{given}` is no {}: it is {}", entry.key, one_of(words)),
            )
            .fix(fix),
        );
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
    let found = entry.node.to_value().as_bool();
    if found.is_none() {
        problems.push(wrong(entry, "true or false"));
    }
    found
}

pub(super) fn number(entry: &Entry, problems: &mut Vec<Problem>) -> Option<f64> {
    let found = entry.node.to_value().as_f64();
    if found.is_none() {
        problems.push(wrong(entry, "a finite number"));
    }
    found
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
    problems.push(Problem::error(
        entry.node.place,
        format!("`{}` must be a whole number, at least {least}", entry.key),
    ));
    None
}

/// A duration: a number of seconds, or numbers with units (`90s`, `1h30m`, `2d`).
pub(super) fn duration(entry: &Entry, problems: &mut Vec<Problem>) -> Option<Duration> {
    let found = match &entry.node.kind {
        Kind::Scalar(Value::Number(number)) => number.as_f64(),
        Kind::Scalar(Value::String(text)) => seconds(text),
        _ => None,
    };
    match found {
        Some(seconds) if seconds > 0.0 && seconds <= LONGEST_S => Some(Duration::from_secs_f64(seconds)),
        _ => {
            problems.push(
                Problem::error(
                    entry.node.place,
                    format!("`{}` must be a duration above 0, this is {}", entry.key, entry.node.noun()),
                )
                .fix("write seconds (90), or 90s, 45m, 1h30m, 2d"),
            );
            None
        }
    }
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

fn wrong(entry: &Entry, wanted: &str) -> Problem {
    Problem::error(
        entry.node.place,
        format!("`{}` must be {wanted}, this is {}", entry.key, entry.node.noun()),
    )
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
    }
}
