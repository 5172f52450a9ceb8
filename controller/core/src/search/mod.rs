//! Proposals: the parameters of trial number *n* as a function of (spec, seed, *n*, history shown).
//!
//! No generator state has to be stored, a restart changes nothing, and a replay proves every trial. Grid, random and
//! Sobol' look at no history; the others do, and at nothing else.

mod auto;
mod axis;
mod bayes;
mod cmaes;
mod cube;
mod finite;
mod front;
mod grid;
mod history;
mod listed;
mod prior;
mod probe;
mod random;
mod recorded;
mod replay;
mod sobol;
mod tpe;
mod why;
mod work;

use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use crate::spec::{Method, SweepSpec};
use crate::value::Params;
use cube::{Cube, Point};
use finite::Finite;
use history::Data;

pub use axis::Kind;
pub use cube::Foreign;
pub(crate) use grid::points as grid_points;
pub use history::{History, Outcome, Past, Reported};
pub use listed::{Among, Listed};
pub use prior::{Admitted, MOST_PRIOR, Prior, Unlike, admit};
pub(crate) use probe::{Probe, probe};
pub(crate) use random::finite_points;
pub(crate) use recorded::outcome;
pub use recorded::{Origin, Pending, Recorded};
pub use replay::{Different, Replayed, replay};
pub use why::{Proposal, Why};

/// The parameters of one trial before any other has ended, or the end of the search. `number` counts from 1.
///
/// For methods that look at no history that is every trial of the sweep. The cap on the number of trials is part of it: a
/// number beyond it is never proposed.
pub fn propose(spec: &SweepSpec, seed: u64, number: u64) -> Option<Params> {
    let proposal = Proposer::default().propose(spec, seed, number, &History::default());
    proposal.map(|proposal| proposal.params)
}

/// Proposes trials of one sweep one after the other. It remembers what the spec comes to and how far it walked, which
/// saves time and changes nothing: what is proposed depends on the arguments alone.
#[derive(Debug, Default)]
pub struct Proposer {
    walk: Option<grid::Walk>,
    ground: Option<Ground>,
    order: Option<sobol::Order>,
}

/// What a spec comes to.
#[derive(Debug)]
struct Ground {
    cube: Cube,
    finite: Option<Finite>,
    /// Whether there is nothing but the points of `finite`, whatever the space has.
    listed: bool,
}

/// One proposal to be made by a method that learns.
struct Task<'t> {
    spec: &'t SweepSpec,
    cube: &'t Cube,
    finite: Option<&'t Finite>,
    listed: bool,
    data: &'t Data,
    seed: u64,
    number: u64,
}

impl Task<'_> {
    /// Whether a point was not tried yet.
    fn is_new(&self, row: &[f64]) -> bool {
        !self.data.has(row)
    }

    /// The point at coordinates, asked for one by one, if it may be proposed.
    fn point(&self, coordinate: impl Fn(usize) -> f64) -> Option<Point> {
        self.settle(self.cube.point(self.spec, coordinate)?)
    }

    /// A point of the space as it would be proposed: itself, if it is new, or the nearest new one where they are listed.
    fn settle(&self, point: Point) -> Option<Point> {
        match self.finite {
            Some(finite) if self.listed => {
                finite.nearest(self.cube, &point.row, |row| self.is_new(row)).cloned()
            }
            _ => self.is_new(&point.row).then_some(point),
        }
    }

    /// Whether too little is known for a model: a design of `start` trials comes before the first, less what is known from
    /// earlier sweeps.
    fn begins(&self, start: u64) -> bool {
        self.data.len() < 2 || self.number <= start && (self.data.len() as u64) < start
    }

    /// The trial of the start design.
    fn start(&self) -> Option<(Point, Why)> {
        let (point, why) = sobol::start(self.spec, self.cube, self.seed, self.number - 1)?;
        Some((self.settle(point)?, why))
    }

    /// A new point by the prior alone; `None`: none is left, or none is found.
    fn draw(&self, stream: &mut ChaCha8Rng) -> Option<Point> {
        if let Some(finite) = self.finite {
            return finite.untried(1, self.data, stream).first().map(|&point| point.clone());
        }
        let mut draws = (0..random::tries(self.spec)).filter_map(|_| self.cube.draw(self.spec, stream));
        draws.find(|point| self.is_new(&point.row))
    }
}

