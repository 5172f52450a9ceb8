//! What the operator says.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};
use sweep_core::retention::Retention;
use sweep_store::Location;
use thiserror::Error;

/// Keeps sweeps, proposes trials and hands them to agents.
///
/// Examples:
///   sweep-controller
///   sweep-controller --listen 0.0.0.0:7878 --db sqlite:///var/lib/sweep/sweep.db
///   sweep-controller --db postgres://sweep:password@db.local/sweep
///   sweep-controller db status
#[derive(Debug, Parser)]
#[command(name = "sweep-controller", version, verbatim_doc_comment)]
pub struct Args {
    /// Where to listen, HOST:PORT; port 0 picks a free one.
    #[arg(long, env = "SWEEP_LISTEN", default_value = "127.0.0.1:7878", value_name = "HOST:PORT")]
    pub listen: String,

    /// The database: sqlite:///PATH, made when it does not exist, or postgres://user:password@host/database
    /// [default: sqlite:// in $XDG_DATA_HOME/sweep/sweep.db].
    #[arg(long, env = "SWEEP_DB", value_name = "URL", global = true, hide_env_values = true)]
    pub db: Option<String>,

    /// How long a trial stays with an agent that is not heard of, in seconds.
    #[arg(long, env = "SWEEP_LEASE", default_value_t = 60, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub lease: u64,

    /// Where files of checkpoints are kept: a folder, or s3://BUCKET/PREFIX, gs://..., az://...
    /// [default: `artifacts` beside an SQLite database, otherwise in $XDG_DATA_HOME/sweep].
    #[arg(long, env = "SWEEP_ARTIFACTS", value_name = "FOLDER|URL")]
    pub artifacts: Option<String>,

    /// How many of a trial's best checkpoints are kept.
    #[arg(long, env = "SWEEP_KEEP_BEST", default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub keep_best: u32,

    /// Most gigabytes of checkpoints kept of a sweep: those of the best trials [default: no limit].
    #[arg(long, env = "SWEEP_KEEP_GB", value_name = "GB")]
    pub keep_gb: Option<f64>,

    /// A folder of JPEG or PNG files to try models with on the demo page [default: made-up faces].
    #[arg(long, env = "SWEEP_SAMPLES", value_name = "DIR")]
    pub samples: Option<PathBuf>,

    /// Lines for machines instead of lines for people.
    #[arg(long, env = "SWEEP_LOG_FORMAT", default_value = "text", value_name = "text|json")]
    pub log_format: LogFormat,

    /// Without one, it serves.
    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Looks after the database.
    #[command(subcommand)]
    Db(DbCommand),
}

#[derive(Debug, Subcommand)]
pub enum DbCommand {
    /// Brings the schema up to date, as starting the controller does.
    Migrate,
    /// Prints the schema's version, what is pending, rows by table and the size; a controller may run.
    Status,
    /// Writes a copy of an SQLite database into a file; a controller may run.
    Backup {
        /// A file that does not exist yet.
        file: PathBuf,
    },
    /// Copies an SQLite database into an empty PostgreSQL one: everything or nothing. No controller may run.
    Copy {
        /// sqlite:///PATH
        #[arg(long, value_name = "URL")]
        from: String,
        /// postgres://user:password@host/database
        #[arg(long, value_name = "URL")]
        to: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

/// Why the configuration cannot be used.
#[derive(Debug, Error, PartialEq)]
pub enum ConfigError {
    #[error(
        "{option} {url}: not a database this controller knows; use sqlite:///PATH or postgres://user:password@host/database"
    )]
    UnknownDatabase { option: &'static str, url: String },
    #[error(
        "no place for files of checkpoints: neither --artifacts nor $HOME is set; use --artifacts FOLDER"
    )]
    NoHomeForFiles,
    #[error("--keep-gb {gb}: use a number above 0")]
    KeepGb { gb: f64 },
    #[error("no place for the database: neither --db nor $HOME is set; use --db sqlite:///PATH")]
    NoHome,
}

/// The place that an option's URL means.
///
/// # Errors
/// [`ConfigError::UnknownDatabase`].
pub fn location(option: &'static str, url: &str) -> Result<Location, ConfigError> {
    Location::parse(url).ok_or_else(|| {
        // What follows the scheme may hold a password.
        let shown =
            url.split_once("://").map_or_else(|| url.to_owned(), |(scheme, _)| format!("{scheme}://..."));
        ConfigError::UnknownDatabase { option, url: shown }
    })
}

/// Where this user's data lies.
fn data_folder(env: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let data = env("XDG_DATA_HOME")
        .filter(|path| !path.is_empty())
        .map(PathBuf::from)
        .or_else(|| env("HOME").map(|home| PathBuf::from(home).join(".local/share")));
    data.map(|data| data.join("sweep"))
}

