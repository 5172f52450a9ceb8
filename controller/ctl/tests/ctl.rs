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
#[path = "ctl/running.rs"]
mod running;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

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
        let values = [("loss".to_owned(), value)].into();
        let point = v1::MetricPoint { step: 1, values, ..Default::default() };
        let event = v1::Event { seq: 1, kind: Some(v1::event::Kind::Metrics(point)), ..Default::default() };
        let (trial_id, attempt) = (trial.trial_id, trial.attempt);
        let report = v1::ReportRequest { trial_id: trial_id.clone(), attempt, events: vec![event] };
        agents.report(report).await.unwrap();
        // Every seventh fails, after it told something.
        let outcome = if trial.number % 7 == 0 { v1::Outcome::Failed } else { v1::Outcome::Succeeded };
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

#[tokio::test(flavor = "multi_thread")]
async fn sweeps_of_every_method_are_worked_off_and_replayed() {
    let place = Place::start().await;
    for method in ["random", "sobol", "tpe", "cmaes", "bayes", "auto"] {
        place.file(
            "learning.yaml",
            &format!(
                "program: train.py\nmethod: {method}\nseed: 3\nrun_cap: 24\nmetric: {{name: loss}}\nparameters:\n  \
                 a: {{min: 0.0, max: 1.0}}\n  b: {{values: [x, y, z]}}\n  c: {{min: 1, max: 64, when: {{b: x}}}}\n\
                 constraints: [a < 0.9]\n"
            ),
        );
        let created = place.ctl(&["create", "learning.yaml", "-o", "name"]).await;
        assert_eq!(created.code, 0, "{method}: {}", created.talk);
        let id = created.out.trim().to_owned();
        let agents: Vec<_> = (0..3).map(|_| tokio::spawn(work(place.url.clone(), id.clone()))).collect();
        let mut trials = 0;
        for agent in agents {
            trials += agent.await.unwrap();
        }
        assert_eq!(trials, 24, "{method}");
        let replayed = place.ctl(&["replay", &id]).await;
        assert_eq!(replayed.code, 0, "{method}: {}", replayed.talk);
        assert!(replayed.talk.contains("24 of 24 trials"), "{method}: {}", replayed.talk);
        let shown = place.ctl(&["show", &format!("{id}/24"), "-o", "json"]).await.out;
        let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
        assert!(shown["why"].as_str().is_some_and(|why| !why.is_empty()), "{method}: {shown}");
    }
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
    let later = ctl(&["validate", "later.yaml"]);
    assert!(later.code == 0 && later.talk.contains("not built yet: early_terminate"), "{later:?}");
    let both = ctl(&["validate", "good.yaml", "bad.yaml", "-o", "json"]);
    assert_eq!(both.code, 2);
    let problems: Vec<serde_json::Value> = serde_json::from_str(&both.out).unwrap();
    assert_eq!(
        (problems.len(), &problems[0]["file"], &problems[0]["line"]),
        (1, &"bad.yaml".into(), &3.into())
    );
    assert_eq!(ctl(&["plan", "bad.yaml"]).code, 2);
    assert_eq!(ctl(&["plan", "later.yaml"]).code, 2);
    assert_eq!(ctl(&["plan", "missing.yaml"]).code, 3);
    let plan = ctl(&["plan", "good.yaml"]);
    assert!(plan.talk.contains("grid, 2 trials"), "{plan:?}");
    let changed = ctl(&["plan", "good.yaml", "--set", "parameters.a.values=[1, 2, 3]", "--set", "run_cap=2"]);
    assert!(changed.talk.contains("grid, 2 trials") && changed.talk.contains("3 cells"), "{changed:?}");
    assert_eq!(ctl(&["plan", "good.yaml", "--set", "run_cap"]).code, 2);
    assert_eq!(plan.out.lines().count(), 3);
}
