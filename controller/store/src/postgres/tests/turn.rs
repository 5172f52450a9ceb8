//! One reaper at a time.

use super::*;

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
