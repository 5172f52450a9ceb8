//! Checkpoints that are stored, gone on from, and let go of.

use sweep_core::file::FileRef;
use sweep_core::retention::{AWAITED, Retention, SPARED};

use super::*;

pub(super) fn file(name: &str, content: u8) -> FileRef {
    FileRef::new(name, format!("{content:02x}").repeat(32), 100).expect("is a file")
}

pub(super) fn checkpoint(step: u64, resume: bool, f1: f64) -> Event {
    let metrics = BTreeMap::from([("f1".to_owned(), f1)]);
    let path = format!("/runs/{step}.safetensors");
    let record = Checkpoint { step, epoch: None, path, metrics, resume, stored: false, files: Vec::new() };
    Event { at_ms: NOW, kind: EventKind::Checkpoint(record) }
}

impl Scene {
    pub(super) async fn tell(&self, key: AttemptKey, seq: u64, event: Event) {
        self.store.attempt_report(key, seq, vec![event], self.now()).await.expect("stores");
    }

    pub(super) async fn keep(&self, key: AttemptKey, seq: u64, files: &[FileRef]) -> Result<()> {
        self.keep_with(key, seq, files, Retention::default()).await
    }

    pub(super) async fn keep_with(
        &self,
        key: AttemptKey,
        seq: u64,
        files: &[FileRef],
        retention: Retention,
    ) -> Result<()> {
        self.want(key, files).await?;
        self.point_to(key, seq, files, retention).await
    }

    async fn want(&self, key: AttemptKey, files: &[FileRef]) -> Result<()> {
        let contents = files.iter().map(|file| file.sha256.clone()).collect();
        self.store.files_wanted(key, contents, self.now()).await
    }

    /// Stores a checkpoint whose files nobody announced just before.
    async fn point_to(
        &self,
        key: AttemptKey,
        seq: u64,
        files: &[FileRef],
        retention: Retention,
    ) -> Result<()> {
        let told = CheckpointFiles { key, seq, files: files.to_vec(), retention };
        self.store.checkpoint_store(told, self.now()).await
    }

    async fn expire(&self, key: AttemptKey) {
        let live = self.store.leases_live().await.expect("reads");
        let lease = *live.iter().find(|lease| lease.key == key).expect("is live");
        self.store.lease_expire(lease, self.now()).await.expect("expires").expect("was live");
        self.clock.fetch_add(3_600_000, Ordering::SeqCst);
    }

    async fn given(&self, request: Uuid) -> Assignment {
        match self.claim_as(request).await {
            Claimed::Granted(given) => *given,
            other => panic!("nothing granted: {other:?}"),
        }
    }

    /// What may be removed at this moment.
    pub(super) async fn due(&self) -> Vec<String> {
        let mut due = self.store.files_orphaned(self.now()).await.expect("answers");
        due.sort();
        due
    }

    /// What may be removed once the time is over that it is spared.
    pub(super) async fn orphans(&self) -> Vec<String> {
        self.pass(SPARED);
        self.due().await
    }

    pub(super) fn pass(&self, time: Duration) {
        self.clock.fetch_add(time.as_millis() as i64, Ordering::SeqCst);
    }

    pub(super) async fn stored_steps(&self, number: u64) -> Vec<u64> {
        let name = TrialName::Number { sweep: self.sweep.clone(), number };
        let detail = self.store.trial_get(&name).await.expect("is there");
        detail.checkpoints.iter().filter(|one| one.stored).map(|one| one.step).collect()
    }
}

pub(crate) async fn a_trial_goes_on_from_its_newest_stored_checkpoint(store: Any) {
    let scene = Scene::new(store, 1).await;
    let (first, _) = scene.claim().await;
    // Points at steps 10, 20, 30; a checkpoint at 20 and one at 40 whose files never come; a point at 50.
    scene.report(first, 1, &[0.1, 0.2, 0.3]).await.expect("stores");
    scene.tell(first, 4, checkpoint(20, true, 0.2)).await;
    scene.tell(first, 5, checkpoint(40, true, 0.9)).await;
    scene.tell(first, 6, point(50, 0.9)).await;
    let files = [file("20.safetensors", 1), file("20.json", 2)];
    scene.keep(first, 4, &files).await.expect("keeps");
    scene.keep(first, 4, &files).await.expect("the same again changes nothing");
    assert_eq!(scene.trial(1).await.objective, Some(0.9));
    scene.expire(first).await;
    let request = Uuid::now_v7();
    let second = scene.given(request).await;
    let expected = ResumePoint { step: 20, files: files.to_vec() };
    assert_eq!((second.attempt, second.resume.as_ref()), (2, Some(&expected)));
    assert_eq!(scene.given(request).await.resume, Some(expected), "the same claim again");
    let key = AttemptKey { trial: second.trial, attempt: 2 };
    assert_eq!(scene.curve(key).await, [(10, 0.1), (20, 0.2)]);
    let trial = scene.trial(1).await;
    assert_eq!((trial.objective, trial.metrics["f1"].count, trial.metrics["f1"].last), (Some(0.2), 2, 0.2));
    // It does the rest again: no point is missing and none is double.
    scene.tell(key, 1, point(30, 0.25)).await;
    scene.tell(key, 2, point(40, 0.15)).await;
    assert_eq!(scene.curve(key).await, [(10, 0.1), (20, 0.2), (30, 0.25), (40, 0.15)]);
    let trial = scene.trial(1).await;
    assert_eq!((trial.objective, trial.metrics["f1"].count), (Some(0.25), 4));
}

