//! Proposals: the parameters of trial number *n* as a function of (spec, seed, *n*).
//!
//! No generator state exists, so nothing has to be stored, a restart changes nothing, and a replay proves every trial.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use serde_json::Value;

use crate::spec::{Method, SweepSpec};
use crate::value::Params;

/// The parameters of one trial, or the end of the search. `number` counts from 1.
///
/// The cap on the number of trials is part of it: a number beyond [`SweepSpec::planned_trials`] is never proposed.
/// `None` also for methods that are not built ([`SweepSpec::unbuilt`]), whose sweeps cannot be created.
pub fn propose(spec: &SweepSpec, seed: u64, number: u64) -> Option<Params> {
    if number == 0 || spec.planned_trials().is_some_and(|most| number > most) {
        return None;
    }
    match spec.method {
        Method::Grid => grid_cell(spec, u128::from(number) - 1),
        Method::Random => match finite_space(spec) {
            Some(axes) => finite_point(spec, &axes, seed, number),
            None => Some(random_point(spec, seed, number)),
        },
        Method::Bayes => None,
    }
}

/// Cell `at` of the grid in W&B's order: names sorted, the last one varying fastest. The product is never built.
fn grid_cell(spec: &SweepSpec, at: u128) -> Option<Params> {
    let mut rest = at;
    let mut values = Vec::with_capacity(spec.parameters.len());
    for parameter in spec.parameters.iter().rev() {
        let cells = parameter.domain.grid_len()?;
        values.push(parameter.domain.grid_value(rest % cells));
        rest /= cells;
    }
    (rest == 0).then(|| spec.assemble(values.into_iter().rev()))
}

fn random_point(spec: &SweepSpec, seed: u64, number: u64) -> Params {
    let mut stream = stream(seed, number);
    spec.assemble(spec.parameters.iter().map(|parameter| parameter.domain.at(unit(&mut stream))))
}

/// Most points of a space that random search walks without repeating any: beyond, a repeat is rare anyway.
const SMALL: usize = 4096;

/// Every value of every parameter with its probability, if the points are few.
fn finite_space(spec: &SweepSpec) -> Option<Vec<Vec<(Value, f64)>>> {
    let mut points = 1_usize;
    let mut axes = Vec::with_capacity(spec.parameters.len());
    for parameter in &spec.parameters {
        let axis = parameter.domain.support(SMALL)?;
        points = points.checked_mul(axis.len()).filter(|&points| points <= SMALL)?;
        axes.push(axis);
    }
    Some(axes)
}

/// How many different points random search has, if it will walk them all.
pub(crate) fn finite_points(spec: &SweepSpec) -> Option<u64> {
    let axes = finite_space(spec)?;
    Some(axes.iter().map(|axis| axis.len() as u64).product())
}

