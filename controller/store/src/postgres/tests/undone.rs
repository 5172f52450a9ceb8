//! Transactions that are undone, in doubt, killed, or in each other's way.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use sweep_core::trial::{Outcome, TrialState};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UnixStream};
use tokio::sync::{Barrier, Notify};

use super::*;
use crate::{AttemptKey, Checkpoint, Event, EventKind, NewSweep};

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

/// Ends all sessions of the database but this one: how many, and how many of them had a transaction open.
async fn kill_sessions(conn: &mut sqlx::PgConnection) -> (usize, usize) {
    let killed: Vec<(bool, bool)> = sqlx::query_as(
        "select xact_start is not null, pg_terminate_backend(pid) from pg_stat_activity \
         where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()",
    )
    .fetch_all(conn)
    .await
    .expect("kills");
    let killed = killed.into_iter().filter(|(_, killed)| *killed);
    killed.fold((0, 0), |(all, open), (was_open, _)| (all + 1, open + usize::from(was_open)))
}

/// Sessions die at any time; nobody but the store notices.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_that_are_killed_lose_and_double_nothing() {
    let Some(cluster) = cluster() else { return };
    let (url, store) = open_empty(cluster).await;
    let scene = Arc::new(Scene::new(Arc::new(store), 40).await);
    // Kills follow on what was done, not on the clock: a slow machine gets no more of them for a transaction. And each
    // trial waits for one, so a quick machine gets no fewer.
    let done = Arc::new(Notify::new());
    let over = Arc::new(AtomicBool::new(false));
    let (rounds, round) = watch::channel(0_u32);
    let agents: Vec<_> = (0..4)
        .map(|_| {
            let (scene, done, mut round) = (Arc::clone(&scene), Arc::clone(&done), round.clone());
            tokio::spawn(async move {
                let mut mine = Vec::new();
                while let Claimed::Granted(given) = scene.claim_as(Uuid::now_v7()).await {
                    let seen = *round.borrow();
                    let key = AttemptKey { trial: given.trial, attempt: given.attempt };
                    for seq in 1..=5 {
                        scene.report(key, seq, &[0.1 * seq as f64]).await.expect("reports");
                        done.notify_one();
                    }
                    round.wait_for(|now| *now > seen).await.expect("kills");
                    scene.finish(key, Outcome::Succeeded, 5).await.expect("ends");
                    assert_eq!(scene.curve(key).await.len(), 5);
                    mine.push(given.number);
                }
                mine
            })
        })
        .collect();
    let (wake, stop) = (Arc::clone(&done), Arc::clone(&over));
    let killer = tokio::spawn(async move {
        let mut conn = aside(&url).await;
        let mut killed = (0, 0);
        while !stop.load(Ordering::SeqCst) {
            let (all, open) = kill_sessions(&mut conn).await;
            killed = (killed.0 + all, killed.1 + open);
            rounds.send_modify(|round| *round += 1);
            wake.notified().await;
        }
        killed
    });
    let mut all = Vec::new();
    for agent in agents {
        all.extend(agent.await.expect("runs"));
    }
    over.store(true, Ordering::SeqCst);
    done.notify_one();
    let (killed, open) = killer.await.expect("runs");
    assert!(killed >= 10 && open > 0, "{killed} sessions were killed, {open} of them in a transaction");
    all.sort_unstable();
    assert_eq!(all, (1..=40).collect::<Vec<_>>());
    let finished = scene.store.trials_count(&scene.sweep, TrialState::Finished).await.expect("counts");
    assert_eq!(finished, 40);
    // The feed lost its sessions as well and is back: it gets to the last change.
    let mut feed = scene.store.feed();
    loop {
        let seen = scene.store.changes_since(&scene.sweep, 0).await.expect("reads").trials;
        if seen.len() == 40 && seen.iter().all(|trial| trial.state == TrialState::Finished) {
            return;
        }
        feed.changed().await.expect("moves");
    }
}

#[tokio::test]
async fn a_job_that_panics_panics_on_and_stops_nobody_else() {
    let Some(cluster) = cluster() else { return };
    let (_, store) = open_empty(cluster).await;
    let store = Arc::new(store);
    let writer = Arc::clone(&store);
    let fails: fn() -> Result<()> = || panic!("on purpose");
    let job: Job<()> = Box::new(move |_: &mut dyn Tables| Box::pin(async move { fails() }));
    let ended = tokio::spawn(async move { Backend::write(&*writer, Haste::Soon, job).await }).await;
    let panic = ended.expect_err("panics").try_into_panic().expect("is a panic");
    assert_eq!(panic.downcast_ref(), Some(&"on purpose"));
    store.sweep_create(new_sweep("after", None)).await.expect("goes on");
}

/// The lock that an expiry waits for is that of the transaction that stores the checkpoint.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkpoint_stored_while_its_attempts_end_waits_counts() {
    let Some(cluster) = cluster() else { return };
    let (url, store) = open_empty(cluster).await;
    let store = Arc::new(store);
    let new = NewSweep { infrastructure_retries: 1, ..new_sweep("moved", Some(1)) };
    let scene = Scene::of(store.clone(), new, 1).await;
    // The next fault is one too many, unless the trial got on.
    let (key, _) = scene.claim().await;
    scene.finish(key, Outcome::Infrastructure, 0).await.expect("ends");
    let (key, _) = scene.claim().await;
    let record = Checkpoint {
        step: 10,
        epoch: None,
        path: String::new(),
        metrics: BTreeMap::new(),
        resume: true,
        stored: false,
        files: Vec::new(),
    };
    let event = Event { at_ms: NOW, kind: EventKind::Checkpoint(record) };
    store.attempt_report(key, 1, vec![event], NOW).await.expect("stores");
    let lease = store.leases_live().await.expect("reads")[0];

    let barriers = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    let given = (Arc::clone(&barriers.0), Arc::clone(&barriers.1));
    let job: Job<()> = Box::new(move |tx: &mut dyn Tables| {
        let (stored, may_end) = given.clone();
        Box::pin(async move {
            tx.attempt_locked(key).await?;
            tx.checkpoint_stored(key, 1, &[], NOW).await?;
            stored.wait().await;
            may_end.wait().await;
            Ok(())
        })
    });
    let writer = Arc::clone(&store);
    let storing = tokio::spawn(async move { Backend::write(&*writer, Haste::Soon, job).await });
    barriers.0.wait().await;
    let reaper = Arc::clone(&store);
    let expiring = tokio::spawn(async move { reaper.lease_expire(lease, NOW).await });
    let mut conn = aside(&url).await;
    let waits = "select exists (select 1 from pg_stat_activity where datname = current_database() \
        and wait_event_type = 'Lock')";
    while !sqlx::query_scalar::<_, bool>(waits).fetch_one(&mut conn).await.expect("reads") {
        tokio::task::yield_now().await;
    }
    barriers.1.wait().await;
    storing.await.expect("runs").expect("commits");
    let ended = expiring.await.expect("runs").expect("answers").expect("was live");
    assert_eq!(ended.state, TrialState::Queued);
}
