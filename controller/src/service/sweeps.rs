//! What people and programs ask.

use std::pin::Pin;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use sweep_core::sweep::SweepEvent;
use sweep_proto::v1;
use sweep_proto::v1::sweep_service_server::SweepService;
use sweep_store::TrialFilter;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};
use tracing::info;

use super::{convert, refuse};
use crate::app::{App, Creation};

/// Points of a curve when nobody says how many.
const POINTS: u32 = 1000;
/// A watcher is told at most so often; changes in between come together.
const WATCH_PAUSE: Duration = Duration::from_millis(50);

/// Judgements in one message.
const JUDGEMENTS: usize = 256;

pub(crate) struct Sweeps {
    app: App,
}

impl Sweeps {
    pub(crate) fn new(app: App) -> Self {
        Self { app }
    }

    async fn change(&self, name: &str, event: SweepEvent) -> Result<Option<v1::Sweep>, Status> {
        let sweep = self.app.change(name, event).await.map_err(refuse::store)?;
        info!(sweep.id = %sweep.id, state = %sweep.state, "{} sweep {}", event.word(), sweep.id);
        Ok(Some(convert::sweep(sweep)))
    }

    async fn resolve(&self, name: &str) -> Result<String, Status> {
        Ok(self.app.store.sweep_find(name).await.map_err(refuse::store)?.id)
    }
}

#[tonic::async_trait]
impl SweepService for Sweeps {
    async fn create_sweep(
        &self,
        request: Request<v1::CreateSweepRequest>,
    ) -> Result<Response<v1::CreateSweepResponse>, Status> {
        let asked = request.into_inner();
        let creation = Creation {
            text: asked.text,
            request_id: convert::uuid("request_id", &asked.request_id)?,
            name: asked.name,
            project: asked.project,
            file_name: if asked.file_name.is_empty() { "sweep.yaml".to_owned() } else { asked.file_name },
        };
        let (sweep, warnings) = self.app.create(creation).await.map_err(refuse::create)?;
        info!(sweep.id = %sweep.id, "created sweep {}", sweep.id);
        Ok(Response::new(v1::CreateSweepResponse { sweep: Some(convert::sweep(sweep)), warnings }))
    }

    async fn list_sweeps(
        &self,
        request: Request<v1::ListSweepsRequest>,
    ) -> Result<Response<v1::ListSweepsResponse>, Status> {
        let asked = request.into_inner();
        let states: Vec<_> = asked.states().filter_map(v1::SweepState::to_core).collect();
        let sweeps = self.app.store.sweep_list().await.map_err(refuse::store)?;
        let wanted = sweeps.into_iter().filter(|sweep| {
            (states.is_empty() || states.contains(&sweep.state))
                && (asked.project.is_empty() || asked.project == sweep.project)
        });
        Ok(Response::new(v1::ListSweepsResponse { sweeps: wanted.map(convert::sweep).collect() }))
    }

    async fn get_sweep(
        &self,
        request: Request<v1::GetSweepRequest>,
    ) -> Result<Response<v1::GetSweepResponse>, Status> {
        let sweep = self.app.store.sweep_find(&request.into_inner().sweep).await.map_err(refuse::store)?;
        let prior = self.app.store.sweep_prior(&sweep.id).await.map_err(refuse::store)?;
        let prior_json = if prior.is_empty() { String::new() } else { convert::json(&prior) };
        Ok(Response::new(v1::GetSweepResponse { sweep: Some(convert::sweep(sweep)), prior_json }))
    }

    async fn pause_sweep(
        &self,
        request: Request<v1::PauseSweepRequest>,
    ) -> Result<Response<v1::PauseSweepResponse>, Status> {
        let sweep = self.change(&request.into_inner().sweep, SweepEvent::Pause).await?;
        Ok(Response::new(v1::PauseSweepResponse { sweep }))
    }

    async fn resume_sweep(
        &self,
        request: Request<v1::ResumeSweepRequest>,
    ) -> Result<Response<v1::ResumeSweepResponse>, Status> {
        let sweep = self.change(&request.into_inner().sweep, SweepEvent::Resume).await?;
        Ok(Response::new(v1::ResumeSweepResponse { sweep }))
    }

    async fn stop_sweep(
        &self,
        request: Request<v1::StopSweepRequest>,
    ) -> Result<Response<v1::StopSweepResponse>, Status> {
        let sweep = self.change(&request.into_inner().sweep, SweepEvent::Stop).await?;
        Ok(Response::new(v1::StopSweepResponse { sweep }))
    }

