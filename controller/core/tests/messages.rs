//! `docs/sweep-file-messages.md` shows what `sweep-ctl validate` prints. It is written by this test
//! (`UPDATE_DOCS=1 cargo test -p sweep-core --test messages`) and held to it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fmt::Write as _;
use std::path::Path;

use sweep_core::spec::Severity::{self, Error, Warning};
use sweep_core::spec::parse;

const PAGE: &str = "../../docs/sweep-file-messages.md";
const HEAD: &str = "program: train.py\nmethod: random\n";
const PARAMETERS: &str = "parameters: {lr: {min: 0.0, max: 1.0}}\n";

const OPENING: &str = "# Messages about sweep files

As `sweep-ctl validate sweep.yaml` prints them. All problems of a file come at once; an error forbids the sweep, a
warning does not. This page is written by a test, out of the messages themselves.
";

/// A file with these parameters.
fn parameters(inner: &str) -> String {
    format!("{HEAD}parameters:\n{inner}")
}

/// A file with these other keys.
fn with(rest: &str) -> String {
    format!("{HEAD}{rest}{PARAMETERS}")
}

/// What a mistake is called, and a file that has it.
fn errors() -> Vec<(&'static str, String)> {
    vec![
        ("An unknown key", with("run-cap: 20\n")),
        (
            "`early_stopping` for `early_terminate`",
            with("metric: {name: loss}\nearly_stopping: {type: hyperband}\n"),
        ),
        (
            "A wrong type",
            parameters("  lr: {min: small, max: 1.0}\n  batch_size: 32\n  depth: {values: 18}\n"),
        ),
        ("min not below max", parameters("  lr: {min: 0.1, max: 0.001}\n  depth: {min: 4, max: 4}\n")),
        (
            "`log_uniform` with values for exponents",
            parameters("  lr: {distribution: log_uniform, min: 0.0001, max: 0.1}\n"),
        ),
        ("A method by another tool's name", format!("program: train.py\nmethod: qmc\n{PARAMETERS}")),
        ("bayes without a metric", format!("program: train.py\nmethod: bayes\n{PARAMETERS}")),
        ("`early_terminate` without a metric", with("early_terminate: {type: hyperband, min_iter: 3}\n")),
        (
            "Metrics beside a metric, and what is of one metric only",
            "program: train.py\nmethod: cmaes\nmetric: {name: loss}\nmetrics: [{name: loss, target: 0.1}, {name: latency}]\n\
             early_terminate: {type: hyperband, min_iter: 3}\nstop: {no_improvement: 20}\n"
                .to_owned()
                + PARAMETERS,
        ),
        ("One metric among metrics", with("metrics: [{name: loss}]\n")),
        ("Earlier trials for a method that looks at none", with("warm_start: [k3x9q2ab]\n")),
        ("hyperband without bands", with("metric: {name: loss}\nearly_terminate: {type: hyperband}\n")),
        (
            "A rung that is none, and a resource that is none",
            with("metric: {name: loss}\nearly_terminate: {type: asha, resource: epochs, min: 0, max: 27}\n"),
        ),
        (
            "A key of another rule",
            with(
                "metric: {name: loss}\nearly_terminate: {type: patience, resource: epoch, patience: 5, eta: 3}\n",
            ),
        ),
        ("A deadline without its zone", with("stop: {deadline: 2030-01-31 18:00}\n")),
        (
            "A grid over a continuous range",
            "program: train.py\nmethod: grid\nparameters:\n  lr: {min: 0.0, max: 1.0}\n".to_owned(),
        ),
        (
            "Constraints that leave nothing",
            parameters("  a: {values: [1, 2]}\n  b: {values: [3, 4]}\nconstraints: [\"b <= a\"]\n"),
        ),
        (
            "A constraint that is no expression",
            parameters("  a: {values: [1, 2]}\nconstraints: [\"a = 1\", \"b > 1\"]\n"),
        ),
        (
            "A condition that never holds",
            parameters(
                "  opt: {values: [sgd, adam]}\n  momentum: {min: 0.5, max: 0.9, when: {opt: rmsprop}}\n",
            ),
        ),
        ("A feature of W&B's service", with("image_uri: repo/image\n")),
        ("Nothing to run", format!("method: random\n{PARAMETERS}")),
        ("A duration that is none", with("trial_timeout: soon\n")),
        ("No YAML", "method: [random\nparameters: {}\n".to_owned()),
    ]
}

fn warnings() -> Vec<(&'static str, String)> {
    vec![
        ("A value twice", parameters("  depth: {values: [18, 50, 18]}\n")),
        ("A key twice", parameters("  lr: {value: 0.1}\n  lr: {value: 0.2}\n")),
        (
            "Numbers and null as text",
            parameters("  lr: {values: [\"0.1\", \"0.2\"]}\n  amp: {values: [\"true\", None]}\n"),
        ),
        ("An even range over decades", parameters("  lr: {min: 0.0001, max: 0.1}\n")),
        (
            "`log_uniform` that looks like powers of ten",
            parameters("  lr: {distribution: log_uniform, min: -5, max: -1}\n"),
        ),
        ("A goal that contradicts the name", with("metric: {name: val_loss, goal: maximize}\n")),
        (
            "cmaes for categories",
            "program: train.py\nmethod: cmaes\nmetric: {name: loss}\nparameters: {opt: {values: [sgd, adam]}}\n".to_owned(),
        ),
        ("`value` with a list", parameters("  depth: {value: [18, 50]}\n")),
        (
            "A misspelt macro, an unknown one, one inside a word",
            with("command: [python, \"${progam}\", \"${lr}\", \"--config=${args_json}\"]\n"),
        ),
        (
            "A grid larger than its cap",
            "program: train.py\nmethod: grid\nrun_cap: 10\nparameters:\n  a: {min: 1, max: 100}\n".to_owned(),
        ),
        (
            "Constraints that leave little",
            parameters("  a: {min: 0.0, max: 1.0}\nconstraints: [\"a > 0.995\"]\n"),
        ),
        (
            "What YAML 1.1, which W&B reads, takes otherwise",
            parameters("  a: {values: [on, yes, 1e-4, 08]}\n"),
        ),
    ]
}

fn write_section(page: &mut String, mistakes: Vec<(&str, String)>, severity: Severity) {
    for (title, text) in mistakes {
        let found = parse(&text).problems;
        assert!(!found.is_empty(), "{title} has no message");
        assert!(found.iter().all(|problem| problem.severity == severity), "{title}: {found:?}");
        let rendered: Vec<_> = found.iter().map(|problem| problem.render("sweep.yaml", &text)).collect();
        write!(page, "\n### {title}\n\n```\n{}\n```\n", rendered.join("\n\n")).unwrap();
    }
}

#[test]
fn the_page_of_messages_is_what_is_printed() {
    let mut page = OPENING.to_owned() + "\n## Errors\n";
    write_section(&mut page, errors(), Error);
    page.push_str("\n## Warnings\n");
    write_section(&mut page, warnings(), Warning);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(kept, page, "write it anew: UPDATE_DOCS=1 cargo test -p sweep-core --test messages");
}
