//! The agent under faults: what dies, what fills up, and what comes back.
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;

use crate::harness::proxy::{Way, Weather};
use crate::harness::{Agent, Controller, is_alive, script, signal, talker, until};

/// Long enough never to matter.
const LEASE: Duration = Duration::from_secs(60);
/// Short enough to be waited for.
const SHORT: Duration = Duration::from_secs(1);

/// A shell's words that tell this many points.
fn tell(points: u32) -> String {
    format!("{} --points={points}", talker().display())
}

const WAIT: &str = "while [ ! -e go ]; do sleep 0.01; done";

/// A shell's words that write their process ids (the shell's parent, which is its keeper, and its own) into a file.
fn pids(file: &str) -> String {
    format!("echo $PPID $$ > {file}.new; mv {file}.new {file}")
}

#[tokio::test]
async fn past_its_limit_the_spool_is_thinned_and_what_is_dropped_is_told() {
    let mut controller = Controller::start(LEASE).await;
    let (lines, points) = (30_000, 20_000);
    let text = format!(
        "touch began; {WAIT}; seq -f 'a line of a chatty program, number %g' 1 {lines}; {}; touch told; while [ ! -e end ]; do sleep 0.01; done",
        tell(points)
    );
    let sweep = controller.create(&script(1, &text)).await;
    let mut agent = controller.agent(&sweep);
    agent.args(["--spool-limit", "1"]);
    let agent = Agent::start(agent);
    controller.file("began").await;
    controller.stop().await;
    controller.touch("go");
    controller.file("told").await;
    let on_disk = |dir: &std::path::Path| -> u64 {
        std::fs::read_dir(dir).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum()
    };
    let dirs = controller.attempt_dirs();
    assert_eq!(dirs.len(), 1);
    assert!(on_disk(&dirs[0]) < 5 << 18, "{}", on_disk(&dirs[0]));
    controller.resume().await;
    controller.touch("end");
    let (code, said) = agent.end().await;
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("lines of the log and"), "{said}");
    let trial = format!("{sweep}/1");
    assert_eq!(controller.first(&sweep).await, ("finished".to_owned(), 1));
    let curve = controller.curve(&trial, "square").await;
    assert_eq!(curve.steps.last(), Some(&u64::from(points)), "the final value is there");
    let log = controller.logs(&trial).await;
    let told: Vec<_> = log.iter().filter(|line| line.contains("were dropped so far")).collect();
    // What is told and what arrived make what was said, to the last line and point.
    let number = |word: &str| -> u64 {
        let told = told.last().unwrap();
        let before = told.split(word).next().unwrap().trim();
        before.rsplit(' ').next().unwrap().parse().unwrap()
    };
    assert_eq!(curve.total + number("points of"), u64::from(points));
    let of_program = log.len() as u64 - told.len() as u64;
    let talkers = u64::from(points / 100) + 1;
    assert_eq!(of_program + number("lines of"), lines + talkers);
}

#[tokio::test]
async fn an_end_that_was_not_told_is_told_by_the_next_agent_and_not_run_again() {
    let controller = Controller::start(LEASE).await;
    let sweep =
        controller.create(&script(1, &format!("echo ran >> runs; touch began; {WAIT}; {}", tell(50)))).await;
    let agent = Agent::start(controller.agent(&sweep));
    controller.file("began").await;
    agent.signal(Signal::KILL);
    agent.end().await;
    controller.touch("go");
    until("the keeper has gone, with a record left", || async {
        controller.attempt_dirs().iter().any(|dir| {
            let lock = std::fs::File::open(dir.join("keeper.lock"));
            dir.join("exit.json").exists() && lock.is_ok_and(|lock| lock.try_lock().is_ok())
        })
    })
    .await;
    let (code, said) = Agent::start(controller.agent(&sweep)).end().await;
    assert_eq!(code, 0, "{said}");
    assert_eq!(controller.first(&sweep).await, ("finished".to_owned(), 1));
    assert_eq!(controller.curve(&format!("{sweep}/1"), "square").await.total, 50);
    assert_eq!(controller.file("runs").await, "ran");
}

