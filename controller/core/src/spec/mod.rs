//! The sweep file: W&B's keys, read with places, checked at once.
//!
//! [`parse`] is the one entry; the controller and the CLI call the same function, so both say the same.

mod advice;
mod choice;
mod command_line;
mod condition;
mod constraint;
mod distribution;
mod early_terminate;
mod field;
mod metric;
mod metrics;
mod names;
mod parameter;
mod problem;
mod range;
mod schema;
mod stop;
mod top;
mod warm_start;
mod yaml;

pub use field::duration_of;
pub use problem::{Place, Problem, Severity};
pub use schema::SCHEMA;

use std::borrow::Borrow;
use std::time::Duration;

use serde_json::Value;

use crate::expr::{Expr, Undecided};
use crate::fault::INFRASTRUCTURE_RETRIES;
use crate::objective::Goal;
use crate::space::Domain;
use crate::stop::{Judge, Rule, Stops, SweepRule};
use crate::value::Params;

/// A checked sweep file.
#[derive(Debug, Clone, PartialEq)]
pub struct SweepSpec {
    pub method: Method,
    /// For people; empty when the file has none.
    pub name: String,
    /// For people; empty when the file has none.
    pub description: String,
    /// By which sweeps are told apart in lists; empty when the file has none.
    pub project: String,
    /// Empty when absent.
    pub program: String,
    /// Unexpanded; empty: the default for the program.
    pub command: Vec<String>,
    /// `None` where there are several.
    pub metric: Option<Metric>,
    /// What it is after where that is several things at once: two to four, and `metric` is none; else empty.
    pub metrics: Vec<Metric>,
    /// Depth first, by name: W&B's order, the last varying fastest on a grid. With conditions, each after those it
    /// depends on.
    pub parameters: Vec<Parameter>,
    /// What every trial satisfies, ordered by `last`.
    pub constraints: Vec<Constraint>,
    /// `None`: chosen when the sweep is created, and recorded.
    pub seed: Option<u64>,
    /// The most trials there will be.
    pub run_cap: Option<u64>,
    pub limits: Limits,
    /// Which trials are stopped early.
    pub early_terminate: Option<Rule>,
    /// What ends the sweep besides its cap, `metric.target` among it.
    pub stop: SweepRule,
    /// Earlier sweeps, and trials as SWEEP/NUMBER, that the search begins with.
    pub warm_start: Vec<String>,
    /// Which lines of a program's output are points: `json`, or a regular expression ([`crate::stdout`]).
    pub stdout_rule: Option<String>,
}

/// How trials are proposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Grid,
    Random,
    /// Quasi-random.
    Sobol,
    /// A Gaussian process.
    Bayes,
    /// A tree-structured Parzen estimator.
    Tpe,
    /// Covariance matrix adaptation.
    Cmaes,
    /// The model that fits the space and the history.
    Auto,
}

impl Method {
    /// All methods.
    pub const ALL: [Self; 7] =
        [Self::Grid, Self::Random, Self::Sobol, Self::Bayes, Self::Tpe, Self::Cmaes, Self::Auto];

    /// The word in the sweep file.
    pub fn word(self) -> &'static str {
        match self {
            Self::Grid => "grid",
            Self::Random => "random",
            Self::Sobol => "sobol",
            Self::Bayes => "bayes",
            Self::Tpe => "tpe",
            Self::Cmaes => "cmaes",
            Self::Auto => "auto",
        }
    }

    /// Whether a proposal depends on what the trials before it came to. The others can be planned ahead, and need no
    /// metric.
    pub fn needs_history(self) -> bool {
        match self {
            Self::Grid | Self::Random | Self::Sobol => false,
            Self::Bayes | Self::Tpe | Self::Cmaes | Self::Auto => true,
        }
    }
}

/// What the sweep is after.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    pub name: String,
    pub goal: Goal,
    /// A value that is good enough to end the sweep.
    pub target: Option<f64>,
    /// What a failed trial counts as, to methods that learn.
    pub impute: Impute,
    /// What a trial that waits or runs counts as; `None`: nothing yet.
    pub impute_while_running: Option<Impute>,
    /// What becomes of a trial whose program ends well without one finite value of it.
    pub non_finite: NonFinite,
}

