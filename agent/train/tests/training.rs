//! Whole trainings over made-up faces: what they tell, what they keep, and what bad data costs.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use small::{alone, config, faces, logs, train};
use sweep_train::evaluate::{Part, evaluate};
use sweep_train::observe::{Event, Level, Recorder};
use sweep_train::saved::Saved;
use sweep_train::{TrainError, fit};
use tempfile::TempDir;

mod small;

#[test]
fn trains_and_tells_the_metrics_of_the_python_project() {
    let _turn = alone();
    let data = faces(120);
    let (summary, recorder, out) = train(&config(data.path(), &["--epochs=3", "--log_every=2"]));
    assert_eq!((summary.epochs, summary.census.used), (3, 120));
    for name in [
        "age-loss",
        "sex-loss",
        "race-loss",
        "total-loss",
        "age-acc",
        "sex-acc",
        "race-acc",
        "total-train-acc",
        "val-total-loss",
        "val-age-acc",
        "val-sex-acc",
        "val-race-acc",
        "age-f1score",
        "sex-f1score",
        "race-f1score",
        "total-f1score",
    ] {
        assert_eq!(recorder.curve(name).len(), 3, "{name}");
    }
    let step = |name: &str| recorder.curve(name);
    assert_eq!(step("total-loss_step").len() as i64, summary.steps / 2);
    for ((_, total), heads) in step("total-f1score").iter().zip(0..) {
        let mean: f64 =
            ["age", "sex", "race"].iter().map(|head| step(&format!("{head}-f1score"))[heads].1).sum();
        assert!((total - mean / 3.0).abs() < 1e-12);
    }
    let scores = told_scores(&recorder, "validation-scores");
    assert_eq!(scores.len(), 3);
    for ((step, scores), (at, total)) in scores.iter().zip(step("total-f1score")) {
        assert_eq!((*step, &scores["images"]), (at, &summary.census.validation.into()));
        assert!((scores["total-f1score"].as_f64().unwrap() - total).abs() < 1e-12);
        let matrix = scores["heads"]["age"]["confusion"].as_array().unwrap();
        let counted: u64 =
            matrix.iter().flat_map(|row| row.as_array().unwrap()).filter_map(Value::as_u64).sum();
        assert_eq!((matrix.len(), counted), (9, summary.census.validation as u64));
    }
    // Two best epochs, each with its configuration beside it, and the split.
    let mut kept: Vec<_> = fs::read_dir(out.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    kept.sort();
    assert_eq!((kept.len(), kept.last().map(String::as_str)), (5, Some("split.jsonl")), "{kept:?}");
    // Each was told of by its files.
    let mut told: Vec<String> = recorder
        .events()
        .into_iter()
        .filter_map(|event| match event {
            Event::Checkpoint { files, .. } => Some(files),
            _ => None,
        })
        .flatten()
        .collect();
    told.sort();
    assert!(kept[..4].iter().all(|name| told.contains(name)), "{kept:?} among {told:?}");
    let best = summary.best_checkpoint.unwrap();
    let beside: serde_json::Value =
        serde_json::from_slice(&fs::read(best.with_extension("json")).unwrap()).unwrap();
    assert_eq!(beside["config"]["layer1"], 64);
    assert_eq!(beside["data"]["made_up"], true);
    assert_eq!(beside["total-f1score"], summary.best_score.unwrap());
    let weights = sweep_train::weights::read(&best).unwrap();
    assert!(weights.contains_key("model.layer1.0.bn1.num_batches_tracked"));
    assert_eq!(weights["age_out.weight"].size(), [9, 16]);
}

/// Media of a name: steps and values.
fn told_scores(recorder: &Recorder, wanted: &str) -> Vec<(i64, Value)> {
    let media = |event| match event {
        Event::Media { name, step, value } if name == wanted => Some((step, value)),
        _ => None,
    };
    recorder.events().into_iter().filter_map(media).collect()
}

/// The test images are looked at once, by the best model, and no metric tells of it.
#[test]
fn trains_and_scores_the_best_model_on_the_test_images_at_the_end() {
    let _turn = alone();
    let data = faces(160);
    let (summary, recorder, _out) = train(&config(data.path(), &["--epochs=3", "--ema=0.5", "--mirror"]));
    let told = told_scores(&recorder, "test-scores");
    let best = summary.best_checkpoint.unwrap();
    let step: i64 = best.file_stem().unwrap().to_str().unwrap().parse().unwrap();
    assert_eq!((told.len(), told[0].0, &told[0].1["images"]), (1, step, &summary.census.test.into()));
    // As `eval` judges it.
    let mut saved = Saved::open(&best).unwrap();
    saved.config.path = data.path().to_owned();
    saved.config.cache = Some("none".to_owned());
    let report = serde_json::json!(evaluate(&saved, Part::Test, tch::Device::Cpu, 7).unwrap());
    assert_eq!(report["images"], told[0].1["images"]);
    for (at, head) in ["age", "sex", "race"].into_iter().enumerate() {
        let (told, judged) = (&told[0].1["heads"][head], &report["heads"][at]);
        for what in ["confusion", "per_class", "classes"] {
            assert_eq!(told[what], judged[what], "{head}: {what}");
        }
        let ece = |of: &Value| of["calibration"]["ece"].as_f64().unwrap();
        assert!((ece(told) - ece(judged)).abs() < 1e-2, "{head}: {} against {}", ece(told), ece(judged));
    }
    let metrics = |event: Event| match event {
        Event::Metrics { values, .. } | Event::Checkpoint { values, .. } => Some(values.into_keys()),
        _ => None,
    };
    let names: Vec<String> = recorder.events().into_iter().filter_map(metrics).flatten().collect();
    assert!(!names.is_empty() && !names.iter().any(|name| name.contains("test")), "{names:?}");
}

#[test]
fn trains_without_a_look_at_the_test_images_if_told_to_or_cut_short() {
    let _turn = alone();
    let data = faces(120);
    let (_, recorder, _out) = train(&config(data.path(), &["--epochs=1", "--test_at_end=false"]));
    assert!(told_scores(&recorder, "test-scores").is_empty());
    let out = tempfile::tempdir().unwrap();
    let mut recorder = Recorder::stop_after(9);
    let summary = fit(&config(data.path(), &["--epochs=3"]), out.path().to_owned(), &mut recorder).unwrap();
    assert!(summary.stopped.is_some() && summary.best_checkpoint.is_some());
    assert!(told_scores(&recorder, "test-scores").is_empty());
    // Patience that is over cuts nothing short.
    let (summary, recorder, _out) =
        train(&config(data.path(), &["--epochs=9", "--lr=1e-12", "--early_stop_patience=1"]));
    assert_eq!(summary.stopped.as_deref(), Some("early_stop_patience"));
    assert_eq!(told_scores(&recorder, "test-scores").len(), 1);
}

#[test]
fn trains_the_same_from_the_same_seed() {
    let _turn = alone();
    let data = faces(80);
    let curve = |seed| train(&config(data.path(), &["--epochs=1", seed])).1.curve("val-total-loss");
    let first = curve("--seed=7");
    assert_eq!(first, curve("--seed=7"));
    assert_ne!(first, curve("--seed=8"));
}

#[test]
fn trains_the_same_however_far_it_prefetches_and_wherever_the_pixels_are() {
    let _turn = alone();
    let data = faces(80);
    let cache = tempfile::tempdir().unwrap();
    let cached = format!("--cache={}", cache.path().display());
    let curve = |more: &[&str]| {
        let base = ["--epochs=1", "--mixup=0.2", "--cutmix=1", "--random_erasing=0.2"];
        let (summary, recorder, _) = train(&config(data.path(), &[&base, more].concat()));
        let share = recorder.curve("data-wait-share")[0].1;
        assert!((0.0..=1.0).contains(&share) && summary.data_wait_share == Some(share), "{share}");
        (recorder.curve("total-loss"), recorder.curve("val-total-loss"))
    };
    let first = curve(&["--prefetch=4"]);
    assert_eq!(first, curve(&["--prefetch=0"]));
    assert_eq!(first, curve(&["--prefetch=1", &cached]));
    let files = || -> Vec<_> {
        let entries = fs::read_dir(cache.path()).unwrap().map(|entry| entry.unwrap());
        let mut files: Vec<_> =
            entries.map(|entry| (entry.path(), entry.metadata().unwrap().modified().unwrap())).collect();
        files.sort();
        files
    };
    let made = files();
    assert!(made.iter().any(|(path, _)| path.extension().is_some_and(|kind| kind == "pixels")));
    assert_eq!(first, curve(&[&cached]));
    assert_eq!(files(), made, "the second training decodes nothing");
    for other in ["--augment=none", "--augment=light", "--augment=rand", "--sampling=balanced"] {
        let (training, validation) = curve(&[other]);
        assert_ne!(training, first.0, "{other}");
        assert!(training[0].1.is_finite() && validation[0].1.is_finite(), "{other}");
    }
}

#[test]
fn trains_on_exactly_the_split_of_a_manifest() {
    let _turn = alone();
    let data = faces(80);
    let (first, _, out) = train(&config(data.path(), &["--epochs=1", "--split_seed=3"]));
    let manifest = format!("--manifest={}", out.path().join("split.jsonl").display());
    let (again, _, other) = train(&config(data.path(), &["--epochs=1", "--split_seed=8", &manifest]));
    assert_eq!((again.census.train, again.census.test), (first.census.train, first.census.test));
    let lines = |folder: &TempDir| {
        let text = fs::read_to_string(folder.path().join("split.jsonl")).unwrap();
        text.lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(lines(&out), lines(&other));
    let gone = small::pictures(data.path()).swap_remove(0);
    fs::remove_file(&gone).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let refused = fit(&config(data.path(), &[&manifest]), folder.path().to_owned(), &mut Recorder::default());
    let said = refused.unwrap_err().to_string();
    assert!(
        said.contains("1 images are missing") && said.contains(gone.file_name().unwrap().to_str().unwrap()),
        "{said}"
    );
}

#[test]
fn trains_without_contradicting_duplicates_and_says_so() {
    let _turn = alone();
    let data = faces(80);
    let some = small::pictures(data.path());
    fs::copy(&some[0], data.path().join("44_1_3_29990101.jpg")).unwrap();
    let name = some[1].file_name().unwrap().to_str().unwrap();
    let labels = &name[..name.rfind('_').unwrap()];
    fs::copy(&some[1], data.path().join(format!("{labels}_29990102.jpg"))).unwrap();
    let (summary, recorder, _) = train(&config(data.path(), &["--epochs=1"]));
    let found = &summary.census.duplicates;
    assert_eq!((found.exact_groups, found.contradicting_groups, found.left_out), (2, 1, 2), "{found:?}");
    assert_eq!(summary.census.used, 80);
    assert!(logs(&recorder, Level::Info).contains("2 contradicting duplicates"));
    let kept = train(&config(data.path(), &["--epochs=1", "--duplicates=keep"])).0;
    assert_eq!((kept.census.used, kept.census.duplicates.left_out), (82, 0));
    let dropped = train(&config(data.path(), &["--epochs=1", "--duplicates=drop"])).0;
    assert_eq!((dropped.census.used, dropped.census.duplicates.dropped), (79, 1));
}

#[test]
fn trains_on_from_its_own_checkpoint() {
    let _turn = alone();
    let data = faces(80);
    let (summary, before, _out) = train(&config(data.path(), &["--epochs=1"]));
    let weights = format!("--weights={}", summary.best_checkpoint.unwrap().display());
    let (_, after, _) = train(&config(data.path(), &["--epochs=1", "--lr=1e-12", &weights]));
    assert!(logs(&after, Level::Info).contains("weights: 120 tensors"), "{}", logs(&after, Level::Info));
    // At a rate of nothing it validates as it did; only the running means of normalisation move.
    let loss = |recorder: &Recorder| recorder.curve("total-loss")[0].1;
    assert!(loss(&after) < loss(&before), "{} against {}", loss(&after), loss(&before));
}

#[test]
fn trains_on_the_split_of_split_seed_whatever_the_seed() {
    let _turn = alone();
    let data = faces(80);
    let majority = |more: &[&str]| {
        let mut recorder = Recorder::stop_after(1);
        let out = tempfile::tempdir().unwrap();
        fit(&config(data.path(), more), out.path().to_owned(), &mut recorder).unwrap();
        ["age", "sex", "race"].map(|head| recorder.curve(&format!("majority-{head}-acc"))[0].1)
    };
    let first = majority(&[]);
    assert_eq!(first, majority(&["--seed=99"]));
    assert_ne!(first, majority(&["--split_seed=99"]));
}

#[test]
fn trains_no_longer_than_patience() {
    let _turn = alone();
    let data = faces(80);
    let (summary, _, _) =
        train(&config(data.path(), &["--epochs=30", "--lr=1e-12", "--early_stop_patience=2"]));
    assert!(summary.epochs < 30, "{summary:?}");
    assert_eq!(summary.epochs - summary.best_epoch, 2);
    assert_eq!(summary.stopped.as_deref(), Some("early_stop_patience"));
}

#[test]
fn trains_until_it_is_told_to_stop() {
    let _turn = alone();
    let data = faces(80);
    let mut recorder = Recorder::stop_after(6);
    let out = tempfile::tempdir().unwrap();
    let summary = fit(&config(data.path(), &["--epochs=50"]), out.path().to_owned(), &mut recorder).unwrap();
    assert_eq!((summary.steps, summary.stopped.as_deref()), (6, Some("enough steps")));
    assert_eq!(summary.epochs, 1);
}

/// Steps and epochs of the resume checkpoints that were told of.
fn resumable(recorder: &Recorder) -> Vec<(i64, f64)> {
    let place = |event| match event {
        Event::Resumable { step, epoch, .. } => Some((step, epoch)),
        _ => None,
    };
    recorder.events().into_iter().filter_map(place).collect()
}

#[test]
fn trains_an_epoch_to_its_end_when_it_is_stopped_at_its_last_step() {
    let _turn = alone();
    let data = faces(80);
    let more = ["--epochs=3", "--checkpoint_steps=1000"];
    let (whole, uninterrupted, _out) = train(&config(data.path(), &more));
    let last = whole.steps / 3;
    let mut recorder = Recorder::stop_after(last);
    let out = tempfile::tempdir().unwrap();
    let summary = fit(&config(data.path(), &more), out.path().to_owned(), &mut recorder).unwrap();
    assert_eq!((summary.steps, summary.epochs), (last, 1));
    assert_eq!(summary.stopped.as_deref(), Some("enough steps"));
    assert!(summary.best_checkpoint.is_some());
    assert_eq!(resumable(&recorder), [(last, 1.0)]);
    // Nothing of it is trained again.
    let place = format!("--resume={}", out.path().display());
    let mut rest = Recorder::default();
    fit(&config(data.path(), &[&more[..], &[&place]].concat()), out.path().to_owned(), &mut rest).unwrap();
    for name in ["total-loss", "val-total-loss", "total-f1score"] {
        let joined = [recorder.curve(name), rest.curve(name)].concat();
        assert_eq!((joined.len(), joined), (3, uninterrupted.curve(name)), "{name}");
    }
}

#[test]
fn trains_short_epochs_without_resume_checkpoints_until_it_is_stopped() {
    let _turn = alone();
    let data = faces(80);
    let paced = ["--epochs=3", "--checkpoint_minutes=600"];
    let (whole, recorder, _out) = train(&config(data.path(), &paced));
    assert_eq!((whole.epochs, whole.resume_checkpoint, resumable(&recorder)), (3, None, vec![]));
    let last = whole.steps / 3;
    // Amid an epoch, and at the end of one.
    for (step, epochs) in [(last + 1, 1), (2 * last, 2)] {
        let mut recorder = Recorder::stop_after(step);
        let out = tempfile::tempdir().unwrap();
        let summary = fit(&config(data.path(), &paced), out.path().to_owned(), &mut recorder).unwrap();
        assert_eq!((summary.epochs, summary.steps), (epochs, step));
        let [(at, _)] = resumable(&recorder)[..] else { panic!("{:?}", resumable(&recorder)) };
        assert_eq!(at, step);
        assert!(summary.resume_checkpoint.is_some_and(|path| path.exists()));
    }
    // Epochs that take more than a tenth of the time.
    let (_, recorder, _out) = train(&config(data.path(), &["--epochs=2", "--checkpoint_minutes=0.0001"]));
    let ends = resumable(&recorder).into_iter().filter(|(_, epoch)| epoch.fract() == 0.0);
    assert_eq!(ends.collect::<Vec<_>>(), [(last, 1.0), (2 * last, 2.0)]);
}

#[test]
fn trains_without_corrupt_and_malformed_files_and_counts_them() {
    let _turn = alone();
    let data = faces(100);
    let some = small::pictures(data.path());
    let whole = fs::read(&some[0]).unwrap();
    fs::write(&some[0], &whole[..whole.len() / 2]).unwrap();
    fs::write(&some[1], b"no image").unwrap();
    fs::rename(&some[2], data.path().join("39_1_20170116174525125.jpg")).unwrap();
    // Decoded beforehand, and (as with more images than memory) again for every batch.
    let (summary, recorder, _) = train(&config(data.path(), &[]));
    assert_eq!((summary.census.corrupt.len(), summary.census.malformed.len()), (2, 1));
    assert_eq!(summary.census.used, 99);
    let said = logs(&recorder, Level::Warning);
    assert!(said.contains("2 corrupt images are left out") && said.contains("39_1_2017"), "{said}");
    assert_eq!(summary.epochs, 2);
}

#[test]
fn what_cannot_be_trained_on_is_said_with_the_fix() {
    let _turn = alone();
    let refused = |path: &Path, more: &[&str]| -> TrainError {
        let out = tempfile::tempdir().unwrap();
        fit(&config(path, more), out.path().to_owned(), &mut Recorder::default()).unwrap_err()
    };
    let empty = tempfile::tempdir().unwrap();
    assert!(
        refused(Path::new("/no/such/faces"), &[]).to_string().contains("there is no data at /no/such/faces")
    );
    assert!(refused(empty.path(), &[]).to_string().contains("holds no image"));
    let few = faces(5);
    assert!(refused(few.path(), &[]).to_string().contains("too few"));
    let some = faces(60);
    assert!(refused(some.path(), &["--weights=/no/such.pth"]).to_string().contains("/no/such.pth"));
    assert!(refused(some.path(), &["--device=cuda:77"]).to_string().contains("no such GPU"));
}

fn sweep_train(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sweep-train"))
        .args(arguments)
        .env_remove("SWEEP_SOCKET")
        .current_dir(std::env::temp_dir())
        .output()
        .unwrap()
}

#[test]
fn the_program_ends_with_a_paragraph_and_a_code() {
    for (arguments, code, words) in [
        (&["--path=/no/such/faces"][..], 1, "there is no data at /no/such/faces"),
        (&["--path=x", "--epochs=0"], 2, "epochs is 0, but must be at least 1"),
        (&["--path=x", "--batch_sise=8"], 2, "batch_size"),
        (&["--path=x", "--accumulate=0"], 2, "accumulate is 0, but must be at least 1"),
        (&[], 2, "--path"),
    ] {
        let output = sweep_train(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn trains_nothing_without_the_weights_it_was_told_to_fetch() {
    let data = faces(30);
    let cache = tempfile::tempdir().unwrap();
    // Nobody listens at port 1.
    let output = Command::new(env!("CARGO_BIN_EXE_sweep-train"))
        .arg(format!("--path={}", data.path().display()))
        .args(["--resnet_type=resnet18", "--image_size=32", "--weights=imagenet", "--threads=1"])
        .args(["--weights_url=http://127.0.0.1:1/models", "--out"])
        .arg(cache.path().join("out"))
        .env("XDG_CACHE_HOME", cache.path())
        .env_remove("SWEEP_SOCKET")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let place = cache.path().join("sweep/weights/resnet18-f37072fd.pth");
    for words in ["cannot fetch http://127.0.0.1:1/models/resnet18-f37072fd.pth", &*place.to_string_lossy()] {
        assert!(said.contains(words), "{words} in: {said}");
    }
}

#[test]
fn trains_by_hand_with_lines_of_progress() {
    let data = faces(60);
    let out = tempfile::tempdir().unwrap();
    let (path, out) =
        (format!("--path={}", data.path().display()), format!("--out={}", out.path().display()));
    let output = sweep_train(&[
        &path,
        &out,
        "--resnet_type=resnet150",
        "--limit=40",
        "--image_size=32",
        "--epochs=1",
        "--batch_size=40",
        "--threads=1",
        "--cache=none",
    ]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("training resnet152"), "{said}");
    assert!(said.contains("epoch 1: loss") && said.contains("best checkpoint"), "{said}");
}

/// The bar of the made-up faces: a small ResNet at 48 px learns 1,500 of them to 0.9 within 300 steps.
#[test]
fn trains_made_up_faces_to_nine_tenths_within_300_steps() {
    let _turn = alone();
    let data = faces(1500);
    // How far it gets does not hang on the last digits of its sums.
    tch::set_num_threads(std::thread::available_parallelism().map_or(1, |cores| cores.get() as i32));
    let config = config(
        data.path(),
        &[
            "--image_size=48",
            "--epochs=12",
            "--batch_size=64",
            "--layer1=512",
            "--layer2=128",
            "--layer3=64",
            "--early_stop_patience=0",
            // Their labels are colours, which the default augmentation changes.
            "--augment=none",
        ],
    );
    let out = tempfile::tempdir().unwrap();
    let mut recorder = Until { score: 0.9, reached: None };
    let summary = fit(&config, out.path().to_owned(), &mut recorder).unwrap();
    let (step, score) = recorder.reached.expect("0.9 is reached");
    assert!(step <= 300, "{score} only after {step} steps: {summary:?}");
}

/// Stops a training that is good enough.
struct Until {
    score: f64,
    reached: Option<(i64, f64)>,
}

impl sweep_train::observe::Observer for Until {
    fn hear(&mut self, event: &Event) -> sweep_train::observe::Flow {
        if let Event::Metrics { step, values, .. } = event
            && let Some(&score) = values.get("total-f1score")
            && score >= self.score
        {
            self.reached.get_or_insert((*step, score));
        }
        match self.reached {
            Some(_) => sweep_train::observe::Flow::Stop("good enough".to_owned()),
            None => sweep_train::observe::Flow::GoOn,
        }
    }
}

#[test]
fn trains_on_real_faces_where_they_are() {
    let _turn = alone();
    let tar = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/UTKFace.tar");
    let Some(tar) =
        std::env::var_os("SWEEP_TEST_UTKFACE").map(Into::into).or_else(|| tar.exists().then_some(tar))
    else {
        eprintln!("SKIPPED: no UTKFace.tar (name one in SWEEP_TEST_UTKFACE)");
        return;
    };
    let (summary, recorder, _) = train(&config(&tar, &["--limit=600", "--epochs=1", "--image_size=48"]));
    let census = &summary.census;
    assert_eq!((census.malformed.len(), census.corrupt.len()), (3, 0));
    // Of 600 images a few are equal to others whose names contradict them.
    assert_eq!(census.used + census.duplicates.left_out, 600, "{census:?}");
    assert!(logs(&recorder, Level::Warning).contains("39_1_20170116174525125"));
}
