//! Which schema a database has, and which one this binary knows.

use sqlx::migrate::{MigrateError, Migrator};

/// Why migrations did not run, for people.
pub(crate) fn explain(error: &MigrateError) -> String {
    match error {
        MigrateError::VersionMissing(version) => format!(
            "its schema (version {version}) is newer than this sweep-controller ({})\n  start a controller of the \
             version that wrote it, or a newer one",
            env!("CARGO_PKG_VERSION")
        ),
        MigrateError::VersionMismatch(version) => format!(
            "version {version} of its schema was made by another build of sweep-controller\n  start the controller \
             that wrote it"
        ),
        other => format!("its schema cannot be brought up to date: {other}"),
    }
}

/// The newest version a binary knows.
pub(crate) fn newest(migrations: &Migrator) -> i64 {
    migrations.iter().map(|migration| migration.version).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    /// What one database's schema is called, the other's is.
    #[test]
    fn migrations_have_the_same_numbers_and_names() {
        let list = |migrator: &sqlx::migrate::Migrator| -> Vec<_> {
            migrator.iter().map(|migration| (migration.version, migration.description.clone())).collect()
        };
        assert_eq!(list(&crate::sqlite::MIGRATIONS), list(&crate::postgres::MIGRATIONS));
        let mut versions: Vec<_> =
            crate::sqlite::MIGRATIONS.iter().map(|migration| migration.version).collect();
        let count = versions.len();
        versions.dedup();
        assert_eq!(versions.len(), count, "a number stands twice");
    }
}
