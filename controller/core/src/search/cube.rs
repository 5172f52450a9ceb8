//! A whole space as a unit cube: points in, valid points out.

use std::collections::HashSet;

use serde_json::Value;

use super::axis::Axis;
use super::random::unit;
use crate::expr::Undecided;
use crate::space::Misfit;
use crate::spec::{Constraint, Parameter, SweepSpec};
use crate::stream::{GOLDEN, mix};
use crate::value::Params;

/// The axes of a spec's space, in the order of its parameters. A row has one coordinate for each; NaN: the parameter
/// does not exist there.
#[derive(Debug)]
pub(crate) struct Cube {
    pub(crate) axes: Vec<Axis>,
    /// The axis of each parameter that varies.
    of: Vec<Option<usize>>,
    /// Of each axis, whether it exists under a condition only.
    pub(crate) conditional: Vec<bool>,
}

/// A point that conditions and constraints allow.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Point {
    pub(crate) values: Vec<Option<Value>>,
    /// Its row: where there are cells, their centres.
    pub(crate) row: Vec<f64>,
}

/// Why a trial's values are no point of a space.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Foreign {
    #[error("`{parameter}`: {misfit}")]
    Misfit { parameter: String, misfit: Misfit },
    #[error("`{0}` has no value")]
    Missing(String),
    #[error("`{0}` has a value, and does not exist with these others")]
    Unasked(String),
    #[error("there is no parameter `{0}`")]
    Unknown(String),
    #[error("constraint `{0}` does not hold")]
    Forbidden(String),
}

impl Cube {
    pub(crate) fn of(spec: &SweepSpec) -> Self {
        let (mut axes, mut conditional) = (Vec::new(), Vec::new());
        let of = spec.parameters.iter().map(|parameter| {
            let axis = Axis::of(&parameter.domain)?;
            axes.push(axis);
            conditional.push(!parameter.when.is_empty());
            Some(axes.len() - 1)
        });
        let of = of.collect();
        Self { axes, of, conditional }
    }

    /// The row of a trial's values.
    pub(crate) fn encode(&self, spec: &SweepSpec, values: &[Option<Value>]) -> Result<Vec<f64>, Foreign> {
        let name = |at: usize| spec.parameters[at].path.join(".");
        let mut row = vec![f64::NAN; self.axes.len()];
        for (at, parameter) in spec.parameters.iter().enumerate() {
            let value = values.get(at).and_then(Option::as_ref);
            let value = match (spec.exists(at, values), value) {
                (true, Some(value)) => value,
                (true, None) => return Err(Foreign::Missing(name(at))),
                (false, Some(_)) => return Err(Foreign::Unasked(name(at))),
                (false, None) => continue,
            };
            let coordinate = match self.of[at] {
                Some(axis) => self.axes[axis].encode(&parameter.domain, value).map(|at| row[axis] = at),
                None => parameter.domain.quantiles(value).map(|_| ()),
            };
            coordinate.map_err(|misfit| Foreign::Misfit { parameter: name(at), misfit })?;
        }
        Ok(row)
    }

    /// The row of a trial's values, which may come from elsewhere: constraints are looked at too.
    pub(crate) fn admit(&self, spec: &SweepSpec, values: &[Option<Value>]) -> Result<Vec<f64>, Foreign> {
        let row = self.encode(spec, values)?;
        let broken = |constraint: &&Constraint| {
            !matches!(constraint.decide(values), Ok(true) | Err(Undecided::Absent))
        };
        match spec.constraints.iter().find(broken) {
            Some(constraint) => Err(Foreign::Forbidden(constraint.expr.source().to_owned())),
            None => Ok(row),
        }
    }

    /// The point at coordinates, asked for one by one, by axis and only where the parameter exists; `None`: a constraint
    /// forbids it.
    pub(crate) fn point(&self, spec: &SweepSpec, coordinate: impl Fn(usize) -> f64) -> Option<Point> {
        let mut row = vec![f64::NAN; self.axes.len()];
        let mut values: Vec<Option<Value>> = Vec::with_capacity(spec.parameters.len());
        for (at, parameter) in spec.parameters.iter().enumerate() {
            let exists = spec.exists(at, &values);
            let value = match self.of[at] {
                _ if !exists => None,
                None => Some(parameter.domain.at(0.5)),
                Some(axis) => {
                    let value = self.axes[axis].decode(&parameter.domain, coordinate(axis));
                    row[axis] = self.axes[axis].encode(&parameter.domain, &value).ok()?;
                    Some(value)
                }
            };
            values.push(value);
            if !spec.allows(at, &values) {
                return None;
            }
        }
        Some(Point { values, row })
    }

    /// A draw from the prior; `None`: a constraint forbids it. It always takes as much of the stream.
    pub(crate) fn draw(&self, spec: &SweepSpec, stream: &mut rand_chacha::ChaCha8Rng) -> Option<Point> {
        let quantiles: Vec<f64> = self.axes.iter().map(|_| unit(stream)).collect();
        self.point(spec, |axis| self.axes[axis].draw(quantiles[axis]))
    }
}

/// A number that rows have in common if they are one.
pub(crate) fn key(row: &[f64]) -> u64 {
    row.iter().fold(0x5357_4545_5000_0001, |key: u64, at| {
        // One step a coordinate; adding 0 takes the sign off a zero.
        mix((key ^ (at + 0.0).to_bits()).wrapping_add(GOLDEN))
    })
}

impl SweepSpec {
    /// The values of a trial's parameters, one a parameter in order, as methods are shown them: the inverse of how
    /// parameters are put together. Nothing is checked.
    pub fn values_of(&self, params: &Params) -> Vec<Option<Value>> {
        let value = |parameter: &Parameter| {
            let mut found = params.get(&parameter.path[0]);
            for name in &parameter.path[1..] {
                found = found.and_then(|group| group.get(name.as_str()));
            }
            found.cloned()
        };
        self.parameters.iter().map(value).collect()
    }

    /// As [`Self::values_of`], of a trial of an earlier sweep, whose space may have been another.
    ///
    /// # Errors
    /// [`Foreign`]: the values are no point of this space, and why.
    pub fn admit(&self, params: &Params) -> Result<Vec<Option<Value>>, Foreign> {
        let known: HashSet<&str> = self.parameters.iter().map(|one| one.path[0].as_str()).collect();
        if let Some(other) = params.keys().find(|name| !known.contains(name.as_str())) {
            return Err(Foreign::Unknown(other.clone()));
        }
        let values = self.values_of(params);
        Cube::of(self).admit(self, &values)?;
        Ok(values)
    }
}
