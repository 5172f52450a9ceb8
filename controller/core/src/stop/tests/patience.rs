//! Patience, by tables worked by hand.

use super::*;

fn rule(min_delta: f64, grace: f64) -> Patience {
    Patience { resource: Resource::Epoch, patience: 3.0, min_delta, grace }
}

/// The epoch at which a curve is stopped, and why.
fn end(rule: Patience, goal: Goal, values: &[f64]) -> Option<(f64, String)> {
    let judge = Judge::new(Rule::Patience(rule), goal);
    let mut rungs = Rungs::default();
    curve(values).iter().find_map(|point| {
        let verdict = rungs.report(&judge, 1, &[*point]);
        (verdict != Verdict::Continue).then(|| (point.epoch, reason(&verdict)))
    })
}

#[test]
fn a_trial_that_gets_no_better_is_stopped() {
    let nan = f64::NAN;
    let minimize = |min_delta, grace, values: &[f64]| end(rule(min_delta, grace), Goal::Minimize, values);
    assert_eq!(
        minimize(0.0, 0.0, &[0.9, 0.5, 0.5, 0.6, 0.7, 0.1]),
        Some((5.0, "patience: at epoch 5 nothing better than 0.5 since epoch 2".to_owned()))
    );
    assert_eq!(minimize(0.0, 0.0, &[0.9, 0.5, 0.6, 0.6, 0.4, 0.6, 0.6]), None);
    // Small steps down are no improvement, until they come to one.
    assert_eq!(
        minimize(0.1, 0.0, &[0.9, 0.5, 0.45, 0.42, 0.41]),
        Some((5.0, "patience: at epoch 5 nothing better than 0.5 by 0.1 since epoch 2".to_owned()))
    );
    assert_eq!(minimize(0.1, 0.0, &[0.9, 0.5, 0.45, 0.42, 0.39, 0.38, 0.37]), None);
    assert_eq!(
        minimize(0.0, 0.0, &[nan; 4]),
        Some((3.0, "patience: at epoch 3 nothing better than no finite value since epoch 0".to_owned()))
    );
    assert_eq!(minimize(0.0, 0.0, &[nan, nan, 0.5, nan, f64::NEG_INFINITY]), None);
    assert_eq!(minimize(0.0, 6.0, &[0.5; 8]).map(|(epoch, _)| epoch), Some(6.0));
    assert_eq!(end(rule(0.0, 0.0), Goal::Maximize, &[0.5, 0.4, 0.3, 0.2]).map(|(epoch, _)| epoch), Some(4.0));
    assert_eq!(end(rule(0.0, 0.0), Goal::Maximize, &[0.1, 0.2, 0.3, 0.4, 0.5, 0.6]), None);
}

#[test]
fn another_attempt_is_judged_by_what_is_visible_of_it() {
    let judge = Judge::new(Rule::Patience(rule(0.0, 0.0)), Goal::Minimize);
    let mut rungs = Rungs::default();
    rungs.report(&judge, 1, &curve(&[0.9, 0.5, 0.6, 0.7]));
    // It goes on from epoch 1: the 0.5 at epoch 2 was never there.
    rungs.resume(&judge, 1, &curve(&[0.9]));
    let mut verdicts = [2.0, 3.0, 4.0].map(|epoch| rungs.report(&judge, 1, &[at(epoch, 0.95)]));
    assert_eq!(verdicts.each_ref().map(word), ["go", "go", "stop"]);
    assert_eq!(reason(&verdicts[2]), "patience: at epoch 4 nothing better than 0.9 since epoch 1");
    // What was decided stands, until a person wants it otherwise.
    verdicts[0] = rungs.report(&judge, 1, &[at(5.0, 0.1)]);
    assert_eq!(word(&verdicts[0]), "stop");
    rungs.spare(1);
    assert_eq!(word(&rungs.report(&judge, 1, &[at(99.0, 0.9)])), "go");
}
