use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use sweep_core::retention::SPARED;
use sweep_core::search::{Origin, Why};
use sweep_core::value::Params;
use sweep_proto::content;
use sweep_store::{
    Agent, Checkpoint, Claim, Claimed, Event, EventKind, Media, MemoryStore, NewTrial, PostgresStore, Store,
};
use uuid::Uuid;

use super::*;
use crate::app::Creation;

/// A controller, and a trial that an agent holds.
pub(crate) async fn scene(store: Arc<dyn Store>, place: &Path) -> (App, AttemptKey) {
    let folder = place.join("artifacts").display().to_string();
    let artifacts = Artifacts::open(&folder, &place.join("incoming")).await.unwrap();
    let lease = Duration::from_secs(60);
    let app = App::new(store, lease).with_files(Keeping { artifacts, retention: Retention::default() });
    let creation = Creation {
        text: "program: train.py\nmethod: grid\nparameters: {a: {values: [1]}}\n".to_owned(),
        request_id: Uuid::now_v7(),
        name: String::new(),
        project: String::new(),
        file_name: String::new(),
    };
    let sweep = app.create(creation).await.unwrap().0.id;
    let trial = NewTrial {
        id: Uuid::now_v7(),
        number: 1,
        params: Params::default(),
        origin: Origin { why: Why::Random, pending: Vec::new() },
    };
    assert!(app.store.trials_enqueue(&sweep, 0, vec![trial], true, app.clock.now_ms()).await.unwrap());
    let agent = Agent {
        id: Uuid::now_v7(),
        name: "box".to_owned(),
        host: String::new(),
        version: String::new(),
        slots: 1,
        devices: Vec::new(),
        labels: BTreeMap::new(),
    };
    let claim = Claim { sweep, agent: agent.id, request_id: Uuid::now_v7(), lease };
    app.store.agent_register(agent, app.clock.now_ms()).await.unwrap();
    let Claimed::Granted(given) = app.store.trial_claim(claim, app.clock.now_ms()).await.unwrap() else {
        panic!("nothing was granted")
    };
    (app, AttemptKey { trial: given.trial, attempt: given.attempt })
}

fn file(bytes: &[u8]) -> FileRef {
    let (sha256, size) = content::digest(bytes).unwrap();
    FileRef::new("weights", sha256, size).unwrap()
}

/// Reports a checkpoint to go on from.
async fn tell(app: &App, key: AttemptKey, seq: u64) {
    let record = Checkpoint {
        step: seq,
        epoch: None,
        path: String::new(),
        metrics: BTreeMap::new(),
        resume: true,
        stored: false,
        files: Vec::new(),
    };
    let event = Event { at_ms: app.clock.now_ms(), kind: EventKind::Checkpoint(record) };
    app.store.attempt_report(key, seq, vec![event], app.clock.now_ms()).await.unwrap();
}

/// Reports a checkpoint, sends its file and stores it; those before are displaced.
async fn keep(app: &App, key: AttemptKey, seq: u64, bytes: &[u8]) -> FileRef {
    tell(app, key, seq).await;
    let file = file(bytes);
    assert!(app.put_file(key, &file, 0, bytes).await.unwrap().complete);
    app.store_checkpoint(key, seq, vec![file.clone()]).await.unwrap();
    file
}

/// Stores files as a trial's model of this step, with a score, and tells what it scored.
pub(crate) async fn keep_model(app: &App, key: AttemptKey, seq: u64, files: &[(&str, &[u8])]) {
    let record = Checkpoint {
        step: seq,
        epoch: Some(1.0),
        path: String::new(),
        metrics: BTreeMap::from([("f1".to_owned(), 0.5)]),
        resume: false,
        stored: false,
        files: Vec::new(),
    };
    let scores = Media { name: "validation-scores".to_owned(), step: seq, value: json!({"images": 7}) };
    let kinds = [EventKind::Checkpoint(record), EventKind::Media(scores)];
    let events = kinds.map(|kind| Event { at_ms: app.clock.now_ms(), kind });
    app.store.attempt_report(key, seq, events.into(), app.clock.now_ms()).await.unwrap();
    let mut kept = Vec::new();
    for (name, bytes) in files {
        let file = FileRef { name: (*name).to_owned(), ..file(bytes) };
        assert!(app.put_file(key, &file, 0, bytes).await.unwrap().complete);
        kept.push(file);
    }
    app.store_checkpoint(key, seq, kept).await.unwrap();
}

