use sqlx::Executor as _;

use super::*;
use crate::Store as _;
use crate::sql::statements;

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

/// The statements that run once a claim, report or watch must not grow with the database.
#[tokio::test]
async fn hot_statements_scan_no_table() {
    let (_folder, store) = open().await;
    let mut conn = store.reader().await.expect("connects");
    for (name, statement) in statements::ALL {
        if ![
            "TRIAL_NEXT",
            "ATTEMPT_STANDING",
            "ATTEMPT_BY_REQUEST",
            "METRICS_OF_TRIAL",
            "TRIALS_CHANGED",
            "SWEEP_LOWEST",
            "SWEEP_HIGHEST",
            "SWEEP_COUNTS",
            "TRIALS_LOWEST",
            "TRIALS_HIGHEST",
            "ATTEMPTS_LIVE",
        ]
        .contains(name)
        {
            continue;
        }
        let plan: Vec<(i64, i64, i64, String)> =
            sqlx::query_as(sqlx::AssertSqlSafe(format!("explain query plan {}", statement.text)))
                .fetch_all(&mut *conn)
                .await
                .expect("explains");
        for (_, _, _, step) in plan {
            let partial_index = step.contains("USING") && step.contains("INDEX attempt_live");
            assert!(!step.starts_with("SCAN") || partial_index, "{name}: {step}");
            assert!(
                !step.contains("TEMP B-TREE") || ["TRIALS_CHANGED", "SWEEP_COUNTS"].contains(name),
                "{name}: {step}"
            );
        }
    }
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
