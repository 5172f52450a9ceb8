//! Models and predictions, with a stand-in for `sweep-train serve`.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use serde_json::{Value, json};
use sweep_proto::v1;
use uuid::Uuid;

use super::Place;
use super::hand::{Hand, point};

/// Something that answers as a predictor does, registered with a controller.
pub(crate) struct Predictor {
    pub(crate) url: String,
}

impl Predictor {
    pub(crate) fn start(place: &Place) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                answer(stream.unwrap());
            }
        });
        let told = json!({"id": Uuid::now_v7(), "url": url, "device": "cpu", "version": "1", "loaded": []});
        let controller = place.url.clone();
        // It is told before anything is asked.
        std::thread::spawn(move || register(&controller, &told)).join().unwrap();
        Self { url }
    }
}

fn register(controller: &str, told: &Value) {
    let body = told.to_string();
    let mut stream = TcpStream::connect(controller.trim_start_matches("http://")).unwrap();
    let length = body.len();
    let head =
        "POST /api/v1/predictors HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json";
    write!(stream, "{head}\r\ncontent-length: {length}\r\n\r\n{body}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// Answers one request: what begins with `no` is no picture.
fn answer(mut stream: TcpStream) {
    let mut seen = Vec::new();
    let body = loop {
        let mut piece = [0; 4096];
        let read = stream.read(&mut piece).unwrap();
        assert!(read > 0, "the request ended early");
        seen.extend_from_slice(&piece[..read]);
        let text = String::from_utf8_lossy(&seen).to_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        if body.len() == length.parse::<usize>().unwrap() {
            break body.to_owned();
        }
    };
    let guess = |classes: [&str; 2]| json!([{"class": classes[0], "probability": 0.54}, {"class": classes[1], "probability": 0.3}]);
    let (status, told) = if body.starts_with("no") {
        let error =
            json!({"code": "unreadable", "message": "it is no picture", "fix": "JPEG and PNG are read"});
        ("415 Unsupported Media Type", json!({"schema": "sweep.v1", "error": error}))
    } else {
        let told = json!({"schema": "sweep.v1", "model": {"id": "x", "name": "faces", "trial": "t"},
            "image": {"width": 2, "height": 2}, "age": guess(["20-29", "30-39"]), "sex": guess(["female", "male"]),
            "race": guess(["asian", "white"]), "milliseconds": 1.5, "device": "cpu", "batch": 1});
        ("200 OK", told)
    };
    let body = told.to_string();
    let length = body.len();
    write!(stream, "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}")
        .unwrap();
}

const RANDOM: &str = "program: train.py\nname: faces of people\nmethod: random\nseed: 1\nrun_cap: 2\n\
    metric: {name: loss}\nparameters: {lr: {min: 0.1, max: 0.2}}\n";

/// A sweep whose first trial stored a model; its id.
async fn scene(place: &Place) -> String {
    place.file("sweep.yaml", RANDOM);
    let id = place.ctl(&["create", "sweep.yaml", "-o", "name"]).await.out.trim().to_owned();
    let mut hand = Hand::of(place, &id).await;
    let mut held = hand.claim().await;
    hand.tell(&mut held, vec![point(1, 0.25)]).await;
    hand.checkpoint(&mut held, 1, "1.safetensors", b"weights").await;
    hand.finish(held, v1::Outcome::Succeeded, "").await;
    let held = hand.claim().await;
    hand.finish(held, v1::Outcome::Succeeded, "").await;
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_becomes_a_model_that_says_what_it_sees() {
    for place in super::hand::places().await {
        let id = scene(&place).await;
        place.file("face.jpg", "a picture");
        let early = place.ctl(&["predict", "face.jpg"]).await;
        assert!(early.code == 3 && early.talk.contains("sweep-ctl model promote SWEEP/NUMBER"), "{early:?}");
        let promoted = place.ctl(&["model", "promote", &format!("{id}/1")]).await;
        assert_eq!((promoted.code, promoted.out.as_str()), (0, format!("{id}-1\n").as_str()), "{promoted:?}");
        for next in [format!("{}/demo", place.url), format!("sweep-train serve --controller {}", place.url)] {
            assert!(promoted.talk.contains(&next), "{promoted:?}");
        }
        let alone = place.ctl(&["predict", "face.jpg"]).await;
        let fix = format!("start one: sweep-train serve --controller {}", place.url);
        assert!(alone.code == 5 && alone.talk.contains(&fix), "{alone:?}");
        let predictor = Predictor::start(&place);
        let seen = place.ctl(&["predict", "face.jpg", "face.jpg"]).await;
        let one = "face.jpg\n  age   20-29 (54.0 %), 30-39 (30.0 %)\n  sex   female (54.0 %)\n  \
                   race  asian (54.0 %), white (30.0 %)\n";
        assert_eq!((seen.code, seen.out), (0, format!("{one}{one}")));
        let shown = place.ctl(&["model", "show", &format!("{id}-1")]).await.out;
        assert!(shown.contains(&predictor.url) && shown.contains("faces of people"), "{shown}");
        let fetched = place.ctl(&["model", "download", "-", "fetched"]).await;
        assert_eq!(fetched.out, "fetched/1.safetensors\n", "{fetched:?}");
        assert_eq!(std::fs::read(place.folder.path().join("fetched/1.safetensors")).unwrap(), b"weights");
        assert_eq!(place.ctl(&["model", "rm", &format!("{id}-1")]).await.out, format!("{id}-1\n"));
        let none = place.ctl(&["model", "list"]).await;
        assert!(none.code == 0 && none.out.is_empty() && none.talk.contains("promote a trial"), "{none:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_promoted_or_predicted_is_told_with_a_way_out() {
    let place = Place::start().await;
    let id = scene(&place).await;
    let (one, two) = (format!("{id}/1"), format!("{id}/2"));
    let mut told = String::new();
    place.ctl(&["model", "promote", &one, "--name", "faces"]).await;
    let _predictor = Predictor::start(&place);
    place.file("notes.txt", "no picture");
    place.file("huge.jpg", &"x".repeat((10 << 20) + 1));
    for (arguments, code) in [
        (vec!["model", "promote", &two], 8),
        (vec!["model", "promote", &one, "--step", "7"], 8),
        (vec!["model", "promote", &one, "--name", "../faces"], 2),
        (vec!["model", "promote", "nosuch00/1"], 3),
        (vec!["model", "show", "nobody"], 3),
        (vec!["model", "rm", "nobody"], 3),
        (vec!["model", "rm", "-"], 2),
        (vec!["predict", "missing.jpg"], 3),
        (vec!["predict", "face.jpg", "--model", "nobody"], 3),
        (vec!["predict", "notes.txt"], 2),
        (vec!["predict", "huge.jpg"], 2),
        (vec!["media", &one, "--name", "nothing"], 8),
    ] {
        place.file("face.jpg", "a picture");
        let done = place.ctl(&arguments).await;
        assert_eq!(done.code, code, "{arguments:?}: {done:?}");
        told.push_str(&format!("$ sweep-ctl {}\n{}", arguments.join(" "), done.talk).replace(&id, "SWEEP"));
    }
    insta::assert_snapshot!("models_refused", told);
}
