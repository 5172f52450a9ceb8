//! Quasi-random search: a scrambled Sobol' sequence (Burley, "Practical Hash-based Owen Scrambling", 2020), any point of
//! which is computed by itself; and the design by which methods that learn begin.

use std::collections::HashSet;

use super::cube::{Cube, Point, key};
use super::finite::Finite;
use super::random::{stream, tries, unit};
use super::why::Why;
use super::work;
use crate::spec::SweepSpec;
use crate::stream::{GOLDEN, mix};

/// Points of one scrambling; those after it come from another.
const POINTS: u64 = 1 << 16;
/// Axes of one scrambling.
const AXES: usize = sobol_burley::NUM_DIMENSIONS as usize;
/// Most steps of a walk through a small space, for each point of it. What is left then comes at random.
const STEPS: usize = 16;
/// The resolution of the sequence, below which the trial's own stream decides.
const RESOLUTION: f64 = 1.0 / (1_u32 << 24) as f64;

/// The order in which the sequence first comes by each point of a small space.
#[derive(Debug)]
pub(super) struct Order(Vec<(usize, Why)>);

impl Order {
    pub(super) fn of(spec: &SweepSpec, cube: &Cube, finite: &Finite, seed: u64) -> Self {
        let mut order = Vec::with_capacity(finite.len());
        let mut seen = vec![false; finite.len()];
        let affordable = work::affordable(work::of_draw(spec)) as usize;
        for index in 0..affordable.min(finite.len() * STEPS) as u64 {
            if order.len() == finite.len() {
                break;
            }
            let row = coordinates(cube, seed, 0, index);
            let place = cube.point(spec, |axis| row[axis]).and_then(|point| finite.place(&point.row));
            if let Some(place) = place.filter(|&place| !seen[place]) {
                seen[place] = true;
                order.push((place, Why::Sobol { index, copy: 0 }));
            }
        }
        let mut keys = stream(seed, u64::MAX);
        let mut rest: Vec<(f64, usize)> = (0..finite.len())
            .map(|place| (unit(&mut keys), place))
            .filter(|&(_, place)| !seen[place])
            .collect();
        rest.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        order.extend(rest.into_iter().map(|(_, place)| (place, Why::Random)));
        Self(order)
    }

    /// Of points that are listed: the nearest to each of the sequence's that none before took.
    pub(super) fn nearest(spec: &SweepSpec, cube: &Cube, finite: &Finite, seed: u64) -> Self {
        let mut taken = HashSet::with_capacity(finite.len());
        let most = (finite.len() * STEPS) as u64;
        let take = |index: u64| {
            let row = coordinates(cube, seed, 0, index);
            let point = cube.point(spec, |axis| row[axis])?;
            let point = finite.nearest(cube, &point.row, |row| !taken.contains(&key(row)))?;
            taken.insert(key(&point.row));
            Some((finite.place(&point.row)?, Why::Sobol { index, copy: 0 }))
        };
        Self((0..most).filter_map(take).take(finite.places().count()).collect())
    }

    /// Of points that are listed: any order, each as likely.
    pub(super) fn shuffled(finite: &Finite, seed: u64) -> Self {
        let mut keys = stream(seed, u64::MAX);
        let mut order: Vec<(f64, usize)> = finite.places().map(|place| (unit(&mut keys), place)).collect();
        order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        Self(order.into_iter().map(|(_, place)| (place, Why::Random)).collect())
    }

    /// The point of trial `number`; `None`: all are tried.
    pub(super) fn nth<'f>(&self, finite: &'f Finite, number: u64) -> Option<(&'f Point, Why)> {
        let (place, why) = self.0.get(usize::try_from(number - 1).ok()?)?;
        Some((finite.point(*place), why.clone()))
    }
}

/// Point `index` that constraints allow: of the first scrambling in which they do.
pub(super) fn point(spec: &SweepSpec, cube: &Cube, seed: u64, index: u64) -> Option<(Point, Why)> {
    (0..tries(spec)).find_map(|copy| {
        let row = coordinates(cube, seed, copy, index);
        Some((cube.point(spec, |axis| row[axis])?, Why::Sobol { index, copy }))
    })
}

/// Point `index` of the start design: the centre first, where people put what they believe in, then the sequence.
pub(super) fn start(spec: &SweepSpec, cube: &Cube, seed: u64, index: u64) -> Option<(Point, Why)> {
    let centre = || {
        // Categories have no middle.
        let row = coordinates(cube, seed, 0, 0);
        let middle = |axis: usize| {
            if matches!(cube.axes[axis].kind, super::Kind::Unordered { .. }) { row[axis] } else { 0.5 }
        };
        cube.point(spec, middle)
    };
    let found = if index == 0 { centre() } else { None };
    let point = found.or_else(|| point(spec, cube, seed, index).map(|(point, _)| point))?;
    Some((point, Why::Start { index }))
}

fn coordinates(cube: &Cube, seed: u64, copy: u32, index: u64) -> Vec<f64> {
    let mut below = stream(seed, index + 1);
    let coordinate = |at: usize| {
        let scrambling = scrambling(seed, [u64::from(copy), index / POINTS, (at / AXES) as u64]);
        let sample = sobol_burley::sample((index % POINTS) as u32, (at % AXES) as u32, scrambling);
        let quantile = f64::from(sample) + unit(&mut below) * RESOLUTION;
        cube.axes[at].draw(quantile.min(1.0 - f64::EPSILON))
    };
    (0..cube.axes.len()).map(coordinate).collect()
}

/// A seed of a scrambling.
fn scrambling(seed: u64, parts: [u64; 3]) -> u32 {
    let mixed = parts
        .into_iter()
        .fold(seed, |key, part| mix(key.wrapping_add(GOLDEN) ^ part.wrapping_mul(0xD1B5_4A32_D192_ED03)));
    (mixed >> 32) as u32
}