pub(crate) async fn a_trial_without_a_stored_checkpoint_begins_again(store: Any) {
    let scene = Scene::new(store, 1).await;
    let (first, _) = scene.claim().await;
    scene.report(first, 1, &[0.1]).await.expect("stores");
    scene.tell(first, 2, checkpoint(10, true, 0.1)).await;
    scene.tell(first, 3, checkpoint(10, false, 0.1)).await;
    // A model is nothing to go on from.
    scene.keep(first, 3, &[file("10.safetensors", 1)]).await.expect("keeps");
    scene.expire(first).await;
    let second = scene.given(Uuid::now_v7()).await;
    assert_eq!(second.resume, None);
    let trial = scene.trial(1).await;
    assert!(trial.metrics.is_empty() && trial.objective.is_none());
}

pub(crate) async fn only_the_current_attempt_stores_what_it_reported(store: Any) {
    let scene = Scene::new(store, 1).await;
    let (first, _) = scene.claim().await;
    let files = [file("10.safetensors", 1)];
    let early = scene.keep(first, 2, &files).await;
    assert!(matches!(early, Err(StoreError::SeqGap { acknowledged: 0 })), "{early:?}");
    scene.report(first, 1, &[0.1]).await.expect("stores");
    let other = scene.keep(first, 1, &files).await;
    assert!(matches!(other, Err(StoreError::CheckpointUnknown { seq: 1, .. })), "{other:?}");
    scene.tell(first, 2, checkpoint(10, true, 0.1)).await;
    scene.expire(first).await;
    scene.claim().await;
    let late = scene.keep(first, 2, &files).await;
    assert!(matches!(late, Err(StoreError::AttemptStale { .. })), "{late:?}");
    assert!(scene.stored_steps(1).await.is_empty());
}

pub(crate) async fn newer_checkpoints_displace_older_and_orphan_their_files(store: Any) {
    let scene = Scene::new(store, 1).await;
    let (key, _) = scene.claim().await;
    for (seq, step) in [(1, 10), (2, 20), (3, 30)] {
        scene.tell(key, seq, checkpoint(step, true, 0.1)).await;
        // The second file is the same every time.
        let files = [file("weights", seq as u8), file("labels", 9)];
        scene.keep(key, seq, &files).await.expect("keeps");
    }
    assert_eq!(scene.stored_steps(1).await, [30]);
    let gone = [file("weights", 1).sha256, file("weights", 2).sha256];
    scene.pass(SPARED - Duration::from_millis(1));
    assert!(scene.due().await.is_empty(), "too young");
    scene.pass(Duration::from_millis(1));
    assert_eq!(scene.due().await, gone);
    // They are being removed now: nothing can point to them until they are gone.
    scene.tell(key, 4, checkpoint(40, true, 0.1)).await;
    let files = [file("weights", 1)];
    for late in [scene.want(key, &files).await, scene.point_to(key, 4, &files, Retention::default()).await] {
        assert!(matches!(late, Err(StoreError::FileGone { .. })), "{late:?}");
    }
    assert_eq!(scene.due().await, gone, "and they are named again until then");
    scene.store.files_removed(gone.to_vec()).await.expect("forgets");
    assert!(scene.orphans().await.is_empty());
    scene.keep(key, 4, &files).await.expect("sent again, it counts");
    assert_eq!(scene.stored_steps(1).await, [40]);
}

pub(crate) async fn an_orphan_that_is_needed_again_is_none(store: Any) {
    let scene = Scene::new(store, 1).await;
    let (key, _) = scene.claim().await;
    for (seq, content) in [(1, 1), (2, 2), (3, 1)] {
        scene.tell(key, seq, checkpoint(seq * 10, true, 0.1)).await;
        scene.keep(key, seq, &[file("weights", content)]).await.expect("keeps");
    }
    assert_eq!(scene.orphans().await, [file("weights", 2).sha256]);
}

