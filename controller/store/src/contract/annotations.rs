//! What people note on sweeps and trials.

use sweep_core::annotation::{Annotation, AnnotationChange, MOST_TAGS};

use super::*;

fn tagged(add: &[&str], remove: &[&str]) -> AnnotationChange {
    let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
    AnnotationChange { note: None, add: words(add), remove: words(remove) }
}

fn noted(note: &str) -> AnnotationChange {
    AnnotationChange { note: Some(note.to_owned()), ..AnnotationChange::default() }
}

pub(crate) async fn what_is_noted_on_a_sweep_stays_and_watchers_see_it(store: Any) {
    let scene = Scene::new(store, 1).await;
    let mut feed = scene.store.feed();
    let before = *feed.borrow_and_update();
    scene.store.sweep_annotate(&scene.sweep, noted("warm-up was off\n")).await.expect("notes");
    feed.wait_for(|&change| change > before).await.expect("is told");
    let answer =
        scene.store.sweep_annotate(&scene.sweep, tagged(&["paper", "best"], &[])).await.expect("notes");
    let both = Annotation {
        note: "warm-up was off\n".to_owned(),
        tags: vec!["best".to_owned(), "paper".to_owned()],
    };
    assert_eq!(answer.annotation, both);
    assert_eq!(scene.sweep().await.annotation, both);
    let listed = scene.store.sweep_list().await.expect("lists").remove(0).annotation;
    assert_eq!(listed, Annotation { note: String::new(), ..both }, "notes are not in lists");
    let gone = scene.store.sweep_annotate(&scene.sweep, tagged(&[], &["paper", "other"])).await;
    assert_eq!(gone.expect("notes").annotation.tags, ["best"]);
    let odd = scene.store.sweep_annotate(&scene.sweep, tagged(&["a,b"], &[])).await;
    assert!(matches!(odd, Err(StoreError::NotNoted(_))), "{odd:?}");
    let missing = scene.store.sweep_annotate("nosuch00", noted("x")).await;
    assert!(matches!(missing, Err(StoreError::SweepNotFound { .. })), "{missing:?}");
}

pub(crate) async fn what_is_noted_on_a_trial_is_in_tables_and_outlives_its_attempts(store: Any) {
    let scene = Scene::new(store, 2).await;
    let named = |number| TrialName::Number { sweep: scene.sweep.clone(), number };
    // One that nobody claimed yet, too.
    let answer = scene.store.trial_annotate(&named(1), tagged(&["best"], &[])).await.expect("notes");
    assert_eq!(answer.annotation.tags, ["best"]);
    let (key, _) = scene.claim().await;
    scene.store.trial_annotate(&TrialName::Id(key.trial), noted("look at it")).await.expect("notes");
    scene.report(key, 1, &[0.5]).await.expect("stores");
    scene.finish(key, Outcome::Succeeded, 1).await.expect("ends");
    let expected = Annotation { note: "look at it".to_owned(), tags: vec!["best".to_owned()] };
    let trial = scene.trial(1).await;
    assert_eq!((trial.state, trial.annotation), (TrialState::Finished, expected));
    let table = scene.store.trial_table(&scene.sweep, 0, 0, 10).await.expect("reads");
    assert_eq!(table.trials.iter().map(|row| row.tags.len()).collect::<Vec<_>>(), [1, 0]);
    scene.store.trial_annotate(&named(2), tagged(&["next"], &[])).await.expect("notes");
    let news = scene.store.trial_table(&scene.sweep, table.change, 0, 10).await.expect("reads");
    assert_eq!(news.trials.last().map(|row| (row.number, &*row.tags[0])), Some((2, "next")));
    let missing = scene.store.trial_annotate(&named(9), noted("x")).await;
    assert!(matches!(missing, Err(StoreError::TrialNotFound { .. })), "{missing:?}");
}

pub(crate) async fn tags_at_one_time_are_all_heard_up_to_the_most(store: Any) {
    let scene = Arc::new(Scene::new(store, 1).await);
    let done = at_once(MOST_TAGS as u64 + 3, {
        let scene = Arc::clone(&scene);
        move |at| {
            let scene = Arc::clone(&scene);
            async move {
                let name = TrialName::Number { sweep: scene.sweep.clone(), number: 1 };
                scene.store.trial_annotate(&name, tagged(&[&at.to_string()], &[])).await.is_ok()
            }
        }
    });
    assert_eq!(done.await.into_iter().filter(|&done| done).count(), MOST_TAGS);
    assert_eq!(scene.trial(1).await.annotation.tags.len(), MOST_TAGS);
}
