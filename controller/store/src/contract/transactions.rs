//! Jobs that fail.

use super::*;
use crate::backend::{Backend, Haste, Job};

/// A job that writes and then fails.
pub(crate) async fn a_failed_job_leaves_nothing_behind<B: Backend>(store: &B) {
    let new = new_sweep("undone", None);
    let before = *Store::feed(store).borrow();
    let given = Arc::new(new.clone());
    let job: Job<()> = Box::new(move |tx| {
        let new = Arc::clone(&given);
        Box::pin(async move {
            assert!(tx.sweep_insert(&new).await?);
            tx.trials_insert(&new.id, &[trial(1), trial(2)], NOW).await?;
            tx.trials_withdraw(&new.id).await?;
            Err(StoreError::Corrupt { what: "on purpose".to_owned() })
        })
    });
    assert!(matches!(store.write(Haste::Soon, job).await, Err(StoreError::Corrupt { .. })));
    assert!(matches!(store.sweep_find(&new.id).await, Err(StoreError::SweepNotFound { .. })));
    assert_eq!(*Store::feed(store).borrow(), before);
    // The same can be stored now, and nothing of the first try is in its way.
    let sweep = store.sweep_create(new).await.expect("stores").id;
    assert!(store.trials_enqueue(&sweep, 0, vec![trial(1)], true, NOW).await.expect("queues"));
}
