//! Successive halving and its brackets, by tables worked by hand.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

#[test]
fn rungs_are_eta_times_apart_below_max() {
    let ladder = |min, max, eta, grace| Asha { min, max, grace, ..asha(eta, 1.0, Promote::Stop) }.ladder(0);
    assert_eq!(ladder(1.0, 27.0, 3.0, 0.0), [1.0, 3.0, 9.0]);
    assert_eq!(ladder(1.0, 30.0, 3.0, 0.0), [1.0, 3.0, 9.0, 27.0]);
    assert_eq!(ladder(2.0, 20.0, 2.0, 0.0), [2.0, 4.0, 8.0, 16.0]);
    assert_eq!(ladder(1.0, 27.0, 3.0, 3.0), [3.0, 9.0]);
    assert_eq!(ladder(1.0, 27.0, 3.0, 3.5), [9.0]);
    assert_eq!(ladder(4.0, 10.0, 1.5, 0.0), [4.0, 6.0, 9.0]);
}

#[test]
fn the_best_of_those_that_came_so_far_go_on() {
    let judge = judge(asha(3.0, 27.0, Promote::Stop));
    let mut rungs = Rungs::default();
    let nan = f64::NAN;
    // Trial, value at the first rung, what is said; kept: 1 of up to 5, 2 of 6 to 8, 3 of 9 and 10.
    for (trial, value, said) in [
        (1, 0.50, "go"),
        (2, 0.60, "stop"),
        (3, 0.40, "go"),
        // A tie with the last that goes on goes on.
        (4, 0.40, "go"),
        (5, 0.45, "stop"),
        // Two are better, two go on.
        (6, 0.45, "stop"),
        (7, 0.39, "go"),
        (8, 0.40, "go"),
        (9, nan, "stop"),
        (10, 0.41, "stop"),
    ] {
        let verdict = rungs.report(&judge, trial, &[at(1.0, value)]);
        assert_eq!(word(&verdict), said, "trial {trial}: {}", reason(&verdict));
    }
    assert_eq!(
        reason(&rungs.verdict(&judge, 10)),
        "asha: 0.41 at epoch 1 is rank 5 of 10, of which 3 go on (to 0.4)"
    );
    assert_eq!(
        reason(&rungs.verdict(&judge, 9)),
        "asha: no finite value at epoch 1 is rank 9 of 9, of which 3 go on (to 0.4)"
    );
    assert_eq!(rungs.verdict(&judge, 11), Verdict::Continue, "a trial that is not known");
}

#[test]
fn late_arrivals_change_no_decision_and_the_next_rung_has_its_own_rivals() {
    let judge = judge(asha(2.0, 8.0, Promote::Stop));
    let mut rungs = Rungs::default();
    assert_eq!(word(&rungs.report(&judge, 1, &curve(&[0.9, 0.8]))), "go");
    for trial in 2..=5 {
        rungs.report(&judge, trial, &curve(&[0.1]));
    }
    // Rank 5 of 5 by now, but judged when it came; at epoch 3 there is no rung.
    assert_eq!(word(&rungs.report(&judge, 1, &[at(3.0, 0.8)])), "go");
    assert_eq!(word(&rungs.report(&judge, 2, &[at(2.0, 0.7)])), "go");
    // Alone at the rung of epoch 4.
    assert_eq!(word(&rungs.report(&judge, 1, &[at(4.0, 0.9)])), "go");
    assert_eq!(word(&rungs.report(&judge, 2, &[at(4.0, 0.91)])), "stop");
    let at_two = rungs.find(0, 1).expect("is a rung").entries.iter().map(|entry| entry.trial);
    assert_eq!(at_two.collect::<Vec<_>>(), [2, 1]);
}

#[test]
fn the_first_trials_all_go_on_where_nothing_is_finite() {
    let judge = judge(asha(3.0, 9.0, Promote::Stop));
    let mut rungs = Rungs::default();
    for (trial, value) in [(1, f64::NAN), (2, f64::INFINITY), (3, f64::NEG_INFINITY)] {
        assert_eq!(word(&rungs.report(&judge, trial, &[at(1.0, value)])), "go");
    }
    assert_eq!(word(&rungs.report(&judge, 4, &[at(1.0, 1e300)])), "go");
    assert_eq!(word(&rungs.report(&judge, 5, &[at(1.0, f64::NAN)])), "stop");
}

