//! Which schema a database has and what is in it.

use std::path::Path;

use sqlx::migrate::Migrator;
use sqlx::postgres::PgConnection;
use sqlx::sqlite::SqliteConnection;

use super::tables::TABLES;
use crate::{Location, Result, StoreError, postgres, schema, sqlite};

/// A step of the schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    pub version: i64,
    pub description: String,
}

/// What a database is like.
#[derive(Debug, Clone)]
pub struct Status {
    /// SQLite or PostgreSQL, with its version.
    pub backend: String,
    /// Where it is, without a password.
    pub place: String,
    /// The schema it has; 0: none yet.
    pub version: i64,
    /// The newest schema this binary knows.
    pub newest: i64,
    /// What [`migrate`] would do.
    pub pending: Vec<Migration>,
    /// Rows by table; empty without a schema.
    pub rows: Vec<(&'static str, u64)>,
    /// On disk.
    pub bytes: u64,
}

/// Looks at a database. It may be in use, and is not changed.
///
/// # Errors
/// [`StoreError::Open`] when it cannot be opened, or does not exist.
pub async fn status(location: &Location) -> Result<Status> {
    match location {
        Location::Sqlite(path) => of_sqlite(location, path).await,
        Location::Postgres(url) => of_postgres(location, url).await,
    }
}

/// Brings the schema of a database up to date, making the database if it is a file that does not exist. What it did.
///
/// # Errors
/// [`StoreError::Open`] when it cannot, or a controller has the file.
pub async fn migrate(location: &Location) -> Result<Vec<Migration>> {
    let exists = match location {
        Location::Sqlite(path) => path.exists(),
        Location::Postgres(_) => true,
    };
    let pending = if exists { status(location).await?.pending } else { after(known(location), 0) };
    drop(location.open().await?);
    Ok(pending)
}

fn known(location: &Location) -> &'static Migrator {
    match location {
        Location::Sqlite(_) => &sqlite::MIGRATIONS,
        Location::Postgres(_) => &postgres::MIGRATIONS,
    }
}

fn after(migrations: &Migrator, version: i64) -> Vec<Migration> {
    migrations
        .iter()
        .filter(|migration| migration.version > version)
        .map(|migration| Migration {
            version: migration.version,
            description: migration.description.clone().into_owned(),
        })
        .collect()
}

fn put_together(location: &Location, backend: String, version: i64, found: Found) -> Status {
    let migrations = known(location);
    Status {
        backend,
        place: location.to_string(),
        version,
        newest: schema::newest(migrations),
        pending: after(migrations, version),
        rows: found.rows,
        bytes: found.bytes,
    }
}

struct Found {
    rows: Vec<(&'static str, u64)>,
    bytes: u64,
}

const VERSION: &str = "select coalesce(max(version), 0) from _sqlx_migrations where success";
const FAILED: &str = "looking at a database";

async fn of_sqlite(location: &Location, path: &Path) -> Result<Status> {
    let mut conn = sqlite::look_at(path).await?;
    let failed = StoreError::database(FAILED);
    let has_schema: i64 =
        sqlx::query_scalar("select count(*) from sqlite_schema where name = '_sqlx_migrations'")
            .fetch_one(&mut conn)
            .await
            .map_err(failed)?;
    let version = if has_schema == 0 { 0 } else { sqlite_number(&mut conn, VERSION.to_owned()).await? };
    let mut rows = Vec::new();
    for table in TABLES.iter().filter(|_| version > 0) {
        rows.push((table.name, sqlite_number(&mut conn, table.count()).await?.cast_unsigned()));
    }
    let release: String = sqlx::query_scalar("select sqlite_version()")
        .fetch_one(&mut conn)
        .await
        .map_err(StoreError::database(FAILED))?;
    let size = |path: &Path| std::fs::metadata(path).map_or(0, |found| found.len());
    let bytes = size(path) + size(&sqlite::beside(path, "-wal"));
    Ok(put_together(location, format!("SQLite {release}"), version, Found { rows, bytes }))
}

async fn sqlite_number(conn: &mut SqliteConnection, statement: String) -> Result<i64> {
    sqlx::query_scalar(sqlx::AssertSqlSafe(statement))
        .fetch_one(conn)
        .await
        .map_err(StoreError::database(FAILED))
}

async fn of_postgres(location: &Location, url: &str) -> Result<Status> {
    let mut conn = postgres::connect(&postgres::options(url)?).await?;
    let has_schema: bool = sqlx::query_scalar("select to_regclass('_sqlx_migrations') is not null")
        .fetch_one(&mut conn)
        .await
        .map_err(StoreError::database(FAILED))?;
    let version = if has_schema { postgres_number(&mut conn, VERSION.to_owned()).await? } else { 0 };
    let mut rows = Vec::new();
    for table in TABLES.iter().filter(|_| version > 0) {
        rows.push((table.name, postgres_number(&mut conn, table.count()).await?.cast_unsigned()));
    }
    let size = "select pg_database_size(current_database())".to_owned();
    let bytes = postgres_number(&mut conn, size).await?.cast_unsigned();
    let release: String = sqlx::query_scalar("select split_part(current_setting('server_version'), ' ', 1)")
        .fetch_one(&mut conn)
        .await
        .map_err(StoreError::database(FAILED))?;
    Ok(put_together(location, format!("PostgreSQL {release}"), version, Found { rows, bytes }))
}

async fn postgres_number(conn: &mut PgConnection, statement: String) -> Result<i64> {
    sqlx::query_scalar(sqlx::AssertSqlSafe(statement))
        .fetch_one(conn)
        .await
        .map_err(StoreError::database(FAILED))
}
