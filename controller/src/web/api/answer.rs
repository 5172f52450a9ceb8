//! Answers: JSON with the schema's name at the top, and errors of one shape.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use sweep_store::StoreError;
use tracing::error;

use crate::artifacts::ArtifactError;
use crate::files::FileError;
use crate::predict::{Code, Refusal};

/// What the answers are written by.
const SCHEMA: &str = "sweep.v1";

/// A JSON object as an answer.
pub(super) fn json_of(status: StatusCode, mut value: Value) -> Response {
    value["schema"] = SCHEMA.into();
    bytes_of(status, "application/json", value.to_string())
}

/// Bytes as an answer; no browser guesses what they are.
pub(super) fn bytes_of(status: StatusCode, kind: &'static str, body: impl Into<Body>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (status, headers, body.into()).into_response()
}

/// Why something was not done.
#[derive(Debug)]
pub(super) struct Failed {
    status: StatusCode,
    code: &'static str,
    message: String,
    fix: String,
}

impl Failed {
    fn new(
        status: StatusCode,
        code: &'static str,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self { status, code, message: message.into(), fix: fix.into() }
    }

    /// The request is malformed.
    pub(super) fn invalid(message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid", message, fix)
    }

    /// The body is of another kind.
    pub(super) fn kind(message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "invalid", message, fix)
    }

    pub(super) fn not_found(message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message, fix)
    }

    /// The controller's own fault; the cause is for its log.
    pub(super) fn internal(cause: &dyn std::fmt::Debug, message: &'static str) -> Self {
        error!(error = ?cause, "{message}");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            Code::Internal.word(),
            message,
            "the controller's log says why",
        )
    }
}

impl From<Refusal> for Failed {
    fn from(refusal: Refusal) -> Self {
        let status = match refusal.code {
            Code::Unreadable => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Code::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Code::NoModel => StatusCode::NOT_FOUND,
            Code::NoPredictor | Code::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, refusal.code.word(), refusal.message, refusal.fix)
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Refusal::from(error).into()
    }
}

impl From<FileError> for Failed {
    fn from(error: FileError) -> Self {
        match error {
            FileError::Store(error) => error.into(),
            FileError::NoArtifacts | FileError::Artifacts(ArtifactError::Missing { .. }) => {
                Self::not_found(error.to_string(), "promote the trial again, or another one")
            }
            FileError::Artifacts(error) => Self::internal(&error, "the artifact store failed"),
        }
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        let error = json!({"code": self.code, "message": self.message, "fix": self.fix});
        let mut response = json_of(self.status, json!({"error": error}));
        if self.code == Code::Busy.word() {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// A body of at most `limit` bytes; `None`: it is larger. The rest of a larger one is read and dropped up to eight times as
/// much, so that who sends it hears why, and not only that the connection is gone.
pub(super) async fn taken(body: Body, limit: usize) -> Result<Option<Vec<u8>>, Failed> {
    let (mut kept, mut seen) = (Vec::new(), 0_usize);
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| Failed::invalid(error.to_string(), "send the whole body"))?;
        seen = seen.saturating_add(piece.len());
        if seen <= limit {
            kept.extend_from_slice(&piece);
        } else {
            kept = Vec::new();
            if seen > limit.saturating_mul(8) {
                break;
            }
        }
    }
    Ok((seen <= limit).then_some(kept))
}

/// A file's name as a part of an address: what a URL may not hold as it is, in percents.
pub(super) fn in_address(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
    name.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_files_address_leads_to_it() {
        assert_eq!(in_address("12.safetensors"), "12.safetensors");
        assert_eq!(in_address("a b?%#ö"), "a%20b%3F%25%23%C3%B6");
    }
}
