//! What people want besides the verbs of sweeps.

use sweep_core::sweep::{Extension, NotExtended};

use super::*;

pub(crate) async fn an_extended_sweep_takes_proposals_again(store: Any) {
    let scene = Scene::new(store, 1).await;
    let (key, _) = scene.claim().await;
    scene.finish(key, Outcome::Succeeded, 0).await.expect("ends");
    assert_eq!(scene.sweep().await.state, SweepState::Finished);
    let sweep = scene.store.sweep_extend(&scene.sweep, Extension::By(2), None, NOW).await.expect("extends");
    assert_eq!((sweep.state, sweep.planned_trials, sweep.exhausted), (SweepState::Running, Some(3), false));
    assert_eq!((sweep.ended_at_ms, &*sweep.reason), (None, ""));
    let more = vec![trial(2), trial(3)];
    assert!(scene.store.trials_enqueue(&scene.sweep, 1, more, true, NOW).await.expect("queues"));
    for number in [2, 3] {
        let (key, got) = scene.claim().await;
        assert_eq!(got, number);
        scene.finish(key, Outcome::Succeeded, 0).await.expect("ends");
    }
    assert_eq!(scene.sweep().await.state, SweepState::Finished);
    let spent = scene.store.sweep_extend(&scene.sweep, Extension::To(9), Some(3), NOW).await;
    assert!(matches!(spent, Err(StoreError::NotExtended { why: NotExtended::Spent { points: 3 }, .. })));
    let sweep = scene.sweep().await;
    assert_eq!(
        (sweep.state, sweep.planned_trials),
        (SweepState::Finished, Some(3)),
        "a refusal left something"
    );
    scene.store.sweep_change(&scene.sweep, SweepEvent::Cancel, NOW).await.expect("cancels");
    let refused = scene.store.sweep_extend(&scene.sweep, Extension::By(1), None, NOW).await;
    assert!(matches!(refused, Err(StoreError::SweepRefuses { .. })), "{refused:?}");
}

pub(crate) async fn extensions_at_one_time_add_up(store: Any) {
    let scene = Arc::new(Scene::new(store, 1).await);
    at_once(8, |_| {
        let scene = Arc::clone(&scene);
        async move {
            scene.store.sweep_extend(&scene.sweep, Extension::By(2), None, NOW).await.expect("extends");
        }
    })
    .await;
    assert_eq!(scene.sweep().await.planned_trials, Some(17));
}

pub(crate) async fn failed_trials_are_run_again_and_the_sweep_ends_again(store: Any) {
    let scene = Scene::new(store, 3).await;
    for outcome in [Outcome::Failed, Outcome::Succeeded, Outcome::Failed] {
        let (key, _) = scene.claim().await;
        scene.finish(key, outcome, 0).await.expect("ends");
    }
    assert_eq!(scene.sweep().await.state, SweepState::Finished);
    let retry = Retry::In(vec![TrialState::Failed]);
    let (sweep, numbers) = scene.store.trials_retry(&scene.sweep, retry.clone(), NOW).await.expect("retries");
    assert_eq!((sweep.state, numbers), (SweepState::Running, vec![1, 3]));
    assert_eq!((sweep.counts.queued, sweep.counts.failed, sweep.counts.finished), (2, 0, 1));
    for number in [1, 3] {
        let (key, got) = scene.claim().await;
        assert_eq!((got, key.attempt), (number, 2));
        scene.finish(key, Outcome::Succeeded, 0).await.expect("ends");
    }
    let sweep = scene.sweep().await;
    assert_eq!((sweep.state, sweep.counts.finished), (SweepState::Finished, 3));
    let (_, none) = scene.store.trials_retry(&scene.sweep, retry, NOW).await.expect("answers");
    assert!(none.is_empty());
    assert_eq!(scene.sweep().await.state, SweepState::Finished, "nothing to retry opened it");
}

