//! `sweep-train serve` as a process, beside a stand-in for the controller: it says what `predict` says, refuses what it must,
//! and leaves nothing of a picture.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod small;
mod standin;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Barrier, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use standin::{Promoted, StandIn};
use sweep_train::checkpoint::{Checkpoints, Moment};
use sweep_train::data::Census;
use sweep_train::model::Model;
use sweep_train::observe::Values;
use sweep_train::synth;
use tch::Device;
use tempfile::TempDir;

/// A model as a training keeps it, of random weights, made more decided than those are: else it would say nearly the same
/// of everybody.
fn model(folder: &Path, seed: i64, more: &[&str]) -> PathBuf {
    let _turn = small::alone();
    let config = small::config(Path::new("faces"), more);
    tch::manual_seed(seed);
    let model = Model::new(&config, Device::Cpu);
    tch::no_grad(|| {
        for head in ["age_out.weight", "gender_out.weight", "race_out.weight"] {
            let mut weight = model.tensors().remove(head).unwrap();
            let _scaled = weight.g_mul_scalar_(40.0);
        }
    });
    let (values, census) = (Values::new(), Census::default());
    let moment = Moment { epoch: 1, step: 1, score: 0.5, values: &values, census: &census };
    Checkpoints::new(folder.to_owned()).offer(&model, &config, &moment).unwrap().unwrap().path
}

fn promoted(folder: &Path) -> Vec<Promoted> {
    let weights = |name: &str, seed, more: &[&str]| model(&folder.join(name), seed, more);
    vec![
        Promoted { id: "id-of-plain", name: "plain", weights: weights("plain", 1, &[]) },
        Promoted {
            id: "id-of-mirrored",
            name: "mirrored",
            weights: weights("mirrored", 2, &["--mirror", "--image_size=48", "--precision=bf16"]),
        },
        Promoted { id: "id-of-third", name: "third", weights: weights("third", 3, &[]) },
    ]
}

/// A running predictor, alone in a folder of its own.
struct Predictor {
    process: Child,
    url: String,
    folder: TempDir,
    said: Arc<(Mutex<String>, Condvar)>,
}

impl Predictor {
    fn start(controller: &str, more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["here", "tmp"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        let mut process = Command::new(env!("CARGO_BIN_EXE_sweep-train"))
            .args(["serve", "--controller", controller, "--threads=1", "--device=cpu", "--cache"])
            .arg(folder.path().join("cache"))
            .args(more)
            .current_dir(folder.path().join("here"))
            .env("TMPDIR", folder.path().join("tmp"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut url = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut url).unwrap();
        let said = Arc::new((Mutex::new(String::new()), Condvar::new()));
        let (lines, keep) = (BufReader::new(process.stderr.take().unwrap()), Arc::clone(&said));
        thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                *keep.0.lock().unwrap() += &format!("{line}\n");
                keep.1.notify_all();
            }
        });
        assert!(url.starts_with("http://127.0.0.1:"), "{url}");
        Self { process, url: url.trim().to_owned(), folder, said }
    }

    /// Waits until it has said this; all that it has said by then.
    fn says(&self, words: &str) -> String {
        let said = self.said.0.lock().unwrap();
        let minute = Duration::from_secs(60);
        let (said, late) =
            self.said.1.wait_timeout_while(said, minute, |said| !said.contains(words)).unwrap();
        assert!(!late.timed_out(), "{words} is not in\n{said}");
        said.clone()
    }

    /// Holds that every line is of models; all that it has said.
    fn says_nothing_of_requests(&self) -> String {
        let said = self.says("loaded the model plain");
        let of_models =
            |line: &str| ["registered ", "model: ", "loaded "].iter().any(|word| line.starts_with(word));
        assert!(said.lines().all(of_models), "{said}");
        said
    }

    fn address(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    /// Sends a picture; the status, `Retry-After`, and what is answered.
    fn send(&self, query: &str, picture: &[u8]) -> (u16, Option<String>, Value) {
        post(&format!("{}/predict{query}", self.url), picture)
    }

    fn predicts(&self, query: &str, picture: &[u8]) -> Value {
        let (status, _, answer) = self.send(query, picture);
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// Begins a request, and holds the body back once the predictor wants it: it has a seat by then.
    fn seated(&self, length: usize) -> TcpStream {
        let mut stream = TcpStream::connect(self.address()).unwrap();
        let head = format!(
            "POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut asked = [0; 25];
        stream.read_exact(&mut asked).unwrap();
        assert!(asked.starts_with(b"HTTP/1.1 100 Continue"), "{}", String::from_utf8_lossy(&asked));
        stream
    }

    fn signal(&self) {
        let sent = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// All files that are there, by their paths within.
    fn files(&self) -> Vec<String> {
        let mut folders = vec![self.folder.path().to_owned()];
        let mut files = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.push(path.strip_prefix(self.folder.path()).unwrap().to_str().unwrap().to_owned());
                }
            }
        }
        files.sort();
        files
    }
}

