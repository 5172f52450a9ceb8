//! The controller under load: a process of its own, and what it takes.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::Context as _;

/// A running controller.
pub(crate) struct Server {
    process: Child,
    pub(crate) url: String,
}

/// What a process took so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Taken {
    /// Seconds of processor time.
    pub(crate) cpu: f64,
    /// The most resident memory it ever had, in MB (of 10^6 bytes).
    pub(crate) peak_mb: f64,
}

impl Server {
    /// Starts a controller on a free port.
    pub(crate) fn start(binary: &Path, database: &str) -> anyhow::Result<Self> {
        let mut process = Command::new(binary)
            .args(["--listen", "127.0.0.1:0", "--db", database])
            .env("RUST_LOG", "error")
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {}", binary.display()))?;
        let mut url = String::new();
        let out = process.stdout.take().context("the controller has no standard output")?;
        BufReader::new(out).read_line(&mut url).context("reading the controller's address")?;
        anyhow::ensure!(url.starts_with("http"), "the controller did not start; its message is above");
        Ok(Self { process, url: url.trim().to_owned() })
    }

    /// What it took so far.
    pub(crate) fn taken(&self) -> anyhow::Result<Taken> {
        let read = |file: &str| {
            let path = format!("/proc/{}/{file}", self.process.id());
            std::fs::read_to_string(&path).with_context(|| format!("reading {path}"))
        };
        let stat = read("stat")?;
        // The name, in brackets, may hold anything; what follows it is numbers, user and system time 12th and 13th.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks: f64 = [11, 12].iter().filter_map(|&at| fields.get(at)?.parse::<f64>().ok()).sum();
        let status = read("status")?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib: f64 = peak
            .and_then(|rest| rest.trim().strip_suffix("kB")?.trim().parse().ok())
            .context("no VmHWM in the controller's status")?;
        let cpu = ticks / rustix::param::clock_ticks_per_second() as f64;
        Ok(Taken { cpu, peak_mb: kib * 1024.0 / 1e6 })
    }

    /// Ends it as systemd does.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        let pid = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)
            .context("stopping the controller")?;
        self.process.wait().context("waiting for the controller")?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Already ended after `stop`; otherwise an error is on its way, and this must not outlive it.
        let _ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}
