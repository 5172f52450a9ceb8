use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::search::Foreign;
use crate::spec::{Method, SweepSpec};
use crate::stop::{Asha, Bands, Hyperband, Median, Patience, Promote, Resource, Rule};
use crate::stream::{GOLDEN, fraction, mix};

/// A curve with a point each so many seconds.
fn curve(seconds: f64, values: &[f64]) -> Vec<Point> {
    let points = values.iter().zip(1_u64..).map(|(&value, step)| Point {
        step,
        epoch: step as f64,
        seconds: seconds * step as f64,
        value,
    });
    points.collect()
}

fn asha(promote: Promote) -> Judge {
    let rule =
        Asha { resource: Resource::Epoch, min: 1.0, max: 9.0, eta: 3.0, grace: 0.0, brackets: 1, promote };
    Judge::new(Rule::Asha(rule), Goal::Minimize)
}

/// Proposes 0, 1, 2, ...
fn count<P: From<u32>>(_: &[Trial<P>], number: u64) -> Option<P> {
    u32::try_from(number - 1).ok().map(P::from)
}

#[test]
fn workers_share_the_trials_and_time_goes_on_for_each() {
    let curves = [curve(10.0, &[5.0, 4.0]), curve(4.0, &[6.0, 3.0, 2.0]), curve(5.0, &[1.0]), Vec::new()];
    let mut table = Function(|_, at: &u32| curves[*at as usize].clone());
    let setup = Setup { workers: 2, ..Setup::new(Goal::Minimize, 4) };
    let out = play(&setup, &mut table, &mut count);
    // Trial 1 from 0 to 20; trial 2 from 0 to 12; trial 3 from 12 to 17; trial 4 ends where it begins, at 17.
    assert_eq!(
        out.trials.iter().map(|trial| trial.objective).collect::<Vec<_>>(),
        [Some(4.0), Some(2.0), Some(1.0), None]
    );
    assert!(out.trials.iter().all(|trial| trial.state == TrialState::Finished));
    assert_eq!(out.by_trials, [Some(2.0), Some(1.0), Some(1.0), Some(1.0)]);
    let seen: Vec<_> =
        out.improvements.iter().map(|one| (one.seconds, one.device_seconds, one.trial, one.value)).collect();
    assert_eq!(seen, [(4.0, 8.0, 2, 6.0), (8.0, 16.0, 2, 3.0), (12.0, 24.0, 2, 2.0), (17.0, 34.0, 3, 1.0)]);
    assert_eq!((out.seconds, out.used), (20.0, 37.0));
    assert_eq!((out.best_after(0), out.best_after(1), out.best_after(9)), (None, Some(2.0), Some(1.0)));
    assert_eq!((out.best_within(15.9), out.best_within(16.0)), (Some(6.0), Some(3.0)));
    assert_eq!((out.device_seconds_to(3.0), out.device_seconds_to(0.5)), (Some(16.0), None));
}

#[test]
fn the_search_sees_what_the_trials_have_shown() {
    let mut table = Function(|_, at: &u32| curve(1.0, &[f64::from(*at), f64::NAN]));
    let mut seen = Vec::new();
    let mut propose = |trials: &[Trial<u32>], number: u64| {
        seen.push(trials.iter().map(|trial| (trial.state.word(), trial.objective)).collect::<Vec<_>>());
        (number <= 3).then_some(number as u32)
    };
    let setup = Setup { workers: 2, ..Setup::new(Goal::Minimize, 10) };
    let out = play(&setup, &mut table, &mut propose);
    assert_eq!(out.trials.len(), 3);
    assert_eq!(seen[1], [("running", None)]);
    // Trial 1 is through; trial 2 comes to its last point at the same time, after it.
    assert_eq!(seen[2], [("finished", Some(1.0)), ("running", Some(2.0))]);
    assert_eq!(seen.len(), 4, "once it has nothing more it is not asked again");
}

/// Nine trials, of which number `n` goes down from `n` by a hundredth each epoch.
fn nine() -> Function<impl FnMut(u64, &u32) -> Vec<Point>> {
    Function(|_, at: &u32| {
        let values: Vec<f64> = (1..=9).map(|epoch| f64::from(10 - *at) - f64::from(epoch) / 100.0).collect();
        curve(1.0, &values)
    })
}

