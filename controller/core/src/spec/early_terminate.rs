//! `early_terminate`: which trials are not worth their time.

use serde_json::Value;

use super::field::{amount, at_least, boolean, figure, find, mapping, number, whole, word};
use super::names::{meant, unknown_keys};
use super::problem::Problem;
use super::yaml::{Entry, Kind};
use crate::stop::{Asha, Bands, Hyperband, MOST_RUNGS, Median, Patience, Promote, Resource, Rule};

/// All keys of all types.
pub(super) const KEYS: [&str; 16] = [
    "type",
    "min_iter",
    "max_iter",
    "s",
    "eta",
    "strict",
    "resource",
    "min",
    "max",
    "grace",
    "brackets",
    "promote",
    "interval",
    "min_trials",
    "patience",
    "min_delta",
];
/// The types, each with its keys and how it is written.
const TYPES: [(&str, &[&str], &str); 4] = [
    (
        "hyperband",
        &["type", "min_iter", "max_iter", "s", "eta", "strict"],
        "early_terminate: {type: hyperband, min_iter: 3}",
    ),
    (
        "asha",
        &["type", "resource", "min", "max", "eta", "grace", "brackets", "promote"],
        "early_terminate: {type: asha, resource: epoch, min: 1, max: 27}",
    ),
    (
        "median",
        &["type", "resource", "interval", "grace", "min_trials"],
        "early_terminate: {type: median, resource: epoch, interval: 1}",
    ),
    (
        "patience",
        &["type", "resource", "patience", "min_delta", "grace"],
        "early_terminate: {type: patience, resource: epoch, patience: 5}",
    ),
];
/// Successive halving's usual rate, and W&B's.
const ETA: f64 = 3.0;
/// As many unknown keys are searched for what was meant.
const MANY: usize = 50;
/// Others that the median rule needs.
const MIN_TRIALS: u64 = 5;

/// Reads the rule, checked so that it stops something somewhere.
pub(super) fn early_terminate(entry: &Entry, problems: &mut Vec<Problem>) -> Option<Rule> {
    if let Kind::Scalar(Value::String(word)) = &entry.node.kind
        && let Some((name, _, example)) = TYPES.iter().find(|(name, ..)| name == word)
    {
        let message = format!("`early_terminate` is a mapping: {name} needs to know when to look");
        problems.push(Problem::error(entry.node.place, message).fix(format!("write {example}")));
        return None;
    }
    let Kind::Mapping(keys) = &entry.node.kind else {
        mapping(entry, &KEYS, TYPES[0].2, problems);
        return None;
    };
    let Some(kind) = find(keys, "type") else {
        problems.push(
            Problem::error(entry.key_place, "`early_terminate` has no `type`")
                .fix(format!("write {}", TYPES[0].2)),
        );
        return None;
    };
    let name = word(kind, &TYPES.map(|(name, ..)| name), problems)?;
    let (_, known, example) = TYPES.into_iter().find(|(other, ..)| *other == name)?;
    let before = problems.len();
    check_keys(keys, name, known, problems);
    let reader = Reader { entry, keys, name, known, example };
    let rule = match name {
        "hyperband" => reader.hyperband(before, problems).map(Rule::Hyperband),
        "asha" => reader.asha(before, problems).map(Rule::Asha),
        "median" => reader.median(problems).map(Rule::Median),
        _ => reader.patience(problems).map(Rule::Patience),
    };
    rule.filter(|_| problems.len() == before)
}

/// A key of another type says nothing to this one.
fn check_keys(keys: &[Entry], name: &str, known: &[&str], problems: &mut Vec<Problem>) {
    let strange = |entry: &&Entry| !known.contains(&entry.key.as_str());
    let (foreign, unknown): (Vec<&Entry>, Vec<&Entry>) =
        keys.iter().filter(strange).partition(|entry| KEYS.contains(&entry.key.as_str()));
    for entry in foreign {
        let message = format!("`{}` says nothing to `type: {name}`", entry.key);
        problems.push(
            Problem::error(entry.key_place, message).fix(format!("keys of {name}: {}", known.join(", "))),
        );
    }
    unknown_keys(unknown.into_iter(), known, problems);
}

