//! A stand-in for the controller: its models and its register of predictors over HTTP, as the predictor sees them.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// A model that was promoted, by what is told of it. The first one is the default.
#[derive(Clone)]
pub(crate) struct Promoted {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    /// The `.safetensors`; its description lies beside it.
    pub(crate) weights: PathBuf,
}

#[derive(Default)]
struct Shared {
    models: Vec<Promoted>,
    /// Whether files are given out with a bit turned over.
    damaged: bool,
    /// Last words of each predictor, by its id.
    registered: BTreeMap<String, Value>,
    left: Vec<String>,
    /// Files that were given out.
    fetched: usize,
}

#[derive(Clone)]
pub(crate) struct StandIn {
    pub(crate) url: String,
    shared: Arc<(Mutex<Shared>, Condvar)>,
}

impl StandIn {
    pub(crate) fn start(models: &[Promoted]) -> Self {
        Self::start_at(TcpListener::bind("127.0.0.1:0").unwrap(), models)
    }

    pub(crate) fn start_at(listener: TcpListener, models: &[Promoted]) -> Self {
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Shared { models: models.to_vec(), ..Shared::default() };
        let this = Self { url, shared: Arc::new((Mutex::new(shared), Condvar::new())) };
        let server = this.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let server = server.clone();
                // A client that went away is the client's affair.
                thread::spawn(move || drop(server.answer(&stream.unwrap())));
            }
        });
        this
    }

    pub(crate) fn damage(&self, damaged: bool) {
        self.shared.0.lock().unwrap().damaged = damaged;
    }

    pub(crate) fn fetched(&self) -> usize {
        self.shared.0.lock().unwrap().fetched
    }

    /// Waits for a predictor that says this of itself.
    pub(crate) fn registered(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let (shared, changed) = &*self.shared;
        let all = shared.lock().unwrap();
        let find = |all: &Shared| all.registered.values().find(|said| wanted(said)).cloned();
        let (all, late) =
            changed.wait_timeout_while(all, Duration::from_secs(60), |all| find(all).is_none()).unwrap();
        assert!(!late.timed_out(), "no such predictor among {:?}", all.registered);
        find(&all).unwrap()
    }

    pub(crate) fn left(&self) -> Vec<String> {
        self.shared.0.lock().unwrap().left.clone()
    }

    fn answer(&self, mut stream: &TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head)? == 0 {
                return Ok(());
            }
        }
        let length = head
            .to_ascii_lowercase()
            .split_once("content-length: ")
            .map(|(_, rest)| rest.split("\r\n").next().unwrap().parse::<usize>().unwrap());
        let mut body = vec![0; length.unwrap_or(0)];
        reader.read_exact(&mut body)?;
        let mut words = head.split(' ');
        let (method, path) = (words.next().unwrap(), words.next().unwrap());
        let (status, body) = self.served(method, path, &body);
        let head =
            format!("HTTP/1.1 {status} So\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        stream.write_all(head.as_bytes())?;
        stream.write_all(&body)
    }

    fn served(&self, method: &str, path: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let (shared, changed) = &*self.shared;
        let mut shared = shared.lock().unwrap();
        let told = |value: Value| (200, value.to_string().into_bytes());
        let parts: Vec<&str> = path.trim_start_matches("/api/v1/").split('/').collect();
        match (method, &parts[..]) {
            ("GET", ["models"]) => {
                let models: Vec<Value> = shared.models.iter().map(Promoted::told).collect();
                told(json!({"schema": "sweep.v1", "models": models}))
            }
            ("GET", ["models", name, "files", file]) => {
                let model = shared.models.iter().find(|model| model.name == *name).unwrap();
                let mut bytes = std::fs::read(model.weights.with_file_name(file)).unwrap();
                if shared.damaged {
                    *bytes.last_mut().unwrap() ^= 1;
                }
                shared.fetched += 1;
                (200, bytes)
            }
            ("POST", ["predictors"]) => {
                let said: Value = serde_json::from_slice(body).unwrap();
                shared.registered.insert(said["id"].as_str().unwrap().to_owned(), said);
                changed.notify_all();
                let default = shared.models.first().map(Promoted::told);
                told(json!({"schema": "sweep.v1", "default": default, "keep_ms": 15_000}))
            }
            ("DELETE", ["predictors", id]) => {
                shared.left.push((*id).to_owned());
                told(json!({"schema": "sweep.v1"}))
            }
            _ => (404, b"{}".to_vec()),
        }
    }
}

impl Promoted {
    fn told(&self) -> Value {
        let file = |path: &Path, role: &str| {
            let bytes = std::fs::read(path).unwrap();
            let hash: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
            let name = path.file_name().unwrap().to_str().unwrap();
            json!({"name": name, "role": role, "sha256": hash, "size": bytes.len(),
                   "url": format!("/api/v1/models/{}/files/{name}", self.name)})
        };
        let description = self.weights.with_extension("json");
        json!({"id": self.id, "name": self.name, "sweep": "k3x9q2ab", "trial": "k3x9q2ab/4", "step": 1,
               "files": [file(&description, "description"), file(&self.weights, "weights")]})
    }
}
