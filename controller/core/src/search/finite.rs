//! Spaces of few points: what is left of one.

use std::collections::HashMap;

use rand_chacha::ChaCha8Rng;

use super::cube::{Cube, Point, key};
use super::history::Data;
use super::random::{self, unit};
use crate::spec::SweepSpec;

/// Every point of a space that has few, with its prior weight.
#[derive(Debug)]
pub(super) struct Finite {
    points: Vec<(Point, f64)>,
    /// The places of points by the keys of their rows.
    places: HashMap<u64, usize>,
}

impl Finite {
    /// `None`: the points are too many to be listed, or infinitely many.
    pub(super) fn of(spec: &SweepSpec, cube: &Cube) -> Option<Self> {
        let listed = random::all_points(spec)?;
        let point = |values: Vec<_>| cube.encode(spec, &values).ok().map(|row| Point { values, row });
        let points: Vec<(Point, f64)> =
            listed.into_iter().filter_map(|(values, weight)| Some((point(values)?, weight))).collect();
        let places = points.iter().enumerate().map(|(at, (point, _))| (key(&point.row), at)).collect();
        Some(Self { points, places })
    }

    pub(super) fn len(&self) -> usize {
        self.points.len()
    }

    pub(super) fn point(&self, at: usize) -> &Point {
        &self.points[at].0
    }

    /// Where a row stands in the list.
    pub(super) fn place(&self, row: &[f64]) -> Option<usize> {
        self.places.get(&key(row)).copied()
    }

    pub(super) fn is_exhausted(&self, data: &Data) -> bool {
        self.points.iter().all(|(point, _)| data.has(&point.row))
    }

    /// A draw of as many untried points without replacement, by their weights (Efraimidis and Spirakis, 2006).
    pub(super) fn untried(&self, most: usize, data: &Data, stream: &mut ChaCha8Rng) -> Vec<&Point> {
        let mut keyed: Vec<(f64, usize)> = self
            .points
            .iter()
            .enumerate()
            .map(|(at, (_, weight))| (-libm::log(1.0 - unit(stream)) / weight, at))
            .filter(|&(_, at)| !data.has(&self.points[at].0.row))
            .collect();
        keyed.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        keyed.iter().take(most).map(|&(_, at)| self.point(at)).collect()
    }
}
