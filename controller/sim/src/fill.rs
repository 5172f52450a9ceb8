//! A database with a large sweep in it, made through the store, for those who measure what reads it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::json;
use sweep_core::objective::Goal;
use sweep_core::search::{self, Origin, Why};
use sweep_core::spec::{self, SweepSpec};
use sweep_core::trial::Outcome;
use sweep_store::{
    Agent, AttemptKey, Claim, Claimed, Event, EventKind, Facts, Finish, Location, LogLine, Media, NewSweep,
    NewTrial, Objective, Store,
};
use uuid::Uuid;

use crate::print;

/// Trials queued in one transaction.
const QUEUED_AT_ONCE: u64 = 500;
/// Trials that run beside each other, each at an agent of its own.
const ABREAST: u64 = 32;
/// From one trial of an agent to its next, in milliseconds of the time that the trials tell.
const TRIAL_MS: i64 = 100_000;
/// The names of the first metrics; the sweep is after the first.
const NAMES: [&str; 5] = ["total-f1score", "val-loss", "train-loss", "age-f1score", "sex-f1score"];
const FILE: &str = "program: sweep-train
name: filled
method: random
seed: 1
metric: {name: total-f1score, goal: maximize}
parameters:
  lr: {distribution: log_uniform_values, min: 0.00001, max: 0.1}
  batch_size: {values: [32, 64, 128, 256]}
  backbone: {values: [resnet18, resnet34, resnet50]}
  dropout: {min: 0.0, max: 0.5}
  epochs: {value: 12}
";

/// Makes a database with one sweep of trials that are over, but for a few that run: some failed, some were stopped early.
#[derive(Debug, clap::Args)]
pub(crate) struct Fill {
    /// The database: sqlite:///PATH (made where there is none) or postgres://...
    #[arg(long, value_name = "URL")]
    db: String,

    /// How many trials
    #[arg(long, default_value_t = 10_000)]
    trials: u64,

    /// Points of each curve
    #[arg(long, default_value_t = 100)]
    points: u64,

    /// Metrics of each trial
    #[arg(long, default_value_t = 5)]
    metrics: usize,
}

impl Fill {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let place = Location::parse(&self.db).with_context(|| {
            format!("`{}` is no database: write sqlite:///PATH or postgres://...", self.db)
        })?;
        let runtime = tokio::runtime::Runtime::new().context("starting the runtime")?;
        let started = Instant::now();
        let id = runtime.block_on(async {
            let store = place.open().await?;
            self.fill(store).await
        })?;
        print(&format!(
            "sweep {id}: {} trials of {} points and {} metrics in {:.1} s\n",
            self.trials,
            self.points,
            self.metrics,
            started.elapsed().as_secs_f64()
        ))
    }

    /// The sweep's id.
    async fn fill(&self, store: Arc<dyn Store>) -> anyhow::Result<String> {
        let text = format!("{FILE}run_cap: {}\n", self.trials);
        let spec =
            spec::parse(&text).spec.context("the sweep file of this program is no longer understood")?;
        let began_ms = now_ms()? - self.trials.div_ceil(ABREAST).cast_signed() * TRIAL_MS;
        let id = create(&*store, &spec, text, began_ms).await?;
        queue(&*store, &id, &spec, self.trials, began_ms).await?;
        let left = Arc::new(AtomicU64::new(self.trials));
        let mut agents = tokio::task::JoinSet::new();
        for at in 0..ABREAST.min(self.trials) {
            let work = Work {
                store: Arc::clone(&store),
                sweep: id.clone(),
                left: Arc::clone(&left),
                points: self.points,
                metrics: (0..self.metrics).map(name).collect(),
            };
            agents.spawn(work.agent(at, began_ms));
        }
        while let Some(done) = agents.join_next().await {
            done.context("an agent broke")??;
        }
        Ok(id)
    }
}

fn name(at: usize) -> String {
    NAMES.get(at).map_or_else(|| format!("metric-{}", at + 1), |name| (*name).to_owned())
}

fn now_ms() -> anyhow::Result<i64> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock is before 1970")?;
    i64::try_from(since.as_millis()).context("the clock is far off")
}

