//! A small disk of a program's own, to be filled.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// A command that runs `command` with a disk of `size` (as `mount` takes it) on `folder`, in a mount namespace that ends with
/// it. `script` is what a shell does once the disk is there: `"$@"` is the command, `$0` the folder. `None`: no file system can
/// be mounted here, which is said aloud.
///
/// # Panics
/// With `CI` set, when none can be mounted; when the folder cannot be made.
pub fn on_a_small_disk(command: &Command, folder: &Path, size: &str, script: &str) -> Option<Command> {
    #[expect(clippy::expect_used, reason = "it is for tests, which fail then")]
    std::fs::create_dir_all(folder).expect("makes a folder");
    let mount = format!("mount -t tmpfs -o size={size} none \"$0\"");
    let inside = |script: &str| {
        let mut inside = Command::new("unshare");
        inside.args(["-Urm", "sh", "-c", script]).arg(folder);
        inside
    };
    let tried = inside(&mount).stderr(Stdio::null()).status();
    if !tried.is_ok_and(|status| status.success()) {
        assert!(std::env::var_os("CI").is_none(), "no file system can be mounted here");
        // Not by a macro, whose words the test harness keeps back.
        let _ = writeln!(std::io::stderr(), "SKIPPED: no file system can be mounted in a namespace here");
        return None;
    }
    let mut inside = inside(&format!("{mount} && {script}"));
    inside.arg(command.get_program()).args(command.get_args());
    inside.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if let Some(folder) = command.get_current_dir() {
        inside.current_dir(folder);
    }
    Some(inside)
}
