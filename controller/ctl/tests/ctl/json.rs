//! What every command prints with `-o json`: an interface, so each change of it is seen here.

use regex::Regex;
use sweep_proto::v1;

use super::Place;
use super::hand::{Hand, line, media, point};
use super::models::Predictor;

/// Text without what is another every time.
fn steady(place: &Place, sweep: &str, text: &str) -> String {
    let mut text = text
        .replace(sweep, "SWEEP")
        .replace(&place.url, "URL")
        .replace(&*place.folder.path().to_string_lossy(), "FOLDER")
        .replace(env!("CARGO_PKG_VERSION"), "VERSION");
    for (pattern, word) in [
        (r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME"),
        (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UUID"),
        (r"answers in \d+ ms", "answers in N ms"),
        (r"http://127\.0\.0\.1:\d+", "PREDICTOR"),
        (r#""(from|to|bytes)": [\d.]+"#, r#""$1": "N""#),
    ] {
        text = Regex::new(pattern).unwrap().replace_all(&text, word).into_owned();
    }
    text
}

/// A grid of four: one good, one better, one failed, one that runs.
async fn scene(place: &Place) -> (String, Hand) {
    place.file(
        "grid.yaml",
        "program: train.py\nname: shown\nmethod: grid\nseed: 1\nmetric: {name: loss}\n\
         parameters: {depth: {values: [1, 2]}, kind: {values: [a, b]}}\n",
    );
    let id = place.ctl(&["create", "grid.yaml", "-o", "name"]).await.out.trim().to_owned();
    let mut hand = Hand::of(place, &id).await;
    hand.work(0.5).await;
    let mut held = hand.claim().await;
    hand.tell(&mut held, vec![point(1, 0.25), line("half")]).await;
    hand.checkpoint(&mut held, 1, "1.safetensors", b"weights").await;
    hand.tell(&mut held, vec![media("validation-scores", 1, r#"{"images": 7}"#)]).await;
    hand.finish(held, v1::Outcome::Succeeded, "").await;
    let held = hand.claim().await;
    hand.finish(held, v1::Outcome::Failed, "exit code 1").await;
    let mut held = hand.claim().await;
    hand.tell(&mut held, vec![point(1, 0.75)]).await;
    (id, hand)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_prints_the_json_that_is_documented() {
    let place = Place::start().await;
    let (id, _hand) = scene(&place).await;
    let trial = |number: u64| format!("{id}/{number}");
    let _predictor = Predictor::start(&place);
    place.file("face.jpg", "a picture");
    let (one, two, three) = (trial(1), trial(2), trial(3));
    let mut shown = std::collections::BTreeSet::new();
    for (name, arguments) in [
        ("list", vec!["list"]),
        ("show", vec!["show", &id]),
        ("trials", vec!["trials", &id, "--sort", "-depth"]),
        ("best", vec!["best", &id]),
        ("best_n", vec!["best", &id, "-n", "2"]),
        ("trial_show", vec!["trial", "show", &two]),
        ("trial_metrics", vec!["trial", "metrics", &one]),
        ("trial_logs", vec!["trial", "logs", &one]),
        ("trial_diff", vec!["trial", "diff", &one, &two]),
        ("trial_files", vec!["trial", "files", &two]),
        ("trial_download", vec!["trial", "download", &two]),
        ("media", vec!["media", &two]),
        ("media_value", vec!["media", &two, "--name", "validation-scores", "--step", "1"]),
        ("model_promote", vec!["model", "promote", &two, "--name", "faces"]),
        ("model_list", vec!["model", "list"]),
        ("model_show", vec!["model", "show"]),
        ("model_download", vec!["model", "download", "faces", "fetched"]),
        ("predict", vec!["predict", "face.jpg"]),
        ("model_rm", vec!["model", "rm", "faces"]),
        ("note_trial", vec!["note", &two, "warm-up was off"]),
        ("note", vec!["note", &id, "for the paper"]),
        ("tag_trial", vec!["tag", &two, "paper", "best", "--remove", "draft"]),
        ("tag", vec!["tag", &id, "paper"]),
        ("wait", vec!["wait", &id, "--for", "trials=3"]),
        ("export", vec!["export", &id, "--out", "trials.parquet"]),
        ("plot_history", vec!["plot", "history", &id]),
        ("plot_curves", vec!["plot", "curves", &id]),
        ("plot_slice", vec!["plot", "slice", &id]),
        ("plot_parallel", vec!["plot", "parallel", &id]),
        ("plot_timeline", vec!["plot", "timeline", &id]),
        ("plot_out", vec!["plot", "history", &id, "--out", "history.png"]),
        ("report", vec!["report", &id]),
        ("open", vec!["open", &id, "--print"]),
        ("context_add", vec!["context", "add", "lab", "lab:7878"]),
        ("context_list", vec!["context", "list"]),
        ("config_show", vec!["config", "show"]),
        ("validate", vec!["validate", "grid.yaml"]),
        ("plan", vec!["plan", "grid.yaml", "--count", "2"]),
        ("explain", vec!["explain", "metric.goal"]),
        ("replay", vec!["replay", &id]),
        ("retry", vec!["retry", &three]),
        ("trial_stop", vec!["trial", "stop", &three]),
        ("pause", vec!["pause", &id]),
        ("resume", vec!["resume", &id]),
        ("stop", vec!["stop", &id]),
        ("agent_drain", vec!["agent", "drain", "box", "--reason", "new driver"]),
        ("agent_quarantine", vec!["agent", "quarantine", "box", "--reason", "ECC errors"]),
        ("agent_list", vec!["agent", "list"]),
        ("agent_resume", vec!["agent", "resume", "box"]),
    ] {
        let done = place.ctl(&[&arguments[..], &["-o", "json"]].concat()).await;
        assert_eq!(done.code, 0, "{name}: {done:?}");
        let value: serde_json::Value =
            serde_json::from_str(&done.out).unwrap_or_else(|error| panic!("{name}: {error}: {}", done.out));
        assert!(value.is_object() || value.is_array(), "{name}");
        insta::assert_snapshot!(format!("json_{name}"), steady(&place, &id, &done.out));
        shown.insert(arguments[0].to_owned());
    }
    // Those whose output is their own form, or has a test of its own.
    let others = [
        "create",
        "schema",
        "cancel",
        "completions",
        "man",
        "doctor",
        "watch",
        "top",
        "extend",
        "metrics",
        "logs",
        "trial",
        "config",
        "context",
        "help",
    ];
    for name in commands(&place, &[]).await {
        let name = name.as_str();
        let elsewhere = ["simulate", "importance", "ask-tell", "pareto", "curves"];
        assert!(
            shown.contains(name) || others.contains(&name) || elsewhere.contains(&name),
            "`{name}` has no snapshot of its JSON"
        );
    }
}

/// The commands below others, as the help lists them.
async fn commands(place: &Place, below: &[&str]) -> Vec<String> {
    let help = place.ctl(&[below, &["--help"]].concat()).await.out;
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let named = listed.take_while(|line| !line.is_empty()).filter(|line| !line.starts_with("   "));
    let names = named.map(|line| line.split_whitespace().next().unwrap().to_owned());
    names.filter(|name| name != "help").collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_help_page_leads_with_examples() {
    let place = Place::start().await;
    let names = commands(&place, &[]).await;
    assert!(names.len() > 25, "{names:?}");
    let documented = std::fs::read_to_string(super::root().join("docs/cli.md")).unwrap();
    for name in &names {
        assert!(documented.contains(&format!("`{name}")), "docs/cli.md does not tell of `{name}`");
        let help = place.ctl(&[name, "--help"]).await.out;
        let (examples, usage) = (help.find("Examples:"), help.find("Usage:"));
        assert!(examples.is_some_and(|examples| Some(examples) < usage), "{name}: {help}");
    }
    for group in ["trial", "model", "agent"] {
        for name in commands(&place, &[group]).await {
            let help = place.ctl(&[group, &name, "--help"]).await.out;
            assert!(help.contains("Examples:") || name == "show", "{name}: {help}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_tells_what_is_wrong_and_what_to_do() {
    let place = Place::start().await;
    let (id, _hand) = scene(&place).await;
    let well = place.ctl(&["doctor", "-o", "json"]).await;
    assert_eq!(well.code, 0, "{well:?}");
    let rows: Vec<serde_json::Value> = serde_json::from_str(&well.out).unwrap();
    let rows: Vec<_> =
        rows.into_iter().filter(|row| !row["what"].as_str().unwrap().starts_with("sweep-")).collect();
    insta::assert_snapshot!(
        "json_doctor",
        steady(&place, &id, &serde_json::to_string_pretty(&rows).unwrap())
    );
    let ill = super::ctl("http://127.0.0.1:1", place.folder.path(), &["doctor"]);
    assert!(ill.code == 11 && ill.out.contains("start one here"), "{ill:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn exports_hold_every_value_with_its_type() {
    use parquet::file::reader::{FileReader as _, SerializedFileReader};

    let place = Place::start().await;
    let (id, _hand) = scene(&place).await;
    for what in ["trials", "metrics"] {
        let file = format!("{what}.parquet");
        let done = place.ctl(&["export", &id, "--what", what, "--out", &file]).await;
        assert_eq!(done.code, 0, "{done:?}");
        let csv = place.ctl(&["export", &id, "--what", what]).await.out;
        let jsonl = place.ctl(&["export", &id, "--what", what, "--format", "jsonl"]).await.out;
        let path = place.folder.path().join(&file);
        let reader = SerializedFileReader::new(std::fs::File::open(&path).unwrap()).unwrap();
        let rows: Vec<_> = reader.get_row_iter(None).unwrap().map(|row| row.unwrap().to_string()).collect();
        assert_eq!((rows.len(), csv.lines().count(), jsonl.lines().count()), (4, 5, 4), "{what}");
        insta::assert_snapshot!(format!("export_{what}_csv"), steady(&place, &id, &csv));
        insta::assert_snapshot!(format!("export_{what}_jsonl"), steady(&place, &id, &jsonl));
        python_reads(&path, &csv);
    }
    let config = place.ctl(&["export", &id, "--what", "config"]).await.out;
    assert_eq!(config, std::fs::read_to_string(place.folder.path().join("grid.yaml")).unwrap());
    let wrong = place.ctl(&["export", &id, "--out", "trials.xlsx"]).await;
    assert!(wrong.code == 2 && wrong.talk.contains(".parquet"), "{wrong:?}");
}

/// Opens a Parquet file with pyarrow and compares it with the CSV.
fn python_reads(parquet: &std::path::Path, csv: &str) {
    let Some(python) = std::env::var_os("SWEEP_TEST_PYTHON") else {
        return eprintln!("SKIPPED: Parquet in pyarrow (SWEEP_TEST_PYTHON names no Python)");
    };
    let csv_file = parquet.with_extension("csv");
    std::fs::write(&csv_file, csv).unwrap();
    let script = "
import csv, sys
try:
    import pyarrow.parquet as pq
except ImportError:
    sys.exit(77)
rows = pq.read_table(sys.argv[1]).to_pylist()
text = list(csv.DictReader(open(sys.argv[2])))
assert len(rows) == len(text), (rows, text)
for row, line in zip(rows, text):
    assert list(row) == list(line)
    for name, value in row.items():
        if value is None: assert line[name] == '', (name, line)
        elif isinstance(value, float): assert value == float(line[name]), (name, value, line)
        elif hasattr(value, 'isoformat'): assert value.isoformat()[:19] == line[name][:19], (name, value, line)
        else: assert str(value) == line[name], (name, value, line)
";
    let done =
        std::process::Command::new(python).args(["-c", script]).arg(parquet).arg(csv_file).output().unwrap();
    if done.status.code() == Some(77) {
        return eprintln!("SKIPPED: Parquet in pyarrow (this Python has none)");
    }
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}
