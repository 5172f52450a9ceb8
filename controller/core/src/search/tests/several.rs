//! What holds for methods that are after several objectives.

use super::super::tests_spaces::files_after;
use super::learning::check_any_space;
use super::*;
use crate::objective::Goal;
use crate::pareto;
use crate::spec::Metric;

/// A space, what its trials come to, and beyond which values nothing counts.
struct Problem {
    parameters: &'static str,
    metrics: &'static str,
    reference: &'static [f64],
    value: Value,
}

/// The objectives, of parameters by name.
type Value = fn(&dyn Fn(&str) -> f64) -> Vec<f64>;

/// Branin's function on the unit square, and Currin's (Belakaria et al., 2019). The second is to be maximised here.
const BRANIN_CURRIN: Problem = Problem {
    parameters: "x: {min: 0.0, max: 1.0}\n  y: {min: 0.0, max: 1.0}",
    metrics: "[{name: branin}, {name: minus_currin, goal: maximize}]",
    reference: &[60.0, -12.0],
    value: |at| {
        use std::f64::consts::PI;
        let (x, y) = (15.0 * at("x") - 5.0, 15.0 * at("y"));
        let bend = y - 5.1 / (4.0 * PI * PI) * x * x + 5.0 / PI * x - 6.0;
        let branin = bend * bend + 10.0 * (1.0 - 1.0 / (8.0 * PI)) * x.cos() + 10.0;
        let (x, y) = (at("x"), at("y"));
        let near = if y > 0.0 { 1.0 - (-0.5 / y).exp() } else { 1.0 };
        let above = 2300.0 * x.powi(3) + 1900.0 * x * x + 2092.0 * x + 60.0;
        let below = 100.0 * x.powi(3) + 500.0 * x * x + 4.0 * x + 20.0;
        vec![branin, -(near * above / below)]
    },
};

/// ZDT1 (Zitzler, Deb and Thiele, 2000) over parameters of all kinds, one of them under a condition, and constrained.
const MIXED: Problem = Problem {
    parameters: "cost: {min: 0.0, max: 1.0}\n  rate: {distribution: log_uniform_values, min: 1e-4, max: 1.0}\n  \
                 depth: {min: 1, max: 16}\n  kind: {values: [a, b, c]}\n  \
                 extra: {min: 0.0, max: 1.0, when: {kind: [b, c]}}\n\
                 constraints: [\"depth <= 12 or kind != 'b'\"]",
    metrics: "[{name: cost}, {name: error}]",
    reference: &[1.1, 6.0],
    value: |at| {
        let kind = at("kind");
        let off = [
            (at("rate").log10() + 4.0) / 4.0,
            (at("depth") - 5.0).abs() / 11.0,
            [0.5, 0.0, 0.3][kind as usize],
            if kind == 0.0 { 0.0 } else { at("extra") },
        ];
        let g = 1.0 + 9.0 * off.iter().sum::<f64>() / 4.0;
        vec![at("cost"), g * (1.0 - (at("cost") / g).sqrt())]
    },
};

/// DTLZ2 (Deb, Thiele, Laumanns and Zitzler, 2002) of three objectives and five parameters.
const SPHERE: Problem = Problem {
    parameters: "a: {min: 0.0, max: 1.0}\n  b: {min: 0.0, max: 1.0}\n  c: {min: 0.0, max: 1.0}\n  \
                 d: {min: 0.0, max: 1.0}\n  e: {min: 0.0, max: 1.0}",
    metrics: "[{name: one}, {name: two}, {name: three}]",
    reference: &[1.5, 1.5, 1.5],
    value: |at| {
        let turn = std::f64::consts::FRAC_PI_2;
        let g: f64 = ["c", "d", "e"].iter().map(|name| (at(name) - 0.4).powi(2)).sum();
        let (a, b) = (turn * at("a"), turn * at("b"));
        vec![(1.0 + g) * a.cos() * b.cos(), (1.0 + g) * a.cos() * b.sin(), (1.0 + g) * a.sin()]
    },
};

impl Problem {
    fn spec(&self, method: &str) -> SweepSpec {
        let (metrics, parameters) = (self.metrics, self.parameters);
        spec(&format!("program: p\nmethod: {method}\nmetrics: {metrics}\nparameters:\n  {parameters}\n"))
    }

    /// What the trials of a sweep come to, by number, less being better, with so many workers: of those that run the first
    /// ends first.
    fn play(&self, method: &str, seed: u64, workers: usize, trials: u64) -> Vec<Vec<f64>> {
        let spec = self.spec(method);
        let outcome = |past: &Past| {
            let value = |name: &str| {
                let at = spec.parameters.iter().position(|one| one.path == [name]).unwrap();
                let value = past.values[at].as_ref().unwrap();
                // A category counts as its place.
                let place = || ["a", "b", "c"].iter().position(|word| value == word).unwrap() as f64;
                value.as_f64().unwrap_or_else(place)
            };
            Outcome::Done((self.value)(&value))
        };
        let mut proposer = Proposer::default();
        let mut history = History::default();
        let end = |past: &mut Past| past.outcome = outcome(past);
        for number in 1..=trials {
            let proposal = proposer.propose(&spec, seed, number, &history).unwrap();
            let values = spec.admit(&proposal.params).unwrap();
            history.trials.push(Past { number, values, outcome: Outcome::Pending(Reported::default()) });
            if let Some(at) = (number as usize).checked_sub(workers) {
                end(&mut history.trials[at]);
            }
        }
        history.trials.iter_mut().for_each(end);
        let least = |past: &Past| match &past.outcome {
            Outcome::Done(values) => less(&spec, values),
            other => panic!("{other:?}"),
        };
        history.trials.iter().map(least).collect()
    }

