//! Models and their files.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use sweep_core::promotion::Role;

use super::answer::{Failed, bytes_of, in_address, json_of};
use crate::app::App;
use crate::models::Shown;

/// A model as pages and predictors see it.
pub(super) fn model_json(shown: &Shown) -> Value {
    let model = &shown.model;
    let file = |file: &sweep_core::file::FileRef| {
        json!({
            "name": file.name,
            "role": Role::of_name(&file.name).word(),
            "sha256": file.sha256,
            "size": file.size,
            "url": format!("/api/v1/models/{}/files/{}", model.name, in_address(&file.name)),
        })
    };
    let predictors: Vec<Value> = shown
        .predictors
        .iter()
        .map(|one| json!({"url": one.url, "device": one.device, "loaded": one.loaded.contains(&model.id)}))
        .collect();
    json!({
        "id": model.id,
        "name": model.name,
        "sweep": model.sweep,
        "sweep_name": model.sweep_name,
        "trial": model.trial().to_string(),
        "step": model.step,
        "epoch": model.epoch,
        "promoted_at_ms": model.promoted_at_ms,
        "default": shown.is_default,
        "params": model.params,
        "metrics": model.metrics,
        "made_up": shown.made_up,
        "scores": {"validation": shown.validation, "test": shown.test},
        "files": model.files.iter().map(file).collect::<Vec<_>>(),
        "predictors": predictors,
    })
}

pub(super) async fn list(State(app): State<App>) -> Result<Response, Failed> {
    let models: Vec<_> = app.models().await?.iter().map(model_json).collect();
    Ok(json_of(StatusCode::OK, json!({"models": models})))
}

pub(super) async fn one(State(app): State<App>, Path(name): Path<String>) -> Result<Response, Failed> {
    let model = app.model(&name).await?;
    Ok(json_of(StatusCode::OK, json!({"model": model_json(&model)})))
}

pub(super) async fn file(
    State(app): State<App>,
    Path((name, file)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Failed> {
    let missing = || {
        Failed::not_found(
            format!("model {name} has no file {file}"),
            format!("see which it has: /api/v1/models/{name}"),
        )
    };
    let (file, content) = app.model_file(&name, &file).await?.ok_or_else(missing)?;
    let tag = format!("\"{}\"", file.sha256);
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return Ok(StatusCode::NOT_MODIFIED.into_response());
    }
    let kind = if Role::of_name(&file.name) == Role::Description {
        "application/json"
    } else {
        "application/octet-stream"
    };
    let mut response = bytes_of(StatusCode::OK, kind, Body::from_stream(content));
    response.headers_mut().insert(header::CONTENT_LENGTH, file.size.into());
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}
