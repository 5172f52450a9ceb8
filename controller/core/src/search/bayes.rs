//! Bayesian optimisation: the Gaussian process of [`crate::gp`] over the axes of a space.

use rand_chacha::ChaCha8Rng;

use super::Task;
use super::axis::Kind;
use super::cube::{Cube, Point};
use super::why::Why;
use crate::gp::{self, Axes, Axis, Diagnosis, Fault, Model};

/// Trials of a design before the first model.
pub(super) const START: u64 = 4;
/// Draws from which the search for the best point starts besides, where constraints may forbid most others.
const PERMITTED: usize = 16;
/// The same where there are only listed points: few enough to look at each.
const LISTED: usize = 1024;

/// The next point; `None`: the model has none that is new and allowed. An error: there is no model.
pub(super) fn propose(task: &Task, stream: &mut ChaCha8Rng) -> Result<Option<(Point, Why)>, Fault> {
    if task.number <= START || task.data.len() < 2 {
        return Ok(task.start());
    }
    Ok(Process::fit(task)?.suggest(task, stream))
}

/// A process that was given what was seen.
pub(super) struct Process(Model);

impl Process {
    /// Fits to the trials with a score. A function of the data alone.
    pub(super) fn fit(task: &Task) -> Result<Self, Fault> {
        let rows: Vec<Vec<f64>> = task.data.rows.chunks(task.data.axes.max(1)).map(<[f64]>::to_vec).collect();
        Model::fit(&axes(task.cube)?, &rows, &task.data.scores, None).map(Self)
    }

    /// How well it foretells what it was given.
    pub(super) fn diagnosis(&self) -> Diagnosis {
        self.0.diagnosis()
    }

    /// The point of the greatest expected improvement; `None`: none that was looked at is new and allowed.
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
        let found = gp::suggest(&self.0, ask, stream)?;
        let expected = found.expected.first()?;
        let why = Why::Gp {
            log_ei: found.log_ei.max(f64::MIN),
            mean: task.data.objective(expected.mean),
            spread: expected.spread,
            seen: task.data.len() as u64,
            auto: None,
        };
        Some((task.point(|axis| found.row[axis])?, why))
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
