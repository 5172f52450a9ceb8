//! Every proposal of a sweep once more, from what is recorded.

use super::{History, Origin, Prior, Proposal, Proposer, Recorded};
use crate::spec::SweepSpec;

/// What a replay came to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Replayed {
    /// Trials that are proposed again as they were, reasons included.
    pub equal: u64,
    pub different: Vec<Different>,
    /// Trials of which it is not known what the method was shown: proposed by an earlier version.
    pub unknown: Vec<u64>,
}

/// A trial that would be another today.
#[derive(Debug, Clone, PartialEq)]
pub struct Different {
    pub number: u64,
    /// What is proposed in its place; `None`: nothing, the search would be over.
    pub again: Option<Proposal>,
}

/// Proposes all trials of a sweep again. They are given by number, ascending; `prior` is what the sweep began with.
///
/// Methods that learn see again what they saw then ([`Origin`]). A trial that a person retried since may have an
/// objective by now that was not there then: those after it may differ.
pub fn replay(
    spec: &SweepSpec,
    seed: u64,
    trials: &[(Recorded, Option<Origin>)],
    prior: &[Prior],
) -> Replayed {
    let recorded: Vec<Recorded> = trials.iter().map(|(trial, _)| trial.clone()).collect();
    let mut proposer = Proposer::default();
    let mut replayed = Replayed::default();
    for (trial, origin) in trials {
        let mut history = match (spec.method.needs_history(), origin) {
            (false, _) => History::default(),
            (true, Some(origin)) => History::before(spec, &recorded, trial.number, origin),
            (true, None) => {
                replayed.unknown.push(trial.number);
                continue;
            }
        };
        history.begin_with(spec, prior);
        let again = proposer.propose(spec, seed, trial.number, &history);
        let is_equal = again.as_ref().is_some_and(|again| {
            again.params == trial.params && origin.as_ref().is_none_or(|origin| origin.why == again.why)
        });
        if is_equal {
            replayed.equal += 1;
        } else {
            replayed.different.push(Different { number: trial.number, again });
        }
    }
    replayed
}
