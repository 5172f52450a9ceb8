//! Says to the controller, again and again, that this predictor is there.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::Handle;

use super::Say;
use super::models::Models;

/// The controller forgets predictors that it has not heard of for three times as long.
const EVERY: Duration = Duration::from_secs(5);

/// The thread that registers, and the end of it.
type Running = (Sender<()>, JoinHandle<()>);

/// Clones are the same.
#[derive(Clone)]
pub(super) struct Registrar {
    running: Arc<Mutex<Option<Running>>>,
}

impl Registrar {
    /// Registers from now on, and has the default model loaded ahead.
    pub(super) fn start(models: Models, runtime: Handle, say: Say) -> Self {
        let (end, ends) = channel();
        let thread = std::thread::spawn(move || {
            let mut troubles = Troubles::default();
            let mut tried = None;
            loop {
                match models.beat() {
                    Ok(to_load) => {
                        troubles.over(&say, "registered with the controller");
                        // What cannot be loaded is tried again when somebody asks for it.
                        if to_load.is_some() && to_load != tried {
                            tried.clone_from(&to_load);
                            to_load.into_iter().for_each(|id| ahead(&models, &runtime, id, &say));
                        }
                    }
                    Err(why) => troubles.say(&say, why),
                }
                if ends.recv_timeout(EVERY) != Err(RecvTimeoutError::Timeout) {
                    break;
                }
            }
            if let Err(why) = models.leave() {
                say(&format!("could not say goodbye to the controller: {why}"));
            }
        });
        Self { running: Arc::new(Mutex::new(Some((end, thread)))) }
    }

    /// Says goodbye to the controller and ends; waits for it.
    pub(super) fn leave(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((end, thread)) = running {
            drop(end);
            // A thread that broke down has said what it had to say.
            let _ended = thread.join();
        }
    }
}

/// Loads a model before anybody asks for it. While it is loaded another call waits, and finds it there.
fn ahead(models: &Models, runtime: &Handle, id: String, say: &Say) {
    let (models, say) = (models.clone(), Arc::clone(say));
    runtime.spawn(async move {
        if let Err(refusal) = models.get(Some(&id)).await {
            say(&format!("not loaded ahead: {refusal}"));
        }
    });
}

/// Says what is wrong once, and once that it is over.
#[derive(Default)]
struct Troubles {
    said: Option<String>,
    before: bool,
}

impl Troubles {
    fn say(&mut self, say: &Say, why: String) {
        if self.said.as_ref() != Some(&why) {
            say(&format!("the controller is not reached, and is tried again: {why}"));
            self.said = Some(why);
        }
    }

    fn over(&mut self, say: &Say, words: &str) {
        if self.said.take().is_some() || !std::mem::replace(&mut self.before, true) {
            say(words);
        }
    }
}
