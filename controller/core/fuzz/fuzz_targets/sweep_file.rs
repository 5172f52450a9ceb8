//! Any text as a sweep file: it is read, its problems are shown, and what is accepted proposes trials with their
//! command lines, the same ones each time.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sweep_core::command::{Source, expand};
use sweep_core::search::{History, Proposer, propose};
use sweep_core::spec::{Severity, SweepSpec, parse};

fuzz_target!(|text: &str| {
    let parsed = parse(text);
    for problem in &parsed.problems {
        assert!(problem.place.line > 0 && problem.place.column > 0, "{problem:?}");
        let page = problem.render("sweep.yaml", text);
        assert!(page.len() < 100_000, "a page of {} bytes", page.len());
    }
    let errors = parsed.of(Severity::Error).count();
    assert_eq!(parsed.spec.is_none(), errors > 0, "{:?}", parsed.problems);
    if let Some(spec) = parsed.spec {
        run(&spec);
    }
});

fn run(spec: &SweepSpec) {
    let _planned = spec.planned_trials();
    let mut proposer = Proposer::default();
    for number in [1, 2, 3] {
        let Some(proposal) = proposer.propose(spec, 7, number, &History::default()) else { return };
        let params = proposal.params;
        assert_eq!(propose(spec, 7, number).as_ref(), Some(&params), "trial {number} is not always the same");
        let source = Source {
            program: &spec.program,
            command: &spec.command,
            params: &params,
            params_json_path: "/params.json",
            env: &|_| None,
        };
        let words = expand(&source).expect("an accepted command expands");
        assert!(!words.is_empty());
    }
}
