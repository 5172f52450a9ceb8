//! Ends, told or by a lease that ran out; who came too late writes nothing.

use super::*;

pub(crate) async fn ends_move_trials_and_sweeps(store: Any) {
    let scene = Scene::new(store, 3).await;
    let outcomes = [
        (Outcome::Succeeded, TrialState::Finished, ""),
        (Outcome::Failed, TrialState::Failed, "because"),
        (Outcome::Stopped, TrialState::StoppedEarly, "because"),
    ];
    for (outcome, state, reason) in outcomes {
        let (key, number) = scene.claim().await;
        scene.report(key, 1, &[0.1 * number as f64]).await.expect("stores");
        assert_eq!(scene.sweep().await.state, SweepState::Running);
        assert_eq!(scene.finish(key, outcome, 1).await.expect("ends").state, state);
        let trial = scene.trial(number).await;
        assert_eq!(
            (trial.state, trial.reason.as_str(), trial.finished_at_ms),
            (state, reason, Some(NOW + 1))
        );
    }
    let sweep = scene.sweep().await;
    assert_eq!((sweep.state, sweep.ended_at_ms), (SweepState::Finished, Some(NOW + 1)));
    assert_eq!((sweep.counts.finished, sweep.counts.failed, sweep.counts.stopped_early), (1, 1, 1));
    // The failed trial's 0.2 does not count; the stopped one's does.
    assert_eq!(sweep.best.map(|(_, number)| number), Some(3));
}

pub(crate) async fn the_same_end_twice_is_one_end(store: Any) {
    let scene = Scene::new(store, 1).await;
    let (key, _) = scene.claim().await;
    scene.finish(key, Outcome::Succeeded, 0).await.expect("ends");
    assert_eq!(scene.finish(key, Outcome::Succeeded, 0).await.expect("answers").state, TrialState::Finished);
    assert!(matches!(scene.finish(key, Outcome::Failed, 0).await, Err(StoreError::AttemptStale { .. })));
    assert_eq!(scene.trial(1).await.state, TrialState::Finished);
}

pub(crate) async fn concurrent_last_ends_finish_the_sweep(store: Any) {
    let scene = Arc::new(Scene::new(store, 12).await);
    let mut keys = Vec::new();
    for _ in 0..12 {
        keys.push(scene.claim().await.0);
    }
    at_once(12, |at| {
        let (scene, key) = (Arc::clone(&scene), keys[at as usize]);
        async move { scene.finish(key, Outcome::Succeeded, 0).await.expect("ends") }
    })
    .await;
    let sweep = scene.sweep().await;
    assert_eq!((sweep.state, sweep.counts.finished), (SweepState::Finished, 12));
}

pub(crate) async fn a_stale_attempt_cannot_write(store: Any) {
    let scene = Scene::new(store, 1).await;
    let (old, _) = scene.claim().await;
    scene.report(old, 1, &[0.9]).await.expect("stores");
    scene.finish(old, Outcome::HandedBack, 1).await.expect("hands back");
    let (new, _) = scene.claim().await;
    assert_eq!(new.attempt, 2);
    assert!(matches!(scene.report(old, 2, &[0.8]).await, Err(StoreError::AttemptStale { .. })));
    assert!(matches!(scene.finish(old, Outcome::Succeeded, 1).await, Err(StoreError::AttemptStale { .. })));
    let standing = scene.store.attempts_renew(vec![old, new]).await.expect("answers");
    assert!(
        matches!(standing[0].standing, Standing::Lost(_)) && standing[1].standing == Standing::GoOn,
        "{standing:?}"
    );
    assert_eq!(scene.trial(1).await.state, TrialState::Leased);
}

pub(crate) async fn an_expired_lease_is_granted_again(store: Any) {
    let new = NewSweep { infrastructure_retries: 1, ..new_sweep("lost", Some(1)) };
    let scene = Scene::of(store, new, 1).await;
    for attempt in 1..=2 {
        let (key, number) = scene.claim().await;
        assert_eq!((key.attempt, number), (attempt, 1));
        let live = scene.store.leases_live().await.expect("reads");
        assert_eq!((live.len(), live[0].key, live[0].length), (1, key, Duration::from_secs(60)));
        assert!(scene.store.lease_expire(live[0], NOW + 9).await.expect("expires").is_some());
        assert!(scene.store.lease_expire(live[0], NOW + 9).await.expect("is gone already").is_none());
    }
    // The machine's budget is spent: it fails, with the agent's name in the reason.
    let trial = scene.trial(1).await;
    assert_eq!(trial.state, TrialState::Failed);
    assert!(trial.reason.contains("agent box was not heard of for 60 s"), "{}", trial.reason);
    assert_eq!(scene.sweep().await.state, SweepState::Finished);
}

pub(crate) async fn a_renewed_lease_does_not_expire(store: Any) {
    let scene = Scene::new(store, 1).await;
    let (key, _) = scene.claim().await;
    let seen = scene.store.leases_live().await.expect("reads")[0];
    scene.store.attempts_renew(vec![key]).await.expect("renews");
    assert!(scene.store.lease_expire(seen, NOW).await.expect("answers").is_none());
    let seen = scene.store.leases_live().await.expect("reads")[0];
    scene.report(key, 1, &[0.5]).await.expect("renews too");
    assert!(scene.store.lease_expire(seen, NOW).await.expect("answers").is_none());
    assert_eq!(scene.trial(1).await.state, TrialState::Running);
}

pub(crate) async fn a_renewal_beside_an_expiry_has_one_winner(store: Any) {
    let scene = Arc::new(Scene::new(store, 8).await);
    for _ in 0..8 {
        let (key, _) = scene.claim().await;
        let live = scene.store.leases_live().await.expect("reads");
        let lease = *live.iter().find(|lease| lease.key == key).expect("is live");
        let other = Arc::clone(&scene);
        let expiry =
            tokio::spawn(
                async move { other.store.lease_expire(lease, NOW).await.expect("answers").is_some() },
            );
        let renewed = scene.report(key, 1, &[0.5]).await;
        let expired = expiry.await.expect("runs");
        // Either the report was first and the lease stands, or the lease is gone and the report was refused.
        match renewed {
            Ok(_) => assert!(!expired),
            Err(StoreError::AttemptStale { .. }) => assert!(expired),
            Err(other) => panic!("{other}"),
        }
        if !expired {
            scene.finish(key, Outcome::Succeeded, 1).await.expect("ends");
        }
        // No pause and no bench lasts so long.
        scene.clock.fetch_add(3_600_000, Ordering::SeqCst);
    }
}

pub(crate) async fn a_program_that_failed_is_run_again_within_its_retries(store: Any) {
    let scene = Scene::of(store, NewSweep { retries: 1, ..new_sweep("retried", Some(1)) }, 1).await;
    let (key, _) = scene.claim().await;
    let first = scene.finish(key, Outcome::Failed, 0).await.expect("fails");
    assert_eq!(first.state, TrialState::Queued);
    assert_eq!(scene.trial(1).await.reason, "to be retried: because");
    scene.clock.fetch_add(10_000, Ordering::SeqCst);
    let (key, number) = scene.claim().await;
    assert_eq!((key.attempt, number), (2, 1));
    let second = scene.finish(key, Outcome::Failed, 0).await.expect("fails");
    assert_eq!(second.state, TrialState::Failed);
    assert_eq!(scene.sweep().await.state, SweepState::Finished);
}
