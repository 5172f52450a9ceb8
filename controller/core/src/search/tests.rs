mod learning;
mod quasi_random;
mod several;

use std::collections::HashSet;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::spec::parse;

fn spec(text: &str) -> SweepSpec {
    let parsed = parse(text);
    parsed.spec.unwrap_or_else(|| panic!("{:?}", parsed.problems))
}

#[test]
fn a_grid_walks_each_cell_once_in_the_order_of_wandb() {
    let spec = spec(
        "program: p\nmethod: grid\nparameters: {b: {values: [x, y]}, a: {min: 1, max: 2}, c: {value: 0}}\n",
    );
    let cells: Vec<_> = (1..).map_while(|number| propose(&spec, 0, number)).collect();
    let expected: Vec<_> = [(1, "x"), (1, "y"), (2, "x"), (2, "y")]
        .map(|(a, b)| Params::from([("a".into(), json!(a)), ("b".into(), json!(b)), ("c".into(), json!(0))]))
        .to_vec();
    assert_eq!(cells, expected);
}

#[test]
fn a_huge_grid_is_never_built() {
    let text: String = (0..12).map(|i| format!("  p{i:02}: {{min: 1, max: 1000}}\n")).collect();
    let spec = spec(&format!("program: p\nmethod: grid\nparameters:\n{text}"));
    assert_eq!(spec.grid_cells(), Some(10_u128.pow(36)));
    let last = propose(&spec, 0, 1_000_001).expect("is a cell");
    assert_eq!((&last["p09"], &last["p10"], &last["p11"]), (&json!(2), &json!(1), &json!(1)));
}