pub(crate) async fn a_wanted_file_is_not_removed_before_its_checkpoint_is_stored(store: Any) {
    let scene = Scene::new(store, 2).await;
    let (key, _) = scene.claim().await;
    for seq in [1, 2] {
        scene.tell(key, seq, checkpoint(seq * 10, true, 0.1)).await;
        scene.keep(key, seq, &[file("weights", seq as u8)]).await.expect("keeps");
    }
    // The third is the first again, which nothing points to any more; and its agent takes its time.
    scene.tell(key, 3, checkpoint(30, true, 0.1)).await;
    let files = [file("weights", 1)];
    scene.want(key, &files).await.expect("is there");
    scene.pass(AWAITED - Duration::from_millis(1));
    assert!(scene.due().await.is_empty());
    scene.point_to(key, 3, &files, Retention::default()).await.expect("keeps");
    scene.pass(AWAITED);
    assert_eq!(scene.due().await, [file("weights", 2).sha256], "what is pointed to stays");
    // What is never stored, or by an attempt that lost its trial, is removed in the end.
    let (other, _) = scene.claim().await;
    scene.want(other, &[file("weights", 7)]).await.expect("is noted");
    scene.expire(other).await;
    let late = scene.want(other, &[file("weights", 8)]).await;
    assert!(matches!(late, Err(StoreError::AttemptStale { .. })), "{late:?}");
    scene.pass(AWAITED);
    assert_eq!(scene.due().await, [file("weights", 2).sha256, file("weights", 7).sha256]);
}

/// A checkpoint whose files were announced so long ago that they are being removed.
async fn overdue(store: Any) -> (Scene, AttemptKey, [FileRef; 1], Vec<String>) {
    let scene = Scene::new(store, 1).await;
    let (key, _) = scene.claim().await;
    scene.tell(key, 1, checkpoint(10, true, 0.1)).await;
    let files = [file("weights", 1)];
    scene.want(key, &files).await.expect("is noted");
    scene.pass(AWAITED);
    let due = scene.due().await;
    (scene, key, files, due)
}

/// The files were found in the artifact store, and then its controller was frozen.
pub(crate) async fn a_checkpoint_never_points_to_what_was_removed(store: Any) {
    let (scene, key, files, due) = overdue(store).await;
    assert_eq!(due, [file("weights", 1).sha256]);
    scene.store.files_removed(due).await.expect("forgets");
    let late = scene.point_to(key, 1, &files, Retention::default()).await;
    assert!(matches!(late, Err(StoreError::FileGone { .. })), "{late:?}");
    assert!(scene.stored_steps(1).await.is_empty());
    scene.keep(key, 1, &files).await.expect("sent again, it counts");
}

pub(crate) async fn what_is_wanted_again_is_not_forgotten(store: Any) {
    let (scene, key, files, due) = overdue(store).await;
    scene.store.files_removed(due.clone()).await.expect("forgets");
    // Sent again; then a controller that was slow tells of the same removal.
    scene.want(key, &files).await.expect("is noted again");
    scene.store.files_removed(due).await.expect("answers");
    scene.point_to(key, 1, &files, Retention::default()).await.expect("keeps");
    assert_eq!(scene.stored_steps(1).await, [10]);
}

/// Trials of two sweeps whose checkpoints share a content; their ends let go of it.
async fn sharing(scenes: &[Scene; 2], content: u8) -> [AttemptKey; 2] {
    let keys = [scenes[0].claim().await.0, scenes[1].claim().await.0];
    for (scene, key) in scenes.iter().zip(keys) {
        scene.tell(key, 1, checkpoint(10, true, 0.1)).await;
        scene.keep(key, 1, &[file("weights", content)]).await.expect("keeps");
    }
    keys
}

pub(crate) async fn a_shared_file_is_spared_from_when_the_last_lets_go(store: Any) {
    let scenes = [Scene::new(Arc::clone(&store), 1).await, Scene::new(store, 1).await];
    let [first, second] = sharing(&scenes, 1).await;
    let [one, other] = &scenes;
    one.finish(first, Outcome::Succeeded, 1).await.expect("ends");
    assert!(one.orphans().await.is_empty(), "the other points to it");
    other.pass(SPARED);
    other.finish(second, Outcome::Succeeded, 1).await.expect("ends");
    other.pass(SPARED - Duration::from_millis(1));
    assert!(other.due().await.is_empty(), "too young");
    other.pass(Duration::from_millis(1));
    assert_eq!(other.due().await, [file("weights", 1).sha256]);
}