#[tokio::test]
async fn a_program_without_agent_and_keeper_is_killed_before_its_slot_is_used() {
    let controller = Controller::start(LEASE).await;
    // The second attempt looks whether the first still runs.
    let text = format!(
        "if [ $SWEEP_ATTEMPT = 1 ]; then {}; sleep 1000; else read keeper program < pids; ! kill -0 $program || grep -q ') Z' /proc/$program/stat; fi",
        pids("pids")
    );
    let sweep = controller.create(&script(1, &text)).await;
    let agent = Agent::start(controller.agent(&sweep));
    let pids = controller.file("pids").await;
    let (keeper, program) = pids.split_once(' ').unwrap();
    agent.signal(Signal::KILL);
    signal(keeper, Signal::KILL);
    agent.end().await;
    assert!(is_alive(program), "nothing took it along");
    let (code, said) = Agent::start(controller.agent(&sweep)).end().await;
    assert_eq!(code, 0, "{said}");
    assert_eq!(controller.first(&sweep).await, ("finished".to_owned(), 2), "{said}");
    assert!(!is_alive(program));
}

#[tokio::test]
async fn an_orphan_is_killed_even_if_its_directory_is_not_understood() {
    let controller = Controller::start(SHORT).await;
    let text = format!("[ $SWEEP_ATTEMPT = 2 ] || {{ {}; sleep 1000; }}", pids("pids"));
    let sweep = controller.create(&script(1, &text)).await;
    let agent = Agent::start(controller.agent(&sweep));
    let pids = controller.file("pids").await;
    let (keeper, program) = pids.split_once(' ').unwrap();
    agent.signal(Signal::KILL);
    signal(keeper, Signal::KILL);
    agent.end().await;
    // As a power cut may leave it.
    let dirs = controller.attempt_dirs();
    std::fs::write(dirs[0].join("assignment.json"), "{\"format\":2,\"key").unwrap();
    assert!(is_alive(program));
    let (code, said) = Agent::start(controller.agent(&sweep)).end().await;
    assert_eq!(code, 0, "{said}");
    assert!(!is_alive(program));
    assert!(said.contains("is not understood and left alone"), "{said}");
    assert!(dirs[0].exists());
    // Nobody renewed its lease, so the trial was given out again.
    assert_eq!(controller.first(&sweep).await, ("finished".to_owned(), 2), "{said}");
}

#[tokio::test]
async fn an_agent_that_slept_through_its_lease_changes_nothing_and_frees_its_slot() {
    let controller = Controller::start(SHORT).await;
    let text = format!(
        "{}; if [ $SWEEP_ATTEMPT = 1 ]; then {WAIT}; {}; sleep 1000; else {}; touch second; while [ ! -e end ]; do sleep 0.01; done; fi",
        pids("pids-$SWEEP_ATTEMPT"),
        tell(300),
        tell(20)
    );
    let sweep = controller.create(&script(1, &text)).await;
    let first = Agent::start(controller.agent(&sweep));
    let pids = controller.file("pids-1").await;
    let (keeper, program) = pids.split_once(' ').unwrap();
    until("it is known to run", || async { controller.first(&sweep).await.0 == "running" }).await;
    first.signal(Signal::STOP);
    signal(keeper, Signal::STOP);
    signal(program, Signal::STOP);
    let second = Agent::start(controller.agent(&sweep));
    controller.file("second").await;
    let trial = format!("{sweep}/1");
    until("the second's points are stored", || async {
        controller.curve(&trial, "square").await.total == 20
    })
    .await;
    // The first wakes and tells what it has.
    controller.touch("go");
    signal(program, Signal::CONT);
    signal(keeper, Signal::CONT);
    first.signal(Signal::CONT);
    until("the first's program is gone", || async { !is_alive(program) }).await;
    controller.touch("end");
    let (code, said) = second.end().await;
    assert_eq!(code, 0, "{said}");
    // The first ends as well, so its slot was free to ask for more.
    let (code, said) = first.end().await;
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("lost"), "{said}");
    assert_eq!(controller.first(&sweep).await, ("finished".to_owned(), 2));
    assert_eq!(controller.curve(&trial, "square").await.total, 20, "nothing the first wrote late counts");
}

