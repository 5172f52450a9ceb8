use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::{Connection as _, Executor as _};
use sweep_core::annotation::AnnotationChange;
use sweep_core::file::FileRef;
use sweep_core::retention::Retention;
use sweep_core::stop::{Stops, SweepRule};
use sweep_core::sweep::SweepEvent;
use sweep_core::trial::Outcome;
use uuid::Uuid;

use super::tables::TABLES;
use super::*;
use crate::cluster::cluster;
use crate::contract::{NOW, Scene, new_sweep, trial};
use crate::{
    Checkpoint, CheckpointFiles, Event, EventKind, Facts, Location, LogLine, Media, NewSweep, Promotion,
    Store, StoreError, TrialName, postgres, sqlite,
};

/// A file with something in every table.
async fn file(folder: &tempfile::TempDir) -> (Location, String) {
    let location = Location::Sqlite(folder.path().join("sweep.db"));
    let store = location.open().await.expect("opens");
    let median = r#"{"type": "median", "resource": "step", "interval": 10, "min_trials": 5, "grace": 0}"#;
    let sweep = SweepRule { target: Some(9.0), ..SweepRule::default() };
    let stops = Stops { trial: Some(serde_json::from_str(median).expect("is a rule")), sweep };
    let new = NewSweep {
        max_parallel: Some(7),
        description: "größer\n'".to_owned(),
        stops,
        ..new_sweep("moved", None)
    };
    let scene = Scene::of(store, new, 5).await;
    scene.store.layout_set("faces", "{\"columns\":[\"größe\"]}").await.expect("keeps");
    let noted = AnnotationChange {
        note: Some("größer\n'".to_owned()),
        add: vec!["größe".to_owned()],
        remove: vec![],
    };
    scene.store.sweep_annotate(&scene.sweep, noted.clone()).await.expect("notes");
    let first = TrialName::Number { sweep: scene.sweep.clone(), number: 1 };
    scene.store.trial_annotate(&first, noted).await.expect("notes");
    let (key, _) = scene.claim().await;
    scene.report(key, 1, &[f64::NAN, 0.1 + 0.2, f64::INFINITY]).await.expect("stores");
    let at = |kind| Event { at_ms: NOW, kind };
    let others = vec![
        at(EventKind::Log(LogLine { stream: "stdout".to_owned(), text: "a\0b".to_owned() })),
        at(EventKind::Facts(Facts { host: "a\0box".to_owned(), ..Facts::default() })),
        at(EventKind::Checkpoint(Checkpoint {
            step: 3,
            epoch: Some(1.0 / 3.0),
            path: "/a\0b".to_owned(),
            metrics: BTreeMap::from([("f1".to_owned(), 1e-308)]),
            resume: true,
            stored: false,
            files: Vec::new(),
        })),
        at(EventKind::Media(Media { name: "m".to_owned(), step: 1, value: serde_json::json!(["\u{0}"]) })),
    ];
    let newer = Checkpoint {
        step: 4,
        epoch: None,
        path: String::new(),
        metrics: BTreeMap::new(),
        resume: true,
        stored: false,
        files: Vec::new(),
    };
    let model = Checkpoint { step: 5, resume: false, ..newer.clone() };
    let checkpoints = [newer, model].map(|one| at(EventKind::Checkpoint(one)));
    let others = [others, checkpoints.into()].concat();
    scene.store.attempt_report(key, 4, others, NOW).await.expect("stores");
    // The second displaces the first, whose file is an orphan then.
    for (seq, content) in [(6, "0a"), (8, "0b"), (9, "0c")] {
        let files = vec![FileRef::new("größe", content.repeat(32), 1 << 40).expect("is a file")];
        scene.store.files_wanted(key, vec![content.repeat(32)], NOW).await.expect("is noted");
        let told = CheckpointFiles { key, seq, files, retention: Retention::default() };
        scene.store.checkpoint_store(told, NOW).await.expect("keeps");
    }
    let trial = TrialName::Id(key.trial);
    let promotion = Promotion { id: Uuid::now_v7(), trial, name: None, step: None, replace: false };
    scene.store.model_promote(promotion, NOW).await.expect("promotes");
    scene.finish(key, Outcome::Failed, 9).await.expect("ends");
    let (again, _) = scene.claim().await;
    scene.report(again, 1, &[0.5]).await.expect("stores");
    (location, scene.sweep)
}

/// Everything a person can see of a sweep.
async fn seen(store: &dyn Store, sweep: &str) -> String {
    let mut text = format!("{:?}", store.sweep_find(sweep).await.expect("is there"));
    text.push_str(&format!("{:?}", store.layout("faces").await.expect("reads")));
    text.push_str(&format!("{:?}", store.model_list().await.expect("lists")));
    for number in 1..=5 {
        let name = TrialName::Number { sweep: sweep.to_owned(), number };
        let detail = store.trial_get(&name).await.expect("is there");
        let curves = store.curves(detail.trial.id, &[]).await.expect("reads");
        let logs = store.log_lines(detail.trial.id, 1, 0, None).await.expect("reads");
        text.push_str(&format!("\n{detail:?} {curves:?} {logs:?}"));
    }
    text
}

/// What a database says of its tables: each column's name, by table.
fn columns(found: Vec<(String, String)>) -> BTreeMap<String, Vec<String>> {
    let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (table, column) in found {
        tables.entry(table).or_default().push(column);
    }
    tables
}

