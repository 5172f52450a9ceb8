use proptest::prelude::*;

use super::super::axes::{Axis, Kind};
use super::*;

fn mixed() -> Axes {
    Axes::new(vec![Kind::Continuous.into(), Kind::even(4).into(), Kind::Categorical { classes: 3 }.into()])
        .unwrap()
}

fn line() -> Axes {
    Axes::new(vec![Kind::Continuous.into()]).unwrap()
}

fn seven() -> (Vec<Vec<f64>>, [f64; 7]) {
    let class = |j: u8| (f64::from(j) + 0.5) / 3.0;
    let rows = vec![
        vec![0.1, 0.125, class(0)],
        vec![0.35, 0.625, class(1)],
        vec![0.5, 0.875, class(2)],
        vec![0.62, 0.375, class(0)],
        vec![0.9, 0.625, class(1)],
        vec![0.77, 0.125, class(2)],
        vec![0.05, 0.875, class(1)],
    ];
    (rows, [3.0, 1.5, -0.5, 2.25, 4.0, 0.0, 7.5])
}

fn hyper() -> Hyper {
    Hyper { weights: vec![4.0, 1.5, 0.8], signal: 1.7, noise: 0.01 }
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-10 * (1.0 + b.abs())
}

/// scikit-learn 1.9.1: Constant × Matern(nu=2.5) + White on standardised values, classes as corners of a simplex.
#[test]
fn predictions_are_those_of_scikit_learn() {
    let (rows, values) = seven();
    let model = Model::of(&mixed(), &rows, &values, Warp::Identity, hyper()).unwrap();
    let table = [
        ([0.3, 0.375, 0.5 / 3.0], 2.400_025_183_082_634, 1.229_626_746_270_156),
        ([0.5, 0.875, 2.5 / 3.0], -0.475_332_596_090_636_7, 0.248_930_647_495_304_4),
        ([0.99, 0.125, 0.5], 3.432_516_081_076_687_7, 2.018_119_811_373_925),
    ];
    for (row, mean, spread) in table {
        let found = model.predict(&row).unwrap();
        assert!(near(found.mean, mean) && near(found.spread, spread), "{row:?}: {found:?}");
    }
}

#[test]
fn the_evidence_is_that_of_scikit_learn() {
    let (rows, values) = seven();
    let output = Output::of(Warp::Identity, &values);
    let targets = values.iter().map(|y| output.forth(*y)).collect();
    let evidence = Evidence::new(&columns(&mixed(), &rows), 3, targets);
    let logs = hyper().logs();
    let prior = kernel::log_prior(&logs, &mut [0.0; 5]);
    let unlikely = evidence.at(&logs, &mut [0.0; 5]) + prior;
    assert!(near(unlikely, 11.881_071_365_551_662), "{unlikely}");
}

/// Two rows r apart with values −1 and 1: K = [[s + v, k], [k, s + v]], so the mean at the first is −(s − k)/(s + v − k).
#[test]
fn two_points_worked_by_hand() {
    let rows = [vec![0.25], vec![0.75]];
    let hyper = Hyper { weights: vec![4.0], signal: 2.0, noise: 0.5 };
    let model = Model::of(&line(), &rows, &[-1.0, 1.0], Warp::Identity, hyper).unwrap();
    // Weighted distance 1: (1 + √5 + 5/3) e^−√5 = 0.5239941088…
    let k = 2.0 * 0.523_994_108_831_820_3;
    let mean = -(2.0 - k) / (2.5 - k);
    let determinant = 2.5 * 2.5 - k * k;
    let variance = 2.0 - (2.5 * (4.0 + k * k) - 2.0 * 2.0 * k * k) / determinant;
    let found = model.predict(&[0.25]).unwrap();
    assert!(near(found.mean, mean) && near(found.spread, variance.sqrt()), "{found:?}");
    let middle = model.predict(&[0.5]).unwrap();
    assert!(middle.mean.abs() < 1e-12, "{middle:?}");
}