/// What a trial without an objective counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Impute {
    /// The worst objective of the finished trials.
    #[default]
    Worst,
    /// Its own best value so far; without one, as [`Self::Worst`].
    Best,
    /// Its own last value; without one, as [`Self::Worst`].
    Latest,
}

impl Impute {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Worst, Self::Best, Self::Latest];

    /// The word in the sweep file.
    pub fn word(self) -> &'static str {
        match self {
            Self::Worst => "worst",
            Self::Best => "best",
            Self::Latest => "latest",
        }
    }
}

/// What becomes of a trial whose objective never was a finite number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NonFinite {
    /// It is finished, without an objective: it never counts as best.
    #[default]
    Keep,
    /// It failed, by its program's fault: it is run again within `retries`.
    Fail,
}

/// Bounds on how trials are run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// How often a trial whose program failed is run again.
    pub retries: u32,
    /// How often a trial is run again after faults of machines, between two checkpoints.
    pub infrastructure_retries: u32,
    /// Most trials at one time, over all agents; `None`: as many as there are slots.
    pub max_parallel: Option<u32>,
    /// Longest time of one attempt; `None`: no limit.
    pub trial_timeout: Option<Duration>,
    /// Time between asking a program to stop, SIGTERM and SIGKILL; `None`: the agent's own.
    pub stop_grace: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            retries: 0,
            infrastructure_retries: INFRASTRUCTURE_RETRIES,
            max_parallel: None,
            trial_timeout: None,
            stop_grace: None,
        }
    }
}

/// One parameter; nested ones have a path of several names.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    pub path: Vec<String>,
    pub domain: Domain,
    /// It exists only where all of these hold.
    pub when: Vec<When>,
}

/// A condition for a parameter to exist.
#[derive(Debug, Clone, PartialEq)]
pub struct When {
    /// Index of another parameter, before this one.
    pub parent: usize,
    /// Any of these values of it.
    pub values: Vec<Value>,
}

/// A condition that every trial satisfies. One that names a parameter which does not exist in a trial asks nothing of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Constraint {
    pub expr: Expr,
    /// The parameters that it names, with their indices.
    pub names: Vec<(String, usize)>,
    /// Index of the last parameter that it names: it can be decided once that has a value.
    pub last: usize,
}

impl Constraint {
    /// Whether it holds for the parameters' values.
    pub(crate) fn decide<V: Borrow<Value>>(&self, values: &[Option<V>]) -> Result<bool, Undecided> {
        self.expr.holds(&|name| {
            let (_, at) = self.names.iter().find(|(other, _)| other == name)?;
            Some(values.get(*at)?.as_ref()?.borrow())
        })
    }
}

/// Whether two values are one: 1 and 1.0 are.
pub(crate) fn same(left: &Value, right: &Value) -> bool {
    match (left.as_f64(), right.as_f64()) {
        (Some(left), Some(right)) => left == right,
        _ => left == right,
    }
}

/// A text that two values have in common if they are [`same`].
pub(crate) fn key_of(value: &Value) -> String {
    match value.as_f64() {
        // Adding 0 takes the sign off a zero.
        Some(number) => format!("number {:x}", (number + 0.0).to_bits()),
        None => value.to_string(),
    }
}

/// What came out of a file: the spec if it has no errors, and every problem found, in the order of the file.
#[derive(Debug, Clone)]
pub struct Parsed {
    pub spec: Option<SweepSpec>,
    pub problems: Vec<Problem>,
}

impl Parsed {
    /// The problems of one severity.
    pub fn of(&self, severity: Severity) -> impl Iterator<Item = &Problem> {
        self.problems.iter().filter(move |problem| problem.severity == severity)
    }
}

/// Most problems that are told of one file.
const MOST_PROBLEMS: usize = 200;

