//! Plain HTTP beside gRPC: models and predictions.

mod api;

use axum::Router;
use axum::routing::get;

use crate::app::App;

/// Everything that is not gRPC.
pub(crate) fn router(app: App) -> Router {
    let greeting = "Sweep's controller. Talk to it by sweep-ctl, sweep-agent or gRPC (sweep.v1).\n";
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/", get(async move || greeting))
        .merge(api::router(app))
}