async fn create(store: &dyn Store, spec: &SweepSpec, text: String, now_ms: i64) -> anyhow::Result<String> {
    let new = NewSweep {
        id: Uuid::new_v4().simple().to_string().chars().take(8).collect(),
        request_id: Uuid::new_v4(),
        name: spec.name.clone(),
        project: String::new(),
        description: "made by sweep-sim fill".to_owned(),
        method: spec.method.word().to_owned(),
        objective: Some(Objective { name: NAMES[0].to_owned(), goal: Goal::Maximize }),
        objectives: Vec::new(),
        seed: 1,
        planned_trials: spec.planned_trials(),
        retries: 0,
        infrastructure_retries: 5,
        fails_non_finite: false,
        max_parallel: None,
        stops: spec.stops(),
        prior: Vec::new(),
        text,
        created_at_ms: now_ms,
    };
    Ok(store.sweep_create(new).await?.id)
}

async fn queue(
    store: &dyn Store,
    sweep: &str,
    spec: &SweepSpec,
    trials: u64,
    now_ms: i64,
) -> anyhow::Result<()> {
    let mut after = 0;
    while after < trials {
        let last = trials.min(after + QUEUED_AT_ONCE);
        let mut some = Vec::new();
        for number in after + 1..=last {
            let params = search::propose(spec, 1, number).context("the space has no more points")?;
            let origin = Origin { why: Why::Random, pending: Vec::new() };
            some.push(NewTrial { id: Uuid::now_v7(), number, params, origin });
        }
        let queued = store.trials_enqueue(sweep, after, some, last == trials, now_ms).await?;
        anyhow::ensure!(
            queued,
            "somebody else proposes trials of sweep {sweep}: is a controller on this database?"
        );
        after = last;
    }
    Ok(())
}

/// What all agents do.
struct Work {
    store: Arc<dyn Store>,
    sweep: String,
    /// Trials that are not over.
    left: Arc<AtomicU64>,
    points: u64,
    metrics: Vec<String>,
}

impl Work {
    async fn agent(self, at: u64, began_ms: i64) -> anyhow::Result<()> {
        let agent = Agent {
            id: Uuid::new_v4(),
            name: format!("box-{:02}", at + 1),
            host: format!("box-{:02}.lab", at / 4 + 1),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            slots: 1,
            devices: vec![format!("cuda:{}", at % 4)],
            labels: BTreeMap::from([("room".to_owned(), "lab".to_owned())]),
        };
        let mut now = began_ms;
        self.store.agent_register(agent.clone(), now).await?;
        loop {
            let claim = Claim {
                sweep: self.sweep.clone(),
                agent: agent.id,
                request_id: Uuid::now_v7(),
                lease: Duration::from_secs(3600),
            };
            let Claimed::Granted(given) = self.store.trial_claim(claim, now).await? else { break };
            let key = AttemptKey { trial: given.trial, attempt: given.attempt };
            self.trial(key, given.number, &given.params, &agent, now).await?;
            now += TRIAL_MS;
        }
        Ok(self.store.agents_seen(vec![(agent.id, now)]).await?)
    }

    async fn trial(
        &self,
        key: AttemptKey,
        number: u64,
        params: &sweep_core::value::Params,
        agent: &Agent,
        now: i64,
    ) -> anyhow::Result<()> {
        let mut rng = ChaCha8Rng::seed_from_u64(number);
        let fate: f64 = rng.random();
        let (outcome, share, reason) = match fate {
            ..0.03 => (Outcome::Failed, 0.4, "exit code 1: CUDA out of memory"),
            0.03..0.18 => (Outcome::Stopped, 0.5, "its best was below the median at step 500"),
            _ => (Outcome::Succeeded, 1.0, ""),
        };
        let told = ((self.points as f64 * share) as u64).max(1);
        let mut events = vec![began(agent, number, now)];
        if number == 1 {
            events.push(dataset(now));
        }
        let quality = quality(params);
        for point in 1..=told {
            let at_ms = now + point.cast_signed() * (TRIAL_MS - 5_000) / self.points.max(1).cast_signed();
            let share = point as f64 / self.points as f64;
            let of = |(at, name): (usize, &String)| {
                let noise = (rng.random::<f64>() - 0.5) * 0.05;
                (name.clone(), value(at, quality, share) + noise)
            };
            let values = self.metrics.iter().enumerate().map(of).collect();
            let epoch = Some(12.0 * share);
            events.push(Event { at_ms, kind: EventKind::Metrics { step: point * 10, epoch, values } });
        }
        events.push(said(now + TRIAL_MS - 5_000, &format!("told {told} points")));
        let last_seq = events.len() as u64;
        self.store.attempt_report(key, 1, events, now + TRIAL_MS - 5_000).await?;
        // The last ones run on.
        if self.left.fetch_sub(1, Ordering::Relaxed) <= 2 {
            return Ok(());
        }
        let exit_code = Some(i32::from(outcome == Outcome::Failed));
        let finish = Finish { key, outcome, reason: reason.to_owned(), exit_code, signal: None, last_seq };
        self.store.attempt_finish(finish, now + TRIAL_MS - 4_000).await?;
        Ok(())
    }
}