/// Reads and checks a sweep file. Never fails early: all problems come back at once.
pub fn parse(text: &str) -> Parsed {
    let mut problems = Vec::new();
    let spec = match yaml::read(text, &mut problems) {
        Ok(root) => top::lower(&root, &mut problems),
        Err(problem) => {
            problems.push(problem);
            None
        }
    };
    problems.sort_by_key(|problem| problem.place);
    let broken = problems.iter().any(|problem| problem.severity == Severity::Error);
    if problems.len() > MOST_PROBLEMS {
        // Errors before warnings, should not all be told.
        problems.sort_by_key(|problem| problem.severity);
        let rest = problems.split_off(MOST_PROBLEMS);
        problems.sort_by_key(|problem| problem.place);
        if let Some(next) = rest.iter().min_by_key(|problem| problem.place) {
            let message = format!("there are {} problems more", rest.len());
            problems.push(Problem { severity: next.severity, ..Problem::error(next.place, message) });
        }
    }
    Parsed { spec: spec.filter(|_| !broken), problems }
}

impl SweepSpec {
    /// How its trials, and it, are stopped.
    pub fn stops(&self) -> Stops {
        Stops { trial: self.early_terminate, sweep: self.stop.clone() }
    }

    /// What the sweep is after: nothing that is named, one metric, or several.
    pub fn objectives(&self) -> &[Metric] {
        if self.metrics.is_empty() { self.metric.as_slice() } else { &self.metrics }
    }

    /// By what its trials are judged while they run.
    pub fn judge(&self) -> Option<Judge> {
        Some(Judge::new(self.early_terminate?, self.metric.as_ref()?.goal))
    }

    /// The number of cells of the grid; `None`: infinitely many, or more than can be counted.
    pub fn grid_cells(&self) -> Option<u128> {
        self.parameters
            .iter()
            .try_fold(1_u128, |cells, parameter| cells.checked_mul(parameter.domain.grid_len()?))
    }

    /// How many different trials there can be; `None`: infinitely many, or more than can be counted.
    pub fn points(&self) -> Option<u64> {
        match self.method {
            Method::Grid => crate::search::grid_points(self),
            _ => crate::search::finite_points(self),
        }
    }

    /// The same with the cap of a sweep that may have been extended since.
    #[must_use]
    pub fn planned(&self, trials: Option<u64>) -> Self {
        Self { run_cap: trials.or(self.run_cap), ..self.clone() }
    }

    /// How many trials there will be at most, where that is known.
    pub fn planned_trials(&self) -> Option<u64> {
        match (self.points(), self.run_cap) {
            (Some(cells), Some(cap)) => Some(cells.min(cap)),
            (one, other) => one.or(other),
        }
    }

    /// Whether parameter `at` exists, given those before it (`None`: one that does not exist).
    pub(crate) fn exists<V: Borrow<Value>>(&self, at: usize, before: &[Option<V>]) -> bool {
        self.parameters[at].when.iter().all(|when| {
            before[when.parent]
                .as_ref()
                .is_some_and(|value| when.values.iter().any(|other| same(value.borrow(), other)))
        })
    }

    /// The constraints that parameter `at` completes.
    pub(crate) fn due(&self, at: usize) -> &[Constraint] {
        let from = self.constraints.partition_point(|constraint| constraint.last < at);
        let count = self.constraints[from..].partition_point(|constraint| constraint.last == at);
        &self.constraints[from..from + count]
    }

    /// Whether every constraint that parameter `at` completes holds for `values`, those up to it. A constraint that
    /// cannot be decided does not hold.
    pub(crate) fn allows<V: Borrow<Value>>(&self, at: usize, values: &[Option<V>]) -> bool {
        self.due(at).iter().all(|constraint| match constraint.decide(values) {
            Ok(holds) => holds,
            Err(Undecided::Absent) => true,
            Err(Undecided::Meaningless(_)) => false,
        })
    }

    /// Puts values, one a parameter in order, into their nested places; those that do not exist are left out.
    pub(crate) fn assemble(&self, values: Vec<Option<Value>>) -> Params {
        let mut params = Params::new();
        for (parameter, value) in self.parameters.iter().zip(values) {
            let (Some((first, rest)), Some(value)) = (parameter.path.split_first(), value) else { continue };
            if rest.is_empty() {
                params.insert(first.clone(), value);
                continue;
            }
            let mut slot =
                params.entry(first.clone()).or_insert_with(|| Value::Object(serde_json::Map::new()));
            for name in rest {
                if !slot.is_object() {
                    *slot = Value::Object(serde_json::Map::new());
                }
                // Just made an object, so indexing by name inserts.
                slot = &mut slot[name.as_str()];
            }
            *slot = value;
        }
        params
    }
}

#[cfg(test)]
mod tests;