#[test]
fn a_point_past_several_rungs_enters_the_last_and_points_without_the_resource_none() {
    let judge = judge(asha(3.0, 27.0, Promote::Stop));
    let mut rungs = Rungs::default();
    rungs.report(&judge, 1, &[at(f64::NAN, 0.1), at(-1.0, 0.1), at(0.99, 0.1)]);
    assert!(rungs.rungs().is_empty());
    rungs.report(&judge, 1, &[at(4.0, 0.5), at(3.5, 0.4), at(1.0, 0.3)]);
    let places: Vec<_> = rungs.rungs().iter().map(|rung| (rung.number, rung.entries[0].value)).collect();
    assert_eq!(places, [(1, Some(0.5))]);
}

#[test]
fn amounts_that_are_equal_but_for_rounding_reach_a_rung() {
    let judge = judge(Asha { min: 0.1, ..asha(3.0, 2.0, Promote::Stop) });
    let mut rungs = Rungs::default();
    rungs.report(&judge, 1, &[at(0.1, 1.0), at(0.3, 1.0)]);
    assert_eq!(rungs.rungs().len(), 2);
}

#[test]
fn what_goes_past_max_is_stopped() {
    for promote in [Promote::Stop, Promote::Pause] {
        let judge = judge(asha(3.0, 2.5, promote));
        let mut rungs = Rungs::default();
        for trial in 1..=3 {
            rungs.report(&judge, trial, &[at(1.0, 1.0 - trial as f64 / 10.0)]);
        }
        assert_eq!(word(&rungs.report(&judge, 3, &[at(2.5, 0.1)])), "go");
        let verdict = rungs.report(&judge, 3, &[at(2.6, 0.1)]);
        assert_eq!(word(&verdict), "stop");
        assert_eq!(reason(&verdict), "asha: epoch 2.6 is past epoch 2.5, all that a trial gets");
    }
}

#[test]
fn seconds_and_steps_are_resources_too() {
    for (resource, min, max) in [(Resource::Seconds, 60.0, 600.0), (Resource::Step, 10.0, 100.0)] {
        let judge = judge(Asha { resource, min, max, ..asha(3.0, 1.0, Promote::Stop) });
        let mut rungs = Rungs::default();
        rungs.report(&judge, 1, &curve(&[0.1]));
        let verdict = rungs.report(&judge, 2, &curve(&[0.2]));
        assert!(reason(&verdict).contains(&resource.amount(min)), "{}", reason(&verdict));
    }
}

/// Trials that may be promoted, of those that are held.
fn promotable(judge: &Judge, rungs: &Rungs, free: usize, closing: bool) -> Vec<u64> {
    rungs.promotions(judge, &|_| true, free, closing).iter().map(|promotion| promotion.trial).collect()
}

#[test]
fn held_trials_go_on_as_room_grows() {
    let judge = judge(asha(2.0, 4.0, Promote::Pause));
    let mut rungs = Rungs::default();
    let say =
        |rungs: &mut Rungs, trial, epoch, value| word(&rungs.report(&judge, trial, &[at(epoch, value)]));
    // Nobody goes past alone.
    assert_eq!(say(&mut rungs, 1, 1.0, 0.5), "pause");
    assert_eq!(reason(&rungs.verdict(&judge, 1)), "asha: 0.5 at epoch 1 is rank 1 of 1, of which 0 go on");
    // One of two, and the newcomer is better.
    assert_eq!(say(&mut rungs, 2, 1.0, 0.4), "go");
    // One of three has gone.
    assert_eq!(say(&mut rungs, 3, 1.0, 0.3), "pause");
    assert_eq!(promotable(&judge, &rungs, 9, false), [0; 0]);
    // Two of four, and trial 3 is better than the newcomer.
    assert_eq!(say(&mut rungs, 4, 1.0, 0.6), "pause");
    let promotions = rungs.promotions(&judge, &|_| true, 9, false);
    assert_eq!(promotions.len(), 1);
    assert_eq!(promotions[0].trial, 3);
    assert_eq!(
        promotions[0].standing.to_string(),
        "asha: 0.3 at epoch 1 is rank 1 of 4, of which 2 go on (to 0.4)"
    );
    // While its attempt has not ended the next best goes.
    let others = rungs.promotions(&judge, &|trial| trial != 3, 9, false);
    assert_eq!(others.iter().map(|promotion| promotion.trial).collect::<Vec<_>>(), [1]);
    assert!(rungs.promote(&judge, 3) && !rungs.promote(&judge, 3));
    assert!(!rungs.promote(&judge, 2), "it was never held");
    assert_eq!(rungs.verdict(&judge, 3), Verdict::Continue);
    // Of equal ones the lower number goes first: three of six.
    assert_eq!(say(&mut rungs, 6, 1.0, 0.3), "pause");
    assert_eq!(say(&mut rungs, 5, 1.0, 0.3), "go");
    // The second rung.
    assert_eq!(say(&mut rungs, 2, 2.0, 0.35), "pause");
    assert_eq!(say(&mut rungs, 3, 2.0, 0.25), "go");
    assert_eq!(say(&mut rungs, 5, 2.0, 0.2), "pause");
    assert_eq!(say(&mut rungs, 7, 1.0, 0.1), "pause");
    assert_eq!(say(&mut rungs, 8, 1.0, 0.9), "pause");
    // Four of eight at the first rung; two of four at the second, once trial 7 is there.
    assert_eq!(promotable(&judge, &rungs, 9, false), [7]);
    assert!(rungs.promote(&judge, 7));
    assert_eq!(say(&mut rungs, 7, 2.0, 0.3), "pause");
    assert_eq!(say(&mut rungs, 9, 1.0, 0.8), "pause");
    assert_eq!(say(&mut rungs, 10, 1.0, 0.7), "pause");
    // The furthest first, then the best, as many as there is room for.
    assert_eq!(promotable(&judge, &rungs, 9, false), [5, 6]);
    assert_eq!(promotable(&judge, &rungs, 1, false), [5]);
}

