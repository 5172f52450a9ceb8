//! Trainings that are cut short and go on, in processes of their own: what they tell and end with is, to the last bit,
//! what the uninterrupted one tells and ends with.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use rand::Rng as _;
use serde_json::Value;
use small::faces;
use sweep_train::resume::{Resumed, open, write};
use sweep_train::seeds::stream;
use tempfile::TempDir;

mod small;

/// Everything that has a state to lose: moments, averages, dropout, mixing.
const ADAMW: &[&str] =
    &["--ema=0.9", "--dropout_val=0.4", "--mixup=0.4", "--precision=f32", "--backbone_lr=0.5"];
const ADAMW_BF16: &[&str] = &["--ema=0.9", "--dropout_val=0.4", "--mixup=0.4", "--precision=bf16"];
const SGD: &[&str] =
    &["--optimizer=sgd", "--nesterov=true", "--lr=0.01", "--schedule=one_cycle", "--precision=f32"];
const SGD_BF16: &[&str] = &[
    "--optimizer=sgd",
    "--lr=0.01",
    "--grad_clip=1",
    "--precision=bf16",
    "--accumulate=2",
    "--freeze_epochs=1",
];

/// Images: six batches an epoch.
const IMAGES: usize = 60;

/// How often a program that has not connected yet is looked after, and for how long.
const LOOK: Duration = Duration::from_millis(200);
const PATIENCE: Duration = Duration::from_secs(240);

/// A training and whoever listens to it.
struct Training {
    process: Child,
    channel: BufReader<UnixStream>,
    /// What was told so far.
    told: Vec<Value>,
}

/// The program, training into `out`.
fn command(data: &Path, out: &Path, more: &[&str]) -> Command {
    let mut command = anywhere(data, more);
    command.arg(format!("--out={}", out.display()));
    command
}

/// The program, which is not told where to train.
fn anywhere(data: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sweep-train"));
    command
        .arg(format!("--path={}", data.display()))
        .args(["--resnet_type=resnet18", "--image_size=32", "--batch_size=8", "--epochs=3", "--cache=none"])
        .args(["--layer1=32", "--layer2=16", "--layer3=8", "--lr=0.001", "--threads=1", "--log_every=1"])
        .args(["--early_stop_patience=0", "--checkpoint_minutes=0"])
        .args(more)
        .env_remove("SWEEP_SOCKET")
        .env_remove("SWEEP_CHECKPOINT_DIR")
        .env_remove("SWEEP_RESUME");
    command
}

impl Training {
    fn start(mut command: Command) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("socket");
        let listener = UnixListener::bind(&socket).unwrap();
        let mut process = command.env("SWEEP_SOCKET", &socket).spawn().unwrap();
        let (sender, accepted) = channel();
        thread::spawn(move || sender.send(listener.accept()));
        let start = Instant::now();
        let channel = loop {
            // Asked before it is waited once more: what connected and ended is still accepted.
            let ended = process.try_wait().unwrap();
            match accepted.recv_timeout(LOOK) {
                Ok(connection) => break connection.unwrap().0,
                Err(_) => assert!(ended.is_none(), "it ended before it connected: {ended:?}"),
            }
            if start.elapsed() > PATIENCE {
                process.kill().unwrap();
                panic!("it has not connected for {PATIENCE:?}");
            }
        };
        Self { process, channel: BufReader::new(channel), told: Vec::new() }
    }

    /// Hears what is told next; `None` at the end.
    fn hear(&mut self) -> Option<&Value> {
        let mut line = String::new();
        // What a killed process left half-said is not told.
        let length = self.channel.read_line(&mut line).unwrap_or(0);
        if length == 0 || !line.ends_with('\n') {
            return None;
        }
        self.told.push(serde_json::from_str(&line).unwrap());
        self.told.last()
    }

    /// Hears until something is told that is waited for; false: the training ended before.
    fn hears(&mut self, wanted: impl Fn(&Value) -> bool) -> bool {
        while let Some(told) = self.hear() {
            if wanted(told) {
                return true;
            }
        }
        false
    }

    /// The same, where it must not end before.
    fn until(&mut self, wanted: impl Fn(&Value) -> bool) {
        assert!(self.hears(wanted), "it ended before: {:?}", self.told.last());
    }

    /// Hears to the end.
    fn end(mut self) -> (Vec<Value>, ExitStatus) {
        while self.hear().is_some() {}
        let status = self.process.wait().unwrap();
        (self.told, status)
    }

    /// What it told, and whether it was still there to be killed.
    fn kill(mut self) -> (Vec<Value>, bool) {
        self.process.kill().unwrap();
        let (told, status) = self.end();
        (told, status.signal() == Some(9))
    }
}

