use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use serde_json::json;

use super::*;
use crate::stream::unit;

#[test]
fn quantiles_hit_both_ends() {
    let integer = Domain::Integer { min: 3, max: 5 };
    assert_eq!([integer.at(0.0), integer.at(0.5), integer.at(0.999)], [json!(3), json!(4), json!(5)]);
    let choice =
        Domain::Categorical { values: vec![json!("a"), json!("b")], weights: Some(vec![0.25, 0.75]) };
    assert_eq!([choice.at(0.0), choice.at(0.2499), choice.at(0.25)], [json!("a"), json!("a"), json!("b")]);
    let log = Domain::Real { scale: Scale::Log, min: 1e-4, max: 1e-2, step: None };
    assert!((log.at(0.5).as_f64().expect("is a number") - 1e-3).abs() < 1e-12);
}

#[test]
fn quantised_values_are_multiples_within_the_bounds() {
    let domain = Domain::Real {
        scale: Scale::Linear,
        min: 1.0,
        max: 11.0,
        step: Some(Step { size: 4.0, integer: true }),
    };
    for u in [0.0, 0.1, 0.5, 0.99] {
        let value = domain.at(u).as_i64().expect("is an integer");
        assert!(value == 4 || value == 8, "{value}");
    }
    let tenths = Domain::Real {
        scale: Scale::Linear,
        min: 0.0,
        max: 1.0,
        step: Some(Step { size: 0.1, integer: false }),
    };
    assert_eq!(tenths.at(0.3), json!(0.3));
}

#[test]
fn a_quantised_grid_excludes_its_maximum() {
    let domain = Domain::Real {
        scale: Scale::Linear,
        min: 0.0,
        max: 1.0,
        step: Some(Step { size: 0.25, integer: false }),
    };
    let cells: Vec<_> =
        (0..domain.grid_len().expect("is finite")).map(|cell| domain.grid_value(cell)).collect();
    assert_eq!(cells, [json!(0.0), json!(0.25), json!(0.5), json!(0.75)]);
}

proptest! {
    #[test]
    fn reals_stay_within_their_bounds(u in 0.0..1.0_f64, low in 1e-6..1.0_f64, width in 1e-6..1e3_f64, log in any::<bool>()) {
        let scale = if log { Scale::Log } else { Scale::Linear };
        let high = low + width;
        let value = Domain::Real { scale, min: low, max: high, step: None }.at(u).as_f64().expect("is a number");
        prop_assert!((low..=high).contains(&value), "{value} not in {low}..={high}");
    }

    #[test]
    fn integers_stay_within_their_bounds(u in 0.0..1.0_f64, a in any::<i64>(), b in any::<i64>()) {
        let (min, max) = (a.min(b), a.max(b));
        let value = Domain::Integer { min, max }.at(u).as_i64().expect("is an integer");
        prop_assert!((min..=max).contains(&value));
    }
}

/// Draws of a domain from a fixed stream.
fn draws(domain: &Domain, count: usize) -> Vec<f64> {
    let mut stream = ChaCha8Rng::seed_from_u64(20_261_124);
    (0..count).map(|_| domain.at(unit(&mut stream)).as_f64().expect("is a number")).collect()
}

const DRAWS: usize = 20_000;

/// Kolmogorov and Smirnov's test at 0.1 %: draws against a distribution function.
fn check_continuous(domain: &Domain, below: impl Fn(f64) -> f64) {
    let mut values = draws(domain, DRAWS);
    values.sort_by(f64::total_cmp);
    let distance = values.iter().enumerate().map(|(at, &value)| {
        let expected = below(value);
        let (before, after) = (at as f64 / DRAWS as f64, (at + 1) as f64 / DRAWS as f64);
        (expected - before).abs().max((after - expected).abs())
    });
    let distance = distance.fold(0.0, f64::max);
    assert!(distance < 1.95 / (DRAWS as f64).sqrt(), "{domain:?}: {distance}");
}

