//! The feed passes over no change.

use sweep_core::sweep::SweepState;
use tokio::sync::Barrier;

use super::*;

/// A job that touches a sweep, says so, and commits once it may.
fn touching(sweep: &str, touched: &Arc<Barrier>, may_end: &Arc<Barrier>) -> Job<u64> {
    let given = (sweep.to_owned(), Arc::clone(touched), Arc::clone(may_end));
    Box::new(move |tx: &mut dyn Tables| {
        let (sweep, touched, may_end) = given.clone();
        Box::pin(async move {
            tx.sweep_move(&sweep, SweepState::Pending, "", None).await?;
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
    let queued = vec![contract::trial(1)];
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