/// A training that nothing cuts short.
fn whole(data: &Path, more: &[&str]) -> (Vec<Value>, TempDir) {
    let out = tempfile::tempdir().unwrap();
    let more = [more, &["--checkpoint_steps=1000"]].concat();
    let (told, status) = Training::start(command(data, out.path(), &more)).end();
    assert!(status.success(), "{told:#?}");
    (told, out)
}

fn finished(command: Command) -> Vec<Value> {
    let (told, status) = Training::start(command).end();
    assert!(status.success(), "{told:#?}");
    told
}

/// A resume checkpoint in the midst of an epoch.
fn amid(told: &Value) -> bool {
    told["resume"] == true && told["epoch"].as_f64().unwrap().fract() > 0.0
}

/// What is killed two steps after its first checkpoint amid an epoch later than the first; what it told, where it
/// wrote, and the event of that checkpoint. However late the kill came, that checkpoint and the one before are there,
/// and none later.
fn killed(data: &Path, more: &[&str]) -> (Vec<Value>, TempDir, Value) {
    let (out, kept) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut training =
        Training::start(command(data, out.path(), &[more, &["--checkpoint_steps=4"]].concat()));
    training.until(|told| {
        if told["resume"] == true {
            keep(told, kept.path());
        }
        amid(told) && told["epoch"].as_f64().unwrap() > 1.0
    });
    let event = training.told.last().unwrap().clone();
    let step = event["step"].as_i64().unwrap();
    training.until(|told| told["type"] == "metrics" && told["step"].as_i64().unwrap() > step + 1);
    let (told, landed) = training.kill();
    assert!(landed, "it ended before it was killed");
    for name in resume_files(out.path()) {
        fs::remove_file(out.path().join(name)).unwrap();
    }
    let up_to = told.iter().position(|told| *told == event).unwrap();
    for event in told[..=up_to].iter().filter(|told| told["resume"] == true).rev().take(2) {
        for name in event["files"].as_array().unwrap() {
            let name = name.as_str().unwrap();
            fs::rename(kept.path().join(name), out.path().join(name)).unwrap();
        }
    }
    (told, out, event)
}

/// Names of the files in a folder that are of resume checkpoints, whole or not.
fn resume_files(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.starts_with("resume-")).collect();
    names.sort();
    names
}

/// Links the files of a checkpoint that was just told of into a folder, where nobody removes them.
fn keep(event: &Value, folder: &Path) {
    let path = Path::new(event["path"].as_str().unwrap());
    for file in event["files"].as_array().unwrap() {
        let name = file.as_str().unwrap();
        fs::hard_link(path.with_file_name(name), folder.join(name)).unwrap();
    }
}

/// The curves: points and matrices as they were told, numbers as they were written. Times are left out, which no two
/// trainings have in common.
fn curves<'a>(told: impl IntoIterator<Item = &'a Value>) -> Vec<(i64, String)> {
    let mut curves = Vec::new();
    for event in told {
        let step = event["step"].as_i64();
        match event["type"].as_str().unwrap() {
            "metrics" => {
                let mut event = event.clone();
                event["values"].as_object_mut().unwrap().remove("data-wait-share");
                curves.push((step.unwrap(), event.to_string()));
            }
            // Those of the end are told by whoever gets there.
            "media" if event["name"] == "validation-scores" => {
                curves.push((step.unwrap(), event.to_string()));
            }
            _ => {}
        }
    }
    curves
}

/// The step of the model that was scored on the test images, and its scores.
fn tested(told: &[Value]) -> Option<(i64, Value)> {
    let scores = told.iter().find(|told| told["name"] == "test-scores")?;
    Some((scores["step"].as_i64().unwrap(), scores["value"].clone()))
}

/// What was told before and at a resume checkpoint, then what was told after it was resumed.
fn joined(before: &[Value], step: i64, after: &[Value]) -> Vec<(i64, String)> {
    let first = curves(before).into_iter().filter(|(at, _)| *at <= step);
    let second = curves(after);
    assert!(second.iter().all(|(at, _)| *at > step), "points up to step {step} are told twice");
    first.chain(second).collect()
}

fn warnings(told: &[Value]) -> String {
    let texts =
        told.iter().filter(|told| told["level"] == "warning").filter_map(|told| told["text"].as_str());
    texts.collect::<Vec<_>>().join("\n")
}

