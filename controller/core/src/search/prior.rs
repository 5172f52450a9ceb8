//! Trials of earlier sweeps that a search begins with, and the guard against spaces and objectives that moved.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::{Foreign, History, Outcome, Past, Recorded};
use crate::space::Misfit;
use crate::spec::SweepSpec;
use crate::trial::TrialState;
use crate::value::Params;

/// Most trials that a sweep begins with.
pub const MOST_PRIOR: usize = 10_000;
/// Most reasons that are told.
const TOLD: usize = 8;

/// A trial of an earlier sweep, as it is stored with the sweep that begins with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prior {
    /// SWEEP/NUMBER; it may be gone by now.
    pub trial: String,
    pub params: Params,
    /// What it came to, in the order of the metrics of the sweep that begins with it.
    pub objectives: Vec<f64>,
}

/// Why nothing can be taken of an earlier sweep.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unlike {
    #[error("sweep {sweep} has no metric, so nothing can be learnt from its trials")]
    NoMetric { sweep: String },
    #[error("sweep {sweep} is to {theirs}, and this one to {ours}")]
    Objectives { sweep: String, theirs: String, ours: String },
}

/// What is taken of earlier trials.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Admitted {
    pub taken: Vec<Prior>,
    /// How many are no points of the space, by reason.
    pub refused: BTreeMap<String, usize>,
}

impl Admitted {
    /// How many are left out.
    pub fn left_out(&self) -> usize {
        self.refused.values().sum()
    }

    /// Why those left out are, one reason a line, the commonest first.
    pub fn reasons(&self) -> String {
        let mut reasons: Vec<(&String, &usize)> = self.refused.iter().collect();
        reasons.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
        let mut text = String::new();
        for (reason, count) in reasons.iter().take(TOLD) {
            // Writing to a text does not fail.
            let _ = write!(text, "\n  {count}: {reason}");
        }
        if reasons.len() > TOLD {
            let _ = write!(text, "\n  and {} reasons more", reasons.len() - TOLD);
        }
        text
    }
}

/// Of an earlier sweep's trials those that ended with all objectives and are points of the space of `spec`.
///
/// # Errors
/// [`Unlike`]: the sweep was after something else.
pub fn admit(
    spec: &SweepSpec,
    sweep: &str,
    earlier: &SweepSpec,
    trials: &[Recorded],
) -> Result<Admitted, Unlike> {
    let order = order(spec, sweep, earlier)?;
    let mut admitted = Admitted::default();
    for trial in trials {
        let Some(values) = came_to(trial) else { continue };
        let Some(objectives) = order.iter().map(|&at| values.get(at).copied()).collect() else { continue };
        match spec.admit(&trial.params) {
            Ok(_) => admitted.taken.push(Prior {
                trial: format!("{sweep}/{}", trial.number),
                params: trial.params.clone(),
                objectives,
            }),
            Err(foreign) => *admitted.refused.entry(reason(&foreign)).or_default() += 1,
        }
    }
    Ok(admitted)
}

/// The finite objectives of a trial that went well; `None`: it did not, or it has none.
fn came_to(trial: &Recorded) -> Option<Vec<f64>> {
    let ended = matches!(trial.state, TrialState::Finished | TrialState::StoppedEarly);
    let values = trial.objectives.clone().or_else(|| trial.objective.map(|value| vec![value]));
    values.filter(|values| ended && values.iter().all(|value| value.is_finite()))
}

/// Where each metric of `spec` stands among those of the earlier sweep.
fn order(spec: &SweepSpec, sweep: &str, earlier: &SweepSpec) -> Result<Vec<usize>, Unlike> {
    let (ours, theirs) = (spec.objectives(), earlier.objectives());
    if theirs.is_empty() {
        return Err(Unlike::NoMetric { sweep: sweep.to_owned() });
    }
    let place = |metric: &crate::spec::Metric| {
        theirs.iter().position(|other| other.name == metric.name && other.goal == metric.goal)
    };
    let order: Option<Vec<usize>> = ours.iter().map(place).collect();
    order.filter(|order| order.len() == theirs.len()).ok_or_else(|| {
        let said = |metrics: &[crate::spec::Metric]| {
            let each = metrics.iter().map(|metric| format!("{} {}", metric.goal.word(), metric.name));
            each.collect::<Vec<_>>().join(" and ")
        };
        Unlike::Objectives { sweep: sweep.to_owned(), theirs: said(theirs), ours: said(ours) }
    })
}

