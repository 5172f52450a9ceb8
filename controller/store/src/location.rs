//! Where a database is: what `--db` says.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::postgres::PostgresStore;
use crate::sqlite::SqliteStore;
use crate::{Result, Store, StoreError, postgres};

/// A database's place. It prints without its password.
#[derive(Clone, PartialEq, Eq)]
pub enum Location {
    /// A file.
    Sqlite(PathBuf),
    /// A URL, with its password if it has one.
    Postgres(String),
}

impl Location {
    /// The place a URL means: `sqlite:///PATH` or `postgres://user:password@host:port/database`. `None`: neither.
    pub fn parse(url: &str) -> Option<Self> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Some(Self::Postgres(url.to_owned()));
        }
        let path = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:"))?;
        (!path.is_empty()).then(|| Self::Sqlite(PathBuf::from(path)))
    }

    /// Opens the database, making it when it is a file that does not exist, and brings its schema up to date.
    ///
    /// # Errors
    /// [`StoreError::Open`], which says what to do.
    pub async fn open(&self) -> Result<Arc<dyn Store>> {
        Ok(match self {
            Self::Sqlite(path) => Arc::new(SqliteStore::open(path).await?),
            Self::Postgres(url) => Arc::new(PostgresStore::open(url).await?),
        })
    }

    /// An error about opening this place.
    pub(crate) fn refuse(&self, what: impl fmt::Display) -> StoreError {
        StoreError::cannot_open(self, what)
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => path.display().fmt(f),
            Self::Postgres(url) => match postgres::options(url) {
                Ok(options) => f.write_str(&postgres::target(&options)),
                // It cannot be read, so it is not known which part of it is the password.
                Err(_) => f.write_str("postgres://..."),
            },
        }
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Location({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_means_a_place_and_prints_without_its_password() {
        for (url, shown) in [
            ("sqlite:///var/sweep.db", Some("/var/sweep.db")),
            ("sqlite://sweep.db", Some("sweep.db")),
            ("sqlite:sweep.db", Some("sweep.db")),
            ("sqlite://", None),
            ("mysql://x", None),
            ("postgres://me:secret@db/x", Some("postgres://me@db:5432/x")),
            ("postgresql://me:secret@db/x", Some("postgres://me@db:5432/x")),
            ("postgres://me:sec ret@db:port/x", Some("postgres://...")),
        ] {
            let place = Location::parse(url);
            assert_eq!(place.as_ref().map(ToString::to_string).as_deref(), shown);
            assert!(!format!("{place:?}").contains("secret"));
        }
    }
}
