//! Keeps what it hears, for programs that use the trainer as a library.

use std::cell::RefCell;
use std::rc::Rc;

use super::{Event, Flow, Observer};

/// Clones share the record.
#[derive(Debug, Clone, Default)]
pub struct Recorder {
    events: Rc<RefCell<Vec<Event>>>,
    stop_after: Option<i64>,
}

impl Recorder {
    /// Asks for a stop once `step` steps are done.
    pub fn stop_after(step: i64) -> Self {
        Self { stop_after: Some(step), ..Self::default() }
    }

    /// What was heard so far.
    pub fn events(&self) -> Vec<Event> {
        self.events.borrow().clone()
    }

    /// Every value of a metric, with its step.
    pub fn curve(&self, name: &str) -> Vec<(i64, f64)> {
        let point = |event: &Event| match event {
            Event::Step { step, values, .. } | Event::Metrics { step, values, .. } => {
                values.get(name).map(|&value| (*step, value))
            }
            _ => None,
        };
        self.events.borrow().iter().filter_map(point).collect()
    }
}

impl Observer for Recorder {
    fn hear(&mut self, event: &Event) -> Flow {
        self.events.borrow_mut().push(event.clone());
        match (event, self.stop_after) {
            (Event::Step { step, .. }, Some(last)) if *step >= last => Flow::Stop("enough steps".to_owned()),
            _ => Flow::GoOn,
        }
    }
}
