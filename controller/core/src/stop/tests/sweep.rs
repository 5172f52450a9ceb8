//! When a whole sweep is done.

use std::time::Duration;

use super::*;
use crate::trial::TrialState::{self, Cancelled, Failed, Finished, Running, StoppedEarly};

fn seen(trial: u64, state: TrialState, objective: f64) -> Seen {
    Seen { trial, state, objective: Some(objective) }
}

fn spent(hours: u64, device_hours: u64) -> Spent {
    let hour = Duration::from_secs(3600);
    let now = "2030-01-31T18:00:00Z".parse().expect("is a time");
    Spent { time: hour * hours as u32, device_time: hour * device_hours as u32, now }
}

fn said(rule: &SweepRule, goal: Goal, history: &[Seen], spent: &Spent) -> String {
    let reason = sweep(rule, goal, &Record::of(rule, goal, history), spent);
    reason.map(|reason| reason.to_string()).unwrap_or_default()
}

#[test]
fn a_value_as_good_as_the_target_ends_it_of_a_running_trial_too() {
    let rule = SweepRule { target: Some(0.9), ..SweepRule::default() };
    let says = |goal, state, value| said(&rule, goal, &[seen(3, state, value)], &spent(0, 0));
    assert_eq!(says(Goal::Maximize, Running, 0.9), "target: trial 3 reached 0.9, and 0.9 is enough");
    assert_eq!(says(Goal::Maximize, Finished, 0.95), "target: trial 3 reached 0.95, and 0.9 is enough");
    assert_eq!(says(Goal::Maximize, Finished, 0.89), "");
    assert_eq!(says(Goal::Minimize, StoppedEarly, 0.89), "target: trial 3 reached 0.89, and 0.9 is enough");
    assert_eq!(says(Goal::Maximize, Running, f64::INFINITY), "");
    assert_eq!(said(&rule, Goal::Maximize, &[], &spent(0, 0)), "");
}

#[test]
fn trials_in_a_row_without_a_better_objective_end_it() {
    let rule = SweepRule { no_improvement: Some(3), min_delta: 0.1, ..SweepRule::default() };
    let mut history = vec![seen(1, Finished, 0.5), seen(2, Finished, 0.42), seen(3, StoppedEarly, 0.6)];
    let says = |history: &[Seen]| said(&rule, Goal::Minimize, history, &spent(0, 0));
    assert_eq!(says(&history), "");
    // A running one, a failed and a cancelled one say nothing.
    history.extend([seen(9, Running, 0.6), seen(4, Failed, 0.7), seen(5, Cancelled, 0.7)]);
    assert_eq!(says(&history), "");
    let mut improved = history.clone();
    improved.push(seen(6, Finished, 0.39));
    assert_eq!(says(&improved), "");
    history.push(Seen { trial: 6, state: Finished, objective: None });
    assert_eq!(
        says(&history),
        "no improvement: 3 trials in a row ended with nothing better than 0.5 of trial 1 by 0.1"
    );
    let nothing = [1, 2, 3].map(|trial| Seen { trial, state: Finished, objective: None });
    assert_eq!(says(&nothing), "no improvement: 3 trials in a row ended with no finite value");
}

#[test]
fn budgets_end_it() {
    let hour = Duration::from_secs(3600);
    let rule = SweepRule { time: Some(hour * 3), device_time: Some(hour * 10), ..SweepRule::default() };
    let says = |rule: &SweepRule, time, device| said(rule, Goal::Minimize, &[], &spent(time, device));
    assert_eq!(says(&rule, 2, 9), "");
    assert_eq!(says(&rule, 3, 9), "time: 3 h are over");
    assert_eq!(says(&rule, 2, 10), "device time: 10 h are used up");
    for (deadline, expected) in [
        ("2030-01-31T18:00:00.001Z", ""),
        ("2030-01-31T18:00:00Z", "deadline: 2030-01-31T18:00:00Z has come"),
        ("2030-01-31T18:00:00+01:00", "deadline: 2030-01-31T17:00:00Z has come"),
    ] {
        let deadline = Some(deadline.parse().expect("is a time"));
        assert_eq!(says(&SweepRule { deadline, ..SweepRule::default() }, 99, 99), expected);
    }
}

#[test]
fn reasons_are_written_and_read_back() {
    let rule = SweepRule { target: Some(1.0), ..SweepRule::default() };
    let record = Record::of(&rule, Goal::Minimize, &[seen(1, Finished, 0.5)]);
    let reason = sweep(&rule, Goal::Minimize, &record, &spent(0, 0)).expect("is done");
    let text = serde_json::to_string(&reason).expect("is written");
    assert_eq!(text, r#"{"rule":"target","trial":1,"value":0.5,"target":1.0}"#);
    assert_eq!(serde_json::from_str::<SweepReason>(&text).expect("is read"), reason);
    let text = serde_json::to_string(&record).expect("is written");
    assert_eq!(serde_json::from_str::<Record>(&text).expect("is read"), record);
}
