use serde_json::json;

use super::*;

fn session(more: &str) -> Session {
    let text = format!(
        "program: p\nmetric: {{name: loss}}\nparameters:\n  a: {{min: 0.0, max: 1.0}}\n  b: {{values: [x, y]}}\n{more}"
    );
    Session::new(spec::parse(&text).spec.expect("is valid"), 7)
}

/// The whole talk, lines told as they come.
fn talk(session: &mut Session, lines: &[&str]) -> String {
    let mut out = String::new();
    for (number, line) in (1..).zip(lines) {
        let answers =
            session.answer(line).unwrap_or_else(|error| vec![json!({"error": error, "line": number})]);
        out.push_str(&format!("> {line}\n"));
        out.extend(answers.iter().map(|answer| format!("{answer}\n")));
    }
    out
}

#[test]
fn a_talk_reads_as_it_is_documented() {
    let mut session = session("method: tpe\nrun_cap: 4\n");
    insta::assert_snapshot!(talk(
        &mut session,
        &[
            r#"{"ask": 1}"#,
            r#"{"ask": 2}"#,
            r#"{"tell": {"trial": 2, "value": 0.5}}"#,
            r#"{"tell": {"trial": 1, "step": 1, "value": 0.75}}"#,
            r#"{"tell": {"trial": 1, "step": 2, "value": 0.25}}"#,
            r#"{"tell": {"trial": 1, "step": 3, "value": "NaN"}}"#,
            r#"{"tell": {"trial": 1, "state": "finished"}}"#,
            r#"{"tell": {"trial": 3, "state": "failed"}}"#,
            r#"{"ask": 3}"#,
            r#"{"tell": {"trial": 4, "value": 0.125}}"#,
            r#"{"ask": 1}"#,
        ]
    ));
}