/// Removes what nothing needs, as if the time that it is spared were over.
async fn clean_later(app: &App) {
    let later = app.clock.now_ms() + i64::try_from(SPARED.as_millis()).unwrap() + 1;
    remove_orphans(app, app.keeping().unwrap(), later).await.unwrap();
}

async fn has(app: &App, file: &FileRef) -> bool {
    app.keeping().unwrap().artifacts.has(file).await.unwrap()
}

#[tokio::test]
async fn a_file_that_an_agent_was_told_is_here_stays_until_its_checkpoint_is_stored() {
    let place = tempfile::tempdir().unwrap();
    let (app, key) = scene(Arc::new(MemoryStore::new()), place.path()).await;
    let first = keep(&app, key, 1, b"first").await;
    let second = keep(&app, key, 2, b"second").await;
    // The third has the first's content, which nothing points to any more.
    tell(&app, key, 3).await;
    assert!(app.put_file(key, &first, 0, &[]).await.unwrap().complete, "nothing is to be sent");
    clean_later(&app).await;
    app.store_checkpoint(key, 3, vec![first.clone()]).await.unwrap();
    assert!(has(&app, &first).await);
    clean_later(&app).await;
    assert!(has(&app, &first).await && !has(&app, &second).await);
}

#[tokio::test]
async fn the_files_of_a_model_outlive_its_checkpoint() {
    let place = tempfile::tempdir().unwrap();
    let (app, key) = scene(Arc::new(MemoryStore::new()), place.path()).await;
    keep_model(&app, key, 1, &[("1.safetensors", b"first"), ("1.json", b"{}")]).await;
    let trial = sweep_store::TrialName::Id(key.trial);
    let promotion =
        sweep_store::Promotion { id: Uuid::now_v7(), trial, name: None, step: None, replace: false };
    let model = app.promote(promotion).await.unwrap().model;
    // Equal scores: the newer one displaces it.
    keep_model(&app, key, 3, &[("3.safetensors", b"second")]).await;
    let checkpoints = app.store.trial_get(&model.trial()).await.unwrap().checkpoints;
    assert_eq!(checkpoints.iter().map(|one| one.stored).collect::<Vec<_>>(), [false, true]);
    clean_later(&app).await;
    assert!(has(&app, &model.files[0]).await && has(&app, &model.files[1]).await);
    app.remove_model(&model.name).await.unwrap();
    clean_later(&app).await;
    assert!(!has(&app, &model.files[0]).await && !has(&app, &model.files[1]).await);
}

#[tokio::test]
async fn one_controller_at_a_time_removes_files() {
    let Some(cluster) = sweep_store::cluster::cluster() else { return };
    let url = cluster.database().await;
    let place = tempfile::tempdir().unwrap();
    let (app, key) = scene(Arc::new(PostgresStore::open(&url).await.unwrap()), place.path()).await;
    let keeping = app.keeping().unwrap().clone();
    let other = App::new(Arc::new(PostgresStore::open(&url).await.unwrap()), app.lease).with_files(keeping);
    let first = keep(&app, key, 1, b"first").await;
    keep(&app, key, 2, b"second").await;
    assert!(other.store.reaper_turn().await.unwrap());
    clean_later(&app).await;
    assert!(has(&app, &first).await, "it was not its turn");
    clean_later(&other).await;
    assert!(!has(&app, &first).await);
}
