//! The grid: every cell once, in W&B's order (names sorted, the last one varying fastest), never built as a whole.

use serde_json::Value;

use super::work;
use crate::spec::SweepSpec;

/// Most work that is spent on counting the cells that constraints leave.
const COUNTED: u64 = 1_000_000;

/// Cell `number`, from 1. Without conditions and constraints it is computed; with them it is walked to, from where
/// `walk` stands.
pub(super) fn cell(spec: &SweepSpec, number: u64, walk: &mut Option<Walk>) -> Option<Vec<Option<Value>>> {
    if is_plain(spec) {
        return nth(spec, u128::from(number) - 1);
    }
    let mut from = walk.take().filter(|walk| walk.found <= number).unwrap_or_else(|| Walk::new(spec));
    // A planner looks one ahead, and then asks for that one again.
    let mut cell = (from.found == number).then(|| from.values.clone());
    while from.found < number {
        match from.next(spec, u64::MAX) {
            Step::Cell(values) => cell = Some(values),
            Step::End | Step::Tired => return None,
        }
    }
    *walk = Some(from);
    cell
}

/// How many cells there are; `None`: infinitely many, or more than can be counted.
pub(crate) fn points(spec: &SweepSpec) -> Option<u64> {
    if is_plain(spec) {
        return spec.grid_cells().map(|cells| u64::try_from(cells).unwrap_or(u64::MAX));
    }
    let mut walk = Walk::new(spec);
    loop {
        match walk.next(spec, COUNTED.checked_sub(walk.work)?) {
            Step::Cell(_) => {}
            Step::End => return Some(walk.found),
            Step::Tired => return None,
        }
    }
}

fn is_plain(spec: &SweepSpec) -> bool {
    spec.constraints.is_empty() && spec.parameters.iter().all(|parameter| parameter.when.is_empty())
}

fn nth(spec: &SweepSpec, at: u128) -> Option<Vec<Option<Value>>> {
    let mut rest = at;
    let mut values = Vec::with_capacity(spec.parameters.len());
    for parameter in spec.parameters.iter().rev() {
        let cells = parameter.domain.grid_len()?;
        values.push(Some(parameter.domain.grid_value(rest % cells)));
        rest /= cells;
    }
    values.reverse();
    (rest == 0).then_some(values)
}

/// What a step of the walk came to.
pub(super) enum Step {
    Cell(Vec<Option<Value>>),
    End,
    /// The work allowed was not enough.
    Tired,
}

/// A walk through the cells that conditions and constraints leave: an odometer that turns a wheel as soon as a
/// constraint over the wheels before it fails, so that whole blocks of forbidden cells cost one step.
#[derive(Debug)]
pub(super) struct Walk {
    digits: Vec<u128>,
    values: Vec<Option<Value>>,
    /// The wheel to try next; `None`: all is walked.
    at: Option<usize>,
    /// Cells found so far.
    found: u64,
    /// Wheels turned so far.
    pub(super) turned: u64,
    /// Work done so far.
    work: u64,
    /// Work of turning each wheel by one.
    costs: Vec<u64>,
}

impl Walk {
    pub(super) fn new(spec: &SweepSpec) -> Self {
        let wheels = spec.parameters.len();
        Self {
            digits: vec![0; wheels],
            values: Vec::new(),
            at: (wheels > 0).then_some(0),
            found: 0,
            turned: 0,
            work: 0,
            costs: (0..wheels).map(|at| work::of_parameter(spec, at)).collect(),
        }
    }

    /// The next cell, within so much work.
    pub(super) fn next(&mut self, spec: &SweepSpec, most: u64) -> Step {
        let last = spec.parameters.len() - 1;
        let end = self.work.saturating_add(most);
        while self.work < end {
            let Some(at) = self.at else { return Step::End };
            self.turned += 1;
            self.work = self.work.saturating_add(self.costs[at]);
            self.values.truncate(at);
            // A parameter that does not exist has one place on its wheel.
            let exists = spec.exists(at, &self.values);
            let domain = &spec.parameters[at].domain;
            let places = if exists { domain.grid_len().unwrap_or(0) } else { 1 };
            if self.digits[at] >= places {
                self.at = at.checked_sub(1);
                if let Some(before) = self.at {
                    self.digits[before] += 1;
                }
                continue;
            }
            self.values.push(exists.then(|| domain.grid_value(self.digits[at])));
            if !spec.allows(at, &self.values) {
                self.digits[at] += 1;
            } else if at == last {
                self.digits[at] += 1;
                self.found += 1;
                return Step::Cell(self.values.clone());
            } else {
                self.at = Some(at + 1);
                self.digits[at + 1] = 0;
            }
        }
        Step::Tired
    }
}
