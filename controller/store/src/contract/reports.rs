//! Reports: stored once in whatever portions they come, and read back.

use super::*;

pub(crate) async fn reports_in_any_portions_are_stored_once(store: Any) {
    let scene = Scene::new(store, 1).await;
    let (key, _) = scene.claim().await;
    assert_eq!(scene.report(key, 1, &[0.1, 0.2]).await.expect("stores").acknowledged, 2);
    assert_eq!(scene.report(key, 1, &[0.1, 0.2]).await.expect("knows").acknowledged, 2);
    assert_eq!(scene.report(key, 2, &[0.2, 0.3]).await.expect("takes the new one").acknowledged, 3);
    assert_eq!(scene.curve(key).await, [(10, 0.1), (20, 0.2), (30, 0.3)]);
    let trial = scene.trial(1).await;
    assert_eq!((trial.state, trial.objective), (TrialState::Running, Some(0.3)));
    let loss = trial.metrics["loss"];
    assert_eq!((loss.count, loss.last, loss.min, loss.max, loss.last_step), (3, -0.3, -0.3, -0.1, 30));
}

pub(crate) async fn concurrent_resends_are_stored_once(store: Any) {
    let scene = Arc::new(Scene::new(store, 1).await);
    let (key, _) = scene.claim().await;
    let answers = at_once(8, |_| {
        let scene = Arc::clone(&scene);
        async move { scene.report(key, 1, &[0.1, 0.2, 0.3]).await.expect("stores or knows").acknowledged }
    })
    .await;
    assert_eq!(answers, [3; 8]);
    assert_eq!(scene.curve(key).await, [(10, 0.1), (20, 0.2), (30, 0.3)]);
    assert_eq!(scene.trial(1).await.metrics["f1"].count, 3);
}

pub(crate) async fn a_gap_is_refused_with_the_last_stored(store: Any) {
    let scene = Scene::new(store, 1).await;
    let (key, _) = scene.claim().await;
    scene.report(key, 1, &[0.1]).await.expect("stores");
    assert!(matches!(scene.report(key, 3, &[0.3]).await, Err(StoreError::SeqGap { acknowledged: 1 })));
    assert!(matches!(
        scene.finish(key, Outcome::Succeeded, 2).await,
        Err(StoreError::SeqGap { acknowledged: 1 })
    ));
    assert_eq!(scene.trial(1).await.state, TrialState::Running);
}

pub(crate) async fn a_new_attempt_hides_the_curve_of_the_old(store: Any) {
    let scene = Scene::new(store, 1).await;
    let (old, _) = scene.claim().await;
    scene.report(old, 1, &[0.9, 0.95]).await.expect("stores");
    scene.finish(old, Outcome::HandedBack, 2).await.expect("hands back");
    let (new, _) = scene.claim().await;
    assert_eq!((scene.curve(new).await, scene.trial(1).await.objective), (vec![], None));
    scene.report(new, 1, &[0.4]).await.expect("stores");
    assert_eq!(scene.curve(new).await, [(10, 0.4)]);
    let trial = scene.trial(1).await;
    assert_eq!((trial.objective, trial.metrics["f1"].count), (Some(0.4), 1));
}

pub(crate) async fn non_finite_objectives_never_count(store: Any) {
    let scene = Scene::new(store, 1).await;
    let (key, _) = scene.claim().await;
    scene.report(key, 1, &[f64::NAN, 0.3, f64::INFINITY]).await.expect("stores");
    let trial = scene.trial(1).await;
    assert_eq!(
        (trial.objective, trial.metrics["f1"].count, trial.metrics["f1"].non_finite),
        (Some(0.3), 1, 2)
    );
    let curve = scene.curve(key).await;
    assert!(curve[0].1.is_nan() && curve[2].1 == f64::INFINITY, "{curve:?}");
    assert_eq!(scene.sweep().await.best, Some((0.3, 1)));
}

pub(crate) async fn logs_come_back_in_order(store: Any) {
    let scene = Scene::new(store, 1).await;
    let (key, _) = scene.claim().await;
    let line = |text: &str| Event {
        at_ms: NOW,
        kind: EventKind::Log(LogLine { stream: "stdout".to_owned(), text: text.to_owned() }),
    };
    let facts = Facts { host: "box".to_owned(), command: vec!["true".to_owned()], ..Facts::default() };
    let first = vec![Event { at_ms: NOW, kind: EventKind::Facts(facts) }, line("a"), line("b")];
    scene.store.attempt_report(key, 1, first, NOW).await.expect("stores");
    let versions =
        Facts { versions: BTreeMap::from([("tch".to_owned(), "0.26".to_owned())]), ..Facts::default() };
    let second = vec![line("c"), Event { at_ms: NOW, kind: EventKind::Facts(versions) }];
    scene.store.attempt_report(key, 4, second, NOW).await.expect("stores");
    let texts =
        |entries: Vec<LogEntry>| entries.into_iter().map(|e| (e.seq, e.line.text)).collect::<Vec<_>>();
    let all = texts(scene.store.log_lines(key.trial, 1, 0, None).await.expect("reads"));
    assert_eq!(all, [(2, "a".to_owned()), (3, "b".to_owned()), (4, "c".to_owned())]);
    assert_eq!(texts(scene.store.log_lines(key.trial, 1, 0, Some(2)).await.expect("reads")), all[1..]);
    let facts = scene.trial(1).await.facts.expect("are there");
    assert_eq!((facts.host.as_str(), facts.versions["tch"].as_str()), ("box", "0.26"));
}

