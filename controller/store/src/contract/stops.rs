//! Trials that are stopped or held back by a rule, and sweeps that are done by one.

use sweep_core::stop::{Asha, Bands, Hyperband, Judge, Promote, Resource, Rule, Stops, SweepRule, replay};

use super::*;

fn asha(eta: f64, promote: Promote) -> Rule {
    let resource = Resource::Step;
    Rule::Asha(Asha { resource, min: 10.0, max: 90.0, eta, grace: 0.0, brackets: 1, promote })
}

fn judged(rule: Rule) -> NewSweep {
    let stops = Stops { trial: Some(rule), sweep: SweepRule::default() };
    NewSweep { stops, ..new_sweep("judged", None) }
}

fn ended(rule: SweepRule) -> NewSweep {
    NewSweep { stops: Stops { trial: None, sweep: rule }, ..new_sweep("ended", None) }
}

impl Scene {
    /// All that the rule said is said again; how often that was.
    async fn judged_again(&self, rule: Rule) -> u64 {
        let judgements = self.store.judgements(&self.sweep).await.expect("reads");
        let again = replay(&Judge::new(rule, Goal::Maximize), &judgements);
        assert_eq!(again.different, [], "of {judgements:#?}");
        again.equal
    }

    async fn states(&self) -> Vec<TrialState> {
        let trials = self.store.trial_list(&self.sweep, TrialFilter::default()).await.expect("reads");
        trials.into_iter().map(|trial| trial.state).collect()
    }
}

