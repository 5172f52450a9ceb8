//! What a training tells while it runs, and who listens.

mod channel;
mod progress;
mod recorder;
mod signals;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

pub use channel::Channel;
pub use progress::Progress;
pub use recorder::Recorder;
pub use signals::Signals;

/// Values by metric name.
pub type Values = BTreeMap<String, f64>;

/// What happens.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// What the trainer is made of.
    Versions(BTreeMap<String, String>),
    /// An epoch begins.
    EpochBegins {
        epoch: i64,
        epochs: i64,
        steps: usize,
        /// Of them done before the training was resumed.
        done: usize,
    },
    /// An optimizer step is done; `values` only where the per-step curves have a point.
    Step {
        step: i64,
        epoch: f64,
        loss: f64,
        values: Values,
    },
    /// A point of the curves.
    Metrics {
        step: i64,
        epoch: f64,
        values: Values,
    },
    /// Numbers behind a picture, as confusion matrices.
    Media {
        name: String,
        step: i64,
        value: Value,
    },
    /// A checkpoint lies at `path`, complete.
    Checkpoint {
        step: i64,
        epoch: i64,
        path: PathBuf,
        /// Names of all its files, which lie in one folder.
        files: Vec<String>,
        values: Values,
    },
    /// A checkpoint that the training can go on from lies at `path`, complete.
    Resumable {
        step: i64,
        epoch: f64,
        path: PathBuf,
        /// Names of all its files, which lie in one folder.
        files: Vec<String>,
        /// Of the file at `path`.
        sha256: String,
    },
    Log {
        level: Level,
        text: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Info,
    Warning,
}

/// What a listener wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flow {
    GoOn,
    /// End soon, for this reason, keeping what was reached.
    Stop(String),
    /// End at once: nobody would hear of the rest.
    Abort(String),
}

/// Somebody who listens to a training.
pub trait Observer {
    /// Hears of an event; the training obeys what it returns.
    fn hear(&mut self, event: &Event) -> Flow;
}

/// Several listeners as one: the strictest wish counts.
impl Observer for Vec<Box<dyn Observer>> {
    fn hear(&mut self, event: &Event) -> Flow {
        let mut flow = Flow::GoOn;
        for observer in self.iter_mut() {
            flow = match (flow, observer.hear(event)) {
                (Flow::Abort(why), _) | (_, Flow::Abort(why)) => Flow::Abort(why),
                (Flow::Stop(why), _) | (_, Flow::Stop(why)) => Flow::Stop(why),
                (Flow::GoOn, Flow::GoOn) => Flow::GoOn,
            };
        }
        flow
    }
}
