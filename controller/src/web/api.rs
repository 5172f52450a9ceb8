//! Models and predictions over plain HTTP, for pages and programs: docs/models.md. Handlers are thin: in, do, out.
//!
//! Invariants: no answer carries CORS headers, so a page of another origin reads nothing; what changes something takes
//! `application/json` or another method than GET and POST, so such a page cannot ask for it without being refused first.

mod answer;
mod models;
mod predict;
mod predictors;
mod samples;

use axum::Router;
use axum::routing::{delete, get, post};

use crate::app::App;

/// The routes below `/api/v1` of models and predictions.
pub(super) fn router(app: App) -> Router {
    Router::new()
        .route("/api/v1/models", get(models::list))
        .route("/api/v1/models/{name}", get(models::one))
        .route("/api/v1/models/{name}/files/{file}", get(models::file))
        .route("/api/v1/predictors", post(predictors::register))
        .route("/api/v1/predictors/{id}", delete(predictors::leave))
        .route("/api/v1/predict", post(predict::predict))
        .route("/api/v1/samples", get(samples::list))
        .route("/api/v1/samples/{name}", get(samples::one))
        .with_state(app)
}

#[cfg(test)]
mod tests;