/// Pearson's chi-square at 0.1 % (Wilson and Hilferty's approximation): draws against probabilities. Values that are
/// expected fewer than five times are counted together.
fn check_discrete(domain: &Domain, expected: &[(f64, f64)]) {
    let values = draws(domain, DRAWS);
    let total: f64 = expected.iter().map(|(_, probability)| probability).sum();
    assert!((total - 1.0).abs() < 1e-9, "{domain:?}: the definition sums to {total}");
    let (mut statistic, mut cells, mut rare) = (0.0, 0.0, (0.0, 0.0));
    let mut counted = 0;
    for &(value, probability) in expected {
        let seen = values.iter().filter(|&&drawn| (drawn - value).abs() < 1e-9 * (1.0 + value.abs())).count();
        counted += seen;
        let wanted = probability * DRAWS as f64;
        if wanted < 5.0 {
            rare = (rare.0 + seen as f64, rare.1 + wanted);
        } else {
            statistic += (seen as f64 - wanted).powi(2) / wanted;
            cells += 1.0;
        }
    }
    if rare.1 > 0.0 {
        statistic += (rare.0 - rare.1).powi(2) / rare.1.max(1.0);
        cells += 1.0;
    }
    assert_eq!(counted, DRAWS, "{domain:?}: something else was drawn");
    let free: f64 = cells - 1.0;
    let bound = free * (1.0 - 2.0 / (9.0 * free) + 3.09 * (2.0 / (9.0 * free)).sqrt()).powi(3);
    assert!(statistic < bound, "{domain:?}: {statistic} of at most {bound}");
}

fn domain(definition: &str) -> Domain {
    let text = format!("program: p\nmethod: random\nparameters: {{x: {definition}}}\n");
    let parsed = crate::spec::parse(&text);
    parsed.spec.unwrap_or_else(|| panic!("{text}: {:?}", parsed.problems)).parameters.remove(0).domain
}

