use super::*;
use crate::judge::INVARIANTS;

fn play(plan: &Plan) -> Outcome {
    run(plan).expect("runs")
}

fn must_be_good(plan: &Plan) -> Outcome {
    let outcome = play(plan);
    assert!(
        outcome.verdict.violations.is_empty(),
        "seed {}:\n{}\n{}",
        plan.seed,
        outcome.log.join("\n"),
        outcome.verdict
    );
    outcome
}

/// As [`Plan::of_seed`], with half of the trials.
fn short(seed: u64) -> Plan {
    let plan = Plan::of_seed(seed);
    Plan { trials: plan.trials / 2, ..plan }
}

/// A full disk for three seconds between two looks of the judge, when a lease was about to be taken.
#[test]
fn a_lease_that_a_full_disk_kept_in_force_is_no_fault() {
    must_be_good(&Plan::of_seed(1011));
}

/// As [`short`], without faults.
fn calm(seed: u64) -> Plan {
    Plan { storm: Duration::ZERO, unruly: false, ..short(seed) }
}

/// The first lease that was taken away.
fn lost(outcome: &Outcome) -> Option<&String> {
    outcome.log.iter().find(|line| line.contains(" lost; "))
}

#[test]
fn twenty_seeds_of_faults_violate_nothing() {
    let half = |seeds: std::ops::RangeInclusive<u64>| -> Vec<(u64, Outcome)> {
        seeds.map(|seed| (seed, must_be_good(&short(seed)))).collect()
    };
    let outcomes = std::thread::scope(|scope| {
        let first = scope.spawn(|| half(1..=10));
        let second = half(11..=20);
        first.join().expect("every seed is good").into_iter().chain(second).collect::<Vec<_>>()
    });
    let mut sum = Sum::default();
    outcomes.iter().for_each(|(seed, outcome)| sum.add(*seed, outcome));
    assert_eq!(sum.times.len(), Kind::ALL.len(), "every kind of fault came: {:?}", sum.times);
    assert!(sum.attempts > sum.trials, "some of them made trials begin again");
}

#[test]
fn a_seed_is_a_history() {
    let twice = |seed| {
        let again = std::thread::spawn(move || play(&short(seed)).log);
        let once = play(&short(seed)).log;
        let again = again.join().expect("runs");
        assert!(once.len() > 100);
        if let Some(at) = (0..once.len().max(again.len())).find(|at| once.get(*at) != again.get(*at)) {
            panic!("seed {seed}, line {at}: {:?} and {:?}", once.get(at), again.get(at));
        }
        once
    };
    assert_ne!(twice(3), twice(6));
}

#[test]
fn without_faults_every_trial_has_one_attempt() {
    // Programs that fail by themselves aside.
    let outcome = must_be_good(&calm(5));
    let failed = outcome.log.iter().filter(|line| line.contains("OUTCOME_FAILED")).count();
    assert_eq!(outcome.verdict.attempts, outcome.verdict.finished + failed);
}

/// Minutes to a day in either direction, every few seconds: nothing ends before its time, and nothing comes out of order.
#[test]
fn a_clock_that_jumps_takes_no_lease_and_no_order() {
    for seed in [8, 9] {
        let plan = Plan {
            kinds: vec![Kind::ClockJumps],
            pause: Duration::from_secs(2),
            storm: Duration::from_secs(3_600),
            unruly: false,
            ..short(seed)
        };
        let outcome = must_be_good(&plan);
        assert!(outcome.times[&Kind::ClockJumps] > 20, "{:?}", outcome.times);
        assert_eq!(lost(&outcome), None);
    }
}

/// The store of a controller whose disk is full refuses, agents keep what they have, and nothing is missing in the end; nor
/// does anybody lose a lease for what the controller could not note.
#[test]
fn a_full_disk_of_the_controller_costs_no_point() {
    let plan = Plan { kinds: vec![Kind::DiskFull], pause: Duration::from_secs(2), ..short(11) };
    let outcome = must_be_good(&plan);
    assert!(outcome.times[&Kind::DiskFull] > 3, "{:?}", outcome.times);
    assert_eq!(lost(&outcome), None);
}

/// A judge that finds nothing wrong with a broken controller is worth nothing.
#[test]
fn a_controller_that_lies_is_found_out() {
    for (lie, invariant) in
        [(Lie::ReportsUnstored(50), "I2"), (Lie::TrialTwice, "I1"), (Lie::LeasesCutShort, "I4")]
    {
        let plan = Plan { lie: Some(lie), kinds: vec![Kind::AnswersLost], ..short(2) };
        let outcome = play(&plan);
        let found: Vec<_> = outcome.verdict.violations.keys().map(|at| INVARIANTS[*at]).collect();
        assert!(found.iter().any(|words| words.starts_with(invariant)), "{lie:?}: {found:?}");
    }
}
