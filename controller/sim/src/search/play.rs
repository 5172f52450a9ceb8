//! A sweep in virtual time: workers that end trials at once or after drawn durations.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use sweep_core::normal;
use sweep_core::objective::Goal;
use sweep_core::search::Proposer;
use sweep_core::simulate::{self, Function, Setup, Trial};
use sweep_core::stop::Point;
use sweep_core::stream::unit;
use sweep_core::value::Params;

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

/// Plays one sweep of so many trials.
pub(crate) fn play(
    objective: &Objective,
    method: &str,
    mode: Mode,
    seed: u64,
    trials: usize,
) -> anyhow::Result<Played> {
    let spec = objective.spec(method)?;
    let (mut proposer, mut asks, mut fault) = (Proposer::default(), Vec::new(), None);
    let mut propose = |trials: &[Trial<Params>], number: u64| {
        let history = simulate::history(trials, |params| spec.values_of(params));
        let began = Instant::now();
        let proposal = proposer.propose(&spec, seed, number, &history);
        asks.push(began.elapsed());
        let params = proposal?.params;
        // So that the method is shown what a controller would show it.
        spec.admit(&params)
            .context("a proposal outside of its space")
            .map_err(|error| fault = Some(error))
            .ok()?;
        Some(params)
    };
    let mut durations = Durations::new(seed);
    let mut wrong = None;
    let mut table = Function(|_, params: &Params| match (objective.value)(params) {
        Ok(value) => vec![Point { step: 1, epoch: 1.0, seconds: durations.next() as f64, value }],
        Err(error) => {
            wrong = Some(error);
            Vec::new()
        }
    });
    let setup = Setup { workers: mode.workers(), ..Setup::new(Goal::Minimize, trials as u64) };
    let out = simulate::play(&setup, &mut table, &mut propose);
    match wrong.or(fault) {
        Some(error) => Err(error),
        None => {
            let bests = out.by_trials.iter().map(|best| best.unwrap_or(f64::INFINITY)).collect();
            Ok(Played { bests, asks })
        }
    }
}

/// Durations with a log-normal distribution of median 1, in millionths: whole numbers, which add up to the same on any
/// machine.
struct Durations(ChaCha8Rng);

impl Durations {
    fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(10_000 + seed))
    }

    fn next(&mut self) -> u64 {
        let (u, v) = (1.0 - unit(&mut self.0), unit(&mut self.0));
        ((SPREAD * normal::pair(u, v).0).exp() * 1e6) as u64
    }
}
