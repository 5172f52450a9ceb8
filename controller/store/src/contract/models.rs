//! Models: what is promoted, how it is called, and that it keeps its files.

use sweep_core::promotion::NotPromoted;
use sweep_core::retention::{Retention, SPARED};

use super::checkpoints::{checkpoint, file};
use super::*;

impl Scene {
    fn promotion(&self, number: u64) -> Promotion {
        let trial = TrialName::Number { sweep: self.sweep.clone(), number };
        Promotion { id: Uuid::now_v7(), trial, name: None, step: None, replace: false }
    }

    async fn promote(&self, promotion: Promotion) -> Result<Model> {
        self.pass(Duration::from_millis(1));
        self.store.model_promote(promotion, self.now()).await
    }

    /// Tells of a model and stores its weights and its description.
    async fn model(&self, key: AttemptKey, seq: u64, content: u8, f1: f64) {
        self.tell(key, seq, checkpoint(seq * 10, false, f1)).await;
        let files = [file("weights", content), file("labels", 99)];
        self.keep(key, seq, &files).await.expect("keeps");
    }
}

pub(crate) async fn the_best_stored_model_is_promoted_or_that_of_a_step(store: Any) {
    let scene = Scene::new(store, 2).await;
    let (key, _) = scene.claim().await;
    let two = Retention { best: 2, ..Retention::default() };
    for (seq, resume, f1) in [(1, false, 0.7), (2, false, 0.9), (3, false, 0.8), (4, true, 1.0)] {
        scene.tell(key, seq, checkpoint(seq * 10, resume, f1)).await;
        scene
            .keep_with(key, seq, &[file("weights", seq as u8), file("labels", 99)], two)
            .await
            .expect("keeps");
    }
    let best = scene.promote(scene.promotion(1)).await.expect("promotes");
    let third = Promotion { name: Some("third".to_owned()), step: Some(30), ..scene.promotion(1) };
    let third = scene.promote(third).await.expect("promotes");
    assert_eq!((best.name.as_str(), best.step), (format!("{}-1", scene.sweep).as_str(), 20));
    assert_eq!((best.sweep_name.as_str(), best.number, &best.params["n"]), ("scene", 1, &1.into()));
    assert_eq!((best.epoch, best.metrics["f1"], best.key), (None, 0.9, key));
    assert_eq!(best.files, [file("weights", 2), file("labels", 99)]);
    assert_eq!(third.step, 30);
    assert_eq!(scene.store.model_list().await.expect("lists"), [third.clone(), best.clone()]);
    assert_eq!(scene.store.model_get("-").await.expect("is there"), third);
    assert_eq!(scene.store.model_get(&best.name).await.expect("is there"), best);
    let gone = Promotion { step: Some(10), ..scene.promotion(1) };
    match scene.promote(gone).await {
        Err(StoreError::NotPromoted { why, .. }) => {
            assert_eq!(why, NotPromoted::NoSuchStep { step: 10, stored: vec![20, 30] });
        }
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn a_trial_without_a_stored_model_is_not_promoted(store: Any) {
    let scene = Scene::new(store, 2).await;
    let why = |refused| match refused {
        Err(StoreError::NotPromoted { trial, why }) => (trial, why),
        other => panic!("{other:?}"),
    };
    let name = format!("{}/1", scene.sweep);
    let nothing = (name.clone(), NotPromoted::NothingStored);
    assert_eq!(why(scene.promote(scene.promotion(1)).await), nothing, "never claimed");
    let (key, _) = scene.claim().await;
    scene.tell(key, 1, checkpoint(10, false, 0.5)).await;
    assert_eq!(why(scene.promote(scene.promotion(1)).await), nothing, "told of, and not sent");
    scene.tell(key, 2, checkpoint(20, true, 0.5)).await;
    scene.keep(key, 2, &[file("state", 1)]).await.expect("keeps");
    assert_eq!(why(scene.promote(scene.promotion(1)).await), (name, NotPromoted::OnlyToResume));
    let unknown = scene.promote(scene.promotion(7)).await;
    assert!(matches!(unknown, Err(StoreError::TrialNotFound { .. })), "{unknown:?}");
    let odd = scene.promote(Promotion { name: Some("../x".to_owned()), ..scene.promotion(1) }).await;
    assert!(matches!(odd, Err(StoreError::ModelName(_))), "{odd:?}");
    for name in ["-", "nobody"] {
        let missing = scene.store.model_get(name).await;
        assert!(matches!(missing, Err(StoreError::ModelNotFound { .. })), "{missing:?}");
    }
}

pub(crate) async fn a_promotion_sent_twice_is_one_model(store: Any) {
    let scene = Scene::new(store, 2).await;
    for content in 1..=2 {
        let (key, _) = scene.claim().await;
        scene.model(key, 1, content, 0.5).await;
    }
    let first = scene.promote(scene.promotion(1)).await.expect("promotes");
    let second = scene.promote(scene.promotion(2)).await.expect("promotes");
    assert_eq!(scene.promote(scene.promotion(1)).await.expect("answers"), first);
    assert_eq!(scene.store.model_get("-").await.expect("is there"), second, "the newest is still the newest");
    let again = scene.promote(Promotion { replace: true, ..scene.promotion(1) }).await.expect("answers");
    assert_eq!((again.id, again.step), (first.id, first.step));
    assert_eq!(scene.store.model_get("-").await.expect("is there"), again, "it is asked to be the newest");
    assert_eq!(scene.store.model_list().await.expect("lists"), [again, second]);
}

pub(crate) async fn a_name_is_taken_unless_it_is_replaced(store: Any) {
    let scene = Scene::new(store, 2).await;
    for content in 1..=2 {
        let (key, _) = scene.claim().await;
        scene.model(key, 1, content, 0.5).await;
    }
    let named = |number| Promotion { name: Some("faces".to_owned()), ..scene.promotion(number) };
    let first = scene.promote(named(1)).await.expect("promotes");
    match scene.promote(named(2)).await {
        Err(StoreError::ModelTaken { name, trial, step }) => {
            assert_eq!((name.as_str(), trial, step), ("faces", format!("{}/1", scene.sweep), 10));
        }
        other => panic!("{other:?}"),
    }
    let second = scene.promote(Promotion { replace: true, ..named(2) }).await.expect("promotes");
    assert_ne!(second.id, first.id);
    assert_eq!(scene.store.model_list().await.expect("lists"), std::slice::from_ref(&second));
    assert_eq!(scene.store.model_remove("faces", scene.now()).await.expect("removes"), second);
    assert!(scene.store.model_list().await.expect("lists").is_empty());
    let again = scene.store.model_remove("faces", scene.now()).await;
    assert!(matches!(again, Err(StoreError::ModelNotFound { .. })), "{again:?}");
}

pub(crate) async fn a_model_keeps_its_files_when_its_trial_lets_go_of_them(store: Any) {
    let scene = Scene::new(store, 1).await;
    let (key, _) = scene.claim().await;
    scene.model(key, 1, 1, 0.5).await;
    let model = scene.promote(scene.promotion(1)).await.expect("promotes");
    // A better one displaces the checkpoint, and the trial ends.
    scene.model(key, 2, 2, 0.9).await;
    assert_eq!(scene.stored_steps(1).await, [20]);
    assert!(scene.orphans().await.is_empty(), "the model points to them");
    scene.finish(key, Outcome::Succeeded, 2).await.expect("ends");
    scene.pass(Duration::from_secs(1_000_000));
    assert!(scene.due().await.is_empty());
    assert_eq!(scene.store.model_get("-").await.expect("is there").files, model.files);
    scene.store.model_remove(&model.name, scene.now()).await.expect("removes");
    scene.pass(SPARED - Duration::from_millis(1));
    assert!(scene.due().await.is_empty(), "who is fetching it has some time");
    scene.pass(Duration::from_millis(1));
    assert_eq!(scene.due().await, [file("weights", 1).sha256], "the other is the newer checkpoint's as well");
}

pub(crate) async fn files_that_a_model_shares_stay_as_long_as_anything_points_to_them(store: Any) {
    let scene = Scene::new(store, 2).await;
    for content in 1..=2 {
        let (key, _) = scene.claim().await;
        scene.model(key, 1, content, 0.5).await;
    }
    let named = |number, name: &str| Promotion {
        name: Some(name.to_owned()),
        replace: true,
        ..scene.promotion(number)
    };
    let first = scene.promote(named(1, "a")).await.expect("promotes");
    scene.promote(named(1, "b")).await.expect("promotes");
    // The first name is given to another; the second still means the files, and so does the checkpoint.
    scene.promote(named(2, "a")).await.expect("replaces");
    assert!(scene.orphans().await.is_empty());
    scene.store.model_remove("b", scene.now()).await.expect("removes");
    assert!(scene.orphans().await.is_empty(), "the checkpoint points to them");
    // A content that was let go of is promoted again: it is no orphan then.
    let again = scene.promote(named(1, "c")).await.expect("promotes");
    assert_eq!(again.files, first.files);
    scene.pass(SPARED);
    assert!(scene.due().await.is_empty());
}

/// Whoever comes first: either the new checkpoint is not promoted yet, or the old one's files stay.
pub(crate) async fn a_promotion_beside_a_displacement_keeps_its_files(store: Any) {
    for content in 0..8_u8 {
        let scene = Arc::new(Scene::new(Arc::clone(&store), 1).await);
        let (key, _) = scene.claim().await;
        let (old, new) = (file("weights", content), file("weights", 100 + content));
        scene.tell(key, 1, checkpoint(10, false, 0.5)).await;
        scene.keep(key, 1, std::slice::from_ref(&old)).await.expect("keeps");
        scene.tell(key, 2, checkpoint(20, false, 0.9)).await;
        let files = [old.clone(), new.clone()];
        at_once(2, |which| {
            let (scene, new) = (Arc::clone(&scene), new.clone());
            async move {
                if which == 0 {
                    scene.keep(key, 2, &[new]).await.expect("keeps");
                } else {
                    scene.promote(scene.promotion(1)).await.expect("promotes");
                }
            }
        })
        .await;
        let model = scene.store.model_get("-").await.expect("is there");
        let gone = scene.orphans().await;
        assert!(files.contains(&model.files[0]));
        assert!(!gone.contains(&model.files[0].sha256), "a model's file is an orphan");
        scene.store.files_removed(gone).await.expect("forgets");
        scene.store.model_remove(&model.name, scene.now()).await.expect("removes");
    }
}

pub(crate) async fn promotions_of_one_name_at_one_time_are_one_model(store: Any) {
    let scene = Arc::new(Scene::new(store, 4).await);
    for content in 1..=4 {
        let (key, _) = scene.claim().await;
        scene.model(key, 1, content, 0.5).await;
    }
    let made = at_once(4, |at| {
        let scene = Arc::clone(&scene);
        async move {
            let named = Promotion { name: Some("one".to_owned()), ..scene.promotion(at + 1) };
            match scene.promote(named).await {
                Ok(model) => Some(model),
                Err(StoreError::ModelTaken { .. }) => None,
                Err(other) => panic!("{other}"),
            }
        }
    })
    .await;
    let made: Vec<_> = made.into_iter().flatten().collect();
    assert_eq!(made, scene.store.model_list().await.expect("lists"));
}