impl Drop for Predictor {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}

fn post(url: &str, body: &[u8]) -> (u16, Option<String>, Value) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let request = agent.post(url).header("Content-Disposition", "attachment; filename=\"anna-berg.jpg\"");
    let mut answer = request.send(body).unwrap();
    let retry = answer.headers().get("Retry-After").map(|value| value.to_str().unwrap().to_owned());
    let text = answer.body_mut().read_to_string().unwrap();
    (answer.status().as_u16(), retry, serde_json::from_str(&text).unwrap())
}

fn code(answer: &Value) -> &str {
    assert_eq!(answer["schema"], "sweep.v1");
    assert!(answer["error"]["fix"].is_string() && answer["error"]["message"].is_string(), "{answer}");
    answer["error"]["code"].as_str().unwrap()
}

/// What `sweep-train predict` says of pictures.
fn predicted(model: &Path, pictures: &[PathBuf]) -> Vec<Value> {
    let output = Command::new(env!("CARGO_BIN_EXE_sweep-train"))
        .arg("predict")
        .args(pictures)
        .arg("-m")
        .arg(model)
        .args(["-o", "json", "--threads=1", "--device=cpu"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice::<Value>(&output.stdout).unwrap().as_array().unwrap().clone()
}

/// The largest difference of a probability between two answers.
fn apart(a: &Value, b: &Value) -> f64 {
    let probabilities = |of: &Value, head: &str| -> std::collections::BTreeMap<String, f64> {
        let classes = of[head].as_array().unwrap().iter();
        classes.map(|one| (one["class"].to_string(), one["probability"].as_f64().unwrap())).collect()
    };
    let mut most = 0.0f64;
    for (head, classes) in [("age", 9), ("sex", 2), ("race", 5)] {
        let (a, b) = (probabilities(a, head), probabilities(b, head));
        assert!(a.len() == classes && a.keys().eq(b.keys()), "{a:?} {b:?}");
        most = a.values().zip(b.values()).map(|(a, b)| (a - b).abs()).fold(most, f64::max);
    }
    most
}

/// Pictures of several sizes, JPEG and PNG, in a folder.
fn pictures(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for (size, seed) in [(40, 1), (97, 2), (230, 3)] {
        let place = folder.join(size.to_string());
        synth::synth(&place, 4, seed, size).unwrap();
        let mut faces = small::pictures(&place);
        faces.sort();
        all.extend(faces);
    }
    let noise: Vec<u8> = (0..60 * 45 * 3u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let png = folder.join("noise.png");
    std::fs::write(&png, encoded_png(60, 45, &noise)).unwrap();
    all.push(png);
    all
}

fn encoded_png(width: u32, height: u32, rgb: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header().unwrap().write_image_data(rgb).unwrap();
    out
}

#[test]
fn predictions_are_those_of_predict_alone_and_among_others() {
    let folder = tempfile::tempdir().unwrap();
    let models = promoted(folder.path());
    let controller = StandIn::start(&models);
    let paths = pictures(&folder.path().join("pictures"));
    let bytes: Vec<Vec<u8>> = paths.iter().map(|path| std::fs::read(path).unwrap()).collect();
    let predictor = Predictor::start(&controller.url, &["--batch=8", "--wait-ms=300"]);
    // The default model is loaded before anybody asks.
    let said = controller.registered(|said| said["loaded"] == serde_json::json!(["id-of-plain"]));
    assert_eq!((said["url"].as_str().unwrap(), &said["device"]), (&*predictor.url, &"cpu".into()));

    let expected: Vec<Vec<Value>> =
        models[..2].iter().map(|model| predicted(&model.weights, &paths)).collect();
    for each in &expected {
        assert!(apart(&each[0], &each[5]) > 0.01, "such a model would show no mistake");
    }
    // Alone.
    for (bytes, expected) in bytes.iter().zip(&expected[0]).skip(9) {
        let answer = predictor.predicts("", bytes);
        assert!(apart(&answer, expected) < 1e-4, "{answer}");
        assert_eq!(
            (&answer["batch"], &answer["schema"], &answer["device"]),
            (&1.into(), &"sweep.v1".into(), &"cpu".into())
        );
        assert_eq!(
            answer["model"],
            serde_json::json!({"id": "id-of-plain", "name": "plain", "trial": "k3x9q2ab/4"})
        );
        assert!(answer["milliseconds"].as_f64().unwrap() > 0.0);
    }
    let noise = predictor.predicts("", &bytes[12]);
    assert_eq!(noise["image"], serde_json::json!({"width": 60, "height": 45}));
    // All at once, of both models.
    let start = Barrier::new(2 * bytes.len());
    let answers: Vec<Vec<Value>> = thread::scope(|scope| {
        let ask = |query: &'static str| -> Vec<_> {
            let each = bytes.iter().map(|picture| {
                let (start, predictor) = (&start, &predictor);
                scope.spawn(move || {
                    start.wait();
                    predictor.predicts(query, picture)
                })
            });
            each.collect()
        };
        let asked = [ask("?model=id-of-plain"), ask("?model=mirrored")];
        asked.map(|each| each.into_iter().map(|thread| thread.join().unwrap()).collect()).into()
    });
    let mut together = 0;
    for (answers, expected) in answers.iter().zip(&expected) {
        for (answer, expected) in answers.iter().zip(expected) {
            assert!(apart(answer, expected) < 1e-4, "{answer}");
            together = together.max(answer["batch"].as_u64().unwrap());
        }
    }
    assert!((2..=8).contains(&together), "{together}");
    predictor.predicts("?model=plain&name=anna-berg.jpg", &bytes[0]);
    let (status, ..) = predictor.send("?model=plain&name=anna-berg.jpg", b"no picture of anna-berg");
    assert_eq!(status, 415);
    // Two models stay loaded; files are fetched once.
    predictor.predicts("?model=third", &bytes[0]);
    let loaded =
        controller.registered(|said| said["loaded"].as_array().unwrap().contains(&"id-of-third".into()));
    assert_eq!(loaded["loaded"].as_array().unwrap().len(), 2);
    predictor.predicts("?model=plain", &bytes[0]);
    assert_eq!(controller.fetched(), 6);

    // Nothing of a picture stays, and nothing is said of who asked.
    let files = predictor.files();
    assert!(files.iter().all(|file| file.starts_with("cache/")), "{files:?}");
    let of_models = files.iter().filter(|file| !file.ends_with(".lock"));
    assert_eq!(of_models.count(), 6, "{files:?}");
    predictor.says("loaded the model third");
    let said = predictor.says_nothing_of_requests();
    assert!(!said.contains("anna"), "{said}");
}

#[test]
fn a_full_queue_says_so_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let controller = StandIn::start(&promoted(folder.path())[..1]);
    let picture = encoded_png(2, 2, &[9; 12]);
    let predictor = Predictor::start(&controller.url, &["--queue=2"]);
    let mut waiting = [predictor.seated(picture.len()), predictor.seated(picture.len())];
    let (status, retry, answer) = predictor.send("", &picture);
    assert_eq!((status, retry.as_deref(), code(&answer)), (503, Some("1"), "busy"));
    // Those that have a seat are answered, and then there is room again.
    for stream in &mut waiting {
        stream.write_all(&picture).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    }
    predictor.predicts("", &picture);
}

#[test]
fn what_cannot_be_looked_at_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let controller = StandIn::start(&promoted(folder.path())[..1]);
    let predictor = Predictor::start(&controller.url, &[]);
    let mut wide = encoded_png(2, 2, &[9; 12]);
    wide[16..24].copy_from_slice(&[0, 0, 0x27, 0x10, 0, 0, 0x27, 0x10]);
    let mut crc = crc32fast::Hasher::new();
    crc.update(&wide[12..29]);
    wide[29..33].copy_from_slice(&crc.finalize().to_be_bytes());
    let picture = encoded_png(2, 2, &[9; 12]);
    for (query, body, status, named) in [
        ("", &b"no picture"[..], 415, "unreadable"),
        ("", b"", 415, "unreadable"),
        ("", &picture[..picture.len() - 20], 415, "unreadable"),
        ("", &wide, 413, "too_large"),
        ("", &vec![0; (10 << 20) + 1], 413, "too_large"),
        ("?model=nobody", &picture, 404, "no_model"),
        ("/elsewhere", &picture, 404, "not_found"),
    ] {
        let (found, _, answer) = predictor.send(query, body);
        assert_eq!((found, code(&answer)), (status, named), "{query}: {answer}");
    }
    // One that does not say its length.
    let mut stream = TcpStream::connect(predictor.address()).unwrap();
    stream
        .write_all(
            b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
        )
        .unwrap();
    let megabyte = [&b"100000\r\n"[..], &vec![7; 1 << 20], b"\r\n"].concat();
    // It may hang up before the last one.
    for _ in 0..11 {
        if stream.write_all(&megabyte).is_err() {
            break;
        }
    }
    let mut answer = Vec::new();
    let _hung_up = stream.read_to_end(&mut answer);
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 413"), "{}", String::from_utf8_lossy(&answer));
    predictor.predicts("", &picture);
    let health = ureq::get(format!("{}/healthz", predictor.url)).call().unwrap().body_mut().read_to_string();
    assert_eq!(health.unwrap(), "ok");
    predictor.says_nothing_of_requests();
}

