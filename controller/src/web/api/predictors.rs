//! Predictors that say that they are there, or end.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::json;
use tracing::info;
use uuid::Uuid;

use super::answer::{Failed, json_of, taken};
use super::models::model_json;
use crate::app::App;
use crate::predictors::{KEEP_MS, Predictor};

/// The largest registration, in bytes.
const LARGEST: usize = 64 << 10;

/// The longest text in one, and the most models, so that what is kept is small.
const LONGEST: usize = 300;

#[derive(Debug, Deserialize)]
struct Told {
    id: Uuid,
    url: String,
    device: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    loaded: Vec<Uuid>,
}

/// A predictor as it may be kept: at a plain address, where pictures are sent.
fn checked(told: Told) -> Result<Predictor, Failed> {
    let fix = "give where it answers as http://HOST:PORT";
    let url: url::Url =
        told.url.parse().map_err(|error| Failed::invalid(format!("url: `{}`: {error}", told.url), fix))?;
    let is_plain = url.scheme() == "http"
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none();
    if !is_plain {
        return Err(Failed::invalid(format!("url: `{}` is not http://HOST:PORT", told.url), fix));
    }
    let url = url.as_str().trim_end_matches('/').to_owned();
    if [&url, &told.device, &told.version].iter().any(|text| text.len() > LONGEST)
        || told.loaded.len() > LONGEST
    {
        return Err(Failed::invalid(
            format!("more than {LONGEST} letters or models in a registration"),
            "tell less",
        ));
    }
    Ok(Predictor { id: told.id, url, device: told.device, version: told.version, loaded: told.loaded })
}

/// Whether a body says that it is JSON. A page of another origin cannot say so without asking first, which nobody allows.
fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

pub(super) async fn register(
    State(app): State<App>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failed> {
    if !is_json(&headers) {
        return Err(Failed::kind("a registration is application/json", "send it with that content type"));
    }
    let large = || Failed::invalid("the registration is too large", "tell less");
    let body = taken(body, LARGEST).await?.ok_or_else(large)?;
    let told: Told = serde_json::from_slice(&body).map_err(|error| {
        Failed::invalid(error.to_string(), "send id, url, device, version and loaded as docs/models.md says")
    })?;
    let predictor = checked(told)?;
    let (url, now_ms) = (predictor.url.clone(), app.clock.now_ms());
    let is_known = app.predictors().in_turn(now_ms).iter().any(|known| known.id == predictor.id);
    if !app.predictors().hear(predictor, now_ms) {
        return Err(Failed::invalid(
            "there are too many predictors",
            "end some; they are forgotten in a moment",
        ));
    }
    if !is_known {
        info!("a predictor is at {url}");
    }
    let default = app.default_model().await?;
    let default = default.as_ref().map(model_json);
    Ok(json_of(StatusCode::OK, json!({"default": default, "keep_ms": KEEP_MS})))
}

pub(super) async fn leave(State(app): State<App>, Path(id): Path<String>) -> Result<Response, Failed> {
    let id =
        id.parse().map_err(|_| Failed::invalid(format!("`{id}` is not a UUID"), "name the one it told"))?;
    app.predictors().leave(id);
    Ok(StatusCode::NO_CONTENT.into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(url: &str) -> Told {
        Told {
            id: Uuid::from_u128(1),
            url: url.to_owned(),
            device: "cpu".to_owned(),
            version: String::new(),
            loaded: Vec::new(),
        }
    }

    #[test]
    fn a_predictor_is_at_a_plain_address() {
        for (good, kept) in [
            ("http://10.0.0.5:7880", "http://10.0.0.5:7880"),
            ("http://box/", "http://box"),
            ("HTTP://Box:7880", "http://box:7880"),
            ("http://[::1]:7880", "http://[::1]:7880"),
        ] {
            assert_eq!(checked(told(good)).unwrap().url, kept);
        }
        for bad in [
            "",
            "box:7880",
            "https://box",
            "file:///etc/passwd",
            "http://me:secret@box",
            "http://box/path",
            "http://box/?x=1",
            "http://box/#x",
            &format!("http://{}", "x".repeat(400)),
        ] {
            assert!(checked(told(bad)).is_err(), "{bad}");
        }
    }
}
