//! `sweep-train eval`, `predict` and `export` on a model that was just trained.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod small;

use std::process::{Command, Output};

use serde_json::Value;
use small::{alone, config, faces, train};

fn sweep_train(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sweep-train")).args(arguments).args(["--threads=1"]).output().unwrap()
}

fn stdout(arguments: &[&str]) -> String {
    let output = sweep_train(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn trains_a_model_that_is_judged_as_it_was_while_training() {
    let _turn = alone();
    let data = faces(160);
    let (summary, recorder, _out) =
        train(&config(data.path(), &["--epochs=3", "--split_seed=3", "--precision=f32"]));
    let best = summary.best_checkpoint.unwrap();
    let model = best.to_str().unwrap();
    let path = format!("--path={}", data.path().display());

    let report: Value = serde_json::from_str(&stdout(&["eval", model, &path, "-o", "json"])).unwrap();
    assert_eq!(
        (&report["part"], report["images"].as_u64()),
        (&"validation".into(), Some(summary.census.validation as u64))
    );
    let at_best = |name: &str| recorder.curve(name)[(summary.best_epoch - 1) as usize].1;
    for (value, name) in [
        (&report["total_f1"]["value"], "total-f1score"),
        (&report["heads"][0]["macro_f1"]["value"], "age-f1score"),
        (&report["heads"][2]["accuracy"]["value"], "val-race-acc"),
        (&report["heads"][1]["calibration"]["ece"], "val-sex-ece"),
        (&report["age_group_error"]["value"], "val-age-mae"),
        (&report["gaps"]["race-f1gap-by-sex"], "race-f1gap-by-sex"),
    ] {
        let (value, told) = (value.as_f64().unwrap(), at_best(name));
        assert!((value - told).abs() < 1e-4, "{name}: {value} against {told}");
    }
    let interval = &report["total_f1"];
    assert!(
        interval["low"].as_f64() <= interval["value"].as_f64()
            && interval["value"].as_f64() <= interval["high"].as_f64()
    );
    assert!(report["heads"][0]["temperature"].as_f64().unwrap() > 0.0);

    let test: Value =
        serde_json::from_str(&stdout(&["eval", model, &path, "--split=test", "-o", "json"])).unwrap();
    assert_eq!(test["images"].as_u64(), Some(summary.census.test as u64));
    let text = stdout(&["eval", model, &path, "--split=all"]);
    assert!(text.contains("all of 160 images") && text.contains("Female"), "{text}");
    assert!(stdout(&["eval", model, &path, "-o", "svg"]).starts_with("<svg "));

    let picture = small::pictures(data.path()).swap_remove(0);
    let picture = picture.to_str().unwrap();
    let seen: Value =
        serde_json::from_str(&stdout(&["predict", picture, "-m", model, "-o", "json"])).unwrap();
    let classes = |head: &str| seen[0][head].as_array().unwrap().clone();
    assert_eq!((classes("age").len(), classes("sex").len(), classes("race").len()), (9, 2, 5));
    assert!(classes("age")[0]["probability"].as_f64() >= classes("age")[1]["probability"].as_f64());
    let text = stdout(&["predict", picture, picture, "-m", model]);
    assert_eq!(text.matches(" %)").count(), 10, "{text}");

    // Without the file beside it nobody knows its image size; the picture is still looked at.
    let apart = tempfile::tempdir().unwrap();
    let lone = apart.path().join("1.safetensors");
    std::fs::copy(&best, &lone).unwrap();
    let lone = lone.to_str().unwrap();
    for arguments in [&["eval", lone, &path][..], &["predict", picture, "-m", lone]] {
        let output = sweep_train(&[arguments, &["--image_size=32"]].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        assert!(said.contains("warning: ") && said.contains("1.json is missing"), "{said}");
        let output = sweep_train(
            &arguments.iter().map(|word| if *word == lone { model } else { word }).collect::<Vec<_>>(),
        );
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    // An exported model sees the same.
    let folder = tempfile::tempdir().unwrap();
    let exported = folder.path().join("faces.safetensors");
    let wrote = Command::new(env!("CARGO_BIN_EXE_sweep-train"))
        .args(["export", model, "--out"])
        .arg(&exported)
        .status();
    assert!(wrote.unwrap().success());
    let exported = exported.to_str().unwrap();
    let again = stdout(&["predict", picture, "-m", exported, "-o", "json"]);
    let again: Value = serde_json::from_str(&again).unwrap();
    for (a, b) in classes("race").iter().zip(again[0]["race"].as_array().unwrap()) {
        assert_eq!(a["class"], b["class"]);
        assert!((a["probability"].as_f64().unwrap() - b["probability"].as_f64().unwrap()).abs() < 1e-5);
    }
    std::fs::remove_file(folder.path().join("faces.json")).unwrap();
    let output = sweep_train(&["predict", picture, "-m", exported, "--image_size=32"]);
    assert!(output.status.success() && output.stderr.is_empty(), "an export needs nothing beside it");
}

#[test]
fn what_cannot_be_judged_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let nothing = folder.path().join("none.safetensors");
    let nothing = nothing.to_str().unwrap();
    for (arguments, code, words) in [
        (&["eval", nothing, "--path=x"][..], 1, "cannot use the weights"),
        (&["eval", nothing], 2, "--path"),
        (&["predict", "-m", nothing], 2, "IMAGE"),
        (&["predict", "a.jpg", "-m", nothing], 1, "cannot use the weights"),
    ] {
        let output = sweep_train(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
    }
}
