//! Which trials, and in which order: expressions over what a trial has.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use sweep_core::expr::{Expr, ExprError, Undecided};
use sweep_proto::convert::trial_state_word;
use sweep_proto::v1;

use crate::exit::{Exit, Failure};
use crate::show;

/// What every trial has besides parameters and metrics.
const OWN: [&str; 9] =
    ["number", "state", "attempt", "agent", "reason", "objective", "seconds", "host", "tags"];

/// A trial's value by a name; `None`: it has none. `objective`, `number` and so on come first, then parameters by their
/// dotted path, then metrics: `loss` and `loss.last` are the last value, `loss.min` and `loss.max` the extremes.
pub(crate) fn value(trial: &v1::Trial, name: &str) -> Option<Value> {
    let text = |text: &str| (!text.is_empty()).then(|| Value::from(text));
    match name {
        "number" => return Some(trial.number.into()),
        "state" => return Some(trial_state_word(trial.state).into()),
        "attempt" => return Some(trial.attempt.into()),
        "agent" => return text(&trial.agent),
        "reason" => return Some(trial.reason.clone().into()),
        "tags" => return Some(trial.tags.clone().into()),
        "objective" => return trial.objective.map(Value::from),
        "host" => return trial.facts.as_ref().and_then(|facts| text(&facts.host)),
        "seconds" => return show::length(trial).map(|ms| Value::from(ms as f64 / 1000.0)),
        _ => {}
    }
    let (kind, rest) = match (name.strip_prefix("params."), name.strip_prefix("metrics.")) {
        (Some(rest), _) => (Some("params"), rest),
        (_, Some(rest)) => (Some("metrics"), rest),
        _ => (None, name),
    };
    let param = (kind != Some("metrics")).then(|| show::flat(trial).remove(rest)).flatten();
    param.or_else(|| if kind == Some("params") { None } else { metric(trial, rest) })
}

fn metric(trial: &v1::Trial, name: &str) -> Option<Value> {
    let find = |name: &str| trial.metrics.iter().find(|metric| metric.name == name && metric.count > 0);
    if let Some(found) = find(name) {
        return Some(found.last.into());
    }
    let (name, of) = name.rsplit_once('.')?;
    let found = find(name)?;
    match of {
        "last" => Some(found.last.into()),
        "min" => Some(found.min.into()),
        "max" => Some(found.max.into()),
        "count" => Some(found.count.into()),
        _ => None,
    }
}

/// Names that any of the trials has.
fn names(trials: &[v1::Trial]) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = OWN.iter().map(|&name| name.to_owned()).collect();
    for trial in trials {
        names.extend(show::flat(trial).into_keys());
        names.extend(trial.metrics.iter().map(|metric| metric.name.clone()));
    }
    names
}

fn unknown(option: &str, name: &str, trials: &[v1::Trial]) -> Failure {
    let known: Vec<_> = names(trials).into_iter().collect();
    Failure::new(
        Exit::Usage,
        format!(
            "{option}: no trial has `{name}`\n  they have {}\n  a name with other signs stands in backticks: `total-f1score` > 0.6",
            known.join(", ")
        ),
    )
}

/// Checks an expression's form.
pub(crate) fn expression(text: &str) -> Result<Expr, String> {
    Expr::parse(text).map_err(|ExprError { at, message, .. }| format!("{message}, at character {}", at + 1))
}

/// Keeps the trials for which an expression holds; one that lacks a value it names is left out.
pub(crate) fn keep(trials: &mut Vec<v1::Trial>, expr: &Expr) -> Result<(), Failure> {
    for name in expr.names() {
        if !trials.is_empty()
            && trials.iter().all(|trial| value(trial, name).is_none())
            && !OWN.contains(&name)
        {
            return Err(unknown("--where", name, trials));
        }
    }
    let mut wrong = None;
    trials.retain(|trial| {
        let values: BTreeMap<&str, Value> =
            expr.names().into_iter().filter_map(|name| Some((name, value(trial, name)?))).collect();
        match expr.holds(&|name| values.get(name)) {
            Ok(holds) => holds,
            Err(Undecided::Absent) => false,
            Err(Undecided::Meaningless(why)) => {
                wrong.get_or_insert(why);
                false
            }
        }
    });
    match wrong {
        Some(why) => Err(Failure::new(Exit::Usage, format!("--where {}: {why}", expr.source()))),
        None => Ok(()),
    }
}

