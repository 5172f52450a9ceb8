//! The command line as a process, against a real controller.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on fails, and says what it skips"
)]

#[path = "ctl/hand.rs"]
mod hand;
#[path = "ctl/json.rs"]
mod json;
#[path = "ctl/models.rs"]
mod models;
#[path = "ctl/running.rs"]
mod running;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sweep_controller::artifacts::Artifacts;
use sweep_controller::files::Keeping;
use sweep_controller::{App, serve};
use sweep_core::retention::Retention;
use sweep_proto::v1;
use sweep_proto::v1::agent_service_client::AgentServiceClient;
use sweep_store::{SqliteStore, Store};
use tempfile::TempDir;
use tokio::net::TcpListener;
use uuid::Uuid;

/// What a command did.
#[derive(Debug)]
struct Done {
    code: i32,
    out: String,
    talk: String,
}

struct Place {
    folder: TempDir,
    url: String,
}

impl Place {
    /// A controller that lives as long as the test.
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("sweep.db")).await.unwrap();
        Self::on(Arc::new(store), folder).await
    }

    /// A controller on a store, with an artifact store in the folder.
    async fn on(store: Arc<dyn Store>, folder: TempDir) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let place = folder.path().join("artifacts");
        let artifacts =
            Artifacts::open(place.to_str().unwrap(), &folder.path().join("incoming")).await.unwrap();
        let keeping = Keeping { artifacts, retention: Retention::default() };
        let app = App::new(store, Duration::from_secs(60)).with_files(keeping);
        tokio::spawn(serve(listener, app, std::future::pending()));
        Self { folder, url }
    }

    async fn ctl(&self, arguments: &[&str]) -> Done {
        let (url, folder) = (self.url.clone(), self.folder.path().to_owned());
        let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        tokio::task::spawn_blocking(move || ctl(&url, &folder, &arguments)).await.unwrap()
    }

    fn file(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }
}