/// Copies a checkpoint to another box: the files that the event names, and no others.
fn carried(event: &Value) -> (TempDir, PathBuf) {
    let elsewhere = tempfile::tempdir().unwrap();
    let path = Path::new(event["path"].as_str().unwrap());
    for file in event["files"].as_array().unwrap() {
        let name = file.as_str().unwrap();
        fs::copy(path.with_file_name(name), elsewhere.path().join(name)).unwrap();
    }
    let place = elsewhere.path().join(path.file_name().unwrap());
    (elsewhere, place)
}

/// Bits of all tensors by name.
fn bits(resumed: &Resumed) -> Vec<(String, Vec<u8>)> {
    let of = |tensor: &tch::Tensor| {
        let dense = tensor.contiguous();
        let mut bytes = vec![0; dense.numel() * dense.kind().elt_size_in_bytes()];
        dense.copy_data_u8(&mut bytes, dense.numel());
        bytes
    };
    resumed.tensors.iter().map(|(name, tensor)| (name.clone(), of(tensor))).collect()
}

/// The final weights, optimiser's memory and averages; best score, models that are kept.
fn same_end(one: &Path, other: &Path) {
    let (one, other) = (open(one).unwrap(), open(other).unwrap());
    assert!(one.tensors.keys().eq(other.tensors.keys()));
    for ((name, one), (_, other)) in bits(&one).iter().zip(&bits(&other)) {
        assert!(one == other, "{name} differs");
    }
    let of = |resumed: &Resumed| {
        let state = resumed.state.clone();
        (state.step, state.epochs, state.best, state.kept, state.stepper, state.data)
    };
    assert_eq!(of(&one), of(&other));
}

/// Hashes of the kept models by step.
fn models(out: &Path) -> Vec<(String, Value)> {
    let mut models = Vec::new();
    for entry in fs::read_dir(out).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path.extension().is_some_and(|ending| ending == "json") && !name.starts_with("resume-") {
            let beside: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            models.push((name, beside["sha256"].clone()));
        }
    }
    models.sort_by(|a, b| a.0.cmp(&b.0));
    models
}

fn killed_and_resumed_is_uninterrupted(more: &[&str]) {
    let data = faces(IMAGES);
    let (uninterrupted, uninterrupted_out) = whole(data.path(), more);
    let (before, _first_box, event) = killed(data.path(), more);
    let step = event["step"].as_i64().unwrap();
    // All points up to the checkpoint's were told before it.
    let at = before.iter().position(|told| *told == event).unwrap();
    assert_eq!(
        curves(&before[..at]),
        curves(&before).into_iter().filter(|(at, _)| *at <= step).collect::<Vec<_>>()
    );
    // Another box: the data lies elsewhere, and there is nothing of the first but the checkpoint's files.
    let (_second_box, place) = carried(&event);
    let moved = faces(IMAGES);
    let out = tempfile::tempdir().unwrap();
    let mut resumed = command(moved.path(), out.path(), &[more, &["--checkpoint_steps=4"]].concat());
    resumed.env("SWEEP_RESUME", &place);
    let after = finished(resumed);
    assert_eq!(joined(&before, step, &after), curves(&uninterrupted));
    same_end(out.path(), uninterrupted_out.path());
    let model = sweep_train::saved::Saved::open(&open(out.path()).unwrap().path).unwrap();
    assert!(model.model(tch::Device::Cpu).is_ok(), "it serves as a model too");
    let wanted = models(uninterrupted_out.path());
    for model in models(out.path()) {
        assert!(wanted.contains(&model), "{model:?} is not among {wanted:?}");
    }
    assert_eq!(warnings(&after), "");
    // The best model is scored on the test images where it lies.
    let (told, whole) = (tested(&after), tested(&uninterrupted).unwrap());
    assert_eq!(told, (whole.0 > step).then_some(whole));
    assert!(after.iter().any(amid), "a resumed training can be resumed again");
}

#[test]
fn trains_on_after_a_kill_as_uninterrupted_adamw_f32() {
    killed_and_resumed_is_uninterrupted(ADAMW);
}

#[test]
fn trains_on_after_a_kill_as_uninterrupted_adamw_bf16() {
    killed_and_resumed_is_uninterrupted(ADAMW_BF16);
}

#[test]
fn trains_on_after_a_kill_as_uninterrupted_sgd_f32() {
    killed_and_resumed_is_uninterrupted(SGD);
}