fn told_to_stop(reported: &Reported) -> &str {
    match &reported.standing {
        Standing::Stop(reason) => reason,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn who_is_not_among_the_best_is_stopped_early(store: Any) {
    let rule = asha(3.0, Promote::Stop);
    let scene = Scene::of(store, judged(rule), 4).await;
    let mut keys = Vec::new();
    for _ in 0..4 {
        keys.push(scene.claim().await.0);
    }
    assert_eq!(scene.report(keys[0], 1, &[0.5]).await.expect("stores").standing, Standing::GoOn);
    let why = "asha: 0.4 at step 10 is rank 2 of 2, of which 1 goes on (to 0.5)";
    for _ in 0..2 {
        assert_eq!(told_to_stop(&scene.report(keys[1], 1, &[0.4]).await.expect("stores")), why);
    }
    let renewed = scene.store.attempts_renew(vec![keys[0], keys[1]]).await.expect("renews");
    assert_eq!(renewed[0].standing, Standing::GoOn);
    assert_eq!(told_to_stop(&renewed[1]), why);
    let end = scene.finish(keys[1], Outcome::Stopped, 1).await.expect("ends");
    assert_eq!(end.state, TrialState::StoppedEarly);
    let trial = scene.trial(2).await;
    assert_eq!(
        (trial.reason.as_str(), trial.verdict.reason().map(ToString::to_string)),
        (why, Some(why.to_owned()))
    );
    assert!(trial.finished_at_ms.is_some());
    // Told to stop, and then its machine is gone: that was all it would do.
    told_to_stop(&scene.report(keys[2], 1, &[0.3]).await.expect("stores"));
    let live = scene.store.leases_live().await.expect("reads");
    let lease = live.into_iter().find(|lease| lease.key == keys[2]).expect("is live");
    let lost = scene.store.lease_expire(lease, scene.now()).await.expect("answers").expect("expires");
    assert_eq!(lost.state, TrialState::StoppedEarly);
    // A program that is through is through.
    told_to_stop(&scene.report(keys[3], 1, &[0.2]).await.expect("stores"));
    scene.finish(keys[3], Outcome::Succeeded, 1).await.expect("ends");
    // Late rivals change nothing.
    assert_eq!(scene.report(keys[0], 2, &[0.1]).await.expect("stores").standing, Standing::GoOn);
    scene.finish(keys[0], Outcome::Succeeded, 2).await.expect("ends");
    use TrialState::{Finished, StoppedEarly};
    assert_eq!(scene.states().await, [Finished, StoppedEarly, StoppedEarly, Finished]);
    assert_eq!(scene.sweep().await.state, SweepState::Finished);
    assert_eq!(scene.judged_again(rule).await, 5);
}

pub(crate) async fn who_is_held_back_goes_on_when_there_is_room(store: Any) {
    let rule = asha(2.0, Promote::Pause);
    let scene = Scene::of(store, judged(rule), 4).await;
    let mut keys = Vec::new();
    for _ in 0..4 {
        keys.push(scene.claim().await.0);
    }
    for (at, value, goes_on) in [(0, 0.5, false), (1, 0.6, true), (2, 0.7, false)] {
        let reported = scene.report(keys[at], 1, &[value]).await.expect("stores");
        assert_eq!(reported.standing == Standing::GoOn, goes_on, "{reported:?}");
        assert!(reported.frees, "somebody may go on");
    }
    for at in [0, 2] {
        let end = scene.finish(keys[at], Outcome::Stopped, 1).await.expect("ends");
        assert_eq!((end.state, end.frees), (TrialState::Paused, true));
    }
    assert_eq!(scene.trial(1).await.finished_at_ms, None);
    let nothing = scene.claim_as(Uuid::now_v7()).await;
    assert!(matches!(nothing, Claimed::Nothing { .. }), "there is no room: {nothing:?}");
    // The fourth makes room for one of two, and is not the best of those that wait.
    told_to_stop(&scene.report(keys[3], 1, &[0.1]).await.expect("stores"));
    let (key, number) = scene.claim().await;
    assert_eq!((number, key.attempt), (3, 2));
    let nothing = scene.claim_as(Uuid::now_v7()).await;
    assert!(matches!(nothing, Claimed::Nothing { .. }), "only one goes on: {nothing:?}");
    // It begins again, as nothing is stored that it could go on from, and is not judged at the same rung again.
    assert_eq!(scene.report(key, 1, &[0.01]).await.expect("stores").standing, Standing::GoOn);
    scene.finish(key, Outcome::Succeeded, 1).await.expect("ends");
    scene.finish(keys[3], Outcome::Stopped, 1).await.expect("ends");
    scene.finish(keys[1], Outcome::Succeeded, 1).await.expect("ends");
    // Nobody else comes, and as many went past as may: who is still held back was stopped by that.
    use TrialState::{Finished, StoppedEarly};
    assert_eq!(scene.states().await, [StoppedEarly, Finished, Finished, StoppedEarly]);
    assert_eq!(scene.trial(1).await.reason, "asha: 0.5 at step 10 is rank 1 of 1, of which 0 go on");
    assert_eq!(scene.sweep().await.state, SweepState::Finished);
    assert_eq!(scene.judged_again(rule).await, 6);
}

pub(crate) async fn the_best_that_are_held_back_go_on_at_the_end(store: Any) {
    let rule = asha(9.0, Promote::Pause);
    let scene = Scene::of(store, judged(rule), 2).await;
    for value in [0.5, 0.6] {
        let (key, _) = scene.claim().await;
        told_to_stop(&scene.report(key, 1, &[value]).await.expect("stores"));
        let end = scene.finish(key, Outcome::Stopped, 1).await.expect("ends");
        assert_eq!(end.state, TrialState::Paused);
    }
    assert_eq!(scene.states().await, [TrialState::Paused, TrialState::Queued]);
    assert_eq!(
        scene.trial(2).await.reason,
        "goes on: asha: 0.6 at step 10 is rank 1 of 2, of which 1 goes on (to 0.6)"
    );
    let (key, number) = scene.claim().await;
    assert_eq!(number, 2);
    scene.finish(key, Outcome::Succeeded, 0).await.expect("ends");
    assert_eq!(scene.states().await, [TrialState::StoppedEarly, TrialState::Finished]);
    assert_eq!(scene.sweep().await.state, SweepState::Finished);
    scene.judged_again(rule).await;
}

pub(crate) async fn concurrent_reports_let_no_more_past_than_the_rule_allows(store: Any) {
    let rule = asha(2.0, Promote::Pause);
    let scene = Arc::new(Scene::of(store, judged(rule), 8).await);
    let mut keys = Vec::new();
    for _ in 0..8 {
        keys.push(scene.claim().await.0);
    }
    let reported = at_once(8, |at| {
        let (scene, key) = (Arc::clone(&scene), keys[usize::try_from(at).expect("is small")]);
        async move { scene.report(key, 1, &[1.0 / (1.0 + at as f64)]).await.expect("stores") }
    });
    let on = reported.await.iter().filter(|reported| reported.standing == Standing::GoOn).count();
    assert!(on <= 4, "{on} of 8 went past");
    assert_eq!(scene.judged_again(rule).await, 8);
}

pub(crate) async fn a_trial_that_begins_again_is_judged_by_what_is_visible(store: Any) {
    let rule = Rule::Hyperband(Hyperband { bands: Bands::From { min_iter: 2 }, eta: 2.0, strict: true });
    let scene = Scene::of(store, judged(rule), 3).await;
    let (first, _) = scene.claim().await;
    assert_eq!(scene.report(first, 1, &[0.9, 0.9]).await.expect("stores").standing, Standing::GoOn);
    scene.finish(first, Outcome::HandedBack, 2).await.expect("ends");
    let (again, number) = scene.claim().await;
    assert_eq!((number, again.attempt), (1, 2));
    scene.report(again, 1, &[0.2]).await.expect("stores");
    // What the first attempt showed at the band is hidden, so the others have no rival there.
    for value in [0.3, 0.4] {
        let (key, _) = scene.claim().await;
        assert_eq!(scene.report(key, 1, &[value, value]).await.expect("stores").standing, Standing::GoOn);
    }
    let why = "hyperband: 0.2 at value 2 is worse than 0.3, rank 3 of 3";
    assert_eq!(told_to_stop(&scene.report(again, 2, &[0.2]).await.expect("stores")), why);
    scene.judged_again(rule).await;
}

pub(crate) async fn a_sweep_ends_when_its_target_is_reached(store: Any) {
    let scene = Scene::of(store, ended(SweepRule { target: Some(0.9), ..SweepRule::default() }), 5).await;
    let (first, _) = scene.claim().await;
    let (second, _) = scene.claim().await;
    assert!(!scene.report(first, 1, &[0.89]).await.expect("stores").frees);
    let reported = scene.report(second, 1, &[0.9]).await.expect("stores");
    assert_eq!((reported.standing, reported.frees), (Standing::GoOn, true));
    let sweep = scene.sweep().await;
    assert_eq!(sweep.state, SweepState::Finished);
    assert_eq!(sweep.reason, "target: trial 2 reached 0.9, and 0.9 is enough");
    assert_eq!(scene.states().await, [TrialState::Running; 2], "what nobody ran is withdrawn");
    for key in [first, second] {
        scene.finish(key, Outcome::Succeeded, 1).await.expect("ends");
    }
    assert_eq!(scene.states().await, [TrialState::Finished; 2]);
}

pub(crate) async fn a_sweep_ends_when_it_gets_no_better(store: Any) {
    let rule = SweepRule { no_improvement: Some(2), min_delta: 0.1, ..SweepRule::default() };
    let scene = Scene::of(store, ended(rule), 9).await;
    for value in [0.5, 0.55, 0.7, 0.75] {
        let (key, _) = scene.claim().await;
        scene.report(key, 1, &[value]).await.expect("stores");
        scene.finish(key, Outcome::Succeeded, 1).await.expect("ends");
    }
    let (key, _) = scene.claim().await;
    scene.report(key, 1, &[0.1]).await.expect("stores");
    let last = scene.finish(key, Outcome::Succeeded, 1).await.expect("ends");
    assert!(last.frees, "claims that wait are to hear of it");
    let sweep = scene.sweep().await;
    assert_eq!(sweep.state, SweepState::Finished);
    assert_eq!(
        sweep.reason,
        "no improvement: 2 trials in a row ended with nothing better than 0.7 of trial 3 by 0.1"
    );
}

pub(crate) async fn a_sweep_ends_when_its_time_is_over(store: Any) {
    const MINUTE: i64 = 60_000;
    let hour = Some(Duration::from_secs(3600));
    let timed = Scene::of(store, ended(SweepRule { time: hour, ..SweepRule::default() }), 3).await;
    let devices = Scene::of(
        Arc::clone(&timed.store),
        ended(SweepRule { device_time: hour, ..SweepRule::default() }),
        3,
    )
    .await;
    let over = |at: i64| timed.store.sweeps_end_by_time(NOW + 1 + at);
    assert_eq!(over(600 * MINUTE).await.expect("looks"), [""; 0], "nothing was claimed yet");
    timed.claim().await;
    // Forty minutes of one that ended, and twenty of one that runs.
    let (first, _) = devices.claim().await;
    devices.claim().await;
    devices.clock.fetch_add(20 * MINUTE, Ordering::SeqCst);
    devices.finish(first, Outcome::Succeeded, 0).await.expect("ends");
    assert_eq!(over(39 * MINUTE).await.expect("looks"), [""; 0]);
    assert_eq!(over(40 * MINUTE).await.expect("looks"), std::slice::from_ref(&devices.sweep));
    assert_eq!(devices.sweep().await.reason, "device time: 1 h are used up");
    assert_eq!(over(60 * MINUTE - 1).await.expect("looks"), [""; 0]);
    assert_eq!(over(60 * MINUTE).await.expect("looks"), std::slice::from_ref(&timed.sweep));
    assert_eq!(timed.sweep().await.reason, "time: 1 h are over");
    assert_eq!(over(99 * MINUTE).await.expect("looks"), [""; 0], "it is told once");
    assert_eq!(timed.states().await, [TrialState::Leased]);
}

pub(crate) async fn a_trial_that_a_person_runs_again_is_not_judged_any_more(store: Any) {
    let rule = asha(3.0, Promote::Stop);
    let scene = Scene::of(store, judged(rule), 2).await;
    for value in [0.5, 0.4] {
        let (key, _) = scene.claim().await;
        scene.report(key, 1, &[value]).await.expect("stores");
        scene.finish(key, Outcome::Stopped, 1).await.expect("ends");
    }
    scene.store.trials_retry(&scene.sweep, Retry::Numbers(vec![2]), NOW).await.expect("retries");
    let (key, number) = scene.claim().await;
    assert_eq!((number, key.attempt), (2, 2));
    let reported = scene.report(key, 1, &[0.4, 0.1, 0.1, 0.1]).await.expect("stores");
    assert_eq!(reported.standing, Standing::GoOn);
    scene.finish(key, Outcome::Succeeded, 4).await.expect("ends");
    assert_eq!(scene.trial(2).await.state, TrialState::Finished);
    scene.judged_again(rule).await;
}
