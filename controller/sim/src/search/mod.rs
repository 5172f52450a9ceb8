//! The bench of the search: every method on the baselines' objectives in virtual time, beside what other libraries came to.

mod functions;
mod latency;
mod play;
mod recorded;
mod report;
mod tables;

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, bail};
use sweep_core::spec::{self, SweepSpec};
use sweep_core::value::Params;

use play::Played;

/// Numbers of trials at which sweeps are compared.
const BUDGETS: [usize; 3] = [25, 50, 100];

/// Plays sweeps on five functions and on tables of real trainings, in virtual time, and compares the methods.
#[derive(Debug, clap::Args)]
pub(crate) struct Search {
    /// A folder with tables of real trainings (tables.json, NAME.f64le); without it only the functions are played
    #[arg(long, value_name = "FOLDER")]
    tables: Option<PathBuf>,

    /// Runs of other libraries to compare with (runs.csv)
    #[arg(long, value_name = "FILE")]
    recorded: Option<PathBuf>,

    /// Which methods, several times for several
    #[arg(long, default_values_t = ["random", "sobol", "tpe", "cmaes", "auto"].map(str::to_owned))]
    method: Vec<String>,

    /// Which objectives [default: all]
    #[arg(long)]
    objective: Vec<String>,

    /// How many workers, several times for several
    #[arg(long, value_enum, default_values_t = [Mode::Seq, Mode::Par8])]
    mode: Vec<Mode>,

    /// How many seeds of each
    #[arg(long, default_value_t = 20)]
    seeds: u64,

    /// Only the half of the seeds that methods are developed on, or the other
    #[arg(long, value_enum)]
    half: Option<Half>,

    /// Trials of each sweep
    #[arg(long, default_value_t = 100)]
    trials: usize,

    /// Only the time of a proposal after 100, 1,000 and 10,000 trials
    #[arg(long)]
    latency: bool,

    /// Also write every sweep's bests to this file (CSV)
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
}

/// How many trials run at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Mode {
    /// One after another
    Seq,
    /// Eight, each of its own duration
    Par8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Half {
    /// Even seeds
    Develop,
    /// Odd seeds
    Report,
}

impl Mode {
    const ALL: [Self; 2] = [Self::Seq, Self::Par8];

    fn word(self) -> &'static str {
        match self {
            Self::Seq => "seq",
            Self::Par8 => "par8",
        }
    }

    fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.word() == word)
    }

    fn workers(self) -> usize {
        match self {
            Self::Seq => 1,
            Self::Par8 => 8,
        }
    }
}

type Value = Box<dyn Fn(&Params) -> anyhow::Result<f64> + Send + Sync>;

/// Something to minimise.
pub(crate) struct Objective {
    name: String,
    /// The lines of `parameters` in its sweep file.
    parameters: String,
    /// The least value there is, as far as it is known.
    least: f64,
    value: Value,
}

impl Objective {
    fn new(
        name: &str,
        parameters: &str,
        least: f64,
        value: impl Fn(&Params) -> anyhow::Result<f64> + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.to_owned(), parameters: parameters.to_owned(), least, value: Box::new(value) }
    }

    fn spec(&self, method: &str) -> anyhow::Result<SweepSpec> {
        let lines: String = self.parameters.lines().map(|line| format!("  {line}\n")).collect();
        let text = format!("program: p\nmethod: {method}\nmetric: {{name: loss}}\nparameters:\n{lines}");
        let parsed = spec::parse(&text);
        let problems =
            || parsed.problems.iter().map(|problem| problem.render("bench", &text)).collect::<String>();
        parsed.spec.clone().with_context(problems)
    }
}

/// One sweep to play.
struct Job<'o> {
    objective: &'o Objective,
    method: &'o str,
    mode: Mode,
    seed: u64,
}

/// One that was played.
struct Run<'o> {
    job: Job<'o>,
    played: Played,
}

impl Search {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        if self.latency {
            return latency::run(&self.method);
        }
        let recorded = match &self.recorded {
            Some(path) => recorded::read(path)?,
            None => Vec::new(),
        };
        let mut objectives = functions::all();
        if let Some(folder) = &self.tables {
            objectives.extend(tables::all(folder)?);
        }
        if let Some(unknown) =
            self.objective.iter().find(|name| objectives.iter().all(|objective| objective.name != **name))
        {
            let names: Vec<_> = objectives.iter().map(|objective| objective.name.as_str()).collect();
            bail!("there is no objective {unknown}; there are {}", names.join(", "));
        }
        objectives.retain(|objective| self.objective.is_empty() || self.objective.contains(&objective.name));
        let runs = self.play(&objectives)?;
        if let Some(path) = &self.csv {
            std::fs::write(path, report::csv(&runs))
                .with_context(|| format!("writing {}", path.display()))?;
        }
        crate::print(&report::tables(&runs, &recorded))
    }

    /// Plays all sweeps, on all cores.
    fn play<'o>(&'o self, objectives: &'o [Objective]) -> anyhow::Result<Vec<Run<'o>>> {
        let mut jobs: Vec<Job> = Vec::new();
        for objective in objectives {
            for &mode in &self.mode {
                for method in &self.method {
                    let seeds = (0..self.seeds).filter(|seed| match self.half {
                        None => true,
                        Some(Half::Develop) => seed % 2 == 0,
                        Some(Half::Report) => seed % 2 == 1,
                    });
                    jobs.extend(seeds.map(|seed| Job { objective, method, mode, seed }));
                }
            }
        }
        let next = AtomicUsize::new(0);
        let done: Mutex<Vec<Option<anyhow::Result<Played>>>> =
            Mutex::new(jobs.iter().map(|_| None).collect());
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            for _ in 0..cores {
                scope.spawn(|| {
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        let Some(job) = jobs.get(at) else { return };
                        let played = play::play(job.objective, job.method, job.mode, job.seed, self.trials);
                        if let Ok(mut done) = done.lock() {
                            done[at] = Some(played);
                        }
                    }
                });
            }
        });
        let done = done.into_inner().ok().context("a sweep panicked")?;
        jobs.into_iter()
            .zip(done)
            .map(|(job, played)| Ok(Run { job, played: played.context("a sweep was not played")?? }))
            .collect()
    }
}
