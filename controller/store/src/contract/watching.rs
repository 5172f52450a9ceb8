//! What watchers and lists show.

use super::*;

pub(crate) async fn watchers_see_each_change_once(store: Any) {
    let scene = Scene::new(store, 3).await;
    let mut feed = scene.store.feed();
    let all = loop {
        // The feed follows the commits: by and by all of them are in it.
        let all = scene.store.changes_since(&scene.sweep, 0).await.expect("reads");
        if all.trials.len() == 3 {
            break all;
        }
        feed.changed().await.expect("moves");
    };
    assert!(scene.store.changes_since(&scene.sweep, all.change).await.expect("reads").trials.is_empty());
    let (key, number) = scene.claim().await;
    feed.wait_for(|change| *change > all.change).await.expect("moves");
    let some = scene.store.changes_since(&scene.sweep, all.change).await.expect("reads");
    assert_eq!(some.trials.iter().map(|trial| trial.number).collect::<Vec<_>>(), [number]);
    assert_eq!(some.sweep.state, SweepState::Running);
    scene.report(key, 1, &[0.5]).await.expect("stores");
    feed.wait_for(|change| *change > some.change).await.expect("moves");
    let more = scene.store.changes_since(&scene.sweep, some.change).await.expect("reads");
    assert_eq!(more.trials.iter().map(|trial| trial.objective).collect::<Vec<_>>(), [Some(0.5)]);
}

pub(crate) async fn whoever_waits_is_woken(store: Any) {
    for what in Awaited::ALL {
        let mut waiting = store.attention(what);
        let others =
            Awaited::ALL.into_iter().filter(|other| *other != what).map(|other| store.attention(other));
        let others: Vec<_> = others.collect();
        waiting.mark_unchanged();
        store.attend(what);
        waiting.changed().await.expect("moves");
        assert!(others.iter().all(|other| !other.has_changed().expect("the store lives")));
    }
}

pub(crate) async fn top_lists_the_best_first(store: Any) {
    let scene = Scene::new(store, 4).await;
    for value in [0.2, 0.9, 0.5] {
        let (key, _) = scene.claim().await;
        scene.report(key, 1, &[value]).await.expect("stores");
    }
    let top = TrialFilter { states: vec![], top: Some(2) };
    let best = scene.store.trial_list(&scene.sweep, top).await.expect("lists");
    assert_eq!(best.iter().map(|trial| trial.number).collect::<Vec<_>>(), [2, 3]);
    let queued = TrialFilter { states: vec![TrialState::Queued], top: None };
    assert_eq!(scene.store.trial_list(&scene.sweep, queued).await.expect("lists").len(), 1);
    assert_eq!(scene.store.trials_count(&scene.sweep, TrialState::Running).await.expect("counts"), 3);
}
