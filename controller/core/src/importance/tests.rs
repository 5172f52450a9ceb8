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

/// Trials of a sweep whose objective is decided by `lr` alone, most of them.
fn recorded(count: u64) -> (SweepSpec, Vec<Recorded>) {
    let text = "program: p\nmethod: random\nmetric: {name: loss}\nparameters:\n  lr: {distribution: log_uniform_values, min: 1e-5, max: 1.0}\n  \
        depth: {min: 1, max: 6}\n  q: {distribution: q_uniform, min: 0.0, max: 1.0, q: 0.25}\n  opt: {values: [sgd, 1, true]}\n  \
        wide: {min: 1, max: 1000}\n  momentum: {min: 0.0, max: 1.0, when: {opt: sgd}}\n  fixed: {value: 3}\n";
    let spec = crate::spec::parse(text).spec.expect("is valid");
    let trial = |number: u64| {
        let params = crate::search::propose(&spec, 5, number).expect("is proposed");
        let objective = params["lr"].as_f64().map(|lr| (lr.log10() + 3.0).abs());
        Recorded {
            number,
            params,
            state: TrialState::Finished,
            objective,
            latest: objective,
            objectives: None,
        }
    };
    let trials = (1..=count).map(trial).collect();
    (spec, trials)
}

#[test]
fn what_decides_a_sweep_comes_first() {
    let (spec, trials) = recorded(80);
    let found = of_sweep(&spec, Goal::Minimize, &trials).expect("is known");
    assert_eq!((found.trials, found.best, found.parameters.len()), (80, 8, 6));
    assert_eq!(found.parameters[0].0, "lr");
    assert!(found.parameters[0].1 > 0.6, "{found:?}");
    assert!((found.parameters.iter().map(|(_, share)| share).sum::<f64>() - 1.0).abs() < 1e-9);
    assert!(found.parameters.iter().all(|(name, _)| name != "fixed"));
}

#[test]
fn only_trials_that_say_something_count() {
    let (spec, mut trials) = recorded(24);
    trials[3].state = TrialState::StoppedEarly;
    (trials[4].state, trials[5].state, trials[6].objective) = (TrialState::Failed, TrialState::Running, None);
    assert_eq!(of_sweep(&spec, Goal::Minimize, &trials).map(|found| (found.trials, found.best)), Ok((21, 5)));
    trials[7].objective = Some(f64::NAN);
    trials[8].objective = None;
    assert_eq!(of_sweep(&spec, Goal::Minimize, &trials), Err(Unknown::TooFew(19)));
    // Of equal objectives all are as good as the last of the best.
    let (spec, mut trials) = recorded(30);
    trials.iter_mut().for_each(|trial| trial.objective = Some(if trial.number <= 12 { 1.0 } else { 2.0 }));
    assert_eq!(of_sweep(&spec, Goal::Minimize, &trials).map(|found| found.best), Ok(12));
    trials.iter_mut().for_each(|trial| trial.objective = Some(1.0));
    assert_eq!(of_sweep(&spec, Goal::Minimize, &trials), Err(Unknown::AllAlike));
}
