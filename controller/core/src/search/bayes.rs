//! Bayesian optimisation: the Gaussian process of [`crate::gp`] over the axes of a space.

use rand_chacha::ChaCha8Rng;

use super::axis::Kind;
use super::cube::{Cube, Point};
use super::why::Why;
use super::{Task, front};
use crate::gp::{self, Axes, Axis, Diagnosis, Fault, Model};

/// Trials of a design before the first model.
pub(super) const START: u64 = 4;
/// Draws from which the search for the best point starts besides, where constraints may forbid most others.
const PERMITTED: usize = 16;
/// The same where there are only listed points: few enough to look at each.
const LISTED: usize = 1024;

/// The next point; `None`: the model has none that is new and allowed. An error: there is no model.
pub(super) fn propose(task: &Task, stream: &mut ChaCha8Rng) -> Result<Option<(Point, Why)>, Fault> {
    if task.begins(START) {
        return Ok(task.start());
    }
    Ok(Process::fit(task)?.suggest(task, stream))
}

/// A process that was given what was seen.
pub(super) enum Process {
    /// Of one objective.
    One(Model),
    /// Of two, one of each.
    Pair(Box<[Model; 2]>),
    /// Of more, weighed so.
    Weighed(Model, Vec<f64>),
}

impl Process {
    /// Fits to the trials with a score. A function of the data alone.
    pub(super) fn fit(task: &Task) -> Result<Self, Fault> {
        let (axes, data) = (axes(task.cube)?, task.data);
        match data.goals.len() {
            0 | 1 => {
                let rows: Vec<Vec<f64>> = data.rows.chunks(data.axes.max(1)).map(<[f64]>::to_vec).collect();
                Model::fit(&axes, &rows, &data.scores, None).map(Self::One)
            }
            2 => Ok(Self::Pair(Box::new(front::pair(&axes, data)?))),
            several => {
                let weights = front::weights(several, task.seed, task.number);
                Ok(Self::Weighed(front::weighed(&axes, data, &weights)?, weights))
            }
        }
    }

    /// How well it foretells what it was given; of two, the one that does less well.
    pub(super) fn diagnosis(&self) -> Diagnosis {
        match self {
            Self::One(model) | Self::Weighed(model, _) => model.diagnosis(),
            Self::Pair(pair) => {
                let [first, second] = &**pair;
                let (first, second) = (first.diagnosis(), second.diagnosis());
                if second.rank_correlation < first.rank_correlation { second } else { first }
            }
        }
    }

    /// The point of the greatest expected improvement, of two objectives of what their front dominates; `None`: none that was looked at is new and allowed.
    pub(super) fn suggest(&self, task: &Task, stream: &mut ChaCha8Rng) -> Option<(Point, Why)> {
        let pending: Vec<Vec<f64>> =
            task.data.pending.chunks(task.data.axes.max(1)).map(<[f64]>::to_vec).collect();
        let permits = |row: &mut [f64]| {
            let Some(point) = task.point(|axis| row[axis]) else { return false };
            row.copy_from_slice(&point.row);
            true
        };
        let starts = self.starts(task, stream);
        let ask = gp::Ask { pending: &pending, starts: &starts, permits: &permits };
        let found = match self {
            Self::One(model) | Self::Weighed(model, _) => gp::suggest(model, ask, stream)?,
            Self::Pair(pair) => {
                let [first, second] = &**pair;
                gp::suggest_for_front([first, second], front::beyond(task.data), ask, stream)?
            }
        };
        Some((task.point(|axis| found.row[axis])?, self.why(task, &found)?))
    }

    fn why(&self, task: &Task, found: &gp::Suggestion) -> Option<Why> {
        let (log_ei, seen) = (found.log_ei.max(f64::MIN), task.data.len() as u64);
        let means = found.expected.iter().enumerate().map(|(at, one)| task.data.objective(at, one.mean));
        Some(match self {
            Self::One(_) => {
                let expected = found.expected.first()?;
                let mean = task.data.objective(0, expected.mean);
                Why::Gp { log_ei, mean, spread: expected.spread, seen, auto: None }
            }
            Self::Pair(_) => Why::Front {
                log_growth: log_ei,
                means: means.collect(),
                spreads: found.expected.iter().map(|one| one.spread).collect(),
                seen,
                auto: None,
            },
            Self::Weighed(_, weights) => Why::Weighed { weights: weights.clone(), log_ei, seen, auto: None },
        })
    }

    fn starts(&self, task: &Task, stream: &mut ChaCha8Rng) -> Vec<Vec<f64>> {
        if let Some(finite) = task.finite {
            let most = if task.listed { LISTED } else { PERMITTED };
            let left = finite.untried(most, task.data, stream);
            return left.into_iter().map(|point| point.row.clone()).collect();
        }
        if task.spec.constraints.is_empty() {
            return Vec::new();
        }
        let draws = (0..super::random::tries(task.spec)).filter_map(|_| task.cube.draw(task.spec, stream));
        draws.take(PERMITTED).map(|point| point.row).collect()
    }
}

fn axes(cube: &Cube) -> Result<Axes, Fault> {
    let axis = |(axis, &conditional): (&super::axis::Axis, &bool)| {
        let kind = match axis.kind {
            Kind::Continuous | Kind::Ordered { cells: None } => gp::Kind::Continuous,
            Kind::Ordered { cells: Some(count) } => {
                gp::Kind::Ordered { centres: (0..count).map(|cell| axis.centre(cell)).collect() }
            }
            Kind::Unordered { count } => gp::Kind::Categorical { classes: count },
        };
        Axis { kind, conditional }
    };
    Axes::new(cube.axes.iter().zip(&cube.conditional).map(axis).collect())
}
