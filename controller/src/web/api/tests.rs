//! The routes as a page and a predictor meet them: the very server on a port, with a stand-in for a predictor.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use axum::body::Bytes;
use axum::extract::RawQuery;
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use sweep_store::{Promotion, TrialName};
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::app::App;
use crate::files::tests::{keep_model, scene};
use crate::samples::Samples;
use crate::{Clock, serve};

/// A controller with a model of one trial, on a port.
struct Place {
    folder: tempfile::TempDir,
    url: String,
    web: Client,
    trial: Uuid,
    app: App,
    /// The controller's time, in milliseconds.
    now: Arc<AtomicU64>,
}

impl Place {
    async fn start() -> Self {
        Self::with(|app, _| app).await
    }

    async fn with(set_up: impl FnOnce(App, &Path) -> App) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (app, key) = scene(Arc::new(sweep_store::MemoryStore::new()), folder.path()).await;
        let now = Arc::new(AtomicU64::new(1_700_000_000_000));
        let read = Arc::clone(&now);
        let clock = move || SystemTime::UNIX_EPOCH + Duration::from_millis(read.load(Ordering::SeqCst));
        let app = set_up(app.with_clock(Clock::new(clock)), folder.path());
        let description = br#"{"data": {"files": 9, "made_up": true}}"#;
        keep_model(&app, key, 1, &[("1.safetensors", b"weights"), ("1.json", description)]).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(serve(listener, app.clone(), std::future::pending()));
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let web = Client::builder().no_proxy().build().unwrap();
        Self { folder, url, web, trial: key.trial, app, now }
    }

    async fn promote(&self, name: &str) {
        let trial = TrialName::Id(self.trial);
        let name = Some(name.to_owned());
        let promotion = Promotion { id: Uuid::now_v7(), trial, name, step: None, replace: false };
        self.app.promote(promotion).await.unwrap();
    }

    async fn get(&self, path: &str) -> Response {
        self.web.get(format!("{}{path}", self.url)).send().await.unwrap()
    }

    async fn json(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert!(answer.headers().get("access-control-allow-origin").is_none());
        told(answer).await
    }

    async fn register(&self, id: u128, url: &str, loaded: &[Value]) -> Value {
        let told =
            json!({"id": Uuid::from_u128(id), "url": url, "device": "cpu", "version": "1", "loaded": loaded});
        let answer = self.post("/api/v1/predictors", "application/json", told.to_string()).await;
        assert_eq!(answer.status(), StatusCode::OK);
        self::told(answer).await
    }

    async fn post(&self, path: &str, kind: &str, body: impl Into<reqwest::Body>) -> Response {
        let request = self.web.post(format!("{}{path}", self.url)).header("content-type", kind);
        request.body(body).send().await.unwrap()
    }

    /// What a prediction of some bytes comes to.
    async fn predict(&self, query: &str, picture: &'static [u8]) -> (u16, Value) {
        let answer = self.post(&format!("/api/v1/predict{query}"), "image/jpeg", picture).await;
        (answer.status().as_u16(), told(answer).await)
    }
}

/// An answer's JSON, which says its schema.
async fn told(answer: Response) -> Value {
    let value: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    assert_eq!(value["schema"], "sweep.v1", "{value}");
    value
}

fn code(told: &(u16, Value)) -> (u16, &str) {
    (told.0, told.1["error"]["code"].as_str().unwrap_or_default())
}

/// What a stand-in was asked: the query and the picture.
type Asked = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// Something that answers as a predictor does, or as told; its address, and what it was asked.
async fn predictor(answer: (u16, Value)) -> (String, Asked) {
    let asked = Asked::default();
    let notes = Arc::clone(&asked);
    let predict = async move |RawQuery(query): RawQuery, picture: Bytes| {
        notes.lock().unwrap().push((query.unwrap_or_default(), picture.to_vec()));
        (axum::http::StatusCode::from_u16(answer.0).unwrap(), answer.1.to_string())
    };
    let router = axum::Router::new()
        .route("/predict", axum::routing::post(predict))
        .layer(axum::extract::DefaultBodyLimit::disable());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let served = tonic::transport::Server::builder()
            .accept_http1(true)
            .add_routes(tonic::service::Routes::from(router))
            .serve_with_incoming(tonic::transport::server::TcpIncoming::from(listener));
        served.await.unwrap();
    });
    (url, asked)
}

fn prediction() -> Value {
    json!({"schema": "sweep.v1", "model": {"name": "faces"}, "age": [{"class": "20-29", "probability": 0.5}]})
}

fn refusal(code: &str) -> Value {
    json!({"schema": "sweep.v1", "error": {"code": code, "message": "because", "fix": "do"}})
}