#[test]
fn at_the_end_the_best_goes_on_where_nobody_did() {
    let judge = judge(asha(4.0, 16.0, Promote::Pause));
    let mut rungs = Rungs::default();
    for (trial, value) in [(1, 0.5), (2, 0.3), (3, 0.4)] {
        rungs.report(&judge, trial, &[at(1.0, value)]);
    }
    assert_eq!(promotable(&judge, &rungs, 9, false), [0; 0]);
    assert_eq!(promotable(&judge, &rungs, 9, true), [2]);
    assert!(rungs.promote(&judge, 2));
    assert_eq!(promotable(&judge, &rungs, 9, true), [0; 0]);
    assert_eq!(word(&rungs.report(&judge, 2, &[at(4.0, 0.2)])), "pause");
    assert_eq!(promotable(&judge, &rungs, 9, true), [2]);
}

#[test]
fn a_promoted_trial_that_starts_over_is_not_held_there_again() {
    let judge = judge(asha(2.0, 4.0, Promote::Pause));
    let mut rungs = Rungs::default();
    rungs.report(&judge, 1, &curve(&[0.4]));
    rungs.report(&judge, 2, &curve(&[0.5]));
    assert_eq!(promotable(&judge, &rungs, 1, false), [1]);
    assert!(rungs.promote(&judge, 1));
    // Its checkpoint is lost, and this time it is worse.
    rungs.resume(&judge, 1, &[]);
    assert_eq!(word(&rungs.report(&judge, 1, &curve(&[0.9]))), "go");
    let rung = rungs.find(0, 0).expect("is a rung");
    assert_eq!((rung.entries[0].trial, rung.entries[0].value, rung.passed()), (1, Some(0.4), 1));
    // One whose agent was lost before it was told is still held.
    rungs.resume(&judge, 2, &[]);
    assert_eq!(word(&rungs.verdict(&judge, 2)), "pause");
}

#[test]
fn one_that_ran_on_while_it_was_held_counts_where_it_is() {
    let judge = judge(asha(2.0, 8.0, Promote::Pause));
    let mut rungs = Rungs::default();
    assert_eq!(word(&rungs.report(&judge, 1, &curve(&[0.5, 0.5, 0.5]))), "pause");
    assert_eq!(rungs.rungs().len(), 2);
    // At the first rung it is not waiting any more, and at the second it waits for another.
    assert_eq!(word(&rungs.report(&judge, 2, &curve(&[0.6]))), "pause");
    assert_eq!(promotable(&judge, &rungs, 9, false), [2]);
    rungs.promote(&judge, 2);
    assert_eq!(word(&rungs.report(&judge, 2, &[at(2.0, 0.6)])), "pause");
    assert_eq!(promotable(&judge, &rungs, 9, false), [1]);
    // A third one runs on and is the best there: it is let past by a promotion, not by itself.
    assert_eq!(word(&rungs.report(&judge, 3, &curve(&[0.7, 0.1]))), "pause");
    assert_eq!(promotable(&judge, &rungs, 9, false), [3]);
}

#[test]
fn one_that_ran_on_after_it_was_stopped_is_told_why_it_was() {
    let judge = judge(asha(3.0, 27.0, Promote::Stop));
    let mut rungs = Rungs::default();
    rungs.report(&judge, 1, &curve(&[0.1, 0.1, 0.1]));
    let told = rungs.report(&judge, 2, &curve(&[0.2]));
    assert_eq!(rungs.report(&judge, 2, &[at(3.0, 0.3), at(99.0, 0.3)]), told);
}

