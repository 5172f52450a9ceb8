//! The agent as a process: what it runs, what it relays, and what it survives.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on fails, and tells what it saw"
)]

mod harness;
mod resume;
mod survival;

use std::time::Duration;

use harness::{Agent, Controller, is_alive, script, talker, until};
use rustix::process::Signal;

/// Long enough never to matter.
const LEASE: Duration = Duration::from_secs(60);

/// A sweep of the talker with these parameters.
fn talk(run_cap: u32, parameters: &str) -> String {
    format!(
        "program: {}\nmethod: random\nrun_cap: {run_cap}\nparameters: {{{parameters}}}\n",
        talker().display()
    )
}

async fn run_to_end(controller: &Controller, text: &str) -> (String, i32, String) {
    let sweep = controller.create(text).await;
    let (code, said) = Agent::start(controller.agent(&sweep)).end().await;
    (sweep, code, said)
}

#[tokio::test]
async fn points_and_lines_arrive_whole_and_in_order() {
    let controller = Controller::start(LEASE).await;
    let (sweep, code, said) = run_to_end(&controller, &talk(1, "points: {value: 3000}")).await;
    assert_eq!(code, 0, "{said}");
    let curve = controller.curve(&format!("{sweep}/1"), "square").await;
    assert_eq!(curve.total, 3000);
    let expected: Vec<u64> = (1..=3000).collect();
    assert_eq!(curve.steps, expected);
    assert!(curve.steps.iter().zip(&curve.values).all(|(step, value)| *value == (step * step) as f64));
    let lines = controller.logs(&format!("{sweep}/1")).await;
    let told: Vec<_> = lines.iter().filter(|line| line.starts_with("told ")).collect();
    assert_eq!(told.len(), 30);
    assert_eq!(told[29], "told 3000 points");
    assert!(lines.iter().any(|line| line == "all is told"));
    let trial = controller.trials(&sweep).await.remove(0);
    let facts = trial.facts.unwrap();
    assert_eq!(facts.command[1..], ["--points=3000"]);
    assert!(facts.versions.contains_key("sweep-agent"));
    assert!(!facts.host.is_empty());
}

#[tokio::test]
async fn exit_codes_and_signals_decide() {
    let controller = Controller::start(LEASE).await;
    for (text, state, reason) in [
        (script(1, "exit 0"), "finished", ""),
        (script(1, "echo boom >&2; exit 3"), "failed", "exit code 3: boom"),
        (script(1, "kill -SEGV $$"), "failed", "killed by SIGSEGV"),
        (
            "program: ./nowhere\nmethod: random\nrun_cap: 1\nparameters: {a: {value: 1}}\n".to_owned(),
            "failed",
            "cannot start `./nowhere`",
        ),
    ] {
        let (sweep, code, said) = run_to_end(&controller, &text).await;
        assert_eq!(code, 0, "{said}");
        let trial = controller.trials(&sweep).await.remove(0);
        assert_eq!(sweep_proto::convert::trial_state_word(trial.state), state, "{text}");
        assert!(trial.reason.contains(reason), "{text}: {}", trial.reason);
    }
}

#[tokio::test]
async fn the_trial_is_told_what_it_is() {
    let controller = Controller::start(LEASE).await;
    let print = "echo $SWEEP_TRIAL $SWEEP_ATTEMPT $OMP_NUM_THREADS [$CUDA_VISIBLE_DEVICES]; cat $SWEEP_PARAMS_JSON $WANDB_SWEEP_PARAM_PATH; test -d $SWEEP_CHECKPOINT_DIR && pwd";
    let (sweep, _, said) = run_to_end(&controller, &script(1, print)).await;
    let log = controller.logs(&format!("{sweep}/1")).await;
    let cores = std::thread::available_parallelism().unwrap();
    assert_eq!(log[0], format!("{sweep}/1 1 {cores} []"), "{said}");
    assert!(log[1].starts_with("{\"a\":0."), "{log:?}");
    assert!(log.iter().any(|line| line.starts_with("  value: 0.")), "{log:?}");
    let folder = controller.folder.path().canonicalize().unwrap();
    assert_eq!(log.last().map(String::as_str), folder.to_str());
}

