//! Which model a request means, and that it is ready.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use super::Say;
use super::controller::{Controller, Myself, Offered};
use super::refusal::Refusal;
use super::shelf::{Loaded, Shelf};

/// The controller's models, as they are needed here. Clones are the same.
#[derive(Clone)]
pub(super) struct Models {
    inner: Arc<Inner>,
}

struct Inner {
    controller: Controller,
    me: Myself,
    /// Who is meant if nobody is named; `None`: whom the controller says.
    named: Option<String>,
    shelf: Shelf,
    chosen: Mutex<Chosen>,
    /// Whether the controller was asked once, whatever came of it.
    asked: watch::Sender<bool>,
    /// One model is fetched and loaded at a time.
    loading: tokio::sync::Mutex<()>,
    say: Say,
}

/// What was last heard of the model that is meant if nobody is named.
#[derive(Clone)]
enum Chosen {
    /// Why nothing was heard yet.
    Unknown(String),
    Nobody,
    This(Offered),
}

impl Models {
    pub(super) fn new(
        controller: Controller,
        me: Myself,
        named: Option<String>,
        shelf: Shelf,
        say: Say,
    ) -> Self {
        let chosen = Mutex::new(Chosen::Unknown("the controller was not heard of yet".to_owned()));
        let (asked, loading) = (watch::Sender::new(false), tokio::sync::Mutex::default());
        Self { inner: Arc::new(Inner { controller, me, named, shelf, chosen, asked, loading, say }) }
    }

    fn chosen(&self) -> Chosen {
        self.inner.chosen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Registers, and hears which model is meant if nobody is named; returns its id where it is not loaded yet. What was
    /// heard before stays while the controller is away.
    ///
    /// # Errors
    /// Why the controller was not reached.
    pub(super) fn beat(&self) -> Result<Option<String>, String> {
        let Inner { controller, me, named, shelf, chosen, asked, .. } = &*self.inner;
        let heard = controller.register(me, &shelf.ids()).and_then(|offered| match named {
            None => Ok(offered),
            Some(name) => Ok(controller.models()?.into_iter().find(|model| is(model, name))),
        });
        let mut chosen = chosen.lock().unwrap_or_else(PoisonError::into_inner);
        asked.send_replace(true);
        match heard {
            Ok(Some(offered)) => {
                let id = offered.id.clone();
                *chosen = Chosen::This(offered);
                Ok((!shelf.ids().contains(&id)).then_some(id))
            }
            Ok(None) => {
                *chosen = Chosen::Nobody;
                Ok(None)
            }
            Err(why) => {
                if let Chosen::Unknown(before) = &mut *chosen {
                    before.clone_from(&why);
                }
                Err(why)
            }
        }
    }

    /// Says goodbye to the controller.
    ///
    /// # Errors
    /// Why it was not reached.
    pub(super) fn leave(&self) -> Result<(), String> {
        self.inner.controller.leave(&self.inner.me)
    }

    /// The model of an id or a name, or the default one; fetched and loaded first, if need be.
    ///
    /// # Errors
    /// [`Refusal::NoModel`], or [`Refusal::Internal`] when it cannot be had.
    pub(super) async fn get(&self, asked: Option<&str>) -> Result<Arc<Loaded>, Refusal> {
        if asked.is_none() {
            // The first answer of the controller may be on its way. The sender lives as long as this.
            let mut asks = self.inner.asked.subscribe();
            let _asked = asks.wait_for(|&asked| asked).await.is_ok();
        }
        let (asked, known) = match (asked, self.chosen()) {
            (Some(asked), _) => (asked.to_owned(), None),
            (None, Chosen::This(offered)) => (offered.id.clone(), Some(offered)),
            (None, Chosen::Nobody) => return Err(self.nothing()),
            (None, Chosen::Unknown(why)) => {
                return Err(Refusal::Internal(format!("no model is known: {why}")));
            }
        };
        if let Some(model) = self.inner.shelf.take(&asked) {
            return Ok(model);
        }
        let _alone = self.inner.loading.lock().await;
        // Whoever waited in front may have wanted the same.
        if let Some(model) = self.inner.shelf.take(&asked) {
            return Ok(model);
        }
        let models = self.clone();
        let loaded = tokio::task::spawn_blocking(move || models.load(&asked, known)).await;
        loaded.unwrap_or_else(|error| Err(Refusal::Internal(format!("loading broke down: {error}"))))
    }

    fn load(&self, asked: &str, known: Option<Offered>) -> Result<Arc<Loaded>, Refusal> {
        let Inner { controller, shelf, say, .. } = &*self.inner;
        let offered = match known {
            Some(offered) => offered,
            None => {
                let listed = controller.models().map_err(Refusal::Internal)?;
                let found = listed.into_iter().find(|model| is(model, asked));
                // A name may have come to mean another model; an id never does.
                found.ok_or_else(|| {
                    Refusal::NoModel("the controller has no promoted model of that name".to_owned())
                })?
            }
        };
        if let Some(model) = shelf.take(&offered.id) {
            return Ok(model);
        }
        let loaded = shelf.load(controller, &offered, &**say).map_err(Refusal::Internal)?;
        say(&format!("loaded the model {} of trial {}", loaded.name, loaded.trial));
        Ok(loaded)
    }

    fn nothing(&self) -> Refusal {
        Refusal::NoModel(match &self.inner.named {
            Some(name) => format!("the controller has no promoted model {name}"),
            None => "no model is promoted".to_owned(),
        })
    }
}

/// Whether a model goes by an id or a name.
fn is(model: &Offered, asked: &str) -> bool {
    model.id == asked || model.name == asked
}
