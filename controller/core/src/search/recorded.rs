//! What is stored of trials, and what a method is or was shown of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{History, Outcome, Past, Reported, Why};
use crate::spec::SweepSpec;
use crate::trial::TrialState;
use crate::value::Params;

/// A trial as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// Within its sweep, from 1.
    pub number: u64,
    pub params: Params,
    pub state: TrialState,
    /// Its best finite value of the objective, over its visible curve.
    pub objective: Option<f64>,
    /// Its last finite one.
    pub latest: Option<f64>,
    /// Of a sweep of several objectives: the last finite value of each, in the order of the metrics, once all have one.
    pub objectives: Option<Vec<f64>>,
}

/// Where a trial comes from, as it is stored with it: why, and what is needed to see again what the method was shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    pub why: Why,
    /// Earlier trials that had not ended yet; all others count as they are. Empty for methods that look at no history.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pending: Vec<Pending>,
}

/// A trial that had not ended yet, with what it had reported, where the method looks at that.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pending {
    pub trial: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest: Option<f64>,
    /// Whether a stop rule held it back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub held: bool,
}

impl History {
    /// What a method is shown of these trials now.
    pub fn of(spec: &SweepSpec, trials: &[Recorded]) -> Self {
        Self { trials: trials.iter().map(|trial| past(spec, trial)).collect() }
    }

    /// What it was shown when trial `number` was proposed.
    pub fn before(spec: &SweepSpec, trials: &[Recorded], number: u64, origin: &Origin) -> Self {
        let pending: BTreeMap<u64, &Pending> = origin.pending.iter().map(|one| (one.trial, one)).collect();
        let earlier = trials.iter().filter(|trial| trial.number < number);
        let mut history = Self { trials: earlier.map(|trial| past(spec, trial)).collect() };
        for past in &mut history.trials {
            if let Some(then) = pending.get(&past.number) {
                let reported = Reported { best: then.best, latest: then.latest };
                past.outcome = if then.held { Outcome::Held(reported) } else { Outcome::Pending(reported) };
            }
        }
        history
    }

    /// A further trial that waits.
    pub fn add_pending(&mut self, spec: &SweepSpec, number: u64, params: &Params) {
        let outcome = Outcome::Pending(Reported::default());
        self.trials.push(Past { number, values: spec.values_of(params), outcome });
    }

    /// Those that have not ended, as [`Origin`] has them.
    pub fn pending(&self, spec: &SweepSpec) -> Vec<Pending> {
        let looks = spec.metric.as_ref().is_some_and(|metric| metric.impute_while_running.is_some());
        let pending = |past: &Past| match past.outcome {
            Outcome::Pending(Reported { best, latest }) if looks => {
                Some(Pending { trial: past.number, best, latest, held: false })
            }
            Outcome::Pending(_) => {
                Some(Pending { trial: past.number, best: None, latest: None, held: false })
            }
            Outcome::Held(Reported { best, latest }) => {
                Some(Pending { trial: past.number, best, latest, held: true })
            }
            Outcome::Done(_) | Outcome::Failed(_) => None,
        };
        self.trials.iter().filter_map(pending).collect()
    }
}

fn past(spec: &SweepSpec, trial: &Recorded) -> Past {
    Past { number: trial.number, values: spec.values_of(&trial.params), outcome: outcome(trial) }
}

/// What a trial comes to, as a method is shown it.
pub(crate) fn outcome(trial: &Recorded) -> Outcome {
    let reported = Reported { best: trial.objective, latest: trial.latest };
    let came_to = trial.objectives.clone().or_else(|| trial.objective.map(|objective| vec![objective]));
    match (trial.state, came_to) {
        (TrialState::Finished | TrialState::StoppedEarly, Some(objectives)) => Outcome::Done(objectives),
        (TrialState::Finished | TrialState::StoppedEarly | TrialState::Failed | TrialState::Cancelled, _) => {
            Outcome::Failed(reported)
        }
        (TrialState::Paused, _) => Outcome::Held(reported),
        (TrialState::Queued | TrialState::Leased | TrialState::Running, _) => Outcome::Pending(reported),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::{Proposal, Proposer, replay};

    const SWEEP: &str =
        "program: train.py\nmethod: tpe\nmetric: {name: loss}\nparameters: {x: {min: 0.0, max: 1.0}}\n";

    fn x(params: &Params) -> f64 {
        params["x"].as_f64().unwrap()
    }

    /// Trials are proposed while earlier ones run, end in another order, and one fails: each proposal can be made again
    /// from what is recorded at the end.
    #[test]
    fn what_was_shown_is_known_from_what_is_recorded_later() {
        let spec = crate::spec::parse(SWEEP).spec.unwrap();
        let mut proposer = Proposer::default();
        let mut trials: Vec<Recorded> = Vec::new();
        let mut origins = Vec::new();
        for number in 1..=40_u64 {
            // Three run at a time; of those the middle one ends first.
            if let Some(ending) = (number as usize).checked_sub(4) {
                let at = if ending % 2 == 0 { ending + 1 } else { ending - 1 };
                let trial = &mut trials[at];
                trial.state = if at == 7 { TrialState::Failed } else { TrialState::Finished };
                trial.objective = Some((x(&trial.params) - 0.3).abs());
            }
            let history = History::of(&spec, &trials);
            let Proposal { params, why } = proposer.propose(&spec, 5, number, &history).unwrap();
            origins.push(Origin { why, pending: history.pending(&spec) });
            trials.push(Recorded {
                number,
                params,
                state: TrialState::Running,
                objective: None,
                latest: None,
                objectives: None,
            });
        }
        let through_json = |origin: &Origin| -> Option<Origin> {
            serde_json::from_str(&serde_json::to_string(origin).unwrap()).unwrap()
        };
        let mut all: Vec<_> = trials.into_iter().zip(origins.iter().map(through_json)).collect();
        let replayed = replay(&spec, 5, &all, &[]);
        assert_eq!((replayed.equal, &*replayed.different, &*replayed.unknown), (40, &[][..], &[][..]));

        // What came to another end, or is another trial, shows.
        all[30].0.objective = Some(0.0);
        let later = replay(&spec, 5, &all, &[]).different;
        assert!(!later.is_empty() && later.iter().all(|one| one.number > 31), "{later:?}");
        all[3].0.params = all[4].0.params.clone();
        assert!(replay(&spec, 5, &all, &[]).different.iter().any(|one| one.number == 4));
        all[20].1 = None;
        assert_eq!(replay(&spec, 5, &all, &[]).unknown, [21]);
    }
}
