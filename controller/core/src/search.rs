//! Proposals: the parameters of trial number *n* as a function of (spec, seed, *n*).
//!
//! No generator state exists, so nothing has to be stored, a restart changes nothing, and a replay proves every trial.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

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
        Method::Random => Some(random_point(spec, seed, number)),
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