/// Why a trial is no point of the space, in words that trials have in common.
fn reason(foreign: &Foreign) -> String {
    let Foreign::Misfit { parameter, misfit } = foreign else { return foreign.to_string() };
    match misfit {
        Misfit::NotANumber(_) => format!("`{parameter}` is not a number"),
        Misfit::Outside { min, max, .. } => format!("`{parameter}` lies outside of {min} to {max}"),
        Misfit::OffStep { step, .. } => format!("`{parameter}` is no multiple of {step}"),
        Misfit::Unlisted(_) => format!("`{parameter}` is none of its values"),
    }
}

impl History {
    /// Puts trials of earlier sweeps before all others.
    pub fn begin_with(&mut self, spec: &SweepSpec, prior: &[Prior]) {
        let past = |prior: &Prior| Past {
            number: 0,
            values: spec.values_of(&prior.params),
            outcome: Outcome::Done(prior.objectives.clone()),
        };
        self.trials.extend(prior.iter().map(past));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::search::{Origin, Proposer, replay};

    fn spec(text: &str) -> SweepSpec {
        let parsed = crate::spec::parse(&format!("program: p\nmethod: tpe\n{text}\n"));
        parsed.spec.unwrap_or_else(|| panic!("{:?}", parsed.problems))
    }

    fn recorded(number: u64, params: serde_json::Value, objectives: &[f64]) -> Recorded {
        Recorded {
            number,
            params: serde_json::from_value(params).unwrap(),
            state: TrialState::Finished,
            objective: (objectives.len() == 1).then(|| objectives[0]),
            latest: None,
            objectives: (objectives.len() > 1).then(|| objectives.to_vec()),
        }
    }

    const LOSS: &str = "metric: {name: loss}";

    #[test]
    fn trials_of_a_space_that_moved_are_left_out_and_counted() {
        let now = spec(&format!(
            "{LOSS}\nparameters: {{lr: {{min: 0.0, max: 0.5}}, opt: {{values: [sgd, adam]}}, epochs: {{value: 10}}}}"
        ));
        let then = spec(&format!("{LOSS}\nparameters: {{lr: {{min: 0.0, max: 1.0}}}}"));
        let mut trials = vec![
            recorded(1, json!({"lr": 0.1, "opt": "sgd", "epochs": 10}), &[1.0]),
            recorded(2, json!({"lr": 0.9, "opt": "sgd", "epochs": 10}), &[2.0]),
            recorded(3, json!({"lr": 0.8, "opt": "sgd", "epochs": 10}), &[2.0]),
            recorded(4, json!({"lr": 0.2, "opt": "lamb", "epochs": 10}), &[3.0]),
            recorded(5, json!({"lr": 0.2, "opt": "sgd", "epochs": 20}), &[3.0]),
            recorded(6, json!({"lr": 0.2, "epochs": 10}), &[3.0]),
            recorded(7, json!({"lr": "fast", "opt": "sgd", "epochs": 10}), &[3.0]),
            recorded(8, json!({"lr": 0.2, "opt": "sgd", "epochs": 10, "momentum": 0.9}), &[3.0]),
            recorded(9, json!({"lr": 0.3, "opt": "adam", "epochs": 10}), &[4.0]),
            recorded(10, json!({"lr": 0.3, "opt": "adam", "epochs": 10}), &[4.0]),
            recorded(11, json!({"lr": 0.3, "opt": "adam", "epochs": 10}), &[f64::NAN]),
        ];
        trials[9].state = TrialState::Failed;
        let admitted = admit(&now, "k3x9q2ab", &then, &trials).unwrap();
        let taken: Vec<_> =
            admitted.taken.iter().map(|one| (one.trial.as_str(), one.objectives[0])).collect();
        assert_eq!(taken, [("k3x9q2ab/1", 1.0), ("k3x9q2ab/9", 4.0)]);
        assert_eq!(admitted.left_out(), 7);
        assert_eq!(
            admitted.reasons(),
            "\n  2: `lr` lies outside of 0 to 0.5\n  1: `epochs` is none of its values\n  \
             1: `lr` is not a number\n  1: `opt` has no value\n  1: `opt` is none of its values\n  \
             1: there is no parameter `momentum`"
        );
    }

    #[test]
    fn what_was_sought_then_is_sought_now() {
        let parameters = "parameters: {a: {min: 0.0, max: 1.0}}";
        let now = spec(&format!("{LOSS}\n{parameters}"));
        let said = |objective: &str| {
            let then = spec(&format!("{objective}\n{parameters}"));
            admit(&now, "k3x9q2ab", &then, &[]).unwrap_err().to_string()
        };
        assert_eq!(
            said("metric: {name: loss, goal: maximize}"),
            "sweep k3x9q2ab is to maximize loss, and this one to minimize loss"
        );
        assert_eq!(
            said("metrics: [{name: loss}, {name: time}]"),
            "sweep k3x9q2ab is to minimize loss and minimize time, and this one to minimize loss"
        );
        let grid = crate::spec::parse(&format!("program: p\nmethod: random\n{parameters}\n")).spec.unwrap();
        assert!(matches!(admit(&now, "k3x9q2ab", &grid, &[]), Err(Unlike::NoMetric { .. })));

        // Several go by their names.
        let two = |order: &str| spec(&format!("metrics: [{order}]\n{parameters}"));
        let (now, then) = (two("{name: loss}, {name: time}"), two("{name: time}, {name: loss}"));
        let admitted =
            admit(&now, "k3x9q2ab", &then, &[recorded(1, json!({"a": 0.5}), &[60.0, 0.1])]).unwrap();
        assert_eq!(admitted.taken[0].objectives, [0.1, 60.0]);
    }

    /// A search that begins with what is known draws no design, goes to the good place, and is replayed.
    #[test]
    fn a_search_begins_where_an_earlier_one_ended() {
        let space = "parameters: {a: {min: 0.0, max: 1.0}, b: {min: 0.0, max: 1.0}}";
        for method in ["tpe", "bayes", "auto", "cmaes"] {
            let text = format!("program: p\nmethod: {method}\n{LOSS}\n{space}\n");
            let spec = crate::spec::parse(&text).spec.unwrap();
            let loss = |a: f64, b: f64| (a - 0.8).powi(2) + (b - 0.1).powi(2);
            let trials: Vec<Recorded> = (0..64)
                .map(|at| (f64::from(at % 8) / 7.0, f64::from(at / 8) / 7.0))
                .zip(1..)
                .map(|((a, b), number)| recorded(number, json!({"a": a, "b": b}), &[loss(a, b)]))
                .collect();
            let prior = admit(&spec, "k3x9q2ab", &spec, &trials).unwrap().taken;
            assert_eq!(prior.len(), 64);
            let mut proposer = Proposer::default();
            let (mut done, mut best): (Vec<(Recorded, Option<Origin>)>, _) = (Vec::new(), f64::INFINITY);
            for number in 1..=6 {
                let known: Vec<Recorded> = done.iter().map(|(trial, _)| trial.clone()).collect();
                let mut history = History::of(&spec, &known);
                history.begin_with(&spec, &prior);
                let proposal = proposer.propose(&spec, 5, number, &history).unwrap();
                let value = |name: &str| proposal.params[name].as_f64().unwrap();
                let came_to = loss(value("a"), value("b"));
                best = best.min(came_to);
                let origin = Origin { why: proposal.why.clone(), pending: history.pending(&spec) };
                assert!(!origin.why.to_string().starts_with("start"), "{method}: {}", origin.why);
                let params = serde_json::to_value(&proposal.params).unwrap();
                done.push((recorded(number, params, &[came_to]), Some(origin)));
            }
            // Evolution takes more than some draws to get anywhere.
            assert!(best < 0.05 || method == "cmaes", "{method}: {best}");
            let replayed = replay(&spec, 5, &done, &prior);
            assert_eq!((replayed.equal, replayed.different.len()), (6, 0), "{method}");
            // Without what it began with, other trials come.
            assert!(!replay(&spec, 5, &done, &[]).different.is_empty(), "{method}");
        }
    }
}
