//! Proposals: the parameters of trial number *n* as a function of (spec, seed, *n*).
//!
//! No generator state has to be stored, a restart changes nothing, and a replay proves every trial.

mod grid;
mod probe;
mod random;
mod work;

use crate::spec::{Method, SweepSpec};
use crate::value::Params;

pub(crate) use grid::points as grid_points;
pub(crate) use probe::{Probe, probe};
pub(crate) use random::finite_points;

/// The parameters of one trial, or the end of the search. `number` counts from 1.
///
/// The cap on the number of trials is part of it: a number beyond it is never proposed. `None` also for methods that
/// are not built ([`SweepSpec::unbuilt`]), whose sweeps cannot be created.
pub fn propose(spec: &SweepSpec, seed: u64, number: u64) -> Option<Params> {
    Proposer::default().propose(spec, seed, number)
}

/// Proposes trials of one sweep one after the other. It remembers how far it walked, which saves time and changes
/// nothing: any number proposed is what [`propose`] gives.
#[derive(Debug, Default)]
pub struct Proposer {
    walk: Option<grid::Walk>,
}

impl Proposer {
    /// As [`propose`], always for the same spec and seed.
    pub fn propose(&mut self, spec: &SweepSpec, seed: u64, number: u64) -> Option<Params> {
        if number == 0 || spec.run_cap.is_some_and(|most| number > most) {
            return None;
        }
        match spec.method {
            Method::Grid => grid::cell(spec, number, &mut self.walk),
            Method::Random => random::point(spec, seed, number),
            Method::Bayes => None,
        }
        .map(|values| spec.assemble(values))
    }
}

#[cfg(test)]
mod tests;
