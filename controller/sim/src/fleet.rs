//! Simulated agents over real gRPC: each with a connection of its own, in one process.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use sweep_proto::v1;
use sweep_proto::v1::agent_service_client::AgentServiceClient;
use sweep_proto::v1::claim_response::Outcome;
use sweep_proto::v1::event::Kind;
use sweep_proto::v1::sweep_service_client::SweepServiceClient;
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tonic::transport::{Channel, Endpoint};
use uuid::Uuid;

use crate::latency::Latencies;

/// What each agent does until the time is over.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Work {
    /// Claims a trial and finishes it at once, over and over.
    Trials,
    /// Sends reports of so many points on one trial, one after another.
    Reports { points: usize },
    /// As a fleet that trains: a trial of `trial`, a report of `points` points every `every`, then the next trial.
    Paced { trial: Duration, every: Duration, points: usize },
}

/// What a fleet got done.
#[derive(Debug, Default)]
pub(crate) struct Done {
    pub(crate) seconds: f64,
    pub(crate) points: u64,
    pub(crate) claims: Latencies,
    pub(crate) reports: Latencies,
    pub(crate) finishes: Latencies,
}

/// Metrics of each event: as many curves has a training that reports two losses, two scores and a rate.
const METRICS: [&str; 5] = ["loss", "val-loss", "acc", "total-f1score", "lr"];

/// A sweep that never runs out, and its id.
pub(crate) async fn create_sweep(url: &str) -> anyhow::Result<String> {
    let text = "program: /bin/true\nmethod: random\nmetric: {name: total-f1score, goal: maximize}\nparameters:\n  \
                lr: {distribution: log_uniform_values, min: 0.00001, max: 1.0}\n  momentum: {min: 0.0, max: 1.0}\n  \
                decay: {distribution: log_uniform_values, min: 0.00001, max: 1.0}\n  layers: {min: 1, max: 8}\n  \
                activation: {values: [relu, gelu, silu]}\n";
    let mut client = SweepServiceClient::connect(url.to_owned()).await.context("connecting")?;
    let request_id = Uuid::now_v7().to_string();
    let request = v1::CreateSweepRequest { text: text.to_owned(), request_id, ..Default::default() };
    let created = client.create_sweep(request).await.context("creating the sweep")?.into_inner();
    Ok(created.sweep.context("the controller answered without a sweep")?.id)
}

/// Lets so many agents work for so long.
pub(crate) async fn run(url: &str, agents: usize, work: Work, time: Duration) -> anyhow::Result<Done> {
    let sweep = create_sweep(url).await?;
    let start = Arc::new(Barrier::new(agents));
    let mut tasks = JoinSet::new();
    for number in 0..agents {
        let (url, sweep, start) = (url.to_owned(), sweep.clone(), Arc::clone(&start));
        tasks.spawn(async move {
            let mut agent = Agent::connect(&url, &sweep, number).await?;
            start.wait().await;
            if let Work::Paced { trial, .. } = work {
                // A fleet is not in step.
                tokio::time::sleep(trial.mul_f64(number as f64 / agents as f64)).await;
            }
            agent.work(work, time).await?;
            Ok::<_, anyhow::Error>(agent.done)
        });
    }
    let mut all = Done::default();
    while let Some(joined) = tasks.join_next().await {
        let done = joined.context("an agent panicked")??;
        all.seconds = all.seconds.max(done.seconds);
        all.points += done.points;
        all.claims.merge(done.claims);
        all.reports.merge(done.reports);
        all.finishes.merge(done.finishes);
    }
    Ok(all)
}

struct Agent {
    client: AgentServiceClient<Channel>,
    id: String,
    sweep: String,
    done: Done,
}

/// A trial an agent holds.
struct Held {
    attempt: v1::AttemptRef,
    seq: u64,
}

impl Agent {
    async fn connect(url: &str, sweep: &str, number: usize) -> anyhow::Result<Self> {
        let channel = Endpoint::from_shared(url.to_owned())
            .context("the controller's address")?
            .tcp_nodelay(true)
            .connect()
            .await
            .context("connecting an agent")?;
        let id = Uuid::now_v7().to_string();
        let mut client = AgentServiceClient::new(channel);
        let register = v1::RegisterRequest {
            agent_id: id.clone(),
            name: format!("simulated-{number}"),
            host: "simulated".to_owned(),
            slots: 1,
            sweep_id: sweep.to_owned(),
            ..Default::default()
        };
        client.register(register).await.context("registering an agent")?;
        Ok(Self { client, id, sweep: sweep.to_owned(), done: Done::default() })
    }