#[test]
fn mistakes_are_told_and_change_nothing() {
    let mut session = session("method: random\n");
    talk(&mut session, &[r#"{"ask": 2}"#, r#"{"tell": {"trial": 2, "value": 1}}"#]);
    let before = format!("{session:?}");
    insta::assert_snapshot!(talk(
        &mut session,
        &[
            "ask 1",
            "[1]",
            "{}",
            r#"{"ask": 0}"#,
            r#"{"ask": 1, "tell": {"trial": 1, "value": 2}}"#,
            r#"{"tell": {"value": 2}}"#,
            r#"{"tell": {"trial": 3, "value": 2}}"#,
            r#"{"tell": {"trial": 0, "value": 2}}"#,
            r#"{"tell": {"trial": 1}}"#,
            r#"{"tell": {"trial": 1, "step": 3}}"#,
            r#"{"tell": {"trial": 1, "value": "big"}}"#,
            r#"{"tell": {"trial": 1, "value": 1, "state": "lost"}}"#,
            r#"{"tell": {"trial": 1, "loss": 2}}"#,
            r#"{"tell": {"trial": 1, "value": 1, "epoch": -1}}"#,
            r#"{"tell": {"trial": 2, "value": 2}}"#,
        ]
    ));
    assert_eq!(format!("{session:?}"), before);
}

const EPOCH: &str = "early_terminate: {type: asha, resource: epoch, min: 1, max: 9";

fn told(session: &mut Session, line: &str) -> Value {
    session.answer(line).expect("is understood").remove(0)
}

#[test]
fn trials_are_stopped_by_the_files_rule() {
    let mut session = session(&format!("method: random\n{EPOCH}}}\n"));
    session.answer(r#"{"ask": 4}"#).expect("is understood");
    for (trial, value) in [(1, 0.1), (2, 0.2), (3, 0.05)] {
        let answer =
            told(&mut session, &format!(r#"{{"tell": {{"trial": {trial}, "epoch": 1, "value": {value}}}}}"#));
        // Of up to five one goes on: the best so far.
        assert_eq!(answer["verdict"], if trial == 2 { "stop" } else { "continue" }, "{answer}");
    }
    let late = told(&mut session, r#"{"tell": {"trial": 2, "epoch": 2, "value": 0.01}}"#);
    assert_eq!((&late["state"], &late["objective"]), (&"stopped_early".into(), &0.2.into()));
    assert_eq!(late["reason"], "asha: 0.2 at epoch 1 is rank 2 of 2, of which 1 goes on (to 0.1)");
    let last = told(&mut session, r#"{"tell": {"trial": 4, "epoch": 1, "value": 0.3, "state": "finished"}}"#);
    assert_eq!((&last["state"], last.get("verdict")), (&"finished".into(), None), "it was through already");
}

#[test]
fn held_trials_are_given_again() {
    let mut session = session(&format!("method: random\nrun_cap: 3\n{EPOCH}, promote: pause}}\n"));
    session.answer(r#"{"ask": 3}"#).expect("is understood");
    for (trial, value) in [(1, 0.1), (2, 0.2)] {
        let answer =
            told(&mut session, &format!(r#"{{"tell": {{"trial": {trial}, "epoch": 1, "value": {value}}}}}"#));
        assert_eq!((&answer["verdict"], &answer["state"]), (&"pause".into(), &"paused".into()));
    }
    // Nobody goes on before there are three; the third one does not run to there, but may.
    let none = told(&mut session, r#"{"ask": 1}"#);
    assert_eq!(none, json!({"over": "run_cap: 3 trials were asked for", "running": 1, "held": 2}));
    told(&mut session, r#"{"tell": {"trial": 3, "epoch": 1, "value": 0.3}}"#);
    let again = told(&mut session, r#"{"ask": 1}"#);
    assert_eq!((&again["trial"], &again["resume"]), (&1.into(), &true.into()));
    assert_eq!(again["reason"], "asha: 0.1 at epoch 1 is rank 1 of 3, of which 1 goes on (to 0.1)");
    // It is alone at the next rung: held there, and let on because nobody else will come.
    let held = told(&mut session, r#"{"tell": {"trial": 1, "epoch": 3, "value": 0.09}}"#);
    assert_eq!(held["verdict"], "pause");
    assert_eq!(told(&mut session, r#"{"ask": 1}"#)["trial"], 1);
    told(&mut session, r#"{"tell": {"trial": 1, "epoch": 9, "value": 0.08, "state": "finished"}}"#);
    assert_eq!(told(&mut session, r#"{"ask": 1}"#)["held"], 2);
}

#[test]
fn a_sweep_is_over_by_its_own_rule() {
    let mut session = session("method: random\nstop: {no_improvement: 2}\n");
    session.answer(r#"{"ask": 3}"#).expect("is understood");
    for (trial, value) in [(1, 0.1), (2, 0.2), (3, 0.3)] {
        told(&mut session, &format!(r#"{{"tell": {{"trial": {trial}, "value": {value}}}}}"#));
    }
    let over = told(&mut session, r#"{"ask": 1}"#);
    assert!(over["over"].as_str().is_some_and(|why| why.starts_with("no improvement: 2 trials")), "{over}");
    // Nor does a held trial go on then.
    let target = "stop: {no_improvement: 1}\nmethod: random\nearly_terminate: {type: asha, resource: epoch, min: 1, max: 9, promote: pause}\n";
    let mut session = self::session(target);
    session.answer(r#"{"ask": 3}"#).expect("is understood");
    for line in [
        r#"{"tell": {"trial": 1, "epoch": 1, "value": 0.2}}"#,
        r#"{"tell": {"trial": 2, "value": 0.1}}"#,
        r#"{"tell": {"trial": 3, "value": 0.3}}"#,
    ] {
        told(&mut session, line);
    }
    let over = told(&mut session, r#"{"ask": 1}"#);
    assert_eq!((&over["held"], &over["running"]), (&1.into(), &0.into()), "{over}");
}
