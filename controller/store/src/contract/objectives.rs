//! Sweeps after several objectives.

use super::*;

/// After the largest f1 and the smallest loss; reports have `loss` = -`f1`.
fn new(name: &str, planned: u64) -> NewSweep {
    let objectives = vec![
        Objective { name: "f1".to_owned(), goal: Goal::Maximize },
        Objective { name: "loss".to_owned(), goal: Goal::Minimize },
    ];
    NewSweep { objective: None, objectives, ..new_sweep(name, Some(planned)) }
}

/// A point of f1 alone.
async fn half(scene: &Scene, key: AttemptKey, seq: u64, value: f64) {
    let values = BTreeMap::from([("f1".to_owned(), value)]);
    let event = Event { at_ms: NOW, kind: EventKind::Metrics { step: seq * 10, epoch: None, values } };
    scene.store.attempt_report(key, seq, vec![event], scene.now()).await.expect("stores");
}

pub(crate) async fn several_objectives_are_the_last_finite_values_of_each(store: Any) {
    let scene = Scene::of(store, new("several", 3), 3).await;
    let sweep = scene.sweep().await;
    assert_eq!((sweep.objective, sweep.best), (None, None));
    assert_eq!(sweep.objectives, new("several", 3).objectives);
    let listed = scene.store.sweep_list().await.expect("lists");
    assert!(listed.iter().any(|sweep| sweep.objectives.len() == 2));

    let (key, _) = scene.claim().await;
    half(&scene, key, 1, 0.9).await;
    assert_eq!(scene.trial(1).await.objectives, None, "a half of them says nothing");
    // The best f1 is 0.9, and the last finite loss comes with 0.2.
    scene.report(key, 2, &[0.1, 0.2, f64::NAN]).await.expect("stores");
    half(&scene, key, 5, 0.3).await;
    let expected = Some(vec![0.3, -0.2]);
    assert_eq!((scene.trial(1).await.objectives, scene.trial(1).await.objective), (expected.clone(), None));
    scene.finish(key, Outcome::Succeeded, 5).await.expect("ends");

    // A third of a third and such come back to the bit.
    let (key, _) = scene.claim().await;
    scene.report(key, 1, &[1.0 / 3.0 / 3.0]).await.expect("stores");
    let recorded = scene.store.trials_recorded(&scene.sweep).await.expect("reads");
    let seen: Vec<_> = recorded.into_iter().map(|one| (one.state, one.objectives, one.objective)).collect();
    let ninth = 1.0 / 3.0 / 3.0;
    assert_eq!(
        seen,
        [
            (TrialState::Finished, expected.clone(), None),
            (TrialState::Running, Some(vec![ninth, -ninth]), None),
            (TrialState::Queued, None, None),
        ]
    );
    let listed = scene.store.trial_list(&scene.sweep, TrialFilter::default()).await.expect("lists");
    assert_eq!(listed[0].objectives, expected);
    let mut feed = scene.store.feed();
    let changes = loop {
        // The feed follows the commits: by and by all of them are in it.
        let changes = scene.store.changes_since(&scene.sweep, 0).await.expect("reads");
        if changes.trials.len() == 3 {
            break changes;
        }
        feed.changed().await.expect("moves");
    };
    assert_eq!((changes.trials[0].objectives.clone(), changes.sweep.objectives.len()), (expected, 2));
    assert_eq!(scene.sweep().await.best, None);
}

pub(crate) async fn several_objectives_go_on_with_the_visible_curve(store: Any) {
    let scene = Scene::of(store, new("again", 1), 1).await;
    let (old, _) = scene.claim().await;
    scene.report(old, 1, &[0.9, 0.95]).await.expect("stores");
    assert_eq!(scene.trial(1).await.objectives, Some(vec![0.95, -0.95]));
    scene.finish(old, Outcome::HandedBack, 2).await.expect("hands back");
    let (new, _) = scene.claim().await;
    assert_eq!(scene.trial(1).await.objectives, None, "a new attempt begins with nothing");
    scene.report(new, 1, &[0.4]).await.expect("stores");
    assert_eq!(scene.trial(1).await.objectives, Some(vec![0.4, -0.4]));
}

pub(crate) async fn a_trial_without_one_of_several_objectives_fails_where_asked(store: Any) {
    let scene = Scene::of(store, NewSweep { fails_non_finite: true, ..new("numbers", 2) }, 2).await;
    let (key, _) = scene.claim().await;
    half(&scene, key, 1, 0.5).await;
    let ended = scene.finish(key, Outcome::Succeeded, 1).await.expect("ends");
    assert_eq!(ended.state, TrialState::Failed);
    let reason = "the program ended well, but not with a finite value of each of f1, loss";
    assert_eq!(scene.trial(1).await.reason, reason);
    assert_eq!(scene.finish(key, Outcome::Succeeded, 1).await.expect("again").state, TrialState::Failed);
    let (key, _) = scene.claim().await;
    half(&scene, key, 1, 0.5).await;
    scene.report(key, 2, &[0.6]).await.expect("stores");
    assert_eq!(scene.finish(key, Outcome::Succeeded, 2).await.expect("ends").state, TrialState::Finished);
}
