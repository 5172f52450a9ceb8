//! Commands beside a sweep that runs, on each database.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use sweep_proto::v1;

use super::hand::{Hand, line, places, point, sha256};
use super::{Done, Place};

fn random(run_cap: u32) -> String {
    format!(
        "program: train.py\nmethod: random\nseed: 5\nrun_cap: {run_cap}\nretries: 0\nmetric: {{name: loss}}\n\
         parameters: {{lr: {{min: 0.0, max: 1.0}}, kind: {{value: a}}}}\n"
    )
}

async fn create(place: &Place, text: &str) -> String {
    place.file("sweep.yaml", text);
    let created = place.ctl(&["create", "sweep.yaml", "-o", "name"]).await;
    assert_eq!(created.code, 0, "{created:?}");
    created.out.trim().to_owned()
}

/// A command that runs on.
struct Running {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Running {
    fn start(place: &Place, arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_sweep-ctl"))
            .args(arguments)
            .env("SWEEP_SERVER", &place.url)
            .env("SWEEP_CONFIG", place.folder.path().join("config.yaml"))
            .current_dir(place.folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child, out }
    }

    /// Its next line, once there is one.
    async fn line(mut self) -> (Self, String) {
        tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            self.out.read_line(&mut line).unwrap();
            (self, line.trim_end().to_owned())
        })
        .await
        .unwrap()
    }

    async fn end(mut self) -> Done {
        tokio::task::spawn_blocking(move || {
            let mut out = String::new();
            std::io::Read::read_to_string(&mut self.out, &mut out).unwrap();
            let ended = self.child.wait_with_output().unwrap();
            Done { code: ended.status.code().unwrap(), out, talk: String::from_utf8(ended.stderr).unwrap() }
        })
        .await
        .unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wait_ends_when_what_it_waits_for_came() {
    for place in places().await {
        let id = create(&place, &random(4)).await;
        let mut hand = Hand::of(&place, &id).await;
        let [two, good, finished] = ["trials=2", "best<=0.25", "finished"]
            .map(|what| Running::start(&place, &["wait", &id, "--for", what]));
        hand.work(0.5).await;
        hand.work(0.75).await;
        let two = two.end().await;
        assert_eq!(two.code, 0, "{two:?}");
        assert!(two.out.contains("running: 2/4 trials"), "{two:?}");
        let late = place.ctl(&["wait", &id, "--for", "best<=0.25", "--timeout", "300ms"]).await;
        assert!(late.code == 7 && late.talk.contains("in 0.3s: 2/4 trials"), "{late:?}");
        hand.work(0.25).await;
        assert_eq!(good.end().await.code, 0);
        hand.work(0.5).await;
        let finished = finished.end().await;
        assert!(finished.code == 0 && finished.out.contains("finished: 4/4 trials"), "{finished:?}");
        // What never came.
        let never = place.ctl(&["wait", &id, "--for", "best<=0.1", "-o", "json"]).await;
        assert!(never.code == 10 && never.out.contains("\"finished\""), "{never:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_without_a_good_trial_is_told_by_the_exit_code() {
    for place in places().await {
        let id = create(&place, &random(1)).await;
        let mut hand = Hand::of(&place, &id).await;
        let waiting = Running::start(&place, &["wait", &id]);
        let held = hand.claim().await;
        hand.finish(held, v1::Outcome::Failed, "exit code 1").await;
        let waited = waiting.end().await;
        assert!(waited.code == 10 && waited.talk.contains("no trial that went well"), "{waited:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_trials_are_retried_and_sweeps_extended() {
    for place in places().await {
        let id = create(&place, &random(2)).await;
        let mut hand = Hand::of(&place, &id).await;
        let held = hand.claim().await;
        let failed = held.number;
        hand.finish(held, v1::Outcome::Failed, "exit code 1").await;
        // Beside a running trial.
        let running = hand.claim().await;
        let retried = place.ctl(&["retry", &id]).await;
        assert_eq!((retried.code, retried.out.trim()), (0, &*format!("{id}/{failed}")), "{retried:?}");
        let again = hand.claim().await;
        assert_eq!((again.number, again.attempt.attempt), (failed, 2));
        let extended = place.ctl(&["extend", &id, "--trials", "+2"]).await;
        assert!(extended.code == 0 && extended.talk.contains("4 trials now"), "{extended:?}");
        hand.finish(running, v1::Outcome::Succeeded, "").await;
        hand.finish(again, v1::Outcome::Succeeded, "").await;
        for _ in 0..2 {
            hand.work(0.5).await;
        }
        assert_eq!(place.ctl(&["wait", &id, "--timeout", "20s"]).await.code, 0);
        // A finished sweep is opened again, with the same trials as if it had been longer from the beginning.
        let extended = place.ctl(&["extend", &id, "--trials", "5", "-o", "json"]).await;
        let sweep: serde_json::Value = serde_json::from_str(&extended.out).unwrap();
        assert_eq!((&sweep["planned_trials"], &sweep["state"]), (&5.into(), &"running".into()));
        hand.work(0.5).await;
        assert_eq!(place.ctl(&["wait", &id, "--timeout", "20s"]).await.code, 0);
        let replayed = place.ctl(&["replay", &id]).await;
        assert!(replayed.talk.contains("5 of 5"), "{replayed:?}");
        for (arguments, code, words) in [
            (vec!["retry", &id], 8, "no trial of sweep"),
            (vec!["retry", &format!("{id}/1")], 6, "it is finished"),
            (vec!["retry", &format!("{id}/99")], 3, "99"),
            (vec!["extend", &id, "--trials", "2"], 6, "5 trials already"),
        ] {
            let done = place.ctl(&arguments).await;
            assert!(done.code == code && done.talk.contains(words), "{arguments:?}: {done:?}");
        }
        let grid = create(&place, super::GRID).await;
        let done = place.ctl(&["extend", &grid, "--trials", "+1"]).await;
        assert!(done.code == 6 && done.talk.contains("2 different trials"), "{done:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_followed_over_attempts_to_the_end() {
    for place in places().await {
        let id =
            create(&place, &random(1).replace("retries: 0", "retries: 0\ninfrastructure_retries: 3")).await;
        let trial = format!("{id}/1");
        let mut hand = Hand::of(&place, &id).await;
        let mut held = hand.claim().await;
        hand.tell(&mut held, vec![line("one"), line("two")]).await;
        let following = Running::start(&place, &["logs", "-f", &trial, "--tail", "1"]);
        let (following, first) = following.line().await;
        assert_eq!(first, "two");
        hand.tell(&mut held, vec![line("three")]).await;
        let (following, next) = following.line().await;
        assert_eq!(next, "three", "told while the trial ran");
        hand.finish(held, v1::Outcome::HandedBack, "").await;
        let mut held = hand.claim().await;
        hand.tell(&mut held, vec![line("four")]).await;
        let (following, next) = following.line().await;
        assert_eq!(next, "four");
        hand.tell(&mut held, vec![line("five")]).await;
        hand.finish(held, v1::Outcome::Succeeded, "").await;
        let ended = following.end().await;
        assert_eq!((ended.code, ended.out.as_str()), (0, "five\n"), "{ended:?}");
        let old = place.ctl(&["trial", "logs", &trial, "-f", "--attempt", "1"]).await;
        assert_eq!((old.code, old.out.as_str()), (0, "one\ntwo\nthree\n"));
        let rows = place.ctl(&["logs", "-f", &trial, "-o", "json"]).await.out;
        let texts: Vec<serde_json::Value> =
            rows.lines().map(|row| serde_json::from_str(row).unwrap()).collect();
        assert_eq!((texts.len(), &texts[1]["text"]), (2, &"five".into()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn trials_are_compared_and_stopped_while_they_run() {
    for place in places().await {
        let id = create(&place, &random(3)).await;
        let mut hand = Hand::of(&place, &id).await;
        let first = hand.work(0.5).await;
        let mut held = hand.claim().await;
        hand.tell(&mut held, vec![point(1, 0.75)]).await;
        let (a, b) = (format!("{id}/{first}"), format!("{id}/{}", held.number));
        let differs = place.ctl(&["trial", "diff", &a, &b, "-o", "json"]).await;
        let rows: Vec<serde_json::Value> = serde_json::from_str(&differs.out).unwrap();
        let of = |field: &str| rows.iter().find(|row| row["field"] == field).map(|row| &row["values"]);
        assert_eq!(of("state").unwrap(), &serde_json::json!({&a: "finished", &b: "running"}));
        assert_eq!(of("metrics.loss.last").unwrap(), &serde_json::json!({&a: 0.5, &b: 0.75}));
        assert!(of("params.lr").is_some() && of("params.kind").is_none(), "{rows:?}");
        let stopped = place.ctl(&["trial", "stop", &b]).await;
        assert!(stopped.code == 0 && stopped.talk.contains("is told to stop"), "{stopped:?}");
        let verdict = hand.tell(&mut held, vec![point(2, 0.5)]).await;
        assert_eq!((verdict.kind(), &*verdict.reason), (v1::VerdictKind::Stop, "stopped by a person"));
        let state = hand.finish(held, v1::Outcome::Stopped, &verdict.reason).await;
        assert_eq!(state, v1::TrialState::StoppedEarly);
        let over = place.ctl(&["trial", "stop", &b]).await;
        assert!(over.code == 6 && over.talk.contains("stopped_early"), "{over:?}");
        hand.work(0.25).await;
        assert_eq!(place.ctl(&["wait", &id, "--timeout", "20s"]).await.code, 0, "the sweep went on");
        let best = place.ctl(&["best", &id, "-n", "2", "-o", "name"]).await.out;
        assert_eq!(best.lines().count(), 2);
        assert_eq!(best.lines().next(), Some(&*format!("{id}/3")));
        let sorted = place
            .ctl(&["trials", &id, "--sort", "-loss", "--where", "state != 'stopped_early'", "-o", "name"])
            .await;
        assert_eq!(sorted.out, format!("{id}/{first}\n{id}/3\n"), "{sorted:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_checkpoints_come_whole() {
    for place in places().await {
        let id = create(&place, &random(1)).await;
        let trial = format!("{id}/1");
        let mut hand = Hand::of(&place, &id).await;
        let mut held = hand.claim().await;
        let none = place.ctl(&["trial", "download", &trial]).await;
        assert!(none.code == 8 && none.talk.contains("trial files"), "{none:?}");
        let data: Vec<u8> = (0..3_000_000_u32).map(|at| (at % 251) as u8).collect();
        for piece in data.chunks(1 << 20).take(1) {
            hand.checkpoint(&mut held, 7, "7.safetensors", piece).await;
        }
        let listed = place.ctl(&["trial", "files", &trial, "-o", "json"]).await;
        let rows: Vec<serde_json::Value> = serde_json::from_str(&listed.out).unwrap();
        assert_eq!((&rows[0]["name"], &rows[0]["size"]), (&"7.safetensors".into(), &(1 << 20).into()));
        let got = place.ctl(&["trial", "download", &trial, "models"]).await;
        assert_eq!((got.code, got.out.as_str()), (0, "models/7.safetensors\n"), "{got:?}");
        let file = place.folder.path().join("models/7.safetensors");
        assert_eq!(sha256(&std::fs::read(&file).unwrap()), sha256(&data[..1 << 20]));
        let again = place.ctl(&["trial", "download", &trial, "models"]).await;
        assert!(again.code == 6 && again.talk.contains("--overwrite"), "{again:?}");
        assert_eq!(place.ctl(&["trial", "download", &trial, "models", "--overwrite"]).await.code, 0);
        hand.finish(held, v1::Outcome::Succeeded, "").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_is_followed_line_by_line_where_no_terminal_is() {
    for place in places().await {
        let id = create(&place, &random(2)).await;
        let mut hand = Hand::of(&place, &id).await;
        let followers = ["watch", "top"].map(|verb| Running::start(&place, &[verb, &id]));
        hand.work(0.5).await;
        hand.work(0.25).await;
        for follower in followers {
            let told = follower.end().await;
            assert_eq!(told.code, 0, "{told:?}");
            assert!(
                told.out.contains("finished") && told.out.contains("best     loss 0.25  trial"),
                "{told:?}"
            );
        }
    }
}