#[test]
fn a_model_of_another_hash_is_refused_and_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let controller = StandIn::start(&promoted(folder.path())[..1]);
    controller.damage(true);
    let predictor = Predictor::start(&controller.url, &[]);
    let picture = encoded_png(2, 2, &[9; 12]);
    let (status, _, answer) = predictor.send("?model=plain", &picture);
    assert_eq!((status, code(&answer)), (500, "internal"));
    let words = answer["error"]["message"].as_str().unwrap();
    assert!(words.contains("its SHA-256 begins") && words.contains("/api/v1/models/plain/files/"), "{words}");
    let kept: Vec<String> = predictor.files().into_iter().filter(|file| !file.ends_with(".lock")).collect();
    assert!(kept.is_empty(), "{kept:?}");
    controller.damage(false);
    predictor.predicts("?model=plain", &picture);
    // What is damaged where it lies is fetched again by the next one.
    let weights = predictor.files().into_iter().find(|file| file.ends_with(".safetensors")).unwrap();
    let cache = predictor.folder.path().join("cache");
    std::fs::write(predictor.folder.path().join(weights), "damaged").unwrap();
    let before = controller.fetched();
    let next = Predictor::start(&controller.url, &[&format!("--cache={}", cache.display())]);
    next.predicts("?model=plain", &picture);
    assert_eq!(controller.fetched(), before + 1);
}

