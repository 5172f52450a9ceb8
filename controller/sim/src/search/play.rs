//! A sweep in virtual time: workers that end trials at once or after drawn durations.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use sweep_core::search::{History, Outcome, Past, Proposer, Reported};
use sweep_core::spec::SweepSpec;

use super::{Mode, Objective};

/// The spread of the logarithm of a trial's duration, with eight workers.
const SPREAD: f64 = 0.5;

/// What a sweep came to.
#[derive(Debug, Clone)]
pub(crate) struct Played {
    /// The best value after each trial that ended, in the order in which they did.
    pub(crate) bests: Vec<f64>,
    /// The time of each proposal.
    pub(crate) asks: Vec<Duration>,
}

impl Played {
    /// The best value after so many trials; of a space that was exhausted before, after all.
    pub(crate) fn best(&self, trials: usize) -> f64 {
        let at = trials.min(self.bests.len());
        at.checked_sub(1).map_or(f64::INFINITY, |at| self.bests[at])
    }
}

struct Sweep<'o> {
    objective: &'o Objective,
    spec: SweepSpec,
    seed: u64,
    proposer: Proposer,
    history: History,
    values: Vec<f64>,
    played: Played,
}

/// Plays one sweep of so many trials.
pub(crate) fn play(
    objective: &Objective,
    method: &str,
    mode: Mode,
    seed: u64,
    trials: usize,
) -> anyhow::Result<Played> {
    let mut sweep = Sweep {
        objective,
        spec: objective.spec(method)?,
        seed,
        proposer: Proposer::default(),
        history: History::default(),
        values: Vec::new(),
        played: Played { bests: Vec::new(), asks: Vec::new() },
    };
    let mut durations = Durations::new(seed);
    // The next to end first; of those that end at one time, the first that began.
    let mut running: BinaryHeap<Reverse<(u64, usize)>> = BinaryHeap::new();
    let mut begin = |sweep: &mut Sweep, now: u64, running: &mut BinaryHeap<_>| -> anyhow::Result<()> {
        if sweep.values.len() < trials
            && let Some(at) = sweep.ask()?
        {
            running.push(Reverse((now + durations.next(), at)));
        }
        Ok(())
    };
    for _ in 0..mode.workers() {
        begin(&mut sweep, 0, &mut running)?;
    }
    while let Some(Reverse((now, at))) = running.pop() {
        sweep.end(at);
        begin(&mut sweep, now, &mut running)?;
    }
    Ok(sweep.played)
}

impl Sweep<'_> {
    fn ask(&mut self) -> anyhow::Result<Option<usize>> {
        let number = self.values.len() as u64 + 1;
        let began = Instant::now();
        let proposal = self.proposer.propose(&self.spec, self.seed, number, &self.history);
        self.played.asks.push(began.elapsed());
        let Some(proposal) = proposal else { return Ok(None) };
        self.values.push((self.objective.value)(&proposal.params)?);
        let values = self.spec.admit(&proposal.params).context("a proposal outside of its space")?;
        self.history.trials.push(Past { number, values, outcome: Outcome::Pending(Reported::default()) });
        Ok(Some(self.values.len() - 1))
    }

    fn end(&mut self, at: usize) {
        let value = self.values[at];
        self.history.trials[at].outcome = Outcome::Done(vec![value]);
        let best = self.played.bests.last().copied().unwrap_or(f64::INFINITY).min(value);
        self.played.bests.push(best);
    }
}

/// Durations with a log-normal distribution of median 1, in millionths.
struct Durations(ChaCha8Rng);

impl Durations {
    fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(10_000 + seed))
    }

    fn next(&mut self) -> u64 {
        let mut unit = || (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
        // Box and Muller's transform.
        let (radius, angle) = ((-2.0 * (1.0 - unit()).ln()).sqrt(), 2.0 * std::f64::consts::PI * unit());
        ((SPREAD * radius * angle.cos()).exp() * 1e6) as u64
    }
}
