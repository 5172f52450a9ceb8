use super::*;

const SEED_SWEEP: &str = include_str!("../../../../sweep_configuration.yaml");

/// What people would read, for every problem of a file.
fn page(text: &str) -> String {
    let parsed = parse(text);
    parsed.problems.iter().map(|problem| problem.render("sweep.yaml", text)).collect::<Vec<_>>().join("\n\n")
}

#[test]
fn the_sweep_of_the_seed_is_accepted_as_it_is() {
    for text in [SEED_SWEEP.to_owned(), SEED_SWEEP.replace("program: sweep-train", "program: train.py")] {
        let parsed = parse(&text);
        assert_eq!(parsed.problems, [], "{:?}", parsed.problems);
        let spec = parsed.spec.expect("is valid");
        assert_eq!((spec.method, spec.run_cap, spec.parameters.len()), (Method::Random, None, 14));
    }
}

#[test]
fn log_uniform_bounds_are_exponents() {
    let spec =
        parse("program: p\nmethod: random\nparameters: {lr: {distribution: log_uniform, min: -11.512, max: -6.907}}\n")
            .spec;
    let domain = &spec.expect("is valid").parameters[0].domain;
    let crate::space::Domain::Real { min, max, .. } = domain else { panic!("{domain:?}") };
    assert!((min - 1e-5).abs() < 1e-8 && (max - 1e-3).abs() < 1e-6, "{min} {max}");
}

#[test]
fn nested_parameters_keep_their_places() {
    let spec = parse("program: p\nmethod: grid\nparameters:\n  model:\n    parameters:\n      depth: {values: [1, 2]}\n      opt: {parameters: {lr: {value: 0.1}}}\n  seed: {value: 3}\n")
        .spec
        .expect("is valid");
    let first = crate::search::propose(&spec, 0, 1).expect("is proposed");
    assert_eq!(
        serde_json::to_string(&first).expect("is JSON"),
        r#"{"model":{"depth":1,"opt":{"lr":0.1}},"seed":3}"#
    );
}

#[test]
fn every_problem_comes_at_once_with_its_place() {
    insta::assert_snapshot!(page(
        "metod: random\nmethod: gird\nparameters:\n  lr: {min: 0.1, max: 0.001}\n  batch: 32\n  act: {values: []}\n  drop: {valeus: [0.1]}\nmetric: {name: f1, goal: maximise}\nearly_stopping: {}\nrun_cap: 0\n"
    ));
}

#[test]
fn impossible_combinations_are_refused() {
    insta::assert_snapshot!(page(
        "program: p\nmethod: grid\nparameters: {lr: {min: 0.1, max: 0.5}}\nearly_terminate: {type: hyperband}\n"
    ));
    insta::assert_snapshot!(page("program: p\nmethod: bayes\nparameters: {lr: {min: 0.1, max: 0.5}}\n"));
    insta::assert_snapshot!(page("- just\n- a list\n"));
    insta::assert_snapshot!(page(""));
    insta::assert_snapshot!(page(
        "program: p\nmethod: random\nparameters: {lr: {distribution: log_uniform, min: 1, max: 1000}}\n"
    ));
}

#[test]
fn conditions_and_constraints_are_checked() {
    insta::assert_snapshot!(page(
        "program: p\nmethod: random\nparameters:\n  opt: {values: [sgd, adam]}\n  m: {min: 0.0, max: 1.0, when: {optt: sgd}}\n  n: {min: 0, max: 9, when: {opt: rmsprop}}\n  x: {values: [1], when: {y: 1}}\n  y: {values: [1], when: {x: 1}}\nconstraints:\n  - \"m < \"\n  - m = 1\n  - layer1 < 3\n  - 1 < 2\n  - [m]\n"
    ));
    insta::assert_snapshot!(page(
        "program: p\nmethod: grid\nparameters: {a: {values: [1, 2]}, b: {values: [1, 2]}}\nconstraints: [a > b, b > a]\n"
    ));
    insta::assert_snapshot!(page(
        "program: p\nmethod: random\nparameters: {a: {min: 0.0, max: 1.0}, b: {values: [x, y]}}\nconstraints: [a > 2]\n"
    ));
    insta::assert_snapshot!(page(
        "program: p\nmethod: random\nparameters: {a: {min: 0.0, max: 1.0}, b: {values: [x, y]}}\nconstraints: [a > b]\n"
    ));
    insta::assert_snapshot!(page(
        "program: p\nmethod: random\nparameters: {a: {min: 0.0, max: 1.0}}\nconstraints: [a > 0.999]\n"
    ));
}

#[test]
fn doubts_are_warnings() {
    insta::assert_snapshot!(page(
        "method: grid\nprogram: train.py\nrun_cap: 3\nmetric: {name: val_loss, goal: maximize}\ncommand: [\"${env}\", \"${progam}\", \"--cfg=${args_json}\", \"${HOME}\"]\nparameters:\n  a: {value: [1, 2]}\n  b: {values: [\"0.1\", \"None\", \"true\", sgd]}\n  c: {values: [on, No, 1e-4, 010, 1.5e3, 1.0e-4, yes, yEs]}\n"
    ));
    insta::assert_snapshot!(page(
        "program: p\nmethod: random\nmetric: {name: test-accuracy}\nparameters: {lr: {min: 0.0001, max: 0.1}, n: {min: 1, max: 1000}, dropout: {min: 0.1, max: 0.9}}\n"
    ));
    for bounds in ["min: 0.0001, max: 0.1", "min: 16, max: 256"] {
        let text = format!(
            "program: p\nmethod: random\nparameters: {{lr: {{distribution: log_uniform, {bounds}}}}}\n"
        );
        assert!(page(&text).contains("log_uniform_values"), "{}", page(&text));
    }
}

/// A sweep file with most of what there is.
const RICH: &str = "program: p\nmethod: random\nname: x\nrun_cap: 4\nmetric: {name: loss, goal: minimize}\nearly_terminate: {type: asha, resource: seconds, min: 1m, max: 27m, eta: 2, brackets: 2}\nstop: {no_improvement: 9, time: 2h, deadline: 2030-01-31T18:00:00Z}\ncommand: [\"${env}\", python, \"${args}\"]\nparameters:\n  a: {values: [1, 2.5, ~, on, \"x\"], probabilities: [0.2, 0.2, 0.2, 0.2, 0.2]}\n  b: {min: 1, max: 9, when: {a: [1]}}\n  c: {distribution: q_log_uniform_values, min: 1e-4, max: 1, q: 0.1}\n  d: {parameters: {e: {value: }}}\nconstraints: [b < 5 or c > 0.5]\n";

proptest::proptest! {
    #[test]
    fn no_text_breaks_the_reader(text in "\\PC{0,200}") {
        let _either = page(&text);
    }

    #[test]
    fn no_change_to_a_file_breaks_the_reader(at in 0..RICH.len(), insert in "[ -~\n\\t]{0,6}", drop in 0..12_usize) {
        let end = (at + drop).min(RICH.len());
        let text = format!("{}{insert}{}", &RICH[..at], &RICH[end..]);
        let parsed = parse(&text);
        let _page = page(&text);
        // What is accepted proposes a trial, or says that there is none, and judges one.
        if let Some(spec) = parsed.spec {
            if let Some(judge) = spec.judge() {
                let point = crate::stop::Point { step: 1, epoch: 1.0, seconds: 99.0, value: 0.5 };
                let _either = crate::stop::Rungs::default().report(&judge, 1, &[point]);
            }
            let _either = crate::search::propose(&spec, 1, 1);
        }
    }
}