impl Args {
    /// The lease's length.
    pub fn lease(&self) -> Duration {
        Duration::from_secs(self.lease)
    }

    /// The database. The environment is given.
    ///
    /// # Errors
    /// When the URL is not understood, or there is none and no home.
    pub fn database(&self, env: impl Fn(&str) -> Option<String>) -> Result<Location, ConfigError> {
        if let Some(url) = &self.db {
            return location("--db", url);
        }
        data_folder(env).map(|data| Location::Sqlite(data.join("sweep.db"))).ok_or(ConfigError::NoHome)
    }

    /// Where files of checkpoints are kept, and where those lie that are still being sent. The environment is given.
    ///
    /// # Errors
    /// When no place is named and there is no home.
    pub fn files(
        &self,
        database: &Location,
        env: impl Fn(&str) -> Option<String>,
    ) -> Result<(String, PathBuf), ConfigError> {
        let data = || data_folder(&env).ok_or(ConfigError::NoHomeForFiles);
        let folder = match (&self.artifacts, database) {
            (Some(url), _) if url.contains("://") && !url.starts_with("file://") => {
                return Ok((url.clone(), data()?.join("incoming")));
            }
            (Some(folder), _) => PathBuf::from(folder.strip_prefix("file://").unwrap_or(folder)),
            (None, Location::Sqlite(file)) => file.with_file_name("artifacts"),
            (None, Location::Postgres(_)) => data()?.join("artifacts"),
        };
        Ok((folder.to_string_lossy().into_owned(), folder.join("incoming")))
    }

    /// Which checkpoints are kept.
    ///
    /// # Errors
    /// [`ConfigError::KeepGb`].
    pub fn retention(&self) -> Result<Retention, ConfigError> {
        let bytes = |gb: f64| {
            if gb > 0.0 && gb.is_finite() { Ok((gb * 1e9) as u64) } else { Err(ConfigError::KeepGb { gb }) }
        };
        let sweep_bytes = self.keep_gb.map(bytes).transpose()?;
        Ok(Retention { best: self.keep_best as usize, sweep_bytes, ..Retention::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_is_what_the_option_says_or_a_file_at_home() {
        let unknown = |url: &str| Err(ConfigError::UnknownDatabase { option: "--db", url: url.to_owned() });
        let file = |path: &str| Ok(Location::Sqlite(path.into()));
        for (db, expected) in [
            (Some("sqlite:///var/sweep.db"), file("/var/sweep.db")),
            (None, file("/home/me/.local/share/sweep/sweep.db")),
            (Some("sqlite://"), unknown("sqlite://...")),
            (Some("mysql://me:secret@x"), unknown("mysql://...")),
            (Some("sweep.db"), unknown("sweep.db")),
            (
                Some("postgres://me:secret@db/x"),
                Ok(Location::Postgres("postgres://me:secret@db/x".to_owned())),
            ),
        ] {
            let mut line = vec!["sweep-controller"];
            line.extend(db.iter().flat_map(|db| ["--db", db]));
            let args = Args::parse_from(line);
            let found = args.database(|name| (name == "HOME").then(|| "/home/me".to_owned()));
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn files_lie_beside_the_database_unless_a_place_is_named() {
        for (arguments, files, incoming) in [
            (&["--db=sqlite:///var/s/sweep.db"][..], "/var/s/artifacts", "/var/s/artifacts/incoming"),
            (
                &["--db=postgres://db/x"],
                "/home/me/.local/share/sweep/artifacts",
                "/home/me/.local/share/sweep/artifacts/incoming",
            ),
            (&["--artifacts=/big"], "/big", "/big/incoming"),
            (&["--artifacts=file:///big"], "/big", "/big/incoming"),
            (&["--artifacts=s3://bucket/x"], "s3://bucket/x", "/home/me/.local/share/sweep/incoming"),
        ] {
            let args = Args::parse_from(std::iter::once(&"sweep-controller").chain(arguments));
            let home = |name: &str| (name == "HOME").then(|| "/home/me".to_owned());
            let database = args.database(home).unwrap();
            assert_eq!(args.files(&database, home), Ok((files.to_owned(), PathBuf::from(incoming))));
        }
        let args = Args::parse_from(["sweep-controller", "--keep-gb=0", "--db=postgres://db/x"]);
        assert_eq!(args.retention(), Err(ConfigError::KeepGb { gb: 0.0 }));
        let nowhere = args.files(&args.database(|_| None).unwrap(), |_| None);
        assert_eq!(nowhere, Err(ConfigError::NoHomeForFiles));
    }
}
