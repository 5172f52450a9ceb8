//! Proposals among points that are listed, and no others: the trials of a table.
//!
//! A method proposes as ever, and gets, instead of each point that it looks at, the nearest listed one that no trial has
//! yet. It gets it before it compares, so what it chooses by (expected improvement, ratio of densities) is that of the
//! point which is then tried. Random search takes the points in any order, as likely; a grid in the order of the list.

use serde_json::Value;

use super::Ground;
use super::cube::{Cube, Foreign, Point};
use super::finite::Finite;
use super::history::History;
use super::sobol::Order;
use super::why::Why;
use crate::spec::{Method, SweepSpec};

/// Points that are listed.
#[derive(Debug)]
pub struct Listed(Ground);

impl Listed {
    /// Of values, one a parameter in the order of the spec.
    ///
    /// # Errors
    /// The first that is no point of the spec's space, by its place, and why.
    pub fn new(spec: &SweepSpec, points: &[Vec<Option<Value>>]) -> Result<Self, (usize, Foreign)> {
        let cube = Cube::of(spec);
        let point = |(at, values): (usize, &Vec<Option<Value>>)| {
            let row = cube.admit(spec, values).map_err(|foreign| (at, foreign))?;
            Ok((Point { values: values.clone(), row }, 1.0))
        };
        let points: Result<Vec<_>, _> = points.iter().enumerate().map(point).collect();
        let finite = Some(Finite::listed(points?));
        Ok(Self(Ground { cube, finite, listed: true }))
    }

    /// For one sweep.
    pub fn among(&self) -> Among<'_> {
        Among { listed: self, order: None }
    }
}

/// Proposes trials of one sweep, one after the other.
#[derive(Debug)]
pub struct Among<'l> {
    listed: &'l Listed,
    /// In which methods that do not learn come by the points.
    order: Option<Order>,
}

impl Among<'_> {
    /// Trial `number`, from 1, always for the same spec and seed: the place of its point in the list, and why; `None`: all are
    /// tried. The spec may have another method than that which the list was made with, and no other parameters.
    pub fn propose(
        &mut self,
        spec: &SweepSpec,
        seed: u64,
        number: u64,
        history: &History,
    ) -> Option<(usize, Why)> {
        let Ground { cube, finite, .. } = &self.listed.0;
        let finite = finite.as_ref()?;
        let make: &dyn Fn() -> Order = match spec.method {
            Method::Grid => {
                let place = finite.places().nth(usize::try_from(number.checked_sub(1)?).ok()?)?;
                return Some((place, Why::Grid { cell: number }));
            }
            Method::Random => &|| Order::shuffled(finite, seed),
            Method::Sobol => &|| Order::nearest(spec, cube, finite, seed),
            Method::Bayes | Method::Tpe | Method::Cmaes | Method::Auto => {
                let (point, why) = self.listed.0.learned(spec, seed, number, history)?;
                return Some((finite.place(&point.row)?, why.told()));
            }
        };
        let (point, why) = self.order.get_or_insert_with(make).nth(finite, number)?;
        Some((finite.place(&point.row)?, why))
    }
}
