//! Why a request is not answered: codes, statuses and words, as the controller has them.

use hyper::StatusCode;
use serde_json::{Value, json};
use thiserror::Error;

use crate::data::Unusable;

/// Format of all that is said in JSON.
pub(super) const SCHEMA: &str = "sweep.v1";

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum Refusal {
    #[error("{0}")]
    Unreadable(String),
    #[error("{0}")]
    TooLarge(String),
    #[error("{0}")]
    NoModel(String),
    #[error("as many pictures as may wait are waiting")]
    Busy,
    #[error("{0}")]
    Internal(String),
    #[error("there is nothing here")]
    NotFound,
}

impl Refusal {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Unreadable(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NoModel(_) | Self::NotFound => StatusCode::NOT_FOUND,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "unreadable",
            Self::TooLarge(_) => "too_large",
            Self::NoModel(_) => "no_model",
            Self::Busy => "busy",
            Self::Internal(_) => "internal",
            Self::NotFound => "not_found",
        }
    }

    fn fix(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "send the bytes of a JPEG or PNG file as the body",
            Self::TooLarge(_) => "send a picture of at most 10 MiB and 50 megapixels",
            Self::NoModel(_) => {
                "promote a model, or name one that GET /api/v1/models of the controller lists"
            }
            Self::Busy => "try again in a second",
            Self::Internal(_) => "see the log of sweep-train serve",
            Self::NotFound => "POST /predict or GET /healthz",
        }
    }

    pub(super) fn body(&self) -> Value {
        let error = json!({"code": self.code(), "message": self.to_string(), "fix": self.fix()});
        json!({"schema": SCHEMA, "error": error})
    }
}

impl From<Unusable> for Refusal {
    fn from(what: Unusable) -> Self {
        match what {
            Unusable::Unreadable => Self::Unreadable(what.to_string()),
            Unusable::TooLarge { .. } => Self::TooLarge(what.to_string()),
        }
    }
}
