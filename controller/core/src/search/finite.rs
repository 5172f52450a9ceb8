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
        Some(Self::listed(points))
    }

    /// Of points with weights; of equal ones the first has the place.
    pub(super) fn listed(points: Vec<(Point, f64)>) -> Self {
        let mut places = HashMap::with_capacity(points.len());
        for (at, (point, _)) in points.iter().enumerate() {
            places.entry(key(&point.row)).or_insert(at);
        }
        Self { points, places }
    }

    pub(super) fn len(&self) -> usize {
        self.points.len()
    }

    /// The places of points that differ from those before them, ascending.
    pub(super) fn places(&self) -> impl Iterator<Item = usize> {
        (0..self.len()).filter(|&at| self.place(&self.point(at).row) == Some(at))
    }

    pub(super) fn point(&self, at: usize) -> &Point {
        &self.points[at].0
    }

    /// Where a row stands in the list.
    pub(super) fn place(&self, row: &[f64]) -> Option<usize> {
        self.places.get(&key(row)).copied()
    }

    /// The nearest point to a row, of those that are left; of equally near ones the first. Coordinates are compared axis by
    /// axis: the squares of their differences are summed, and different categories, or a parameter that only one of the two
    /// has, count as the whole axis.
    pub(super) fn nearest(
        &self,
        cube: &Cube,
        row: &[f64],
        is_left: impl Fn(&[f64]) -> bool,
    ) -> Option<&Point> {
        if let Some(at) = self.place(row).filter(|&at| is_left(&self.points[at].0.row)) {
            return Some(self.point(at));
        }
        let axis = |((a, b), axis): ((&f64, &f64), &super::axis::Axis)| match (a.is_nan(), b.is_nan()) {
            (true, true) => 0.0,
            (false, false) if !matches!(axis.kind, super::Kind::Unordered { .. }) => (a - b).powi(2),
            _ => f64::from(u8::from(a != b)),
        };
        let far = |point: &Point| -> f64 { row.iter().zip(&point.row).zip(&cube.axes).map(axis).sum() };
        let left = self.points.iter().map(|(point, _)| point).filter(|point| is_left(&point.row));
        left.map(|point| (far(point), point)).min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, point)| point)
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