fn ctl(url: &str, folder: &Path, arguments: &[impl AsRef<std::ffi::OsStr>]) -> Done {
    let output = Command::new(env!("CARGO_BIN_EXE_sweep-ctl"))
        .args(arguments)
        .env("SWEEP_SERVER", url)
        .env("SWEEP_CONFIG", folder.join("config.yaml"))
        .env("COLUMNS", "200")
        .current_dir(folder)
        .output()
        .unwrap();
    Done {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        talk: String::from_utf8(output.stderr).unwrap(),
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

const GRID: &str = "program: train.py\nmethod: grid\nparameters: {a: {values: [1, 2]}}\n";

#[tokio::test(flavor = "multi_thread")]
async fn every_sweep_file_of_the_project_is_accepted() {
    let place = Place::start().await;
    let seeds = std::fs::read_to_string(root().join("sweep_configuration.yaml")).unwrap();
    let seeds = seeds.replace("program: sweep-train", "program: train.py").replace("resnet152", "resnet150");
    assert!(seeds.contains("train.py") && seeds.contains("resnet150"));
    place.file("seed.yaml", &seeds);
    let mut files = vec![root().join("sweep_configuration.yaml"), place.folder.path().join("seed.yaml")];
    let examples = std::fs::read_dir(root().join("examples")).unwrap().map(|entry| entry.unwrap().path());
    files.extend(examples.filter(|path| path.extension().is_some_and(|extension| extension == "yaml")));
    assert!(files.len() >= 6);
    for file in files {
        let done = place.ctl(&["create", file.to_str().unwrap()]).await;
        assert_eq!(done.code, 0, "{}: {}", file.display(), done.talk);
        assert_eq!(done.out.trim().len(), 8);
        assert!(done.talk.contains(&format!("sweep-agent {}", done.out.trim())), "{}", done.talk);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_verb_prints_data_and_says_the_rest() {
    let place = Place::start().await;
    place.file("grid.yaml", GRID);
    let id = place.ctl(&["create", "grid.yaml", "-o", "name"]).await.out;
    let id = id.trim();
    assert_eq!(place.ctl(&["list", "-o", "name"]).await.out.trim(), id);
    for format in ["json", "yaml"] {
        let shown = place.ctl(&["show", id, "-o", format]).await.out;
        let shown: serde_json::Value = serde_yaml::from_str(&shown).unwrap();
        assert_eq!((&shown["id"], &shown["method"]), (&id.into(), &"grid".into()));
    }
    let mut trials = place.ctl(&["trials", id, "-o", "json"]).await;
    while trials.out.matches("\"number\"").count() < 2 {
        trials = place.ctl(&["trials", id, "-o", "json"]).await;
    }
    let trials: serde_json::Value = serde_json::from_str(&trials.out).unwrap();
    assert_eq!((&trials[0]["state"], &trials[0]["params"]["a"]), (&"queued".into(), &1.into()));
    for field in [
        "id",
        "number",
        "state",
        "params",
        "metrics",
        "objective",
        "attempt",
        "agent",
        "started_at",
        "finished_at",
        "reason",
    ] {
        assert!(trials[0].get(field).is_some(), "{field}");
    }
    for (verb, state) in [("pause", "paused"), ("resume", "pending"), ("stop", "finished")] {
        let done = place.ctl(&[verb, id]).await;
        assert_eq!(done.code, 0, "{verb}: {}", done.talk);
        assert!(done.out.contains(state) || state == "pending", "{verb}: {}", done.out);
    }
    assert_eq!(
        place.ctl(&["trials", id, "-o", "csv"]).await.out.lines().count(),
        1,
        "a heading and no trial"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn projects_tell_sweeps_apart() {
    let place = Place::start().await;
    place.file("one.yaml", &format!("{GRID}project: faces\n"));
    let one = place.ctl(&["create", "one.yaml", "-o", "name"]).await.out;
    let other =
        place.ctl(&["create", "one.yaml", "-o", "name", "--project", "voices", "--name", "b"]).await.out;
    assert_eq!(place.ctl(&["list", "--project", "faces", "-o", "name"]).await.out, one);
    assert_eq!(place.ctl(&["list", "--project", "voices", "-o", "name"]).await.out, other);
    let none = place.ctl(&["list", "--project", "hands"]).await;
    assert!(none.code == 0 && none.talk.contains("no sweeps match"), "{none:?}");
    assert!(place.ctl(&["show", other.trim()]).await.out.contains("project  voices"));
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_have_codes_and_name_the_fix() {
    let place = Place::start().await;
    place.file("grid.yaml", GRID);
    place.file(
        "bad.yaml",
        "program: train.py\nmethod: grd\nparameters:\n  lr: {min: 1, max: 0}\n  a: {vales: [1]}\n",
    );
    let id = place.ctl(&["create", "grid.yaml", "-o", "name"]).await.out.trim().to_owned();
    place.ctl(&["cancel", &id]).await;
    for (arguments, code, words) in [
        (vec!["show", "nosuch00"], 3, "sweep-ctl list"),
        (vec!["metrics", "nosuch00/1"], 3, "nosuch00"),
        (vec!["create", "missing.yaml"], 3, "missing.yaml"),
        (vec!["create", "bad.yaml"], 2, "bad.yaml"),
        (vec!["resume", &id], 6, "cancelled"),
        (vec!["trials", &id, "-o", "xml"], 2, "xml"),
        (vec!["best", &id], 8, "best"),
    ] {
        let done = place.ctl(&arguments).await;
        assert_eq!(done.code, code, "{arguments:?}: {}", done.talk);
        assert!(done.talk.contains(words), "{arguments:?}: {}", done.talk);
        assert!(done.out.is_empty(), "{arguments:?}: {}", done.out);
    }
    insta::assert_snapshot!("bad_file", place.ctl(&["create", "bad.yaml"]).await.talk);
    insta::assert_snapshot!("unknown_sweep", place.ctl(&["show", "nosuch00"]).await.talk);
    insta::assert_snapshot!("unreachable", ctl("http://127.0.0.1:1", place.folder.path(), &["list"]).talk);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plan_is_what_the_controller_proposes() {
    let place = Place::start().await;
    place.file(
        "random.yaml",
        "program: train.py\nmethod: random\nseed: 11\nrun_cap: 5\nparameters:\n  lr: {distribution: log_normal, mu: -7, sigma: 1}\n  depth: {min: 1, max: 9}\n",
    );
    let planned = place.ctl(&["plan", "random.yaml", "-o", "json"]).await;
    let planned: Vec<serde_json::Value> = serde_json::from_str(&planned.out).unwrap();
    assert_eq!(planned.len(), 5);
    let command = planned[0]["command"].as_array().unwrap();
    assert_eq!(command[..3], ["/usr/bin/env", "python", "train.py"]);
    let id = place.ctl(&["create", "random.yaml", "-o", "name"]).await.out.trim().to_owned();
    let trials = loop {
        let listed = place.ctl(&["trials", &id, "-o", "json"]).await.out;
        let listed: Vec<serde_json::Value> = serde_json::from_str(&listed).unwrap();
        if listed.len() == planned.len() {
            break listed;
        }
    };
    for trial in trials {
        let twin = planned.iter().find(|planned| planned["number"] == trial["number"]).unwrap();
        assert_eq!(trial["params"], twin["params"]);
    }
}

/// An agent that works a sweep off, with an objective that is best where `a` is 0.3; how many trials it had.
async fn work(url: String, sweep: String) -> u64 {
    let mut agents = AgentServiceClient::connect(url).await.unwrap();
    let now = || i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
    let agent_id = Uuid::now_v7().to_string();
    let register = v1::RegisterRequest {
        agent_id: agent_id.clone(),
        sweep_id: sweep.clone(),
        slots: 1,
        ..Default::default()
    };
    agents.register(register).await.unwrap();
    for had in 0.. {
        let claim = v1::ClaimRequest {
            agent_id: agent_id.clone(),
            sweep_id: sweep.clone(),
            request_id: Uuid::now_v7().to_string(),
            wait_ms: 20_000,
        };
        let outcome = agents.claim(claim).await.unwrap().into_inner().outcome;
        let trial = match outcome {
            Some(v1::claim_response::Outcome::Assignment(trial)) => trial,
            Some(v1::claim_response::Outcome::Over(_)) => return had,
            other => panic!("{other:?}"),
        };
        let params: serde_json::Value = serde_json::from_str(&trial.params_json).unwrap();
        let value = (params["a"].as_f64().unwrap() - 0.3).abs();
        // What gets better where the loss gets worse.
        let values = [("loss".to_owned(), value), ("gain".to_owned(), params["a"].as_f64().unwrap())].into();
        let point = v1::MetricPoint { step: 1, values, ..Default::default() };
        let kind = Some(v1::event::Kind::Metrics(point));
        let event = v1::Event { seq: 1, at_ms: now(), kind };
        let (trial_id, attempt) = (trial.trial_id, trial.attempt);
        let report = v1::ReportRequest { trial_id: trial_id.clone(), attempt, events: vec![event] };
        agents.report(report).await.unwrap();
        // Every seventh fails, after it told something.
        let outcome =
            if trial.number.is_multiple_of(7) { v1::Outcome::Failed } else { v1::Outcome::Succeeded };
        let finish = v1::FinishRequest {
            trial_id,
            attempt,
            outcome: outcome.into(),
            last_seq: 1,
            ..Default::default()
        };
        agents.finish(finish).await.unwrap();
    }
    unreachable!("a sweep has an end")
}

/// Twenty trials of nine epochs: the nearer to a learning rate of 6e-3 the better, and adam before sgd.
fn table() -> String {
    let mut out = "trial,step,epoch,seconds,value,params.lr,params.opt\n".to_owned();
    for trial in 1..=20 {
        let lr = 10_f64.powf(-4.0 + 3.0 * f64::from(trial * 7 % 20) / 20.0);
        let opt = if trial % 2 == 0 { "sgd" } else { "adam" };
        let end = 0.1 + 0.2 * (lr.log10() + 2.2).abs() + if opt == "sgd" { 0.05 } else { 0.0 };
        for epoch in 1..=9 {
            let value = end + 0.6 / f64::from(epoch + 1);
            out.push_str(&format!(
                "{trial},{},{epoch},{},{value:.6},{lr:.6e},{opt}\n",
                epoch * 10,
                epoch * 60
            ));
        }
    }
    out
}

const SIMULATED: &str = "program: train.py\nmethod: random\nrun_cap: 20\nmetric: {name: val_loss}\nparameters:\n  \
    lr: {distribution: log_uniform_values, min: 1e-4, max: 0.1}\n  opt: {values: [sgd, adam]}\n";
const ASHA: &str = "{type: asha, resource: epoch, min: 1, max: 9}";

#[test]
fn methods_and_rules_are_compared_on_a_table() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("sweep.yaml", SIMULATED);
    write("curves.csv", &table());
    let ctl = |arguments: &[&str]| ctl("http://127.0.0.1:1", folder.path(), arguments);
    let simulate = |more: &[&str]| {
        let asked = ["simulate", "sweep.yaml", "--on", "curves.csv", "--stop", ASHA];
        ctl(&[&asked, more].concat())
    };
    let compared = ["--workers", "2", "--seeds", "8", "--method", "random,random+asha,tpe+asha,sobol"];
    let people = simulate(&[&compared[..], &["--svg", "plot.svg"]].concat());
    assert_eq!(people.code, 0, "{}", people.talk);
    assert!(
        people.talk.contains("20 trials of 3 device-hours, 2 at one time, 8 seeds; 32 sweeps"),
        "{people:?}"
    );
    insta::assert_snapshot!("simulated", people.out);
    insta::assert_snapshot!(
        "simulated_svg",
        std::fs::read_to_string(folder.path().join("plot.svg")).unwrap()
    );
    let json = simulate(&[&compared[..], &["-o", "json"]].concat());
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    let variants = json["variants"].as_array().unwrap();
    let of = |at: usize, key: &str| variants[at][key].as_f64().unwrap();
    // Without stopping every sweep of the table uses all of it, and finds its best.
    assert_eq!((of(0, "device_hours"), of(3, "device_hours"), of(0, "reached")), (3.0, 3.0, 8.0));
    assert!(of(1, "device_hours") < 1.5 && of(1, "stopped_early") > 10.0, "{json:#}");
    assert_eq!(variants[0]["ratio"]["ratio"], 1.0);
    assert!(variants[1]["ratio"]["ratio"].as_f64().unwrap() < 0.8, "{json:#}");
    let csv = simulate(&[&compared[..], &["-o", "csv"]].concat()).out;
    assert_eq!(csv.lines().count(), 1 + 4 * (161 + 20));
    // A target of one's own, that nobody reaches.
    let none = simulate(&["--method", "random,tpe", "--target", "0.01", "-o", "json"]);
    let none: serde_json::Value = serde_json::from_str(&none.out).unwrap();
    assert_eq!(
        (&none["variants"][1]["reached"], &none["variants"][1]["ratio"]),
        (&0.into(), &serde_json::Value::Null)
    );
    write("narrow.yaml", &SIMULATED.replace("max: 0.1", "max: 0.01"));
    write("other.yaml", &SIMULATED.replace("opt:", "optimizer:"));
    write("aimless.yaml", &SIMULATED.replace("metric: {name: val_loss}\n", ""));
    write("empty.csv", "trial,step,epoch,seconds,value\n");
    for (arguments, code, words) in [
        (["narrow.yaml", "curves.csv"], 2, "trial 2 of the table is no trial of narrow.yaml: `lr`"),
        (["other.yaml", "curves.csv"], 2, "differ in `opt`"),
        (["aimless.yaml", "curves.csv"], 2, "no `metric`"),
        (["sweep.yaml", "empty.csv"], 8, "no trials"),
        (["sweep.yaml", "sweep.yaml"], 2, "no column `trial`"),
        (["sweep.yaml", "nosuch"], 5, "cannot reach"),
        (["sweep.yaml", "nosuch.csv"], 3, "there is no file nosuch.csv"),
    ] {
        let done = ctl(&["simulate", arguments[0], "--on", arguments[1]]);
        assert!(done.code == code && done.talk.contains(words), "{arguments:?}: {done:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_sweep_is_a_table() {
    let place = Place::start().await;
    let file = "program: train.py\nmethod: random\nseed: 3\nrun_cap: 12\nmetric: {name: loss}\nparameters:\n  a: {min: 0.0, max: 1.0}\n  m: {parameters: {b: {values: [x, \"1\"]}}}\n";
    place.file("sweep.yaml", file);
    let id = place.ctl(&["create", "sweep.yaml", "-o", "name"]).await.out.trim().to_owned();
    work(place.url.clone(), id.clone()).await;
    let curves = place.ctl(&["curves", &id]).await;
    let lines: Vec<&str> = curves.out.lines().collect();
    assert_eq!((lines.len(), lines[0]), (13, "trial,step,epoch,seconds,value,params.a,params.m.b"));
    assert!(
        lines[1..].iter().all(|line| line.ends_with(",x") || line.ends_with(",\"\"\"1\"\"\"")),
        "{}",
        curves.out
    );
    place.file("curves.csv", &curves.out);
    let table = place
        .ctl(&["simulate", "sweep.yaml", "--on", "curves.csv", "--method", "random,tpe", "-o", "json"])
        .await;
    let sweep =
        place.ctl(&["simulate", "sweep.yaml", "--on", &id, "--method", "random,tpe", "-o", "json"]).await;
    assert!(table.code == 0 && table.out == sweep.out, "{table:?} {sweep:?}");
}

/// What `ask-tell` says to lines.
fn talk(folder: &Path, arguments: &[&str], lines: &str) -> (i32, Vec<serde_json::Value>) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_sweep-ctl"))
        .arg("ask-tell")
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (output.status.code().unwrap(), text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn ask_and_tell_proposes_what_a_controller_does() {
    let place = Place::start().await;
    for method in ["random", "sobol", "tpe", "cmaes", "bayes", "auto"] {
        let file = format!(
            "program: train.py\nmethod: {method}\nseed: 3\nrun_cap: 20\nmetric: {{name: loss}}\nparameters:\n  a: {{min: 0.0, max: 1.0}}\n  \
             b: {{values: [x, y, z]}}\n  c: {{min: 1, max: 64, when: {{b: x}}}}\nconstraints: [a < 0.9]\n"
        );
        place.file("learning.yaml", &file);
        let planned = place.ctl(&["plan", "learning.yaml", "--count", "4", "-o", "json"]).await;
        let planned: Vec<serde_json::Value> = serde_json::from_str(&planned.out).unwrap();
        let id = place.ctl(&["create", "learning.yaml", "-o", "name"]).await.out.trim().to_owned();
        assert_eq!(work(place.url.clone(), id.clone()).await, 20);
        let trials = place.ctl(&["trials", &id, "-o", "json"]).await.out;
        let mut trials: Vec<serde_json::Value> = serde_json::from_str(&trials).unwrap();
        trials.sort_by_key(|trial| trial["number"].as_u64());
        // Asked at once: what it begins with.
        let (_, begun) = talk(place.folder.path(), &["learning.yaml"], "{\"ask\": 4}\n");
        for (trial, twin) in begun.iter().zip(&planned) {
            assert_eq!((&trial["trial"], &trial["params"]), (&twin["number"], &twin["params"]), "{method}");
        }
        assert_eq!((begun.len(), planned.len()), (4, 4));
        // Told as the agent told the controller, trial by trial.
        let mut lines = String::new();
        for trial in &trials {
            let (number, value) = (&trial["number"], &trial["objective"]);
            let state = if trial["state"] == "failed" { "failed" } else { "finished" };
            lines.push_str("{\"ask\": 1}\n");
            lines.push_str(&format!("{{\"tell\": {{\"trial\": {number}, \"step\": 1, \"value\": {value}, \"state\": \"{state}\"}}}}\n"));
        }
        let (code, said) = talk(place.folder.path(), &["learning.yaml"], &(lines + "{\"ask\": 1}\n"));
        assert_eq!((code, said.len()), (0, 41), "{method}");
        for (trial, twin) in said.iter().step_by(2).zip(&trials) {
            assert_eq!((&trial["trial"], &trial["params"]), (&twin["number"], &twin["params"]), "{method}");
            assert!(trial["why"]["by"].is_string(), "{method}: {trial}");
        }
        assert!(said[40]["over"].as_str().unwrap().contains("run_cap"), "{method}: {}", said[40]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sweeps_after_several_metrics_are_worked_off_replayed_and_have_a_pareto_set() {
    let place = Place::start().await;
    for method in ["random", "tpe", "bayes", "auto"] {
        place.file(
            "several.yaml",
            &format!(
                "program: train.py\nmethod: {method}\nseed: 3\nrun_cap: 24\n\
                 metrics: [{{name: loss}}, {{name: gain, goal: maximize}}]\nparameters:\n  \
                 a: {{min: 0.0, max: 1.0}}\n  b: {{values: [x, y, z]}}\n  c: {{min: 1, max: 64, when: {{b: x}}}}\n\
                 constraints: [a < 0.9]\n"
            ),
        );
        let created = place.ctl(&["create", "several.yaml", "-o", "name"]).await;
        assert_eq!(created.code, 0, "{method}: {}", created.talk);
        let id = created.out.trim().to_owned();
        let none = place.ctl(&["pareto", &id]).await;
        assert!(none.code == 8 && none.talk.contains("loss, gain"), "{method}: {none:?}");
        let agents: Vec<_> = (0..3).map(|_| tokio::spawn(work(place.url.clone(), id.clone()))).collect();
        for agent in agents {
            agent.await.unwrap();
        }
        let replayed = place.ctl(&["replay", &id]).await;
        assert_eq!(replayed.code, 0, "{method}: {}", replayed.talk);
        assert!(replayed.talk.contains("24 of 24 trials"), "{method}: {}", replayed.talk);

        let set = place.ctl(&["pareto", &id, "-o", "json", "--reference", "1,0"]).await;
        let set: serde_json::Value = serde_json::from_str(&set.out).unwrap();
        let value = |trial: &serde_json::Value, at: usize| trial["objectives"][at].as_f64().unwrap();
        let trials = set["trials"].as_array().unwrap();
        // Every seventh trial fails.
        assert_eq!((set["of"].as_u64(), set["reference"]["loss"].as_f64()), (Some(21), Some(1.0)));
        assert!(set["hypervolume"].as_f64().unwrap() > 0.5, "{method}: {set}");
        for pair in trials.windows(2) {
            assert!(value(&pair[0], 0) < value(&pair[1], 0) && value(&pair[0], 1) < value(&pair[1], 1));
        }
        if method != "random" {
            let shown = place.ctl(&["show", &format!("{id}/24"), "-o", "json"]).await.out;
            let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
            let why = shown["why"].as_str().unwrap();
            assert!(why.contains("tpe") || why.contains("growth of the front"), "{method}: {why}");
        }
        let said = place.ctl(&["pareto", &id]).await;
        assert!(said.talk.contains("up to the reference point loss "), "{method}: {}", said.talk);
        assert_eq!(said.out.lines().count(), trials.len() + 1);
        let best = place.ctl(&["best", &id]).await;
        assert!(best.code == 8 && best.talk.contains(&format!("sweep-ctl pareto {id}")), "{best:?}");
        assert_eq!(place.ctl(&["trials", &id, "--top", "3"]).await.code, 8);
        assert_eq!(place.ctl(&["pareto", &id, "--reference", "1"]).await.code, 2);
        let heading = place.ctl(&["trials", &id]).await.out.lines().next().unwrap().to_owned();
        assert!(heading.contains("LOSS") && heading.contains("GAIN"), "{heading}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_begins_with_the_trials_of_earlier_ones() {
    let place = Place::start().await;
    let file = |rest: &str, max: f64| {
        format!(
            "program: train.py\nseed: 3\nrun_cap: 12\n{rest}\nparameters: {{a: {{min: 0.0, max: {max:?}}}}}\n"
        )
    };
    place.file("first.yaml", &file("method: random\nmetric: {name: loss}", 1.0));
    let first = place.ctl(&["create", "first.yaml", "-o", "name"]).await.out.trim().to_owned();
    let warm = |rest: &str| format!("method: tpe\n{rest}\nwarm_start: ['{first}', '{first}/1']");
    place.file("warm.yaml", &file(&warm("metric: {name: loss}"), 0.5));
    place.file(
        "early.yaml",
        &file(&format!("method: tpe\nmetric: {{name: loss}}\nwarm_start: ['{first}']"), 0.5),
    );
    let early = place.ctl(&["create", "early.yaml"]).await;
    assert!(early.code == 2 && early.talk.contains("none of the trials it names"), "{early:?}");
    work(place.url.clone(), first.clone()).await;

    let created = place.ctl(&["create", "warm.yaml", "-o", "name"]).await;
    assert_eq!(created.code, 0, "{created:?}");
    // Every seventh trial fails; of the others those beyond the range are told.
    let trials = place.ctl(&["trials", &first, "--state", "finished", "-o", "json"]).await.out;
    let trials: Vec<serde_json::Value> = serde_json::from_str(&trials).unwrap();
    let beyond = trials.iter().filter(|trial| trial["params"]["a"].as_f64().unwrap() > 0.5).count();
    let said = format!("{beyond} of 11 finished trials of sweep {first} are left out");
    assert!(beyond > 0 && created.talk.contains(&said), "{}", created.talk);
    assert!(created.talk.contains(&format!("{beyond}: `a` lies outside of 0 to 0.5")), "{}", created.talk);
    let id = created.out.trim().to_owned();
    work(place.url.clone(), id.clone()).await;
    let one = place.ctl(&["show", &format!("{id}/1"), "-o", "json"]).await.out;
    let one: serde_json::Value = serde_json::from_str(&one).unwrap();
    let why = one["why"].as_str().unwrap();
    assert!(11 - beyond >= 8 || why.starts_with("start"), "{why}");
    let replayed = place.ctl(&["replay", &id]).await;
    assert!(replayed.code == 0 && replayed.talk.contains("12 of 12 trials"), "{replayed:?}");

    place.file("other.yaml", &file(&warm("metric: {name: loss, goal: maximize}"), 1.0));
    let other = place.ctl(&["create", "other.yaml"]).await;
    let said = format!("sweep {first} is to minimize loss, and this one to maximize loss");
    assert!(other.code == 2 && other.talk.contains(&said), "{other:?}");
    place.file("none.yaml", &file("method: tpe\nmetric: {name: loss}\nwarm_start: [nosuch00]", 1.0));
    let none = place.ctl(&["create", "none.yaml"]).await;
    assert!(none.code == 2 && none.talk.contains("nosuch00"), "{none:?}");
}

#[test]
fn a_talk_goes_on_after_a_mistake_and_ends_with_its_input() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("sweep.yaml"), SIMULATED).unwrap();
    let lines = "{\"ask\": 1}\n\n{\"tel\": 1}\n{\"tell\": {\"trial\": 1, \"value\": 0.5}}";
    let (code, said) = talk(folder.path(), &["sweep.yaml", "--seed", "5"], lines);
    assert_eq!((code, said.len()), (0, 3));
    assert_eq!((&said[1]["line"], &said[2]["state"]), (&3.into(), &"finished".into()));
    assert!(said[1]["error"].as_str().unwrap().contains("one of `ask` and `tell`"));
    assert_eq!(talk(folder.path(), &["sweep.yaml", "--seed", "5"], lines).1, said);
    assert_ne!(talk(folder.path(), &["sweep.yaml", "--seed", "6"], lines).1[0], said[0]);
    assert_eq!(talk(folder.path(), &["nosuch.yaml"], "").0, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn trials_of_the_newest_sweep_are_named_in_lists() {
    let place = Place::start().await;
    place.file("grid.yaml", GRID);
    place.ctl(&["create", "grid.yaml"]).await;
    let id = place.ctl(&["create", "grid.yaml", "-o", "name"]).await.out.trim().to_owned();
    // The planner has proposed them when they are there.
    while place.ctl(&["trials", "-", "-o", "name"]).await.out.lines().count() < 2 {}
    let stopped = place.ctl(&["trial", "stop", "-/1", "-/2", "-o", "name"]).await;
    assert_eq!((stopped.code, stopped.out), (0, format!("{id}/1\n{id}/2\n")));
    let differs = place.ctl(&["trial", "diff", "-/1", "-/2", "-o", "csv"]).await;
    assert!(differs.code == 0 && differs.out.lines().any(|line| line.ends_with(",1,2")), "{differs:?}");
    let again = place.ctl(&["retry", "-/1", "-/2", "-o", "json"]).await;
    assert!(again.code == 0 && again.out.contains(&format!("{id}/2")), "{again:?}");
}

#[test]
fn the_python_example_asks_and_tells() {
    if Command::new("python3").arg("--version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "CI has a python3");
        eprintln!("skipped: there is no python3 to run examples/python/asking.py");
        return;
    }
    let script = root().join("examples/python/asking.py");
    let done = Command::new("python3").arg(script).arg(env!("CARGO_BIN_EXE_sweep-ctl")).output().unwrap();
    let out = String::from_utf8(done.stdout).unwrap();
    assert!(done.status.success(), "{out}{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(out.lines().count(), 31, "{out}");
    assert!(out.contains("stopped_early") && out.contains("asha: "), "{out}");
    assert!(out.lines().last().unwrap().starts_with("best: trial "), "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn important_parameters_are_told_by_a_named_method() {
    let place = Place::start().await;
    let file = "program: train.py\nmethod: random\nseed: 3\nrun_cap: 40\nmetric: {name: loss}\nparameters:\n  \
        a: {min: 0.0, max: 1.0}\n  b: {values: [x, y, z]}\n  c: {min: 1, max: 64}\n  d: {value: 1}\n";
    place.file("sweep.yaml", file);
    let id = place.ctl(&["create", "sweep.yaml", "-o", "name"]).await.out.trim().to_owned();
    let early = place.ctl(&["importance", &id]).await;
    assert!(early.code == 8 && early.talk.contains("importance needs 20 trials"), "{early:?}");
    assert!(early.talk.ends_with(&format!("sweep-ctl watch {id}\n")), "{early:?}");
    work(place.url.clone(), id.clone()).await;
    let found = place.ctl(&["importance", &id]).await;
    assert!(found.talk.contains("PED-ANOVA: what sets the best 5 of 35 trials apart"), "{found:?}");
    insta::assert_snapshot!("importance", found.out);
    let json: serde_json::Value =
        serde_json::from_str(&place.ctl(&["importance", &id, "-o", "json"]).await.out).unwrap();
    assert_eq!((&json["method"], &json["trials"]), (&"PED-ANOVA".into(), &35.into()));
    assert_eq!(json["parameters"][0]["parameter"], "a");
    let drawn = place.ctl(&["plot", "importance", &id]).await;
    assert!(drawn.code == 0 && drawn.out.contains("\na  ") && drawn.out.contains("##"), "{drawn:?}");
    let json: serde_json::Value =
        serde_json::from_str(&place.ctl(&["plot", "importance", &id, "-o", "json"]).await.out).unwrap();
    assert_eq!(json["panels"][0]["bars"][0]["name"], "a");
    let saved = place.ctl(&["plot", "importance", &id, "--out", "importance.svg"]).await;
    assert_eq!(saved.code, 0, "{saved:?}");
    let picture = std::fs::read_to_string(place.folder.path().join("importance.svg")).unwrap();
    assert!(picture.contains("share of loss that each parameter decides (PED-ANOVA)"), "{picture}");
}

#[test]
fn files_are_checked_without_a_controller() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("good.yaml", GRID);
    write("bad.yaml", "program: p\nmethod: grid\nparameters: {a: {min: 0.0, max: 1.0}}\n");
    write(
        "later.yaml",
        "program: p\nmethod: bayes\nmetric: {name: loss}\nearly_terminate: {type: hyperband, min_iter: 3}\nparameters: {a: {min: 0.0, max: 1.0}}\n",
    );
    let ctl = |arguments: &[&str]| ctl("http://127.0.0.1:1", folder.path(), arguments);
    assert_eq!(ctl(&["validate", "good.yaml"]).code, 0);
    assert_eq!(ctl(&["validate", "later.yaml"]).code, 0);
    let both = ctl(&["validate", "good.yaml", "bad.yaml", "-o", "json"]);
    assert_eq!(both.code, 2);
    let problems: Vec<serde_json::Value> = serde_json::from_str(&both.out).unwrap();
    assert_eq!(
        (problems.len(), &problems[0]["file"], &problems[0]["line"]),
        (1, &"bad.yaml".into(), &3.into())
    );
    assert_eq!(ctl(&["plan", "bad.yaml"]).code, 2);
    assert_eq!(ctl(&["plan", "missing.yaml"]).code, 3);
    let plan = ctl(&["plan", "good.yaml"]);
    assert!(plan.talk.contains("grid, 2 trials"), "{plan:?}");
    let changed = ctl(&["plan", "good.yaml", "--set", "parameters.a.values=[1, 2, 3]", "--set", "run_cap=2"]);
    assert!(changed.talk.contains("grid, 2 trials") && changed.talk.contains("3 cells"), "{changed:?}");
    assert_eq!(ctl(&["plan", "good.yaml", "--set", "run_cap"]).code, 2);
    assert_eq!(plan.out.lines().count(), 3);
}