#[tokio::test]
async fn a_flapping_link_loses_and_doubles_nothing() {
    let controller = Controller::start(LEASE).await;
    let proxy = controller.proxy().await;
    let text = format!("for i in $(seq 30); do {}; sleep 0.1; done", tell(100));
    let sweep = controller.create(&script(1, &text)).await;
    let agent = Agent::start(controller.agent_by(&sweep, &proxy.url()));
    until("the trial is known to run", || async { controller.first(&sweep).await.0 == "running" }).await;
    for _ in 0..6 {
        proxy.set(Weather { cut: true, ..Weather::default() });
        tokio::time::sleep(Duration::from_millis(250)).await;
        proxy.set(Weather {
            down: Way { delay: Duration::from_millis(30), ..Way::default() },
            ..Weather::default()
        });
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    proxy.set(Weather::default());
    let (code, said) = agent.end().await;
    assert_eq!(code, 0, "{said}");
    assert_eq!(controller.first(&sweep).await, ("finished".to_owned(), 1), "{said}");
    let curve = controller.curve(&format!("{sweep}/1"), "square").await;
    let expected: Vec<u64> = (0..30).flat_map(|_| 1..=100).collect();
    assert_eq!(curve.steps, expected);
}

/// Points are told while one direction is held, then the link is cut, so that answers on their way are lost for good.
async fn loses_one_way(held: Weather) {
    let controller = Controller::start(LEASE).await;
    let proxy = controller.proxy().await;
    let text = format!(
        "{}; touch told; {WAIT}; {}; touch more; while [ ! -e end ]; do sleep 0.01; done",
        tell(100),
        tell(200)
    );
    let sweep = controller.create(&script(1, &text)).await;
    let agent = Agent::start(controller.agent_by(&sweep, &proxy.url()));
    let trial = format!("{sweep}/1");
    until("the first points are stored", || async { controller.curve(&trial, "square").await.total == 100 })
        .await;
    proxy.set(held);
    let before = proxy.sent();
    controller.touch("go");
    controller.file("more").await;
    // Two hundred points take more than this, and whatever else is said takes less.
    until("a batch is on its way", || async { proxy.sent() > before + 2_000 }).await;
    if held.up.held {
        assert_eq!(controller.curve(&trial, "square").await.total, 100);
    } else {
        until("it arrives", || async { controller.curve(&trial, "square").await.total > 100 }).await;
    }
    proxy.set(Weather { cut: true, ..held });
    until("every connection is broken", || async { proxy.connections() == 0 }).await;
    proxy.set(Weather::default());
    controller.touch("end");
    let (code, said) = agent.end().await;
    assert_eq!(code, 0, "{said}");
    assert_eq!(controller.first(&sweep).await, ("finished".to_owned(), 1), "{said}");
    let expected: Vec<u64> = (1..=100).chain(1..=200).collect();
    assert_eq!(controller.curve(&trial, "square").await.steps, expected);
}

#[tokio::test]
async fn requests_that_are_lost_are_made_again() {
    loses_one_way(Weather { up: Way { held: true, ..Way::default() }, ..Weather::default() }).await;
}

#[tokio::test]
async fn answers_that_are_lost_double_nothing() {
    loses_one_way(Weather { down: Way { held: true, ..Way::default() }, ..Weather::default() }).await;
}

#[tokio::test]
async fn an_attempt_that_was_given_away_behind_a_partition_is_killed_at_first_contact() {
    let controller = Controller::start(SHORT).await;
    let proxy = controller.proxy().await;
    let text = format!("{}; [ $SWEEP_ATTEMPT = 2 ] || sleep 1000", pids("pids-$SWEEP_ATTEMPT"));
    let sweep = controller.create(&script(1, &text)).await;
    let agent = Agent::start(controller.agent_by(&sweep, &proxy.url()));
    let pids = controller.file("pids-1").await;
    let program = pids.split_once(' ').unwrap().1;
    until("it is known to run", || async { controller.first(&sweep).await.0 == "running" }).await;
    proxy.set(Weather { up: Way { held: true, ..Way::default() }, ..Weather::default() });
    until("the lease is taken away", || async { controller.first(&sweep).await.0 == "queued" }).await;
    assert!(is_alive(program), "training goes on through an outage of any length");
    proxy.set(Weather { cut: true, ..Weather::default() });
    proxy.set(Weather::default());
    let (code, said) = agent.end().await;
    assert_eq!(code, 0, "{said}");
    assert!(!is_alive(program));
    assert_eq!(controller.first(&sweep).await, ("finished".to_owned(), 2), "{said}");
}

#[tokio::test]
async fn a_drain_that_takes_too_long_hands_back() {
    let controller = Controller::start(LEASE).await;
    let sweep = controller.create(&script(2, "touch began; exec sleep 1000")).await;
    let mut agent = controller.agent(&sweep);
    agent.args(["--drain-timeout", "1"]);
    let agent = Agent::start(agent);
    controller.file("began").await;
    agent.signal(Signal::TERM);
    let (code, said) = agent.end().await;
    assert_eq!(code, 143, "{said}");
    assert_eq!(controller.first(&sweep).await.0, "queued");
    let attempts = controller.attempts(&format!("{sweep}/1")).await;
    assert!(attempts[0].ended.contains("handed"), "{attempts:?}");
}

#[tokio::test]
async fn a_trial_that_another_version_keeps_is_politely_left_alone() {
    let controller = Controller::start(LEASE).await;
    let sweep = controller.create(&script(1, &format!("touch began; {WAIT}"))).await;
    let agent = Agent::start(controller.agent(&sweep));
    controller.file("began").await;
    agent.signal(Signal::KILL);
    agent.end().await;
    let assignment = controller.attempt_dirs()[0].join("assignment.json");
    let ours = std::fs::read_to_string(&assignment).unwrap();
    std::fs::write(&assignment, ours.replace("\"format\":2", "\"format\":3")).unwrap();
    let (code, said) = Agent::start(controller.agent(&sweep)).end().await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("under another version of sweep-agent") && said.contains("format 3"), "{said}");
    // The version that it belongs to takes it up as if nothing had been.
    std::fs::write(&assignment, ours).unwrap();
    controller.touch("go");
    let (code, said) = Agent::start(controller.agent(&sweep)).end().await;
    assert_eq!(code, 0, "{said}");
    assert_eq!(controller.first(&sweep).await, ("finished".to_owned(), 1));
}

