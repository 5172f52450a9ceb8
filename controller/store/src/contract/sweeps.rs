//! Sweeps: created once, found, fed by planners, moved by people.

use super::*;

pub(crate) async fn a_creation_sent_twice_is_one_sweep(store: Any) {
    let new = new_sweep("twice", Some(4));
    let one = store.sweep_create(new.clone()).await.expect("creates");
    let again = NewSweep { id: "zzzzzzzz".to_owned(), ..new.clone() };
    let two = store.sweep_create(again).await.expect("answers");
    assert_eq!(one.id, two.id);
    assert_eq!(store.sweep_list().await.expect("lists").len(), 1);
    assert_eq!((one.seed, one.planned_trials, one.state), (u64::MAX - 3, Some(4), SweepState::Pending));
    assert_eq!((&*one.name, &*one.project), ("twice", "faces"));
    assert_eq!(one.text, new.text);
}

pub(crate) async fn sweeps_are_found_by_prefix(store: Any) {
    for id in ["abcd1234", "abce9999", "x0000000"] {
        store.sweep_create(NewSweep { id: id.to_owned(), ..new_sweep(id, None) }).await.expect("creates");
    }
    assert_eq!(store.sweep_find("x").await.expect("fits one").id, "x0000000");
    assert_eq!(store.sweep_find("abce").await.expect("fits one").id, "abce9999");
    let Err(StoreError::SweepAmbiguous { matches, .. }) = store.sweep_find("abc").await else {
        panic!("fits two")
    };
    assert_eq!(matches, ["abcd1234", "abce9999"]);
    for name in ["q", "", "abc%", "ABCD1234"] {
        assert!(matches!(store.sweep_find(name).await, Err(StoreError::SweepNotFound { .. })), "{name}");
    }
}

pub(crate) async fn the_queue_takes_proposals_once(store: Any) {
    let scene = Scene::new(store, 2).await;
    let late =
        scene.store.trials_enqueue(&scene.sweep, 0, vec![trial(1)], false, NOW).await.expect("answers");
    assert!(!late, "a planner that was late queued a trial again");
    assert_eq!(scene.sweep().await.counts.queued, 2);
}

pub(crate) async fn planners_at_one_time_queue_one_plan(store: Any) {
    let sweep = store.sweep_create(new_sweep("planned", None)).await.expect("creates").id;
    let queued = at_once(8, |_| {
        let (store, sweep) = (Arc::clone(&store), sweep.clone());
        let plan = (1..=10).map(trial).collect();
        async move { store.trials_enqueue(&sweep, 0, plan, false, NOW).await.expect("answers") }
    })
    .await;
    assert_eq!(queued.into_iter().filter(|queued| *queued).count(), 1);
    let sweep = store.sweep_find(&sweep).await.expect("is there");
    assert_eq!((sweep.counts.queued, sweep.proposed), (10, 10));
}

pub(crate) async fn cancel_reaches_running_attempts_and_withdraws_the_queue(store: Any) {
    let scene = Scene::new(store, 4).await;
    let (running, _) = scene.claim().await;
    let (back, _) = scene.claim().await;
    scene.finish(back, Outcome::HandedBack, 0).await.expect("hands back");
    let sweep = scene.store.sweep_change(&scene.sweep, SweepEvent::Cancel, NOW).await.expect("cancels");
    assert_eq!(
        (sweep.state, sweep.counts.queued, sweep.counts.cancelled, sweep.proposed),
        (SweepState::Cancelled, 0, 1, 2)
    );
    let reply = scene.report(running, 1, &[0.1]).await.expect("is heard");
    assert!(matches!(reply.standing, Standing::Cancel(_)));
    assert_eq!(
        scene.finish(running, Outcome::Cancelled, 1).await.expect("ends").state,
        TrialState::Cancelled
    );
    assert!(matches!(
        scene.claim_as(Uuid::now_v7()).await,
        Claimed::Nothing { state: SweepState::Cancelled, .. }
    ));
}

