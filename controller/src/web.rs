//! Plain HTTP beside gRPC: the web pages and what they need.

mod pages;

use axum::Router;
use axum::routing::get;

/// Everything that is not gRPC.
pub(crate) fn router() -> Router {
    Router::new().route("/healthz", get(async || "ok\n")).merge(pages::router())
}
