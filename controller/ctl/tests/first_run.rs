//! The first run as the README tells it: every command is run, and what it prints is what stands there.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on fails, or says what it skips"
)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use regex::Regex;

/// What the README calls its sweep and its port.
const SWEEP: &str = "k3x9q2ab";
const PORT: &str = "7878";
/// Ends what a command printed.
const MARK: &str = "\u{1e}";
/// The longest that the controller may take to come up.
const PATIENCE: Duration = Duration::from_secs(30);

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The folder of the programs, if all of them are built: a build of the workspace, or of the three packages.
fn programs() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_BIN_EXE_sweep-ctl")).parent().unwrap().to_owned();
    let missing = ["sweep-controller", "sweep-agent"].into_iter().find(|name| !folder.join(name).exists());
    if let Some(missing) = missing {
        let advice = format!("{missing} is not built: cargo build -p sweep-controller -p sweep-agent");
        assert!(std::env::var_os("CI").is_none(), "{advice}");
        eprintln!("SKIPPED: the first run ({advice})");
    }
    missing.is_none().then_some(folder)
}

/// A shell that runs one command after the other.
struct Shell {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Shell {
    fn start(folder: &Path, programs: &Path, port: u16) -> Self {
        let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
        let mut child = Command::new("bash")
            .args([
                "-c",
                "set -m; exec 2>&1; while IFS= read -r line; do eval \"$line\"; printf '\\x1e\\n'; done",
            ])
            .env("PATH", path)
            .env("HOME", folder)
            .env("XDG_CONFIG_HOME", folder)
            .env("XDG_STATE_HOME", folder)
            .env("XDG_DATA_HOME", folder)
            .env("COLUMNS", "100")
            .env("SWEEP_LISTEN", format!("127.0.0.1:{port}"))
            .env("SWEEP_SERVER", format!("http://127.0.0.1:{port}"))
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (to, from) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, to, from }
    }

    /// What a command prints on both channels.
    fn run(&mut self, command: &str) -> String {
        writeln!(self.to, "{command}").unwrap();
        let mut text = String::new();
        loop {
            let mut line = String::new();
            assert!(self.from.read_line(&mut line).unwrap() > 0, "the shell ended in `{command}`: {text}");
            if let Some(last) = line.strip_suffix(&format!("{MARK}\n")) {
                return text + last;
            }
            text.push_str(&line);
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        // What it left running goes with it.
        let _told = writeln!(self.to, "kill $(jobs -p) 2> /dev/null; wait; exit");
        let _reaped = self.child.wait();
    }
}

/// The commands of the README's transcripts, and what stands below each.
fn told(readme: &str) -> Vec<(String, String)> {
    let mut told: Vec<(String, String)> = Vec::new();
    for block in readme.split("```console\n").skip(1) {
        for line in block.split("```").next().unwrap().lines() {
            match line.strip_prefix("$ ") {
                Some(command) => told.push((command.to_owned(), String::new())),
                None => {
                    let (_, output) = told.last_mut().expect("a transcript begins with a command");
                    output.push_str(line);
                    output.push('\n');
                }
            }
        }
    }
    told
}

/// Text without what is another at each run; columns may be wider.
fn steady(text: &str) -> String {
    let mut text = text.to_owned();
    for (pattern, word) in [
        (r"\b\d+(\.\d)?s\b|\b\d+m\d\ds\b", "TIME"),
        (r"[\d.]+ KiB", "SIZE"),
        (r"seed \d+", "seed N"),
        (r" +", " "),
    ] {
        text = Regex::new(pattern).unwrap().replace_all(&text, word).into_owned();
    }
    text.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

#[test]
fn the_first_run_is_as_the_readme_tells_it() {
    let Some(programs) = programs() else { return };
    let folder = tempfile::tempdir().unwrap();
    let copied =
        Command::new("cp").arg("-r").arg(root().join("examples")).arg(folder.path()).status().unwrap();
    assert!(copied.success());
    // The place of the README's port.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut shell = Shell::start(folder.path(), &programs, port);
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let told = told(&readme);
    assert!(told.len() > 8, "the README has its transcript");
    let mut sweep = None;
    let (mut expected, mut seen) = (String::new(), String::new());
    for (command, output) in told {
        let meant =
            command.replace(PORT, &port.to_string()).replace(SWEEP, sweep.as_deref().unwrap_or(SWEEP));
        let mut printed = shell.run(&meant);
        if command.starts_with("sweep-controller") && command.ends_with('&') {
            let since = Instant::now();
            while shell.run("sweep-ctl list > /dev/null 2>&1 || echo not yet").contains("not yet") {
                assert!(since.elapsed() < PATIENCE, "{}", shell.run("cat *.log"));
            }
        }
        if command.starts_with("sweep-ctl create") && sweep.is_none() {
            sweep = printed.lines().find(|line| line.len() == 8 && !line.contains(' ')).map(str::to_owned);
        }
        if let Some(sweep) = &sweep {
            printed = printed.replace(sweep, SWEEP);
        }
        printed = printed.replace(&port.to_string(), PORT);
        // What the shell says of its jobs comes when it likes.
        printed = printed.split_inclusive('\n').filter(|line| !line.starts_with('[')).collect();
        expected.push_str(&format!("$ {command}\n{output}"));
        seen.push_str(&format!("$ {command}\n{printed}"));
    }
    assert_eq!(steady(&seen), steady(&expected), "what was printed:\n{seen}");
}
