//! Between the training and whoever listens.

use crate::error::TrainError;
use crate::observe::{Event, Flow, Level, Observer};

/// How many file names a log line lists.
const LISTED: usize = 10;

/// Passes events on and remembers a wish to stop.
pub(crate) struct Teller<'a> {
    observer: &'a mut dyn Observer,
    /// Why the training is to end, once somebody wished so.
    pub(crate) stop: Option<String>,
}

impl<'a> Teller<'a> {
    pub(crate) fn new(observer: &'a mut dyn Observer) -> Self {
        Self { observer, stop: None }
    }

    /// Tells an event; an error: nobody would hear of the rest.
    pub(crate) fn tell(&mut self, event: &Event) -> Result<(), TrainError> {
        match self.observer.hear(event) {
            Flow::GoOn => {}
            Flow::Stop(why) => drop(self.stop.get_or_insert(why)),
            Flow::Abort(why) => return Err(TrainError::Observer(why)),
        }
        Ok(())
    }

    pub(crate) fn log(&mut self, text: String) -> Result<(), TrainError> {
        self.tell(&Event::Log { level: Level::Info, text })
    }

    pub(crate) fn warn(&mut self, text: String) -> Result<(), TrainError> {
        self.tell(&Event::Log { level: Level::Warning, text })
    }

    /// Counts and lists files.
    pub(crate) fn left_out(&mut self, what: &str, names: &[String]) -> Result<(), TrainError> {
        if names.is_empty() {
            return Ok(());
        }
        let listed = names[..names.len().min(LISTED)].join(", ");
        let more = if names.len() > LISTED { ", ..." } else { "" };
        self.warn(format!("{} {what}: {listed}{more}", names.len()))
    }
}