/// The keys of one rule.
struct Reader<'e> {
    entry: &'e Entry,
    keys: &'e [Entry],
    name: &'static str,
    known: &'static [&'static str],
    example: &'static str,
}

impl<'e> Reader<'e> {
    fn get(&self, key: &str) -> Option<&'e Entry> {
        find(self.keys, key)
    }

    /// A key that must be there. If an unknown one was meant as it, that one's own problem says enough.
    fn need(&self, key: &str, problems: &mut Vec<Problem>) -> Option<&'e Entry> {
        let found = self.get(key);
        let unknown = |entry: &&Entry| !KEYS.contains(&entry.key.as_str());
        let nearly = |entry: &Entry| meant(self.known.iter().copied(), &entry.key) == Some(key);
        if found.is_none() && !self.keys.iter().filter(unknown).take(MANY).any(nearly) {
            problems.push(
                Problem::error(self.entry.key_place, format!("{} has no `{key}`", self.name))
                    .fix(format!("write {}", self.example)),
            );
        }
        found
    }

    /// A problem of a key, or of the rule as a whole where that is not there.
    fn refuse(&self, key: &str, message: String, fix: impl Into<String>, problems: &mut Vec<Problem>) {
        let place = self.get(key).map_or(self.entry.key_place, |inner| inner.node.place);
        problems.push(Problem::error(place, message).fix(fix));
    }

    fn eta(&self, problems: &mut Vec<Problem>) -> Option<f64> {
        let eta = self.get("eta").map_or(Some(ETA), |inner| number(inner, problems))?;
        if eta <= 1.0 {
            self.refuse("eta", format!("`eta` must be above 1, this is {eta}"), "eta: 3", problems);
            return None;
        }
        Some(eta)
    }

    fn resource(&self, problems: &mut Vec<Problem>) -> Option<Resource> {
        let word = word(self.need("resource", problems)?, &Resource::ALL.map(Resource::word), problems)?;
        Resource::ALL.into_iter().find(|resource| resource.word() == word)
    }

    /// An amount of the resource above 0.
    fn needed(&self, key: &str, resource: Option<Resource>, problems: &mut Vec<Problem>) -> Option<f64> {
        amount(self.need(key, problems)?, resource == Some(Resource::Seconds), problems)
    }

    fn grace(&self, resource: Option<Resource>, problems: &mut Vec<Problem>) -> Option<f64> {
        let entry = self.get("grace").filter(|entry| entry.node.to_value().as_f64() != Some(0.0));
        entry.map_or(Some(0.0), |entry| amount(entry, resource == Some(Resource::Seconds), problems))
    }

    /// `before`: problems before those of its keys.
    fn hyperband(&self, before: usize, problems: &mut Vec<Problem>) -> Option<Hyperband> {
        let min_iter = self.get("min_iter").and_then(|inner| whole(inner, 1, problems));
        let max_iter = self.get("max_iter").and_then(|inner| whole(inner, 1, problems));
        let s = self.get("s").and_then(|inner| whole(inner, 1, problems));
        let eta = self.eta(problems);
        let strict = self.get("strict").map_or(Some(true), |inner| boolean(inner, problems));
        if problems.len() > before {
            return None;
        }
        let (eta, strict) = (eta?, strict?);
        // Of both forms the one with max_iter counts, as with W&B.
        let bands = match (min_iter, max_iter, s) {
            (_, Some(max_iter), Some(s)) => Bands::Before { max_iter, s },
            (Some(min_iter), _, _) => Bands::From { min_iter },
            (None, Some(_), None) => {
                let (message, fix) = (
                    "hyperband has `max_iter`, but no `s`, the number of its bands",
                    "s: 2 looks at a trial twice before max_iter; or write min_iter instead of both",
                );
                self.refuse("", message.to_owned(), fix, problems);
                return None;
            }
            (None, None, Some(_)) => {
                let (message, fix) = (
                    "hyperband has `s`, but no `max_iter`",
                    "max_iter is how many values of the metric a whole trial reports; or write min_iter instead of both",
                );
                self.refuse("", message.to_owned(), fix, problems);
                return None;
            }
            (None, None, None) => {
                let (message, fix) = (
                    "hyperband needs `min_iter`, or `max_iter` and `s`",
                    "min_iter: 3 looks at a trial after 3, 9, 27, ... values of the metric",
                );
                self.refuse("", message.to_owned(), fix, problems);
                return None;
            }
        };
        let rule = Hyperband { bands, eta, strict };
        if let (Bands::Before { max_iter, .. }, true) = (bands, rule.bands().is_empty()) {
            let message = format!(
                "hyperband has no band below max_iter {max_iter} with eta {eta}: nothing would ever stop"
            );
            self.refuse("", message, "raise max_iter, or lower eta", problems);
        }
        Some(rule)
    }

    /// `before`: problems before those of its keys.
    fn asha(&self, before: usize, problems: &mut Vec<Problem>) -> Option<Asha> {
        let resource = self.resource(problems);
        let min = self.needed("min", resource, problems);
        let max = self.needed("max", resource, problems);
        let eta = self.eta(problems);
        let grace = self.grace(resource, problems);
        let promote =
            self.get("promote").map_or(Some("stop"), |inner| word(inner, &["stop", "pause"], problems));
        let brackets = self.get("brackets").map_or(Some(1), |inner| whole(inner, 1, problems));
        let promote = if promote? == "pause" { Promote::Pause } else { Promote::Stop };
        let (resource, min, max, eta, grace, brackets) = (resource?, min?, max?, eta?, grace?, brackets?);
        let brackets = u32::try_from(brackets).unwrap_or(u32::MAX);
        let rule = Asha { resource, min, max, eta, grace, brackets, promote };
        if problems.len() == before {
            self.check_asha(&rule, problems);
        }
        Some(rule)
    }

    fn check_asha(&self, rule: &Asha, problems: &mut Vec<Problem>) {
        let Asha { min, max, eta, grace, brackets, .. } = *rule;
        let rungs = rule.rungs();
        if min >= max {
            let message = format!("`min` ({}) must be below `max` ({})", figure(min), figure(max));
            self.refuse("min", message, "min is the first rung, max all that a trial gets", problems);
        } else if rungs.len() == MOST_RUNGS && rungs[MOST_RUNGS - 1] * eta < max {
            let message = format!("there are more than {MOST_RUNGS} rungs between min and max");
            self.refuse("eta", message, "raise eta or min", problems);
        } else if brackets as usize > rungs.len() + 1 {
            let most = rungs.len() + 1;
            let message = format!(
                "`brackets` must be at most {most} with {} between min and max, this is {brackets}",
                if most == 2 { "1 rung".to_owned() } else { format!("{} rungs", most - 1) }
            );
            self.refuse("brackets", message, format!("brackets: {most}"), problems);
        } else if rule.ladder(0).is_empty() {
            let message = format!("no rung is left after `grace` {}: nothing would ever stop", figure(grace));
            let last = rungs.last().copied().unwrap_or(min);
            self.refuse("grace", message, format!("the last rung is at {}", figure(last)), problems);
        }
    }

    fn median(&self, problems: &mut Vec<Problem>) -> Option<Median> {
        let resource = self.resource(problems);
        let interval = self.needed("interval", resource, problems);
        let grace = self.grace(resource, problems);
        let min_trials = self.get("min_trials").map_or(Some(MIN_TRIALS), |inner| whole(inner, 1, problems));
        Some(Median { resource: resource?, interval: interval?, grace: grace?, min_trials: min_trials? })
    }

    fn patience(&self, problems: &mut Vec<Problem>) -> Option<Patience> {
        let resource = self.resource(problems);
        let patience = self.needed("patience", resource, problems);
        let min_delta = self.get("min_delta").map_or(Some(0.0), |inner| at_least(inner, 0.0, problems));
        let grace = self.grace(resource, problems);
        Some(Patience { resource: resource?, patience: patience?, min_delta: min_delta?, grace: grace? })
    }
}