/// An agent whose state is on a small disk of its own; `None`: not here.
fn on_a_small_disk(agent: &Command, state: &std::path::Path) -> Option<Command> {
    let mut inside = sweep_sim::on_a_small_disk(agent, state, "512k", "exec \"$@\"")?;
    inside.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Some(inside)
}

/// Fills the agent's disk to the last byte, tells points, and frees it when it may.
fn filling(points: u32) -> String {
    format!(
        "touch began; cat /dev/zero > $PWD/agents/ballast 2>/dev/null; touch filled; {} & {WAIT}; rm -f $PWD/agents/ballast; wait",
        tell(points)
    )
}

#[tokio::test]
async fn a_full_disk_makes_trials_wait_and_costs_nothing() {
    let controller = Controller::start(LEASE).await;
    let sweep = controller.create(&script(1, &filling(3000))).await;
    let state = controller.folder.path().join("agents");
    let Some(agent) = on_a_small_disk(&controller.agent(&sweep), &state) else { return };
    let log = controller.folder.path().join("agent.log");
    let mut agent = agent;
    agent.stderr(std::fs::File::create(&log).unwrap());
    let said = || std::fs::read_to_string(&log).unwrap();
    let agent = Agent::start(agent);
    controller.file("filled").await;
    let full = "cannot be put on disk (No space left on device";
    until("the disk takes no more", || async { said().contains(full) }).await;
    controller.touch("go");
    let (code, _) = agent.end().await;
    let said = said();
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("the disk takes its events again"), "{said}");
    assert_eq!(controller.first(&sweep).await, ("finished".to_owned(), 1), "{said}");
    let curve = controller.curve(&format!("{sweep}/1"), "square").await;
    assert_eq!(curve.steps, (1..=3000).collect::<Vec<u64>>());
}

#[tokio::test]
async fn a_disk_that_stays_full_is_the_machines_fault() {
    let controller = Controller::start(LEASE).await;
    let text = format!("[ $SWEEP_ATTEMPT = 1 ] || exit 0; {}", filling(3000));
    let sweep = controller.create(&script(1, &text)).await;
    let state = controller.folder.path().join("agents");
    let mut agent = controller.agent(&sweep);
    agent.args(["--disk-patience", "1"]);
    let Some(agent) = on_a_small_disk(&agent, &state) else { return };
    let agent = Agent::start(agent);
    controller.file("began").await;
    let trial = format!("{sweep}/1");
    until("the first attempt ended", || async {
        controller.attempts(&trial).await.iter().any(|attempt| attempt.ended_at_ms > 0)
    })
    .await;
    let attempts = controller.attempts(&trial).await;
    let first = attempts.iter().find(|attempt| attempt.number == 1).unwrap();
    assert!(first.ended.contains("the agent's disk stayed full for 1s"), "{first:?}");
    assert!(!first.ended.starts_with("failed"), "no fault of the program's: {first:?}");
    // What the first left is removed: there may be just enough room for the second, or it is handed back.
    let (code, said) = agent.end().await;
    let state = controller.first(&sweep).await.0;
    assert!((code == 0 && state == "finished") || (code == 1 && state == "queued"), "{code} {state} {said}");
}

