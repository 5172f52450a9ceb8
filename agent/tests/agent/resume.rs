//! Trials that lose their box and go on elsewhere, from the artifact store.

use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;

use crate::harness::{Agent, Controller, signal, until};
use crate::python_is_missing;

const LEASE: Duration = Duration::from_secs(60);
/// Short enough to be waited for, and long enough for a busy machine.
const SHORT: Duration = Duration::from_secs(3);

/// A trial of twenty steps with a checkpoint every five; it waits at step 13 of its first attempt, if there is a file `hold`.
const TRIAL: &str = r#"
import json, os, time
import sweep
state = {"step": 0, "x": 0.0, "v": 0.1}
if sweep.resume():
    with open(sweep.resume(), encoding="utf-8") as file:
        state = json.load(file)
with open("begun", "a") as file:
    file.write("%s from %d\n" % (os.environ["SWEEP_ATTEMPT"], state["step"]))
for step in range(state["step"] + 1, 21):
    v = 0.9 * state["v"] - 0.1 * (state["x"] - 3.0)
    state = {"step": step, "x": state["x"] + v, "v": v}
    sweep.log({"loss": (state["x"] - 3.0) ** 2}, step=step)
    if step % 5 == 0:
        path = os.path.join(os.environ["SWEEP_CHECKPOINT_DIR"], "resume-%d.json" % step)
        sweep.write(path, json.dumps(state).encode())
        sweep.checkpoint(path, step, resume=True)
    if step == 13 and os.path.exists("hold") and os.environ["SWEEP_ATTEMPT"] == "1":
        with open("pids.new", "w") as file:
            file.write("%d %d" % (os.getppid(), os.getpid()))
        os.rename("pids.new", "pids")
        while os.path.exists("hold"):
            time.sleep(0.01)
"#;

fn sweep_of(folder: &Path) -> String {
    std::fs::write(folder.join("trial.py"), TRIAL).unwrap();
    let library = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/python");
    let command = serde_json::json!(["/usr/bin/env", format!("PYTHONPATH={library}"), "python3", "trial.py"]);
    format!("command: {command}\nmethod: random\nrun_cap: 1\nparameters: {{a: {{min: 0.0, max: 1.0}}}}\n")
}

/// The curve, to the last bit.
async fn curve(controller: &Controller, sweep: &str) -> Vec<(u64, u64)> {
    let curve = controller.curve(&format!("{sweep}/1"), "loss").await;
    curve.steps.into_iter().zip(curve.values.iter().map(|value| value.to_bits())).collect()
}

#[tokio::test]
async fn a_trial_that_lost_its_box_goes_on_elsewhere_to_the_same_numbers() {
    if python_is_missing() {
        return;
    }
    let controller = Controller::start(SHORT).await;
    let text = sweep_of(controller.folder.path());
    let whole = controller.create(&text).await;
    assert_eq!(Agent::start(controller.agent(&whole)).end().await.0, 0);
    let expected = curve(&controller, &whole).await;
    assert_eq!(expected.len(), 20);

    controller.touch("hold");
    let sweep = controller.create(&text).await;
    let trial = format!("{sweep}/1");
    let first = Agent::start(controller.agent(&sweep));
    let pids = controller.file("pids").await;
    until("the checkpoint of step 10 is stored, and step 13 reported", || async {
        controller.stored(&trial).await == [10] && controller.curve(&trial, "loss").await.total == 13
    })
    .await;
    // The box goes, with all that ran on it and all it had on its disk.
    first.signal(Signal::KILL);
    pids.split(' ').for_each(|pid| signal(pid, Signal::KILL));
    first.end().await;
    std::fs::rename(controller.folder.path().join("agents"), controller.folder.path().join("gone")).unwrap();
    let (code, said) = Agent::start(controller.agent(&sweep)).end().await;
    assert_eq!(code, 0, "{said}");
    assert_eq!(controller.first(&sweep).await, ("finished".to_owned(), 2));
    assert_eq!(controller.file("begun").await, "1 from 0\n1 from 0\n2 from 10");
    assert_eq!(curve(&controller, &sweep).await, expected);
    // What is over has nothing to go on from.
    assert!(controller.stored(&trial).await.is_empty());
}

#[tokio::test]
async fn a_checkpoint_told_in_an_outage_is_stored_after_it_by_whichever_agent_is_there() {
    if python_is_missing() {
        return;
    }
    let mut controller = Controller::start(LEASE).await;
    let text = sweep_of(controller.folder.path());
    controller.touch("hold");
    let sweep = controller.create(&text).await;
    let trial = format!("{sweep}/1");
    let agent = Agent::start(controller.agent(&sweep));
    controller.file("pids").await;
    controller.stop().await;
    agent.signal(Signal::KILL);
    agent.end().await;
    controller.resume().await;
    let next = Agent::start(controller.agent(&sweep));
    until("the checkpoint is stored", || async { controller.stored(&trial).await == [10] }).await;
    std::fs::remove_file(controller.folder.path().join("hold")).unwrap();
    assert_eq!(next.end().await.0, 0);
    assert_eq!(controller.first(&sweep).await, ("finished".to_owned(), 1));
    assert_eq!(controller.file("begun").await, "1 from 0");
}

#[tokio::test]
async fn an_artifact_store_that_fails_keeps_no_trial_from_its_end() {
    if python_is_missing() {
        return;
    }
    let controller = Controller::start(LEASE).await;
    let text = sweep_of(controller.folder.path());
    // A file where the store wants its folder.
    std::fs::write(controller.folder.path().join("artifacts/sha256"), "").unwrap();
    controller.touch("hold");
    let sweep = controller.create(&text).await;
    let log = controller.folder.path().join("agent.log");
    let mut agent = controller.agent(&sweep);
    agent.stderr(std::fs::File::create(&log).unwrap());
    let agent = Agent::start(agent);
    let said = || std::fs::read_to_string(&log).unwrap();
    until("the agent says so", || async { said().contains("a checkpoint is not taken") }).await;
    std::fs::remove_file(controller.folder.path().join("hold")).unwrap();
    assert_eq!(agent.end().await.0, 0, "{}", said());
    assert_eq!(controller.first(&sweep).await, ("finished".to_owned(), 1));
    assert!(controller.stored(&format!("{sweep}/1")).await.is_empty());
}