#[tokio::test]
async fn count_bounds_the_trials() {
    let controller = Controller::start(LEASE).await;
    let sweep = controller.create(&script(5, "exit 0")).await;
    let mut agent = controller.agent(&sweep);
    agent.args(["--count", "2"]);
    let (code, said) = Agent::start(agent).end().await;
    assert_eq!(code, 0, "{said}");
    let finished = controller.trials(&sweep).await.iter().filter(|trial| trial.finished_at_ms > 0).count();
    assert_eq!(finished, 2);
}

#[tokio::test]
async fn slots_run_side_by_side_and_no_trial_twice() {
    let controller = Controller::start(LEASE).await;
    // Each waits until the other is there: one after the other, they would wait for ever.
    let meet = "touch met-$SWEEP_TRIAL_NUMBER; while [ ! -e met-1 ] || [ ! -e met-2 ]; do sleep 0.01; done";
    let sweep = controller.create(&script(2, meet)).await;
    let mut agent = controller.agent(&sweep);
    agent.args(["--slots", "2"]);
    let (code, said) = Agent::start(agent).end().await;
    assert_eq!(code, 0, "{said}");
    let trials = controller.trials(&sweep).await;
    assert!(trials.iter().all(|trial| trial.attempt == 1 && trial.finished_at_ms > 0));
}

#[tokio::test]
async fn a_stop_lets_running_trials_finish() {
    let controller = Controller::start(LEASE).await;
    let sweep = controller.create(&script(3, "touch began; while [ ! -e go ]; do sleep 0.01; done")).await;
    let agent = Agent::start(controller.agent(&sweep));
    let began = controller.folder.path().join("began");
    until("the trial began", || async { began.exists() }).await;
    let request = sweep_proto::v1::StopSweepRequest { sweep: sweep.clone() };
    controller.client().await.stop_sweep(request).await.unwrap();
    std::fs::write(controller.folder.path().join("go"), "").unwrap();
    let (code, said) = agent.end().await;
    assert_eq!(code, 0, "{said}");
    let trials = controller.trials(&sweep).await;
    assert_eq!(trials.len(), 1, "the queued ones are withdrawn");
    assert_eq!(controller.first(&sweep).await.0, "finished");
}

#[tokio::test]
async fn a_cancel_kills_the_trial_and_all_it_started() {
    let controller = Controller::start(LEASE).await;
    let sweep = controller.create(&script(1, "sleep 1000 & echo $! > pid.new; mv pid.new pid; wait")).await;
    let agent = Agent::start(controller.agent(&sweep));
    let file = controller.folder.path().join("pid");
    until("the grandchild is there", || async { file.exists() }).await;
    let pid = std::fs::read_to_string(&file).unwrap().trim().to_owned();
    assert!(is_alive(&pid));
    controller.cancel(&sweep).await;
    let (code, said) = agent.end().await;
    assert_eq!(code, 0, "{said}");
    assert_eq!(controller.first(&sweep).await.0, "cancelled");
    assert!(!is_alive(&pid));
}

/// A script that obeys nothing, and says when it is deaf.
const DEAF: &str = "trap '' TERM; touch deaf; while :; do sleep 0.05; done";

#[tokio::test]
async fn a_cancelled_program_that_obeys_nothing_is_killed_after_its_grace() {
    let controller = Controller::start(LEASE).await;
    let sweep = controller.create(&(script(1, DEAF) + "stop_grace: 200ms\n")).await;
    let agent = Agent::start(controller.agent(&sweep));
    let deaf = controller.folder.path().join("deaf");
    until("the trial began", || async { deaf.exists() }).await;
    controller.cancel(&sweep).await;
    let (code, said) = agent.end().await;
    assert_eq!(code, 0, "{said}");
    assert_eq!(controller.first(&sweep).await.0, "cancelled");
}

#[tokio::test]
async fn a_cancelled_program_may_clean_up() {
    let controller = Controller::start(LEASE).await;
    let tidy = "trap 'echo tidied up; exit 0' TERM; touch began; while :; do sleep 0.05; done";
    let sweep = controller.create(&script(1, tidy)).await;
    let agent = Agent::start(controller.agent(&sweep));
    let began = controller.folder.path().join("began");
    until("the trial began", || async { began.exists() }).await;
    controller.cancel(&sweep).await;
    let (code, said) = agent.end().await;
    assert_eq!(code, 0, "{said}");
    assert_eq!(controller.first(&sweep).await.0, "cancelled");
    let log = controller.logs(&format!("{sweep}/1")).await;
    assert!(log.iter().any(|line| line == "tidied up"), "{log:?}");
}

