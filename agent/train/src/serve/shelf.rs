//! The models that are ready: fetched by hash, the two last used kept loaded.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tch::Device;

use super::controller::{Controller, Offered};
use crate::error::TrainError;
use crate::evaluate::{Looker, PRECISION};
use crate::saved::Saved;
use crate::weights::fetch::{self, Wanted};

/// How many stay loaded.
const KEPT: usize = 2;

/// A model that is ready.
pub(super) struct Loaded {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) trial: String,
    /// Side of the squares that it looks at.
    pub(super) side: u32,
    /// The inference thread's alone, in effect: nobody else locks it.
    looker: Mutex<Looker>,
}

impl Loaded {
    pub(super) fn looker(&self) -> MutexGuard<'_, Looker> {
        // Looking changes nothing that could be left half done.
        self.looker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) struct Shelf {
    /// Where fetched files are kept, by the hash of the weights.
    cache: PathBuf,
    device: Device,
    /// The last used one last.
    loaded: Mutex<Vec<Arc<Loaded>>>,
}

impl Shelf {
    pub(super) fn new(cache: PathBuf, device: Device) -> Self {
        Self { cache, device, loaded: Mutex::default() }
    }

    fn loaded(&self) -> MutexGuard<'_, Vec<Arc<Loaded>>> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn ids(&self) -> Vec<String> {
        self.loaded().iter().map(|model| model.id.clone()).collect()
    }

    /// A loaded model, which is the last used one from now on.
    pub(super) fn take(&self, id: &str) -> Option<Arc<Loaded>> {
        let mut loaded = self.loaded();
        let place = loaded.iter().position(|model| model.id == id)?;
        let model = loaded.remove(place);
        loaded.push(Arc::clone(&model));
        Some(model)
    }

    /// Fetches a model if its files are not here, and loads it; those used least recently go. Pictures that wait for one
    /// that goes still have it.
    ///
    /// # Errors
    /// In words, when it cannot be had or used.
    pub(super) fn load(
        &self,
        controller: &Controller,
        offered: &Offered,
        say: &dyn Fn(&str),
    ) -> Result<Arc<Loaded>, String> {
        let failed = |what: String| format!("cannot load the model {}: {what}", offered.name);
        let looker = self.looker(controller, offered, say).map_err(failed)?;
        let model = Arc::new(Loaded {
            id: offered.id.clone(),
            name: offered.name.clone(),
            trial: offered.trial.clone(),
            side: looker.side(),
            looker: Mutex::new(looker),
        });
        let mut loaded = self.loaded();
        loaded.retain(|other| other.id != model.id);
        loaded.push(Arc::clone(&model));
        let gone = loaded.len().saturating_sub(KEPT);
        loaded.drain(..gone);
        Ok(model)
    }

    fn looker(
        &self,
        controller: &Controller,
        offered: &Offered,
        say: &dyn Fn(&str),
    ) -> Result<Looker, String> {
        let weights = offered.file("weights")?;
        let place = |ending: &str| format!("{}.{ending}", weights.sha256);
        for (file, name) in [(weights, place("safetensors")), (offered.file("description")?, place("json"))] {
            let url = if file.url.starts_with('/') { controller.at(&file.url) } else { file.url.clone() };
            let wanted = Wanted { what: "model", name: &name, url, sha256: &file.sha256 };
            let mut tell = |line: String| -> Result<(), TrainError> {
                say(&line);
                Ok(())
            };
            fetch::fetch_checked(&wanted, &self.cache, &mut tell).map_err(|error| match error {
                TrainError::Fetch { url, what, .. } => format!("cannot fetch {url}: {what}"),
                other => other.to_string(),
            })?;
        }
        let ready = || {
            let mut saved = Saved::open(&self.cache.join(place("safetensors")))?;
            saved.config.fitting.precision = PRECISION;
            saved.config.check()?;
            Looker::new(&saved, self.device)
        };
        ready().map_err(|error| error.to_string())
    }
}