#[test]
fn trials_that_are_stopped_or_held_cost_less() {
    let plain = Setup::new(Goal::Minimize, 9);
    let all = play(&plain, &mut nine(), &mut count);
    assert_eq!((all.used, all.trials[8].objective), (81.0, Some(1.91)));
    // Better and better trials: whoever comes is the best so far, and none is stopped.
    let stop = Setup { judge: Some(asha(Promote::Stop)), ..plain.clone() };
    assert_eq!(play(&stop, &mut nine(), &mut count).used, 81.0);
    // Three of nine pass epoch 1, one of these passes epoch 3: 9 + 3 * 2 + 6.
    let pause = Setup { judge: Some(asha(Promote::Pause)), ..plain };
    let held = play(&pause, &mut nine(), &mut count);
    assert_eq!(held.used, 21.0);
    let went: Vec<_> = held.trials.iter().map(|trial| trial.points().len()).collect();
    assert_eq!(went, [1, 1, 3, 1, 1, 3, 1, 1, 9]);
    assert_eq!(held.trials[8].state, TrialState::Finished);
    assert!(held.trials[..8].iter().all(|trial| trial.state == TrialState::StoppedEarly));
    assert!(held.trials[0].verdict.reason().is_some());
    assert_eq!((held.by_trials.len(), held.resumed), (9, 0));
}

#[test]
fn held_trials_go_on_where_they_were_for_a_price() {
    // Worse and worse trials: the first is the best, and is let past epoch 1 when the third comes.
    let mut table = Function(|_, at: &u32| curve(1.0, &[f64::from(*at); 9]));
    let setup =
        Setup { judge: Some(asha(Promote::Pause)), resume_seconds: 0.5, ..Setup::new(Goal::Minimize, 3) };
    let out = play(&setup, &mut table, &mut count);
    assert_eq!(out.trials[0].points().len(), 9);
    // At epoch 3 it is alone, and is let past at the end: resumed twice.
    assert_eq!((out.resumed, out.used, out.seconds), (2, 12.0, 12.0));
}

#[test]
fn a_rule_for_the_sweep_ends_the_search() {
    let stop = SweepRule { no_improvement: Some(2), ..SweepRule::default() };
    let mut table = Function(|_, at: &u32| curve(1.0, &[if *at == 3 { 0.0 } else { 1.0 }]));
    let setup = Setup { stop, ..Setup::new(Goal::Minimize, 100) };
    let out = play(&setup, &mut table, &mut count);
    assert_eq!(out.trials.len(), 3, "1, and twice no better");
    assert!(out.stopped.is_some_and(|reason| reason.to_string().starts_with("no improvement")));
    let stop = SweepRule { device_time: Some(Duration::from_secs(5)), ..SweepRule::default() };
    let setup = Setup { stop, workers: 2, ..Setup::new(Goal::Minimize, 100) };
    assert_eq!(play(&setup, &mut table, &mut count).used, 6.0);
}

#[test]
fn a_play_is_a_function_of_its_seed() {
    let plain = Setup { workers: 3, judge: Some(asha(Promote::Stop)), ..Setup::new(Goal::Minimize, 50) };
    let play = |seed, spread| {
        let setup = Setup { seed, spread, ..plain.clone() };
        let mut table = Function(|number: u64, _: &u32| {
            let start = (number * 7919 % 101) as f64;
            curve(1.0, &[start, start / 2.0, start / 3.0, start / 4.0])
        });
        play(&setup, &mut table, &mut count)
    };
    assert_eq!(play(1, 0.5), play(1, 0.5));
    assert_ne!(play(1, 0.5).by_trials, play(2, 0.5).by_trials);
    assert_eq!(play(1, 0.0), play(2, 0.0));
    let factors: Vec<f64> =
        (1..=1000).map(|number| factor(&Setup { spread: 0.5, ..plain.clone() }, number).ln()).collect();
    let mean = factors.iter().sum::<f64>() / 1000.0;
    let deviation = (factors.iter().map(|factor| (factor - mean).powi(2)).sum::<f64>() / 1000.0).sqrt();
    assert!(mean.abs() < 0.05 && (deviation - 0.5).abs() < 0.05, "{mean} {deviation}");
}

fn spec(method: &str, more: &str) -> SweepSpec {
    let text = format!(
        "program: p\nmethod: {method}\nmetric: {{name: loss}}\nparameters:\n  lr: {{distribution: log_uniform_values, min: 1e-5, max: 1.0}}\n  \
         optimizer: {{values: [sgd, adam]}}\n{more}"
    );
    crate::spec::parse(&text).spec.expect("is valid")
}

fn values(lr: f64, optimizer: &str) -> Vec<Option<Value>> {
    vec![Some(json!(lr)), Some(json!(optimizer))]
}

fn rows() -> Rows {
    let row = |lr, optimizer, value| (values(lr, optimizer), curve(1.0, &[value]));
    let rows =
        vec![row(1e-4, "sgd", 4.0), row(1e-3, "sgd", 3.0), row(1e-2, "adam", 2.0), row(1e-1, "adam", 1.0)];
    Rows::new(&spec("random", ""), rows).expect("are points")
}

