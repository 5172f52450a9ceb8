//! Random search: independent draws, or, where the points are few, a random order without repeats.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde_json::Value;

use crate::spec::SweepSpec;

/// Most points of a space that random search walks without repeating any: beyond, a repeat is rare anyway.
const SMALL: usize = 4096;
/// Draws for one trial before constraints that are hardly ever satisfied end the search.
pub(super) const TRIES: u32 = 10_000;

/// The values of trial `number`, one a parameter; `None`: the search is over.
pub(super) fn point(spec: &SweepSpec, seed: u64, number: u64) -> Option<Vec<Option<Value>>> {
    match Points::of(spec) {
        Some(points) => points.nth(seed, number),
        None => {
            let mut stream = stream(seed, number);
            (0..TRIES).find_map(|_| draw(spec, &mut stream))
        }
    }
}

/// How many different points there are, if random search will walk them all.
pub(crate) fn finite_points(spec: &SweepSpec) -> Option<u64> {
    Points::of(spec).map(|points| points.0.len() as u64)
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

/// Every point of a small space that satisfies the constraints, with its weight.
struct Points(Vec<(Vec<Option<Value>>, f64)>);

impl Points {
    fn of(spec: &SweepSpec) -> Option<Self> {
        let mut product = 1_usize;
        for parameter in &spec.parameters {
            let most = SMALL / product;
            product *= parameter.domain.support(most)?.len();
        }
        let mut points: Vec<(Vec<Option<Value>>, f64)> = vec![(Vec::new(), 1.0)];
        for (at, parameter) in spec.parameters.iter().enumerate() {
            let support = parameter.domain.support(SMALL)?;
            let mut longer = Vec::new();
            for (values, weight) in points {
                let exists = spec.exists(at, &values);
                let choices = if exists {
                    support.iter().map(|(v, w)| (Some(v.clone()), *w)).collect()
                } else {
                    vec![(None, 1.0)]
                };
                for (value, share) in choices {
                    let mut values = values.clone();
                    values.push(value);
                    if spec.allows(at, &values) {
                        longer.push((values, weight * share));
                    }
                }
            }
            points = longer;
        }
        Some(Self(points))
    }

    /// Point `number` of a random order without repeats, in which likelier points tend to come earlier: as drawing
    /// without replacement does (Efraimidis and Spirakis, 2006, whose keys these are, in logarithms).
    fn nth(mut self, seed: u64, number: u64) -> Option<Vec<Option<Value>>> {
        let place = usize::try_from(number - 1).ok().filter(|&place| place < self.0.len())?;
        let mut keys = stream(seed, u64::MAX);
        let mut order: Vec<(f64, usize)> = self
            .0
            .iter()
            .enumerate()
            // 1 - u is above 0, so that the logarithm is finite.
            .map(|(at, (_, weight))| (-(1.0 - unit(&mut keys)).ln() / weight, at))
            .collect();
        let (_, &mut (_, at), _) =
            order.select_nth_unstable_by(place, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        Some(self.0.swap_remove(at).0)
    }
}

/// The random stream of one trial: `ChaCha8` keyed by (seed, number). `ChaCha`, because its output is fixed for good.
pub(super) fn stream(seed: u64, number: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&number.to_le_bytes());
    key[16..24].copy_from_slice(b"proposal");
    ChaCha8Rng::from_seed(key)
}

/// Uniform in [0, 1), of 53 bits.
fn unit(stream: &mut ChaCha8Rng) -> f64 {
    (stream.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}