#[tokio::test]
async fn a_trial_that_runs_too_long_fails_and_is_retried() {
    let controller = Controller::start(LEASE).await;
    let slow_at_first = "[ $SWEEP_ATTEMPT = 2 ] || exec sleep 1000";
    let limits = "trial_timeout: 1s\nretries: 1\n";
    let sweep = controller.create(&(script(1, slow_at_first) + limits)).await;
    let (code, said) = Agent::start(controller.agent(&sweep)).end().await;
    assert_eq!(code, 0, "{said}");
    assert_eq!(controller.first(&sweep).await, ("finished".to_owned(), 2));
    let attempts = controller.attempts(&format!("{sweep}/1")).await;
    assert_eq!(attempts[0].ended, "failed: ran longer than its trial_timeout, 1s");
}

#[tokio::test]
async fn agents_keep_to_max_parallel() {
    let controller = Controller::start(LEASE).await;
    // Fails where a second one runs beside it.
    let alone = "mkdir alone && sleep 0.05 && rmdir alone";
    let sweep = controller.create(&(script(6, alone) + "max_parallel: 1\n")).await;
    let mut agent = controller.agent(&sweep);
    agent.args(["--slots", "3"]);
    let (code, said) = Agent::start(agent).end().await;
    assert_eq!(code, 0, "{said}");
    for trial in controller.trials(&sweep).await {
        assert_eq!(sweep_proto::convert::trial_state_word(trial.state), "finished", "{}", trial.reason);
    }
}

#[tokio::test]
async fn the_first_interrupt_lets_trials_finish() {
    let controller = Controller::start(LEASE).await;
    let sweep = controller.create(&script(3, "touch began; while [ ! -e go ]; do sleep 0.01; done")).await;
    let agent = Agent::start(controller.agent(&sweep));
    let began = controller.folder.path().join("began");
    until("the trial began", || async { began.exists() }).await;
    agent.signal(Signal::INT);
    std::fs::write(controller.folder.path().join("go"), "").unwrap();
    let (code, said) = agent.end().await;
    assert_eq!(code, 130, "{said}");
    assert_eq!(controller.first(&sweep).await, ("finished".to_owned(), 1));
    let claimed = controller.trials(&sweep).await.iter().filter(|trial| trial.attempt > 0).count();
    assert_eq!(claimed, 1);
}

#[tokio::test]
async fn the_second_interrupt_hands_trials_back() {
    let controller = Controller::start(LEASE).await;
    let sweep = controller.create(&talk(1, "points: {value: 5}, hold: {value: true}")).await;
    let agent = Agent::start(controller.agent(&sweep));
    let trial = format!("{sweep}/1");
    until("its points are stored", || async { controller.curve(&trial, "square").await.total == 5 }).await;
    agent.signal(Signal::INT);
    agent.signal(Signal::TERM);
    let (code, said) = agent.end().await;
    // Whichever of the two was seen first; neither is lost.
    assert!(code == 130 || code == 143, "{code}: {said}");
    assert_eq!(controller.first(&sweep).await.0, "queued");
    let attempts = controller.attempts(&trial).await;
    assert!(attempts[0].ended.contains("handed"), "{}", attempts[0].ended);
}

#[tokio::test]
async fn an_outage_of_the_controller_loses_nothing() {
    let mut controller = Controller::start(LEASE).await;
    let wait = format!(
        "{} --points=400; touch told; while [ ! -e go ]; do sleep 0.01; done; {} --points=800",
        talker().display(),
        talker().display()
    );
    let sweep = controller.create(&script(1, &wait)).await;
    let agent = Agent::start(controller.agent(&sweep));
    let told = controller.folder.path().join("told");
    until("the first half is told", || async { told.exists() }).await;
    controller.stop().await;
    // The second half is told and the trial ends while nobody listens.
    std::fs::write(controller.folder.path().join("go"), "").unwrap();
    let exits = controller.folder.path().join("agents/1/trials");
    until("the trial ended", || async { has_exit_record(&exits) }).await;
    controller.resume().await;
    let (code, said) = agent.end().await;
    assert_eq!(code, 0, "{said}");
    assert_eq!(controller.first(&sweep).await, ("finished".to_owned(), 1));
    assert_eq!(controller.curve(&format!("{sweep}/1"), "square").await.total, 1200);
}