#[test]
fn trains_on_after_a_kill_as_uninterrupted_sgd_bf16() {
    killed_and_resumed_is_uninterrupted(SGD_BF16);
}

/// The control of the tests above: they see it when any part of the state is lost.
#[test]
fn trains_otherwise_when_any_part_of_the_state_is_lost() {
    let data = faces(IMAGES);
    let (before, _box, event) = killed(data.path(), ADAMW);
    let step = event["step"].as_i64().unwrap();
    let values = |told: &[Value]| -> Vec<String> {
        told.iter()
            .filter(|told| told["type"] == "metrics")
            .map(|told| without_times(&told["values"]))
            .collect()
    };
    let resumed = |change: &dyn Fn(&mut Resumed)| {
        let mut resumed = open(Path::new(event["path"].as_str().unwrap())).unwrap();
        change(&mut resumed);
        let (folder, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        write(folder.path(), &resumed.state, &resumed.tensors).unwrap();
        let mut command = command(data.path(), out.path(), ADAMW);
        command.env("SWEEP_RESUME", folder.path());
        values(&finished(command))
    };
    let zero = |resumed: &mut Resumed, which: fn(&str) -> bool| {
        for (_, tensor) in resumed.tensors.iter_mut().filter(|(name, _)| which(name)) {
            let _ = tensor.zero_();
        }
    };
    let right = resumed(&|_| {});
    let first = values(&before).len();
    assert!(first > 0 && right.len() > 6, "{step}");
    type Loss<'a> = &'a dyn Fn(&mut Resumed);
    let losses: [(&str, Loss<'_>); 7] = [
        ("moments", &|all| zero(all, |name| name.ends_with(".exp_avg"))),
        ("squares", &|all| zero(all, |name| name.ends_with(".exp_avg_sq"))),
        ("counts of steps", &|all| {
            for (_, steps) in all.tensors.iter_mut().filter(|(name, _)| name.ends_with(".step")) {
                let _ = steps.fill_(1.0);
            }
        }),
        ("averages", &|all| zero(all, |name| name.starts_with("average."))),
        ("place in dropout's stream", &|all| all.state.step += 1000),
        ("place in the epoch's order", &|all| all.state.unfinished.as_mut().unwrap().batches -= 1),
        ("tallies", &|all| all.state.unfinished.as_mut().unwrap().tally.images = 0),
    ];
    for (what, loss) in losses {
        assert_ne!(resumed(loss), right, "nobody would notice the loss of {what}");
    }
}

fn without_times(values: &Value) -> String {
    let mut values = values.clone();
    values.as_object_mut().unwrap().remove("data-wait-share");
    values.to_string()
}

#[test]
fn trains_on_from_the_checkpoint_before_a_damaged_one() {
    let data = faces(IMAGES);
    let (uninterrupted, _) = whole(data.path(), SGD);
    let (before, out, event) = killed(data.path(), SGD);
    let newest = Path::new(event["path"].as_str().unwrap());
    let mut bytes = fs::read(newest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    fs::write(newest, bytes).unwrap();
    let mut resumed = command(data.path(), out.path(), &[SGD, &["--checkpoint_steps=4"]].concat());
    resumed.env("SWEEP_RESUME", newest);
    let after = finished(resumed);
    let said = warnings(&after);
    assert!(said.contains(&format!("{} is not used: it is damaged", newest.display())), "{said}");
    let earlier = |told: &&Value| told["resume"] == true && told["step"].as_i64() < event["step"].as_i64();
    let step = before.iter().filter(earlier).filter_map(|told| told["step"].as_i64()).max().unwrap();
    assert_eq!(joined(&before, step, &after), curves(&uninterrupted));
    // Without the one before there is nothing to train from, and nothing is trained.
    let (_box, place) = carried(&serde_json::json!({"path": newest, "files": []}));
    fs::write(&place, b"garbage").unwrap();
    let mut refused = command(data.path(), out.path(), SGD);
    let refused = refused.env("SWEEP_RESUME", &place).output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(
        said.contains("no resume checkpoint is whole") && said.contains(&*place.to_string_lossy()),
        "{said}"
    );
}

/// At moments that a seed chooses, most of them while a checkpoint is written, since every step has one.
#[test]
fn trains_the_same_when_killed_again_and_again() {
    let data = faces(IMAGES);
    let more = [SGD, &["--checkpoint_steps=1"]].concat();
    let (uninterrupted, uninterrupted_out) = whole(data.path(), SGD);
    let out = tempfile::tempdir().unwrap();
    let mut random = stream(11, "kills", 0);
    let mut told: Vec<Value> = Vec::new();
    let mut kills = 0;
    for _ in 0..4 {
        let mut attempt = command(data.path(), out.path(), &more);
        let step = open(out.path()).map_or(0, |found| found.state.step);
        if step > 0 {
            attempt.arg(format!("--resume={}", out.path().display()));
        }
        told.retain(|event| event["step"].as_i64().is_some_and(|at| at <= step));
        let mut training = Training::start(attempt);
        let points = u64::from(random.next_u32() % 3);
        if (0..=points).all(|_| training.hears(|told| told["type"] == "metrics" && told["step"] != 0)) {
            // Not to wait for something, but to fall somewhere.
            thread::sleep(Duration::from_millis(u64::from(random.next_u32() % 200)));
        }
        let (attempt, landed) = training.kill();
        told.extend(attempt);
        if !landed {
            break;
        }
        kills += 1;
    }
    assert!(kills >= 2, "only {kills} kills fell into the training");
    let step = open(out.path()).unwrap().state.step;
    let mut last = command(data.path(), out.path(), &more);
    let after = finished({
        last.arg(format!("--resume={}", out.path().display()));
        last
    });
    assert_eq!(joined(&told, step, &after), curves(&uninterrupted));
    same_end(out.path(), uninterrupted_out.path());
    assert_eq!(models(out.path()), models(uninterrupted_out.path()), "those kept before were kept on");
}

#[test]
#[should_panic(expected = "it ended before it connected")]
fn a_program_that_ends_at_once_is_not_waited_for() {
    let out = tempfile::tempdir().unwrap();
    Training::start(command(out.path(), out.path(), &["--batch_sise=8"]));
}

/// A name without a folder is one of the working directory: it is gone on there, and old checkpoints are removed there.
#[test]
fn trains_on_from_a_bare_name_and_removes_what_is_replaced() {
    let data = faces(IMAGES);
    let (uninterrupted, _) = whole(data.path(), SGD);
    let (before, out, event) = killed(data.path(), SGD);
    let name = Path::new(event["path"].as_str().unwrap()).file_name().unwrap();
    let mut resumed = anywhere(data.path(), &[SGD, &["--checkpoint_steps=4", "--resume"]].concat());
    resumed.arg(name).current_dir(out.path());
    let after = finished(resumed);
    assert_eq!(warnings(&after), "");
    assert_eq!(joined(&before, event["step"].as_i64().unwrap(), &after), curves(&uninterrupted));
    let told: Vec<&Value> = after.iter().filter(|told| told["resume"] == true).collect();
    assert!(told.len() > 2, "{told:?}");
    let mut wanted: Vec<&str> = told[told.len() - 2..]
        .iter()
        .flat_map(|told| told["files"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()))
        .collect();
    wanted.sort_unstable();
    assert_eq!(resume_files(out.path()), wanted);
}

#[test]
fn trains_on_from_where_it_was_terminated() {
    let data = faces(IMAGES);
    let more = [ADAMW, &["--checkpoint_steps=1000"]].concat();
    let (uninterrupted, _) = whole(data.path(), ADAMW);
    let out = tempfile::tempdir().unwrap();
    let mut training = Training::start(command(data.path(), out.path(), &more));
    training.until(|told| told["type"] == "metrics" && told["step"] == 1);
    let pid = training.process.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let (before, status) = training.end();
    assert_eq!(status.code(), Some(143));
    let event = before.iter().rfind(|told| told["resume"] == true).expect("a checkpoint on SIGTERM");
    let step = event["step"].as_i64().unwrap();
    assert!(curves(&before).iter().all(|(at, _)| *at <= step), "it trained on after its checkpoint");
    let mut resumed = command(data.path(), out.path(), &more);
    resumed.env("SWEEP_RESUME", out.path());
    assert_eq!(joined(&before, step, &finished(resumed)), curves(&uninterrupted));
}

#[test]
fn trains_nothing_from_the_checkpoint_of_another_training() {
    let data = faces(IMAGES);
    let (_, _out, event) = killed(data.path(), SGD);
    let place = event["path"].as_str().unwrap();
    let others = faces(IMAGES + 1);
    for (data, argument, words) in [
        (data.path(), "--resnet_type=resnet34", r#"resnet_type is "resnet34", but was "resnet18""#),
        (data.path(), "--batch_size=4", "batch_size is 4, but was 8"),
        (data.path(), "--epochs=4", "epochs is 4, but was 3, and may grow only with schedule=constant"),
        (data.path(), "--split_seed=8", "split_seed is 8, but was 7"),
        (data.path(), "--limit=50", "limit is 50, but was null"),
        (others.path(), "--seed=7", "the images or the split are others"),
    ] {
        let out = tempfile::tempdir().unwrap();
        let mut refused = command(data, out.path(), &[SGD, &[argument]].concat());
        let refused = refused.env("SWEEP_RESUME", place).output().unwrap();
        let said = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(2), "{argument}: {said}");
        assert!(said.contains(words) && said.contains(place), "{argument}: {said}");
        assert_eq!(fs::read_dir(out.path()).unwrap().count(), 0);
    }
}

/// Files may grow to a size that models have and resume checkpoints have not: as if the disk were full.
#[test]
fn trains_on_when_the_disk_is_full() {
    let data = faces(IMAGES);
    let (before, out, event) = killed(data.path(), SGD);
    let newest = Path::new(event["path"].as_str().unwrap());
    let program = command(data.path(), out.path(), &[SGD, &["--checkpoint_steps=4"]].concat());
    let mut limited = Command::new("sh");
    // In blocks of 512 bytes: 60 MB.
    limited.args(["-c", "trap '' XFSZ; ulimit -f 117187; exec \"$0\" \"$@\""]).arg(program.get_program());
    limited.args(program.get_args()).env("SWEEP_RESUME", newest);
    let after = finished(limited);
    let said = warnings(&after);
    assert!(said.contains("no resume checkpoint at step") && said.contains("the training goes on"), "{said}");
    assert!(said.contains(&format!("{} stays the newest", newest.display())), "{said}");
    assert!(!after.iter().any(|told| told["resume"] == true));
    let found = open(out.path()).unwrap();
    assert_eq!((found.path.as_path(), found.refused.len()), (newest, 0));
    let left = fs::read_dir(out.path()).unwrap().map(|entry| entry.unwrap().path());
    assert_eq!(left.filter(|path| path.extension().is_some_and(|ending| ending == "new")).count(), 0);
    let (uninterrupted, _) = whole(data.path(), SGD);
    assert_eq!(joined(&before, event["step"].as_i64().unwrap(), &after), curves(&uninterrupted));
}

/// Patience counts on, and a training whose patience is over stays over; more epochs may be added.
#[test]
fn trains_no_further_until_epochs_are_added() {
    let data = faces(IMAGES);
    let still = ["--lr=1e-12", "--early_stop_patience=2", "--epochs=30", "--checkpoint_steps=1000"];
    let out = tempfile::tempdir().unwrap();
    let first = finished(command(data.path(), out.path(), &still));
    let summary =
        |told: &[Value]| told.iter().find(|told| told["name"] == "summary").unwrap()["value"].clone();
    let epochs = summary(&first)["epochs"].as_i64().unwrap();
    assert!(epochs < 30);
    let mut again = command(data.path(), out.path(), &still);
    again.env("SWEEP_RESUME", out.path());
    let again = finished(again);
    assert_eq!((curves(&again).len(), &summary(&again)["epochs"]), (0, &epochs.into()));
    assert_eq!(summary(&again)["best_score"], summary(&first)["best_score"]);
    assert_eq!(summary(&again)["stopped"], "early_stop_patience");
    assert!(tested(&first).is_some());
    assert_eq!(tested(&again), tested(&first));
    // One epoch, then two: as two at once.
    let short = tempfile::tempdir().unwrap();
    finished(command(data.path(), short.path(), &["--epochs=1", "--checkpoint_steps=1000"]));
    let mut more = command(data.path(), short.path(), &["--epochs=2", "--checkpoint_steps=1000"]);
    more.arg("--resume").arg(short.path());
    finished(more);
    let long = tempfile::tempdir().unwrap();
    finished(command(data.path(), long.path(), &["--epochs=2", "--checkpoint_steps=1000"]));
    same_end(short.path(), long.path());
    // A training that begins where another lies says so, and leaves none of the other's checkpoints.
    let other =
        finished(command(data.path(), long.path(), &["--seed=8", "--epochs=1", "--checkpoint_steps=1000"]));
    assert!(
        warnings(&other).contains("holds resume checkpoints of another training"),
        "{}",
        warnings(&other)
    );
    let found = open(long.path()).unwrap();
    assert_eq!((&found.state.config["seed"], found.refused.len()), (&8.into(), 0));
}
