//! Chaos: a cluster of real processes, faults by a seed, and a judge.

mod disk;
mod fault;
mod processes;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rustix::process::Signal;
use sweep_proto::v1;
use sweep_proto::v1::sweep_service_client::SweepServiceClient;
use tokio::time::sleep;
use uuid::Uuid;

use self::disk::Disk;
use self::fault::{Fault, Kind};
use self::processes::{Controller, Machine, Programs, Role, signal};
use crate::judge::{Case, Verdict, check};
use crate::kinds::told;
use sweep_sim::proxy::{Proxy, Way, Weather};

/// How long a healed cluster may take to end its sweep: longer than the longest bench and pause.
const LAST: Duration = Duration::from_secs(2_400);

/// Breaks a cluster of real processes in every way there is, for a while; then heals it, lets it end its sweep, and judges
#[derive(Debug, clap::Args)]
pub(crate) struct Chaos {
    /// How long faults come
    #[arg(long, default_value_t = 5.0)]
    minutes: f64,

    /// Of the course of faults
    #[arg(long, default_value_t = 7)]
    seed: u64,

    /// Machines with one slot each
    #[arg(long, default_value_t = 3)]
    machines: usize,

    /// Trials of the sweep [default: as many as the time is good for]
    #[arg(long)]
    trials: Option<u64>,

    /// Only faults of this kind
    #[arg(long, value_enum, value_name = "KIND")]
    only: Option<Kind>,

    /// How long each fault lasts [default: by the seed]
    #[arg(long, value_name = "SECONDS")]
    last: Option<f64>,

    /// Time before each fault [default: by the seed]
    #[arg(long, value_name = "SECONDS")]
    rest: Option<f64>,

    /// Milliseconds between two points of a program [default: 20 to 60, by the seed]
    #[arg(long, value_name = "MS")]
    pace: Option<f64>,

    /// A Postgres database to use in place of SQLite
    #[arg(long, value_name = "URL")]
    postgres: Option<String>,

    /// Controllers; more than one on Postgres only
    #[arg(long, default_value_t = 1)]
    controllers: usize,

    /// A command that restarts the Postgres server at once, as a crash would
    #[arg(long, value_name = "COMMAND", requires = "postgres")]
    restart_postgres: Option<String>,

    /// Keep the folder of a run that went well, too
    #[arg(long)]
    keep: bool,
}

/// The cluster, and what befell it.
struct Run<'a> {
    chaos: &'a Chaos,
    programs: Programs,
    place: PathBuf,
    /// The controller's, if it can have one.
    disk: Option<Disk>,
    database: String,
    controllers: Vec<Controller>,
    machines: Vec<Machine>,
    times: BTreeMap<Kind, u32>,
}

impl Chaos {
    /// Whether all went well.
    pub(crate) fn run(&self) -> anyhow::Result<bool> {
        anyhow::ensure!(
            self.controllers == 1 || self.postgres.is_some(),
            "several controllers share a database by --postgres only"
        );
        let folder = tempfile::Builder::new().prefix("sweep-chaos-").tempdir()?;
        let place = folder.path().to_owned();
        let good = tokio::runtime::Runtime::new()?.block_on(self.play(&place))?;
        if self.keep || !good {
            let kept = folder.keep();
            crate::print(&format!("logs and database are in {}\n", kept.display()))?;
        }
        Ok(good)
    }

    async fn play(&self, place: &Path) -> anyhow::Result<bool> {
        let sim = std::env::current_exe().context("finding this program")?;
        let programs = Programs {
            controller: sim.with_file_name("sweep-controller"),
            agent: sim.with_file_name("sweep-agent"),
            sim,
        };
        let disk = if self.postgres.is_some() { None } else { Disk::mount(&place.join("disk"))? };
        let folder = disk.as_ref().map_or(place, |disk| &disk.folder);
        let database = match &self.postgres {
            Some(url) => url.clone(),
            None => format!("sqlite://{}", folder.join("sweep.db").display()),
        };
        let mut controllers = Vec::new();
        for _ in 0..self.controllers {
            controllers.push(Controller::start(&programs, place, disk.as_ref(), &database, "127.0.0.1:0")?);
        }
        // A machine ends a trial in some five seconds while all is well, and less than half of the time all is.
        let cap = self.trials.unwrap_or((self.minutes * 60.0 * self.machines as f64 / 12.0).ceil() as u64);
        let text = file(&programs.sim, cap, self.pace);
        let (sweep, text) = create(&controllers[0], text).await?;
        let servers: Vec<_> = controllers.iter().map(|controller| controller.address).collect();
        let mut machines = Vec::new();
        for number in 0..self.machines {
            let network = Proxy::before(servers.clone()).await?;
            machines.push(Machine::start(&programs, place, &format!("box-{number}"), &sweep, network)?);
        }
        let times = BTreeMap::new();
        let mut run = Run {
            chaos: self,
            programs,
            place: place.to_owned(),
            disk,
            database,
            controllers,
            machines,
            times,
        };
        let begun = Instant::now();
        run.storm(Duration::from_secs_f64(self.minutes * 60.0)).await?;
        let stormed = begun.elapsed();
        let ended = run.settle(&sweep).await?;
        let notes = |machine: &Machine| std::fs::read_to_string(machine.folder.join("violations")).ok();
        let notes: Vec<String> = run.machines.iter().filter_map(notes).collect();
        let crowded = notes.iter().flat_map(|notes| notes.lines()).map(str::to_owned).collect();
        let mut client = run.client().await?;
        let case = Case { sweep: &sweep, text: &text, cap, crowded, steady_clock: true };
        let verdict = check(&mut client, case).await?;
        crate::print(&report(self, &run.times, stormed, ended, &verdict))?;
        if let Some(disk) = &run.disk {
            disk.rescue(place)?;
        }
        Ok(ended && verdict.violations.is_empty())
    }
}

