//! `sweep-train data` and `bench load` as a person calls them: what goes to standard output, and that it can be used.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod small;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use sweep_train::synth;
use tempfile::TempDir;

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sweep-train")).args(arguments).output().unwrap()
}

/// Standard output of what must succeed, without a word on standard error.
fn told(arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = run(arguments);
    let said = String::from_utf8_lossy(&stderr);
    assert!(status.success() && said.is_empty(), "{arguments:?}: {said}");
    String::from_utf8(stdout).unwrap()
}

fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&told(arguments)).unwrap()
}

/// Faces, one of them twice with other labels, and a file without all labels.
fn faces() -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    synth::synth(folder.path(), 60, 7, 48).unwrap();
    let first = small::pictures(folder.path()).swap_remove(0);
    fs::copy(first, folder.path().join("110_1_4_29990101.jpg")).unwrap();
    fs::write(folder.path().join("39_1_20170101.jpg"), "no race").unwrap();
    let path = folder.path().to_str().unwrap().to_owned();
    (folder, path)
}

#[test]
fn check_lists_what_is_wrong_and_stats_count() {
    let (_folder, path) = faces();
    let table = told(&["data", "check", &path]);
    assert!(table.contains("39_1_20170101.jpg (race is `20170101.jpg`"), "{table}");
    assert!(table.contains("equal files, contradicting labels:\n  "), "{table}");
    let found = json(&["data", "check", &path, "-o", "json"]);
    assert_eq!(
        (&found["files"], &found["usable"], &found["made_up"]),
        (&62.into(), &61.into(), &true.into())
    );
    assert!(table.contains("made up: sweep-train synth drew them"), "{table}");
    assert_eq!(found["contradicting"].as_array().unwrap().len(), 1);
    let stats = json(&["data", "stats", &path, "-o", "json"]);
    assert_eq!(stats["images"], 61);
    let sexes: u64 =
        stats["heads"][1]["counts"].as_array().unwrap().iter().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(sexes, 61);
    assert!(told(&["data", "stats", &path]).contains("Above 80"));
    assert!(told(&["data", "stats", &path, "-o", "svg"]).starts_with("<svg"));
}

#[test]
fn split_writes_a_manifest_of_what_is_used() {
    let (_folder, path) = faces();
    let manifest = told(&["data", "split", &path]);
    let lines: Vec<Value> = manifest.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // Sixty-one, less the two that contradict each other.
    assert_eq!((&lines[0]["images"], lines.len()), (&59.into(), 60));
    assert!(lines[1..].iter().all(|line| line["hash"].as_str().unwrap().len() == 64));
    assert_eq!(manifest, told(&["data", "split", &path]));
    assert_ne!(manifest, told(&["data", "split", &path, "--split_seed", "8"]));
    assert_eq!(told(&["data", "split", &path, "--duplicates", "keep"]).lines().count(), 62);
}

#[test]
fn pack_makes_the_cache_once() {
    let (_folder, path) = faces();
    let cache = tempfile::tempdir().unwrap();
    let pack = ["data", "pack", &path, "--image_size", "32", "-o", "json", "--cache"];
    let pack = [&pack[..], &[cache.path().to_str().unwrap()]].concat();
    let made = json(&pack);
    // One content is there twice.
    assert_eq!((&made["state"], &made["images"]), (&"made".into(), &60.into()));
    let file = Path::new(made["path"].as_str().unwrap());
    assert_eq!(fs::metadata(file).unwrap().len(), made["bytes"].as_u64().unwrap());
    assert_eq!(json(&pack)["state"], "found");
    let whole = fs::read(file).unwrap();
    fs::write(file, &whole[..whole.len() / 2]).unwrap();
    let again = json(&pack);
    assert_eq!(again["state"], "made again");
    assert!(again["damage"].as_str().unwrap().contains("wrong length"), "{again}");
}

#[test]
fn bench_load_measures_every_way() {
    let (_folder, path) = faces();
    let cache = tempfile::tempdir().unwrap();
    let cache = cache.path().to_str().unwrap();
    let found =
        json(&["bench", "load", "--path", &path, "--image_size", "32", "-o", "json", "--cache", cache]);
    let rows = found["rows"].as_array().unwrap();
    assert_eq!((rows.len(), &found["images"]), (4, &61.into()));
    assert!(rows.iter().all(|row| row["images_per_second"].as_f64().unwrap() > 0.0));
}

#[test]
fn what_is_not_there_is_said() {
    for command in ["check", "stats", "split", "pack"] {
        let output = run(&["data", command, "/no/such/faces"]);
        assert_eq!(output.status.code(), Some(1), "{command}");
        assert!(output.stdout.is_empty());
        assert!(String::from_utf8_lossy(&output.stderr).contains("no data at /no/such/faces"));
    }
}
