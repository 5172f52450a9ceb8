//! What a page is shown of many trials at once.

use super::*;

pub(crate) async fn a_table_has_what_changed_by_number(store: Any) {
    let scene = Scene::new(store, 4).await;
    let (one, _) = scene.claim().await;
    scene.report(one, 1, &[0.25, 0.75, 0.5]).await.expect("stores");
    scene.finish(one, Outcome::Succeeded, 3).await.expect("ends");
    let table = scene.store.trial_table(&scene.sweep, 0, 0, 10).await.expect("reads");
    assert_eq!(table.trials.iter().map(|row| row.number).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!((table.total, table.more), (4, false));
    let first = &table.trials[0];
    assert_eq!((first.state, first.objective, first.attempt), (TrialState::Finished, Some(0.75), 1));
    assert_eq!(
        (&*first.agent, first.started_at_ms, first.finished_at_ms),
        ("box", Some(scene.now()), Some(scene.now()))
    );
    assert_eq!(first.params, trial(1).params);
    let f1 = table.metrics["f1"][0].expect("has points");
    assert_eq!((f1.last, f1.min, f1.max, f1.last_step), (0.5, 0.25, 0.75, 30));
    assert_eq!((table.metrics.len(), table.metrics["loss"][1]), (2, None));

    let page = scene.store.trial_table(&scene.sweep, 0, 1, 2).await.expect("reads");
    assert_eq!(page.trials.iter().map(|row| row.number).collect::<Vec<_>>(), [2, 3]);
    assert!(page.more);
    let mut feed = scene.store.feed();
    let (two, _) = scene.claim().await;
    scene.report(two, 1, &[0.5]).await.expect("stores");
    // On PostgreSQL the number may lag behind; by and by it moves.
    feed.wait_for(|change| *change > table.change).await.expect("moves");
    let news = scene.store.trial_table(&scene.sweep, table.change, 0, 10).await.expect("reads");
    // What changed shortly before a number that lagged is told again.
    let told = news.trials.iter().map(|row| (row.number, row.objective));
    assert_eq!(told.clone().next_back(), Some((2, Some(0.5))));
    assert!(
        told.clone().all(|(number, _)| number <= 2)
            && news.trials.iter().all(|row| row.changed > table.change)
    );
    assert!(news.change > table.change && news.total == 4);
    assert_eq!(news.metrics["f1"].len(), news.trials.len());
    let same = scene.store.trial_brief(&TrialName::Id(two.trial)).await.expect("is there");
    assert_eq!((same.number, Some(same.changed)), (2, news.trials.last().map(|row| row.changed)));
    let missing = TrialName::Number { sweep: scene.sweep.clone(), number: 9 };
    let missing = scene.store.trial_brief(&missing).await;
    assert!(matches!(missing, Err(StoreError::TrialNotFound { .. })), "{missing:?}");
}

pub(crate) async fn failed_trials_are_not_among_the_best(store: Any) {
    let scene = Scene::new(store, 5).await;
    for (value, outcome) in [(0.2, Outcome::Succeeded), (0.9, Outcome::Failed), (0.5, Outcome::Stopped)] {
        let (key, _) = scene.claim().await;
        scene.report(key, 1, &[value]).await.expect("stores");
        scene.finish(key, outcome, 1).await.expect("ends");
    }
    let (runs, _) = scene.claim().await;
    scene.report(runs, 1, &[0.4]).await.expect("stores");
    let best = scene.store.trials_best(&scene.sweep, 2).await.expect("reads");
    assert_eq!(best.iter().map(|row| row.number).collect::<Vec<_>>(), [3, 4]);
    let reached = scene.store.reached(&scene.sweep).await.expect("reads");
    let reached: Vec<_> =
        reached.iter().map(|one| (one.number, one.objective, one.finished_at_ms.is_some())).collect();
    assert_eq!(reached, [(1, 0.2, true), (3, 0.5, true), (4, 0.4, false)]);
}

pub(crate) async fn every_attempt_is_listed_newest_first(store: Any) {
    let mut new = new_sweep("scene", Some(3));
    new.retries = 1;
    let scene = Scene::of(store, new, 3).await;
    let later = || scene.clock.fetch_add(1000, Ordering::SeqCst);
    let (first, _) = scene.claim().await;
    let facts = Facts { devices: vec!["cuda:1".to_owned()], ..Facts::default() };
    let told = Event { at_ms: NOW, kind: EventKind::Facts(facts) };
    scene.store.attempt_report(first, 1, vec![told], scene.now()).await.expect("stores");
    let began = later();
    scene.finish(first, Outcome::Failed, 1).await.expect("ends");
    let ended = scene.now();
    // It pauses before it runs again; what was never claimed has no attempt.
    let (other, number) = scene.claim().await;
    assert_eq!(number, 2);
    let all = scene.store.attempt_table(&scene.sweep, 0, 10).await.expect("reads");
    assert_eq!(all.attempts.iter().map(|one| (one.trial, one.number)).collect::<Vec<_>>(), [(2, 1), (1, 1)]);
    assert!(!all.more);
    let expected = AttemptBrief {
        trial: 1,
        number: 1,
        agent: "box".to_owned(),
        devices: vec!["cuda:1".to_owned()],
        claimed_at_ms: began,
        ended_at_ms: Some(ended),
        end: Some(sweep_core::fault::End::Told(Outcome::Failed)),
        reason: "because".to_owned(),
    };
    assert_eq!(all.attempts[1], expected);
    assert_eq!((all.attempts[0].ended_at_ms, all.attempts[0].end), (None, None));

    scene.clock.fetch_add(3_600_000, Ordering::SeqCst);
    scene.finish(other, Outcome::Succeeded, 0).await.expect("ends");
    let since = scene.store.attempt_table(&scene.sweep, 0, 1).await.expect("reads");
    assert!(since.more && since.attempts[0].end.is_some(), "{since:?}");
    let mut feed = scene.store.feed();
    let (again, number) = scene.claim().await;
    assert_eq!((number, again.attempt), (1, 2), "what ran before goes first");
    feed.wait_for(|change| *change > since.change).await.expect("moves");
    let news = scene.store.attempt_table(&scene.sweep, since.change, 10).await.expect("reads");
    // Both attempts of the trial that changed. What changed shortly before a number that lagged is told again.
    let of_first: Vec<_> = news.attempts.iter().filter(|one| one.trial == 1).map(|one| one.number).collect();
    assert_eq!(of_first, [2, 1]);
    assert!(news.change > since.change);
}

pub(crate) async fn curves_of_many_trials_are_those_of_each(store: Any) {
    let scene = Scene::new(store, 4).await;
    let mut keys = Vec::new();
    for values in [[0.1, 0.2].as_slice(), &[0.3], &[f64::NAN, 0.4, 0.5]] {
        let (key, _) = scene.claim().await;
        scene.report(key, 1, values).await.expect("stores");
        scene.report(key, values.len() as u64 + 1, &[0.9]).await.expect("stores");
        keys.push(key);
    }
    // A new attempt from the beginning hides what the old one told.
    scene.finish(keys[1], Outcome::HandedBack, 2).await.expect("ends");
    let (again, number) = scene.claim().await;
    assert_eq!(number, 2);
    scene.report(again, 1, &[0.7]).await.expect("stores");
    let mut each = Vec::new();
    for (key, number) in keys.iter().zip(1_u64..) {
        for (_, points) in scene.store.curves(key.trial, &["f1".to_owned()]).await.expect("reads") {
            each.push((number, points));
        }
    }
    let many = scene.store.curves_of_sweep(&scene.sweep, "f1", 1..=4).await.expect("reads");
    // Not a number is not equal to itself.
    assert_eq!(format!("{many:?}"), format!("{each:?}"));
    assert_eq!(many[1].1.iter().map(|point| point.value).collect::<Vec<_>>(), [0.7]);
    let some = scene.store.curves_of_sweep(&scene.sweep, "f1", 2..=2).await.expect("reads");
    assert_eq!(some.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [2]);
    assert!(scene.store.curves_of_sweep(&scene.sweep, "other", 1..=4).await.expect("reads").is_empty());
}

pub(crate) async fn the_record_of_the_newest_trial_is_found_by_name(store: Any) {
    let scene = Scene::new(store, 3).await;
    assert_eq!(scene.store.media_newest(&scene.sweep, "dataset").await.expect("reads"), None);
    for told in [&[("dataset", 1), ("dataset", 2), ("other", 3)][..], &[("other", 4)]] {
        let (key, _) = scene.claim().await;
        let media = |(name, value): &(&str, i32)| Media {
            name: (*name).to_owned(),
            step: 0,
            value: serde_json::json!({"files": value}),
        };
        let events = told.iter().map(|one| Event { at_ms: NOW, kind: EventKind::Media(media(one)) });
        scene.store.attempt_report(key, 1, events.collect(), NOW).await.expect("stores");
    }
    let found = scene.store.media_newest(&scene.sweep, "dataset").await.expect("reads");
    let (number, media) = found.expect("is there");
    assert_eq!((number, media.value), (1, serde_json::json!({"files": 2})));
}
