use proptest::prelude::*;

use super::super::axes::{Axes, Axis, Kind};
use super::super::kernel::Hyper;
use super::super::model::Model;
use super::super::output::Warp;
use super::*;

fn axes() -> Axes {
    Axes::new(vec![
        Kind::Continuous.into(),
        Axis { kind: Kind::Continuous, conditional: true },
        Kind::even(40).into(),
        Kind::Categorical { classes: 3 }.into(),
    ])
    .unwrap()
}

/// A model of made-up rows, and rows besides.
fn model(numbers: &[f64], rows: usize, rest: usize) -> (Model, Vec<Vec<f64>>) {
    let row = |at: usize| {
        let own = &numbers[5 * at..5 * at + 5];
        vec![own[0], if own[4] < 0.2 { f64::NAN } else { own[1] }, own[2], own[3]]
    };
    let known: Vec<Vec<f64>> = (0..rows).map(row).collect();
    let values: Vec<f64> = (0..rows).map(|at| numbers[5 * at + 4]).collect();
    let hyper = Hyper { weights: vec![6.0, 2.0, 1.0, 0.5], signal: 1.5, noise: 0.01 };
    let model = Model::of(&axes(), &known, &values, Warp::Identity, hyper).unwrap();
    (model, (rows..rows + rest).map(row).collect())
}

fn agrees(score: &dyn Score, row: &[f64]) -> Result<(), TestCaseError> {
    let mut slope = vec![0.0; row.len()];
    let value = score.slope(row, &mut slope);
    prop_assert!((value - score.at(row)).abs() < 1e-9);
    // The class has no slope, nor has what is absent.
    prop_assert_eq!(slope[3], 0.0);
    for at in (0..3).filter(|&at| !row[at].is_nan()) {
        let beside = |step: f64| {
            let mut moved = row.to_vec();
            moved[at] += step;
            score.at(&moved)
        };
        let step = 1e-6;
        let difference = (beside(step) - beside(-step)) / (2.0 * step);
        prop_assert!(
            (slope[at] - difference).abs() < 2e-4 * (1.0 + difference.abs()),
            "{at}: {} {difference}",
            slope[at]
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn slopes_agree_with_finite_differences(
        numbers in prop::collection::vec(0.0..1.0_f64, 5 * 14),
        pending in 0_usize..4,
    ) {
        let (model, rest) = model(&numbers, 9, 5);
        let score = Improvement(Posterior::new(&model, &rest[1..=pending]));
        agrees(&score, &rest[0])?;
    }

    #[test]
    fn slopes_of_the_front_agree_too(numbers in prop::collection::vec(0.0..1.0_f64, 5 * 24)) {
        let (first, rest) = model(&numbers, 9, 3);
        let (second, _) = model(&numbers[60..], 9, 0);
        let points: Vec<[f64; 2]> = first.smoothed().zip(second.smoothed()).map(|(a, b)| [a, b]).collect();
        let posteriors = [&first, &second].map(|model| Posterior::new(model, &rest[1..]));
        let score = FrontImprovement::new(posteriors, &points, [1.5, 1.5]);
        agrees(&score, &rest[0])?;
    }
}

/// By numerical integration (mpmath, 20 digits) of the growth over two independent normals.
#[test]
fn the_growth_of_a_front_agrees_with_integration() {
    let points = [[-1.0, 1.0], [0.0, 0.0], [0.5, -0.5], [0.7, 0.9], [3.0, -4.0]];
    let strips = strips(&points, [2.0, 2.0]);
    assert_eq!(strips.len(), 4);
    let (log, _) = growth(&strips, [(0.3, 0.7), (-0.2, 0.5)]);
    assert!((log.exp() - 0.379_255_663_375_497_9).abs() < 1e-12, "{}", log.exp());
    // Far from any growth the logarithm still tells better from worse.
    let far = growth(&strips, [(9.0, 0.1), (9.0, 0.1)]).0;
    let farther = growth(&strips, [(9.5, 0.1), (9.0, 0.1)]).0;
    assert!(far.is_finite() && farther < far && far < -1000.0, "{far} {farther}");
}

#[test]
fn pending_rows_repel() {
    let axes = Axes::new(vec![Kind::Continuous.into()]).unwrap();
    let rows = [vec![0.1], vec![0.9]];
    let hyper = Hyper { weights: vec![20.0], signal: 1.0, noise: 1e-4 };
    let model = Model::of(&axes, &rows, &[1.0, 0.0], Warp::Identity, hyper).unwrap();
    let pending = [vec![0.6]];
    let before = Improvement(Posterior::new(&model, &[]));
    let after = Improvement(Posterior::new(&model, &pending));
    let loss = |x: f64| before.at(&[x]) - after.at(&[x]);
    assert!(loss(0.6) > 3.0, "at the pending row little is left: {}", loss(0.6));
    assert!(loss(0.6) > loss(0.62) && loss(0.62) > loss(0.75), "{} {}", loss(0.62), loss(0.75));
}