/// An address where nobody listens any more.
async fn nowhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[tokio::test]
async fn models_are_told_with_all_there_is_to_know() {
    let place = Place::start().await;
    assert_eq!(place.json("/api/v1/models").await["models"], json!([]));
    place.promote("faces").await;
    place.now.fetch_add(1, Ordering::SeqCst);
    place.promote("newer").await;
    let models = place.json("/api/v1/models").await["models"].take();
    let names: Vec<_> =
        models.as_array().unwrap().iter().map(|model| (&model["name"], &model["default"])).collect();
    assert_eq!(names, [(&json!("newer"), &json!(true)), (&json!("faces"), &json!(false))]);
    let model = &models[1];
    assert_eq!(place.json("/api/v1/models/faces").await["model"], *model);
    assert_eq!(
        (&model["step"], &model["made_up"], &model["metrics"]["f1"]),
        (&1.into(), &true.into(), &0.5.into())
    );
    assert_eq!(model["scores"], json!({"validation": {"images": 7}, "test": null}));
    assert!(model["trial"].as_str().unwrap().ends_with("/1") && model["params"].is_object());
    let files = model["files"].as_array().unwrap();
    assert_eq!((&files[0]["role"], &files[1]["role"]), (&"weights".into(), &"description".into()));
    let answer = place.get(files[0]["url"].as_str().unwrap()).await;
    let tag = answer.headers()["etag"].clone();
    assert_eq!(tag, format!("\"{}\"", files[0]["sha256"].as_str().unwrap()));
    assert_eq!(answer.headers()["content-length"], "7");
    assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
    assert_eq!(answer.bytes().await.unwrap(), "weights");
    let url = format!("{}{}", place.url, files[0]["url"].as_str().unwrap());
    let again = place.web.get(url).header("if-none-match", tag).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
}

#[tokio::test]
async fn no_name_leads_out_of_a_model_or_the_samples() {
    let place = Place::with(|app, folder| {
        let samples = folder.join("samples");
        std::fs::create_dir_all(&samples).unwrap();
        std::fs::write(samples.join("a b.jpg"), b"picture").unwrap();
        std::fs::write(folder.join("secret.jpg"), b"secret").unwrap();
        app.with_samples(Samples::open(Some(&samples)).unwrap())
    })
    .await;
    place.promote("faces").await;
    let listed = place.json("/api/v1/samples").await;
    assert_eq!(listed["made_up"], false);
    assert_eq!(listed["samples"], json!([{"name": "a b.jpg", "url": "/api/v1/samples/a%20b.jpg"}]));
    let picture = place.get("/api/v1/samples/a%20b.jpg").await;
    assert_eq!(picture.headers()["content-type"], "image/jpeg");
    assert_eq!(picture.bytes().await.unwrap(), "picture");
    let absolute = place.folder.path().join("secret.jpg").display().to_string().replace('/', "%2F");
    for path in [
        "/api/v1/samples/..%2Fsecret.jpg",
        "/api/v1/samples/%2e%2e%2fsecret.jpg",
        &format!("/api/v1/samples/{absolute}"),
        "/api/v1/samples/none.jpg",
        "/api/v1/models/faces/files/..%2F1.json",
        "/api/v1/models/faces/files/2.json",
        "/api/v1/models/nobody/files/1.json",
        "/api/v1/models/..%2Ffaces",
    ] {
        let answer = place.get(path).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
        assert!(told(answer).await["error"]["fix"].is_string(), "{path}");
    }
}

#[tokio::test]
async fn a_picture_goes_to_a_predictor_and_its_answer_comes_back() {
    let place = Place::start().await;
    let (url, asked) = predictor((200, prediction())).await;
    assert_eq!(code(&place.predict("", b"picture").await), (404, "no_model"));
    assert_eq!(
        place.register(1, &url, &[]).await,
        json!({"schema": "sweep.v1", "default": null, "keep_ms": 15_000})
    );
    place.promote("faces").await;
    let default = place.register(1, &url, &[]).await["default"].take();
    assert_eq!(default["name"], "faces");
    assert_eq!(place.predict("", b"picture").await, (200, prediction()));
    assert_eq!(place.predict("?x=1&model=faces", b"other").await, (200, prediction()));
    let query = format!("model={}", default["id"].as_str().unwrap());
    let expected = [(query.clone(), b"picture".to_vec()), (query, b"other".to_vec())];
    assert_eq!(*asked.lock().unwrap(), expected);
    assert_eq!(code(&place.predict("?model=nobody", b"x").await), (404, "no_model"));
    // What it has at hand is told with the model.
    place.register(1, &url, &[default["id"].clone()]).await;
    let model = place.json("/api/v1/models/faces").await["model"].take();
    assert_eq!(model["predictors"], json!([{"url": url, "device": "cpu", "loaded": true}]));
    // Not heard of for so long, it is forgotten.
    place.now.fetch_add(15_000, Ordering::SeqCst);
    assert_eq!(code(&place.predict("", b"x").await), (503, "no_predictor"));
}