fn file(sim: &Path, cap: u64, pace: Option<f64>) -> String {
    let pace = pace.map_or("min: 20.0, max: 60.0".to_owned(), |pace| format!("value: {pace:?}"));
    let command = serde_json::json!([sim, "trial", "${args}"]);
    format!(
        "command: {command}\nmethod: random\nseed: 11\nrun_cap: {cap}\nretries: 1000\ninfrastructure_retries: 1000\n\
         metric: {{name: value, goal: maximize}}\nparameters:\n  start: {{min: -1.0, max: 1.0}}\n  pace: {{{pace}}}\n"
    )
}

async fn create(controller: &Controller, text: String) -> anyhow::Result<(String, String)> {
    let mut client = SweepServiceClient::connect(format!("http://{}", controller.address)).await?;
    let request_id = Uuid::now_v7().to_string();
    let request = v1::CreateSweepRequest { text: text.clone(), request_id, ..Default::default() };
    let created = client.create_sweep(request).await.context("creating the sweep")?.into_inner();
    Ok((created.sweep.context("no sweep")?.id, text))
}

impl Run<'_> {
    async fn client(&self) -> anyhow::Result<SweepServiceClient<tonic::transport::Channel>> {
        let address = self.controllers[0].address;
        SweepServiceClient::connect(format!("http://{address}")).await.context("asking the controller")
    }

    /// One fault after another until the time is over; each is healed before the next but one.
    async fn storm(&mut self, time: Duration) -> anyhow::Result<()> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.chaos.seed);
        let end = Instant::now() + time;
        while Instant::now() < end {
            let rest = Duration::from_millis(rng.random_range(0..1_500));
            sleep(self.chaos.rest.map_or(rest, Duration::from_secs_f64)).await;
            let mut fault = fault::next(&mut rng, |kind| self.may_come(kind));
            if let Some(seconds) = self.chaos.last {
                fault.time = Duration::from_secs_f64(seconds);
            }
            *self.times.entry(fault.kind).or_default() += 1;
            self.befall(&fault).await?;
            self.tend()?;
        }
        Ok(())
    }

    /// Whether a kind of fault is wanted, and can be made here.
    fn may_come(&self, kind: Kind) -> bool {
        let can = match kind {
            Kind::DatabaseRestarted => self.chaos.restart_postgres.is_some(),
            Kind::DiskFull => self.disk.is_some(),
            _ => true,
        };
        can && self.chaos.only.is_none_or(|only| only == kind)
    }

    fn tend(&mut self) -> anyhow::Result<bool> {
        let mut over = true;
        for machine in &mut self.machines {
            over &= machine.tend()?;
        }
        Ok(over)
    }

    async fn befall(&mut self, fault: &Fault) -> anyhow::Result<()> {
        let at = fault.at;
        match fault.kind {
            Kind::ControllerKilled => self.controller_killed(at, fault.time).await?,
            Kind::ControllerFrozen => {
                let pid = self.controllers[at % self.controllers.len()].pid();
                signal(pid, Signal::STOP);
                sleep(fault.time).await;
                signal(pid, Signal::CONT);
            }
            Kind::DiskFull => {
                if let Some(disk) = &self.disk {
                    disk.fill()?;
                    sleep(fault.time).await;
                    disk.free()?;
                }
            }
            Kind::AgentKilled => self.kill(at, &[Role::Agent], fault.time).await,
            Kind::KeeperKilled => self.kill(at, &[Role::Keeper], Duration::ZERO).await,
            Kind::ProgramKilled => self.kill(at, &[Role::Program], Duration::ZERO).await,
            Kind::BoxLost => {
                self.machine(at).lose()?;
                sleep(fault.time).await;
            }
            Kind::BoxFrozen => {
                let all = [Role::Agent, Role::Keeper, Role::Program];
                self.machine(at).signal(&all, Signal::STOP);
                sleep(fault.time).await;
                self.machine(at).signal(&all, Signal::CONT);
            }
            Kind::Cut => self.weather(at, Weather { cut: true, ..Weather::default() }, fault.time).await,
            Kind::Flapping => {
                for _ in 0..fault.time.as_millis() / 600 {
                    let cut = Weather { cut: true, ..Weather::default() };
                    self.weather(at, cut, Duration::from_millis(300)).await;
                    sleep(Duration::from_millis(300)).await;
                }
            }
            Kind::RequestsLost => {
                let up = Way { held: true, ..Way::default() };
                self.weather(at, Weather { up, ..Weather::default() }, fault.time).await;
            }
            Kind::AnswersLost => {
                let down = Way { held: true, ..Way::default() };
                self.weather(at, Weather { down, ..Weather::default() }, fault.time).await;
            }
            Kind::Slow => {
                let delay = Duration::from_millis(50 + at as u64 * 7);
                let way = Way { delay, ..Way::default() };
                self.weather(at, Weather { up: way, down: way, ..Weather::default() }, fault.time).await;
            }
            Kind::FileCorrupted => {
                let folder = self.disk.as_ref().map_or_else(|| self.place.clone(), Disk::outside);
                corrupt(&folder.join("artifacts"), at)?;
            }
            Kind::DatabaseRestarted => {
                let command = self.chaos.restart_postgres.clone().unwrap_or_default();
                let done = tokio::process::Command::new("sh").args(["-c", &command]).output().await?;
                let said = String::from_utf8_lossy(&done.stderr);
                anyhow::ensure!(done.status.success(), "{command} failed: {said}");
            }
        }
        Ok(())
    }

    fn machine(&mut self, at: usize) -> &mut Machine {
        let count = self.machines.len();
        &mut self.machines[at % count]
    }

    async fn kill(&mut self, at: usize, roles: &[Role], down: Duration) {
        self.machine(at).signal(roles, Signal::KILL);
        sleep(down).await;
    }

    async fn weather(&mut self, at: usize, weather: Weather, time: Duration) {
        self.machine(at).network.set(weather);
        sleep(time).await;
        self.machine(at).network.set(Weather::default());
    }

    async fn controller_killed(&mut self, at: usize, down: Duration) -> anyhow::Result<()> {
        let at = at % self.controllers.len();
        self.controllers[at].kill();
        sleep(down).await;
        let address = self.controllers[at].address.to_string();
        let disk = self.disk.as_ref();
        self.controllers[at] =
            Controller::start(&self.programs, &self.place, disk, &self.database, &address)?;
        Ok(())
    }

    /// All is well from here on; waits until the sweep is over. Whether it came to that.
    async fn settle(&mut self, sweep: &str) -> anyhow::Result<bool> {
        let begun = Instant::now();
        while begun.elapsed() < LAST {
            self.tend()?;
            let mut client = self.client().await?;
            let request = v1::GetSweepRequest { sweep: sweep.to_owned() };
            let told = client.get_sweep(request).await?.into_inner().sweep.context("no sweep")?;
            if told.ended_at_ms > 0 {
                return Ok(true);
            }
            if told.state == i32::from(v1::SweepState::Paused) {
                // Nothing but failures at the start, as chaos has it: a person looks and lets it go on.
                client.resume_sweep(v1::ResumeSweepRequest { sweep: sweep.to_owned() }).await?;
            }
            sleep(Duration::from_millis(500)).await;
        }
        Ok(false)
    }
}

