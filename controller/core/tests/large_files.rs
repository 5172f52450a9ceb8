//! Files that are made to keep a reader busy: each is answered, in few words. One that is not answered soon outlasts the
//! test runner's patience.

use std::fmt::Write as _;

use sweep_core::search::propose;
use sweep_core::spec::{Parsed, Severity, parse};

const HEAD: &str = "program: p\nmethod: random\n";

/// Reads a file, shows its problems, and proposes a trial.
fn read(name: &str, text: &str) -> Parsed {
    let parsed = parse(text);
    let words: usize = parsed.problems.iter().map(|problem| problem.render("sweep.yaml", text).len()).sum();
    if let Some(spec) = &parsed.spec {
        assert!(propose(spec, 1, 1).is_some(), "{name}: nothing is proposed");
    }
    assert!(words < 200_000, "{name}: {words} bytes of messages");
    parsed
}

fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(line).collect()
}

fn refused(name: &str, text: &str, words: &str) {
    let parsed = read(name, text);
    assert!(parsed.of(Severity::Error).count() > 0, "{name}");
    let found = parsed.problems.iter().any(|problem| problem.message.contains(words));
    assert!(found, "{name}: {:?}", parsed.problems.first());
}

fn accepted(name: &str, text: &str) {
    let parsed = read(name, text);
    assert!(parsed.spec.is_some(), "{name}: {:?}", parsed.problems.first());
}

#[test]
fn many_keys_and_values() {
    let long = "x".repeat(100_000);
    refused("a long key", &format!("{HEAD}? {long}\n: 1\n"), "xxx...");
    refused(
        "a long name",
        &format!("{HEAD}parameters:\n  a:\n    ? {long}\n    : {{}}\n"),
        "parameters of its own",
    );
    let items = "1, ".repeat(30_000);
    refused(
        "a list for a definition",
        &format!("{HEAD}parameters: {{a: [{items}]}}\n"),
        "needs a definition",
    );
    let keys = lines(20_000, |at| format!("key{at}: 1\n"));
    refused("unknown keys", &format!("{HEAD}{keys}"), "problems more");
    let twice = lines(20_000, |at| format!("key{}: 1\n", at % 10_000));
    refused("keys twice", &format!("{HEAD}{twice}"), "problems more");
    let values = lines(20_000, |at| format!("{at}, "));
    accepted("a long choice", &format!("{HEAD}parameters: {{a: {{values: [{values}]}}}}\n"));
    let same = lines(20_000, |at| format!("{}, ", at % 10));
    accepted("a choice of repeats in one line", &format!("{HEAD}parameters: {{a: {{values: [{same}]}}}}\n"));
    let unknown = lines(5_000, |at| format!("  - x{at} > 1\n"));
    let file = format!("{HEAD}parameters: {{a: {{values: [1, 2]}}}}\nconstraints:\n{unknown}");
    refused("too many constraints", &file, "5000 constraints");
    let unknown = lines(900, |at| format!("  - x{at} > {}\n", "y + ".repeat(100) + "1"));
    let file = format!("{HEAD}parameters: {{a: {{values: [1, 2]}}}}\nconstraints:\n{unknown}");
    refused("unknown names", &file, "problems more");
    let many = lines(5_000, |at| format!("  a{at}: {{min: 0, max: 9}}\n"));
    refused("too many parameters", &format!("{HEAD}parameters:\n{many}"), "5000 parameters");
}

#[test]
fn aliases_of_aliases() {
    let text = "x".repeat(300_000);
    let items = "*x, ".repeat(100_000);
    refused("a long text again and again", &format!("name: &x {text}\nprogram: [{items}]\n"), "megabytes");
    let base = lines(100, |at| format!("k{at}: 1, "));
    let merged = lines(800, |at| format!("m{at}: {{<<: *b}}\n"));
    refused("merged again and again", &format!("{HEAD}b: &b {{{base}}}\n{merged}"), "problems more");
}

#[test]
fn small_spaces_of_many_or_large_constants() {
    let switches = lines(12, |at| format!("  s{at}: {{values: [0, 1]}}\n"));
    let constants = lines(900, |at| format!("  c{at}: {{value: {at}}}\n"));
    accepted("many constants", &format!("{HEAD}parameters:\n{switches}{constants}"));
    let list = lines(50_000, |at| format!("class{at}, "));
    accepted("a large constant", &format!("{HEAD}parameters:\n{switches}  classes: {{value: [{list}]}}\n"));
    let constrained = format!(
        "{HEAD}parameters:\n  classes: {{value: [{list}]}}\n  a: {{min: 0.0, max: 1.0}}\nconstraints: [a < 0.5]\n"
    );
    accepted("a large constant beside a constraint", &constrained);
}

#[test]
fn much_to_decide() {
    let parameters = lines(1_000, |at| format!("  p{at}: {{min: 0, max: 1000000}}\n"));
    let constraints = lines(1_000, |at| format!("  - p{at} >= 0 or p{} < 5\n", 999 - at));
    for method in ["random", "grid"] {
        let file =
            format!("program: p\nmethod: {method}\nparameters:\n{parameters}constraints:\n{constraints}");
        accepted("a thousand constraints", &file);
    }
    let hopeless = "program: p\nmethod: grid\nparameters:\n  a: {min: 1, max: 1000000}\n  b: {min: 1, max: 1000000}\nconstraints: [a + b > 3000000]\n";
    refused("a grid of nothing", hopeless, "combinations that were tried");
    let mut chain = "a > 0".to_owned();
    for _ in 0..50_000 {
        let _never_fails = write!(chain, " and a > 0");
    }
    let file = format!("{HEAD}parameters: {{a: {{min: 0.0, max: 1.0}}}}\nconstraints: [{chain}]\n");
    refused("a long constraint", &file, "too long");
    let children = lines(900, |at| format!("  c{at}: {{min: 0, max: 9, when: {{a: [1, 2, 3, 4, 5]}}}}\n"));
    accepted(
        "many conditions on one of many values",
        &format!("{HEAD}parameters:\n  a: {{distribution: q_uniform, min: 0, max: 9999, q: 1}}\n{children}"),
    );
}

#[test]
fn depth() {
    let open = "a: {parameters: {".repeat(50);
    let close = "}}".repeat(50);
    accepted("fifty groups", &format!("{HEAD}parameters: {{{open}b: {{min: 0.0, max: 1.0}}{close}}}\n"));
    let open = "a: {parameters: {".repeat(5_000);
    refused("five thousand groups", &format!("{HEAD}parameters: {{{open}\n"), "brackets are open");
}
