//! The cells of the bench, one controller and one empty database each, and the table they make.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use comfy_table::Table;
use serde_json::json;

use crate::fleet::{self, Done, Work};
use crate::server::Server;

/// Loads a controller with simulated agents over real gRPC, and says how much it did, how fast, and what it took.
#[derive(Debug, clap::Args)]
pub(crate) struct Bench {
    /// The sweep-controller to load [default: the one beside this program]
    #[arg(long)]
    controller: Option<PathBuf>,

    /// An empty Postgres database to use in place of SQLite; every cell leaves its rows in it
    #[arg(long, value_name = "URL")]
    postgres: Option<String>,

    /// How many agents, several times for several rows
    #[arg(long, default_values_t = [1, 16, 256, 2_000])]
    agents: Vec<usize>,

    /// Seconds of each cell
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,

    /// What the agents do, several times for several rows
    #[arg(long, value_enum, default_values_t = [Kind::Trials, Kind::Reports, Kind::Points, Kind::Paced])]
    kind: Vec<Kind>,

    /// Print one JSON object a cell instead of a table
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// Claim and finish, over and over
    Trials,
    /// Reports of one point, one after another
    Reports,
    /// Reports of 500 points, one after another
    Points,
    /// Trials of two seconds with twenty points every half second
    Paced,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Trials => "trials",
            Self::Reports => "reports",
            Self::Points => "points",
            Self::Paced => "paced",
        }
    }

    fn work(self) -> Work {
        match self {
            Self::Trials => Work::Trials,
            Self::Reports => Work::Reports { points: 1 },
            Self::Points => Work::Reports { points: 500 },
            Self::Paced => {
                Work::Paced { trial: Duration::from_secs(2), every: Duration::from_millis(500), points: 20 }
            }
        }
    }
}

/// One row of the table.
struct Cell {
    database: &'static str,
    kind: Kind,
    agents: usize,
    done: Done,
    cpu_share: f64,
    peak_mb: f64,
    /// `None` for Postgres, whose files hold more than this cell.
    database_mb: Option<f64>,
    load: f64,
}

impl Bench {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let controller = match &self.controller {
            Some(path) => path.clone(),
            None => {
                std::env::current_exe().context("finding this program")?.with_file_name("sweep-controller")
            }
        };
        let runtime = tokio::runtime::Runtime::new().context("starting the runtime")?;
        let mut cells = Vec::new();
        for &kind in &self.kind {
            for &agents in &self.agents {
                let mut cell = runtime.block_on(self.cell(&controller, kind, agents))?;
                if self.json {
                    crate::print(&format!("{}\n", cell.json()))?;
                }
                cells.push(cell);
            }
        }
        if self.json { Ok(()) } else { crate::print(&format!("{}\n", table(&mut cells))) }
    }

    async fn cell(&self, controller: &Path, kind: Kind, agents: usize) -> anyhow::Result<Cell> {
        let place = tempfile::tempdir().context("making a folder")?;
        let file = place.path().join("sweep.db");
        let database = match &self.postgres {
            Some(url) => url.clone(),
            None => format!("sqlite://{}", file.display()),
        };
        let server = Server::start(controller, &database)?;
        let before = server.taken()?;
        let done =
            fleet::run(&server.url, agents, kind.work(), Duration::from_secs_f64(self.seconds)).await?;
        let after = server.taken()?;
        let load = load()?;
        server.stop()?;
        let size = |path: &Path| std::fs::metadata(path).map(|meta| meta.len() as f64 / 1e6);
        let database_mb = match self.postgres {
            Some(_) => None,
            None => Some(size(&file).context("measuring the database")?),
        };
        Ok(Cell {
            database: if self.postgres.is_some() { "postgres" } else { "sqlite" },
            kind,
            agents,
            cpu_share: (after.cpu - before.cpu) / done.seconds,
            peak_mb: after.peak_mb,
            database_mb,
            load,
            done,
        })
    }
}

/// The machine's load over the last minute.
fn load() -> anyhow::Result<f64> {
    let text = std::fs::read_to_string("/proc/loadavg").context("reading /proc/loadavg")?;
    text.split(' ').next().and_then(|first| first.parse().ok()).context("/proc/loadavg says nothing")
}

impl Cell {
    fn rates(&self) -> [f64; 3] {
        let done = &self.done;
        [done.finishes.count() as f64, done.reports.count() as f64, done.points as f64]
            .map(|count| count / done.seconds)
    }

    fn json(&mut self) -> serde_json::Value {
        let [trials, reports, points] = self.rates();
        let done = &mut self.done;
        let mut spread = |latencies: fn(&mut Done) -> &mut crate::latency::Latencies| {
            let latencies = latencies(done);
            json!({"p50_ms": latencies.quantile(0.5), "p99_ms": latencies.quantile(0.99), "most_ms": latencies.quantile(1.0)})
        };
        let claim = spread(|done| &mut done.claims);
        let report = spread(|done| &mut done.reports);
        let finish = spread(|done| &mut done.finishes);
        json!({
            "database": self.database, "kind": self.kind.word(), "agents": self.agents, "seconds": self.done.seconds,
            "trials_per_s": trials, "reports_per_s": reports, "points_per_s": points,
            "claim": claim, "report": report, "finish": finish,
            "controller_cores": self.cpu_share, "controller_peak_mb": self.peak_mb, "database_mb": self.database_mb,
            "load1": self.load,
        })
    }
}

fn table(cells: &mut [Cell]) -> Table {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header([
        "database",
        "work",
        "agents",
        "trials/s",
        "reports/s",
        "points/s",
        "claim p50",
        "p99",
        "report p50",
        "p99",
        "cores",
        "peak MB",
        "db MB",
        "load",
    ]);
    let rate = |value: f64| if value == 0.0 { "-".to_owned() } else { format!("{value:.0}") };
    let milli = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.1} ms"));
    for cell in cells {
        let [trials, reports, points] = cell.rates();
        let row = [
            cell.database.to_owned(),
            cell.kind.word().to_owned(),
            cell.agents.to_string(),
            rate(trials),
            rate(reports),
            rate(points),
            milli(cell.done.claims.quantile(0.5)),
            milli(cell.done.claims.quantile(0.99)),
            milli(cell.done.reports.quantile(0.5)),
            milli(cell.done.reports.quantile(0.99)),
            format!("{:.2}", cell.cpu_share),
            format!("{:.0}", cell.peak_mb),
            cell.database_mb.map_or_else(|| "-".to_owned(), |mb| format!("{mb:.1}")),
            format!("{:.1}", cell.load),
        ];
        table.add_row(row);
    }
    table
}
