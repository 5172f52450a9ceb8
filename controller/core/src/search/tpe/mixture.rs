//! A mixture of product kernels over the unit cube, one for each trial and one for the prior.
//!
//! Everything is a flat array by kernel, axis after axis, and a density relative to the prior: an axis on which a kernel
//! is the prior adds nothing.

use rand_chacha::ChaCha8Rng;

use super::Kernel;
use crate::search::axis::{Axis, Kind, pick};
use crate::search::cube::{Cube, Point};
use crate::search::history::Data;
use crate::search::random::unit;
use crate::space::{normal_share, standard_normal};
use crate::spec::SweepSpec;

/// The bandwidth of one trial on one axis, in parts of the axis; it shrinks with their number.
const BANDWIDTH: f64 = 0.2;
/// The weight of the prior among kernels of weight 1.
const PRIOR: f64 = 1.0;
/// No bandwidth is smaller than this part of an axis.
const NARROWEST: f64 = 100.0;
/// A kernel without a cell on an axis.
const ABSENT: u32 = u32::MAX;

pub(super) struct Mixture {
    /// Of each trial's kernel, and at the end that of the prior; they sum to 1.
    weights: Vec<f64>,
    log_weights: Vec<f64>,
    factors: Vec<Factor>,
}

/// One axis of all trials' kernels.
enum Factor {
    /// Normal distributions, cut to [0, 1].
    Normal {
        centres: Vec<f64>,
        width: f64,
        /// 1 / width; 0 where the parameter does not exist.
        inverse: Vec<f64>,
        /// Logarithms of what the densities integrate to.
        log_mass: Vec<f64>,
    },
    /// Cells of normal distributions: `log_ratio` has a row for each cell that a kernel may be centred in.
    Cells { cells: Vec<u32>, log_ratio: Vec<f64>, shares: Vec<f64> },
    /// Categories: the kernel's own is likelier than the prior by `log_hit`, the others less likely by `log_miss`, which
    /// is 0 where the parameter does not exist.
    Categories { cells: Vec<u32>, log_hit: Vec<f64>, log_miss: Vec<f64>, shares: Vec<f64>, blend: f64 },
}

impl Mixture {
    pub(super) fn of(cube: &Cube, data: &Data, kernels: &[Kernel]) -> Self {
        let total: f64 = kernels.iter().map(|kernel| kernel.weight).sum::<f64>() + PRIOR;
        let weights: Vec<f64> =
            kernels.iter().map(|kernel| kernel.weight).chain([PRIOR]).map(|weight| weight / total).collect();
        let log_weights = weights.iter().map(|weight| weight.ln()).collect();
        let row = |kernel: &Kernel| {
            let place = kernel.place;
            if place < data.len() {
                data.row(place)
            } else {
                let from = (place - data.len()) * data.axes;
                &data.pending[from..from + data.axes]
            }
        };
        let rows: Vec<&[f64]> = kernels.iter().map(row).collect();
        let width = bandwidth(&rows);
        let factor = |(at, axis): (usize, &Axis)| {
            let centres: Vec<f64> = rows.iter().map(|row| row[at]).collect();
            Factor::of(axis, centres, width)
        };
        let factors = cube.axes.iter().enumerate().map(factor).collect();
        Self { weights, log_weights, factors }
    }

    /// A point of one kernel, chosen by weight; `None`: a constraint forbids it.
    pub(super) fn draw(&self, cube: &Cube, spec: &SweepSpec, stream: &mut ChaCha8Rng) -> Option<Point> {
        let kernel = pick(&self.weights, unit(stream));
        // As much of the stream for each draw, whatever exists.
        let quantiles: Vec<f64> = self.factors.iter().map(|_| unit(stream)).collect();
        let prior = kernel + 1 == self.weights.len();
        cube.point(spec, |axis, _| {
            let inner = if prior { None } else { self.factors[axis].quantile(&cube.axes[axis], kernel, quantiles[axis]) };
            inner.unwrap_or_else(|| cube.axes[axis].draw(quantiles[axis]))
        })
    }

    /// The logarithm of the density at a row, relative to the prior's.
    pub(super) fn log_density(&self, row: &[f64], cube: &Cube) -> f64 {
        let mut sums = self.log_weights.clone();
        let (trials, _prior) = sums.split_at_mut(self.weights.len() - 1);
        for ((factor, &at), axis) in self.factors.iter().zip(row).zip(&cube.axes) {
            if !at.is_nan() {
                factor.add(axis, at, trials);
            }
        }
        let most = sums.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = sums.iter().filter(|&&term| term > most - 40.0).map(|term| (term - most).exp()).sum();
        most + sum.ln()
    }
}

/// The bandwidth for trials of which these are the rows: as Optuna's, with as many dimensions as they have on average.
fn bandwidth(rows: &[&[f64]]) -> f64 {
    let count = rows.len().max(1) as f64;
    let present: usize = rows.iter().map(|row| row.iter().filter(|at| !at.is_nan()).count()).sum();
    let dimensions = present as f64 / count;
    // The "magic clip": few trials say little of what lies between them.
    let narrowest = 1.0 / f64::min(NARROWEST, rows.len() as f64 + 2.0);
    (BANDWIDTH * count.powf(-1.0 / (dimensions + 4.0))).clamp(narrowest, 1.0)
}

