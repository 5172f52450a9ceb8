//! What a web page asks.

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use sweep_core::importance;
use sweep_proto::v1;
use sweep_proto::v1::dashboard_service_server::DashboardService;
use sweep_store::{AgentWish, AgentWishKind, Sweep};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};
use tracing::info;

use super::{columns, convert, refuse};
use crate::app::App;
use crate::board::curves::{Axis, MOST_CURVES, MOST_POINTS, Wanted, Window};
use crate::board::watch::{Followed, FollowedCurves, FollowedLog, FollowedTable, HeldCurve, MOST_TOPICS};
use crate::board::{agents, attempts, curves, history, table, watch};

/// Curves when nobody says how many.
const TOP: u32 = 10;
/// Most quantiles of one band.
const MOST_QUANTILES: usize = 9;
/// Most sweeps of one question.
const MOST_SWEEPS: usize = 200;

pub(crate) struct Dashboard {
    app: App,
}

impl Dashboard {
    pub(crate) fn new(app: App) -> Self {
        Self { app }
    }

    async fn sweep(&self, name: &str) -> Result<Sweep, Status> {
        self.app.store.sweep_find(name).await.map_err(refuse::store)
    }

    async fn want(
        &self,
        agent: &str,
        wish: Option<AgentWish>,
    ) -> Result<(Option<v1::AgentInfo>, Vec<String>), Status> {
        let told = wish.as_ref().map_or_else(|| "active".to_owned(), ToString::to_string);
        let (agent, taken) = agents::want(&self.app, agent, wish).await.map_err(refuse::board)?;
        info!(agent.name = %agent.row.agent.name, "a person wants agent {} {told}", agent.row.agent.name);
        Ok((Some(columns::agent(agent)), taken))
    }
}

/// Between nothing (or too many) and the most.
fn axis(asked: v1::CurveAxis) -> Axis {
    match asked {
        v1::CurveAxis::Unspecified | v1::CurveAxis::Step => Axis::Step,
        v1::CurveAxis::Epoch => Axis::Epoch,
        v1::CurveAxis::Seconds => Axis::Seconds,
    }
}

fn points(asked: u32) -> usize {
    if asked == 0 { MOST_POINTS } else { (asked as usize).min(MOST_POINTS) }
}

#[tonic::async_trait]
impl DashboardService for Dashboard {
    async fn get_trial_table(
        &self,
        request: Request<v1::GetTrialTableRequest>,
    ) -> Result<Response<v1::GetTrialTableResponse>, Status> {
        let asked = request.into_inner();
        let sweep = self.sweep(&asked.sweep).await?;
        let found = table::table(&self.app, &sweep, asked.since, asked.after_number, &asked.metrics);
        let table = Some(columns::table(found.await.map_err(refuse::board)?));
        Ok(Response::new(v1::GetTrialTableResponse { table }))
    }

    async fn get_curve_band(
        &self,
        request: Request<v1::GetCurveBandRequest>,
    ) -> Result<Response<v1::GetCurveBandResponse>, Status> {
        let asked = request.into_inner();
        let sweep = self.sweep(&asked.sweep).await?;
        let axis = axis(asked.axis());
        let quantiles = if asked.quantiles.is_empty() { vec![0.1, 0.5, 0.9] } else { asked.quantiles };
        if quantiles.len() > MOST_QUANTILES || !quantiles.iter().all(|one| (0.0..=1.0).contains(one)) {
            return Err(refuse::field("quantiles", "must be at most 9, each from 0 to 1"));
        }
        let found = curves::band(&self.app, &sweep, &asked.metric, quantiles.clone(), axis);
        Ok(Response::new(columns::band(found.await.map_err(refuse::board)?, &quantiles)))
    }

