//! The dashboard and the demo page: embedded files, and the headers that keep a page to its own origin.

use axum::Router;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

/// What a page may load and where it may connect to: this server. Styles of charts are set by script.
const POLICY: &str = "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; \
                      style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'";

pub(super) fn router() -> Router {
    Router::new()
        .route("/", get(async || file("index.html")))
        .route("/demo", get(async || file("demo.html")))
        .route("/icon.svg", get(async || file("icon.svg")))
        .route("/licenses", get(async || file("licenses.txt")))
        .route("/assets/{name}", get(async |Path(name): Path<String>| file(&format!("assets/{name}"))))
}

fn file(path: &str) -> Response {
    let Some(page) = sweep_web::page(path) else {
        return (StatusCode::NOT_FOUND, "There is no such page here.\n").into_response();
    };
    // A name with its content's hash never changes; the pages themselves name the newest ones.
    let caching = if page.hashed { "public, max-age=31536000, immutable" } else { "no-cache" };
    let headers = [
        (header::CONTENT_TYPE, page.content_type),
        (header::CACHE_CONTROL, caching),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            header::HeaderName::from_static("permissions-policy"),
            "camera=(self), microphone=(), geolocation=()",
        ),
    ];
    (headers, page.bytes).into_response()
}
