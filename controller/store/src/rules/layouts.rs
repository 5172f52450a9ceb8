//! How the pages of a project are laid out.

use sweep_core::layout;

use crate::port::Tables;
use crate::{Result, StoreError};

/// Keeps a layout of a project that some sweep is of, or forgets it where it is empty.
pub(crate) async fn set(tx: &mut dyn Tables, project: &str, text: &str) -> Result<()> {
    if !tx.rows().project_known(project).await? {
        return Err(StoreError::ProjectNotFound { name: project.to_owned() });
    }
    if text.is_empty() {
        return tx.layout_forget(project).await;
    }
    layout::check(text).map_err(StoreError::NotALayout)?;
    tx.layout_set(project, text).await
}