/// Point `number` of a random order without repeats, in which likelier points tend to come earlier: as drawing without
/// replacement does (Efraimidis and Spirakis, 2006, whose keys these are, in logarithms).
fn finite_point(spec: &SweepSpec, axes: &[Vec<(Value, f64)>], seed: u64, number: u64) -> Option<Params> {
    let points: usize = axes.iter().map(Vec::len).product();
    let place = usize::try_from(number - 1).ok().filter(|&place| place < points)?;
    let mut keys = stream(seed, u64::MAX);
    let mut order: Vec<(f64, usize)> = (0..points)
        .map(|point| {
            let weight: f64 = coordinates(axes, point).map(|(_, share)| *share).product();
            // Above 0, so that the logarithm is finite.
            let u = 1.0 - unit(&mut keys);
            (-u.ln() / weight, point)
        })
        .collect();
    let (_, &mut (_, point), _) =
        order.select_nth_unstable_by(place, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let mut values: Vec<Value> = coordinates(axes, point).map(|(value, _)| value.clone()).collect();
    values.reverse();
    Some(spec.assemble(values.into_iter()))
}

/// The coordinates of a point, last parameter first.
fn coordinates(axes: &[Vec<(Value, f64)>], point: usize) -> impl Iterator<Item = &(Value, f64)> {
    let mut rest = point;
    axes.iter().rev().map(move |axis| {
        let at = rest % axis.len();
        rest /= axis.len();
        &axis[at]
    })
}

/// The random stream of one trial: `ChaCha8` keyed by (seed, number). `ChaCha`, because its output is fixed for good.
fn stream(seed: u64, number: u64) -> ChaCha8Rng {
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

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::spec::parse;

    fn spec(text: &str) -> SweepSpec {
        let parsed = parse(text);
        parsed.spec.unwrap_or_else(|| panic!("{:?}", parsed.problems))
    }

    #[test]
    fn a_grid_walks_each_cell_once_in_the_order_of_wandb() {
        let spec =
            spec("method: grid\nparameters: {b: {values: [x, y]}, a: {min: 1, max: 2}, c: {value: 0}}\n");
        let cells: Vec<_> = (1..).map_while(|number| propose(&spec, 0, number)).collect();
        let expected: Vec<_> = [(1, "x"), (1, "y"), (2, "x"), (2, "y")]
            .map(|(a, b)| {
                Params::from([("a".into(), json!(a)), ("b".into(), json!(b)), ("c".into(), json!(0))])
            })
            .to_vec();
        assert_eq!(cells, expected);
    }

    #[test]
    fn a_huge_grid_is_never_built() {
        let text: String = (0..12).map(|i| format!("  p{i:02}: {{min: 1, max: 1000}}\n")).collect();
        let spec = spec(&format!("method: grid\nparameters:\n{text}"));
        assert_eq!(spec.grid_cells(), Some(10_u128.pow(36)));
        let last = propose(&spec, 0, 1_000_001).expect("is a cell");
        assert_eq!((&last["p09"], &last["p10"], &last["p11"]), (&json!(2), &json!(1), &json!(1)));
    }

    #[test]
    fn a_small_space_is_walked_at_random_without_repeats_and_then_ends() {
        let spec = spec(
            "method: random\nparameters:\n  a: {values: [x, y, z]}\n  b: {min: 1, max: 5}\n  c: {distribution: q_uniform, min: 0.0, max: 1.0, q: 0.5}\n  d: {value: 1}\n",
        );
        assert_eq!(spec.planned_trials(), Some(45));
        let walk = |seed| -> Vec<_> { (1..).map_while(|number| propose(&spec, seed, number)).collect() };
        let one = walk(7);
        let distinct: HashSet<_> = one.iter().map(|params| format!("{params:?}")).collect();
        assert_eq!((one.len(), distinct.len()), (45, 45));
        assert_eq!(one, walk(7));
        assert_ne!(one, walk(8));
    }

    #[test]
    fn likelier_points_of_a_small_space_come_earlier() {
        let spec =
            spec("method: random\nparameters: {a: {values: [often, seldom], probabilities: [0.9, 0.1]}}\n");
        let often =
            (0..1000).filter(|&seed| propose(&spec, seed, 1).is_some_and(|params| params["a"] == "often"));
        let often = often.count();
        assert!((860..940).contains(&often), "{often} of 1000");
    }

    #[test]
    fn the_run_cap_ends_any_method() {
        let spec = spec("method: random\nrun_cap: 3\nparameters: {a: {min: 0.0, max: 1.0}}\n");
        assert!(propose(&spec, 7, 3).is_some() && propose(&spec, 7, 4).is_none());
    }

    #[test]
    fn the_first_proposals_of_a_seed_never_change() {
        // A change here breaks the replay of every stored sweep.
        let spec = spec("method: random\nparameters: {a: {min: 0.0, max: 1.0}, n: {min: 0, max: 999}}\n");
        let first: Vec<_> = (1..=3).map(|number| propose(&spec, 7, number).expect("is proposed")).collect();
        insta::assert_debug_snapshot!(first);
    }

    proptest! {
        #[test]
        fn the_same_seed_proposes_the_same_and_another_does_not(seed in any::<u64>(), number in 1_u64..1_000_000) {
            let spec = spec("method: random\nparameters: {a: {min: 0.0, max: 1.0}, b: {min: 0.0, max: 1.0}}\n");
            let one = propose(&spec, seed, number);
            prop_assert_eq!(&one, &propose(&spec, seed, number));
            prop_assert_ne!(&one, &propose(&spec, seed.wrapping_add(1), number));
            prop_assert_ne!(&one, &propose(&spec, seed, number + 1));
        }

        #[test]
        fn grid_cells_are_distinct_and_complete(sizes in prop::collection::vec(1_i64..6, 1..5)) {
            let text: String =
                sizes.iter().enumerate().map(|(i, size)| format!("  p{i}: {{values: {:?}}}\n", (0..*size).collect::<Vec<_>>())).collect();
            let spec = spec(&format!("method: grid\nparameters:\n{text}"));
            let cells: HashSet<_> = (1..).map_while(|number| propose(&spec, 0, number)).map(|p| format!("{p:?}")).collect();
            prop_assert_eq!(cells.len() as i64, sizes.iter().product::<i64>());
        }
    }
}
