//! Bayesian optimisation: a Gaussian process over the unit cube, and the row of the greatest expected improvement.
//!
//! ```text
//! axes          what coordinates mean, distances of rows        matrix    Cholesky factors
//! kernel        covariance, hyper-parameters, their priors      normal    tails of the normal distribution
//! output        warps and standardises values                   lbfgs     minimises in a box
//! evidence  ->  model  ->  posterior  ->  improvement  ->  suggest (ascent)
//!                 subset    (believer)     logEI, logEHVI
//! ```
//!
//! Everything is a function of its arguments, and of a stream where there is chance. Logarithms and exponentials are
//! `libm`'s and sums have one order, so that a replay finds the same bits on any machine.
//!
//! Sources: Rasmussen and Williams (2006) for the process; Ament et al. (2023) for the logarithm of the expected
//! improvement; Ginsbourger et al. (2010) for pending rows; Snelson et al. (2004) for warped values;
//! Emmerich et al. (2016) for the front.

mod ascent;
mod axes;
mod evidence;
mod improvement;
mod kernel;
mod lbfgs;
pub(crate) mod matrix;
mod model;
pub(crate) mod normal;
mod output;
mod posterior;
mod subset;
mod suggest;

pub use axes::{Axes, Axis, Kind};
pub use kernel::Hyper;
pub use model::{Diagnosis, MOST_ROWS, Model, Prediction};
pub use output::{Output, Warp};
pub use suggest::{Ask, Suggestion, suggest, suggest_for_front};

/// Why there is no model.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum Fault {
    #[error("a model needs at least one row")]
    NoRows,
    #[error("{rows} rows have {values} values: every row needs one")]
    Lengths { rows: usize, values: usize },
    #[error("row {row} has {found} coordinates, but there are {axes} axes")]
    Width { row: usize, found: usize, axes: usize },
    #[error(
        "coordinate {axis} of row {row} is {found}: it must lie in [0, 1], or be NaN where a conditional axis is absent"
    )]
    Coordinate { row: usize, axis: usize, found: f64 },
    #[error("the value of row {row} is {found}: impute it or leave the row out")]
    Value { row: usize, found: f64 },
    #[error("axis {axis} has no values, or its ordered values do not ascend within [0, 1]")]
    Levels { axis: usize },
    #[error("the covariance of the rows is not positive definite under these hyper-parameters")]
    Indefinite,
}
