//! Random search: independent draws, or, where the points are few, a random order without repeats.

use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use super::work;
use crate::spec::SweepSpec;
use crate::stream::keyed;
pub(super) use crate::stream::unit;

/// Most points of a space that random search walks without repeating any: beyond, a repeat is rare anyway.
const SMALL: usize = 4096;
/// Most draws for one trial before constraints that are hardly ever satisfied end the search.
const TRIES: u32 = 10_000;
/// Fewest draws, of a spec in which one is much work.
const FEWEST: u32 = 200;

/// How many draws are made for one trial.
pub(super) fn tries(spec: &SweepSpec) -> u32 {
    work::affordable(work::of_draw(spec)).clamp(FEWEST, TRIES)
}

/// The values of trial `number`, one a parameter; `None`: the search is over.
pub(super) fn point(spec: &SweepSpec, seed: u64, number: u64) -> Option<Vec<Option<Value>>> {
    match Points::of(spec) {
        Some(points) => points.nth(seed, number),
        None => {
            let mut stream = stream(seed, number);
            (0..tries(spec)).find_map(|_| draw(spec, &mut stream))
        }
    }
}

/// How many different points there are, if random search will walk them all.
pub(crate) fn finite_points(spec: &SweepSpec) -> Option<u64> {
    Points::of(spec).map(|points| points.found.len() as u64)
}

/// Every point of a small space, with its weight; `None`: there are more than random search would walk.
pub(super) fn all_points(spec: &SweepSpec) -> Option<Vec<(Vec<Option<Value>>, f64)>> {
    let points = Points::of(spec)?;
    Some(points.found.iter().map(|&(number, weight)| (points.values(number), weight)).collect())
}

/// One draw; `None`: it violates a constraint. It always takes as much of the stream, so that each draw is its own.
pub(super) fn draw(spec: &SweepSpec, stream: &mut ChaCha8Rng) -> Option<Vec<Option<Value>>> {
    let quantiles: Vec<f64> = spec.parameters.iter().map(|_| unit(stream)).collect();
    let mut values = Vec::with_capacity(quantiles.len());
    for (at, u) in quantiles.into_iter().enumerate() {
        let exists = spec.exists(at, &values);
        values.push(exists.then(|| spec.parameters[at].domain.at(u)));
        if !spec.allows(at, &values) {
            return None;
        }
    }
    Some(values)
}

/// Every point of a small space that satisfies the constraints.
struct Points<'s> {
    spec: &'s SweepSpec,
    /// The values that each parameter can have, with their shares.
    supports: Vec<Vec<(Value, f64)>>,
    /// Numbers of points in the whole product of the supports, the last one varying fastest, with their weights.
    found: Vec<(usize, f64)>,
}

impl<'s> Points<'s> {
    fn of(spec: &'s SweepSpec) -> Option<Self> {
        let mut product = 1_usize;
        let mut supports = Vec::with_capacity(spec.parameters.len());
        for parameter in &spec.parameters {
            let support = parameter.domain.support(SMALL / product)?;
            if support.is_empty() {
                return None;
            }
            product *= support.len();
            supports.push(support);
        }
        let mut found = Vec::new();
        collect(spec, &supports, &mut Vec::new(), (0, 1.0), &mut found);
        Some(Self { spec, supports, found })
    }

    /// The values of a point.
    fn values(&self, number: usize) -> Vec<Option<Value>> {
        let mut rest = number;
        let mut choices: Vec<&Value> = Vec::with_capacity(self.supports.len());
        for support in self.supports.iter().rev() {
            choices.push(&support[rest % support.len()].0);
            rest /= support.len();
        }
        let mut values = Vec::with_capacity(choices.len());
        for (at, choice) in choices.into_iter().rev().enumerate() {
            let exists = self.spec.exists(at, &values);
            values.push(exists.then(|| choice.clone()));
        }
        values
    }

    /// Point `number` of a random order without repeats, in which likelier points tend to come earlier: as drawing
    /// without replacement does (Efraimidis and Spirakis, 2006, whose keys these are, in logarithms).
    fn nth(&self, seed: u64, number: u64) -> Option<Vec<Option<Value>>> {
        let place = usize::try_from(number - 1).ok().filter(|&place| place < self.found.len())?;
        let mut keys = stream(seed, u64::MAX);
        let mut order: Vec<(f64, usize)> = self
            .found
            .iter()
            .enumerate()
            // 1 - u is above 0, so that the logarithm is finite.
            .map(|(at, (_, weight))| (-libm::log(1.0 - unit(&mut keys)) / weight, at))
            .collect();
        let (_, &mut (_, at), _) =
            order.select_nth_unstable_by(place, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        Some(self.values(self.found[at].0))
    }
}

/// Adds the points that begin with `values` to `found`; `(number, weight)` are those of the beginning.
fn collect<'v>(
    spec: &SweepSpec,
    supports: &'v [Vec<(Value, f64)>],
    values: &mut Vec<Option<&'v Value>>,
    (number, weight): (usize, f64),
    found: &mut Vec<(usize, f64)>,
) {
    let at = values.len();
    let Some(support) = supports.get(at) else {
        found.push((number, weight));
        return;
    };
    // A parameter that does not exist has one place.
    let choices = if spec.exists(at, values) { support.len() } else { 0 };
    let choices = (0..choices.max(1)).map(|digit| (choices > 0).then(|| (digit, &support[digit])));
    for choice in choices {
        values.push(choice.map(|(_, (value, _))| value));
        if spec.allows(at, values) {
            let (digit, share) = choice.map_or((0, 1.0), |(digit, (_, share))| (digit, *share));
            collect(spec, supports, values, (number * support.len() + digit, weight * share), found);
        }
        values.pop();
    }
}

/// The random stream of one trial.
pub(super) fn stream(seed: u64, number: u64) -> ChaCha8Rng {
    keyed(seed, number, *b"proposal")
}