/// The normal distribution function by the trapezoid rule over its density: another way than the code's.
fn phi(z: f64) -> f64 {
    let density = |x: f64| (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let steps = 4000;
    let width = z / f64::from(steps);
    let inner: f64 = (1..steps).map(|at| density(f64::from(at) * width)).sum();
    0.5 + width * (inner + (density(0.0) + density(z)) / 2.0)
}

/// Beta(2, 3)'s distribution function, from its density 12 x (1 - x)².
fn beta_2_3(x: f64) -> f64 {
    6.0 * x.powi(2) - 8.0 * x.powi(3) + 3.0 * x.powi(4)
}

#[test]
fn continuous_distributions_are_what_they_are_called() {
    check_continuous(&domain("{min: -2.0, max: 3.0}"), |x| (x + 2.0) / 5.0);
    check_continuous(&domain("{distribution: uniform, min: 1, max: 3}"), |x| (x - 1.0) / 2.0);
    let log = |x: f64| (x.ln() - 1e-4_f64.ln()) / (1e-1_f64.ln() - 1e-4_f64.ln());
    check_continuous(&domain("{distribution: log_uniform_values, min: 1e-4, max: 1e-1}"), log);
    check_continuous(&domain("{distribution: inv_log_uniform_values, min: 1e-4, max: 1e-1}"), log);
    check_continuous(&domain("{distribution: log_uniform, min: -9, max: -2}"), |x| (x.ln() + 9.0) / 7.0);
    check_continuous(&domain("{distribution: inv_log_uniform, min: -9, max: -2}"), |x| (x.ln() - 2.0) / 7.0);
    check_continuous(&domain("{distribution: normal}"), phi);
    check_continuous(&domain("{distribution: normal, mu: 5, sigma: 0.5}"), |x| phi((x - 5.0) / 0.5));
    check_continuous(&domain("{distribution: log_normal, mu: -1, sigma: 2}"), |x| phi((x.ln() + 1.0) / 2.0));
    check_continuous(&domain("{distribution: beta}"), |x| x);
    check_continuous(&domain("{distribution: beta, a: 2, b: 3}"), beta_2_3);
}

/// Probabilities of the multiples of `q` from `low` to `high`, by the share below each edge.
fn rounded(q: f64, low: i32, high: i32, below: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
    let edge = |k: i32| match k {
        k if k <= low => 0.0,
        k if k > high => 1.0,
        k => below((f64::from(k) - 0.5) * q),
    };
    (low..=high).map(|k| (f64::from(k) * q, edge(k + 1) - edge(k))).collect()
}

#[test]
fn discrete_distributions_are_what_they_are_called() {
    let even = |from: i32, to: i32| -> Vec<(f64, f64)> {
        (from..=to).map(|k| (f64::from(k), 1.0 / f64::from(to - from + 1))).collect()
    };
    check_discrete(&domain("{min: -3, max: 6}"), &even(-3, 6));
    check_discrete(&domain("{values: [1, 2, 3]}"), &even(1, 3));
    check_discrete(
        &domain("{values: [1, 2, 3], probabilities: [0.1, 0.6, 0.3]}"),
        &[(1.0, 0.1), (2.0, 0.6), (3.0, 0.3)],
    );
    check_discrete(
        &domain("{distribution: q_uniform, min: 0.0, max: 1.0, q: 0.25}"),
        &rounded(0.25, 0, 4, |x| x),
    );
    // 0 and 12, which W&B draws as well, lie outside the bounds.
    check_discrete(
        &domain("{distribution: q_uniform, min: 1, max: 11, q: 4}"),
        &rounded(4.0, 1, 2, |x| (x - 1.0) / 10.0),
    );
    let log = |x: f64| x.ln() / 20.0_f64.ln();
    check_discrete(
        &domain("{distribution: q_log_uniform_values, min: 1, max: 20}"),
        &rounded(1.0, 1, 20, log),
    );
    check_discrete(
        &domain("{distribution: q_log_uniform, min: 0, max: 3}"),
        &rounded(1.0, 1, 20, |x| x.ln() / 3.0),
    );
    check_discrete(
        &domain("{distribution: q_normal, mu: 1, sigma: 2}"),
        &rounded(1.0, -12, 14, |x| phi((x - 1.0) / 2.0)),
    );
    let log_normal = |x: f64| if x <= 0.0 { 0.0 } else { phi(x.ln()) };
    check_discrete(&domain("{distribution: q_log_normal, q: 1}"), &rounded(1.0, 0, 200, log_normal));
    check_discrete(&domain("{distribution: q_beta, a: 2, b: 3, q: 0.2}"), &rounded(0.2, 0, 5, beta_2_3));
}

#[test]
fn the_support_is_what_is_drawn() {
    for definition in [
        "{value: 3}",
        "{min: -3, max: 6}",
        "{values: [1, 2, 3], probabilities: [0.1, 0.9, 0.0]}",
        "{distribution: q_uniform, min: 1, max: 11, q: 4}",
        "{distribution: q_log_uniform_values, min: 1, max: 20}",
        "{distribution: q_beta, a: 2, b: 3, q: 0.2}",
    ] {
        let domain = domain(definition);
        let support = domain.support(100).unwrap_or_else(|| panic!("{definition} is finite"));
        let numbers: Vec<_> =
            support.iter().map(|(value, share)| (value.as_f64().expect("is a number"), *share)).collect();
        if numbers.len() > 1 {
            check_discrete(&domain, &numbers);
        }
        assert!(domain.support(support.len() - 1).is_none(), "{definition} has more");
    }
    assert_eq!(domain("{min: 0.0, max: 1.0}").support(100), None);
    assert_eq!(domain("{distribution: q_normal}").support(100), None);
}

/// Values of many steps have few digits left for a part of one.
#[test]
fn every_value_that_is_drawn_is_found_again() {
    for (size, max) in [(0.1, 1e9), (1e-4, 1e6), (0.333_333_3, 1e7), (0.333_333_3, 1e9), (3.0, 300.0)] {
        let step = Some(Step { size, integer: false });
        for scale in [Scale::Linear, Scale::Log] {
            let domain = Domain::Real { scale, min: 1.0, max, step };
            for at in 0..1_000 {
                let u = f64::from(at) / 1_000.0;
                let value = domain.at(u);
                let found = domain.quantiles(&value);
                let (from, to) = found.unwrap_or_else(|misfit| panic!("{size} to {max}: {value}: {misfit}"));
                assert!(
                    from - 1e-9 <= u && u <= to + 1e-9,
                    "{size} to {max}: {u} gives {value}, of {from} to {to}"
                );
            }
        }
    }
}

#[test]
fn the_ends_of_a_normal_are_finite() {
    let normal = Domain::Normal { scale: Scale::Log, mu: 0.0, sigma: 300.0, step: None };
    for u in [0.0, 0.5, 1.0 - f64::EPSILON / 2.0] {
        assert!(normal.at(u).as_f64().is_some_and(f64::is_finite), "{u}");
    }
}

#[test]
fn every_shape_of_a_beta_distribution_has_quantiles() {
    let shapes = [*SHAPES.start(), 0.01, 0.1, 0.5, 1.0, 3.0, 10.0, 100.0, 1e3, *SHAPES.end()];
    for (a, b) in shapes.into_iter().flat_map(|a| shapes.map(|b| (a, b))) {
        let domain = Domain::Beta { a, b, step: None };
        let mut before = 0.0;
        for at in 0..=100 {
            let u = (f64::from(at) / 100.0).min(1.0 - SMALLEST);
            let value = domain.at(u).as_f64().expect("is a number");
            assert!((0.0..=1.0).contains(&value), "Beta({a}, {b}) at {u}: {value}");
            assert!(value >= before - 1e-3, "Beta({a}, {b}) at {u}: {value} after {before}");
            before = value;
        }
        assert!(domain.at(SMALLEST).is_number());
    }
}
