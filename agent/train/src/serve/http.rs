//! Requests and answers: what is read of a body, who is refused, and the form of an answer.

use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONTENT_TYPE, EXPECT, RETRY_AFTER};
use hyper::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;
use url::form_urlencoded;

use super::inference::{Job, Looked, Work};
use super::models::Models;
use super::refusal::{Refusal, SCHEMA};
use super::shelf::Loaded;
use crate::evaluate::Square;

/// Bytes of a picture at most: 10 MiB.
const LARGEST_BODY: usize = 10 << 20;
/// Bytes that are read and thrown away at most, so that who sends them gets to read why.
const LARGEST_WASTE: usize = 32 << 20;
/// For a picture to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// What answers requests.
pub(super) struct Desk {
    pub(super) models: Models,
    /// Of pictures that may arrive, be decoded and wait at the same time.
    pub(super) seats: Arc<Semaphore>,
    pub(super) work: Sender<Work>,
    pub(super) device: String,
    pub(super) say: super::Say,
}

/// A picture that was looked at.
struct Seen {
    model: Arc<Loaded>,
    width: u32,
    height: u32,
    looked: Looked,
    /// From decoding to now.
    took: Duration,
}

impl Desk {
    /// Answers a request, and says nothing of it unless the fault is this program's.
    pub(super) async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Response<Full<Bytes>> {
        if (request.method(), request.uri().path()) == (&Method::GET, "/healthz") {
            return Response::new(Full::from("ok"));
        }
        let seen = match (request.method(), request.uri().path()) {
            (&Method::POST, "/predict") => self.predict(request).await,
            _ => Err(Refusal::NotFound),
        };
        let (status, body) = match &seen {
            Ok(seen) => (StatusCode::OK, self.prediction(seen)),
            Err(refusal) => (refusal.status(), refusal.body()),
        };
        if let Err(Refusal::Internal(what)) = &seen {
            (self.say)(&format!("a picture was not looked at: {what}"));
        }
        let mut response = Response::new(Full::from(body.to_string()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("application/json"));
        if matches!(seen, Err(Refusal::Busy)) {
            headers.insert(RETRY_AFTER, hyper::header::HeaderValue::from_static("1"));
        }
        response
    }

    async fn predict(&self, request: Request<Incoming>) -> Result<Seen, Refusal> {
        let model = request.uri().query().and_then(|query| {
            let mut pairs = form_urlencoded::parse(query.as_bytes());
            pairs.find(|(name, _)| name == "model").map(|(_, value)| value.into_owned())
        });
        let expects = request.headers().contains_key(EXPECT);
        let mut body = request.into_body();
        let Ok(seat) = Arc::clone(&self.seats).try_acquire_owned() else {
            waste(&mut body, expects).await;
            return Err(Refusal::Busy);
        };
        let bytes = picture(&mut body, expects).await?;
        let model = self.models.get(model.as_deref()).await?;
        let begun = Instant::now();
        let side = model.side;
        let square = tokio::task::spawn_blocking(move || Square::of(&bytes, side)).await;
        let square = square.map_err(|error| Refusal::Internal(format!("cannot decode: {error}")))??;
        let (width, height) = (square.width, square.height);
        let (reply, answer) = oneshot::channel();
        let job = Job { square, model: Arc::clone(&model), since: Instant::now(), seat, reply };
        let gone = || Refusal::Internal("the thread that looks at pictures is gone".to_owned());
        self.work.send(Work::Picture(job)).map_err(|_| gone())?;
        let looked = answer.await.map_err(|_| gone())?.map_err(Refusal::Internal)?;
        Ok(Seen { model, width, height, looked, took: begun.elapsed() })
    }

    fn prediction(&self, seen: &Seen) -> Value {
        let head = |head: usize| -> Vec<Value> {
            let classes = seen.looked.guess[head].iter();
            classes.map(|(name, share)| json!({"class": name, "probability": share})).collect()
        };
        json!({
            "schema": SCHEMA,
            "model": {"id": seen.model.id, "name": seen.model.name, "trial": seen.model.trial},
            "image": {"width": seen.width, "height": seen.height},
            "age": head(0), "sex": head(1), "race": head(2),
            "milliseconds": seen.took.as_secs_f64() * 1e3,
            "device": self.device,
            "batch": seen.looked.batch,
        })
    }
}

/// Reads a picture's bytes.
async fn picture(body: &mut Incoming, expects: bool) -> Result<Vec<u8>, Refusal> {
    let read = async {
        let mut bytes = Vec::new();
        if body.size_hint().lower() > LARGEST_BODY as u64 {
            return Err(too_large());
        }
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| {
                Refusal::Unreadable("the connection broke before the picture was there".to_owned())
            })?;
            let data = frame.data_ref().map_or(&[][..], |data| data);
            if bytes.len() + data.len() > LARGEST_BODY {
                return Err(too_large());
            }
            bytes.extend_from_slice(data);
        }
        Ok(bytes)
    };
    let read = timeout(PATIENCE, read).await.unwrap_or_else(|_| {
        Err(Refusal::Unreadable(format!("the picture was not there within {} s", PATIENCE.as_secs())))
    });
    if matches!(read, Err(Refusal::TooLarge(_))) {
        waste(body, expects).await;
    }
    read
}

fn too_large() -> Refusal {
    Refusal::TooLarge(format!("the body has more than {} MiB", LARGEST_BODY >> 20))
}

/// Reads a body and throws it away: a connection that is closed with bytes unread takes the answer with it. Who waits to
/// be asked for the body is not.
async fn waste(body: &mut Incoming, expects: bool) {
    if expects {
        return;
    }
    let read = async {
        let mut left = LARGEST_WASTE;
        while let Some(Ok(frame)) = body.frame().await {
            let bytes = frame.data_ref().map_or(0, Bytes::len);
            let Some(rest) = left.checked_sub(bytes) else { return };
            left = rest;
        }
    };
    // Who takes longer than that learns nothing.
    let _late = timeout(PATIENCE, read).await;
}
