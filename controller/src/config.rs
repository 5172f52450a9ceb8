//! What the operator says.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use thiserror::Error;

/// Keeps sweeps, proposes trials and hands them to agents.
///
/// Examples:
///   sweep-controller
///   sweep-controller --listen 0.0.0.0:7878 --db sqlite:///var/lib/sweep/sweep.db
#[derive(Debug, Parser)]
#[command(name = "sweep-controller", version, verbatim_doc_comment)]
pub struct Args {
    /// Where to listen, HOST:PORT; port 0 picks a free one.
    #[arg(long, env = "SWEEP_LISTEN", default_value = "127.0.0.1:7878", value_name = "HOST:PORT")]
    pub listen: String,

    /// The database; created when it does not exist [default: sqlite:// in $XDG_DATA_HOME/sweep/sweep.db].
    #[arg(long, env = "SWEEP_DB", value_name = "URL")]
    pub db: Option<String>,

    /// How long a trial stays with an agent that is not heard of, in seconds.
    #[arg(long, env = "SWEEP_LEASE", default_value_t = 60, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub lease: u64,

    /// Lines for machines instead of lines for people.
    #[arg(long, env = "SWEEP_LOG_FORMAT", default_value = "text", value_name = "text|json")]
    pub log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

/// Why the configuration cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ConfigError {
    #[error("--db {url}: PostgreSQL is not built yet; use sqlite:///PATH")]
    PostgresNotBuilt { url: String },
    #[error("--db {url}: not a database this controller knows; use sqlite:///PATH")]
    UnknownDatabase { url: String },
    #[error("no place for the database: neither --db nor $HOME is set; use --db sqlite:///PATH")]
    NoHome,
}

impl Args {
    /// The lease's length.
    pub fn lease(&self) -> Duration {
        Duration::from_secs(self.lease)
    }

    /// The database file. What follows `sqlite://` is its path. The environment is given.
    pub fn database(&self, env: impl Fn(&str) -> Option<String>) -> Result<PathBuf, ConfigError> {
        let Some(url) = &self.db else {
            let data = env("XDG_DATA_HOME")
                .filter(|path| !path.is_empty())
                .map(PathBuf::from)
                .or_else(|| env("HOME").map(|home| PathBuf::from(home).join(".local/share")));
            return data.map(|data| data.join("sweep/sweep.db")).ok_or(ConfigError::NoHome);
        };
        let unknown = || ConfigError::UnknownDatabase { url: url.clone() };
        if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            // The URL may hold a password: only its scheme is shown.
            return Err(ConfigError::PostgresNotBuilt { url: "postgres://...".to_owned() });
        }
        let path =
            url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:")).ok_or_else(unknown)?;
        if path.is_empty() { Err(unknown()) } else { Ok(PathBuf::from(path)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_is_what_follows_the_scheme() {
        for (db, expected) in [
            (Some("sqlite:///var/sweep.db"), Ok("/var/sweep.db")),
            (Some("sqlite://sweep.db"), Ok("sweep.db")),
            (Some("sqlite:sweep.db"), Ok("sweep.db")),
            (None, Ok("/home/me/.local/share/sweep/sweep.db")),
            (Some("sqlite://"), Err(ConfigError::UnknownDatabase { url: "sqlite://".to_owned() })),
            (Some("mysql://x"), Err(ConfigError::UnknownDatabase { url: "mysql://x".to_owned() })),
            (
                Some("postgres://me:secret@db/x"),
                Err(ConfigError::PostgresNotBuilt { url: "postgres://...".to_owned() }),
            ),
        ] {
            let mut line = vec!["sweep-controller"];
            line.extend(db.iter().flat_map(|db| ["--db", db]));
            let args = Args::parse_from(line);
            let found = args.database(|name| (name == "HOME").then(|| "/home/me".to_owned()));
            assert_eq!(found, expected.map(PathBuf::from));
        }
    }
}
