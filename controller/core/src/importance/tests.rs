use proptest::prelude::*;
use serde::Deserialize;

use super::*;

/// Trials, and what Optuna's `PedAnovaImportanceEvaluator(target_quantile=target).evaluate` said of them (5.0.0).
#[derive(Deserialize)]
struct Case {
    goal: String,
    target: f64,
    /// `x` and `y` in [0, 1], `k` from 1 to 8, `c` of three values, `z` in [0, 1] if it is there, and the objective.
    rows: Vec<(f64, f64, u32, u32, Option<f64>, f64)>,
    importance: Vec<f64>,
}

const AXES: [Axis; 5] = [Axis::Real, Axis::Real, Axis::Ordered(8), Axis::Choice(3), Axis::Real];

fn cases() -> Vec<(Goal, f64, Vec<Sample>, Vec<f64>)> {
    let cases: Vec<Case> = serde_json::from_str(include_str!("optuna.json")).expect("is JSON");
    let of = |case: Case| {
        let goal = if case.goal == "maximize" { Goal::Maximize } else { Goal::Minimize };
        let sample = |(x, y, k, c, z, objective): (f64, f64, u32, u32, Option<f64>, f64)| Sample {
            places: vec![
                Some(x),
                Some(y),
                Some((f64::from(k) - 0.5) / 8.0),
                Some((f64::from(c) + 0.5) / 3.0),
                z,
            ],
            objective,
        };
        (goal, case.target, case.rows.into_iter().map(sample).collect(), case.importance)
    };
    cases.into_iter().map(of).collect()
}

#[test]
fn numbers_are_those_of_optuna() {
    let cases = cases();
    assert_eq!(cases.len(), 4);
    for (number, (goal, target, samples, expected)) in cases.iter().enumerate() {
        let samples: Vec<&Sample> = samples.iter().collect();
        let found = divergences(&AXES, &samples, *goal, *target);
        for (axis, (found, expected)) in found.iter().zip(expected).enumerate() {
            let off = (found - expected).abs() / expected;
            assert!(off < 1e-9, "case {number}, axis {axis}: {found} is not {expected}");
        }
    }
}

/// Trials on a lattice of two axes, of which only the first matters.
fn lattice(objective: impl Fn(f64, f64) -> f64) -> Vec<Sample> {
    let place = |at: u32| (f64::from(at) + 0.5) / 10.0;
    let all = (0..10).flat_map(|x| (0..10).map(move |y| (x, y)));
    all.map(|(x, y)| Sample {
        places: vec![Some(place(x)), Some(place(y)), Some(0.5)],
        objective: objective(place(x), place(y)),
    })
    .collect()
}

#[test]
fn what_decides_has_all_the_importance() {
    let axes = [Axis::Real, Axis::Ordered(10), Axis::Ordered(1)];
    let shares = importance(&axes, &lattice(|x, _| (x - 0.3).abs()), Goal::Minimize).expect("is known");
    assert!(shares[0] > 0.99 && shares[1] < 0.01 && shares[2] == 0.0, "{shares:?}");
    assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    let shares = importance(&axes, &lattice(|_, y| y), Goal::Maximize).expect("is known");
    assert!(shares[1] > 0.99, "{shares:?}");
}

#[test]
fn too_few_trials_and_equal_ones_say_nothing() {
    let mut samples = lattice(|x, y| x + y);
    for sample in &mut samples[19..] {
        sample.objective = f64::NAN;
    }
    let axes = [Axis::Real; 3];
    let error = importance(&axes, &samples, Goal::Minimize).expect_err("too few");
    assert_eq!(error.to_string(), "importance needs 20 trials with a finite objective, there are 19");
    samples[19].objective = 0.5;
    assert!(importance(&axes, &samples, Goal::Minimize).is_ok());
    assert_eq!(importance(&axes, &lattice(|_, _| 1.0), Goal::Minimize), Err(Unknown::AllAlike));
    assert_eq!(importance(&axes, &[], Goal::Minimize), Err(Unknown::TooFew(0)));
}

proptest! {
    /// Shares are shares, and nothing depends on the order of trials.
    #[test]
    fn shares_are_shares_in_any_order(
        (samples, others) in prop::collection::vec(
            (prop::collection::vec(prop::option::weighted(0.9, 0.0..=1.0_f64), 4), -9.0..9.0_f64),
            20..80,
        ).prop_flat_map(|rows| {
            let samples: Vec<Sample> =
                rows.into_iter().map(|(places, objective)| Sample { places, objective }).collect();
            (Just(samples.clone()), Just(samples).prop_shuffle())
        }),
        goal in prop::sample::select(vec![Goal::Minimize, Goal::Maximize]),
    ) {
        let axes = [Axis::Real, Axis::Ordered(200), Axis::Ordered(5), Axis::Choice(4)];
        let shares = importance(&axes, &samples, goal).expect("are enough");
        prop_assert!(shares.iter().all(|share| (0.0..=1.0).contains(share)), "{shares:?}");
        prop_assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        let again = importance(&axes, &others, goal).expect("are enough");
        prop_assert!(shares.iter().zip(&again).all(|(a, b)| (a - b).abs() < 1e-9));
    }
}