/// A memory cgroup of so many bytes; `None`: not here.
fn memory_cgroup(bytes: u64) -> Option<std::path::PathBuf> {
    let own = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let name = format!("sweep-test-{}", std::process::id());
    let first = own.lines().find_map(|line| Some(format!("memory{}", line.split_once(":memory:")?.1)));
    let second = own.lines().find_map(|line| Some(line.strip_prefix("0::")?.to_owned()));
    let found =
        [(first, "memory.limit_in_bytes"), (second, "memory.max")].into_iter().find_map(|(path, limit)| {
            let folder =
                std::path::Path::new("/sys/fs/cgroup").join(path?.trim_start_matches('/')).join(&name);
            std::fs::create_dir(&folder).ok()?;
            let written =
                folder.join(limit).exists() && std::fs::write(folder.join(limit), bytes.to_string()).is_ok();
            if !written {
                let _left = std::fs::remove_dir(&folder);
            }
            written.then_some(folder)
        });
    if found.is_none() {
        eprintln!("SKIPPED: no memory cgroup can be made here");
    }
    found
}

#[tokio::test]
async fn a_program_that_the_kernel_kills_for_want_of_memory_is_no_fault_of_the_users() {
    let Some(group) = memory_cgroup(96 << 20) else { return };
    let controller = Controller::start(LEASE).await;
    let sweep = controller
        .create(&script(1, "[ $SWEEP_ATTEMPT = 2 ] || head -c 300m /dev/zero | tail > /dev/null"))
        .await;
    let plain = controller.agent(&sweep);
    let mut agent = Command::new("/bin/sh");
    agent.args(["-c", "echo $$ > \"$0\"/cgroup.procs && exec \"$@\""]).arg(&group);
    agent.arg(plain.get_program()).args(plain.get_args());
    agent.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    agent.current_dir(plain.get_current_dir().unwrap());
    agent.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let (code, said) = Agent::start(agent).end().await;
    assert_eq!(code, 0, "{said}");
    assert_eq!(controller.first(&sweep).await, ("finished".to_owned(), 2), "{said}");
    let attempts = controller.attempts(&format!("{sweep}/1")).await;
    assert!(attempts.iter().any(|attempt| attempt.ended.contains("want of memory")), "{attempts:?}");
    until("the cgroup is empty", || async { std::fs::remove_dir(&group).is_ok() }).await;
}

#[tokio::test]
async fn a_gpu_that_fails_is_quarantined_and_the_others_go_on() {
    let controller = Controller::start(LEASE).await;
    // GPU 1 falls off the bus as soon as something runs on it; the sweep allows its programs no failure.
    let text = "if [ $CUDA_VISIBLE_DEVICES = 1 ]; then touch broken; exit 1; fi; while [ ! -e broken ]; do sleep 0.01; done";
    let sweep = controller.create(&script(4, text)).await;
    let mut agent = controller.agent(&sweep);
    agent.env("CUDA_VISIBLE_DEVICES", "0,1");
    agent.env(
        "SWEEP_DEVICE_PROBE",
        "probe() { [ $1 = 1 ] && [ -e broken ] && { echo GPU is lost >&2; return 9; }; echo 3, 0; }; probe",
    );
    let (code, said) = Agent::start(agent).end().await;
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("GPU 1 was at fault too often"), "{said}");
    for trial in controller.trials(&sweep).await {
        assert_eq!(sweep_proto::convert::trial_state_word(trial.state), "finished", "{}", trial.reason);
    }
    let mut moved = 0;
    for number in 1..=4 {
        let attempts = controller.attempts(&format!("{sweep}/{number}")).await;
        moved += attempts
            .iter()
            .filter(|attempt| attempt.ended.contains("its GPU is at fault (GPU is lost)"))
            .count();
    }
    assert_eq!(moved, 1, "{said}");
}

#[tokio::test]
async fn a_cancel_behind_a_partition_is_obeyed_at_first_contact() {
    let controller = Controller::start(LEASE).await;
    let proxy = controller.proxy().await;
    let text = format!("{}; {}; sleep 1000", pids("pids"), tell(10));
    let sweep = controller.create(&script(3, &text)).await;
    let agent = Agent::start(controller.agent_by(&sweep, &proxy.url()));
    let pids = controller.file("pids").await;
    let program = pids.split_once(' ').unwrap().1;
    let trial = format!("{sweep}/1");
    until("its points are stored", || async { controller.curve(&trial, "square").await.total == 10 }).await;
    proxy.set(Weather { cut: true, ..Weather::default() });
    controller.cancel(&sweep).await;
    assert!(is_alive(program));
    proxy.set(Weather::default());
    let (code, said) = agent.end().await;
    assert_eq!(code, 0, "{said}");
    assert!(!is_alive(program));
    assert_eq!(controller.first(&sweep).await, ("cancelled".to_owned(), 1), "{said}");
    let begun = controller.trials(&sweep).await.iter().filter(|trial| trial.attempt > 0).count();
    assert_eq!(begun, 1, "no new work after the cancel");
}