    async fn cancel_sweep(
        &self,
        request: Request<v1::CancelSweepRequest>,
    ) -> Result<Response<v1::CancelSweepResponse>, Status> {
        let sweep = self.change(&request.into_inner().sweep, SweepEvent::Cancel).await?;
        Ok(Response::new(v1::CancelSweepResponse { sweep }))
    }

    async fn list_trials(
        &self,
        request: Request<v1::ListTrialsRequest>,
    ) -> Result<Response<v1::ListTrialsResponse>, Status> {
        let asked = request.into_inner();
        let id = self.resolve(&asked.sweep).await?;
        let filter = TrialFilter {
            states: asked.states().filter_map(v1::TrialState::to_core).collect(),
            top: (asked.top > 0).then_some(asked.top),
        };
        let trials = self.app.store.trial_list(&id, filter).await.map_err(refuse::store)?;
        Ok(Response::new(v1::ListTrialsResponse { trials: trials.into_iter().map(convert::trial).collect() }))
    }

    type ListJudgementsStream = BoxStream<'static, Result<v1::ListJudgementsResponse, Status>>;

    async fn list_judgements(
        &self,
        request: Request<v1::ListJudgementsRequest>,
    ) -> Result<Response<Self::ListJudgementsStream>, Status> {
        let id = self.resolve(&request.into_inner().sweep).await?;
        let judgements = self.app.store.judgements(&id).await.map_err(refuse::store)?;
        let pieces: Vec<_> = judgements
            .chunks(JUDGEMENTS)
            .map(|piece| {
                Ok(v1::ListJudgementsResponse { judgements: piece.iter().map(convert::judgement).collect() })
            })
            .collect();
        Ok(Response::new(futures_util::stream::iter(pieces).boxed()))
    }

    async fn get_trial(
        &self,
        request: Request<v1::GetTrialRequest>,
    ) -> Result<Response<v1::GetTrialResponse>, Status> {
        let name = convert::trial_name(&request.into_inner().trial)?;
        let detail = self.app.store.trial_get(&name).await.map_err(refuse::store)?;
        Ok(Response::new(v1::GetTrialResponse {
            trial: Some(convert::trial(detail.trial)),
            attempts: detail.attempts.into_iter().map(convert::attempt).collect(),
            checkpoints: detail.checkpoints.into_iter().map(convert::checkpoint).collect(),
            media: detail.media.into_iter().map(convert::media).collect(),
        }))
    }

    async fn get_metrics(
        &self,
        request: Request<v1::GetMetricsRequest>,
    ) -> Result<Response<v1::GetMetricsResponse>, Status> {
        let asked = request.into_inner();
        let name = convert::trial_name(&asked.trial)?;
        let trial = self.app.store.trial_get(&name).await.map_err(refuse::store)?.trial.id;
        let most = if asked.max_points == 0 { POINTS } else { asked.max_points } as usize;
        let curves = self.app.store.curves(trial, &asked.names).await.map_err(refuse::store)?;
        Ok(Response::new(v1::GetMetricsResponse {
            trial_id: trial.to_string(),
            curves: curves.into_iter().map(|(name, points)| convert::curve(name, &points, most)).collect(),
        }))
    }

    async fn get_logs(
        &self,
        request: Request<v1::GetLogsRequest>,
    ) -> Result<Response<v1::GetLogsResponse>, Status> {
        let asked = request.into_inner();
        let name = convert::trial_name(&asked.trial)?;
        let detail = self.app.store.trial_get(&name).await.map_err(refuse::store)?;
        let trial = detail.trial;
        let attempt = if asked.attempt == 0 { trial.attempt } else { asked.attempt };
        // Asked before the lines: of an attempt that had ended by then, these are all.
        let ended = detail.attempts.iter().any(|row| row.number == attempt && row.ended_at_ms.is_some());
        let tail = (asked.tail > 0).then_some(asked.tail as usize);
        let lines = self.app.store.log_lines(trial.id, attempt, asked.after, tail);
        let lines = lines.await.map_err(refuse::store)?;
        Ok(Response::new(v1::GetLogsResponse {
            attempt,
            ended,
            lines: lines.into_iter().map(convert::log_entry).collect(),
        }))
    }

