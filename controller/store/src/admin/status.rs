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
    let pending = if exists { status(location).await?.pending } else { missing(known(location), &[]) };
    drop(location.open().await?);
    Ok(pending)
}

fn known(location: &Location) -> &'static Migrator {
    match location {
        Location::Sqlite(_) => &sqlite::MIGRATIONS,
        Location::Postgres(_) => &postgres::MIGRATIONS,
    }
}

fn missing(migrations: &Migrator, applied: &[i64]) -> Vec<Migration> {
    migrations
        .iter()
        .filter(|migration| !applied.contains(&migration.version))
        .map(|migration| Migration {
            version: migration.version,
            description: migration.description.clone().into_owned(),
        })
        .collect()
}

/// What a look at a database found.
struct Found {
    backend: String,
    applied: Vec<i64>,
    rows: Vec<(&'static str, u64)>,
    bytes: u64,
}

impl Found {
    fn status(self, location: &Location) -> Status {
        let migrations = known(location);
        Status {
            backend: self.backend,
            place: location.to_string(),
            version: self.applied.iter().copied().max().unwrap_or(0),
            newest: schema::newest(migrations),
            pending: missing(migrations, &self.applied),
            rows: self.rows,
            bytes: self.bytes,
        }
    }
}

const APPLIED: &str = "select version from _sqlx_migrations where success";
const FAILED: &str = "looking at a database";

async fn of_sqlite(location: &Location, path: &Path) -> Result<Status> {
    let mut conn = sqlite::look_at(path).await?;
    let failed = StoreError::database(FAILED);
    let has_schema: i64 =
        sqlx::query_scalar("select count(*) from sqlite_schema where name = '_sqlx_migrations'")
            .fetch_one(&mut conn)
            .await
            .map_err(failed)?;
    let mut applied = Vec::new();
    if has_schema > 0 {
        applied =
            sqlx::query_scalar(APPLIED).fetch_all(&mut conn).await.map_err(StoreError::database(FAILED))?;
    }
    let mut rows = Vec::new();
    for table in TABLES {
        let known = "select count(*) from sqlite_schema where type = 'table' and name = ";
        if sqlite_number(&mut conn, format!("{known}'{}'", table.name)).await? > 0 {
            rows.push((table.name, sqlite_number(&mut conn, table.count()).await?.cast_unsigned()));
        }
    }
    let release: String = sqlx::query_scalar("select sqlite_version()")
        .fetch_one(&mut conn)
        .await
        .map_err(StoreError::database(FAILED))?;
    let size = |path: &Path| std::fs::metadata(path).map_or(0, |found| found.len());
    let bytes = size(path) + size(&sqlite::beside(path, "-wal"));
    Ok(Found { backend: format!("SQLite {release}"), applied, rows, bytes }.status(location))
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
    let mut applied = Vec::new();
    if has_schema {
        applied =
            sqlx::query_scalar(APPLIED).fetch_all(&mut conn).await.map_err(StoreError::database(FAILED))?;
    }
    let mut rows = Vec::new();
    for table in TABLES {
        let known = format!("select count(to_regclass('{}'))", table.name);
        if postgres_number(&mut conn, known).await? > 0 {
            rows.push((table.name, postgres_number(&mut conn, table.count()).await?.cast_unsigned()));
        }
    }
    let size = "select pg_database_size(current_database())".to_owned();
    let bytes = postgres_number(&mut conn, size).await?.cast_unsigned();
    let release: String = sqlx::query_scalar("select split_part(current_setting('server_version'), ' ', 1)")
        .fetch_one(&mut conn)
        .await
        .map_err(StoreError::database(FAILED))?;
    Ok(Found { backend: format!("PostgreSQL {release}"), applied, rows, bytes }.status(location))
}

async fn postgres_number(conn: &mut PgConnection, statement: String) -> Result<i64> {
    sqlx::query_scalar(sqlx::AssertSqlSafe(statement))
        .fetch_one(conn)
        .await
        .map_err(StoreError::database(FAILED))
}
