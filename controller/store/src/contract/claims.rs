//! Claims: each trial once, each request once, never more than allowed.

use super::*;

pub(crate) async fn claims_are_idempotent_and_distinct(store: Any) {
    let scene = Scene::new(store, 2).await;
    let request = Uuid::now_v7();
    let given = |claimed: Claimed| match claimed {
        Claimed::Granted(given) => (given.trial, given.attempt, given.number),
        other => panic!("{other:?}"),
    };
    let first = given(scene.claim_as(request).await);
    assert_eq!(first, given(scene.claim_as(request).await));
    assert_eq!((first.1, first.2), (1, 1));
    assert_eq!(scene.claim().await.1, 2);
    let nothing = scene.claim_as(Uuid::now_v7()).await;
    assert!(
        matches!(nothing, Claimed::Nothing { state: SweepState::Running, exhausted: true, .. }),
        "{nothing:?}"
    );
    let stranger = Claim {
        sweep: scene.sweep.clone(),
        agent: Uuid::now_v7(),
        request_id: Uuid::now_v7(),
        lease: Duration::ZERO,
    };
    assert!(matches!(scene.store.trial_claim(stranger, NOW).await, Err(StoreError::AgentUnknown { .. })));
}

pub(crate) async fn concurrent_claims_never_share_a_trial(store: Any) {
    let scene = Arc::new(Scene::new(store, 100).await);
    let tasks: Vec<_> = (0..32)
        .map(|_| {
            let scene = Arc::clone(&scene);
            tokio::spawn(async move {
                let mut mine = Vec::new();
                while let Claimed::Granted(given) = scene.claim_as(Uuid::now_v7()).await {
                    mine.push(given.number);
                }
                mine
            })
        })
        .collect();
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await.expect("runs"));
    }
    assert_eq!(all.len(), 100);
    assert_eq!(all.into_iter().collect::<HashSet<_>>(), (1..=100).collect());
}

pub(crate) async fn one_request_at_one_time_is_one_grant(store: Any) {
    let scene = Arc::new(Scene::new(store, 8).await);
    let request = Uuid::now_v7();
    let given = at_once(8, |_| {
        let scene = Arc::clone(&scene);
        async move {
            match scene.claim_as(request).await {
                Claimed::Granted(given) => (given.trial, given.attempt),
                other => panic!("nothing granted: {other:?}"),
            }
        }
    })
    .await;
    assert!(given.iter().all(|one| *one == given[0]), "{given:?}");
    assert_eq!(scene.sweep().await.counts.active, 1);
}

pub(crate) async fn concurrent_claims_never_pass_max_parallel(store: Any) {
    let scene = Scene::of(store, NewSweep { max_parallel: Some(3), ..new_sweep("few", Some(20)) }, 20).await;
    let scene = Arc::new(scene);
    let granted = at_once(16, |_| {
        let scene = Arc::clone(&scene);
        async move { matches!(scene.claim_as(Uuid::now_v7()).await, Claimed::Granted(_)) }
    })
    .await;
    assert_eq!(granted.into_iter().filter(|granted| *granted).count(), 3);
    assert_eq!(scene.sweep().await.counts.active, 3);
}

pub(crate) async fn no_more_trials_are_held_than_max_parallel(store: Any) {
    let scene = Scene::of(store, NewSweep { max_parallel: Some(2), ..new_sweep("few", Some(4)) }, 4).await;
    let (first, _) = scene.claim().await;
    let (second, _) = scene.claim().await;
    scene.report(second, 1, &[0.1]).await.expect("stores");
    let full = scene.claim_as(Uuid::now_v7()).await;
    assert!(matches!(full, Claimed::Nothing { state: SweepState::Running, .. }), "{full:?}");
    scene.finish(first, Outcome::HandedBack, 0).await.expect("ends");
    let (third, number) = scene.claim().await;
    assert_eq!((third.attempt, number), (2, 1), "what ran before goes first");
}