    async fn extend_sweep(
        &self,
        request: Request<v1::ExtendSweepRequest>,
    ) -> Result<Response<v1::ExtendSweepResponse>, Status> {
        let asked = request.into_inner();
        let by = convert::extension(asked.extension)?;
        let sweep = self.app.extend(&asked.sweep, by).await.map_err(refuse::store)?;
        info!(sweep.id = %sweep.id, planned = sweep.planned_trials, "extended sweep {}", sweep.id);
        Ok(Response::new(v1::ExtendSweepResponse { sweep: Some(convert::sweep(sweep)) }))
    }

    async fn retry_trials(
        &self,
        request: Request<v1::RetryTrialsRequest>,
    ) -> Result<Response<v1::RetryTrialsResponse>, Status> {
        let asked = request.into_inner();
        let which = convert::retry(&asked);
        let (sweep, numbers) = self.app.retry(&asked.sweep, which).await.map_err(refuse::store)?;
        info!(sweep.id = %sweep.id, count = numbers.len(), "queued trials of sweep {} again", sweep.id);
        Ok(Response::new(v1::RetryTrialsResponse { sweep: Some(convert::sweep(sweep)), numbers }))
    }

    async fn annotate_sweep(
        &self,
        request: Request<v1::AnnotateSweepRequest>,
    ) -> Result<Response<v1::AnnotateSweepResponse>, Status> {
        let asked = request.into_inner();
        let change = convert::annotation_change(asked.change)?;
        let id = self.resolve(&asked.sweep).await?;
        let sweep = self.app.store.sweep_annotate(&id, change).await.map_err(refuse::store)?;
        Ok(Response::new(v1::AnnotateSweepResponse { sweep: Some(convert::sweep(sweep)) }))
    }

    async fn annotate_trial(
        &self,
        request: Request<v1::AnnotateTrialRequest>,
    ) -> Result<Response<v1::AnnotateTrialResponse>, Status> {
        let asked = request.into_inner();
        let (name, change) = (convert::trial_name(&asked.trial)?, convert::annotation_change(asked.change)?);
        let trial = self.app.store.trial_annotate(&name, change).await.map_err(refuse::store)?;
        Ok(Response::new(v1::AnnotateTrialResponse { trial: Some(convert::trial(trial)) }))
    }

    async fn stop_trial(
        &self,
        request: Request<v1::StopTrialRequest>,
    ) -> Result<Response<v1::StopTrialResponse>, Status> {
        let name = convert::trial_name(&request.into_inner().trial)?;
        let trial = self.app.stop_trial(&name).await.map_err(refuse::store)?;
        info!(sweep.id = %trial.sweep_id, "stopping trial {}/{}", trial.sweep_id, trial.number);
        Ok(Response::new(v1::StopTrialResponse { trial: Some(convert::trial(trial)) }))
    }

    type WatchStream = Pin<Box<dyn tokio_stream::Stream<Item = Result<v1::WatchResponse, Status>> + Send>>;

    async fn watch(&self, request: Request<v1::WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let asked = request.into_inner();
        let id = self.resolve(&asked.sweep).await?;
        // One message may wait; a slow reader gets later states instead of a longer queue.
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(watch(self.app.clone(), id, asked.since, sender));
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }
}

/// Tells a watcher what changed until it goes away or the server stops.
async fn watch(
    app: App,
    id: String,
    mut since: u64,
    sender: mpsc::Sender<Result<v1::WatchResponse, Status>>,
) {
    let mut feed = app.store.feed();
    let mut told = None;
    loop {
        feed.mark_unchanged();
        let message = match app.store.changes_since(&id, since).await {
            Ok(changes) => {
                since = changes.change;
                let sweep = convert::sweep(changes.sweep);
                let news = !changes.trials.is_empty() || told.as_ref() != Some(&sweep);
                told = Some(sweep.clone());
                let trials = changes.trials.into_iter().map(convert::trial).collect();
                news.then_some(Ok(v1::WatchResponse { change: since, sweep: Some(sweep), trials }))
            }
            Err(error) => Some(Err(refuse::store(error))),
        };
        if let Some(message) = message {
            let failed = message.is_err();
            if sender.send(message).await.is_err() || failed {
                return;
            }
        }
        let next = async {
            tokio::time::sleep(WATCH_PAUSE).await;
            feed.changed().await
        };
        tokio::select! {
            biased;
            () = app.stop.cancelled() => return,
            () = sender.closed() => return,
            moved = next => if moved.is_err() { return },
        }
    }
}
