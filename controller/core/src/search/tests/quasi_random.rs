use super::*;

fn row(spec: &SweepSpec, seed: u64, number: u64) -> Vec<f64> {
    let params = propose(spec, seed, number).expect("is proposed");
    params.values().map(|value| value.as_f64().expect("is a number")).collect()
}

#[test]
fn the_sequence_fills_the_square_more_evenly_than_chance() {
    let spec =
        spec("program: p\nmethod: sobol\nparameters: {a: {min: 0.0, max: 1.0}, b: {min: 0.0, max: 1.0}}\n");
    for seed in [1, 2, 3] {
        let mut boxes = HashSet::new();
        for number in 1..=64 {
            let point = row(&spec, seed, number);
            boxes.insert(((point[0] * 8.0) as u8, (point[1] * 8.0) as u8));
        }
        // A draw each would fill 41 of 64 on average.
        assert_eq!(boxes.len(), 64, "seed {seed}");
    }
    assert_ne!(row(&spec, 1, 1), row(&spec, 2, 1));
}

#[test]
fn a_long_sequence_goes_on_and_never_repeats() {
    let spec =
        spec("program: p\nmethod: sobol\nparameters: {a: {min: 0.0, max: 1.0}, b: {min: 0.0, max: 1.0}}\n");
    let points: HashSet<_> = (65_530..65_550).map(|number| format!("{:?}", row(&spec, 7, number))).collect();
    assert_eq!(points.len(), 20);
    assert_eq!(row(&spec, 7, 10_000_000_000), row(&spec, 7, 10_000_000_000));
}

#[test]
fn forbidden_points_come_from_another_scrambling_and_the_others_stay() {
    let free = "program: p\nmethod: sobol\nparameters: {a: {min: 0.0, max: 1.0}, b: {min: 0.0, max: 1.0}}\n";
    let (free, bound) = (spec(free), spec(&format!("{free}constraints: [a + b < 0.8]\n")));
    let mut kept = 0;
    for number in 1..=100 {
        let proposal =
            Proposer::default().propose(&bound, 7, number, &History::default()).expect("is proposed");
        let point: Vec<f64> =
            proposal.params.values().map(|value| value.as_f64().expect("is a number")).collect();
        assert!(point[0] + point[1] < 0.8);
        let Why::Sobol { index, copy } = proposal.why else { panic!("{:?}", proposal.why) };
        assert_eq!(index, number - 1);
        if copy == 0 {
            assert_eq!(point, row(&free, 7, number));
            kept += 1;
        }
    }
    assert!((25..40).contains(&kept), "{kept}");
}

#[test]
fn more_axes_than_one_scrambling_has_are_each_their_own() {
    let parameters: String = (0..300).map(|at| format!("  p{at:03}: {{min: 0.0, max: 1.0}}\n")).collect();
    let spec = spec(&format!("program: p\nmethod: sobol\nparameters:\n{parameters}"));
    let distinct: HashSet<_> = row(&spec, 7, 3).iter().map(|at| at.to_bits()).collect();
    assert_eq!(distinct.len(), 300);
}