#[tokio::test]
async fn the_next_predictor_is_asked_where_one_is_gone_or_busy() {
    let place = Place::start().await;
    place.promote("faces").await;
    let none = place.predict("", b"x").await;
    assert_eq!(code(&none), (503, "no_predictor"));
    assert_eq!(none.1["error"]["fix"], "start one: sweep-train serve --controller URL");
    let gone = nowhere().await;
    place.register(1, &gone, &[]).await;
    let unreachable = place.predict("", b"x").await;
    assert_eq!(code(&unreachable), (503, "no_predictor"));
    assert!(unreachable.1["error"]["message"].as_str().unwrap().contains(&gone), "{unreachable:?}");
    let (full, at_full) = predictor((503, refusal("busy"))).await;
    place.register(2, &full, &[]).await;
    let answer = place.post("/api/v1/predict", "image/jpeg", "x").await;
    assert_eq!(answer.headers()["retry-after"], "1");
    assert_eq!(told(answer).await["error"]["code"], "busy");
    let (well, at_well) = predictor((200, prediction())).await;
    place.register(3, &well, &[]).await;
    for _ in 0..3 {
        assert_eq!(place.predict("", b"x").await, (200, prediction()));
    }
    assert!(at_full.lock().unwrap().len() > 1, "it is asked again in its turn");
    assert_eq!(at_well.lock().unwrap().len(), 3);
    // One that ends in order is not asked any more.
    for (id, status) in
        [("3", StatusCode::BAD_REQUEST), (&Uuid::from_u128(3).to_string(), StatusCode::NO_CONTENT)]
    {
        let request = place.web.delete(format!("{}/api/v1/predictors/{id}", place.url));
        assert_eq!(request.send().await.unwrap().status(), status);
    }
    assert_eq!(code(&place.predict("", b"x").await), (503, "busy"));
}

#[tokio::test]
async fn predictors_are_asked_in_turn() {
    let place = Place::start().await;
    place.promote("faces").await;
    let [(one, at_one), (other, at_other)] =
        [predictor((200, prediction())).await, predictor((200, prediction())).await];
    place.register(1, &one, &[]).await;
    place.register(2, &other, &[]).await;
    for _ in 0..4 {
        place.predict("", b"x").await;
    }
    assert_eq!((at_one.lock().unwrap().len(), at_other.lock().unwrap().len()), (2, 2));
}

#[tokio::test]
async fn what_a_predictor_refuses_is_passed_on_and_what_it_should_not_say_is_not() {
    let place = Place::start().await;
    place.promote("faces").await;
    for (id, answer, expected) in [
        (1, (415, refusal("unreadable")), (415, "unreadable")),
        (2, (413, refusal("too_large")), (413, "too_large")),
        (3, (502, json!("Bad Gateway")), (500, "internal")),
        (4, (200, json!("<script>")), (500, "internal")),
        (5, (302, json!({})), (500, "internal")),
    ] {
        let (url, _) = predictor(answer.clone()).await;
        place.register(id, &url, &[]).await;
        assert_eq!(code(&place.predict("", b"x").await), expected, "{answer:?}");
        place.app.predictors().leave(Uuid::from_u128(id));
    }
}

#[tokio::test]
async fn a_picture_that_is_too_large_is_told_so() {
    let place = Place::start().await;
    place.promote("faces").await;
    let (url, asked) = predictor((200, prediction())).await;
    place.register(1, &url, &[]).await;
    const LARGEST: usize = 10 << 20;
    let answer = place.post("/api/v1/predict", "image/jpeg", vec![0; LARGEST + 1]).await;
    assert_eq!(code(&(answer.status().as_u16(), told(answer).await)), (413, "too_large"));
    // Without a length in front.
    let pieces = futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from(vec![0; 1 << 20])));
    let pieces = reqwest::Body::wrap_stream(futures_util::StreamExt::take(pieces, 12));
    let answer = place.post("/api/v1/predict", "image/jpeg", pieces).await;
    assert_eq!(code(&(answer.status().as_u16(), told(answer).await)), (413, "too_large"));
    assert!(asked.lock().unwrap().is_empty());
    let answer = place.post("/api/v1/predict", "image/jpeg", vec![0; LARGEST]).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(asked.lock().unwrap()[0].1.len(), LARGEST);
}

#[tokio::test]
async fn a_page_of_another_origin_registers_nothing() {
    let place = Place::start().await;
    let told = json!({"id": Uuid::from_u128(1), "url": "http://evil:1", "device": "cpu"}).to_string();
    // What a page may send without asking first.
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""] {
        let answer = place.post("/api/v1/predictors", kind, told.clone()).await;
        assert_eq!(answer.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE, "{kind}");
    }
    let request = place.web.request(reqwest::Method::OPTIONS, format!("{}/api/v1/predictors", place.url));
    let asks = request.header("origin", "http://evil").header("access-control-request-method", "POST");
    let answer = asks.send().await.unwrap();
    assert!(answer.headers().keys().all(|name| !name.as_str().starts_with("access-control")), "{answer:?}");
    for odd in ["", "{}", "[1]", r#"{"id": "1", "url": "http://box:1", "device": "cpu"}"#] {
        let answer = place.post("/api/v1/predictors", "application/json", odd).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{odd}");
    }
    assert!(place.app.predictors().in_turn(place.app.clock.now_ms()).is_empty());
}