pub(crate) async fn a_retry_in_a_stopped_sweep_proposes_nothing(store: Any) {
    let scene = Scene::new(store, 5).await;
    let (key, _) = scene.claim().await;
    scene.finish(key, Outcome::Failed, 0).await.expect("ends");
    scene.store.sweep_change(&scene.sweep, SweepEvent::Stop, NOW).await.expect("stops");
    let (sweep, _) =
        scene.store.trials_retry(&scene.sweep, Retry::Numbers(vec![1]), NOW).await.expect("retries");
    assert_eq!((sweep.state, sweep.exhausted, sweep.counts.queued), (SweepState::Running, true, 1));
    let (key, _) = scene.claim().await;
    scene.finish(key, Outcome::Succeeded, 0).await.expect("ends");
    assert_eq!(scene.sweep().await.state, SweepState::Finished);
}

pub(crate) async fn only_what_is_over_and_not_well_is_run_again(store: Any) {
    let scene = Scene::new(store, 2).await;
    let (key, _) = scene.claim().await;
    for (number, state) in [(1, TrialState::Leased), (2, TrialState::Queued)] {
        let refused = scene.store.trials_retry(&scene.sweep, Retry::Numbers(vec![number]), NOW).await;
        assert!(matches!(refused, Err(StoreError::TrialRefuses { state: found, .. }) if found == state));
    }
    scene.finish(key, Outcome::Succeeded, 0).await.expect("ends");
    let refused = scene.store.trials_retry(&scene.sweep, Retry::Numbers(vec![1]), NOW).await;
    assert!(matches!(refused, Err(StoreError::TrialRefuses { state: TrialState::Finished, .. })));
    let missing = scene.store.trials_retry(&scene.sweep, Retry::Numbers(vec![7]), NOW).await;
    assert!(matches!(missing, Err(StoreError::TrialNotFound { .. })), "{missing:?}");
}

pub(crate) async fn a_stopped_trial_is_told_so_until_it_ends(store: Any) {
    let scene = Scene::new(store, 3).await;
    let (key, number) = scene.claim().await;
    let name = TrialName::Number { sweep: scene.sweep.clone(), number };
    for _ in 0..2 {
        let told = scene.store.trial_stop(&name, NOW).await.expect("takes the wish");
        assert_eq!(told.state, TrialState::Leased);
    }
    let reply = scene.report(key, 1, &[0.5]).await.expect("is heard");
    assert_eq!(reply.standing, Standing::Stop("stopped by a person".to_owned()));
    // Its agent is lost with it: the wish outlives that.
    let lease = scene.store.leases_live().await.expect("reads").remove(0);
    let ended = scene.store.lease_expire(lease, NOW).await.expect("answers").expect("expires");
    assert_eq!(ended.state, TrialState::StoppedEarly);
    // It is not kept beyond: a retry is a fresh start.
    scene.store.trials_retry(&scene.sweep, Retry::Numbers(vec![number]), NOW).await.expect("retries");
    let (key, again) = scene.claim().await;
    assert_eq!(again, number);
    assert_eq!(scene.report(key, 1, &[0.5]).await.expect("is heard").standing, Standing::GoOn);
}

pub(crate) async fn a_waiting_trial_is_cancelled_and_may_have_been_the_last(store: Any) {
    let scene = Scene::new(store, 2).await;
    let (key, _) = scene.claim().await;
    scene.finish(key, Outcome::Succeeded, 0).await.expect("ends");
    let name = TrialName::Number { sweep: scene.sweep.clone(), number: 2 };
    assert_eq!(scene.store.trial_stop(&name, NOW).await.expect("cancels").state, TrialState::Cancelled);
    assert_eq!(scene.sweep().await.state, SweepState::Finished);
    let refused = scene.store.trial_stop(&name, NOW).await;
    assert!(matches!(refused, Err(StoreError::TrialRefuses { state: TrialState::Cancelled, .. })));
}