fn has_exit_record(trials: &std::path::Path) -> bool {
    let entries = std::fs::read_dir(trials).into_iter().flatten().flatten();
    entries.map(|entry| entry.path().join("exit.json")).any(|path| path.exists())
}

#[tokio::test]
async fn an_agent_that_was_killed_finds_its_trial_again() {
    let controller = Controller::start(LEASE).await;
    let wait = format!(
        "{} --points=300; touch told; while [ ! -e go ]; do sleep 0.01; done; {} --points=300",
        talker().display(),
        talker().display()
    );
    let sweep = controller.create(&script(1, &wait)).await;
    let agent = Agent::start(controller.agent(&sweep));
    let told = controller.folder.path().join("told");
    until("the first half is told", || async { told.exists() }).await;
    agent.signal(Signal::KILL);
    assert_eq!(agent.end().await.0, 128 + 9);
    std::fs::write(controller.folder.path().join("go"), "").unwrap();
    let (code, said) = Agent::start(controller.agent(&sweep)).end().await;
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("found again"), "{said}");
    assert_eq!(controller.first(&sweep).await, ("finished".to_owned(), 1));
    assert_eq!(controller.curve(&format!("{sweep}/1"), "square").await.total, 600);
}

#[tokio::test]
async fn an_attempt_that_was_given_away_is_killed() {
    let controller = Controller::start(Duration::from_secs(1)).await;
    let sweep = controller.create(&script(1, "echo $$ > pid-$SWEEP_ATTEMPT.new; mv pid-$SWEEP_ATTEMPT.new pid-$SWEEP_ATTEMPT; [ $SWEEP_ATTEMPT = 2 ] || sleep 1000")).await;
    let agent = Agent::start(controller.agent(&sweep));
    let file = controller.folder.path().join("pid-1");
    until("the first attempt runs", || async { file.exists() }).await;
    let pid = std::fs::read_to_string(&file).unwrap().trim().to_owned();
    until("it is known to run", || async { controller.first(&sweep).await.0 == "running" }).await;
    // A stopped agent renews nothing; its trial runs on.
    agent.signal(Signal::STOP);
    until("the lease is taken away", || async { controller.first(&sweep).await.0 == "queued" }).await;
    assert!(is_alive(&pid));
    agent.signal(Signal::CONT);
    let (code, said) = agent.end().await;
    assert_eq!(code, 0, "{said}");
    assert!(!is_alive(&pid));
    assert_eq!(controller.first(&sweep).await, ("finished".to_owned(), 2));
}

#[tokio::test]
async fn a_lost_keeper_costs_the_attempt_not_the_trial() {
    let controller = Controller::start(LEASE).await;
    let sweep = controller
        .create(&script(
            1,
            "[ $SWEEP_ATTEMPT = 2 ] || { echo $PPID $$ > pids.new; mv pids.new pids; sleep 1000; }",
        ))
        .await;
    let agent = Agent::start(controller.agent(&sweep));
    let file = controller.folder.path().join("pids");
    until("the first attempt runs", || async { file.exists() }).await;
    let pids = std::fs::read_to_string(&file).unwrap();
    let (keeper, program) = pids.trim().split_once(' ').unwrap();
    let keeper = rustix::process::Pid::from_raw(keeper.parse().unwrap()).unwrap();
    rustix::process::kill_process(keeper, Signal::KILL).unwrap();
    let (code, said) = agent.end().await;
    assert_eq!(code, 0, "{said}");
    assert!(!is_alive(program), "its program does not run on unattended");
    assert_eq!(controller.first(&sweep).await, ("finished".to_owned(), 2));
    let attempts = controller.attempts(&format!("{sweep}/1")).await;
    assert!(attempts.iter().any(|attempt| attempt.ended.contains("keeper")), "{attempts:?}");
}