pub(crate) async fn stop_withdraws_the_queue_and_lets_trials_finish(store: Any) {
    let scene = Scene::new(store, 4).await;
    let (running, _) = scene.claim().await;
    let sweep = scene.store.sweep_change(&scene.sweep, SweepEvent::Stop, NOW).await.expect("stops");
    assert_eq!((sweep.state, sweep.counts.queued, sweep.counts.active), (SweepState::Finished, 0, 1));
    assert_eq!(scene.report(running, 1, &[0.1]).await.expect("goes on").standing, Standing::GoOn);
    assert_eq!(scene.finish(running, Outcome::Succeeded, 1).await.expect("ends").state, TrialState::Finished);
    let refused = scene.store.sweep_change(&scene.sweep, SweepEvent::Pause, NOW).await;
    assert!(matches!(refused, Err(StoreError::SweepRefuses { state: SweepState::Finished, .. })));
}

pub(crate) async fn cancels_beside_claims_leave_nothing_queued(store: Any) {
    let scene = Arc::new(Scene::new(store, 40).await);
    // One is handed back while the sweep is cancelled, others are claimed.
    let (back, _) = scene.claim().await;
    let claimed = at_once(10, |at| {
        let scene = Arc::clone(&scene);
        async move {
            match at {
                4 => {
                    scene.store.sweep_change(&scene.sweep, SweepEvent::Cancel, NOW).await.expect("cancels");
                    0
                }
                7 => {
                    scene.finish(back, Outcome::HandedBack, 0).await.expect("ends");
                    0
                }
                _ => u64::from(matches!(scene.claim_as(Uuid::now_v7()).await, Claimed::Granted(_))),
            }
        }
    })
    .await;
    let sweep = scene.sweep().await;
    assert_eq!((sweep.state, sweep.counts.queued), (SweepState::Cancelled, 0), "{sweep:?}");
    // The one handed back may have been claimed again before the cancel.
    let held = claimed.into_iter().sum::<u64>();
    assert_eq!(sweep.counts.active, held, "{sweep:?}");
}

pub(crate) async fn a_paused_sweep_hands_nothing_out(store: Any) {
    let scene = Scene::new(store, 2).await;
    let (running, _) = scene.claim().await;
    scene.store.sweep_change(&scene.sweep, SweepEvent::Pause, NOW).await.expect("pauses");
    assert!(matches!(
        scene.claim_as(Uuid::now_v7()).await,
        Claimed::Nothing { state: SweepState::Paused, .. }
    ));
    scene.finish(running, Outcome::Succeeded, 0).await.expect("a running trial goes on");
    scene.store.sweep_change(&scene.sweep, SweepEvent::Resume, NOW).await.expect("resumes");
    assert_eq!(scene.claim().await.1, 2);
}

pub(crate) async fn nothing_but_failures_pauses_a_sweep(store: Any) {
    let scene = Scene::new(store, 9).await;
    for _ in 0..5 {
        assert!(scene.sweep().await.state.hands_out());
        let (key, _) = scene.claim().await;
        scene.finish(key, Outcome::Failed, 0).await.expect("fails");
    }
    let sweep = scene.sweep().await;
    assert_eq!(sweep.state, SweepState::Paused);
    assert!(
        sweep.reason.contains("all 5 trials so far failed, the last one with: because"),
        "{}",
        sweep.reason
    );
}

pub(crate) async fn a_sweep_keeps_the_trials_that_it_began_with(store: Any) {
    let one = |number: u64| Prior {
        trial: format!("k3x9q2ab/{number}"),
        params: Params::from([
            ("lr".to_owned(), (number as f64 / 3.0).into()),
            ("n".to_owned(), number.into()),
        ]),
        objectives: vec![number as f64 / 9.0, -1e300],
    };
    let prior: Vec<_> = (1..=40).map(one).collect();
    let new = NewSweep { prior: prior.clone(), ..new_sweep("warm", None) };
    let id = store.sweep_create(new.clone()).await.expect("creates").id;
    // The same request again, with what has become of those trials since: what was kept stays.
    let again = NewSweep { prior: vec![one(7)], ..new };
    assert_eq!(store.sweep_create(again).await.expect("knows").id, id);
    assert_eq!(store.sweep_prior(&id).await.expect("reads"), prior);
    let cold = store.sweep_create(new_sweep("cold", None)).await.expect("creates").id;
    assert_eq!(store.sweep_prior(&cold).await.expect("reads"), []);
    assert!(matches!(store.sweep_prior("nosuch00").await, Err(StoreError::SweepNotFound { .. })));
}
