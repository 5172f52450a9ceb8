//! Waking those whose calls are held open.

use tokio::sync::watch;

/// What somebody waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Awaited {
    /// A trial to run: a queue was filled, a place became free, or a sweep was moved.
    Trial,
    /// A word on what runs: a sweep was moved, or a lease taken away.
    Verdict,
}

impl Awaited {
    pub(crate) const ALL: [Self; 2] = [Self::Trial, Self::Verdict];

    /// As controllers tell each other.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Trial => "trial",
            Self::Verdict => "verdict",
        }
    }
}

/// A bell for each.
#[derive(Debug, Default)]
pub(crate) struct Bells {
    trial: watch::Sender<u64>,
    verdict: watch::Sender<u64>,
}

impl Bells {
    const fn of(&self, what: Awaited) -> &watch::Sender<u64> {
        match what {
            Awaited::Trial => &self.trial,
            Awaited::Verdict => &self.verdict,
        }
    }

    pub(crate) fn ring(&self, what: Awaited) {
        self.of(what).send_modify(|count| *count += 1);
    }

    /// Moves with each ring from now on.
    pub(crate) fn listen(&self, what: Awaited) -> watch::Receiver<u64> {
        self.of(what).subscribe()
    }
}