#[tokio::test]
async fn what_cannot_start_says_why_in_a_paragraph() {
    let controller = Controller::start(LEASE).await;
    let (code, said) = Agent::start(controller.agent("nosuch00")).end().await;
    assert_eq!(code, 3);
    assert!(said.contains("nosuch00") && said.contains("sweep-ctl list"), "{said}");
    let unreachable = std::process::Command::new(env!("CARGO_BIN_EXE_sweep-agent"))
        .args(["k3x9q2ab", "--server", "http://127.0.0.1:1"])
        .output()
        .unwrap();
    assert_eq!(unreachable.status.code(), Some(5));
    let said = String::from_utf8_lossy(&unreachable.stderr).into_owned();
    assert!(
        said.contains("cannot reach the controller at http://127.0.0.1:1")
            && said.contains("sweep-controller"),
        "{said}"
    );
}

/// Whether there is a Python to run examples with.
fn python_is_missing() -> bool {
    let missing = std::process::Command::new("python3").arg("--version").output().is_err();
    if missing {
        assert!(std::env::var_os("CI").is_none(), "python3 is missing");
        eprintln!("SKIPPED: there is no python3");
    }
    missing
}

/// An agent that works in the root of the repository, where the examples are.
fn at_the_root(mut agent: std::process::Command) -> std::process::Command {
    agent.current_dir(root());
    agent
}

fn root() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn example(name: &str) -> String {
    std::fs::read_to_string(root().join("examples").join(name)).unwrap()
}

#[tokio::test]
async fn an_unmodified_python_script_reports_by_what_it_prints() {
    if python_is_missing() {
        return;
    }
    let controller = Controller::start(LEASE).await;
    let sweep = controller.create(&example("python.yaml")).await;
    let (code, said) = Agent::start(at_the_root(controller.agent(&sweep))).end().await;
    assert_eq!(code, 0, "{said}");
    let trials = controller.trials(&sweep).await;
    assert_eq!(trials.len(), 8);
    for trial in trials {
        let curve = controller.curve(&format!("{sweep}/{}", trial.number), "loss").await;
        assert_eq!(curve.steps, (1..=20).collect::<Vec<u64>>(), "{}", trial.reason);
        assert!(trial.objective.is_some());
    }
}

#[tokio::test]
async fn a_python_script_with_the_module_reports_by_the_channel() {
    if python_is_missing() {
        return;
    }
    let controller = Controller::start(LEASE).await;
    let text = example("python.yaml")
        .replace("plain.py", "reporting.py")
        .replace("report:", "#")
        .replace("  stdout:", "#");
    let sweep = controller.create(&text.replace("run_cap: 8", "run_cap: 1")).await;
    let (code, said) = Agent::start(at_the_root(controller.agent(&sweep))).end().await;
    assert_eq!(code, 0, "{said}");
    assert_eq!(controller.curve(&format!("{sweep}/1"), "loss").await.total, 20);
}

#[tokio::test]
async fn a_shell_script_reports_by_lines_of_json() {
    let controller = Controller::start(LEASE).await;
    let sweep = controller.create(&example("shell.yaml")).await;
    let (code, said) = Agent::start(at_the_root(controller.agent(&sweep))).end().await;
    assert_eq!(code, 0, "{said}");
    let trials = controller.trials(&sweep).await;
    let best = trials.iter().min_by(|a, b| a.objective.unwrap().total_cmp(&b.objective.unwrap())).unwrap();
    assert_eq!(best.params_json, r#"{"rate":0.3,"size":1}"#);
    assert_eq!((trials.len(), controller.curve(&format!("{sweep}/1"), "cost").await.total), (6, 5));
    assert!(controller.logs(&format!("{sweep}/1")).await[0].starts_with("trying rate"));
}

#[test]
fn the_python_module_passes_its_own_test() {
    if python_is_missing() {
        return;
    }
    let tested = std::process::Command::new("python3")
        .arg(root().join("examples/python/test_sweep.py"))
        .output()
        .unwrap();
    assert!(tested.status.success(), "{}", String::from_utf8_lossy(&tested.stderr));
}