#[test]
fn leaving_one_out_is_what_the_formula_says() {
    let (rows, values) = seven();
    let model = Model::of(&mixed(), &rows, &values, Warp::Identity, hyper()).unwrap();
    let (mut density, mut means) = (0.0, Vec::new());
    for at in 0..rows.len() {
        let mut others = rows.clone();
        let left_out = others.remove(at);
        let mut targets = model.targets.clone();
        let target = targets.remove(at);
        // Standardised already, and not anew without the one: through the constructor below the public one.
        let same = Output::of(Warp::Identity, &[0.0]);
        let model = Model::new(&mixed(), others, &targets, same, hyper()).unwrap();
        let look = super::super::posterior::Posterior::new(&model, &[]).look(&left_out);
        density += kernel::log_density(target, look.mean, look.deviation.powi(2) + 0.01);
        density -= kernel::log_density(target, 0.0, 1.0);
        means.push(look.mean);
    }
    let found = model.diagnosis();
    assert!(near(found.gain, density / 7.0), "{found:?} {density}");
    assert!(near(found.rank_correlation, rank_correlation(&means, &model.targets)));
}

#[test]
fn ranks_correlate_with_ties() {
    assert!(near(rank_correlation(&[1.0, 2.0, 3.0], &[10.0, 20.0, 1e9]), 1.0));
    assert!(near(rank_correlation(&[1.0, 2.0, 3.0], &[3.0, 2.0, 1.0]), -1.0));
    // scipy.stats.spearmanr([1, 2, 2, 4, 5], [2, 1, 4, 3, 5])
    assert!(near(
        rank_correlation(&[1.0, 2.0, 2.0, 4.0, 5.0], &[2.0, 1.0, 4.0, 3.0, 5.0]),
        0.666_885_928_855_350_3
    ));
    assert_eq!(rank_correlation(&[1.0, 1.0], &[1.0, 2.0]), 0.0);
}

#[test]
fn a_diagnosis_tells_a_function_from_noise() {
    let rows: Vec<Vec<f64>> = (0..40).map(|at| vec![f64::from(at * 17 % 40) / 40.0]).collect();
    let smooth: Vec<f64> = rows.iter().map(|row| libm::sin(6.0 * row[0])).collect();
    let found = Model::fit(&line(), &rows, &smooth, None).unwrap().diagnosis();
    assert!(found.gain > 2.0 && found.rank_correlation > 0.95, "{found:?}");
    let noise: Vec<f64> = (0..40).map(|at| f64::from(at * at * 7919 % 1009)).collect();
    let found = Model::fit(&line(), &rows, &noise, None).unwrap().diagnosis();
    assert!(found.gain < 0.3 && found.rank_correlation < 0.5, "{found:?}");
}

#[test]
fn few_and_equal_values_make_a_model() {
    let one = Model::fit(&line(), &[vec![0.5]], &[3.0], None).unwrap();
    let found = one.predict(&[0.9]).unwrap();
    assert!(near(found.mean, 3.0) && found.spread > 0.0 && found.spread.is_finite(), "{found:?}");
    let rows: Vec<Vec<f64>> = (0..9).map(|at| vec![f64::from(at) / 9.0]).collect();
    let equal = Model::fit(&line(), &rows, &[7.25; 9], None).unwrap();
    let found = equal.predict(&[0.05]).unwrap();
    assert!(near(found.mean, 7.25) && found.spread.is_finite(), "{found:?}");
    let twice = Model::fit(&line(), &[vec![0.5], vec![0.5]], &[1.0, 2.0], None).unwrap();
    assert!((twice.predict(&[0.5]).unwrap().mean - 1.5).abs() < 1e-6);
}

#[test]
fn what_is_not_finite_or_without_meaning_is_refused() {
    let fit = |rows: &[Vec<f64>], values: &[f64]| Model::fit(&line(), rows, values, None).err();
    assert_eq!(fit(&[], &[]), Some(Fault::NoRows));
    assert!(matches!(fit(&[vec![0.1], vec![0.2]], &[1.0, f64::NAN]), Some(Fault::Value { row: 1, .. })));
    assert!(matches!(fit(&[vec![0.1]], &[f64::INFINITY]), Some(Fault::Value { row: 0, .. })));
    assert!(matches!(fit(&[vec![f64::NAN]], &[1.0]), Some(Fault::Coordinate { row: 0, axis: 0, .. })));
    assert_eq!(fit(&[vec![0.1]], &[]), Some(Fault::Lengths { rows: 1, values: 0 }));
}

