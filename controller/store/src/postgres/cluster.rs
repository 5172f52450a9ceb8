//! A server of the tests' own: made by `initdb` in a folder of its own, reached by a Unix socket, one database a test,
//! and gone with the process that started it.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{ConnectOptions as _, Executor as _};

use super::open;

/// Whom the server runs as where the tests run as root, which it refuses: nobody.
const NOBODY: u32 = 65_534;

/// A running server.
pub struct Cluster {
    /// Its socket's folder.
    pub folder: PathBuf,
    /// Holds the pipe whose end tells the guard that this process is gone.
    _guard: Child,
}

/// The server of this process, or `None` where PostgreSQL is not installed, which is said aloud.
///
/// # Panics
/// With `CI` set, when it is not installed; always, when it is and does not start.
pub fn cluster() -> Option<&'static Cluster> {
    static CLUSTER: OnceLock<Option<Cluster>> = OnceLock::new();
    CLUSTER
        .get_or_init(|| {
            let found = bin();
            if found.is_none() {
                let advice =
                    "initdb is not on PATH nor in /usr/lib/postgresql/*/bin; install Debian's postgresql";
                assert!(std::env::var_os("CI").is_none(), "PostgreSQL is missing: {advice}");
                // Not by a macro, whose words the test harness keeps back.
                let _ = writeln!(std::io::stderr(), "SKIPPED: tests on PostgreSQL ({advice})");
            }
            found.map(|bin| Cluster::start(&bin))
        })
        .as_ref()
}

/// Where the server's programs are: Debian keeps them off PATH, which has wrappers for some.
fn bin() -> Option<PathBuf> {
    let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .map(|folder| folder.flatten().map(|entry| entry.path().join("bin")).collect())
        .unwrap_or_default();
    versions.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(versions.into_iter().rev())
        .find(|folder| folder.join("initdb").exists() && folder.join("postgres").exists())
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

/// A program that does not run as root.
fn unprivileged(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.arg(format!("--reuid={NOBODY}")).arg(format!("--regid={NOBODY}")).arg("--clear-groups");
    command.arg(program);
    command
}

impl Cluster {
    fn start(bin: &Path) -> Self {
        // Not the usual folder for temporary files: a socket's path is short.
        let folder = tempfile::Builder::new()
            .prefix("sweep-pg-")
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir_in("/tmp")
            .expect("makes a folder")
            .keep();
        if is_root() {
            chown(&folder, Some(NOBODY), Some(NOBODY)).expect("gives the folder away");
        }
        let data = folder.join("data");
        let made = unprivileged(&bin.join("initdb"))
            .args(["--username=postgres", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C", "-D"])
            .arg(&data)
            .current_dir(&folder)
            .output()
            .expect("runs initdb");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        // Whoever is called guarded needs a password.
        let rules = "local all guarded scram-sha-256\nlocal all all trust\n";
        fs::write(data.join("pg_hba.conf"), rules).expect("writes rules");
        // The guard waits for the end of this process, whichever way it ends, and then stops the server.
        let guard = unprivileged(Path::new("/bin/sh"))
            .arg("-c")
            .arg(
                "\"$1/postgres\" -D \"$2/data\" -k \"$2\" -c listen_addresses= -c fsync=off -c max_connections=400 \
                 -c deadlock_timeout=50ms >\"$2/log\" 2>&1 & read -r _; kill -TERM $!; kill -INT $!; wait; rm -rf \"$2\"",
            )
            .arg("guard")
            .args([bin, &folder])
            .current_dir(&folder)
            .stdin(Stdio::piped())
            // It outlives the test by a moment, which is not to be waited for.
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("starts a server");
        let cluster = Self { folder, _guard: guard };
        cluster.wait();
        cluster
    }

    /// Waits until it takes connections.
    fn wait(&self) {
        for _ in 0..600 {
            let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            if log.contains("ready to accept connections") {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!(
            "the server did not start: {}",
            fs::read_to_string(self.folder.join("log")).unwrap_or_default()
        );
    }

    /// Where a database is.
    pub fn url(&self, user: &str, database: &str) -> String {
        format!("postgres:///{database}?user={user}&host={}", self.folder.display())
    }

    /// An empty database.
    ///
    /// # Panics
    /// When the server does not make one.
    pub async fn database(&self) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test{}", NEXT.fetch_add(1, Ordering::Relaxed));
        self.run(format!("create database {name}")).await;
        self.url("postgres", &name)
    }

    /// Runs a statement as the server's owner.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn run(&self, statement: String) {
        let options = open::options(&self.url("postgres", "postgres")).expect("is a URL");
        let mut conn = options.connect().await.expect("connects");
        conn.execute(sqlx::AssertSqlSafe(statement)).await.expect("runs");
    }
}
