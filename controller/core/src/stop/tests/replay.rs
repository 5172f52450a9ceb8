//! The state folded as things happen is the one rebuilt from their history, for every rule.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn judges() -> Vec<Judge> {
    let rules = [
        Rule::Hyperband(Hyperband { bands: Bands::From { min_iter: 1 }, eta: 2.0, strict: true }),
        Rule::Hyperband(Hyperband { bands: Bands::Before { max_iter: 9, s: 2 }, eta: 2.0, strict: false }),
        Rule::Asha(Asha { brackets: 2, ..asha(2.0, 8.0, Promote::Stop) }),
        Rule::Asha(Asha { brackets: 2, ..asha(2.0, 8.0, Promote::Pause) }),
        Rule::Median(Median { resource: Resource::Step, interval: 20.0, grace: 0.0, min_trials: 2 }),
        Rule::Patience(Patience { resource: Resource::Seconds, patience: 120.0, min_delta: 0.1, grace: 0.0 }),
    ];
    rules
        .into_iter()
        .flat_map(|rule| [Goal::Minimize, Goal::Maximize].map(|goal| Judge::new(rule, goal)))
        .collect()
}

#[derive(Debug, Clone)]
enum Act {
    /// So many more points, with values made of a digit.
    Report(u64, u8, u8),
    /// On from this share of its steps; 0: from the beginning.
    Resume(u64, u8),
    Promote,
    Spare(u64),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        8 => (1..9_u64, 1..4_u8, 0..7_u8).prop_map(|(trial, points, digit)| Act::Report(trial, points, digit)),
        1 => (1..9_u64, 0..5_u8).prop_map(|(trial, share)| Act::Resume(trial, share)),
        2 => Just(Act::Promote),
        1 => (1..9_u64).prop_map(Act::Spare),
    ];
    prop::collection::vec(act, 1..80)
}

fn value(digit: u8, epoch: f64) -> f64 {
    match digit {
        6 => f64::NAN,
        5 => f64::INFINITY,
        digit => f64::from(digit) / (1.0 + epoch),
    }
}

/// As much of the state as points of one trial need, out of rows.
fn part(judge: &Judge, rungs: &Rungs, trial: u64, points: &[Point]) -> Rungs {
    let own: BTreeMap<u64, Progress> =
        rungs.trials().get(&trial).map(|progress| (trial, progress.clone())).into_iter().collect();
    let mut probe = Rungs::from_rows(judge, [], own.clone());
    probe.report(judge, trial, points);
    let places = probe.places(judge, trial);
    let needed = rungs.rungs().iter().filter(|rung| places.contains(&(rung.bracket, rung.number)));
    let rows =
        needed.flat_map(|rung| rung.entries.iter().rev().map(|entry| (rung.bracket, rung.number, *entry)));
    Rungs::from_rows(judge, rows, own)
}

proptest! {
    #[test]
    fn what_is_folded_is_what_is_rebuilt(acts in acts(), at_judge in any::<prop::sample::Index>()) {
        let judges = judges();
        let judge = &judges[at_judge.index(judges.len())];
        let mut rungs = Rungs::default();
        let mut history = Vec::new();
        let mut curves: BTreeMap<u64, Vec<Point>> = BTreeMap::new();
        for act in acts {
            match act {
                Act::Report(trial, points, digit) => {
                    let curve = curves.entry(trial).or_default();
                    let last = curve.last().map_or(0.0, |point| point.epoch);
                    let new: Vec<Point> = (1..=points)
                        .map(|more| at(last + f64::from(more), value(digit, last + f64::from(more))))
                        .collect();
                    curve.extend(&new);
                    history.extend(new.iter().map(|&point| Event::Reported { trial, point }));
                    let mut part = part(judge, &rungs, trial, &new);
                    let said = rungs.report(judge, trial, &new);
                    prop_assert_eq!(&said, &part.report(judge, trial, &new), "by a part of the state");
                    prop_assert_eq!(rungs.trials().get(&trial), part.trials().get(&trial));
                    prop_assert_eq!(&said, &rungs.verdict(judge, trial), "asked again");
                }
                Act::Resume(trial, share) => {
                    let curve = curves.entry(trial).or_default();
                    curve.truncate(curve.len() * usize::from(share) / 4);
                    let step = curve.last().map(|point| point.step);
                    history.push(Event::Resumed { trial, step });
                    rungs.resume(judge, trial, curve);
                }
                Act::Promote => {
                    for promotion in rungs.promotions(judge, &|_| true, 1, false) {
                        prop_assert!(rungs.promote(judge, promotion.trial));
                        let Promotion { trial, standing } = promotion;
                        history.push(Event::Promoted { trial, standing, closing: false });
                    }
                }
                Act::Spare(trial) => {
                    rungs.spare(trial);
                    history.push(Event::Spared { trial });
                }
            }
            // As a store keeps it.
            let text = serde_json::to_string(&rungs).expect("is written");
            rungs = serde_json::from_str(&text).expect("is read");
        }
        let text = serde_json::to_string(&history.iter().collect::<Vec<_>>()).expect("is written");
        let history: Vec<Event> = serde_json::from_str(&text).expect("is read");
        prop_assert_eq!(&rungs, &Rungs::of(judge, &history));
        for trial in 1..9 {
            prop_assert_eq!(rungs.verdict(judge, trial), verdict(judge, &history, trial));
        }
    }
}

/// As the visible curve has it: a resume at step 0 hides what was there.
#[test]
fn a_resume_at_step_0_begins_again() {
    for judge in judges() {
        let point = Point { step: 0, epoch: 0.0, seconds: 0.0, value: 0.5 };
        let mut live = Rungs::default();
        live.report(&judge, 1, &[point]);
        live.resume(&judge, 1, &[]);
        let history = [Event::Reported { trial: 1, point }, Event::Resumed { trial: 1, step: Some(0) }];
        assert_eq!(Rungs::of(&judge, &history), live, "{}", judge.rule().word());
    }
}