#[test]
fn a_heavy_tail_is_bent_and_a_normal_sample_is_left() {
    let rows: Vec<Vec<f64>> = (0..50).map(|at| vec![f64::from(at * 17 % 50) / 50.0]).collect();
    let heavy: Vec<f64> =
        rows.iter().map(|row| libm::exp(14.0 * (row[0] - 0.3) * (row[0] - 0.3) / 0.5)).collect();
    let model = Model::fit(&line(), &rows, &heavy, None).unwrap();
    assert!(matches!(model.output().warp, Warp::Log { .. }), "{:?}", model.output());
    let even: Vec<f64> = rows.iter().map(|row| libm::sin(7.0 * row[0])).collect();
    let model = Model::fit(&line(), &rows, &even, None).unwrap();
    assert_eq!(model.output().warp, Warp::Identity);
}

#[test]
fn the_largest_doubles_are_survived() {
    let rows: Vec<Vec<f64>> = (0..8).map(|at| vec![f64::from(at) / 8.0]).collect();
    let values = [1.7e308, -1.7e308, 0.0, 1.0, 2.0, 1e300, -5.0, 3.0];
    let found = Model::fit(&line(), &rows, &values, None).unwrap().predict(&[0.3]).unwrap();
    assert!(found.mean.is_finite() && found.spread.is_finite(), "{found:?}");
}

#[test]
fn a_long_history_is_cut_and_keeps_the_best() {
    let rows: Vec<Vec<f64>> = (0..620).map(|at| vec![f64::from(at * 7919 % 1009) / 1009.0]).collect();
    let values: Vec<f64> = rows.iter().map(|row| (row[0] - 0.3).abs()).collect();
    let (kept, kept_values) = kept(&line(), &rows, &values, MOST_ROWS);
    assert_eq!(kept.len(), MOST_ROWS);
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    assert!(kept_values.contains(&least));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Under any conditions and kinds the covariance is definite: no jitter is needed with hardly any noise.
    #[test]
    fn absent_coordinates_keep_the_covariance_definite(
        numbers in prop::collection::vec((0.0..1.0_f64, 0.0..1.0_f64, 0..4_u8, 0..8_u8), 2..25),
        weights in prop::collection::vec(0.01..30.0_f64, 3),
    ) {
        let conditional = |kind| Axis { kind, conditional: true };
        let axes = Axes::new(vec![
            conditional(Kind::Continuous),
            conditional(Kind::Continuous),
            conditional(Kind::Categorical { classes: 4 }),
        ]).unwrap();
        let place = |x: f64, absent: bool| if absent { f64::NAN } else { x };
        let row = |&(a, b, c, absent): &(f64, f64, u8, u8)| vec![
            place(a, absent & 1 > 0),
            place(b, absent & 2 > 0),
            place((f64::from(c) + 0.5) / 4.0, absent & 4 > 0),
        ];
        let rows: Vec<Vec<f64>> = numbers.iter().map(row).collect();
        let values: Vec<f64> = (0..rows.len()).map(|at| at as f64).collect();
        let hyper = Hyper { weights, signal: 1.0, noise: 1e-9 };
        let model = Model::of(&axes, &rows, &values, Warp::Identity, hyper.clone()).unwrap();
        // L Lᵀ of the factor is the covariance: nothing was added to its diagonal.
        let smoothed: Vec<f64> = model.smoothed().collect();
        prop_assert!(smoothed.iter().all(|value| value.is_finite()));
        for row in &rows {
            let look = super::super::posterior::Posterior::new(&model, &[]).look(row);
            prop_assert!(look.deviation < 1e-3 && look.deviation.is_finite());
        }
    }
}
