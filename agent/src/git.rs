//! What the working directory's git says of itself, for the record of a trial.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

/// A huge checkout on a slow disk is no reason to hold a trial back for longer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Commit and dirtiness of the working directory.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Checkout {
    /// Empty outside a git checkout, before the first commit, or where git is missing.
    pub(crate) commit: String,
    /// Whether tracked files differ from it.
    pub(crate) dirty: bool,
}

/// Asks `git` about the working directory.
pub(crate) async fn checkout() -> Checkout {
    let status = Command::new("git")
        .args(["status", "--porcelain=v2", "--branch", "--untracked-files=no", "--no-renames"])
        .env("GIT_OPTIONAL_LOCKS", "0")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    match tokio::time::timeout(PATIENCE, status).await {
        Ok(Ok(output)) if output.status.success() => parse(&String::from_utf8_lossy(&output.stdout)),
        _ => Checkout::default(),
    }
}

fn parse(status: &str) -> Checkout {
    let commit = status.lines().find_map(|line| line.strip_prefix("# branch.oid "));
    Checkout {
        commit: commit.filter(|commit| *commit != "(initial)").unwrap_or_default().to_owned(),
        dirty: status.lines().any(|line| !line.starts_with('#')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commit_and_dirtiness_are_read() {
        let clean = "# branch.oid 0a1b\n# branch.head main\n# branch.ab +1 -0\n";
        assert_eq!(parse(clean), Checkout { commit: "0a1b".to_owned(), dirty: false });
        let dirty = "# branch.oid 0a1b\n1 .M N... 100644 100644 100644 e e f\n";
        assert_eq!(parse(dirty), Checkout { commit: "0a1b".to_owned(), dirty: true });
        assert_eq!(parse("# branch.oid (initial)\n# branch.head main\n"), Checkout::default());
    }
}
