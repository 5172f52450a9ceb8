//! The median stopping rule, by a table worked by hand.

use super::*;

fn judge(goal: Goal, grace: f64, min_trials: u64) -> Judge {
    Judge::new(Rule::Median(Median { resource: Resource::Epoch, interval: 2.0, grace, min_trials }), goal)
}

#[test]
fn a_best_value_worse_than_the_median_of_means_is_stopped() {
    let judge = judge(Goal::Minimize, 4.0, 2);
    let mut rungs = Rungs::default();
    let nan = f64::NAN;
    for (trial, values, said, why) in [
        // Its mean to epoch 4 is 0.625.
        (1, [1.0, 0.75, 0.5, 0.25], "go", ""),
        (2, [0.875; 4], "go", ""),
        // The median of 0.625 and 0.875 is 0.75.
        (
            3,
            [1.0, 1.0, 0.8125, 1.0],
            "stop",
            "median: 0.8125 up to epoch 4 is worse than 0.75, the median of 2 others",
        ),
        // Of 0.625, 0.875 and trial 3's mean, 0.953, it is 0.875: a tie goes on.
        (4, [1.0, 1.0, 0.875, 1.0], "go", ""),
        (
            5,
            [nan; 4],
            "stop",
            "median: no finite value up to epoch 4 is worse than 0.914062, the median of 4 others",
        ),
        // Trial 5 is no rival: the median of 0.625, 0.875, 0.953 and 0.969.
        (
            6,
            [nan, 1.0, 1.0, 0.92],
            "stop",
            "median: 0.92 up to epoch 4 is worse than 0.914062, the median of 4 others",
        ),
    ] {
        let mut verdict = Verdict::Continue;
        for (point, epoch) in curve(&values).iter().zip(1..) {
            verdict = rungs.report(&judge, trial, &[*point]);
            assert!(epoch == 4 || verdict == Verdict::Continue, "trial {trial} at epoch {epoch}");
        }
        assert_eq!((word(&verdict), reason(&verdict).as_str()), (said, why), "trial {trial}");
    }
    // Nothing before the grace period was looked at.
    assert_eq!(rungs.rungs().iter().map(|rung| rung.number).collect::<Vec<_>>(), [2]);
}

#[test]
fn large_values_are_better_where_they_are_wanted() {
    let judge = judge(Goal::Maximize, 0.0, 1);
    let mut rungs = Rungs::default();
    rungs.report(&judge, 1, &curve(&[0.5, 0.5]));
    assert_eq!(word(&rungs.report(&judge, 2, &curve(&[0.4, 0.4]))), "stop");
    assert_eq!(word(&rungs.report(&judge, 3, &curve(&[0.6, 0.1]))), "go");
}

#[test]
fn a_trial_is_looked_at_once_at_each_multiple_when_it_gets_there() {
    let judge = judge(Goal::Minimize, 0.0, 1);
    let mut rungs = Rungs::default();
    assert_eq!(word(&rungs.report(&judge, 1, &curve(&[0.5, 0.5]))), "go");
    rungs.report(&judge, 2, &curve(&[0.1, 0.1]));
    // A late and better rival at epoch 2 does not matter at epoch 3.
    assert_eq!(word(&rungs.report(&judge, 1, &[at(3.0, 0.5)])), "go");
    // Past epoch 4 and 6: the entry is at 6.
    assert_eq!(word(&rungs.report(&judge, 2, &[at(7.0, 0.2)])), "go");
    assert_eq!(word(&rungs.report(&judge, 1, &[at(5.0, 0.5)])), "go", "nobody else was at epoch 4");
    assert_eq!(word(&rungs.report(&judge, 1, &[at(6.0, 0.5)])), "stop");
    assert_eq!(rungs.rungs().iter().map(|rung| rung.number).collect::<Vec<_>>(), [1, 2, 3]);
    // Another attempt is told the same.
    rungs.resume(&judge, 1, &curve(&[0.5]));
    assert_eq!(word(&rungs.report(&judge, 1, &[at(2.0, 0.0)])), "stop");
}

#[test]
fn the_largest_numbers_have_a_mean() {
    let judge = judge(Goal::Minimize, 0.0, 1);
    let mut rungs = Rungs::default();
    rungs.report(&judge, 1, &curve(&[f64::MAX, f64::MIN, f64::MAX, f64::MAX]));
    let values = rungs.rungs().iter().map(|rung| rung.entries[0].value);
    assert!(values.flatten().all(f64::is_finite) && rungs.rungs().len() == 2);
}
