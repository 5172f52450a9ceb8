//! A small disk for a controller's database and files, to be filled from outside.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::Context as _;
use sweep_sim::on_a_small_disk;

/// Enough for an hour of chaos.
const SIZE: &str = "96m";

/// A disk in a mount namespace of its own, which lives as long as this.
pub(crate) struct Disk {
    /// A process that does nothing but hold the namespace.
    holder: Child,
    /// As those in the namespace see it.
    pub(crate) folder: PathBuf,
}

impl Disk {
    /// `None`: no file system can be mounted here.
    pub(crate) fn mount(folder: &Path) -> anyhow::Result<Option<Self>> {
        let Some(mut holder) = on_a_small_disk(&Command::new("cat"), folder, SIZE, "echo && exec \"$@\"")
        else {
            return Ok(None);
        };
        let mut holder =
            holder.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("starting unshare")?;
        let out = holder.stdout.take().context("no standard output")?;
        // It is mounted once it says so.
        BufReader::new(out).read_line(&mut String::new()).context("mounting a small disk")?;
        Ok(Some(Self { holder, folder: folder.to_owned() }))
    }

    /// A command that runs on this disk, as a process of the same number.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("nsenter");
        let holder = self.holder.id().to_string();
        command.args(["--preserve-credentials", "--user", "--mount", "--target", &holder]).arg(program);
        command
    }

    /// As those outside see it.
    pub(crate) fn outside(&self) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.holder.id()));
        root.join(self.folder.strip_prefix("/").unwrap_or(&self.folder))
    }

    /// Fills it to the last byte.
    pub(crate) fn fill(&self) -> anyhow::Result<()> {
        let path = self.outside().join("ballast");
        let mut ballast = File::create(&path).with_context(|| format!("writing {}", path.display()))?;
        for size in [1 << 20, 1 << 12, 1] {
            let bytes = vec![0; size];
            while ballast.write_all(&bytes).is_ok() {}
        }
        Ok(())
    }

    /// Makes room again.
    pub(crate) fn free(&self) -> anyhow::Result<()> {
        fs::remove_file(self.outside().join("ballast")).context("removing the ballast")
    }

    /// Copies the database where it outlives this.
    pub(crate) fn rescue(&self, to: &Path) -> anyhow::Result<()> {
        for entry in fs::read_dir(self.outside())?.flatten().filter(|entry| entry.path().is_file()) {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
        Ok(())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ended = self.holder.kill();
        let _reaped = self.holder.wait();
    }
}
