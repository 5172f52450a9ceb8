//! Opening: what a URL means, how sessions are set up, and what to do when the server says no.

use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sqlx::{ConnectOptions as _, Connection as _};

use crate::{Result, StoreError, schema};

pub(crate) static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/postgres");

/// The oldest server that closes idle sessions, which the reaper's turn relies on.
const OLDEST: i32 = 14;

/// How long to wait for a connection, the server's restart included.
const PATIENCE: Duration = Duration::from_secs(10);

/// The settings of every session.
const SETTINGS: [(&str, &str); 6] = [
    // What was acknowledged is on disk, whatever the server's default is.
    ("synchronous_commit", "on"),
    ("default_transaction_isolation", "read committed"),
    // A controller that froze within a transaction does not keep its locks from the others.
    ("idle_in_transaction_session_timeout", "10s"),
    // The server notices a controller whose machine is gone.
    ("tcp_keepalives_idle", "10"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "3"),
];

/// How to connect to a URL.
pub(crate) fn options(url: &str) -> Result<PgConnectOptions> {
    let options: PgConnectOptions = url.parse().map_err(|_| StoreError::Open {
        // The parser's error may quote the URL, and with it the password.
        message: "the database's URL cannot be read; write postgres://user:password@host:5432/database, \
                  and %-encode what is special in the password"
            .to_owned(),
    })?;
    Ok(options.application_name("sweep-controller").options(SETTINGS))
}

pub(super) fn pool(most: u32) -> PgPoolOptions {
    PgPoolOptions::new().max_connections(most).acquire_timeout(PATIENCE)
}

/// Where a URL leads, without its password, as the server's own programs take it: `postgres://user@host:5432/database`,
/// or `postgres:///database?host=/run/postgresql&port=5432&user=user` by a Unix socket.
pub(crate) fn target(options: &PgConnectOptions) -> String {
    let (user, port, name) = (options.get_username(), options.get_port(), database(options));
    match options.get_socket() {
        Some(socket) => format!("postgres:///{name}?host={}&port={port}&user={user}", socket.display()),
        None => format!("postgres://{user}@{}:{port}/{name}", options.get_host()),
    }
}

fn database(options: &PgConnectOptions) -> &str {
    options.get_database().unwrap_or_else(|| options.get_username())
}

/// Why it cannot be opened, and what to do about it.
pub(super) fn explain(options: &PgConnectOptions, error: &sqlx::Error) -> StoreError {
    let (user, name) = (options.get_username(), database(options));
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    let advice = match code.as_deref() {
        Some("28P01" | "28000") => format!(
            "the server refuses user {user} ({error})\n  check user and password in the URL (%-encode what is special), \
             and pg_hba.conf on the server"
        ),
        Some("3D000") => format!(
            "the server has no database {name}\n  create it, as a user who may: createdb --owner={user} {name}"
        ),
        Some("42501") => format!("{error}\n  let user {user} own it: alter database {name} owner to {user}"),
        Some("53300") => format!(
            "{error}\n  each controller takes up to 20 connections: raise max_connections on the server"
        ),
        Some(_) => error.to_string(),
        None => {
            format!("the server cannot be reached ({error})\n  is it running, and are host and port right?")
        }
    };
    StoreError::cannot_open(target(options), advice)
}

/// One connection, outside any pool.
pub(crate) async fn connect(options: &PgConnectOptions) -> Result<PgConnection> {
    let conn = tokio::time::timeout(PATIENCE, options.connect())
        .await
        .unwrap_or_else(|_| Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())));
    conn.map_err(|error| explain(options, &error))
}

/// Brings the schema up to date; several controllers may do so at the same time.
pub(super) async fn migrate(options: &PgConnectOptions) -> Result<()> {
    let mut conn = connect(options).await?;
    let refused = |what: String| StoreError::cannot_open(target(options), what);
    let version: i32 = sqlx::query_scalar("select current_setting('server_version_num')::int / 10000")
        .fetch_one(&mut conn)
        .await
        .map_err(|error| explain(options, &error))?;
    if version < OLDEST {
        return Err(refused(format!("the server is PostgreSQL {version}; {OLDEST} or newer is needed")));
    }
    MIGRATIONS.run(&mut conn).await.map_err(|error| refused(schema::explain(&error)))?;
    // It did its work; how it closes is of no consequence.
    let _ = conn.close().await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_shown_without_its_password() {
        for (url, shown) in [
            ("postgres://me:secret@db.local:6000/sweeps", "postgres://me@db.local:6000/sweeps"),
            ("postgresql://me:s%40cret@db/sweeps", "postgres://me@db:5432/sweeps"),
            ("postgres://me@db", "postgres://me@db:5432/me"),
            (
                "postgres:///sweeps?user=me&host=/run/postgresql",
                "postgres:///sweeps?host=/run/postgresql&port=5432&user=me",
            ),
        ] {
            assert_eq!(target(&options(url).expect("is a URL")), shown);
        }
        let error = options("postgres://me:sec ret@db:no-port/x").expect_err("is refused").to_string();
        assert!(error.contains("cannot be read") && !error.contains("ret"), "{error}");
    }
}
