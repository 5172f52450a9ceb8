//! W&B's rule, against its own library and against tables worked by hand.

use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn rule(bands: Bands, eta: f64) -> Hyperband {
    Hyperband { bands, eta, strict: true }
}

fn from(min_iter: u64, eta: f64, goal: Goal) -> Judge {
    Judge::new(Rule::Hyperband(rule(Bands::From { min_iter }, eta)), goal)
}

#[test]
fn bands_are_those_of_wandb() {
    for (max_iter, s, eta, bands) in [
        (27, 2, 3.0, vec![3.0, 9.0]),
        (10, 3, 2.0, vec![1.0, 2.0, 5.0]),
        (5, 2, 2.0, vec![1.0, 2.0]),
        (81, 9, 3.0, vec![1.0, 3.0, 9.0, 27.0]),
    ] {
        assert_eq!(rule(Bands::Before { max_iter, s }, eta).bands(), bands);
    }
    assert_eq!(rule(Bands::From { min_iter: 3 }, 3.0).bands()[..4], [3.0, 9.0, 27.0, 81.0]);
    assert_eq!(rule(Bands::From { min_iter: 30 }, 1.5).bands()[..5], [30.0, 45.0, 67.0, 101.0, 151.0]);
    // A hundred products, of which some are one number when cut.
    assert_eq!(rule(Bands::From { min_iter: 1 }, 3.0).bands().len(), 100);
    assert_eq!(rule(Bands::From { min_iter: 1 }, 1.2).bands()[..6], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
}

#[test]
fn of_nine_trials_four_go_on() {
    let judge = from(1, 3.0, Goal::Minimize);
    let mut rungs = Rungs::default();
    for trial in 1..=9 {
        rungs.report(&judge, trial, &[at(1.0, trial as f64 / 10.0)]);
    }
    // Place 3 of the nine, from 0: 0.4 is the threshold, and a tie with it.
    let said: Vec<_> = (1..=9).map(|trial| word(&rungs.verdict(&judge, trial))).collect();
    assert_eq!(said, [["go"; 4].as_slice(), ["stop"; 5].as_slice()].concat());
    assert_eq!(reason(&rungs.verdict(&judge, 5)), "hyperband: 0.5 at value 1 is worse than 0.4, rank 5 of 9");
}

#[test]
fn the_first_goes_on_and_of_two_the_worse_is_stopped_until_a_third_comes() {
    let judge = from(1, 3.0, Goal::Maximize);
    let mut rungs = Rungs::default();
    assert_eq!(word(&rungs.report(&judge, 1, &[at(1.0, 0.5)])), "go");
    assert_eq!(word(&rungs.report(&judge, 2, &[at(1.0, 0.6)])), "go");
    assert_eq!(word(&rungs.verdict(&judge, 1)), "stop");
    // A late and worse one moves the threshold down, as there.
    rungs.report(&judge, 3, &[at(1.0, 0.1)]);
    assert_eq!(word(&rungs.verdict(&judge, 1)), "go");
}

#[test]
fn only_finite_values_count_as_iterations() {
    let judge = from(2, 3.0, Goal::Minimize);
    let mut rungs = Rungs::default();
    rungs.report(&judge, 1, &curve(&[0.9, 0.1]));
    rungs.report(&judge, 2, &curve(&[f64::NAN, 0.5, f64::INFINITY, f64::NEG_INFINITY]));
    assert_eq!(word(&rungs.verdict(&judge, 2)), "go", "one value, and no band");
    let verdict = rungs.report(&judge, 2, &[at(5.0, 0.2)]);
    assert_eq!(reason(&verdict), "hyperband: 0.2 at value 2 is worse than 0.1, rank 2 of 2");
}

#[test]
fn without_strict_the_best_value_so_far_counts() {
    for (strict, said) in [(true, "stop"), (false, "go")] {
        let rule = Hyperband { strict, ..rule(Bands::From { min_iter: 2 }, 3.0) };
        let judge = Judge::new(Rule::Hyperband(rule), Goal::Minimize);
        let mut rungs = Rungs::default();
        rungs.report(&judge, 1, &curve(&[0.5, 0.3]));
        // Better than 0.3 only at its third value, beyond the band.
        rungs.report(&judge, 2, &curve(&[0.5, 0.4, 0.2]));
        assert_eq!(word(&rungs.verdict(&judge, 2)), said);
    }
}

#[test]
fn what_a_new_attempt_hides_is_forgotten() {
    let judge = from(2, 3.0, Goal::Minimize);
    let mut rungs = Rungs::default();
    rungs.report(&judge, 1, &curve(&[0.5, 0.1, 0.1, 0.1]));
    assert_eq!(word(&rungs.report(&judge, 2, &curve(&[0.5, 0.2]))), "stop");
    // Trial 1 lost its second value and all after it.
    rungs.resume(&judge, 1, &curve(&[0.5]));
    assert_eq!(word(&rungs.verdict(&judge, 2)), "go");
    rungs.report(&judge, 1, &[at(2.0, 0.3)]);
    assert_eq!(word(&rungs.verdict(&judge, 1)), "stop");
    assert_eq!(word(&rungs.verdict(&judge, 2)), "go");
}

/// A case that W&B's library `sweeps` 0.3.0 (`hyperband_stop_runs`) was asked.
struct Case {
    judge: Judge,
    /// Whether it is running, and its values.
    runs: Vec<(bool, Vec<f64>)>,
    stopped: Vec<usize>,
}

fn cases() -> Vec<Case> {
    let cases: Vec<Value> = serde_json::from_str(include_str!("wandb.json")).expect("is JSON");
    cases.iter().map(case).collect()
}

fn case(case: &Value) -> Case {
    let whole = |key: &str| case["rule"][key].as_u64();
    let bands = match (whole("max_iter"), whole("s")) {
        (Some(max_iter), Some(s)) => Bands::Before { max_iter, s },
        _ => Bands::From { min_iter: whole("min_iter").expect("one of both") },
    };
    let rule = Hyperband {
        bands,
        eta: case["rule"]["eta"].as_f64().unwrap_or(3.0),
        strict: case["rule"]["strict"].as_bool().unwrap_or(true),
    };
    let goal = if case["goal"] == "maximize" { Goal::Maximize } else { Goal::Minimize };
    let number = |value: &Value| match value.as_str() {
        None => value.as_f64().expect("is a number"),
        Some("NaN") => f64::NAN,
        Some("Infinity") => f64::INFINITY,
        Some(_) => f64::NEG_INFINITY,
    };
    let run = |run: &Value| {
        let values = run["values"].as_array().expect("is a list").iter().map(number);
        (run["running"] == true, values.collect())
    };
    Case {
        judge: Judge::new(Rule::Hyperband(rule), goal),
        runs: case["runs"].as_array().expect("is a list").iter().map(run).collect(),
        stopped: serde_json::from_value(case["stopped"].clone()).expect("are numbers"),
    }
}

#[test]
fn verdicts_are_those_of_wandbs_library() {
    let cases = cases();
    assert!(cases.len() >= 45 && cases.iter().map(|case| case.stopped.len()).sum::<usize>() > 20);
    for (number, case) in cases.iter().enumerate() {
        let mut rungs = Rungs::default();
        for (trial, (_, values)) in case.runs.iter().enumerate() {
            rungs.report(&case.judge, trial as u64, &curve(values));
        }
        let stopped = case.runs.iter().enumerate().filter(|(trial, (running, _))| {
            *running && rungs.verdict(&case.judge, *trial as u64) != Verdict::Continue
        });
        let stopped: Vec<usize> = stopped.map(|(trial, _)| trial).collect();
        assert_eq!(stopped, case.stopped, "case {number}");
    }
}

proptest! {
    /// The verdicts are a function of the curves, in whatever order their points came.
    #[test]
    fn the_order_of_reports_does_not_matter(at_case in any::<prop::sample::Index>(), seed in any::<u64>()) {
        let cases = cases();
        let case = &cases[at_case.index(cases.len())];
        let curves: Vec<Vec<Point>> = case.runs.iter().map(|(_, values)| curve(values)).collect();
        let mut left: Vec<std::slice::Iter<'_, Point>> = curves.iter().map(|curve| curve.iter()).collect();
        let mut rungs = Rungs::default();
        let mut dice = seed;
        while left.iter().any(|curve| curve.len() > 0) {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let trial = (dice >> 33) as usize % left.len();
            if let Some(point) = left[trial].next() {
                rungs.report(&case.judge, trial as u64, std::slice::from_ref(point));
            }
        }
        let stopped = (0..case.runs.len()).filter(|trial| {
            case.runs[*trial].0 && rungs.verdict(&case.judge, *trial as u64) != Verdict::Continue
        });
        prop_assert_eq!(stopped.collect::<Vec<_>>(), case.stopped.clone());
    }
}
