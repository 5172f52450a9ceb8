//! Trainings with everything that can be turned: precision, optimisers, schedules, averages, goes, frozen backbones.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod small;

use small::{alone, config, faces, logs, train};
use sweep_train::observe::{Level, Recorder};
use sweep_train::weights::read;
use sweep_train::{Config, fit};

/// Every value that was told, in order.
fn curves(recorder: &Recorder) -> Vec<Vec<(i64, f64)>> {
    ["total-loss_step", "val-total-loss", "total-f1score", "val-age-mae", "val-race-ece", "age-f1gap-by-race"]
        .map(|name| recorder.curve(name))
        .to_vec()
}

#[test]
fn trains_the_same_in_either_precision_from_the_same_seed() {
    let _turn = alone();
    let data = faces(50);
    let mut losses = Vec::new();
    for precision in ["--precision=f32", "--precision=bf16"] {
        let run = || train(&config(data.path(), &["--epochs=1", "--log_every=1", precision])).1;
        let first = run();
        assert_eq!(curves(&first), curves(&run()), "{precision}");
        assert!(first.curve("val-total-loss")[0].1.is_finite());
        losses.push(first.curve("total-loss_step")[0].1);
    }
    // Half precision is another rounding of the same thing.
    assert!(losses[0] != losses[1] && (losses[0] - losses[1]).abs() < 0.05, "{losses:?}");
}

/// The losses of the first steps.
fn first_steps(config: &Config, steps: i64) -> Vec<f64> {
    let mut recorder = Recorder::stop_after(steps);
    let out = tempfile::tempdir().unwrap();
    fit(config, out.path().to_owned(), &mut recorder).unwrap();
    recorder.curve("total-loss_step").into_iter().map(|(_, loss)| loss).collect()
}

#[test]
fn trains_in_fp16_with_scaled_losses_told_unscaled() {
    let _turn = alone();
    let data = faces(40);
    let run = |precision| {
        let more =
            ["--log_every=1", "--batch_size=8", "--dropout_val=0", "--optimizer=sgd", "--lr=0.01", precision];
        first_steps(&config(data.path(), &more), 2)
    };
    let (half, single) = (run("--precision=fp16"), run("--precision=f32"));
    // The second step's loss shows that the first step went as far as it does without scaling.
    for (half, single) in half.iter().zip(&single) {
        assert!((half - single).abs() < 0.05, "{half} against {single}");
    }
    assert!((single[0] - single[1]).abs() > 1e-4, "{single:?}");
}

#[test]
fn trains_in_goes_as_in_one() {
    let _turn = alone();
    let data = faces(60);
    // A frozen backbone has no batch statistics, the one thing in which goes differ; without dropout nothing is drawn.
    let run = |more: &str| {
        let more = [
            "--freeze_epochs=1",
            "--log_every=1",
            "--dropout_val=0",
            "--precision=f32",
            "--label_smoothing=0.1",
            "--ordinal_age=sord",
            "--grad_clip=0.5",
            more,
        ];
        first_steps(&config(data.path(), &more), 3)
    };
    let (whole, goes) = (run("--accumulate=1"), run("--accumulate=3"));
    assert_eq!((whole.len(), goes.len()), (3, 3));
    for (whole, goes) in whole.iter().zip(&goes) {
        assert!((whole - goes).abs() < 1e-4, "{whole} against {goes}");
    }
    assert!(whole[0] != whole[2]);
}

#[test]
fn trains_only_the_heads_while_the_backbone_is_frozen() {
    let _turn = alone();
    let data = faces(60);
    let small = ["--epochs=3", "--freeze_epochs=2", "--log_every=1"];
    let (_, recorder, out) = train(&config(data.path(), &small));
    let mut kept: Vec<_> = std::fs::read_dir(out.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "safetensors"))
        .collect();
    kept.sort_by_key(|path| path.file_stem().unwrap().to_string_lossy().parse::<i64>().unwrap());
    // Steps of the epochs' ends; two of three epochs are kept.
    let ends: Vec<i64> = recorder.curve("total-f1score").iter().map(|point| point.0).collect();
    let end = |path: &std::path::Path| path.file_stem().unwrap().to_string_lossy().parse::<i64>().unwrap();
    let fresh = {
        tch::manual_seed(7);
        sweep_train::model::Model::new(&config(data.path(), &small), tch::Device::Cpu).tensors()
    };
    for path in kept {
        let dict = read(&path).unwrap();
        let moved = |name: &str| (&dict[name] - &fresh[name]).abs().max().double_value(&[]);
        let frozen = end(&path) <= ends[1];
        for name in ["model.conv1.weight", "model.layer4.1.bn2.running_mean", "model.bn1.weight"] {
            assert_eq!(moved(name) == 0.0, frozen, "{name} at {}", path.display());
        }
        assert!(moved("model.fc.weight") > 0.0 && moved("race_out.bias") > 0.0);
    }
}

#[test]
fn trains_by_every_rule_and_course_and_tells_the_rate() {
    let _turn = alone();
    let data = faces(60);
    // Three quarters down half a cosine.
    let falling = 1e-3 * (1.0 + (0.75 * std::f64::consts::PI).cos()) / 2.0;
    for (more, first, last) in [
        (&["--schedule=one_cycle", "--pct_start=0.5", "--div_factor=10"][..], 1e-4, 1e-8),
        (&["--schedule=cosine", "--warmup=0.5", "--optimizer=sgd", "--nesterov=true"], 1e-3 / 4.0, falling),
        (&["--optimizer=sgd", "--ema=0.9", "--backbone_lr=0.1", "--class_weights=none"], 1e-3, 1e-3),
    ] {
        let more: Vec<&str> = ["--epochs=2", "--log_every=1"].iter().chain(more).copied().collect();
        let (summary, recorder, _) = train(&config(data.path(), &more));
        let rates = recorder.curve("lr");
        assert_eq!((summary.steps, rates.len()), (8, 8));
        assert!((rates[0].1 - first).abs() < 1e-12, "{more:?}: {rates:?}");
        assert!((rates[7].1 - last).abs() < 1e-12, "{more:?}: {rates:?}");
        assert!(recorder.curve("val-total-loss")[1].1.is_finite());
    }
}

#[test]
fn trains_and_keeps_the_averaged_weights() {
    let _turn = alone();
    let data = faces(60);
    let run = |more: &[&str]| {
        let more: Vec<&str> = ["--epochs=1", "--log_every=1"].iter().chain(more).copied().collect();
        let (summary, recorder, out) = train(&config(data.path(), &more));
        let dict = read(&summary.best_checkpoint.unwrap()).unwrap();
        drop(out);
        (dict, recorder.curve("total-loss_step"), recorder.curve("val-total-loss"))
    };
    let (plain, plain_steps, plain_validation) = run(&[]);
    let (averaged, steps, validation) = run(&["--ema=0.99"]);
    // Averaging watches: the steps are the same. What is judged and kept is not.
    assert_eq!(plain_steps, steps);
    assert_ne!(plain_validation, validation);
    let apart = (&plain["age_out.weight"] - &averaged["age_out.weight"]).abs().max().double_value(&[]);
    assert!(apart > 0.0);
}

#[test]
fn trains_and_says_in_which_precision() {
    let _turn = alone();
    let data = faces(40);
    let (_, recorder, _) = train(&config(data.path(), &["--epochs=1", "--precision=bf16"]));
    assert!(logs(&recorder, Level::Info).contains("precision: bf16"));
}