fn listed() -> BTreeMap<String, Vec<String>> {
    let list = TABLES.iter().flat_map(|table| {
        table.columns.iter().map(|(column, _)| (table.name.to_owned(), (*column).to_owned()))
    });
    columns(list.collect())
}

/// A column that a migration adds and the list leaves out would be lost by a copy.
#[tokio::test]
async fn the_list_of_tables_is_the_schema_of_sqlite() {
    let folder = tempfile::tempdir().expect("makes a folder");
    let path = folder.path().join("sweep.db");
    let (_lock, mut conn) = sqlite::open_alone(&path).await.expect("opens");
    let found = sqlx::query_as(
        "select t.name, c.name from sqlite_schema t join pragma_table_info(t.name) c where t.type = 'table' \
         and t.name not in ('_sqlx_migrations', 'change_counter', 'sqlite_stat1', 'sqlite_sequence') order by t.name, c.cid",
    )
    .fetch_all(&mut conn)
    .await
    .expect("reads");
    assert_eq!(columns(found), listed());
}

#[tokio::test]
async fn the_list_of_tables_is_the_schema_of_postgres() {
    let Some(cluster) = cluster() else { return };
    let url = cluster.database().await;
    migrate(&Location::Postgres(url.clone())).await.expect("migrates");
    let mut conn = postgres::connect(&postgres::options(&url).expect("is a URL")).await.expect("connects");
    let found = sqlx::query_as(
        "select table_name::text, column_name::text from information_schema.columns where table_schema = 'public' \
         and table_name <> '_sqlx_migrations' order by table_name, ordinal_position",
    )
    .fetch_all(&mut conn)
    .await
    .expect("reads");
    assert_eq!(columns(found), listed());
}

#[tokio::test]
async fn a_copy_is_equal_and_goes_on() {
    let Some(cluster) = cluster() else { return };
    let folder = tempfile::tempdir().expect("makes a folder");
    let (from, sweep) = file(&folder).await;
    let store = from.open().await.expect("opens");
    let (before, change) = (seen(&*store, &sweep).await, *store.feed().borrow());
    drop(store);
    let to = Location::Postgres(cluster.database().await);
    // The file's writer closes it a moment after its store is dropped.
    let copied = loop {
        match copy(&from, &to).await {
            Err(StoreError::Open { message }) if message.contains("another sweep-controller") => {}
            copied => break copied.expect("copies"),
        }
    };
    assert!(copied.iter().all(|table| table.rows > 0), "{copied:?}");
    let store = to.open().await.expect("opens");
    assert_eq!(seen(&*store, &sweep).await, before);
    // Its changes go on from the file's numbers: who watched the file misses nothing.
    assert!(*store.feed().borrow() >= change);
    let queued = store.trials_enqueue(&sweep, 5, vec![trial(6)], false, NOW).await.expect("answers");
    assert!(!queued, "nothing is left to propose, as in the file");
    store.sweep_change(&sweep, SweepEvent::Pause, NOW).await.expect("goes on");
    let mut feed = store.feed();
    feed.wait_for(|now| *now > change).await.expect("moves");
}

#[tokio::test]
async fn a_copy_that_fails_leaves_nothing_behind() {
    let Some(cluster) = cluster() else { return };
    let folder = tempfile::tempdir().expect("makes a folder");
    let (from, _) = file(&folder).await;
    let url = cluster.database().await;
    let to = Location::Postgres(url.clone());
    migrate(&to).await.expect("migrates");
    let mut conn = postgres::connect(&postgres::options(&url).expect("is a URL")).await.expect("connects");
    // The last table refuses.
    conn.execute("alter table media add constraint refuses check (step < 0)").await.expect("alters");
    conn.close().await.expect("closes");
    let error = copy(&from, &to).await.expect_err("is refused");
    assert!(matches!(error, StoreError::Database { what: "writing rows", .. }), "{error:?}");
    let rows = status(&to).await.expect("looks").rows;
    assert!(rows.len() == TABLES.len() && rows.iter().all(|(_, rows)| *rows == 0), "{rows:?}");
}

#[tokio::test]
async fn a_backup_beside_a_writing_controller_is_whole() {
    let folder = tempfile::tempdir().expect("makes a folder");
    let location = Location::Sqlite(folder.path().join("sweep.db"));
    let scene = Arc::new(Scene::of(location.open().await.expect("opens"), new_sweep("busy", None), 1).await);
    let (key, _) = scene.claim().await;
    scene.report(key, 1, &[0.5]).await.expect("stores");
    let over = Arc::new(AtomicBool::new(false));
    let (writer, stop) = (Arc::clone(&scene), Arc::clone(&over));
    let writing = tokio::spawn(async move {
        let mut seq = 1;
        while !stop.load(Ordering::SeqCst) {
            seq += 1;
            writer.report(key, seq, &[0.5]).await.expect("stores");
        }
    });
    let copy = folder.path().join("copy.db");
    backup(&location, &copy).await.expect("backs up");
    over.store(true, Ordering::SeqCst);
    writing.await.expect("runs");
    let store = Location::Sqlite(copy).open().await.expect("opens");
    let points = store.curves(key.trial, &["f1".to_owned()]).await.expect("reads").remove(0).1.len() as u64;
    let count = store.trial_get(&TrialName::Id(key.trial)).await.expect("is there").trial.metrics["f1"].count;
    assert!(points > 0 && points == count, "points and their summary are of one moment: {points}, {count}");
}
