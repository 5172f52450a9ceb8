//! A training that loses its box in the middle of an epoch, agent and all, and goes on on another: real processes of
//! controller, agents and trainer. What it comes to is, to the last bit, what the uninterrupted one comes to.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use small::faces;

mod small;

/// How long anything may take before the test fails. Nothing waits for it when all is well.
const PATIENCE: Duration = Duration::from_secs(240);

/// A program of the workspace, built with its tests.
fn program(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_BIN_EXE_sweep-train")).with_file_name(name);
    assert!(path.exists(), "{} is not built; run cargo build -p {name}", path.display());
    path
}

/// A process that does not outlive its test, nor do those that it started.
struct Running(Child);

impl Running {
    fn kill(&mut self) {
        // Of one that has ended the number may be another's by now.
        if self.0.try_wait().is_ok_and(|ended| ended.is_some()) {
            return;
        }
        // Before it ends, for then nobody knows whose they were.
        let started = descendants(self.0.id());
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
        for pid in started {
            let _gone = Command::new("kill").args(["-KILL", &pid.to_string()]).stderr(Stdio::null()).status();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

struct Cluster {
    folder: tempfile::TempDir,
    url: String,
    _controller: Running,
}

impl Cluster {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut process = Command::new(program("sweep-controller"))
            .args(["--listen", "127.0.0.1:0", "--lease", "1", "--db"])
            .arg(format!("sqlite://{}", folder.path().join("sweep.db").display()))
            .env("RUST_LOG", "warn")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut url = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut url).unwrap();
        Self { folder, url: url.trim().to_owned(), _controller: Running(process) }
    }

    fn ctl(&self, arguments: &[&str]) -> Value {
        let output = Command::new(program("sweep-ctl"))
            .args(arguments)
            .args(["-o", "json", "--server", &self.url])
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn create(&self, file: &str) -> String {
        fs::write(self.folder.path().join("sweep.yaml"), file).unwrap();
        self.ctl(&["create", "sweep.yaml"])["id"].as_str().unwrap().to_owned()
    }

    fn agent(&self, sweep: &str, place: &str) -> Running {
        let state = self.folder.path().join(place);
        let mut agent = Command::new(program("sweep-agent"));
        agent.args([sweep, "--slots", "1", "--server", &self.url, "--state-dir"]).arg(state);
        // The same number of threads on both boxes, or the sums come in another order.
        agent.env("CUDA_VISIBLE_DEVICES", "").env("RUST_LOG", "warn").current_dir(self.folder.path());
        Running(agent.stdin(Stdio::null()).spawn().unwrap())
    }

    /// Every curve of the sweep's one trial, as (step, value) as they are written; without the one that tells of time.
    fn curves(&self, sweep: &str) -> BTreeMap<String, Vec<String>> {
        let points = self.ctl(&["metrics", &format!("{sweep}/1"), "--points", "100000"]);
        let mut curves: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for point in points.as_array().unwrap() {
            let name = point["metric"].as_str().unwrap().to_owned();
            curves.entry(name).or_default().push(format!("{}: {}", point["step"], point["value"]));
        }
        curves.remove("data-wait-share");
        curves
    }
}

fn until(what: &str, mut ask: impl FnMut() -> bool) {
    let start = Instant::now();
    while !ask() {
        assert!(start.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The processes that a process started, and those that they started.
fn descendants(of: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let parents: Vec<(u32, u32)> = processes
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
            Some((pid, parent))
        })
        .collect();
    let mut found = vec![of];
    let mut at = 0;
    while at < found.len() {
        let parent = found[at];
        found.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
        at += 1;
    }
    found.remove(0);
    found
}

fn file(data: &Path) -> String {
    // Sixteen steps an epoch, two epochs, a checkpoint every four steps.
    format!(
        "program: sweep-train\nmethod: grid\nmetric: {{name: total-f1score, goal: maximize}}\nparameters:\n  \
         path: {{value: {}}}\n  resnet_type: {{value: resnet18}}\n  image_size: {{value: 32}}\n  batch_size: {{value: 8}}\n  \
         epochs: {{value: 2}}\n  layer1: {{value: 32}}\n  layer2: {{value: 16}}\n  layer3: {{value: 8}}\n  lr: {{values: [0.001]}}\n  \
         ema: {{value: 0.9}}\n  dropout_val: {{value: 0.4}}\n  mixup: {{value: 0.4}}\n  cache: {{value: none}}\n  \
         log_every: {{value: 1}}\n  early_stop_patience: {{value: 0}}\n  checkpoint_steps: {{value: 4}}\n",
        data.display()
    )
}

#[test]
fn trains_on_to_the_same_numbers_on_another_box() {
    let data = faces(160);
    let cluster = Cluster::start();
    let whole = cluster.create(&file(data.path()));
    let mut agent = cluster.agent(&whole, "whole");
    until("the uninterrupted trial ends", || agent.0.try_wait().unwrap().is_some());
    let expected = cluster.curves(&whole);
    assert!(
        expected.contains_key("total-f1score") && expected.contains_key("total-loss_step"),
        "{expected:?}"
    );

    let sweep = cluster.create(&file(data.path()));
    let trial = format!("{sweep}/1");
    let mut agent = cluster.agent(&sweep, "first");
    let mut stored = 0;
    until("a checkpoint of the middle of an epoch is stored", || {
        if cluster.ctl(&["trials", &sweep]).as_array().unwrap().is_empty() {
            return false;
        }
        let checkpoints = cluster.ctl(&["show", &trial])["checkpoints"].clone();
        let kept = checkpoints
            .as_array()
            .unwrap()
            .iter()
            .filter(|one| one["stored"] == true && one["resume"] == true);
        stored = kept.filter_map(|one| one["step"].as_u64()).max().unwrap_or(0);
        stored > 0
    });
    let processes = descendants(agent.0.id());
    assert!(processes.len() >= 2, "a keeper and a trainer: {processes:?}");
    agent.kill();
    // The box is gone with its disk.
    fs::rename(cluster.folder.path().join("first"), cluster.folder.path().join("lost")).unwrap();

    let mut agent = cluster.agent(&sweep, "second");
    until("the moved trial ends", || agent.0.try_wait().unwrap().is_some());
    let trial = cluster.ctl(&["show", &trial]);
    assert_eq!((trial["state"].as_str(), trial["attempt"].as_u64()), (Some("finished"), Some(2)), "{trial}");
    let moved = cluster.curves(&sweep);
    assert_eq!(moved.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (name, curve) in &expected {
        assert_eq!(moved.get(name), Some(curve), "{name}, resumed at step {stored}");
    }
}
