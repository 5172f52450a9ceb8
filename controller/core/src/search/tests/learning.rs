//! What holds for every method that learns.

use super::super::tests_spaces::files;
use super::*;

const METHODS: [&str; 4] = ["bayes", "tpe", "cmaes", "auto"];

/// A sweep with so many workers: of those that run, the one that began first ends first. `outcome` says what it comes to.
struct Play<'s> {
    spec: &'s SweepSpec,
    seed: u64,
    proposer: Proposer,
    history: History,
    reasons: Vec<Why>,
}

impl<'s> Play<'s> {
    fn new(spec: &'s SweepSpec, seed: u64) -> Self {
        Self { spec, seed, proposer: Proposer::default(), history: History::default(), reasons: Vec::new() }
    }

    /// Proposes one more; whether there is one.
    fn ask(&mut self) -> bool {
        let number = self.history.trials.len() as u64 + 1;
        let Some(proposal) = self.proposer.propose(self.spec, self.seed, number, &self.history) else {
            return false;
        };
        let values = self
            .spec
            .admit(&proposal.params)
            .unwrap_or_else(|foreign| panic!("{:?} is no point: {foreign}", proposal.params));
        self.history.trials.push(Past { number, values, outcome: Outcome::Pending(Reported::default()) });
        self.reasons.push(proposal.why);
        true
    }

    fn run(&mut self, workers: usize, most: usize, outcome: &dyn Fn(&Past) -> Outcome) {
        for number in 1..=most {
            if !self.ask() {
                break;
            }
            if let Some(at) = number.checked_sub(workers) {
                let past = &self.history.trials[at];
                self.history.trials[at].outcome = outcome(past);
            }
        }
        for past in &mut self.history.trials {
            if matches!(past.outcome, Outcome::Pending(_)) {
                past.outcome = outcome(past);
            }
        }
    }

    fn best(&self) -> f64 {
        let done = self.history.trials.iter().filter_map(|past| match &past.outcome {
            Outcome::Done(objectives) => Some(objectives[0]),
            _ => None,
        });
        done.fold(f64::INFINITY, f64::min)
    }

    fn distinct(&self) -> usize {
        let points = self.history.trials.iter().map(|past| format!("{:?}", past.values));
        points.collect::<HashSet<_>>().len()
    }
}

/// Made-up objectives of any space; every fifth trial fails, every seventh ends without a number.
fn made_up(past: &Past) -> Outcome {
    let texts = past.values.iter().flatten().map(ToString::to_string);
    let sum: f64 = texts.map(|text| text.bytes().map(f64::from).sum::<f64>() % 17.0).sum();
    match past.number {
        number if number % 5 == 0 => Outcome::Failed(Reported { best: Some(sum), latest: None }),
        number if number % 7 == 0 => Outcome::Done(vec![f64::NAN]),
        // Of a sweep after one, the first.
        _ => Outcome::Done(vec![sum, 17.0 - sum, sum % 5.0]),
    }
}

pub(super) fn check_any_space(spec: &SweepSpec, seed: u64, workers: usize) -> Result<(), TestCaseError> {
    let mut play = Play::new(spec, seed);
    play.run(workers, 40, &made_up);
    prop_assert_eq!(play.distinct(), play.history.trials.len());
    if let Some(points) = finite_points(spec) {
        prop_assert_eq!(play.history.trials.len() as u64, points.min(40));
    } else {
        prop_assert_eq!(play.history.trials.len(), 40);
    }
    // The history as it was shown is all that counts: not what the proposer did before, nor the order.
    let number = play.history.trials.len() as u64 + 1;
    let next = play.proposer.propose(spec, seed, number, &play.history);
    let mut shuffled = play.history.clone();
    shuffled.trials.reverse();
    prop_assert_eq!(&next, &Proposer::default().propose(spec, seed, number, &shuffled));
    Ok(())
}