pub(crate) async fn a_file_that_two_let_go_of_at_one_time_is_an_orphan(store: Any) {
    let scenes = Arc::new([Scene::new(Arc::clone(&store), 8).await, Scene::new(store, 8).await]);
    for content in 0..8 {
        let keys = sharing(&scenes, content).await;
        at_once(2, |at| {
            let (scenes, at) = (Arc::clone(&scenes), at as usize);
            async move { scenes[at].finish(keys[at], Outcome::Succeeded, 1).await.expect("ends") }
        })
        .await;
    }
    let all: Vec<_> = (0..8).map(|content| file("weights", content).sha256).collect();
    assert_eq!(scenes[0].orphans().await, all);
}

pub(crate) async fn a_sweep_that_is_over_lets_go_of_what_waiting_trials_could_go_on_from(store: Any) {
    for (content, verb) in [(1, SweepEvent::Cancel), (2, SweepEvent::Stop)] {
        let scene = Scene::new(Arc::clone(&store), 1).await;
        let (key, _) = scene.claim().await;
        scene.tell(key, 1, checkpoint(10, true, 0.1)).await;
        scene.keep(key, 1, &[file("weights", content)]).await.expect("keeps");
        scene.tell(key, 2, checkpoint(10, false, 0.1)).await;
        scene.keep(key, 2, &[file("model", 10 + content)]).await.expect("keeps");
        scene.expire(key).await;
        assert_eq!(scene.trial(1).await.state, TrialState::Queued);
        store.sweep_change(&scene.sweep, verb, scene.now()).await.expect("ends");
        assert_eq!(scene.trial(1).await.state, TrialState::Cancelled);
        let gone = scene.orphans().await;
        assert_eq!(gone, [file("weights", content).sha256], "after {verb:?} it keeps its model only");
        store.files_removed(gone).await.expect("forgets");
    }
}

pub(crate) async fn a_finished_trial_keeps_its_best_model_only(store: Any) {
    let scene = Scene::new(store, 1).await;
    let (key, _) = scene.claim().await;
    for (seq, resume, f1) in [(1, true, 0.0), (2, false, 0.9), (3, false, 0.7)] {
        scene.tell(key, seq, checkpoint(seq * 10, resume, f1)).await;
        scene.keep(key, seq, &[file("weights", seq as u8)]).await.expect("keeps");
    }
    assert_eq!(scene.stored_steps(1).await, [10, 20]);
    scene.finish(key, Outcome::Succeeded, 3).await.expect("ends");
    assert_eq!(scene.stored_steps(1).await, [20]);
    assert_eq!(scene.orphans().await, [file("weights", 1).sha256, file("weights", 3).sha256]);
}

pub(crate) async fn a_cap_lets_go_of_the_worst_trials_models(store: Any) {
    let scene = Scene::new(store, 3).await;
    let cap = Retention { sweep_bytes: Some(200), ..Retention::default() };
    for (content, f1) in [(1, 0.5), (2, 0.9), (3, 0.7)] {
        let (key, _) = scene.claim().await;
        scene.report(key, 1, &[f1]).await.expect("stores");
        scene.tell(key, 2, checkpoint(10, false, f1)).await;
        scene.keep_with(key, 2, &[file("weights", content)], cap).await.expect("keeps");
        scene.finish(key, Outcome::Succeeded, 2).await.expect("ends");
    }
    assert!(scene.stored_steps(1).await.is_empty());
    assert_eq!((scene.stored_steps(2).await, scene.stored_steps(3).await), (vec![10], vec![10]));
    assert_eq!(scene.orphans().await, [file("weights", 1).sha256]);
}

pub(crate) async fn a_trial_that_gets_on_is_moved_as_often_as_it_takes(store: Any) {
    let new = NewSweep { infrastructure_retries: 1, ..new_sweep("moved", Some(1)) };
    let scene = Scene::of(store, new, 1).await;
    for attempt in 1..=4_u8 {
        let (key, _) = scene.claim().await;
        scene.tell(key, 1, checkpoint(u64::from(attempt) * 10, true, 0.1)).await;
        scene.keep(key, 1, &[file("weights", attempt)]).await.expect("keeps");
        scene.expire(key).await;
    }
    // The last of those faults counts already, for nothing was stored after it; the next is one too many.
    let (key, _) = scene.claim().await;
    scene.expire(key).await;
    let trial = scene.trial(1).await;
    assert_eq!(trial.state, TrialState::Failed, "{}", trial.reason);
}