#[test]
fn a_spared_trial_is_not_judged_and_still_a_rival() {
    let judge = judge(asha(3.0, 27.0, Promote::Stop));
    let mut rungs = Rungs::default();
    rungs.report(&judge, 1, &curve(&[0.1]));
    assert_eq!(word(&rungs.report(&judge, 2, &curve(&[0.2]))), "stop");
    rungs.spare(2);
    rungs.resume(&judge, 2, &[]);
    assert_eq!(word(&rungs.report(&judge, 2, &curve(&[0.2, 0.2, 0.2, 99.0]))), "go");
    assert_eq!(word(&rungs.report(&judge, 2, &[at(99.0, 0.2)])), "go");
    rungs.report(&judge, 1, &[at(3.0, 0.5)]);
    assert_eq!(word(&rungs.verdict(&judge, 1)), "stop", "worse than the spared one's 0.2 at epoch 3");
}

#[test]
fn brackets_leave_out_rungs_and_share_trials_as_hyperband_does() {
    let rule = Asha { brackets: 3, ..asha(3.0, 9.0, Promote::Stop) };
    assert_eq!([0, 1, 2].map(|bracket| rule.ladder(bracket)), [vec![1.0, 3.0], vec![3.0], vec![]]);
    // Hyperband's 9, 5 and 3 of 17 trials.
    assert_eq!(rule.shares(), [9.0 / 17.0, 5.0 / 17.0, 3.0 / 17.0]);
    let judge = judge(rule);
    let brackets: Vec<u32> = (1..=10).map(|trial| judge.bracket(trial)).collect();
    // Multiples of 0.618: 0, .618, .236, .854, .472, .090, .708, .326, .944, .562; cut at .529 and .824.
    assert_eq!(brackets, [0, 1, 0, 2, 0, 0, 1, 0, 2, 1]);
}

#[test]
fn the_table_of_the_hyperband_paper() {
    // R = 81 and eta = 3: 81, 34, 15, 8 and 5 trials that begin with 1, 3, 9, 27 and 81.
    let rule = Asha { brackets: 5, ..asha(3.0, 81.0, Promote::Stop) };
    let sum = 81.0 + 34.0 + 15.0 + 8.0 + 5.0;
    assert_eq!(rule.shares(), [81.0, 34.0, 15.0, 8.0, 5.0].map(|trials| trials / sum));
    let first: Vec<_> = (0..5).map(|bracket| rule.ladder(bracket).first().copied()).collect();
    assert_eq!(first, [Some(1.0), Some(3.0), Some(9.0), Some(27.0), None]);
    // Any run of trials is spread by these shares.
    let judge = judge(rule);
    for trials in [10, 100, 143, 1000, 10_000] {
        for (bracket, share) in (0..).zip(rule.shares()) {
            let count = (1..=trials).filter(|&trial| judge.bracket(trial) == bracket).count();
            assert!((count as f64 - trials as f64 * share).abs() < 3.0, "{bracket}: {count} of {trials}");
        }
    }
}

#[test]
fn trials_are_compared_within_their_bracket() {
    let judge = judge(Asha { brackets: 2, ..asha(2.0, 4.0, Promote::Stop) });
    // Of trials 1 to 4, the second and the fourth are in the second bracket.
    assert_eq!([1, 2, 3, 4].map(|trial| judge.bracket(trial)), [0, 1, 0, 1]);
    let mut rungs = Rungs::default();
    assert_eq!(word(&rungs.report(&judge, 1, &curve(&[0.1, 0.1]))), "go");
    // Its first rung is at epoch 2, and it is the first of its bracket there.
    assert_eq!(word(&rungs.report(&judge, 2, &curve(&[0.9, 0.9]))), "go");
    assert_eq!(word(&rungs.report(&judge, 3, &curve(&[0.9]))), "stop");
    let verdict = rungs.report(&judge, 4, &curve(&[0.95, 0.95]));
    assert_eq!(
        reason(&verdict),
        "asha: 0.95 at epoch 2 of bracket 1 is rank 2 of 2, of which 1 goes on (to 0.9)"
    );
}

/// What may happen next in a bracket: a trial comes to its next rung, or a held one is promoted.
fn steps() -> impl Strategy<Value = Vec<(u64, u8, bool)>> {
    prop::collection::vec((1..20_u64, 0..6_u8, any::<bool>()), 1..200)
}

fn some_value(digit: u8) -> f64 {
    if digit == 5 { f64::NAN } else { f64::from(digit) / 4.0 }
}

