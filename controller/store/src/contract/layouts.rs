//! How the pages of projects are laid out.

use super::*;

pub(crate) async fn a_layout_is_its_projects_and_the_last_one_counts(store: Any) {
    let sweep = store.sweep_create(new_sweep("one", None)).await.expect("stores");
    let other = NewSweep { project: String::new(), ..new_sweep("other", None) };
    store.sweep_create(other).await.expect("stores");
    assert_eq!(store.layout(&sweep.project).await.expect("reads"), None);
    for text in ["{\"columns\":[\"number\"]}", "{\"columns\":null}"] {
        store.layout_set(&sweep.project, text).await.expect("keeps");
        assert_eq!(store.layout(&sweep.project).await.expect("reads").as_deref(), Some(text));
    }
    // Sweeps without a project are of one project as well.
    assert_eq!(store.layout("").await.expect("reads"), None);
    store.layout_set("", "{}").await.expect("keeps");
    store.layout_set(&sweep.project, "").await.expect("forgets");
    assert_eq!(store.layout(&sweep.project).await.expect("reads"), None);
    assert_eq!(store.layout("").await.expect("reads").as_deref(), Some("{}"));
}

pub(crate) async fn what_is_no_layout_or_of_no_project_is_not_kept(store: Any) {
    let sweep = store.sweep_create(new_sweep("one", None)).await.expect("stores");
    let nowhere = store.layout_set("nowhere", "{}").await;
    assert!(matches!(nowhere, Err(StoreError::ProjectNotFound { .. })), "{nowhere:?}");
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(sweep_core::layout::LARGEST));
    for text in ["columns", &large] {
        let refused = store.layout_set(&sweep.project, text).await;
        assert!(matches!(refused, Err(StoreError::NotALayout(_))), "{refused:?}");
    }
    assert_eq!(store.layout(&sweep.project).await.expect("reads"), None);
}