    async fn get_top_curves(
        &self,
        request: Request<v1::GetTopCurvesRequest>,
    ) -> Result<Response<v1::GetTopCurvesResponse>, Status> {
        let asked = request.into_inner();
        let sweep = self.sweep(&asked.sweep).await?;
        let window = Window {
            axis: axis(asked.axis()),
            from: asked.from.unwrap_or(f64::NEG_INFINITY),
            until: asked.until.unwrap_or(f64::INFINITY),
        };
        if window.from.is_nan() || window.until.is_nan() || window.from > window.until {
            return Err(refuse::field("until", "must be a number that is not below from"));
        }
        let wanted = if asked.numbers.is_empty() {
            let top = if asked.top == 0 { TOP } else { asked.top };
            Wanted::Best((top as usize).min(MOST_CURVES))
        } else {
            Wanted::Numbers(asked.numbers)
        };
        let found = curves::top(&self.app, &sweep, &asked.metric, wanted, window, points(asked.max_points));
        let (metric, found) = found.await.map_err(refuse::board)?;
        let curves = found.iter().map(columns::curve).collect();
        Ok(Response::new(v1::GetTopCurvesResponse { metric, curves }))
    }

    async fn get_best_so_far(
        &self,
        request: Request<v1::GetBestSoFarRequest>,
    ) -> Result<Response<v1::GetBestSoFarResponse>, Status> {
        let asked = request.into_inner();
        if asked.sweeps.len() > MOST_SWEEPS {
            return Err(refuse::field("sweeps", "200 are the most"));
        }
        let most = points(asked.max_points);
        let mut sweeps = Vec::with_capacity(asked.sweeps.len());
        for name in &asked.sweeps {
            let found = history::best_so_far(&self.app, name, most).await.map_err(refuse::board)?;
            sweeps.push(columns::best_so_far(found));
        }
        Ok(Response::new(v1::GetBestSoFarResponse { sweeps }))
    }

    async fn get_importance(
        &self,
        request: Request<v1::GetImportanceRequest>,
    ) -> Result<Response<v1::GetImportanceResponse>, Status> {
        let sweep = self.sweep(&request.into_inner().sweep).await?;
        let method = importance::METHOD.to_owned();
        let found = history::importance(&self.app, &sweep).await.map_err(refuse::board)?;
        Ok(Response::new(match found {
            Ok(found) => v1::GetImportanceResponse {
                method,
                trials: u32::try_from(found.trials).unwrap_or(u32::MAX),
                params: found
                    .parameters
                    .into_iter()
                    .map(|(name, share)| v1::ParamImportance { name, share })
                    .collect(),
                none: String::new(),
            },
            Err(none) => v1::GetImportanceResponse { method, none, ..Default::default() },
        }))
    }

    async fn get_dataset(
        &self,
        request: Request<v1::GetDatasetRequest>,
    ) -> Result<Response<v1::GetDatasetResponse>, Status> {
        let sweep = self.sweep(&request.into_inner().sweep).await?;
        let found = history::dataset(&self.app, &sweep).await.map_err(refuse::board)?;
        Ok(Response::new(found.map_or_else(v1::GetDatasetResponse::default, |(trial_number, media)| {
            v1::GetDatasetResponse { trial_number, value_json: media.value.to_string() }
        })))
    }

    async fn list_agents(
        &self,
        _request: Request<v1::ListAgentsRequest>,
    ) -> Result<Response<v1::ListAgentsResponse>, Status> {
        let agents = agents::list(&self.app).await.map_err(refuse::board)?;
        Ok(Response::new(v1::ListAgentsResponse { agents: agents.into_iter().map(columns::agent).collect() }))
    }

    async fn drain_agent(
        &self,
        request: Request<v1::DrainAgentRequest>,
    ) -> Result<Response<v1::DrainAgentResponse>, Status> {
        let v1::DrainAgentRequest { agent, reason } = request.into_inner();
        let wish = AgentWish { kind: AgentWishKind::Drain, reason };
        let (agent, _) = self.want(&agent, Some(wish)).await?;
        Ok(Response::new(v1::DrainAgentResponse { agent }))
    }

    async fn quarantine_agent(
        &self,
        request: Request<v1::QuarantineAgentRequest>,
    ) -> Result<Response<v1::QuarantineAgentResponse>, Status> {
        let v1::QuarantineAgentRequest { agent, reason } = request.into_inner();
        if reason.trim().is_empty() {
            return Err(refuse::field("reason", "is empty; say why, for who finds the agent so"));
        }
        let wish = AgentWish { kind: AgentWishKind::Quarantine, reason };
        let (agent, taken) = self.want(&agent, Some(wish)).await?;
        Ok(Response::new(v1::QuarantineAgentResponse { agent, taken }))
    }

