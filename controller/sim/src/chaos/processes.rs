//! The cluster under chaos: controllers, agents, and a network of ours between them. What dies is started again, as systemd
//! would.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process};

use super::disk::Disk;
use sweep_sim::proxy::Proxy;

/// Seconds of a lease: short, so that losses are noticed within a run.
pub(crate) const LEASE: u64 = 3;

/// Where the programs are.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    pub(crate) controller: PathBuf,
    pub(crate) agent: PathBuf,
    pub(crate) sim: PathBuf,
}

/// A controller, on the same port in all its lives.
pub(crate) struct Controller {
    process: Child,
    pub(crate) address: SocketAddr,
}

/// What a process is to a box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Agent,
    Keeper,
    Program,
}

/// A machine with one slot: an agent, its keepers and programs, all of which work in its folder.
pub(crate) struct Machine {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    pub(crate) network: Proxy,
    process: Child,
    sweep: String,
    agent: PathBuf,
}

pub(crate) fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // It may be gone already, which is what chaos is about.
        let _gone = kill_process(pid, signal);
    }
}

impl Controller {
    pub(crate) fn start(
        programs: &Programs,
        place: &Path,
        disk: Option<&Disk>,
        database: &str,
        address: &str,
    ) -> anyhow::Result<Self> {
        let (mut command, artifacts) = match disk {
            Some(disk) => (disk.command(&programs.controller), disk.folder.join("artifacts")),
            None => (Command::new(&programs.controller), place.join("artifacts")),
        };
        let log = fs::File::options().create(true).append(true).open(place.join("controller.log"))?;
        let mut process = command
            .args(["--listen", address, "--lease", &LEASE.to_string(), "--db", database, "--artifacts"])
            .arg(artifacts)
            .env("RUST_LOG", "info")
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .context("starting a controller")?;
        let mut url = String::new();
        let out = process.stdout.take().context("a controller without standard output")?;
        BufReader::new(out).read_line(&mut url)?;
        let address = url.trim().trim_start_matches("http://").parse();
        let address =
            address.with_context(|| format!("a controller did not start; see {}", place.display()))?;
        Ok(Self { process, address })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Kills it, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        let _gone = self.process.kill();
        let _reaped = self.process.wait();
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Machine {
    pub(crate) fn start(
        programs: &Programs,
        place: &Path,
        name: &str,
        sweep: &str,
        network: Proxy,
    ) -> anyhow::Result<Self> {
        let folder = place.join(name);
        fs::create_dir_all(&folder)?;
        let process = agent(&programs.agent, &folder, name, sweep, &network.url())?;
        let (name, sweep, agent) = (name.to_owned(), sweep.to_owned(), programs.agent.clone());
        Ok(Self { name, folder, network, process, sweep, agent })
    }

    /// Starts its agent again if it ended. Whether the sweep is over, as it says.
    pub(crate) fn tend(&mut self) -> anyhow::Result<bool> {
        match self.process.try_wait()? {
            None => Ok(false),
            Some(status) if status.success() => Ok(true),
            Some(_) => {
                self.process =
                    agent(&self.agent, &self.folder, &self.name, &self.sweep, &self.network.url())?;
                Ok(false)
            }
        }
    }

    /// The processes that work in its folder.
    pub(crate) fn processes(&self) -> Vec<(u32, Role)> {
        let Ok(folder) = self.folder.canonicalize() else { return Vec::new() };
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        entries
            .filter_map(|entry| {
                let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
                if fs::read_link(entry.path().join("cwd")).ok()? != folder {
                    return None;
                }
                let line = fs::read(entry.path().join("cmdline")).ok()?;
                let words: Vec<_> = line.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
                let role = match (&*words[0], words.get(1).map(|word| &**word)) {
                    (_, Some("--keeper")) => Role::Keeper,
                    (program, _) if program.ends_with("sweep-agent") => Role::Agent,
                    _ => Role::Program,
                };
                Some((pid, role))
            })
            .collect()
    }

    pub(crate) fn signal(&self, which: &[Role], how: Signal) {
        for (pid, role) in self.processes() {
            if which.contains(&role) {
                signal(pid, how);
            }
        }
    }

    /// The machine is gone, with its disk; another takes its name.
    pub(crate) fn lose(&mut self) -> anyhow::Result<()> {
        // Until nothing is left: a keeper may have been about to start its program.
        while !self.processes().is_empty() {
            self.signal(&[Role::Agent, Role::Keeper, Role::Program], Signal::KILL);
            let _reaped = self.process.try_wait();
            std::thread::yield_now();
        }
        let state = self.folder.join("state");
        if state.exists() {
            fs::remove_dir_all(state)?;
        }
        Ok(())
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _last = self.lose();
        let _reaped = self.process.wait();
    }
}

fn agent(program: &Path, folder: &Path, name: &str, sweep: &str, url: &str) -> anyhow::Result<Child> {
    let log = fs::File::options().create(true).append(true).open(folder.join("agent.log"))?;
    Command::new(program)
        .args([
            sweep,
            "--slots",
            "1",
            "--name",
            name,
            "--server",
            url,
            "--state-dir",
            "state",
            "--spool-limit",
            "1",
        ])
        .args(["--disk-patience", "20"])
        .env("CUDA_VISIBLE_DEVICES", "")
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .context("starting an agent")
}