#[test]
fn whatever_the_order_all_rows_are_played_once() {
    let rows = rows();
    for order in [[0, 1, 2, 3], [3, 1, 0, 2]] {
        let mut propose = |_: &[Trial<usize>], number: u64| order.get(number as usize - 1).copied();
        let out = play(&Setup::new(Goal::Minimize, 9), &mut rows.unused(), &mut propose);
        assert_eq!((out.trials.len(), out.best_after(4), out.used), (4, Some(1.0), 4.0));
    }
}

#[test]
fn every_method_plays_every_row_once_and_in_an_order_of_its_own() {
    let row = |at: u32| {
        let lr = 10_f64.powf(-5.0 + 5.0 * f64::from(at) / 40.0);
        let optimizer = if at.is_multiple_of(2) { "sgd" } else { "adam" };
        let far = (lr.log10() + 2.0).powi(2) + f64::from(at % 2);
        (values(lr, optimizer), curve(1.0, &[far + 1.0, far]))
    };
    let rows = Rows::new(&spec("random", ""), (0..40).map(row).collect()).expect("are points");
    let setup = Setup { workers: 3, ..Setup::new(Goal::Minimize, 99) };
    let mut ends = Vec::new();
    for method in Method::ALL {
        let spec = SweepSpec { method, ..spec("random", "") };
        let out = rows.play(&spec, &setup, 5);
        let mut order: Vec<usize> = out.trials.iter().map(|trial| trial.params).collect();
        assert_eq!(out, rows.play(&spec, &setup, 5), "{method:?}");
        if !matches!(method, Method::Grid) {
            assert_ne!(
                order,
                rows.play(&spec, &setup, 6).trials.iter().map(|t| t.params).collect::<Vec<_>>()
            );
            assert!(!order.is_sorted(), "{method:?}");
        }
        order.sort_unstable();
        assert_eq!(order, (0..40).collect::<Vec<_>>(), "{method:?}");
        assert_eq!((out.used, rows.seconds()), (80.0, 80.0));
        ends.push((method, out));
    }
    // The best row is at the tenth of a learning rate's range; who learns is there long before chance is.
    let best = |method: Method, seeds: u64| -> f64 {
        let times = (0..seeds).map(|seed| {
            let out = rows.play(&SweepSpec { method, ..spec("random", "") }, &setup, seed);
            out.device_seconds_to(0.05).expect("all rows are played")
        });
        quartiles(times.collect()).expect("are some")[1]
    };
    let random = best(Method::Random, 101);
    for method in [Method::Bayes, Method::Tpe, Method::Auto] {
        let learned = best(method, 9);
        assert!(learned < 0.8 * random, "{method:?}: {learned} of {random}");
    }
}

#[test]
fn rows_of_another_space_are_refused_by_place() {
    let rows = |lr| {
        Rows::new(
            &spec("random", "constraints: [lr < 0.5]\n"),
            vec![(values(0.1, "sgd"), Vec::new()), (values(lr, "sgd"), Vec::new())],
        )
    };
    assert_eq!(rows(0.2).expect("are points").len(), 2);
    assert!(matches!(rows(7.0), Err((1, Foreign::Misfit { .. }))));
    assert!(matches!(rows(0.9), Err((1, Foreign::Forbidden(_)))));
}

#[test]
fn equal_rows_are_one_trial() {
    let row = (values(0.1, "sgd"), curve(1.0, &[1.0]));
    let rows = Rows::new(&spec("random", ""), vec![row.clone(), row]).expect("are points");
    for method in Method::ALL {
        let out = rows.play(&SweepSpec { method, ..spec("random", "") }, &Setup::new(Goal::Minimize, 9), 1);
        assert_eq!(out.trials.len(), 1, "{method:?}");
    }
}

/// Made-up trials of 27 epochs: noisy power laws, whose ends are hinted at from the beginning.
fn power_laws(count: u64) -> Rows {
    let mut state = 7_u64;
    // SplitMix64.
    let mut unit = || {
        state = state.wrapping_add(GOLDEN);
        fraction(mix(state))
    };
    let mut row = |at: u64| {
        let (end, fall, speed) = (unit(), 0.3 + 0.5 * unit(), 0.5 + unit());
        let values = (1..=27).map(|epoch| end + fall * f64::from(epoch).powf(-speed) + 0.04 * (unit() - 0.5));
        let values: Vec<f64> = values.collect();
        (vec![Some(json!(at))], curve(1.0, &values))
    };
    let spec = "program: p\nmethod: random\nparameters: {at: {min: 0, max: 1000}}\n";
    let spec = crate::spec::parse(spec).spec.expect("is valid");
    Rows::new(&spec, (0..count).map(&mut row).collect()).expect("are points")
}

