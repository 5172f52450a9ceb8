//! A mixture of product kernels over the unit cube, one for each trial and one for the prior.
//!
//! Everything is a flat array by kernel, axis after axis, and a density relative to the prior: an axis on which a kernel
//! is the prior adds nothing.

use std::collections::HashMap;

use rand_chacha::ChaCha8Rng;

use super::Kernel;
use crate::normal;
use crate::search::axis::{Axis, Kind, pick};
use crate::search::cube::{Cube, Point};
use crate::search::history::Data;
use crate::search::random::unit;
use crate::spec::SweepSpec;

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
        /// 1 / width; 0 where the parameter does not exist.
        inverse: Vec<f64>,
        /// Logarithms of what the densities integrate to.
        log_mass: Vec<f64>,
    },
    /// Cells of normal distributions: each kernel has a row of `log_ratio`, and kernels of one cell and width the same.
    Cells { rows: Vec<u32>, log_ratio: Vec<f64>, shares: Vec<f64> },
    /// Categories: the kernel's own is likelier than the prior by `log_hit`, the others less likely by `log_miss`, which
    /// is 0 where the parameter does not exist.
    Categories { cells: Vec<u32>, log_hit: Vec<f64>, log_miss: Vec<f64>, shares: Vec<f64>, blend: f64 },
}

impl Mixture {
    pub(super) fn of(cube: &Cube, data: &Data, kernels: &[Kernel]) -> Self {
        let total: f64 = kernels.iter().map(|kernel| kernel.weight).sum::<f64>() + PRIOR;
        let weights: Vec<f64> =
            kernels.iter().map(|kernel| kernel.weight).chain([PRIOR]).map(|weight| weight / total).collect();
        let log_weights = weights.iter().map(|weight| libm::log(*weight)).collect();
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
        let factor = |(at, axis): (usize, &Axis)| Factor::of(axis, rows.iter().map(|row| row[at]).collect());
        let factors = cube.axes.iter().enumerate().map(factor).collect();
        Self { weights, log_weights, factors }
    }

    /// A point of one kernel, chosen by weight; `None`: a constraint forbids it.
    pub(super) fn draw(&self, cube: &Cube, spec: &SweepSpec, stream: &mut ChaCha8Rng) -> Option<Point> {
        let kernel = pick(&self.weights, unit(stream));
        // As much of the stream for each draw, whatever exists.
        let quantiles: Vec<f64> = self.factors.iter().map(|_| unit(stream)).collect();
        let prior = kernel + 1 == self.weights.len();
        cube.point(spec, |axis| {
            let inner = if prior {
                None
            } else {
                self.factors[axis].quantile(&cube.axes[axis], kernel, quantiles[axis])
            };
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
        let sum: f64 =
            sums.iter().filter(|&&term| term > most - 40.0).map(|term| libm::exp(term - most)).sum();
        most + libm::log(sum)
    }
}

/// The width of each kernel on an axis, as Optuna's: as far as to the farther of its neighbours, the ends of the axis not
/// counted where there are two; but no less than an even part of the axis, because few trials say little of what lies
/// between them ("magic clip").
fn widths(centres: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..centres.len()).filter(|&at| !centres[at].is_nan()).collect();
    order.sort_by(|&a, &b| centres[a].total_cmp(&centres[b]).then(a.cmp(&b)));
    let count = order.len();
    let narrowest = 1.0 / f64::min(NARROWEST, count as f64 + 2.0);
    let mut widths = vec![1.0; centres.len()];
    for (place, &at) in order.iter().enumerate() {
        let here = centres[at];
        let below = place.checked_sub(1).map(|place| here - centres[order[place]]);
        let above = order.get(place + 1).map(|&next| centres[next] - here);
        let farther = match (below, above) {
            (Some(below), Some(above)) => below.max(above),
            (Some(only), None) | (None, Some(only)) => only,
            (None, None) => here.max(1.0 - here),
        };
        widths[at] = farther.clamp(narrowest, 1.0);
    }
    widths
}

impl Factor {
    fn of(axis: &Axis, centres: Vec<f64>) -> Self {
        match axis.kind {
            Kind::Unordered { count } => {
                let cell = |&at: &f64| if at.is_nan() { ABSENT } else { axis.cell(at) as u32 };
                Self::categories(centres.iter().map(cell).collect(), count, &axis.shares)
            }
            Kind::Ordered { cells: Some(_) } => Self::cells(axis, &centres),
            Kind::Continuous | Kind::Ordered { cells: None } => Self::normal(centres),
        }
    }

    fn normal(mut centres: Vec<f64>) -> Self {
        let root = (2.0 * std::f64::consts::PI).sqrt();
        let widths = widths(&centres);
        let mass = |(&centre, &width): (&f64, &f64)| {
            if centre.is_nan() { 0.0 } else { libm::log(root * width * inside(centre, width)) }
        };
        let log_mass = centres.iter().zip(&widths).map(mass).collect();
        let inverse = |(centre, width): (&f64, &f64)| if centre.is_nan() { 0.0 } else { 1.0 / width };
        let inverse = centres.iter().zip(&widths).map(inverse).collect();
        centres.iter_mut().filter(|centre| centre.is_nan()).for_each(|centre| *centre = 0.0);
        Self::Normal { centres, inverse, log_mass }
    }

