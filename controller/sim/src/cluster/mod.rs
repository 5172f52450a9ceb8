//! A simulated cluster: the real controller's services over a store in memory, simulated agents with the real protocol, a
//! network and a time of ours, and faults by a seed. The same seed gives the same history.

mod agent;
mod calls;
mod controller;
mod fault;
mod history;
mod life;
mod machine;
mod mortal;
mod network;
mod relay;
mod run;
mod storm;
mod watcher;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use self::fault::Kind;
use self::mortal::Lie;
use self::run::{Outcome, run};
use crate::kinds::told;

/// The real one's default.
const LEASE: Duration = Duration::from_secs(60);

/// Runs clusters of simulated agents, a simulated network and the real controller in simulated time, breaks them by seeds, and
/// judges each
#[derive(Debug, clap::Args)]
pub(crate) struct Cluster {
    /// The first seed
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// How many seeds from there on
    #[arg(long, default_value_t = 1)]
    seeds: u64,

    /// Seeds at a time [default: as many as there are processors]
    #[arg(long)]
    jobs: Option<usize>,

    /// Print what happens, line by line
    #[arg(long)]
    log: bool,
}

/// What is to happen. All of it is a function of the seed, where tests do not say otherwise.
#[derive(Debug, Clone)]
struct Plan {
    seed: u64,
    machines: usize,
    trials: u64,
    /// How long faults come, and how far apart they are by and large.
    storm: Duration,
    pause: Duration,
    /// Kinds of faults; none: all.
    kinds: Vec<Kind>,
    /// Whether requests come twice, late and out of order.
    unruly: bool,
    /// Whether what happens is printed at once.
    aloud: bool,
    /// Tests of the judge have a store that lies.
    lie: Option<Lie>,
}

impl Plan {
    fn of_seed(seed: u64) -> Self {
        let machines = 2 + (seed % 4) as usize;
        Self {
            seed,
            machines,
            trials: 4 * machines as u64,
            storm: Duration::from_secs(1_500),
            pause: Duration::from_secs([10, 25, 60][(seed / 4 % 3) as usize]),
            kinds: Vec::new(),
            unruly: true,
            aloud: false,
            lie: None,
        }
    }

    /// The sweep file: a grid, chance or a model that learns, in turn.
    fn file(&self) -> String {
        let head = "command: [simulated]\nretries: 1000\ninfrastructure_retries: 1000\nmetric: {name: value, goal: maximize}\n";
        if self.seed.is_multiple_of(3) {
            let starts: Vec<String> = (1..=self.trials / 2).map(|at| format!("0.{at:02}")).collect();
            let starts = starts.join(", ");
            return format!(
                "{head}method: grid\nparameters:\n  start: {{values: [{starts}]}}\n  pace: {{values: [3.0, 9.0]}}\n"
            );
        }
        let method = if self.seed % 3 == 1 { "random" } else { "tpe" };
        format!(
            "{head}method: {method}\nseed: {}\nrun_cap: {}\nparameters:\n  start: {{min: -1.0, max: 1.0}}\n  pace: {{min: 2.0, max: 12.0}}\n",
            self.seed, self.trials
        )
    }
}

/// What came of many seeds.
#[derive(Default)]
struct Sum {
    times: BTreeMap<Kind, u32>,
    took: Duration,
    trials: usize,
    attempts: usize,
    points: usize,
    bad: BTreeMap<u64, String>,
}

impl Cluster {
    /// Whether all went well.
    pub(crate) fn run(&self) -> anyhow::Result<bool> {
        let begun = Instant::now();
        let jobs = match self.jobs {
            Some(jobs) => jobs,
            None => std::thread::available_parallelism().context("counting processors")?.get(),
        };
        let (next, sum) = (AtomicU64::new(self.seed), Mutex::new(Sum::default()));
        let end = self.seed.saturating_add(self.seeds);
        let work = || -> anyhow::Result<()> {
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= end {
                    return Ok(());
                }
                let plan = Plan { aloud: self.log, ..Plan::of_seed(seed) };
                let outcome = run(&plan).with_context(|| format!("seed {seed}"))?;
                sum.lock().map_err(|_| anyhow::anyhow!("a run panicked"))?.add(seed, &outcome);
            }
        };
        std::thread::scope(|scope| -> anyhow::Result<()> {
            let workers: Vec<_> = (0..jobs.max(1)).map(|_| scope.spawn(work)).collect();
            for worker in workers {
                worker.join().map_err(|_| anyhow::anyhow!("a run panicked"))??;
            }
            Ok(())
        })?;
        let sum = sum.into_inner().map_err(|_| anyhow::anyhow!("a run panicked"))?;
        crate::print(&sum.report(self.seeds, begun.elapsed()))?;
        Ok(sum.bad.is_empty())
    }
}

impl Sum {
    fn add(&mut self, seed: u64, outcome: &Outcome) {
        for (kind, count) in &outcome.times {
            *self.times.entry(*kind).or_default() += count;
        }
        self.took += outcome.took;
        self.trials += outcome.verdict.finished + outcome.verdict.poisoned;
        self.attempts += outcome.verdict.attempts;
        self.points += outcome.verdict.points;
        if !outcome.verdict.violations.is_empty() {
            self.bad.insert(seed, outcome.verdict.to_string());
        }
    }

    fn report(&self, seeds: u64, took: Duration) -> String {
        let mut text = told(self.times.iter().map(|(kind, count)| (kind.words(), *count)));
        text.push_str(&format!(
            "\n{seeds} clusters, {:.1} hours of theirs in {:.1} s; {} trials in {} attempts, {} points\n",
            self.took.as_secs_f64() / 3_600.0,
            took.as_secs_f64(),
            self.trials,
            self.attempts,
            self.points
        ));
        for (seed, verdict) in &self.bad {
            text.push_str(&format!(
                "\nseed {seed} went wrong:\n{verdict}  again: sweep-sim cluster --seed {seed} --log\n"
            ));
        }
        text.push_str(&format!("{} seeds without a violation\n", seeds - self.bad.len() as u64));
        text
    }
}

#[cfg(test)]
mod tests;
