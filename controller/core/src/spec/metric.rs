//! `metric`: what the sweep is after, and `early_terminate`: which trials are not worth their time.

use serde_json::Value;

use super::field::{boolean, filled, find, mapping, number, whole, word};
use super::problem::Problem;
use super::yaml::{Entry, Kind};
use super::{EarlyTerminate, Impute, Metric, NonFinite};
use crate::objective::Goal;

pub(super) const METRIC: [&str; 6] =
    ["name", "goal", "target", "impute", "impute_while_running", "non_finite"];
pub(super) const HYPERBAND: [&str; 6] = ["type", "min_iter", "max_iter", "s", "eta", "strict"];
/// Successive halving's usual rate, and W&B's.
const ETA: f64 = 3.0;

pub(super) fn metric(entry: &Entry, problems: &mut Vec<Problem>) -> Option<Metric> {
    let example = match &entry.node.kind {
        Kind::Scalar(Value::String(name)) => format!("metric: {{name: {name}, goal: minimize}}"),
        _ => "metric: {name: val_loss, goal: minimize}".to_owned(),
    };
    let entries = mapping(entry, &METRIC, &example, problems)?;
    let get = |key: &str| find(entries, key);
    let goal = match get("goal") {
        None => Some(Goal::Minimize),
        Some(inner) => {
            let goals = [Goal::Minimize, Goal::Maximize];
            word(inner, &goals.map(Goal::word), problems)
                .and_then(|word| goals.into_iter().find(|goal| goal.word() == word))
        }
    };
    let target = get("target").and_then(|inner| number(inner, problems));
    let named = |word: &str| Impute::ALL.into_iter().find(|impute| impute.word() == word);
    let impute = get("impute").and_then(|inner| word(inner, &Impute::ALL.map(Impute::word), problems));
    let impute = impute.and_then(named).unwrap_or_default();
    // Where W&B's default is the text "false", a boolean false is meant as well.
    let running = get("impute_while_running").filter(|inner| inner.node.to_value() != false);
    let running = running.and_then(|inner| word(inner, &["false", "latest", "best", "worst"], problems));
    let impute_while_running = running.and_then(named);
    let non_finite = get("non_finite").and_then(|inner| word(inner, &["keep", "fail"], problems));
    let non_finite = if non_finite == Some("fail") { NonFinite::Fail } else { NonFinite::Keep };
    let Some(name) = get("name") else {
        problems.push(
            Problem::error(entry.key_place, "`metric` has no `name`")
                .fix("name what the program reports: metric: {name: val_loss, goal: minimize}"),
        );
        return None;
    };
    let name = filled(name, problems)?;
    Some(Metric { name, goal: goal?, target, impute, impute_while_running, non_finite })
}

/// W&B's hyperband (the reference's section 1.7), checked so that it stops something somewhere.
pub(super) fn early_terminate(entry: &Entry, problems: &mut Vec<Problem>) -> Option<EarlyTerminate> {
    let example = "early_terminate: {type: hyperband, min_iter: 3}";
    if let Kind::Scalar(value) = &entry.node.kind
        && value == "hyperband"
    {
        problems.push(
            Problem::error(
                entry.node.place,
                "`early_terminate` is a mapping: hyperband needs its first band",
            )
            .fix(format!("write {example}")),
        );
        return None;
    }
    let Kind::Mapping(keys) = &entry.node.kind else {
        mapping(entry, &HYPERBAND, example, problems);
        return None;
    };
    let Some(kind) = find(keys, "type") else {
        problems.push(
            Problem::error(entry.key_place, "`early_terminate` has no `type`")
                .fix(format!("write {example}")),
        );
        return None;
    };
    word(kind, &["hyperband"], problems)?;
    let before = problems.len();
    let entries = mapping(entry, &HYPERBAND, example, problems)?;
    hyperband(entry, entries, before, problems)
}

/// `before`: problems before those of its keys.
fn hyperband(
    entry: &Entry,
    entries: &[Entry],
    before: usize,
    problems: &mut Vec<Problem>,
) -> Option<EarlyTerminate> {
    let get = |key: &str| find(entries, key);
    let min_iter = get("min_iter").and_then(|inner| whole(inner, 1, problems));
    let max_iter = get("max_iter").and_then(|inner| whole(inner, 1, problems));
    let s = get("s").and_then(|inner| whole(inner, 1, problems));
    let eta = get("eta").map_or(Some(ETA), |inner| number(inner, problems));
    if let (Some(inner), Some(eta)) = (get("eta"), eta.filter(|eta| *eta <= 1.0)) {
        problems.push(
            Problem::error(inner.node.place, format!("`eta` must be above 1, this is {eta}")).fix("eta: 3"),
        );
    }
    let strict = get("strict").map_or(Some(true), |inner| boolean(inner, problems));
    if problems.len() > before {
        return None;
    }
    let (eta, strict) = (eta?, strict?);
    let mut refuse = |message: String, fix: &str| {
        problems.push(Problem::error(entry.key_place, message).fix(fix));
        None
    };
    // Of both forms the one with max_iter counts, as with W&B.
    match (min_iter, max_iter, s) {
        (_, Some(most), Some(s)) if (most as f64 / eta) >= 1.0 => {
            Some(EarlyTerminate::HyperbandMax { max_iter: most, s, eta, strict })
        }
        (_, Some(most), Some(_)) => refuse(
            format!("hyperband has no band below max_iter {most} with eta {eta}: nothing would ever stop"),
            "raise max_iter, or lower eta",
        ),
        (Some(min_iter), _, _) => Some(EarlyTerminate::HyperbandMin { min_iter, eta, strict }),
        (None, Some(_), None) => refuse(
            "hyperband has `max_iter`, but no `s`, the number of its bands".to_owned(),
            "s: 2 looks at a trial twice before max_iter; or write min_iter instead of both",
        ),
        (None, None, Some(_)) => refuse(
            "hyperband has `s`, but no `max_iter`".to_owned(),
            "max_iter is how many values of the metric a whole trial reports; or write min_iter instead of both",
        ),
        (None, None, None) => refuse(
            "hyperband needs `min_iter`, or `max_iter` and `s`".to_owned(),
            "min_iter: 3 looks at a trial after 3, 9, 27, ... values of the metric",
        ),
    }
}
