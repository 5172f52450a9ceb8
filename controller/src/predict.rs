//! A picture to a predictor, and its answer back. Nothing of a picture is kept, and nothing of it is logged.

use std::sync::{Arc, OnceLock, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use serde_json::Value;
use sweep_proto::status::root_cause;
use sweep_store::{NEWEST, StoreError};
use thiserror::Error;
use tracing::{error, warn};
use uuid::Uuid;

use crate::app::App;

/// The largest picture, in bytes.
pub(crate) const LARGEST_PICTURE: usize = 10 << 20;

/// The largest answer of a predictor, in bytes.
const LARGEST_ANSWER: usize = 1 << 20;

/// How long a connection to a predictor may take.
const CONNECTION: Duration = Duration::from_secs(2);

/// How long an answer may take: the first one after a promotion waits until the model is fetched.
const ANSWER: Duration = Duration::from_secs(60);

/// Why there is no prediction, as programs tell it apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    Unreadable,
    TooLarge,
    NoModel,
    NoPredictor,
    Busy,
    Internal,
}

impl Code {
    const ALL: [Self; 6] =
        [Self::Unreadable, Self::TooLarge, Self::NoModel, Self::NoPredictor, Self::Busy, Self::Internal];

    /// As it is written.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::TooLarge => "too_large",
            Self::NoModel => "no_model",
            Self::NoPredictor => "no_predictor",
            Self::Busy => "busy",
            Self::Internal => "internal",
        }
    }
}

/// Why there is no prediction, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub(crate) struct Refusal {
    pub(crate) code: Code,
    pub(crate) message: String,
    pub(crate) fix: String,
}

impl Refusal {
    pub(crate) fn new(code: Code, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { code, message: message.into(), fix: fix.into() }
    }

    pub(crate) fn too_large() -> Self {
        let message = format!("the picture has more than {} MiB", LARGEST_PICTURE >> 20);
        Self::new(Code::TooLarge, message, "send a smaller one")
    }

    pub(crate) fn busy() -> Self {
        Self::new(
            Code::Busy,
            "as many pictures as there is room for are on their way",
            "try again in a second",
        )
    }

    /// What a predictor said in place of a prediction; `None`: that is no word of a predictor.
    fn told(body: &[u8]) -> Option<Self> {
        let told: Value = serde_json::from_slice(body).ok()?;
        let text = |name: &str| told["error"][name].as_str();
        let code = Code::ALL.into_iter().find(|code| Some(code.word()) == text("code"))?;
        Some(Self::new(code, text("message")?, text("fix").unwrap_or_default()))
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::ModelNotFound { name } => {
                let fix = if name == NEWEST {
                    "promote a trial: sweep-ctl model promote SWEEP/NUMBER"
                } else {
                    "see which there are: sweep-ctl model list"
                };
                Self::new(Code::NoModel, error.to_string(), fix)
            }
            _ => {
                error!(error = ?error, "the store failed");
                Self::new(Code::Internal, "the controller's storage failed", "its log says why")
            }
        }
    }
}

/// No predictor answered: those that were asked, and why not.
fn nobody(asked: &[String]) -> Refusal {
    let message = if asked.is_empty() {
        "no predictor is registered with this controller".to_owned()
    } else {
        format!("no predictor answers: {}", asked.join("; "))
    };
    Refusal::new(Code::NoPredictor, message, "start one: sweep-train serve --controller URL")
}

/// The way to predictors. A clone is a handle.
#[derive(Debug, Clone, Default)]
pub(crate) struct Way(Arc<OnceLock<Result<reqwest::Client, String>>>);

impl Way {
    /// One client for all: it keeps connections. It is made when it is first needed.
    fn client(&self) -> Result<&reqwest::Client, String> {
        let make = || {
            // The first one counts; that of an earlier call is the same.
            let _installed = rustls::crypto::ring::default_provider().install_default();
            reqwest::Client::builder()
                // A picture goes where the predictor said that it is, and nowhere else.
                .no_proxy()
                .redirect(reqwest::redirect::Policy::none())
                .connect_timeout(CONNECTION)
                .timeout(ANSWER)
                .build()
                .map_err(|error| root_cause(&error))
        };
        self.0.get_or_init(make).as_ref().map_err(Clone::clone)
    }

    /// Asks one predictor. The error is why it cannot be reached.
    async fn ask(&self, url: &str, model: Uuid, picture: Bytes) -> Result<Result<Bytes, Refusal>, String> {
        let address = format!("{url}/predict?model={model}");
        let request = self.client()?.post(address).header("content-type", "application/octet-stream");
        let failed = |error: reqwest::Error| {
            if error.is_timeout() { "it took too long".to_owned() } else { root_cause(&error) }
        };
        let mut answer = request.body(picture).send().await.map_err(failed)?;
        let status = answer.status();
        let mut body = BytesMut::new();
        while let Some(piece) = answer.chunk().await.map_err(failed)? {
            if body.len() + piece.len() > LARGEST_ANSWER {
                return Ok(Err(broken(url, "more than a prediction has")));
            }
            body.extend_from_slice(&piece);
        }
        if status.is_success() {
            let is_prediction =
                serde_json::from_slice::<Value>(&body).is_ok_and(|told| told["model"].is_object());
            return Ok(if is_prediction { Ok(body.freeze()) } else { Err(broken(url, "no prediction")) });
        }
        Ok(Err(Refusal::told(&body).unwrap_or_else(|| broken(url, &status.to_string()))))
    }
}

/// A predictor's answer that is none.
fn broken(url: &str, what: &str) -> Refusal {
    warn!("the predictor at {url} answered with {what}");
    let message = format!("the predictor at {url} answered with {what}");
    Refusal::new(Code::Internal, message, "see its log; is it a `sweep-train serve` of this version?")
}

impl App {
    /// What a model, by its name or the newest, makes of a picture: a prediction as JSON. Predictors are asked in turn, the
    /// next where one cannot be reached or is busy.
    pub(crate) async fn predict(&self, picture: Bytes, model: &str) -> Result<Bytes, Refusal> {
        if picture.len() > LARGEST_PICTURE {
            return Err(Refusal::too_large());
        }
        let name = if model.is_empty() { NEWEST } else { model };
        let model = self.store.model_get(name).await?.id;
        let (mut busy, mut silent) = (None, Vec::new());
        let turn = self.predictors().in_turn(self.clock.now_ms());
        for predictor in turn {
            self.predictors().ask(predictor.id);
            match self.way.ask(&predictor.url, model, picture.clone()).await {
                Ok(Err(refusal)) if refusal.code == Code::Busy => busy = Some(refusal),
                Ok(answer) => return answer,
                Err(cause) => {
                    warn!("the predictor at {} cannot be reached ({cause})", predictor.url);
                    silent.push(format!("{} ({cause})", predictor.url));
                }
            }
        }
        Err(busy.unwrap_or_else(|| nobody(&silent)))
    }

    /// The predictors that this controller knows.
    pub(crate) fn predictors(&self) -> std::sync::MutexGuard<'_, crate::predictors::Predictors> {
        self.predictors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_predictor_says_is_passed_on_and_nothing_else() {
        let told = |text: &str| Refusal::told(text.as_bytes());
        let busy = r#"{"error":{"code":"busy","message":"full","fix":"wait"}}"#;
        assert_eq!(told(busy), Some(Refusal::new(Code::Busy, "full", "wait")));
        for odd in ["", "<html>", "{}", r#"{"error":"busy"}"#, r#"{"error":{"code":"odd","message":"x"}}"#] {
            assert_eq!(told(odd), None, "{odd}");
        }
    }
}