    async fn resume_agent(
        &self,
        request: Request<v1::ResumeAgentRequest>,
    ) -> Result<Response<v1::ResumeAgentResponse>, Status> {
        let (agent, _) = self.want(&request.into_inner().agent, None).await?;
        Ok(Response::new(v1::ResumeAgentResponse { agent }))
    }

    async fn get_attempts(
        &self,
        request: Request<v1::GetAttemptsRequest>,
    ) -> Result<Response<v1::GetAttemptsResponse>, Status> {
        let asked = request.into_inner();
        let sweep = self.sweep(&asked.sweep).await?;
        let found = attempts::attempts(&self.app, &sweep, asked.since).await.map_err(refuse::board)?;
        Ok(Response::new(v1::GetAttemptsResponse { table: Some(columns::attempts(found)) }))
    }

    async fn get_layout(
        &self,
        request: Request<v1::GetLayoutRequest>,
    ) -> Result<Response<v1::GetLayoutResponse>, Status> {
        let project = match request.into_inner().of {
            Some(v1::get_layout_request::Of::Project(project)) => project,
            Some(v1::get_layout_request::Of::Sweep(sweep)) => self.sweep(&sweep).await?.project,
            None => return Err(refuse::field("of", "is missing: a project, or a sweep of it")),
        };
        let layout = self.app.store.layout(&project).await.map_err(refuse::store)?;
        let layout_json = layout.unwrap_or_default();
        Ok(Response::new(v1::GetLayoutResponse { project, layout_json }))
    }

    async fn set_layout(
        &self,
        request: Request<v1::SetLayoutRequest>,
    ) -> Result<Response<v1::SetLayoutResponse>, Status> {
        let v1::SetLayoutRequest { project, layout_json } = request.into_inner();
        self.app.store.layout_set(&project, &layout_json).await.map_err(refuse::store)?;
        Ok(Response::new(v1::SetLayoutResponse {}))
    }

    type WatchAllStream = BoxStream<'static, Result<v1::WatchAllResponse, Status>>;

    async fn watch_all(
        &self,
        request: Request<v1::WatchAllRequest>,
    ) -> Result<Response<Self::WatchAllStream>, Status> {
        let followed = followed(request.into_inner())?;
        if followed.len() > MOST_TOPICS {
            return Err(refuse::field("topics", "64 things to follow are the most"));
        }
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(watch::run(self.app.clone(), followed, sender));
        let stream = ReceiverStream::new(receiver).map(|news| Ok(columns::news(news)));
        Ok(Response::new(stream.boxed()))
    }
}

fn followed(asked: v1::WatchAllRequest) -> Result<Followed, Status> {
    let table =
        |one: v1::WatchTable| FollowedTable { sweep: one.sweep, since: one.since, metrics: one.metrics };
    let held = |one: v1::HeldCurve| {
        let held = HeldCurve { total: one.total, last_step: one.last_step, last_at_ms: one.last_at_ms };
        (one.metric, held)
    };
    let curves = |one: v1::WatchCurves| {
        Ok(FollowedCurves {
            trial: convert::trial_name(&one.trial)?,
            told: one.trial,
            metrics: one.metrics,
            held: one.held.into_iter().map(held).collect(),
        })
    };
    let log = |one: v1::WatchLog| {
        let trial = convert::trial_name(&one.trial)?;
        Ok(FollowedLog { trial, told: one.trial, attempt: one.attempt, after: one.after })
    };
    Ok(Followed {
        sweeps: asked.sweeps,
        agents: asked.agents,
        tables: asked.tables.into_iter().map(table).collect(),
        curves: asked.curves.into_iter().map(curves).collect::<Result<_, Status>>()?,
        logs: asked.logs.into_iter().map(log).collect::<Result<_, Status>>()?,
    })
}