/// Flips a bit in the middle of a stored file, if there is one.
fn corrupt(artifacts: &Path, at: usize) -> anyhow::Result<()> {
    let mut files = Vec::new();
    let folders = std::fs::read_dir(artifacts.join("sha256")).into_iter().flatten().flatten();
    for folder in folders {
        files
            .extend(std::fs::read_dir(folder.path()).into_iter().flatten().flatten().map(|file| file.path()));
    }
    files.sort();
    let Some(path) = files.get(at % files.len().max(1)) else { return Ok(()) };
    let mut bytes = std::fs::read(path)?;
    let middle = bytes.len() / 2;
    if let Some(byte) = bytes.get_mut(middle) {
        *byte ^= 1;
        std::fs::write(path, bytes)?;
    }
    Ok(())
}

fn report(
    chaos: &Chaos,
    times: &BTreeMap<Kind, u32>,
    stormed: Duration,
    ended: bool,
    verdict: &Verdict,
) -> String {
    let engine = if chaos.postgres.is_some() { "PostgreSQL" } else { "SQLite" };
    let mut text = format!(
        "chaos on {engine}, {} controllers, {} machines, seed {}, {:.1} minutes\n\n",
        chaos.controllers,
        chaos.machines,
        chaos.seed,
        stormed.as_secs_f64() / 60.0
    );
    text.push_str(&told(times.iter().map(|(kind, count)| (kind.words(), *count))));
    text.push('\n');
    text.push_str(&format!(
        "{} trials finished in {} attempts, {} points; {} failed for taking three agents down; the sweep {}\n\n",
        verdict.finished,
        verdict.attempts,
        verdict.points,
        verdict.poisoned,
        if ended { "ended" } else { "DID NOT END" }
    ));
    text.push_str(&verdict.to_string());
    text
}
