use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::stop::{Asha, Bands, Hyperband, Median, Patience, Promote, Resource, Rule};
use crate::value::Params;

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

fn params(lr: f64, optimizer: &str) -> Params {
    Params::from([("model".into(), json!({"lr": lr})), ("optimizer".into(), json!(optimizer))])
}

fn rows() -> Rows {
    let row = |lr, optimizer, value| (params(lr, optimizer), curve(1.0, &[value]));
    Rows::new(vec![
        row(1e-4, "sgd", 4.0),
        row(1e-3, "sgd", 3.0),
        row(1e-2, "adam", 2.0),
        row(1e-1, "adam", 1.0),
    ])
}

#[test]
fn a_trial_gets_the_nearest_row_that_is_left() {
    let rows = rows();
    let mut table = rows.unused();
    let mut take = |lr, optimizer| -> Option<(Params, f64)> {
        let (params, curve) = table.take(1, params(lr, optimizer))?;
        Some((params, curve[0].value))
    };
    // By rank 2e-3 lies at 0.37: nearer to 1e-3 at a third than to 1e-2 at two thirds.
    assert_eq!(take(2e-3, "sgd"), Some((params(1e-3, "sgd"), 3.0)));
    // Again: 1e-4 is a third away, 1e-2 nearly as far and of another optimizer.
    assert_eq!(take(2e-3, "sgd"), Some((params(1e-4, "sgd"), 4.0)));
    // Far below all; of the rows left both are another optimizer's.
    assert_eq!(take(1e-9, "rmsprop"), Some((params(1e-2, "adam"), 2.0)));
    assert_eq!(take(1e-9, "sgd"), Some((params(1e-1, "adam"), 1.0)));
    assert_eq!(take(1e-9, "sgd"), None);
    assert_eq!((rows.len(), rows.is_empty()), (4, false));
}

#[test]
fn parameters_that_a_row_lacks_and_equal_ones_are_told_apart() {
    let rows = Rows::new(vec![
        (Params::from([("a".into(), json!(1))]), curve(1.0, &[1.0])),
        (Params::from([("a".into(), json!(1)), ("b".into(), json!([1, 2]))]), curve(1.0, &[2.0])),
    ]);
    let second = rows.unused().take(1, Params::from([("b".into(), json!([1, 2]))])).expect("is left");
    assert_eq!(second.1[0].value, 2.0);
    // As near to both: the first.
    let first = rows.unused().take(1, Params::from([("a".into(), json!(7))])).expect("is left");
    assert_eq!(first.1[0].value, 1.0);
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

/// Made-up trials of 27 epochs: noisy power laws, whose ends are hinted at from the beginning.
fn power_laws(count: u64) -> Rows {
    let mut state = 7_u64;
    // SplitMix64.
    let mut unit = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    };
    let mut row = |_: u64| {
        let (end, fall, speed) = (unit(), 0.3 + 0.5 * unit(), 0.5 + unit());
        let values = (1..=27).map(|epoch| end + fall * f64::from(epoch).powf(-speed) + 0.04 * (unit() - 0.5));
        let values: Vec<f64> = values.collect();
        (Params::new(), curve(1.0, &values))
    };
    Rows::new((0..count).map(&mut row).collect())
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
