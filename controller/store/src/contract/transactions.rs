//! Jobs that fail.

use super::*;
use crate::backend::{Backend, Haste, Job};

/// A job that writes and then fails.
fn failing(new: &NewSweep) -> Job<()> {
    let given = Arc::new(new.clone());
    Box::new(move |tx| {
        let new = Arc::clone(&given);
        Box::pin(async move {
            assert!(tx.sweep_insert(&new).await?);
            tx.trials_insert(&new.id, &[trial(1), trial(2)], NOW).await?;
            tx.trials_withdraw(&new.id).await?;
            Err(StoreError::Corrupt { what: "on purpose".to_owned() })
        })
    })
}

pub(crate) async fn a_failed_job_leaves_nothing_behind<B: Backend>(store: &B) {
    let new = new_sweep("undone", None);
    let failed = store.write(Haste::Soon, failing(&new)).await;
    assert!(matches!(failed, Err(StoreError::Corrupt { .. })), "{failed:?}");
    assert!(matches!(store.sweep_find(&new.id).await, Err(StoreError::SweepNotFound { .. })));
    // The same can be stored now, and nothing of the first try is in its way.
    let sweep = store.sweep_create(new).await.expect("stores").id;
    assert!(store.trials_enqueue(&sweep, 0, vec![trial(1)], true, NOW).await.expect("queues"));
}

/// Where numbers of changes are part of the transaction. PostgreSQL's come from a sequence, which has gaps.
pub(crate) async fn a_failed_job_takes_no_number<B: Backend>(store: &B) {
    let mut feed = Store::feed(store);
    let before = *feed.borrow_and_update();
    let failed = store.write(Haste::Soon, failing(&new_sweep("undone", None))).await;
    assert!(matches!(failed, Err(StoreError::Corrupt { .. })), "{failed:?}");
    store.sweep_create(new_sweep("next", None)).await.expect("stores");
    feed.changed().await.expect("moves");
    assert_eq!(*feed.borrow(), before + 1);
}
