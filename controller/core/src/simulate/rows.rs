//! A table made of the trials of a finished sweep.
//!
//! Such a table knows only the points that were tried, so the search is held to them ([`Listed`]): each row is taken once,
//! and when all are, the search ends. A play of any method over *n* rows ends where all others end too; only the order
//! differs, and what is stopped on the way.

use std::sync::Arc;

use serde_json::Value;

use super::{Outcome, Setup, Table, Trial, play};
use crate::search::{self, Foreign, History, Listed, Past, Recorded};
use crate::spec::SweepSpec;
use crate::stop::Point;
use crate::value::Params;

/// The trials of a finished sweep.
#[derive(Debug)]
pub struct Rows {
    values: Vec<Vec<Option<Value>>>,
    curves: Vec<Arc<[Point]>>,
    listed: Listed,
}

impl Rows {
    /// Trials with their curves: values, one a parameter in the order of the spec, and points in order, their seconds
    /// counted from the trial's beginning. Of trials with the same parameters the first is taken only.
    ///
    /// # Errors
    /// The first trial that is no point of the spec's space, by its place, and why.
    pub fn new(
        spec: &SweepSpec,
        rows: Vec<(Vec<Option<Value>>, Vec<Point>)>,
    ) -> Result<Self, (usize, Foreign)> {
        let (values, curves): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
        let listed = Listed::new(spec, &values)?;
        Ok(Self { values, curves: curves.into_iter().map(Into::into).collect(), listed })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.curves.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.curves.is_empty()
    }

    /// The device's seconds of all rows to their last points.
    pub fn seconds(&self) -> f64 {
        self.curves.iter().filter_map(|curve| curve.last()).map(|point| point.seconds).sum()
    }

    /// All of them, for one play.
    pub fn unused(&self) -> Unused<'_> {
        Unused { table: self, taken: vec![false; self.len()] }
    }

    /// Plays a sweep of this spec, which has the parameters that the table was made with, and a method of its own. Trials are
    /// rows, by place.
    pub fn play(&self, spec: &SweepSpec, setup: &Setup, seed: u64) -> Outcome<usize> {
        let mut among = self.listed.among();
        let mut propose = |trials: &[Trial<usize>], number: u64| {
            let history = match spec.method.needs_history() {
                true => history(trials, |row| self.values[*row].clone()),
                false => History::default(),
            };
            among.propose(spec, seed, number, &history).map(|(row, _)| row)
        };
        play(setup, &mut self.unused(), &mut propose)
    }
}

/// What a method is shown of the trials of a play, as a controller would show it.
pub fn history<P>(trials: &[Trial<P>], values: impl Fn(&P) -> Vec<Option<Value>>) -> History {
    let past = |trial: &Trial<P>| {
        let latest = trial.points().iter().rev().map(|point| point.value).find(|value| value.is_finite());
        let Trial { number, state, objective, .. } = *trial;
        let recorded = Recorded { number, params: Params::new(), state, objective, latest, objectives: None };
        Past { number, values: values(&trial.params), outcome: search::outcome(&recorded) }
    };
    History { trials: trials.iter().map(past).collect() }
}

/// Rows that were not taken yet.
#[derive(Debug, Clone)]
pub struct Unused<'r> {
    table: &'r Rows,
    taken: Vec<bool>,
}

/// Rows by place, from 0; `None` for one that is taken or not there.
impl Table<usize> for Unused<'_> {
    fn take(&mut self, _number: u64, row: usize) -> Option<(usize, Arc<[Point]>)> {
        let taken = self.taken.get_mut(row)?;
        (!std::mem::replace(taken, true)).then(|| (row, Arc::clone(&self.table.curves[row])))
    }
}
