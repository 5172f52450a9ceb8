//! A look at a constrained space before any trial is run: is there anything in it?

use serde_json::Value;

use super::grid::{Step, Walk};
use super::random::{TRIES, draw, finite_points, stream};
use crate::expr::Undecided;
use crate::spec::{Method, SweepSpec};

/// Wheels of a grid that are turned in search of its first cell.
const STEPS: u64 = 1_000_000;
/// Draws by which constraints are tried out.
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
        Method::Grid => match Walk::new(spec).next(spec, STEPS) {
            Step::Cell(_) => Probe::Plenty,
            Step::End => Probe::Empty,
            Step::Tired => Probe::NoneFound(STEPS),
        },
        Method::Random | Method::Bayes => match finite_points(spec) {
            Some(0) => Probe::Empty,
            Some(_) => Probe::Plenty,
            None => {
                let mut stream = stream(0, 0);
                let found = (0..TRIES).filter(|_| draw(spec, &mut stream).is_some()).count();
                match found as f64 / f64::from(TRIES) {
                    0.0 => Probe::NoneFound(TRIES.into()),
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
    (0..SAMPLES).find_map(|_| {
        let values: Vec<Option<Value>> = draw(&free, &mut stream)?;
        spec.constraints.iter().find_map(|constraint| match spec.decide(constraint, &values) {
            Err(why @ Undecided::Meaningless(_)) => {
                Some(Probe::Undecided(constraint.expr.source().to_owned(), why))
            }
            Ok(_) | Err(Undecided::Absent) => None,
        })
    })
}