fn said(at_ms: i64, text: &str) -> Event {
    Event { at_ms, kind: EventKind::Log(LogLine { stream: "stdout".to_owned(), text: text.to_owned() }) }
}

fn began(agent: &Agent, number: u64, at_ms: i64) -> Event {
    let facts = Facts {
        command: vec!["sweep-train".to_owned(), format!("--trial={number}")],
        host: agent.host.clone(),
        devices: agent.devices.clone(),
        ..Facts::default()
    };
    Event { at_ms, kind: EventKind::Facts(facts) }
}

/// The survey of a data set, as a trainer tells it.
fn dataset(at_ms: i64) -> Event {
    let histogram = |classes: &[&str], train: &[u32]| {
        let tenth: Vec<u32> = train.iter().map(|count| count / 10).collect();
        json!({"classes": classes, "train": train, "validation": tenth, "test": tenth})
    };
    let value = json!({
        "files": 23_705, "malformed": ["39_1_20170116174525125.jpg.chip.jpg"], "malformed_total": 1,
        "duplicates": {"groups": 12, "contradicting": 3},
        "splits": {"train": 18_960, "validation": 2_370, "test": 2_370},
        "histograms": {
            "age": histogram(&["0-9", "10-19", "20-29", "30-39", "40+"], &[2_400, 1_200, 6_000, 3_600, 5_760]),
            "sex": histogram(&["male", "female"], &[9_900, 9_060]),
            "race": histogram(&["white", "black", "asian", "indian", "other"], &[8_000, 3_600, 2_700, 3_200, 1_460]),
        },
    });
    Event { at_ms, kind: EventKind::Media(Media { name: "dataset".to_owned(), step: 0, value }) }
}

/// How good a trial with these parameters can be, from 0 to 1.
fn quality(params: &sweep_core::value::Params) -> f64 {
    let number = |name: &str| params.get(name).and_then(serde_json::Value::as_f64).unwrap_or_default();
    let off = (number("lr").ln() - 3e-3_f64.ln()) / 2.5;
    let net = match params.get("backbone").and_then(serde_json::Value::as_str) {
        Some("resnet50") => 1.0,
        Some("resnet34") => 0.95,
        _ => 0.88,
    };
    0.8 * net * (-off * off).exp() + 0.15 * (1.0 - (number("dropout") - 0.2).abs())
}

/// A metric after a share of its trial: losses fall, scores rise.
fn value(metric: usize, quality: f64, share: f64) -> f64 {
    let reached = quality * (1.0 - (-5.0 * share).exp());
    if name(metric).ends_with("loss") { 2.5 - 2.0 * reached } else { reached * (1.0 - 0.02 * metric as f64) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_filled_database_has_trials_of_every_kind() {
        let folder = tempfile::tempdir().expect("makes a folder");
        let db = format!("sqlite://{}", folder.path().join("filled.db").display());
        let fill = Fill { db: db.clone(), trials: 120, points: 6, metrics: 6 };
        let store = Location::parse(&db).expect("is a place").open().await.expect("opens");
        let id = fill.fill(Arc::clone(&store)).await.expect("fills");
        let counts = store.sweep_find(&id).await.expect("is there").counts;
        assert!(counts.finished > 60 && counts.failed > 0 && counts.stopped_early > 5, "{counts:?}");
        assert_eq!((counts.active, counts.total()), (2, 120));
        let table = store.trial_table(&id, 0, 0, 200).await.expect("reads");
        assert_eq!(table.metrics.keys().next().map(String::as_str), Some("age-f1score"));
        assert_eq!((table.metrics.len(), table.trials[0].params.len()), (6, 5));
        assert!(store.media_newest(&id, "dataset").await.expect("reads").is_some());
    }
}
