//! A look at a constrained space before any trial is run: is there anything in it?

use serde_json::Value;

use super::grid::{Step, Walk};
use super::random::{draw, finite_points, stream, tries};
use super::work;
use crate::expr::Undecided;
use crate::spec::{Method, SweepSpec};

/// Most draws by which constraints are tried out.
const SAMPLES: u32 = 200;
/// A share of the space below which narrower ranges would help.
const RARE: f64 = 0.01;

/// What the look found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Probe {
    Plenty,
    /// Certainly nothing.
    Empty,
    /// Nothing among so many.
    NoneFound(u64),
    /// Little: this share.
    Rare(f64),
    /// A constraint that cannot be decided: its text, and why.
    Undecided(String, Undecided),
}

pub(crate) fn probe(spec: &SweepSpec) -> Probe {
    if let Some(undecided) = undecided(spec) {
        return undecided;
    }
    match spec.method {
        Method::Grid => {
            let mut walk = Walk::new(spec);
            match walk.next(spec, work::BUDGET) {
                Step::Cell(_) => Probe::Plenty,
                Step::End => Probe::Empty,
                Step::Tired => Probe::NoneFound(walk.turned),
            }
        }
        _ => match finite_points(spec) {
            Some(0) => Probe::Empty,
            Some(_) => Probe::Plenty,
            None => {
                let mut stream = stream(0, 0);
                let tries = tries(spec);
                let found = (0..tries).filter(|_| draw(spec, &mut stream).is_some()).count();
                match found as f64 / f64::from(tries) {
                    0.0 => Probe::NoneFound(tries.into()),
                    share if share < RARE => Probe::Rare(share),
                    _ => Probe::Plenty,
                }
            }
        },
    }
}

/// The first constraint that has no truth value for some draw.
fn undecided(spec: &SweepSpec) -> Option<Probe> {
    let free = SweepSpec { constraints: Vec::new(), ..spec.clone() };
    let mut stream = stream(0, 1);
    let samples = work::affordable(work::of_draw(spec)).clamp(1, SAMPLES);
    (0..samples).find_map(|_| {
        let values: Vec<Option<Value>> = draw(&free, &mut stream)?;
        spec.constraints.iter().find_map(|constraint| match constraint.decide(&values) {
            Err(why @ Undecided::Meaningless(_)) => {
                Some(Probe::Undecided(constraint.expr.source().to_owned(), why))
            }
            Ok(_) | Err(Undecided::Absent) => None,
        })
    })
}