/// Device time until the best value that plain random search finds is seen, as a share of what it needs: the median of
/// 21 orders of the rows.
fn share_of_time(rows: &Rows, rule: Rule) -> f64 {
    let play = |turn: usize, judge: Option<Judge>| {
        let count = rows.len();
        let mut propose = |_: &[Trial<usize>], number: u64| Some((number as usize * 37 + turn * 13) % count);
        let setup = Setup { workers: 4, judge, ..Setup::new(Goal::Minimize, count as u64) };
        play(&setup, &mut rows.unused(), &mut propose)
    };
    let mut shares: Vec<f64> = (0..21)
        .map(|turn| {
            let plain = play(turn, None);
            // As good as that, give or take half the noise.
            let best = plain.improvements.last().map_or(f64::NAN, |one| one.value) + 0.02;
            let ruled = play(turn, Some(Judge::new(rule, Goal::Minimize)));
            let time = |out: &Outcome<usize>| out.device_seconds_to(best).unwrap_or(f64::INFINITY);
            time(&ruled) / time(&plain)
        })
        .collect();
    shares.sort_by(f64::total_cmp);
    shares[10]
}

#[test]
fn rules_find_as_good_a_trial_in_less_device_time() {
    let rows = power_laws(81);
    let asha = |promote, brackets| {
        let (resource, min, max, eta, grace) = (Resource::Epoch, 1.0, 27.0, 3.0, 0.0);
        Rule::Asha(Asha { resource, min, max, eta, grace, brackets, promote })
    };
    let resource = Resource::Epoch;
    let shares = [
        asha(Promote::Stop, 1),
        asha(Promote::Pause, 1),
        asha(Promote::Pause, 3),
        Rule::Hyperband(Hyperband { bands: Bands::From { min_iter: 1 }, eta: 3.0, strict: true }),
        Rule::Median(Median { resource, interval: 1.0, grace: 2.0, min_trials: 5 }),
        Rule::Patience(Patience { resource, patience: 3.0, min_delta: 0.0, grace: 0.0 }),
    ]
    .map(|rule| share_of_time(&rows, rule));
    let [stop, pause, brackets, hyperband, median, patience] = shares;
    assert!(stop < 0.25 && pause < 0.25 && hyperband < 0.25, "{shares:?}");
    // Brackets hedge, for a price.
    assert!(brackets < 1.0 && median < 0.6 && patience < 0.8, "{shares:?}");
}

proptest! {
    /// Whatever the curves, the workers and their speeds: a rung is passed by no more than its share, the end aside,
    /// when its best may go on; nobody goes past `max`; and device time is what the trials used.
    #[test]
    fn no_more_is_used_than_the_bracket_allows(
        digits in prop::collection::vec(0..7_u8, 1..40),
        workers in 1..6_usize,
        eta in prop::sample::select(vec![2.0, 3.0]),
        brackets in 1..4_u32,
        seed in any::<u64>(),
    ) {
        let rule = Asha {
            resource: Resource::Epoch,
            min: 1.0,
            max: 12.0,
            eta,
            grace: 0.0,
            brackets,
            promote: Promote::Pause,
        };
        let judge = Judge::new(Rule::Asha(rule), Goal::Minimize);
        let mut table = Function(|_, digit: &u32| {
            let value = if *digit == 6 { f64::NAN } else { f64::from(*digit) };
            curve(1.0, &[value; 20])
        });
        let setup = Setup {
            workers,
            judge: Some(judge.clone()),
            seed,
            spread: 0.7,
            ..Setup::new(Goal::Minimize, digits.len() as u64)
        };
        let mut propose = |_: &[Trial<u32>], number: u64| Some(u32::from(digits[number as usize - 1]));
        let out = play(&setup, &mut table, &mut propose);
        prop_assert_eq!(out.trials.len(), digits.len());
        for bracket in 0..brackets {
            let trials: Vec<usize> = out
                .trials
                .iter()
                .filter(|trial| judge.bracket(trial.number) == bracket)
                .map(|trial| trial.points().len())
                .collect();
            for rung in rule.ladder(bracket) {
                let reached = trials.iter().filter(|epochs| **epochs as f64 >= rung).count();
                let past = trials.iter().filter(|epochs| **epochs as f64 > rung).count();
                let most = ((reached as f64 / eta) as usize).max(1);
                prop_assert!(past <= most, "{past} of {reached} went past {rung}");
                // And the best of those that came went to the end.
                prop_assert!(reached == 0 || past > 0);
            }
            // One point past it tells that it is past it.
            prop_assert!(trials.iter().all(|epochs| *epochs <= 13));
        }
        let used: f64 = out.trials.iter().map(|trial| trial.used).sum();
        prop_assert!((out.used - used).abs() < 1e-6 * used.max(1.0), "{} {}", out.used, used);
        prop_assert!(out.trials.iter().all(|trial| trial.state.is_over()));
    }
}