#[test]
fn a_signal_lets_it_answer_what_waits_and_say_goodbye() {
    let folder = tempfile::tempdir().unwrap();
    let controller = StandIn::start(&promoted(folder.path())[..1]);
    let mut predictor = Predictor::start(&controller.url, &["--wait-ms=700"]);
    let id = controller.registered(|said| said["loaded"] == serde_json::json!(["id-of-plain"]))["id"].clone();
    let picture = encoded_png(2, 2, &[9; 12]);
    let mut waiting = [predictor.seated(picture.len()), predictor.seated(picture.len())];
    waiting[0].write_all(&picture).unwrap();
    predictor.signal();
    waiting[1].write_all(&picture).unwrap();
    for stream in &mut waiting {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    }
    assert!(predictor.process.wait().unwrap().success());
    assert_eq!(controller.left(), [id.as_str().unwrap()]);
    assert!(TcpStream::connect(predictor.address()).is_err());
}

#[test]
fn it_goes_on_while_the_controller_is_away() {
    let folder = tempfile::tempdir().unwrap();
    let models = promoted(folder.path());
    let place = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = place.local_addr().unwrap();
    drop(place);
    let predictor = Predictor::start(&format!("http://{address}"), &["--model=mirrored"]);
    let picture = encoded_png(2, 2, &[9; 12]);
    let (status, _, answer) = predictor.send("", &picture);
    assert_eq!((status, code(&answer)), (500, "internal"), "{answer}");
    let controller = StandIn::start_at(TcpListener::bind(address).unwrap(), &models);
    controller.registered(|said| said["loaded"] == serde_json::json!(["id-of-mirrored"]));
    assert_eq!(predictor.predicts("", &picture)["model"]["name"], "mirrored");
    let said = predictor.says("\nregistered with the controller\n");
    assert_eq!(said.matches("the controller is not reached").count(), 1, "{said}");
    // Nobody has promoted anything.
    let empty = StandIn::start(&[]);
    let idle = Predictor::start(&empty.url, &[]);
    empty.registered(|_| true);
    let (mut answer, begun) = (idle.send("", &picture), Instant::now());
    // The answer to the registration may still be on its way.
    while answer.0 != 404 && begun.elapsed() < Duration::from_secs(60) {
        answer = idle.send("", &picture);
    }
    assert_eq!((answer.0, code(&answer.2)), (404, "no_model"));
}

