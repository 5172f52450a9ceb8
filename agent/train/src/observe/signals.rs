//! Ctrl-C and SIGTERM: the training ends at its next step and keeps what it reached.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};

use super::{Event, Flow, Observer};

/// Stops the training once a signal came. A second one ends the process at once.
#[derive(Debug, Clone)]
pub struct Signals {
    /// The signal's number; 0: none came.
    came: Arc<AtomicUsize>,
}

impl Signals {
    /// Listens from now on.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn listen() -> io::Result<Self> {
        let came = Arc::new(AtomicUsize::new(0));
        for signal in [SIGINT, SIGTERM] {
            // First the end that a second signal brings, which the first one arms.
            let armed = Arc::new(std::sync::atomic::AtomicBool::new(false));
            signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&armed))?;
            signal_hook::flag::register(signal, armed)?;
            signal_hook::flag::register_usize(signal, Arc::clone(&came), signal as usize)?;
        }
        Ok(Self { came })
    }

    /// The signal that came, if any.
    pub fn came(&self) -> Option<i32> {
        i32::try_from(self.came.load(Ordering::Relaxed)).ok().filter(|&signal| signal != 0)
    }
}

impl Observer for Signals {
    fn hear(&mut self, _event: &Event) -> Flow {
        match self.came() {
            Some(SIGINT) => Flow::Stop("interrupted".to_owned()),
            Some(_) => Flow::Stop("terminated".to_owned()),
            None => Flow::GoOn,
        }
    }
}
