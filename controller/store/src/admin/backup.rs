//! A second file that holds what the first did at one moment.

use std::fs::File;
use std::path::Path;

use crate::{Location, Result, StoreError, sqlite};

/// Writes a copy of an SQLite database into a file that does not exist yet, while a controller may be at work on it.
/// The copy is on disk, checked and whole when this returns; a copy that was broken off has another name.
///
/// # Errors
/// [`StoreError::Open`] when the file is there already, cannot be written, or the database is PostgreSQL's, which has
/// its own tool: the message has the command.
pub async fn backup(location: &Location, file: &Path) -> Result<()> {
    let refuse = |message: String| StoreError::Open { message };
    let path = match location {
        Location::Sqlite(path) => path,
        Location::Postgres(_) => {
            return Err(refuse(format!(
                "a PostgreSQL database is backed up by its own tool, while controllers run:\n  pg_dump \
                 --format=custom --file={} '{location}'\nand restored into an empty database by:\n  pg_restore \
                 --no-owner --exit-on-error --dbname='{location}' {}",
                file.display(),
                file.display()
            )));
        }
    };
    let shown = file.display();
    if file.exists() {
        return Err(refuse(format!("{shown} exists; a backup overwrites nothing, name another file")));
    }
    let partial = sqlite::beside(file, ".partial");
    let unwritable = |error: std::io::Error| refuse(format!("cannot write {}: {error}", partial.display()));
    match std::fs::remove_file(&partial) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(unwritable(error)),
        Ok(()) | Err(_) => {}
    }
    sqlite::vacuum_into(path, &partial).await?;
    // SQLite does not sync what it vacuums into.
    File::open(&partial).and_then(|copy| copy.sync_all()).map_err(unwritable)?;
    std::fs::rename(&partial, file).map_err(unwritable)?;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(unwritable)
}