/// A picture: width, and pixels row by row.
#[derive(Clone)]
struct Picture(usize, Vec<[u8; 3]>);

impl Picture {
    fn height(&self) -> usize {
        self.1.len() / self.0
    }

    fn transposed(&self) -> Self {
        let across = 0..self.0;
        Self(
            self.height(),
            across.flat_map(|x| (0..self.height()).map(move |y| self.1[y * self.0 + x])).collect(),
        )
    }

    /// Left and right exchanged.
    fn mirrored(&self) -> Self {
        Self(self.0, self.1.chunks(self.0).flat_map(|row| row.iter().rev().copied()).collect())
    }

    /// As a camera stores it that notes this orientation.
    fn jpeg(&self, orientation: u16) -> Vec<u8> {
        let mut out = Vec::new();
        let mut encoder = jpeg_encoder::Encoder::new(&mut out, 95);
        encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::R_4_4_4);
        encoder
            .encode(self.1.as_flattened(), self.0 as u16, self.height() as u16, jpeg_encoder::ColorType::Rgb)
            .unwrap();
        let tiff = [
            &b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01"[..],
            &orientation.to_be_bytes(),
            &[0; 6],
        ]
        .concat();
        let length = (tiff.len() as u16 + 2).to_be_bytes();
        [&out[..2], b"\xff\xe1", &length, &tiff, &out[2..]].concat()
    }
}

#[test]
fn a_picture_that_lies_on_its_side_is_seen_as_the_upright_one() {
    let folder = tempfile::tempdir().unwrap();
    let models = promoted(folder.path());
    let controller = StandIn::start(&models[..1]);
    let predictor = Predictor::start(&controller.url, &["--wait-ms=0"]);
    // Of whole blocks in one colour, which JPEG stores alike whichever way they lie.
    let (across, down) = (5, 8);
    let colour = |x: usize, y: usize| {
        let mixed = ((y / 8 * across + x / 8) as u32 + 1).wrapping_mul(2_654_435_761);
        [(mixed >> 24) as u8, (mixed >> 16) as u8, (mixed >> 8) as u8]
    };
    let pixels = (0..8 * down).flat_map(|y| (0..8 * across).map(move |x| (x, y))).map(|(x, y)| colour(x, y));
    let upright = Picture(8 * across, pixels.collect());
    let expected = predictor.predicts("", &upright.jpeg(1));
    // By mirroring and transposing, from what is to be seen back to what is stored.
    let upside_down = |picture: &Picture| picture.transposed().mirrored().transposed();
    for (orientation, stored) in [
        (2, upright.mirrored()),
        (3, upside_down(&upright).mirrored()),
        (4, upside_down(&upright)),
        (5, upright.transposed()),
        (6, upright.mirrored().transposed()),
        (7, upside_down(&upright.mirrored()).transposed()),
        (8, upright.transposed().mirrored()),
    ] {
        let jpeg = stored.jpeg(orientation);
        let answer = predictor.predicts("", &jpeg);
        assert_eq!(answer["image"], serde_json::json!({"width": 40, "height": 64}), "{orientation}");
        assert!(apart(&answer, &expected) < 1e-6, "{orientation}: {answer}\n{expected}");
        let unturned = predictor.predicts("", &stored.jpeg(1));
        assert!(apart(&unturned, &expected) > 1e-3, "{orientation}: such a picture would show no mistake");
        let file = folder.path().join(format!("{orientation}.jpg"));
        std::fs::write(&file, jpeg).unwrap();
        assert!(apart(&predicted(&models[0].weights, &[file])[0], &expected) < 1e-4, "{orientation}");
    }
}

#[test]
fn what_makes_no_sense_is_said() {
    for (arguments, words) in [
        (&["--controller=box1:7878"][..], "must begin with http://"),
        (&["--controller=http://x", "--listen=0.0.0.0:0"], "say it: --url http://HOST:"),
        (&["--controller=http://x", "--batch=0"], "0 is not in"),
        (&["--controller=http://x", "--device=tpu"], "device is `tpu`"),
    ] {
        let output =
            Command::new(env!("CARGO_BIN_EXE_sweep-train")).arg("serve").args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
    }
}