proptest! {
    /// Whatever happens in whatever order: no rung lets more than its share past, no trial is let past it twice, and
    /// none that is held goes on.
    #[test]
    fn no_rung_lets_more_past_than_its_share(
        steps in steps(),
        eta in prop::sample::select(vec![1.5, 2.0, 3.0, 4.0]),
        brackets in 1..4_u32,
        closing in any::<bool>(),
    ) {
        let judge = judge(Asha { brackets, ..asha(eta, 20.0, Promote::Pause) });
        let mut rungs = Rungs::default();
        let mut reached = std::collections::BTreeMap::<u64, usize>::new();
        let mut went_past = BTreeSet::new();
        for (trial, digit, promote) in steps {
            let ladder = judge.ladder(judge.bracket(trial)).to_vec();
            if promote {
                let free = rungs.promotions(&judge, &|_| true, 1, closing);
                for one in free {
                    prop_assert!(went_past.insert((one.trial, one.standing.rung)), "{one:?} twice");
                    prop_assert!(rungs.promote(&judge, one.trial));
                    prop_assert!(!rungs.promote(&judge, one.trial));
                    prop_assert_eq!(rungs.verdict(&judge, one.trial), Verdict::Continue);
                }
            } else if rungs.verdict(&judge, trial) == Verdict::Continue {
                let next = reached.entry(trial).or_default();
                let Some(level) = ladder.get(*next) else { continue };
                let rung = *next as u64;
                *next += 1;
                if rungs.report(&judge, trial, &[at(*level, some_value(digit))]) == Verdict::Continue {
                    prop_assert!(went_past.insert((trial, rung)));
                }
            }
            for rung in rungs.rungs() {
                let count = rung.entries.len();
                let most = ((count as f64 / eta).floor() as usize).max(usize::from(closing));
                prop_assert!(rung.passed() <= most, "{} of {count} at {}", rung.passed(), rung.number);
            }
        }
        let passed = rungs.rungs().iter().map(Rung::passed).sum::<usize>();
        prop_assert_eq!(passed, went_past.len());
    }

    /// Of as many trials as `eta` the best one goes on, whatever order they come in.
    #[test]
    fn who_goes_on_does_not_depend_on_the_order_of_arrival(
        (arrivals, others) in prop::collection::vec(0..6_u8, 2..9).prop_flat_map(|digits| {
            let arrivals: Vec<(u64, u8)> = (1..).zip(digits).collect();
            (Just(arrivals.clone()), Just(arrivals).prop_shuffle())
        }),
    ) {
        let judge = judge(asha(arrivals.len() as f64, 100.0, Promote::Pause));
        let who = |arrivals: &[(u64, u8)]| {
            let mut rungs = Rungs::default();
            for (trial, digit) in arrivals {
                rungs.report(&judge, *trial, &[at(1.0, some_value(*digit))]);
            }
            let next = promotable(&judge, &rungs, 1, false);
            for trial in next {
                rungs.promote(&judge, trial);
            }
            let entries = &rungs.rungs()[0].entries;
            entries.iter().map(|entry| (entry.trial, entry.passed)).collect::<Vec<_>>()
        };
        let first = who(&arrivals);
        prop_assert_eq!(&first, &who(&others));
        prop_assert_eq!(first.iter().map(|(_, passed)| *passed).collect::<Vec<_>>()[..2].to_vec(), [true, false]);
    }

    /// The rule of `promote: stop`, said once more over plain lists.
    #[test]
    fn newcomers_are_judged_by_those_before_them(
        digits in prop::collection::vec(0..6_u8, 1..60),
        eta in prop::sample::select(vec![1.5, 2.0, 3.0]),
        maximize in any::<bool>(),
    ) {
        let goal = if maximize { Goal::Maximize } else { Goal::Minimize };
        let judge = Judge::new(Rule::Asha(asha(eta, 9.0, Promote::Stop)), goal);
        let mut rungs = Rungs::default();
        // Minimised, with infinity for what is not finite.
        let mut seen: Vec<f64> = Vec::new();
        for (trial, digit) in (1..).zip(digits) {
            let value = some_value(digit);
            let loss = if value.is_nan() { f64::INFINITY } else if maximize { -value } else { value };
            seen.push(loss);
            let better = seen.iter().filter(|other| **other < loss).count();
            let keep = ((seen.len() as f64 / eta).floor() as usize).max(1);
            let said = rungs.report(&judge, trial, &[at(1.0, value)]);
            prop_assert_eq!(word(&said), if better < keep { "go" } else { "stop" });
        }
    }
}