    fn cells(axis: &Axis, centres: &[f64]) -> Self {
        let mut log_ratio = Vec::new();
        let mut known: HashMap<(u64, u64), u32> = HashMap::new();
        let row = |(&centre, width): (&f64, f64)| {
            if centre.is_nan() {
                return ABSENT;
            }
            let next = known.len() as u32;
            *known.entry((centre.to_bits(), width.to_bits())).or_insert_with(|| {
                log_ratio.extend(log_ratios(axis, centre, width));
                next
            })
        };
        let rows = centres.iter().zip(widths(centres)).map(row).collect();
        Self::Cells { rows, log_ratio, shares: axis.shares.clone() }
    }

    /// Each kernel is its own category, blended with as much of the prior as that has weight among all kernels.
    fn categories(cells: Vec<u32>, count: usize, shares: &[f64]) -> Self {
        let blend = PRIOR * count as f64 / (cells.len() + 1) as f64;
        let log_hit =
            shares.iter().map(|share| libm::log((1.0 + blend * share) / ((1.0 + blend) * share))).collect();
        let miss = libm::log(blend / (1.0 + blend));
        let log_miss = cells.iter().map(|&cell| if cell == ABSENT { 0.0 } else { miss }).collect();
        Self::Categories { cells, log_hit, log_miss, shares: shares.to_vec(), blend }
    }

    /// Adds the logarithms of the densities at a coordinate, kernel by kernel.
    fn add(&self, axis: &Axis, at: f64, sums: &mut [f64]) {
        match self {
            Self::Normal { centres, inverse, log_mass, .. } => {
                for (((sum, centre), inverse), mass) in
                    sums.iter_mut().zip(centres).zip(inverse).zip(log_mass)
                {
                    let far = (at - centre) * inverse;
                    *sum -= 0.5 * far * far + mass;
                }
            }
            Self::Cells { rows, log_ratio, shares } => {
                let here = axis.cell(at);
                for (sum, &row) in sums.iter_mut().zip(rows) {
                    if row != ABSENT {
                        *sum += log_ratio[row as usize * shares.len() + here];
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
            Self::Normal { centres, inverse, .. } => {
                let centre = Some(centres[kernel]).filter(|_| inverse[kernel] > 0.0)?;
                let width = 1.0 / inverse[kernel];
                let (from, to) = (normal::share(-centre / width), normal::share((1.0 - centre) / width));
                Some((centre + width * normal::quantile(from + quantile * (to - from))).clamp(0.0, 1.0))
            }
            Self::Cells { rows, log_ratio, shares } => {
                let row = Some(rows[kernel]).filter(|&row| row != ABSENT)? as usize;
                let ratios = &log_ratio[row * shares.len()..(row + 1) * shares.len()];
                let chances: Vec<f64> =
                    ratios.iter().zip(shares).map(|(ratio, share)| libm::exp(*ratio) * share).collect();
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

/// How much likelier each cell is by a normal distribution than under the prior, as logarithms.
fn log_ratios(axis: &Axis, centre: f64, width: f64) -> Vec<f64> {
    let below: Vec<f64> = axis.edges.iter().map(|edge| normal::share((edge - centre) / width)).collect();
    let whole = below[below.len() - 1] - below[0];
    let chance = |pair: &[f64]| ((pair[1] - pair[0]) / whole).max(f64::MIN_POSITIVE);
    below.windows(2).zip(&axis.shares).map(|(pair, share)| libm::log(chance(pair) / share)).collect()
}

/// The share of a normal distribution that lies in [0, 1].
fn inside(centre: f64, width: f64) -> f64 {
    normal::share((1.0 - centre) / width) - normal::share(-centre / width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_are_as_wide_as_their_neighbours_are_far() {
        let found = widths(&[0.5, 0.1, f64::NAN, 0.4, 0.9]);
        let expected = [0.4, 0.3, 1.0, 0.3, 0.4];
        assert!(
            found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-12),
            "{found:?}"
        );
        assert_eq!(widths(&[0.3]), [0.7]);
        // Equal ones keep a sixth of the axis.
        assert_eq!(widths(&[0.3; 4]), [1.0 / 6.0; 4]);
    }

    #[test]
    fn each_factor_is_a_density_beside_the_prior() {
        let spec = crate::spec::parse(
            "program: p\nmethod: random\nparameters: {a: {min: 0.0, max: 1.0}, b: {values: [1, 2, 5]}, c: {values: [x, y], probabilities: [0.9, 0.1]}}\n",
        );
        let cube = Cube::of(&spec.spec.expect("is valid"));
        let data = Data {
            axes: 3,
            numbers: vec![1, 2],
            rows: vec![0.2, 0.5, 0.25, 0.9, f64::NAN, 0.75],
            scores: vec![0.0, 1.0],
            ..Data::default()
        };
        let kernels = [Kernel { place: 0, weight: 1.0 }, Kernel { place: 1, weight: 0.5 }];
        let mixture = Mixture::of(&cube, &data, &kernels);
        let mut whole = 0.0;
        let steps = 2_000;
        for (b, share) in [1.0 / 6.0, 0.5, 5.0 / 6.0].into_iter().map(|b| (b, 1.0 / 3.0)) {
            for (c, chance) in [(0.25, 0.9), (0.75, 0.1)] {
                for step in 0..steps {
                    let a = (f64::from(step) + 0.5) / f64::from(steps);
                    whole += mixture.log_density(&[a, b, c], &cube).exp() * share * chance / f64::from(steps);
                }
            }
        }
        assert!((whole - 1.0).abs() < 1e-6, "{whole}");
        let far = mixture.log_density(&[0.6, 0.5, 0.25], &cube);
        assert!(mixture.log_density(&[0.2, 0.5, 0.25], &cube) > far);
    }
}