impl Proposer {
    /// Trial `number`, from 1, always for the same spec and seed; `None`: the search is over, because of the cap on the
    /// number of trials, or because nothing new is left that the constraints allow.
    ///
    /// `history` has the trials that the sweep has, those that wait or run too: a method that learns repeats none of
    /// their points. Methods that do not ([`Method::needs_history`]) do not look at it.
    pub fn propose(
        &mut self,
        spec: &SweepSpec,
        seed: u64,
        number: u64,
        history: &History,
    ) -> Option<Proposal> {
        if number == 0 || spec.run_cap.is_some_and(|most| number > most) {
            return None;
        }
        let (values, why) = match spec.method {
            Method::Grid => (grid::cell(spec, number, &mut self.walk)?, Why::Grid { cell: number }),
            Method::Random => (random::point(spec, seed, number)?, Why::Random),
            Method::Sobol => self.quasi_random(spec, seed, number)?,
            Method::Bayes | Method::Tpe | Method::Cmaes | Method::Auto => {
                let ground = self.ground.get_or_insert_with(|| Ground::of(spec));
                let (point, why) = ground.learned(spec, seed, number, history)?;
                (point.values, why)
            }
        };
        Some(Proposal { params: spec.assemble(values), why: why.told() })
    }

    fn quasi_random(
        &mut self,
        spec: &SweepSpec,
        seed: u64,
        number: u64,
    ) -> Option<(Vec<Option<Value>>, Why)> {
        let ground = self.ground.get_or_insert_with(|| Ground::of(spec));
        let Some(finite) = &ground.finite else {
            let (point, why) = sobol::point(spec, &ground.cube, seed, number - 1)?;
            return Some((point.values, why));
        };
        let order = self.order.get_or_insert_with(|| sobol::Order::of(spec, &ground.cube, finite, seed));
        let (point, why) = order.nth(finite, number)?;
        Some((point.values.clone(), why))
    }
}

/// Marks the streams of draws that stand in for a method's own points.
const INSTEAD: u64 = 0x494E_5354_4541_4421;

impl Ground {
    fn of(spec: &SweepSpec) -> Self {
        let cube = Cube::of(spec);
        let finite = Finite::of(spec, &cube);
        Self { cube, finite, listed: false }
    }

    /// The point of a method that learns.
    fn learned(&self, spec: &SweepSpec, seed: u64, number: u64, history: &History) -> Option<(Point, Why)> {
        let Self { cube, finite, listed } = self;
        let data = Data::of(spec, cube, history);
        if finite.as_ref().is_some_and(|finite| finite.is_exhausted(&data)) {
            return None;
        }
        let finite = finite.as_ref();
        let task = Task { spec, cube, finite, listed: *listed, data: &data, seed, number };
        let mut stream = random::stream(seed, number);
        let mut because = None;
        let found = match spec.method {
            Method::Bayes => bayes::propose(&task, &mut stream).unwrap_or_else(|fault| {
                because = Some(format!("no Gaussian process: {fault}"));
                None
            }),
            Method::Tpe => tpe::propose(&task, &mut stream),
            Method::Cmaes => cmaes::propose(&task, &mut stream),
            _ => auto::propose(&task, &mut stream),
        };
        let instead = || {
            let why = Why::Instead { of: spec.method.word().to_owned(), because };
            // A stream of its own: how much the method took of the other says nothing.
            Some((task.draw(&mut random::stream(seed ^ INSTEAD, number))?, why))
        };
        found.or_else(instead)
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod tests_spaces;
