//! Plain HTTP beside gRPC: the web pages, models and predictions.

mod api;
mod pages;

use axum::Router;
use axum::routing::get;

use crate::app::App;

/// Everything that is not gRPC.
pub(crate) fn router(app: App) -> Router {
    Router::new().route("/healthz", get(async || "ok\n")).merge(pages::router()).merge(api::router(app))
}
