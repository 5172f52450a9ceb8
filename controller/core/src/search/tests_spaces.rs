//! Any domains and spaces, for property tests.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::space::{Domain, Scale, Step};
use crate::spec::SweepSpec;

fn steps() -> impl Strategy<Value = Option<Step>> {
    prop::option::of((0.01..2.0_f64, any::<bool>()).prop_map(|(size, integer)| {
        // As files have them: a whole step makes whole numbers.
        let size = if integer { size.ceil() } else { (size * 100.0).round() / 100.0 };
        Step { size: size.max(0.01), integer }
    }))
}

/// A domain of any kind.
pub(crate) fn domains() -> impl Strategy<Value = Domain> {
    let scales = prop_oneof![Just(Scale::Linear), Just(Scale::Log)];
    prop_oneof![
        Just(Domain::Constant(json!("only"))),
        prop::collection::hash_set(-50..50_i32, 1..12).prop_map(|numbers| Domain::Categorical {
            values: numbers.into_iter().map(Value::from).collect(),
            weights: None,
        }),
        prop::collection::vec(0.01..1.0_f64, 1..6).prop_map(|raw| {
            let sum: f64 = raw.iter().sum();
            let values = (0..raw.len()).map(|at| json!(format!("v{at}"))).collect();
            Domain::Categorical { values, weights: Some(raw.iter().map(|weight| weight / sum).collect()) }
        }),
        (-1_000..1_000_i64, 1..5_000_i64).prop_map(|(min, width)| Domain::Integer { min, max: min + width }),
        (scales.clone(), 0.001..10.0_f64, 0.5..100.0_f64, steps())
            .prop_map(|(scale, min, width, step)| Domain::Real { scale, min, max: min + width, step }),
        (scales, -3.0..3.0_f64, 0.1..2.0_f64, steps()).prop_map(|(scale, mu, sigma, step)| Domain::Normal {
            scale,
            mu,
            sigma,
            step
        }),
        (0.5..5.0_f64, 0.5..5.0_f64, steps()).prop_map(|(a, b, step)| Domain::Beta { a, b, step }),
    ]
}

/// A sweep file of a method with a space of every kind of parameter, some under a condition, maybe constrained.
pub(crate) fn files(method: &'static str) -> impl Strategy<Value = SweepSpec> {
    files_after(method, "metric: {name: loss}")
}

/// The same, after other things.
pub(crate) fn files_after(method: &'static str, objective: &'static str) -> impl Strategy<Value = SweepSpec> {
    let definitions = [
        "{min: 0.0, max: 1.0}",
        "{distribution: log_uniform_values, min: 1e-5, max: 1.0}",
        "{min: 1, max: 8}",
        "{min: 0, max: 100000}",
        "{distribution: q_log_uniform_values, min: 16, max: 1024, q: 1}",
        "{distribution: q_uniform, min: 0.0, max: 1.0, q: 0.25}",
        "{values: [64, 16, 32]}",
        "{values: [sgd, adam, null, true]}",
        "{values: [a, b, c], probabilities: [0.7, 0.3, 0.0]}",
        "{distribution: normal, mu: 3, sigma: 0.5}",
        "{distribution: q_log_normal, q: 0.5}",
        "{distribution: beta, a: 2, b: 5}",
        "{value: fixed}",
    ];
    let one = (prop::sample::select(definitions.to_vec()), 0..4_u8);
    (prop::collection::vec(one, 1..7), any::<bool>()).prop_map(move |(parameters, constrained)| {
        let mut text = format!("program: p\nmethod: {method}\n{objective}\nparameters:\n");
        text.push_str("  branch: {values: [left, right]}\n");
        for (at, (definition, when)) in parameters.iter().enumerate() {
            let condition = match when {
                0 => ", when: {branch: left}}",
                1 => ", when: {branch: [right]}}",
                _ => "}",
            };
            text.push_str(&format!("  p{at}: {}{condition}\n", definition.trim_end_matches('}')));
        }
        if constrained {
            text.push_str(
                "  low: {min: 0.0, max: 1.0}\n  high: {min: 0.0, max: 1.0, when: {branch: right}}\n",
            );
            text.push_str("constraints: [low + 0.1 < high, low < 0.8]\n");
        }
        let parsed = crate::spec::parse(&text);
        parsed.spec.unwrap_or_else(|| panic!("{text}: {:?}", parsed.problems))
    })
}