proptest! {
    // Each case fits a process for some forty trials.
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn bayes_proposes_new_points_of_any_space(spec in files("bayes"), seed in any::<u64>(), workers in 1..9_usize) {
        check_any_space(&spec, seed, workers)?;
    }

    #[test]
    fn auto_proposes_new_points_of_any_space(spec in files("auto"), seed in any::<u64>(), workers in 1..9_usize) {
        check_any_space(&spec, seed, workers)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn tpe_proposes_new_points_of_any_space(spec in files("tpe"), seed in any::<u64>(), workers in 1..9_usize) {
        check_any_space(&spec, seed, workers)?;
    }

    #[test]
    fn cmaes_proposes_new_points_of_any_space(spec in files("cmaes"), seed in any::<u64>(), workers in 1..9_usize) {
        check_any_space(&spec, seed, workers)?;
    }
}

#[test]
fn a_small_space_is_exhausted_point_by_point() {
    for method in METHODS {
        let spec = spec(&format!("program: p\nmethod: {method}\nmetric: {{name: loss}}\n{CONSTRAINED}"));
        for workers in [1, 4] {
            let mut play = Play::new(&spec, 7);
            play.run(workers, 1_000, &made_up);
            assert_eq!((play.history.trials.len(), play.distinct()), (expected(), expected()), "{method}");
        }
    }
}

#[test]
fn a_space_of_one_point_is_tried_once() {
    for method in METHODS {
        for (parameters, least) in [
            ("parameters: {a: {value: 1}}\n", 1),
            ("parameters: {a: {min: 1, max: 9}, b: {min: 1, max: 9}}\nconstraints: [a + b == 18]\n", 1),
            // Too many cells to be listed, and hardly ever allowed: it may not be found.
            ("parameters: {a: {min: 1, max: 99}, b: {min: 1, max: 99}}\nconstraints: [a + b == 198]\n", 0),
        ] {
            let spec = spec(&format!("program: p\nmethod: {method}\nmetric: {{name: loss}}\n{parameters}"));
            let mut play = Play::new(&spec, 7);
            play.run(1, 10, &made_up);
            assert!((least..=1).contains(&play.history.trials.len()), "{method}: {:?}", play.history);
        }
    }
}

/// The sum of squares about a point that lies off the diagonal, over axes of one range.
fn off_diagonal(past: &Past) -> Outcome {
    let place = [0.9, 0.2, 0.6, 0.05];
    let values = past.values.iter().flatten().map(|value| value.as_f64().expect("is a number"));
    Outcome::Done(vec![values.zip(place).map(|(value, place)| (value - place).powi(2)).sum()])
}

fn median_best(file: &str, trials: usize, workers: usize, outcome: &dyn Fn(&Past) -> Outcome) -> f64 {
    let spec = spec(file);
    let mut bests: Vec<f64> = (0..5)
        .map(|seed| {
            let mut play = Play::new(&spec, seed);
            play.run(workers, trials, outcome);
            play.best()
        })
        .collect();
    bests.sort_by(f64::total_cmp);
    bests[2]
}

#[test]
fn each_model_finds_an_optimum_off_the_diagonal_better_than_chance() {
    let parameters = "parameters: {a: {min: 0.0, max: 1.0}, b: {min: 0.0, max: 1.0}, c: {min: 0.0, max: 1.0}, d: {min: 0.0, max: 1.0}}\n";
    let file = |method: &str| format!("program: p\nmethod: {method}\nmetric: {{name: loss}}\n{parameters}");
    for workers in [1, 8] {
        let random = median_best(&file("random"), 50, workers, &off_diagonal);
        for method in METHODS {
            let model = median_best(&file(method), 50, workers, &off_diagonal);
            assert!(model < 0.5 * random, "{method} with {workers} workers: {model}, random {random}");
        }
    }
}

/// As a training with an optimiser whose momentum exists for one of two only, and a learning rate that depends on it.
fn conditional(past: &Past) -> Outcome {
    // In the order of the file's names: lr, optimizer, momentum.
    let number = |at: usize| past.values[at].as_ref().and_then(Value::as_f64);
    let lr = number(0).expect("always exists").log10();
    Outcome::Done(vec![match number(2) {
        Some(momentum) => (lr + 1.0).powi(2) + 40.0 * (momentum - 0.9).powi(2),
        None => 1.0 + (lr + 3.0).powi(2),
    }])
}

#[test]
fn conditions_and_categories_are_learnt() {
    let file = |method: &str| {
        format!(
            "program: p\nmethod: {method}\nmetric: {{name: loss}}\nparameters:\n  lr: {{distribution: log_uniform_values, min: 1e-5, max: 1.0}}\n  optimizer: {{values: [adam, sgd, lamb]}}\n  momentum: {{min: 0.0, max: 1.0, when: {{optimizer: sgd}}}}\n"
        )
    };
    let random = median_best(&file("random"), 50, 4, &conditional);
    for method in ["bayes", "tpe", "auto"] {
        let model = median_best(&file(method), 50, 4, &conditional);
        assert!(model < random, "{method}: {model}, random {random}");
    }
}

#[test]
fn a_maximised_metric_is_a_minimised_one_upside_down() {
    let file = |method: &str, goal: &str| {
        format!(
            "program: p\nmethod: {method}\nmetric: {{name: m, goal: {goal}}}\nparameters: {{a: {{min: 0.0, max: 1.0}}, b: {{values: [x, y, z]}}}}\n"
        )
    };
    let upside_down = |past: &Past| match made_up(past) {
        Outcome::Done(objectives) => Outcome::Done(vec![-objectives[0]]),
        Outcome::Failed(_) => Outcome::Failed(Reported::default()),
        other @ (Outcome::Pending(_) | Outcome::Held(_)) => other,
    };
    for method in METHODS {
        let (up, down) = (spec(&file(method, "maximize")), spec(&file(method, "minimize")));
        let (mut ups, mut downs) = (Play::new(&up, 7), Play::new(&down, 7));
        ups.run(3, 40, &made_up);
        downs.run(3, 40, &upside_down);
        let values =
            |play: &Play| play.history.trials.iter().map(|past| past.values.clone()).collect::<Vec<_>>();
        assert_eq!(values(&ups), values(&downs), "{method}");
    }
}

#[test]
fn earlier_trials_are_learnt_from_and_not_repeated() {
    let text = "program: p\nmethod: tpe\nmetric: {name: loss}\nparameters: {a: {min: 0.0, max: 1.0}}\n";
    let spec = spec(text);
    let earlier = |number: u64, a: f64, loss: f64| Past {
        number,
        values: vec![Some(json!(a))],
        outcome: Outcome::Done(vec![loss]),
    };
    // Twenty trials of an earlier sweep say that all is well about 0.8.
    let trials = (0..20).map(|at| f64::from(at) / 20.0).map(|a| earlier(0, a, (a - 0.8).abs())).collect();
    let history = History { trials };
    let near = (0..40).filter(|&seed| {
        let proposal = Proposer::default().propose(&spec, seed, 9, &history).expect("is proposed");
        (proposal.params["a"].as_f64().expect("is a number") - 0.8).abs() < 0.25
    });
    assert!(near.count() > 30);
    let foreign = spec.admit(&Params::from([("a".to_owned(), json!(1.5))])).expect_err("lies outside");
    assert_eq!(foreign.to_string(), "`a`: 1.5 lies outside of 0 to 1");
    let foreign = spec.admit(&Params::from([("b".to_owned(), json!(0.5))])).expect_err("is unknown");
    assert_eq!(foreign.to_string(), "there is no parameter `b`");
    let foreign = spec.admit(&Params::new()).expect_err("is incomplete");
    assert_eq!(foreign.to_string(), "`a` has no value");
    let bound = super::spec(&format!("{text}constraints: [a < 0.5]\n"));
    let foreign = bound.admit(&Params::from([("a".to_owned(), json!(0.75))])).expect_err("is forbidden");
    assert_eq!(foreign.to_string(), "constraint `a < 0.5` does not hold");
}

#[test]
fn the_first_proposals_of_each_method_never_change() {
    // A change here breaks the replay of every stored sweep.
    for method in METHODS {
        let spec = spec(&format!(
            "program: p\nmethod: {method}\nmetric: {{name: loss}}\nparameters: {{a: {{min: 0, max: 1000000}}, b: {{values: [x, y, z]}}, c: {{values: [1, 2, 4], when: {{b: x}}}}}}\n"
        ));
        let mut play = Play::new(&spec, 7);
        play.run(2, 14, &made_up);
        let lines: Vec<String> = play
            .history
            .trials
            .iter()
            .zip(&play.reasons)
            .map(|(past, why)| {
                let values: Vec<String> = past
                    .values
                    .iter()
                    .map(|value| value.as_ref().map_or("-".to_owned(), ToString::to_string))
                    .collect();
                format!("{} | {why}", values.join(" "))
            })
            .collect();
        insta::assert_snapshot!(format!("first_{method}"), lines.join("\n"));
    }
}
