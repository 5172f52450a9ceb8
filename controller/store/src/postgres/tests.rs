use std::sync::Arc;

use sqlx::Executor as _;
use uuid::Uuid;

use super::cluster::{Cluster, cluster};
use super::*;
use crate::backend::BoxFuture;
use crate::contract::{self, NOW, Scene, new_sweep};
use crate::port::{Lock, Tables};
use crate::sql::statements;
use crate::{Awaited, Claimed, Store};

mod changes;
mod turn;
mod undone;

type Case = fn(Arc<dyn Store>) -> BoxFuture<'static, ()>;

macro_rules! listed {
    ($($name:ident)*) => {
        const CASES: &[(&str, Case)] = &[$((stringify!($name), |store| Box::pin(contract::$name(store)))),*];
    };
}
contract::cases!(listed);

async fn open_empty(cluster: &Cluster) -> (String, PostgresStore) {
    let url = cluster.database().await;
    let store = PostgresStore::open(&url).await.expect("opens");
    (url, store)
}

/// A connection beside the store's.
async fn aside(url: &str) -> sqlx::PgConnection {
    open::connect(&open::options(url).expect("is a URL")).await.expect("connects")
}

/// One test for all cases, so that they share a server where each test is a process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_case_of_the_contract_holds() {
    let Some(cluster) = cluster() else { return };
    let mut failed = Vec::new();
    for some in CASES.chunks(4) {
        let mut running = Vec::new();
        for (name, case) in some {
            let (_, store) = open_empty(cluster).await;
            running.push((name, tokio::spawn(case(Arc::new(store)))));
        }
        for (name, running) in running {
            if running.await.is_err() {
                failed.push(name);
            }
        }
    }
    assert!(failed.is_empty(), "cases that failed: {failed:?}");
    let (_, store) = open_empty(cluster).await;
    contract::a_failed_job_leaves_nothing_behind(&store).await;
}

#[tokio::test]
async fn every_statement_prepares_against_a_fresh_schema() {
    let Some(cluster) = cluster() else { return };
    let (url, _store) = open_empty(cluster).await;
    let mut conn = aside(&url).await;
    for (name, statement) in statements::ALL.iter().chain(statements::LOCKING) {
        if let Err(error) = (&mut conn).prepare(sqlx::SqlStr::from_static(statement.text)).await {
            panic!("{name}: {error}");
        }
    }
}

/// As two controllers have it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_controllers_share_one_queue() {
    let Some(cluster) = cluster() else { return };
    let (url, one) = open_empty(cluster).await;
    let other = PostgresStore::open(&url).await.expect("opens beside the first");
    let mut heard = (other.feed(), Store::attention(&other, Awaited::Trial));
    let scene = Scene::new(Arc::new(one), 60).await;
    heard.0.wait_for(|change| *change > 0).await.expect("hears of the other's commits");
    heard.1.mark_unchanged();
    scene.store.attend(Awaited::Trial);
    heard.1.changed().await.expect("is woken by the other");

    let other = Arc::new(scene.on(Arc::new(other)));
    let scene = Arc::new(scene);
    let tasks = [&scene, &other, &scene, &other].map(|scene| {
        let scene = Arc::clone(scene);
        tokio::spawn(async move {
            let mut mine = Vec::new();
            while let Claimed::Granted(given) = scene.claim_as(Uuid::now_v7()).await {
                mine.push(given.number);
            }
            mine
        })
    });
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await.expect("runs"));
    }
    all.sort_unstable();
    assert_eq!(all, (1..=60).collect::<Vec<_>>());
}

#[tokio::test]
async fn sessions_are_durable_and_do_not_outlive_a_frozen_controller() {
    let Some(cluster) = cluster() else { return };
    let (_, store) = open_empty(cluster).await;
    let mut conn = open::connect(&store.turn.options).await.expect("connects");
    for (name, expected) in [
        ("synchronous_commit", "on"),
        ("transaction_isolation", "read committed"),
        ("idle_in_transaction_session_timeout", "10s"),
        ("idle_session_timeout", "30s"),
    ] {
        let found: String = sqlx::query_scalar("select current_setting($1)")
            .bind(name)
            .fetch_one(&mut conn)
            .await
            .expect("reads");
        assert_eq!(found, expected, "{name}");
    }
}

#[tokio::test]
async fn what_cannot_be_opened_says_why() {
    let Some(cluster) = cluster() else { return };
    cluster.run("create role guarded login password 'right'".to_owned()).await;
    let refused = async |url: &str| PostgresStore::open(url).await.err().expect("is refused").to_string();

    let error = refused(&cluster.url("postgres", "nowhere")).await;
    assert!(
        error.contains("no database nowhere") && error.contains("createdb --owner=postgres nowhere"),
        "{error}"
    );

    let error = refused(&format!("{}&password=s3cret-wrong", cluster.url("guarded", "postgres"))).await;
    assert!(error.contains("refuses user guarded") && !error.contains("s3cret"), "{error}");

    // A port that nobody listens on.
    let port =
        std::net::TcpListener::bind("127.0.0.1:0").expect("binds").local_addr().expect("has one").port();
    let error = refused(&format!("postgres://me:s3cret@127.0.0.1:{port}/sweep")).await;
    assert!(error.contains("cannot be reached") && !error.contains("s3cret"), "{error}");

    let (url, store) = open_empty(cluster).await;
    drop(store);
    aside(&url)
        .await
        .execute(
            "insert into _sqlx_migrations (version, description, success, checksum, execution_time) \
             values (9999, 'of tomorrow', true, '', 0)",
        )
        .await
        .expect("inserts");
    let error = refused(&url).await;
    assert!(error.contains("(version 9999) is newer than this sweep-controller"), "{error}");
}
