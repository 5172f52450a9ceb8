//! Pictures to try a model with.

use std::io;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;

use super::answer::{Failed, bytes_of, in_address, json_of};
use crate::app::App;
use crate::samples::{Samples, kind};

/// Asks a folder, away from who answers others.
async fn asked<T: Send + 'static>(
    app: &App,
    ask: impl FnOnce(&Samples) -> io::Result<T> + Send + 'static,
) -> Result<T, Failed> {
    let samples = app.samples.clone();
    let unread = "the folder of samples cannot be read";
    let done = tokio::task::spawn_blocking(move || ask(&samples)).await;
    done.map_err(|cause| Failed::internal(&cause, unread))?.map_err(|cause| Failed::internal(&cause, unread))
}

pub(super) async fn list(State(app): State<App>) -> Result<Response, Failed> {
    let names = asked(&app, Samples::names).await?;
    let sample =
        |name: &String| json!({"name": name, "url": format!("/api/v1/samples/{}", in_address(name))});
    let samples: Vec<_> = names.iter().map(sample).collect();
    Ok(json_of(StatusCode::OK, json!({"made_up": app.samples.are_made_up(), "samples": samples})))
}

pub(super) async fn one(State(app): State<App>, Path(name): Path<String>) -> Result<Response, Failed> {
    let missing = || Failed::not_found(format!("there is no sample {name}"), "see them: /api/v1/samples");
    let kind = kind(&name).ok_or_else(missing)?;
    let wanted = name.clone();
    let picture = asked(&app, move |samples| samples.read(&wanted)).await?.ok_or_else(missing)?;
    Ok(bytes_of(StatusCode::OK, kind, picture))
}
