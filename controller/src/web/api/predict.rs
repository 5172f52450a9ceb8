//! Predictions.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::answer::{Failed, bytes_of, taken};
use crate::app::App;
use crate::predict::{LARGEST_PICTURE, Refusal};

/// How long a picture may take to come.
const UPLOAD: Duration = Duration::from_secs(60);

pub(super) async fn predict(
    State(app): State<App>,
    RawQuery(query): RawQuery,
    body: Body,
) -> Result<Response, Failed> {
    // Each may take ten megabytes of memory, so only so many come at one time.
    let _place = app.pictures.try_acquire().map_err(|_full| Refusal::busy())?;
    let late = |_elapsed| Failed::invalid("the picture did not come in time", "send it in one go");
    let picture = tokio::time::timeout(UPLOAD, taken(body, LARGEST_PICTURE)).await.map_err(late)??;
    let picture = picture.ok_or_else(Refusal::too_large)?;
    let query = query.unwrap_or_default();
    let model = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "model");
    let model = model.map(|(_, name)| name.into_owned()).unwrap_or_default();
    let prediction = app.predict(picture.into(), &model).await?;
    Ok(bytes_of(StatusCode::OK, "application/json", prediction))
}
