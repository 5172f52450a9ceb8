//! The whole house: a sweep file goes in, two agents train real models, the best trial comes out. The other programs
//! are those that lie beside `sweep-train`, built with the workspace.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

const SWEEP: &str = "
program: sweep-train
method: random
seed: 3
run_cap: 3
metric: {name: total-f1score, goal: maximize}
parameters:
  path: {value: faces}
  cache: {value: cache}
  resnet_type: {value: resnet18}
  image_size: {value: 32}
  epochs: {value: 2}
  batch_size: {values: [16, 32]}
  lr: {distribution: log_uniform_values, min: 0.0005, max: 0.002}
  layer1: {value: 64}
  layer2: {value: 32}
  layer3: {values: [16, 32]}
  log_every: {value: 1}
";

/// A controller on a free port, and a folder for everything.
struct House {
    folder: TempDir,
    controller: Child,
    url: String,
}

fn program(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_sweep-train")).with_file_name(name);
    assert!(
        path.exists(),
        "{} is not built; run the tests of the whole workspace: ./dev test",
        path.display()
    );
    path
}

impl House {
    fn build() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = format!("sqlite://{}", folder.path().join("sweep.db").display());
        let mut controller = Command::new(program("sweep-controller"))
            .args(["--listen", "127.0.0.1:0", "--db", &database])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut url = String::new();
        BufReader::new(controller.stdout.take().unwrap()).read_line(&mut url).unwrap();
        Self { folder, controller, url: url.trim().to_owned() }
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(program(name));
        command
            .current_dir(self.folder.path())
            .env("SWEEP_SERVER", &self.url)
            .env("CUDA_VISIBLE_DEVICES", "")
            .stdin(Stdio::null());
        command
    }

    fn ctl(&self, arguments: &[&str]) -> String {
        let Output { status, stdout, stderr } = self.command("sweep-ctl").args(arguments).output().unwrap();
        assert!(status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&stderr));
        String::from_utf8(stdout).unwrap()
    }

    fn agent(&self, sweep: &str, name: &str) -> Child {
        let state = self.folder.path().join("agents");
        let mut agent = self.command("sweep-agent");
        agent.args([sweep, "--slots", "1", "--name", name, "--state-dir"]).arg(state);
        agent.stderr(Stdio::piped()).spawn().unwrap()
    }

    fn faces(&self, count: &str) {
        let drawn = self
            .command("sweep-train")
            .args(["synth", "--out", "faces", "--count", count, "--size", "48"])
            .status();
        assert!(drawn.unwrap().success());
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _ended = self.controller.kill();
        let _reaped = self.controller.wait();
    }
}

fn ended(agent: Child) {
    let output = agent.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn trains_a_sweep_from_file_to_best_trial() {
    let house = House::build();
    house.faces("160");
    let broken = house.folder.path().join("faces/30_1_2_20000101999999999.jpg");
    std::fs::write(broken, b"this was a photograph once").unwrap();
    std::fs::write(house.folder.path().join("sweep.yaml"), SWEEP).unwrap();
    let sweep = house.ctl(&["create", "sweep.yaml", "-o", "name"]).trim().to_owned();
    let agents = ["first", "second"].map(|name| house.agent(&sweep, name));

    // A curve while it trains.
    let start = Instant::now();
    loop {
        let running = house.ctl(&["trials", &sweep, "-o", "json"]);
        let running: Vec<Value> = serde_json::from_str(&running).unwrap();
        let begun = running
            .iter()
            .find(|trial| trial["state"] == "running" && trial["metrics"]["total-loss_step"].is_object());
        if let Some(trial) = begun {
            let points = house.ctl(&["metrics", trial["id"].as_str().unwrap(), "-o", "csv"]);
            assert!(points.lines().any(|line| line.contains("total-loss_step")), "{points}");
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(120), "no trial has told anything: {running:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
    for agent in agents {
        ended(agent);
    }

    let trials: Vec<Value> = serde_json::from_str(&house.ctl(&["trials", &sweep, "-o", "json"])).unwrap();
    assert_eq!(trials.len(), 3);
    for trial in &trials {
        assert_eq!((&trial["state"], &trial["attempt"]), (&"finished".into(), &1.into()), "{trial:#}");
        let score = &trial["metrics"]["total-f1score"];
        assert_eq!(score["count"], 2);
        assert_eq!(trial["objective"], score["max"]);
        let facts = &trial["facts"];
        assert_eq!(facts["versions"]["libtorch"], "2.13.0");
        assert!(facts["command"][0].as_str().unwrap().ends_with("/sweep-train"));
        let logs = house.ctl(&["logs", trial["id"].as_str().unwrap()]);
        assert!(logs.contains("1 corrupt images are left out"), "{logs}");
        assert!(logs.contains("left out: 1 corrupt, 0 with malformed names"), "{logs}");
    }
    let best: Value = serde_json::from_str(&house.ctl(&["best", &sweep, "-o", "json"])).unwrap();
    let highest = trials.iter().filter_map(|trial| trial["objective"].as_f64()).fold(f64::MIN, f64::max);
    assert_eq!(best["objective"].as_f64(), Some(highest));
    let shown: Value = serde_json::from_str(&house.ctl(&["show", &sweep, "-o", "json"])).unwrap();
    assert_eq!((&shown["state"], &shown["trials"]["finished"]), (&"finished".into(), &3.into()));
}

#[test]
fn trains_nothing_where_there_is_no_data_and_says_why() {
    let house = House::build();
    std::fs::write(house.folder.path().join("sweep.yaml"), SWEEP.replace("run_cap: 3", "run_cap: 1"))
        .unwrap();
    let sweep = house.ctl(&["create", "sweep.yaml", "-o", "name"]).trim().to_owned();
    ended(house.agent(&sweep, "only"));
    let trials: Vec<Value> = serde_json::from_str(&house.ctl(&["trials", &sweep, "-o", "json"])).unwrap();
    assert_eq!(trials[0]["state"], "failed");
    let reason = trials[0]["reason"].as_str().unwrap();
    assert!(reason.contains("exit code 1") && reason.contains("there is no data at faces"), "{reason}");
    assert!(house.ctl(&["logs", trials[0]["id"].as_str().unwrap()]).contains("sweep-train synth"));
}
