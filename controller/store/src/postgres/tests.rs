use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::Executor as _;
use sweep_core::trial::{Outcome, TrialState};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UnixStream};
use tokio::sync::{Barrier, Notify};
use uuid::Uuid;

use super::cluster::{Cluster, cluster};
use super::*;
use crate::backend::BoxFuture;
use crate::contract::{self, NOW, Scene, new_sweep};
use crate::port::{Lock, Tables};
use crate::sql::statements;
use crate::{Awaited, Claimed, NewTrial, Store};

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

/// A job that touches a sweep, says so, and commits once it may.
fn touching(sweep: &str, touched: &Arc<Barrier>, may_end: &Arc<Barrier>) -> Job<u64> {
    let given = (sweep.to_owned(), Arc::clone(touched), Arc::clone(may_end));
    Box::new(move |tx: &mut dyn Tables| {
        let (sweep, touched, may_end) = given.clone();
        Box::pin(async move {
            tx.sweep_touch(&sweep).await?;
            let number = tx.rows().change().await?;
            touched.wait().await;
            may_end.wait().await;
            Ok(number)
        })
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_commits_late_is_not_passed_over() {
    let Some(cluster) = cluster() else { return };
    let (url, store) = open_empty(cluster).await;
    let store = Arc::new(store);
    let slow = store.sweep_create(new_sweep("slow", None)).await.expect("creates").id;
    let quick = store.sweep_create(new_sweep("quick", None)).await.expect("creates").id;
    let barriers = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    let job = touching(&slow, &barriers.0, &barriers.1);
    let writer = Arc::clone(&store);
    let late = tokio::spawn(async move { Backend::write(&*writer, Haste::Soon, job).await });
    barriers.0.wait().await;

    // A later number is committed while the earlier one is open: no feed may get to it, nor past the earlier.
    let queued =
        vec![NewTrial { id: Uuid::now_v7(), number: 1, params: BTreeMap::new().into_iter().collect() }];
    assert!(store.trials_enqueue(&quick, 0, queued, false, NOW).await.expect("queues"));
    let mut conn = aside(&url).await;
    conn.execute("set lock_timeout = '100ms'").await.expect("sets");
    assert_eq!(feed::look(&mut conn).await.expect("asks"), None, "the gate is shut while a number is open");
    let before = store.changes_since(&quick, 0).await.expect("reads");
    assert!(before.trials.is_empty(), "{before:?}");

    barriers.1.wait().await;
    let number = late.await.expect("runs").expect("commits");
    assert!(before.change < number);
    let mut feed = store.feed();
    feed.wait_for(|change| *change > number).await.expect("moves past both");
    assert_eq!(store.changes_since(&quick, before.change).await.expect("reads").trials.len(), 1);
}

#[tokio::test]
async fn a_change_that_nobody_tells_of_is_seen_all_the_same() {
    let Some(cluster) = cluster() else { return };
    let (url, store) = open_empty(cluster).await;
    let sweep = store.sweep_create(new_sweep("quiet", None)).await.expect("creates").id;
    let mut feed = store.feed();
    feed.wait_for(|change| *change > 0).await.expect("moves");
    feed.mark_unchanged();
    // As a controller that dies between its commit and its notification.
    let mut conn = aside(&url).await;
    let statement = format!("update sweep set changed = nextval('change_number') where id = '{sweep}'");
    conn.execute(sqlx::AssertSqlSafe(statement)).await.expect("changes");
    feed.changed().await.expect("moves");
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_deadlock_undid_is_run_again() {
    let Some(cluster) = cluster() else { return };
    let (_, store) = open_empty(cluster).await;
    let store = Arc::new(store);
    let mut ids = Vec::new();
    for name in ["a", "b"] {
        ids.push(store.sweep_create(new_sweep(name, None)).await.expect("creates").id);
    }
    let both_hold_one = Arc::new(Barrier::new(2));
    let runs = [(0, 1), (1, 0)].map(|(first, second)| {
        let given = (
            ids[first].clone(),
            ids[second].clone(),
            Arc::clone(&both_hold_one),
            Arc::new(AtomicBool::new(true)),
        );
        let job: Job<()> = Box::new(move |tx: &mut dyn Tables| {
            let (first, second, both_hold_one, first_run) = given.clone();
            Box::pin(async move {
                tx.sweep_lock(&first, Lock::Exclusive).await?;
                if first_run.swap(false, Ordering::SeqCst) {
                    both_hold_one.wait().await;
                }
                tx.sweep_lock(&second, Lock::Exclusive).await
            })
        });
        let store = Arc::clone(&store);
        tokio::spawn(async move { Backend::write(&*store, Haste::Soon, job).await })
    });
    for run in runs {
        run.await.expect("runs").expect("is brought to its end");
    }
}

/// What becomes of the next commit.
#[derive(Clone, Copy)]
enum Cut {
    /// It does not reach the server.
    Request,
    /// It does, but its answer does not come back.
    Answer,
}

/// A way to the server that breaks at the next commit once it is armed; gives its port.
async fn brittle_way(socket: std::path::PathBuf, cut: Cut, armed: Arc<AtomicBool>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("listens");
    let port = listener.local_addr().expect("has one").port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let (socket, armed) = (socket.clone(), Arc::clone(&armed));
            tokio::spawn(async move {
                let mut server = UnixStream::connect(socket).await.expect("connects");
                let (mut out, mut back) = (vec![0; 1 << 16], vec![0; 1 << 16]);
                loop {
                    tokio::select! {
                        read = client.read(&mut out) => {
                            let read = read.unwrap_or(0);
                            let commits = out[..read].windows(7).any(|bytes| bytes == b"COMMIT\0");
                            let breaks = commits && armed.swap(false, Ordering::SeqCst);
                            if read == 0 || (breaks && matches!(cut, Cut::Request)) { return }
                            server.write_all(&out[..read]).await.expect("passes on");
                            if breaks {
                                // Its answer is the proof that it was done.
                                let _ = server.read(&mut back).await;
                                return;
                            }
                        }
                        read = server.read(&mut back) => {
                            let read = read.unwrap_or(0);
                            if read == 0 || client.write_all(&back[..read]).await.is_err() { return }
                        }
                    }
                }
            });
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_in_doubt_is_looked_up() {
    let Some(cluster) = cluster() else { return };
    for cut in [Cut::Answer, Cut::Request] {
        let direct = cluster.database().await;
        let name = open::options(&direct).expect("is a URL").get_database().expect("has one").to_owned();
        let armed = Arc::new(AtomicBool::new(false));
        let port = brittle_way(cluster.folder.join(".s.PGSQL.5432"), cut, Arc::clone(&armed)).await;
        let url = format!("postgres://postgres@127.0.0.1:{port}/{name}?sslmode=disable");
        let store = PostgresStore::open(&url).await.expect("opens");
        let sweep = store.sweep_create(new_sweep("doubted", None)).await.expect("creates").id;
        let plan = |from: u64| (from..from + 5).map(contract::trial).collect();
        armed.store(true, Ordering::SeqCst);
        // Run again after it was committed, it would answer `false`.
        assert!(store.trials_enqueue(&sweep, 0, plan(1), false, NOW).await.expect("is brought to its end"));
        assert!(!armed.load(Ordering::SeqCst), "the way did not break");
        assert_eq!(store.sweep_find(&sweep).await.expect("is there").counts.queued, 5);
        assert!(store.trials_enqueue(&sweep, 5, plan(6), false, NOW).await.expect("goes on"));
    }
}

/// Sessions die at any time; nobody but the store notices.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_that_are_killed_lose_and_double_nothing() {
    let Some(cluster) = cluster() else { return };
    let (url, store) = open_empty(cluster).await;
    let scene = Arc::new(Scene::new(Arc::new(store), 40).await);
    // Kills follow on what was done, not on the clock: a slow machine gets no more of them for a transaction.
    let done = Arc::new(Notify::new());
    let agents: Vec<_> = (0..4)
        .map(|_| {
            let (scene, done) = (Arc::clone(&scene), Arc::clone(&done));
            tokio::spawn(async move {
                let mut mine = Vec::new();
                while let Claimed::Granted(given) = scene.claim_as(Uuid::now_v7()).await {
                    let key = crate::AttemptKey { trial: given.trial, attempt: given.attempt };
                    for seq in 1..=5 {
                        scene.report(key, seq, &[0.1 * seq as f64]).await.expect("reports");
                        done.notify_one();
                    }
                    scene.finish(key, Outcome::Succeeded, 5).await.expect("ends");
                    assert_eq!(scene.curve(key).await.len(), 5);
                    mine.push(given.number);
                }
                mine
            })
        })
        .collect();
    let killer = tokio::spawn(async move {
        let mut conn = aside(&url).await;
        loop {
            conn.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity \
                 where datname = current_database() and pid <> pg_backend_pid()",
            )
            .await
            .expect("kills");
            done.notified().await;
        }
    });
    let mut all = Vec::new();
    for agent in agents {
        all.extend(agent.await.expect("runs"));
    }
    killer.abort();
    all.sort_unstable();
    assert_eq!(all, (1..=40).collect::<Vec<_>>());
    let finished = scene.store.trials_count(&scene.sweep, TrialState::Finished).await.expect("counts");
    assert_eq!(finished, 40);
    // The feed lost its sessions as well and is back.
    let last = scene.store.changes_since(&scene.sweep, 0).await.expect("reads");
    let mut feed = scene.store.feed();
    if last.trials.iter().any(|trial| trial.state != TrialState::Finished) {
        feed.wait_for(|change| *change > last.change).await.expect("moves");
    }
}

#[tokio::test]
async fn one_reaper_at_a_time_and_another_when_it_is_gone() {
    let Some(cluster) = cluster() else { return };
    let (url, one) = open_empty(cluster).await;
    let two = PostgresStore::open(&url).await.expect("opens");
    let three = PostgresStore::open(&url).await.expect("opens");
    let turn = async |store: &PostgresStore| Store::reaper_turn(store).await.expect("asks");
    assert!(turn(&one).await && !turn(&two).await && turn(&one).await);
    // Its session is ended, as the server does with a frozen controller's.
    let mut conn = aside(&url).await;
    conn.execute(
        "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' \
         and database = (select oid from pg_database where datname = current_database())",
    )
    .await
    .expect("kills");
    while !turn(&two).await {
        tokio::task::yield_now().await;
    }
    assert!(!turn(&one).await, "the first notices that it lost its turn");
    assert!(!turn(&three).await);
    drop(two);
    // The server frees the lock once it sees that the session is gone.
    while !turn(&three).await {
        tokio::task::yield_now().await;
    }
    assert!(!turn(&one).await);
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