#[test]
fn a_small_space_is_walked_at_random_without_repeats_and_then_ends() {
    let spec = spec(
        "program: p\nmethod: random\nparameters:\n  a: {values: [x, y, z]}\n  b: {min: 1, max: 5}\n  c: {distribution: q_uniform, min: 0.0, max: 1.0, q: 0.5}\n  d: {value: 1}\n",
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
    let spec = spec(
        "program: p\nmethod: random\nparameters: {a: {values: [often, seldom], probabilities: [0.9, 0.1]}}\n",
    );
    let often =
        (0..1000).filter(|&seed| propose(&spec, seed, 1).is_some_and(|params| params["a"] == "often"));
    let often = often.count();
    assert!((860..940).contains(&often), "{often} of 1000");
}

#[test]
fn the_run_cap_ends_any_method() {
    let spec = spec("program: p\nmethod: random\nrun_cap: 3\nparameters: {a: {min: 0.0, max: 1.0}}\n");
    assert!(propose(&spec, 7, 3).is_some() && propose(&spec, 7, 4).is_none());
}

#[test]
fn the_first_proposals_of_a_seed_never_change() {
    // A change here breaks the replay of every stored sweep.
    let spec =
        spec("program: p\nmethod: random\nparameters: {a: {min: 0.0, max: 1.0}, n: {min: 0, max: 999}}\n");
    let first: Vec<_> = (1..=3).map(|number| propose(&spec, 7, number).expect("is proposed")).collect();
    insta::assert_debug_snapshot!(first);
}

proptest! {
    #[test]
    fn the_same_seed_proposes_the_same_and_another_does_not(seed in any::<u64>(), number in 1_u64..1_000_000) {
        let spec = spec("program: p\nmethod: random\nparameters: {a: {min: 0.0, max: 1.0}, b: {min: 0.0, max: 1.0}}\n");
        let one = propose(&spec, seed, number);
        prop_assert_eq!(&one, &propose(&spec, seed, number));
        prop_assert_ne!(&one, &propose(&spec, seed.wrapping_add(1), number));
        prop_assert_ne!(&one, &propose(&spec, seed, number + 1));
    }

    #[test]
    fn grid_cells_are_distinct_and_complete(sizes in prop::collection::vec(1_i64..6, 1..5)) {
        let text: String =
            sizes.iter().enumerate().map(|(i, size)| format!("  p{i}: {{values: {:?}}}\n", (0..*size).collect::<Vec<_>>())).collect();
        let spec = spec(&format!("program: p\nmethod: grid\nparameters:\n{text}"));
        let cells: HashSet<_> = (1..).map_while(|number| propose(&spec, 0, number)).map(|p| format!("{p:?}")).collect();
        prop_assert_eq!(cells.len() as i64, sizes.iter().product::<i64>());
    }
}

/// All trials of a sweep that ends.
fn all(spec: &SweepSpec, seed: u64) -> Vec<Params> {
    let mut proposer = Proposer::default();
    let history = History::default();
    (1..).map_while(|number| Some(proposer.propose(spec, seed, number, &history)?.params)).collect()
}

const CONSTRAINED: &str = "parameters:
  layer1: {values: [64, 128, 256]}
  layer2: {values: [64, 128, 256]}
  opt: {values: [sgd, adam]}
  momentum: {values: [0.5, 0.9], when: {opt: sgd}}
constraints: [\"layer2 <= layer1\", \"momentum < 0.9 or layer1 == 256\"]
";

/// The points of [`CONSTRAINED`], written another way.
fn expected() -> usize {
    let mut count = 0;
    for layer1 in [64, 128, 256] {
        for layer2 in [64, 128, 256] {
            let sgd = if layer1 == 256 { 2 } else { 1 };
            count += usize::from(layer2 <= layer1) * (sgd + 1);
        }
    }
    count
}

#[test]
fn grid_and_random_give_each_allowed_point_once() {
    for method in ["grid", "random", "sobol"] {
        let spec = spec(&format!("program: p\nmethod: {method}\n{CONSTRAINED}"));
        let trials = all(&spec, 7);
        let distinct: HashSet<_> = trials.iter().map(|params| format!("{params:?}")).collect();
        assert_eq!((trials.len(), distinct.len()), (expected(), expected()), "{method}");
        assert_eq!(spec.planned_trials(), Some(expected() as u64));
        for params in &trials {
            assert!(params["layer2"].as_i64() <= params["layer1"].as_i64());
            assert_eq!(params.contains_key("momentum"), params["opt"] == "sgd", "{params:?}");
        }
        // Whatever was proposed before, a number is always the same trial.
        for (at, params) in trials.iter().enumerate().rev() {
            assert_eq!(propose(&spec, 7, at as u64 + 1).as_ref(), Some(params));
        }
    }
}

#[test]
fn draws_from_a_continuum_satisfy_the_constraints() {
    let spec = spec(
        "program: p\nmethod: random\nparameters:\n  a: {min: 0.0, max: 1.0}\n  b: {min: 0.0, max: 1.0}\n  c: {min: 0.0, max: 1.0, when: {d: [1, 2]}}\n  d: {min: 1, max: 4}\nconstraints: [a + b < 0.5, c > 0.5]\n",
    );
    let mut with = 0;
    for number in 1..=500 {
        let params = propose(&spec, 7, number).expect("is proposed");
        let value = |name: &str| params.get(name).and_then(Value::as_f64);
        assert!(value("a").expect("exists") + value("b").expect("exists") < 0.5);
        assert_eq!(value("c").is_some(), value("d").expect("exists") <= 2.0);
        assert!(value("c").is_none_or(|c| c > 0.5));
        with += usize::from(value("c").is_some());
    }
    assert!((100..250).contains(&with), "{with}");
}

#[test]
fn forbidden_blocks_of_a_huge_grid_cost_one_step() {
    let wheels: String = (0..10).map(|i| format!("  p{i}: {{min: 1, max: 1000}}\n")).collect();
    let spec = spec(&format!(
        "program: p\nmethod: grid\nparameters:\n{wheels}constraints: [p0 == 1000 and p1 > 998]\n"
    ));
    let first = propose(&spec, 0, 1).expect("is a cell");
    assert_eq!((&first["p0"], &first["p1"], &first["p9"]), (&json!(1000), &json!(999), &json!(1)));
}

#[test]
fn conditions_may_stand_on_each_other() {
    let spec = spec(
        "program: p\nmethod: grid\nparameters:\n  a: {values: [x], when: {b: [2]}}\n  b: {values: [1, 2], when: {z: on}}\n  z: {values: ['on', 'off']}\n",
    );
    let trials: Vec<String> =
        all(&spec, 0).iter().map(|params| serde_json::to_string(params).expect("is JSON")).collect();
    assert_eq!(trials, [r#"{"b":1,"z":"on"}"#, r#"{"a":"x","b":2,"z":"on"}"#, r#"{"z":"off"}"#]);
}