    fn volume(&self, points: &[Vec<f64>]) -> f64 {
        pareto::hypervolume(points, &less(&self.spec("random"), self.reference))
    }
}

/// Values of the objectives with those that are maximised upside down.
fn less(spec: &SweepSpec, values: &[f64]) -> Vec<f64> {
    let turned = |(value, metric): (&f64, &Metric)| match metric.goal {
        Goal::Maximize => -value,
        Goal::Minimize => *value,
    };
    values.iter().zip(&spec.metrics).map(turned).collect()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Whether what the trials of a method dominate is, by the median, so many times what those of `random` do.
fn beats_random(problem: &Problem, method: &str, seeds: u64, times: f64) {
    for workers in [1, 8] {
        let volumes = |method: &str| {
            median((0..seeds).map(|seed| problem.volume(&problem.play(method, seed, workers, 60))).collect())
        };
        let (model, random) = (volumes(method), volumes("random"));
        assert!(model > times * random, "{method} with {workers} workers: {model}, random {random}");
    }
}

#[test]
fn tpe_dominates_more_than_chance() {
    beats_random(&BRANIN_CURRIN, "tpe", 7, 1.15);
    beats_random(&MIXED, "tpe", 7, 1.1);
    beats_random(&SPHERE, "tpe", 7, 1.0);
}

#[test]
fn bayes_dominates_more_than_chance_of_smooth_functions() {
    beats_random(&BRANIN_CURRIN, "bayes", 3, 1.2);
}

#[test]
fn bayes_dominates_more_than_chance_of_mixed_spaces() {
    beats_random(&MIXED, "bayes", 3, 1.2);
}

#[test]
fn bayes_dominates_more_than_chance_of_three_objectives() {
    beats_random(&SPHERE, "bayes", 5, 1.1);
}

#[test]
fn auto_dominates_more_than_chance() {
    beats_random(&MIXED, "auto", 3, 1.2);
    beats_random(&SPHERE, "auto", 3, 1.1);
}

/// What docs/search.md says of fronts: `cargo test -p sweep-core fronts_are_measured -- --ignored --nocapture`.
#[test]
#[ignore = "takes minutes, and prints a table"]
fn fronts_are_measured() {
    for (name, problem) in
        [("Branin-Currin", &BRANIN_CURRIN), ("mixed ZDT1", &MIXED), ("three-objective DTLZ2", &SPHERE)]
    {
        for workers in [1, 8] {
            let mut rows = [30, 60].map(|trials| (trials, format!("| {name}, {workers}, {trials} |")));
            for method in ["random", "sobol", "tpe", "bayes"] {
                let plays: Vec<_> = (0..20).map(|seed| problem.play(method, seed, workers, 60)).collect();
                for (trials, row) in &mut rows {
                    // What is proposed for the first is not changed by those after them.
                    let volume = |points: &Vec<Vec<f64>>| problem.volume(&points[..*trials]);
                    let mut volumes: Vec<f64> = plays.iter().map(volume).collect();
                    volumes.sort_by(f64::total_cmp);
                    row.push_str(&format!(" {:.3} [{:.3}, {:.3}] |", volumes[10], volumes[5], volumes[15]));
                }
            }
            rows.iter().for_each(|(_, row)| eprintln!("{row}"));
        }
    }
}

const TWO: &str = "metrics: [{name: loss}, {name: gain, goal: maximize}]";
const THREE: &str = "metrics: [{name: loss}, {name: gain, goal: maximize}, {name: size}]";

proptest! {
    // Each case fits two processes for some forty trials.
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn a_front_of_two_is_sought_in_any_space(spec in files_after("bayes", TWO), seed in any::<u64>(), workers in 1..9_usize) {
        check_any_space(&spec, seed, workers)?;
    }

    #[test]
    fn a_front_of_three_is_sought_in_any_space(spec in files_after("auto", THREE), seed in any::<u64>(), workers in 1..9_usize) {
        check_any_space(&spec, seed, workers)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn tpe_seeks_a_front_in_any_space(spec in files_after("tpe", THREE), seed in any::<u64>(), workers in 1..9_usize) {
        check_any_space(&spec, seed, workers)?;
    }
}

#[test]
fn grids_draws_and_sequences_are_what_they_are_without_metrics() {
    for method in ["grid", "random", "sobol"] {
        let file = |objective: &str| {
            format!(
                "program: p\nmethod: {method}\n{objective}\nparameters: {{a: {{min: 1, max: 9}}, b: {{values: [x, y]}}}}\n"
            )
        };
        let (with, without) = (spec(&file(TWO)), spec(&file("")));
        for number in 1..=18 {
            assert_eq!(propose(&with, 3, number), propose(&without, 3, number), "{method}");
        }
    }
}