/// Sorts by a name, ascending; `-name` descending. Trials without a value come last either way, equals stay by number.
pub(crate) fn sort(trials: &mut [v1::Trial], key: &str) -> Result<(), Failure> {
    let (name, down) = key.strip_prefix('-').map_or((key, false), |name| (name, true));
    let mut rows: Vec<(Option<Value>, v1::Trial)> =
        trials.iter().map(|trial| (value(trial, name), trial.clone())).collect();
    if !rows.is_empty() && rows.iter().all(|(value, _)| value.is_none()) && !OWN.contains(&name) {
        return Err(unknown("--sort", name, trials));
    }
    rows.sort_by(|(a, _), (b, _)| match (a, b) {
        (Some(a), Some(b)) if down => order(b, a),
        (Some(a), Some(b)) => order(a, b),
        (a, b) => b.is_some().cmp(&a.is_some()),
    });
    for (slot, (_, trial)) in trials.iter_mut().zip(rows) {
        *slot = trial;
    }
    Ok(())
}

fn order(a: &Value, b: &Value) -> Ordering {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        // Numbers before words.
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => match (a, b) {
            (Value::String(a), Value::String(b)) => a.cmp(b),
            (a, b) => a.to_string().cmp(&b.to_string()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trials() -> Vec<v1::Trial> {
        let one = |number, params: &str, objective: Option<f64>| v1::Trial {
            number,
            params_json: params.to_owned(),
            objective,
            tags: if number == 2 { vec!["best".to_owned(), "draft".to_owned()] } else { Vec::new() },
            state: v1::TrialState::Finished.into(),
            metrics: objective
                .map(|value| v1::MetricSummary {
                    name: "total-f1".into(),
                    last: value / 2.0,
                    max: value,
                    count: 1,
                    ..Default::default()
                })
                .into_iter()
                .collect(),
            ..Default::default()
        };
        vec![
            one(1, r#"{"lr":0.1,"net":{"depth":3},"opt":"sgd"}"#, Some(0.5)),
            one(2, r#"{"lr":0.01,"net":{"depth":5},"opt":"adam"}"#, None),
            one(3, r#"{"lr":1,"net":{"depth":4},"opt":"adam"}"#, Some(0.75)),
        ]
    }

    fn numbers(trials: &[v1::Trial]) -> Vec<u64> {
        trials.iter().map(|trial| trial.number).collect()
    }

    #[test]
    fn expressions_see_parameters_metrics_and_the_trial_itself() {
        for (text, expected) in [
            ("lr < 0.5", vec![1, 2]),
            ("net.depth >= 4 and opt == 'adam'", vec![2, 3]),
            ("objective > 0.6", vec![3]),
            ("`total-f1` > 0.3", vec![3]),
            ("`total-f1.max` > 0.3", vec![1, 3]),
            ("params.lr == 1", vec![3]),
            ("state != 'finished'", vec![]),
            ("number in [1, 3]", vec![1, 3]),
            ("agent == 'box'", vec![]),
            ("'best' in tags", vec![2]),
            ("'best' not in tags and lr < 0.5", vec![1]),
        ] {
            let mut trials = trials();
            keep(&mut trials, &expression(text).expect(text)).expect(text);
            assert_eq!(numbers(&trials), expected, "{text}");
        }
        let mut all = trials();
        let failed = keep(&mut all, &expression("learning_rate > 1").expect("parses")).expect_err("unknown");
        assert!(failed.message.contains("lr") && failed.message.contains("total-f1"), "{}", failed.message);
        assert!(keep(&mut trials(), &expression("opt > 1").expect("parses")).is_err());
    }

    #[test]
    fn trials_without_the_value_come_last() {
        for (key, expected) in [
            ("objective", [1, 3, 2]),
            ("-objective", [3, 1, 2]),
            ("lr", [2, 1, 3]),
            ("-lr", [3, 1, 2]),
            ("opt", [2, 3, 1]),
            ("-net.depth", [2, 3, 1]),
        ] {
            let mut trials = trials();
            sort(&mut trials, key).expect(key);
            assert_eq!(numbers(&trials), expected, "{key}");
        }
        assert!(sort(&mut trials(), "nosuch").is_err());
    }
}
