use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sqlx::Executor as _;

use super::*;
use crate::contract::new_sweep;
use crate::sql::statements;
use crate::{NewSweep, Store as _};

async fn open() -> (tempfile::TempDir, SqliteStore) {
    let folder = tempfile::tempdir().expect("makes a folder");
    let store = SqliteStore::open(&folder.path().join("new/sweep.db")).await.expect("opens");
    (folder, store)
}

crate::contract::store_contract!(open());

#[tokio::test]
async fn every_statement_prepares_against_a_fresh_schema() {
    let (_folder, store) = open().await;
    let mut conn = store.reader().await.expect("connects");
    for (name, statement) in statements::ALL {
        if let Err(error) = (&mut *conn).prepare(sqlx::SqlStr::from_static(statement.text)).await {
            panic!("{name}: {error}");
        }
    }
}

/// Statements that may look at every row of a table.
const SCANS: &[&str] = &[
    // Asked by people, and sweeps are few.
    "SWEEPS",
    "SWEEP_NEWEST",
    // By an index of those in force.
    "ATTEMPTS_LIVE",
    "AGENT_TRIALS",
    // Asked by people, and agents are few.
    "AGENTS",
    // Once a minute, and what nothing points to is few.
    "ORPHANS_TAKE",
    // Asked by people, and models are few.
    "MODELS",
    // Every few seconds; sweeps are few.
    "SWEEPS_RULED",
    // The rows they are given.
    "TRIAL_INSERT_8",
    "METRIC_SET_4",
];

/// Statements that may sort what they found.
const SORTS: &[&str] = &[
    // Asked by people: agents, and attempts in force.
    "AGENTS",
    "AGENT_TRIALS",
    "SWEEPS",
    "SWEEP_NEWEST",
    // When nothing but failures came, and only few.
    "LAST_FAILURE",
    // What changed since the watcher last asked.
    "TRIALS_CHANGED",
    "BRIEFS_CHANGED",
    // When somebody opens a timeline; later those of the trials that changed.
    "ATTEMPTS_OF_SWEEP",
    // What one trial has stored, which retention keeps small.
    "CHECKPOINT_FILES",
    "CHECKPOINT_ORPHANS",
    "CHECKPOINTS_STORED",
    "FILES_OF_TRIAL",
    // Of one model, or of those that there are: few.
    "MODEL_FILES",
    "MODEL_ORPHANS",
    "MODELS",
];

/// No statement's work grows with the database unless it is known to: whatever is added is looked at here.
#[tokio::test]
async fn statements_scan_and_sort_only_where_it_is_known() {
    let (_folder, store) = open().await;
    let mut conn = store.reader().await.expect("connects");
    let (mut scans, mut sorts) = (BTreeSet::new(), BTreeSet::new());
    for (name, statement) in statements::ALL {
        let plan: Vec<(i64, i64, i64, String)> =
            sqlx::query_as(sqlx::AssertSqlSafe(format!("explain query plan {}", statement.text)))
                .fetch_all(&mut *conn)
                .await
                .expect("explains");
        for (_, _, _, step) in plan {
            if step.starts_with("SCAN") {
                scans.insert(*name);
            }
            if step.contains("TEMP B-TREE") {
                sorts.insert(*name);
            }
        }
    }
    assert_eq!(scans, SCANS.iter().copied().collect());
    assert_eq!(sorts, SORTS.iter().copied().collect());
}

#[tokio::test]
async fn a_second_controller_on_the_file_is_refused() {
    let (folder, store) = open().await;
    let path = folder.path().join("new/sweep.db");
    let error = SqliteStore::open(&path).await.err().expect("is refused").to_string();
    assert!(error.contains("another sweep-controller has the database"), "{error}");
    drop(store);
    SqliteStore::open(&path).await.expect("opens once the first is gone");
}

#[tokio::test]
async fn a_reopened_store_has_what_was_acknowledged() {
    let (folder, store) = open().await;
    let sweep = crate::contract::new_sweep("reopened", None);
    let id = store.sweep_create(sweep).await.expect("stores").id;
    let change = *store.feed().borrow();
    drop(store);
    let store = SqliteStore::open(&folder.path().join("new/sweep.db")).await.expect("opens");
    assert_eq!(store.sweep_find(&id).await.expect("is there").id, id);
    assert_eq!(*store.feed().borrow(), change);
}

/// As they wait together, they are one transaction, or two where the machine is so busy that the first one fills no further.
#[tokio::test]
async fn a_job_that_fails_after_it_wrote_does_not_disturb_its_neighbours() {
    let (_folder, store) = open().await;
    let sweeps = ["a", "b", "c", "d"].map(|name| Arc::new(new_sweep(name, None)));
    let runs = Arc::new(AtomicUsize::new(0));
    let job = |new: &Arc<NewSweep>, fails: bool| -> Job<bool> {
        let (new, runs) = (Arc::clone(new), Arc::clone(&runs));
        Box::new(move |tx| {
            let new = Arc::clone(&new);
            runs.fetch_add(1, Ordering::SeqCst);
            Box::pin(async move {
                let inserted = tx.sweep_insert(&new).await?;
                if fails { Err(StoreError::corrupt("on purpose")) } else { Ok(inserted) }
            })
        })
    };
    let [a, b, c, d] = &sweeps;
    let (a, b, c, d) = tokio::join!(
        store.write(Haste::Soon, job(a, false)),
        store.write(Haste::Soon, job(b, true)),
        store.write(Haste::Soon, job(c, false)),
        store.write(Haste::Soon, job(d, true)),
    );
    assert!(a.expect("stores") && c.expect("stores"), "a second run stores what the first did");
    assert!(matches!((b, d), (Err(StoreError::Corrupt { .. }), Err(StoreError::Corrupt { .. }))));
    let runs = runs.load(Ordering::SeqCst);
    assert!(
        (5..=8).contains(&runs),
        "those that ran before the failure are run again, the others once: {runs}"
    );
    let stored = store.sweep_list().await.expect("lists").into_iter().map(|sweep| sweep.name);
    assert_eq!(stored.collect::<BTreeSet<_>>(), BTreeSet::from(["a".to_owned(), "c".to_owned()]));
}