impl Factor {
    fn of(axis: &Axis, centres: Vec<f64>, width: f64) -> Self {
        let cells = || -> Vec<u32> {
            let cell = |&at: &f64| if at.is_nan() { ABSENT } else { axis.cell(at) as u32 };
            centres.iter().map(cell).collect()
        };
        match axis.kind {
            Kind::Unordered { count } => Self::categories(cells(), count, &axis.shares),
            Kind::Ordered { cells: Some(count) } => {
                Self::Cells { cells: cells(), log_ratio: log_ratios(axis, count, width), shares: axis.shares.clone() }
            }
            Kind::Continuous | Kind::Ordered { cells: None } => {
                let whole = (width * (2.0 * std::f64::consts::PI).sqrt()).ln();
                let mass = |&centre: &f64| {
                    if centre.is_nan() { 0.0 } else { whole + inside(centre, width).ln() }
                };
                let log_mass = centres.iter().map(mass).collect();
                let inverse = centres.iter().map(|centre| if centre.is_nan() { 0.0 } else { 1.0 / width }).collect();
                let centres = centres.iter().map(|centre| if centre.is_nan() { 0.0 } else { *centre }).collect();
                Self::Normal { centres, width, inverse, log_mass }
            }
        }
    }

    /// Each kernel is its own category, blended with as much of the prior as that has weight among all kernels.
    fn categories(cells: Vec<u32>, count: usize, shares: &[f64]) -> Self {
        let blend = PRIOR * count as f64 / (cells.len() + 1) as f64;
        let log_hit = shares.iter().map(|share| ((1.0 + blend * share) / ((1.0 + blend) * share)).ln()).collect();
        let miss = (blend / (1.0 + blend)).ln();
        let log_miss = cells.iter().map(|&cell| if cell == ABSENT { 0.0 } else { miss }).collect();
        Self::Categories { cells, log_hit, log_miss, shares: shares.to_vec(), blend }
    }

    /// Adds the logarithms of the densities at a coordinate, kernel by kernel.
    fn add(&self, axis: &Axis, at: f64, sums: &mut [f64]) {
        match self {
            Self::Normal { centres, inverse, log_mass, .. } => {
                for (((sum, centre), inverse), mass) in sums.iter_mut().zip(centres).zip(inverse).zip(log_mass) {
                    let far = (at - centre) * inverse;
                    *sum -= 0.5 * far * far + mass;
                }
            }
            Self::Cells { cells, log_ratio, shares } => {
                let here = axis.cell(at);
                for (sum, &cell) in sums.iter_mut().zip(cells) {
                    if cell != ABSENT {
                        *sum += log_ratio[cell as usize * shares.len() + here];
                    }
                }
            }
            Self::Categories { cells, log_hit, log_miss, .. } => {
                let here = axis.cell(at);
                for ((sum, &cell), miss) in sums.iter_mut().zip(cells).zip(log_miss) {
                    *sum += if cell as usize == here { log_hit[here] } else { *miss };
                }
            }
        }
    }

    /// The coordinate at a quantile of one kernel; `None`: it is the prior on this axis.
    fn quantile(&self, axis: &Axis, kernel: usize, quantile: f64) -> Option<f64> {
        match self {
            Self::Normal { centres, width, inverse, .. } => {
                let centre = Some(centres[kernel]).filter(|_| inverse[kernel] > 0.0)?;
                let (from, to) = (normal_share(-centre / width), normal_share((1.0 - centre) / width));
                Some((centre + width * standard_normal(from + quantile * (to - from))).clamp(0.0, 1.0))
            }
            Self::Cells { cells, log_ratio, shares } => {
                let cell = Some(cells[kernel]).filter(|&cell| cell != ABSENT)? as usize;
                let ratios = &log_ratio[cell * shares.len()..(cell + 1) * shares.len()];
                let chances: Vec<f64> =
                    ratios.iter().zip(shares).map(|(ratio, share)| ratio.exp() * share).collect();
                Some(axis.centre(pick(&chances, quantile)))
            }
            Self::Categories { cells, shares, blend, .. } => {
                let own = Some(cells[kernel]).filter(|&cell| cell != ABSENT)? as usize;
                let chance = |(at, share): (usize, &f64)| {
                    (f64::from(u8::from(at == own)) + blend * share) / (1.0 + blend)
                };
                let chances: Vec<f64> = shares.iter().enumerate().map(chance).collect();
                Some(axis.centre(pick(&chances, quantile)))
            }
        }
    }
}

/// For kernels centred in each cell: how much likelier each cell is than under the prior, as logarithms.
fn log_ratios(axis: &Axis, count: usize, width: f64) -> Vec<f64> {
    let mut out = Vec::with_capacity(count * count);
    for centre in (0..count).map(|cell| axis.centre(cell)) {
        let below: Vec<f64> = axis.edges.iter().map(|edge| normal_share((edge - centre) / width)).collect();
        let whole = below[count] - below[0];
        let chance = |cell: usize| ((below[cell + 1] - below[cell]) / whole).max(f64::MIN_POSITIVE);
        out.extend((0..count).map(|cell| (chance(cell) / axis.shares[cell]).ln()));
    }
    out
}

/// The share of a normal distribution that lies in [0, 1].
fn inside(centre: f64, width: f64) -> f64 {
    normal_share((1.0 - centre) / width) - normal_share(-centre / width)
}
