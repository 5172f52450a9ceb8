//! `stop`: what ends a sweep besides its `run_cap`.

use jiff::Timestamp;

use super::field::{at_least, duration, find, mapping, whole, wrong};
use super::problem::Problem;
use super::yaml::{Entry, Kind};
use crate::stop::SweepRule;

pub(super) const KEYS: [&str; 5] = ["no_improvement", "min_delta", "time", "device_time", "deadline"];
const EXAMPLE: &str = "stop: {no_improvement: 20, time: 12h}";

pub(super) fn stop(entry: &Entry, problems: &mut Vec<Problem>) -> Option<SweepRule> {
    let entries = mapping(entry, &KEYS, EXAMPLE, problems)?;
    let get = |key: &str| find(entries, key);
    if entries.is_empty() {
        problems.push(Problem::error(entry.node.place, "`stop` is empty").fix(format!("write {EXAMPLE}")));
    }
    if let (Some(delta), None) = (get("min_delta"), get("no_improvement")) {
        problems.push(
            Problem::error(delta.key_place, "`min_delta` says nothing without `no_improvement`")
                .fix("no_improvement: 20 ends the sweep after 20 trials without a better objective"),
        );
    }
    Some(SweepRule {
        target: None,
        no_improvement: get("no_improvement").and_then(|inner| whole(inner, 1, problems)),
        min_delta: get("min_delta").and_then(|inner| at_least(inner, 0.0, problems)).unwrap_or(0.0),
        time: get("time").and_then(|inner| duration(inner, problems)),
        device_time: get("device_time").and_then(|inner| duration(inner, problems)),
        deadline: get("deadline").and_then(|inner| deadline(inner, problems)),
    })
}

/// A moment that is one everywhere: with its time zone.
fn deadline(entry: &Entry, problems: &mut Vec<Problem>) -> Option<Timestamp> {
    let text = match &entry.node.kind {
        Kind::Scalar(serde_json::Value::String(text)) => text.trim(),
        _ => "",
    };
    let found = text.parse().ok();
    if found.is_none() {
        // A date and time that only lacks its zone is told how it goes on.
        let zoned = format!("{}Z", text.replacen(' ', "T", 1));
        let fix = match zoned.parse::<Timestamp>() {
            Ok(_) => format!("say in which zone: \"{zoned}\" (or +01:00 in place of Z)"),
            Err(_) => "write deadline: \"2030-01-31T18:00:00Z\", or with +01:00 in place of Z".to_owned(),
        };
        problems.push(wrong(entry, "a date and time with its zone").fix(fix));
    }
    found
}