    async fn work(&mut self, work: Work, time: Duration) -> anyhow::Result<()> {
        let start = Instant::now();
        let mut held = match work {
            Work::Trials | Work::Paced { .. } => None,
            Work::Reports { .. } => Some(self.claim().await?),
        };
        while start.elapsed() < time {
            match (work, &mut held) {
                (Work::Reports { points }, Some(held)) => self.report(held, points).await?,
                (Work::Paced { trial, every, points }, _) => {
                    self.train(trial.min(time), every, points).await?;
                }
                (Work::Trials | Work::Reports { .. }, _) => {
                    let trial = self.claim().await?;
                    self.finish(&trial).await?;
                }
            }
        }
        self.done.seconds = start.elapsed().as_secs_f64();
        Ok(())
    }

    async fn train(&mut self, trial: Duration, every: Duration, points: usize) -> anyhow::Result<()> {
        let mut held = self.claim().await?;
        let start = Instant::now();
        while start.elapsed() < trial {
            self.report(&mut held, points).await?;
            tokio::time::sleep(every).await;
        }
        self.finish(&held).await
    }

    async fn claim(&mut self) -> anyhow::Result<Held> {
        let begun = Instant::now();
        let request_id = Uuid::now_v7().to_string();
        loop {
            let request = v1::ClaimRequest {
                agent_id: self.id.clone(),
                sweep_id: self.sweep.clone(),
                request_id: request_id.clone(),
                wait_ms: 10_000,
            };
            let answer = self.client.claim(request).await.context("claiming")?.into_inner();
            match answer.outcome.context("a claim without an outcome")? {
                Outcome::Assignment(v1::Assignment { trial_id, attempt, .. }) => {
                    self.done.claims.add(begun.elapsed());
                    return Ok(Held { attempt: v1::AttemptRef { trial_id, attempt }, seq: 0 });
                }
                Outcome::Idle(_) => {}
                Outcome::Over(over) => anyhow::bail!("the sweep is over: {}", over.reason),
            }
        }
    }

    async fn report(&mut self, held: &mut Held, points: usize) -> anyhow::Result<()> {
        let metrics = METRICS.len().min(points);
        let events: Vec<v1::Event> = (1..=points.div_ceil(metrics))
            .map(|at| {
                let step = held.seq + at as u64;
                let values: BTreeMap<&str, f64> = METRICS[..metrics]
                    .iter()
                    .enumerate()
                    .map(|(which, &name)| (name, (step as f64 * (which + 1) as f64 * 0.7).sin()))
                    .collect();
                let values = values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
                let point = v1::MetricPoint { step, epoch: None, values };
                v1::Event { seq: step, at_ms: 0, kind: Some(Kind::Metrics(point)) }
            })
            .collect();
        let sent = (events.len() * metrics) as u64;
        let last = held.seq + events.len() as u64;
        let v1::AttemptRef { trial_id, attempt } = held.attempt.clone();
        let begun = Instant::now();
        let answer =
            self.client.report(v1::ReportRequest { trial_id, attempt, events }).await.context("reporting")?;
        self.done.reports.add(begun.elapsed());
        let stored = answer.into_inner().acknowledged_seq;
        anyhow::ensure!(stored == last, "reported up to {last}, but {stored} is stored");
        held.seq = last;
        self.done.points += sent;
        Ok(())
    }

    async fn finish(&mut self, held: &Held) -> anyhow::Result<()> {
        let v1::AttemptRef { trial_id, attempt } = held.attempt.clone();
        let begun = Instant::now();
        let request = v1::FinishRequest {
            trial_id,
            attempt,
            outcome: v1::Outcome::Succeeded.into(),
            exit_code: Some(0),
            last_seq: held.seq,
            ..Default::default()
        };
        self.client.finish(request).await.context("finishing")?;
        self.done.finishes.add(begun.elapsed());
        Ok(())
    }
}
