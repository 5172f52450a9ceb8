//! What the predictor asks of a controller, and tells it: over HTTP, by the thread that asks.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use ureq::Agent;

/// For a whole exchange.
const PATIENCE: Duration = Duration::from_secs(5);

/// A promoted model, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Offered {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) trial: String,
    pub(super) files: Vec<OfferedFile>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct OfferedFile {
    pub(super) role: String,
    pub(super) sha256: String,
    /// From the controller's root.
    pub(super) url: String,
}

impl Offered {
    /// The file of a role.
    ///
    /// # Errors
    /// When there is none, or its hash is no SHA-256.
    pub(super) fn file(&self, role: &str) -> Result<&OfferedFile, String> {
        let file = self.files.iter().find(|file| file.role == role);
        let file = file.ok_or_else(|| format!("the model {} has no file of the role `{role}`", self.name))?;
        // It becomes a file's name.
        let hash = &file.sha256;
        let plain = hash.len() == 64 && hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        plain.then_some(file).ok_or_else(|| format!("`{hash}` of the model {} is no SHA-256", self.name))
    }
}

#[derive(Deserialize)]
struct Listed {
    models: Vec<Offered>,
}

#[derive(Deserialize)]
struct Registered {
    default: Option<Offered>,
}

/// What a predictor says of itself.
pub(super) struct Myself {
    pub(super) id: String,
    /// How others reach it.
    pub(super) url: String,
    pub(super) device: String,
}

pub(super) struct Controller {
    agent: Agent,
    /// Without a slash at its end.
    url: String,
}

impl Controller {
    pub(super) fn new(url: &str) -> Self {
        let agent = Agent::config_builder().timeout_global(Some(PATIENCE)).build().into();
        Self { agent, url: url.trim_end_matches('/').to_owned() }
    }

    /// The address of something at the controller.
    pub(super) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// All promoted models.
    ///
    /// # Errors
    /// In words, with the controller's address.
    pub(super) fn models(&self) -> Result<Vec<Offered>, String> {
        let url = self.at("/api/v1/models");
        let listed = self.agent.get(&url).call().and_then(|mut answer| answer.body_mut().read_to_string());
        let listed = listed.map_err(|error| failed(&url, &error))?;
        serde_json::from_str::<Listed>(&listed)
            .map(|listed| listed.models)
            .map_err(|error| failed(&url, &error))
    }

    /// Says that this predictor is there; returns the model that is looked with if nobody names one.
    ///
    /// # Errors
    /// In words, with the controller's address.
    pub(super) fn register(&self, me: &Myself, loaded: &[String]) -> Result<Option<Offered>, String> {
        let url = self.at("/api/v1/predictors");
        let body = json!({
            "id": me.id, "url": me.url, "device": me.device, "version": env!("CARGO_PKG_VERSION"), "loaded": loaded,
        });
        let request = self.agent.post(&url).header("Content-Type", "application/json");
        let answer = request.send(body.to_string()).and_then(|mut answer| answer.body_mut().read_to_string());
        let answer = answer.map_err(|error| failed(&url, &error))?;
        serde_json::from_str::<Registered>(&answer)
            .map(|told| told.default)
            .map_err(|error| failed(&url, &error))
    }

    /// Says that it will be there no longer.
    ///
    /// # Errors
    /// In words, with the controller's address.
    pub(super) fn leave(&self, me: &Myself) -> Result<(), String> {
        let url = self.at(&format!("/api/v1/predictors/{}", me.id));
        self.agent.delete(&url).call().map(drop).map_err(|error| failed(&url, &error))
    }
}

fn failed(url: &str, error: &dyn std::fmt::Display) -> String {
    format!("{url}: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_that_would_be_another_files_name_is_refused() {
        let offered = |sha256: &str| Offered {
            id: "1".to_owned(),
            name: "faces".to_owned(),
            trial: "a/1".to_owned(),
            files: vec![OfferedFile { role: "weights".into(), sha256: sha256.into(), url: "/x".into() }],
        };
        assert!(offered(&"0a".repeat(32)).file("weights").is_ok());
        for hash in ["../../etc/passwd", "", &"0A".repeat(32), &"/".repeat(64)] {
            assert!(offered(hash).file("weights").unwrap_err().contains("no SHA-256"));
        }
        assert!(offered("").file("description").unwrap_err().contains("no file of the role"));
    }
}
