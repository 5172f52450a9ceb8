//! Models: checkpoints that people chose to use, and what there is to know of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use futures_util::stream::BoxStream;
use serde_json::Value;
use sweep_core::file::FileRef;
use sweep_core::promotion::Role;
use sweep_store::{Media, Model, NEWEST, Promotion, StoreError};

use crate::app::App;
use crate::artifacts::ArtifactError;
use crate::files::FileError;
use crate::predictors::Predictor;

/// Descriptions that are larger, in bytes, are not `sweep-train`'s.
const LARGEST_DESCRIPTION: u64 = 1 << 20;

/// A model, and what there is to know of it.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) model: Model,
    /// Whether it is used where none is named: the newest.
    pub(crate) is_default: bool,
    /// Whether it was trained on made-up faces; `None`: unknown.
    pub(crate) made_up: Option<bool>,
    /// What it scored on the validation and on the test split.
    pub(crate) validation: Option<Value>,
    pub(crate) test: Option<Value>,
    pub(crate) predictors: Vec<Predictor>,
}

/// What is in a file, piece by piece.
type Content = BoxStream<'static, Result<Bytes, ArtifactError>>;

/// What descriptions say, by their hashes: a content never changes.
pub(crate) type Descriptions = Arc<Mutex<HashMap<String, Option<bool>>>>;

/// What the trial told under a name at the very step; an earlier or later model scored otherwise.
fn told_at(media: &[Media], name: &str, step: u64) -> Option<Value> {
    media.iter().rfind(|one| one.name == name && one.step == step).map(|one| one.value.clone())
}

impl App {
    /// Makes a model of a trial's checkpoint.
    pub(crate) async fn promote(&self, promotion: Promotion) -> Result<Shown, StoreError> {
        let model = self.store.model_promote(promotion, self.clock.now_ms()).await?;
        self.shown(model).await
    }

    /// All models, newest first.
    pub(crate) async fn models(&self) -> Result<Vec<Shown>, StoreError> {
        let mut all = Vec::new();
        for model in self.store.model_list().await? {
            let is_default = all.is_empty();
            all.push(self.known(model, is_default).await?);
        }
        Ok(all)
    }

    /// A model by its name, or the newest.
    pub(crate) async fn model(&self, name: &str) -> Result<Shown, StoreError> {
        let model = self.store.model_get(name).await?;
        self.shown(model).await
    }

    /// The newest model, if there is one.
    pub(crate) async fn default_model(&self) -> Result<Option<Shown>, StoreError> {
        match self.model(NEWEST).await {
            Err(StoreError::ModelNotFound { .. }) => Ok(None),
            found => found.map(Some),
        }
    }

    /// Removes a model; what it was.
    pub(crate) async fn remove_model(&self, name: &str) -> Result<Shown, StoreError> {
        let model = self.store.model_remove(name, self.clock.now_ms()).await?;
        self.known(model, false).await
    }

    async fn shown(&self, model: Model) -> Result<Shown, StoreError> {
        let is_default = match self.store.model_get(NEWEST).await {
            // Removed meanwhile.
            Err(StoreError::ModelNotFound { .. }) => false,
            newest => newest?.id == model.id,
        };
        self.known(model, is_default).await
    }

    async fn known(&self, model: Model, is_default: bool) -> Result<Shown, StoreError> {
        let media = self.store.trial_get(&model.trial()).await?.media;
        Ok(Shown {
            is_default,
            made_up: self.is_made_up(&model.files).await,
            validation: told_at(&media, "validation-scores", model.step),
            test: told_at(&media, "test-scores", model.step),
            predictors: self.predictors().in_turn(self.clock.now_ms()),
            model,
        })
    }

    /// Whether a model's description says that its data was made up.
    async fn is_made_up(&self, files: &[FileRef]) -> Option<bool> {
        let is_description = |file: &&FileRef| Role::of_name(&file.name) == Role::Description;
        let file = files.iter().find(is_description).filter(|file| file.size <= LARGEST_DESCRIPTION)?;
        let lock = || self.descriptions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(&known) = lock().get(&file.sha256) {
            return known;
        }
        // What cannot be read now is asked for again; nothing else depends on it.
        let content = self.get_file(&file.sha256, 0).await.ok()?;
        let pieces: Vec<Bytes> = content.try_collect().await.ok()?;
        let description: Option<Value> = serde_json::from_slice(&pieces.concat()).ok();
        let is_made_up = description.and_then(|text| text["data"]["made_up"].as_bool());
        lock().insert(file.sha256.clone(), is_made_up);
        is_made_up
    }

    /// A file of a model, by its name there; `None`: it has no such file.
    pub(crate) async fn model_file(
        &self,
        name: &str,
        file: &str,
    ) -> Result<Option<(FileRef, Content)>, FileError> {
        let model = self.store.model_get(name).await?;
        let Some(file) = model.files.into_iter().find(|one| one.name == file) else { return Ok(None) };
        let content = self.get_file(&file.sha256, 0).await?;
        Ok(Some((file, content)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_those_of_the_very_step() {
        let media = |name: &str, step, value: u64| Media { name: name.to_owned(), step, value: value.into() };
        // The step came twice: the attempt that went on told it again.
        let all = [media("test-scores", 10, 1), media("test-scores", 20, 2), media("test-scores", 20, 3)];
        let told = |step| told_at(&all, "test-scores", step).and_then(|value| value.as_u64());
        assert_eq!((told(10), told(20), told(15)), (Some(1), Some(3), None));
        assert_eq!(told_at(&all, "validation-scores", 10), None);
    }
}