pub(crate) async fn records_come_back(store: Any) {
    let scene = Scene::new(store, 1).await;
    let (key, _) = scene.claim().await;
    let checkpoint = Checkpoint {
        step: 7,
        epoch: Some(0.25),
        path: "/runs/7".to_owned(),
        metrics: BTreeMap::from([("f1".to_owned(), 0.5)]),
        resume: true,
        stored: false,
        files: Vec::new(),
    };
    let media =
        Media { name: "matrix".to_owned(), step: 7, value: serde_json::json!({"rows": [[1, 2], [3, null]]}) };
    let at = |kind| Event { at_ms: NOW, kind };
    let events = vec![at(EventKind::Checkpoint(checkpoint.clone())), at(EventKind::Media(media.clone()))];
    scene.store.attempt_report(key, 1, events, NOW).await.expect("stores");
    scene.finish(key, Outcome::Failed, 2).await.expect("ends");
    let detail = scene.store.trial_get(&TrialName::Id(key.trial)).await.expect("is there");
    assert_eq!((detail.checkpoints, detail.media), (vec![checkpoint], vec![media]));
    let attempt = &detail.attempts[0];
    assert_eq!(
        (attempt.number, &*attempt.agent, &*attempt.ended, attempt.ended_at_ms),
        (1, "box", "failed: because", Some(NOW + 1))
    );
    assert_eq!(detail.trial.agent, "box");
}

pub(crate) async fn numbers_of_a_record_that_are_not_finite_are_left_out(store: Any) {
    let scene = Scene::new(store, 1).await;
    let (key, _) = scene.claim().await;
    let metrics = [("f1", f64::NAN), ("loss", f64::INFINITY), ("auc", 0.5)];
    let record = Checkpoint {
        step: 7,
        epoch: Some(f64::NAN),
        path: String::new(),
        metrics: metrics.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        resume: false,
        stored: false,
        files: Vec::new(),
    };
    let event = Event { at_ms: NOW, kind: EventKind::Checkpoint(record) };
    scene.store.attempt_report(key, 1, vec![event], NOW).await.expect("stores");
    let detail = scene.store.trial_get(&TrialName::Id(key.trial)).await.expect("can be read");
    assert_eq!(detail.checkpoints[0].metrics, BTreeMap::from([("auc".to_owned(), 0.5)]));
    assert_eq!(detail.checkpoints[0].epoch, None);
}

/// What programs print and people name may hold characters that one of the databases has no place for.
pub(crate) async fn odd_characters_are_no_failure(store: Any) {
    let new = NewSweep { name: "a\0b \u{1f600}".to_owned(), ..new_sweep("odd", Some(1)) };
    let scene = Scene::of(store, new, 1).await;
    let (key, _) = scene.claim().await;
    let values = BTreeMap::from([("f\0".to_owned(), 0.5)]);
    let point = Event { at_ms: NOW, kind: EventKind::Metrics { step: 1, epoch: None, values } };
    let log = EventKind::Log(LogLine { stream: "stdout".to_owned(), text: "\0\u{1f600}".to_owned() });
    let events = vec![point, Event { at_ms: NOW, kind: log }];
    scene.store.attempt_report(key, 1, events, NOW).await.expect("stores");
    let finish = Finish {
        key,
        outcome: Outcome::Failed,
        reason: "\0 was the last word".to_owned(),
        exit_code: Some(1),
        signal: None,
        last_seq: 2,
    };
    scene.store.attempt_finish(finish, NOW).await.expect("ends");
    assert!(scene.trial(1).await.reason.ends_with("was the last word"));
    let lines = scene.store.log_lines(key.trial, 1, 0, None).await.expect("reads");
    assert_eq!(lines[0].line.text, "\0\u{1f600}", "logs are kept as they are");
}

pub(crate) async fn a_history_is_what_trials_came_to(store: Any) {
    let scene = Scene::new(store, 3).await;
    let (first, _) = scene.claim().await;
    scene.report(first, 1, &[0.5, 0.2]).await.expect("stores");
    scene.finish(first, Outcome::Succeeded, 2).await.expect("ends");
    let (second, _) = scene.claim().await;
    scene.report(second, 1, &[f64::NAN]).await.expect("stores");
    let recorded = scene.store.trials_recorded(&scene.sweep).await.expect("reads");
    let seen: Vec<_> =
        recorded.iter().map(|one| (one.number, one.state, one.objective, one.latest)).collect();
    assert_eq!(
        seen,
        [
            (1, TrialState::Finished, Some(0.5), Some(0.2)),
            (2, TrialState::Running, None, None),
            (3, TrialState::Queued, None, None),
        ]
    );
    let origin = scene.trial(1).await.origin.expect("is noted");
    assert_eq!(origin, trial(1).origin);
    assert_eq!(recorded[2].params, trial(3).params);
}
